"""Reads a DocBook 4.5 book or article as a document of portions.

May touch: bytes. Every element, attribute and instruction without a place in a portion is listed,
not lost in silence (``docs/formats/documents-in.md``).
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from delian.label import Label
from delian.standards.docbook_table import rows_of
from delian.standards.docbook_words import Inline
from delian.standards.docbook_xml import read_xml, words_of
from delian.standards.document_errors import DocumentFormError
from delian.standards.dropped import DropList, Dropped
from delian.standards.portion import LANGUAGES, REFERENCE, Document, Picture, Portion, changed, walk
from delian.standards.portion_names import Names, portion_name
from delian.standards.register import kind_of

SECTIONS = frozenset(
    (
        *("part", "preface", "chapter", "appendix", "section", "simplesect"),
        *("sect1", "sect2", "sect3", "sect4", "sect5", "article"),
    )
)
PARAGRAPHS = frozenset(("para", "simpara"))
LISTS = frozenset(("itemizedlist", "orderedlist"))
NOTES = frozenset(("note", "warning", "caution", "important", "tip", "footnote"))
TABLES = frozenset(("table", "informaltable"))
FIGURES = frozenset(("figure", "informalfigure"))
MAX_CELLS = 1_000_000
_KIND = {
    **dict.fromkeys(SECTIONS, "section"),
    **dict.fromkeys(PARAGRAPHS, "paragraph"),
    **dict.fromkeys(LISTS, "list"),
    **dict.fromkeys(NOTES, "note"),
    **dict.fromkeys(TABLES, "table"),
    **dict.fromkeys(FIGURES, "figure"),
    "listitem": "item",
}
_PLACES = {
    "tgroup": {"cols"},
    "colspec": {"colname", "colnum"},
    "entry": {"colname", "namest", "nameend", "morerows"},
    "imagedata": {"fileref"},
    "xref": {"linkend"},
    "link": {"linkend"},
    "ulink": {"url"},
    "biblioid": {"class"},
}
_HEAD = frozenset(("title", "subtitle", "volumenum", "biblioid", "corpauthor", "revhistory"))
_NO_PLACE = "has no place in a portion"


def read_docbook(
    data: bytes, label: Label, pictures: Mapping[str, Picture] | None = None
) -> tuple[Document, tuple[Dropped, ...]]:
    """The document in *data*, and everything in the file that has no place in it.

    Args:
        data: The file.
        label: Of the whole document; DocBook has none that counts here.
        pictures: By the name that the file uses for them.

    Raises:
        DocumentFormError: not DocBook, hostile, or two elements have the same id.
        PortionError: deeper or larger than a document may be.
    """
    root = read_xml(data)
    if root.tag not in ("book", "article"):
        raise DocumentFormError("the file is XML, but no DocBook 4.5 book or article")
    return _Reader(root, pictures or {}).document(label)


class _Reader:
    """One pass over one file."""

    def __init__(self, root: Any, pictures: Mapping[str, Picture]) -> None:
        self._root = root
        self._pictures = pictures
        self.drops = DropList()
        self._alias: dict[str, str] = {}
        given: set[str] = set()
        for element in root.iter("*"):
            name = portion_name(element.get("id", ""))
            if element.get("id") and name in given:
                raise DocumentFormError("two elements have the same id", where=name[:60])
            given.add(name)
            self._list_attributes(element)
        self._names = Names(given)
        self._inline = Inline(self.drops)
        self._cells = 0

    def document(self, label: Label) -> tuple[Document, tuple[Dropped, ...]]:
        info = self._root.find(f"{self._root.tag}info")
        said = self._head(info)
        title = self._root.findtext("title") or said["title"] or said["number"]
        number = " ".join(f"{said['number']} {said['volume']}".split())
        name = self._name(self._root, "", number or title)
        below = self._below([c for c in self._root if c is not info], name, "en")
        language = self._language(self._root, "en")
        root = Portion(
            name, "section", " ".join(title.split()), said["subtitle"], None, tuple(below)
        )
        root = replace(root, language=language)
        publisher = "nato" if kind_of(number, "nato") != "other" else said["publisher"]
        made = Document(
            name, kind_of(number, publisher), number, root.title, said["edition"], "", root, label
        )
        made = changed(made, self._pointed)
        self._list_dangling(made)
        return made, self.drops.listed()

    def _head(self, info: Any) -> dict[str, str]:
        names = ("title", "subtitle", "number", "volume", "publisher", "edition")
        said = dict.fromkeys(names, "")
        if info is None:
            return said
        for child in info.iterchildren("*"):
            if child.tag not in _HEAD:
                self.drops.add(f"{info.tag}/{child.tag}", "has no place in the head of a document")
        for name, path in (
            *(("title", "title"), ("subtitle", "subtitle"), ("volume", "volumenum")),
            *(("publisher", "corpauthor"), ("edition", "revhistory/revision/revnumber")),
            ("number", "biblioid[@class='pubnumber']"),
        ):
            found = info.find(path)
            said[name] = "" if found is None else words_of(found)
        if info.find("revhistory") is not None:
            self.drops.add(f"{info.tag}/revhistory", "only its newest number is kept")
        return said

    def _list_attributes(self, element: Any) -> None:
        for name in set(element.attrib) - _PLACES.get(element.tag, set()) - {"id"}:
            is_language = name in ("lang", "{http://www.w3.org/XML/1998/namespace}lang")
            if is_language and element.get(name, "")[:2].lower() in LANGUAGES:
                continue
            reason = (
                "a mark of the source; mark the portion here" if name == "security" else _NO_PLACE
            )
            self.drops.add(f"{element.tag}/@{name}", reason)

    def _language(self, element: Any, above: str) -> str:
        said = element.get("lang") or element.get("{http://www.w3.org/XML/1998/namespace}lang")
        return said[:2].lower() if said and said[:2].lower() in LANGUAGES else above

    def _name(self, element: Any, above: str, words: str) -> str:
        if not element.get("id"):
            return self._names.fresh(above, words)
        self._alias[portion_name(element.get("id"))] = portion_name(element.get("id"))
        return portion_name(element.get("id"))

    def _below(self, elements: list[Any], above: str, language: str) -> list[Portion]:
        """The portions that *elements* become; the title of what is above is no portion."""
        found: list[Portion] = []
        for element in elements:
            if not isinstance(element.tag, str):
                self.drops.add(f"?{element.target}", "an instruction for another program")
            elif element.tag in _KIND:
                found += self._portion(element, above, language)
            elif element.tag == "blockquote":
                self.drops.add(element.tag, "its words are kept, its look is not")
                found += self._below(list(element), above, language)
            elif element.tag != "title":
                self.drops.add(f"{element.getparent().tag}/{element.tag}", _NO_PLACE)
        return found

    def _portion(self, element: Any, above: str, language: str) -> list[Portion]:
        kind, language = _KIND[element.tag], self._language(element, language)
        heading = element.find("title")
        title = "" if heading is None else self._inline.plain(heading)
        name = self._name(element, above, title or f"{kind} {words_of(element)}")
        for inner in element.iter("*"):
            if inner.get("id"):
                self._alias[portion_name(inner.get("id"))] = name
        made = Portion(name, kind, title, language=language)
        if element.tag in PARAGRAPHS:
            return self._paragraph(element, made)
        if kind in ("item", "note"):
            return [self._led(element, made)]
        if kind == "table":
            return [self._table(element, made)]
        if kind == "figure":
            return [self._figure(element, made)]
        if element.tag == "orderedlist":
            self.drops.add("orderedlist", "its items are kept, their numbers are not")
        below = self._below(list(element), name, language)
        return [replace(made, children=tuple(below))]

    def _paragraph(self, element: Any, made: Portion) -> list[Portion]:
        """Words up to the first block are the text; blocks and later words stand below."""
        text = ""
        below: list[Portion] = []
        for part in self._inline.parts(element, frozenset(_KIND)):
            if not isinstance(part, str):
                below += self._below([part], made.id, made.language)
            elif below and any(p.kind != "note" for p in below):
                name = self._names.fresh(made.id, part)
                below.append(Portion(name, "paragraph", text=part, language=made.language))
            else:
                text = f"{text} {part}".strip()
        if not text and not below:
            self.drops.add(element.tag, "an empty paragraph")
            return []
        return [replace(made, text=text, children=tuple(below))]

    def _led(self, element: Any, made: Portion) -> Portion:
        """An item or a note: its first paragraph is its text, the rest stands below."""
        below = self._below(list(element), made.id, made.language)
        if below and below[0].kind == "paragraph" and not made.title:
            first = below[0]
            self._alias[first.id] = made.id
            return replace(made, text=first.text, children=(*first.children, *below[1:]))
        return replace(made, children=tuple(below))

    def _figure(self, element: Any, made: Portion) -> Portion:
        found: Picture | None = None
        for inner in element.iterdescendants("*"):
            if inner.tag not in ("title", "mediaobject", "imageobject", "imagedata"):
                self.drops.add(f"{element.tag}/{inner.tag}", _NO_PLACE)
            elif inner.tag == "imagedata":
                picture = self._pictures.get(inner.get("fileref", ""))
                if picture is None or found is not None:
                    reason = "another picture was taken" if found else "its picture is not at hand"
                    self.drops.add("imagedata", reason)
                found = found or picture
        return replace(made, picture=found)

    def _table(self, element: Any, made: Portion) -> Portion:
        rows: list[tuple[str, ...]] = []
        notes: list[Portion] = []
        for child in element.iterchildren("*"):
            if child.tag not in ("title", "tgroup"):
                self.drops.add(f"{element.tag}/{child.tag}", _NO_PLACE)
        for group in element.iterchildren("tgroup"):
            for row in rows_of(group, self.drops, lambda e: self._cell(e, made, notes)):
                rows.append(row)
                self._cells += len(row)
                if self._cells > MAX_CELLS:
                    raise DocumentFormError(
                        "the tables have more cells than allowed", where=made.id
                    )
        return replace(made, rows=tuple(rows), children=tuple(notes))

    def _cell(self, entry: Any, made: Portion, notes: list[Portion]) -> str:
        said: list[str] = []
        for part in self._inline.parts(entry, frozenset(_KIND)):
            if isinstance(part, str):
                said.append(part)
            elif part.tag == "footnote":
                notes += self._below([part], made.id, made.language)
            else:
                if part.tag not in PARAGRAPHS:
                    self.drops.add(f"entry/{part.tag}", "its words are kept, its form is not")
                said.append(self._cell(part, made, notes))
        return " ".join(words for words in said if words)

    def _pointed(self, portion: Portion) -> Portion:
        """The portion with its references at portions, where the source points inside of one."""

        def target(words: str) -> str:
            return REFERENCE.sub(lambda m: f"[[{self._meant(m[1])}]]", words)

        rows = tuple(tuple(target(cell) for cell in row) for row in portion.rows)
        return replace(portion, text=target(portion.text), rows=rows)

    def _meant(self, name: str) -> str:
        inside = self._alias.get(name, name)
        return self._alias.get(inside, inside)

    def _list_dangling(self, document: Document) -> None:
        known = {portion.id for portion, _ in walk(document.root)}
        for portion, _ in walk(document.root):
            words = (portion.text, *(cell for row in portion.rows for cell in row))
            for name in (n for w in words for n in REFERENCE.findall(w)):
                if name not in known:
                    self.drops.add("@linkend", "refers to nothing in this file")
