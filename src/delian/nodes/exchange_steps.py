"""The steps of a connector: each a function of one transaction, with all that follows from it.

A message of the peer, the state after it, our own next actions and their messages become one
transaction; only then is anything answered or sent. What came before is answered as it was then.
"""

from dataclasses import dataclass
from typing import Protocol

from delian.adapters.exchange_codec import Process
from delian.adapters.exchange_transaction import Queued, Transaction
from delian.exchange import negotiation, transfer
from delian.exchange.errors import BusyError, NotFoundHereError, WrongStateError
from delian.exchange.messages import (
    ContractOffer,
    ContractRequest,
    DataAddress,
    Message,
    NegotiationAnswer,
    TransferAnswer,
    TransferRequest,
)
from delian.exchange.negotiation import Negotiation
from delian.exchange.plain import to_bytes
from delian.exchange.reactions import (
    Action,
    Complete,
    Participant,
    Reactions,
    Start,
    Suspend,
    Terminate,
)
from delian.exchange.transfer import Transfer
from delian.exchange.words import PULL, PUSH, NegotiationState, Role, TransferState
from delian.nodes.exchange_effects import PUSH_JOB, Effects, Heard, Outgoing, Reply
from delian.nodes.exchange_ports import TransferTerms
from delian.terms.errors import InputError

MAX_CHAIN = 8


class Desk(Protocol):
    """Makes the one-time tokens of a pull."""

    def address_for(self, t: Transaction, process: Transfer) -> DataAddress:
        """Where the consumer fetches, with a token that works once."""
        ...

    def revoke(self, t: Transaction, process: Transfer) -> None:
        """No token of this transfer works any more."""
        ...


class OpenCounts(Protocol):
    """How many open processes a peer has."""

    def open_of(self, peer: str) -> int:
        """Those of *peer*."""
        ...


@dataclass(frozen=True, slots=True)
class Steps:
    """Everything a step may do; it holds no state of its own.

    Args:
        reactions: Decides what we do next.
        desk: Makes tokens.
        terms: Judges transfers; None for a node whose reactions decide alone.
        counts: Open processes of each peer.
        max_open_per_peer: More are refused with 429.
    """

    reactions: Reactions
    desk: Desk
    terms: TransferTerms | None
    counts: OpenCounts
    max_open_per_peer: int

    def hear_first(
        self,
        t: Transaction,
        fx: Effects,
        message: ContractRequest | ContractOffer | TransferRequest,
        who: Participant,
        heard: "Heard",
        pid: str,
    ) -> Reply:
        """The peer opens a process; *pid* is our name of it unless the peer opened it before."""
        kind = "t" if isinstance(message, TransferRequest) else "n"
        role = Role.CONSUMER if isinstance(message, ContractOffer) else Role.PROVIDER
        theirs = (
            message.provider_pid if isinstance(message, ContractOffer) else message.consumer_pid
        )
        before = t.opened_by(who.id, theirs, kind, role)
        if before is not None:
            kept = t.answer(before, heard.meaning)
            if kept is None:
                raise WrongStateError("a process with this identifier was opened before")
            return Reply(*kept)
        if self.counts.open_of(who.id) >= self.max_open_per_peer:
            raise BusyError("too many open processes of this participant")
        process = self._open(t, pid, message, who)
        reply = Reply(201, to_bytes(process.answer().to_plain()))
        t.add(process, fx.now_ms, heard.exact)
        t.add_answer(pid, heard.meaning, reply.status, reply.body)
        t.tell(fx.now_ms, pid, f"heard {message.type}", process.state)
        after = self._react(t, fx, process, who, 0)
        self._keep(t, fx, None, process, after)
        return reply

    def _open(self, t: Transaction, pid: str, message: Message, who: Participant) -> Process:
        if isinstance(message, ContractRequest):
            return negotiation.open_request(pid, message, who.id)
        if isinstance(message, ContractOffer):
            return negotiation.open_offer(pid, message, who.id)
        if not isinstance(message, TransferRequest):
            raise WrongStateError(f"{message.type} opens no process")
        found = t.agreement(message.agreement_id, Role.PROVIDER, who.id)
        if found is None:
            raise NotFoundHereError("no such agreement")
        return transfer.open_transfer(pid, message, who.id, found[0].target or "")

    def hear(
        self,
        t: Transaction,
        fx: Effects,
        pid: str,
        message: Message,
        who: Participant,
        heard: "Heard",
    ) -> Reply:
        """A message about the process *pid*.

        The state decides first, because a peer may rightly say the same again: the same offer
        after a refusal, a second rest. Only a message that carries a name of its own and is the
        one heard last is a repetition for certain.
        """
        process, last = self.owned(t, pid, who)
        if isinstance(process, Transfer) != message.type.startswith("Transfer"):
            raise NotFoundHereError("no such process")
        if heard.is_named and last == heard.exact:
            kept = t.answer(pid, heard.meaning)
            if kept is not None:
                return Reply(*kept)
        try:
            moved = _receive(process, message, who)
        except WrongStateError:
            kept = t.answer(pid, heard.meaning)
            if kept is None:
                raise
            again = negotiation.renamed(process, message)
            if again is not None:
                t.put(again, fx.now_ms, heard.exact)
            return Reply(*kept)
        reply = Reply(200, to_bytes(moved.answer().to_plain()))
        t.add_answer(pid, heard.meaning, reply.status, reply.body)
        t.tell(fx.now_ms, pid, f"heard {message.type}", moved.state)
        after = self._react(t, fx, moved, who, 0)
        self._keep(t, fx, process, after, after, heard=heard.exact)
        return reply

    def owned(self, t: Transaction, pid: str, who: Participant) -> tuple[Process, bytes | None]:
        """The process *pid*, if it is one with *who*.

        Raises:
            NotFoundHereError: there is none, or it is another's; the answer does not say which.
        """
        found = t.process(pid)
        if found is None or found[0].peer != who.id:
            raise NotFoundHereError("no such process")
        return found

    def begin(self, t: Transaction, fx: Effects, process: Process, message: Message) -> None:
        """We open a process."""
        t.add(process, fx.now_ms)
        self._send(t, fx, process, message)
        t.tell(fx.now_ms, process.pid, f"began with {message.type}", process.state)
        after = self._react(t, fx, process, t.who(process.peer), 0)
        self._keep(t, fx, None, process, after)

    def do(self, t: Transaction, fx: Effects, pid: str, action: Action) -> Process:
        """We act: an operator's order, or a plan that is due.

        Raises:
            NotFoundHereError: there is no such process.
            WrongStateError: the action does not fit its state.
        """
        found = t.process(pid)
        if found is None:
            raise NotFoundHereError("no such process")
        process = found[0]
        after = self._act(t, fx, process, t.who(process.peer), action, 0)
        self._keep(t, fx, process, after, after)
        return after

    def fits(self, t: Transaction, pid: str, action: Action) -> bool:
        """Does a planned action still fit its process?"""
        found = t.process(pid)
        if found is None:
            return False
        try:
            _perform(found[0], action)
        except (WrongStateError, InputError):
            return False
        return True

    def acknowledged(
        self, t: Transaction, fx: Effects, pid: str, answer: NegotiationAnswer | TransferAnswer
    ) -> str | None:
        """The peer has answered our first message; its identifier of the process."""
        found = t.process(pid)
        if found is None:
            return None
        process: Process = found[0]
        if isinstance(process, Negotiation) and isinstance(answer, NegotiationAnswer):
            known: Process = negotiation.acknowledge(process, answer)
        elif isinstance(process, Transfer) and isinstance(answer, TransferAnswer):
            known = transfer.acknowledge(process, answer)
        else:
            known = process
        if known is not process:
            t.put(known, fx.now_ms)
        return known.peer_pid

    def gave_up(
        self, t: Transaction, fx: Effects, pid: str, code: str, reasons: tuple[str, ...]
    ) -> None:
        """The peer did not take a message: the process ends here, and it is told so once."""
        t.run("drop_queue", p=pid)
        t.tell(fx.now_ms, pid, "gave up", f"{code}: {'; '.join(reasons)}"[:2000])
        found = t.process(pid)
        if found is None or found[0].state.is_final:
            return
        self.do(t, fx, pid, Terminate(code, reasons))

    def _react(
        self, t: Transaction, fx: Effects, process: Process, who: Participant, depth: int
    ) -> Process:
        if isinstance(process, Negotiation):
            actions = self.reactions.on_negotiation(process, who)
        else:
            refusal = self._judged(t, process, who)
            actions = self.reactions.on_transfer(process, who) if refusal is None else (refusal,)
        wait = 0
        for action in actions:
            wait += action.after_ms
            if wait:
                fx.plans.append(t.plan(process.pid, fx.now_ms + wait, action))
                continue
            if process.state.is_final or depth >= MAX_CHAIN:
                break
            process = self._act(t, fx, process, who, action, depth + 1)
        return process

    def _judged(self, t: Transaction, process: Transfer, who: Participant) -> Terminate | None:
        if process.role is not Role.PROVIDER or process.state is not TransferState.REQUESTED:
            return None
        found = t.agreement(process.agreement_id, Role.PROVIDER, process.peer)
        if found is None:
            return Terminate("no-agreement", ("there is no such agreement",))
        published = t.dataset(process.dataset)
        if published is not None and published.withdrawn is not None:
            return Terminate("withdrawn", (published.withdrawn or "the dataset is withdrawn",))
        if self.terms is not None:
            refusal = self.terms.judge(process, found[0], found[1], who)
            if refusal is not None:
                return refusal
        t.run("use_agreement", i=process.agreement_id, r=Role.PROVIDER.value, w=process.peer)
        return None

    def _act(
        self,
        t: Transaction,
        fx: Effects,
        process: Process,
        who: Participant,
        action: Action,
        depth: int,
    ) -> Process:
        after, message = _perform(process, action)
        if isinstance(after, Transfer) and isinstance(action, Start) and _serves_pull(after):
            if action.address is None:
                action = Start(self.desk.address_for(t, after))
            after, message = _perform(process, action)
        self._send(t, fx, after, message)
        t.tell(fx.now_ms, process.pid, f"sent {message.type}", after.state)
        if isinstance(after, Transfer) and _pushes(after):
            fx.outgoing.append(_outgoing(t.queue(after.pid, PUSH_JOB, b"", fx.now_ms), after, None))
        return self._react(t, fx, after, who, depth)

    def _send(self, t: Transaction, fx: Effects, process: Process, message: Message) -> None:
        name = f"urn:delian:message:{process.pid}:{process.revision}"
        body = to_bytes({**message.to_plain(), "@id": name})
        queued = t.queue(process.pid, message.type, body, fx.now_ms)
        fx.outgoing.append(_outgoing(queued, process, message))

    def _keep(
        self,
        t: Transaction,
        fx: Effects,
        before: Process | None,
        stored: Process,
        after: Process,
        *,
        heard: bytes | None = None,
    ) -> None:
        """Write the last state of the step; *stored* is what the database holds where new."""
        if before is not None or after is not stored:
            t.put(after, fx.now_ms, heard)
        fx.changed.append((before, after))
        was = None if before is None else before.state
        if isinstance(after, Negotiation):
            is_done = after.state is NegotiationState.FINALIZED and was is not after.state
            if is_done and after.agreement is not None:
                t.add_agreement(after.agreement, after.role, after.peer, after.pid, fx.now_ms)
        elif after.state is not TransferState.STARTED:
            self.desk.revoke(t, after)


def _receive(process: Process, message: Message, who: Participant) -> Process:
    if isinstance(process, Negotiation):
        return negotiation.receive(process, message, who.id)  # type: ignore[arg-type]
    return transfer.receive(process, message, who.id)  # type: ignore[arg-type]


def _perform(process: Process, action: Action) -> tuple[Process, Message]:
    if isinstance(process, Negotiation):
        if isinstance(action, Start | Suspend | Complete):
            raise WrongStateError(f"{type(action).__name__} is for transfers")
        return negotiation.act(process, action)
    if not isinstance(action, Start | Suspend | Complete | Terminate):
        raise WrongStateError(f"{type(action).__name__} is for negotiations")
    return transfer.act(process, action)


def _serves_pull(process: Transfer) -> bool:
    return process.role is Role.PROVIDER and process.format.endswith(PULL)


def _pushes(process: Transfer) -> bool:
    return (
        process.role is Role.PROVIDER
        and process.format.endswith(PUSH)
        and process.state is TransferState.STARTED
        and process.data_address is not None
    )


def _outgoing(queued: Queued, process: Process, message: Message | None) -> Outgoing:
    return Outgoing(
        queued, process.peer, process.peer_address, process.role, process.peer_pid, message
    )
