"""Documents from peers that lie, stall and point elsewhere; over real sockets where it matters."""

import asyncio
import json
import socket
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from delian.adapters.did_resolver import Cached, DidResolver, WebEvidence, is_loopback
from delian.adapters.peer_client import Limits, PeerClient
from delian.adapters.peer_guard import Guard
from delian.exchange.dcp_errors import CredentialError, DidAwayError, DidError
from delian.exchange.did import build_document
from delian.terms.errors import DelianError

Handler = Callable[[str], bytes | None]
LIMITS = Limits(connect_seconds=2, read_seconds=0.2, total_seconds=2)


async def with_peer(handler: Handler, story: Callable[[int], Awaitable[Any]]) -> Any:
    """A bare HTTP server whose every answer is the handler's bytes; None stalls for ever."""
    stalled = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line = (await reader.readline()).decode()
        answer = handler(line.split()[1])
        if answer is None:
            await stalled.wait()
        else:
            writer.write(answer)
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        return await story(server.sockets[0].getsockname()[1])
    finally:
        stalled.set()
        server.close()
        await server.wait_closed()


def http(body: bytes, status: str = "200 OK", more: str = "") -> bytes:
    head = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n{more}Connection: close\r\n\r\n"
    return head.encode() + body


def resolve(handler: Handler, path: str = "x") -> Any:
    """What a development node makes of the document behind *handler*."""

    async def story(port: int) -> Any:
        client = PeerClient(Guard(is_development=True), LIMITS)
        resolver = DidResolver(client, lambda: 0, development=True)
        try:
            return await resolver.resolve(f"did:web:127.0.0.1%3A{port}:{path}")
        finally:
            await client.close()

    return asyncio.run(with_peer(handler, story))


def test_an_honest_document_is_fetched_from_its_own_path() -> None:
    seen: list[str] = []

    async def story(port: int) -> Any:
        did = f"did:web:127.0.0.1%3A{port}:a:b"
        client = PeerClient(Guard(is_development=True), LIMITS)
        resolver = DidResolver(client, lambda: 0, development=True)
        document.append(http(json.dumps(build_document(did, {}, {})).encode()))
        try:
            return (await resolver.resolve(did)).did == did
        finally:
            await client.close()

    document: list[bytes] = []

    def handler(path: str) -> bytes:
        seen.append(path)
        return document[0]

    assert asyncio.run(with_peer(handler, story))
    assert seen == ["/a/b/did.json"]


def test_a_redirect_is_not_followed() -> None:
    seen: list[str] = []

    def handler(path: str) -> bytes:
        seen.append(path)
        return http(b"", "302 Found", "Location: /elsewhere/did.json\r\n")

    with pytest.raises(DidAwayError, match="302"):
        resolve(handler)
    assert seen == ["/x/did.json"]


def test_a_redirect_in_a_circle_ends_at_once() -> None:
    with pytest.raises(DidAwayError, match="307"):
        resolve(lambda p: http(b"", "307 Temporary Redirect", f"Location: {p}\r\n"))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"not json",
        b"[]",
        b'{"id": "did:web:b.example"}',
        b'{"a": ' * 40 + b"1" + b"}" * 40,
        b"[" * 60_000,
        b'{"id": "x", "id": "y"}',
        b"\xff\xfe",
        b'{"a": 1e999}',
    ],
)
def test_a_document_that_is_none_is_refused(body: bytes) -> None:
    with pytest.raises(DidError):
        resolve(lambda _: http(body))


def test_a_huge_document_is_not_read_to_its_end() -> None:
    with pytest.raises(DelianError, match="larger than allowed"):
        resolve(lambda _: http(b'{"a": "' + b"x" * 1_000_000 + b'"}'))
    endless = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + b" " * 1_000_000
    with pytest.raises(DelianError, match="larger than allowed"):
        resolve(lambda _: endless)


def test_a_peer_that_never_answers_is_away() -> None:
    with pytest.raises(DelianError, match="cannot be reached"):
        resolve(lambda _: None)


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "10.0.0.1",
        "172.16.5.4",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",
        "224.0.0.1",
        "localhost",
    ],
)
def test_outside_development_no_private_address_is_asked(host: str) -> None:
    async def story(port: int) -> None:
        client = PeerClient(Guard(), LIMITS)
        try:
            with pytest.raises((DidError, DidAwayError, DelianError)) as caught:
                await DidResolver(client, lambda: 0).resolve(f"did:web:{host}%3A{port}")
            assert "private, local or reserved" in caught.value.message
        finally:
            await client.close()

    seen: list[str] = []

    def handler(path: str) -> bytes:
        seen.append(path)
        return http(b"{}")

    asyncio.run(with_peer(handler, story))
    assert seen == []


@pytest.mark.parametrize("inner", ["127.0.0.1", "10.1.2.3", "::1", "fd00::1", "::ffff:10.0.0.1"])
def test_a_name_that_leads_inside_is_not_asked(inner: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The address is judged after the name was resolved, at the moment of the connection."""

    async def lie(_loop: object, _host: object, port: int, **_: object) -> list[Any]:
        family = socket.AF_INET6 if ":" in inner else socket.AF_INET
        address = (inner, port, 0, 0) if ":" in inner else (inner, port)
        return [(family, socket.SOCK_STREAM, 6, "", address)]

    async def story(port: int) -> None:
        monkeypatch.setattr(asyncio.BaseEventLoop, "getaddrinfo", lie)
        client = PeerClient(Guard(), LIMITS)
        try:
            with pytest.raises(DelianError, match="private, local or reserved"):
                await DidResolver(client, lambda: 0).resolve(f"did:web:eve.example%3A{port}")
        finally:
            await client.close()

    seen: list[str] = []

    def handler(path: str) -> bytes:
        seen.append(path)
        return http(b"{}")

    asyncio.run(with_peer(handler, story))
    assert seen == []


def test_development_opens_loopback_by_name_and_nothing_else() -> None:
    assert is_loopback("127.0.0.1") and is_loopback("localhost") and is_loopback("127.9.9.9")
    for host in ("localhost.example", "127.0.0.1.example", "10.0.0.1", "localhost2", "x127.0.0.1"):
        assert not is_loopback(host)


class Counter:
    def __init__(self) -> None:
        self.now = 0
        self.asked = 0

    async def fetch(self, name: str) -> str:
        self.asked += 1
        await asyncio.sleep(0)
        if name == "bad":
            raise DidAwayError("away")
        return f"{name}{self.asked}"


def test_many_askers_share_one_fetch_and_a_failure_is_not_kept() -> None:
    async def story() -> None:
        one = Counter()
        cached = Cached(one.fetch, 60, lambda: one.now)
        assert set(await asyncio.gather(*(cached.get("a") for _ in range(9)))) == {"a1"}
        one.now = 59
        assert await cached.get("a") == "a1"
        one.now = 60
        assert await cached.get("a") == "a2"
        assert await cached.get("a", at_most_seconds=1) == "a2"
        one.now = 61
        assert await cached.get("a", at_most_seconds=1) == "a3"
        for _ in range(2):
            with pytest.raises(DidAwayError):
                await cached.get("bad")
        assert one.asked == 5

    asyncio.run(story())


def test_strangers_cannot_make_us_fetch_without_bound() -> None:
    async def story() -> int:
        one = Counter()
        cached = Cached(one.fetch, 60, lambda: 0)
        names = (f"n{number}" for number in range(500))
        found = await asyncio.gather(*map(cached.get, names), return_exceptions=True)
        assert sum(isinstance(f, DidAwayError) for f in found) == 500 - one.asked
        return one.asked

    assert asyncio.run(story()) <= 64


def test_what_is_kept_is_bounded() -> None:
    async def story() -> None:
        one = Counter()
        cached = Cached(one.fetch, 60, lambda: 0, 3)
        for name in "abcd":
            await cached.get(name)
        await cached.get("d")
        assert one.asked == 4
        await cached.get("a")
        assert one.asked == 5

    asyncio.run(story())


class Pages:
    def __init__(self, body: bytes, status: int = 200) -> None:
        self.body, self.status = body, status

    async def get(self, url: str, *, max_bytes: int) -> tuple[int, bytes]:
        assert url and max_bytes
        return self.status, self.body

    async def post(self, url: str, body: bytes, **_: Any) -> tuple[int, bytes]:
        raise DidAwayError("nobody posts here")


@pytest.mark.parametrize("body", [b"", b"x", b"\xff", b"[]", b"a.b.c", b'{"a":'])
def test_evidence_that_cannot_be_read_is_no_evidence(body: bytes) -> None:
    evidence = WebEvidence(Pages(body), lambda: 0)
    with pytest.raises(CredentialError):
        asyncio.run(evidence.status_list("https://o.example/1"))
    with pytest.raises(CredentialError):
        asyncio.run(evidence.schema("https://o.example/s"))


def test_evidence_that_is_not_there_is_away() -> None:
    evidence = WebEvidence(Pages(b"{}", 404), lambda: 0)
    with pytest.raises(DidAwayError, match="404"):
        asyncio.run(evidence.status_list("https://o.example/1"))
