"""The Dataspace Protocol over HTTP: dispatch, bounds, and errors as the protocol spells them.

The hot routes are dispatched here, without a framework in between; everything else (identity, key
access) goes to a Starlette application behind. Bodies are bounded in size and time, requests in
number, in total and for each peer: more are told to come again.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import parse_qs, urlsplit

from starlette.applications import Starlette
from starlette.routing import BaseRoute

from delian.adapters.dsp_endpoints import ENDPOINTS, Endpoint
from delian.adapters.dsp_openapi import openapi
from delian.exchange.errors import (
    BusyError,
    ErrorKind,
    MessageError,
    status_of,
    to_error_object,
)
from delian.exchange.plain import MAX_BYTES, to_bytes
from delian.exchange.reactions import Participant
from delian.exchange.words import VERSION_PATH, WELL_KNOWN_PATH
from delian.terms.errors import DelianError

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
_JSON = (b"content-type", b"application/json")


_DATA = "/data/"


@dataclass(frozen=True, slots=True)
class Request:
    """What a peer asks, as far as the transport knows."""

    pid: str
    body: bytes
    page: str | None


class Reply(Protocol):
    """What it is answered."""

    @property
    def status(self) -> int:
        """Of HTTP."""
        ...

    @property
    def body(self) -> bytes:
        """JSON."""
        ...

    @property
    def headers(self) -> tuple[tuple[bytes, bytes], ...]:
        """Beside the content type."""
        ...


class Behind(Protocol):
    """The connector behind the door."""

    @property
    def data(self) -> Any:
        """Its data plane."""
        ...

    async def answer(self, endpoint: Endpoint, request: Request, who: Participant) -> Reply:
        """Answer a peer."""
        ...

    def versions(self) -> bytes:
        """The version document."""
        ...


class IdentityPort(Protocol):
    """Who asks."""

    async def identify(self, authorization: str | None) -> Participant:
        """Whose request this is."""
        ...


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much at a time.

    Args:
        requests: At once, in total.
        requests_per_peer: At once, of one participant.
        body_seconds: Until a body is complete.
        write_seconds: Until a piece of an answer is taken.
        max_body_bytes: Of a message.
    """

    requests: int = 1024
    requests_per_peer: int = 256
    body_seconds: float = 10.0
    write_seconds: float = 60.0
    max_body_bytes: int = MAX_BYTES


class DspApp:
    """The ASGI application.

    Args:
        behind: The connector.
        identity: Checks who asks.
        routes: What else is served.
        root: Our address; its path is the prefix of every route of the protocol.
        bounds: How much at a time.
        is_development: Serve a description of the endpoints, too.
    """

    def __init__(
        self,
        behind: Behind,
        identity: IdentityPort,
        routes: Sequence[BaseRoute],
        root: str,
        bounds: Bounds | None = None,
        *,
        is_development: bool = False,
    ) -> None:
        self._behind = behind
        self._identity = identity
        self._rest = Starlette(routes=list(routes))
        self._document = to_bytes(openapi(root)) if is_development else None
        self._bounds = bounds or Bounds()
        self._prefix = urlsplit(root).path.rstrip("/")
        self._busy = 0
        self._busy_by_peer: Counter[str] = Counter()
        self._table = {
            (e.method, tuple(_NAMED.get(p, p) for p in e.path.split("/")[1:])): e for e in ENDPOINTS
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._rest(scope, receive, send)
            return
        path: str = scope["path"]
        inside = path[len(self._prefix) :] if path.startswith(self._prefix) else ""
        if inside.startswith(VERSION_PATH + "/"):
            await self._protocol(scope, receive, send, inside[len(VERSION_PATH) + 1 :])
        elif inside == WELL_KNOWN_PATH:
            if scope["method"] != "GET":
                await _send(send, 405, b"{}", ((b"allow", b"GET"),))
                return
            await _send(send, 200, self._behind.versions())
        elif inside == "/openapi.json" and self._document is not None:
            await _send(send, 200, self._document)
        elif inside.startswith(_DATA):
            await self._data(scope, send, inside[len(_DATA) :])
        else:
            await self._rest(scope, receive, send)

    def _find(self, method: str, inside: str) -> tuple[Endpoint, str] | int:
        """The endpoint and the process or dataset it is about, or the status that says no."""
        parts = inside.split("/")
        key: tuple[str, ...]
        if parts[:2] == ["catalog", "datasets"] and len(parts) > 2:
            key, pid = ("catalog", "datasets", ""), "/".join(parts[2:])
        elif len(parts) == 2 and (method, tuple(parts)) in self._table:
            key, pid = (parts[0], parts[1]), ""
        else:
            key, pid = (parts[0], "", *parts[2:]), parts[1] if len(parts) > 1 else ""
        found = self._table.get((method, key))
        if found is not None:
            return found, pid
        others = {m for m, k in self._table if k in (key, tuple(parts))}
        return 405 if others else 404

    async def _protocol(self, scope: Scope, receive: Receive, send: Send, inside: str) -> None:
        found = self._find(scope["method"], inside)
        if isinstance(found, int):
            await _send(send, found, b"{}")
            return
        endpoint, pid = found
        self._busy += 1
        try:
            reply = await self._answer(endpoint, pid, scope, receive)
            await _send(send, reply.status, reply.body, reply.headers)
        except DelianError as error:
            body = to_bytes(to_error_object(error, endpoint.kind, *_pids(endpoint, pid)))
            later = ((b"retry-after", b"1"),) if status_of(error) in (429, 503) else ()
            await _send(send, status_of(error), body, later)
        finally:
            self._busy -= 1

    async def _answer(self, endpoint: Endpoint, pid: str, scope: Scope, receive: Receive) -> Reply:
        if self._busy > self._bounds.requests:
            raise BusyError("too many requests at once")
        who = await self._identity.identify(_header(scope, b"authorization"))
        if self._busy_by_peer[who.id] >= self._bounds.requests_per_peer:
            raise BusyError("too many requests of this participant at once")
        self._busy_by_peer[who.id] += 1
        try:
            body = b""
            if endpoint.method == "POST":
                body = await self._body(scope, receive)
            page = _page(scope["query_string"]) if scope["query_string"] else None
            return await self._behind.answer(endpoint, Request(pid, body, page), who)
        finally:
            self._busy_by_peer[who.id] -= 1
            if not self._busy_by_peer[who.id]:
                del self._busy_by_peer[who.id]

    async def _body(self, scope: Scope, receive: Receive) -> bytes:
        """The whole body.

        Raises:
            MessageError: too large, too slow, broken off, or compressed.
        """
        if _header(scope, b"content-encoding") not in (None, "identity"):
            raise MessageError("a compressed body is not taken")
        length = _header(scope, b"content-length") or "0"
        if not length.isdecimal() or int(length[:20]) > self._bounds.max_body_bytes:
            raise MessageError("the body is larger than this message may be")
        data = bytearray()
        try:
            async with asyncio.timeout(self._bounds.body_seconds):
                while True:
                    piece = await receive()
                    if piece["type"] == "http.disconnect":
                        raise MessageError("the body broke off")
                    data += piece.get("body", b"")
                    if len(data) > self._bounds.max_body_bytes:
                        raise MessageError("the body is larger than this message may be")
                    if not piece.get("more_body", False):
                        return bytes(data)
        except TimeoutError as error:
            raise MessageError("the body did not arrive in time") from error

    async def _data(self, scope: Scope, send: Send, pid: str) -> None:
        method = scope["method"]
        if method not in ("GET", "HEAD"):
            await _send(send, 405, b"", ((b"allow", b"GET, HEAD"),))
            return
        data = self._behind.data
        try:
            token = _header(scope, b"authorization")
            asset = await data.open(pid, token, consume=method == "GET")
        except DelianError:
            await _send(send, 404, b"{}")
            return
        headers = [
            (b"content-type", asset.media_type.encode("latin-1", "replace")),
            (b"content-length", str(asset.size).encode()),
            (b"cache-control", b"no-store"),
            (b"x-content-type-options", b"nosniff"),
        ]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        try:
            if method == "GET":
                async for piece in data.pieces(pid, asset):
                    async with asyncio.timeout(self._bounds.write_seconds):
                        await send({"type": "http.response.body", "body": piece, "more_body": True})
        except (DelianError, TimeoutError, OSError):
            return  # the connection closes before all bytes have come, which the peer notices
        await send({"type": "http.response.body", "body": b"", "more_body": False})


_NAMED = {"{pid}": ""}


def _pids(endpoint: Endpoint, pid: str) -> tuple[str | None, str | None]:
    """The pid that the asker named stands in the error where its role is plain from the path."""
    if not pid or endpoint.kind is ErrorKind.CATALOG:
        return None, None
    if endpoint.name in ("counter", "verification"):
        return pid, None
    if endpoint.name in ("counter-offer", "agreement"):
        return None, pid
    return None, None


def _header(scope: Scope, name: bytes) -> str | None:
    for key, value in scope["headers"]:
        if key == name:
            text: str = value.decode("latin-1")
            return text
    return None


def _page(query: bytes) -> str | None:
    if len(query) > 16_384:
        raise MessageError("the query is too long")
    try:
        found = parse_qs(query.decode("ascii"), max_num_fields=10).get("page")
    except ValueError as error:
        raise MessageError("the query cannot be read") from error
    return found[0] if found else None


async def _send(
    send: Send, status: int, body: bytes, extra: tuple[tuple[bytes, bytes], ...] = ()
) -> None:
    headers = [_JSON, (b"content-length", str(len(body)).encode()), *extra]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": False})
