"""Glossaries as TBX files (ISO 30042, style DCA, data categories of TBX-Basic), written and read.

May touch: bytes. Files of the edition of 2008 (``martif``) are read as well. What has no place in
a concept is listed, not lost. ``docs/formats/tbx.md``.
"""

from dataclasses import replace
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from lxml import etree

from delian.standards.concept import Concept, Definition, Form, Glossary, Status, Term
from delian.standards.dropped import DropList, Dropped
from delian.standards.portion import LANGUAGES
from delian.standards.term_errors import TermError
from delian.standards.term_xml import read_xml, words_of

NAMESPACE = "urn:iso:std:iso:30042:ed-2"
MAX_BYTES = 128 * 1024 * 1024
_LANG = "{http://www.w3.org/XML/1998/namespace}lang"
_STATUSES: dict[str, Status] = {
    "preferredTerm-admn-sts": "preferred",
    "admittedTerm-admn-sts": "admitted",
    "deprecatedTerm-admn-sts": "deprecated",
    "supersededTerm-admn-sts": "superseded",
}
_FORMS: dict[str, Form] = {
    "fullForm": "full",
    "acronym": "acronym",
    "abbreviation": "abbreviation",
    "shortForm": "short",
    "variant": "variant",
}
_STATUS_WORDS = {status: word for word, status in _STATUSES.items()}
_FORM_WORDS = {form: word for word, form in _FORMS.items()}
# Names of 2008 beside those of 2019.
_ENTRIES = ("conceptEntry", "termEntry")
_SECTIONS = ("langSec", "langSet")
_TERMS = ("termSec", "tig", "ntig")
_GROUPS = ("termNoteGrp", "descripGrp", "adminGrp", "termGrp")
_NO_PLACE = "has no place in a concept"


def to_tbx(glossary: Glossary) -> bytes:
    """*glossary* as one TBX file; the same glossary gives the same bytes.

    Guarantees:
        ``from_tbx`` gives the same glossary back and drops nothing
        (``tests/property/test_standards_terms.py``).
    """
    name, owner = escape(glossary.name), escape(glossary.owner)
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        f'<tbx type="TBX-Basic" style="dca" xml:lang="en" xmlns="{NAMESPACE}">',
        " <tbxHeader><fileDesc>",
        f"  <titleStmt><title>{name}</title></titleStmt>",
        f"  <sourceDesc><p>{owner}</p></sourceDesc>",
        " </fileDesc></tbxHeader>",
        " <text><body>",
    ]
    for concept in glossary.concepts:
        lines += _entry(concept)
    return "\n".join([*lines, " </body></text>", "</tbx>", ""]).encode()


def _entry(concept: Concept) -> list[str]:
    lines = [f"  <conceptEntry id={quoteattr(concept.id)}>"]
    if concept.subject:
        lines.append(f'   <descrip type="subjectField">{escape(concept.subject)}</descrip>')
    for language in LANGUAGES:
        definition = concept.definition(language)
        terms = [term for term in concept.terms if term.language == language]
        if definition is None and not terms:
            continue
        lines.append(f'   <langSec xml:lang="{language}">')
        if definition is not None:
            words = f'<descrip type="definition">{escape(definition.text)}</descrip>'
            lines.append(f"    <descripGrp>{words}{_source(definition.source)}</descripGrp>")
        lines += [_term(term) for term in terms]
        lines.append("   </langSec>")
    return [*lines, "  </conceptEntry>"]


def _term(term: Term) -> str:
    return (
        f"    <termSec><term>{escape(term.text)}</term>"
        f'<termNote type="administrativeStatus">{_STATUS_WORDS[term.status]}</termNote>'
        f'<termNote type="termType">{_FORM_WORDS[term.form]}</termNote>'
        f"{_source(term.source)}</termSec>"
    )


def _source(source: str) -> str:
    return f'<admin type="source">{escape(source)}</admin>' if source else ""


def from_tbx(
    data: bytes, *, name: str = "", owner: str = ""
) -> tuple[Glossary, tuple[Dropped, ...]]:
    """The glossary in *data*, and a list of what has no place in it.

    Args:
        data: The file.
        name: Of the glossary, in place of the title in the file.
        owner: Whose usage it is, in place of the first line of its source.

    Raises:
        TermError: not XML, not TBX, or a concept that cannot be.
    """
    root = read_xml(data, MAX_BYTES)
    if _tag(root) not in ("tbx", "martif"):
        raise TermError("the file is XML, but no TBX")
    reader = _Reader()
    entries = root.iter(*(f"{{*}}{tag}" for tag in _ENTRIES))
    concepts = [c for n, e in enumerate(entries, 1) if (c := reader.concept(e, n)) is not None]
    return (
        Glossary(
            name or _first(root, "title") or "glossary",
            owner or _first(root, "p") or "unknown",
            tuple(concepts),
        ),
        reader.drops.listed(),
    )


def _first(root: Any, tag: str) -> str:
    for element in root.iterfind("{*}tbxHeader//{*}" + tag):
        return words_of(element)
    for element in root.iterfind("{*}martifHeader//{*}" + tag):
        return words_of(element)
    return ""


class _Reader:
    """Reads entries and lists what it leaves behind."""

    def __init__(self) -> None:
        self.drops = DropList()

    def concept(self, entry: Any, number: int) -> Concept | None:
        """One concept; None where no term in one of the five languages is left."""
        terms: dict[tuple[str, str], Term] = {}
        definitions: dict[str, Definition] = {}
        subject, general = "", None
        for child in entry.iterchildren("*"):
            kind = (_tag(child), child.get("type"))
            if _tag(child) in _SECTIONS:
                self._section(child, terms, definitions)
            elif kind == ("descrip", "subjectField") and not subject:
                subject = words_of(child)
            elif (found := _defined(child)) is not None and general is None:
                general = found
                self._rest_of(child, "conceptEntry")
            else:
                self._drop(child, "conceptEntry")
        if not terms:
            self.drops.add("conceptEntry", "has no term in one of the five languages")
            return None
        if general is not None:
            language = min((t.language for t in terms.values()), key=LANGUAGES.index)
            if language in definitions:
                self.drops.add("conceptEntry/definition", "its language has one of its own")
            definitions.setdefault(language, replace(general, language=language))
        name = entry.get("id") or f"entry-{number}"
        return Concept(
            name if name[:1].isalpha() or name[:1] == "_" else f"entry-{name}",
            tuple(terms.values()),
            tuple(definitions.values()),
            subject,
        )

    def _section(
        self, section: Any, terms: dict[tuple[str, str], Term], definitions: dict[str, Definition]
    ) -> None:
        language = (section.get(_LANG) or "").lower().partition("-")[0]
        if language not in LANGUAGES:
            self.drops.add(f"langSec[{language[:8]}]", "is not one of the five languages")
            return
        for child in section.iterchildren("*"):
            if _tag(child) in _TERMS:
                term = self._term(child, language)
                if (language, term.text) in terms:
                    self.drops.add("langSec/termSec", "the same term again")
                terms.setdefault((language, term.text), term)
            elif (found := _defined(child)) is not None and language not in definitions:
                definitions[language] = replace(found, language=language)
                self._rest_of(child, "langSec")
            else:
                self._drop(child, "langSec")

    def _term(self, section: Any, language: str) -> Term:
        text, source = "", ""
        status: Status = "admitted"
        form: Form = "full"
        for child in _flat(section):
            kind, said = (_tag(child), child.get("type")), words_of(child)
            if kind[0] == "term" and not text:
                text = said
            elif kind == ("termNote", "administrativeStatus") and said in _STATUSES:
                status = _STATUSES[said]
            elif kind == ("termNote", "termType") and said in _FORMS:
                form = _FORMS[said]
            elif kind == ("admin", "source") and not source:
                source = said
            else:
                self._drop(child, "termSec")
        if not text:
            raise TermError("an entry has a term without words", where=f"line {section.sourceline}")
        return Term(text, language, status, form, source)

    def _drop(self, element: Any, above: str) -> None:
        kind = element.get("type")
        tail = f"{_tag(element)}[{kind[:60]}]" if kind else _tag(element)
        self.drops.add(f"{above}/{tail}", _NO_PLACE)

    def _rest_of(self, group: Any, above: str) -> None:
        """List what stands in a definition's group beside definition and first source."""
        seen: set[tuple[str, str | None]] = set()
        for child in group.iterchildren("*") if _tag(group) == "descripGrp" else ():
            kind = (_tag(child), child.get("type"))
            known = kind in (("descrip", "definition"), ("admin", "source"))
            if not known or kind in seen:
                self._drop(child, f"{above}/descripGrp")
            seen.add(kind)


def _defined(element: Any) -> Definition | None:
    """The definition that *element* is or holds."""
    inner = [element] if _tag(element) == "descrip" else list(_flat(element))
    words = next((words_of(e) for e in inner if e.get("type") == "definition"), "")
    source = next((words_of(e) for e in inner if e.get("type") == "source"), "")
    return Definition(words, source=source) if words else None


def _flat(section: Any) -> list[Any]:
    """What stands in *section*, groups opened."""
    found: list[Any] = []
    waiting = list(section.iterchildren("*"))
    while waiting:
        child = waiting.pop(0)
        if _tag(child) in _GROUPS:
            waiting = [*child.iterchildren("*"), *waiting]
        else:
            found.append(child)
    return found


def _tag(element: Any) -> str:
    return str(etree.QName(element).localname)
