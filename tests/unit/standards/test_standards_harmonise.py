"""Who has which band for defense: on tables small enough to read, and on the published ones."""

import csv
import functools
import itertools
import json
import re
from fractions import Fraction
from pathlib import Path

import pytest

from delian.standards.bands import Bands, band_from
from delian.standards.harmonise import (
    Group,
    State,
    beyond,
    compare,
    compare_all,
    parties,
    percent,
    to_bytes,
    to_csv,
    touched,
)
from delian.standards.parameter import parameters_of
from delian.standards.portion import Portion
from delian.standards.spectrum import read_spectrum
from delian.standards.spectrum_errors import SpectrumError
from tests.standards_world import document

DATA = Path(__file__).parents[4] / "shared" / "data" / "spectrum"
HEAD = "lower_frequency\tupper_frequency\tservice\tcategory\tfootnotes\tapplications"


def tsv(*rows):
    lines = [f"{low}\t{high}\tFIXED\tp\t{notes}\t{uses}" for low, high, notes, uses in rows]
    return "\n".join([HEAD, *lines, ""]).encode()


FILES = {
    "eu": tsv((0, 100, "EU1", "Defence systems"), (100, 200, "", "ISM")),
    "aa": tsv((0, 200, "", "Land military systems")),
    "bb": tsv((0, 90, "EU1", "DEFENSE"), (50, 100, "", "Broadcasting")),
    "cc": tsv((0, 50, "", "Broadcasting"), (100, 200, "", "Radiolocation (military)")),
    "dd": tsv((0, 100, "", "ISM")),
    "ff": tsv((5, 5, "", "Defence systems")),
    "jp": tsv((80, 120, "", "Defence systems")),
    "eu-footnotes": b"ref\tdescription\nEU1 \tShared.\n",
    "eu-european-standards": b"EN 300 001 for 10-20 Hz\nEN 300 002 for 300 Hz\n",
}
GROUPS = {"eu": Group.COMMON, "jp": Group.PARTNER}


def world():
    spectrum = read_spectrum(FILES)
    found = {one.code: one for one in parties(spectrum, GROUPS)}
    return spectrum, found


def test_a_table_that_cannot_tell_is_named_and_not_counted():
    _, found = world()
    assert {c: p.state for c, p in found.items() if p.state is not State.USABLE} == {
        "dd": State.UNTAGGED,
        "ff": State.BROKEN,
    }
    assert found["jp"].group is Group.PARTNER
    (report,) = compare_all(found["eu"], list(found.values()))
    assert [d.code for d in report.deviations] == ["aa", "bb", "cc", "jp"]


def test_shares_missing_parts_and_conflicts_are_exact():
    _, found = world()
    (report,) = compare_all(found["eu"], list(found.values()))
    assert report.band == (0, 100)
    assert [d.share for d in report.deviations] == [
        1,
        Fraction(9, 10),
        0,
        Fraction(1, 5),
    ]
    assert report.harmonized == ("aa", "bb")
    assert report.without == ("cc",)
    by_code = {d.code: d for d in report.deviations}
    assert by_code["bb"].conflict == Bands(((90, 100),))
    assert by_code["cc"].conflict == Bands(((0, 50),))
    assert by_code["jp"].missing == Bands(((0, 80),))
    assert by_code["jp"].conflict == Bands()
    assert beyond(found["eu"], found["jp"]) == Bands(((100, 120),))


def test_only_a_usable_common_table_and_a_band_with_width_are_compared():
    _, found = world()
    with pytest.raises(SpectrumError, match="common"):
        compare_all(found["dd"], [found["aa"]])
    with pytest.raises(SpectrumError, match="above"):
        compare((5, 5), [found["aa"]])


def test_what_a_change_would_touch():
    spectrum, _ = world()
    text = "Use 15-30 Hz. Not 20 Hz, never 20-25 Hz; 12 Hz, 5-10 Hz and 11 mm."
    taken = parameters_of(document(Portion("r", "section", "Bands", text))).values
    found = touched((10, 20), spectrum, taken)
    assert {c: [r.band for r in rows] for c, rows in found.rows.items()} == {
        "aa": [(0, 200)],
        "bb": [(0, 90)],
        "cc": [(0, 50)],
        "dd": [(0, 100)],
        "eu": [(0, 100)],
    }
    assert found.footnotes == {"EU1": "Shared."}
    assert [c.number for c in found.citations] == ["EN 300 001"]
    assert [p.written for p in found.parameters] == ["15-30 Hz", "12 Hz"]


def test_neighbors_and_broken_tables_are_not_touched():
    spectrum, _ = world()
    assert [r.band for r in touched((4, 50), spectrum).rows["bb"]] == [(0, 90)]
    assert touched((4, 51), spectrum).rows["bb"][1].band == (50, 100)
    assert "ff" not in touched((4, 50), spectrum).rows


def test_outputs_are_the_same_bytes_and_say_what_was_found():
    _, found = world()
    made = []
    for order in (list(found.values()), list(reversed(found.values()))):
        reports = compare_all(found["eu"], order)
        made.append((to_bytes(reports, order), to_csv(reports)))
    assert made[0] == made[1]
    plain = json.loads(made[0][0])
    assert plain["parties"]["ff"] == "broken"
    assert plain["bands"][0]["deviations"][1] == {
        "code": "bb",
        "share": "9/10",
        "missing": [[90, 100]],
        "conflict": [[90, 100]],
    }
    assert made[0][1] == b"band,harmonized,of,aa,bb,cc,jp\r\n0-100 Hz,2,4,100,90,0,20\r\n"
    assert to_csv([]) == b"band,harmonized,of\r\n"


def test_percent_never_claims_all_or_nothing_wrongly():
    assert percent(Fraction(999, 1000)) == 99
    assert percent(Fraction(1, 1000)) == 1
    assert (percent(Fraction(1)), percent(Fraction(0))) == (100, 0)


def plain_bands(files):
    """Bands tagged for defense, of every table that names some and kept its upper ends."""
    tagged = {}
    for code, data in files.items():
        rows = list(csv.DictReader(data.decode().splitlines(), delimiter="\t", quoting=3))
        ends = [(int(r["lower_frequency"]), int(r["upper_frequency"])) for r in rows]
        if 2 * sum(1 for a, b in ends if a == b) > len(ends):
            continue
        found = [
            e
            for e, r in zip(ends, rows, strict=True)
            if re.search("defen[cs]e|military", r.get("applications") or "", re.IGNORECASE)
        ]
        if found:
            tagged[code] = found
    return tagged


def plain_share(bands, low, high):
    """Cut the band at every edge, ask each piece on its own."""
    edges = sorted({low, high, *(x for e in bands for x in e if low < x < high)})
    held = sum(
        b - a for a, b in itertools.pairwise(edges) if any(e[0] <= a and b <= e[1] for e in bands)
    )
    return Fraction(held, high - low)


@functools.cache
def published():
    files = {p.stem: p.read_bytes() for p in sorted(DATA.glob("??.tsv"))}
    return files, parties(read_spectrum(files))


def test_shares_equal_an_independent_computation():
    """On the published tables where they are at hand, else on the small ones."""
    files, among = published()
    if not files:
        files = {c: d for c, d in FILES.items() if "-" not in c}
        among = parties(read_spectrum(files))
    tagged = plain_bands(files)
    asked = ["4.4-5.0 GHz", "1350-1400 MHz", "14.62-15.23 GHz", "30-87.5 MHz", "0-0.15 kHz"]
    for text in asked:
        band = band_from(text)
        shares = {d.code: d.share for d in compare(band, among).deviations}
        assert shares == {code: plain_share(bands, *band) for code, bands in tagged.items()}


def test_the_known_figures_of_the_published_tables():
    """Harmonized, compared, none: as an earlier, separate evaluation of the same files found."""
    known = {
        "4.4-5.0 GHz": (14, ("gr", "is")),
        "1350-1400 MHz": (12, ("at", "lu", "pt")),
        "30-87.5 MHz": (3, ("is",)),
    }
    files, every = published()
    among = [one for one in every if one.group is Group.NATION]
    assert sum(one.state is State.USABLE for one in among) == (17 if files else 0)
    for text, (harmonized, without) in known.items():
        report = compare(band_from(text), among)
        found = (len(report.harmonized), report.without)
        assert found == ((harmonized, without) if files else (0, ()))
