"""The links between hosts: whole messages, one abort for all, no stranger, never a hang."""

import socket
import ssl
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from delian.adapters.certificates import fingerprint, make_certificate, public_key_bytes
from delian.adapters.link_connections import ABORT, DATA, header
from delian.adapters.links import MeshLinks
from delian.adapters.mesh import TlsFiles, connect_mesh
from delian.shares.links import LinkError, LinkMismatchError
from tests.memory_links import run_hosts

NAMES = ("alpha", "bravo", "charlie")


@pytest.fixture(scope="module")
def tls_files(tmp_path_factory: pytest.TempPathFactory) -> list[TlsFiles]:
    folder = tmp_path_factory.mktemp("tls")
    return [write_identity(folder, name) for name in NAMES]


def write_identity(folder: Path, name: str, algorithm: Any = "ed25519") -> TlsFiles:
    """A host's files; every host of one folder pins every other one made there."""
    certificate, key = make_certificate(name, datetime.now(UTC), algorithm=algorithm)
    (folder / f"{name}.pem").write_bytes(certificate)
    (folder / f"{name}.key").write_bytes(key)
    peers = LatePins(folder, name)
    return TlsFiles(folder / f"{name}.pem", folder / f"{name}.key", peers)


class LatePins(dict[str, bytes]):
    """The peers' certificates, read when the links are set up."""

    def __init__(self, folder: Path, own: str) -> None:
        super().__init__()
        self._folder, self._own = folder, own

    def __getitem__(self, name: str) -> bytes:
        return (self._folder / f"{name}.pem").read_bytes()

    def values(self) -> Any:
        return [self[name] for name in NAMES if name != self._own]


def mesh(tls: list[TlsFiles] | None, lanes: int = 1, **options: Any) -> list[Any]:
    listeners = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
    addresses = [*(one.getsockname() for one in listeners), ("127.0.0.1", 0)]
    names = options.pop("names", [NAMES] * 3)
    lane_counts = options.pop("lane_counts", [lanes] * 3)
    timeout_s = options.pop("timeout_s", 5.0)

    def host(rank: int) -> list[MeshLinks]:
        listener = listeners[rank] if rank < 2 else None
        return connect_mesh(
            rank, names[rank], addresses, tls[rank] if tls else None, lane_counts[rank],
            timeout_s, listener=listener, **options,
        )  # fmt: skip

    try:
        return run_hosts([lambda rank=rank: host(rank) for rank in range(3)])
    finally:
        for listener in listeners:
            listener.close()


def up(results: list[Any]) -> list[list[MeshLinks]]:
    for result in results:
        if isinstance(result, BaseException):
            raise result
    return results


def at_once(links: list[list[MeshLinks]], work: Callable[[MeshLinks], Any]) -> list[Any]:
    try:
        return run_hosts([lambda one=one: work(one[0]) for one in links])
    finally:
        close_all(links)


def close_all(links: list[list[MeshLinks]]) -> None:
    """Every lane of every host at once, as hosts do."""
    run_hosts([lane.close for one in links for lane in one])


@pytest.mark.parametrize("secure", [False, True])
def test_messages_of_any_size_arrive_whole(tls_files: list[TlsFiles], *, secure: bool) -> None:
    sizes = [1, 5, 16_384, 300_001, 3_000_000, 2, 0, 7]

    def work(links: MeshLinks) -> bool:
        for number, size in enumerate(sizes):
            sent = np.full(size, 10 * number + links.rank, dtype=np.uint8)
            got = np.zeros(size, dtype=np.uint8)
            links.swap(sent.data, got.data)
            assert (got == 10 * number + (links.rank + 1) % 3).all()
            peers = [peer for peer in range(3) if peer != links.rank]
            message = {peer: bytes([links.rank]) * (peer + 1) for peer in peers}
            answers = links.exchange(message, dict.fromkeys(peers, links.rank + 1))
            assert answers == {peer: bytes([peer]) * (links.rank + 1) for peer in peers}
        one_way = links.exchange({(links.rank + 1) % 3: b"on"}, {(links.rank - 1) % 3: 2})
        return one_way == {(links.rank - 1) % 3: b"on"}

    links = up(mesh(tls_files if secure else None))
    assert at_once(links, work) == [True] * 3


@pytest.mark.parametrize("secure", [False, True])
def test_lanes_do_not_mix(tls_files: list[TlsFiles], *, secure: bool) -> None:
    links = up(mesh(tls_files if secure else None, lanes=3))

    def work(rank: int, lane: int) -> int:
        got = bytearray(1)
        links[rank][lane].swap(memoryview(bytes([lane])), memoryview(got))
        return got[0]

    jobs = [lambda r=r, k=k: work(r, k) for r in range(3) for k in range(3)]
    results = run_hosts(jobs)
    close_all(links)
    assert results == [0, 1, 2] * 3


@pytest.mark.parametrize("secure", [False, True])
@pytest.mark.parametrize("who", [0, 1, 2])
def test_an_abort_reaches_both_within_a_second(
    tls_files: list[TlsFiles], who: int, *, secure: bool
) -> None:
    links = up(mesh(tls_files if secure else None))

    def work(one: MeshLinks) -> float:
        if one.rank == who:
            one.abort("enough")
            one.abort("twice does no harm")
        begin = time.monotonic()
        got = bytearray(4)
        with pytest.raises(LinkError) as caught:
            one.swap(memoryview(b"four"), memoryview(got))
            one.swap(memoryview(b"four"), memoryview(got))
        if one.rank != who:
            assert caught.value.message.startswith("link ")
            assert caught.value.hint or "closed by the peer" in caught.value.message
            one.abort("following")
        return time.monotonic() - begin

    assert all(isinstance(t, float) and t < 1.0 for t in at_once(links, work))


def test_an_abort_on_the_idle_link_is_noticed() -> None:
    """Host 0 waits for host 1, which is silent, when host 2 aborts."""
    links = up(mesh(None))

    def work(one: MeshLinks) -> str:
        if one.rank == 2:
            one.exchange({0: b"early"}, {})
            one.abort("enough")
            return "aborted"
        if one.rank == 1:
            return "silent"
        with pytest.raises(LinkError) as caught:
            one.swap(memoryview(b"four"), memoryview(bytearray(4)))
        return caught.value.message

    assert at_once(links, work)[0] == "link alpha-charlie was aborted by the peer"


def test_an_early_message_is_kept() -> None:
    links = up(mesh(None))

    def work(one: MeshLinks) -> bytes:
        if one.rank == 2:
            one.exchange({0: b"early"}, {})
            time.sleep(0.05)
            one.exchange({1: b"z"}, {})
            return b""
        if one.rank == 1:
            one.exchange({}, {2: 1})
            one.exchange({0: b"later"}, {})
            return b""
        assert one.exchange({}, {1: 5})[1] == b"later"
        return one.exchange({}, {2: 5})[2]

    assert at_once(links, work)[0] == b"early"


@pytest.mark.parametrize("secure", [False, True])
def test_silence_is_a_stall_that_names_the_link(tls_files: list[TlsFiles], *, secure: bool) -> None:
    links = up(mesh(tls_files if secure else None, stall_s=0.2))

    def work(one: MeshLinks) -> str:
        if one.rank == 1:
            return "silent"
        begin = time.monotonic()
        with pytest.raises(LinkError) as caught:
            one.swap(memoryview(b"four"), memoryview(bytearray(4)))
        one.abort("stalled")
        assert time.monotonic() - begin < 1.2
        return caught.value.message

    got = at_once(links, work)
    assert got[0] in ("link alpha-bravo stalled", "link alpha-charlie was aborted by the peer")
    assert "stalled" in str(got)


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (header(DATA, 3) + b"abc", "wrong length"),
        (header(DATA, 1 << 30), "wrong length"),
        (header(9, 4) + b"four", "not a frame"),
        (b"GET / HTTP/1.1\r\n\r\n", "not a frame"),
        (header(ABORT, 2) + b"no", "aborted by the peer"),
        (header(4, 0), "closed by the peer"),
        (b"", "closed by the peer"),
    ],
)
def test_garbage_ends_the_link(raw: bytes, message: str) -> None:
    links = up(mesh(None))

    def work(one: MeshLinks) -> str:
        if one.rank == 1:
            before = one._peers[0].sock
            before.setblocking(True)
            before.sendall(raw)
            before.shutdown(socket.SHUT_WR)
            return ""
        if one.rank == 2:
            return ""
        with pytest.raises(LinkError) as caught:
            one.swap(memoryview(b"four"), memoryview(bytearray(4)))
        return caught.value.message

    got = at_once(links, work)[0]
    assert message in got
    assert got.startswith("link alpha-bravo")


def test_a_broken_record_ends_a_tls_link(tls_files: list[TlsFiles]) -> None:
    links = up(mesh(tls_files))

    def work(one: MeshLinks) -> str:
        if one.rank == 1:
            sock = one._peers[0].sock
            sock.setblocking(True)
            sock.sendall(b"\x17\x03\x03\x00\x20" + b"x" * 32)
        if one.rank:
            return ""
        with pytest.raises(LinkError) as caught:
            one.swap(memoryview(b"four"), memoryview(bytearray(4)))
        return caught.value.message

    assert at_once(links, work)[0] == "link alpha-bravo was lost"


def test_closing_waits_for_the_other_end() -> None:
    links = up(mesh(None))
    last = bytearray(5)

    def work(one: MeshLinks) -> None:
        if one.rank == 1:
            one.exchange({0: b"final"}, {})
            one.close()
            one.close()
            return
        if one.rank == 0:
            time.sleep(0.05)
            last[:] = one.exchange({}, {1: 5})[1]
        one.close()
        with pytest.raises(LinkError, match="closed"):
            one.exchange({1: b"x"}, {})

    assert at_once(links, work) == [None] * 3
    assert bytes(last) == b"final"


def test_another_certificate_is_refused(tls_files: list[TlsFiles], tmp_path: Path) -> None:
    """Host bravo shows a certificate that its peers have not pinned."""
    stranger = write_identity(tmp_path, "bravo")
    wrong = TlsFiles(stranger.certificate, stranger.key, tls_files[1].peers)
    files = [tls_files[0], wrong, tls_files[2]]
    begin = time.monotonic()
    results = mesh(files, timeout_s=1.5)
    assert time.monotonic() - begin < 6
    assert all(isinstance(result, LinkMismatchError | LinkError) for result in results)
    assert any("not the pinned one" in str(result) for result in results)
    assert "alpha-bravo" in str(results[0])


def test_two_pinned_hosts_cannot_swap_names(tls_files: list[TlsFiles]) -> None:
    """Charlie's pinned certificate does not speak for bravo."""
    files = [tls_files[0], TlsFiles(tls_files[2].certificate, tls_files[2].key, tls_files[1].peers), tls_files[2]]  # fmt: skip  # noqa: E501
    results = mesh(files, timeout_s=1.0)
    assert all(isinstance(result, LinkMismatchError | LinkError) for result in results)


@pytest.mark.parametrize("secure", [False, True])
def test_hosts_that_expect_something_else_are_refused(
    tls_files: list[TlsFiles], *, secure: bool
) -> None:
    files = tls_files if secure else None
    for other in ({"names": [NAMES, ("alpha", "bravo", "delta"), NAMES]}, {"lane_counts": [1, 2, 1]}):  # fmt: skip  # noqa: E501
        if secure and "names" in other:
            continue
        results = mesh(files, timeout_s=0.6, **other)
        assert all(isinstance(result, LinkMismatchError | LinkError) for result in results)


def test_a_stranger_at_the_door_does_no_harm() -> None:
    """Somebody connects first and talks nonsense; the real hosts still meet."""
    listeners = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
    addresses = [*(one.getsockname() for one in listeners), ("127.0.0.1", 0)]
    strangers = [socket.create_connection(addresses[0]) for _ in range(2)]
    strangers[0].sendall(b"GET / HTTP/1.1\r\nHost: example\r\n\r\n" + b"x" * 300)
    strangers[1].close()

    def host(rank: int) -> list[MeshLinks]:
        listener = listeners[rank] if rank < 2 else None
        return connect_mesh(rank, NAMES, addresses, None, 1, 5.0, listener=listener)

    links = up(run_hosts([lambda rank=rank: host(rank) for rank in range(3)]))
    assert at_once(links, lambda one: one.names) == [NAMES] * 3
    for one in (*listeners, strangers[0]):
        one.close()


def test_absent_hosts_are_named() -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    addresses = [listener.getsockname(), ("127.0.0.1", 0), ("127.0.0.1", 0)]
    with pytest.raises(LinkError, match="link alpha-bravo: bravo did not connect in time"):
        connect_mesh(0, NAMES, addresses, None, 1, 0.2, listener=listener)
    listener.close()
    free = socket.create_server(("127.0.0.1", 0))
    gone = free.getsockname()
    free.close()
    with pytest.raises(LinkError, match="link alpha-charlie: alpha cannot be reached"):
        connect_mesh(2, NAMES, [gone, gone, gone], None, 1, 0.2)


def test_another_thread_can_abort_a_waiting_lane() -> None:
    links = up(mesh(None))

    def work(one: MeshLinks) -> str:
        if one.rank:
            return ""
        threading.Timer(0.1, lambda: one.abort("another lane failed")).start()
        with pytest.raises(LinkError) as caught:
            one.swap(memoryview(b"four"), memoryview(bytearray(4)))
        return caught.value.message

    assert at_once(links, work)[0].startswith("link ")


@pytest.mark.parametrize("algorithm", ["ed25519", "p256"])
def test_certificates(tmp_path: Path, algorithm: Any) -> None:
    files = write_identity(tmp_path, "alpha", algorithm)
    pem = files.certificate.read_bytes()
    der = ssl.PEM_cert_to_DER_cert(pem.decode())
    assert len(fingerprint(pem)) == 64
    assert public_key_bytes(pem) in der
    assert "alpha.key" not in repr(files)
    for name in NAMES[1:]:
        write_identity(tmp_path, name, algorithm)
    everyone = [
        TlsFiles(tmp_path / f"{n}.pem", tmp_path / f"{n}.key", LatePins(tmp_path, n)) for n in NAMES
    ]
    at_once(up(mesh(everyone)), lambda one: one.rank)


def test_a_peer_that_begins_anew_takes_the_place_of_its_dead_connection() -> None:
    listeners = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
    addresses = [*(one.getsockname() for one in listeners), ("127.0.0.1", 0)]
    met: dict[int, list[MeshLinks]] = {}

    def join(rank: int, listener: socket.socket | None = None) -> None:
        met[rank] = connect_mesh(rank, NAMES, addresses, None, 1, 5.0, listener=listener)

    alpha = threading.Thread(target=join, args=(0, listeners[0]))
    alpha.start()
    dead = ("127.0.0.1", 1)
    with pytest.raises(LinkError):
        connect_mesh(2, NAMES, [addresses[0], dead, dead], None, 1, 0.5)
    others = [threading.Thread(target=join, args=a) for a in ((2, None), (1, listeners[1]))]
    for thread in others:
        thread.start()
        thread.join(0.2)  # charlie first: its new connection meets the dead one at alpha
    for thread in (alpha, *others):
        thread.join(10)
    assert sorted(met) == [0, 1, 2]
    answers: dict[int, dict[int, bytes]] = {}

    def speak(rank: int) -> None:
        peers = [p for p in range(3) if p != rank]
        answers[rank] = met[rank][0].exchange(
            {p: bytes([rank]) for p in peers}, dict.fromkeys(peers, 1)
        )

    talkers = [threading.Thread(target=speak, args=(rank,)) for rank in range(3)]
    for thread in talkers:
        thread.start()
    for thread in talkers:
        thread.join(10)
    assert answers == {r: {p: bytes([p]) for p in range(3) if p != r} for r in range(3)}
    for links in met.values():
        links[0].abort("the test is over")
    for links in met.values():
        links[0].close()
    for listener in listeners:
        listener.close()
