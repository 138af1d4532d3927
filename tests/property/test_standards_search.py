"""Search says nothing of what is hidden, and finds what is not."""

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from delian.adapters.search_index import SearchIndex
from delian.standards.cut import cut
from delian.standards.portion import Portion, changed
from delian.terms.errors import DelianError
from tests.standards_world import (
    ALLY,
    CLOSED,
    EU,
    HIDDEN_FROM_EU,
    NOW,
    OPEN,
    WORDS,
    document,
    trees,
)

QUESTIONS = st.text('abcABC é日本"* -', max_size=10)


def said(index, question):
    try:
        return index.ask(question).to_bytes()
    except DelianError as error:
        return error.to_wire()


@settings(max_examples=60, deadline=None)
@given(trees(), st.lists(WORDS, min_size=1, max_size=4), st.lists(QUESTIONS, max_size=4))
def test_hidden_content_changes_no_byte_of_index_and_answer(tree, words, questions):
    def rewritten(portion):
        below = portion.children
        if portion.label in HIDDEN_FROM_EU:
            new = Portion(f"new-{portion.id}", "section", words[0], words[-1], CLOSED)
            below = (*below, new)
            portion = replace(portion, title=words[-1], text=words[0], rows=((words[0],),))
        return replace(portion, children=below)

    one, other = (SearchIndex([cut(d, EU, NOW)]) for d in (tree, changed(tree, rewritten)))
    assert one.image() == other.image()
    for question in (*questions, *words):
        assert said(one, question) == said(other, question)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.lists(st.sampled_from(("abc", "ab", "Éa", "日本")), max_size=4), max_size=8),
    st.lists(st.sampled_from(("ABC", "ab", "ea", "日本", "absent")), min_size=1, max_size=2),
)
def test_exactly_the_portions_that_hold_every_word_are_found(texts, asked):
    sections = tuple(
        Portion(f"p{n}", "section", "t", " ".join(words), OPEN) for n, words in enumerate(texts)
    )
    made = SearchIndex([cut(document(Portion("r", "section", "t", "", OPEN, sections)), EU, NOW)])
    spelled = {"abc": "ABC", "ab": "ab", "Éa": "ea", "日本": "日本"}
    expected = [
        str(n) for n, ws in enumerate(texts, 1) if set(asked) <= {spelled[word] for word in ws}
    ]
    assert [entry.place for entry, _ in made.ask(" ".join(asked)).found] == expected


def test_the_law_would_notice_a_leak():
    open_tree = document(Portion("r", "section", "a", "b", OPEN))
    below = (Portion("h", "section", "b", "b", CLOSED),)
    more = document(Portion("r", "section", "a", "b", OPEN, below))
    images = [SearchIndex([cut(d, ALLY, NOW)]).image() for d in (open_tree, more)]
    assert images[0] != images[1]
