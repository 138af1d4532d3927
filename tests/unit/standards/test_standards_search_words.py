"""Words, questions and snippets of a search."""

import pytest

from delian.standards.cut import cut
from delian.standards.portion import Portion
from delian.standards.search_words import (
    MAX_PARTS,
    MAX_QUESTION,
    Entry,
    Part,
    entries,
    indexed,
    question,
    snippet,
)
from delian.standards.term_errors import SearchError
from tests.standards_world import CLOSED, EU, NOW, OPEN, document


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("The BAND, 4.4-5.0 GHz", "the band 4 4 5 0 ghz"),
        ("Fréquence façade", "frequence facade"),
        ("Fre\u0301quence", "frequence"),
        ("ＩＴ ①", "it 1"),
        ("snake_case", "snake case"),
        ("日本語", "日本 本語 語"),
        ("日", "日"),
        ("ガード", "ガー ード ド"),
        ("ｶﾞｰﾄﾞ", "ガー ード ド"),
        ("カ", "カ"),
        ("EU規格9", "eu 規格 格 9"),
        ("Straße", "strasse"),
        ("…!", ""),
    ],
)
def test_words_as_an_index_holds_them(text, words):
    assert indexed(text) == words


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("Frequency band", (Part(("frequency",)), Part(("band",)))),
        ('"Frequency band" x', (Part(("frequency", "band")), Part(("x",)))),
        ("freq*", (Part(("freq",), True),)),
        ('"a fre*"', (Part(("a", "fre"), True),)),
        ("日", (Part(("日",), True),)),
        ("日本", (Part(("日本",)),)),
        ("日本語x", (Part(("日本", "本語", "語", "x")),)),
        ("x日", (Part(("x", "日"), True),)),
        ('a OR b" NOT', (Part(("a",)), Part(("or",)), Part(("b",)), Part(("not",)))),
        ("- x", (Part(("x",)),)),
    ],
)
def test_questions(text, parts):
    assert question(text) == parts


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "no word"),
        ('"" * -', "no word"),
        ("x" * (MAX_QUESTION + 1), "longer"),
        ("x " * (MAX_PARTS + 1), "more parts"),
    ],
)
def test_what_is_no_question(text, says):
    with pytest.raises(SearchError, match=says):
        question(text)


LONG = "one two three four five six seven eight nine ten eleven twelve"


@pytest.mark.parametrize(
    ("text", "asked", "expected"),
    [
        (LONG, "one", "one two three four …"),
        (LONG, "seven", "… six seven eight …"),
        (LONG, "sev*", "… six seven eight …"),
        (LONG, "twelve", "… ten eleven twelve"),
        (LONG, "absent", "one two three four …"),
        ("short", "x", "short"),
        ("あ" * 30 + "周波数" + "い" * 30, "波数", "… " + "あ" * 5 + "周波数" + "い" * 12 + " …"),
    ],
)
def test_snippets_stand_around_what_was_asked(text, asked, expected):
    assert snippet(text, question(asked), 20) == expected


def test_entries_are_what_a_reader_sees():
    root = Portion(
        "r",
        "section",
        "Bands",
        "see [[t]] and [[h]]",
        OPEN,
        (
            Portion("h", "section", "secret", "secret", CLOSED),
            Portion("t", "table", "", "", OPEN, rows=(("a", "b"), ("", "c"))),
        ),
    )
    assert list(entries(cut(document(root), EU, NOW))) == [
        Entry(
            *("STANAG 9999", "Ed 2", "", "Bands"),
            "see table 1 and a provision that is not part of this edition",
            "en",
        ),
        Entry("STANAG 9999", "Ed 2", "table 1", "Table 1", "a b c", "en"),
    ]
