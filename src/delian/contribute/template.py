"""The sheet that a delegation fills in: xlsx with locked units, or csv for other programs.

May touch: XlsxWriter, in memory. The same terms, nation and languages give the same bytes.
"""

import csv
import io
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import xlsxwriter

from delian.contribute.columns import (
    ABOUT,
    FIRST_ROW,
    HEADER_ROW,
    HEADINGS,
    LANGUAGES,
    NEEDS,
    REFERENCE_ROW,
    Reference,
    heading,
    unit_text,
)
from delian.contribute.errors import UnknownNationError
from delian.contribute.sheet import SheetShapeError, cap_of
from delian.terms.encode import utc_text
from delian.terms.errors import InputError
from delian.terms.frame import CellKey
from delian.terms.round_terms import RoundTerms

MAX_XLSX_CELLS = 1_048_576 - HEADER_ROW
_WIDTHS = (14, 34, 34, 10, 8, 8, 18, 18)
_EPOCH = datetime(2000, 1, 1)  # a constant, so that the bytes never change
_FIGURE_COLUMN = len(HEADINGS) - 1


class LanguageError(InputError):
    """The template exists in other languages only."""

    code = "language"


def template(terms: RoundTerms, nation: str, languages: tuple[str, str] = ("en", "fr")) -> bytes:
    """An empty sheet for *nation*: one row per cell of the frame, only figures can be edited.

    Args:
        terms: Gives items, years, tiers, units and caps.
        nation: One of the nations of the terms.
        languages: Two of "en" and "fr", in the order of the headings.

    Guarantees:
        The same bytes for the same arguments
        (``tests/unit/contribute/test_contribute_template.py``).

    Raises:
        UnknownNationError: the terms do not name this nation.
        LanguageError: another language.
        SheetShapeError: more cells than an xlsx sheet has rows.
    """
    _check(terms, nation, languages)
    if len(terms.frame.cells) > MAX_XLSX_CELLS:
        raise SheetShapeError(
            "the frame has more cells than an xlsx sheet has rows", hint="use the csv template"
        )
    out = io.BytesIO()
    book = xlsxwriter.Workbook(out, {"in_memory": True, "strings_to_formulas": False})
    book.set_properties({"title": f"{nation} {terms.round_id}", "created": _EPOCH})
    _write_needs(book, terms, nation, languages)
    _write_about(book, terms, nation)
    book.close()
    return out.getvalue()


def template_csv(
    terms: RoundTerms, nation: str, languages: tuple[str, str] = ("en", "fr")
) -> bytes:
    """The same sheet as csv: UTF-8 with a byte order mark, commas, CRLF.

    Raises:
        UnknownNationError: the terms do not name this nation.
        LanguageError: another language.
    """
    _check(terms, nation, languages)
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(Reference.of(terms, nation).texts)
    writer.writerow([heading(name, languages) for name, _ in HEADINGS])
    writer.writerows([*map(_inert, row), ""] for _, row in _rows(terms, languages))
    return b"\xef\xbb\xbf" + out.getvalue().encode("utf-8")


def _inert(value: str | int) -> str | int:
    """A csv field that no spreadsheet takes for a formula."""
    return "'" + value if isinstance(value, str) and value[:1] in "=+-@\t\r" and value else value


def _check(terms: RoundTerms, nation: str, languages: tuple[str, str]) -> None:
    if nation not in terms.nations:
        raise UnknownNationError(f"the terms of this round do not name '{nation[:40]}'")
    if not set(languages) <= set(LANGUAGES):
        raise LanguageError("the template exists in English and French", hint="use en and fr")


def _rows(
    terms: RoundTerms, languages: tuple[str, str]
) -> Iterator[tuple[CellKey, tuple[str | int, ...]]]:
    """Every row without its figure, in the order of the frame."""
    items = {(i.code, i.cls): i for i in terms.frame.items}
    first, second = languages
    for cell in terms.frame.cells:
        item = items[(cell.item, cell.cls)]
        one, two = item.names.get(first, ""), item.names.get(second, "")
        yield cell, (cell.item, one, two, cell.cls, cell.year, cell.tier, unit_text(item))


def _write_needs(book: Any, terms: RoundTerms, nation: str, languages: tuple[str, str]) -> None:
    sheet = book.add_worksheet(NEEDS)
    locked = book.add_format({"font_color": "#444444"})
    head = book.add_format({"bold": True, "bg_color": "#DDE6F0", "bottom": 1, "text_wrap": True})
    small = book.add_format({"font_size": 8, "font_color": "#777777"})
    entry = book.add_format({"locked": False, "num_format": "#,##0", "bg_color": "#FFFBE6"})
    for column, width in enumerate(_WIDTHS):
        sheet.set_column(column, column, width)
    for column, text in enumerate(Reference.of(terms, nation).texts):
        sheet.write_string(REFERENCE_ROW - 1, column, text, small)
    for column, (name, _) in enumerate(HEADINGS):
        sheet.write_string(HEADER_ROW - 1, column, heading(name, languages), head)
    for place, (_, row) in enumerate(_rows(terms, languages), FIRST_ROW - 1):
        for column, value in enumerate(row):
            if isinstance(value, int):
                sheet.write_number(place, column, value, locked)
            else:
                sheet.write_string(place, column, value, locked)
        sheet.write_blank(place, _FIGURE_COLUMN, None, entry)
    _validate(sheet, terms)
    sheet.freeze_panes(HEADER_ROW, 0)
    sheet.repeat_rows(HEADER_ROW - 1)
    sheet.protect("", {"format_columns": True, "autofilter": True, "select_locked_cells": True})


def _validate(sheet: Any, terms: RoundTerms) -> None:
    """Whole numbers from 0 to the cap of the item, one rule per run of rows with one cap."""
    caps = [cap_of(terms, cell) for cell in terms.frame.cells]
    start = 0
    for stop in range(1, len(caps) + 1):
        if stop < len(caps) and caps[stop] == caps[start]:
            continue
        sheet.data_validation(
            FIRST_ROW - 1 + start,
            _FIGURE_COLUMN,
            FIRST_ROW - 2 + stop,
            _FIGURE_COLUMN,
            {
                "validate": "integer",
                "criteria": "between",
                "minimum": 0,
                "maximum": caps[start],
                "error_title": "Whole number / Nombre entier",
                "error_message": "Enter a whole number, 0 or more. / Nombre entier, 0 ou plus.",
            },
        )
        start = stop


def _write_about(book: Any, terms: RoundTerms, nation: str) -> None:
    sheet = book.add_worksheet(ABOUT)
    sheet.set_column(0, 0, 26)
    sheet.set_column(1, 1, 90)
    lines = (
        ("Nation", nation),
        ("Round / Cycle", terms.round_id),
        ("Title / Titre", terms.title),
        ("Terms / Conditions", terms.digest),
        ("Sheets until / Feuilles avant", utc_text(terms.calendar.sheets_until)),
        ("How", "Fill in the column Figure. An empty cell counts as 0. Keep every row."),
        ("Comment", "Remplir la colonne Chiffre. Une cellule vide vaut 0. Garder chaque ligne."),
        ("Check / Vérifier", "delian sheet check FILE"),
    )
    for row, (name, text) in enumerate(lines):
        sheet.write_string(row, 0, name)
        sheet.write_string(row, 1, text)
    sheet.protect("")
