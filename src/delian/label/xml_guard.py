"""Reads XML from a stranger: UTF-8, small, without entities, document types or comments.

May touch: lxml. Every declaration, comment and CDATA section begins with ``<!``, and that
sequence is nowhere else legal in XML; so refusing it in the decoded text shuts out entity
expansion, external anything, and comments that would split a value in two.
"""

import re
from typing import Any

from lxml import etree

from delian.label.errors import LabelFormError

MAX_XML_BYTES = 64 * 1024
MAX_XML_DEPTH = 12
MAX_XML_ELEMENTS = 512
_DECLARATION = re.compile(
    r"<\?xml\s+version\s*=\s*[\"']1\.0[\"']"
    r"(\s+encoding\s*=\s*[\"'][Uu][Tt][Ff]-8[\"'])?"
    r"(\s+standalone\s*=\s*[\"'](yes|no)[\"'])?\s*\?>"
)


def parse_xml(data: bytes) -> Any:
    """The root element of *data*.

    Guarantees:
        No network, no file, no entity and no document type is ever touched; size, depth and
        number of elements are bounded (``tests/unit/label/test_label_xml_guard.py``).

    Raises:
        LabelFormError: anything but one small well-formed document in UTF-8.
    """
    if len(data) > MAX_XML_BYTES:
        raise LabelFormError("the XML is larger than a label may be")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise LabelFormError("the XML is not in UTF-8") from error
    declared = _DECLARATION.match(text)
    body = text[declared.end() :] if declared else text
    if "<!" in body or "<?" in body:
        raise LabelFormError("the XML holds a document type, a comment or an instruction")
    parser = etree.XMLParser(
        resolve_entities=False,
        load_dtd=False,
        dtd_validation=False,
        no_network=True,
        huge_tree=False,
        recover=False,
    )
    try:
        root = etree.fromstring(body.lstrip().encode("utf-8"), parser)
    except etree.XMLSyntaxError as error:
        raise LabelFormError("the XML is not well formed") from error
    except ValueError as error:
        raise LabelFormError("the XML holds characters it may not hold") from error
    _refuse_shape(root)
    return root


def _refuse_shape(root: Any) -> None:
    count, waiting = 0, [(root, 1)]
    while waiting:
        element, depth = waiting.pop()
        count += 1
        if depth > MAX_XML_DEPTH or count > MAX_XML_ELEMENTS:
            raise LabelFormError("the XML has more parts than a label may have")
        waiting.extend((child, depth + 1) for child in element)
