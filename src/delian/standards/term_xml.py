"""Reads the XML of glossaries from a stranger: bounded, without entities, types and network.

May touch: lxml.
"""

from typing import Any

from lxml import etree

from delian.standards.term_errors import TermError

MAX_DEPTH = 24


def read_xml(data: bytes, max_bytes: int) -> Any:
    """The root element of *data*.

    A document type that only names its grammar is passed over; the grammar is never fetched.

    Guarantees:
        No entity is expanded, no file and no network touched; size and depth are bounded
        (``tests/unit/standards/test_standards_tbx.py``).

    Raises:
        TermError: not well formed, too large, too deep, or with entities.
    """
    if len(data) > max_bytes:
        raise TermError("the file is larger than allowed")
    parser = etree.XMLParser(
        resolve_entities=False,
        load_dtd=False,
        no_network=True,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )
    try:
        root = etree.fromstring(data, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise TermError(
            "the file is not well-formed XML", hint="export it again at its source"
        ) from error
    kind = root.getroottree().docinfo.internalDTD
    if kind is not None and (any(kind.iterentities()) or any(kind.iterelements())):
        raise TermError("the file declares a grammar or entities of its own, which are not read")
    waiting = [(root, 1)]
    while waiting:
        element, depth = waiting.pop()
        if depth > MAX_DEPTH:
            raise TermError("the file is nested deeper than allowed")
        if not isinstance(element.tag, str):
            raise TermError("the file uses an entity that is declared elsewhere")
        waiting.extend((child, depth + 1) for child in element)
    return root


def words_of(element: Any) -> str:
    """All words inside *element*, with single spaces and without invisible signs."""
    words = " ".join("".join(element.itertext()).split())
    return words if words.isprintable() else "".join(filter(str.isprintable, words)).strip()
