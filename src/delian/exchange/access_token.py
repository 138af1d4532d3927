"""The token that a key-access service gives to a client and later reads itself.

May touch: nothing but bytes. It names the client, not its attributes: what a client may have is
looked up when it asks, so that taking an attribute away needs no token to end.
"""

import hashlib
import hmac
import json
from dataclasses import dataclass
from datetime import datetime

from delian.exchange.dpop import base64url, split_compact
from delian.exchange.key_access_errors import KeyProofError

LIFETIME_SECONDS = 600
MAX_TOKEN_CHARACTERS = 4096
_AUDIENCE = "kas"
_HEADER = base64url(b'{"alg":"HS256","typ":"at+jwt"}')


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


def write_token(token: AccessToken, secret: bytes, now_utc: datetime) -> str:
    """*token* as text, signed with the service's *secret*, good for ten minutes."""
    issued = int(now_utc.timestamp())
    claims: dict[str, object] = {
        "iss": token.issuer,
        "sub": token.client,
        "aud": _AUDIENCE,
        "iat": issued,
        "exp": issued + LIFETIME_SECONDS,
        "jti": token.id,
    }
    if token.holder:
        claims["cnf"] = {"jkt": token.holder}
    signed = f"{_HEADER}.{base64url(json.dumps(claims, separators=(',', ':')).encode())}"
    return f"{signed}.{_mac(signed, secret)}"


def read_token(text: str, secret: bytes, issuer: str, now_utc: datetime) -> AccessToken:
    """What *text* says, if this service wrote it and its time is not over.

    Raises:
        KeyProofError: another service's, altered, or too old.
    """
    _, claims = split_compact(text, MAX_TOKEN_CHARACTERS)
    signed, _, mac = text.rpartition(".")
    if not hmac.compare_digest(mac.encode(), _mac(signed, secret).encode()):
        raise KeyProofError("the access token was not given by this service")
    if claims["iss"] != issuer or claims["aud"] != _AUDIENCE:
        raise KeyProofError("the access token was not given by this service")
    if not claims["iat"] - 1 <= now_utc.timestamp() < claims["exp"]:
        raise KeyProofError("the access token's time is over", hint="ask for a new one")
    holder = claims["cnf"]["jkt"] if "cnf" in claims else ""
    return AccessToken(claims["sub"], claims["iss"], holder, claims["jti"])


def _mac(signed: str, secret: bytes) -> str:
    return base64url(hmac.new(secret, signed.encode(), hashlib.sha256).digest())
