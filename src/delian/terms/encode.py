"""One canonical spelling for everything that is signed: JSON without floats, and its digest.

May touch: nothing but the standard library. A document that two machines must agree on is
first turned into plain values, then into these bytes; digests and signatures are taken of them.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, TypeAlias

from delian.terms.errors import InputError

Plain: TypeAlias = "dict[str, Plain] | list[Plain] | str | int | bool | None"
Digest: TypeAlias = str

MAX_BYTES = 64 * 1024 * 1024
MAX_DEPTH = 32
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}\Z")
_ESCAPED = re.compile(r"\\.", re.DOTALL)
_MAX_INT_DIGITS = 40


class MalformedError(InputError):
    """A document is not in the form that its kind demands."""

    code = "malformed"


def canonical(value: object) -> bytes:
    """The only spelling of *value*: sorted keys, no white space, UTF-8, whole numbers.

    Args:
        value: Nested dict (text keys), list, tuple, str, int, bool, None.

    Guarantees:
        ``parse(canonical(v)) == v`` for plain values (``tests/property/test_terms_encode.py``).

    Raises:
        MalformedError: a float, another type, or a key that is not text.
    """
    _refuse_foreign(value, 0)
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise MalformedError("text holds a lone surrogate") from error


def parse(data: bytes, *, max_bytes: int = MAX_BYTES, max_depth: int = MAX_DEPTH) -> Any:
    """Read JSON from a stranger: bounded, without duplicate keys, floats or odd constants.

    Raises:
        MalformedError: too large, too deep, not UTF-8, not JSON, duplicate key, float.
    """
    if len(data) > max_bytes:
        raise MalformedError("the document is larger than its kind allows")
    try:
        text = data.decode("utf-8")
        _refuse_depth(text, max_depth)
        return json.loads(
            text,
            object_pairs_hook=_unique,
            parse_float=_no_float,
            parse_constant=_no_float,
            parse_int=_whole,
        )
    except (ValueError, RecursionError) as error:
        raise MalformedError("the document is not JSON in UTF-8") from error


def sha256_hex(data: bytes) -> str:
    """SHA-256 of *data* in lower-case hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def digest(data: bytes) -> Digest:
    """The digest of exact bytes, spelled ``sha256:<64 hex digits>``."""
    return "sha256:" + sha256_hex(data)


def digest_of(value: object) -> Digest:
    """The digest of the canonical spelling of *value*."""
    return digest(canonical(value))


def is_digest(text: object) -> bool:
    """Is *text* a digest in our spelling?"""
    return isinstance(text, str) and _DIGEST.match(text) is not None


def utc_text(moment: datetime) -> str:
    """*moment* as ``2026-11-21T00:00:00Z`` (microseconds only where there are any)."""
    if moment.tzinfo is None:
        raise MalformedError("a moment without a time zone")
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat() + "Z"


def parse_utc(text: object) -> datetime:
    """Read what :func:`utc_text` writes; other zones and bare times are refused."""
    if not isinstance(text, str) or not text.endswith("Z") or len(text) > 27:
        raise MalformedError("a moment must be UTC in the form 2026-11-21T00:00:00Z")
    try:
        moment = datetime.fromisoformat(text[:-1]).replace(tzinfo=UTC)
    except ValueError as error:
        raise MalformedError("a moment must be UTC in the form 2026-11-21T00:00:00Z") from error
    if utc_text(moment) != text:
        raise MalformedError("a moment must be UTC in the form 2026-11-21T00:00:00Z")
    return moment


class Fields:
    """Reads a plain object field by field, and refuses what its kind does not name."""

    __slots__ = ("_kind", "_plain", "_seen")

    def __init__(self, plain: object, kind: str) -> None:
        if not isinstance(plain, Mapping):
            raise MalformedError(f"{kind}: expected an object")
        self._plain = plain
        self._kind = kind
        self._seen: set[str] = set()

    def _get(self, name: str) -> object:
        self._seen.add(name)
        if name not in self._plain:
            raise MalformedError(f"{self._kind}: '{name}' is missing")
        value: object = self._plain[name]
        return value

    def has(self, name: str) -> bool:
        """Is the optional field *name* there and not null?"""
        self._seen.add(name)
        return self._plain.get(name) is not None

    def text(self, name: str, *, max_length: int = 4096) -> str:
        """A text field of at most *max_length* characters."""
        value = self._get(name)
        if not isinstance(value, str) or len(value) > max_length:
            raise MalformedError(f"{self._kind}: '{name}' must be text")
        return value

    def digest(self, name: str) -> Digest:
        """A digest field."""
        value = self.text(name)
        if not is_digest(value):
            raise MalformedError(f"{self._kind}: '{name}' must be a sha256 digest")
        return value

    def whole(self, name: str, low: int = 0, high: int = 2**63 - 1) -> int:
        """A whole number within [low, high]."""
        value = self._get(name)
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise MalformedError(f"{self._kind}: '{name}' must be a whole number in its range")
        return value

    def flag(self, name: str) -> bool:
        """A true/false field."""
        value = self._get(name)
        if not isinstance(value, bool):
            raise MalformedError(f"{self._kind}: '{name}' must be true or false")
        return value

    def utc(self, name: str) -> datetime:
        """A moment in UTC."""
        return parse_utc(self._get(name))

    def texts(self, name: str) -> tuple[str, ...]:
        """A list of texts."""
        value = self._get(name)
        if not isinstance(value, list) or not all(isinstance(v, str) for v in value):
            raise MalformedError(f"{self._kind}: '{name}' must be a list of texts")
        return tuple(value)

    def items(self, name: str) -> list[Any]:
        """A list of anything plain."""
        value = self._get(name)
        if not isinstance(value, list):
            raise MalformedError(f"{self._kind}: '{name}' must be a list")
        return value

    def mapping(self, name: str) -> dict[str, Any]:
        """An object with text keys."""
        value = self._get(name)
        if not isinstance(value, dict):
            raise MalformedError(f"{self._kind}: '{name}' must be an object")
        return value

    def form(self, name: str, version: int = 1) -> None:
        """Check the document's ``format`` and ``version``."""
        if self._get("format") != name or self._get("version") != version:
            raise MalformedError(
                f"{self._kind}: not a {name} document of version {version}",
                hint="the other side may run a newer edition of Delian",
            )

    def end(self) -> None:
        """Refuse fields that were never asked for.

        Raises:
            MalformedError: names the first unknown field.
        """
        extra = sorted(set(self._plain) - self._seen)
        if extra:
            raise MalformedError(f"{self._kind}: unknown field '{extra[0][:60]}'")


def _refuse_foreign(value: object, depth: int) -> None:
    if depth > MAX_DEPTH:
        raise MalformedError("the value is nested too deep")
    if value is None or isinstance(value, str | bool | int):
        return
    if isinstance(value, list | tuple):
        for item in value:
            _refuse_foreign(item, depth + 1)
    elif isinstance(value, dict):
        for key, item in value.items():
            if not isinstance(key, str):
                raise MalformedError("an object key is not text")
            _refuse_foreign(item, depth + 1)
    else:
        raise MalformedError(f"a {type(value).__name__} has no canonical spelling")


def _refuse_depth(text: str, max_depth: int) -> None:
    """Brackets outside of texts, counted before the parser recurses."""
    if text.count("[") + text.count("{") <= max_depth:
        return
    if "\\" in text:
        text = _ESCAPED.sub("", text)
    depth = 0
    for sign in "".join(text.split('"')[::2]).translate(_BRACKETS_ONLY):
        depth += 1 if sign in "[{" else -1
        if depth > max_depth:
            raise MalformedError("the document is nested too deep")


class _BracketsOnly(dict[int, str | None]):
    """A translation that drops every other character."""

    def __missing__(self, key: int) -> str | None:
        self[key] = chr(key) if chr(key) in "[]{}" else None
        return self[key]


_BRACKETS_ONLY = _BracketsOnly()


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise MalformedError("an object names a key twice")
    return found


def _no_float(_text: str) -> Any:
    raise MalformedError("numbers must be whole")


def _whole(text: str) -> int:
    if len(text) > _MAX_INT_DIGITS:
        raise MalformedError("a number is too long")
    return int(text)
