"""Two trust profiles side by side: what both accept, and what is missing on each side.

May touch: values.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from delian.exchange.trust import ANY, Entry, Scope, TrustProfile


@dataclass(frozen=True, slots=True)
class Lack:
    """One thing that stands in the way.

    Args:
        owner: Whose profile lacks it.
        scope: In which scope.
        issuer: Which issuer it concerns, or "" where no issuer at all is common.
        policy: Labelling policy, for clearances.
        why: The lack in words.
    """

    owner: str
    scope: str
    issuer: str
    policy: str
    why: str

    def to_plain(self) -> dict[str, str]:
        """The lack as members of JSON."""
        return {
            "owner": self.owner,
            "scope": self.scope,
            "issuer": self.issuer,
            "policy": self.policy,
            "why": self.why,
        }


@dataclass(frozen=True, slots=True)
class Overlap:
    """What two participants can do with each other's credentials.

    Args:
        first: Owner of the first profile.
        second: Owner of the second.
        common: What both accept: the lower assurance and level, the values of both.
        missing: What is missing, at whom.
        uncovered: Scopes that one of them uses and in which nothing is common.
    """

    first: str
    second: str
    common: tuple[Entry, ...]
    missing: tuple[Lack, ...]
    uncovered: tuple[str, ...]

    def to_plain(self) -> dict[str, Any]:
        """The comparison as members of JSON."""
        return {
            "first": self.first,
            "second": self.second,
            "common": [entry.to_plain() for entry in self.common],
            "missing": [lack.to_plain() for lack in self.missing],
            "uncovered": list(self.uncovered),
        }

    def lines(self) -> list[str]:
        """The comparison for a person."""
        found = [f"both accept {len(self.common)} of the issuers' scopes"]
        for e in self.common:
            level = f", up to level {e.level} of {e.policy}" if e.policy else ""
            values = "anything" if ANY in e.values else ", ".join(sorted(e.values))
            found.append(f"  {e.issuer}: {e.scope.value} ({values}), {e.assurance.value}{level}")
        for owner in (self.first, self.second):
            lacks = [lack for lack in self.missing if lack.owner == owner]
            found.append(f"missing at {owner}: {len(lacks) or 'nothing'}")
            found += [f"  {lack.scope}: {lack.why}" for lack in lacks]
        if self.uncovered:
            found.append(f"nothing common yet in: {', '.join(self.uncovered)}")
        return found


def compare(a: TrustProfile, b: TrustProfile, now_utc: datetime) -> Overlap:
    """What both accept and what is missing on each side.

    Guarantees:
        Symmetric but for the order of the names; a claim that counts under an entry of ``common``
        counts under both profiles (``tests/property/test_exchange_trust_laws.py``).
    """
    common: list[Entry] = []
    missing = [
        Lack(owner.owner, "", "", "", "the profile does not hold now")
        for owner in (a, b)
        if not owner.holds_at(now_utc)
    ]
    by_a, by_b = _by_place(a.entries), _by_place(b.entries)
    if not missing:
        for place in sorted(by_a.keys() & by_b.keys()):
            entry, lacks = _both(a, by_a[place], b, by_b[place])
            missing.extend(lacks)
            if entry is not None:
                common.append(entry)
    missing.extend(_absent(a.owner, [by_b[p] for p in sorted(by_b.keys() - by_a.keys())]))
    missing.extend(_absent(b.owner, [by_a[p] for p in sorted(by_a.keys() - by_b.keys())]))
    used = {e.scope for e in (*a.entries, *b.entries)} | set(a.needs) | set(b.needs)
    uncovered = tuple(s.value for s in Scope if s in used - {e.scope for e in common})
    return Overlap(a.owner, b.owner, tuple(common), tuple(missing), uncovered)


def _by_place(entries: Iterable[Entry]) -> dict[tuple[str, str, str], Entry]:
    return {entry.place: entry for entry in entries}


def _both(
    a: TrustProfile, left: Entry, b: TrustProfile, right: Entry
) -> tuple[Entry | None, list[Lack]]:
    """One issuer that both name: what remains of it, and at whom it falls short."""
    lacks = []
    for owner, entry in ((a, left), (b, right)):
        least = owner.least(entry.scope)
        if not entry.assurance.reaches(least):
            why = f"{entry.issuer} is held for {entry.assurance.value}; {least.value} is needed"
            lacks.append(_lack(owner.owner, entry, why))
    values = _shared(left.values, right.values)
    if not values:
        why = f"{left.issuer} may say nothing that both accept"
        lacks += [_lack(a.owner, left, why), _lack(b.owner, right, why)]
    if lacks:
        return None, lacks
    assurance = left.assurance if right.assurance.reaches(left.assurance) else right.assurance
    level = min(left.level, right.level)
    return Entry(left.issuer, left.scope, assurance, values, level, left.policy), []


def _shared(a: frozenset[str], b: frozenset[str]) -> frozenset[str]:
    if ANY in a:
        return b
    return a if ANY in b else a & b


def _absent(owner: str, entries: Iterable[Entry]) -> Iterator[Lack]:
    for entry in entries:
        yield _lack(owner, entry, f"{entry.issuer} is not accepted here")


def _lack(owner: str, entry: Entry, why: str) -> Lack:
    return Lack(owner, entry.scope.value, entry.issuer, entry.policy, why)
