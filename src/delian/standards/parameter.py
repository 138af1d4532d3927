"""Parameters of a standard: typed values taken from its texts and tables, with their source.

May touch: values. For a recipient they are taken from a cut, so that a hidden portion gives none;
``source`` is a portion's lasting name and stays inside, outputs say the number of the clause.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from delian.standards.cut import Cut, Piece
from delian.standards.portion import REFERENCE, Document, walk
from delian.standards.quantity import Interval, normalized, read_cell, read_values, unit_in
from delian.standards.words import refer
from delian.terms.encode import canonical

_NAMED = re.compile(r"(?:^|[.;]\s|\n)\s*((?:[^.;:=\n]|\.(?!\s)){2,80}?)\s*[:=]\s*\Z")
_NAME_REACH = 100
_COUNTER = "not one value: the upper end lies below the lower one, units differ, or two readings"


@dataclass(frozen=True, slots=True)
class Parameter:
    """One value.

    Args:
        name: What it is: the words before a colon, the head of its column, or the title above.
        subject: What it belongs to: the first cell of its row; "" in a text.
        interval: The value, exact.
        written: The words it was read from.
        source: The portion.
    """

    name: str
    subject: str
    interval: Interval
    written: str
    source: str


@dataclass(frozen=True, slots=True)
class Doubt:
    """Words that look like a value and cannot be one."""

    source: str
    written: str
    reason: str


@dataclass(frozen=True, slots=True)
class Parameters:
    """What was taken, in reading order, and what was not."""

    values: tuple[Parameter, ...]
    doubts: tuple[Doubt, ...]


@dataclass(frozen=True, slots=True)
class _Place:
    id: str
    name: str
    text: str
    rows: Sequence[Sequence[str]]
    language: str


def parameters_of(document: Document) -> Parameters:
    """Every parameter of a whole document, for whoever keeps it."""
    above: list[str] = []

    def places() -> Iterator[_Place]:
        for portion, depth in walk(document.root):
            _enter(above, depth, portion.title)
            rows = [[REFERENCE.sub(" ", c) for c in row] for row in portion.rows]
            text = REFERENCE.sub(" ", portion.text)
            yield _Place(portion.id, above[-1], text, rows, portion.language)

    return _taken(places())


def parameters_in(cut: Cut) -> Parameters:
    """Every parameter that one recipient may see.

    Guarantees:
        Equal cuts give equal parameters; nothing but the cut is read
        (``tests/unit/standards/test_standards_parameter.py``).
    """
    above: list[str] = []

    def places() -> Iterator[_Place]:
        for shown, depth in cut.walk():
            _enter(above, depth, shown.title)
            rows = [[_plain(cell) for cell in row] for row in shown.rows]
            yield _Place(shown.id, above[-1], _plain(shown.text), rows, shown.language)

    return _taken(places())


def to_bytes(found: Parameters, numbers: Mapping[str, str], language: str = "en") -> bytes:
    """``delian-parameters``: canonical JSON, with clause numbers in place of lasting names.

    Args:
        found: Taken from the same cut as *numbers*.
        numbers: ``Cut.numbers()``.
        language: Of the words around the numbers.
    """
    values = [
        {
            "name": p.name,
            "subject": p.subject,
            "value": p.interval.to_plain(),
            "written": p.written,
            "clause": refer(numbers[p.source], language),
        }
        for p in found.values
    ]
    doubts = [
        {"clause": refer(numbers[d.source], language), "written": d.written, "reason": d.reason}
        for d in found.doubts
    ]
    return canonical(
        {"format": "delian-parameters", "version": 1, "values": values, "doubts": doubts}
    )


def conflicts(
    ours: Iterable[Parameter], theirs: Iterable[Parameter]
) -> tuple[tuple[Parameter, Parameter], ...]:
    """Pairs of the same name, subject and unit whose values share nothing, in our order."""
    known: dict[tuple[str, str, str], list[Parameter]] = {}
    for other in theirs:
        known.setdefault(_key(other), []).append(other)
    return tuple(
        (own, other)
        for own in ours
        for other in known.get(_key(own), [])
        if not own.interval.overlaps(other.interval)
    )


def _key(parameter: Parameter) -> tuple[str, str, str]:
    return (
        normalized(parameter.name).casefold(),
        normalized(parameter.subject).casefold(),
        parameter.interval.unit,
    )


def _enter(above: list[str], depth: int, title: str) -> None:
    """Keep the nearest title at and above this depth."""
    del above[depth:]
    above.append(title or (above[-1] if above else ""))


def _plain(pieces: Sequence[Piece]) -> str:
    return "".join(piece if isinstance(piece, str) else " " for piece in pieces)


def _taken(places: Iterable[_Place]) -> Parameters:
    values: list[Parameter] = []
    doubts: list[Doubt] = []
    for place in places:
        for found in (*_from_text(place), *_from_rows(place)):
            if isinstance(found, Parameter):
                values.append(found)
            else:
                doubts.append(found)
    return Parameters(tuple(values), tuple(doubts))


def _from_text(place: _Place) -> Iterator[Parameter | Doubt]:
    text = normalized(place.text)
    for read in read_values(text, place.language):
        named = _NAMED.search(text, max(0, read.start - _NAME_REACH), read.start)
        name = " ".join(named[1].split()) if named else place.name
        if read.interval is None:
            yield Doubt(place.id, read.written, _COUNTER)
        else:
            yield Parameter(name, "", read.interval, read.written, place.id)


def _from_rows(place: _Place) -> Iterator[Parameter | Doubt]:
    """The first row names the columns, the first cell of each other row its subject."""
    heads = [unit_in(normalized(cell)) for cell in place.rows[0]] if place.rows else []
    for row in place.rows[1:]:
        subject = normalized(row[0]).strip() if row else ""
        for (name, unit), cell in zip(heads, row, strict=False):
            yield from _from_cell(place, name, unit, subject, normalized(cell))


def _from_cell(
    place: _Place, name: str, unit: str, subject: str, cell: str
) -> Iterator[Parameter | Doubt]:
    name = name or place.name
    bare = read_cell(cell, unit, place.language) if unit else None
    for read in [bare] if bare is not None else read_values(cell, place.language):
        if read.interval is None:
            yield Doubt(place.id, read.written, _COUNTER)
        else:
            yield Parameter(name, subject, read.interval, read.written, place.id)
