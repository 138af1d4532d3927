"""One connection between two hosts: frames over a non-blocking socket, plain or TLS.

A frame is one byte of kind, four bytes of length (little-endian), then the content.
"""

import select
import socket
import ssl
from collections import deque
from collections.abc import Callable
from typing import Final, cast

from delian.shares.links import LinkError

HELLO: Final = 1
DATA: Final = 2
ABORT: Final = 3
BYE: Final = 4
HEADER_BYTES: Final = 5
MAX_REASON_BYTES: Final = 200
_MAX_EARLY_BYTES: Final = 1 << 27
_TLS_WRITE_BYTES: Final = 1 << 18
_TLS_READ_BYTES: Final = 1 << 19


def header(kind: int, length: int) -> bytes:
    """The five bytes before a frame's content."""
    return bytes([kind]) + length.to_bytes(4, "little")


class Connection:
    """A plain connection; ``TlsConnection`` replaces how bytes leave and arrive.

    Args:
        sock: Connected; becomes non-blocking.
        label: ``link alpha-bravo``, for errors.
    """

    def __init__(self, sock: socket.socket, label: str) -> None:
        sock.setblocking(False)
        self.sock = sock
        self.label = label
        self.fd = sock.fileno()
        self._out: deque[memoryview] = deque()
        self._early = bytearray()
        self._head = memoryview(bytearray(HEADER_BYTES))
        self._target = memoryview(b"")
        self._kind = DATA
        self._got = 0
        self.receiving = False

    @property
    def sending(self) -> bool:
        """Whether something is still to be sent."""
        return bool(self._out)

    def queue(self, kind: int, content: memoryview) -> None:
        """Lines up one frame; ``push`` sends it."""
        self._out.append(memoryview(header(kind, content.nbytes)))
        if content.nbytes:
            self._out.append(content)

    def expect(self, target: memoryview, kind: int = DATA) -> None:
        """Announces the next incoming frame: it must fill ``target`` exactly."""
        self._target, self._kind, self._got, self.receiving = target, kind, 0, True

    def push(self) -> bool:
        """Sends what the socket takes now; whether anything moved."""
        try:
            sent = self.sock.sendmsg(self._out)
        except BlockingIOError:
            return False
        except OSError as error:
            raise self.lost() from error
        while sent:
            first = self._out[0]
            if sent < first.nbytes:
                self._out[0] = first[sent:]
                break
            sent -= first.nbytes
            self._out.popleft()
        return True

    def pull(self) -> bool:
        """Takes what has arrived of the expected frame; whether anything moved."""
        had_header = self._got >= HEADER_BYTES
        buffers = self._missing()
        count = self._take_early(buffers) if self._early else self._read(buffers)
        self._got += count
        if not had_header and self._got >= HEADER_BYTES:
            self._check_header()
        if self._got == HEADER_BYTES + self._target.nbytes:
            self.receiving = False
        return count > 0

    def pull_early(self) -> None:
        """Reads ahead on a link from which nothing is awaited, to notice an abort or a loss."""
        staging = memoryview(bytearray(1 << 16))
        count = self._read([staging])
        self._early += staging[:count]
        if len(self._early) > _MAX_EARLY_BYTES:
            raise LinkError(f"{self.label} carried far more than expected")
        place = 0
        while place + HEADER_BYTES <= len(self._early):
            kind = self._early[place]
            if kind == ABORT:
                raise self.aborted()
            place += HEADER_BYTES + int.from_bytes(self._early[place + 1 : place + 5], "little")

    def lost(self) -> LinkError:
        """The error for a connection that broke."""
        return LinkError(f"{self.label} was lost", hint="check the peer host, then run again")

    def aborted(self) -> LinkError:
        """The error for a peer that stopped the run."""
        return LinkError(f"{self.label} was aborted by the peer", hint="ask the peer for its error")

    def shutdown(self) -> None:
        """Stops both directions; whoever waits on the socket wakes up."""
        try:
            self.sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            return

    def wait(self, timeout_s: float, *, write: bool) -> None:
        """Waits until the socket can be read (or written)."""
        poll = select.poll()
        poll.register(self.fd, select.POLLIN | (select.POLLOUT if write else 0))
        poll.poll(max(0, int(1000 * timeout_s)))

    def _missing(self) -> list[memoryview]:
        if self._got < HEADER_BYTES:
            return [self._head[self._got :], self._target]
        return [self._target[self._got - HEADER_BYTES :]]

    def _take_early(self, buffers: list[memoryview]) -> int:
        taken = 0
        for buffer in buffers:
            part = self._early[taken : taken + buffer.nbytes]
            buffer[: len(part)] = part
            taken += len(part)
        del self._early[:taken]
        return taken

    def _read(self, buffers: list[memoryview]) -> int:
        """Bytes that have arrived, 0 when none have.

        Raises:
            LinkError: The peer has gone.
        """
        try:
            count = self.sock.recvmsg_into(buffers)[0]
        except BlockingIOError:
            return 0
        except OSError as error:
            raise self.lost() from error
        if count == 0:
            raise LinkError(f"{self.label} was closed by the peer")
        return count

    def _check_header(self) -> None:
        kind, length = self._head[0], int.from_bytes(self._head[1:], "little")
        if kind == ABORT:
            raise self.aborted()
        if kind == BYE and self._kind != BYE:
            raise LinkError(f"{self.label} was closed by the peer")
        if kind != self._kind:
            raise LinkError(f"{self.label} carried something that is not a frame of this protocol")
        if length != self._target.nbytes:
            raise LinkError(f"{self.label} carried a message of the wrong length")


class TlsConnection(Connection):
    """A connection inside TLS: whole messages are encrypted per call, and written large."""

    def __init__(
        self,
        sock: socket.socket,
        label: str,
        tls: ssl.SSLObject,
        bios: tuple[ssl.MemoryBIO, ssl.MemoryBIO],
    ) -> None:
        super().__init__(sock, label)
        self._tls = tls
        self._read_into = cast(Callable[[int, memoryview], int], tls.read)
        self._incoming, self._outgoing = bios
        self._cipher = memoryview(self._outgoing.read())
        self._staging = memoryview(bytearray(_TLS_READ_BYTES))

    def peer_certificate(self) -> bytes:
        """The certificate that the peer has shown, in DER."""
        return self._tls.getpeercert(binary_form=True) or b""

    @property
    def sending(self) -> bool:
        """Whether something is still to be sent."""
        return bool(self._out) or self._cipher.nbytes > 0

    def push(self) -> bool:
        """Encrypts the next part and sends what the socket takes now."""
        if not self._cipher.nbytes:
            room = _TLS_WRITE_BYTES
            try:
                while self._out and room > 0:
                    part = self._out.popleft()
                    self._tls.write(part[:room])
                    if part.nbytes > room:
                        self._out.appendleft(part[room:])
                    room -= part.nbytes
            except ssl.SSLError as error:
                raise self.lost() from error
            self._cipher = memoryview(self._outgoing.read())
        try:
            sent = self.sock.send(self._cipher)
        except BlockingIOError:
            return False
        except OSError as error:
            raise self.lost() from error
        self._cipher = self._cipher[sent:]
        return True

    def _read(self, buffers: list[memoryview]) -> int:
        done = self._decrypt(buffers)
        if done:
            return done
        try:
            count = self.sock.recv_into(self._staging)
        except BlockingIOError:
            return 0
        except OSError as error:
            raise self.lost() from error
        if count == 0:
            raise LinkError(f"{self.label} was closed by the peer")
        self._incoming.write(self._staging[:count])
        return self._decrypt(buffers)

    def _decrypt(self, buffers: list[memoryview]) -> int:
        done = 0
        try:
            for buffer in buffers:
                place = 0
                while place < buffer.nbytes:
                    count = self._read_into(buffer.nbytes - place, buffer[place:])
                    if not count:
                        raise LinkError(f"{self.label} was closed by the peer")
                    place += count
                    done += count
        except ssl.SSLWantReadError:
            return done
        except ssl.SSLError as error:
            raise self.lost() from error
        return done
