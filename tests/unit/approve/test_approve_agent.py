"""When an agent signs, and every reason for which it does not."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from delian.approve.agent import CHECKS, Check, Verdict, may_countersign, may_stand_in
from delian.approve.mandate import Mandate, StandInYes
from delian.approve.proposal import Proposal
from delian.approve.voices import (
    Amendment,
    EarlyAssent,
    Extension,
    Objection,
    ProcedureRejection,
    Said,
    TimeRequest,
    Voice,
)
from delian.approve.withdrawal import Withdrawal
from tests.silence_world import ENDS, OPENED, SUBJECT, TERMS, World, seeded

WORLD = World(4)
PROPOSAL = WORLD.propose()
AFTER = ENDS + timedelta(seconds=1)
HOUR = timedelta(hours=1)
GOOD = tuple(Check(name, True) for name in CHECKS["release"])
MANDATE = Mandate("round-1", TERMS, "NAA", "NAB", seeded("stand-in").public, ENDS)
MANDATED = WORLD.propose(mandates=(MANDATE.id,))
YES = StandInYes("round-1", MANDATED.subject, MANDATE.id, "NAA")


def ask(
    *voices: Voice,
    checks: tuple[Check, ...] = GOOD,
    now: datetime = AFTER,
    subject: bytes = SUBJECT,
    nation: str = "NAA",
    proposal: Proposal = PROPOSAL,
) -> Verdict:
    return may_countersign(proposal, subject, nation, voices, checks, now)


def said(hours: float, speaker: str = "NAA", proposal: Proposal = PROPOSAL) -> Said:
    return Said.about(proposal, speaker, OPENED + hours * HOUR)


def test_silence_held_and_all_checks_held() -> None:
    assert ask() == Verdict(True, ())


@pytest.mark.parametrize("name", CHECKS["release"])
def test_a_failed_or_absent_check_stops_the_agent(name: str) -> None:
    failed = tuple(Check(c.name, c.name != name, "differs") for c in GOOD)
    assert ask(checks=failed) == Verdict(False, (f"{name}: differs",))
    absent = tuple(c for c in GOOD if c.name != name)
    assert ask(checks=absent) == Verdict(False, (f"{name}: was not checked",))
    assert not ask(checks=(*failed, Check(name, True))).allowed
    assert not ask(checks=(*GOOD, Check(name, True))).allowed


def test_no_checks_at_all_and_unknown_checks_stop_the_agent() -> None:
    assert len(ask(checks=()).reasons) == len(CHECKS["release"]) == 11
    assert not ask(checks=(*GOOD, Check("luck", True))).allowed


@pytest.mark.parametrize("now", [OPENED, ENDS - HOUR, ENDS])
def test_never_before_the_end_not_even_after_assent(now: datetime) -> None:
    assert not ask(now=now).allowed
    assert not ask(EarlyAssent(said(0), ""), now=now).allowed


@pytest.mark.parametrize("hours", [1, 72, 72.0001])
@pytest.mark.parametrize("kind", [Objection, Amendment, ProcedureRejection])
def test_the_own_officers_no_holds_even_when_it_is_late(kind: type, hours: float) -> None:
    verdict = ask(kind(said(hours), "no"), now=ENDS + HOUR)
    assert not verdict.allowed
    assert "the officer of NAA objects" in verdict.reasons


def test_anothers_objection_holds_only_in_time() -> None:
    assert not ask(Objection(said(72, "NAB"), "no")).allowed
    assert ask(Objection(said(72.0001, "NAB"), "no"), now=ENDS + HOUR).allowed


def test_a_request_for_time_waits_for_an_answer() -> None:
    asked = TimeRequest(said(10), "please")
    longer = Extension(said(12, "SEC"), "granted", 1, ENDS + 24 * HOUR)
    earlier = Extension(said(9, "SEC"), "before the request", 1, ENDS + 24 * HOUR)
    late = ENDS + 25 * HOUR
    assert not ask(asked).allowed
    assert not ask(asked, EarlyAssent(said(9), "")).allowed
    assert ask(asked, EarlyAssent(said(11), "")).allowed
    assert ask(asked, EarlyAssent(said(80), "now we are ready"), now=late).allowed
    assert not ask(asked, longer).allowed
    assert ask(asked, longer, now=late).allowed
    assert not ask(asked, earlier, now=late).allowed
    assert not ask(asked, EarlyAssent(said(11, "NAB"), "")).allowed
    assert ask(asked, nation="NAB").allowed
    again = TimeRequest(said(20), "and once more")
    assert not ask(asked, again, EarlyAssent(said(15), "")).allowed
    assert ask(asked, again, EarlyAssent(said(20), "")).allowed


def test_other_bytes_and_other_nations() -> None:
    assert not ask(subject=b"other").allowed
    assert not ask(nation="XXX").allowed


def test_superseded_and_withdrawn() -> None:
    amended = WORLD.propose(b"other", opened_utc=OPENED + HOUR, amends=PROPOSAL)
    args = (PROPOSAL, SUBJECT, "NAA", (), GOOD, AFTER)
    assert not may_countersign(*args, successors=[amended]).allowed
    gone = Withdrawal("round-1", PROPOSAL.subject, "NAB", 1, ENDS, "wrong")
    assert not may_countersign(*args, withdrawals=[gone]).allowed


def test_the_own_agent_does_not_sign_while_a_mandate_runs() -> None:
    verdict = may_countersign(MANDATED, SUBJECT, "NAA", (), GOOD, AFTER, mandates={"NAA": MANDATE})
    assert verdict == Verdict(False, ("a stand-in signs for NAA in this round",))
    assert may_countersign(
        MANDATED, SUBJECT, "NAB", (), GOOD, AFTER, mandates={"NAA": MANDATE}
    ).allowed


def test_the_stand_in_needs_a_yes_for_exactly_these_bytes() -> None:
    assert may_stand_in(MANDATED, SUBJECT, MANDATE, YES, (), AFTER).allowed
    wrong = [
        None,
        replace(YES, subject=TERMS),
        replace(YES, mandate=TERMS),
        replace(YES, holder="NAC"),
        replace(YES, round_id="round-2"),
    ]
    for yes in wrong:
        assert not may_stand_in(MANDATED, SUBJECT, MANDATE, yes, (), AFTER).allowed


def test_the_stand_in_keeps_to_its_mandate_and_to_silence() -> None:
    assert not may_stand_in(MANDATED, b"other", MANDATE, YES, (), AFTER).allowed
    assert not may_stand_in(MANDATED, SUBJECT, MANDATE, YES, (), ENDS).allowed
    ended = replace(MANDATE, expires_utc=ENDS - HOUR)
    listed = WORLD.propose(mandates=(ended.id,))
    yes = replace(YES, mandate=ended.id)
    assert not may_stand_in(listed, SUBJECT, ended, yes, (), AFTER).allowed
    assert not may_stand_in(PROPOSAL, SUBJECT, MANDATE, YES, (), AFTER).allowed
    for voice in (
        Objection(said(80, "NAA", MANDATED), "stop"),
        Objection(said(1, "NAC", MANDATED), "no"),
        TimeRequest(said(1, "NAA", MANDATED), "please"),
    ):
        assert not may_stand_in(MANDATED, SUBJECT, MANDATE, YES, (voice,), ENDS + 10 * HOUR).allowed


@pytest.mark.parametrize("matter", ["terms", "closing", "roster"])
def test_every_matter_has_its_checks(matter: str) -> None:
    proposal = replace(
        PROPOSAL,
        matter=matter,
        terms=None if matter == "roster" else PROPOSAL.subject,
    )
    good = tuple(Check(name, True) for name in CHECKS[matter])  # type: ignore[index]
    assert ask(checks=good, proposal=proposal).allowed
    assert not ask(checks=good[1:], proposal=proposal).allowed
    assert not ask(checks=GOOD, proposal=proposal).allowed
