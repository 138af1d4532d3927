"""JSON from strangers, and the small typed readers every message uses.

May touch: values. Unlike :mod:`delian.terms.encode` this reads floats, because others write them;
nothing that we sign passes here.
"""

import json
import math
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias, TypeVar

from delian.exchange.errors import MessageError

Json: TypeAlias = "dict[str, Any] | list[Any] | str | int | float | bool | None"
T = TypeVar("T")

# Made once: ``json.dumps`` with options makes an encoder for every call.
_COMPACT = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode
MAX_BYTES = 1_048_576
MAX_DEPTH = 40
MAX_TEXT = 4096
MAX_ITEMS = 1000
_MAX_INT_DIGITS = 40
_SEGMENT = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~:@")


def read_object(
    data: bytes, *, max_bytes: int = MAX_BYTES, max_depth: int = MAX_DEPTH
) -> dict[str, Any]:
    """The JSON object in *data*, with every bound checked before a value is handed out.

    Raises:
        MessageError: too large, too deep, not UTF-8, not JSON, a member named twice, a number
            that is no number, a lone surrogate, or no object.
    """
    if len(data) > max_bytes:
        raise MessageError("the body is larger than this message may be")
    _refuse_depth(data, max_depth)
    try:
        value = _READER.decode(data.decode("utf-8"))
        if b"\\u" in data:
            json.dumps(value, ensure_ascii=False).encode("utf-8")
    except (ValueError, RecursionError) as error:
        raise MessageError("the body is not JSON in UTF-8") from error
    if not isinstance(value, dict):
        raise MessageError("the body is not a JSON object")
    return value


def to_bytes(obj: object) -> bytes:
    """*obj* as compact JSON in UTF-8."""
    return _COMPACT(obj).encode()


def member(obj: Mapping[str, Any], name: str, where: str) -> Any:
    """The member *name*, which must be there.

    Raises:
        MessageError: names the member that is missing.
    """
    value = obj.get(name)
    if value is None:
        raise MessageError("this member is missing", where=f"{where}.{name}")
    return value


def text(value: object, where: str, *, max_length: int = MAX_TEXT) -> str:
    """Printable text, or the ``@id`` or ``@value`` of an object that wraps it.

    Raises:
        MessageError: names the place that holds no text.
    """
    if isinstance(value, dict) and len(value) <= 3:
        value = value.get("@id", value.get("@value"))
    if not isinstance(value, str) or not value or len(value) > max_length:
        raise MessageError("expected text of a sensible length", where=where)
    if not value.isprintable():
        raise MessageError("the text holds characters that cannot be printed", where=where)
    return value


def optional(
    obj: Mapping[str, Any], name: str, where: str, reader: Callable[[object, str], T]
) -> T | None:
    """What *reader* makes of the member *name*, or None where it is absent or null."""
    value = obj.get(name)
    return None if value is None else reader(value, f"{where}.{name}")


def many(value: object, where: str) -> list[Any]:
    """A list; a single value stands for a list of one, absence for an empty list.

    Raises:
        MessageError: the list is too long.
    """
    if value is None:
        return []
    if not isinstance(value, list):
        return [value]
    if len(value) > MAX_ITEMS:
        raise MessageError(f"more than {MAX_ITEMS} items", where=where)
    return value


def mapping(value: object, where: str) -> dict[str, Any]:
    """An object.

    Raises:
        MessageError: names the place that holds none.
    """
    if not isinstance(value, dict):
        raise MessageError("expected an object", where=where)
    return value


def local_name(name: str) -> str:
    """``eq`` of ``odrl:eq`` and of ``http://…/eq``: what is left of a name without its prefix."""
    for prefix in ("odrl:", "dspace:", "dcat:", "http://www.w3.org/ns/odrl/2/"):
        if name.startswith(prefix):
            return name[len(prefix) :]
    return name


def has_type(obj: Mapping[str, Any], name: str) -> bool:
    """Does *obj* say that it is a *name*?"""
    found = obj.get("@type")
    types = found if isinstance(found, list) else [found]
    return any(isinstance(t, str) and local_name(t) == name for t in types)


def escape_segment(name: str) -> str:
    """*name* as one segment of a path, with everything else percent-encoded."""
    if name in (".", ".."):
        return name.replace(".", "%2E")
    return "".join(c if c in _SEGMENT else _percent(c) for c in name)


def _percent(character: str) -> str:
    return "".join(f"%{byte:02X}" for byte in character.encode("utf-8"))


def _refuse_depth(data: bytes, max_depth: int) -> None:
    """Brackets outside of texts, counted before the parser recurses."""
    if data.count(b"[") + data.count(b"{") <= max_depth:
        return
    if b"\\" in data:
        data = data.replace(b"\\\\", b"").replace(b'\\"', b"")
    depth = 0
    for part in data.split(b'"')[::2]:
        for sign in part.translate(None, _NOT_BRACKETS):
            depth += 1 if sign in b"[{" else -1
            if depth > max_depth:
                raise MessageError("the body is nested too deep")


_NOT_BRACKETS = bytes(b for b in range(256) if b not in b"[]{}")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise MessageError("an object names a member twice")
    return found


def _finite(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        raise MessageError("a number is too large")
    return value


def _no_constant(_text: str) -> Any:
    raise MessageError("NaN and Infinity are no JSON")


def _whole(digits: str) -> int:
    if len(digits) > _MAX_INT_DIGITS:
        raise MessageError("a number is too long")
    return int(digits)


_READER = json.JSONDecoder(
    object_pairs_hook=_unique,
    parse_float=_finite,
    parse_constant=_no_constant,
    parse_int=_whole,
)
