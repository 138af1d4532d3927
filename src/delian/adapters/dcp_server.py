"""The doors of the Decentralized Claims Protocol: documents, wallet, token service, issuer.

Bodies are bounded, answers short: who is refused learns a status and one sentence that is safe
for any party.
"""

import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from delian.adapters.bounded_body import read_body
from delian.exchange.dcp_errors import (
    CredentialError,
    DidAwayError,
    DidError,
    NotEntitledError,
    NotSupportedHereError,
    TokenError,
)
from delian.exchange.errors import NotFoundHereError
from delian.exchange.plain import read_object
from delian.terms.errors import DelianError, InputError, UnavailableError

MAX_BODY_BYTES = 1024 * 1024
MAX_FORM_BYTES = 16 * 1024
MAX_DEPTH = 20
HOLDER = "/dcp/holder"
ISSUER = "/dcp/issuer"
STS = "/dcp/sts"
STATUS = "/dcp/status"
_HEX = re.compile(r"[0-9A-Fa-f]{2}")


class IdentityDesk(Protocol):
    """What the doors ask of the node behind them."""

    def document(self) -> Mapping[str, Any]:
        """Our DID document."""
        ...

    async def query(self, authorization: str | None, plain: object) -> Mapping[str, Any]:
        """A verifier asks for presentations."""
        ...

    async def deliver(self, authorization: str | None, plain: object) -> None:
        """An issuer delivers credentials."""
        ...

    async def offer(self, authorization: str | None, plain: object) -> None:
        """An issuer offers credentials."""
        ...

    def grant(self, form: Mapping[str, str]) -> Mapping[str, Any]:
        """A client of ours asks for a self-issued token."""
        ...

    def metadata(self) -> Mapping[str, Any]:
        """What we issue."""
        ...

    async def request(self, authorization: str | None, plain: object) -> str:
        """A holder asks for credentials; gives the name of its request."""
        ...

    async def request_status(self, authorization: str | None, name: str) -> Mapping[str, Any]:
        """Where a holder's request stands."""
        ...

    def status_list(self, kind: str, number: int) -> str:
        """One of our status lists as a token."""
        ...


def status_of(error: DelianError) -> int:
    """The HTTP status that answers *error*."""
    if isinstance(error, TokenError | DidError | DidAwayError):
        return 401
    if isinstance(error, NotFoundHereError):
        return 404
    if isinstance(error, NotSupportedHereError):
        return 501
    if isinstance(error, NotEntitledError):
        return 403
    if isinstance(error, InputError | CredentialError):
        return 400
    return 503 if isinstance(error, UnavailableError) else 403


def identity_routes(
    desk: IdentityDesk, document_path: str, address: str, *, issues: bool
) -> list[Route]:
    """The routes of one identity.

    Args:
        desk: The node.
        document_path: Where our DID document must lie, on the host that the DID names.
        address: The node's address; its path stands before every other route.
        issues: Whether this node issues credentials.
    """
    doors = _Doors(desk)
    before = urlsplit(address).path.rstrip("/")
    holder, issuer = before + HOLDER, before + ISSUER
    routes = [
        Route(document_path, _guarded(doors.document), methods=["GET"]),
        Route(f"{holder}/presentations/query", _guarded(doors.query), methods=["POST"]),
        Route(f"{holder}/credentials", _guarded(doors.deliver), methods=["POST"]),
        Route(f"{holder}/offers", _guarded(doors.offer), methods=["POST"]),
        Route(f"{before}{STS}/token", _guarded(doors.grant), methods=["POST"]),
    ]
    if issues:
        routes += [
            Route(f"{issuer}/metadata", _guarded(doors.metadata), methods=["GET"]),
            Route(f"{issuer}/credentials", _guarded(doors.request), methods=["POST"]),
            Route(f"{issuer}/requests/{{name}}", _guarded(doors.request_status), methods=["GET"]),
            Route(f"{before}{STATUS}/{{kind}}/{{number:int}}", _guarded(doors.status_list)),
        ]
    return routes


class _Doors:
    def __init__(self, desk: IdentityDesk) -> None:
        self._desk = desk

    async def document(self, _request: Request) -> Response:
        return JSONResponse(
            self._desk.document(),
            media_type="application/did+json",
            headers={"Cache-Control": "max-age=60"},
        )

    async def query(self, request: Request) -> Response:
        plain = await _plain(request)
        return JSONResponse(await self._desk.query(request.headers.get("authorization"), plain))

    async def deliver(self, request: Request) -> Response:
        plain = await _plain(request)
        await self._desk.deliver(request.headers.get("authorization"), plain)
        return Response(status_code=200)

    async def offer(self, request: Request) -> Response:
        plain = await _plain(request)
        await self._desk.offer(request.headers.get("authorization"), plain)
        return Response(status_code=200)

    async def grant(self, request: Request) -> Response:
        body = await read_body(request, MAX_FORM_BYTES)
        answer = self._desk.grant(read_form(body))
        return JSONResponse(answer, headers={"Cache-Control": "no-store"})

    async def metadata(self, _request: Request) -> Response:
        return JSONResponse(self._desk.metadata())

    async def request(self, request: Request) -> Response:
        plain = await _plain(request)
        name = await self._desk.request(request.headers.get("authorization"), plain)
        place = f"{request.url.path.removesuffix('/credentials')}/requests/{name}"
        return Response(status_code=201, headers={"Location": place})

    async def request_status(self, request: Request) -> Response:
        name = request.path_params["name"]
        header = request.headers.get("authorization")
        return JSONResponse(await self._desk.request_status(header, name))

    async def status_list(self, request: Request) -> Response:
        kind, number = request.path_params["kind"], request.path_params["number"]
        token = self._desk.status_list(kind, number)
        return Response(
            token, media_type="application/vc+jwt", headers={"Cache-Control": "max-age=60"}
        )


def read_form(body: bytes) -> dict[str, str]:
    """The fields of a form, each named once.

    Raises:
        InputError: not a form, or a field named twice.
    """
    fields: dict[str, str] = {}
    try:
        for pair in body.decode("ascii").split("&"):
            name, value = (_unescape(part) for part in pair.partition("=")[::2])
            if name in fields:
                raise InputError("the form names a field twice")
            fields[name] = value
    except ValueError as error:
        raise InputError("the body is no form") from error
    return fields


def _unescape(text: str) -> str:
    head, *parts = text.replace("+", " ").split("%")
    if not all(_HEX.match(part) for part in parts):
        raise InputError("the form holds a broken escape")
    raw = head.encode() + b"".join(bytes.fromhex(p[:2]) + p[2:].encode() for p in parts)
    return raw.decode("utf-8")


def _guarded(
    handler: Callable[[Request], Awaitable[Response]],
) -> Callable[[Request], Awaitable[Response]]:
    async def guarded(request: Request) -> Response:
        try:
            return await handler(request)
        except DelianError as error:
            body = {"error": error.code, "error_description": error.message}
            return JSONResponse(body, status_of(error), headers={"Cache-Control": "no-store"})

    return guarded


async def _plain(request: Request) -> object:
    return read_object(await read_body(request, MAX_BODY_BYTES), max_depth=MAX_DEPTH)
