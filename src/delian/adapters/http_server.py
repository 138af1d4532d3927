"""The secretariat's door: signed files in, a feed of documents out, over TLS.

Everything that comes in is a file that could as well arrive on a memory stick; the door adds
only who is asking, proven by signing a challenge with the party's own key. Bodies are bounded.
"""

import asyncio
import base64
import functools
import secrets
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from delian.adapters.bounded_body import read_body
from delian.adapters.session import challenge_message
from delian.crypto.sign import PublicKey
from delian.terms.encode import Digest, Fields, parse
from delian.terms.errors import DelianError, InputError, RefusedError

MAX_BODY_BYTES = 512 * 1024 * 1024
MAX_WAIT_SECONDS = 30.0
SESSION_SECONDS = 3600.0
CHALLENGE_SECONDS = 60.0
_STATUS = {1: 403, 2: 400, 3: 409, 4: 425, 5: 503, 70: 500}


class NotKnownError(RefusedError):
    """The one who asks has not shown who it is."""

    code = "not-known"


class Office(Protocol):
    """What the door needs from the node behind it."""

    def public_key(self, keyid: str) -> PublicKey | None:
        """The roster's key behind *keyid*."""
        ...

    def receive(self, data: bytes, sender: str) -> Digest:
        """Take one file in. *sender* is the party code that proved itself."""
        ...

    def feed(self, reader: str, after: int) -> list[tuple[int, Digest, str, bytes]]:
        """Documents that *reader* may see: number, digest, kind, body."""
        ...

    def has_news(self, reader: str, after: int) -> bool:
        """Would the feed give anything? Answers from memory, at once."""
        ...

    def blob(self, reader: str, name: str) -> bytes:
        """A larger file that *reader* may see."""
        ...

    def status(self, reader: str) -> dict[str, Any]:
        """What waits for whom."""
        ...

    def command(self, operator: str, order: dict[str, Any]) -> dict[str, Any]:
        """Carry out an operator's order; *operator* proved the secretariat's own key."""
        ...

    def act(self) -> None:
        """Do whatever is due."""
        ...

    def wake_seconds(self) -> float:
        """How long until something is due."""
        ...


@dataclass(slots=True)
class _Sessions:
    challenges: dict[str, float] = field(default_factory=dict)
    tokens: dict[str, tuple[str, float]] = field(default_factory=dict)

    def challenge(self) -> str:
        now = time.monotonic()
        self.challenges = {k: v for k, v in self.challenges.items() if v > now}
        if len(self.challenges) > 10_000:
            raise RefusedError("too many open challenges", hint="try again in a minute")
        nonce = secrets.token_hex(32)
        self.challenges[nonce] = now + CHALLENGE_SECONDS
        return nonce

    def open(self, keyid: str, nonce: str) -> str:
        if self.challenges.pop(nonce, 0.0) < time.monotonic():
            raise NotKnownError("the challenge is unknown or too old", hint="ask for a new one")
        token = secrets.token_urlsafe(32)
        self.tokens[token] = (keyid, time.monotonic() + SESSION_SECONDS)
        return token

    def who(self, token: str) -> str:
        keyid, until = self.tokens.get(token, ("", 0.0))
        if until < time.monotonic():
            raise NotKnownError("no session", hint="sign a challenge first")
        return keyid


class Door:
    """The ASGI application of one office.

    Args:
        office: The node behind the door.
        origin: The office's party code, bound into every challenge.
    """

    def __init__(self, office: Office, origin: str) -> None:
        self._office = office
        self._origin = origin
        self._sessions = _Sessions()
        self._changed = asyncio.Event()
        self._wakes = 0
        self.app = Starlette(
            routes=[
                Route("/v1/challenge", self._guard(self._challenge, known=False)),
                Route("/v1/session", self._guard(self._session, known=False), methods=["POST"]),
                Route("/v1/documents", self._guard(self._documents), methods=["POST"]),
                Route("/v1/feed", self._guard(self._feed)),
                Route("/v1/blobs/{name:path}", self._guard(self._blob)),
                Route("/v1/status", self._guard(self._status)),
                Route("/v1/operator", self._guard(self._operator), methods=["POST"]),
            ],
        )

    def _guard(
        self, handler: Callable[[Request, str], Awaitable[Response]], *, known: bool = True
    ) -> Callable[[Request], Awaitable[Response]]:
        @functools.wraps(handler)
        async def guarded(request: Request) -> Response:
            try:
                keyid = ""
                if known:
                    head = request.headers.get("authorization", "")
                    keyid = self._sessions.who(head.removeprefix("Bearer "))
                return await handler(request, keyid)
            except NotKnownError as error:
                return JSONResponse({"error": error.to_wire()}, 401)
            except DelianError as error:
                return JSONResponse({"error": error.to_wire()}, _STATUS.get(error.exit_code, 500))

        return guarded

    async def _challenge(self, _request: Request, _keyid: str) -> Response:
        return JSONResponse({"nonce": self._sessions.challenge(), "at": self._origin})

    async def _session(self, request: Request, _keyid: str) -> Response:
        f = Fields(parse(await read_body(request, 65536)), "session")
        keyid, nonce, signature = (
            f.text("key"),
            f.text("nonce"),
            f.text("signature", max_length=9000),
        )
        f.end()
        public = self._office.public_key(keyid)
        if public is None:
            raise NotKnownError("the key id is not in the roster")
        try:
            raw = base64.b64decode(signature, validate=True)
        except ValueError as error:
            raise InputError("the signature is not base64") from error
        public.verify(challenge_message(self._origin, nonce, keyid), raw)
        return JSONResponse({"token": self._sessions.open(keyid, nonce)})

    async def _documents(self, request: Request, keyid: str) -> Response:
        data = await read_body(request, MAX_BODY_BYTES)
        name = await run_in_threadpool(self._office.receive, data, keyid.partition("/")[0])
        self.notify()
        return JSONResponse({"digest": name})

    async def _feed(self, request: Request, keyid: str) -> Response:
        after = _whole(request.query_params.get("after", "0"))
        wait = min(_whole(request.query_params.get("wait_ms", "0")) / 1000, MAX_WAIT_SECONDS)
        reader = keyid.partition("/")[0]
        deadline = time.monotonic() + wait
        woken = self._wakes
        while True:
            changed, wakes = self._changed, self._wakes
            found: list[tuple[int, Digest, str, bytes]] = []
            if self._office.has_news(reader, after):
                found = await run_in_threadpool(self._office.feed, reader, after)
            left = deadline - time.monotonic()
            if found or left <= 0 or wakes != woken:
                break
            try:
                await asyncio.wait_for(changed.wait(), left)
            except TimeoutError:
                break
        plain = [
            {"seq": s, "digest": d, "kind": k, "body": base64.b64encode(b).decode("ascii")}
            for s, d, k, b in found
        ]
        return JSONResponse({"documents": plain})

    async def _blob(self, request: Request, keyid: str) -> Response:
        name = request.path_params["name"]
        data = await run_in_threadpool(self._office.blob, keyid.partition("/")[0], name)
        return Response(data, media_type="application/octet-stream")

    async def _status(self, _request: Request, keyid: str) -> Response:
        return JSONResponse(await run_in_threadpool(self._office.status, keyid.partition("/")[0]))

    async def _operator(self, request: Request, keyid: str) -> Response:
        order = parse(await read_body(request, 4 * 1024 * 1024))
        if not isinstance(order, dict):
            raise InputError("an order is an object")
        answer = await run_in_threadpool(self._office.command, keyid, order)
        if order.get("order") == "wake":
            self._wakes += 1
        self.notify()
        return JSONResponse(answer)

    def notify(self) -> None:
        """Wake everybody who waits for the feed."""
        self._changed.set()
        self._changed = asyncio.Event()

    async def tick(self) -> None:
        """Act whenever something is due, until cancelled."""
        while True:
            await run_in_threadpool(self._office.act)
            self.notify()
            await asyncio.sleep(max(0.02, min(self._office.wake_seconds(), 5.0)))


def _whole(text: str) -> int:
    if not text.isdecimal() or len(text) > 18:
        raise InputError("a query parameter must be a whole number")
    return int(text)


def serve(
    door: Door,
    *,
    host: str,
    port: int,
    certificate: str,
    key: str,
    started: Callable[[], None] | None = None,
) -> None:
    """Serve until the process is told to stop.

    Args:
        door: The application.
        host: Address to bind.
        port: Port to bind.
        certificate: Path of the PEM certificate that readers pin.
        key: Path of its private key.
        started: Called once the port is open.
    """
    config = uvicorn.Config(
        door.app,
        host=host,
        port=port,
        ssl_certfile=certificate,
        ssl_keyfile=key,
        log_level="error",
        access_log=False,
        lifespan="off",
        server_header=False,
        timeout_graceful_shutdown=2,
        timeout_keep_alive=75,
    )

    async def run() -> None:
        server = uvicorn.Server(config)
        ticking = asyncio.create_task(door.tick())
        serving = asyncio.create_task(server.serve())
        while started is not None and not server.started and not serving.done():
            await asyncio.sleep(0.01)
        if started is not None and server.started:
            started()
        done, _ = await asyncio.wait({ticking, serving}, return_when=asyncio.FIRST_COMPLETED)
        server.should_exit = True
        ticking.cancel()
        for task in done:
            if not task.cancelled() and (error := task.exception()) is not None:
                raise error

    asyncio.run(run())
