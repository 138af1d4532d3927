"""Silence counts hours, or working days that stand still on weekends and holidays."""

from datetime import UTC, date, datetime

import pytest

from delian.terms.errors import InputError
from delian.terms.round_terms import Calendar


def calendar(**changes):
    fields = {
        "sheets_until": datetime(2026, 12, 31, tzinfo=UTC),
        "terms_silence_hours": 72,
        "release_silence_hours": 48,
        "retain_until": datetime(2027, 12, 31, tzinfo=UTC),
        "holidays": (date(2026, 12, 25),),
    }
    return Calendar(**{**fields, **changes})


def test_reads_back():
    for one in (calendar(), calendar(working_time=True), calendar(holidays=())):
        assert Calendar.from_plain(one.to_plain()) == one


def test_working_time_needs_whole_days():
    with pytest.raises(InputError, match="whole days"):
        calendar(working_time=True, release_silence_hours=36)


def test_every_field_is_needed():
    for name in calendar().to_plain():
        plain = calendar().to_plain()
        del plain[name]
        with pytest.raises(InputError, match=name):
            Calendar.from_plain(plain)
