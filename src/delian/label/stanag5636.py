"""STANAG 5636 labels in JSON, the ``ocl`` object that travels inside TDF files.

May touch: nothing but values. The public form carries policy, classification, categories and
date of creation. What it cannot carry is dropped only by name, never in silence; a successor
is never dropped. See ``docs/formats/label-5636.md``.
"""

import uuid
from collections.abc import Iterable
from dataclasses import replace
from typing import Literal

from delian.label.errors import InexpressibleError, LabelFormError, PolicyMismatchError
from delian.label.expression import Category, categories, interpret
from delian.label.grammar4774 import read_time
from delian.label.label import Label
from delian.label.policy import Policy
from delian.terms.encode import Fields, Plain, canonical, parse, utc_text

SCHEMA = "urn:nato:stanag:5636:A:1:elements:json"
STATEMENT_FORMAT = "json+stanag5636"
MAX_JSON_BYTES = 64 * 1024
Droppable = Literal["originator", "review", "privacy_mark"]
_LETTERS = {"P": "PERMISSIVE", "R": "RESTRICTIVE", "I": "INFORMATIVE"}
_KINDS = {kind: letter for letter, kind in _LETTERS.items()}
_UUID_ARC = "2.25."


def to_json(label: Label, policy: Policy, *, drop: Iterable[Droppable] = ()) -> bytes:
    """*label* as canonical JSON.

    Args:
        label: Its role must be "originator": the object says nothing else.
        policy: The policy of the label.
        drop: Names of what may be left out because another document carries it.

    Guarantees:
        ``from_json`` gives back the label without exactly what *drop* names
        (``tests/property/test_label_expression.py``).

    Raises:
        InexpressibleError: something would be lost that *drop* does not name.
        RefusedError: as for STANAG 4774.
    """
    kept = _without(label, frozenset(drop))
    if kept.succession is not None:
        raise InexpressibleError("the JSON form cannot carry a successor label")
    if kept.role != "originator":
        raise InexpressibleError("the JSON form carries the originator's label only")
    left = {
        "originator": kept.originator,
        "review": kept.review_utc,
        "privacy_mark": kept.privacy_mark,
    }
    for name, value in left.items():
        if value is not None:
            raise InexpressibleError(
                f"the JSON form cannot carry the label's {name}",
                hint=f"name '{name}' as dropped if the 4774 label travels beside it",
            )
    tags: list[Plain] = [
        {"type": _KINDS[tag.kind], "name": tag.name, "vals": list(tag.values)}
        for tag in categories(kept, policy)
    ]
    ocl: dict[str, Plain] = {
        "pol": policy_name(policy.oid),
        "cls": policy.level_at(kept.marking.level).name,
        "catl": tags,
        "dcr": utc_text(kept.created_utc),
    }
    return canonical({"ocl": ocl, "context": {"@base": SCHEMA}})


def from_json(data: bytes, policy: Policy) -> Label:
    """The label in *data*; it has neither originator nor review date.

    Raises:
        LabelFormError: not this form, or a field this product does not know.
        PolicyMismatchError: written under another policy.
        RefusedError: an unknown value; a missing, mixed or unknown owner.
    """
    outer = Fields(parse(data, max_bytes=MAX_JSON_BYTES, max_depth=6), "label")
    frame = Fields(outer.mapping("context"), "context")
    if frame.text("@base") != SCHEMA:
        raise LabelFormError("the label names another schema")
    frame.end()
    ocl = Fields(outer.mapping("ocl"), "ocl")
    outer.end()
    if ocl.text("pol", max_length=500).lower() not in _names(policy.oid):
        raise PolicyMismatchError("the label is written under another policy")
    created = read_time(ocl.text("dcr", max_length=40))
    if created is None:
        raise LabelFormError("the date of creation is not a date and time with its zone")
    tags = [_category(item) for item in ocl.items("catl")]
    meaning = interpret(policy, ocl.text("cls", max_length=200), tags)
    ocl.end()
    return Label(
        meaning.marking,
        meaning.context,
        None,
        created,
        informative=meaning.informative,
    )


def policy_name(oid: str) -> str:
    """How ``pol`` spells a policy: a UUID where the identifier is made of one, else a URN."""
    if oid.startswith(_UUID_ARC) and "." not in oid[len(_UUID_ARC) :]:
        number = int(oid[len(_UUID_ARC) :])
        if number < 2**128:
            return str(uuid.UUID(int=number))
    return f"urn:oid:{oid}"


def _names(oid: str) -> tuple[str, ...]:
    return (policy_name(oid), f"urn:oid:{oid}")


def _category(plain: object) -> Category:
    f = Fields(plain, "category")
    letter = f.text("type", max_length=1)
    if letter not in _LETTERS:
        raise LabelFormError("a category's type is not P, R or I")
    tag = Category(_LETTERS[letter], f.text("name", max_length=200), None, f.texts("vals"))
    f.end()
    return tag


def _without(label: Label, drop: frozenset[Droppable]) -> Label:
    return replace(
        label,
        originator=None if "originator" in drop else label.originator,
        review_utc=None if "review" in drop else label.review_utc,
        privacy_mark=None if "privacy_mark" in drop else label.privacy_mark,
    )
