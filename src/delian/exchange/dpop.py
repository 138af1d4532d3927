"""Proof of possession (RFC 9449): a token is worth something only with the key it was given to.

May touch: ``joserfc`` for the signatures. The rule is strict: type, algorithm, public key in the
header, method, address, time, token digest; whoever calls keeps the ``jti`` so that no proof
serves twice.
"""

import base64
import hashlib
import hmac
import json
import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from joserfc import jwk, jws
from joserfc.errors import JoseError

from delian.exchange.key_access_errors import KeyProofError

ALGORITHMS = ("ES256", "ES384", "ES512", "RS256", "PS256", "Ed25519")
WINDOW_SECONDS = 60
MAX_TOKEN_CHARACTERS = 8 * 1024
_MAX_JTI_CHARACTERS, _LAST_SECOND = 256, 253_402_300_799
_KINDS = {"EC": {"crv", "kty", "x", "y"}, "RSA": {"e", "kty", "n"}, "OKP": {"crv", "kty", "x"}}
_MODULUS_CHARACTERS = (342, 684)  # 2048 to 4096 bits in base64url
_COMPACT = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\Z")
_ADDRESS = re.compile(
    r"(https?)://([^/?#@\s]+)(/[^?#\s]*)?(?:\?[^#\s]*)?(?:#\S*)?\Z", re.IGNORECASE
)
_PORTS = {"http": ":80", "https": ":443"}


@dataclass(frozen=True, slots=True)
class HolderKey:
    """The public key of a token's holder.

    Args:
        thumbprint: RFC 7638, SHA-256, base64url.
        members: The required members of the key's JWK, nothing else.
        algorithm: The one algorithm that its signatures use.
    """

    thumbprint: str
    members: tuple[tuple[str, str], ...]
    algorithm: str


@dataclass(frozen=True, slots=True)
class Proof:
    """A proof that holds. *jti* must be kept until its window is over."""

    key: HolderKey
    jti: str


def base64url(data: bytes) -> str:
    """*data* in base64url without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def token_digest(access_token: str) -> str:
    """The ``ath`` of a proof: SHA-256 of the access token."""
    return base64url(hashlib.sha256(access_token.encode()).digest())


def split_compact(token: str, max_characters: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """Header and payload of a compact signature, both objects, nothing verified.

    Raises:
        KeyProofError: too long, or not of that form.
    """
    if len(token) > max_characters or _COMPACT.match(token) is None:
        raise KeyProofError("a signed token is not of the compact form")
    header, payload, _ = token.split(".")
    return _object(header), _object(payload)


def verify(token: str, key: HolderKey, max_characters: int) -> dict[str, Any]:
    """The payload of *token*, which *key* signed.

    Raises:
        KeyProofError: another key, another algorithm, or altered.
    """
    header, payload = split_compact(token, max_characters)
    if header.get("alg") != key.algorithm or "crit" in header:
        raise KeyProofError("a signed token names another algorithm than its key has")
    try:
        imported = jwk.import_key(dict(key.members))
        registry = jws.JWSRegistry(algorithms=[key.algorithm])
        registry.max_header_length = MAX_TOKEN_CHARACTERS
        registry.max_payload_length = max_characters
        jws.deserialize_compact(token, imported, [key.algorithm], registry=registry)
    except (JoseError, ValueError, TypeError, KeyError) as error:
        raise KeyProofError("the signature of a token does not hold") from error
    return payload


def check_proof(
    proof: str, *, method: str, url: str, now_utc: datetime, access_token: str | None = None
) -> Proof:
    """What a DPoP proof shows, after every check but the one for a second use of its ``jti``.

    Args:
        proof: The value of the ``DPoP`` header.
        method: Method of the request that carries it.
        url: Address of that request as the service knows itself, without query.
        now_utc: The one clock reading of the request.
        access_token: The token that comes with it; None where a token is only asked for.

    Raises:
        KeyProofError: names the first rule that does not hold.
    """
    header, _ = split_compact(proof, MAX_TOKEN_CHARACTERS)
    if header.get("typ") != "dpop+jwt":
        raise KeyProofError("the proof is not of the type dpop+jwt")
    key = holder_key(header.get("jwk"), header.get("alg"))
    claims = verify(proof, key, MAX_TOKEN_CHARACTERS)
    if claims.get("htm") != method:
        raise KeyProofError("the proof is for another method")
    if normal_address(claims.get("htu")) != normal_address(url):
        raise KeyProofError("the proof is for another address")
    check_time(claims.get("iat"), now_utc)
    jti = claims.get("jti")
    if not isinstance(jti, str) or not 0 < len(jti) <= _MAX_JTI_CHARACTERS or not jti.isascii():
        raise KeyProofError("the proof has no identifier")
    if access_token is not None:
        named = claims.get("ath")
        expected = token_digest(access_token)
        if not isinstance(named, str) or not named.isascii():
            raise KeyProofError("the proof is for another token")
        if not hmac.compare_digest(named, expected):
            raise KeyProofError("the proof is for another token")
    return Proof(key, jti)


def holder_key(members: object, algorithm: object) -> HolderKey:
    """A public key from a header, of a kind and a size that we take.

    Raises:
        KeyProofError: a private or a symmetric key, a weak or a huge one, another algorithm.
    """
    if not isinstance(algorithm, str) or algorithm not in ALGORITHMS:
        raise KeyProofError("the proof's algorithm is not allowed")
    kind = members.get("kty") if isinstance(members, dict) else None
    if not isinstance(members, dict) or not isinstance(kind, str) or kind not in _KINDS:
        raise KeyProofError("the proof carries no public key")
    if {"d", "p", "q", "dp", "dq", "qi", "oth", "k"} & set(members):
        raise KeyProofError("the proof carries a private key")
    kept = {name: members.get(name) for name in sorted(_KINDS[kind])}
    texts = {name: value for name, value in kept.items() if isinstance(value, str)}
    if len(texts) != len(kept):
        raise KeyProofError("the proof's key is incomplete")
    if texts["kty"] == "RSA" and (
        texts["e"] != "AQAB"
        or not _MODULUS_CHARACTERS[0] <= len(texts["n"]) <= _MODULUS_CHARACTERS[1]
    ):
        raise KeyProofError("the proof's key has a size that is not allowed")
    canonical = json.dumps(texts, sort_keys=True, separators=(",", ":")).encode()
    return HolderKey(
        base64url(hashlib.sha256(canonical).digest()), tuple(sorted(texts.items())), algorithm
    )


def check_time(issued: object, now_utc: datetime) -> None:
    """Is *issued* (seconds since 1970) within the window around *now_utc*?

    Raises:
        KeyProofError: it is no number, too old, or from the future.
    """
    if isinstance(issued, bool) or not isinstance(issued, int | float):
        raise KeyProofError("a signed token does not say when it was made")
    if not 0 <= issued <= _LAST_SECOND:  # a number beyond all clocks, or none at all
        raise KeyProofError("a signed token does not say when it was made")
    if not abs(now_utc.timestamp() - issued) <= WINDOW_SECONDS:
        raise KeyProofError(
            "a signed token is too old or from the future", hint="set the reader's clock"
        )


def normal_address(url: object) -> str:
    """*url* without query and fragment, scheme and host in lower case, no default port.

    Raises:
        KeyProofError: it is not an http or https address.
    """
    found = _ADDRESS.match(url) if isinstance(url, str) and len(url) <= 2048 else None
    if found is None:
        raise KeyProofError("the proof names no address")
    scheme, host = found[1].lower(), found[2].lower().removesuffix(_PORTS[found[1].lower()])
    return f"{scheme}://{host}{found[3] or '/'}"


def make_signed(header: dict[str, Any], claims: dict[str, Any], private: jwk.Key) -> str:
    """A compact signature over *claims*; *header* names the algorithm."""
    registry = jws.JWSRegistry(algorithms=[header["alg"]])
    registry.max_header_length = MAX_TOKEN_CHARACTERS
    payload = json.dumps(claims, separators=(",", ":")).encode()
    return jws.serialize_compact(header, payload, private, [header["alg"]], registry=registry)


def _object(part: str) -> dict[str, Any]:
    try:
        found = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except (ValueError, RecursionError) as error:
        raise KeyProofError("a signed token is not of the compact form") from error
    if not isinstance(found, dict):
        raise KeyProofError("a signed token is not of the compact form")
    return found
