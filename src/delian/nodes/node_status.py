"""The answer of ``delian status``, the same for every kind of node."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from delian.adapters.store import Store
from delian.approve.decision import (
    Agreed,
    AwaitingSignatures,
    Broken,
    Decision,
    Extended,
    Pending,
    Superseded,
    Withdrawn,
)
from delian.nodes.round_view import RoundView
from delian.terms.encode import parse, utc_text


@dataclass(frozen=True, slots=True)
class RoundStatus:
    """One round as one node sees it.

    Args:
        round_id: The round.
        waits: What waits for whoever asks, and until when, in sentences.
        facts: How far the round has come, in sentences; names who is missing.
        trouble: What this node could not do, or "".
        proposals: Id, matter, state, who is missing and until when.
    """

    round_id: str
    waits: tuple[str, ...]
    facts: tuple[str, ...]
    trouble: str
    proposals: tuple[Mapping[str, object], ...] = ()

    def to_plain(self) -> dict[str, object]:
        """The round for ``--json``."""
        return {
            "round": self.round_id,
            "waits": list(self.waits),
            "facts": list(self.facts),
            "trouble": self.trouble,
            "proposals": [dict(p) for p in self.proposals],
        }

    def lines(self) -> list[str]:
        """The round for a person."""
        found = [f"round {self.round_id}"]
        found += [f"  waits for you: {text}" for text in self.waits]
        found += [f"  {text}" for text in self.facts]
        return found + ([f"  trouble: {self.trouble}"] if self.trouble else [])


@dataclass(frozen=True, slots=True)
class NodeStatus:
    """One node.

    Args:
        code: Its party.
        now_utc: By its own clock.
        unsent: How many papers wait to be sent.
        rounds: Every round it knows.
    """

    code: str
    now_utc: datetime
    unsent: int
    rounds: tuple[RoundStatus, ...]

    def to_plain(self) -> dict[str, object]:
        """The status for ``--json``."""
        return {
            "code": self.code,
            "now": utc_text(self.now_utc),
            "unsent": self.unsent,
            "rounds": [r.to_plain() for r in self.rounds],
        }

    def lines(self) -> list[str]:
        """The status for a person."""
        head = f"{self.code} at {utc_text(self.now_utc)}, {self.unsent} papers wait to be sent"
        return [head, *(line for r in self.rounds for line in r.lines())]


def trouble(store: Store, round_id: str) -> str:
    """What the node noted that it could not do in a round, or ""."""
    note = store.note(f"trouble/{round_id}")
    if note is None:
        return ""
    plain = parse(note)
    return f"{plain['code']}: {plain['message']}" if isinstance(plain, dict) else ""


def proposals(view: RoundView, now_utc: datetime) -> list[tuple[Mapping[str, object], Decision]]:
    """Every proposal of a round, and what it has come to."""
    found: list[tuple[Mapping[str, object], Decision]] = []
    for proposal in sorted(view.proposals.values(), key=lambda p: (p.opened_utc, p.id)):
        decision = view.decision(proposal, now_utc)
        runs = isinstance(decision, Pending | Extended)
        ends = decision.silence_ends_utc if isinstance(decision, Pending | Extended) else None
        missing = decision.missing if isinstance(decision, AwaitingSignatures) else ()
        plain = {
            "proposal": proposal.id,
            "matter": proposal.matter,
            "state": type(decision).__name__.lower(),
            "why": reason(decision),
            "silence_runs": runs,
            "ends": utc_text(ends or proposal.silence_ends_utc),
            "missing": list(missing),
        }
        found.append((plain, decision))
    return found


def facts(view: RoundView, known: Sequence[Mapping[str, object]]) -> list[str]:
    """How far a round has come, in sentences that every node may say."""
    said = [f"{p['matter']} {str(p['proposal'])[7:19]}: {p['why']}" for p in known]
    if view.closings and view.agreed is not None:
        closed = view.closed()
        listed = closed or next(iter(view.closings.values()))
        absent = sorted(set(view.known_terms().nations) - set(listed.present))
        state = "closed" if closed else "the closing list waits for countersignatures"
        said.append(f"{state}; absent: {', '.join(absent) or 'nobody'}")
    if view.opened_table() is not None:
        said.append("three hosts have signed the opened table")
    return said


def reason(decision: Decision) -> str:
    """What a proposal has come to, in one sentence."""
    match decision:
        case Pending() | Extended():
            return f"silence runs until {utc_text(decision.silence_ends_utc)}"
        case Broken():
            return f"silence was broken by {', '.join(decision.by)}"
        case Superseded():
            return f"replaced by {decision.successor}"
        case Withdrawn():
            return f"withdrawn by {', '.join(decision.by)}"
        case AwaitingSignatures():
            return f"silence held; the agents of {', '.join(decision.missing)} have not signed"
        case Agreed():
            return f"silence held and {len(decision.evidence)} nations signed these bytes"
