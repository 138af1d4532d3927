"""Portions, their labels, cuts and redlines, on documents small enough to read."""

from dataclasses import replace
from datetime import timedelta

import pytest

from delian.label import Succession, join, may_read
from delian.standards.cut import Reference, cut
from delian.standards.edition import listing, to_html, to_markdown
from delian.standards.errors import NotSharedError, PortionError
from delian.standards.pad import STEPS, pad, unpad
from delian.standards.portion import Document, Picture, Portion, find, is_covered, roll_up, walk
from delian.standards.redline import redline
from delian.standards.redline import to_markdown as marked
from delian.terms.errors import InputError
from tests.standards_world import ALLY, CLOSED, EU, NOW, OPEN, SECRET, document, label


def section(name, title, *children, text="", mark=OPEN, **more):
    return Portion(name, "section", title, text, mark, children, **more)


def standard():
    return document(
        section(
            "root",
            "Widgets",
            section("scope", "Scope", text="All widgets; see [[bands]] and [[secret]]."),
            section(
                "secret",
                "Secret bands",
                section("bands", "Bands", text="See [[t]].", mark=OPEN),
                mark=CLOSED,
            ),
            Portion("t0", "table", "Closed", rows=(("1",),), label=SECRET),
            Portion("t", "table", "Open | wide", rows=(("a", "b|c"), ("[[scope]]",)), label=OPEN),
            Portion("fig", "figure", "Shape", label=OPEN, picture=Picture("image/png", b"png")),
        )
    )


def test_numbers_are_made_for_the_reader():
    assert listing(cut(standard(), EU, NOW)) == (
        ("1", "Scope"),
        ("2", "Bands"),
        ("Table 1", "Open | wide"),
        ("Figure 1", "Shape"),
    )
    assert listing(cut(standard(), ALLY, NOW)) == (
        ("1", "Scope"),
        ("2", "Secret bands"),
        ("2.1", "Bands"),
        ("Table 1", "Closed"),
        ("Table 2", "Open | wide"),
        ("Figure 1", "Shape"),
    )


def test_references_follow_the_readers_numbers():
    page = to_markdown(cut(standard(), EU, NOW), "UNCLASSIFIED").decode()
    assert "see clause 2 and a provision that is not part of this edition." in page
    assert "See table 1." in page
    assert "| clause 1 |  |" in page
    assert "b\\|c" in page
    assert page.startswith("UNCLASSIFIED\n\n# STANAG 9999 (Ed 2): Widgets\n")
    whole = to_markdown(cut(standard(), ALLY, NOW), "SECRET").decode()
    assert "see clause 2.1 and clause 2." in whole


def test_html_escapes_and_carries_its_picture():
    odd = replace(standard(), title="<b>&")
    page = to_html(cut(odd, EU, NOW), "A < B").decode()
    assert "&lt;b&gt;&amp;" in page and "<b>" not in page and "A &lt; B" in page
    assert 'src="data:image/png;base64,cG5n"' in page


@pytest.mark.parametrize(
    ("language", "words"),
    [("fr", "article 2"), ("it", "punto 2"), ("nl", "artikel 2"), ("ja", "箇条 2")],
)
def test_references_speak_the_portions_language(language, words):
    root = section(
        "root",
        "",
        section("a", "A", text="[[b]] [[zzz]]", language=language),
        section("b", "B"),
    )
    page = to_markdown(cut(document(root), EU, NOW), "M").decode()
    assert words in page
    assert "zzz" not in page


def test_a_cut_is_marked_by_what_is_in_it():
    made = cut(standard(), EU, NOW)
    assert made.marking == OPEN.marking
    whole = cut(standard(), ALLY, NOW)
    assert whole.marking == join(join(OPEN.marking, CLOSED.marking), SECRET.marking)


def test_an_unmarked_portion_stands_under_the_document():
    root = section("root", "", Portion("a", "paragraph", text="plain words"))
    assert b"plain words" in to_markdown(cut(document(root), EU, NOW), "M")
    narrow = replace(document(root), label=CLOSED)
    assert b"plain words" not in to_markdown(cut(narrow, EU, NOW), "M")


def test_a_succession_date_opens_a_portion():
    day = NOW + timedelta(days=10)
    later = replace(CLOSED, succession=Succession(day, OPEN))
    doc = document(section("root", "", Portion("a", "paragraph", text="later", label=later)))
    assert b"later" not in to_markdown(cut(doc, EU, day - timedelta(seconds=1)), "M")
    assert b"later" in to_markdown(cut(doc, EU, day), "M")


def test_who_may_not_see_the_root_sees_nothing():
    with pytest.raises(NotSharedError):
        cut(document(section("root", "", section("a", "A"), mark=CLOSED)), EU, NOW)


def test_roll_up_is_read_by_exactly_the_readers_of_all():
    rolled = roll_up(standard(), NOW)
    for reader in (EU, ALLY, replace(ALLY, level=1), replace(ALLY, affiliation="DEU")):
        marks = [p.label.marking for p, _ in walk(standard().root)]
        assert may_read(reader, rolled).allowed == all(may_read(reader, m).allowed for m in marks)
    assert not is_covered(standard(), NOW)
    assert is_covered(replace(standard(), label=label("FRA", level=3)), NOW)


def test_trees_are_checked():
    with pytest.raises(PortionError, match="same name"):
        document(section("a", "", section("a", "")))
    with pytest.raises(PortionError, match="unknown kind"):
        Portion("a", "chapter")
    with pytest.raises(PortionError, match="language"):
        Portion("a", "note", language="xx")
    with pytest.raises(PortionError, match="needs a name"):
        Portion("a b", "note")
    deep = Portion("x0", "section")
    for number in range(1, 50):
        deep = Portion(f"x{number}", "section", children=(deep,))
    with pytest.raises(PortionError, match="deeper"):
        document(deep)
    assert find(standard(), "bands").title == "Bands"
    assert find(standard(), "zzz") is None
    assert Portion("a", "note", text="[[b]] [[c]]").references == ("b", "c")


def edited(doc, name, **changes):
    def change(portion):
        portion = replace(portion, children=tuple(change(c) for c in portion.children))
        return replace(portion, **changes) if portion.id == name else portion

    return Document(
        doc.id, doc.kind, doc.number, doc.title, "Ed 3", "3.0", change(doc.root), doc.label
    )


def kinds(old, new, reader=EU):
    found = redline(cut(old, reader, NOW), cut(new, reader, NOW))
    return [(c.kind, c.new or c.old) for c in found.changes]


def test_a_redline_shows_words():
    new = edited(standard(), "scope", text="All blue widgets; see [[bands]].")
    found = redline(cut(standard(), EU, NOW), cut(new, EU, NOW))
    page = marked(found).decode()
    assert "All **blue **widgets; see clause 2" in page
    assert "~~ and a provision that is not part of this edition~~" in page
    assert "Ed ~~2~~**3**" in page
    assert kinds(standard(), new) == [("edited", "1")]


def test_a_portion_released_since_is_new_and_a_closed_one_gone():
    opened = edited(standard(), "t0", label=OPEN)
    assert kinds(standard(), opened) == [("new", "Table 1")]
    assert kinds(opened, standard()) == [("gone", "Table 1")]
    assert kinds(standard(), edited(standard(), "t0", rows=(("2",),))) == []


def test_moves_are_told_from_renumbering():
    a, b, c = (section(n, n.upper()) for n in "abc")
    old = document(section("root", "", a, b, c))
    assert kinds(old, document(section("root", "", c, a, b))) == [("moved", "1")]
    below = document(section("root", "", replace(a, children=(b,)), c))
    assert kinds(old, below) == [("moved", "1.1")]
    first = document(section("root", "", section("x", "X"), a, b, c))
    assert kinds(old, first) == [("new", "1")]


def test_a_hidden_wrapper_that_opens_moves_nothing():
    new = edited(standard(), "secret", label=OPEN)
    assert kinds(standard(), new) == [("edited", "1"), ("new", "2")]


def test_another_picture_is_an_edit():
    new = edited(standard(), "fig", picture=Picture("image/png", b"other"))
    found = redline(cut(standard(), EU, NOW), cut(new, EU, NOW))
    assert "another picture" in marked(found).decode()


def test_references_are_pieces():
    shown = cut(standard(), EU, NOW).root.children[0]
    assert shown.text == ("All widgets; see ", Reference("bands"), " and ", Reference(None), ".")


def test_padding_goes_to_the_next_step():
    assert len(pad(b"x")) == STEPS[0]
    assert len(pad(b"x" * 4096)) == 4096
    assert len(pad(b"x" * 4097)) == 8192
    assert unpad(pad(b"x\n")) == b"x\n"
    with pytest.raises(InputError, match="largest agreed step"):
        pad(b"x" * 9, (4, 8))
