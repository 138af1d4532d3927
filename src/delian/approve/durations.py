"""How long silence lasts: hours, or working days with the holidays of the terms.

May touch: calendar values only; it reads no clock. All days are UTC days. Working time runs
through all 24 hours of every day that is neither Saturday, Sunday nor a holiday, and stands
still on the others.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Literal, TypeAlias

from delian.approve.document import DocumentFormError, moment

Unit: TypeAlias = Literal["hours", "working days"]

MAX_HOURS = 10_000
MAX_WORKING_DAYS = 400
_MAX_CALENDAR_DAYS = 4000
_SATURDAY = 5
_FORM = re.compile(r"([1-9][0-9]{0,4}) (hours?|working days?)\Z")


@dataclass(frozen=True, slots=True)
class Duration:
    """A length of silence.

    Args:
        amount: At least 1; at most 10,000 hours or 400 working days.
        unit: "hours" or "working days".
    """

    amount: int
    unit: Unit

    def __post_init__(self) -> None:
        most = MAX_HOURS if self.unit == "hours" else MAX_WORKING_DAYS
        if not 1 <= self.amount <= most:
            raise DocumentFormError("a duration of silence is out of range")

    def to_text(self) -> str:
        """The duration as "72 hours" or "5 working days"."""
        return f"{self.amount} {self.unit if self.amount != 1 else self.unit[:-1]}"

    @classmethod
    def from_text(cls, text: str) -> "Duration":
        """Read what :meth:`to_text` writes.

        Raises:
            DocumentFormError: anything else.
        """
        found = _FORM.match(text)
        if found is None:
            raise DocumentFormError(
                "a duration is not well formed", hint="write '72 hours' or '5 working days'"
            )
        unit: Unit = "hours" if found[2].startswith("hour") else "working days"
        return cls(int(found[1]), unit)


def is_working_day(day: date, holidays: Collection[date]) -> bool:
    """Does working time run on *day*?"""
    return day.weekday() < _SATURDAY and day not in holidays


def expiry(opened_utc: datetime, duration: Duration, holidays: Collection[date] = ()) -> datetime:
    """The exact moment at which silence that begins at *opened_utc* has lasted *duration*.

    Guarantees:
        Never earlier than *opened_utc* plus the bare duration; a holiday never makes it
        earlier (``tests/property/test_approve_laws.py``).

    Raises:
        DocumentFormError: no time zone, or the holidays leave no working days.
    """
    try:
        return _expiry(moment(opened_utc).astimezone(UTC), duration, holidays)
    except OverflowError as error:
        raise DocumentFormError("the silence would end beyond the calendar") from error


def _expiry(at: datetime, duration: Duration, holidays: Collection[date]) -> datetime:
    if duration.unit == "hours":
        return at + timedelta(hours=duration.amount)
    left = timedelta(days=duration.amount)
    for _ in range(_MAX_CALENDAR_DAYS):
        midnight = datetime.combine(at.date() + timedelta(days=1), time(), UTC)
        if is_working_day(at.date(), holidays):
            if midnight - at >= left:
                return at + left
            left -= midnight - at
        at = midnight
    raise DocumentFormError("the holidays leave no working days for this duration")
