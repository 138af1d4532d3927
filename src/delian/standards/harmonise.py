"""Who has which band for defense, where that differs, and what a change would touch.

May touch: values. Exact shares; a table whose bands are lost, or that says nothing about use, is
named as such and never counted as "has none".
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction

from delian.standards.bands import Band, Bands, united, written
from delian.standards.parameter import Parameter
from delian.standards.spectrum import Citation, Spectrum
from delian.standards.spectrum_errors import SpectrumError
from delian.standards.spectrum_table import Row, SpectrumTable
from delian.terms.encode import Plain, canonical

DEFENSE_WORDS = ("defence", "defense", "military")
HARMONIZED = Fraction(9, 10)


class Group(StrEnum):
    """On whose behalf a table speaks."""

    NATION = "nation"
    COMMON = "common"
    PARTNER = "partner"


class State(StrEnum):
    """What a table can tell about defense."""

    USABLE = "usable"
    BROKEN = "broken"
    UNTAGGED = "untagged"


@dataclass(frozen=True, slots=True)
class Party:
    """One table, reduced to what a comparison needs.

    Args:
        code: Of the table.
        group: Nation, common table, or partner.
        state: Only a usable party is compared.
        defense: Bands that some row gives to defense.
        civil: Bands that some row gives to another application, a common one or its own.
    """

    code: str
    group: Group
    state: State
    defense: Bands
    civil: Bands


@dataclass(frozen=True, slots=True)
class Deviation:
    """How one party stands to one band of a common table, in exact parts of it.

    Args:
        code: Of the party.
        share: Of the band that the party has for defense.
        missing: Parts that it has not.
        conflict: Missing parts that it gives to others.
    """

    code: str
    share: Fraction
    missing: Bands
    conflict: Bands


@dataclass(frozen=True, slots=True)
class BandReport:
    """One band, and every usable party in order of code.

    Args:
        band: In hertz.
        deviations: Of all usable parties.
        threshold: From which share on a party counts as harmonized.
    """

    band: Band
    deviations: tuple[Deviation, ...]
    threshold: Fraction = HARMONIZED

    @property
    def harmonized(self) -> tuple[str, ...]:
        """Codes at or above the threshold."""
        return tuple(d.code for d in self.deviations if d.share >= self.threshold)

    @property
    def without(self) -> tuple[str, ...]:
        """Codes that have nothing of the band."""
        return tuple(d.code for d in self.deviations if not d.share)


@dataclass(frozen=True, slots=True)
class Touched:
    """What lies within a band somebody would change.

    Args:
        rows: Rows of every table, by code.
        footnotes: Words of the notes these rows refer to.
        citations: Civil standards and decisions whose titles name a part of it.
        parameters: Of standards, with a value inside.
    """

    rows: Mapping[str, tuple[Row, ...]]
    footnotes: Mapping[str, str]
    citations: tuple[Citation, ...]
    parameters: tuple[Parameter, ...]


def party(table: SpectrumTable, group: Group = Group.NATION) -> Party:
    """What *table* says about defense, by the words in its applications."""
    defense: list[Band] = []
    civil: list[Band] = []
    is_tagged: dict[str, bool] = {}
    for row in table.rows:
        for use in row.applications:
            if use not in is_tagged:
                is_tagged[use] = any(word in use.casefold() for word in DEFENSE_WORDS)
            (defense if is_tagged[use] else civil).append(row.band)
    state = State.USABLE if defense else State.UNTAGGED
    if table.is_broken:
        return Party(table.code, group, State.BROKEN, Bands(), Bands())
    return Party(table.code, group, state, united(defense), united(civil))


def parties(spectrum: Spectrum, groups: Mapping[str, Group] | None = None) -> tuple[Party, ...]:
    """Every table as a party, in order of code.

    Args:
        spectrum: What was read.
        groups: For codes that are not nations; ``eu`` is common if nothing is said.
    """
    known = {"eu": Group.COMMON} if groups is None else groups
    return tuple(
        party(table, known.get(code, Group.NATION))
        for code, table in sorted(spectrum.tables.items())
    )


def compare(band: Band, among: Iterable[Party], threshold: Fraction = HARMONIZED) -> BandReport:
    """How every usable party stands to *band*.

    Raises:
        SpectrumError: the band has no width.
    """
    whole = Bands((band,))
    if band[0] >= band[1]:
        raise SpectrumError("a band needs an upper end above its lower one")
    found = []
    for one in sorted(among, key=lambda p: p.code):
        if one.state is State.USABLE:
            missing = whole - one.defense
            found.append(
                Deviation(one.code, one.defense.share_of(whole), missing, missing & one.civil)
            )
    return BandReport(band, tuple(found), threshold)


def compare_all(
    common: Party, among: Sequence[Party], threshold: Fraction = HARMONIZED
) -> tuple[BandReport, ...]:
    """Every defense band of the *common* table against the other parties.

    Raises:
        SpectrumError: the common table is not usable.
    """
    if common.state is not State.USABLE:
        raise SpectrumError("the common table does not tell its defense bands", where=common.code)
    others = [one for one in among if one.code != common.code]
    return tuple(compare(band, others, threshold) for band in common.defense.parts)


def beyond(common: Party, one: Party) -> Bands:
    """What *one* has for defense and the common table has not."""
    return one.defense - common.defense


def touched(band: Band, spectrum: Spectrum, parameters: Iterable[Parameter] = ()) -> Touched:
    """Everything that a change of *band* would touch, in order."""
    low, high = band
    rows = {
        code: tuple(row for row in table.rows if _meets(row.band, band))
        for code, table in sorted(spectrum.tables.items())
        if not table.is_broken
    }
    named = {note for found in rows.values() for row in found for note in row.footnotes}
    return Touched(
        {code: found for code, found in rows.items() if found},
        {n: spectrum.footnotes[n] for n in sorted(named & spectrum.footnotes.keys())},
        tuple(c for c in spectrum.citations if any(_meets(b, band) for b in c.bands)),
        tuple(
            p
            for p in parameters
            if p.interval.unit == "Hz"
            and p.interval.low < high
            and p.interval.high >= low
            and (p.interval.high > low or not p.interval.is_range)
        ),
    )


def to_bytes(reports: Iterable[BandReport], among: Iterable[Party]) -> bytes:
    """``delian-band-comparison``: canonical JSON, shares as exact fractions."""
    bands: list[Plain] = [
        {
            "band": list(report.band),
            "threshold": str(report.threshold),
            "harmonized": list(report.harmonized),
            "without": list(report.without),
            "deviations": [
                {
                    "code": d.code,
                    "share": str(d.share),
                    "missing": [list(part) for part in d.missing.parts],
                    "conflict": [list(part) for part in d.conflict.parts],
                }
                for d in report.deviations
            ],
        }
        for report in reports
    ]
    states: dict[str, Plain] = {p.code: p.state.value for p in among}
    return canonical(
        {"format": "delian-band-comparison", "version": 1, "parties": states, "bands": bands}
    )


def to_csv(reports: Sequence[BandReport]) -> bytes:
    """One line for each band, one column for each party: shares in whole percent, rounded down."""
    codes = [d.code for d in reports[0].deviations] if reports else []
    lines = [",".join(["band", "harmonized", "of", *codes])]
    for report in reports:
        shares = [str(percent(d.share)) for d in report.deviations]
        counts = [str(len(report.harmonized)), str(len(report.deviations))]
        lines.append(",".join([written(report.band), *counts, *shares]))
    return "\r\n".join([*lines, ""]).encode()


def percent(share: Fraction) -> int:
    """Whole percent, rounded down: 100 means all of it, and what is above nothing is at least 1."""
    return max(1, 100 * share.numerator // share.denominator) if share else 0


def _meets(inner: Band, band: Band) -> bool:
    """Does a band, or a single frequency, lie at least partly in *band*?"""
    low, high = inner
    return low < band[1] and (high > band[0] or low == high == band[0])
