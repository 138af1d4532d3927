"""Laws of the sheet: what is typed in comes back, and no file makes the checker fall over."""

import io
import zipfile

from hypothesis import given, settings
from hypothesis import strategies as st

from delian.contribute.check import check
from delian.contribute.columns import column_named, letter
from delian.contribute.template import template, template_csv
from delian.terms.errors import DelianError
from tests.contribute_world import fill, frame, make_world

TERMS = make_world(frame(years=(2027, 2028), width_bits=48)).terms
XLSX = template(TERMS, "AAA")
CSV = template_csv(TERMS, "AAA")
FIGURE = st.none() | st.integers(0, 2**48 - 1)
CELLS = len(TERMS.frame.cells)


@settings(max_examples=40, deadline=None)
@given(st.lists(FIGURE, min_size=CELLS, max_size=CELLS))
def test_what_is_typed_into_the_template_comes_back(figures):
    expected = [figure or 0 for figure in figures]
    checked = check(fill(XLSX, figures), "a.xlsx", TERMS, "AAA")
    assert checked.sheet.figures.tolist() == expected
    lines = CSV.decode("utf-8-sig").split("\r\n")
    for row, figure in enumerate(figures, 2):
        lines[row] += "" if figure is None else str(figure)
    for delimiter in (",", ";", "\t"):
        typed = "\r\n".join(lines).replace("Shell, ", "Shell ").replace('"', "")
        data = typed.replace(",", delimiter).encode("utf-8")
        assert check(data, "a.csv", TERMS, "AAA").sheet.figures.tolist() == expected


def outcome(data):
    """Checked or refused in our own words; anything else fails the test."""
    try:
        return check(data, "a", TERMS, "AAA")
    except DelianError as error:
        return error


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_a_damaged_workbook_is_checked_or_refused(data):
    spoiled = bytearray(XLSX)
    for _ in range(data.draw(st.integers(1, 4))):
        spoiled[data.draw(st.integers(0, len(spoiled) - 1))] = data.draw(st.integers(0, 255))
    outcome(bytes(spoiled))


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_a_workbook_with_damaged_parts_is_checked_or_refused(data):
    with zipfile.ZipFile(io.BytesIO(XLSX)) as old:
        parts = {name: old.read(name) for name in old.namelist()}
    name = data.draw(st.sampled_from(sorted(parts)))
    body = bytearray(parts[name])
    start = data.draw(st.integers(0, len(body)))
    stop = data.draw(st.integers(start, min(len(body), start + 40)))
    body[start:stop] = data.draw(
        st.binary(max_size=20)
        | st.sampled_from(
            [b'r="ZZZZZZ9"', b'r="A0"', b'r="-1"', b'r="99999999999999"', b"<v>1e999</v>"]
        )
    )
    parts[name] = bytes(body)
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as new:
        for part, content in parts.items():
            new.writestr(part, content)
    outcome(out.getvalue())


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_a_damaged_csv_is_checked_or_refused(data):
    start = data.draw(st.integers(0, len(CSV)))
    stop = data.draw(st.integers(start, len(CSV)))
    outcome(CSV[:start] + data.draw(st.binary(max_size=30)) + CSV[stop:])


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=200))
def test_strange_bytes_are_refused_in_our_words(data):
    assert isinstance(outcome(data), DelianError)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 20_000))
def test_columns_are_named_as_spreadsheets_do(index):
    number = 0
    for sign in letter(index):
        number = number * 26 + "ABCDEFGHIJKLMNOPQRSTUVWXYZ".index(sign) + 1
    assert number == index + 1


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=20))
def test_a_heading_is_known_or_not(text):
    assert column_named(text) in {
        None, "item", "name-1", "name-2", "class", "year", "tier", "unit", "figure"
    }  # fmt: skip
