"""The door of the protocol: what is dispatched where, and what a crowd or a slow caller gets."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from delian.adapters import dsp_listener
from delian.adapters.dsp_endpoints import ENDPOINTS, Endpoint
from delian.adapters.dsp_listener import Listen, bound_socket, serving
from delian.adapters.dsp_server import Bounds, DspApp, Request
from delian.exchange.errors import NotAllowedError, NotFoundHereError
from delian.exchange.reactions import Participant

ROOT = "http://127.0.0.1/node"
# Restated from the protocol: method, path below the base, which error object answers.
PROTOCOL = [
    ("POST", "/catalog/request", "CatalogError"),
    ("GET", "/catalog/datasets/urn:x/y", "CatalogError"),
    ("POST", "/negotiations/request", "ContractNegotiationError"),
    ("POST", "/negotiations/offers", "ContractNegotiationError"),
    ("GET", "/negotiations/p", "ContractNegotiationError"),
    ("POST", "/negotiations/p/request", "ContractNegotiationError"),
    ("POST", "/negotiations/p/offers", "ContractNegotiationError"),
    ("POST", "/negotiations/p/events", "ContractNegotiationError"),
    ("POST", "/negotiations/p/agreement", "ContractNegotiationError"),
    ("POST", "/negotiations/p/agreement/verification", "ContractNegotiationError"),
    ("POST", "/negotiations/p/termination", "ContractNegotiationError"),
    ("POST", "/transfers/request", "TransferError"),
    ("GET", "/transfers/p", "TransferError"),
    ("POST", "/transfers/p/start", "TransferError"),
    ("POST", "/transfers/p/completion", "TransferError"),
    ("POST", "/transfers/p/suspension", "TransferError"),
    ("POST", "/transfers/p/termination", "TransferError"),
]


@dataclass
class Answered:
    status: int
    body: bytes
    headers: tuple[tuple[bytes, bytes], ...] = ()


@dataclass
class Silver:
    """An asset of the stand-in."""

    media_type: str = "text/plain"
    size: int = 3
    digest: str = "sha256:00"


@dataclass
class Data:
    opened: list[tuple[str, str | None, bool]] = field(default_factory=list)

    async def open(self, pid: str, authorization: str | None, *, consume: bool) -> Silver:
        self.opened.append((pid, authorization, consume))
        if authorization != "Bearer good":
            raise NotFoundHereError("no such data")
        return Silver()

    async def pieces(self, pid: str, asset: Any) -> AsyncIterator[bytes]:
        yield b"ab"
        yield b"c"


@dataclass
class Behind:
    """A connector that only notes what it is asked."""

    data: Data = field(default_factory=Data)
    asked: list[tuple[str, Request, str]] = field(default_factory=list)
    gate: asyncio.Event | None = None
    error: Exception | None = None

    async def answer(self, endpoint: Endpoint, request: Request, who: Participant) -> Answered:
        self.asked.append((endpoint.name, request, who.id))
        if self.gate is not None:
            await self.gate.wait()
        if self.error is not None:
            raise self.error
        return Answered(200, b"{}")

    def versions(self) -> bytes:
        return b'{"protocolVersions":[]}'


class Named:
    async def identify(self, authorization: str | None) -> Participant:
        if not authorization:
            raise NotAllowedError("nobody")
        return Participant(authorization)


@dataclass
class Got:
    status: int = 0
    headers: dict[bytes, bytes] = field(default_factory=dict)
    body: bytes = b""


async def ask(
    app: DspApp,
    method: str,
    path: str,
    *pieces: bytes,
    who: str = "C",
    query: bytes = b"",
    headers: tuple[tuple[bytes, bytes], ...] = (),
) -> Got:
    """One request, spoken in ASGI."""
    waiting = list(pieces or (b"",))
    got = Got()

    async def receive() -> dict[str, Any]:
        if not waiting:
            await asyncio.Event().wait()
        body = waiting.pop(0)
        return {"type": "http.request", "body": body, "more_body": body == b"..." or bool(waiting)}

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            got.status, got.headers = message["status"], dict(message["headers"])
        else:
            got.body += message.get("body", b"")

    known = ((b"authorization", who.encode()),) if who else ()
    scope = {
        "type": "http",
        "method": method,
        "path": f"/node{path}",
        "query_string": query,
        "headers": [*known, *headers],
    }
    await app(scope, receive, send)
    return got


def app_of(behind: Behind, bounds: Bounds | None = None) -> DspApp:
    return DspApp(behind, Named(), [], ROOT, bounds)


def test_every_endpoint_of_the_protocol_is_there_and_no_other() -> None:
    async def run() -> None:
        behind = Behind()
        for method, path, _ in PROTOCOL:
            assert (await ask(app_of(behind), method, f"/2025-1{path}")).status == 200, path
        names = [name for name, _, _ in behind.asked]
        assert sorted(names) == sorted(e.name for e in ENDPOINTS)
        assert behind.asked[1][1].pid == "urn:x/y"

    asyncio.run(run())


@pytest.mark.parametrize(("method", "path", "kind"), PROTOCOL)
def test_an_error_has_the_object_of_its_kind(method: str, path: str, kind: str) -> None:
    behind = Behind(error=NotFoundHereError("no such process"))
    got = asyncio.run(ask(app_of(behind), method, f"/2025-1{path}"))
    assert (got.status, json.loads(got.body)["@type"]) == (404, kind)


def test_what_is_not_served_says_so() -> None:
    async def run() -> list[int]:
        app = app_of(Behind())
        asked = [
            ("GET", "/2025-1/negotiations/request/x/y"),
            ("DELETE", "/2025-1/negotiations/p"),
            ("GET", "/2025-1/negotiations/p/agreement"),
            ("POST", "/2025-1/nothing"),
            ("GET", "/elsewhere"),
            ("POST", "/.well-known/dspace-version"),
            ("PUT", "/data/p"),
        ]
        return [(await ask(app, method, path)).status for method, path in asked]

    assert asyncio.run(run()) == [404, 405, 405, 404, 404, 405, 405]


def test_the_versions_need_no_proof_and_everything_else_does() -> None:
    async def run() -> None:
        behind = Behind()
        app = app_of(behind)
        assert (await ask(app, "GET", "/.well-known/dspace-version", who="")).status == 200
        got = await ask(app, "POST", "/2025-1/catalog/request", who="")
        assert (got.status, behind.asked) == (401, [])

    asyncio.run(run())


@pytest.mark.parametrize(
    ("pieces", "headers"),
    [
        ((b"x" * 101,), ()),
        ((b"x" * 60, b"x" * 60), ()),
        ((b"{}",), ((b"content-length", b"101"),)),
        ((b"{}",), ((b"content-length", b"-1"),)),
        ((b"{}",), ((b"content-length", b"9" * 400),)),
        ((b"{}",), ((b"content-encoding", b"gzip"),)),
        ((b"...",), ()),
    ],
    ids=["large", "large in pieces", "announced", "negative", "huge", "compressed", "never done"],
)
def test_a_body_beyond_its_bounds_never_reaches_the_connector(
    pieces: tuple[bytes, ...], headers: tuple[tuple[bytes, bytes], ...]
) -> None:
    behind = Behind()
    app = app_of(behind, Bounds(max_body_bytes=100, body_seconds=0.05))
    got = asyncio.run(ask(app, "POST", "/2025-1/negotiations/request", *pieces, headers=headers))
    assert (got.status, behind.asked) == (400, [])


def test_a_crowd_is_told_to_come_again_and_one_peer_does_not_shut_out_others() -> None:
    async def run() -> None:
        behind = Behind(gate=asyncio.Event())
        app = app_of(behind, Bounds(requests=4, requests_per_peer=2))
        path = "/2025-1/negotiations/p"
        first = [asyncio.ensure_future(ask(app, "GET", path, who="A")) for _ in range(2)]
        await asyncio.sleep(0)
        third = await ask(app, "GET", path, who="A")
        assert (third.status, third.headers[b"retry-after"]) == (429, b"1")
        other = [asyncio.ensure_future(ask(app, "GET", path, who="B")) for _ in range(2)]
        await asyncio.sleep(0)
        assert (await ask(app, "GET", path, who="C")).status == 429
        assert behind.gate is not None
        behind.gate.set()
        done = await asyncio.gather(*first, *other)
        assert [got.status for got in done] == [200] * 4
        assert (await ask(app, "GET", path, who="A")).status == 200, "the places are free again"

    asyncio.run(run())


def test_data_go_to_the_token_alone_and_a_look_does_not_use_it_up() -> None:
    async def run() -> None:
        behind = Behind()
        app = app_of(behind)
        wrong = await ask(app, "GET", "/data/p", who="Bearer bad")
        assert (wrong.status, wrong.body) == (404, b"{}")
        head = await ask(app, "HEAD", "/data/p", who="Bearer good")
        full = await ask(app, "GET", "/data/p", who="Bearer good")
        assert (head.status, head.body, full.body) == (200, b"", b"abc")
        assert full.headers[b"content-length"] == b"3"
        assert full.headers[b"cache-control"] == b"no-store"
        assert [consume for _, _, consume in behind.data.opened] == [True, False, True]

    asyncio.run(run())


def test_a_query_that_cannot_be_read_is_refused() -> None:
    async def run() -> list[int]:
        app = app_of(Behind())
        queries = (b"page=" + b"x" * 20_000, b"\xff", b"&".join(b"a=%d" % i for i in range(50)))
        path = "/2025-1/catalog/request"
        return [(await ask(app, "POST", path, query=query)).status for query in queries]

    assert asyncio.run(run()) == [400, 400, 400]


@pytest.mark.parametrize("sent", [b"", b"GET / HTTP/1.1\r\nHost: x\r\nA: "])
def test_a_head_that_never_ends_is_closed(sent: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dsp_listener, "HEAD_SECONDS", 0.05)

    async def run() -> bytes:
        listen = Listen("127.0.0.1", 0)
        bound = bound_socket(listen)
        async with serving(app_of(Behind()), listen, bound):
            reader, writer = await asyncio.open_connection(*bound.getsockname()[:2])
            writer.write(sent)
            async with asyncio.timeout(10):
                left = await reader.read()
            writer.close()
            return left

    assert asyncio.run(run()) == b""
