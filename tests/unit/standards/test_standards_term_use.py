"""Terms found in texts of five languages, in documents and in cuts."""

import pytest

from delian.standards.concept import Concept, Glossary, Term
from delian.standards.cut import cut
from delian.standards.portion import Portion, find
from delian.standards.term_use import Finder, Use, annotated, uses
from tests.standards_world import CLOSED, EU, NOW, OPEN, document


def term(name, text, language="en", form="full"):
    return Concept(name, (Term(text, language, form=form),))


FINDER = Finder(
    Glossary(
        "words",
        "NATO",
        (
            term("band", "band"),
            term("freq", "frequency band"),
            term("it", "IT", form="acronym"),
            term("ac", "A/C", form="acronym"),
            term("ac2", "A/C", form="acronym"),
            term("gamme", "Gamme d'ondes", "fr"),
            term("shu", "周波数", "ja"),
            term("tai", "周波数帯", "ja"),
            term("radio", "ラジオ", "ja"),
            term("punct", "..."),
        ),
    )
)


@pytest.mark.parametrize(
    ("text", "language", "expected"),
    [
        ("The Frequency  Band and a band.", "en", [("Frequency  Band", "freq"), ("band", "band")]),
        ("bandwidth, disband, BAND", "en", [("BAND", "band")]),
        ("frequency bank; frequency", "en", []),
        ("frequency frequency band", "en", [("frequency band", "freq")]),
        ("it is IT", "en", [("IT", "it")]),
        ("the A/C, not A/D", "en", [("A/C", "ac ac2")]),
        ("une gamme d'ondes", "fr", [("gamme d'ondes", "gamme")]),
        ("band", "fr", []),
        ("周波数帯と周波数を", "ja", [("周波数帯", "tai"), ("周波数", "shu")]),
        ("ラジオとラジオゾンデ", "ja", [("ラジオ", "radio")]),
        ("ラジオを", "ja", [("ラジオ", "radio")]),
        ("wait...", "en", [("...", "punct")]),
        ("", "en", []),
    ],
)
def test_the_longest_whole_words_win(text, language, expected):
    hits = FINDER.find(text, language)
    assert [(text[h.start : h.end], " ".join(h.concepts)) for h in hits] == expected


ROOT = Portion(
    "r",
    "section",
    "Bands",
    "About a band.",
    OPEN,
    (
        Portion("s1", "section", "Frequency band", "", OPEN),
        Portion("s2", "section", "Hidden", "frequency band", CLOSED),
        Portion("s3", "section", "IT", "band, [[band]] band [[s1]]", OPEN, rows=(("band",),)),
        Portion("s4", "section", "周波数", "", OPEN, language="ja"),
    ),
)


def test_uses_are_counted_by_visible_place():
    assert uses(cut(document(ROOT), EU, NOW), FINDER) == (
        Use("", "en", "band", ("band",), 1),
        Use("1", "en", "Frequency band", ("freq",), 1),
        Use("2", "en", "IT", ("it",), 1),
        Use("2", "en", "band", ("band",), 3),
        Use("3", "ja", "周波数", ("shu",), 1),
    )
    assert Use("1", "en", "x", ("a",), 1).to_plain()["concepts"] == ["a"]


def test_a_document_is_annotated_and_a_reference_holds_no_word():
    made = annotated(document(ROOT), FINDER)
    assert {n: find(made, n).terms for n in ("r", "s1", "s2", "s3", "s4")} == {
        "r": ("band",),
        "s1": ("freq",),
        "s2": ("freq",),
        "s3": ("it", "band"),
        "s4": ("shu",),
    }
    assert annotated(made, FINDER) == made
    only = document(Portion("r", "section", text="frequency[[band]] band", label=OPEN))
    assert annotated(only, FINDER).root.terms == ("band",)
    alone = document(Portion("r", "section", text="[[band]]", label=OPEN))
    assert annotated(alone, FINDER).root.terms == ()
    assert annotated(made, Finder(Glossary("none", "o", ()))).root.terms == ()
