"""Sends what waits in the outbox: in order within a process, until it is taken.

A peer may be slower or faster than its own write: "not found" and "conflict" mean "again in a
moment" here. One dead peer holds up nobody else. What is not taken by its deadline ends the process
with a reason. The outbox is durable, so a restart goes on where the last run stopped.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

from delian.adapters.exchange_codec import read_message
from delian.adapters.json_ld import normalise
from delian.adapters.peer_client import Answer
from delian.adapters.peer_guard import AddressRefusedError
from delian.exchange.messages import (
    ContractOffer,
    ContractRequest,
    Message,
    NegotiationAnswer,
    TransferAnswer,
    TransferRequest,
    read,
)
from delian.exchange.paths import path_of, with_peer_pid
from delian.exchange.plain import many, read_object, to_bytes
from delian.exchange.words import MEDIA_TYPE
from delian.nodes.exchange_effects import PUSH_JOB, Outgoing
from delian.nodes.exchange_ports import Identity
from delian.terms.errors import DelianError, UnavailableError

LOG = logging.getLogger("delian.exchange")
_AGAIN = frozenset((404, 409, 425, 429))


class Client(Protocol):
    """The client to peers."""

    async def ask(
        self,
        method: str,
        url: str,
        headers: dict[str, str] | None = None,
        body: bytes | None = None,
    ) -> Answer:
        """One request."""
        ...


class Ledger(Protocol):
    """What delivery tells the connector; every call is one durable step."""

    async def acknowledged(
        self, pid: str, answer: NegotiationAnswer | TransferAnswer
    ) -> str | None:
        """The peer answered a first message; its pid."""
        ...

    async def peer_pid(self, pid: str) -> str | None:
        """The peer's identifier of the process *pid*, once it is known."""
        ...

    async def gave_up(self, pid: str, code: str, reasons: tuple[str, ...]) -> None:
        """The peer did not take a message."""
        ...

    async def push(self, pid: str) -> None:
        """Bring the data of a push transfer."""
        ...

    def taken(self, item: Outgoing) -> None:
        """The peer has taken a message."""
        ...

    async def flush(self) -> None:
        """Write down which messages were taken."""
        ...


@dataclass(frozen=True, slots=True)
class Patience:
    """How long delivery goes on.

    Args:
        first_wait_seconds: Before the second attempt; doubles from then on.
        most_wait_seconds: The longest wait between attempts.
        deadline_seconds: After this long the process ends.
        unknown_seconds: The same where the peer says that it knows no such process.
        side_by_side: Requests to one address at a time.
    """

    first_wait_seconds: float = 0.05
    most_wait_seconds: float = 30.0
    deadline_seconds: float = 24 * 3600.0
    unknown_seconds: float = 30.0
    side_by_side: int = 32


class _Refused(Exception):  # noqa: N818 - an answer, not an error
    def __init__(self, code: str, reasons: tuple[str, ...]) -> None:
        super().__init__(code)
        self.code = code
        self.reasons = reasons


class Delivery:
    """The senders of one connector."""

    def __init__(
        self,
        client: Client,
        identity: Identity,
        ledger: Ledger,
        patience: Patience,
        now_ms: Callable[[], int],
    ) -> None:
        self._client = client
        self._identity = identity
        self._ledger = ledger
        self._patience = patience
        self._now_ms = now_ms
        self._queues: dict[str, deque[Outgoing]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._slots: dict[str, asyncio.Semaphore] = {}
        self._taken: list[int] = []
        self._flush: asyncio.TimerHandle | None = None
        self._is_closed = False

    @property
    def waiting(self) -> int:
        """How many processes have something to send."""
        return len(self._queues)

    def put(self, items: Sequence[Outgoing]) -> None:
        """These are in the outbox and may leave."""
        for item in items:
            pid = item.queued.pid
            queue = self._queues.get(pid)
            if queue is not None:
                queue.append(item)
                continue
            self._queues[pid] = deque((item,))
            task = asyncio.get_running_loop().create_task(self._send_all(pid))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def drop(self, pid: str) -> None:
        """Nothing that waits for *pid* is sent any more; the one under way is not recalled."""
        queue = self._queues.get(pid)
        while queue is not None and len(queue) > 1:
            queue.pop()

    def take_taken(self) -> list[int]:
        """The outbox rows that peers have taken since the last call."""
        taken, self._taken = self._taken, []
        return taken

    def give_back(self, taken: list[int]) -> None:
        """The step that was to drop these rows failed."""
        self._taken.extend(taken)

    async def close(self) -> None:
        """Stop sending; what is not sent stays in the outbox."""
        self._is_closed = True
        if self._flush is not None:
            self._flush.cancel()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _send_all(self, pid: str) -> None:
        queue = self._queues[pid]
        try:
            while queue:
                item = queue[0]
                try:
                    await self._send(item)
                except _Refused as refused:
                    queue.clear()
                    await self._give_up(pid, refused)
                    continue
                if queue and queue[0] is item:
                    queue.popleft()
        except DelianError as error:
            LOG.warning("delivery stopped for %s: %s", pid, error.code)
        finally:
            if self._queues.get(pid) is queue:
                del self._queues[pid]

    async def _give_up(self, pid: str, refused: _Refused) -> None:
        """End the process, however long our own database is away."""
        wait = self._patience.first_wait_seconds
        while True:
            try:
                return await self._ledger.gave_up(pid, refused.code, refused.reasons)
            except UnavailableError:
                await asyncio.sleep(wait)
                wait = min(wait * 2, self._patience.most_wait_seconds)

    async def _send(self, item: Outgoing) -> None:
        """Try until the peer has taken it.

        Raises:
            _Refused: it never will.
        """
        wait = self._patience.first_wait_seconds
        while True:
            problem = await self._attempt(item)
            if problem is None:
                return
            status, reason = problem
            waited = (self._now_ms() - item.queued.queued_ms) / 1000
            if waited > self._patience.deadline_seconds or (
                status == 404 and waited > self._patience.unknown_seconds
            ):
                raise _Refused(
                    "not-delivered", (f"the peer did not take {item.queued.kind}", reason)
                )
            await asyncio.sleep(wait)
            wait = min(wait * 2, self._patience.most_wait_seconds)

    async def _attempt(self, item: Outgoing) -> tuple[int, str] | None:
        """None where the peer has taken it, else the status and why not yet."""
        try:
            if item.queued.kind == PUSH_JOB:
                await self._ledger.push(item.queued.pid)
                self._mark(item)
                return None
            async with self._slot(item.address):
                answer, is_first = await self._post(item)
        except AddressRefusedError as error:
            raise _Refused(error.code, (error.message,)) from error
        except DelianError as error:
            return 503, error.message
        if 200 <= answer.status < 300:
            if is_first and not await self._acknowledge(item, answer):
                return 503, "our own database is away"
            self._mark(item)
            self._ledger.taken(item)
            return None
        if answer.status in _AGAIN or answer.status >= 500:
            return answer.status, f"it answered {answer.status}"
        reasons = (f"the peer refused {item.queued.kind} with {answer.status}", *_reasons(answer))
        raise _Refused("refused-by-peer", reasons)

    async def _post(self, item: Outgoing) -> tuple[Answer, bool]:
        message, body, peer_pid = item.message, item.queued.body, item.peer_pid
        if message is None:
            message = read_message(item.queued.kind, body)
        is_first = _opens(message)
        if not is_first and peer_pid is None:
            peer_pid = await self._ledger.peer_pid(item.queued.pid)
            if peer_pid is not None:
                message = with_peer_pid(message, item.role, peer_pid)
                body = to_bytes(message.to_plain())
        header = await self._identity.header_for(item.peer)
        headers = {"Content-Type": MEDIA_TYPE}
        if header is not None:
            headers["Authorization"] = header
        url = item.address.rstrip("/") + path_of(message, None if is_first else peer_pid)
        return await self._client.ask("POST", url, headers, body), is_first

    async def _acknowledge(self, item: Outgoing, answer: Answer) -> bool:
        """The answer to a first message names the peer's process; False where we cannot keep it.

        Raises:
            _Refused: it does not.
        """
        try:
            plain = normalise(read_object(answer.body))
            if item.queued.kind == TransferRequest.type:
                await self._ledger.acknowledged(item.queued.pid, read(TransferAnswer, plain))
            else:
                await self._ledger.acknowledged(item.queued.pid, read(NegotiationAnswer, plain))
        except UnavailableError:
            return False
        except DelianError as error:
            raise _Refused("answer-unreadable", (error.message, error.where)) from error
        return True

    def _mark(self, item: Outgoing) -> None:
        self._taken.append(item.queued.seq)
        if self._flush is None and not self._is_closed:
            self._flush = asyncio.get_running_loop().call_later(0.02, self._start_flush)

    def _start_flush(self) -> None:
        self._flush = None
        if self._taken and not self._is_closed:
            task = asyncio.get_running_loop().create_task(self._write_taken())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _write_taken(self) -> None:
        with suppress(UnavailableError):  # they are written with the next step then
            await self._ledger.flush()

    def _slot(self, address: str) -> asyncio.Semaphore:
        found = self._slots.get(address)
        if found is None:
            if len(self._slots) > 1000:
                self._slots = {a: s for a, s in self._slots.items() if s.locked()}
            found = self._slots[address] = asyncio.Semaphore(self._patience.side_by_side)
        return found


def _opens(message: Message) -> bool:
    match message:
        case ContractRequest(provider_pid=None) | ContractOffer(consumer_pid=None):
            return True
    return isinstance(message, TransferRequest)


def _reasons(answer: Answer) -> tuple[str, ...]:
    """What the peer's error object says, cut short."""
    try:
        found = many(read_object(answer.body, max_bytes=65_536).get("reason"), "reason")
    except DelianError:
        return ()
    texts = [r.get("@value", "") if isinstance(r, dict) else r for r in found[:5]]
    return tuple(t[:300] for t in texts if isinstance(t, str) and t.isprintable())
