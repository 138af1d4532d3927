"""Offers and agreements: rules in the shape that the Dataspace Protocol carries (ODRL).

May touch: values. What a rule *means* is :mod:`delian.exchange.profile`.
A member of a rule that this file does not know narrows or widens it in a way we cannot judge,
so it is refused and never dropped.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias, cast, get_args

from delian.exchange.errors import MessageError
from delian.exchange.plain import local_name, many, mapping, member, optional, text
from delian.terms.encode import Digest, digest

Operand: TypeAlias = "str | int | float | bool | tuple[Operand, ...]"
Kind: TypeAlias = Literal["Offer", "Agreement", "Set"]

COMPOUNDS = ("and", "andSequence", "or", "xone")
_COMPARES = ("eq", "gt", "gteq", "lt", "lteq", "neq", "term-lteq")
_SORTS = ("hasPart", "isA", "isAllOf", "isAnyOf", "isNoneOf", "isPartOf")
OPERATORS = frozenset((*_COMPARES, *_SORTS))
_SET_OPERATORS = frozenset(("isAllOf", "isAnyOf", "isNoneOf"))
_MAX_NESTING = 8
_RULE_MEMBERS = frozenset(
    ("@id", "@type", "uid", "action", "constraint", "duty", "target", "assigner", "assignee")
)


@dataclass(frozen=True, slots=True)
class Constraint:
    """One comparison: what is looked at, how, and with what.

    Args:
        left: What is looked at, without the prefix of the policy language.
        operator: How it is compared.
        right: With what.
        written: ``left`` as its author spelled it, and as it goes back to them: some compare it.
    """

    left: str
    operator: str
    right: Operand
    written: str | None = field(default=None, compare=False)

    def to_plain(self) -> dict[str, Any]:
        """The comparison as the protocol spells it."""
        return {
            "leftOperand": self.written or self.left,
            "operator": self.operator,
            "rightOperand": _thaw(self.right),
        }


@dataclass(frozen=True, slots=True)
class Compound:
    """Several conditions under ``and``, ``andSequence``, ``or`` or ``xone``."""

    kind: str
    parts: "tuple[Condition, ...]"

    def to_plain(self) -> dict[str, Any]:
        """The compound as the protocol spells it."""
        return {self.kind: [part.to_plain() for part in self.parts]}


Condition: TypeAlias = Constraint | Compound


@dataclass(frozen=True, slots=True)
class Rule:
    """One action and the conditions that it stands under.

    Args:
        action: What is permitted, forbidden or owed ("use").
        constraints: Conditions, all of which must hold.
        duties: What a permission asks for in return; empty in prohibitions and duties.
    """

    action: str
    constraints: tuple[Condition, ...] = ()
    duties: "tuple[Rule, ...]" = ()

    def to_plain(self) -> dict[str, Any]:
        """The rule as the protocol spells it; empty lists are left out."""
        body: dict[str, Any] = {"action": self.action}
        if self.constraints:
            body["constraint"] = [c.to_plain() for c in self.constraints]
        if self.duties:
            body["duty"] = [d.to_plain() for d in self.duties]
        return body


@dataclass(frozen=True, slots=True)
class Policy:
    """An offer, an agreement or a set of rules.

    Args:
        kind: ``Offer``, ``Agreement`` or ``Set``.
        id: Identifier of this policy at whoever made it.
        target: The dataset; absent inside a catalogue, present in messages.
        timestamp: When an agreement was made, as its provider wrote it.
    """

    kind: Kind
    id: str
    permissions: tuple[Rule, ...] = ()
    prohibitions: tuple[Rule, ...] = ()
    obligations: tuple[Rule, ...] = ()
    target: str | None = None
    assigner: str | None = None
    assignee: str | None = None
    timestamp: str | None = None
    _terms: list[Digest] = field(default_factory=list, init=False, compare=False, repr=False)

    @classmethod
    def from_plain(cls, obj: object, where: str) -> "Policy":
        """The policy in *obj*.

        Raises:
            MessageError: names the member that breaks the form.
        """
        plain = mapping(obj, where)
        kind = local_name(text(member(plain, "@type", where), f"{where}.@type"))
        if kind not in get_args(Kind):
            raise MessageError("not an Offer, Agreement or Set", where=f"{where}.@type")
        found = cls(
            kind=cast("Kind", kind),
            id=text(member(plain, "@id", where), f"{where}.@id"),
            permissions=_rules(plain, "permission", where),
            prohibitions=_rules(plain, "prohibition", where),
            obligations=_rules(plain, "obligation", where),
            target=optional(plain, "target", where, text),
            assigner=optional(plain, "assigner", where, text),
            assignee=optional(plain, "assignee", where, text),
            timestamp=optional(plain, "timestamp", where, text),
        )
        if kind == "Agreement":
            for name in ("target", "assigner", "assignee"):
                member(plain, name, where)
        return found

    def to_plain(self) -> dict[str, Any]:
        """The policy as the protocol spells it; what is empty or absent is left out."""
        body: dict[str, Any] = {"@id": self.id, "@type": self.kind}
        for name in ("target", "assigner", "assignee", "timestamp"):
            value = getattr(self, name)
            if value is not None:
                body[name] = value
        for name, rules in (
            ("permission", self.permissions),
            ("prohibition", self.prohibitions),
            ("obligation", self.obligations),
        ):
            if rules:
                body[name] = [rule.to_plain() for rule in rules]
        return body

    @property
    def terms_digest(self) -> Digest:
        """A digest over the rules alone.

        Guarantees:
            The order of rules, of conditions (``andSequence`` apart) and of the members of a set
            does not change it; any other change does (``tests/property/test_exchange_odrl.py``).
        """
        if not self._terms:  # made once: a negotiation asks for it at every step
            sides = (self.permissions, self.prohibitions, self.obligations)
            spelled = _spell([sorted(_rule_key(r) for r in side) for side in sides])
            self._terms.append(digest(spelled.encode()))
        return self._terms[0]


def _rules(plain: Mapping[str, Any], name: str, where: str) -> tuple[Rule, ...]:
    items = many(plain.get(name), f"{where}.{name}")
    return tuple(
        _rule(item, f"{where}.{name}[{i}]", plain, name == "permission")
        for i, item in enumerate(items)
    )


def _rule(obj: object, where: str, policy: Mapping[str, Any], may_owe: bool) -> Rule:
    plain = mapping(obj, where)
    for name in plain:
        if name not in _RULE_MEMBERS or (name == "duty" and not may_owe):
            raise MessageError("a rule does not hold this member", where=f"{where}.{name[:60]}")
    for name in ("target", "assigner", "assignee"):
        if plain.get(name) is not None and plain[name] != policy.get(name):
            raise MessageError("a rule for another party or target", where=f"{where}.{name}")
    duties = many(plain.get("duty"), f"{where}.duty")
    return Rule(
        action=_action(member(plain, "action", where), f"{where}.action"),
        constraints=_conditions(plain.get("constraint"), f"{where}.constraint", 0),
        duties=tuple(_rule(d, f"{where}.duty[{i}]", policy, False) for i, d in enumerate(duties)),
    )


def _action(value: object, where: str) -> str:
    if isinstance(value, dict) and set(value) - {"@id", "@value", "@type"}:
        raise MessageError("an action that narrows itself is not supported", where=where)
    return local_name(text(value, where))


def _conditions(value: object, where: str, depth: int) -> tuple[Condition, ...]:
    if depth > _MAX_NESTING:
        raise MessageError("conditions are nested too deep", where=where)
    if isinstance(value, dict) and set(value) == {"@list"}:
        value = value["@list"]
    return tuple(
        _condition(item, f"{where}[{i}]", depth) for i, item in enumerate(many(value, where))
    )


def _condition(obj: object, where: str, depth: int) -> Condition:
    plain = {local_name(k): v for k, v in mapping(obj, where).items() if k not in ("@id", "@type")}
    kinds = [kind for kind in COMPOUNDS if kind in plain]
    if kinds:
        if len(plain) != 1:
            raise MessageError("a compound holds exactly one list", where=where)
        parts = _conditions(plain[kinds[0]], f"{where}.{kinds[0]}", depth + 1)
        if not parts:
            raise MessageError("a compound without parts", where=f"{where}.{kinds[0]}")
        return Compound(kinds[0], parts)
    extra = sorted(set(plain) - {"leftOperand", "operator", "rightOperand"})
    if extra:
        raise MessageError(
            "a constraint does not hold this member", where=f"{where}.{extra[0][:60]}"
        )
    operator = local_name(text(member(plain, "operator", where), f"{where}.operator"))
    if operator not in OPERATORS:
        raise MessageError("no operator of the protocol", where=f"{where}.operator")
    written = text(member(plain, "leftOperand", where), f"{where}.leftOperand")
    left = local_name(written)
    right = member(plain, "rightOperand", where)
    spelled = None if written == left else written
    return Constraint(left, operator, _freeze(right, f"{where}.rightOperand", 0), spelled)


def _freeze(value: object, where: str, depth: int) -> Operand:
    if isinstance(value, dict) and set(value) <= {"@id", "@value", "@type", "@language"}:
        value = value.get("@id", value.get("@value"))
    if isinstance(value, str) and len(value) <= 4096:
        return value
    if isinstance(value, bool | int | float):
        return value
    if isinstance(value, list) and depth < 4:
        items = many(value, where)
        return tuple(_freeze(item, f"{where}[{i}]", depth + 1) for i, item in enumerate(items))
    raise MessageError("expected text, a number or a list of them", where=where)


def _thaw(value: Operand) -> Any:
    return [_thaw(item) for item in value] if isinstance(value, tuple) else value


def _rule_key(rule: Rule) -> str:
    conditions = sorted(_condition_key(c) for c in rule.constraints)
    return _spell([rule.action, conditions, sorted(_rule_key(d) for d in rule.duties)])


def _condition_key(condition: Condition) -> str:
    if isinstance(condition, Compound):
        parts = [_condition_key(p) for p in condition.parts]
        return _spell([condition.kind, parts if condition.kind == "andSequence" else sorted(parts)])
    right = condition.right
    if isinstance(right, tuple) and condition.operator in _SET_OPERATORS:
        right = tuple(sorted(right, key=_operand_key))
    return _spell([condition.left, condition.operator, _operand_key(right)])


def _operand_key(value: Operand) -> str:
    if isinstance(value, tuple):
        return _spell([_operand_key(item) for item in value])
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return _spell(value)


_SPELL = json.JSONEncoder(separators=(",", ":"), ensure_ascii=True).encode


def _spell(value: object) -> str:
    return _SPELL(value)
