"""What an importer left behind: every member that has no place here, by path and reason.

May touch: values. An importer that drops something silently would make two registers look alike
that are not.
"""

from collections import Counter
from dataclasses import dataclass

from delian.terms.encode import Plain


@dataclass(frozen=True, slots=True)
class Dropped:
    """One kind of thing that was left behind.

    Args:
        path: Where it stands in the source, without numbers: ``standard/status/@mode``.
        reason: Why it has no place here.
        count: How often.
    """

    path: str
    reason: str
    count: int

    def to_plain(self) -> dict[str, Plain]:
        """For ``--json``."""
        return {"path": self.path, "reason": self.reason, "count": self.count}


class DropList:
    """Collects what an importer leaves behind."""

    def __init__(self) -> None:
        self._found: Counter[tuple[str, str]] = Counter()

    def add(self, path: str, reason: str, count: int = 1) -> None:
        """Something at *path* is left behind."""
        self._found[path, reason] += count

    def listed(self) -> tuple[Dropped, ...]:
        """Everything, in order of path and reason."""
        return tuple(Dropped(p, r, n) for (p, r), n in sorted(self._found.items()))
