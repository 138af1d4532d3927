"""What a sheet file holds before anybody judges it: rows of bare cells, and marks on some of them.

The readers for xlsx and csv both give this, so that one checker serves both.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NoReturn, TypeAlias

from delian.contribute.findings import Finding

Bare: TypeAlias = object  # str, int, float, bool or a date, as the file has it; "" is empty

FORMULA: Final = "formula"
ERROR_VALUE: Final = "error-value"


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """The rows of one sheet, counted from 1 as a spreadsheet counts them.

    Args:
        sheet: Name of the sheet, or of the file.
        rows: Every row from the first; shorter rows end in empty cells.
        marks: (row, column from 0) to FORMULA or ERROR_VALUE.
        findings: What reading alone has found, such as a guessed encoding.
        numbers_are_text: True for csv, where every cell is text.

    Leaks:
        Nothing through ``repr``; it refuses pickling.
    """

    sheet: str
    rows: Sequence[Sequence[Bare]] = field(repr=False)
    marks: Mapping[tuple[int, int], str] = field(repr=False)
    findings: tuple[Finding, ...] = ()
    numbers_are_text: bool = False

    def __reduce__(self) -> NoReturn:
        raise TypeError("the rows of a sheet are never pickled")
