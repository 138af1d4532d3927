"""The two links of a host's lane over TCP or TLS: duplex, with a stall limit, aborted together."""

import select
import threading
import time
from collections.abc import Mapping
from typing import Final

from delian.adapters.link_connections import (
    ABORT,
    BYE,
    DATA,
    MAX_REASON_BYTES,
    Connection,
)
from delian.shares.links import LinkError

__all__ = ["MeshLinks"]

_SLOWEST_BYTES_PER_S: Final = 100_000
_CLOSE_S: Final = 1.0


class MeshLinks:
    """Links of one lane; implements ``delian.shares.links.Links``.

    Args:
        rank: This host.
        names: The hosts' names by rank.
        connections: The connection to each of the two peers, by rank.
        stall_s: How long a message may make no headway before the link counts as stalled.
    """

    def __init__(
        self,
        rank: int,
        names: tuple[str, str, str],
        connections: Mapping[int, Connection],
        stall_s: float,
    ) -> None:
        self._rank, self._names, self._stall_s = rank, names, stall_s
        self._peers = dict(connections)
        self._before = self._peers[(rank - 1) % 3]
        self._after = self._peers[(rank + 1) % 3]
        self._by_fd = {connection.fd: connection for connection in self._peers.values()}
        self._busy = threading.Lock()
        self._over = False
        self._closed = False
        self.sent_bytes = 0
        self._poll = select.poll()
        for connection in self._peers.values():
            self._poll.register(connection.fd, select.POLLIN)

    @property
    def rank(self) -> int:
        """Which host this is."""
        return self._rank

    @property
    def names(self) -> tuple[str, str, str]:
        """The hosts' names, by rank."""
        return self._names

    def swap(self, send_prev: memoryview, recv_next: memoryview) -> None:
        """Sends one message to P_{i-1} while one of P_{i+1} fills ``recv_next``."""
        with self._busy:
            self.sent_bytes += send_prev.nbytes
            self._before.queue(DATA, send_prev)
            self._after.expect(recv_next)
            self._move(send_prev.nbytes + recv_next.nbytes)

    def exchange(self, send: Mapping[int, bytes], expect: Mapping[int, int]) -> dict[int, bytes]:
        """Sends ``send[rank]`` to each rank while ``expect[rank]`` bytes arrive from each rank."""
        buffers = {peer: bytearray(size) for peer, size in expect.items()}
        with self._busy:
            for peer, message in send.items():
                self.sent_bytes += len(message)
                self._peers[peer].queue(DATA, memoryview(message))
            for peer, buffer in buffers.items():
                self._peers[peer].expect(memoryview(buffer))
            self._move(sum(map(len, send.values())) + sum(expect.values()))
        return {peer: bytes(buffer) for peer, buffer in buffers.items()}

    def abort(self, reason: str) -> None:
        """Tells both peers and stops both links; from any thread, more than once."""
        already, self._over = self._over, True
        if already:
            return
        if self._busy.acquire(blocking=False):
            try:
                self._say(ABORT, reason.encode()[:MAX_REASON_BYTES])
            finally:
                self._busy.release()
        for connection in self._peers.values():
            connection.shutdown()

    def close(self) -> None:
        """Ends a run that went well: both ends say so and wait for each other, a second at most."""
        with self._busy:
            if self._closed:
                return
            self._closed = True
            if not self._over:
                self._over = True
                self._part()
            for connection in self._peers.values():
                connection.sock.close()

    def _part(self) -> None:
        self._say(BYE, b"")
        until = time.monotonic() + _CLOSE_S
        for connection in self._peers.values():
            connection.expect(memoryview(bytearray(0)), BYE)
            try:
                while connection.receiving and time.monotonic() < until:
                    if not connection.pull():
                        connection.wait(until - time.monotonic(), write=False)
            except LinkError:
                continue

    def _say(self, kind: int, content: bytes) -> None:
        """A last frame to both peers, as far as the sockets take it."""
        for connection in self._peers.values():
            if connection.sending:
                continue
            connection.queue(kind, memoryview(content))
            try:
                connection.push()
            except LinkError:
                continue

    def _move(self, n_bytes: int) -> None:
        """Sends and receives all that is queued and expected, watching both links."""
        if self._over:
            raise LinkError("the links of this host are closed", hint="start a new run")
        before, after = self._before, self._after
        until = 0.0
        while before.sending or before.receiving or after.sending or after.receiving:
            moved = False
            for connection in (before, after):
                if connection.sending:
                    moved |= connection.push()
                if connection.receiving:
                    moved |= connection.pull()
            if moved:
                continue
            now = time.monotonic()
            if not until:
                until = now + self._stall_s + n_bytes / _SLOWEST_BYTES_PER_S
            self._wait(until - now)

    def _wait(self, remaining_s: float) -> None:
        if remaining_s <= 0:
            late = [c for c in (self._after, self._before) if c.receiving or c.sending]
            raise LinkError(f"{late[0].label} stalled", hint="check the peer host, then run again")
        for connection in self._peers.values():
            wanted = select.POLLIN | (select.POLLOUT if connection.sending else 0)
            self._poll.modify(connection.fd, wanted)
        for fd, _ in self._poll.poll(max(1, int(remaining_s * 1000))):
            connection = self._by_fd[fd]
            if not connection.receiving:
                connection.pull_early()
