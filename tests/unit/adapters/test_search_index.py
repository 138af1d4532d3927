"""The index of one recipient: what it finds, in which order, and what it refuses."""

import pytest

from delian.adapters.search_index import MAX_FOUND, SearchIndex
from delian.standards.cut import cut
from delian.standards.portion import Portion
from delian.standards.term_errors import SearchError
from tests.standards_world import ALLY, CLOSED, EU, NOW, OPEN, document


def portion(name, title="", text="", label=OPEN, language="en", kind="section"):
    return Portion(name, kind, title, text, label, language=language)


ROOT = Portion(
    "r",
    "section",
    "Radio",
    "General words",
    OPEN,
    (
        portion("a", "Scope", "The frequency band of a radio."),
        portion("b", "Frequency band", "Nothing else"),
        portion("c", "Plan", "band, then frequency"),
        portion("d", "Portée", "La fréquence de la radio", language="fr"),
        portion("e", "Campo", "La frequenza è già nota", language="it"),
        portion("f", "Bereik", "De frequentieband één", language="nl"),
        portion("g", "範囲", "無線機の周波数帯とする", language="ja"),
        portion("h", "Waveform zeta", "zeta hopping 周辺 secret", CLOSED),
        portion("i", "", "- quoted - AND OR NOT", kind="paragraph"),
    ),
)
OTHER = Portion("r", "section", "Calibers", "155 mm", OPEN)


@pytest.fixture(scope="module")
def index():
    cuts = [
        cut(document(ROOT), EU, NOW),
        cut(document(OTHER, number="STANAG 4425", edition="Ed 3"), EU, NOW),
    ]
    made = SearchIndex(cuts)
    yield made
    made.close()


def places(answer):
    return [entry.place for entry, _ in answer.found]


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ("frequency band", ["2", "1", "3"]),
        ('"frequency band"', ["2", "1"]),
        ('"band frequency"', []),
        ("FREQUENCE", ["4"]),
        ("fréquence", ["4"]),
        ("frequenza gia", ["5"]),
        ("een", ["6"]),
        ("freq*", ["2", "1", "3", "4", "5", "6"]),
        ("周波数", ["7"]),
        ("周波数帯", ["7"]),
        ("数周波", []),
        ("囲", ["7"]),
        ("る", ["7"]),
        ("無線 周波", ["7"]),
        ('not "and or"', [""]),
        ("title : frequency", []),
        ("frequency NEAR band", []),
        ("zeta", []),
        ("周辺", []),
        ("4425 mm", [""]),
        ("155", [""]),
    ],
)
def test_questions_find_their_places(index, asked, expected):
    assert places(index.ask(asked)) == expected


def test_a_language_narrows_the_answer(index):
    assert places(index.ask("freq*", language="nl")) == ["6"]
    assert places(index.ask("radio", language="ja")) == []
    with pytest.raises(SearchError):
        index.ask("radio", language='en" OR "fr')


def test_more_is_said_without_a_count(index):
    assert index.ask("freq*", limit=6).has_more is False
    answer = index.ask("freq*", limit=3)
    assert (places(answer), answer.has_more) == (["2", "1", "3"], True)
    assert len(index.ask("freq*", limit=0).found) == 1


def test_an_answer_is_bounded():
    below = tuple(portion(f"p{n}", text="word") for n in range(MAX_FOUND + 5))
    root = Portion("r", "section", "Root", "", OPEN, below)
    answer = SearchIndex([cut(document(root), EU, NOW)]).ask("word", limit=10**9)
    assert (len(answer.found), answer.has_more) == (MAX_FOUND, True)


def test_equal_portions_are_each_found():
    below = (
        portion("a", text="same", kind="paragraph"),
        portion("b", text="same", kind="paragraph"),
    )
    made = SearchIndex([cut(document(Portion("r", "section", "R", "", OPEN, below)), EU, NOW)])
    assert len(made.ask("same").found) == 2


def test_hidden_and_absent_are_answered_alike(index):
    assert index.ask("zeta").to_bytes() == index.ask("never written").to_bytes()
    assert b"zeta" not in index.image()
    assert b"frequency" in index.image()
    full = SearchIndex([cut(document(ROOT), ALLY, NOW)])
    assert b"zeta" in full.image()
    assert places(full.ask("zeta")) == ["8"]


def test_an_answer_names_where_it_stands(index):
    assert index.ask("calibers").to_bytes() == (
        b'{"format":"delian-search","found":[{"edition":"Ed 3","language":"en",'
        b'"number":"STANAG 4425","place":"","snippet":"155 mm","title":"Calibers"}],'
        b'"more":false,"version":1}'
    )
