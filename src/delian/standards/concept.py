"""Concepts and the words for them in five languages: who says which word for what.

May touch: values. A glossary is what one party publishes; a :class:`TermBase` is a glossary with
labels, of which a recipient gets what :func:`shared` gives and nothing else.
"""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Literal, get_args

from delian.label import Label, Reader, effective, may_read
from delian.standards.portion import LANGUAGES
from delian.standards.term_errors import TermError
from delian.terms.encode import Plain, canonical, digest

Status = Literal["preferred", "admitted", "deprecated", "superseded"]
Form = Literal["full", "acronym", "abbreviation", "short", "variant"]
STATUSES: tuple[Status, ...] = get_args(Status)
FORMS: tuple[Form, ...] = get_args(Form)
MAX_CONCEPTS = 200_000
MAX_TERM = 400
MAX_TEXT = 20_000
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9._-]{0,127}\Z")


@dataclass(frozen=True, slots=True)
class Term:
    """One word or expression for a concept.

    Args:
        text: As it is written.
        language: One of the five languages of a document.
        status: Whether its owner wants it used.
        form: Full form, acronym and the like.
        source: Where it is taken from, "" where nobody says.
    """

    text: str
    language: str = "en"
    status: Status = "preferred"
    form: Form = "full"
    source: str = ""

    def __post_init__(self) -> None:
        _check_text(self.text, MAX_TERM, "a term")
        _check_text(self.source or "-", MAX_TEXT, "a source")
        _check_language(self.language)
        if self.status not in STATUSES or self.form not in FORMS:
            raise TermError("a term has an unknown status or form", where=self.text[:60])

    @property
    def is_usable(self) -> bool:
        """Does its owner still want it used?"""
        return self.status in ("preferred", "admitted")


@dataclass(frozen=True, slots=True)
class Definition:
    """What a concept is, in one language."""

    text: str
    language: str = "en"
    source: str = ""

    def __post_init__(self) -> None:
        _check_text(self.text, MAX_TEXT, "a definition")
        _check_text(self.source or "-", MAX_TEXT, "a source")
        _check_language(self.language)


@dataclass(frozen=True, slots=True)
class Concept:
    """One meaning.

    Args:
        id: Lasts in the owner's own base; a recipient sees another one (:func:`shared`).
        terms: At least one; kept in the order of the five languages.
        definitions: At most one per language; kept in that order.
        subject: Field of knowledge, "" for none.
    """

    id: str
    terms: tuple[Term, ...]
    definitions: tuple[Definition, ...] = ()
    subject: str = ""

    def __post_init__(self) -> None:
        if not _NAME.match(self.id):
            raise TermError("a concept needs a name of letters, digits and . _ -")
        if not self.terms:
            raise TermError("a concept needs a term", where=self.id)
        if len({d.language for d in self.definitions}) != len(self.definitions):
            raise TermError("a concept is defined twice in one language", where=self.id)
        if len({(t.language, t.text) for t in self.terms}) != len(self.terms):
            raise TermError("a concept has the same term twice", where=self.id)
        _check_text(self.subject or "-", MAX_TERM, "a subject")
        for name in ("terms", "definitions"):
            held = sorted(getattr(self, name), key=lambda said: LANGUAGES.index(said.language))
            object.__setattr__(self, name, tuple(held))

    def definition(self, language: str) -> Definition | None:
        """The definition in *language*, or None."""
        return next((d for d in self.definitions if d.language == language), None)

    def to_plain(self) -> dict[str, Plain]:
        """The concept for other programs."""
        return {
            "id": self.id,
            "subject": self.subject,
            "terms": [[t.language, t.text, t.status, t.form, t.source] for t in self.terms],
            "definitions": [[d.language, d.text, d.source] for d in self.definitions],
        }


@dataclass(frozen=True, slots=True)
class Glossary:
    """What one party says.

    Args:
        name: Of the glossary.
        owner: The alliance, the EU, a nation: whose usage this is.
        concepts: In the owner's order.
    """

    name: str
    owner: str
    concepts: tuple[Concept, ...]

    def __post_init__(self) -> None:
        _check_text(self.name, MAX_TERM, "the name of a glossary")
        _check_text(self.owner, MAX_TERM, "the owner of a glossary")
        if len(self.concepts) > MAX_CONCEPTS:
            raise TermError("the glossary holds more concepts than allowed")
        if len({c.id for c in self.concepts}) != len(self.concepts):
            raise TermError("two concepts have the same name")


@dataclass(frozen=True, slots=True)
class TermBase:
    """A glossary with its labels, for its owner alone.

    Args:
        glossary: Everything.
        label: Of every concept that has none of its own.
        labels: Of single concepts, by name.
    """

    glossary: Glossary
    label: Label
    labels: Mapping[str, Label] = field(default_factory=dict)

    def __post_init__(self) -> None:
        unknown = self.labels.keys() - {c.id for c in self.glossary.concepts}
        if unknown:
            raise TermError("a label is for a concept that is not there", where=min(unknown))


def shared(base: TermBase, reader: Reader, now_utc: datetime) -> Glossary:
    """What *reader* may see of *base*, each concept named after what it says.

    Guarantees:
        A function of the visible concepts alone: names, order and number tell nothing of the rest
        (``tests/property/test_standards_terms.py``).
    """
    decided: dict[Label, bool] = {}
    kept: dict[str, Concept] = {}
    for concept in base.glossary.concepts:
        label = base.labels.get(concept.id, base.label)
        if label not in decided:
            marking = effective(label, now_utc).marking
            decided[label] = may_read(reader, marking).allowed
        if decided[label]:
            renamed = _renamed(concept)
            kept.setdefault(renamed.id, renamed)
    return replace(base.glossary, concepts=tuple(kept.values()))


def folded(text: str) -> str:
    """*text* as two spellings of one word compare: width, case and spaces set aside."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def _renamed(concept: Concept) -> Concept:
    said = digest(canonical({**concept.to_plain(), "id": ""}))
    return replace(concept, id=f"c-{said.removeprefix('sha256:')[:24]}")


def _check_text(text: str, most: int, what: str) -> None:
    if not text or text != text.strip() or len(text) > most or not text.isprintable():
        raise TermError(f"{what} must be printable text without outer spaces", where=text[:60])


def _check_language(language: str) -> None:
    if language not in LANGUAGES:
        raise TermError("a language is not one of the five", hint=f"one of {', '.join(LANGUAGES)}")
