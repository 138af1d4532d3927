"""Glossaries in and out: TBX of both editions, the NISP's acronyms, hostile files."""

import re
from pathlib import Path

import pytest
from lxml import etree

from delian.standards.acronyms import read_acronyms
from delian.standards.concept import Concept, Definition, Glossary, Term
from delian.standards.tbx import from_tbx, to_tbx
from delian.standards.term_errors import TermError
from delian.standards.term_xml import MAX_DEPTH

DATA = Path(__file__).parents[4] / "shared" / "data" / "nisp" / "acronyms"
RADIO = Concept(
    "radio",
    (
        Term("frequency band", source="AP 1 & 2"),
        Term("band", status="admitted", form="short"),
        Term("bande de fréquences", "fr"),
        Term("banda di frequenza", "it"),
        Term("frequentieband", "nl"),
        Term("周波数帯", "ja"),
        Term("waveband", status="deprecated"),
    ),
    (Definition("a range <of> frequencies", source="ours"), Definition("周波数の範囲", "ja")),
    "radio",
)
WRITTEN = """<?xml version="1.0" encoding="UTF-8"?>
<tbx type="TBX-Basic" style="dca" xml:lang="en" xmlns="urn:iso:std:iso:30042:ed-2">
 <tbxHeader><fileDesc>
  <titleStmt><title>words</title></titleStmt>
  <sourceDesc><p>NATO</p></sourceDesc>
 </fileDesc></tbxHeader>
 <text><body>
  <conceptEntry id="a">
   <langSec xml:lang="en">
    <descripGrp><descrip type="definition">d &amp; e</descrip><admin type="source">s</admin></descripGrp>
    <termSec><term>t</term><termNote type="administrativeStatus">admittedTerm-admn-sts</termNote><termNote type="termType">acronym</termNote></termSec>
   </langSec>
  </conceptEntry>
 </body></text>
</tbx>
"""  # noqa: E501
OLD = """<?xml version="1.0"?><!DOCTYPE martif SYSTEM "TBXcoreStructV02.dtd">
<martif type="TBX" xml:lang="en"><martifHeader><fileDesc>
<titleStmt><title>Export</title></titleStmt>
<sourceDesc><p>EU</p></sourceDesc></fileDesc></martifHeader><text><body>
<termEntry id="12"><descripGrp><descrip type="definition">a
 thing</descrip><admin type="source">x</admin><note>n</note></descripGrp>
<langSet xml:lang="nl-NL"><descripGrp><descrip type="definition">een
 ding</descrip><note>n</note></descripGrp><ntig><termGrp><term>ding</term>
<termNoteGrp><termNote type="administrativeStatus">deprecatedTerm-admn-sts</termNote></termNoteGrp>
</termGrp><admin type="source">s</admin><admin type="source">t</admin></ntig></langSet>
<langSet xml:lang="de"><tig><term>Ding</term></tig></langSet>
<langSet xml:lang="en"><tig><term>thing</term><termNote type="partOfSpeech">noun</termNote></tig>
<tig><term>thing</term></tig></langSet></termEntry>
<termEntry id="13"><langSet xml:lang="de"><tig><term>Rad</term></tig></langSet></termEntry>
</body></text></martif>"""


def test_a_glossary_is_written_to_the_byte():
    term = Term("t", status="admitted", form="acronym")
    one = Concept("a", (term,), (Definition("d & e", source="s"),))
    assert to_tbx(Glossary("words", "NATO", (one,))).decode() == WRITTEN


def test_a_glossary_comes_back_with_nothing_dropped():
    glossary = Glossary("words & names", "NATO", (RADIO, Concept("b", (Term("b"),))))
    assert from_tbx(to_tbx(glossary)) == (glossary, ())
    assert [t.language for t in RADIO.terms] == ["en", "en", "en", "fr", "it", "nl", "ja"]


def test_the_edition_of_2008_is_read_and_the_rest_is_listed():
    glossary, dropped = from_tbx(OLD.encode())
    assert (glossary.name, glossary.owner) == ("Export", "EU")
    assert glossary.concepts == (
        Concept(
            "entry-12",
            (Term("thing", status="admitted"), Term("ding", "nl", "deprecated", source="s")),
            (Definition("a thing", source="x"), Definition("een ding", "nl")),
        ),
    )
    assert {(d.path, d.count) for d in dropped} == {
        ("conceptEntry", 1),
        ("conceptEntry/descripGrp/note", 1),
        ("langSec/descripGrp/note", 1),
        ("termSec/admin[source]", 1),
        ("langSec[de]", 2),
        ("langSec/termSec", 1),
        ("termSec/termNote[partOfSpeech]", 1),
    }


def test_who_imports_says_whose_words_they_are():
    glossary = from_tbx(OLD.encode(), name="IATE", owner="the EU")[0]
    assert (glossary.name, glossary.owner) == ("IATE", "the EU")


BOMB = '<!DOCTYPE tbx [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><tbx>&b;</tbx>'
FILE = '<!DOCTYPE tbx [<!ENTITY a SYSTEM "file:///etc/hostname">]><tbx>&a;</tbx>'
ELSEWHERE = '<!DOCTYPE tbx SYSTEM "http://127.0.0.1:9/x.dtd"><tbx>&a;</tbx>'
DEEP = "<tbx>" + "<b>" * MAX_DEPTH + "</b>" * MAX_DEPTH + "</tbx>"
EMPTY_TERM = WRITTEN.replace("<term>t</term>", "<term> </term>")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (BOMB, "entities of its own"),
        (FILE, "entities of its own"),
        (ELSEWHERE, "declared elsewhere"),
        (DEEP, "deeper"),
        ("<tbx>", "well-formed"),
        ("<html/>", "no TBX"),
        (EMPTY_TERM, "without words"),
        (WRITTEN.replace('id="a"', 'id="ä b"'), "needs a name"),
        (WRITTEN.replace("<term>t</term>", f"<term>{'t' * 401}</term>"), "a term must"),
    ],
)
def test_hostile_and_spoiled_files_are_refused(text, says):
    with pytest.raises(TermError, match=says):
        from_tbx(text.encode())


def test_a_file_beyond_its_size_is_refused(monkeypatch):
    monkeypatch.setattr("delian.standards.tbx.MAX_BYTES", 10)
    with pytest.raises(TermError, match="larger"):
        from_tbx(WRITTEN.encode())


@pytest.mark.parametrize(
    "bad",
    [
        lambda: Term(" a"),
        lambda: Term("a", "de"),
        lambda: Term("a", status="liked"),
        lambda: Concept("a", ()),
        lambda: Concept("a", (Term("a"), Term("a", status="admitted"))),
        lambda: Concept("a", (Term("a"),), (Definition("x"), Definition("y"))),
        lambda: Concept("a b", (Term("a"),)),
        lambda: Glossary("a", "b", (RADIO, RADIO)),
    ],
)
def test_what_no_concept_can_be(bad):
    with pytest.raises(TermError):
        bad()


ACRONYMS = b"""<!-- list --><acrogroup tag="A">
<acronym><name>A&amp;S</name><meaning>Arms &amp; Sch&uuml;tz</meaning><source>IMS</source></acronym>
<acronym><name>AB</name><meaning>Air
 Base</meaning><source/></acronym>
<acronym><name>AB</name><meaning>Army Board</meaning><source/><since>2001</since></acronym>
<acronym><name>AB</name><meaning>Air Base</meaning><source>x</source></acronym>
<acronym><name>laser</name><meaning>laser</meaning><source/></acronym>
<acronym><name>AC</name><meaning/><source/></acronym><other/>
</acrogroup>"""


def test_each_acronym_and_meaning_is_a_concept():
    glossary, dropped = read_acronyms([ACRONYMS])
    assert [[(t.text, t.form, t.source) for t in c.terms] for c in glossary.concepts] == [
        [("Arms & Schütz", "full", "IMS"), ("A&S", "acronym", "IMS")],
        [("Air Base", "full", ""), ("AB", "acronym", "")],
        [("Army Board", "full", ""), ("AB", "acronym", "")],
        [("laser", "acronym", "")],
        [("AC", "acronym", "")],
    ]
    assert {d.path for d in dropped} == {
        "acrogroup/acronym",
        "acrogroup/other",
        "acronym/meaning",
        "acronym/since",
    }


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"<tbx/>", "no list of acronyms"),
        (b"<acrogroup><acronym><meaning>x</meaning></acronym></acrogroup>", "no name"),
        (b"<acrogroup>&nosuchletter;</acrogroup>", "well-formed"),
    ],
)
def test_other_lists_are_refused(data, says):
    with pytest.raises(TermError, match=says):
        read_acronyms([data])


def test_the_published_acronyms_all_become_concepts():
    files = [path.read_bytes() for path in sorted(DATA.glob("*.xml"))] or [ACRONYMS]
    pairs = set()
    for data in files:
        text = re.sub(rb"&([A-Za-z]+);", rb"&amp;\1;", data)
        for entry in etree.fromstring(text).iter("acronym"):
            said = [" ".join((entry.findtext(n) or "").split()) for n in ("name", "meaning")]
            pairs.add(tuple(said))
    glossary, dropped = read_acronyms(files)
    again = sum(d.count for d in dropped if d.path == "acrogroup/acronym")
    entries = sum(data.count(b"<acronym>") for data in files)
    assert len(glossary.concepts) == len(pairs) == entries - again
    assert from_tbx(to_tbx(glossary)) == (glossary, ())
