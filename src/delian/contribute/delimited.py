"""Reads a csv file as spreadsheets of several countries save it.

May touch: the standard library's csv reader, in memory. Delimiter ; , or tab; UTF-8, UTF-16 with a
byte order mark, or Windows-1252, which is told to the owner.
"""

import codecs
import csv
import io
from typing import Final

from delian.contribute.columns import TAG, column_named
from delian.contribute.errors import SheetFileError
from delian.contribute.findings import Finding, Severity
from delian.contribute.rows import FORMULA, Bare, Rows

MAX_FILE_BYTES: Final = 256 * 1024 * 1024
MAX_ROWS: Final = 4_200_000
_DELIMITERS: Final = (";", ",", "\t")
_BOMS: Final = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_FORMULA_SIGNS: Final = ("=", "@")


def read_delimited(data: bytes, name: str) -> Rows:
    """The rows of a csv file; cells that a spreadsheet would run as a formula are marked.

    Raises:
        SheetFileError: larger than allowed, binary, or broken quotes.
    """
    if len(data) > MAX_FILE_BYTES:
        raise SheetFileError("the file is larger than a sheet can be")
    text, findings = _decode(data, name)
    if "\0" in text:
        raise SheetFileError(
            "the file is neither xlsx nor csv",
            hint="start from the file that 'delian sheet template' writes",
        )
    rows: list[list[Bare]] = []
    marks: dict[tuple[int, int], str] = {}
    try:
        for fields in csv.reader(
            io.StringIO(text, newline=""), delimiter=_delimiter(text), strict=True
        ):
            rows.append([field.strip() for field in fields])
            for column, field in enumerate(fields):
                if field.lstrip().startswith(_FORMULA_SIGNS):
                    marks[(len(rows), column)] = FORMULA
            if len(rows) > MAX_ROWS:
                raise SheetFileError("the file has more rows than a frame can have")
    except csv.Error as error:
        raise SheetFileError(
            "the quotes of the csv file do not match",
            hint="save the sheet again as csv",
            where=f"'{name}', row {len(rows) + 1}",
        ) from error
    return Rows(name, rows, marks, findings, numbers_are_text=True)


def _decode(data: bytes, name: str) -> tuple[str, tuple[Finding, ...]]:
    for mark, encoding in _BOMS:
        if data.startswith(mark):
            try:
                return data[len(mark) :].decode(encoding), ()
            except UnicodeDecodeError as error:
                raise SheetFileError("the file is damaged", hint="save it again as csv") from error
    try:
        return data.decode("utf-8"), ()
    except UnicodeDecodeError:
        guess = Finding(
            "encoding",
            "the file is not UTF-8 and was read as Windows-1252",
            "save it as 'CSV UTF-8' if names look wrong",
            name,
            severity=Severity.WARNING,
        )
        return data.decode("cp1252", errors="replace"), (guess,)


def _delimiter(text: str) -> str:
    """What stands behind the tag; without a tag, what makes most headings readable."""
    lines = text[:65536].splitlines()[:3]
    for line in lines:
        start = line.lstrip('" ')
        if start.startswith(TAG):
            rest = start[len(TAG) :].lstrip('" ')
            if rest[:1] in _DELIMITERS and rest:
                return rest[0]

    def readable(delimiter: str) -> int:
        return sum(
            column_named(field.strip('" ')) is not None
            for line in lines
            for field in line.split(delimiter)
        )

    return max(_DELIMITERS, key=readable)
