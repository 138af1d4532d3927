"""What changed between two editions of a register.

May touch: values. The same two editions give the same bytes on every machine.
"""

from dataclasses import dataclass

from delian.standards.register import Register, Standard
from delian.terms.encode import Plain, canonical


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One member of one entry, before and after."""

    name: str
    old: Plain
    new: Plain


@dataclass(frozen=True, slots=True)
class EntryChange:
    """An entry in both editions that is not the same."""

    id: str
    number: str
    fields: tuple[FieldChange, ...]


@dataclass(frozen=True, slots=True)
class RegisterDifference:
    """Two editions side by side; everything in order of identifier.

    Args:
        old: Edition compared with.
        new: Edition compared.
        added: Entries of the newer edition alone.
        removed: Entries of the older edition alone.
        changed: Entries of both that differ.
    """

    old: str
    new: str
    added: tuple[Standard, ...]
    removed: tuple[Standard, ...]
    changed: tuple[EntryChange, ...]

    def to_bytes(self) -> bytes:
        """Canonical JSON."""
        changed: list[Plain] = [
            {
                "id": entry.id,
                "number": entry.number,
                "fields": [[f.name, f.old, f.new] for f in entry.fields],
            }
            for entry in self.changed
        ]
        return canonical(
            {
                "format": "delian-register-difference",
                "version": 1,
                "old": self.old,
                "new": self.new,
                "added": [s.to_plain() for s in self.added],
                "removed": [s.to_plain() for s in self.removed],
                "changed": changed,
            }
        )

    def to_text(self) -> bytes:
        """A list for a person: one line for each entry, indented lines for its members."""
        counts = (
            f"{len(self.added)} added, {len(self.removed)} removed, {len(self.changed)} changed"
        )
        lines = [f"{self.old} -> {self.new}: {counts}"]
        lines += [f"+ {s.number}: {s.title}" for s in self.added]
        lines += [f"- {s.number}: {s.title}" for s in self.removed]
        for entry in self.changed:
            lines.append(f"~ {entry.number}")
            lines += [f"    {f.name}: {_said(f)}" for f in entry.fields]
        return "\n".join([*lines, ""]).encode()


def difference(old: Register, new: Register) -> RegisterDifference:
    """Everything that differs between two editions.

    Guarantees:
        Applied to the older entries it gives the newer ones, and nothing is listed that is equal
        (``tests/property/test_standards_register_laws.py``).
    """
    before, after = old.standards, new.standards
    changed = [
        _changes(before[name], after[name])
        for name in sorted(before.keys() & after.keys())
        if before[name] != after[name]
    ]
    return RegisterDifference(
        old.edition,
        new.edition,
        tuple(after[name] for name in sorted(after.keys() - before.keys())),
        tuple(before[name] for name in sorted(before.keys() - after.keys())),
        tuple(changed),
    )


def _changes(old: Standard, new: Standard) -> EntryChange:
    was, now = old.to_plain(), new.to_plain()
    fields = tuple(FieldChange(n, was[n], now[n]) for n in sorted(now) if was[n] != now[n])
    return EntryChange(new.id, new.number, fields)


def _said(change: FieldChange) -> str:
    """A list by what came and went, anything else before and after."""
    if not isinstance(change.old, list) or not isinstance(change.new, list):
        return f"{change.old!r} -> {change.new!r}"
    came = [x for x in change.new if x not in change.old]
    went = [x for x in change.old if x not in change.new]
    parts = [f"+{_item(x)}" for x in came] + [f"-{_item(x)}" for x in went]
    return " ".join(parts) or "in another order"


def _item(item: Plain) -> str:
    if isinstance(item, dict):
        return " ".join(str(value) for _, value in sorted(item.items()) if value)
    return str(item)
