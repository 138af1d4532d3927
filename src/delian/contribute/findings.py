"""What is wrong with a sheet, place by place, with the way to mend it.

A finding may show its owner what stands in the cell. That text stays on the owner's screen: it is
in no exception message, no ``repr`` and no log.
"""

from dataclasses import dataclass, field
from enum import StrEnum

from delian.terms.encode import Plain
from delian.terms.errors import InputError

_SHOWN_CHARS = 60


class Severity(StrEnum):
    """Does a finding stop the sheet?"""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that the owner of a sheet should know.

    Args:
        code: Stable, such as "unknown-item" (``docs/formats/sheet.md`` lists all).
        message: What is wrong, without what was found.
        mend: What to do about it.
        sheet: Name of the sheet, or of the file where it has no sheets.
        row: As the spreadsheet counts, from 1; 0 speaks of the whole sheet.
        column: Letter of the column, or "".
        found: What stands there. Local only.
        severity: An error stops the sheet, a warning does not.
    """

    code: str
    message: str
    mend: str
    sheet: str = ""
    row: int = 0
    column: str = ""
    found: str = field(default="", repr=False)
    severity: Severity = Severity.ERROR

    def __post_init__(self) -> None:
        if len(self.found) > _SHOWN_CHARS:
            object.__setattr__(self, "found", self.found[: _SHOWN_CHARS - 1] + "…")

    @property
    def where(self) -> str:
        """The place for people: ``sheet 'Needs', row 4, column H``."""
        parts = [f"sheet '{self.sheet}'"] if self.sheet else []
        if self.row:
            parts.append(f"row {self.row}")
        if self.column:
            parts.append(f"column {self.column}")
        return ", ".join(parts)

    def to_plain(self, *, with_found: bool = False) -> dict[str, Plain]:
        """The finding as plain values.

        Args:
            with_found: Add what stands in the cell; only for the owner's own screen.
        """
        plain: dict[str, Plain] = {
            "code": self.code,
            "severity": str(self.severity),
            "message": self.message,
            "mend": self.mend,
            "sheet": self.sheet,
            "row": self.row,
            "column": self.column,
        }
        if with_found:
            plain["found"] = self.found
        return plain


class SheetErrors(InputError):  # noqa: N818 - it carries all errors of a sheet at once
    """A sheet has errors; *findings* holds every one of them, and the warnings.

    Guarantees:
        Message, hint and place hold nothing of what stands in a cell
        (``tests/unit/contribute/test_contribute_check.py``).
    """

    code = "sheet"

    def __init__(self, findings: tuple[Finding, ...]) -> None:
        errors = [f for f in findings if f.severity is Severity.ERROR]
        first = errors[0]
        more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
        super().__init__(first.message + more, hint=first.mend, where=first.where)
        self.findings = findings
