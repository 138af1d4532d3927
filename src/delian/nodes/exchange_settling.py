"""Did a peer keep what it took? Asked of peers that are known to lose it, and said again if not.

Eclipse EDC 0.15.1 answers 200 to a message that is faster than its own last write, and then writes
that older state over the newer one: both sides wait for ever. So some moments after such a peer has
taken a message it is asked where its process stands, and told again what it has forgotten. Peers of
other makes are never asked: a step costs them nothing more.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Protocol

from delian.adapters.exchange_codec import Process
from delian.adapters.json_ld import normalise
from delian.adapters.peer_client import Answer
from delian.exchange.messages import (
    AgreementVerification,
    ContractAgreement,
    ContractOffer,
    NegotiationAnswer,
    NegotiationEvent,
    NegotiationTermination,
    TransferAnswer,
    TransferCompletion,
    TransferStart,
    TransferSuspension,
    TransferTermination,
    read,
)
from delian.exchange.negotiation import Negotiation
from delian.exchange.plain import escape_segment, read_object
from delian.exchange.words import NegotiationState, Role, TransferState
from delian.nodes.exchange_effects import Outgoing
from delian.nodes.exchange_ports import Identity
from delian.terms.errors import DelianError

LOG = logging.getLogger("delian.exchange")
SETTLE_SECONDS = 1.5
MOST_LOOKS = 4
N, T = NegotiationState, TransferState
_OPEN_N = frozenset(s.value for s in N if not s.is_final)
_OPEN_T = frozenset(s.value for s in T if not s.is_final)

# What we sent, to which role of the peer, the state that we are in since, and the states of the
# peer that show that it does not know.
_FORGOTTEN: dict[tuple[str, Role], tuple[frozenset[str], frozenset[str]]] = {
    (ContractOffer.type, Role.CONSUMER): (frozenset({N.OFFERED}), frozenset({N.REQUESTED})),
    (ContractAgreement.type, Role.CONSUMER): (
        frozenset({N.AGREED}),
        frozenset({N.REQUESTED, N.ACCEPTED}),
    ),
    (NegotiationEvent.type, Role.CONSUMER): (
        frozenset({N.FINALIZED}),
        frozenset({N.AGREED, N.VERIFIED}),
    ),
    (NegotiationEvent.type, Role.PROVIDER): (frozenset({N.ACCEPTED}), frozenset({N.OFFERED})),
    (AgreementVerification.type, Role.PROVIDER): (
        frozenset({N.VERIFIED}),
        frozenset({N.REQUESTED, N.ACCEPTED, N.AGREED}),
    ),
    (TransferStart.type, Role.CONSUMER): (
        frozenset({T.STARTED}),
        frozenset({T.REQUESTED, T.SUSPENDED}),
    ),
}
for _role in Role:
    _FORGOTTEN[NegotiationTermination.type, _role] = (frozenset({N.TERMINATED}), _OPEN_N)
    _FORGOTTEN[TransferTermination.type, _role] = (frozenset({T.TERMINATED}), _OPEN_T)
    _FORGOTTEN[TransferCompletion.type, _role] = (frozenset({T.COMPLETED}), _OPEN_T)
    _FORGOTTEN[TransferSuspension.type, _role] = (
        frozenset({T.SUSPENDED}),
        frozenset({T.REQUESTED, T.STARTED}),
    )


class Client(Protocol):
    """The client to peers."""

    async def ask(self, method: str, url: str, headers: dict[str, str] | None = None) -> Answer:
        """One request."""
        ...


class Processes(Protocol):
    """Where our own processes stand."""

    async def process(self, pid: str) -> Process:
        """The process *pid*."""
        ...


class Settling:
    """Looks after messages that forgetful peers have taken.

    Args:
        client: The client to peers.
        identity: Proves who we are.
        processes: Ours.
        send: Puts a message back on its way.
        seconds: The rest before a look.
    """

    def __init__(
        self,
        client: Client,
        identity: Identity,
        processes: Processes,
        send: Callable[[Sequence[Outgoing]], None],
        seconds: float = SETTLE_SECONDS,
    ) -> None:
        self._client = client
        self._identity = identity
        self._processes = processes
        self._send = send
        self._seconds = seconds
        self._forgetful: set[str] = set()
        self._looks: Counter[tuple[str, str]] = Counter()
        self._tasks: set[asyncio.Task[None]] = set()

    def suspect(self, peer: str) -> None:
        """*peer* is of a make that forgets."""
        self._forgetful.add(peer)

    def taken(self, item: Outgoing) -> None:
        """The peer has taken a message."""
        if (
            item.peer not in self._forgetful
            or (item.queued.kind, item.role.other) not in _FORGOTTEN
        ):
            return
        task = asyncio.get_running_loop().create_task(self._look(item))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Look no more."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _look(self, item: Outgoing) -> None:
        await asyncio.sleep(self._seconds)
        ours, theirs = _FORGOTTEN[item.queued.kind, item.role.other]
        key = (item.queued.pid, item.queued.kind)
        try:
            process = await self._processes.process(item.queued.pid)
            if process.state.value not in ours or process.peer_pid is None:
                return
            if await self._stands(process) not in theirs:
                self._looks.pop(key, None)
                return
        except DelianError as error:
            LOG.info("a peer could not be asked for %s: %s", item.queued.pid, error.code)
            return
        self._looks[key] += 1
        if self._looks[key] > MOST_LOOKS:
            del self._looks[key]
            LOG.warning("a peer keeps forgetting %s of %s", item.queued.kind, item.queued.pid)
            return
        self._send([item])

    async def _stands(self, process: Process) -> str:
        """Where the peer says that the process stands, or "" where it does not say."""
        is_negotiation = isinstance(process, Negotiation)
        kind = "negotiations" if is_negotiation else "transfers"
        name = escape_segment(process.peer_pid or "")
        header = await self._identity.header_for(process.peer)
        headers = {} if header is None else {"Authorization": header}
        url = f"{process.peer_address.rstrip('/')}/{kind}/{name}"
        answer = await self._client.ask("GET", url, headers)
        if answer.status != 200:
            return ""
        plain = normalise(read_object(answer.body))
        if is_negotiation:
            return read(NegotiationAnswer, plain).state.value
        return read(TransferAnswer, plain).state.value
