"""Help with marking: rules for many portions at once, one portion by hand, and what looks odd.

May touch: values. A rule names which portions it is for; the first rule that fits a portion
without a label marks it. Nothing here ever widens a label that is there.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from delian.label import Label, Marking, effective, leq
from delian.standards.errors import MarkRuleError
from delian.standards.portion import KINDS, Document, Portion, changed, find, label_of, walk

Oddity = Literal["unmarked", "wider-below", "narrower-than-document", "refers-up", "lapsed"]
MAX_RULES = 1000


@dataclass(frozen=True, slots=True)
class MarkRule:
    """Which portions get which label.

    Args:
        label: What they get.
        kinds: Kinds of portion; empty for all.
        below: Name of a portion: it and everything under it; "" for the whole document.
        words: Any of these in title, text or rows, upper and lower case alike; empty for all.
    """

    label: Label
    kinds: frozenset[str] = frozenset()
    below: str = ""
    words: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.kinds <= set(KINDS):
            raise MarkRuleError("a rule names an unknown kind of portion")
        if any(not word.strip() for word in self.words):
            raise MarkRuleError("a rule looks for an empty word")

    def fits(self, portion: Portion) -> bool:
        """Is the rule for this portion, wherever it stands?"""
        if self.kinds and portion.kind not in self.kinds:
            return False
        if not self.words:
            return True
        held = " ".join((portion.title, portion.text, *(c for row in portion.rows for c in row)))
        folded = held.casefold()
        return any(word.casefold() in folded for word in self.words)


@dataclass(frozen=True, slots=True)
class Marked:
    """A document after marking: which rule (from 1) marked which portion."""

    document: Document
    by_rule: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Odd:
    """One line of the review list."""

    portion: str
    what: Oddity
    why: str


def mark_all(document: Document, rules: Sequence[MarkRule]) -> Marked:
    """Mark every portion that has no label by the first rule that fits.

    Guarantees:
        A label that is there stays (``tests/unit/standards/test_standards_mark.py``).

    Raises:
        MarkRuleError: too many rules, or one names a portion that is not there.
    """
    if len(rules) > MAX_RULES:
        raise MarkRuleError("there are too many rules")
    places = [_place(document, rule) for rule in rules]
    by_rule: dict[str, int] = {}

    def marked(portion: Portion) -> Portion:
        if portion.label is not None:
            return portion
        for number, (rule, place) in enumerate(zip(rules, places, strict=True), 1):
            if (place is None or portion.id in place) and rule.fits(portion):
                by_rule[portion.id] = number
                return replace(portion, label=rule.label)
        return portion

    return Marked(changed(document, marked), by_rule)


def mark_one(document: Document, name: str, label: Label) -> Document:
    """Mark the portion *name* by hand, in place of any label it has.

    Raises:
        MarkRuleError: there is no such portion.
    """
    if find(document, name) is None:
        raise MarkRuleError("there is no portion of this name", where=name)
    return changed(document, lambda p: replace(p, label=label) if p.id == name else p)


def review(document: Document, now_utc: datetime) -> tuple[Odd, ...]:
    """What somebody should look at before anything goes, in reading order."""
    whole = effective(document.label, now_utc).marking
    markings = {p.id: label_of(document, p, now_utc).marking for p, _ in walk(document.root)}
    found: list[Odd] = []
    for portion, _ in walk(document.root):
        own = markings[portion.id]
        if portion.label is None:
            found.append(Odd(portion.id, "unmarked", "it stands under the label of the document"))
        elif _has_lapsed(portion.label, now_utc):
            found.append(Odd(portion.id, "lapsed", "its review or succession date has passed"))
        if not _covers(whole, own):
            why = "the label of the document does not cover it"
            found.append(Odd(portion.id, "narrower-than-document", why))
        wider = [c.id for c in portion.children if not _covers(markings[c.id], own)]
        found += [Odd(c, "wider-below", f"{portion.id} above it is narrower") for c in wider]
        targets = [t for t in portion.references if t in markings and not _covers(own, markings[t])]
        why = "its words tell readers that {} exists, which they may not see"
        found += [Odd(portion.id, "refers-up", why.format(t)) for t in targets]
    return tuple(found)


def _place(document: Document, rule: MarkRule) -> frozenset[str] | None:
    if not rule.below:
        return None
    top = find(document, rule.below)
    if top is None:
        raise MarkRuleError("a rule names a portion that is not there", where=rule.below)
    return frozenset(p.id for p, _ in walk(top))


def _covers(narrow: Marking, wide: Marking) -> bool:
    return narrow.policy == wide.policy and leq(wide, narrow)


def _has_lapsed(label: Label, now_utc: datetime) -> bool:
    late = label.succession
    is_due = label.review_utc is not None and label.review_utc <= now_utc
    return is_due or (late is not None and late.when_utc <= now_utc)
