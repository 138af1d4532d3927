"""The filter of a catalogue request, and the token that names a page.

May touch: values. The protocol leaves both to each connector. Ours: a list of conditions, all of
which must hold, ``{"property": "keyword", "operator": "=", "value": "155 mm"}``. The query that
Eclipse EDC sends is read into the same conditions; anything else is refused, never ignored.
"""

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from delian.exchange.errors import FilterError, MessageError
from delian.exchange.plain import read_object, to_bytes

OPERATORS = ("=", "!=", "in", "contains", "prefix")
MAX_CONDITIONS = 20
MAX_VALUES = 200
MAX_TOKEN = 6000
DEFAULT_LIMIT = 100
MAX_LIMIT = 500
_EDC = "https://w3id.org/edc/v0.0.1/ns/"
_ALIASES = {"@id": "id", "keywords": "keyword"}


@dataclass(frozen=True, slots=True)
class Condition:
    """One property, how it is compared, and with which values."""

    property: str
    operator: str
    values: tuple[str, ...]

    def admits(self, found: Sequence[Any]) -> bool:
        """Do the values *found* in a dataset meet the condition? ``!=`` asks that none equals."""
        texts = [str(value) for value in found]
        match self.operator:
            case "=" | "in":
                return any(t in self.values for t in texts)
            case "!=":
                return all(t not in self.values for t in texts)
            case "contains":
                return any(v.casefold() in t.casefold() for t in texts for v in self.values)
        return any(t.startswith(v) for t in texts for v in self.values)


@dataclass(frozen=True, slots=True)
class Filter:
    """What a page of the catalogue shows and how much of it.

    Args:
        conditions: All must hold.
        limit: Most datasets on a page.
        skip: Datasets that a foreign query passes over before the first page.
    """

    conditions: tuple[Condition, ...] = ()
    limit: int = DEFAULT_LIMIT
    skip: int = 0

    @property
    def ids(self) -> tuple[str, ...] | None:
        """The identifiers that alone can match, or None if any dataset can."""
        for condition in self.conditions:
            if condition.property == "id" and condition.operator in ("=", "in"):
                return condition.values
        return None


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where a page lies: behind *after*, or before *before*, under which filter."""

    filter: Filter
    after: str | None = None
    before: str | None = None


def read_filter(items: Sequence[Any]) -> Filter:
    """The filter of a catalogue request.

    Raises:
        FilterError: no filter that this node reads; it says which item and why.
    """
    if len(items) > MAX_CONDITIONS:
        raise FilterError(f"more than {MAX_CONDITIONS} conditions", where="filter")
    conditions: list[Condition] = []
    limit, skip = DEFAULT_LIMIT, 0
    for i, item in enumerate(items):
        where = f"filter[{i}]"
        if not isinstance(item, dict):
            raise FilterError("expected an object", where=where, hint=_HINT)
        if _is_query(item):
            found, limit, skip = _query(item, where)
            conditions.extend(found)
        else:
            conditions.append(_condition(item, where))
    return Filter(tuple(conditions), limit, skip)


def write_token(cursor: Cursor) -> str:
    """The token that names the page at *cursor*."""
    conditions = [[c.property, c.operator, list(c.values)] for c in cursor.filter.conditions]
    plain = {"f": conditions, "n": cursor.filter.limit, "a": cursor.after, "b": cursor.before}
    return base64.urlsafe_b64encode(to_bytes(plain)).rstrip(b"=").decode("ascii")


def read_token(token: str) -> Cursor:
    """The page that *token* names. It carries no right: visibility is decided anew on each page.

    Raises:
        FilterError: no token that :func:`write_token` wrote.
    """
    if len(token) > MAX_TOKEN or not token.isascii():
        raise FilterError("not a page token", where="page")
    try:
        data = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
        plain = read_object(data, max_bytes=MAX_TOKEN, max_depth=6)
    except (binascii.Error, ValueError, MessageError) as error:
        raise FilterError("not a page token", where="page") from error
    conditions, limit = plain.get("f"), plain.get("n")
    if not isinstance(conditions, list) or not all(_is_triple(c) for c in conditions):
        raise FilterError("not a page token", where="page")
    items = [{"property": p, "operator": "in", "value": v} for p, _, v in conditions]
    for item, (_, operator, _v) in zip(items, conditions, strict=True):
        item["operator"] = operator
    limit = _bounded(limit, "page", 1, MAX_LIMIT)
    return Cursor(
        Filter(read_filter(items).conditions, limit),
        _place(plain.get("a")),
        _place(plain.get("b")),
    )


_HINT = 'write {"property": …, "operator": "=" | "!=" | "in" | "contains" | "prefix", "value": …}'


def _condition(item: dict[str, Any], where: str) -> Condition:
    extra = sorted(set(item) - {"@type", "property", "operator", "value"})
    if extra:
        raise FilterError(f"unknown member '{extra[0][:60]}'", where=where, hint=_HINT)
    return _make(item.get("property"), item.get("operator"), item.get("value"), where)


def _make(name: object, operator: object, value: object, where: str) -> Condition:
    if not isinstance(name, str) or not name or len(name) > 200:
        raise FilterError("expected the name of a property", where=where, hint=_HINT)
    if operator not in OPERATORS or not isinstance(operator, str):
        raise FilterError("unknown operator", where=where, hint=_HINT)
    values = value if isinstance(value, list) else [value]
    if not values or len(values) > MAX_VALUES:
        raise FilterError(f"between 1 and {MAX_VALUES} values", where=where)
    return Condition(_ALIASES.get(name, name), operator, tuple(_value(v, where) for v in values))


def _value(value: object, where: str) -> str:
    if isinstance(value, dict):
        value = value.get("@value", value.get("@id"))
    if isinstance(value, bool) or not isinstance(value, str | int) or len(str(value)) > 1000:
        raise FilterError("a value is text or a whole number", where=where)
    return str(value)


def _is_query(item: dict[str, Any]) -> bool:
    kind = item.get("@type")
    return kind in ("QuerySpec", f"{_EDC}QuerySpec", "edc:QuerySpec") or "filterExpression" in item


def _query(item: dict[str, Any], where: str) -> tuple[list[Condition], int, int]:
    """Eclipse EDC's query: conditions, limit and offset; sorting is ours, by identifier."""
    plain = {_bare(name): value for name, value in item.items()}
    known = {"@type", "@context", "filterExpression", "limit", "offset", "sortOrder", "sortField"}
    extra = sorted(set(plain) - known)
    if extra or plain.get("sortField"):
        raise FilterError("a query of this kind is not supported", where=where, hint=_HINT)
    found = plain.get("filterExpression") or []
    conditions = []
    for entry in found if isinstance(found, list) else [found]:
        if not isinstance(entry, dict):
            raise FilterError("expected an object", where=f"{where}.filterExpression")
        parts = {_bare(name): value for name, value in entry.items()}
        name = _bare(str(parts.get("operandLeft")))
        conditions.append(_make(name, parts.get("operator"), parts.get("operandRight"), where))
    limit = min(_bounded(plain.get("limit", DEFAULT_LIMIT), where, 1, 2**31), MAX_LIMIT)
    return conditions, limit, _bounded(plain.get("offset", 0), where, 0, 1_000_000)


def _bare(name: str) -> str:
    return name.removeprefix(_EDC).removeprefix("edc:")


def _bounded(value: object, where: str, low: int, high: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise FilterError("a number outside of its range", where=where)
    return value


def _is_triple(value: object) -> bool:
    return isinstance(value, list) and len(value) == 3


def _place(value: object) -> str | None:
    if value is not None and (not isinstance(value, str) or len(value) > 4096):
        raise FilterError("not a page token", where="page")
    return value
