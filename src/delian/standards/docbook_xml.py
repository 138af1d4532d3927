"""Reads DocBook's XML from a stranger: bounded, without entities, types and network.

May touch: lxml.
"""

from typing import Any

from lxml import etree

from delian.standards.document_errors import DocumentFormError
from delian.standards.foreign_xml import check_shape, parsed

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
    root = parsed(data, DocumentFormError, max_bytes=MAX_BYTES, keeps_instructions=True)
    docinfo = root.getroottree().docinfo
    try:
        text = data.decode(docinfo.encoding or "utf-8")
    except (ValueError, LookupError) as error:
        raise DocumentFormError(
            "the file is not well-formed XML", hint="export it again at its source"
        ) from error
    declared = docinfo.internalDTD
    if declared is not None and any(f"&{e.name};" in text for e in declared.iterentities()):
        raise DocumentFormError("the file uses entities of its own, which are not read")
    check_shape(root, DocumentFormError, max_depth=MAX_DEPTH)
    return root


def words_of(element: Any) -> str:
    """All words inside *element*, with single spaces."""
    return " ".join("".join(element.itertext(etree.Element)).split())
