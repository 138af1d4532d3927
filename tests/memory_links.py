"""Three hosts in one process: links made of queues, with a hook that may alter any message."""

import threading
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from delian.shares.links import LinkError, link_name

Tamper = Callable[[int, int, int, bytes], bytes | None]
T = TypeVar("T")


class Hub:
    """The queues between three hosts, one lane.

    Args:
        tamper: Called as (sender, receiver, index of the message on this direction, content);
            returns what arrives, or None for silence.
        timeout_s: How long a receiver waits for a message before it calls the link stalled.
    """

    def __init__(self, tamper: Tamper | None = None, timeout_s: float = 5.0) -> None:
        self.tamper = tamper
        self.timeout_s = timeout_s
        self.changed = threading.Condition()
        self.queues: dict[tuple[int, int], deque[bytes]] = {
            (a, b): deque() for a in range(3) for b in range(3) if a != b
        }
        self.counts = dict.fromkeys(self.queues, 0)
        self.sent_bytes = dict.fromkeys(self.queues, 0)
        self.log: list[tuple[int, int, int, bytes]] = []
        self.keep_log = False
        self.aborted_by: dict[int, str] = {}
        self.names = ("alpha", "bravo", "charlie")

    def lanes(self) -> list["MemoryLinks"]:
        return [MemoryLinks(self, rank) for rank in range(3)]


class MemoryLinks:
    """The links of one host at a ``Hub``."""

    def __init__(self, hub: Hub, rank: int) -> None:
        self.hub = hub
        self._rank = rank

    @property
    def rank(self) -> int:
        return self._rank

    @property
    def names(self) -> tuple[str, str, str]:
        return self.hub.names

    def swap(self, send_prev: memoryview, recv_next: memoryview) -> None:
        before, after = (self._rank - 1) % 3, (self._rank + 1) % 3
        size = recv_next.nbytes
        recv_next.cast("B")[:] = self.exchange({before: bytes(send_prev)}, {after: size})[after]

    def exchange(self, send: Mapping[int, bytes], expect: Mapping[int, int]) -> dict[int, bytes]:
        for peer, message in send.items():
            self._send(peer, bytes(message))
        return {peer: self._receive(peer, size) for peer, size in expect.items()}

    def abort(self, reason: str) -> None:
        with self.hub.changed:
            self.hub.aborted_by.setdefault(self._rank, reason)
            self.hub.changed.notify_all()

    def _send(self, peer: int, message: bytes) -> None:
        hub, way = self.hub, (self._rank, peer)
        with hub.changed:
            self._look_for_abort()
            index = hub.counts[way]
            hub.counts[way] = index + 1
            hub.sent_bytes[way] += len(message)
            if hub.keep_log:
                hub.log.append((*way, index, message))
        arrives = hub.tamper(*way, index, message) if hub.tamper else message
        with hub.changed:
            if arrives is not None:
                hub.queues[way].append(arrives)
            hub.changed.notify_all()

    def _receive(self, peer: int, size: int) -> bytes:
        hub, queue = self.hub, self.hub.queues[(peer, self._rank)]
        with hub.changed:
            hub.changed.wait_for(lambda: queue or hub.aborted_by, hub.timeout_s)
            if not queue:
                self._look_for_abort()
                self._fail(peer, "stalled")
            message = queue.popleft()
        if len(message) != size:
            self._fail(peer, "carried a message of the wrong length")
        return message

    def _others_aborted(self) -> list[int]:
        return [peer for peer in self.hub.aborted_by if peer != self._rank]

    def _look_for_abort(self) -> None:
        for peer in self._others_aborted():
            raise LinkError(f"{link_name(self.names, self._rank, peer)} was aborted by the peer")
        if self._rank in self.hub.aborted_by:
            raise LinkError("the links of this host are closed")

    def _fail(self, peer: int, what: str) -> None:
        self.abort(what)
        raise LinkError(f"{link_name(self.names, self._rank, peer)} {what}")


def run_hosts(hosts: list[Callable[[], T]]) -> list[T | BaseException]:
    """Runs one callable per host at the same time; a host's exception stands in its place."""
    with ThreadPoolExecutor(len(hosts)) as pool:
        futures = [pool.submit(host) for host in hosts]
        return [future.exception() or future.result() for future in futures]
