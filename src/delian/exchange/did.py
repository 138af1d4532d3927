"""did:web: from an identifier to the address of its document, and the document as a value.

May touch: values. Fetching is a port (:class:`Resolver`); the adapter behind it holds every
address to the guard against private networks.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache
from typing import Any, Protocol

from delian.exchange.dcp_errors import DidError, TokenError

MAX_DID = 512
MAX_DOCUMENT_BYTES = 64 * 1024
MAX_DOCUMENT_DEPTH = 16
MAX_METHODS = 32
MAX_SERVICES = 32
CONTEXT = "https://www.w3.org/ns/did/v1"
KEYS_CONTEXT = "https://w3id.org/security/suites/jws-2020/v1"

_HOST = re.compile(
    r"(?=.{1,253}\Z)[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*\Z"
)
_PART = re.compile(r"[A-Za-z0-9._~-]{1,128}\Z")


class Relation(StrEnum):
    """What a key of a document may be used for."""

    SPEAK = "capabilityInvocation"
    PRESENT = "authentication"
    ASSERT = "assertionMethod"


@dataclass(frozen=True, slots=True)
class DidWeb:
    """A did:web identifier, taken apart.

    Args:
        text: The identifier as it is compared: exactly these characters.
        host: Lower-case host name or IPv4 address.
        port: The port it names, or None.
        parts: Path segments, or () for the document under ``.well-known``.
    """

    text: str
    host: str
    port: int | None
    parts: tuple[str, ...]

    def document_path(self) -> str:
        """The path of the document on its host."""
        if not self.parts:
            return "/.well-known/did.json"
        return "/" + "/".join(self.parts) + "/did.json"

    def document_url(self, scheme: str = "https") -> str:
        """The address of the document; ``http`` only for a loopback peer under development."""
        port = "" if self.port is None else f":{self.port}"
        return f"{scheme}://{self.host}{port}{self.document_path()}"


def parse_did(text: object) -> DidWeb:
    """Take *text* apart.

    Raises:
        DidError: another method, a host in capitals, an escaped slash, an empty segment, a
            fragment or anything else that two readers could understand differently.
    """
    if not isinstance(text, str) or len(text) > MAX_DID or not text.startswith("did:web:"):
        raise DidError("the identifier is not a did:web", hint="did:web:host or did:web:host:path")
    return _parse(text)


@lru_cache(maxsize=1024)
def _parse(text: str) -> DidWeb:
    first, *parts = text[len("did:web:") :].split(":")
    host, escape, port = first.partition("%3A")
    if not _HOST.match(host):
        raise DidError("the DID names no host in lower case")
    if escape and not (port.isascii() and port.isdecimal() and 0 < int(port[:6]) <= 65535):
        raise DidError("the DID names a port that is none")
    if escape and str(int(port)) != port:
        raise DidError("the DID spells its port in a second way")
    if not all(_PART.match(part) and part not in {".", ".."} for part in parts):
        raise DidError("the DID has a path segment that is empty or escaped")
    return DidWeb(text, host, int(port) if escape else None, tuple(parts))


@dataclass(frozen=True, slots=True)
class Method:
    """One public key of a document: its absolute id and its JWK."""

    id: str
    jwk: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True, slots=True)
class DidDocument:
    """A document whose ``id`` is the DID that was asked for.

    Args:
        did: The DID.
        methods: Public keys in the order of the document.
        relations: Relation to the absolute ids of the keys that hold it.
        services: Type of service to its address.
    """

    did: str
    methods: tuple[Method, ...]
    relations: Mapping[Relation, frozenset[str]]
    services: Mapping[str, str]

    def method(self, kid: str, relation: Relation, *, strict: bool = True) -> Method:
        """The key that *kid* names, if it may be used for *relation*.

        Args:
            kid: Absolute (``did:web:…#key``), or a fragment of this document; "" where a
                token names none and the document holds exactly one key.
            relation: What the key is used for.
            strict: Whether the document must list the key under *relation*; only a
                development node runs without.

        Raises:
            TokenError: no such key, or not for this use.
        """
        if not kid and len(self.methods) == 1:
            wanted = self.methods[0].id
        else:
            wanted = kid if kid.startswith("did:") else f"{self.did}#{kid.lstrip('#')}"
        found = next((m for m in self.methods if m.id == wanted), None)
        if found is None:
            raise TokenError("the signing key is not in the signer's DID document")
        if strict and wanted not in self.relations.get(relation, frozenset()):
            raise TokenError(
                f"the signing key is not listed under {relation}",
                hint="the peer's DID document must list the key under that relation",
            )
        return found

    def service(self, kind: str) -> str:
        """The address of the service *kind*.

        Raises:
            DidError: the document lists none.
        """
        if kind not in self.services:
            raise DidError(f"the DID document lists no {kind}")
        return self.services[kind]


class Resolver(Protocol):
    """Gives documents; the adapter caches them for minutes."""

    async def resolve(self, did: str, *, fresh: bool = False) -> DidDocument:
        """The document of *did*; *fresh* passes over the cache.

        Raises:
            DidError: the identifier or its document is malformed.
            DidAwayError: it cannot be fetched.
        """
        ...


def read_document(plain: object, did: str) -> DidDocument:
    """Check a fetched document.

    Args:
        plain: What the bounded JSON reader gave.
        did: The identifier that was resolved.

    Raises:
        DidError: another identifier inside, keys of another controller, malformed members.
    """
    if not isinstance(plain, Mapping) or plain.get("id") != did:
        raise DidError("the document at this address belongs to another DID")
    methods: list[Method] = []
    _read_methods(_list(plain, "verificationMethod", MAX_METHODS), did, methods)
    relations: dict[Relation, frozenset[str]] = {}
    for relation in Relation:
        listed = _list(plain, relation.value, MAX_METHODS)
        embedded = [entry for entry in listed if isinstance(entry, Mapping)]
        _read_methods(embedded, did, methods)
        names = [e.get("id") if isinstance(e, Mapping) else e for e in listed]
        relations[relation] = frozenset(_absolute(name, did) for name in names)
    if len({m.id for m in methods}) != len(methods):
        raise DidError("the document names a key twice")
    services: dict[str, str] = {}
    for entry in _list(plain, "service", MAX_SERVICES):
        kind, address = (
            (entry.get("type"), entry.get("serviceEndpoint"))
            if isinstance(entry, Mapping)
            else (None, None)
        )
        if isinstance(kind, str) and isinstance(address, str) and len(address) <= 2048:
            services.setdefault(kind, address.rstrip("/"))
    return DidDocument(did, tuple(methods), relations, services)


def _read_methods(listed: list[Any], did: str, into: list[Method]) -> None:
    for entry in listed:
        if not isinstance(entry, Mapping):
            raise DidError("a verification method is not an object")
        name = _absolute(entry.get("id"), did)
        jwk = entry.get("publicKeyJwk")
        ours = name.startswith(f"{did}#") and entry.get("controller", did) == did
        if not ours or not isinstance(jwk, Mapping):
            continue  # another's key, or a form that we do not read: never to be trusted
        if "d" in jwk:
            raise DidError("the document shows a private key")
        into.append(Method(name, {k: v for k, v in jwk.items() if isinstance(v, str)}))


def _absolute(name: object, did: str) -> str:
    if not isinstance(name, str) or not name or len(name) > MAX_DID + 256:
        raise DidError("a key of the document has no usable id")
    return name if name.startswith("did:") else f"{did}#{name.lstrip('#')}"


def _list(plain: Mapping[str, Any], name: str, most: int) -> list[Any]:
    found = plain.get(name, [])
    found = found if isinstance(found, list) else [found]
    if len(found) > most:
        raise DidError(f"the document lists too many under {name}")
    return found


def build_document(
    did: str, keys: Mapping[str, Mapping[str, str]], services: Mapping[str, str]
) -> dict[str, Any]:
    """Our own document.

    Args:
        did: Our DID.
        keys: Fragment to public JWK.
        services: Type of service to its address.
    """
    names = [f"{did}#{fragment}" for fragment in keys]
    return {
        "@context": [CONTEXT, KEYS_CONTEXT],
        "id": did,
        "verificationMethod": [
            {
                "id": f"{did}#{fragment}",
                "type": "JsonWebKey2020",
                "controller": did,
                "publicKeyJwk": dict(jwk),
            }
            for fragment, jwk in keys.items()
        ],
        **{relation.value: names for relation in Relation},
        "service": [
            {"id": f"{did}#{kind}", "type": kind, "serviceEndpoint": address}
            for kind, address in services.items()
        ],
    }
