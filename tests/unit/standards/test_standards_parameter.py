"""Values with units: what is read, how exactly, and what is reported instead of guessed."""

import json
from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from delian.standards.cut import cut
from delian.standards.parameter import conflicts, parameters_in, parameters_of, to_bytes
from delian.standards.portion import Portion
from delian.standards.quantity import Interval, decimal, normalized, read_values, unit_in
from delian.standards.spectrum_errors import ParameterError
from tests.standards_world import CLOSED, EU, NOW, document


def read(text, language="en"):
    found = (r.interval for r in read_values(normalized(text), language))
    return [i and (decimal(i.low), decimal(i.high), i.unit) for i in found]


@pytest.mark.parametrize(
    ("text", "language", "expected"),
    [
        ("the band 4.4–5.0 GHz", "en", [("4400000000", "5000000000", "Hz")]),
        ("9 kHz - 30 MHz", "en", [("9000", "30000000", "Hz")]),
        ("from 225 MHz to 400 MHz", "en", [("225000000", "400000000", "Hz")]),
        (
            "890-915 / 935-960 MHz",
            "en",
            [("890000000", "915000000", "Hz"), ("935000000", "960000000", "Hz")],
        ),
        ("14,62-15,23 GHz", "fr", [("14620000000", "15230000000", "Hz")]),
        ("３０〜８７．５ＭＨｚ", "ja", [("30000000", "87500000", "Hz")]),
        ("口径155ミリメートル、23リットル", "ja", [("155", "155", "mm"), ("23", "23", "l")]),
        ("a 155-mm gun, 6.1 inches", "en", [("155", "155", "mm"), ("154.94", "154.94", "mm")]),
        ("1,350 MHz", "en", [("1350000000", "1350000000", "Hz")]),
        ("1,5 mm", "it", [("1.5", "1.5", "mm")]),
        ("-3 dB and 30 dBm", "en", [("-3", "-3", "dB"), ("30", "30", "dBm")]),
        ("12 channels", "en", [("12", "12", "1")]),
        ("25 kHz channel spacing", "en", [("25000", "25000", "Hz")]),
    ],
)
def test_values_are_read_exactly(text, language, expected):
    assert read(text, language) == expected


@pytest.mark.parametrize("text", ["5-4 GHz", "1 350 MHz", "part 4 350 MHz", "3 mm - 4 GHz"])
def test_what_contradicts_itself_or_reads_in_two_ways_is_no_value(text):
    assert read(text) == [None]


@pytest.mark.parametrize(
    "text", ["clause 3.1.2", "30MHzx", "4 lıtre", "٣ mm", "EN 300 113", "5 m", "v1.2.3 mm"]
)
def test_a_number_without_a_known_unit_is_nothing(text):
    assert read(text) == []


@settings(max_examples=60, deadline=None)
@given(
    st.decimals(0, 10**6, places=3),
    st.sampled_from([("kHz", 3), ("MHz", 6), ("GHz", 9)]),
    st.sampled_from(["en", "fr", "it", "nl", "ja"]),
)
def test_what_is_written_comes_back_exactly(value, unit, language):
    written = f"{value:f} {unit[0]}"
    if language in ("fr", "it", "nl"):
        written = written.replace(".", ",")
    (found,) = read_values(written, language)
    assert found.interval is not None
    assert found.interval.low == Fraction(int(value.scaleb(3)) * 10 ** (unit[1] - 3))


def test_a_list_is_read_whole_or_not_at_all():
    many = "/".join(str(n) for n in range(40))
    assert [low for low, _, _ in read(f"{many} mm")] == [str(n) for n in range(40)]
    assert read(f"{many} mmm") == []
    assert read("3/5 dB / 7 mm") == [("3", "3", "dB"), ("5", "5", "dB"), ("7", "7", "mm")]


def test_an_interval_that_cannot_be_is_refused():
    with pytest.raises(ParameterError, match="below"):
        Interval(Fraction(2), Fraction(1), "Hz")
    with pytest.raises(ParameterError, match="unit"):
        Interval(Fraction(1), Fraction(1), "furlong")
    with pytest.raises(ParameterError, match="decimal"):
        decimal(Fraction(1, 3))


def test_overlap_needs_more_than_an_edge():
    def hz(low, high):
        return Interval(Fraction(low), Fraction(high), "Hz")

    assert hz(1, 3).overlaps(hz(2, 4))
    assert not hz(1, 2).overlaps(hz(2, 4))
    assert hz(2, 2).overlaps(hz(2, 4))
    assert not hz(1, 3).overlaps(Interval(Fraction(1), Fraction(3), "mm"))


def test_a_head_names_its_unit():
    assert unit_in("Calibre [mm]") == ("Calibre", "mm")
    assert unit_in("Remark (see below)") == ("Remark (see below)", "")


GUNS = Portion(
    "t",
    "table",
    "Guns",
    rows=(
        ("Gun", "Calibre [mm]", "Chamber"),
        ("A", "155", "23 litres"),
        ("B", "60-50", "none"),
    ),
)


def standard(*children):
    return document(Portion("r", "section", "Ammunition", children=children))


def test_texts_and_tables_give_names_subjects_and_doubts():
    text = Portion("p", "paragraph", text="Tuning range: 30-87.5 MHz; see [[t]] 8.33 kHz apart.")
    found = parameters_of(standard(text, GUNS))
    assert [(p.name, p.subject, p.written, p.source) for p in found.values] == [
        ("Tuning range", "", "30-87.5 MHz", "p"),
        ("Ammunition", "", "8.33 kHz", "p"),
        ("Calibre", "A", "155 mm", "t"),
        ("Chamber", "A", "23 litres", "t"),
    ]
    assert [(d.source, d.written) for d in found.doubts] == [("t", "60-50 mm")]


def test_a_value_without_a_name_takes_the_nearest_title_above_it():
    inner = Portion("i", "paragraph", text="1 mm")
    section = Portion("s", "section", "Barrels", text="2 mm", children=(inner,))
    after = Portion("a", "paragraph", text="3 mm")
    found = parameters_of(standard(section, after)).values
    assert [(p.name, p.written) for p in found] == [
        ("Barrels", "2 mm"),
        ("Barrels", "1 mm"),
        ("Ammunition", "3 mm"),
    ]


def test_conflicts_are_equal_names_that_share_nothing():
    ours = parameters_of(standard(GUNS)).values
    other = replace(GUNS, rows=(("gun", "CALIBRE [cm]", "Chamber [l]"), ("A", "15.2", "20-25")))
    theirs = parameters_of(standard(other)).values
    assert [(a.name, decimal(b.interval.low)) for a, b in conflicts(ours, theirs)] == [
        ("Calibre", "152")
    ]
    assert conflicts(ours, ours) == ()


def test_a_recipient_gets_nothing_of_a_hidden_portion():
    shown = Portion("p", "paragraph", text="Range: 1-2 GHz.")
    outputs = set()
    for secret in ("3 GHz", "7-8 GHz", "9-8 GHz and 4 mm"):
        hidden = Portion("h", "paragraph", text=f"Hidden: {secret}.", label=CLOSED)
        made = cut(standard(hidden, shown), EU, NOW)
        outputs.add(to_bytes(parameters_in(made), made.numbers()))
    (only,) = outputs
    plain = json.loads(only)
    assert [v["value"] for v in plain["values"]] == [
        {"low": "1000000000", "high": "2000000000", "unit": "Hz"}
    ]
    assert plain["values"][0]["clause"] == "this document"
    assert b"Hidden" not in only
