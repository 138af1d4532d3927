"""Conflicts between the words of the alliance, the EU and a nation."""

import pytest

from delian.standards.concept import Concept, Definition, Glossary, Term, folded
from delian.standards.term_conflict import Side, conflicts, same_meaning


def glossary(owner, *concepts):
    return Glossary("words", owner, concepts)


def concept(name, *terms, means=None, language="en"):
    definitions = (Definition(means, language),) if means else ()
    return Concept(name, tuple(t if isinstance(t, Term) else Term(t) for t in terms), definitions)


def found(one, other):
    made = conflicts([glossary("NATO", one), glossary("EU", other)])
    return [(c.what, c.language, c.term) for c in made]


def old(text, language="en"):
    return Term(text, language, "deprecated")


def short(text):
    return Term(text, form="acronym")


BAND = "a range of frequencies"


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        # One word, one meaning: no conflict, however it is spelled.
        (
            concept("a", "Band", means=BAND),
            concept("b", "band", means="A  range of Frequencies"),
            [],
        ),
        (
            concept("a", "band", means=BAND),
            concept("b", "Band", means="a group of people"),
            [("other-meaning", "en", "band")],
        ),
        (
            concept("a", "band", means=BAND),
            concept("b", "range", means=BAND),
            [("other-term", "en", "")],
        ),
        (
            concept("a", "band", old("range"), means=BAND),
            concept("b", "range", "band", means=BAND),
            [("other-status", "en", "range")],
        ),
        # A word that one side no longer wants is no word in common.
        (
            concept("a", "band", old("range"), means=BAND),
            concept("b", "range", means=BAND),
            [("other-status", "en", "range"), ("other-term", "en", "")],
        ),
        (concept("a", "band", means=BAND), concept("b", "band"), [("undecided", "en", "band")]),
        (concept("a", "band"), concept("b", "strip"), []),
        # Definitions in different languages cannot be compared.
        (
            concept("a", "band", means=BAND),
            concept("b", "band", means="une plage", language="fr"),
            [("undecided", "en", "band")],
        ),
        (
            concept("a", "Air Conditioned", short("A/C")),
            concept("b", "Aircraft", short("A/C")),
            [("other-meaning", "en", "A/C")],
        ),
        (
            concept("a", short("A/C")),
            concept("b", "Aircraft", short("A/C")),
            [("undecided", "en", "A/C")],
        ),
        # What is preferred here and admitted there is wanted by both; width of signs says nothing.
        (
            concept("a", "Band", means=BAND),
            concept("b", Term("Ｂａｎｄ", status="admitted"), means=BAND),
            [],
        ),
        (
            concept("a", "band", means=BAND),
            concept("b", Term("range", status="admitted"), means=BAND),
            [("other-term", "en", "")],
        ),
        # A word is not its own full form.
        (
            concept("a", "Aircraft", short("A/C")),
            concept("b", Term("A/C")),
            [("undecided", "en", "A/C")],
        ),
        # A full form and its acronym in common are one meaning; either alone is told by nothing.
        (
            concept("a", "Aircraft", short("A/C")),
            concept("b", short("A/C"), "aircraft"),
            [],
        ),
        (
            concept("a", "Aircraft", short("A/C")),
            concept("b", "aircraft"),
            [("undecided", "en", "Aircraft")],
        ),
        (
            concept("a", "Aircraft", "airplane"),
            concept("b", "aircraft", "airplane"),
            [("undecided", "en", "Aircraft"), ("undecided", "en", "airplane")],
        ),
        # Terms that agree in two languages are one meaning, so the third language is compared.
        (
            concept("a", "band", Term("bande", "fr"), Term("帯域", "ja")),
            concept("b", "band", Term("bande", "fr"), Term("周波数帯", "ja")),
            [("other-term", "ja", "")],
        ),
        # The same spelling in two languages is no word in common.
        (concept("a", Term("band", "nl"), means=BAND), concept("b", "band"), []),
    ],
)
def test_what_counts_as_a_conflict(one, other, expected):
    assert found(one, other) == expected
    mirrored = [(what, language, folded(term)) for what, language, term in found(other, one)]
    assert mirrored == [(what, language, folded(term)) for what, language, term in expected]


def test_a_word_settled_in_one_entry_is_not_held_against_another():
    band, music = concept("a", "band", means=BAND), concept("m", "band", means="a group")
    ours = glossary("NATO", band, music)
    theirs = glossary("EU", concept("b", "band", means=BAND), concept("n", "band", means="a group"))
    assert conflicts([ours, theirs]) == ()


def test_each_pair_of_owners_is_compared_once_and_an_owner_never_with_itself():
    owners = ["NATO", "EU", "NATO", "ITA"]
    made = conflicts(
        [glossary(o, concept(o, "band", means=f"{o} {n}")) for n, o in enumerate(owners)]
    )
    pairs = [(c.first.owner, c.second.owner) for c in made]
    assert pairs == [
        *(("NATO", "EU"), ("NATO", "ITA"), ("EU", "NATO")),
        *(("EU", "ITA"), ("NATO", "ITA")),
    ]


def test_both_sides_are_shown():
    made = conflicts(
        [
            glossary("NATO", concept("a", "Air Base", short("AB"))),
            glossary("EU", concept("b", short("AB"), "Agency Board")),
        ]
    )
    assert made[0].to_plain() == {
        "what": "other-meaning",
        "language": "en",
        "term": "AB",
        "first": Side("NATO", "a", ("Air Base", "AB"), "Air Base").to_plain(),
        "second": Side("EU", "b", ("AB", "Agency Board"), "Agency Board").to_plain(),
    }


def test_one_language_in_common_is_not_enough_for_one_meaning():
    one = concept("a", "band", Term("bande", "fr"))
    assert not same_meaning(one, concept("b", "band", Term("plage", "fr")))
    assert same_meaning(one, concept("b", "band", Term("Bande", "fr")))
