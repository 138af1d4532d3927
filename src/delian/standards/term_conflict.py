"""Where the words of two parties do not agree: one word for two things, two words for one.

May touch: values. What is found is for people to settle; nothing here changes a glossary.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

from delian.standards.concept import Concept, Glossary, Term, folded
from delian.standards.portion import LANGUAGES
from delian.terms.encode import Plain

What = Literal["other-meaning", "other-term", "other-status", "undecided"]
_ENOUGH_LANGUAGES = 2


@dataclass(frozen=True, slots=True)
class Side:
    """What one party says.

    Args:
        owner: Of the glossary.
        concept: Its name there.
        terms: Its words in the language of the conflict.
        meaning: Definition or full form in that language, else in another; "" for none.
    """

    owner: str
    concept: str
    terms: tuple[str, ...]
    meaning: str

    def to_plain(self) -> dict[str, Plain]:
        """For ``--json``."""
        return {
            "owner": self.owner,
            "concept": self.concept,
            "terms": list(self.terms),
            "meaning": self.meaning,
        }


@dataclass(frozen=True, slots=True)
class Conflict:
    """One disagreement of two parties in one language; *term* is "" where they share none."""

    what: What
    language: str
    term: str
    first: Side
    second: Side

    def to_plain(self) -> dict[str, Plain]:
        """For ``--json``."""
        return {
            "what": self.what,
            "language": self.language,
            "term": self.term,
            "first": self.first.to_plain(),
            "second": self.second.to_plain(),
        }


def conflicts(glossaries: Sequence[Glossary]) -> tuple[Conflict, ...]:
    """Every disagreement between glossaries of different owners.

    Guarantees:
        The same glossaries give the same list, pairs in their order
        (``tests/unit/standards/test_standards_term_conflict.py``).
    """
    found: list[Conflict] = []
    for first, second in combinations(glossaries, 2):
        if first.owner != second.owner:
            found += _between(first, second)
    return tuple(found)


def same_meaning(one: Concept, other: Concept) -> bool:
    """Do both mean the same?

    Yes with an equal definition, terms that agree in two languages, or a full form and a shorter
    one that agree in one.
    """
    if any(
        (match := other.definition(d.language)) and folded(match.text) == folded(d.text)
        for d in one.definitions
    ):
        return True
    for language in LANGUAGES:
        fulls = _fulls(one, language) & _fulls(other, language)
        if fulls and (_spelled(one, language) & _spelled(other, language)) - fulls:
            return True
    agreed = sum(
        bool(_spelled(one, language) & _spelled(other, language)) for language in LANGUAGES
    )
    return agreed >= _ENOUGH_LANGUAGES


def _between(first: Glossary, second: Glossary) -> Iterator[Conflict]:
    by_term: dict[tuple[str, str], list[int]] = {}
    by_meaning: dict[tuple[str, str], list[int]] = {}
    for number, concept in enumerate(second.concepts):
        for key in dict.fromkeys((t.language, folded(t.text)) for t in concept.terms):
            by_term.setdefault(key, []).append(number)
        for definition in concept.definitions:
            key = (definition.language, folded(definition.text))
            by_meaning.setdefault(key, []).append(number)
    for one in first.concepts:
        near = {n for t in one.terms for n in by_term.get((t.language, folded(t.text)), ())}
        for d in one.definitions:
            near.update(by_meaning.get((d.language, folded(d.text)), ()))
        others = [second.concepts[number] for number in sorted(near)]
        matched = [other for other in others if same_meaning(one, other)]
        for other in matched:
            yield from _same_thing(first, one, second, other)
        for other in () if matched else others:
            yield from _same_word(first, one, second, other)


def _same_thing(
    first: Glossary, one: Concept, second: Glossary, other: Concept
) -> Iterator[Conflict]:
    for language in LANGUAGES:
        sides = _side(first, one, language), _side(second, other, language)
        ours = {folded(t.text): t for t in one.terms if t.language == language}
        theirs = {folded(t.text): t for t in other.terms if t.language == language}
        for spelling in sorted(ours.keys() & theirs.keys()):
            if ours[spelling].is_usable != theirs[spelling].is_usable:
                yield Conflict("other-status", language, ours[spelling].text, *sides)
        usable = [{s for s, t in terms.items() if t.is_usable} for terms in (ours, theirs)]
        if all(usable) and not usable[0] & usable[1]:
            yield Conflict("other-term", language, "", *sides)


def _same_word(
    first: Glossary, one: Concept, second: Glossary, other: Concept
) -> Iterator[Conflict]:
    for language in LANGUAGES:
        theirs = _spelled(other, language)
        for term in one.terms:
            if term.language == language and folded(term.text) in theirs:
                sides = _side(first, one, language), _side(second, other, language)
                yield Conflict(_judged(one, other, term), language, term.text, *sides)


def _judged(one: Concept, other: Concept, term: Term) -> What:
    """Whether a word in common means two things, or nobody can tell."""
    for language in LANGUAGES:
        if one.definition(language) and other.definition(language):
            return "other-meaning"
    fulls = [_fulls(concept, term.language) - {folded(term.text)} for concept in (one, other)]
    return "other-meaning" if term.form != "full" and all(fulls) else "undecided"


def _fulls(concept: Concept, language: str) -> set[str]:
    terms = concept.terms
    return {folded(t.text) for t in terms if t.language == language and t.form == "full"}


def _spelled(concept: Concept, language: str) -> set[str]:
    return {folded(t.text) for t in concept.terms if t.language == language}


def _side(glossary: Glossary, concept: Concept, language: str) -> Side:
    terms = tuple(t.text for t in concept.terms if t.language == language)
    definitions = [d for d in concept.definitions if d.language == language]
    said = [d.text for d in (*definitions, *concept.definitions)]
    fulls = [t.text for t in concept.terms if t.form == "full"]
    short = any(t.form != "full" for t in concept.terms)
    meaning = said[0] if said else (fulls[0] if fulls and short else "")
    return Side(glossary.owner, concept.id, terms, meaning)
