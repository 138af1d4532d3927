"""DocBook becomes portions; nothing is lost in silence; hostile files are refused."""

import re
from pathlib import Path

import pytest
from lxml import etree

from delian.label import effective
from delian.standards.docbook import read_docbook
from delian.standards.document_errors import DocumentFormError
from delian.standards.errors import PortionError
from delian.standards.portion import Picture, find, walk
from delian.standards.portion_wire import from_wire, to_wire
from tests.standards_world import NOW, OPEN

EDITIONS = Path(__file__).parents[4] / "shared" / "data" / "nisp" / "editions"
SAMPLE = """<?xml version="1.0"?>
<!DOCTYPE book PUBLIC "-//OASIS//DTD DocBook XML V4.5//EN" "x.dtd" [<!ENTITY unused "never">]>
<book lang="en"><bookinfo><title>Widgets</title><subtitle>Part one</subtitle>
<volumenum>1</volumenum><corpauthor>Board</corpauthor><biblioid class="pubnumber">AXP-9</biblioid>
<revhistory><revision><revnumber>Ed B</revnumber></revision></revhistory><isbn>1</isbn></bookinfo>
<chapter id="scope"><title>Scope <footnote><para>lost</para></footnote></title>
<para security="restricted">See <xref linkend="bands"/>, <link linkend="cell">the cell</link>,
<emphasis>all</emphasis> of <ulink url="https://example.test/">it</ulink>.<footnote>
<para>Small print.</para>
</footnote> After. <itemizedlist><listitem><para id="inner">One</para><para>more</para></listitem>
<listitem><para>Two</para></listitem></itemizedlist> Then [[scope]].</para>
<para condition="ignore"/><?merge it?>
<sect1 lang="fr"><title>Généralités</title>
<simpara>Du texte: <xref linkend="inner"/>.</simpara></sect1>
<sect1 lang="ja"><title>部品</title><para>文。<xref linkend="nowhere"/></para></sect1>
</chapter>
<chapter><title>Bands</title>
<table id="bands"><title>All bands</title>
<tgroup cols="3"><colspec colname="a"/><colspec colname="b"/>
<colspec colname="c"/>
<thead><row><entry>Low</entry><entry>High</entry><entry>Use</entry></row></thead>
<tbody><row><entry namest="a" nameend="b" id="cell"><para>1 MHz</para><para>2 MHz</para></entry>
<entry morerows="1">x<footnote><para>Not at night.</para></footnote></entry></row>
<row><entry colname="c">y</entry></row></tbody></tgroup></table>
<figure id="f"><title>View</title><mediaobject><imageobject><imagedata fileref="a.png" width="3"/>
</imageobject><imageobject><imagedata fileref="b.png"/></imageobject></mediaobject></figure>
<note><title>Mind</title><para>the gap</para></note>
<orderedlist><listitem><para>first</para></listitem></orderedlist>
<programlisting>x</programlisting></chapter>
<index/></book>"""
PICTURES = {"a.png": Picture("image/png", b"png")}


def read(text=SAMPLE):
    return read_docbook(text.encode(), OPEN, PICTURES)


def only(document, kind, start=""):
    return next(
        p for p, _ in walk(document.root) if p.kind == kind and (p.text + p.title).startswith(start)
    )


def test_the_head_becomes_the_document():
    document, _ = read()
    assert (document.kind, document.number, document.title) == ("AP", "AXP-9 1", "Widgets")
    assert (document.edition, document.version, document.id) == ("Ed B", "", "axp-9-1")
    assert document.root.text == "Part one"
    assert from_wire(to_wire(document)) == document
    assert effective(document.label, NOW) == effective(OPEN, NOW)


def test_words_blocks_and_references_keep_their_order():
    document, _ = read()
    first = find(document, "scope").children[0]
    said = "See [[bands]], the cell ([[bands]]), all of it (https://example.test/). After."
    assert first.text == said
    note, bullets, after = first.children
    assert (note.kind, note.text) == ("note", "Small print.")
    assert [(i.text, len(i.children)) for i in bullets.children] == [("One", 1), ("Two", 0)]
    assert bullets.children[0].children[0].text == "more"
    assert after.text == "Then [ [scope]]."
    french = only(document, "paragraph", "Du texte")
    assert french.language == "fr" and french.references == (bullets.children[0].id,)
    assert only(document, "section", "部品").children[0].language == "ja"


@pytest.mark.parametrize(
    ("inside", "said"),
    [
        ("[[scope]]", "[ [scope]]"),
        ("[[[scope]]]", "[ [ [scope]]]"),
        ("[<emphasis>[scope]]</emphasis>", "[ [scope]]"),
        ("[<xref linkend='s'/>]", "[[[s]]]"),
    ],
)
def test_words_never_turn_into_a_reference(inside, said):
    document, _ = read(f"<article id='s'><para>{inside}</para></article>")
    portion = document.root.children[0]
    assert portion.text == said
    assert portion.references == (("s",) if "xref" in inside else ())


def test_tables_figures_and_notes():
    document, _ = read()
    table = find(document, "bands")
    assert table.title == "All bands"
    assert table.rows == (("Low", "High", "Use"), ("1 MHz 2 MHz", "", "x"), ("", "", "y"))
    assert [n.text for n in table.children] == ["Not at night."]
    assert find(document, "f").picture == PICTURES["a.png"]
    note = only(document, "note", "Mind")
    assert [p.text for p in note.children] == ["the gap"]


@pytest.mark.parametrize(
    ("rows", "grid"),
    [
        (["a:1 b c", "d e", "f g h"], ["abc", "-de", "fgh"]),
        (["a b:2", "c d", "e", "f g"], ["ab", "c-d", "e-", "fg"]),
        (["a:1 b:1", ""], ["ab", "--"]),
    ],
)
def test_a_cell_over_several_rows_leaves_its_column_empty(rows, grid):
    entries = (
        "".join(f"<entry morerows='{c[2:] or 0}'>{c[0]}</entry>" for c in row.split())
        for row in rows
    )
    body = "".join(f"<row>{e}</row>" for e in entries)
    document, _ = read(
        f"<book><chapter><table><tgroup><tbody>{body}</tbody></tgroup></table></chapter></book>"
    )
    found = only(document, "table").rows
    assert ["".join(c or "-" for c in row) for row in found] == grid


def test_what_has_no_place_is_listed():
    dropped = {d.path: d.count for d in read()[1]}
    assert dropped == {
        "?merge": 1,
        "@linkend": 1,
        "[[": 1,
        "book/index": 1,
        "bookinfo/isbn": 1,
        "bookinfo/revhistory": 1,
        "chapter/programlisting": 1,
        "emphasis": 1,
        "imagedata": 1,
        "imagedata/@width": 1,
        "orderedlist": 1,
        "para": 1,
        "para/@condition": 1,
        "para/@security": 1,
        "title/footnote": 1,
    }


def test_names_last_when_something_is_put_in_between():
    before = {(p.id, p.text) for p, _ in walk(read()[0].root)}
    more = SAMPLE.replace('<sect1 lang="fr">', "<para>New words.</para><sect1 lang='fr'>")
    after = {(p.id, p.text) for p, _ in walk(read(more)[0].root)}
    assert before < after and len(after - before) == 1
    assert read()[0] == read()[0]


def test_the_same_words_twice_get_two_names():
    text = (
        "<article><title>A</title><para>one</para><para>one</para><para id='_x'>2</para></article>"
    )
    document, _ = read(text)
    names = [p.id for p in document.root.children]
    assert len(set(names)) == 3 and names[1] == f"{names[0]}-2" and names[2].startswith("x-")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("<book>", "well-formed"),
        ("<html/>", "no DocBook"),
        ("<a>" * 120 + "</a>" * 120, "deeper"),
        ('<!DOCTYPE book [<!ENTITY e "x">]><book><title>&e;</title></book>', "entities"),
        ('<!DOCTYPE book [<!ENTITY e "x">]><book lang="&e;"/>', "entities"),
        ('<!DOCTYPE book [<!ENTITY e SYSTEM "file:///etc/hostname">]><book>&e;</book>', "entities"),
        ('<!DOCTYPE book SYSTEM "http://127.0.0.1:9/x.dtd"><book>&f;</book>', "entit|well-formed"),
        ('<book><chapter id="a"/><chapter id="a"/></book>', "same id"),
    ],
)
def test_hostile_files_are_refused(text, says):
    with pytest.raises(DocumentFormError, match=says):
        read(text)


def test_a_bomb_of_entities_is_refused():
    levels = "".join(f'<!ENTITY e{i} "{f"&e{i - 1};" * 10}">' for i in range(1, 12))
    bomb = f'<!DOCTYPE book [<!ENTITY e0 "ha">{levels}]><book lang="&e11;">&e11;</book>'
    with pytest.raises(DocumentFormError):
        read(bomb)


def test_tables_and_trees_are_bounded():
    wide = '<colspec colname="z" colnum="999"/>'
    row = '<row><entry namest="a" nameend="z"/></row>'
    body = f"<tbody>{row * 1100}</tbody>"
    table = f'<table><tgroup cols="1"><colspec colname="a"/>{wide}{body}</tgroup></table>'
    with pytest.raises(DocumentFormError, match="more cells"):
        read(f"<book><chapter>{table}</chapter></book>")
    with pytest.raises(PortionError, match="deeper"):
        read("<book>" + "<section>" * 60 + "</section>" * 60 + "</book>")


def plain(text):
    return re.sub(r"\W+", "", text)


@pytest.mark.parametrize("volume", [1, 2, 3])
def test_real_volumes_have_what_a_plain_count_finds(volume):
    files = [p.read_bytes() for p in sorted(EDITIONS.glob(f"vol{volume}-*.xml"))]
    for data in files or [SAMPLE.encode()]:
        document, dropped = read_docbook(data, OPEN, PICTURES)
        root = etree.fromstring(data, etree.XMLParser(resolve_entities=False, load_dtd=False))
        kinds = [p.kind for p, _ in walk(document.root)]
        sections = "//chapter|//sect1|//sect2|//sect3"
        outside = "[not(ancestor::bookinfo)][not(ancestor::title)]"
        for kind, path in {
            "list": f"//itemizedlist{outside}|//orderedlist{outside}",
            "item": f"//listitem{outside}",
            "note": f"//note|//footnote{outside}",
            "table": "//table",
            "figure": "//figure",
        }.items():
            assert kinds.count(kind) == len(root.xpath(path)), kind
        within = len(root.xpath("//bookinfo//sect2"))
        assert kinds.count("section") == 1 + len(root.xpath(sections)) - within
        cells = [c for p, _ in walk(document.root) for row in p.rows for c in row if c]
        filled = [e for e in root.xpath("//entry") if plain("".join(e.itertext(etree.Element)))]
        assert len(cells) == len(filled)
        held = plain("".join(p.title + p.text + str(p.rows) for p, _ in walk(document.root)))
        for title in root.xpath("//chapter/title|//sect1/title|//sect2/title"):
            if not title.xpath("ancestor::bookinfo"):
                assert plain(title.text) in held
        for words in root.xpath("//para/text()[not(ancestor::bookinfo)][not(ancestor::title)]"):
            assert plain(words) in held
        assert all(d.reason for d in dropped)
        assert from_wire(to_wire(document)) == document
