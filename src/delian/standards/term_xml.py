"""Reads the XML of glossaries from a stranger: bounded, without entities, types and network.

May touch: lxml.
"""

from typing import Any

from delian.standards.foreign_xml import check_shape, parsed
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
    root = parsed(data, TermError, max_bytes=max_bytes)
    kind = root.getroottree().docinfo.internalDTD
    if kind is not None and (any(kind.iterentities()) or any(kind.iterelements())):
        raise TermError("the file declares a grammar or entities of its own, which are not read")
    check_shape(root, TermError, max_depth=MAX_DEPTH)
    return root


def words_of(element: Any) -> str:
    """All words inside *element*, with single spaces and without invisible signs."""
    words = " ".join("".join(element.itertext()).split())
    return words if words.isprintable() else "".join(filter(str.isprintable, words)).strip()
