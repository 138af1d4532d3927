"""Bearer tokens of foreign identity providers, checked against keys that were pinned beforehand.

Nothing is fetched: the operator puts the provider's public keys into a file. A token proves only
that this provider knows this subject; who that is for us, an identity record says.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from delian.exchange.crossing import read_foreign
from delian.exchange.errors import NotAllowedError
from delian.terms.errors import InputError

ALGORITHMS = ("RS256", "PS256", "ES256")
MAX_TOKEN_CHARS = 16 * 1024
MAX_LIFE_SECONDS = 24 * 3600
SKEW_SECONDS = 30
_HINT = "get a fresh token from the identity provider that this node names"


class ForeignKeysError(InputError):
    """The pinned keys of a foreign identity provider cannot be read."""

    code = "bridge-keys"


@dataclass(frozen=True, slots=True)
class ForeignTokens:
    """What one foreign identity provider's tokens must look like.

    Args:
        issuer: Its ``iss``.
        audience: Our ``aud`` there.
        subject_claim: The claim that holds the party's name.
        keys: Its public keys.
    """

    issuer: str
    audience: str
    subject_claim: str
    keys: KeySet = field(repr=False)

    @classmethod
    def from_jwks(
        cls, issuer: str, audience: str, subject_claim: str, jwks: bytes
    ) -> "ForeignTokens":
        """Read the pinned keys.

        Raises:
            ForeignKeysError: not a set of public RSA (2048 bits and more) or P-256 keys.
            ForeignFormError: not JSON.
        """
        plain = read_foreign(jwks)
        named = plain.get("keys") if isinstance(plain, dict) else None
        if not isinstance(named, list) or not named or not all(map(_is_public, named)):
            raise ForeignKeysError("the pinned keys must be public RSA or P-256 keys, named")
        try:
            keys = KeySet.import_key_set({"keys": named})
        except (JoseError, ValueError, TypeError, KeyError) as error:
            raise ForeignKeysError("the pinned keys are not a JSON Web Key Set") from error
        return cls(issuer, audience, subject_claim, keys)

    def subject(self, authorization: str | None, now_utc: datetime) -> str:
        """The party that the token in *authorization* names.

        Raises:
            NotAllowedError: no bearer token, or it does not hold for us now.
        """
        scheme, _, text = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not text or len(text) > MAX_TOKEN_CHARS:
            raise NotAllowedError("a bearer token is needed", hint=_HINT)
        try:
            token = jwt.decode(text, self.keys, algorithms=list(ALGORITHMS))
        except (JoseError, ValueError, TypeError) as error:
            raise NotAllowedError("the token does not hold", hint=_HINT) from error
        found = token.claims.get(self.subject_claim)
        if not self._holds(token.claims, int(now_utc.timestamp())) or not isinstance(found, str):
            raise NotAllowedError("the token is not for this node now", hint=_HINT)
        return found

    def _holds(self, claims: Mapping[str, Any], now: int) -> bool:
        audience = claims.get("aud")
        named = audience if isinstance(audience, list) else [audience]
        begins, ends = (
            _moment(claims.get("nbf", claims.get("iat", now))),
            _moment(claims.get("exp")),
        )
        if begins is None or ends is None:
            return False
        in_time = begins - SKEW_SECONDS <= now < ends + SKEW_SECONDS
        return (
            claims.get("iss") == self.issuer
            and self.audience in named
            and in_time
            and ends - now <= MAX_LIFE_SECONDS
        )


def _moment(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value if 0 < value < 2**40 else None


def _is_public(plain: object) -> bool:
    if not isinstance(plain, dict) or "d" in plain or "k" in plain or not plain.get("kid"):
        return False
    if plain.get("kty") == "RSA":
        return len(str(plain.get("n", ""))) >= 342
    return plain.get("kty") == "EC" and plain.get("crv") == "P-256"
