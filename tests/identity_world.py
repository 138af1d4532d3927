"""Identities that talk to each other in memory: no socket, no real clock, no sleep.

A :class:`Town` maps addresses to answers. Where a test wants a liar, it puts a function there
instead of an application.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from starlette.applications import Starlette

from delian.adapters.identity_store import IdentityStore
from delian.exchange.jose import SigningKey
from delian.nodes.exchange_identity import DcpIdentity
from delian.nodes.exchange_identity_home import KEY_FILE, named_key
from delian.nodes.exchange_identity_settings import IdentitySettings
from delian.terms.errors import UnavailableError

START = datetime(2026, 11, 21, 12, tzinfo=UTC)
Answer = Callable[[str, bytes, Mapping[str, str]], Awaitable[tuple[int, bytes]]]


class Nobody(UnavailableError):
    """Nobody answers there."""

    code = "test-nobody"


class Town:
    """Addresses, their owners, and one clock for all."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.moment = START
        self.asked: list[str] = []
        self.pages: dict[str, Answer] = {}
        self.apps: dict[str, Starlette] = {}

    def now(self) -> datetime:
        return self.moment

    def second(self) -> int:
        return int(self.moment.timestamp())

    def later(self, **span: float) -> None:
        self.moment += timedelta(**span)

    def node(self, name: str, **settings: Any) -> DcpIdentity:
        """A node at ``https://<name>.example``; opened again it finds its files."""
        home = self.folder / name
        home.mkdir(exist_ok=True)
        given = IdentitySettings(did_of(name), f"https://{name}.example", **settings)
        made = DcpIdentity.open(home, given, self, self.now)
        self.apps[f"{name}.example"] = Starlette(routes=made.routes())
        return made

    def key(self, name: str) -> SigningKey:
        """The private key of a node, for tests in which it misbehaves."""
        return named_key(did_of(name), (self.folder / name / KEY_FILE).read_bytes())

    def store(self, name: str) -> IdentityStore:
        return IdentityStore(self.folder / name / "identity.db")

    def page(self, url: str, body: object, status: int = 200) -> None:
        """A fixed answer at an address."""
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()

        async def answer(_m: str, _b: bytes, _h: Mapping[str, str]) -> tuple[int, bytes]:
            return status, raw

        self.pages[url] = answer

    # -- the port ``Web`` ----------------------------------------------------------------------

    async def get(self, url: str, *, max_bytes: int) -> tuple[int, bytes]:
        return await self.send("GET", url, b"", {}, max_bytes)

    async def post(
        self, url: str, body: bytes, *, headers: Mapping[str, str] | None, max_bytes: int
    ) -> tuple[int, bytes]:
        return await self.send("POST", url, body, headers or {}, max_bytes)

    async def send(
        self,
        method: str,
        url: str,
        body: bytes,
        headers: Mapping[str, str],
        max_bytes: int = 2**20,
    ) -> tuple[int, bytes]:
        self.asked.append(url)
        parts = urlsplit(url)
        if url in self.pages:
            status, found = await self.pages[url](method, body, headers)
        elif parts.netloc in self.apps:
            status, found = await call(self.apps[parts.netloc], method, parts.path, body, headers)
        else:
            raise Nobody("nobody answers")
        if len(found) > max_bytes:
            raise Nobody("the answer is larger than allowed")
        return status, found


async def call(
    app: Starlette, method: str, path: str, body: bytes, headers: Mapping[str, str]
) -> tuple[int, bytes]:
    """One request to an ASGI application, without a socket."""
    status, parts = 0, []
    waiting = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> Any:
        return waiting.pop() if waiting else {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        nonlocal status
        if message["type"] == "http.response.start":
            status = message["status"]
        else:
            parts.append(message.get("body", b""))

    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "scheme": "https",
        "headers": [(k.lower().encode(), v.encode()) for k, v in headers.items()],
        "server": ("test", 443),
        "client": ("test", 1),
    }
    await app(scope, receive, send)
    return status, b"".join(parts)


def did_of(name: str) -> str:
    return f"did:web:{name}.example"


def run(made: Awaitable[Any]) -> Any:
    """Run a coroutine to its end in a loop of its own."""

    async def whole() -> Any:
        return await made

    return asyncio.run(whole())
