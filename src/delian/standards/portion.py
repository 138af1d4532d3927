"""A document as a tree of portions, each with a name that lasts and a label of its own.

May touch: values. The label of a portion covers its own title, text, rows and picture; its
children carry theirs. A portion without a label stands under the label of the whole document,
which covers everything in it.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from functools import reduce

from delian.label import Label, Marking, effective, join, leq
from delian.standards.errors import PortionError

KINDS = ("section", "paragraph", "list", "item", "table", "figure", "note", "term")
LANGUAGES = ("en", "fr", "it", "nl", "ja")
REFERENCE = re.compile(r"\[\[([A-Za-z0-9][A-Za-z0-9._:-]{0,127})\]\]")
MAX_DEPTH = 40
MAX_PORTIONS = 200_000
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,127}\Z")


@dataclass(frozen=True, slots=True)
class Picture:
    """A figure's picture: its media type and its bytes."""

    media_type: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Portion:
    """One portion.

    Args:
        id: Lasts through every edition; no recipient ever sees it.
        kind: One of :data:`KINDS`.
        title: Heading or caption, without a number; numbers are made for each recipient.
        text: Words; ``[[id]]`` refers to another portion.
        label: Who may see this portion's own content; None for the label of the document.
        children: What stands below it, in order.
        rows: Cells of a table.
        language: One of :data:`LANGUAGES`.
        terms: Identifiers of concepts used here (``delian.standards.concept``).
        picture: Of a figure.
    """

    id: str
    kind: str
    title: str = ""
    text: str = ""
    label: Label | None = None
    children: tuple["Portion", ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    language: str = "en"
    terms: tuple[str, ...] = ()
    picture: Picture | None = None

    def __post_init__(self) -> None:
        if not _NAME.match(self.id):
            raise PortionError(
                "a portion needs a name of letters, digits and . _ : -", where=self.id[:40]
            )
        if self.kind not in KINDS:
            raise PortionError(
                "a portion has an unknown kind", hint=f"one of {', '.join(KINDS)}", where=self.id
            )
        if self.language not in LANGUAGES:
            raise PortionError("a portion has an unknown language", where=self.id)

    @property
    def references(self) -> tuple[str, ...]:
        """The portions that the text refers to, whether they exist or not."""
        return tuple(REFERENCE.findall(self.text))


@dataclass(frozen=True, slots=True)
class Document:
    """A standard, an agreement or a publication.

    Args:
        id: Lasts through every edition.
        kind: ``STANAG``, ``STANREC``, ``AP``, ``EN``, ``MIL-STD``, ``NDS`` or another.
        number: As the publisher spells it.
        title: As the publisher spells it.
        edition: As promulgated; shown with the root portion.
        version: Counts every change, of hidden portions too; no recipient ever sees it.
        root: The tree; whoever may not see the root portion may see nothing of the document.
        label: Of the document as a whole; it covers every portion.
    """

    id: str
    kind: str
    number: str
    title: str
    edition: str
    version: str
    root: Portion
    label: Label

    def __post_init__(self) -> None:
        seen: set[str] = set()
        for portion, depth in walk(self.root):
            if depth > MAX_DEPTH or len(seen) >= MAX_PORTIONS:
                raise PortionError("the document is deeper or larger than allowed", where=self.id)
            if portion.id in seen:
                raise PortionError("two portions have the same name", where=portion.id)
            seen.add(portion.id)


def walk(root: Portion) -> Iterator[tuple[Portion, int]]:
    """Every portion in reading order, with its depth; the root is at depth 0."""
    waiting = [(root, 0)]
    while waiting:
        portion, depth = waiting.pop()
        yield portion, depth
        waiting.extend((child, depth + 1) for child in reversed(portion.children))


def find(document: Document, name: str) -> Portion | None:
    """The portion of this name, or None."""
    return next((p for p, _ in walk(document.root) if p.id == name), None)


def label_of(document: Document, portion: Portion, now_utc: datetime) -> Label:
    """The label that counts for *portion* at *now_utc*."""
    return effective(document.label if portion.label is None else portion.label, now_utc)


def roll_up(document: Document, now_utc: datetime) -> Marking:
    """The least marking that covers every portion; whoever may read it may read each of them.

    Guarantees:
        The readers of the result are exactly the readers of all portions
        (``tests/unit/standards/test_standards_portions.py``).

    Raises:
        PolicyMismatchError: two portions stand under different policies.
    """
    markings = {label_of(document, p, now_utc).marking for p, _ in walk(document.root)}
    ordered = sorted(markings, key=lambda m: (m.policy, m.level, sorted(m.audience)))
    return reduce(join, ordered)


def is_covered(document: Document, now_utc: datetime) -> bool:
    """Is the document's own label at least as narrow as all its portions together?"""
    return leq(roll_up(document, now_utc), effective(document.label, now_utc).marking)


def changed(document: Document, change: Callable[[Portion], Portion]) -> Document:
    """The document with *change* applied to every portion, children first."""

    def rebuilt(portion: Portion) -> Portion:
        children = tuple(rebuilt(child) for child in portion.children)
        same = all(a is b for a, b in zip(children, portion.children, strict=True))
        return change(portion if same else replace(portion, children=children))

    return replace(document, root=rebuilt(document.root))
