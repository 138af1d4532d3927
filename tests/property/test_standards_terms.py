"""Laws of glossaries: files come back whole, and what is hidden changes no byte."""

from dataclasses import replace
from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from delian.label import Succession, may_read
from delian.standards.concept import FORMS, STATUSES, Concept, Definition, Glossary, Term, TermBase
from delian.standards.concept import shared as shared_with
from delian.standards.cut import cut
from delian.standards.portion import LANGUAGES, changed
from delian.standards.tbx import from_tbx, to_tbx
from delian.standards.term_use import Finder, uses
from tests.standards_world import CLOSED, EU, HIDDEN_FROM_EU, NOW, OPEN, VISIBLE_TO_EU, trees

WORDS = st.text("ab <>&\"'é周波数", min_size=1, max_size=8).map(
    lambda t: " ".join(t.split()) or "x"
)
TERMS = st.builds(
    Term,
    WORDS,
    st.sampled_from(LANGUAGES),
    st.sampled_from(STATUSES),
    st.sampled_from(FORMS),
    st.one_of(st.just(""), WORDS),
)
DEFINITIONS = st.builds(Definition, WORDS, st.sampled_from(LANGUAGES), WORDS)


@st.composite
def glossaries(draw):
    """A glossary of a few concepts that may look alike."""
    concepts = [
        Concept(
            f"c{n}",
            tuple(draw(st.lists(TERMS, min_size=1, max_size=4, unique_by=_spelling))),
            tuple(draw(st.lists(DEFINITIONS, max_size=2, unique_by=lambda d: d.language))),
            draw(st.sampled_from(("", "radio"))),
        )
        for n in range(draw(st.integers(0, 5)))
    ]
    return Glossary(draw(WORDS), draw(WORDS), tuple(concepts))


def _spelling(term):
    return term.language, term.text


@settings(max_examples=60, deadline=None)
@given(glossaries())
def test_a_file_gives_its_glossary_back(glossary):
    assert from_tbx(to_tbx(glossary)) == (glossary, ())
    assert to_tbx(from_tbx(to_tbx(glossary))[0]) == to_tbx(glossary)


@settings(max_examples=80, deadline=None)
@given(glossaries(), st.data())
def test_hidden_concepts_change_no_byte(glossary, data):
    labels = {
        c.id: data.draw(st.sampled_from((*VISIBLE_TO_EU, *HIDDEN_FROM_EU)))
        for c in glossary.concepts
    }
    visible = {name for name, label in labels.items() if may_read(EU, label.marking).allowed}
    assert visible == {name for name, label in labels.items() if label in VISIBLE_TO_EU}
    first = TermBase(glossary, OPEN, labels)
    other: list[Concept] = []
    for concept in glossary.concepts:
        if concept.id in visible:
            other.append(concept)
        elif data.draw(st.booleans()):
            other.append(replace(concept, subject="changed", terms=(Term("changed"),)))
    hidden = Concept("zz", (Term("new and hidden"),))
    other.insert(data.draw(st.integers(0, len(other))), hidden)
    second = TermBase(
        replace(glossary, concepts=tuple(other)),
        OPEN,
        {c.id: labels.get(c.id, HIDDEN_FROM_EU[0]) for c in other},
    )
    assert to_tbx(shared_with(first, EU, NOW)) == to_tbx(shared_with(second, EU, NOW))
    said = {(c.terms, c.definitions, c.subject) for c in glossary.concepts if c.id in visible}
    got = shared_with(first, EU, NOW).concepts
    assert {(c.terms, c.definitions, c.subject) for c in got} == said


def test_the_name_follows_from_what_is_said():
    named = [
        shared_with(TermBase(Glossary("g", "o", (Concept(name, (Term(text),)),)), OPEN), EU, NOW)
        for name, text in (("one", "a"), ("two", "a"), ("one", "b"))
    ]
    assert named[0] == named[1]
    assert named[0].concepts[0].id != named[2].concepts[0].id


def test_a_succession_date_opens_a_concept():
    late = replace(CLOSED, succession=Succession(NOW + timedelta(days=1), OPEN))
    base = TermBase(Glossary("g", "o", (Concept("a", (Term("a"),)),)), OPEN, {"a": late})
    assert shared_with(base, EU, NOW).concepts == ()
    assert len(shared_with(base, EU, NOW + timedelta(days=1)).concepts) == 1


def test_a_name_in_the_base_is_not_in_the_file():
    base = TermBase(Glossary("g", "o", (Concept("secret-name", (Term("a"),)),)), OPEN)
    assert b"secret-name" not in to_tbx(shared_with(base, EU, NOW))


FINDER = Finder(
    Glossary("g", "o", (Concept("a", (Term("a"),)), Concept("abc", (Term("abc ABC"),))))
)


@settings(max_examples=60, deadline=None)
@given(trees(), WORDS)
def test_hidden_words_are_no_use(document, words):
    def rewritten(portion):
        is_hidden = portion.label in HIDDEN_FROM_EU
        return replace(portion, text=f"a {words}", title="abc ABC") if is_hidden else portion

    other = changed(document, rewritten)
    found = [uses(cut(d, EU, NOW), FINDER) for d in (document, other)]
    assert found[0] == found[1]
