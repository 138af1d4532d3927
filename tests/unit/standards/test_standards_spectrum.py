"""Frequency tables: what is read, and that nothing broken is swallowed."""

import csv
import itertools
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from delian.standards.bands import Bands, band_from, bands_in, united, written
from delian.standards.spectrum import read_spectrum
from delian.standards.spectrum_errors import SpectrumError
from delian.standards.spectrum_table import KINDS, read_table

DATA = Path(__file__).parents[4] / "shared" / "data" / "spectrum"
HEAD = (
    "region\tsub-table\tlower_frequency\tupper_frequency\t"
    "service\tcategory\tfootnotes\tapplications"
)


def table(*rows, head=HEAD):
    return read_table("aa", "\n".join([head, *rows, ""]).encode())


def row(low, high, service="FIXED", category="p", notes="", uses="", part=""):
    return f"aa\t{part}\t{low}\t{high}\t{service}\t{category}\t{notes}\t{uses}"


def kinds(found):
    return [(f.kind, f.line) for f in found.findings]


def test_a_sound_table_is_read_without_findings():
    found = table(
        row(0, 10, "-", "", "EU1, 5.53", "Defence systems,  ISM"),
        row(0, 10),
        row(10, 20, "Mobile", "s"),
        row(12, 14, "Mobile", "s"),
    )
    assert kinds(found) == []
    first = found.rows[0]
    assert (first.band, first.service, first.category) == ((0, 10), "", "")
    assert first.footnotes == ("EU1", "5.53")
    assert first.applications == ("Defence systems", "ISM")


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ((row(9, 5),), ("inverted", 3)),
        ((row(5, 5),), ("no-width", 3)),
        ((row("5 MHz", 9),), ("not-a-number", 3)),
        ((row(-5, 9),), ("not-a-number", 3)),
        (("aa\t\t5\t9",), ("columns", 3)),
        ((row(10, 20, category="x"),), ("category", 3)),
        ((row(10, 20, service=""),), ("missing-tag", 3)),
        ((row(10, 20, category=""),), ("missing-tag", 3)),
        ((row(11, 20),), ("gap", 3)),
        ((row(9, 20),), ("crossing", 3)),
    ],
)
def test_every_kind_of_fault_is_reported_by_its_line(lines, expected):
    found = table(row(0, 10, uses="ISM"), *lines)
    assert kinds(found) == [expected]
    assert {f.kind for f in found.findings} <= KINDS.keys()
    is_used = expected[0] not in ("inverted", "not-a-number", "columns")
    assert len(found.rows) == 1 + is_used


def test_a_band_within_another_is_no_fault_in_whatever_order():
    assert kinds(table(row(0, 5, uses="ISM"), row(0, 10), row(5, 10), row(10, 12))) == []


def test_a_table_that_lost_its_upper_ends_is_broken_and_says_so():
    found = table(row(5, 5, uses="Defence systems"), row(9, 9), row(9, 12))
    assert found.is_broken
    assert found.counts() == {"broken": 1, "no-width": 2}
    assert not table(row(5, 5, uses="ISM"), row(9, 12)).is_broken


def test_headers_that_are_spelled_otherwise_are_read_and_reported():
    found = table(
        "x\t1\t2\tFIXED\tp", head="legion\tlower_frequency\tupper_frequency\tservice\tCategory"
    )
    assert kinds(found) == [("header", 1), ("header", 1), ("no-applications", 0)]
    assert found.rows[0].category == "p"


def test_parts_of_one_file_are_laid_out_apart():
    assert kinds(table(row(0, 10, part="A", uses="ISM"), row(5, 15, part="B"))) == []


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"region\tservice\n", "lacks a column"),
        (HEAD.encode() + b"\tservice\n", "twice"),
        (HEAD.encode() + b"\n\xff\n", "UTF-8"),
        (b"\n" * 100_001, "larger"),
    ],
)
def test_what_cannot_be_read_is_refused(data, words):
    with pytest.raises(SpectrumError, match=words):
        read_table("aa", data)


def test_the_collection_reads_notes_and_citations_and_reports_the_rest():
    spectrum = read_spectrum(
        {
            "aa": "\n".join([HEAD, row(0, 10, uses="ISM")]).encode(),
            "eu-footnotes": b"ref\tdescription\nEU1 \tOne (see EU2). EU1A Two.\nnone\n",
            "eu-european-standards": b"EN 300 066 operating in the 406.0 to 406.1 MHz\nEN\n",
            "eu-else": b"",
        }
    )
    assert spectrum.footnotes == {"EU1": "One (see EU2).", "EU1A": "Two."}
    (cited,) = spectrum.citations
    assert (cited.number, cited.bands) == ("EN 300 066", ((406_000_000, 406_100_000),))
    assert {n: [f.kind for f in found] for n, found in spectrum.every_finding().items()} == {
        "eu-else": ["not-read"],
        "eu-european-standards": ["columns"],
        "eu-footnotes": ["merged", "columns"],
    }


def test_the_published_tables_give_what_a_plain_reading_gives():
    """Counted again with another reader; the small tables above prove the rules without them."""
    paths = sorted(DATA.glob("*.tsv"))
    spectrum = read_spectrum({path.stem: path.read_bytes() for path in paths})
    for code, found in spectrum.tables.items():
        with (DATA / f"{code}.tsv").open(encoding="utf-8", newline="") as file:
            plain = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
        ends = [(int(r["lower_frequency"]), int(r["upper_frequency"])) for r in plain]
        single = sum(1 for low, high in ends if low == high)
        assert [r.band for r in found.rows] == ends
        assert found.counts().get("no-width", 0) == single
        assert found.is_broken == (2 * single > len(ends))
    broken = {code for code, found in spectrum.tables.items() if found.is_broken}
    assert broken == ({"ch", "es", "ro", "se", "si", "tr"} if paths else set())


BANDS = st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)), max_size=8)


@settings(max_examples=150, deadline=None)
@given(BANDS, BANDS)
def test_operations_on_bands_are_those_on_sets_of_hertz(left, right):
    def hertz(bands):
        return {hz for low, high in bands for hz in range(low, high)}

    a, b = united(left), united(right)
    assert hertz(a.parts) == hertz(left)
    assert hertz((a & b).parts) == hertz(left) & hertz(right)
    assert hertz((a | b).parts) == hertz(left) | hertz(right)
    assert hertz((a - b).parts) == hertz(left) - hertz(right)
    assert a.width_hz == len(hertz(left))
    for made in (a, a & b, a | b, a - b):
        assert made == united(made.parts)
        assert all(one[1] < other[0] for one, other in itertools.pairwise(made.parts))


def test_bands_as_people_write_them():
    assert band_from("4.4-5.0 GHz") == (4_400_000_000, 5_000_000_000)
    assert written((4_400_000_000, 5_000_000_000)) == "4.4-5 GHz"
    assert written((0, 8300)) == "0-8.3 kHz"
    assert bands_in("at 490 kHz and 0.5 Hz") == ((490_000, 490_000),)
    for text in ("4.4 GHz", "5-4 GHz", "1-2 GHz and 3-4 GHz", "5 mm", ""):
        with pytest.raises(SpectrumError):
            band_from(text)
    with pytest.raises(SpectrumError, match="share"):
        Bands().share_of(Bands())
