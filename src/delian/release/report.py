"""What a verification found: numbered checks, each with what, why and outcome.

May touch: values. All problems are reported; the first failed check decides.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from delian.release.errors import VerifyError
from delian.release.statement import Statement
from delian.terms.errors import DelianError

FORMAT = "delian-verification"


class Outcome(StrEnum):
    """How a check ended."""

    PASSED = "passed"
    FAILED = "failed"
    NOT_CHECKED = "not checked"


@dataclass(frozen=True, slots=True)
class Check:
    """One check.

    Args:
        number: From 1, in the order of the recipe.
        name: Stable, for scripts.
        what: What is checked.
        why: What would go wrong without it.
        outcome: How it ended.
        detail: What was found, safe for anybody.
        hint: What to do next, or "".
    """

    number: int
    name: str
    what: str
    why: str
    outcome: Outcome
    detail: str = ""
    hint: str = ""


@dataclass(frozen=True, slots=True)
class VerifyReport:
    """Everything that one verification found.

    Args:
        checks: In order.
        notes: What a reader should know although nothing failed.
        statement: The release, or None if its statement could not be read.
        seen: The state to keep, or None if nothing is to be kept.
    """

    checks: tuple[Check, ...]
    notes: tuple[str, ...]
    statement: Statement | None
    seen: bytes | None

    @property
    def ok(self) -> bool:
        """Did no check fail, and every one that must run, run?"""
        return not self.failures

    @property
    def failures(self) -> tuple[Check, ...]:
        """The failed checks, in order."""
        return tuple(c for c in self.checks if c.outcome is Outcome.FAILED)

    def raise_for_failure(self) -> None:
        """Return if every check passed.

        Raises:
            VerifyError: names the first check that failed.
        """
        if self.failures:
            first = self.failures[0]
            raise VerifyError(
                f"check {first.number} ({first.name}) failed: {first.detail}",
                hint=first.hint,
                where=first.name,
            )

    def lines(self) -> tuple[str, ...]:
        """The report as lines of plain text."""
        marks = {Outcome.PASSED: "ok  ", Outcome.FAILED: "FAIL", Outcome.NOT_CHECKED: "--  "}
        found = []
        for c in self.checks:
            found.append(f"{c.number:2d}. {marks[c.outcome]} {c.what}: {c.detail or c.outcome}")
            if c.outcome is Outcome.FAILED:
                found.append(f"          why it matters: {c.why}")
                if c.hint:
                    found.append(f"          hint: {c.hint}")
        found += [f"note: {note}" for note in self.notes]
        return tuple(found)

    def to_plain(self) -> dict[str, Any]:
        """The ``--json`` answer."""
        s = self.statement
        return {
            "format": FORMAT,
            "version": 1,
            "verified": self.ok,
            "release": s.release_id if s else None,
            "round": s.round_id if s else None,
            "edition": s.edition if s else None,
            "marking": s.marking if s else None,
            "audience": s.audience if s else None,
            "checks": [
                {
                    "number": c.number,
                    "name": c.name,
                    "what": c.what,
                    "why": c.why,
                    "outcome": str(c.outcome),
                    "detail": c.detail,
                    "hint": c.hint,
                }
                for c in self.checks
            ],
            "notes": list(self.notes),
        }


class NotReachedError(DelianError):
    """A check could not run because an earlier one failed, or because nothing was asked."""

    code = "not-reached"


@dataclass(slots=True)
class Recorder:
    """Runs checks one after the other and writes down how each ended."""

    checks: list[Check] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def run(self, name: str, what: str, why: str, step: Callable[[], str]) -> None:
        """Run *step*; what it returns is the detail, what it raises is the failure."""
        number, hint = len(self.checks) + 1, ""
        try:
            outcome, detail = Outcome.PASSED, step()
        except NotReachedError as error:
            outcome, detail = Outcome.NOT_CHECKED, error.message
        except DelianError as error:
            outcome, detail, hint = Outcome.FAILED, error.message, error.hint
        self.checks.append(Check(number, name, what, why, outcome, detail, hint))
