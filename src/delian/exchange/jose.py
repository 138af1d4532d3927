"""Compact signed tokens with pinned algorithms: ES256 and Ed25519, nothing else.

May touch: the installed ``cryptography``. The key decides the algorithm, never the token: a header
that names another one is refused before any signature is looked at, so neither ``none`` nor a key
used as a password can come in. ``joserfc`` is the tests' oracle of the form.
"""

import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, NoReturn, TypeAlias

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import (
    ECDSA,
    SECP256R1,
    EllipticCurvePrivateKey,
    EllipticCurvePublicKey,
    EllipticCurvePublicNumbers,
)
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)
from cryptography.hazmat.primitives.asymmetric.utils import (
    decode_dss_signature,
    encode_dss_signature,
)
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from delian.crypto.sign import PublicKey
from delian.exchange.dcp_errors import TokenError
from delian.exchange.plain import read_object, to_bytes
from delian.terms.errors import InputError

MAX_TOKEN_BYTES = 64 * 1024
MAX_HEADER_BYTES = 2048
MAX_DEPTH = 16
SIGNATURE_BYTES = 64
COORDINATE_BYTES = 32
ES256 = ("ES256",)
ED25519 = ("EdDSA", "Ed25519")
_HEADERS = frozenset({"alg", "kid", "typ", "cty"})
_COMPACT = re.compile(r"([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\Z")
_HASHED = ECDSA(SHA256())

Key: TypeAlias = EllipticCurvePublicKey | Ed25519PublicKey
PrivateKey: TypeAlias = EllipticCurvePrivateKey | Ed25519PrivateKey


class KeyFormError(InputError):
    """A key of an identity is not a P-256 or Ed25519 key in JWK form."""

    code = "identity-key"


def algorithms_of(key: Key | PrivateKey) -> tuple[str, ...]:
    """The spellings of the one algorithm that *key* signs with; the first is ours."""
    is_curve = isinstance(key, EllipticCurvePublicKey | EllipticCurvePrivateKey)
    return ES256 if is_curve else ED25519


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A private key and the name under which our DID document lists it.

    Args:
        kid: Absolute id, ``did:web:…#key``.
    """

    kid: str
    _key: PrivateKey = field(repr=False, compare=False)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a signing key is not pickled")

    def sign(self, claims: Mapping[str, Any], *, typ: str = "JWT") -> str:
        """*claims* as a compact token."""
        header = {"alg": algorithms_of(self._key)[0], "typ": typ, "kid": self.kid}
        signed = f"{_armor(to_bytes(header))}.{_armor(to_bytes(dict(claims)))}"
        return f"{signed}.{_armor(self._signature(signed.encode('ascii')))}"

    def _signature(self, message: bytes) -> bytes:
        if isinstance(self._key, Ed25519PrivateKey):
            return self._key.sign(message)
        r, s = decode_dss_signature(self._key.sign(message, _HASHED))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")

    def public_jwk(self) -> dict[str, str]:
        """The public half, for the DID document."""
        public = self._key.public_key()
        if isinstance(public, Ed25519PublicKey):
            return {"kty": "OKP", "crv": "Ed25519", "x": _armor(public.public_bytes_raw())}
        point = public.public_numbers()
        x, y = (_armor(n.to_bytes(COORDINATE_BYTES, "big")) for n in (point.x, point.y))
        return {"kty": "EC", "crv": "P-256", "x": x, "y": y}

    @classmethod
    def from_pem(cls, kid: str, pem: bytes) -> "SigningKey":
        """Read a private key in PEM.

        Raises:
            KeyFormError: not a P-256 or Ed25519 private key.
        """
        try:
            key = load_pem_private_key(pem, password=None)
        except (ValueError, TypeError, UnsupportedAlgorithm) as error:
            raise KeyFormError("the identity's key is no private key in PEM") from error
        is_curve = isinstance(key, EllipticCurvePrivateKey) and isinstance(key.curve, SECP256R1)
        if not isinstance(key, PrivateKey) or not (is_curve or isinstance(key, Ed25519PrivateKey)):
            raise KeyFormError("the identity's key is neither P-256 nor Ed25519")
        return cls(kid, key)


@dataclass(frozen=True, slots=True)
class Unverified:
    """A token taken apart; nothing in it is believed yet.

    Args:
        alg: The algorithm that the header names.
        kid: The header's key name, or "".
        typ: The header's type in lower case, or "".
        claims: The payload.
        signed: The bytes that are signed.
        signature: 64 bytes.
    """

    alg: str
    kid: str
    typ: str
    claims: Mapping[str, Any] = field(repr=False)
    signed: bytes = field(repr=False)
    signature: bytes = field(repr=False)

    def verify(self, key: Key) -> None:
        """Return if *key* signed exactly this token with its own algorithm.

        Raises:
            TokenError: in every other case.
        """
        if self.alg not in algorithms_of(key):
            raise TokenError("the token names another algorithm than its key")
        if len(self.signature) != SIGNATURE_BYTES:
            raise TokenError("the token's signature does not hold")
        try:
            if isinstance(key, Ed25519PublicKey):
                key.verify(self.signature, self.signed)
            else:
                r, s = self.signature[:32], self.signature[32:]
                pair = int.from_bytes(r, "big"), int.from_bytes(s, "big")
                key.verify(encode_dss_signature(*pair), self.signed, _HASHED)
        except (InvalidSignature, ValueError) as error:
            raise TokenError("the token's signature does not hold") from error

    def text(self, name: str, *, most: int = 1024) -> str:
        """A claim that must be text.

        Raises:
            TokenError: it is missing, empty or too long.
        """
        value = self.claims.get(name)
        if not isinstance(value, str) or not 0 < len(value) <= most:
            raise TokenError(f"the token's claim '{name}' is missing or no text")
        return value

    def moment(self, name: str) -> int | None:
        """A claim in whole seconds since 1970, or None where it is absent.

        Raises:
            TokenError: it is there and is no number in range.
        """
        value = self.claims.get(name)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise TokenError(f"the token's claim '{name}' is no moment")
        if not 0 <= value < 2**40:
            raise TokenError(f"the token's claim '{name}' is no moment")
        return int(value)


def take_apart(text: str, *, most: int = MAX_TOKEN_BYTES) -> Unverified:
    """Split and decode a compact token without believing it.

    Args:
        text: The token.
        most: The longest that it may be.

    Raises:
        TokenError: not three parts, too large, an unknown header, no JSON object inside.
    """
    parts = _COMPACT.match(text) if len(text) <= most else None
    if parts is None or parts.end(1) > MAX_HEADER_BYTES:
        raise TokenError("the token is no compact signed token")
    try:
        alg, kid, typ = _header(parts[1])
        claims = read_object(_bare(parts[2]), max_bytes=most, max_depth=MAX_DEPTH)
        signature = _bare(parts[3])
    except (ValueError, InputError) as error:
        raise TokenError("the token is no compact signed token") from error
    signed = text[: parts.end(2)].encode("ascii")
    return Unverified(alg, kid, typ, claims, signed, signature)


@lru_cache(maxsize=1024)
def _header(text: str) -> tuple[str, str, str]:
    """Algorithm, key name and type; one peer's tokens all begin alike, so they are remembered."""
    header = read_object(_bare(text), max_bytes=MAX_HEADER_BYTES, max_depth=4)
    if not header.keys() <= _HEADERS or not all(isinstance(v, str) for v in header.values()):
        raise TokenError("the token's header holds what is not understood here")
    return header.get("alg", ""), header.get("kid", ""), header.get("typ", "").lower()


def public_key(jwk: Mapping[str, str]) -> Key:
    """The verifying key of a JWK.

    Raises:
        KeyFormError: another curve or kind, or a point that is none.
    """
    kind = (jwk.get("kty"), jwk.get("crv"))
    if kind not in {("EC", "P-256"), ("OKP", "Ed25519")}:
        raise KeyFormError("only P-256 and Ed25519 keys speak here")
    return _public_key(jwk["kty"], jwk.get("x", ""), jwk.get("y", ""))


@lru_cache(maxsize=2048)
def _public_key(kty: str, x: str, y: str) -> Key:
    try:
        first = _coordinate(x)
        if kty == "OKP":
            PublicKey("ed25519", first)  # refuses points under which anybody can sign anything
            return Ed25519PublicKey.from_public_bytes(first)
        across, up = int.from_bytes(first, "big"), int.from_bytes(_coordinate(y), "big")
        return EllipticCurvePublicNumbers(across, up, SECP256R1()).public_key()
    except (ValueError, UnsupportedAlgorithm, InputError) as error:
        raise KeyFormError("a key of the DID document is not a usable JWK") from error


def _coordinate(text: str) -> bytes:
    raw = _bare(text)
    if len(raw) != COORDINATE_BYTES or _armor(raw) != text:
        raise KeyFormError("a key of the DID document is not a usable JWK")
    return raw


def _armor(raw: bytes) -> str:
    text = binascii.b2a_base64(raw, newline=False).decode("ascii")
    return text.rstrip("=").replace("+", "-").replace("/", "_")


def _bare(text: str) -> bytes:
    standard = text.replace("-", "+").replace("_", "/")
    return binascii.a2b_base64(standard + "=" * (-len(text) % 4))
