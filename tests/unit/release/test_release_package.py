"""The files of a release: deterministic, complete, safe to open, and one story in four forms."""

import csv
import io
import json
import re
import zipfile
from dataclasses import replace

import pytest
from lxml import etree
from python_calamine import CalamineWorkbook

from delian.release.errors import PackageError
from delian.release.package import FILES, Edition, package_digest, render
from delian.terms.encode import canonical, parse
from delian.terms.frame import Item
from delian.terms.table import State, Table
from tests.release_world import MARKING, World, draw_table, terms_of, world

SMALL = world(5, 6, 4, 2)
EDITION = Edition(1, MARKING)


def rows_of(data: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(data.decode("utf-8"), newline="")))


def renamed(w: World, name: str) -> World:
    """The same world with an item that somebody named in bad faith."""
    first = w.terms.frame.items[0]
    bad = Item(first.code, {"en": name, "fr": name}, name, 32, price_basis=first.price_basis)
    frame = replace(w.terms.frame, items=(bad, *w.terms.frame.items[1:]), families={}, groups={})
    terms = terms_of(w.nations, w.roster, frame, title=name)
    return World(w.nations, w.roster, terms, draw_table(terms, w.nations, 3))


def test_every_file_is_there_and_rendering_is_deterministic() -> None:
    made = render(SMALL.table, SMALL.terms, EDITION)
    assert tuple(made) == FILES
    assert made["opened.json"] == SMALL.table.bytes
    again = Table.from_plain(parse(SMALL.table.bytes))
    assert render(again, SMALL.terms, EDITION) == made
    assert package_digest(made, SMALL.table) == package_digest(dict(made), SMALL.table)


def test_all_forms_tell_the_same_totals() -> None:
    made = render(SMALL.table, SMALL.terms, EDITION)
    truth = sorted(block.total for block in SMALL.table.blocks)
    rows = rows_of(made["demand.csv"])
    assert sorted(int(r["total"]) for r in rows if r["total"]) == truth
    blocks = json.loads(made["demand.json"])["blocks"]
    assert sorted(b["total"] for b in blocks) == truth
    book = CalamineWorkbook.from_filelike(io.BytesIO(made["demand.xlsx"]))
    assert book.sheet_names == ["Demand", "Withheld", "Merged blocks", "How to read"]
    sheet = book.get_sheet_by_name("Demand").to_python()
    place = sheet[0].index("total")
    assert sorted(int(row[place]) for row in sheet[1:]) == truth
    page = etree.fromstring(made["index.html"])
    shown = [
        int("".join(td.itertext()).replace("\u202f", ""))
        for td in page.iterfind(".//table[@class='rows']/tbody/tr/td[@class='num']")
    ]
    assert sorted(shown) == truth


def test_the_dictionary_names_every_column_and_every_row_carries_the_marking() -> None:
    made = render(SMALL.table, SMALL.terms, EDITION)
    rows = rows_of(made["demand.csv"])
    named = {r["column"] for r in rows_of(made["demand-dictionary.csv"])}
    assert set(rows[0]) <= named
    assert {r["marking"] for r in rows} == {MARKING}
    withheld = [r for r in rows if r["state"] == "withheld"]
    assert len(withheld) == len(SMALL.table.withheld)
    assert all(r["total"] == "" and r["block_id"] == "" for r in withheld)


def test_demand_json_is_canonical() -> None:
    made = render(SMALL.table, SMALL.terms, EDITION)["demand.json"]
    assert canonical(parse(made)) == made


def test_the_page_is_whole_alone_and_needs_nothing_from_outside() -> None:
    made = render(SMALL.table, SMALL.terms, EDITION)["index.html"]
    page = etree.fromstring(made)
    text = made.decode()
    assert not page.findall(".//script") and not re.search(r"\bon[a-z]+=", text)
    assert not re.search(r"(?:https?:)?//[a-z]", text)
    assert not re.search(r"(?:src|action|data|formaction|background)=", text)
    assert all(a.get("href", "").startswith("#") for a in page.iterfind(".//a"))
    ids = [e.get("id") for e in page.iter() if e.get("id")]
    assert len(set(ids)) == len(ids)
    assert {a.get("href", "")[1:] for a in page.iterfind(".//a")} <= set(ids)
    banners = [e for e in page.iter("div") if "banner" in (e.get("class") or "")]
    assert ["".join(b.itertext()) for b in banners] == [MARKING, MARKING]
    body = list(page.find("body"))
    assert body[-1].tag == "footer" and "banner" in body[1].get("class")


def test_every_sheet_of_paper_carries_the_marking() -> None:
    hostile = 'A "B" </style><b> \\ \u00e9}'
    made = render(SMALL.table, SMALL.terms, Edition(1, hostile))["index.html"]
    page = etree.fromstring(made)
    (text,) = page.xpath("//style/text()")
    spelled = re.search(r'@top-center\{content:"([^"]*)"', text)
    assert spelled is not None
    read = re.sub(r"\\([0-9a-f]+) ", lambda m: chr(int(m[1], 16)), spelled[1])
    assert read == hostile
    assert f'@bottom-center{{content:"{spelled[1]}"' in text


def test_the_page_is_accessible() -> None:
    page = etree.fromstring(render(SMALL.table, SMALL.terms, EDITION)["index.html"])
    assert page.get("lang") == "en" and len(page.findall(".//h1")) == 1
    for table in page.iter("table"):
        assert table.find("caption") is not None
        assert all(th.get("scope") == "col" for th in table.iterfind("thead/tr/th"))
        assert all(row.find("th").get("scope") == "row" for row in table.iterfind("tbody/tr"))
    for svg in page.iter("svg"):
        is_named = svg.get("role") == "img" and svg.get("aria-label")
        assert is_named or svg.get("aria-hidden") == "true"
    assert all(figure.find("figcaption") is not None for figure in page.iter("figure"))
    sections = [s.get("aria-labelledby") for s in page.iter("section")]
    assert sections.index("demand") < sections.index("charts")


def test_words_and_limits_stand_on_the_page() -> None:
    text = render(SMALL.table, SMALL.terms, EDITION)["index.html"].decode()
    for word in ("Withheld", "Band", "Tier", "Margin"):
        assert f"<dt>{word}</dt>" in text
    assert "not against two together" in text
    assert "has not been reviewed" in text and "not accredited" in text
    assert "three organizations that do not collude" in text
    assert "in the worst case that margin is 0 %" in text
    assert "one organization ran all three hosts" in text


def test_a_real_partnership_is_not_called_a_demonstration() -> None:
    terms = replace(SMALL.terms, demonstration=False)
    table = draw_table(terms, SMALL.nations, 1)
    text = render(table, terms, EDITION)["index.html"].decode()
    assert "emonstration" not in text


@pytest.mark.parametrize(
    "name",
    [
        "=HYPERLINK(1)",
        "+1",
        "-1+1",
        "@SUM(A1)",
        "\t=1",
        "\uff1d1",
        "|calc",
        " =1",
        '"=1"',
        '<script>alert(1)</script>&"',
        "a\nb\r\nc",
        "\u202egnp.exe",
        "\ud800x".encode("utf-16", "surrogatepass").decode("utf-16", "ignore") + "\x00\x1b",
    ],
)
def test_a_name_in_bad_faith_stays_a_name(name: str) -> None:
    w = renamed(SMALL, name)
    made = render(w.table, w.terms, EDITION)
    etree.fromstring(made["index.html"])
    assert b"<script" not in made["index.html"]
    for row in rows_of(made["demand.csv"]):
        for value in row.values():
            assert not value or value[0] not in "=+-@|%\uff1d\uff0b\uff0d\uff20\t\r\n"
    assert b"\n" not in made["demand.csv"].replace(b"\r\n", b"")
    book = zipfile.ZipFile(io.BytesIO(made["demand.xlsx"]))
    for part in book.namelist():
        assert b"<f>" not in book.read(part)
        etree.fromstring(book.read(part))
    assert "\u202e" not in made["demand.csv"].decode()


def test_the_workbook_is_stored_and_dateless() -> None:
    made = render(SMALL.table, SMALL.terms, EDITION)["demand.xlsx"]
    for entry in zipfile.ZipFile(io.BytesIO(made)).infolist():
        assert entry.compress_type == zipfile.ZIP_STORED
        assert entry.date_time == (1980, 1, 1, 0, 0, 0)


def test_block_names_stay_when_totals_and_states_change() -> None:
    changed = tuple(replace(b, total=b.total + 9, state=State.REOPENED) for b in SMALL.table.blocks)
    later = replace(SMALL.table, blocks=changed)
    second = Edition(2, MARKING, "sha256:" + "1" * 64)
    first = rows_of(render(SMALL.table, SMALL.terms, EDITION)["demand.csv"])
    then = rows_of(render(later, SMALL.terms, second)["demand.csv"])
    assert [r["block_id"] for r in first] == [r["block_id"] for r in then]
    assert {r["state"] for r in then} <= {"reopened", "withheld"}


def test_other_terms_and_odd_editions_are_refused() -> None:
    other = terms_of(SMALL.nations, SMALL.roster, SMALL.terms.frame, title="Other")
    with pytest.raises(PackageError):
        render(SMALL.table, other, EDITION)
    for number, previous, marking in (
        (1, "sha256:" + "1" * 64, "M"),
        (2, None, "M"),
        (1, None, ""),
    ):
        with pytest.raises(PackageError):
            Edition(number, marking, previous)
    first = SMALL.table.blocks[0]
    lacking = replace(SMALL.table, blocks=tuple(b for b in SMALL.table.blocks if b is not first))
    with pytest.raises(PackageError):
        render(lacking, SMALL.terms, EDITION)
