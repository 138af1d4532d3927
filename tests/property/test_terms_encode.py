"""The canonical spelling is one, reads back, and strangers' JSON is bounded."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from delian.terms.encode import canonical, digest, parse, parse_utc, utc_text
from delian.terms.errors import DelianError

PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.text(st.characters(codec="utf-8"), max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(st.characters(codec="utf-8"), max_size=6), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(PLAIN)
def test_reads_back_and_is_a_fixed_point(value):
    data = canonical(value)
    assert parse(data) == value
    assert canonical(parse(data)) == data


@given(st.dictionaries(st.text("abc", max_size=3), st.integers(0, 9), max_size=4))
def test_key_order_does_not_matter(value):
    assert digest(canonical(dict(reversed(value.items())))) == digest(canonical(value))


@given(st.binary(max_size=80))
def test_any_bytes_are_read_or_refused(data):
    try:
        parse(data, max_bytes=64)
    except DelianError:
        return


@pytest.mark.parametrize(
    "data",
    [
        b"1.0",
        b"1e3",
        b"NaN",
        b"Infinity",
        b'{"a":1,"a":2}',
        b"[" * 40 + b"]" * 40,
        b"\xff",
        b"9" * 60,
        b" " * 65,
    ],
)
def test_refused(data):
    with pytest.raises(DelianError):
        parse(data, max_bytes=64 if len(data) == 65 else 10_000)


@pytest.mark.parametrize("value", [1.5, {1: 2}, {"a": {3}}, "\ud800", b"x"])
def test_no_spelling(value):
    with pytest.raises(DelianError):
        canonical(value)


@given(st.datetimes(timezones=st.just(__import__("datetime").UTC)))
def test_moments_read_back(moment):
    assert parse_utc(utc_text(moment)) == moment


@pytest.mark.parametrize(
    "text", ["2026-11-21", "2026-11-21T00:00:00", "2026-11-21T00:00:00+01:00", None, "xZ"]
)
def test_other_moments_refused(text):
    with pytest.raises(DelianError):
        parse_utc(text)
