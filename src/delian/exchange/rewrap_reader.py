"""The reader's half of a rewrap: the request it signs, the answer it opens.

May touch: the installed ``cryptography`` package and ``joserfc``. A reader has two keys of its own:
one that its token is bound to and that signs proofs and requests, and a new one per request that
the service wraps the key share to.
"""

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NoReturn

from cryptography.hazmat.primitives.asymmetric import ec
from joserfc import jwk

from delian.crypto.tdf_keys import KeyAccess
from delian.exchange.dpop import base64url, make_signed, normal_address, token_digest
from delian.exchange.key_access_errors import KeyAnswerError, KeyDeniedError, KeyRequestError
from delian.exchange.rewrap import MAX_POLICY_CHARACTERS
from delian.exchange.session_keys import RandomBytes, open_sealed, public_pem, to_base64

_REQUEST_SECONDS = 60
_POLICY_ID, _KEY_ID = "policy", "kao-0"
_MAX_SHOWN = 300
_ALGORITHM = "ES256"


@dataclass(frozen=True, slots=True)
class ReaderKey:
    """The key that a reader's tokens are bound to."""

    private: jwk.ECKey = field(repr=False)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a private key does not travel")

    @staticmethod
    def make() -> "ReaderKey":
        """A new one."""
        return ReaderKey(jwk.ECKey.generate_key("P-256"))

    def proof(
        self, method: str, url: str, now_utc: datetime, randbytes: RandomBytes, token: str = ""
    ) -> str:
        """A DPoP proof for one request, with *token* if there is one already."""
        claims: dict[str, Any] = {
            "htm": method,
            "htu": normal_address(url),
            "iat": int(now_utc.timestamp()),
            "jti": base64url(randbytes(16)),
        }
        if token:
            claims["ath"] = token_digest(token)
        public = self.private.as_dict(private=False)
        members = {name: public[name] for name in ("kty", "crv", "x", "y")}
        head = {"typ": "dpop+jwt", "alg": _ALGORITHM, "jwk": members}
        return make_signed(head, claims, self.private)

    def sign_request(self, body: str, now_utc: datetime) -> str:
        """The request token around a request's *body*."""
        issued = int(now_utc.timestamp())
        claims = {"requestBody": body, "iat": issued, "exp": issued + _REQUEST_SECONDS}
        return make_signed({"alg": _ALGORITHM, "typ": "JWT"}, claims, self.private)


class Asking:
    """One request for one key share, and the only key that opens its answer."""

    __slots__ = ("_private", "body")

    def __init__(self, key: KeyAccess, policy: str) -> None:
        if len(policy) > MAX_POLICY_CHARACTERS:
            raise KeyRequestError("the policy is too large")
        self._private = ec.generate_private_key(ec.SECP256R1())
        item = {"keyAccessObjectId": _KEY_ID, "keyAccessObject": _plain_key(key)}
        request = {
            "clientPublicKey": public_pem(self._private.public_key()),
            "requests": [
                {
                    "policy": {"id": _POLICY_ID, "body": policy},
                    "keyAccessObjects": [item],
                    "algorithm": "ec:secp256r1",
                }
            ],
        }
        self.body = json.dumps(request, separators=(",", ":"))

    def __reduce__(self) -> NoReturn:
        raise TypeError("a session key does not travel")

    def open(self, plain: Mapping[str, Any]) -> bytes:
        """The key share in an answer.

        Raises:
            KeyDeniedError: the service says no; its reason.
            KeyAnswerError: it answers something else than was asked.
        """
        found = _only(_only(plain.get("responses"), "policyId", _POLICY_ID).get("results"))
        if found.get("status") == "fail":
            raise denied(str(found.get("error", "")))
        wrapped, session = found.get("kasWrappedKey"), plain.get("sessionPublicKey")
        if found.get("status") != "permit" or not isinstance(wrapped, str):
            raise KeyAnswerError("the key service's answer holds no key")
        try:
            sealed = base64.b64decode(wrapped, validate=True)
            return open_sealed(self._private, str(session), sealed)
        except (binascii.Error, ValueError, KeyRequestError) as error:
            raise KeyAnswerError("the key service's answer does not open") from error


def denied(text: str) -> KeyDeniedError | KeyAnswerError:
    """A service's refusal in our words: a broken file is not a missing right."""
    shown = "".join(c for c in text[:_MAX_SHOWN] if c.isprintable())
    if "InvalidArgument" in text:
        return KeyAnswerError("the key service says that the key is not bound to this policy")
    reason = shown.partition("desc = forbidden: ")[2] or "the key service gives no reason"
    return KeyDeniedError(f"the key is not given: {reason}")


def _plain_key(key: KeyAccess) -> dict[str, Any]:
    """A key access object as services read it."""
    plain: dict[str, Any] = {
        "type": key.kind,
        "url": key.url,
        "protocol": "kas",
        "wrappedKey": to_base64(key.wrapped),
        "policyBinding": {"alg": "HS256", "hash": key.binding_text},
    }
    named = {"kid": key.kid, "sid": key.split, "ephemeralPublicKey": key.ephemeral_pem}
    return plain | {name: value for name, value in named.items() if value}


def _only(plain: object, name: str = "keyAccessObjectId", wanted: str = _KEY_ID) -> dict[str, Any]:
    """The one entry of a list, which must be about what was asked."""
    if not isinstance(plain, list) or len(plain) != 1 or not isinstance(plain[0], dict):
        raise KeyAnswerError("the key service's answer is not about what was asked")
    entry: dict[str, Any] = plain[0]
    if entry.get(name) != wanted:
        raise KeyAnswerError("the key service's answer is not about what was asked")
    return entry
