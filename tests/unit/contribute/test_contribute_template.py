"""The template: same bytes every time, only figures can be edited, nothing hidden."""

import io
import re
import zipfile

import pytest
from python_calamine import CalamineWorkbook, SheetVisibleEnum

from delian.contribute.errors import UnknownNationError
from delian.contribute.sheet import SheetShapeError, make_sheet
from delian.contribute.template import LanguageError, template, template_csv
from delian.terms.frame import Frame, Item
from tests.contribute_world import frame, make_world

TERMS = make_world(frame(years=(2027, 2028))).terms


def part(data, name):
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return archive.read(name).decode()


def test_the_same_terms_give_the_same_bytes():
    assert template(TERMS, "AAA") == template(TERMS, "AAA")
    assert template(TERMS, "AAA") != template(TERMS, "BBB")
    assert template(TERMS, "AAA") != template(TERMS, "AAA", ("fr", "en"))
    with zipfile.ZipFile(io.BytesIO(template(TERMS, "AAA"))) as archive:
        assert {entry.date_time for entry in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
    assert "2000-01-01T00:00:00Z" in part(template(TERMS, "AAA"), "docProps/core.xml")


def test_it_has_a_bilingual_heading_and_a_row_for_every_cell():
    book = CalamineWorkbook.from_filelike(io.BytesIO(template(TERMS, "AAA")))
    rows = book.get_sheet_by_name("Needs").to_python(skip_empty_area=False)
    assert rows[0][:4] == ["delian-sheet 1", "AAA", "R1", TERMS.digest]
    assert rows[1][4] == "Year / Année"
    assert rows[1][7] == "Figure / Chiffre"
    assert len(rows) == 2 + len(TERMS.frame.cells)
    assert rows[2][:7] == [
        "AMMO-155", "Shell, 155 mm", "Obus de 155 mm", "STD", 2027.0, "T1", "pieces",
    ]  # fmt: skip
    assert rows[4][6] == "kEUR (EUR-2026)"
    about = book.get_sheet_by_name("About").to_python()
    assert {"AAA", "R1", TERMS.digest} <= {row[1] for row in about}
    assert all(sheet.visible == SheetVisibleEnum.Visible for sheet in book.sheets_metadata)


def test_units_are_locked_and_figures_are_not():
    data = template(TERMS, "AAA")
    sheet, styles = part(data, "xl/worksheets/sheet1.xml"), part(data, "xl/styles.xml")
    assert "<sheetProtection" in sheet
    forms = re.findall(r"<xf [^>]*?(?:/>|>.*?</xf>)", styles.split("<cellXfs")[1])
    unlocked = {n for n, form in enumerate(forms) if 'locked="0"' in form}
    styled = {
        column: int(style) for column, style in re.findall(r'<c r="([A-H])3" s="([0-9]+)"', sheet)
    }
    assert {column for column, style in styled.items() if style in unlocked} == {"H"}
    assert re.search(r'<dataValidation type="whole".*?sqref="H3:H14">', sheet)
    assert f"<formula1>0</formula1><formula2>{2**32 - 1}</formula2>" in sheet
    assert "<f>" not in sheet
    assert "hidden" not in sheet


def test_each_run_of_rows_with_one_cap_has_its_own_limit():
    items = (Item("A", {}, "pieces", 8), Item("B", {}, "pieces", 40), Item("C", {}, "pieces", 40))
    sheet = part(
        template(make_world(Frame(items, (2027,), ("T1",))).terms, "AAA"),
        "xl/worksheets/sheet1.xml",
    )
    assert re.findall(r'sqref="([^"]*)"><formula1>0</formula1><formula2>(\d+)<', sheet) == [
        ("H3", "255"),
        ("H4:H5", str(2**40 - 1)),
    ]


def test_names_that_look_like_formulas_stay_text():
    names = {"en": "=HYPERLINK(1)", "fr": "+1"}
    terms = make_world(Frame((Item("A", names, "pieces", 8),), (2027,), ("T1",))).terms
    assert "<f>" not in part(template(terms, "AAA"), "xl/worksheets/sheet1.xml")
    assert b"'=HYPERLINK(1),'+1," in template_csv(terms, "AAA")


def test_strangers_and_unknown_languages_are_refused():
    for make in (template, template_csv):
        with pytest.raises(UnknownNationError):
            make(TERMS, "ZZZ")
        with pytest.raises(LanguageError):
            make(TERMS, "AAA", ("en", "xx"))


def test_a_frame_larger_than_a_spreadsheet_needs_csv(monkeypatch):
    monkeypatch.setattr("delian.contribute.template.MAX_XLSX_CELLS", 11)
    with pytest.raises(SheetShapeError):
        template(TERMS, "AAA")


@pytest.mark.parametrize(
    "figures",
    [[1] * 11, [1] * 13, [0.5] * 12, [-1] + [0] * 11, [2**32] + [0] * 11, [2**63] + [0] * 11],
)
def test_figures_that_do_not_fit_the_frame_are_refused(figures):
    with pytest.raises(SheetShapeError):
        make_sheet(TERMS, "AAA", figures)


def test_each_item_has_its_own_cap():
    items = (Item("A", {}, "pieces", 8), Item("B", {}, "pieces", 40))
    terms = make_world(Frame(items, (2027,), ("T1",))).terms
    assert make_sheet(terms, "AAA", [255, 2**40 - 1]).figures.tolist() == [255, 2**40 - 1]
    with pytest.raises(SheetShapeError):
        make_sheet(terms, "AAA", [256, 0])
