"""Compact signed tokens with pinned algorithms: ES256 and Ed25519, nothing else.

May touch: the installed ``joserfc``. The key decides the algorithm, never the token: a header
that names another one is refused before any signature is looked at.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, NoReturn, TypeAlias

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OKPKey

from delian.exchange.dcp_errors import TokenError
from delian.exchange.plain import read_object, to_bytes
from delian.terms.errors import InputError

MAX_TOKEN_BYTES = 64 * 1024
MAX_HEADER_BYTES = 2048
MAX_DEPTH = 16
_HEADERS = frozenset({"alg", "kid", "typ", "cty"})

Key: TypeAlias = ECKey | OKPKey


class KeyFormError(InputError):
    """A key of an identity is not a P-256 or Ed25519 key in JWK form."""

    code = "identity-key"


def algorithms_of(key: Key) -> tuple[str, ...]:
    """The spellings of the one algorithm that *key* signs with; the first is ours."""
    return ("ES256",) if isinstance(key, ECKey) else ("EdDSA", "Ed25519")


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A private key and the name under which our DID document lists it.

    Args:
        kid: Absolute id, ``did:web:…#key``.
    """

    kid: str
    _key: Key = field(repr=False, compare=False)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a signing key is not pickled")

    def sign(self, claims: Mapping[str, Any], *, typ: str = "JWT") -> str:
        """*claims* as a compact token."""
        algorithm = algorithms_of(self._key)[0]
        header = {"alg": algorithm, "typ": typ, "kid": self.kid}
        return jws.serialize_compact(
            header, to_bytes(dict(claims)), self._key, algorithms=[algorithm]
        )

    def public_jwk(self) -> dict[str, str]:
        """The public half, for the DID document."""
        plain = self._key.as_dict(private=False)
        return {
            k: v for k, v in plain.items() if k in {"kty", "crv", "x", "y"} and isinstance(v, str)
        }

    @classmethod
    def from_pem(cls, kid: str, pem: bytes) -> "SigningKey":
        """Read a private key in PEM.

        Raises:
            KeyFormError: not a P-256 or Ed25519 private key.
        """
        for kind in (ECKey, OKPKey):
            try:
                key = kind.import_key(pem)
            except (ValueError, TypeError, JoseError):
                continue
            if _is_ours(key) and key.is_private:
                return cls(kid, key)
        raise KeyFormError("the identity's key is neither P-256 nor Ed25519 in PEM")


@dataclass(frozen=True, slots=True)
class Unverified:
    """A token taken apart; nothing in it is believed yet.

    Args:
        kid: The header's key name, or "".
        typ: The header's type in lower case, or "".
        claims: The payload.
    """

    kid: str
    typ: str
    claims: Mapping[str, Any] = field(repr=False)
    _signed: jws.CompactSignature = field(repr=False, compare=False)

    def verify(self, key: Key) -> None:
        """Return if *key* signed exactly this token with its own algorithm.

        Raises:
            TokenError: in every other case.
        """
        names = algorithms_of(key)
        if self._signed.headers().get("alg") not in names:
            raise TokenError("the token names another algorithm than its key")
        try:
            holds = jws.validate_compact(self._signed, key, algorithms=list(names))
        except (JoseError, ValueError, TypeError) as error:
            raise TokenError("the token's signature does not hold") from error
        if not holds:
            raise TokenError("the token's signature does not hold")

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
    if len(text) > most or not text.isascii():
        raise TokenError("the token is no compact signed token")
    if text.find(".") > MAX_HEADER_BYTES:
        raise TokenError("the token's header is too large")
    try:
        signed = jws.extract_compact(text.encode("ascii"))
        header = signed.headers()
        claims = read_object(signed.payload, max_bytes=most, max_depth=MAX_DEPTH)
    except (JoseError, ValueError, TypeError, InputError) as error:
        raise TokenError("the token is no compact signed token") from error
    kid, typ = header.get("kid", ""), header.get("typ", "")
    if not set(header) <= _HEADERS or not isinstance(kid, str) or not isinstance(typ, str):
        raise TokenError("the token's header holds what is not understood here")
    return Unverified(kid, typ.lower(), claims, signed)


@lru_cache(maxsize=2048)
def _public_key(kty: str, crv: str, x: str, y: str) -> Key:
    plain: dict[str, str | list[str]] = {"kty": kty, "crv": crv, "x": x}
    try:
        key: Key = ECKey.import_key({**plain, "y": y}) if kty == "EC" else OKPKey.import_key(plain)
        key.public_key  # noqa: B018  # decodes the point now, so that a bad one fails here
    except (ValueError, TypeError, KeyError, JoseError) as error:
        raise KeyFormError("a key of the DID document is not a usable JWK") from error
    return key


def public_key(jwk: Mapping[str, str]) -> Key:
    """The verifying key of a JWK.

    Raises:
        KeyFormError: another curve or kind, or a point that is none.
    """
    kind = (jwk.get("kty"), jwk.get("crv"))
    if kind not in {("EC", "P-256"), ("OKP", "Ed25519")}:
        raise KeyFormError("only P-256 and Ed25519 keys speak here")
    return _public_key(jwk["kty"], jwk["crv"], jwk.get("x", ""), jwk.get("y", ""))


def _is_ours(key: Key) -> bool:
    return key.curve_name in {"P-256", "Ed25519"}
