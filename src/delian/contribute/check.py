"""Judges a filled-in sheet and names every fault at once, with its place and the way to mend it.

May touch: the readers of this room. Nothing leaves the machine here. A row that the sheet lacks is
an error, because a lost row and a need of nothing look alike; an empty figure in a row that is
there counts as 0.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from delian.contribute.columns import (
    CLASS,
    FIRST_ROW,
    HEADER_ROW,
    NEEDED,
    REFERENCE_ROW,
    TAG,
    Reference,
    column_named,
    heading,
    letter,
)
from delian.contribute.delimited import read_delimited
from delian.contribute.errors import SheetFileError, UnknownNationError
from delian.contribute.findings import Finding, Severity, SheetErrors
from delian.contribute.judge import Judge
from delian.contribute.rows import Bare, Rows
from delian.contribute.sheet import Sheet
from delian.contribute.workbook import read_workbook
from delian.terms.frame import CellKey
from delian.terms.round_terms import RoundTerms

_LISTED_MISSING: Final = 1_000
_OTHER_FILES: Final = (
    (b"%PDF", "the file is a PDF", "give the sheet itself, saved as xlsx or csv"),
    (
        b"\xd0\xcf\x11\xe0",
        "the file is an old .xls workbook or protected by a password",
        "save it as xlsx without a password",
    ),
    (b"{", "the file is JSON", "give the sheet itself, saved as xlsx or csv"),
    (b"<", "the file is a web page or XML", "give the sheet itself, saved as xlsx or csv"),
)


@dataclass(frozen=True, slots=True)
class CheckedSheet:
    """A sheet without errors, and what its owner should still know.

    Args:
        sheet: The figures.
        warnings: Findings that do not stop it.
        rows_read: Rows of the file below the headings that hold anything.
        rows_missing: Cells without a row, all counted as 0 because the owner allowed it.
    """

    sheet: Sheet
    warnings: tuple[Finding, ...]
    rows_read: int
    rows_missing: int


def check(
    data: bytes, filename: str, terms: RoundTerms, nation: str, *, allow_missing: bool = False
) -> CheckedSheet:
    """Read a sheet from xlsx or csv and judge every row.

    Args:
        data: The file.
        filename: Its name, for messages.
        terms: The terms of the round.
        nation: Whose sheet it must be.
        allow_missing: Count cells without a row as 0, with a warning.

    Guarantees:
        All errors are reported at once; no message holds what stands in a cell.

    Leaks:
        Nothing leaves the machine. Findings hold cell contents for their owner only.

    Raises:
        SheetErrors: at least one error; holds every finding.
        SheetFileError: the file cannot be read as a sheet at all.
        UnknownNationError: the terms do not name this nation.
    """
    if nation not in terms.nations:
        raise UnknownNationError(f"the terms of this round do not name '{nation[:40]}'")
    rows = _read(data, filename)
    findings = list(rows.findings)
    findings += _reference_faults(rows, Reference.of(terms, nation))
    columns, header_faults = _columns(rows, terms)
    findings += header_faults
    if header_faults:
        raise SheetErrors(tuple(findings))
    judge = Judge(terms, rows, columns)
    judge.read_all(FIRST_ROW)
    findings += judge.findings
    missing = [cell for cell in terms.frame.cells if cell not in judge.row_of]
    findings += _missing_faults(rows.sheet, missing, allow_missing=allow_missing)
    if any(f.severity is Severity.ERROR for f in findings):
        raise SheetErrors(tuple(findings))
    values = np.fromiter(
        (judge.figures.get(cell, 0) for cell in terms.frame.cells), np.int64, len(terms.frame.cells)
    )
    sheet = Sheet(nation, terms.round_id, terms.digest, values)
    return CheckedSheet(sheet, tuple(findings), judge.rows_read, len(missing))


def _read(data: bytes, filename: str) -> Rows:
    for magic, message, hint in _OTHER_FILES:
        if data.lstrip()[: len(magic)] == magic:
            raise SheetFileError(message, hint=hint, where=f"'{filename}'")
    if not data.strip():
        raise SheetFileError(
            "the file is empty", hint="save the filled-in template again", where=f"'{filename}'"
        )
    if data.startswith(b"PK"):
        return read_workbook(data)
    return read_delimited(data, filename)


def _cell(rows: Rows, row: int, column: int) -> Bare:
    line = rows.rows[row - 1] if row <= len(rows.rows) else ()
    return line[column] if column < len(line) else ""


def _reference_faults(rows: Rows, expected: Reference) -> list[Finding]:
    """Is this the sheet of this nation, made under these terms?"""
    tag, nation, round_id, digest = (
        str(_cell(rows, REFERENCE_ROW, column)).strip() for column in range(4)
    )

    def fault(code: str, message: str, column: int, found: str) -> list[Finding]:
        mend = "copy the figures into a fresh template of this round"
        return [Finding(code, message, mend, rows.sheet, REFERENCE_ROW, letter(column), found)]

    if tag != TAG:
        return fault("no-reference", "the first line does not say whose sheet this is", 0, tag)
    if nation != expected.nation:
        return fault("other-nation", "this is another nation's sheet", 1, nation)
    if round_id != expected.round_id:
        return fault("other-round", "this sheet was made for another round", 2, round_id)
    if digest != expected.terms_digest:
        return fault("other-terms", "this sheet was made under other terms", 3, digest)
    return []


def _columns(rows: Rows, terms: RoundTerms) -> tuple[dict[str, int], list[Finding]]:
    """Where each column stands, by its heading."""
    header: Sequence[Bare] = rows.rows[HEADER_ROW - 1] if len(rows.rows) >= HEADER_ROW else ()
    columns: dict[str, int] = {}
    findings: list[Finding] = []
    for index, text in enumerate(header):
        name = column_named(str(text))
        if name in columns:
            findings.append(
                Finding(
                    "column-twice",
                    "a column stands here for the second time",
                    "keep one column of each heading",
                    rows.sheet,
                    HEADER_ROW,
                    letter(index),
                    str(text),
                )
            )
        elif name is not None:
            columns[name] = index
    codes = [item.code for item in terms.frame.items]
    needed = NEEDED if len(set(codes)) == len(codes) else (*NEEDED, CLASS)
    findings += [
        Finding(
            "no-column",
            f"the column '{heading(name, ('en', 'fr'))}' is missing",
            "keep the headings of the template",
            rows.sheet,
            HEADER_ROW,
        )
        for name in needed
        if name not in columns
    ]
    return columns, findings


def _missing_faults(sheet: str, missing: list[CellKey], *, allow_missing: bool) -> list[Finding]:
    if not missing:
        return []
    if allow_missing:
        return [
            Finding(
                "missing-rows",
                f"{len(missing)} cells of the frame have no row and count as 0",
                "add the rows if that is not meant",
                sheet,
                severity=Severity.WARNING,
            )
        ]
    listed = [
        Finding(
            "missing-row",
            f"there is no row for {cell}",
            "add the row, with an empty figure if there is no need, or allow missing rows",
            sheet,
        )
        for cell in missing[:_LISTED_MISSING]
    ]
    if len(missing) > _LISTED_MISSING:
        rest = len(missing) - _LISTED_MISSING
        listed.append(
            Finding(
                "missing-row",
                f"there is no row for {rest} further cells",
                "start from the template: it has a row for every cell",
                sheet,
            )
        )
    return listed
