"""DCAT datasets as Turtle: the same statements as the JSON-LD, written by hand.

May touch: values. Only what ``ods.dcat_of`` makes is written: one subject per dataset, texts with
language tags, whole numbers, JSON literals, nested objects as blank nodes.
"""

from collections.abc import Iterable, Mapping

from delian.exchange.bridge_errors import ForeignFormError
from delian.exchange.crossing import Json, spell
from delian.exchange.ods import PREFIXES

_ESCAPES = {
    "\\": "\\\\",
    '"': '\\"',
    "\n": "\\n",
    "\r": "\\r",
    "\t": "\\t",
    "\b": "\\b",
    "\f": "\\f",
}
_NOT_IN_IRI = frozenset('<>"{}|^`\\')


def turtle_of(datasets: Iterable[Mapping[str, Json]]) -> str:
    """The datasets (from ``ods.dcat_of``) as one Turtle document.

    Raises:
        ForeignFormError: a member that this writer has no statement for.
    """
    lines = [f"@prefix {name}: <{iri}> ." for name, iri in PREFIXES.items()]
    for dataset in datasets:
        subject = dataset.get("@id")
        if not isinstance(subject, str):
            raise ForeignFormError("a DCAT dataset has no id")
        lines += ["", f"{_iri(subject)} {_statements(dataset, 1)} ."]
    return "\n".join(lines) + "\n"


def _statements(node: Mapping[str, Json], depth: int) -> str:
    indent = "  " * depth
    said = [f"a {_name(node.get('@type'))}"]
    for name, value in node.items():
        if not name.startswith("@"):
            listed = value if isinstance(value, list) else [value]
            said.append(f"{_name(name)} {', '.join(_object(item, depth) for item in listed)}")
    return f" ;\n{indent}".join(said)


def _object(value: Json, depth: int) -> str:
    if isinstance(value, str):
        return _literal(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if isinstance(value, dict) and value.get("@type") == "@json":
        return f"{_literal(spell(value['@value']))}^^rdf:JSON"
    if isinstance(value, dict) and "@value" in value:
        return f"{_literal(str(value['@value']))}@{value['@language']}"
    if isinstance(value, dict) and "@type" in value:
        return f"[\n{'  ' * (depth + 1)}{_statements(value, depth + 1)}\n{'  ' * depth}]"
    raise ForeignFormError("a value has no spelling in this Turtle")


def _literal(text: str) -> str:
    return '"' + "".join(_sign(sign) for sign in text) + '"'


def _sign(sign: str) -> str:
    if sign in _ESCAPES:
        return _ESCAPES[sign]
    return sign if sign.isprintable() or sign == " " else _unicode_escape(sign)


def _unicode_escape(sign: str) -> str:
    number = ord(sign)
    return f"\\u{number:04X}" if number <= 0xFFFF else f"\\U{number:08X}"


def _iri(text: str) -> str:
    return "<" + "".join(_iri_sign(sign) for sign in text) + ">"


def _iri_sign(sign: str) -> str:
    if ord(sign) <= 32 or sign in _NOT_IN_IRI or not sign.isprintable():
        return _unicode_escape(sign)
    return sign


def _name(value: Json) -> str:
    prefix, colon, local = value.partition(":") if isinstance(value, str) else ("", "", "")
    if not colon or prefix not in PREFIXES or not local.isascii() or not local.isalpha():
        raise ForeignFormError("a name has no prefix that this Turtle knows")
    return f"{prefix}:{local}"
