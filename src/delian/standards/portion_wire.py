"""A document with all its labels as one file, for the office and the nations alone.

May touch: values. ``docs/formats/portions.md``.
"""

import base64
from collections.abc import Mapping
from dataclasses import replace

from delian.label import Label
from delian.standards.errors import PortionError
from delian.standards.portion import MAX_DEPTH, Document, Picture, Portion, walk
from delian.terms.encode import Fields, Plain, canonical, parse

FORMAT = "delian-document"
MAX_BYTES = 256 * 1024 * 1024
_MAX_TEXT = 4 * 1024 * 1024


def to_wire(document: Document) -> bytes:
    """Canonical JSON: the head, each label once, and the portions in reading order."""
    labels: dict[Label, int] = {document.label: 0}
    for portion, _ in walk(document.root):
        if portion.label is not None:
            labels.setdefault(portion.label, len(labels))
    return canonical(
        {
            "format": FORMAT,
            "version": 1,
            "id": document.id,
            "kind": document.kind,
            "number": document.number,
            "title": document.title,
            "edition": document.edition,
            "document_version": document.version,
            "labels": [label.to_plain() for label in labels],
            "portions": [
                _portion(portion, depth, labels) for portion, depth in walk(document.root)
            ],
        }
    )


def from_wire(data: bytes) -> Document:
    """Read what :func:`to_wire` writes.

    Raises:
        InputError: names what is wrong.
    """
    f = Fields(parse(data, max_bytes=MAX_BYTES, max_depth=16), "document")
    f.form(FORMAT)
    head = [
        f.text(name, max_length=1000)
        for name in ("id", "kind", "number", "title", "edition", "document_version")
    ]
    labels = [Label.from_plain(plain) for plain in f.items("labels")]
    if not labels:
        raise PortionError("a document needs a label")
    portions = [_read(plain, labels) for plain in f.items("portions")]
    f.end()
    return Document(
        head[0], head[1], head[2], head[3], head[4], head[5], _tree(portions), labels[0]
    )


def _portion(portion: Portion, depth: int, labels: Mapping[Label, int]) -> dict[str, Plain]:
    picture = portion.picture
    return {
        "depth": depth,
        "id": portion.id,
        "kind": portion.kind,
        "title": portion.title,
        "text": portion.text,
        "label": None if portion.label is None else labels[portion.label],
        "rows": [[*row] for row in portion.rows],
        "language": portion.language,
        "terms": [*portion.terms],
        "picture": None
        if picture is None
        else [picture.media_type, base64.b64encode(picture.data).decode("ascii")],
    }


def _read(plain: object, labels: list[Label]) -> tuple[int, Portion]:
    f = Fields(plain, "portion")
    depth = f.whole("depth", high=MAX_DEPTH)
    label = labels[f.whole("label", high=len(labels) - 1)] if f.has("label") else None
    portion = Portion(
        f.text("id", max_length=128),
        f.text("kind", max_length=20),
        f.text("title", max_length=10_000),
        f.text("text", max_length=_MAX_TEXT),
        label,
        (),
        tuple(_row(row) for row in f.items("rows")),
        f.text("language", max_length=2),
        f.texts("terms"),
        _picture(f.items("picture")) if f.has("picture") else None,
    )
    f.end()
    return depth, portion


def _row(plain: object) -> tuple[str, ...]:
    if not isinstance(plain, list) or not all(isinstance(cell, str) for cell in plain):
        raise PortionError("a row of a table is a list of texts")
    return tuple(plain)


def _picture(plain: list[object]) -> Picture:
    if len(plain) != 2 or not isinstance(plain[0], str) or not isinstance(plain[1], str):
        raise PortionError("a picture is a media type and base64")
    try:
        return Picture(plain[0], base64.b64decode(plain[1], validate=True))
    except ValueError as error:
        raise PortionError("a picture is not base64") from error


def _tree(portions: list[tuple[int, Portion]]) -> Portion:
    """The tree behind portions in reading order; each is at most one deeper than the last."""
    if not portions or portions[0][0] != 0:
        raise PortionError("the first portion is the root")
    waiting: list[list[Portion]] = []
    for depth, portion in reversed(portions):
        while len(waiting) <= depth + 1:
            waiting.append([])
        below = waiting[depth + 1]
        if any(waiting[depth + 2 :]):
            raise PortionError("a portion is deeper than one below the last", where=portion.id)
        waiting[depth].append(replace(portion, children=tuple(reversed(below))))
        below.clear()
    if len(waiting[0]) != 1:
        raise PortionError("a document has one root")
    return waiting[0][0]
