"""What a key-access service is asked, each call in protobuf and in JSON.

May touch: values only. ``key_access_server`` brings the bytes and takes the answers back.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeAlias

from delian.exchange.key_access import Attribute, AttributeRule, split_fqn
from delian.exchange.key_access_errors import KeyRequestError
from delian.exchange.key_access_wire import field as proto
from delian.exchange.key_access_wire import fields as protos
from delian.exchange.key_access_wire import read_fields, struct_bytes, text_of, texts_of
from delian.exchange.rewrap import RewrapAnswer

_MAX_NAMES = 512
_RULES = {AttributeRule.ALL_OF: 1, AttributeRule.ANY_OF: 2, AttributeRule.HIERARCHY: 3}


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks, as far as the headers say, and for what."""

    authorization: str = field(repr=False)
    proof: tuple[str, ...] = field(repr=False)
    method: str
    path: str


@dataclass(frozen=True, slots=True)
class TokenRequest:
    """A client asks for a token."""

    client: str
    secret: str = field(repr=False)
    proof: tuple[str, ...] = field(repr=False)
    path: str


class KeyAccess(Protocol):
    """What the routes need from the node behind them; every call may take a disk's time."""

    address: str

    def configuration(self) -> dict[str, Any]:
        """The well-known configuration."""
        ...

    def identity_configuration(self) -> dict[str, Any]:
        """The OpenID Connect discovery document."""
        ...

    def token_keys(self) -> dict[str, Any]:
        """The public keys (JWKS) behind the service's tokens."""
        ...

    def public_key(self, algorithm: str) -> tuple[str, str]:
        """PEM and name of a key."""
        ...

    def attribute_rules(self) -> dict[str, Attribute]:
        """The rules, by attribute name."""
        ...

    def token(self, request: TokenRequest) -> dict[str, Any]:
        """Give a token."""
        ...

    def rewrap(self, signed_request: str, caller: Caller) -> RewrapAnswer:
        """Wrap keys to the caller's session."""
        ...


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer in both spellings."""

    proto: bytes
    plain: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Call:
    """One call: its message in either spelling."""

    is_json: bool
    data: bytes
    caller: Caller

    def texts(self, number: int, name: str) -> list[str]:
        """The texts of a field."""
        if not self.is_json:
            return texts_of(read_fields(self.data), number)
        found = _plain(self.data).get(name, [])
        texts = found if isinstance(found, list) else [found]
        if not all(isinstance(text, str) for text in texts):
            raise KeyRequestError(f"'{name}' is no text")
        return texts

    def text(self, number: int, name: str) -> str:
        """One text, "" where it is absent."""
        if not self.is_json:
            return text_of(read_fields(self.data), number)
        return (self.texts(number, name) or [""])[-1]


Method: TypeAlias = "Callable[[KeyAccess, Call], Answer]"


def configuration(service: KeyAccess, _call: Call) -> Answer:
    """The well-known configuration, in protobuf a ``Struct``."""
    found = service.configuration()
    return Answer(proto(1, struct_bytes(found)), {"configuration": found})


def public_key(service: KeyAccess, call: Call) -> Answer:
    """A key to wrap to."""
    pem, kid = service.public_key(call.text(1, "algorithm"))
    return Answer(proto(1, pem) + proto(2, kid), {"publicKey": pem, "kid": kid})


def rewrap(service: KeyAccess, call: Call) -> Answer:
    """Keys, wrapped to the caller."""
    answer = service.rewrap(call.text(1, "signedRequestToken"), call.caller)
    return Answer(answer.to_proto(), answer.to_plain())


def services(service: KeyAccess, _call: Call) -> Answer:
    """The key-access services that readers may ask: this one."""
    entry = proto(1, "1") + proto(2, service.address)
    plain = {"keyAccessServers": [{"id": "1", "uri": service.address}], "pagination": {"total": 1}}
    return Answer(proto(1, entry) + proto(10, proto(3, 1)), plain)


def attribute_values(service: KeyAccess, call: Call) -> Answer:
    """Rules and values of the attributes asked for; unknown ones are left out."""
    asked = call.texts(1, "fqns")
    if len(asked) > _MAX_NAMES:
        raise KeyRequestError("too many attributes are asked for")
    rules = service.attribute_rules()
    found = [(fqn, *split_fqn(fqn)) for fqn in asked]
    known = [(f, n, v) for f, n, v in found if n in rules and v in rules[n].values]
    entries = [proto(1, f) + proto(2, _value_bytes(rules[n], v)) for f, n, v in known]
    return Answer(
        protos(1, entries),
        {"fqnAttributeValues": {f: _value_plain(rules[n], v) for f, n, v in known}},
    )


def health(_service: KeyAccess, _call: Call) -> Answer:
    """Serving."""
    return Answer(proto(1, 1), {"status": "SERVING"})


def _value_bytes(attribute: Attribute, value: str) -> bytes:
    """``AttributeAndValue``: the definition with its values, and the one value."""
    origin, _, name = attribute.name.partition("/attr/")
    space = proto(2, origin.partition("://")[2]) + proto(3, origin)
    each = [proto(3, v) + proto(6, f"{attribute.name}/value/{v}") for v in attribute.values]
    head = proto(2, space) + proto(3, name) + proto(4, _RULES[attribute.rule])
    definition = head + protos(5, each) + proto(7, attribute.name)
    one = proto(2, definition) + proto(3, value) + proto(6, f"{attribute.name}/value/{value}")
    return proto(1, definition) + proto(2, one)


def _value_plain(attribute: Attribute, value: str) -> dict[str, Any]:
    rule = "ATTRIBUTE_RULE_TYPE_ENUM_" + attribute.rule.name
    each = [{"value": v, "fqn": f"{attribute.name}/value/{v}"} for v in attribute.values]
    return {
        "attribute": {"fqn": attribute.name, "rule": rule, "values": each},
        "value": {"value": value, "fqn": f"{attribute.name}/value/{value}"},
    }


def _plain(data: bytes) -> dict[str, Any]:
    try:
        found = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise KeyRequestError("the body is not JSON") from error
    if not isinstance(found, dict):
        raise KeyRequestError("the body is not an object")
    return found
