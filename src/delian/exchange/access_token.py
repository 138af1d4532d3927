"""The token that a key-access service gives to a client, and reads back.

May touch: ``joserfc`` for the signature. A token names the client, not its attributes: what a
client may have is looked up when it asks, so that taking an attribute away needs no token to end.
Where a key is split over two services, the second one reads tokens of the first, whose public key
its operator pinned.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from joserfc import jwk

from delian.exchange.dpop import HolderKey, holder_key, make_signed, split_compact, verify
from delian.exchange.key_access_errors import KeyProofError

LIFETIME_SECONDS = 600
MAX_TOKEN_CHARACTERS = 4096
_AUDIENCE = "kas"
_ALGORITHM = "ES256"
_SKEW_SECONDS = 60


@dataclass(frozen=True, slots=True)
class AccessToken:
    """What a token says.

    Args:
        client: Whom it was given to.
        issuer: Address of the service that gave it.
        holder: Thumbprint of the key it is bound to; "" for a bearer token.
        id: Its own name.
    """

    client: str
    issuer: str
    holder: str
    id: str


def write_token(token: AccessToken, key: jwk.ECKey, now_utc: datetime) -> str:
    """*token* as text, signed with the issuer's *key*, good for ten minutes."""
    issued = int(now_utc.timestamp())
    claims: dict[str, Any] = {
        "iss": token.issuer,
        "sub": token.client,
        "aud": _AUDIENCE,
        "iat": issued,
        "exp": issued + LIFETIME_SECONDS,
        "jti": token.id,
    }
    if token.holder:
        claims["cnf"] = {"jkt": token.holder}
    return make_signed({"alg": _ALGORITHM, "typ": "at+jwt"}, claims, key)


def read_token(text: str, issuers: Mapping[str, HolderKey], now_utc: datetime) -> AccessToken:
    """What *text* says, if one of *issuers* wrote it and its time is not over.

    Args:
        text: The token.
        issuers: Pinned keys by the issuer's address.
        now_utc: The one clock reading of the request.

    Raises:
        KeyProofError: a stranger's, altered, or too old.
    """
    named = split_compact(text, MAX_TOKEN_CHARACTERS)[1].get("iss")
    key = issuers.get(named) if isinstance(named, str) else None
    if key is None:
        raise KeyProofError("the access token was not given by a service that is trusted here")
    claims = verify(text, key, MAX_TOKEN_CHARACTERS)
    client, name, bound = claims.get("sub"), claims.get("jti"), claims.get("cnf", {})
    issued, ends = claims.get("iat"), claims.get("exp")
    if claims.get("aud") != _AUDIENCE or not isinstance(client, str) or not isinstance(name, str):
        raise KeyProofError("the access token is not meant for key access")
    if not isinstance(issued, int) or not isinstance(ends, int) or ends > issued + LIFETIME_SECONDS:
        raise KeyProofError("the access token does not say how long it is good")
    if not issued - _SKEW_SECONDS <= now_utc.timestamp() < ends:
        raise KeyProofError("the access token's time is over", hint="ask for a new one")
    holder = bound.get("jkt", "") if isinstance(bound, dict) else None
    if not isinstance(holder, str) or (bound and not holder):
        raise KeyProofError("the access token is bound in an unknown way")
    return AccessToken(client, str(named), holder, name)


def issuer_key(members: Mapping[str, Any]) -> HolderKey:
    """The public half of an issuer's key.

    Raises:
        KeyProofError: it is not a public key of the kind that tokens are signed with.
    """
    return holder_key({k: members[k] for k in ("kty", "crv", "x", "y") if k in members}, _ALGORITHM)
