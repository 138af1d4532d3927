"""Every fault of a sheet is named at once, at its exact place, and no message holds a figure."""

import io
import json
import pickle
import struct
import time
import zipfile
from datetime import datetime

import pytest
import xlsxwriter

from delian.contribute.check import check
from delian.contribute.errors import SheetFileError, UnknownNationError
from delian.contribute.findings import Severity, SheetErrors
from delian.contribute.scan import scan
from delian.contribute.template import template, template_csv
from delian.terms.frame import Frame, Item
from tests.contribute_world import cell, fill, frame, make_world

WORLD = make_world(frame(years=(2027, 2028)))
TERMS = WORLD.terms
HEADER = ["Item", "Name (en)", "Name (fr)", "Class", "Year", "Tier", "Unit", "Figure"]


def good_rows():
    units = {"AMMO-155": "pieces", "RADAR": "kEUR (EUR-2026)", "4711": "pieces"}
    return [
        [c.item, "", "", c.cls, c.year, c.tier, units[c.item], n]
        for n, c in enumerate(TERMS.frame.cells)
    ]


def reference(nation="AAA", terms=TERMS):
    return ["delian-sheet 1", nation, terms.round_id, terms.digest]


def book(rows, sheet="Needs", header=HEADER, first=None):
    out = io.BytesIO()
    with xlsxwriter.Workbook(out, {"in_memory": True}) as made:
        page = made.add_worksheet(sheet)
        date_form = made.add_format({"num_format": "yyyy-mm-dd"})
        for r, row in enumerate([first or reference(), header, *rows]):
            for c, value in enumerate(row):
                if isinstance(value, datetime):
                    page.write_datetime(r, c, value, date_form)
                elif isinstance(value, tuple):
                    page.write_formula(r, c, *value)
                elif isinstance(value, str):
                    page.write_string(r, c, value)
                elif value is not None:
                    page.write(r, c, value)
    return out.getvalue()


def text(rows, delimiter=",", header=HEADER, first=None, encoding="utf-8"):
    lines = [first or reference(), header, *rows]
    body = "\r\n".join(delimiter.join(str(v) for v in line) for line in lines) + "\r\n"
    return body.encode(encoding)


def errors_of(data, name="needs.xlsx", **more):
    with pytest.raises(SheetErrors) as caught:
        check(data, name, TERMS, "AAA", **more)
    return caught.value


def places(error):
    return [(f.code, f.row, f.column) for f in error.findings if f.severity is Severity.ERROR]


def test_a_good_sheet_gives_its_figures():
    for data, name in ((book(good_rows()), "a.xlsx"), (text(good_rows()), "a.csv")):
        checked = check(data, name, TERMS, "AAA")
        assert checked.sheet.figures.tolist() == list(range(12))
        assert (checked.warnings, checked.rows_read, checked.rows_missing) == ((), 12, 0)
        assert checked.sheet.figure(TERMS, cell("RADAR/2028/T1/STD")) == 3


# column, value, code and place of the only finding that it must give in row 5
XLSX_FAULTS = [
    (0, "AMMO-999", "unknown-item", "A"),
    (0, "", "unknown-item", "A"),
    (3, "OTHER", "unknown-class", "D"),
    (4, 2035, "year-outside", "E"),
    (4, 2027.5, "bad-year", "E"),
    (4, "next year", "bad-year", "E"),
    (4, True, "bad-year", "E"),
    (5, "T9", "unknown-tier", "F"),
    (6, "EUR", "wrong-unit", "G"),
    (6, "kEUR", "wrong-unit", "G"),
    (6, "", "wrong-unit", "G"),
    (7, -4, "negative", "H"),
    (7, -0.5, "negative", "H"),
    (7, 12.5, "fraction", "H"),
    (7, "12", "text-number", "H"),
    (7, "twelve", "not-a-number", "H"),
    (7, True, "not-a-number", "H"),
    (7, datetime(2027, 1, 1), "not-a-number", "H"),
    (7, "12 000", "grouped-number", "H"),
    (7, "12,000", "grouped-number", "H"),
    (7, "12'000", "grouped-number", "H"),
    (7, "1,5", "fraction", "H"),
    (7, "-5", "negative", "H"),
    (7, "\u22125", "negative", "H"),
    (7, "\uff11\uff12", "not-a-number", "H"),
    (7, "1e3", "not-a-number", "H"),
    (7, 2**32, "overflow", "H"),
    (7, 1e300, "overflow", "H"),
    (7, ("=1+1", None, 2), "formula", "H"),
    (7, ("{=SUM(A1:A2)}", None, 2), "formula", "H"),
    (0, ('="RADAR"', None, "RADAR"), "formula", "A"),
    (7, ("=1/0", None, "#DIV/0!"), "formula", "H"),
]


@pytest.mark.parametrize(("column", "value", "code", "letter"), XLSX_FAULTS)
def test_each_fault_in_xlsx_is_named_at_its_place(column, value, code, letter):
    rows = good_rows()
    rows[2][column] = value
    error = errors_of(book(rows))
    found = [p for p in places(error) if p[0] != "missing-row"]
    assert found == [(code, 5, letter)]
    finding = next(f for f in error.findings if f.code == code)
    assert finding.sheet == "Needs"
    assert finding.mend
    assert finding.where == f"sheet 'Needs', row 5, column {letter}"
    assert error.exit_code == 2


CSV_FAULTS = [
    (7, "-4", "negative"),
    (7, "12.5", "fraction"),
    (7, "12'000", "grouped-number"),
    (7, "abc", "not-a-number"),
    (7, "=1+1", "formula"),
    (7, "@SUM(1)", "formula"),
    (7, str(2**32), "overflow"),
    (7, "9" * 20, "overflow"),
    (7, "9" * 4000, "not-a-number"),
]


@pytest.mark.parametrize(("column", "value", "code"), CSV_FAULTS)
def test_each_fault_in_csv_is_named_at_its_place(column, value, code):
    rows = good_rows()
    rows[2][column] = value
    error = errors_of(text(rows), "needs.csv")
    assert places(error) == [(code, 5, "H")]
    assert error.findings[0].sheet == "needs.csv"


def test_an_error_value_without_formula_is_no_empty_cell():
    rows = good_rows()
    rows[2][7] = None
    data = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(book(rows))) as old, zipfile.ZipFile(data, "w") as new:
        for entry in old.infolist():
            body = old.read(entry)
            if entry.filename.endswith("sheet1.xml"):
                cell_5 = b'<c r="H5" t="e"><v>#N/A</v></c></row><row r="6"'
                body = body.replace(b'</row><row r="6"', cell_5)
            new.writestr(entry, body)
    assert places(errors_of(data.getvalue())) == [("error-value", 5, "H")]


def test_all_faults_are_reported_at_once():
    rows = good_rows()
    rows[0][7], rows[1][6], rows[2][0], rows[3][4] = -1, "tons", "NOPE", 1999
    rows[4][7], rows[5][7] = ("=2", None, 2), 1.5
    rows.append(list(rows[6]))
    error = errors_of(book(rows))
    assert [p for p in places(error) if p[0] != "missing-row"] == [
        ("negative", 3, "H"),
        ("wrong-unit", 4, "G"),
        ("unknown-item", 5, "A"),
        ("year-outside", 6, "E"),
        ("formula", 7, "H"),
        ("fraction", 8, "H"),
        ("duplicate", 15, "A"),
    ]
    duplicate = next(f for f in error.findings if f.code == "duplicate")
    assert "row 9" in duplicate.message
    missing = [f.message for f in error.findings if f.code == "missing-row"]
    assert missing == [
        "there is no row for RADAR/2027/T1/STD",
        "there is no row for RADAR/2028/T1/STD",
    ]


def test_a_missing_row_is_an_error_unless_allowed():
    rows = good_rows()[:-1]
    error = errors_of(book(rows))
    assert places(error) == [("missing-row", 0, "")]
    checked = check(book(rows), "a.xlsx", TERMS, "AAA", allow_missing=True)
    assert checked.rows_missing == 1
    assert checked.sheet.figures.tolist() == [*range(11), 0]
    assert [w.code for w in checked.warnings] == ["missing-rows"]


def test_an_empty_figure_in_a_row_counts_as_zero():
    rows = good_rows()
    rows[5][7] = None
    assert check(book(rows), "a.xlsx", TERMS, "AAA").sheet.figures[5] == 0


def test_many_missing_rows_are_listed_up_to_a_bound():
    items = tuple(Item(f"I{n}", {}, "pieces", 8) for n in range(1200))
    terms = make_world(Frame(items, (2027,), ("T1",))).terms
    with pytest.raises(SheetErrors) as caught:
        check(text([], first=reference(terms=terms)), "a.csv", terms, "AAA")
    assert len(caught.value.findings) == 1001
    assert "200 further" in caught.value.findings[-1].message


def test_a_figure_above_a_quarter_of_the_cap_is_a_warning():
    rows = good_rows()
    rows[0][7], rows[1][7] = 2**30 - 1, 2**30
    checked = check(book(rows), "a.xlsx", TERMS, "AAA")
    assert [(w.code, w.row, w.column) for w in checked.warnings] == [("above-quarter", 4, "H")]


def test_a_structurally_empty_cell_takes_no_figure():
    hole = cell("AMMO-155/2027/T1/STD")
    terms = make_world(frame(years=(2027, 2028), empty=(hole,))).terms
    first = reference(terms=terms)
    rows = good_rows()
    rows[0][7] = 5
    with pytest.raises(SheetErrors) as caught:
        check(book(rows, first=first), "a.xlsx", terms, "AAA")
    assert places(caught.value) == [("structurally-empty", 3, "H")]
    rows[0][7] = None
    checked = check(book(rows, first=first), "a.xlsx", terms, "AAA")
    assert len(checked.sheet.figures) == 11


@pytest.mark.parametrize(
    ("first", "code", "column"),
    [
        (["Item"], "no-reference", "A"),
        (reference("BBB"), "other-nation", "B"),
        (reference(terms=make_world(round_id="R0").terms), "other-round", "C"),
        (reference(terms=make_world(frame(years=(2027,))).terms), "other-terms", "D"),
    ],
)
def test_a_sheet_of_another_nation_round_or_terms_is_refused(first, code, column):
    assert places(errors_of(book(good_rows(), first=first))) == [(code, 1, column)]


def test_headings_may_move_but_not_go_or_double():
    order = [7, 6, 5, 4, 3, 0]
    moved = [[row[i] for i in order] for row in good_rows()]
    header = ["CHIFFRE", "unite", "Rang", "Year / Année", "classe", "article"]
    assert check(text(moved, header=header), "a.csv", TERMS, "AAA").sheet.figures[3] == 3
    error = errors_of(book(good_rows(), header=[*HEADER[:6], "Remark", "Figure"]))
    assert places(error) == [("no-column", 2, "")]
    error = errors_of(book(good_rows(), header=[*HEADER[:7], "Year"]))
    assert places(error) == [("column-twice", 2, "H"), ("no-column", 2, "")]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_csv_of_every_usual_kind_is_read(delimiter, encoding):
    data = text(good_rows(), delimiter, encoding=encoding)
    checked = check(data, "a.csv", TERMS, "AAA")
    assert checked.sheet.figures.tolist() == list(range(12))
    assert checked.warnings == ()


def test_windows_1252_is_read_and_told():
    header = [*HEADER[:4], "Année", *HEADER[5:]]
    checked = check(text(good_rows(), ";", header, encoding="cp1252"), "a.csv", TERMS, "AAA")
    assert [w.code for w in checked.warnings] == ["encoding"]


def test_a_quoted_line_break_does_not_move_the_rows():
    rows = good_rows()
    rows[0][1] = '"two\nlines"'
    rows[2][7] = "-1"
    assert places(errors_of(text(rows), "a.csv")) == [("negative", 5, "H")]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"%PDF-1.7 ...", "PDF"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(100), "password"),
        (b"", "empty"),
        (b"<html></html>", "web page"),
        (b'{"a": 1}', "JSON"),
        (b"PK\x03\x04broken", "damaged"),
        (b"a\0b", "neither xlsx nor csv"),
        (b'delian-sheet 1,"AAA', "quotes"),
    ],
)
def test_a_wrong_file_is_told_apart(data, words):
    with pytest.raises(SheetFileError) as caught:
        check(data, "needs.xlsx", TERMS, "AAA")
    assert words in caught.value.message
    assert caught.value.exit_code == 2


def test_a_workbook_without_the_sheet_is_refused():
    with pytest.raises(SheetFileError, match="no sheet named 'Needs'"):
        check(book(good_rows(), sheet="Other"), "a.xlsx", TERMS, "AAA")


def zipped(members):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members:
            archive.writestr(name, data)
    return out.getvalue()


def test_a_zip_bomb_stops_at_the_bound(monkeypatch):
    monkeypatch.setattr("delian.contribute.workbook.MAX_UNPACKED_BYTES", 5_000_000)
    bomb = zipped([("xl/workbook.xml", bytes(4_000_000)), ("xl/x.xml", bytes(4_000_000))])
    assert len(bomb) < 20_000
    with pytest.raises(SheetFileError, match="unpacks to more"):
        check(bomb, "a.xlsx", TERMS, "AAA")
    lying = bytearray(zipped([("xl/x.xml", bytes(8_000_000))]))
    for magic, place in ((b"PK\x01\x02", 24), (b"PK\x03\x04", 22)):
        struct.pack_into("<I", lying, lying.find(magic) + place, 10)
    with pytest.raises(SheetFileError, match="damaged"):
        check(bytes(lying), "a.xlsx", TERMS, "AAA")


def test_parts_named_twice_too_many_parts_and_document_types_are_refused():
    with pytest.warns(UserWarning, match="Duplicate name"):
        twice = zipped([("xl/workbook.xml", b"<a/>"), ("xl/workbook.xml", b"<a/>")])
    many = zipped([(f"xl/{n}.xml", b"") for n in range(2001)])
    entity = b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>'
    typed = zipped([("xl/workbook.xml", entity)])
    for data, words in ((twice, "twice"), (many, "more parts"), (typed, "document type")):
        with pytest.raises(SheetFileError, match=words):
            check(data, "a.xlsx", TERMS, "AAA")


@pytest.mark.parametrize(
    "spelling",
    [
        b'<x:f xmlns:x="http://schemas.openxmlformats.org/spreadsheetml/2006/main">1</x:f>',
        b"<f\n>1</f>",
        b"<f/>",
    ],
)
def test_a_formula_is_found_in_every_spelling(spelling):
    """The quick search over the bytes must not miss what a parser would see."""
    data = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(book(good_rows()))) as old, zipfile.ZipFile(data, "w") as new:
        for entry in old.infolist():
            body = old.read(entry)
            if entry.filename.endswith("sheet1.xml"):
                body = body.replace(b'<c r="H5"><v>', b'<c r="H5">' + spelling + b"<v>")
            new.writestr(entry, body)
    assert places(errors_of(data.getvalue())) == [("formula", 5, "H")]


def test_a_formula_in_utf_16_is_found_too():
    rows = good_rows()
    rows[2][7] = ("=1+1", None, 2)
    data = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(book(rows))) as old, zipfile.ZipFile(data, "w") as new:
        for entry in old.infolist():
            body = old.read(entry)
            if entry.filename.endswith("sheet1.xml"):
                body = body.decode().replace("UTF-8", "UTF-16").encode("utf-16")
            new.writestr(entry, body)
    with zipfile.ZipFile(data) as archive:
        page = archive.read("xl/worksheets/sheet1.xml")
    assert scan(page) == {(5, 7): "formula"}
    with pytest.raises(SheetErrors):
        check(data.getvalue(), "a.xlsx", TERMS, "AAA")


def with_page(change):
    """A good workbook whose sheet's XML went through *change*."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(book(good_rows()))) as old, zipfile.ZipFile(out, "w") as new:
        for entry in old.infolist():
            body = old.read(entry)
            new.writestr(entry, change(body) if entry.filename.endswith("sheet1.xml") else body)
    return out.getvalue()


@pytest.mark.parametrize(
    "place",
    ["ZZZ5", "XFD5", "ZZZZZZ5", "H99999999", "H0", "h5", "$H$5", "5H", "H5H", "", "H1048577"],
)
def test_a_cell_far_out_or_at_no_place_never_reaches_the_reader(place):
    """The reader reserves the whole area up to it; a far cell once ended the process."""
    last = with_page(
        lambda xml: xml.replace(
            b"</sheetData>", f'<row r="1000000"><c r="{place}"/></row></sheetData>'.encode()
        )
    )
    with pytest.raises(SheetFileError):
        check(last, "a.xlsx", TERMS, "AAA")


@pytest.mark.parametrize(
    "rows",
    [
        b'<row r="1048577"><c r="A1048577"><v>1</v></c></row>',
        b'<row r="1040000"><c r="AZ1040000"><v>1</v></c></row>',
        b'<row r="9"><c r="A9" t="e"/></row>',
        b'<row r="x"><c r="A9"/></row>',
        b"<row><c><v>1</v></c></row" + b"x>",
    ],
)
def test_rows_out_of_order_or_too_far_down_are_refused(rows):
    data = with_page(lambda xml: xml.replace(b"</sheetData>", rows + b"</sheetData>"))
    with pytest.raises(SheetFileError):
        check(data, "a.xlsx", TERMS, "AAA")


def test_a_note_beside_the_table_does_no_harm_and_a_number_there_is_told():
    note = b'<c r="AC5" t="inlineStr"><is><t>ask Anna</t></is></c></row><row r="6"'
    data = with_page(lambda xml: xml.replace(b'</row><row r="6"', note))
    checked = check(data, "a.xlsx", TERMS, "AAA")
    assert checked.sheet.figures.tolist() == list(range(12))
    assert checked.warnings == ()
    moved = with_page(lambda xml: xml.replace(b'<c r="H5"', b'<c r="J5"'))
    checked = check(moved, "a.xlsx", TERMS, "AAA")
    assert [(w.code, w.row, w.column) for w in checked.warnings] == [("outside-table", 5, "J")]


def test_no_message_repr_or_wire_form_holds_what_stands_in_a_cell():
    secret = 987654321
    rows = good_rows()
    rows[2][7], rows[3][7], rows[4][7] = -secret, f"{secret} pieces", secret + 0.5
    for data, name in ((book(rows), "a.xlsx"), (text(rows), "a.csv")):
        error = errors_of(data, name)
        shown = [str(error), repr(error), error.hint, error.where, json.dumps(error.to_wire())]
        shown += [repr(f) + json.dumps(f.to_plain()) + f.message + f.mend for f in error.findings]
        assert not any(str(secret) in part for part in shown)
        local = [f.to_plain(with_found=True)["found"] for f in error.findings]
        assert all(str(secret) in part for part in local)


def test_a_sheet_hides_its_figures():
    sheet = check(book(good_rows()), "a.xlsx", TERMS, "AAA").sheet
    assert "figures" not in repr(sheet)
    with pytest.raises(TypeError):
        pickle.dumps(sheet)
    with pytest.raises(ValueError, match="read-only"):
        sheet.figures[0] = 1


def test_a_nation_outside_the_terms_has_no_sheet():
    with pytest.raises(UnknownNationError):
        check(book(good_rows()), "a.xlsx", TERMS, "ZZZ")


def stretched(xlsx, rows):
    """The workbook with all *rows* below its headings, written without a library."""
    lines = []
    for r, row in enumerate(rows, 3):
        cells = [
            f'<c r="{"ABCDEFGH"[c]}{r}" t="inlineStr"><is><t>{v}</t></is></c>'
            if isinstance(v, str)
            else f'<c r="{"ABCDEFGH"[c]}{r}"><v>{v}</v></c>'
            for c, v in enumerate(row)
        ]
        lines.append(f'<row r="{r}">{"".join(cells)}</row>')
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(xlsx)) as old, zipfile.ZipFile(out, "w") as new:
        for entry in old.infolist():
            body = old.read(entry)
            if entry.filename.endswith("sheet1.xml"):
                start, stop = body.index(b'<row r="3"'), body.index(b"</sheetData>")
                body = body[:start] + "".join(lines).encode() + body[stop:]
            new.writestr(entry, body)
    return out.getvalue()


def test_a_hundred_thousand_rows_are_checked_in_five_seconds():
    items = tuple(Item(f"I{n}", {"en": "x"}, "pieces", 32) for n in range(1_000))
    terms = make_world(Frame(items, tuple(range(2027, 2077)), ("T1", "T2"))).terms
    first = reference(terms=terms)
    rows = [
        [c.item, "", "", c.cls, c.year, c.tier, "pieces", 2**30 - 1 - n]
        for n, c in enumerate(terms.frame.cells)
    ]
    small = book(rows[:1], first=first)
    for data, name in ((stretched(small, rows), "a.xlsx"), (text(rows, first=first), "a.csv")):
        start = time.process_time()
        checked = check(data, name, terms, "AAA")
        assert time.process_time() - start < 5
        assert int(checked.sheet.figures[-1]) == 2**30 - 100_000
        assert checked.rows_read == 100_000


def test_a_template_left_empty_is_all_zero():
    for data, name in ((template(TERMS, "AAA"), "a.xlsx"), (template_csv(TERMS, "AAA"), "a.csv")):
        assert not check(data, name, TERMS, "AAA").sheet.figures.any()


def test_a_filled_template_comes_back_figure_by_figure():
    figures = [None, 1, 2**30 - 1, *range(100, 109)]
    checked = check(fill(template(TERMS, "AAA"), figures), "a.xlsx", TERMS, "AAA")
    assert checked.sheet.figures.tolist() == [0, *figures[1:]]
    lines = template_csv(TERMS, "AAA").decode("utf-8-sig").split("\r\n")
    for row, figure in enumerate(figures, 2):
        lines[row] += "" if figure is None else str(figure)
    checked = check("\r\n".join(lines).encode(), "a.csv", TERMS, "AAA")
    assert checked.sheet.figures.tolist() == [0, *figures[1:]]
