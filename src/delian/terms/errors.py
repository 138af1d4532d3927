"""The one tree of errors. Every room adds its own leaves, each with a stable code.

DelianError
├── InputError        the caller gave something malformed: fixable by the caller      exit 2
├── RefusedError      a rule says no; carries the reason                              exit 1
│   └── NotYetError   the rule will say yes later (a deadline, a missing document)    exit 4
├── TamperedError     a proof does not hold: stop, keep the evidence                  exit 3
└── UnavailableError  a peer or a file is away: retry                                 exit 5

Messages are safe to show to any party: never a quantity, a key or a secret's length.
"""

from typing import ClassVar


class DelianError(Exception):
    """Root of everything this product raises on purpose.

    Args:
        message: One line in lower case without a full stop; safe for any party.
        hint: What the reader can do next, or "".
        where: The place in the caller's input ("sheet 'Needs', row 4, column C"), or "".
    """

    code: ClassVar[str] = "delian"
    exit_code: ClassVar[int] = 70

    def __init__(self, message: str, *, hint: str = "", where: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.where = where

    def to_wire(self) -> dict[str, str]:
        """The error as the ``error`` member of a ``--json`` answer."""
        return {
            "code": self.code,
            "message": self.message,
            "hint": self.hint,
            "where": self.where,
        }


class InputError(DelianError):
    """The given document does not parse or breaks its schema."""

    code = "input"
    exit_code = 2


class RefusedError(DelianError):
    """A rule forbids the step."""

    code = "refused"
    exit_code = 1


class NotYetError(RefusedError):
    """The step is right but its time or its documents have not come."""

    code = "not-yet"
    exit_code = 4


class TamperedError(DelianError):
    """A digest, a signature or a check does not hold."""

    code = "tampered"
    exit_code = 3


class UnavailableError(DelianError):
    """A peer, a link or a file is away; the step can be tried again."""

    code = "unavailable"
    exit_code = 5
