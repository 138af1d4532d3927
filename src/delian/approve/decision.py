"""The outcome of a silence procedure: a pure function of signed events and one clock reading.

May touch: values of this room only. It asks nobody and reads no clock. A voice counts if it
speaks about exactly this proposal, its speaker has standing, and its own time lies within the
silence; everything else leaves no trace in the outcome. Once broken, always broken.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from delian.approve.consent import Consent, Consents, who_is_missing
from delian.approve.proposal import Proposal
from delian.approve.voices import (
    Amendment,
    EarlyAssent,
    Extension,
    Objection,
    ProcedureRejection,
    Reservation,
    TimeRequest,
    Voice,
)
from delian.approve.withdrawal import Withdrawal, withdrawn_by
from delian.terms.encode import Digest


@dataclass(frozen=True, slots=True)
class Heard:
    """The voices that count at one moment, each once, in order of time, speaker and digest.

    Args:
        breaking: Objections, rejections of the procedure, and amendments.
        assents: Early assents.
        requests: Requests for time.
        reservations: Statements kept beside the decision.
        extensions: The chair's extensions that took effect.
    """

    breaking: tuple[Objection | ProcedureRejection | Amendment, ...] = ()
    assents: tuple[EarlyAssent, ...] = ()
    requests: tuple[TimeRequest, ...] = ()
    reservations: tuple[Reservation, ...] = ()
    extensions: tuple[Extension, ...] = ()


@dataclass(frozen=True, slots=True)
class Pending:
    """Silence runs; nobody has broken it."""

    proposal: Digest
    silence_ends_utc: datetime
    heard: Heard


@dataclass(frozen=True, slots=True)
class Extended:
    """Silence runs longer than announced, because the chair extended it."""

    proposal: Digest
    silence_ends_utc: datetime
    heard: Heard


@dataclass(frozen=True, slots=True)
class Broken:
    """At least one nation broke silence in time. Only a new proposal can go on."""

    proposal: Digest
    by: tuple[str, ...]
    heard: Heard


@dataclass(frozen=True, slots=True)
class Superseded:
    """The chair put an amended proposal in its place before silence ended."""

    proposal: Digest
    successor: Digest
    heard: Heard


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """At least one nation has withdrawn."""

    proposal: Digest
    by: tuple[str, ...]
    heard: Heard


@dataclass(frozen=True, slots=True)
class AwaitingSignatures:
    """Silence held; the consent of these nations' agents is not there yet."""

    proposal: Digest
    silence_ended_utc: datetime
    missing: tuple[str, ...]
    heard: Heard


@dataclass(frozen=True, slots=True)
class Agreed:
    """Silence held and every nation has signed exactly these bytes. Only `decide` makes one."""

    proposal: Digest
    subject: Digest
    silence_ended_utc: datetime
    evidence: tuple[Consent, ...]
    heard: Heard


Decision: TypeAlias = (
    Pending | Extended | Broken | Superseded | Withdrawn | AwaitingSignatures | Agreed
)


def decide(
    proposal: Proposal,
    voices: Iterable[Voice],
    consents: Consents | None,
    now_utc: datetime,
    *,
    successors: Iterable[Proposal] = (),
    withdrawals: Iterable[Withdrawal] = (),
) -> Decision:
    """The outcome of *proposal* as far as it is known at *now_utc*.

    Args:
        proposal: As its chair signed it.
        voices: Heard by :func:`delian.approve.voices.hear`, in any order and number.
        consents: Counted over the proposed bytes, or None before there are any.
        now_utc: The reader's own clock.
        successors: Proposals of the same chair; those that amend this one end it.
        withdrawals: Withdrawals of the proposed bytes.

    Guarantees:
        The order and repetition of events change nothing. An event whose own time is later
        than *now_utc* changes nothing yet. A voice after the end of silence changes nothing.
        Assent never shortens silence. A broken, superseded or withdrawn proposal never becomes
        agreed, whatever is added and however late it is. ``Agreed`` needs N distinct nations
        and N distinct raw keys (``tests/property/test_approve_laws.py``).
    """
    known = _known(proposal, voices, now_utc)
    extensions = _effective(proposal, known)
    ends_utc = silence_end(proposal, extensions)
    heard = _heard(proposal, known, extensions, ends_utc)
    if heard.breaking:
        by = tuple(sorted({voice.said.speaker for voice in heard.breaking}))
        return Broken(proposal.id, by, heard)
    successor = _successor(proposal, successors, min(ends_utc, now_utc))
    if successor is not None:
        return Superseded(proposal.id, successor, heard)
    past = (w for w in withdrawals if w.at_utc <= now_utc and w.round_id == proposal.round_id)
    withdrawn = withdrawn_by(proposal.subject, past, proposal.nations)
    if withdrawn:
        return Withdrawn(proposal.id, withdrawn, heard)
    if now_utc <= ends_utc:
        return (Extended if extensions else Pending)(proposal.id, ends_utc, heard)
    missing = who_is_missing(proposal, consents)
    if consents is None or missing:
        return AwaitingSignatures(proposal.id, ends_utc, missing, heard)
    evidence = tuple(c for c in consents.given if c.nation in proposal.nations)
    return Agreed(proposal.id, proposal.subject, ends_utc, evidence, heard)


def _order(voice: Voice) -> tuple[datetime, str, Digest]:
    return voice.said.at_utc, voice.said.speaker, voice.id


def _known(proposal: Proposal, voices: Iterable[Voice], now_utc: datetime) -> tuple[Voice, ...]:
    """Voices about this proposal that have been said by now, each once."""
    about = {v for v in voices if v.said.at_utc <= now_utc and v.said.is_about(proposal)}
    return tuple(sorted(about, key=_order))


def _effective(proposal: Proposal, known: Iterable[Voice]) -> tuple[Extension, ...]:
    """The chair's extensions that take effect, at most one per number.

    Number k must be said before the silence ends that number k - 1 left, and must lie later.
    Of two with one number the later end counts, so that no event ever brings the end nearer.
    """
    said = [v for v in known if isinstance(v, Extension) and v.said.speaker == proposal.chair]
    ends_utc = proposal.silence_ends_utc
    found: list[Extension] = []
    for number in range(1, proposal.extension_limit + 1):
        fit = [
            e
            for e in said
            if e.number == number and e.said.at_utc <= ends_utc and e.until_utc > ends_utc
        ]
        if fit:
            best = max(fit, key=lambda e: (e.until_utc, _order(e)))
            found.append(best)
            ends_utc = best.until_utc
    return tuple(found)


def silence_end(proposal: Proposal, extensions: tuple[Extension, ...]) -> datetime:
    """The last moment of silence after the *extensions* that took effect."""
    return extensions[-1].until_utc if extensions else proposal.silence_ends_utc


def _heard(
    proposal: Proposal,
    known: tuple[Voice, ...],
    extensions: tuple[Extension, ...],
    ends_utc: datetime,
) -> Heard:
    timely = [v for v in known if v.said.at_utc <= ends_utc and v.said.speaker in proposal.nations]
    return Heard(
        breaking=tuple(
            v
            for v in timely
            if isinstance(v, Objection | Amendment)
            or (isinstance(v, ProcedureRejection) and v.said.at_utc <= proposal.reject_until_utc)
        ),
        assents=tuple(v for v in timely if isinstance(v, EarlyAssent)),
        requests=tuple(v for v in timely if isinstance(v, TimeRequest)),
        reservations=tuple(v for v in timely if isinstance(v, Reservation)),
        extensions=extensions,
    )


def _successor(
    proposal: Proposal, successors: Iterable[Proposal], until_utc: datetime
) -> Digest | None:
    """The first proposal of the same chair that amends this one before silence ended."""
    found = [
        (other.opened_utc, other.id)
        for other in successors
        if other.amends == proposal.id
        and (other.chair, other.round_id) == (proposal.chair, proposal.round_id)
        and other.opened_utc <= until_utc
    ]
    return min(found)[1] if found else None
