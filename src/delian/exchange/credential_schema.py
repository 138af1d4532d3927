"""The small part of JSON Schema that credential schemas use; what is not understood is refused.

May touch: values. A verifier that skipped a keyword would believe a credential that its issuer's
own schema rejects, so an unknown keyword ends the check with a refusal. No patterns are run:
a pattern of a stranger can take for ever.
"""

from collections.abc import Mapping
from typing import Any

from delian.exchange.dcp_errors import CredentialError

SUBJECT_SCHEMA = "JsonSchemaValidator2018"
WHOLE_SCHEMA = "JsonSchema"
MAX_DEPTH = 12
_SAID = frozenset(
    {"$schema", "$id", "id", "$comment", "title", "description", "default", "examples"}
)
_TYPES: Mapping[str, type | tuple[type, ...]] = {
    "object": Mapping,
    "array": list,
    "string": str,
    "boolean": bool,
    "null": type(None),
}


def check(schema: object, value: object, depth: int = 0) -> None:
    """Return if *value* keeps *schema*.

    Raises:
        CredentialError: it does not, or the schema holds a keyword that is not read here.
    """
    if depth > MAX_DEPTH:
        raise CredentialError("the credential's schema is nested too deep")
    if schema is True:
        return
    if not isinstance(schema, Mapping):
        raise CredentialError("the credential's schema allows nothing here")
    for keyword, wanted in schema.items():
        if keyword in _SAID:
            continue
        rule = _RULES.get(keyword)
        if rule is None:
            raise CredentialError(f"the credential's schema uses '{keyword[:40]}', not read here")
        try:
            keeps = rule(wanted, value, schema, depth)
        except TypeError as error:
            raise CredentialError(f"the schema's '{keyword}' is malformed") from error
        if not keeps:
            raise CredentialError(f"the credential breaks its schema at '{keyword}'")


def _type(wanted: Any, value: Any, _schema: Mapping[str, Any], _depth: int) -> bool:
    names = wanted if isinstance(wanted, list) else [wanted]
    return any(_is(name, value) for name in names)


def _is(name: object, value: object) -> bool:
    if name == "integer":
        return isinstance(value, int) and not isinstance(value, bool)
    if name == "number":
        return isinstance(value, int | float) and not isinstance(value, bool)
    kind = _TYPES.get(name) if isinstance(name, str) else None
    return kind is not None and isinstance(value, kind)


def _properties(wanted: Any, value: Any, _schema: Mapping[str, Any], depth: int) -> bool:
    if not isinstance(wanted, Mapping):
        return False
    if isinstance(value, Mapping):
        for name, inner in wanted.items():
            if name in value:
                check(inner, value[name], depth + 1)
    return True


def _required(wanted: Any, value: Any, _schema: Mapping[str, Any], _depth: int) -> bool:
    if not isinstance(wanted, list):
        return False
    return not isinstance(value, Mapping) or all(name in value for name in wanted)


def _additional(wanted: Any, value: Any, schema: Mapping[str, Any], depth: int) -> bool:
    known = schema.get("properties", {})
    if isinstance(value, Mapping) and isinstance(known, Mapping):
        for name in value.keys() - known.keys():
            if wanted is False:
                return False
            check(wanted, value[name], depth + 1)
    return True


def _items(wanted: Any, value: Any, _schema: Mapping[str, Any], depth: int) -> bool:
    if isinstance(value, list):
        for one in value:
            check(wanted, one, depth + 1)
    return True


def _equal(wanted: Any, value: Any) -> bool:
    return isinstance(wanted, bool) == isinstance(value, bool) and bool(wanted == value)


_RULES: Mapping[str, Any] = {
    "type": _type,
    "properties": _properties,
    "required": _required,
    "additionalProperties": _additional,
    "items": _items,
    "const": lambda w, v, _s, _d: _equal(w, v),
    "enum": lambda w, v, _s, _d: isinstance(w, list) and any(_equal(one, v) for one in w),
    "minLength": lambda w, v, _s, _d: not isinstance(v, str) or len(v) >= w,
    "maxLength": lambda w, v, _s, _d: not isinstance(v, str) or len(v) <= w,
    "minItems": lambda w, v, _s, _d: not isinstance(v, list) or len(v) >= w,
    "maxItems": lambda w, v, _s, _d: not isinstance(v, list) or len(v) <= w,
    "minimum": lambda w, v, _s, _d: not _is("number", v) or v >= w,
    "maximum": lambda w, v, _s, _d: not _is("number", v) or v <= w,
}
