"""What changed between two cuts for one recipient; nothing that she has not seen in one of them.

May touch: values. A redline is a function of two cuts alone. Portions visible in both are compared
word by word; one visible only in the newer cut is "new to you", whether it was written or released
since; one visible only in the older is "no longer shared", whether it was deleted or closed.
"""

import re
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from html import escape
from typing import Literal

from delian.standards.cut import Cut, Piece, Reference, Shown
from delian.standards.words import heading, said
from delian.terms.encode import Plain, canonical

Kind = Literal["new", "gone", "edited", "moved"]
Side = Literal["same", "in", "out"]
# A word, a run of spaces, or one sign; scripts without spaces are compared sign by sign.
_TOKENS = re.compile(
    r"[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]|[^\W\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]+|\s+|[^\w\s]"
)
_MAX_PAIRS = 4_000_000


@dataclass(frozen=True, slots=True)
class Words:
    """Some words that are the same, came in, or went out."""

    side: Side
    text: str


@dataclass(frozen=True, slots=True)
class Change:
    """What happened to one portion.

    Args:
        kind: ``moved`` may have edited words as well.
        portion: Its kind ("section", "table").
        old: Heading in the older cut, "" where it has none.
        new: Heading in the newer cut.
        title: Words of the title.
        text: Words of text and table cells.
    """

    kind: Kind
    portion: str
    old: str
    new: str
    title: tuple[Words, ...]
    text: tuple[Words, ...]

    def to_plain(self) -> dict[str, Plain]:
        """The change for other programs."""
        return {
            "kind": self.kind,
            "portion": self.portion,
            "old": self.old,
            "new": self.new,
            "title": [[w.side, w.text] for w in self.title],
            "text": [[w.side, w.text] for w in self.text],
        }


@dataclass(frozen=True, slots=True)
class Redline:
    """Every change, in the reading order of the newer cut."""

    head: tuple[Words, ...]
    changes: tuple[Change, ...]

    def to_bytes(self) -> bytes:
        """Canonical JSON (``docs/formats/redline.md``)."""
        return canonical(
            {
                "format": "delian-redline",
                "version": 1,
                "head": [[w.side, w.text] for w in self.head],
                "changes": [c.to_plain() for c in self.changes],
            }
        )


def redline(old: Cut, new: Cut) -> Redline:
    """The differences between two cuts of one document for one recipient.

    Guarantees:
        Equal cuts have none; the same cuts give the same bytes; hidden content changes nothing
        (``tests/property/test_standards_non_interference.py``).
    """
    before = _Side(old)
    after = _Side(new)
    moved = _moved(before, after)
    changes: list[Change] = []
    for name in _in_order(before, after):
        change = _change(name, before, after, moved)
        if change is not None:
            changes.append(change)
    return Redline(_compared([_head(old)], [_head(new)], {}, {}, "en", "en"), tuple(changes))


def to_markdown(found: Redline) -> bytes:
    """The redline for a person: ``~~out~~`` and ``**in**``."""
    lines = [f"# {_marked(found.head)}", ""]
    for change in found.changes:
        place = " → ".join(p for p in dict.fromkeys((change.old, change.new)) if p)
        lines += [f"## {' '.join(p for p in (_SAYS[change.kind], change.portion, place) if p)}", ""]
        lines += [line for line in (_marked(change.title), _marked(change.text)) if line] + [""]
    return "\n".join(lines).encode()


def to_html(found: Redline) -> bytes:
    """The redline as one page without scripts or links."""
    parts = [
        '<!doctype html><html><head><meta charset="utf-8"><title>Redline</title>',
        "<style>ins{background:#dfd}del{background:#fdd}body{max-width:46rem;margin:2rem auto}",
        f"</style></head><body><h1>{_tagged(found.head)}</h1>",
    ]
    for change in found.changes:
        place = " → ".join(p for p in dict.fromkeys((change.old, change.new)) if p)
        says = " ".join(p for p in (_SAYS[change.kind], change.portion, place) if p)
        parts.append(f"<h2>{escape(says)}</h2><h3>{_tagged(change.title)}</h3>")
        parts.append(f"<p>{_tagged(change.text)}</p>")
    return "\n".join([*parts, "</body></html>", ""]).encode()


_SAYS: Mapping[Kind, str] = {
    "new": "New to you:",
    "gone": "No longer shared:",
    "edited": "Edited:",
    "moved": "Moved:",
}


class _Side:
    """One cut, by name of portion."""

    def __init__(self, cut: Cut) -> None:
        self.order: list[str] = []
        self.shown: dict[str, Shown] = {}
        self.above: dict[str, str] = {}
        parents: list[str] = []
        for shown, depth in cut.walk():
            del parents[depth:]
            self.order.append(shown.id)
            self.shown[shown.id] = shown
            self.above[shown.id] = parents[-1] if parents else ""
            parents.append(shown.id)
        self.numbers = cut.numbers()

    def heading(self, name: str) -> str:
        shown = self.shown[name]
        return heading(shown.kind, shown.number, shown.language)


def _in_order(before: _Side, after: _Side) -> Iterator[str]:
    """Names of the newer cut; those that went follow what stood before them in the older."""
    gone: dict[str, list[str]] = {}
    last = ""
    for name in before.order:
        if name in after.shown:
            last = name
        else:
            gone.setdefault(last, []).append(name)
    yield from gone.get("", ())
    for name in after.order:
        yield name
        yield from gone.get(name, ())


def _moved(before: _Side, after: _Side) -> set[str]:
    """Portions in both cuts that stand under another one, or left the common order."""
    common = [name for name in after.order if name in before.shown]
    place = {name: number for number, name in enumerate(before.order)}
    kept = _longest_rise([place[name] for name in common])
    moved = {name for number, name in enumerate(common) if number not in kept}
    for name in common:
        old, new = before.above[name], after.above[name]
        if old != new and old in after.shown and new in before.shown:
            moved.add(name)
    return moved


def _longest_rise(values: Sequence[int]) -> set[int]:
    """Positions of one longest rising run of *values*, the same one each time."""
    ends: list[int] = []
    at: list[int] = []
    before: list[int] = []
    for position, value in enumerate(values):
        length = bisect_left(ends, value)
        if length == len(ends):
            ends.append(value)
            at.append(position)
        else:
            ends[length] = value
            at[length] = position
        before.append(at[length - 1] if length else -1)
    kept: set[int] = set()
    position = at[-1] if at else -1
    while position >= 0:
        kept.add(position)
        position = before[position]
    return kept


def _change(name: str, before: _Side, after: _Side, moved: set[str]) -> Change | None:
    old, new = before.shown.get(name), after.shown.get(name)
    if old is not None and new is not None:
        kind: Kind = "moved" if name in moved else "edited"
        same = (old.title, old.text, old.rows, old.picture, old.kind) == (
            new.title,
            new.text,
            new.rows,
            new.picture,
            new.kind,
        )
        if same and kind == "edited":
            return None
    else:
        kind = "new" if old is None else "gone"
    languages = (old or new or _nobody()).language, (new or old or _nobody()).language
    numbers = before.numbers, after.numbers
    title = _compared(_title(old), _title(new), *numbers, *languages)
    text = _compared(_text(old), _text(new), *numbers, *languages)
    if old is not None and new is not None and old.picture != new.picture:
        text += (Words("in", " [another picture]"),)
    return Change(
        kind,
        (new or old or _nobody()).kind,
        before.heading(name) if old else "",
        after.heading(name) if new else "",
        title,
        text,
    )


def _nobody() -> Shown:
    raise LookupError("a change is about a portion of one of the two cuts")


def _head(cut: Cut) -> str:
    return f"{cut.number} ({cut.edition}): {cut.title}"


def _title(shown: Shown | None) -> list[Piece]:
    return [shown.title] if shown is not None and shown.title else []


def _text(shown: Shown | None) -> list[Piece]:
    if shown is None:
        return []
    pieces = list(shown.text)
    for row in shown.rows:
        pieces.append("\n")
        for cell in row:
            pieces += [*cell, " | "]
    return pieces


def _tokens(pieces: Sequence[Piece]) -> list[Piece]:
    found: list[Piece] = []
    for piece in pieces:
        found += [piece] if isinstance(piece, Reference) else _TOKENS.findall(piece)
    return found


def _compared(
    old: Sequence[Piece],
    new: Sequence[Piece],
    old_numbers: Mapping[str, str],
    new_numbers: Mapping[str, str],
    old_language: str,
    new_language: str,
) -> tuple[Words, ...]:
    """Word by word; a reference to the same portion is the same word, whatever its number."""
    a, b = _tokens(old), _tokens(new)

    def out(piece: Piece) -> str:
        return said(piece, old_numbers, old_language)

    def into(piece: Piece) -> str:
        return said(piece, new_numbers, new_language)

    start, stop = _alike(a, b)
    words: list[tuple[Side, str]] = [("same", "".join(map(into, b[:start])))]
    was, now = a[start : len(a) - stop], b[start : len(b) - stop]
    if len(was) * len(now) > _MAX_PAIRS or not was or not now:
        words += [("out", "".join(map(out, was))), ("in", "".join(map(into, now)))]
    else:
        for tag, i, j, k, m in SequenceMatcher(None, was, now, autojunk=False).get_opcodes():
            if tag == "equal":
                words.append(("same", "".join(map(into, now[k:m]))))
                continue
            words.append(("out", "".join(map(out, was[i:j]))))
            words.append(("in", "".join(map(into, now[k:m]))))
    words.append(("same", "".join(map(into, b[len(b) - stop :]))))
    return _joined(words)


def _alike(a: Sequence[Piece], b: Sequence[Piece]) -> tuple[int, int]:
    """How many tokens are alike at the beginning, and at the end of the rest."""
    short = min(len(a), len(b))
    start = 0
    while start < short and a[start] == b[start]:
        start += 1
    stop = 0
    while stop < short - start and a[-1 - stop] == b[-1 - stop]:
        stop += 1
    return start, stop


def _joined(words: Sequence[tuple[Side, str]]) -> tuple[Words, ...]:
    joined: list[Words] = []
    for side, text in words:
        if text and joined and joined[-1].side == side:
            joined[-1] = Words(side, joined[-1].text + text)
        elif text:
            joined.append(Words(side, text))
    return tuple(joined)


def _marked(words: Sequence[Words]) -> str:
    frame = {"same": "", "in": "**", "out": "~~"}
    return "".join(f"{frame[w.side]}{w.text}{frame[w.side]}" for w in words)


def _tagged(words: Sequence[Words]) -> str:
    opening = {"same": "", "in": "<ins>", "out": "<del>"}
    closing = {"same": "", "in": "</ins>", "out": "</del>"}
    return "".join(f"{opening[w.side]}{escape(w.text)}{closing[w.side]}" for w in words)
