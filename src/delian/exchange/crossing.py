"""A mapping between two data spaces that loses nothing silently.

May touch: values. Whoever maps a document takes its members through a :class:`Part`, which enters
every leaf into a :class:`Tally` as kept, translated or dropped. Closing the tally compares it with
the input: a leaf that was forgotten, or counted twice, refuses the whole document.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeAlias, TypeVar

from delian.exchange.bridge_errors import CrossingError, ForeignFormError

Json: TypeAlias = "dict[str, Any] | list[Any] | str | int | float | bool | None"
T = TypeVar("T")

MAX_FOREIGN_BYTES = 8 * 1024 * 1024
MAX_FOREIGN_DEPTH = 40
_LARGEST = 1.7976931348623157e308
_PLAIN_SIGNS = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")


@dataclass(frozen=True, slots=True)
class Kept:
    """A leaf that stands unchanged at *to* in the output."""

    path: str
    to: str


@dataclass(frozen=True, slots=True)
class Translated:
    """A leaf that the output at *to* says in its own words."""

    path: str
    to: str
    how: str


@dataclass(frozen=True, slots=True)
class Dropped:
    """A leaf that the output does not hold, and why."""

    path: str
    reason: str


@dataclass(frozen=True, slots=True)
class Crossing(Generic[T]):
    """What came out of a mapping, and what became of every leaf that went in.

    Guarantees:
        Every leaf of the input is in exactly one of the three lists
        (``tests/property/test_exchange_bridges.py``).
    """

    value: T
    kept: tuple[Kept, ...]
    translated: tuple[Translated, ...]
    dropped: tuple[Dropped, ...]

    def lines(self) -> tuple[str, ...]:
        """What was not kept, in plain words, one line each."""
        told = [f"{t.path} -> {t.to} ({t.how})" for t in self.translated]
        return (*told, *(f"{d.path} dropped: {d.reason}" for d in self.dropped))


def step(path: str, name: str | int) -> str:
    """The JSON pointer *path* one member or item further (RFC 6901)."""
    return f"{path}/{str(name).replace('~', '~0').replace('/', '~1')}"


def leaves(value: Json, path: str = "") -> Iterator[tuple[str, Json]]:
    """Every leaf with its JSON pointer; an empty object or list is a leaf."""
    if isinstance(value, dict) and value:
        for name, inner in value.items():
            yield from leaves(inner, step(path, name))
    elif isinstance(value, list) and value:
        for index, inner in enumerate(value):
            yield from leaves(inner, step(path, index))
    else:
        yield path, value


class Tally:
    """Collects what becomes of each leaf of one input."""

    __slots__ = ("_dropped", "_kept", "_translated")

    def __init__(self) -> None:
        self._kept: list[Kept] = []
        self._translated: list[Translated] = []
        self._dropped: list[Dropped] = []

    def keep(self, path: str, value: Json, to: str) -> None:
        """All leaves of *value* stand unchanged under *to*."""
        self._kept += [Kept(path + inner, to + inner) for inner, _ in leaves(value)]

    def translate(self, path: str, value: Json, to: str, how: str) -> None:
        """All leaves of *value* are said by *to* in other words."""
        self._translated += [Translated(path + inner, to, how) for inner, _ in leaves(value)]

    def drop(self, path: str, value: Json, reason: str) -> None:
        """All leaves of *value* are left out."""
        self._dropped += [Dropped(path + inner, reason) for inner, _ in leaves(value)]

    def close(self, source: Json, value: T) -> Crossing[T]:
        """The finished crossing.

        Raises:
            CrossingError: a leaf of *source* was forgotten, counted twice, or never there.
        """
        told: list[Kept | Translated | Dropped] = [*self._kept, *self._translated, *self._dropped]
        counted = sorted(entry.path for entry in told)
        expected = sorted(path for path, _ in leaves(source))
        if counted != expected:
            wrong = sorted(set(counted) ^ set(expected)) or ["a field counted twice"]
            raise CrossingError(
                f"the mapping does not account for {wrong[0][:200]}",
                hint="nothing was passed on; report the document's form",
            )
        return Crossing(value, tuple(self._kept), tuple(self._translated), tuple(self._dropped))


class Part:
    """One object of the input, taken member by member."""

    __slots__ = ("_left", "_path", "_tally")

    def __init__(self, plain: Mapping[str, Json], tally: Tally, path: str = "") -> None:
        self._left = dict(plain)
        self._tally = tally
        self._path = path

    def has(self, name: str) -> bool:
        """Is the member still to be taken?"""
        return name in self._left

    def peek(self, name: str) -> Json:
        """The member's value without taking it; None where there is none."""
        return self._left.get(name)

    def text(self, name: str, to: str) -> str | None:
        """Keep the member if it is text."""
        value = self._left.get(name)
        if not isinstance(value, str):
            return None
        self.keep(name, to)
        return value

    def move(self, name: str, made: dict[str, Json], target: str, at: str = "") -> None:
        """Keep the member, if it is text, as member *target* of *made*, which stands at *at*."""
        value = self.text(name, step(at, target))
        if value is not None:
            made[target] = value

    def whole(self, name: str, to: str) -> int | None:
        """Keep the member if it is a whole number."""
        value = self._left.get(name)
        if isinstance(value, bool) or not isinstance(value, int):
            return None
        self.keep(name, to)
        return value

    def keep(self, name: str, to: str) -> Json:
        """Take the member; it stands unchanged at *to*."""
        value = self._left.pop(name)
        self._tally.keep(step(self._path, name), value, to)
        return value

    def translate(self, name: str, to: str, how: str) -> Json:
        """Take the member; *to* says it in other words."""
        value = self._left.pop(name)
        self._tally.translate(step(self._path, name), value, to, how)
        return value

    def drop(self, name: str, reason: str) -> None:
        """Take the member, if it is there, and leave it out."""
        if name in self._left:
            self._tally.drop(step(self._path, name), self._left.pop(name), reason)

    def open(self, name: str) -> Json:
        """Take the member out; whoever calls accounts for its leaves."""
        return self._left.pop(name)

    def rest(self, to: str) -> dict[str, Json]:
        """Everything not taken yet, unchanged under *to*."""
        left = dict(self._left)
        for name in left:
            self.keep(name, step(to, name))
        return left

    def drop_rest(self, reason: str) -> None:
        """Leave out everything not taken yet."""
        for name in list(self._left):
            self.drop(name, reason)

    def left(self) -> tuple[str, ...]:
        """Names of the members not taken yet."""
        return tuple(self._left)


def spell(value: Json) -> str:
    """A plain value as compact JSON text, for systems that hold texts only."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def unspell(text: str) -> Json:
    """Read what :func:`spell` writes, from a stranger.

    Raises:
        ForeignFormError: not JSON, or nested too deep.
    """
    return read_foreign(text.encode("utf-8", "surrogatepass"))


def read_foreign(data: bytes, *, max_bytes: int = MAX_FOREIGN_BYTES) -> Json:
    """Bounded JSON of any shape from a foreign system; keys are unique, no NaN.

    Raises:
        ForeignFormError: too large, too deep, not UTF-8, not JSON, a key twice.
    """
    if len(data) > max_bytes:
        raise ForeignFormError("the foreign document is larger than allowed")
    try:
        value: Json = json.loads(
            data.decode("utf-8"),
            object_pairs_hook=_unique,
            parse_constant=_finite,
            parse_float=_finite,
        )
        if b"\\u" in data:
            spell(value).encode("utf-8")
    except (ValueError, RecursionError) as error:
        raise ForeignFormError("the foreign document is not JSON in UTF-8") from error
    _refuse_depth(value, 0)
    return value


def _refuse_depth(value: Json, depth: int) -> None:
    if depth > MAX_FOREIGN_DEPTH:
        raise ForeignFormError("the foreign document is nested too deep")
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for item in inner:
        _refuse_depth(item, depth + 1)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ForeignFormError("an object of the foreign document names a key twice")
    return found


def _finite(text: str) -> float:
    number = float(text)
    if not -_LARGEST <= number <= _LARGEST:
        raise ForeignFormError("the foreign document holds a number that is none")
    return number


def percent(text: str) -> str:
    """Any text as unreserved ASCII with percent signs (RFC 3986)."""
    return "".join(
        chr(byte) if byte in _PLAIN_SIGNS else f"%{byte:02X}"
        for byte in text.encode("utf-8", "surrogateescape")
    )


def unpercent(text: str) -> str:
    """Read what :func:`percent` writes.

    Raises:
        ForeignFormError: a broken escape, not ASCII, or not UTF-8.
    """
    head, *tail = text.split("%")
    try:
        raw = head.encode("ascii")
        for part in tail:
            raw += bytes([int(_hex(part[:2]), 16)]) + part[2:].encode("ascii")
        return raw.decode("utf-8")
    except ValueError as error:
        raise ForeignFormError("an address holds a broken percent sign") from error


def _hex(two: str) -> str:
    if len(two) != 2 or any(sign not in "0123456789abcdefABCDEF" for sign in two):
        raise ForeignFormError("an address holds a broken percent sign")
    return two
