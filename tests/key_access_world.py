"""Key-access services for tests: their rules, their readers, a way to serve them on loopback."""

import asyncio
import base64
import contextlib
import hashlib
import hmac
import json
import socket
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import uvicorn
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from starlette.applications import Starlette

from delian.adapters.clock import Clock
from delian.adapters.files import write_bytes
from delian.adapters.key_access_server import key_access_routes
from delian.exchange.key_access import Attribute, AttributeRule, ProofRule
from delian.exchange.rewrap_reader import ReaderKey
from delian.nodes.exchange_keys import KeyService, open_service

AUTHORITY = "https://alliance.example/attr"
RELEASABLE = f"{AUTHORITY}/rel"
LEVEL = f"{AUTHORITY}/level"
ADMITTED = f"{AUTHORITY}/admitted"
RULES = (
    Attribute(RELEASABLE, AttributeRule.ANY_OF, ("fra", "jpn", "industry")),
    Attribute(LEVEL, AttributeRule.HIERARCHY, ("secret", "restricted", "open")),
    Attribute(ADMITTED, AttributeRule.ALL_OF, ("steel", "chips")),
)
FRA, JPN = f"{RELEASABLE}/value/fra", f"{RELEASABLE}/value/jpn"
NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


class FixedClock:
    """A clock that stands where it is put."""

    def __init__(self, moment: datetime = NOW) -> None:
        self.moment = moment

    def now_utc(self) -> datetime:
        """The moment it stands at."""
        return self.moment

    def real_seconds(self, span: timedelta) -> float:
        """As long as the span says."""
        return span.total_seconds()


@dataclass(frozen=True, slots=True)
class Reader:
    """A registered reader and its secret."""

    name: str
    secret: str


_FILES: dict[str, bytes] = {}


def make_service(folder: Path, address: str, clock: Clock) -> KeyService:
    """A service that knows the rules of this world; all of them begin with the same files."""
    if not folder.exists():
        for name, data in (_FILES or _make_files(folder.parent / "first")).items():
            write_bytes(folder / name, data, secret=True)
    return open_service(folder, address, clock)


def fresh_service(folder: Path, address: str, clock: Clock) -> KeyService:
    """The same with keys of its own."""
    service = open_service(folder, address, clock)
    for rule in RULES:
        service.define(rule)
    return service


def _make_files(folder: Path) -> dict[str, bytes]:
    fresh_service(folder, "", FixedClock()).close()
    _FILES.update({path.name: path.read_bytes() for path in folder.iterdir()})
    return _FILES


def make_reader(service: KeyService, name: str, held: list[str], proof: ProofRule) -> Reader:
    """Register a reader."""
    return Reader(name, service.register(name, held, proof))


@contextlib.contextmanager
def served(service: KeyService, **settings: Any) -> Iterator[str]:
    """Serve *service* on a loopback port of the system's choice; its address."""
    with serving(Starlette(routes=key_access_routes(service)), **settings) as address:
        service.address = address
        yield address


@contextlib.contextmanager
def serving(app: Starlette, **settings: Any) -> Iterator[str]:
    """Serve *app* on a loopback port of the system's choice; its address."""
    with socket.socket() as place:
        place.bind(("127.0.0.1", 0))
        server = uvicorn.Server(
            uvicorn.Config(app, log_level="critical", lifespan="off", **settings)
        )
        ready = threading.Event()
        startup = server.startup

        async def started(sockets: list[socket.socket] | None = None) -> None:
            await startup(sockets)
            ready.set()

        server.startup = started  # type: ignore[method-assign]
        thread = threading.Thread(target=server.run, kwargs={"sockets": [place]}, daemon=True)
        thread.start()
        try:
            if not ready.wait(20):
                raise RuntimeError("the service did not start")
            scheme = "https" if settings else "http"
            yield f"{scheme}://127.0.0.1:{place.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(20)


@dataclass(frozen=True, slots=True)
class Heard:
    """What came back from one request."""

    status: int
    headers: dict[str, str]
    body: bytes

    def plain(self) -> dict[str, Any]:
        """The body as JSON."""
        found: dict[str, Any] = json.loads(self.body)
        return found


def ask(
    app: Starlette,
    method: str,
    path: str,
    body: bytes | list[bytes] = b"",
    headers: Sequence[tuple[str, str]] = (),
) -> Heard:
    """One request, handed to *app* without a network; a list is a chunked body."""
    parts = body if isinstance(body, list) else [body]
    waiting = [
        {"type": "http.request", "body": part, "more_body": number < len(parts) - 1}
        for number, part in enumerate(parts)
    ]
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return waiting.pop(0) if waiting else {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    where, _, query = path.partition("?")
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "https",
        "path": where,
        "raw_path": where.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": [(name.lower().encode(), value.encode()) for name, value in headers],
        "server": ("kas.example", 443),
        "client": ("192.0.2.1", 40000),
    }
    asyncio.run(app(scope, receive, send))
    head = {k.decode(): v.decode() for k, v in sent[0]["headers"]}
    return Heard(sent[0]["status"], head, b"".join(m.get("body", b"") for m in sent[1:]))


class Desk:
    """A reader before a service's application, and what a stock reader would send."""

    def __init__(self, service: KeyService, reader: Reader) -> None:
        self.service, self.reader = service, reader
        self.app = Starlette(routes=key_access_routes(service))
        self.key = ReaderKey.make()
        self.count = 0

    def random(self, length: int) -> bytes:
        """Never the same twice."""
        self.count += 1
        return self.count.to_bytes(length, "big")

    def proof(self, path: str, token: str = "", *, method: str = "POST", at: datetime = NOW) -> str:
        """A proof for one request to the service."""
        return self.key.proof(method, self.service.address + path, at, self.random, token)

    def token(self, path: str = "/token") -> str:
        """An access token, bound to the reader's key where its rule says so."""
        basic = base64.b64encode(f"{self.reader.name}:{self.reader.secret}".encode()).decode()
        heads = [("authorization", f"Basic {basic}"), ("dpop", self.proof(path))]
        heard = ask(self.app, "POST", path, b"grant_type=client_credentials", heads)
        return str(heard.plain()["access_token"])

    def rewrap(self, body: str, heads: Sequence[tuple[str, str]] | None = None) -> Heard:
        """A rewrap in JSON with a good token and a good proof, or with *heads*."""
        path = "/kas.AccessService/Rewrap"
        if heads is None:
            token = self.token()
            heads = [("authorization", f"DPoP {token}"), ("dpop", self.proof(path, token))]
        signed = self.key.sign_request(body, NOW)
        data = json.dumps({"signedRequestToken": signed}).encode()
        kind = ("content-type", "application/json")
        return ask(self.app, "POST", path, data, [kind, *heads])


def policy_text(*attributes: str, dissem: Sequence[str] = (), uuid: str = "p-1") -> str:
    """A policy as it stands in a manifest."""
    named = [{"attribute": name} for name in attributes]
    plain = {"uuid": uuid, "body": {"dataAttributes": named, "dissem": list(dissem)}}
    return base64.b64encode(json.dumps(plain).encode()).decode()


def wrap(service: KeyService, share: bytes, policy: str, algorithm: str) -> dict[str, Any]:
    """A key access object, made as the format says, without the code under test."""
    pem, kid = service.public_key(algorithm)
    public = serialization.load_pem_public_key(pem.encode())
    binding = base64.b64encode(hmac.new(share, policy.encode(), "sha256").digest()).decode()
    made: dict[str, Any] = {"url": service.address, "kid": kid, "protocol": "kas"}
    if isinstance(public, rsa.RSAPublicKey):
        sha1 = hashes.SHA1()
        wrapped = public.encrypt(share, padding.OAEP(padding.MGF1(sha1), sha1, None))
        made["type"] = "wrapped"
    else:
        assert isinstance(public, ec.EllipticCurvePublicKey)
        own = ec.generate_private_key(ec.SECP256R1())
        key = hkdf(own.exchange(ec.ECDH(), public))
        wrapped = bytes(12) + AESGCM(key).encrypt(bytes(12), share, None)
        made["type"] = "ec-wrapped"
        made["ephemeralPublicKey"] = (
            own.public_key()
            .public_bytes(
                serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
            )
            .decode()
        )
    wrapped_text = base64.b64encode(wrapped).decode()
    return {
        **made,
        "wrappedKey": wrapped_text,
        "policyBinding": {"alg": "HS256", "hash": binding},
    }


def hkdf(secret: bytes) -> bytes:
    """HKDF-SHA256 as RFC 5869 writes it, with the salt of this format."""
    salt = hashlib.sha256(b"TDF").digest()
    extracted = hmac.new(salt, secret, "sha256").digest()
    return hmac.new(extracted, b"\x01", "sha256").digest()
