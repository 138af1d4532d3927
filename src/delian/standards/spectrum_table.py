"""Reads tables of frequency allocations, and says what is wrong in them instead of swallowing it.

May touch: bytes. The form is the open one of tab-separated columns (``docs/formats/
frequency-tables.md``); all frequencies are whole hertz.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from delian.standards.bands import Band, written
from delian.standards.spectrum_errors import SpectrumError

MAX_BYTES = 16 * 1024 * 1024
MAX_LINES = 100_000
_WHOLE = re.compile(r"[0-9]{1,15}\Z")
_NEEDED = ("lower_frequency", "upper_frequency", "service", "category")
_KNOWN = frozenset((*_NEEDED, "region", "sub-table", "activity", "footnotes", "applications"))
KINDS: Mapping[str, str] = {
    "header": "a column is unknown or spelled otherwise",
    "columns": "a row has too few or too many columns; it is not used",
    "not-a-number": "a frequency is no whole number of hertz; the row is not used",
    "inverted": "the upper end lies below the lower one; the row is not used",
    "no-width": "the upper end equals the lower one: a single frequency, no band",
    "category": "a category other than p (primary) and s (secondary)",
    "missing-tag": "a category without a service, or a service without a category",
    "gap": "nothing is said about a stretch between two rows",
    "crossing": "two rows overlap and neither lies within the other",
    "no-applications": "no row names an application",
    "broken": "most rows are single frequencies: the upper ends are lost",
    "merged": "two notes stand in one line",
    "not-read": "a file that is no frequency table",
}


@dataclass(frozen=True, slots=True)
class Row:
    """One row: a band, and what it is for.

    Args:
        line: Of the file, from 1.
        part: Which of several tables in one file; "" where there is one.
        band: Lower and upper end in hertz; equal ends are a single frequency.
        service: As written; "" in a row that only names applications.
        category: ``p``, ``s`` or "".
        footnotes: References, as written.
        applications: As written.
    """

    line: int
    part: str
    band: Band
    service: str
    category: str
    footnotes: tuple[str, ...]
    applications: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Finding:
    """Something wrong in a file: one of :data:`KINDS`, where (0: the whole file), and what."""

    kind: str
    line: int
    detail: str


@dataclass(frozen=True, slots=True)
class SpectrumTable:
    """One table; *code* names the nation or organization."""

    code: str
    rows: tuple[Row, ...]
    findings: tuple[Finding, ...]

    @property
    def is_broken(self) -> bool:
        """Are its bands lost?"""
        return any(finding.kind == "broken" for finding in self.findings)

    def counts(self) -> dict[str, int]:
        """How many findings of each kind."""
        return dict(sorted(Counter(finding.kind for finding in self.findings).items()))


def read_table(code: str, data: bytes) -> SpectrumTable:
    """A table from tab-separated columns.

    Raises:
        SpectrumError: too large, not UTF-8, or a column without which nothing can be read is
            missing.
    """
    lines = lines_of(code, data)
    findings: list[Finding] = []
    names = _header(code, lines[0], findings)
    reader = _Reader(names, findings)
    found = (reader.row(number, line) for number, line in enumerate(lines[1:], 2) if line)
    rows = [row for row in found if row is not None]
    findings.extend(_whole_table(rows))
    return SpectrumTable(code, tuple(rows), tuple(findings))


def lines_of(code: str, data: bytes) -> list[str]:
    """The lines of a bounded text in UTF-8.

    Raises:
        SpectrumError: too large, too many lines, or another encoding.
    """
    if len(data) > MAX_BYTES or data.count(b"\n") > MAX_LINES:
        raise SpectrumError("a frequency table is larger than allowed", where=code)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise SpectrumError("a frequency table is not text in UTF-8", where=code) from error
    return [line.removesuffix("\r") for line in text.split("\n")]


def _header(code: str, line: str, findings: list[Finding]) -> list[str]:
    names = []
    for spelled in line.split("\t"):
        name = spelled.strip().lower()
        if name not in _KNOWN or name != spelled:
            findings.append(Finding("header", 1, f"column '{spelled[:40]}'"))
        names.append("sub-table" if name == "activity" else name)
    missing = [name for name in _NEEDED if name not in names]
    if missing or len(set(names)) != len(names):
        raise SpectrumError(
            "a frequency table lacks a column or names one twice",
            hint=f"it needs {', '.join(_NEEDED)}",
            where=code,
        )
    return names


class _Reader:
    """Reads the rows of one table; a cell that comes again is divided only once."""

    def __init__(self, names: list[str], findings: list[Finding]) -> None:
        self._count = len(names)
        self._ends = (names.index("lower_frequency"), names.index("upper_frequency"))
        self._tags = (names.index("service"), names.index("category"))
        known = {name: place for place, name in enumerate(names)}
        self._part, self._notes, self._uses = (
            known.get(name, self._count) for name in ("sub-table", "footnotes", "applications")
        )
        self._findings = findings
        self._lists: dict[str, tuple[str, ...]] = {"": ()}

    def row(self, number: int, line: str) -> Row | None:
        """A row, or None with a finding."""
        cells = line.split("\t")
        if len(cells) != self._count:
            self._find("columns", number, f"{len(cells)} instead of {self._count}")
            return None
        cells.append("")
        band = self._band(number, cells[self._ends[0]], cells[self._ends[1]])
        if band is None:
            return None
        service, category = cells[self._tags[0]].strip(), cells[self._tags[1]].strip().lower()
        service = "" if service == "-" else service
        if category not in ("", "p", "s"):
            self._find("category", number, category[:20])
        if bool(service) != bool(category):
            self._find("missing-tag", number, "no category" if service else "no service")
        notes, uses = self._list(cells[self._notes]), self._list(cells[self._uses])
        return Row(number, cells[self._part].strip(), band, service, category, notes, uses)

    def _band(self, number: int, lower: str, upper: str) -> Band | None:
        if not (_WHOLE.match(lower) and _WHOLE.match(upper)):
            self._find("not-a-number", number, f"{lower[:20]} to {upper[:20]}")
            return None
        low, high = int(lower), int(upper)
        if high <= low:
            self._find("inverted" if high < low else "no-width", number, f"{low} to {high} Hz")
        return (low, high) if low <= high else None

    def _list(self, cell: str) -> tuple[str, ...]:
        if cell not in self._lists:
            parts = (part.strip() for part in cell.split(","))
            self._lists[cell] = tuple(part for part in parts if part)
        return self._lists[cell]

    def _find(self, kind: str, number: int, detail: str) -> None:
        self._findings.append(Finding(kind, number, detail))


def _whole_table(rows: list[Row]) -> Iterator[Finding]:
    if not any(row.applications for row in rows):
        yield Finding("no-applications", 0, "the table says nothing about use")
    single = sum(1 for row in rows if row.band[0] == row.band[1])
    if 2 * single > len(rows):
        yield Finding("broken", 0, f"{single} of {len(rows)} rows")
        return
    parts: dict[str, list[Row]] = {}
    for row in rows:
        parts.setdefault(row.part, []).append(row)
    for _, inside in sorted(parts.items()):
        yield from _layout(inside)


def _layout(rows: Iterable[Row]) -> Iterator[Finding]:
    """Gaps between bands, and bands that cross; a band within another is no fault."""
    first: dict[Band, int] = {}
    for row in rows:
        if row.band[0] < row.band[1]:
            first.setdefault(row.band, row.line)
    around: list[Band] = []
    end = None
    for band in sorted(first, key=lambda b: (b[0], -b[1])):
        low, high = band
        if end is not None and low > end:
            yield Finding("gap", first[band], written((end, low)))
        end = high if end is None else max(end, high)
        while around and around[-1][1] <= low:
            around.pop()
        if around and high > around[-1][1]:
            yield Finding("crossing", first[band], f"{written(band)} and {written(around[-1])}")
        around.append(band)
