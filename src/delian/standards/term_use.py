"""Which terms of a glossary stand where in a document.

May touch: values. The longest term wins; a term is found as whole words in its own language.
"""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from delian.standards.concept import Glossary, Term
from delian.standards.cut import Cut
from delian.standards.portion import REFERENCE, Document, Portion, changed
from delian.standards.words import spoken
from delian.terms.encode import Plain

_KANJI = "\u3005\u3400-\u9fff\uf900-\ufaff"
_HIRAGANA = "\u3041-\u309f"
_KATAKANA = "\u30a1-\u30ff\uff66-\uff9f"
# A kanji, a hiragana, a run of katakana, any other word, or one sign.
_PIECE = re.compile(
    f"[{_KANJI}{_HIRAGANA}]|[{_KATAKANA}]+|[^\\W{_KANJI}{_HIRAGANA}{_KATAKANA}]+|[^\\w\\s]"
)


@dataclass(frozen=True, slots=True)
class Hit:
    """One place in a text, and every concept that the words there stand for."""

    start: int
    end: int
    concepts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Use:
    """A term as it stands in one place of a cut.

    Args:
        place: Heading number of the portion, as in ``Cut.numbers``.
        language: Of the portion.
        text: The words as they stand there.
        concepts: What they may mean; more than one is for a person to decide.
        count: How often in that place.
    """

    place: str
    language: str
    text: str
    concepts: tuple[str, ...]
    count: int

    def to_plain(self) -> dict[str, Plain]:
        """For ``--json``."""
        return {
            "place": self.place,
            "language": self.language,
            "text": self.text,
            "concepts": list(self.concepts),
            "count": self.count,
        }


@dataclass(slots=True)
class _Step:
    """What may follow the words so far; *ends* are the terms that end here, with their names."""

    further: dict[str, "_Step"] = field(default_factory=dict)
    ends: list[tuple[Term, str]] = field(default_factory=list)


class Finder:
    """Finds the terms of one glossary; made once, used for many texts."""

    def __init__(self, glossary: Glossary) -> None:
        self._start: dict[str, _Step] = {}
        for concept in glossary.concepts:
            for term in concept.terms:
                step = self._start.setdefault(term.language, _Step())
                for _, _, word in _pieces(term.text):
                    step = step.further.setdefault(word, _Step())
                if step is not self._start[term.language]:
                    step.ends.append((term, concept.id))

    def find(self, text: str, language: str) -> tuple[Hit, ...]:
        """Every term in *text*, from left to right, none inside another."""
        start = self._start.get(language)
        if start is None:
            return ()
        pieces = list(_pieces(text))
        found: list[Hit] = []
        at = 0
        while at < len(pieces):
            step, best, after = start, None, at
            for number in range(at, len(pieces)):
                following = step.further.get(pieces[number][2])
                if following is None:
                    break
                step = following
                begin, end = pieces[at][0], pieces[number][1]
                names = _fitting(step, text[begin:end])
                if names:
                    best, after = Hit(begin, end, names), number + 1
            if best is not None:
                found.append(best)
            at = after if best is not None else at + 1
        return tuple(found)


def uses(cut: Cut, finder: Finder) -> tuple[Use, ...]:
    """The terms that stand in *cut*, place by place in reading order.

    Guarantees:
        A function of the cut and the glossary; hidden portions change nothing
        (``tests/property/test_standards_terms.py``).
    """
    numbers = cut.numbers()
    counted: dict[tuple[str, str, str, tuple[str, ...]], int] = {}
    for shown, _ in cut.walk():
        cells = [cell for row in shown.rows for cell in row]
        texts = [spoken(p, numbers, shown.language) for p in (shown.text, *cells)]
        for text in (shown.title, *texts):
            for hit in finder.find(text, shown.language):
                words = text[hit.start : hit.end]
                key = (numbers[shown.id], shown.language, words, hit.concepts)
                counted[key] = counted.get(key, 0) + 1
    return tuple(Use(*key, count) for key, count in counted.items())


def annotated(document: Document, finder: Finder) -> Document:
    """*document* with the names of the concepts that each portion uses, in order of first use."""

    def noted(portion: Portion) -> Portion:
        texts = (portion.title, portion.text, *(c for row in portion.rows for c in row))
        names = dict.fromkeys(
            name
            for text in texts
            for hit in finder.find(REFERENCE.sub(_blank, text), portion.language)
            for name in hit.concepts
        )
        return replace(portion, terms=tuple(names)) if tuple(names) != portion.terms else portion

    return changed(document, noted)


def _blank(reference: re.Match[str]) -> str:
    """A reference holds no word: a sign that no term has takes its place."""
    return "\x00" * len(reference[0])


def _pieces(text: str) -> Iterator[tuple[int, int, str]]:
    for match in _PIECE.finditer(text):
        yield match.start(), match.end(), _plain(match[0])


def _plain(word: str) -> str:
    return unicodedata.normalize("NFKC", word).casefold()


def _fitting(step: _Step, words: str) -> tuple[str, ...]:
    """The concepts of the terms that end here; an acronym only as its owner writes it."""
    written = unicodedata.normalize("NFKC", words)
    return tuple(
        dict.fromkeys(
            name
            for term, name in step.ends
            if term.form != "acronym" or unicodedata.normalize("NFKC", term.text) == written
        )
    )
