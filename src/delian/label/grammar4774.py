"""The grammar of a STANAG 4774 label, checked rule by rule, all findings at once.

May touch: lxml elements handed in by ``xml_guard``. The table below is the schema as a
reference describes it; the rules that the standard states only in prose are functions. Where
this is stricter than the schema (no foreign extensions, a time zone on every date) the rule
says so. Nothing of the standard's own schema text is reproduced.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

from lxml import etree

from delian.label.errors import LabelFormError
from delian.label.label import ID_TYPES, ROLES
from delian.label.vocabulary import is_oid
from delian.label.xml_guard import parse_xml

NAMESPACE = "urn:nato:stanag:4774:confidentialitymetadatalabel:1:0"
ROOTS = tuple(f"{role}ConfidentialityLabel" for role in ROLES)
KINDS = ("RESTRICTIVE", "PERMISSIVE", "INFORMATIVE")
RULES: Mapping[str, str] = MappingProxyType(
    {
        "xml": "one small well-formed document in UTF-8, without document type or comment",
        "root": "one of the three label elements in the label namespace",
        "attribute": "only the attributes the grammar names (stricter: no foreign ones)",
        "attribute-missing": "Type, TagName and IDType must be there",
        "content": "the children in their order and number (stricter: no foreign ones)",
        "text": "text only where the grammar has text, and a token is never empty",
        "time": "a date and time with its zone (stricter: the zone may not be missing)",
        "enum": "Type and IDType take the listed values, in their exact spelling",
        "uri": "a URI attribute is urn:oid: and an object identifier (prose)",
        "classification-uri": "Classification carries no URI (prose)",
        "generic": "a category value is a GenericValue (prose)",
        "review": "ReviewDateTime stands unless SuccessionHandling does (prose)",
        "id": "Id is an XML name without a colon",
    }
)
_NAME = re.compile(r"[^\W\d][\w.\-·]*\Z")
_TIME = re.compile(
    r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,6})0*)?(Z|[+-](?:0\d|1[0-4]):[0-5]\d)\Z"
)
_SPACE = " \t\r\n"


@dataclass(frozen=True, slots=True)
class Finding:
    """One broken rule: its name in :data:`RULES`, where, and what was found."""

    rule: str
    where: str
    message: str


@dataclass(frozen=True, slots=True)
class _Shape:
    children: tuple[tuple[str, int, int], ...] = ()
    required: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
    text: str = "none"
    inner: Mapping[str, "_Shape"] = field(default_factory=dict)


_MANY = 512
_TIME_SHAPE = _Shape(text="time")
_CATEGORY = _Shape(
    (("GenericValue", 0, _MANY),),
    ("Type", "TagName"),
    ("URI",),
    inner={"GenericValue": _Shape(text="string")},
)
_INFORMATION = _Shape(
    (
        ("PolicyIdentifier", 1, 1),
        ("Classification", 1, 1),
        ("PrivacyMark", 0, 1),
        ("Category", 0, _MANY),
    ),
    inner={
        "PolicyIdentifier": _Shape(optional=("URI",), text="token"),
        "Classification": _Shape(text="token"),
        "PrivacyMark": _Shape(text="string"),
        "Category": _CATEGORY,
    },
)
_BASE_CHILDREN = (
    ("ConfidentialityInformation", 1, 1),
    ("OriginatorID", 0, 1),
    ("CreationDateTime", 1, 1),
)
_BASE_INNER = {
    "ConfidentialityInformation": _INFORMATION,
    "OriginatorID": _Shape(required=("IDType",), text="string"),
    "CreationDateTime": _TIME_SHAPE,
}
_SUCCESSION = _Shape(
    (("SuccessionDateTime", 1, 1), ("SuccessorConfidentialityLabel", 1, 1)),
    inner={
        "SuccessionDateTime": _TIME_SHAPE,
        "SuccessorConfidentialityLabel": _Shape(_BASE_CHILDREN, inner=_BASE_INNER),
    },
)
_LABEL = _Shape(
    (*_BASE_CHILDREN, ("SuccessionHandling", 0, 1)),
    optional=("Id", "ReviewDateTime"),
    inner={**_BASE_INNER, "SuccessionHandling": _SUCCESSION},
)


def findings(data: bytes) -> tuple[Finding, ...]:
    """Every rule of :data:`RULES` that *data* breaks; empty means it conforms.

    Guarantees:
        Never accepts what the schema refuses, and holds the prose rules besides
        (``tests/property/test_label_4774_grammar.py``).
    """
    try:
        root = parse_xml(data)
    except LabelFormError as error:
        return (Finding("xml", "", error.message),)
    return element_findings(root)


def element_findings(root: Any) -> tuple[Finding, ...]:
    """As :func:`findings`, of an element that ``parse_xml`` returned."""
    space, name = _split(root)
    if space != NAMESPACE or name not in ROOTS:
        return (Finding("root", name, "not a label element of the standard"),)
    found = list(_walk(root, _LABEL, name))
    if root.get("ReviewDateTime") is None and not _child(root, "SuccessionHandling"):
        found.append(
            Finding("review", name, "neither ReviewDateTime nor SuccessionHandling is there")
        )
    return tuple(found)


def read_time(text: str) -> datetime | None:
    """A date and time with zone and at most six digits of a second, in UTC; else None."""
    match = _TIME.match(text.strip(_SPACE))
    if match is None:
        return None
    moment, fraction, zone = match.groups()
    plain = f"{moment}.{(fraction or '0').ljust(6, '0')}{'+00:00' if zone == 'Z' else zone}"
    try:
        return datetime.fromisoformat(plain).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _walk(element: Any, shape: _Shape, where: str) -> Iterator[Finding]:
    yield from _attributes(element, shape, where)
    yield from _text(element, shape, where)
    at, children = 0, list(element)
    for name, least, most in shape.children:
        seen = 0
        while at < len(children) and seen < most and _split(children[at]) == (NAMESPACE, name):
            seen += 1
            inner = f"{where}/{name}" + (f"[{seen}]" if most > 1 else "")
            yield from _walk(children[at], shape.inner[name], inner)
            at += 1
        if seen < least:
            yield Finding("content", where, f"{name} is missing or out of its order")
    for extra in children[at:]:
        name = _split(extra)[1]
        rule = "generic" if name in ("IntegerValue", "BitStringValue") else "content"
        yield Finding(rule, where, f"{name[:60]} does not belong here")


def _attributes(element: Any, shape: _Shape, where: str) -> Iterator[Finding]:
    allowed = {*shape.required, *shape.optional}
    for name in shape.required:
        if element.get(name) is None:
            yield Finding("attribute-missing", where, f"{name} is missing")
    for name, value in element.attrib.items():
        if name in allowed:
            yield from _attribute_value(str(name), str(value), where)
        elif _split(element)[1] == "Classification" and name == "URI":
            yield Finding("classification-uri", where, "Classification carries a URI")
        else:
            yield Finding("attribute", where, f"the attribute {str(name)[:80]} is not allowed")


def _attribute_value(name: str, value: str, where: str) -> Iterator[Finding]:
    if name == "Type" and value not in KINDS:
        yield Finding("enum", where, "Type is not one of the three kinds")
    elif name == "IDType" and value not in ID_TYPES:
        yield Finding("enum", where, "IDType is not one of the eight forms")
    elif name == "URI" and not (value.startswith("urn:oid:") and is_oid(value[8:])):
        yield Finding("uri", where, "URI is not urn:oid: and an object identifier")
    elif name == "ReviewDateTime" and read_time(value) is None:
        yield Finding("time", where, "ReviewDateTime is not a date and time with its zone")
    elif name == "Id" and not _NAME.match(value.strip(_SPACE)):
        yield Finding("id", where, "Id is not an XML name without a colon")


def _text(element: Any, shape: _Shape, where: str) -> Iterator[Finding]:
    own = element.text or ""
    if shape.text == "none":
        if any(text.strip(_SPACE) for text in (own, *(child.tail or "" for child in element))):
            yield Finding("text", where, "text stands between the elements")
    elif shape.text == "token" and not own.strip(_SPACE):
        yield Finding("text", where, "the text is empty")
    elif shape.text == "time" and read_time(own) is None:
        yield Finding("time", where, "not a date and time with its zone")


def _child(element: Any, name: str) -> Any:
    return element.findall(f"{{{NAMESPACE}}}{name}")


def _split(element: Any) -> tuple[str, str]:
    name = etree.QName(element)
    return str(name.namespace or ""), str(name.localname)
