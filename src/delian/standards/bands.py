"""Sets of frequencies as disjoint bands in whole hertz.

May touch: values. A band holds its lower end and not its upper one: neighbors share nothing.
"""

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction

from delian.standards.quantity import decimal, normalized, read_values
from delian.standards.spectrum_errors import SpectrumError

Band = tuple[int, int]
_SCALES = ((10**9, "GHz"), (10**6, "MHz"), (10**3, "kHz"), (1, "Hz"))


@dataclass(frozen=True, slots=True)
class Bands:
    """Disjoint bands in rising order; make one with :func:`united`."""

    parts: tuple[Band, ...] = ()

    @property
    def width_hz(self) -> int:
        """Sum of the widths."""
        return sum(high - low for low, high in self.parts)

    def __and__(self, other: "Bands") -> "Bands":
        """What both hold."""
        found: list[Band] = []
        mine, theirs = self.parts, other.parts
        i = bisect_right(mine, theirs[0][0], key=_upper) if theirs else 0
        j = bisect_right(theirs, mine[0][0], key=_upper) if mine else 0
        while i < len(mine) and j < len(theirs):
            low, high = max(mine[i][0], theirs[j][0]), min(mine[i][1], theirs[j][1])
            if low < high:
                found.append((low, high))
            if mine[i][1] <= theirs[j][1]:
                i += 1
            else:
                j += 1
        return Bands(tuple(found))

    def __or__(self, other: "Bands") -> "Bands":
        """What one of them holds."""
        return united((*self.parts, *other.parts))

    def __sub__(self, other: "Bands") -> "Bands":
        """What only the first holds."""
        found: list[Band] = []
        common = (self & other).parts
        at = 0
        for low, high in self.parts:
            start = low
            while at < len(common) and common[at][0] < high:
                found.append((start, common[at][0]))
                start = common[at][1]
                at += 1
            found.append((start, high))
        return Bands(tuple(band for band in found if band[0] < band[1]))

    def share_of(self, whole: "Bands") -> Fraction:
        """How much of *whole* is in here.

        Raises:
            SpectrumError: *whole* is empty.
        """
        if not whole.parts:
            raise SpectrumError("there is no share of an empty set of bands")
        return Fraction((self & whole).width_hz, whole.width_hz)


def _upper(band: Band) -> int:
    return band[1]


def united(bands: Iterable[Band]) -> Bands:
    """Any bands as one set; bands without width hold nothing."""
    found: list[Band] = []
    for low, high in sorted(bands):
        if low >= high:
            continue
        if found and low <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], high))
        else:
            found.append((low, high))
    return Bands(tuple(found))


def band_from(text: str, language: str = "en") -> Band:
    """One band as a person writes it: "4.4-5.0 GHz".

    Raises:
        SpectrumError: not exactly one band of whole hertz.
    """
    bands = bands_in(text, language)
    if len(bands) != 1 or bands[0][0] == bands[0][1]:
        raise SpectrumError("a band is written like 4.4-5.0 GHz", where=text[:60])
    return bands[0]


def bands_in(text: str, language: str = "en") -> tuple[Band, ...]:
    """Every band and frequency of whole hertz that *text* names; a frequency has equal ends."""
    found = (read.interval for read in read_values(normalized(text), language))
    return tuple(
        (int(i.low), int(i.high))
        for i in found
        if i is not None and i.unit == "Hz" and {i.low.denominator, i.high.denominator} == {1}
    )


def written(band: Band) -> str:
    """A band in the largest unit that fits its lower end: "4.4-5 GHz"."""
    low, high = band
    size, unit = next((s for s in _SCALES if low >= s[0]), None) or next(
        (s for s in _SCALES if high >= s[0]), _SCALES[-1]
    )
    ends = (decimal(Fraction(low, size)), decimal(Fraction(high, size)))
    return f"{'-'.join(dict.fromkeys(ends))} {unit}"
