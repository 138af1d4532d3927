"""The routes of a key-access service: Connect in protobuf and JSON, its GET form, and REST.

Bodies are bounded before and after decompression. What goes wrong is answered with Connect's own
error object; a text that comes from inside never leaves.
"""

import asyncio
import base64
import binascii
import functools
import zlib
from collections.abc import Awaitable, Callable, Sequence
from typing import Any
from urllib.parse import parse_qsl, unquote_plus

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from delian.adapters.key_access_calls import (
    Answer,
    Call,
    Caller,
    KeyAccess,
    Method,
    TokenRequest,
    attribute_values,
    configuration,
    health,
    public_key,
    rewrap,
    services,
)
from delian.adapters.key_access_store import ProofUsedError
from delian.exchange.key_access_errors import (
    KeyClientError,
    KeyDeniedError,
    KeyProofError,
    KeyRequestError,
)
from delian.terms.errors import DelianError, InputError, RefusedError, UnavailableError

MAX_BODY_BYTES = 1024 * 1024
MAX_AT_ONCE, BODY_SECONDS = 128, 20.0
_SERVICES = "/policy.kasregistry.KeyAccessServerRegistryService/ListKeyAccessServers"
_VALUES = "/policy.attributes.AttributesService/GetAttributeValuesByFqns"
_WELL_KNOWN = "/wellknownconfiguration.WellKnownService/GetWellKnownConfiguration"


def key_access_routes(service: KeyAccess) -> list[Route]:
    """Everything that TDF clients call, to be mounted at the root of an origin."""
    calls: dict[str, Method] = {
        _WELL_KNOWN: configuration,
        "/kas.AccessService/PublicKey": public_key,
        "/kas.AccessService/Rewrap": rewrap,
        _SERVICES: services,
        _VALUES: attribute_values,
        "/grpc.health.v1.Health/Check": health,
    }
    routes = [
        Route(prefix + path, _connect(service, method), methods=["POST"])
        for path, method in calls.items()
        for prefix in ("", "/kas")
    ]
    routes.append(Route(_WELL_KNOWN, _connect_get(service, configuration), methods=["GET"]))
    documents: dict[str, Callable[[Request], dict[str, Any]]] = {
        "/.well-known/opentdf-configuration": lambda _: service.configuration(),
        "/.well-known/openid-configuration": lambda _: service.identity_configuration(),
        "/jwks": lambda _: service.token_keys(),
        "/kas/v2/kas_public_key": lambda request: _rest_public_key(service, request),
        "/v2/kas_public_key": lambda request: _rest_public_key(service, request),
    }
    routes += [Route(path, _guard(_document(make))) for path, make in documents.items()]
    routes += [
        Route(path, _guard(functools.partial(_rest_rewrap, service)), methods=["POST"])
        for path in ("/kas/v2/rewrap", "/v2/rewrap")
    ]
    routes += [
        Route(path, functools.partial(_token, service), methods=["POST"])
        for path in ("/token", "/protocol/openid-connect/token")
    ]
    turns = asyncio.BoundedSemaphore(MAX_AT_ONCE)
    return [_in_turn(route, turns) for route in routes]


def _in_turn(route: Route, turns: asyncio.Semaphore) -> Route:
    """The same route; where too many calls are being answered, the next is sent away."""
    inner = route.app

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if turns.locked():
            message = {"code": "resource_exhausted", "message": "too many calls at once"}
            busy = JSONResponse(message, 429, {"retry-after": "1"})
            await busy(scope, receive, send)
            return
        async with turns:
            await inner(scope, receive, send)

    route.app = app
    return route


# --- Connect ---------------------------------------------------------------------------------


def _guard(
    handler: Callable[[Request], Awaitable[Response]],
) -> Callable[[Request], Awaitable[Response]]:
    """Errors of ours become Connect's error object."""

    @functools.wraps(handler, updated=())
    async def guarded(request: Request) -> Response:
        try:
            return await handler(request)
        except DelianError as error:
            return _failure(error)

    return guarded


def _connect(service: KeyAccess, method: Method) -> Callable[[Request], Awaitable[Response]]:
    async def answer(request: Request) -> Response:
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind not in ("application/proto", "application/json"):
            return Response(status_code=415, headers={"accept-post": "application/proto"})
        call = Call(kind == "application/json", await _body(request), _caller(request))
        return _spell(await run_in_threadpool(method, service, call), call.is_json)

    return _guard(answer)


def _connect_get(service: KeyAccess, method: Method) -> Callable[[Request], Awaitable[Response]]:
    async def answer(request: Request) -> Response:
        query = request.query_params
        encoding = query.get("encoding", "")
        if query.get("connect") != "v1" or encoding not in ("proto", "json"):
            raise KeyRequestError("this is no call in Connect's GET form")
        data = query.get("message", "").encode()
        if query.get("base64") == "1":
            data = _base64url(data)
        data = _decompress(data, query.get("compression", ""))
        call = Call(encoding == "json", data, _caller(request))
        return _spell(await run_in_threadpool(method, service, call), call.is_json)

    return _guard(answer)


def _spell(answer: Answer, is_json: bool) -> Response:
    if is_json:
        return JSONResponse(answer.plain)
    return Response(answer.proto, media_type="application/proto")


def _failure(error: DelianError) -> Response:
    """Connect's error object with its HTTP status; a refusal of the key keeps readers' words."""
    status, code = 400, "invalid_argument"
    headers = {}
    if isinstance(error, KeyProofError | ProofUsedError):
        status, code = 401, "unauthenticated"
        headers = {"www-authenticate": 'DPoP error="invalid_dpop_proof", Bearer'}
    elif isinstance(error, KeyDeniedError):
        status, code = 403, "permission_denied"
    elif isinstance(error, UnavailableError):
        status, code = 503, "unavailable"
    elif not isinstance(error, InputError | RefusedError):
        status, code = 500, "internal"
    return JSONResponse({"code": code, "message": error.message}, status, headers)


# --- REST and tokens ---------------------------------------------------------------------------


def _document(
    make: Callable[[Request], dict[str, Any]],
) -> Callable[[Request], Awaitable[Response]]:
    async def answer(request: Request) -> Response:
        return JSONResponse(await run_in_threadpool(make, request))

    return answer


def _rest_public_key(service: KeyAccess, request: Request) -> dict[str, Any]:
    pem, kid = service.public_key(request.query_params.get("algorithm", ""))
    return {"publicKey": pem, "kid": kid}


async def _rest_rewrap(service: KeyAccess, request: Request) -> Response:
    call = Call(True, await _body(request), _caller(request))
    return _spell(await run_in_threadpool(rewrap, service, call), True)


async def _token(service: KeyAccess, request: Request) -> Response:
    """RFC 6749, client credentials, the client's secret in the header or in the form."""
    try:
        form = dict(parse_qsl((await _body(request)).decode(), max_num_fields=32))
        if form.get("grant_type") != "client_credentials":
            return _token_error("unsupported_grant_type", 400)
        name, secret = form.get("client_id", ""), form.get("client_secret", "")
        scheme, _, basic = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "basic":
            name, secret = _basic(basic)
        proofs = tuple(request.headers.getlist("dpop"))
        asked = TokenRequest(name, secret, proofs, request.url.path)
        return JSONResponse(
            await run_in_threadpool(service.token, asked), headers={"cache-control": "no-store"}
        )
    except KeyClientError:
        return _token_error("invalid_client", 401)
    except (KeyProofError, ProofUsedError):
        return _token_error("invalid_dpop_proof", 400)
    except UnavailableError:
        return _token_error("temporarily_unavailable", 503)
    except (DelianError, ValueError):
        return _token_error("invalid_request", 400)


def _token_error(code: str, status: int) -> Response:
    headers = {"cache-control": "no-store"}
    if status == 401:
        headers["www-authenticate"] = 'Basic realm="key access"'
    return JSONResponse({"error": code}, status, headers)


def _basic(text: str) -> tuple[str, str]:
    name, _, secret = base64.b64decode(text, validate=True).decode().partition(":")
    return unquote_plus(name), unquote_plus(secret)


# --- bodies ------------------------------------------------------------------------------------


def _caller(request: Request) -> Caller:
    heads = request.headers
    proofs: Sequence[str] = heads.getlist("dpop")
    return Caller(heads.get("authorization", ""), tuple(proofs), request.method, request.url.path)


async def _body(request: Request) -> bytes:
    """The whole body, bounded on the wire and after decompression.

    Raises:
        KeyRequestError: it is larger, slower, or compressed in another way than gzip.
    """
    held = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for part in request.stream():
                held += part
                if len(held) > MAX_BODY_BYTES:
                    raise KeyRequestError("the body is too large")
    except (TimeoutError, ClientDisconnect) as error:
        raise KeyRequestError("the body did not arrive in time") from error
    return _decompress(bytes(held), request.headers.get("content-encoding", ""))


def _decompress(data: bytes, encoding: str) -> bytes:
    if encoding in ("", "identity"):
        return data
    if encoding != "gzip":
        raise KeyRequestError("the body is compressed in an unknown way")
    stream = zlib.decompressobj(wbits=31)
    try:
        out = stream.decompress(data, MAX_BODY_BYTES)
    except zlib.error as error:
        raise KeyRequestError("the body is not gzip") from error
    if stream.unconsumed_tail or not stream.eof or stream.unused_data:
        raise KeyRequestError("the body is too large or cut off")
    return out


def _base64url(data: bytes) -> bytes:
    try:
        return base64.urlsafe_b64decode(data + b"=" * (-len(data) % 4))
    except (binascii.Error, ValueError) as error:
        raise KeyRequestError("the message is not base64") from error
