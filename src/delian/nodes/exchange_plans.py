"""Who waits for a process, and what is planned for later; plans also lie in the store."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager

from delian.adapters.exchange_codec import Process
from delian.terms.errors import UnavailableError

AGAIN_MS = 500


class Waiters:
    """Calls of this program that wait until a process stands somewhere."""

    def __init__(self) -> None:
        self._waiting: dict[str, list[tuple[frozenset[str], asyncio.Future[Process]]]] = {}

    def tell(self, process: Process) -> None:
        """It stands as *process* now."""
        for states, future in self._waiting.get(process.pid, ()):
            is_there = process.state.value in states or process.state.is_final
            if is_there and not future.done():
                future.set_result(process)

    @contextmanager
    def until(self, pid: str, states: Sequence[str]) -> Iterator["asyncio.Future[Process]"]:
        """Done once *pid* stands in one of *states* or a final one."""
        future: asyncio.Future[Process] = asyncio.get_running_loop().create_future()
        entry = (frozenset(states), future)
        self._waiting.setdefault(pid, []).append(entry)
        try:
            yield future
        finally:
            self._waiting[pid].remove(entry)
            if not self._waiting[pid]:
                del self._waiting[pid]


class Plans:
    """Actions that are due later; each also lies in the store.

    Args:
        now_ms: The moment, in milliseconds since 1970.
        carry_out: Does what plan number so-and-so of a process says.
    """

    def __init__(
        self, now_ms: Callable[[], int], carry_out: Callable[[int, str], Awaitable[None]]
    ) -> None:
        self._now_ms = now_ms
        self._carry_out = carry_out
        self._handles: dict[int, asyncio.TimerHandle] = {}
        self._running: set[asyncio.Future[None]] = set()

    def put(self, seq: int, pid: str, due_ms: int) -> None:
        """Carry out plan *seq* when it is due."""
        delay = max(0.0, (due_ms - self._now_ms()) / 1000)
        loop = asyncio.get_running_loop()
        self._handles[seq] = loop.call_later(delay, self._begin, seq, pid)

    def _begin(self, seq: int, pid: str) -> None:
        self._handles.pop(seq, None)
        task = asyncio.ensure_future(self._run(seq, pid))
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def _run(self, seq: int, pid: str) -> None:
        """Carry it out; a database that is away is asked again in a moment."""
        try:
            await self._carry_out(seq, pid)
        except UnavailableError:
            self.put(seq, pid, self._now_ms() + AGAIN_MS)

    async def close(self) -> None:
        """Wait for none; the store keeps them."""
        for handle in self._handles.values():
            handle.cancel()
        tasks = list(self._running)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
