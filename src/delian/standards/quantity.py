"""Values with units, read out of written text: bands, lengths, volumes, decibels, counts.

May touch: values. Exact arithmetic only: what is written as a decimal stays that decimal. Nothing
is guessed: a number counts only where a known unit stands behind it.
"""

import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from types import MappingProxyType

from delian.standards.spectrum_errors import ParameterError

_HZ: dict[str, int | Fraction] = {"hz": 1, "khz": 10**3, "mhz": 10**6, "ghz": 10**9, "thz": 10**12}
_MM: dict[str, int | Fraction] = {
    **dict.fromkeys(("mm", "millimetre", "millimetres", "millimeter", "millimeters"), 1),
    **dict.fromkeys(("millimètre", "millimètres", "millimetro", "millimetri"), 1),
    **dict.fromkeys(("ミリメートル", "ミリ"), 1),
    **dict.fromkeys(("cm", "centimetre", "centimetres", "centimètres", "centimetri"), 10),
    "inch": Fraction(254, 10),
    "inches": Fraction(254, 10),
}
_LITRE: dict[str, int | Fraction] = {
    **dict.fromkeys(("l", "litre", "litres", "liter", "liters", "litri", "litro"), 1),
    "リットル": 1,
    "ml": Fraction(1, 1000),
}
_COUNT: dict[str, int | Fraction] = {
    **dict.fromkeys(("channel", "channels", "canaux", "canali", "kanalen", "チャネル"), 1),
    **dict.fromkeys(("time slot", "time slots", "rounds", "pieces", "pièces", "pezzi"), 1),
    **dict.fromkeys(("stuks", "発", "個"), 1),
}
_UNITS: Mapping[str, tuple[str, Fraction]] = MappingProxyType(
    {
        word: (unit, Fraction(size))
        for unit, words in (("Hz", _HZ), ("mm", _MM), ("l", _LITRE), ("1", _COUNT))
        for word, size in words.items()
    }
    | {word.lower(): (word, Fraction(1)) for word in ("dB", "dBm", "dBW", "dBi")}
)
UNITS = ("Hz", "mm", "l", "dB", "dBm", "dBW", "dBi", "1")
MAX_TEXT = 1_000_000
_APART = r"\d{1,3}(?:[ ]\d{3}){1,4}(?!\d)"
_POINT = rf"-?(?:{_APART}|\d{{1,3}}(?:,\d{{3}}){{1,6}}(?!\d)|\d{{1,24}})(?:\.\d{{1,12}})?"
_COMMA = rf"-?(?:{_APART}|\d{{1,24}})(?:[.,]\d{{1,12}})?"
_TO = r"\s{0,3}(?:-|to|à|a|tot|t/m|から|~)\s{0,3}"
_WORDS = "|".join(sorted((re.escape(word) for word in _UNITS), key=len, reverse=True))
_UNIT = rf"(?P<unit>{_WORDS})(?![A-Za-zÀ-ɏ0-9²³])"
_DECIMAL_COMMA = frozenset({"fr", "it", "nl"})


@dataclass(frozen=True, slots=True)
class Interval:
    """From *low* to *high* in one of :data:`UNITS`; a single value has both alike.

    Raises:
        ParameterError: unknown unit, or the upper end below the lower one.
    """

    low: Fraction
    high: Fraction
    unit: str

    def __post_init__(self) -> None:
        if self.unit not in UNITS:
            raise ParameterError("the unit is not known", hint=f"one of {', '.join(UNITS)}")
        if self.high < self.low:
            raise ParameterError("the upper end of a range lies below its lower end")

    @property
    def is_range(self) -> bool:
        """Does it hold more than one value?"""
        return self.low != self.high

    def overlaps(self, other: "Interval") -> bool:
        """Do both share more than an edge, or a value where one of them is a single value?"""
        if self.unit != other.unit:
            return False
        low, high = max(self.low, other.low), min(self.high, other.high)
        return low < high or (low == high and not (self.is_range and other.is_range))

    def to_plain(self) -> dict[str, str]:
        """Exact decimals."""
        return {"low": decimal(self.low), "high": decimal(self.high), "unit": self.unit}


@dataclass(frozen=True, slots=True)
class Read:
    """What stands at one place of a text.

    Args:
        start: First character of it in the normalized text.
        written: The words it was read from.
        interval: The value; None when its ends contradict each other or it can be read in two ways.
    """

    start: int
    written: str
    interval: Interval | None


def normalized(text: str) -> str:
    """Wide letters narrow, every dash and space plain: what positions of :class:`Read` refer to."""
    plain = unicodedata.normalize("NFKC", text)
    return re.sub(r"[\u2010-\u2015\u2212\u301c\uff5e]", "-", plain).replace("\u00a0", " ")


def read_values(text: str, language: str) -> Iterator[Read]:
    """Every value with a unit in *text*, in order.

    Args:
        text: Already :func:`normalized`.
        language: ``fr``, ``it`` and ``nl`` write decimals with a comma, the others with a point.

    Raises:
        ParameterError: the text is longer than allowed.
    """
    if len(text) > MAX_TEXT:
        raise ParameterError("a text is longer than allowed")
    grammar = _grammar_of(language)
    for match in grammar.values.finditer(text):
        unit = match["unit"].lower()
        for written in match["values"].split("/"):
            yield _read(match.start(), match.group().strip(), written.strip(), unit, grammar)


def read_cell(cell: str, unit: str, language: str) -> Read | None:
    """A bare number or range whose *unit* stands in the head of its column; None for words."""
    word = unit.lower()
    grammar = _grammar_of(language)
    if word not in _UNITS or not grammar.bare.fullmatch(cell.strip()):
        return None
    return _read(0, f"{cell.strip()} {unit}", cell.strip(), word, grammar)


def unit_in(head: str) -> tuple[str, str]:
    """A column's name and its unit from "Calibre [mm]" or "Calibre (mm)"; "" where it has none."""
    found = re.fullmatch(r"(.*?)\s*[\[(]([^\[\]()]{1,20})[\])]\s*", head)
    if found is None or found[2].lower() not in _UNITS:
        return head.strip(), ""
    return found[1].strip(), found[2]


def decimal(value: Fraction) -> str:
    """An exact decimal: "87500000", "25.4".

    Raises:
        ParameterError: the fraction has no finite decimal.
    """
    digits = 0
    while (value * 10**digits).denominator != 1:
        digits += 1
        if digits > 40:
            raise ParameterError("the value has no exact decimal")
    whole = abs((value * 10**digits).numerator)
    text = str(whole).rjust(digits + 1, "0")
    sign = "-" if value < 0 else ""
    return f"{sign}{text[:-digits]}.{text[-digits:]}" if digits else f"{sign}{text}"


@dataclass(frozen=True, slots=True)
class _Grammar:
    """The patterns of one way to write decimals; ASCII digits, and no backing out of a list."""

    values: re.Pattern[str]
    one: re.Pattern[str]
    bare: re.Pattern[str]
    thousands: str


def _grammar(number: str, thousands: str) -> _Grammar:
    flags = re.IGNORECASE | re.ASCII
    one = rf"{number}(?:(?:\s{{0,3}}(?:{_WORDS}))?{_TO}{number})?"
    no_list_before = r"(?<!\d/)(?<!\d /)(?<!\d/ )(?<!\d / )"
    values = rf"(?P<values>{one}(?:\s{{0,3}}/\s{{0,3}}{one})*+)(?:\s{{0,3}}|-){_UNIT}"
    return _Grammar(
        re.compile(rf"(?<![A-Za-zÀ-ɏ0-9_.,-]){no_list_before}{values}", flags),
        re.compile(rf"({number})(?:(?:\s{{0,3}}({_WORDS}))?{_TO}({number}))?", flags),
        re.compile(rf"{number}(?:{_TO}{number})?", flags),
        thousands,
    )


_GRAMMARS = {"comma": _grammar(_COMMA, ""), "point": _grammar(_POINT, ",")}


def _grammar_of(language: str) -> _Grammar:
    return _GRAMMARS["comma" if language in _DECIMAL_COMMA else "point"]


def _read(start: int, whole: str, written: str, unit: str, grammar: _Grammar) -> Read:
    """Digits in groups apart ("1 350 MHz", "part 1 350 MHz") can be read in two ways: no value."""
    found = grammar.one.fullmatch(written)
    if found is None or any(" " in (n or "") for n in (found[1], found[3])):
        return Read(start, whole, None)
    name, size = _UNITS[unit]
    low_name, low_size = _UNITS[found[2].lower()] if found[2] else (name, size)
    low = _exact(found[1], grammar.thousands) * low_size
    high = _exact(found[3] or found[1], grammar.thousands) * size
    if low_name != name or high < low:
        return Read(start, whole, None)
    return Read(start, whole, Interval(low, high, name))


def _exact(written: str, thousands: str) -> Fraction:
    plain = written.replace(thousands, "") if thousands else written.replace(",", ".")
    return Fraction(plain.strip())
