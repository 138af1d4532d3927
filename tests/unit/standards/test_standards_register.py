"""The register, its importers and its differences; on the real editions where they lie at hand."""

import json
import lzma
import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from delian.label import Succession
from delian.standards.errors import RegisterError
from delian.standards.nisp import MAX_LINE_BYTES, read_lines, read_xml
from delian.standards.register import (
    Event,
    Position,
    Register,
    Standard,
    edition_of,
    kind_of,
    positions_for,
)
from delian.standards.register_difference import difference
from tests.standards_world import ALLY, CLOSED, EU, NOW, OPEN

DATA = Path(__file__).parents[4] / "shared" / "data" / "nisp"
RECORD = {
    "kind": "standard",
    "nispid": "nato-stanag9999",
    "org": "nato",
    "pubnum": "STANAG 9999 Ed 4",
    "title": "Widgets – 部品",
    "date": "2020-05",
    "version": "",
    "rp": "board",
    "applicability": "All widgets.",
    "status": {
        "mode": None,
        "uri": "https://example.test/9999",
        "history": [{"flag": "added", "date": "2020-05-01", "rfcp": "1-1", "version": "1.0"}],
    },
    "covers": ["nato-ap9"],
    "coverdoc": [],
    "consumers": ["profile"],
    "uuid": "u",
}
XML = """<?xml version="1.0"?>
<!DOCTYPE standards PUBLIC "-//X//DTD//EN" "x.dtd">
<standards revision="R"><revhistory><revision><revnumber> 2.0 </revnumber></revision></revhistory>
<taxonomy/><records>
<standard id="a" tag="T"><document orgid="nato" pubnum="STANAG 1 Ed 2" date="2001" title="One">
<substandards><substandard refid="b"/></substandards><correction cpubnum="c" date="2002"/>
</document><applicability>For <emphasis role="x">all</emphasis>
 widgets</applicability><responsibleparty rpref="board"/><status mode="accepted"><uri> u </uri>
<history><event flag="added" date="2001-02-03" version="1.0"/></history></status><uuid>x</uuid>
</standard>
<standard id="b"><document orgid="nato" pubnum="AComP-2 Ed A Ver 1" date="" title="Two"/></standard>
<profile id="p"/></records></standards>"""


def lines(*records):
    return b"\n".join(json.dumps(r).encode() for r in records)


def test_a_record_becomes_an_entry():
    register, dropped = read_lines(lines(RECORD), "15.0")
    assert dropped == ()
    assert register.standards["nato-stanag9999"] == Standard(
        "nato-stanag9999",
        "STANAG",
        "nato",
        "STANAG 9999 Ed 4",
        "Widgets – 部品",
        "4",
        "",
        "2020-05",
        "board",
        "All widgets.",
        (Event("added", "2020-05-01", "1.0", "1-1"),),
        ("nato-ap9",),
        (),
        (),
        ("profile",),
        "https://example.test/9999",
        "",
        "u",
    )
    assert register.dangling() == (("nato-stanag9999", "nato-ap9"),)


def test_a_comment_is_no_word_of_an_entry():
    data = XML.replace("widgets", "<!-- not --> widgets").encode()
    assert read_xml(data)[0].standards["a"].applicability == "For all widgets"


def test_what_has_no_place_is_listed():
    odd = {**RECORD, "colour": "blue", "status": {**RECORD["status"], "mood": 1}}
    dropped = read_lines(lines(odd, {**odd, "nispid": "other"}), "1")[1]
    assert [(d.path, d.count) for d in dropped] == [("record/colour", 2), ("record/status/mood", 2)]


def test_a_date_that_is_none_is_listed():
    register, dropped = read_lines(lines({**RECORD, "date": "May 2020"}), "1")
    assert register.standards["nato-stanag9999"].promulgated == ""
    assert [d.path for d in dropped] == ["record/date"]
    with pytest.raises(RegisterError, match="a date is"):
        replace(ONE, promulgated="May 2020")


@pytest.mark.parametrize(
    ("data", "says", "where"),
    [
        (b"\n{", "not JSON", "line 2"),
        (b"[" * 100_000, "not JSON", "line 1"),
        (b"[]", "not an object", "line 1"),
        (lines(RECORD, RECORD), "same name", "line 2"),
        (lines({**RECORD, "title": 1}), "'title' must be text", "line 1"),
        (lines({**RECORD, "covers": [1]}), "list of names", "line 1"),
        (lines({**RECORD, "status": []}), None, None),
        (lines({**RECORD, "status": {"history": [{"flag": "lost"}]}}), "an event is", "line 1"),
        (
            lines({**RECORD, "status": {"history": [{"flag": "added", "date": 3}]}}),
            "text",
            "line 1",
        ),
        (lines({**RECORD, "nispid": ""}), "needs a name", ""),
        (b'"' + b"x" * MAX_LINE_BYTES + b'"', "longer than allowed", "line 1"),
    ],
)
def test_spoiled_lines_are_refused_by_place(data, says, where):
    if says is None:
        assert read_lines(data, "1")[0].standards["nato-stanag9999"].events == ()
        return
    with pytest.raises(RegisterError, match=says) as caught:
        read_lines(data, "1")
    assert caught.value.where == where


def test_an_xml_edition_becomes_a_register():
    register, dropped = read_xml(XML.encode())
    one, two = register.standards["a"], register.standards["b"]
    assert register.edition == "2.0"
    assert (one.kind, one.edition, one.state, one.address) == ("STANAG", "2", "accepted", "u")
    assert one.applicability == "For all widgets"
    assert one.events == (Event("added", "2001-02-03", "1.0"),)
    assert (one.covers, two.covered_by) == (("b",), ("a",))
    assert (two.kind, two.edition, two.version) == ("AP", "A", "1")
    assert [d.path for d in dropped] == [
        "applicability/*",
        "document/correction",
        "records/profile",
        "standard/@tag",
        "standards/revhistory",
        "standards/taxonomy",
    ]


@pytest.mark.parametrize(
    ("data", "says"),
    [
        ("<standards>", "well-formed"),
        ("<other/>", "no NISP register"),
        (XML.replace('<standard id="b">', '<standard id="a">'), "same name"),
        (XML.replace('flag="added"', 'flag="lost"'), "an event is"),
        (re.sub(r'<document orgid="nato" pubnum="AC.*?/>', "", XML), "no document"),
        ('<!DOCTYPE standards [<!ENTITY e "x">]><standards>&e;</standards>', "entities"),
        ("<a>" * 400 + "</a>" * 400, "well-formed"),
        ("<a>" * 61 + "</a>" * 61, "deeper"),
        (XML.replace("widgets", "&e; widgets"), "an entity"),
    ],
)
def test_spoiled_xml_is_refused(data, says):
    with pytest.raises(RegisterError, match=says):
        read_xml(data.encode())


@pytest.mark.parametrize(
    ("number", "publisher", "kind", "edition"),
    [
        ("STANAG 4774 Ed 1", "nato", "STANAG", ("1", "")),
        ("STANREC 1", "nato", "STANREC", ("", "")),
        ("AComP-4205 Ed A Ver 1", "nato", "AP", ("A", "1")),
        ("MIL-STD-188-110", "us-dod", "MIL-STD", ("", "")),
        ("EN 300 086", "etsi", "EN", ("", "")),
        ("TS 1", "etsi", "EN", ("", "")),
        ("NVG 2.0.2", "nato", "other", ("", "")),
        ("RFC 791", "ietf", "civil", ("", "")),
    ],
)
def test_kinds_and_editions_are_read_off_the_number(number, publisher, kind, edition):
    assert (kind_of(number, publisher), edition_of(number)) == (kind, edition)


def made(*standards, edition="1", positions=()):
    return Register("R", edition, {s.id: s for s in standards}, positions)


ONE = Standard("a", "STANAG", "nato", "STANAG 1", "One", events=(Event("added", "", "1.0"),))


def test_a_difference_says_what_came_went_and_changed():
    two, three = replace(ONE, id="b", number="S 2"), replace(ONE, id="c", number="S 3")
    later = replace(
        two, title="Two", events=(*two.events, Event("changed", "2026", "2.0")), covers=("c",)
    )
    found = difference(made(ONE, two), made(later, three, edition="2"))
    assert [s.id for s in found.added] == ["c"]
    assert [s.id for s in found.removed] == ["a"]
    assert [f.name for f in found.changed[0].fields] == ["covers", "events", "title"]
    text = found.to_text().decode()
    assert text.startswith("1 -> 2: 1 added, 1 removed, 1 changed\n+ S 3: One\n- STANAG 1: One\n")
    assert "    covers: +c\n" in text and "    events: +2026 changed 2.0\n" in text
    assert json.loads(found.to_bytes())["changed"][0]["fields"][2] == ["title", "One", "Two"]


def test_registers_are_checked():
    with pytest.raises(RegisterError, match="another name"):
        Register("R", "1", {"x": ONE})
    at = Position("a", "FRA", "ratified", OPEN)
    with pytest.raises(RegisterError, match="two positions"):
        made(ONE, positions=(at, at))
    with pytest.raises(RegisterError, match="unknown kind"):
        replace(at, stand="perhaps")
    with pytest.raises(RegisterError, match="with reservation"):
        replace(at, reservation="not in winter")
    assert not replace(ONE, events=(Event("deleted", "", "2.0"),)).is_current
    assert ONE.is_current and made(ONE).digest == made(ONE).digest


def test_positions_show_what_their_label_allows():
    open_one = Position("a", "NLD", "ratified", OPEN)
    closed = Position("a", "FRA", "with-reservation", CLOSED, reservation="own powder")
    register = made(ONE, positions=(open_one, closed))
    assert positions_for(register, EU, "a", NOW) == (open_one,)
    assert positions_for(register, ALLY, "a", NOW) == (closed, open_one)
    without = made(ONE, positions=(open_one,))
    assert positions_for(without, EU, "a", NOW) == positions_for(register, EU, "a", NOW)
    assert positions_for(register, EU, "zzz", NOW) == ()
    day = NOW + timedelta(days=1)
    late = replace(closed, label=replace(CLOSED, succession=Succession(day, OPEN)))
    assert positions_for(made(ONE, positions=(late,)), EU, "a", NOW) == ()
    assert positions_for(made(ONE, positions=(late,)), EU, "a", day) == (late,)


def test_the_real_register_has_what_a_plain_count_finds():
    path = DATA / "nisp_standards.jsonl"
    data = path.read_bytes() if path.is_file() else lines(RECORD, {**RECORD, "nispid": "n2"})
    register, dropped = read_lines(data, "15.0")
    assert dropped == ()
    records = [json.loads(line) for line in data.splitlines()]
    assert len(register.standards) == len(records)
    events = sum(len(r["status"]["history"]) for r in records)
    assert sum(len(s.events) for s in register.standards.values()) == events
    assert {s.number for s in register.standards.values()} == {r["pubnum"] for r in records}
    if path.is_file():
        assert (len(records), events) == (1349, 4310)


def test_two_real_editions_differ_by_what_a_plain_search_finds():
    old, new = XML.replace('title="Two"', 'title="Zwei"'), XML
    if (DATA / "editions").is_dir():
        old, new = (
            lzma.decompress((DATA / "editions" / f"standards-v{v}.xml.xz").read_bytes()).decode()
            for v in ("11.0", "12.0")
        )

    def names(text):
        text = re.sub(r"<!--.*?-->", "", text, flags=re.DOTALL)
        return set(re.findall(r'<standard\s+[^>]*?\bid="([^"]+)"', text))

    found = difference(read_xml(old.encode())[0], read_xml(new.encode())[0])
    assert {s.id for s in found.added} == names(new) - names(old)
    assert {s.id for s in found.removed} == names(old) - names(new)
    assert found.changed
    again = difference(read_xml(old.encode())[0], read_xml(new.encode())[0])
    assert again.to_bytes() == found.to_bytes()
