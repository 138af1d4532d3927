"""Judges the rows of a sheet one by one: which cell a row speaks of, and what figure it states."""

import math
import re
from collections.abc import Mapping, Sequence
from typing import Final

from delian.contribute.columns import CLASS, FIGURE, ITEM, TIER, UNIT, YEAR, letter, unit_text
from delian.contribute.findings import Finding, Severity
from delian.contribute.rows import ERROR_VALUE, FORMULA, Bare, Rows
from delian.terms.frame import CellKey, Item
from delian.terms.round_terms import RoundTerms

_WHOLE: Final = re.compile(r"[0-9]{1,20}", re.ASCII)
_SIGNED: Final = re.compile(r"[-\u2212\u2013][ ]?[0-9][0-9.,]*", re.ASCII)
_DECIMAL: Final = re.compile(r"[0-9]*[.,][0-9]+", re.ASCII)
_GROUPED: Final = re.compile(r"[0-9]{1,3}(?:[ \u00a0\u202f'\u2019.,][0-9]{3})+", re.ASCII)


class Judge:
    """Collects figures and findings while it walks through the rows."""

    def __init__(self, terms: RoundTerms, rows: Rows, columns: Mapping[str, int]) -> None:
        frame = terms.frame
        self._rows = rows
        self._columns = columns
        self._index = frame.index
        self._width = 1 + max(columns.values(), default=0)
        self._empty = frame.empty
        self._years = frozenset(frame.years)
        self._tiers = frozenset(frame.tiers)
        self._tier_list = ", ".join(frame.tiers)
        self._items: dict[str, dict[str, Item]] = {}
        for item in frame.items:
            self._items.setdefault(item.code, {})[item.cls] = item
        self.findings: list[Finding] = []
        self.figures: dict[CellKey, int] = {}
        self.row_of: dict[CellKey, int] = {}
        self.rows_read = 0

    def __repr__(self) -> str:
        return f"Judge(rows_read={self.rows_read}, hidden)"

    def read_all(self, first: int) -> None:
        """Judge every row from *first* (counted from 1) on; passes over rows without content."""
        marked = {row for row, _ in self._rows.marks}
        for number, line in enumerate(self._rows.rows[first - 1 :], first):
            if number in marked or any(value not in ("", None) for value in line):
                self.rows_read += 1
                self._read(number, line)

    def _read(self, number: int, line: Sequence[Bare]) -> None:
        if self._rows.marks and self._refuse_marks(number, line):
            self._claim(number, line)
            return
        if len(line) > self._width:
            self._warn_outside(number, line)
        item = self._item(number, line)
        year = self._year(number, line)
        tier = self._tier(number, line)
        if item is not None:
            self._check_unit(number, line, item)
        if item is None or year is None or tier is None:
            return
        cell = CellKey(item.code, year, tier, item.cls)
        if cell in self.row_of:
            self._add(
                "duplicate",
                f"this cell stands in row {self.row_of[cell]} already",
                "keep one of the two rows",
                number,
                ITEM,
                str(cell),
            )
            return
        figure = self._figure(number, line, item)
        if cell in self._empty:
            if figure:
                self._add(
                    "structurally-empty",
                    "the terms declare that this cell cannot hold a figure",
                    "empty the cell",
                    number,
                    FIGURE,
                    str(figure),
                )
            return
        self.row_of[cell] = number
        if figure is not None:
            self.figures[cell] = figure

    def _warn_outside(self, number: int, line: Sequence[Bare]) -> None:
        """A number beside the table may be a figure in the wrong column."""
        for column, value in enumerate(line[self._width :], self._width):
            if isinstance(value, int | float) and not isinstance(value, bool):
                self.findings.append(
                    Finding(
                        "outside-table",
                        "a number stands beside the table and is not read",
                        "move it into the column of figures if it is one",
                        self._rows.sheet,
                        number,
                        letter(column),
                        str(value),
                        Severity.WARNING,
                    )
                )

    def _claim(self, number: int, line: Sequence[Bare]) -> None:
        """A row refused for a formula still stands for its cell: it is not called missing."""
        code, tier = str(self._at(line, ITEM)).strip(), str(self._at(line, TIER)).strip()
        year = _as_whole(self._at(line, YEAR))
        cls = str(self._at(line, CLASS)).strip() or next(iter(self._items.get(code, {})), "")
        if year is not None:
            cell = CellKey(code, year, tier, cls)
            if cell in self._index:
                self.row_of.setdefault(cell, number)

    def _at(self, line: Sequence[Bare], name: str) -> Bare:
        column = self._columns.get(name, -1)
        value = line[column] if 0 <= column < len(line) else ""
        return "" if value is None else value

    def _add(
        self,
        code: str,
        message: str,
        mend: str,
        number: int,
        name: str,
        found: str,
        severity: Severity = Severity.ERROR,
    ) -> None:
        place = letter(self._columns[name]) if name in self._columns else ""
        self.findings.append(
            Finding(code, message, mend, self._rows.sheet, number, place, found, severity)
        )

    def _refuse_marks(self, number: int, line: Sequence[Bare]) -> bool:
        """Name every formula and error value of a row; True if there was one."""
        refused = False
        for name, column in self._columns.items():
            mark = self._rows.marks.get((number, column))
            found = str(line[column]) if column < len(line) else ""
            if mark == FORMULA:
                message = "a formula stands here; only figures are read"
                mend = "replace the formula by its value (copy, paste values)"
                self._add("formula", message, mend, number, name, found)
            elif mark == ERROR_VALUE:
                message = "the spreadsheet shows an error here"
                self._add("error-value", message, "enter the figure itself", number, name, found)
            refused = refused or mark is not None
        return refused

    def _item(self, number: int, line: Sequence[Bare]) -> Item | None:
        code = _as_code(self._at(line, ITEM))
        classes = self._items.get(code)
        if classes is None:
            message = "this item is not in the terms of the round"
            mend = "use an item code of the template; a new item needs new terms"
            self._add("unknown-item", message, mend, number, ITEM, code)
            return None
        cls = _as_code(self._at(line, CLASS))
        if not cls and len(classes) == 1:
            return next(iter(classes.values()))
        if cls not in classes:
            mend = f"the item exists in class {', '.join(sorted(classes))}"
            self._add("unknown-class", "this item has no such class", mend, number, CLASS, cls)
            return None
        return classes[cls]

    def _year(self, number: int, line: Sequence[Bare]) -> int | None:
        value = self._at(line, YEAR)
        year = _as_whole(value)
        if year is None:
            self._add(
                "bad-year", "this is not a year", "write it as 2027", number, YEAR, str(value)
            )
        elif year not in self._years:
            mend = f"the round asks for {min(self._years)} to {max(self._years)}"
            if len(self._years) != max(self._years) - min(self._years) + 1:
                mend += " with gaps"
            message = "this year is outside the frame of the round"
            self._add("year-outside", message, mend, number, YEAR, str(year))
        return year if year in self._years else None

    def _tier(self, number: int, line: Sequence[Bare]) -> str | None:
        tier = _as_code(self._at(line, TIER))
        if tier in self._tiers:
            return tier
        mend = f"the tiers are {self._tier_list}"
        self._add("unknown-tier", "the terms have no such tier", mend, number, TIER, tier)
        return None

    def _check_unit(self, number: int, line: Sequence[Bare], item: Item) -> None:
        found = str(self._at(line, UNIT)).strip()
        if found != unit_text(item):
            mend = f"the unit of {item.code} is '{unit_text(item)}'; convert the figure"
            self._add("wrong-unit", "the unit is not that of the item", mend, number, UNIT, found)

    def _figure(self, number: int, line: Sequence[Bare], item: Item) -> int | None:
        value = self._at(line, FIGURE)
        if value == "":
            return None
        figure, fault = _read_figure(value, as_text=self._rows.numbers_are_text)
        if fault is not None:
            code, message, mend = fault
            self._add(code, message, mend, number, FIGURE, str(value))
            return None
        if figure >> item.width_bits:
            message = "the figure is larger than the terms allow for this item"
            mend = f"at most {(1 << item.width_bits) - 1}; check the unit"
            self._add("overflow", message, mend, number, FIGURE, str(value))
            return None
        if figure > ((1 << item.width_bits) - 1) // 4:
            message = "the figure is above a quarter of what the terms allow for this item"
            mend = "check it; readers know the cap, and the margin does not count with it"
            self._add("above-quarter", message, mend, number, FIGURE, str(value), Severity.WARNING)
        return figure


_Fault = tuple[str, str, str]
_FRACTION: Final = ("fraction", "the figure is not whole", "round it to a whole number")
_NEGATIVE: Final = ("negative", "the figure is negative", "enter 0 or more")
_NOT_A_NUMBER: Final = ("not-a-number", "this is not a number", "enter a whole number in digits")
_TEXT_NUMBER: Final = (
    "text-number",
    "the number is stored as text",
    "change the cell's format to number and enter it again",
)
_GROUPED_NUMBER: Final = (
    "grouped-number",
    "the number is written with separators, which countries read differently",
    "write digits only",
)


def _read_figure(value: Bare, *, as_text: bool) -> tuple[int, _Fault | None]:
    """The figure, or 0 and the fault; text is a number in csv only."""
    if isinstance(value, bool):
        return 0, _NOT_A_NUMBER
    if isinstance(value, int | float):
        if isinstance(value, float) and not math.isfinite(value):
            return 0, _NOT_A_NUMBER
        if value < 0:
            return 0, _NEGATIVE
        return (int(value), None) if value == int(value) else (0, _FRACTION)
    if not isinstance(value, str):
        return 0, _NOT_A_NUMBER
    text = value.strip()
    if _WHOLE.fullmatch(text):
        return (int(text), None) if as_text else (0, _TEXT_NUMBER)
    for form, fault in ((_GROUPED, _GROUPED_NUMBER), (_SIGNED, _NEGATIVE), (_DECIMAL, _FRACTION)):
        if form.fullmatch(text):
            return 0, fault
    return 0, _NOT_A_NUMBER


def _as_whole(value: Bare) -> int | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, float) and value == value // 1:
        return int(value)
    if isinstance(value, int):
        return value
    text = str(value).strip()
    return int(text) if re.fullmatch(r"[0-9]{4}", text, re.ASCII) else None


def _as_code(value: Bare) -> str:
    """A code as text; a spreadsheet may have turned 4711 into the number 4711.0."""
    whole = _as_whole(value) if isinstance(value, float | int) else None
    return str(whole) if whole is not None else str(value).strip()
