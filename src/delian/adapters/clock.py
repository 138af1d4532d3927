"""The clock port: the machine's own time, or a scaled one for demonstrations and tests."""

import struct
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol


class Clock(Protocol):
    """What a node asks for the time, once per operation."""

    def now_utc(self) -> datetime:
        """The present moment."""
        ...

    def real_seconds(self, span: timedelta) -> float:
        """How long *span* of this clock takes on the wall."""
        ...


@dataclass(frozen=True, slots=True)
class SystemClock:
    """The machine's clock."""

    def now_utc(self) -> datetime:
        """The present moment, in whole microseconds."""
        return datetime.now(tz=UTC)

    def real_seconds(self, span: timedelta) -> float:
        """The span itself."""
        return span.total_seconds()


@dataclass(frozen=True, slots=True)
class ScaledClock:
    """A clock that runs faster than the wall: for demonstrations, labeled so wherever it shows.

    Args:
        origin_utc: What it showed at *started_monotonic*.
        started_monotonic: Reading of the machine's monotonic clock, shared by all processes.
        factor: Scaled seconds per real second.
    """

    origin_utc: datetime
    started_monotonic: float
    factor: float

    def now_utc(self) -> datetime:
        """The scaled moment."""
        passed = time.monotonic() - self.started_monotonic
        return self.origin_utc + timedelta(seconds=passed * self.factor)

    def real_seconds(self, span: timedelta) -> float:
        """How long *span* takes on the wall."""
        return span.total_seconds() / self.factor


@dataclass(frozen=True, slots=True)
class PacedClock:
    """A scaled clock that its demonstration may also move forward, by a number in a shared file.

    Args:
        base: The scaled clock.
        pace: File with the seconds to add, eight bytes; only ever grows.
    """

    base: ScaledClock
    pace: Path

    def now_utc(self) -> datetime:
        """The scaled moment, moved forward."""
        return self.base.now_utc() + timedelta(seconds=read_pace(self.pace))

    def real_seconds(self, span: timedelta) -> float:
        """How long *span* takes on the wall if nobody moves the clock."""
        return self.base.real_seconds(span)


def read_pace(path: Path) -> float:
    """How far the demonstration has moved its clock forward, in seconds."""
    seconds: float = struct.unpack("<d", path.read_bytes())[0]
    return seconds


def pace_bytes(seconds: float) -> bytes:
    """The content of a pace file."""
    return struct.pack("<d", seconds)
