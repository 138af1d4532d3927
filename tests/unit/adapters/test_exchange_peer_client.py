"""No peer makes us connect inside our network, follow it elsewhere, or wait and read for ever."""

import asyncio
import gzip
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from delian.adapters.peer_client import (
    AssetAlteredError,
    Limits,
    PeerClient,
    PeerUnreachableError,
)
from delian.adapters.peer_guard import AddressRefusedError, Guard
from delian.terms.errors import DelianError

STRICT, LOOSE = Guard(), Guard(is_development=True)
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

NEVER = [
    "ftp://example.org/x",
    "file:///etc/passwd",
    "//example.org/x",
    "example.org",
    "",
    "https://",
    "https:///x",
    "https://user@example.org/",
    "https://user:pass@example.org/",
    "https://example.org\\@evil.example/",
    "https://exa mple.org/",
    "https://example.org:0/",
    "https://example.org:99999/",
    "https://0x7f.0.0.1/",
    "https://2130706433/",
    "https://127.1/",
    "https://0177.0.0.1/",
    "https://10.1.2.3/",
    "https://192.168.0.1/",
    "https://172.16.0.1/",
    "https://100.64.0.1/",
    "https://169.254.169.254/latest",
    "https://0.0.0.0/",
    "https://224.0.0.1/",
    "https://255.255.255.255/",
    "https://192.0.2.1/",
    "https://[fe80::1]/",
    "https://[fc00::1]/",
    "https://[ff02::1]/",
    "https://[::]/",
    "https://[::ffff:10.0.0.1]/",
    "https://[::ffff:127.0.0.1]/",
    "https://[2002:0a00:0001::1]/",
    "https://[64:ff9b::a00:1]/",
    "https://x/" + "y" * 3000,
    "https://example.org/\n",
    "https://ex\u0430mple.org/",
    "http://example.org/",
    "http://10.0.0.1/",
]
LOOPBACK = [
    "https://127.0.0.1/",
    "http://127.0.0.1:8080/x",
    "http://[::1]:80/",
    "http://localhost:1/",
]


@pytest.mark.parametrize("url", NEVER)
@pytest.mark.parametrize("guard", [STRICT, LOOSE], ids=["service", "development"])
def test_an_address_that_no_peer_may_give(guard: Guard, url: str) -> None:
    with pytest.raises(AddressRefusedError):
        guard.check_url(url)


@pytest.mark.parametrize("url", LOOPBACK)
def test_loopback_needs_development(url: str) -> None:
    assert LOOSE.check_url(url) == url
    if url.startswith("http:") or "127" in url:
        with pytest.raises(AddressRefusedError):
            STRICT.check_url(url)


@pytest.mark.parametrize("url", ["https://example.org", "https://example.org:8443/a/b?c=d"])
def test_an_address_outside_passes(url: str) -> None:
    assert STRICT.check_url(url) == url


@pytest.mark.parametrize("text", ["localhost", "", "1.2.3", "::g"])
def test_only_numbers_are_connected_to(text: str) -> None:
    with pytest.raises(AddressRefusedError):
        LOOSE.check_ip(text)


@asynccontextmanager
async def peer(**handlers: Handler) -> AsyncIterator[str]:
    """A server on loopback whose paths are named by *handlers*."""
    app = web.Application(client_max_size=2**26)
    for name, handler in handlers.items():
        app.router.add_route("*", f"/{name}", handler)
    runner = web.AppRunner(app, shutdown_timeout=0.1, handler_cancellation=True)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = site._server.sockets[0].getsockname()[1]  # type: ignore[union-attr]
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        await runner.cleanup()


@asynccontextmanager
async def client(guard: Guard = LOOSE, **limits: float) -> AsyncIterator[PeerClient]:
    found = PeerClient(guard, Limits(**limits))  # type: ignore[arg-type]
    try:
        yield found
    finally:
        await found.close()


def answering(body: bytes = b"{}", status: int = 200, **headers: str) -> Handler:
    async def answer(_request: web.Request) -> web.Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return web.Response(body=body, status=status, headers=named)

    return answer


def test_a_name_that_resolves_inside_is_refused_at_the_connection(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The resolver may say what it likes: the address that is connected to decides."""
    reached: list[bool] = []

    async def answer(_request: web.Request) -> web.Response:
        reached.append(True)
        return web.Response()

    async def run() -> None:
        loop = asyncio.get_running_loop()
        async with peer(x=answer) as root, client(STRICT) as asked:
            port = int(root.rpartition(":")[2])

            async def resolve(*_: Any, **__: Any) -> list[Any]:
                return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]

            monkeypatch.setattr(loop, "getaddrinfo", resolve, raising=False)
            with pytest.raises(AddressRefusedError):
                await asked.ask("GET", f"https://innocent.example:{port}/x")

    asyncio.run(run())
    assert not reached


def test_a_redirect_is_an_answer_and_nothing_is_carried_along() -> None:
    async def run() -> None:
        seen: list[str] = []

        async def target(request: web.Request) -> web.Response:
            seen.append(str(request.url))
            return web.Response()

        moved = answering(status=307, Location="/target", Set_Cookie="a=b")
        async with peer(moved=moved, target=target) as root, client() as asked:
            answer = await asked.ask("POST", f"{root}/moved", {"Authorization": "x"}, b"{}")
            assert (answer.status, answer.headers["location"]) == (307, "/target")
            assert seen == []

    asyncio.run(run())


def test_no_cookie_is_kept() -> None:
    async def run() -> None:
        cookies: list[str | None] = []

        async def answer(request: web.Request) -> web.Response:
            cookies.append(request.headers.get("Cookie"))
            return web.Response(headers={"Set-Cookie": "a=b; Path=/"})

        async with peer(x=answer) as root, client() as asked:
            for _ in range(2):
                await asked.ask("GET", f"{root}/x")
        assert cookies == [None, None]

    asyncio.run(run())


async def endless(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(request)
    while True:
        await response.write(b"x" * 65_536)


async def silent(_request: web.Request) -> web.Response:
    await asyncio.Event().wait()
    return web.Response()


@pytest.mark.parametrize(
    "handler",
    [
        answering(b"x" * 2000),
        endless,
        silent,
        answering(gzip.compress(b"0" * 10_000_000), Content_Encoding="gzip"),
    ],
    ids=["large", "endless", "silent", "compressed"],
)
def test_an_answer_beyond_the_bounds_is_given_up(handler: Handler) -> None:
    async def run() -> None:
        async with peer(x=handler) as root, client(read_seconds=0.3, total_seconds=0.5) as asked:
            with pytest.raises(PeerUnreachableError):
                await asked.ask("GET", f"{root}/x", max_bytes=1000)

    asyncio.run(run())


def test_nobody_listening_is_away() -> None:
    async def run() -> None:
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            port = unused.getsockname()[1]
            async with client() as asked:
                with pytest.raises(PeerUnreachableError):
                    await asked.get(f"http://127.0.0.1:{port}/", max_bytes=10)

    asyncio.run(run())


DATA = b"abc" * 100_000


@pytest.mark.parametrize(
    ("handler", "sha256", "most", "error"),
    [
        (answering(DATA), "0" * 64, 10**6, AssetAlteredError),
        (answering(DATA), None, 1000, PeerUnreachableError),
        (answering(b"", 404), None, 10**6, PeerUnreachableError),
        (answering(b"", 302, Location="/y"), None, 10**6, PeerUnreachableError),
    ],
    ids=["altered", "too large", "missing", "moved"],
)
def test_data_that_do_not_fit_leave_no_file(
    tmp_path: Path, handler: Handler, sha256: str | None, most: int, error: type[DelianError]
) -> None:
    async def run() -> None:
        async with peer(x=handler) as root, client() as asked:
            with pytest.raises(error):
                await asked.download(
                    f"{root}/x", {}, tmp_path / "out", sha256=sha256, max_bytes=most
                )

    asyncio.run(run())
    assert list(tmp_path.iterdir()) == []


def test_data_go_both_ways(tmp_path: Path) -> None:
    brought: list[tuple[str, bytes, str | None]] = []

    async def take(request: web.Request) -> web.Response:
        brought.append((request.method, await request.read(), request.headers.get("Authorization")))
        return web.Response(status=204)

    async def run() -> None:
        async with peer(data=answering(DATA), box=take) as root, client() as asked:
            target = tmp_path / "out"
            size, digest = await asked.download(
                f"{root}/data", {}, target, sha256=None, max_bytes=10**6
            )
            assert (size, target.read_bytes()) == (len(DATA), DATA)
            await asked.download(f"{root}/data", {}, target, sha256=digest, max_bytes=10**6)
            status = await asked.upload("PUT", f"{root}/box", {"Authorization": "Bearer t"}, target)
            assert status == 204

    asyncio.run(run())
    assert brought == [("PUT", DATA, "Bearer t")]
