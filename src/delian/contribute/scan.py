"""Walks through the XML of one sheet before its values are read.

May touch: lxml. Two things that the reader of values does not do: it marks formulas and error
values, whose cached value or emptiness would look like a figure; and it bounds rows and columns,
because the reader reserves memory for the whole area between the outermost cells.
"""

import io
import re
from typing import Any, Final

from lxml import etree

from delian.contribute.errors import SheetFileError
from delian.contribute.rows import ERROR_VALUE, FORMULA

MAX_ROWS: Final = 1_048_576
MAX_AREA: Final = 1 << 25
_CELL: Final = re.compile(r"([A-Z]{1,3})([1-9][0-9]{0,6})", re.ASCII)
_ROW: Final = re.compile(r"[1-9][0-9]{0,6}", re.ASCII)

_UTF8_START: Final = re.compile(
    rb"(?:\xef\xbb\xbf)?\s*<\?xml[^>]{0,80}encoding\s*=\s*[\"']utf-8[\"']", re.IGNORECASE
)
# Element names cannot be escaped in XML, attribute values can: hence the "&". A prefix is rare.
_NEEDS_WALK: Final = tuple(
    map(re.compile, (rb"<f[\s/>]", rb":(?:f|c|row)[\s/>]", rb"=\s*[\"'](?:e[\"']|&)"))
)
_ENDS: Final = (b" ", b"\t", b"\r", b"\n", b"/", b">")
_PLAIN: Final = (
    (b"<c", re.compile(rb"<c r=\"[A-Z][1-9][0-9]{0,5}\"")),
    (b"<row", re.compile(rb"<row r=\"[1-9][0-9]{0,5}\"")),
)

Marks = dict[tuple[int, int], str]


def scan(data: bytes) -> Marks:
    """Places (row from 1, column from 0) of formulas and error values.

    A search over the bytes comes first: where every cell names a place in columns A to Z and no
    sign of a formula or an error is there, there is nothing to walk for.

    Raises:
        SheetFileError: not well-formed, or wider or longer than a sheet may be.
    """
    if _UTF8_START.match(data) and _is_plain(data):
        return {}
    marks: Marks = {}
    try:
        events = etree.iterparse(
            io.BytesIO(data),
            tag="{*}row",
            resolve_entities=False,
            no_network=True,
            load_dtd=False,
            huge_tree=False,
        )
        number, widest = 0, 0
        for _, row in events:
            number = _row_number(row, number)
            widest = max(widest, _mark_row(row, number, marks))
            if number > MAX_ROWS or number * widest > MAX_AREA:
                raise SheetFileError(
                    "the sheet has more rows or columns than a sheet of this product",
                    hint="delete what stands beside and below the table",
                )
            row.clear()
            while row.getprevious() is not None:
                del row.getparent()[0]
    except (etree.XMLSyntaxError, ValueError) as error:
        raise _damaged() from error
    return marks


def _is_plain(data: bytes) -> bool:
    if any(sign.search(data) for sign in _NEEDS_WALK):
        return False
    return all(
        sum(data.count(start + end) for end in _ENDS) == len(plain.findall(data))
        for start, plain in _PLAIN
    )


def _damaged() -> SheetFileError:
    return SheetFileError("the file is damaged", hint="save it again as xlsx")


def _row_number(row: Any, before: int) -> int:
    """The number of a row; rows ascend, so that the area so far is known."""
    named = row.get("r")
    if named is None:
        return before + 1
    if not _ROW.fullmatch(named) or int(named) <= before:
        raise _damaged()
    return int(named)


def _mark_row(row: Any, number: int, marks: Marks) -> int:
    """Mark one row; the answer is its width."""
    column = -1
    widest = 0
    for cell in row:
        if not isinstance(cell.tag, str):
            continue
        named = cell.get("r")
        if named is None:
            column += 1
        else:
            place = _CELL.fullmatch(named)
            if place is None or int(place[2]) != number:
                raise _damaged()
            column = _column(place[1])
        widest = max(widest, column + 1)
        if cell.get("t") == "e":
            marks[(number, column)] = ERROR_VALUE
        for part in cell:
            if isinstance(part.tag, str) and part.tag.rpartition("}")[2] == "f":
                marks[(number, column)] = FORMULA
    return widest


def _column(letters: str) -> int:
    index = 0
    for sign in letters:
        index = index * 26 + ord(sign) - ord("A") + 1
    return index - 1
