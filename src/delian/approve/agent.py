"""When a nation's own agent may sign: its officer was silent, its clock ran out, its checks held.

May touch: values of this room only. The node makes the checks and hands in their results; this
rule decides which of them are needed and refuses when one is absent.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from delian.approve.decision import (
    Agreed,
    AwaitingSignatures,
    Broken,
    Decision,
    Extended,
    Pending,
    Superseded,
    Withdrawn,
    decide,
)
from delian.approve.mandate import Mandate, StandInYes
from delian.approve.proposal import Matter, Proposal
from delian.approve.voices import (
    Amendment,
    EarlyAssent,
    Objection,
    ProcedureRejection,
    TimeRequest,
    Voice,
)
from delian.approve.withdrawal import Withdrawal
from delian.terms.encode import digest, utc_text

CHECKS: Mapping[Matter, tuple[str, ...]] = {
    "roster": ("roster-successor", "checkpoint"),
    "terms": ("roster", "hosts", "cell-keys", "label", "checkpoint"),
    "closing": ("terms", "own-manifest", "one-list", "checkpoint"),
    "release": (
        "host-signatures",  # three over the opened table
        "terms",  # the digest this nation consented to
        "own-manifest",  # its own latest manifest stands in the closed list
        "released-equals-opened",
        "plan",  # an antichain of the terms' tree
        "circuit",  # netlist digest recomputed from the terms
        "openings",  # no key opened more often than allowed, by its own ledger
        "label",  # label and audience as in the terms
        "own-margin",  # (T - x)/x at least p for its own figures
        "expiry",  # the statement carries this proposal's end of silence
        "checkpoint",  # consistent with the last one it saw
    ),
}


@dataclass(frozen=True, slots=True)
class Check:
    """The result of one check on the nation's own machine.

    Args:
        name: One of ``CHECKS``.
        passed: Did it hold?
        reason: Why not, safe for any party; "" if it held.
    """

    name: str
    passed: bool
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """May it sign, and if not, every reason why."""

    allowed: bool
    reasons: tuple[str, ...]


def may_countersign(
    proposal: Proposal,
    subject: bytes,
    nation: str,
    voices: Iterable[Voice],
    checks: Iterable[Check],
    now_utc: datetime,
    *,
    mandates: Mapping[str, Mandate] | None = None,
    successors: Iterable[Proposal] = (),
    withdrawals: Iterable[Withdrawal] = (),
) -> Verdict:
    """May the agent of *nation* sign exactly *subject* now?

    Args:
        proposal: Heard from the chair and verified.
        subject: The exact bytes to sign.
        nation: The agent's own nation.
        voices: Its own officer's, and all others it has heard.
        checks: Results of its own machine, one for every name in ``CHECKS`` of the matter.
        now_utc: Its own clock.
        mandates: Running mandates by holder.
        successors: Amending proposals it has heard of.
        withdrawals: Withdrawals it has heard of.

    Guarantees:
        Never before its own clock has passed the end of silence; never when its own officer
        objected, even late, or still waits for time; never with a check failed or absent.
    """
    said = tuple(voices)
    reasons: list[str] = []
    if nation not in proposal.nations:
        reasons.append(f"the proposal does not ask {nation}")
    if nation in (mandates or {}):
        reasons.append(f"a stand-in signs for {nation} in this round")
    reasons += _of_subject(proposal, subject)
    reasons += _of_procedure(
        decide(proposal, said, None, now_utc, successors=successors, withdrawals=withdrawals)
    )
    reasons += _of_officer(proposal, nation, said, now_utc)
    reasons += _of_checks(proposal.matter, checks)
    return Verdict(not reasons, tuple(reasons))


def may_stand_in(
    proposal: Proposal,
    subject: bytes,
    mandate: Mandate,
    yes: StandInYes | None,
    voices: Iterable[Voice],
    now_utc: datetime,
    *,
    successors: Iterable[Proposal] = (),
    withdrawals: Iterable[Withdrawal] = (),
) -> Verdict:
    """May the stand-in sign exactly *subject* with the key of *mandate* now?

    It makes no check of its own on the represented nation's figures, because it never has them:
    the signed *yes* of that nation's node, for exactly these bytes, takes their place.
    """
    reasons: list[str] = []
    if not mandate.runs_for(proposal):
        reasons.append("the mandate does not run for this proposal")
    expected = (proposal.round_id, proposal.subject, mandate.id, mandate.holder)
    if yes is None or (yes.round_id, yes.subject, yes.mandate, yes.holder) != expected:
        reasons.append(f"{mandate.holder} has given no yes for exactly these bytes")
    reasons += _of_subject(proposal, subject)
    said = tuple(voices)
    reasons += _of_procedure(
        decide(proposal, said, None, now_utc, successors=successors, withdrawals=withdrawals)
    )
    reasons += _of_officer(proposal, mandate.holder, said, now_utc)
    return Verdict(not reasons, tuple(reasons))


def _of_subject(proposal: Proposal, subject: bytes) -> list[str]:
    if digest(subject) == proposal.subject:
        return []
    return ["these are not the bytes that were proposed"]


def _of_procedure(decision: Decision) -> list[str]:
    match decision:
        case Pending() | Extended():
            return [f"silence runs until {utc_text(decision.silence_ends_utc)}"]
        case Broken():
            return [f"silence was broken by {', '.join(decision.by)}"]
        case Superseded():
            return ["an amended proposal took its place"]
        case Withdrawn():
            return [f"withdrawn by {', '.join(decision.by)}"]
        case AwaitingSignatures() | Agreed():
            return []


def _of_officer(
    proposal: Proposal, nation: str, voices: tuple[Voice, ...], now_utc: datetime
) -> list[str]:
    """What the nation's own officer said that holds its agent back, whenever it was said.

    A late objection changes no decision, but it keeps this one agent from signing. A request
    for time is answered by the chair's extension or by the officer's own assent after it.
    """
    about = [v for v in voices if v.said.is_about(proposal) and v.said.at_utc <= now_utc]
    mine = [v for v in about if v.said.speaker == nation]
    if any(isinstance(v, Objection | ProcedureRejection | Amendment) for v in mine):
        return [f"the officer of {nation} objects"]
    asked = [v.said.at_utc for v in mine if isinstance(v, TimeRequest)]
    answered = [v.said.at_utc for v in mine if isinstance(v, EarlyAssent)]
    answered += [e.said.at_utc for e in decide(proposal, about, None, now_utc).heard.extensions]
    if asked and (not answered or max(answered) < max(asked)):
        return [f"the officer of {nation} asked for more time and has not assented since"]
    return []


def _of_checks(matter: Matter, checks: Iterable[Check]) -> list[str]:
    """Every needed check must be there, once, and must have held."""
    needed = CHECKS[matter]
    reasons: list[str] = []
    seen: set[str] = set()
    for check in checks:
        if check.name not in needed or check.name in seen:
            reasons.append(f"the check '{check.name}' is unknown or came twice")
        elif not check.passed:
            reasons.append(f"{check.name}: {check.reason or 'did not hold'}")
        seen.add(check.name)
    reasons += [f"{name}: was not checked" for name in needed if name not in seen]
    return reasons
