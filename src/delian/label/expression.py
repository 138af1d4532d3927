"""Between a label's explicit sets and the category tags of STANAG 4774 and 5636.

May touch: nothing but values. The standards say an audience only indirectly: an owner, either
widened ("Releasable To") or narrowed ("Only"). What cannot be said exactly is refused on
writing; what does not have one clear meaning is refused on reading.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from delian.label.errors import (
    InexpressibleError,
    LabelContextError,
    LabelValueError,
    PolicyMismatchError,
)
from delian.label.label import Label, Originator
from delian.label.marking import Marking
from delian.label.policy import RELEASABLE, TAGS, Policy
from delian.label.vocabulary import Value


@dataclass(frozen=True, slots=True)
class Category:
    """One category tag as both wire forms carry it."""

    kind: str
    name: str
    oid: str | None
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a classification and its categories mean under one policy."""

    marking: Marking
    context: str
    informative: frozenset[str]


@dataclass(frozen=True, slots=True)
class Shares:
    """How an audience is said: the owner, and who is added to or left of it."""

    context: Value
    releasable: tuple[Value, ...]
    only: tuple[Value, ...]


def shares(label: Label, policy: Policy) -> Shares:
    """The audience of *label* in the words of *policy*.

    Raises:
        PolicyMismatchError: the label stands under another policy.
        LabelContextError: the owner is unknown to the policy.
        InexpressibleError: no owner, addition or narrowing says exactly this audience.
        LabelValueError: the owner does not stand beside the classification.
    """
    if label.policy != policy.oid:
        raise PolicyMismatchError("the label stands under another policy")
    level = policy.level_at(label.marking.level).name
    context = policy.context(label.context)
    context.check_beside(level)
    audience = label.marking.audience
    if not audience:
        raise InexpressibleError(
            "an empty audience has no form: without 'Releasable To' all members may read",
            hint="keep the information in its parts, or ask the owners for a wider audience",
        )
    if audience == context.members:
        return Shares(context, (), ())
    if audience < context.members:
        return Shares(context, (), _cover(audience, policy.audiences))
    if audience > context.members:
        usable = tuple(v for v in policy.audiences if level not in v.not_at)
        return Shares(context, _cover(audience - context.members, usable), ())
    raise InexpressibleError(
        "the audience leaves out members of the owner and adds others",
        hint="the wire form can widen or narrow the owner's membership, not both at once",
    )


def categories(label: Label, policy: Policy) -> tuple[Category, ...]:
    """The category tags that say exactly *label*.

    Guarantees:
        ``interpret`` of the answer gives the label's meaning back, and the access decision of
        the standard over these tags equals ``may_read``
        (``tests/property/test_label_expression.py``).

    Raises:
        RefusedError: as :func:`shares`, or a value that does not stand beside the level.
    """
    said = shares(label, policy)
    level = policy.level_at(label.marking.level).name
    context = (said.context.value, RELEASABLE) if said.releasable else (said.context.value,)
    releasable = (said.context.value, *(v.value for v in said.releasable))
    plan = (
        ("context", context),
        ("releasable", releasable if said.releasable else ()),
        ("only", tuple(v.value for v in said.only)),
        ("sensitivity", _named(policy, "sensitivity", label.marking.restrictive, level)),
        ("administrative", _named(policy, "administrative", label.informative, level)),
    )
    return tuple(
        Category(TAGS[key], policy.tags[key].name, policy.tags[key].oid, values)
        for key, values in plan
        if values
    )


def interpret(policy: Policy, classification: str, tags: Sequence[Category]) -> Meaning:
    """What the tags mean under *policy*.

    Raises:
        LabelValueError: an unknown value, tag, type or identifier; a tag twice or empty.
        LabelContextError: the owner is missing, mixed or unknown, or does not fit the rest.
    """
    level = policy.level(classification)
    found = _sorted_tags(policy, tags)
    context = _owner(policy, found)
    context.check_beside(level.name)
    audience = context.members
    if "releasable" in found and "only" in found:
        raise LabelContextError("the label both widens and narrows its owner")
    if "releasable" in found:
        audience |= _added(policy, context, found["releasable"], level.name)
    if "only" in found:
        audience = _narrowed(policy, context, found["only"])
    sensitivities = [
        policy.find("sensitivity", text, level.name).value for text in found.get("sensitivity", ())
    ]
    administrative = [
        policy.find("administrative", text, level.name).value
        for text in found.get("administrative", ())
    ]
    return Meaning(
        Marking(policy.oid, level.rank, audience, frozenset(sensitivities)),
        context.value,
        frozenset(administrative),
    )


def compose(
    policy: Policy,
    classification: str,
    context: str,
    *,
    releasable: Iterable[str] = (),
    only: Iterable[str] = (),
    sensitivities: Iterable[str] = (),
    administrative: Iterable[str] = (),
    originator: Originator,
    created_utc: datetime,
    review_utc: datetime,
) -> Label:
    """A label from the policy's own values, as a person would pick them.

    Args:
        policy: The policy the values are taken from.
        classification: Name of the classification.
        context: Owner value, with its generation.
        releasable: Audience values to add to the owner's members.
        only: Audience values the owner's members are narrowed to.
        sensitivities: Restrictive values.
        administrative: Informative values.
        originator: Who labels.
        created_utc: When.
        review_utc: When it must be looked at again.

    Raises:
        RefusedError: as :func:`interpret`.
    """
    added = tuple(releasable)
    picked = {
        "context": (context, RELEASABLE) if added else (context,),
        "releasable": (context, *added) if added else (),
        "only": tuple(only),
        "sensitivity": tuple(sensitivities),
        "administrative": tuple(administrative),
    }
    tags = [
        Category(TAGS[key], policy.tags[key].name, policy.tags[key].oid, values)
        for key, values in picked.items()
        if values
    ]
    meaning = interpret(policy, classification, tags)
    return Label(
        meaning.marking,
        meaning.context,
        originator,
        created_utc,
        review_utc,
        informative=meaning.informative,
    )


def _sorted_tags(policy: Policy, tags: Sequence[Category]) -> dict[str, tuple[str, ...]]:
    known = {policy.fold(tag.name): key for key, tag in policy.tags.items()}
    found: dict[str, tuple[str, ...]] = {}
    for tag in tags:
        key = known.get(policy.fold(tag.name))
        if key is None:
            raise LabelValueError("a category is unknown to the policy")
        if tag.kind != TAGS[key] or tag.oid not in (None, policy.tags[key].oid):
            raise LabelValueError("a category has another type or identifier than in its policy")
        if key in found or not tag.values:
            raise LabelValueError("a category stands twice or is empty")
        if len({policy.fold(text) for text in tag.values}) != len(tag.values):
            raise LabelValueError("a category names a value twice")
        found[key] = tag.values
    return found


def _owner(policy: Policy, found: dict[str, tuple[str, ...]]) -> Value:
    values = found.get("context", ())
    literal = policy.fold(RELEASABLE)
    owners = [text for text in values if policy.fold(text) != literal]
    if len(owners) != 1:
        raise LabelContextError(
            "the label names no owner" if not owners else "the label mixes owners",
            hint="the owners must agree on one label",
        )
    if (len(values) == 2) != ("releasable" in found):
        raise LabelContextError("'Releasable' stands exactly where 'Releasable To' does")
    return policy.context(owners[0])


def _added(policy: Policy, context: Value, texts: tuple[str, ...], level: str) -> frozenset[str]:
    others = [text for text in texts if policy.fold(text) != policy.fold(context.value)]
    if len(others) == len(texts) or not others:
        raise LabelContextError("'Releasable To' repeats its owner and names somebody else")
    members = (policy.find("audience", text, level).members for text in others)
    return frozenset[str]().union(*members)


def _narrowed(policy: Policy, context: Value, texts: tuple[str, ...]) -> frozenset[str]:
    audience = frozenset[str]()
    for text in texts:
        found = [v for v in policy.audiences if policy.fold(v.value) == policy.fold(text)]
        if not found or not found[0].members <= context.members:
            raise LabelValueError("'Only' names somebody who is not a member of the owner")
        audience |= found[0].members
    return audience


def _cover(wanted: frozenset[str], values: Sequence[Value]) -> tuple[Value, ...]:
    """The fewest words first: larger audiences before smaller, each adding somebody."""
    left = set(wanted)
    chosen: list[Value] = []
    for value in sorted(values, key=lambda v: (-len(v.members), v.value)):
        if value.members <= wanted and value.members & left:
            chosen.append(value)
            left -= value.members
    if left:
        raise InexpressibleError(
            "the policy has no value at this level for part of the audience",
            hint="the policy's authority can add an audience value in a later edition",
        )
    return tuple(sorted(chosen, key=lambda v: v.value))


def _named(policy: Policy, kind: str, names: frozenset[str], level: str) -> tuple[str, ...]:
    return tuple(policy.find(kind, name, level).value for name in sorted(names))
