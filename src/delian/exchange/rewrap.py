"""The exchange of a wrapped key for one wrapped to the reader: what is asked and what is answered.

May touch: values only. The newer form asks for several keys and is answered per key; the older
one asks for one key and is answered with it or with an error.
"""

import json
from dataclasses import dataclass
from typing import Any

from delian.exchange.key_access_errors import KeyRequestError
from delian.exchange.key_access_wire import field as proto
from delian.exchange.key_access_wire import fields as protos
from delian.exchange.session_keys import (
    PublicKey,
    WrappedKey,
    from_base64,
    load_public,
    to_base64,
)

MAX_TOKEN_CHARACTERS = 768 * 1024
MAX_REQUEST_CHARACTERS = 512 * 1024
MAX_KEYS = 64
MAX_POLICY_CHARACTERS = 64 * 1024
# The words by which readers tell a refusal from a broken file.
DENIED = "rpc error: code = PermissionDenied desc = forbidden"
BROKEN = "rpc error: code = InvalidArgument desc = bad request"
_MAX_PEM_CHARACTERS = 4096
_MAX_WRAPPED_BYTES = 1024


@dataclass(frozen=True, slots=True)
class PolicyRequest:
    """Keys that are asked for under one policy, whose text is *policy* (base64)."""

    id: str
    policy: str
    keys: tuple[WrappedKey, ...]


@dataclass(frozen=True, slots=True)
class RewrapRequest:
    """A whole request. *is_single* is the older form, answered with a key or an error."""

    session: PublicKey
    items: tuple[PolicyRequest, ...]
    is_single: bool


@dataclass(frozen=True, slots=True)
class KeyResult:
    """One key, wrapped to the session; or None, and the *error* in the words readers know."""

    id: str
    wrapped: bytes | None
    error: str


@dataclass(frozen=True, slots=True)
class RewrapAnswer:
    """The results per policy, and the service's half of an EC session ("" for RSA)."""

    results: tuple[tuple[str, tuple[KeyResult, ...]], ...]
    session_public: str

    def only(self) -> KeyResult | None:
        """The one result of an answer that has exactly one."""
        every = [key for _, keys in self.results for key in keys]
        return every[0] if len(every) == 1 else None

    def to_proto(self) -> bytes:
        """``kas.RewrapResponse``."""
        one = self.only()
        out = proto(2, one.wrapped) if one and one.wrapped is not None else b""
        out += proto(3, self.session_public) if self.session_public else b""
        return out + protos(
            5, [proto(1, name) + protos(2, map(_result, keys)) for name, keys in self.results]
        )

    def to_plain(self) -> dict[str, Any]:
        """The same in Connect's JSON, which is also that of the older REST form."""
        one = self.only()
        plain: dict[str, Any] = {
            "responses": [
                {"policyId": name, "results": [_plain_result(key) for key in keys]}
                for name, keys in self.results
            ]
        }
        if self.session_public:
            plain["sessionPublicKey"] = self.session_public
        if one and one.wrapped is not None:
            plain["entityWrappedKey"] = to_base64(one.wrapped)
        return plain


def read_request(claims: dict[str, Any]) -> RewrapRequest:
    """The request inside a request token's claims.

    Raises:
        KeyRequestError: a part is missing, of another type, or larger than it may be.
    """
    body = _loads(_text(claims, "requestBody", MAX_REQUEST_CHARACTERS))
    session = load_public(_text(body, "clientPublicKey", _MAX_PEM_CHARACTERS))
    several = body.get("requests")
    if several:
        items = tuple(_policy_request(item) for item in _list(several))
    else:
        policy = _policy(body, "policy")
        key = _wrapped_key("kao-0", body.get("keyAccess"))
        items = (PolicyRequest("policy", policy, (key,)),)
    if not 0 < sum(len(item.keys) for item in items) <= MAX_KEYS:
        raise KeyRequestError("a request asks for no key or for too many")
    return RewrapRequest(session, items, not several)


def _policy_request(item: object) -> PolicyRequest:
    plain = _object(item)
    policy = _object(plain.get("policy"))
    keys = []
    for entry in _list(plain.get("keyAccessObjects")):
        named = _object(entry)
        name = _name(named, "keyAccessObjectId")
        keys.append(_wrapped_key(name, named.get("keyAccessObject")))
    return PolicyRequest(_name(policy, "id"), _policy(policy, "body"), tuple(keys))


def _wrapped_key(name: str, entry: object) -> WrappedKey:
    plain = _object(entry)
    binding = plain.get("policyBinding")
    if isinstance(binding, dict):
        if binding.get("alg", "HS256") not in ("", "HS256"):
            raise KeyRequestError("a policy binding has an unknown algorithm")
        binding = binding.get("hash")
    wrapped = from_base64(_text(plain, "wrappedKey", 2 * _MAX_WRAPPED_BYTES))
    if not isinstance(binding, str) or len(binding) > 128 or len(wrapped) > _MAX_WRAPPED_BYTES:
        raise KeyRequestError("a key has no policy binding, or is too large")
    kind = _text(plain, "type" if "type" in plain else "keyType", 64)
    if kind not in ("wrapped", "ec-wrapped"):
        raise KeyRequestError("a key is wrapped in an unknown way")
    ephemeral = _text(plain, "ephemeralPublicKey", _MAX_PEM_CHARACTERS, "")
    kid = _name(plain, "kid", "")
    return WrappedKey(name, kind, kid, wrapped, ephemeral, from_base64(binding))


def _result(key: KeyResult) -> bytes:
    if key.wrapped is None:
        return proto(2, key.id) + proto(3, "fail") + proto(5, key.error)
    return proto(2, key.id) + proto(3, "permit") + proto(4, key.wrapped)


def _plain_result(key: KeyResult) -> dict[str, str]:
    plain = {"keyAccessObjectId": key.id}
    if key.wrapped is None:
        return {**plain, "status": "fail", "error": key.error}
    return {**plain, "status": "permit", "kasWrappedKey": to_base64(key.wrapped)}


def _loads(text: str) -> dict[str, Any]:
    try:
        return _object(json.loads(text))
    except (ValueError, RecursionError) as error:
        raise KeyRequestError("the request is not JSON") from error


def _object(plain: object) -> dict[str, Any]:
    if not isinstance(plain, dict):
        raise KeyRequestError("the request is not in the form of a rewrap request")
    return plain


def _list(plain: object) -> list[Any]:
    if not isinstance(plain, list) or len(plain) > MAX_KEYS:
        raise KeyRequestError("the request is not in the form of a rewrap request")
    return plain


def _policy(plain: dict[str, Any], name: str) -> str:
    """A policy in base64, exactly as it was bound."""
    value = _text(plain, name, MAX_POLICY_CHARACTERS)
    if not value.isascii():
        raise KeyRequestError("the policy is not base64")
    return value


def _name(plain: dict[str, Any], name: str, default: str | None = None) -> str:
    """A short text that is safe to show and to write down."""
    value = _text(plain, name, 256, default)
    if not value.isprintable():
        raise KeyRequestError(f"'{name}' holds characters that are not shown")
    return value


def _text(plain: dict[str, Any], name: str, longest: int, default: str | None = None) -> str:
    value = plain.get(name)
    if value is None and default is not None:
        return default
    if not isinstance(value, str) or len(value) > longest:
        raise KeyRequestError(f"'{name}' is missing, no text or too long")
    return value
