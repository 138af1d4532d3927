"""A transfer as one side sees it: a value, and the steps that lead to the next value.

May touch: values. The twin of :mod:`delian.exchange.negotiation`. A transfer that its provider
suspended starts again only when the provider says so: withdrawal must not be undone by the reader.
"""

from dataclasses import dataclass, field, replace

from delian.exchange.actions import Complete, Start, Suspend, Terminate, TransferAction
from delian.exchange.errors import NotYoursError, WrongStateError
from delian.exchange.messages import (
    DataAddress,
    TransferAnswer,
    TransferCompletion,
    TransferMessage,
    TransferRequest,
    TransferStart,
    TransferSuspension,
    TransferTermination,
)
from delian.exchange.words import Role, TransferState

S = TransferState
_OPEN = frozenset(s for s in S if not s.is_final)
_SUSPENDED_CODE = "suspended"


@dataclass(frozen=True, slots=True)
class Transfer:
    """One transfer.

    Args:
        pid: Our identifier of it.
        peer_pid: The peer's; unknown until the peer has answered our request.
        role: Which side we are.
        peer: Identifier of the participant on the other side.
        peer_address: Where its messages go.
        agreement_id: The agreement under which the data flow.
        dataset: What flows.
        format: ``HttpData-PULL`` or ``HttpData-PUSH``, or a peer's own word.
        data_address: Where from (pull) or where to (push); it may hold a token.
        revision: How many times it has changed.
        reasons: Why it was suspended or terminated.
        code: Code of the termination or suspension.
        suspended_by: Which side suspended it, while it is suspended.
    """

    pid: str
    peer_pid: str | None
    role: Role
    state: TransferState
    peer: str
    peer_address: str
    agreement_id: str
    dataset: str
    format: str
    data_address: DataAddress | None = field(default=None, repr=False)
    revision: int = 0
    reasons: tuple[str, ...] = ()
    code: str | None = None
    suspended_by: Role | None = None

    @property
    def provider_pid(self) -> str | None:
        """The provider's identifier."""
        return self.pid if self.role is Role.PROVIDER else self.peer_pid

    @property
    def consumer_pid(self) -> str | None:
        """The consumer's identifier."""
        return self.pid if self.role is Role.CONSUMER else self.peer_pid

    def answer(self) -> TransferAnswer:
        """Where it stands, for the peer."""
        return TransferAnswer(self.provider_pid, self.consumer_pid, self.state)


def begin_transfer(
    pid: str,
    *,
    peer: str,
    peer_address: str,
    agreement_id: str,
    dataset: str,
    way: str,
    callback_address: str,
    data_address: DataAddress | None = None,
) -> tuple[Transfer, TransferRequest]:
    """We, the consumer, ask for the data of an agreement in the format *way*.

    *data_address* says where to in a push.
    """
    started = Transfer(
        pid,
        None,
        Role.CONSUMER,
        S.REQUESTED,
        peer,
        peer_address,
        agreement_id,
        dataset,
        way,
        data_address,
    )
    return started, TransferRequest(pid, agreement_id, way, callback_address, data_address)


def open_transfer(pid: str, message: TransferRequest, sender: str, dataset: str) -> Transfer:
    """A consumer's request reaches us; *pid* is our new identifier, *dataset* the agreement's."""
    return Transfer(
        pid,
        message.consumer_pid,
        Role.PROVIDER,
        S.REQUESTED,
        sender,
        message.callback_address,
        message.agreement_id,
        dataset,
        message.format,
        message.data_address,
    )


def acknowledge(t: Transfer, answer: TransferAnswer) -> Transfer:
    """What we know after the peer has answered our request: its identifier.

    Raises:
        NotYoursError: the answer is about another process than ours.
    """
    theirs = _theirs(t, answer.provider_pid, answer.consumer_pid)
    return t if t.peer_pid == theirs else replace(t, peer_pid=theirs, revision=t.revision + 1)


def check_peer(t: Transfer, sender: str) -> None:
    """Is *sender* the other side of this transfer?

    Raises:
        NotYoursError: it is not; the answer must not differ from "not found".
    """
    if sender != t.peer:
        raise NotYoursError("the transfer belongs to another participant")


def receive(t: Transfer, message: TransferMessage, sender: str) -> Transfer:
    """The transfer after a *message* of the peer.

    Guarantees:
        Exactly the moves of the protocol's table; whatever raises leaves *t* as it was
        (``tests/property/test_exchange_machines.py``).

    Raises:
        NotYoursError: another sender, or identifiers of another process.
        WrongStateError: the message does not fit the state.
    """
    check_peer(t, sender)
    if isinstance(message, TransferRequest):
        raise _wrong(t, message.type)
    theirs = _theirs(t, message.provider_pid, message.consumer_pid)
    if not _takes(t, message):
        raise _wrong(t, message.type)
    return replace(_apply(t, message), peer_pid=theirs, revision=t.revision + 1)


def act(t: Transfer, action: TransferAction) -> tuple[Transfer, TransferMessage]:
    """The transfer after an *action* of ours, and the message that tells the peer.

    Raises:
        WrongStateError: our role may not do that in this state.
    """
    if not _may(t, action):
        raise _wrong(t, type(action).__name__)
    after, message = _perform(t, action)
    return replace(after, revision=t.revision + 1), message


def _theirs(t: Transfer, provider: str | None, consumer: str | None) -> str:
    ours, theirs = (provider, consumer) if t.role is Role.PROVIDER else (consumer, provider)
    if ours != t.pid or theirs is None or t.peer_pid not in (None, theirs):
        raise NotYoursError("the message is about another process")
    return theirs


def _may_start(t: Transfer, starter: Role) -> bool:
    if t.state is S.REQUESTED:
        return starter is Role.PROVIDER
    if t.state is S.SUSPENDED:
        return starter is Role.PROVIDER or t.suspended_by is Role.CONSUMER
    return False


def _takes(t: Transfer, message: TransferMessage) -> bool:
    match message:
        case TransferStart():
            return _may_start(t, t.role.other)
        case TransferTermination():
            return t.state in _OPEN
    return t.state is S.STARTED


def _may(t: Transfer, action: TransferAction) -> bool:
    match action:
        case Start():
            return _may_start(t, t.role)
        case Terminate():
            return t.state in _OPEN
    return t.state is S.STARTED


def _apply(t: Transfer, message: TransferMessage) -> Transfer:
    match message:
        case TransferStart():
            return _started(t, message.data_address if t.role is Role.CONSUMER else None)
        case TransferCompletion():
            return replace(t, state=S.COMPLETED)
        case TransferSuspension(code=code, reasons=reasons):
            return _suspended(t, t.role.other, code, reasons)
        case TransferTermination(code=code, reasons=reasons):
            return _ended(t, code, reasons)
    raise _wrong(t, message.type)


def _perform(t: Transfer, action: TransferAction) -> tuple[Transfer, TransferMessage]:
    provider, consumer = t.provider_pid, t.consumer_pid
    match action:
        case Start(address):
            return _started(t, address), TransferStart(provider, consumer, address)
        case Complete():
            return replace(t, state=S.COMPLETED), TransferCompletion(provider, consumer)
        case Suspend(reason):
            message = TransferSuspension(provider, consumer, _SUSPENDED_CODE, (reason,))
            return _suspended(t, t.role, _SUSPENDED_CODE, (reason,)), message
    end = TransferTermination(provider, consumer, action.code, action.reasons)
    return _ended(t, action.code, action.reasons), end


def _started(t: Transfer, address: DataAddress | None) -> Transfer:
    return replace(
        t,
        state=S.STARTED,
        data_address=address or t.data_address,
        suspended_by=None,
        reasons=(),
        code=None,
    )


def _suspended(t: Transfer, by: Role, code: str | None, reasons: tuple[str, ...]) -> Transfer:
    return replace(t, state=S.SUSPENDED, suspended_by=by, reasons=reasons, code=code)


def _ended(t: Transfer, code: str | None, reasons: tuple[str, ...]) -> Transfer:
    return replace(t, state=S.TERMINATED, suspended_by=None, reasons=reasons, code=code)


def _wrong(t: Transfer, what: str) -> WrongStateError:
    return WrongStateError(
        f"{what} does not fit a transfer in state {t.state} at its {t.role.lower()}",
        provider_pid=t.provider_pid,
        consumer_pid=t.consumer_pid,
    )
