"""Who gets a key: the file's policy against what the operator knows of the reader.

May touch: nothing but values. The decision is fail-closed: an attribute without a rule, a policy
that cannot be read or one that names nobody gives no key. A withdrawn release gives none either.
"""

import base64
import binascii
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from delian.exchange.key_access_errors import KeyClientError, KeyRequestError
from delian.exchange.rewrap import MAX_POLICY_CHARACTERS

_MAX_ATTRIBUTES, _MAX_DISSEMINATION = 256, 1024
_FQN = re.compile(r"(https?://[a-z0-9.:-]{1,253}/attr/[!-.0-~]{1,128})/value/([!-.0-~]{1,128})\Z")
_CLIENT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,127}\Z")
_UUID = re.compile(r"[0-9a-zA-Z-]{1,64}\Z")


class AttributeRule(StrEnum):
    """How the values of one attribute that a policy names combine."""

    ANY_OF = "any-of"
    ALL_OF = "all-of"
    HIERARCHY = "hierarchy"


class ProofRule(StrEnum):
    """What a client must show beside its token.

    ``DPOP``: RFC 9449 in full, and the request token signed by the same key.
    ``BEARER``: the token alone, for clients that cannot do better.
    """

    DPOP = "dpop"
    BEARER = "bearer"


@dataclass(frozen=True, slots=True)
class Attribute:
    """One attribute that the service has a rule for.

    Args:
        name: ``https://<authority>/attr/<name>``, lower case.
        rule: How its values combine.
        values: Every value it may have, lower case; for a hierarchy the highest first.
    """

    name: str
    rule: AttributeRule
    values: tuple[str, ...]

    def __post_init__(self) -> None:
        for value in self.values:
            if split_fqn(f"{self.name}/value/{value}") != (self.name, value):
                raise KeyClientError(f"'{self.name}' or '{value}' is no name of an attribute")
        if not self.values or len(set(self.values)) != len(self.values):
            raise KeyClientError("an attribute needs values, each once")


@dataclass(frozen=True, slots=True)
class Client:
    """A reader that the operator registered.

    Args:
        id: Its name; what ``dissem`` of a policy lists.
        attributes: Full names of the attribute values it holds, lower case.
        proof: What it must show beside its token.
        issuer: Address of the other service whose tokens it brings; "" for our own.
    """

    id: str
    attributes: frozenset[str]
    proof: ProofRule
    issuer: str = ""

    def __post_init__(self) -> None:
        if _CLIENT.match(self.id) is None:
            raise KeyClientError("a client's name is letters, digits and . _ @ -")
        for name in self.attributes:
            split_fqn(name)


@dataclass(frozen=True, slots=True)
class KeyPolicy:
    """What a file's policy demands.

    Args:
        id: The policy's identifier; a withdrawal names it.
        attributes: Full names of attribute values, lower case.
        dissemination: Clients that alone may read; empty is no such limit.
    """

    id: str
    attributes: tuple[str, ...]
    dissemination: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class KeyDecision:
    """Whether a key is given, and why; a refusal has at least one reason.

    Args:
        allowed: Is the key given?
        reasons: Everything, for the audit.
        shown: What the reader is told: a withdrawal only where nothing else stands against it.
    """

    allowed: bool
    reasons: tuple[str, ...]
    shown: tuple[str, ...]


def decide(
    policy: KeyPolicy,
    client: Client,
    attributes: Mapping[str, Attribute],
    withdrawn: str | None,
) -> KeyDecision:
    """May *client* have the keys of a file under *policy*?

    Args:
        policy: Read from the file, its binding already checked.
        client: As registered now, not as it was when its token was made.
        attributes: The rules of the service, by attribute name.
        withdrawn: Why the release was withdrawn; None if it stands.

    Guarantees:
        Allowed exactly if the release stands, the client is listed where there is a list, every
        attribute is satisfied under its rule, and the policy limits at least one of the two
        (``tests/property/test_exchange_key_access_laws.py``).
    """
    reasons: list[str] = []
    if policy.dissemination and client.id not in policy.dissemination:
        reasons.append("the reader is not on the policy's list")
    if not policy.dissemination and not policy.attributes:
        reasons.append("the policy names nobody")
    asked: dict[str, list[str]] = {}
    for fqn in policy.attributes:
        name, value = split_fqn(fqn)
        asked.setdefault(name, []).append(value)
    for name, values in asked.items():
        reasons += _missing(name, values, client, attributes.get(name))
    gone = () if withdrawn is None else (f"the release was withdrawn: {withdrawn}",)
    if not reasons and not gone:
        met = ("every condition of the policy is met",)
        return KeyDecision(True, met, met)
    return KeyDecision(False, gone + tuple(reasons), tuple(reasons) or gone)


def read_policy(text: str) -> KeyPolicy:
    """The policy behind *text*, the base64 that the binding covers.

    Raises:
        KeyRequestError: it cannot be read, or demands something that is not understood.
    """
    if len(text) > MAX_POLICY_CHARACTERS:
        raise KeyRequestError("the policy is too large")
    try:
        plain = json.loads(base64.b64decode(text, validate=True), object_pairs_hook=_unique)
    except (binascii.Error, ValueError, RecursionError) as error:
        raise KeyRequestError("the policy is not JSON in base64") from error
    body = plain.get("body") if isinstance(plain, dict) else None
    if not isinstance(body, dict) or set(body) - {"dataAttributes", "dissem"}:
        raise KeyRequestError("the policy is not in a form that is understood")
    name = plain.get("uuid")
    if not isinstance(name, str) or _UUID.match(name) is None:
        raise KeyRequestError("the policy has no identifier")
    entries = _bounded(body.get("dataAttributes"), _MAX_ATTRIBUTES)
    named = [e.get("attribute") if isinstance(e, dict) else None for e in entries]
    people = _bounded(body.get("dissem"), _MAX_DISSEMINATION)
    fqns = tuple("/value/".join(split_fqn(fqn)) for fqn in named)
    if not all(isinstance(person, str) for person in people):
        raise KeyRequestError("the policy's list of readers is not in a form that is understood")
    return KeyPolicy(name, fqns, tuple(people))


def split_fqn(fqn: object) -> tuple[str, str]:
    """Attribute name and value of a full name, in lower case.

    Raises:
        KeyRequestError: it is not of the form ``https://a/attr/b/value/c``.
    """
    found = _FQN.match(fqn.lower()) if isinstance(fqn, str) and len(fqn) < 1024 else None
    if found is None:
        raise KeyRequestError("a policy names an attribute in a form that is not understood")
    return found[1], found[2]


def _missing(name: str, asked: list[str], client: Client, rule: Attribute | None) -> list[str]:
    """What *client* lacks of one attribute."""
    if rule is None:
        return [f"this service has no rule for the attribute {name}"]
    unknown = [value for value in asked if value not in rule.values]
    if unknown:
        return [f"the attribute {name} has no value {value}" for value in unknown]
    held = [value for value in rule.values if f"{name}/value/{value}" in client.attributes]
    if rule.rule is AttributeRule.ALL_OF:
        return [f"{name}/value/{v} is not held" for v in asked if v not in held]
    if rule.rule is AttributeRule.HIERARCHY:
        needed = min(asked, key=rule.values.index)
        reach = rule.values.index(held[0]) if held else len(rule.values)
        return (
            []
            if reach <= rule.values.index(needed)
            else [f"{name}/value/{needed} or higher is not held"]
        )
    if set(asked) & set(held):
        return []
    return [f"none of {', '.join(f'{name}/value/{v}' for v in asked)} is held"]


def _bounded(plain: object, most: int) -> list[Any]:
    if plain is None:
        return []
    if not isinstance(plain, list) or len(plain) > most:
        raise KeyRequestError("the policy is not in a form that is understood")
    return plain


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise KeyRequestError("the policy names a member twice")
    return found
