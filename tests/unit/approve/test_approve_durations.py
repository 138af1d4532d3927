"""Working days with weekends and holidays, to the second."""

from datetime import UTC, date, datetime, timedelta, timezone

import pytest

from delian.approve.document import DocumentFormError
from delian.approve.durations import Duration, expiry
from delian.terms.errors import InputError


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


XMAS = (date(2026, 12, 24), date(2026, 12, 25), date(2026, 12, 26), date(2027, 1, 1))


@pytest.mark.parametrize(
    ("opened", "text", "holidays", "ends"),
    [
        ("2026-11-27T12:00:00", "72 hours", (), "2026-11-30T12:00:00"),
        ("2026-11-27T12:00:00", "1 hour", (), "2026-11-27T13:00:00"),
        ("2026-11-27T12:00:00", "1 working day", (), "2026-11-30T12:00:00"),
        ("2026-11-27T12:00:00", "5 working days", (), "2026-12-04T12:00:00"),
        ("2026-11-28T12:00:00", "1 working day", (), "2026-12-01T00:00:00"),
        ("2026-11-29T23:59:59", "1 working day", (), "2026-12-01T00:00:00"),
        ("2026-11-30T00:00:00", "5 working days", (), "2026-12-05T00:00:00"),
        ("2026-12-23T09:30:15", "3 working days", XMAS, "2026-12-30T09:30:15"),
        ("2026-12-25T09:30:15", "1 working day", XMAS, "2026-12-29T00:00:00"),
        ("2026-12-31T18:00:00", "1 working day", XMAS, "2027-01-04T18:00:00"),
        ("2028-02-28T08:00:00", "2 working days", (), "2028-03-01T08:00:00"),
    ],
)
def test_exact_expiry(opened: str, text: str, holidays: tuple[date, ...], ends: str) -> None:
    duration = Duration.from_text(text)
    assert expiry(at(opened), duration, holidays) == at(ends)
    assert duration.to_text() == text


def test_other_zones_are_the_same_moment() -> None:
    tokyo = timezone(timedelta(hours=9))
    moment = datetime(2026, 11, 28, 5, tzinfo=tokyo)  # Friday 20:00 UTC
    ends = expiry(moment, Duration(1, "working days"))
    assert ends == at("2026-11-30T20:00:00")
    assert ends.tzinfo is UTC


@pytest.mark.parametrize(
    "text",
    [
        "",
        "5",
        "5 days",
        "0 hours",
        "-1 hours",
        "1.5 hours",
        "05 hours",
        "5  working days",
        "5 working days ",
        "10001 hours",
        "401 working days",
        "99999 hours",
        "5 weeks",
    ],
)
def test_other_durations_are_refused(text: str) -> None:
    with pytest.raises(DocumentFormError):
        Duration.from_text(text)


def test_impossible_calendars_are_refused() -> None:
    day = date(2026, 11, 23)
    never = [day + timedelta(days=i) for i in range(5000)]
    with pytest.raises(DocumentFormError):
        expiry(at("2026-11-23T00:00:00"), Duration(1, "working days"), never)
    with pytest.raises(DocumentFormError):
        expiry(datetime(2026, 11, 23), Duration(1, "hours"))
    for unit in ("hours", "working days"):
        with pytest.raises(InputError):
            expiry(at("9999-12-31T23:00:00"), Duration(2, unit))  # type: ignore[arg-type]
