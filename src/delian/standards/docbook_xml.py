"""Reads DocBook's XML from a stranger: bounded, without entities, types and network.

May touch: lxml.
"""

from typing import Any

from lxml import etree

from delian.standards.document_errors import DocumentFormError

MAX_BYTES = 64 * 1024 * 1024
MAX_DEPTH = 100


def read_xml(data: bytes) -> Any:
    """The root element of *data*.

    A document type and entities that are declared and never used are passed over.

    Guarantees:
        No entity is expanded, no file and no network touched; size and depth are bounded
        (``tests/unit/standards/test_standards_docbook.py``).

    Raises:
        DocumentFormError: not well formed, too large, too deep, or it uses an entity.
    """
    if len(data) > MAX_BYTES:
        raise DocumentFormError("the file is larger than allowed")
    parser = etree.XMLParser(
        resolve_entities=False,
        load_dtd=False,
        no_network=True,
        huge_tree=False,
        remove_comments=True,
    )
    try:
        root = etree.fromstring(data, parser)
        docinfo = root.getroottree().docinfo
        text = data.decode(docinfo.encoding or "utf-8")
    except (etree.XMLSyntaxError, ValueError, LookupError) as error:
        raise DocumentFormError(
            "the file is not well-formed XML", hint="export it again at its source"
        ) from error
    declared = docinfo.internalDTD
    if declared is not None and any(f"&{e.name};" in text for e in declared.iterentities()):
        raise DocumentFormError("the file uses entities of its own, which are not read")
    _check(root)
    return root


def _check(root: Any) -> None:
    waiting = [(root, 1)]
    while waiting:
        element, depth = waiting.pop()
        if depth > MAX_DEPTH:
            raise DocumentFormError("the file is nested deeper than allowed")
        if element.tag is etree.Entity:
            raise DocumentFormError("the file uses an entity that is declared elsewhere")
        waiting.extend((child, depth + 1) for child in element)


def words_of(element: Any) -> str:
    """All words inside *element*, with single spaces."""
    return " ".join("".join(element.itertext(etree.Element)).split())
