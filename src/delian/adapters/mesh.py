"""Setting up the links between three hosts: who dials whom, who is let in.

Of each pair the lower rank listens and the higher rank dials, one connection per lane. The first
frame of every connection states the protocol version, both hosts, the lane and the number of lanes;
each end compares it with what it expects. With TLS both ends hold the peer's certificate and accept
no other.
"""

import hashlib
import json
import socket
import ssl
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from delian.adapters.link_connections import HELLO, Connection, TlsConnection
from delian.adapters.links import MeshLinks
from delian.shares.links import LinkError, LinkMismatchError, link_name

PROTOCOL: Final = "delian-link-1"
_HELLO_BYTES: Final = 256
_GREETING_S: Final = 3.0
_RETRY_S: Final = 0.05

Names = tuple[str, str, str]
Address = tuple[str, int]


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """What a host needs for mutual TLS.

    Args:
        certificate: Its own certificate (PEM file).
        key: Its own private key (PEM file).
        peers: The certificate of each peer by host name, as PEM: these and no others are accepted.
    """

    certificate: Path
    key: Path = field(repr=False)
    peers: Mapping[str, bytes]


def connect_mesh(
    rank: int,
    names: Names,
    addresses: Sequence[Address],
    tls: TlsFiles | None,
    lanes: int,
    timeout_s: float,
    *,
    stall_s: float = 20.0,
    listener: socket.socket | None = None,
) -> list[MeshLinks]:
    """The links of every lane, up and compared.

    Args:
        rank: This host: 0, 1 or 2.
        names: The hosts' names by rank.
        addresses: Where each rank listens; rank 2 does not.
        tls: None only for tests and measurements on one machine.
        lanes: Threads per host; the same at all hosts.
        timeout_s: For the whole set-up.
        stall_s: Later, how long a message may make no headway.
        listener: An already bound socket, if the caller has one.

    Raises:
        LinkError: A peer was not there in time; the error names the link.
        LinkMismatchError: A peer showed another certificate, version, name or number of lanes.
    """
    setup = _Setup(rank, names, tls, lanes, time.monotonic() + timeout_s)
    own_listener = listener is None and rank < 2
    if own_listener:
        listener = socket.create_server(addresses[rank], backlog=4 * lanes)
    try:
        for peer in range(rank):
            for lane in range(lanes):
                setup.made[peer, lane] = setup.dial(peer, lane, addresses[peer])
        if listener is not None and rank < 2:
            setup.accept_all(listener)
    except BaseException:
        for connection in setup.made.values():
            connection.sock.close()
        raise
    finally:
        if own_listener and listener is not None:
            listener.close()
    peers = [peer for peer in range(3) if peer != rank]
    return [
        MeshLinks(rank, names, {peer: setup.made[peer, lane] for peer in peers}, stall_s)
        for lane in range(lanes)
    ]


class _Setup:
    """The connections made so far, and how one is made."""

    def __init__(
        self, rank: int, names: Names, tls: TlsFiles | None, lanes: int, until: float
    ) -> None:
        self.rank, self.names, self.tls, self.lanes, self.until = rank, names, tls, lanes, until
        self.made: dict[tuple[int, int], Connection] = {}

    def label(self, peer: int) -> str:
        return link_name(self.names, self.rank, peer)

    def left_s(self) -> float:
        return self.until - time.monotonic()

    def dial(self, peer: int, lane: int, address: Address) -> Connection:
        """One connection to a peer that listens; waits for it to come up."""
        sock = self._reach(peer, address)
        try:
            connection = self._secured(sock, self.label(peer), peer, server=False)
            _send_frame(connection, self._hello(self.rank, peer, lane), self.left_s())
            answer = _receive_hello(connection, self.left_s())
        except BaseException:
            sock.close()
            raise
        if answer != self._hello(peer, self.rank, lane):
            sock.close()
            raise LinkMismatchError(
                f"{self.label(peer)}: the peer expects another host, lane or protocol version",
                hint="compare names, lanes and product version at both hosts",
            )
        return connection

    def _reach(self, peer: int, address: Address) -> socket.socket:
        while True:
            try:
                return socket.create_connection(address, timeout=max(0.01, self.left_s()))
            except OSError as error:
                if self.left_s() < _RETRY_S:
                    raise LinkError(
                        f"{self.label(peer)}: {self.names[peer]} cannot be reached",
                        hint="check that the peer runs, and its address and port",
                    ) from error
                time.sleep(_RETRY_S)

    def accept_all(self, listener: socket.socket) -> None:
        """Every connection of the peers with a higher rank; strangers are turned away.

        A peer that connects a second time has begun anew: its earlier connection is dead, and
        to insist on it would let three hosts miss each other for ever.
        """
        wanted = {(p, lane) for p in range(self.rank + 1, 3) for lane in range(self.lanes)}
        refused = ""
        while missing := wanted - set(self.made):
            listener.settimeout(max(0.01, self.left_s()))
            try:
                sock, _ = listener.accept()
            except OSError as error:
                peer = min(missing)[0]
                raise LinkError(
                    f"{self.label(peer)}: {self.names[peer]} did not connect in time{refused}",
                    hint="check that the peer runs and can reach this host",
                ) from error
            try:
                self._welcome(sock, wanted)
            except (LinkError, LinkMismatchError) as error:
                refused = f"; last refused: {error.message}"
                sock.close()

    def _welcome(self, sock: socket.socket, wanted: set[tuple[int, int]]) -> None:
        limit = min(_GREETING_S, self.left_s())
        connection = self._secured(sock, "an incoming link", None, server=True)
        hello = _receive_hello(connection, limit)
        for peer, lane in wanted:
            if hello == self._hello(peer, self.rank, lane):
                if self.tls is not None:
                    _check_pin(connection, self.tls.peers[self.names[peer]], self.label(peer))
                connection.label = self.label(peer)
                _send_frame(connection, self._hello(self.rank, peer, lane), limit)
                earlier = self.made.pop((peer, lane), None)
                if earlier is not None:
                    earlier.sock.close()
                self.made[peer, lane] = connection
                return
        raise LinkMismatchError("an incoming link named another host, lane or protocol version")

    def _hello(self, sender: int, receiver: int, lane: int) -> bytes:
        text = json.dumps([PROTOCOL, self.names, sender, receiver, lane, self.lanes])
        digest = hashlib.sha256(text.encode()).hexdigest()
        return f"{PROTOCOL} {digest}".encode().ljust(_HELLO_BYTES)[:_HELLO_BYTES]

    def _secured(
        self, sock: socket.socket, label: str, peer: int | None, *, server: bool
    ) -> Connection:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self.tls is None:
            return Connection(sock, label)
        context = _context(self.tls, server=server)
        sock.settimeout(max(0.01, min(_GREETING_S, self.left_s())))
        connection = _handshake(sock, label, context, server=server)
        if peer is not None:
            _check_pin(connection, self.tls.peers[self.names[peer]], label)
        return connection


def _context(tls: TlsFiles, *, server: bool) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER if server else ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_REQUIRED
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.load_cert_chain(tls.certificate, tls.key)
    context.load_verify_locations(cadata="".join(pem.decode() for pem in tls.peers.values()))
    if server:
        context.num_tickets = 0
    return context


def _handshake(
    sock: socket.socket, label: str, context: ssl.SSLContext, *, server: bool
) -> TlsConnection:
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context.wrap_bio(incoming, outgoing, server_side=server)
    try:
        while True:
            try:
                tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                sock.sendall(outgoing.read())
                data = sock.recv(1 << 16)
                if not data:
                    raise LinkError(f"{label} was closed during the handshake") from None
                incoming.write(data)
        sock.sendall(outgoing.read())
    except ssl.SSLError as error:
        _send_alert(sock, outgoing)
        raise LinkMismatchError(
            f"{label}: the peer's certificate is not the pinned one",
            hint="compare the certificates' SHA-256 at both hosts",
        ) from error
    except OSError as error:
        raise LinkError(f"{label} broke during the handshake") from error
    return TlsConnection(sock, label, tls, (incoming, outgoing))


def _send_alert(sock: socket.socket, outgoing: ssl.MemoryBIO) -> None:
    try:
        sock.sendall(outgoing.read())
    except OSError:
        return


def _check_pin(connection: Connection, pinned_pem: bytes, label: str) -> None:
    shown = connection.peer_certificate() if isinstance(connection, TlsConnection) else b""
    if shown != ssl.PEM_cert_to_DER_cert(pinned_pem.decode()):
        raise LinkMismatchError(
            f"{label}: the peer's certificate is not the pinned one",
            hint="compare the certificates' SHA-256 at both hosts",
        )


def _send_frame(connection: Connection, content: bytes, limit_s: float) -> None:
    connection.queue(HELLO, memoryview(content))
    until = time.monotonic() + limit_s
    while connection.sending:
        if not connection.push():
            _wait(connection, until, write=True)


def _receive_hello(connection: Connection, limit_s: float) -> bytes:
    buffer = bytearray(_HELLO_BYTES)
    connection.expect(memoryview(buffer), HELLO)
    until = time.monotonic() + limit_s
    while connection.receiving:
        if not connection.pull():
            _wait(connection, until, write=False)
    return bytes(buffer)


def _wait(connection: Connection, until: float, *, write: bool) -> None:
    left = until - time.monotonic()
    if left <= 0:
        raise LinkError(f"{connection.label} stalled while it was set up")
    connection.wait(left, write=write)
