"""Reads a page of Markdown as a document of portions.

May touch: bytes. Headings, paragraphs, lists, tables and lines with one picture; every other mark
of Markdown stays in the words and is listed (``docs/formats/documents-in.md``).
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from delian.label import Label
from delian.standards.document_errors import DocumentFormError
from delian.standards.dropped import DropList, Dropped
from delian.standards.portion import REFERENCE, Document, Picture, Portion, walk
from delian.standards.portion_names import Names

MAX_BYTES = 16 * 1024 * 1024
MAX_CELLS = 1_000_000
_MAX_LIST_DEPTH = 8
_HEADING = re.compile(r"(#{1,6})(?:[ \t](.*))?\Z")
_ITEM = re.compile(r"( *)(?:[-*+]|\d{1,9}[.)])(?:[ \t]+(.*))?\Z")
_PICTURE = re.compile(r"!\[([^\]]*)\]\(([^()\s]+)\)\Z")
_DELIMITER = re.compile(r"\|?[ \t]*:?-+:?[ \t]*(?:\|[ \t]*:?-+:?[ \t]*)*\|?\Z")
_NAMED = re.compile(r"\{#([A-Za-z0-9][A-Za-z0-9._:-]{0,127})\}\Z")
_BREAK = re.compile(r"(?:(?:\*[ \t]*){3,}|(?:-[ \t]*){3,}|(?:_[ \t]*){3,})\Z")
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})[^`]*\Z")
_UNDERLINE = re.compile(r"(=+|-+)\Z")
_CELL = re.compile(r"(?<!\\)\|")
_KEPT = (
    ("code", re.compile(r"`")),
    ("emphasis", re.compile(r"\*[^*\s][^*]*\*|(?<!\w)_[^_\s][^_]*_")),
    ("link", re.compile(r"\]\(|(?<!\[)\[[^\[\]]+\]\[|<https?:")),
    ("picture inside words", re.compile(r"!\[")),
    ("quotation", re.compile(r"\A>")),
    ("HTML", re.compile(r"<[A-Za-z/!][^<>]*>")),
)


@dataclass(frozen=True, slots=True)
class Head:
    """What a page of Markdown does not say about its document; as in :class:`Document`."""

    id: str
    kind: str
    number: str
    edition: str
    label: Label
    version: str = ""
    language: str = "en"


def read_markdown(
    data: bytes, head: Head, pictures: Mapping[str, Picture] | None = None
) -> tuple[Document, tuple[Dropped, ...]]:
    """The document in *data*, and the marks of Markdown in it that have no place.

    A heading may end with ``{#name}``; ``[[name]]`` in the words refers to it. A single first
    heading of level 1 is the title of the document.

    Args:
        data: UTF-8.
        head: What the page does not say.
        pictures: By the address that the page uses for them.

    Raises:
        DocumentFormError: not UTF-8, larger than allowed, or two headings have the same name.
        PortionError: deeper or larger than a document may be.
    """
    if len(data) > MAX_BYTES:
        raise DocumentFormError("the file is larger than allowed")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DocumentFormError("the file is not UTF-8", hint="save it as UTF-8") from error
    return _Reader(re.split(r"\r\n?|\n", text), head, pictures or {}).document()


@dataclass(slots=True)
class _Open:
    """A portion that still takes what stands below it."""

    level: int
    portion: Portion
    children: list["_Open"]

    def closed(self) -> Portion:
        return replace(self.portion, children=tuple(child.closed() for child in self.children))


class _Reader:
    """One pass over the lines of one page."""

    def __init__(self, lines: Sequence[str], head: Head, pictures: Mapping[str, Picture]) -> None:
        self._lines = [line.rstrip() for line in lines]
        self._at = 0
        self._head = head
        self._pictures = pictures
        self._drops = DropList()
        given = [name for line in self._lines if (name := _named(line)[1])]
        if len(set(given)) != len(given) or head.id in given:
            raise DocumentFormError("two headings have the same name")
        self._given = frozenset(given)
        self._names = Names((head.id, *given))
        root = Portion(head.id, "section", language=head.language)
        self._open = [_Open(0, root, [])]
        self._cells = 0

    def document(self) -> tuple[Document, tuple[Dropped, ...]]:
        while self._at < len(self._lines):
            self._block(self._lines[self._at])
        root, head = self._titled(self._open[0]).closed(), self._head
        made = Document(
            head.id,
            head.kind,
            head.number,
            root.title,
            head.edition,
            head.version,
            root,
            head.label,
        )
        known = {portion.id for portion, _ in walk(root)}
        for portion, _ in walk(root):
            words = " ".join((portion.text, *(cell for row in portion.rows for cell in row)))
            for name in REFERENCE.findall(words):
                if name not in known:
                    self._drops.add("[[name]]", "refers to nothing in this file")
        return made, self._drops.listed()

    def _titled(self, root: _Open) -> _Open:
        """The only heading of level 1, when it comes first, is the document itself."""
        first = root.children[0] if len(root.children) == 1 else None
        if first is None or first.level != 1 or first.portion.id in self._given:
            return root
        return _Open(0, replace(root.portion, title=first.portion.title), first.children)

    def _block(self, line: str) -> None:
        if not line.strip():
            self._at += 1
        elif found := _HEADING.match(line):
            self._heading(len(found[1]), *_named(line))
        elif _BREAK.match(line):
            self._drops.add("line across the page", "has no place in a portion")
            self._at += 1
        elif self._is_table():
            self._table()
        elif found := _FENCE.match(line):
            self._code(found[1])
        elif _ITEM.match(line):
            self._put(self._list())
        elif found := _PICTURE.match(line):
            self._picture(found[1], found[2])
        elif found := _UNDERLINE.match("".join(self._lines[self._at + 1 : self._at + 2])):
            self._heading(1 if found[0][0] == "=" else 2, line.strip(), "")
            self._at += 1
        else:
            self._paragraph()

    def _heading(self, level: int, words: str, name: str) -> None:
        while self._open[-1].level >= level:
            self._open.pop()
        above, title = self._open[-1], self._said(words)
        name = name or self._names.fresh(above.portion.id, title)
        made = _Open(level, Portion(name, "section", title, language=self._head.language), [])
        above.children.append(made)
        self._open.append(made)
        self._at += 1

    def _put(self, made: _Open) -> None:
        self._open[-1].children.append(made)

    def _made(self, above: str, kind: str, words: str) -> Portion:
        """A portion without content, named after its first *words*."""
        name = self._names.fresh(above, f"{kind} {words}")
        return Portion(name, kind, language=self._head.language)

    def _paragraph(self) -> None:
        words: list[str] = []
        while self._at < len(self._lines) and (not words or self._goes_on()):
            words.append(self._lines[self._at].strip())
            self._at += 1
        text = self._said(" ".join(words))
        made = self._made(self._open[-1].portion.id, "paragraph", text)
        self._put(_Open(7, replace(made, text=text), []))

    def _code(self, fence: str) -> None:
        """Lines between two fences are words, whatever they look like."""
        words: list[str] = []
        self._at += 1
        while self._at < len(self._lines) and not self._lines[self._at].lstrip().startswith(fence):
            words.append(self._lines[self._at])
            self._at += 1
        self._at += 1
        self._drops.add("lines of code", "its words are kept, its look is not")
        text = "\n".join(words).replace("[[", "[ [").replace("[[", "[ [")
        made = self._made(self._open[-1].portion.id, "paragraph", text)
        self._put(_Open(7, replace(made, text=text), []))

    def _goes_on(self) -> bool:
        line = self._lines[self._at]
        starts = (_HEADING, _BREAK, _ITEM, _PICTURE, _FENCE)
        return bool(line) and not any(s.match(line) for s in starts) and not self._is_table()

    def _list(self) -> _Open:
        """Items in a row; an item further in stands in a list below the item before."""
        above = self._open[-1].portion.id
        first = _ITEM.match(self._lines[self._at])
        root = _Open(7, self._made(above, "list", first[2] or "" if first else ""), [])
        lists = [(len(first[1]) if first else 0, root)]
        while self._at < len(self._lines) and (found := _ITEM.match(self._lines[self._at])):
            inward = len(found[1])
            while len(lists) > 1 and inward < lists[-1][0]:
                lists.pop()
            last = lists[-1][1]
            if inward > lists[-1][0] + 1 and last.children and len(lists) < _MAX_LIST_DEPTH:
                item = last.children[-1]
                below = _Open(7, self._made(item.portion.id, "list", found[2] or ""), [])
                item.children.append(below)
                lists.append((inward, below))
            self._item(found, lists[-1][1])
        return root

    def _item(self, found: re.Match[str], into: _Open) -> None:
        if found[0].lstrip()[0].isdigit():
            self._drops.add("number of an item", "numbers are made for each reader")
        words = [found[2] or ""]
        self._at += 1
        while self._at < len(self._lines) and self._goes_on():
            words.append(self._lines[self._at].strip())
            self._at += 1
        text = self._said(" ".join(words).strip())
        made = self._made(into.portion.id, "item", text)
        into.children.append(_Open(7, replace(made, text=text), []))
        ahead = self._at
        while ahead < len(self._lines) and not self._lines[ahead]:
            ahead += 1
        if ahead < len(self._lines) and _ITEM.match(self._lines[ahead]):
            self._at = ahead

    def _is_table(self) -> bool:
        rows = self._lines[self._at : self._at + 2]
        return len(rows) == 2 and "|" in rows[0] and bool(_DELIMITER.match(rows[1].strip()))

    def _table(self) -> None:
        rows = [self._row(self._lines[self._at])]
        if ":" in self._lines[self._at + 1]:
            self._drops.add("alignment of columns", "has no place in a portion")
        self._at += 2
        while self._at < len(self._lines) and "|" in self._lines[self._at]:
            rows.append(self._row(self._lines[self._at]))
            self._at += 1
        made = self._made(self._open[-1].portion.id, "table", " ".join(rows[0]))
        self._put(_Open(7, replace(made, rows=tuple(rows)), []))

    def _row(self, line: str) -> tuple[str, ...]:
        inside = line.strip().removeprefix("|")
        inside = inside[:-1] if re.search(r"(?<!\\)\|\Z", inside) else inside
        cells = tuple(self._said(c.strip().replace("\\|", "|")) for c in _CELL.split(inside))
        self._cells += len(cells)
        if self._cells > MAX_CELLS:
            raise DocumentFormError("the tables have more cells than allowed")
        return cells

    def _picture(self, title: str, address: str) -> None:
        picture = self._pictures.get(address)
        if picture is None:
            self._drops.add("picture", "its picture is not at hand")
        made = self._made(self._open[-1].portion.id, "figure", title)
        self._put(_Open(7, replace(made, title=self._said(title), picture=picture), []))
        self._at += 1

    def _said(self, words: str) -> str:
        for name, mark in _KEPT:
            if found := len(mark.findall(words)):
                self._drops.add(name, "its signs stay in the words", found)
        return words


def _named(line: str) -> tuple[str, str]:
    """Words and name of a heading; both empty for any other line."""
    found = _HEADING.match(line)
    if found is None:
        return "", ""
    words = (found[2] or "").strip()
    bare = words.rstrip("#")
    words = bare.rstrip() if not bare or bare[-1:].isspace() else words
    at = words.rfind("{#")
    name = _NAMED.match(words, at) if at >= 0 else None
    return (words[:at].rstrip(), name[1]) if name else (words, "")
