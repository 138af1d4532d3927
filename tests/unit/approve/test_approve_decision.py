"""One procedure from opening to agreement, and every way it can go otherwise."""

from dataclasses import replace
from datetime import timedelta

import pytest

from delian.approve.consent import count_consents
from delian.approve.decision import (
    Agreed,
    AwaitingSignatures,
    Broken,
    Extended,
    Pending,
    Superseded,
    Withdrawn,
    decide,
)
from delian.approve.voices import (
    Amendment,
    EarlyAssent,
    Extension,
    Objection,
    ProcedureRejection,
    Reservation,
    Said,
    TimeRequest,
    Voice,
)
from delian.approve.withdrawal import Withdrawal
from delian.terms.encode import digest
from tests.silence_world import ENDS, OPENED, SUBJECT, World

WORLD = World(32)
PROPOSAL = WORLD.propose()
ALL = count_consents(WORLD.consent(), WORLD.nations, WORLD.resolve)
SECOND = timedelta(seconds=1)
HOUR = timedelta(hours=1)


def said(hours: float, speaker: str = "NAA") -> Said:
    return Said.about(PROPOSAL, speaker, OPENED + hours * HOUR)


def extension(hours: float, until: float, number: int = 1, speaker: str = "SEC") -> Extension:
    return Extension(said(hours, speaker), "more time", number, OPENED + until * HOUR)


def test_silence_then_signatures_then_agreement() -> None:
    assert isinstance(decide(PROPOSAL, [], None, OPENED), Pending)
    assert isinstance(decide(PROPOSAL, [], ALL, ENDS), Pending)
    waiting = decide(PROPOSAL, [], None, ENDS + SECOND)
    assert isinstance(waiting, AwaitingSignatures)
    assert waiting.missing == WORLD.nations
    agreed = decide(PROPOSAL, [], ALL, ENDS + SECOND)
    assert isinstance(agreed, Agreed)
    assert agreed.subject == digest(SUBJECT)
    assert agreed.silence_ended_utc == ENDS
    assert len({c.key for c in agreed.evidence}) == 32


def test_thirty_one_signatures_are_not_agreement() -> None:
    some = count_consents(WORLD.consent(WORLD.nations[1:]), WORLD.nations, WORLD.resolve)
    decision = decide(PROPOSAL, [], some, ENDS + SECOND)
    assert isinstance(decision, AwaitingSignatures)
    assert decision.missing == ("NAA",)
    other = count_consents(WORLD.consent(subject=b"other"), WORLD.nations, WORLD.resolve)
    assert isinstance(decide(PROPOSAL, [], other, ENDS + SECOND), AwaitingSignatures)


@pytest.mark.parametrize(
    ("voice", "stops"),
    [
        (Objection(said(0), "no"), True),
        (Objection(said(72), "no"), True),
        (Objection(said(72.001), "no"), False),
        (Amendment(said(72), "so"), True),
        (Amendment(said(72.001), "so"), False),
        (ProcedureRejection(said(24), "not by silence"), True),
        (ProcedureRejection(said(24.001), "not by silence"), False),
        (Objection(said(1, "SEC"), "no"), False),
        (Objection(said(1, "XXX"), "no"), False),
        (Objection(replace(said(1), round_id="round-2"), "no"), False),
        (Objection(replace(said(1), proposal=digest(b"x")), "no"), False),
        (Objection(replace(said(1), subject=digest(b"x")), "no"), False),
        (TimeRequest(said(1), "please"), False),
        (Reservation(said(1), "but"), False),
        (EarlyAssent(said(1), ""), False),
    ],
    ids=lambda v: v.kind if hasattr(v, "kind") else str(v),
)
def test_what_breaks_silence_and_what_does_not(voice: Voice, stops: bool) -> None:
    decision = decide(PROPOSAL, [voice], ALL, ENDS + HOUR)
    assert isinstance(decision, Broken) is stops
    assert isinstance(decision, Agreed) is not stops
    if isinstance(decision, Broken):
        assert decision.by == ("NAA",)
        assert decision.heard.breaking == (voice,)


def test_silence_is_broken_at_once_and_every_breaker_is_named() -> None:
    voices = [Objection(said(3, "NAC"), "no"), Amendment(said(2, "NAB"), "so")]
    decision = decide(PROPOSAL, voices, None, OPENED + 2 * HOUR)
    assert isinstance(decision, Broken)
    assert decision.by == ("NAB",)
    later = decide(PROPOSAL, voices, None, OPENED + 3 * HOUR)
    assert isinstance(later, Broken)
    assert later.by == ("NAB", "NAC")


def test_an_event_of_the_future_changes_nothing_yet() -> None:
    voices = [Objection(said(3), "no")]
    assert isinstance(decide(PROPOSAL, voices, None, OPENED + 2 * HOUR), Pending)


def test_assent_of_all_never_shortens() -> None:
    voices = [EarlyAssent(said(1, n), "") for n in WORLD.nations]
    decision = decide(PROPOSAL, voices, ALL, ENDS)
    assert isinstance(decision, Pending)
    assert decision.silence_ends_utc == ENDS
    assert len(decision.heard.assents) == 32
    assert isinstance(decide(PROPOSAL, voices, ALL, ENDS + SECOND), Agreed)


def test_an_objection_after_the_own_assent_still_breaks() -> None:
    voices: list[Voice] = [EarlyAssent(said(1), ""), Objection(said(2), "on second thought")]
    assert isinstance(decide(PROPOSAL, voices, ALL, ENDS + SECOND), Broken)


def test_the_chair_extends_and_objections_in_the_new_time_count() -> None:
    longer = extension(71, 96)
    decision = decide(PROPOSAL, [longer], None, ENDS + SECOND)
    assert isinstance(decision, Extended)
    assert decision.silence_ends_utc == OPENED + 96 * HOUR
    assert decision.heard.extensions == (longer,)
    late = Objection(said(95), "no")
    assert isinstance(decide(PROPOSAL, [longer, late], ALL, OPENED + 97 * HOUR), Broken)
    assert isinstance(decide(PROPOSAL, [late], ALL, OPENED + 97 * HOUR), Agreed)


@pytest.mark.parametrize(
    ("voices", "ends"),
    [
        ([extension(72, 96)], 96),
        ([extension(72.001, 96)], 72),
        ([extension(1, 72)], 72),
        ([extension(1, 48)], 72),
        ([extension(1, 96, speaker="NAA")], 72),
        ([extension(1, 96, number=2)], 96),
        ([extension(1, 96, number=3)], 72),
        ([extension(1, 96), extension(90, 120, number=2)], 120),
        ([extension(1, 96), extension(97, 120, number=2)], 96),
        ([extension(1, 96), extension(2, 90, number=2)], 96),
        ([extension(1, 96), extension(2, 100)], 100),
        ([extension(1, 96), extension(2, 120, number=2), extension(3, 150, number=3)], 120),
    ],
)
def test_only_the_chair_only_forward_only_in_time_only_so_often(
    voices: list[Voice], ends: float
) -> None:
    expected = OPENED + ends * HOUR
    now = expected
    assert decide(PROPOSAL, voices, None, now).__class__ in (Pending, Extended)
    assert isinstance(decide(PROPOSAL, voices, ALL, now + SECOND), Agreed)


def test_an_amended_proposal_ends_the_old_one() -> None:
    amended = WORLD.propose(b"other", opened_utc=OPENED + HOUR, amends=PROPOSAL)
    decision = decide(PROPOSAL, [], ALL, ENDS + SECOND, successors=[amended])
    assert isinstance(decision, Superseded)
    assert decision.successor == amended.id
    assert isinstance(decide(PROPOSAL, [], None, OPENED, successors=[amended]), Pending)
    for other in (
        WORLD.propose(b"other", opened_utc=ENDS + SECOND, amends=PROPOSAL),
        WORLD.propose(b"other", opened_utc=OPENED + HOUR),
        WORLD.propose(b"other", opened_utc=OPENED + HOUR, amends=WORLD.propose(b"third")),
        WORLD.propose(b"other", opened_utc=OPENED + HOUR, amends=PROPOSAL, chair="OTH"),
        WORLD.propose(b"other", opened_utc=OPENED + HOUR, amends=PROPOSAL, round_id="r2"),
    ):
        assert isinstance(decide(PROPOSAL, [], ALL, ENDS + SECOND, successors=[other]), Agreed)


def test_one_nation_withdraws_at_any_time() -> None:
    made = Withdrawal("round-1", PROPOSAL.subject, "NAB", 1, ENDS + HOUR, "wrong")
    decision = decide(PROPOSAL, [], ALL, ENDS + 2 * HOUR, withdrawals=[made])
    assert isinstance(decision, Withdrawn)
    assert decision.by == ("NAB",)
    assert isinstance(decide(PROPOSAL, [], ALL, ENDS + SECOND, withdrawals=[made]), Agreed)
    for other in (
        replace(made, subject=digest(b"x")),
        replace(made, nation="XXX"),
        replace(made, round_id="round-2"),
    ):
        assert isinstance(decide(PROPOSAL, [], ALL, ENDS + 2 * HOUR, withdrawals=[other]), Agreed)


def test_reservations_and_requests_are_kept_beside_the_decision() -> None:
    voices: list[Voice] = [
        Reservation(said(5, "NAB"), "as we read it"),
        TimeRequest(said(4), "please"),
        Reservation(said(3, "NAC"), "likewise"),
        Reservation(said(73, "NAD"), "too late"),
    ]
    decision = decide(PROPOSAL, [*voices, *voices], ALL, ENDS + SECOND)
    assert isinstance(decision, Agreed)
    assert [r.said.speaker for r in decision.heard.reservations] == ["NAC", "NAB"]
    assert [r.said.speaker for r in decision.heard.requests] == ["NAA"]
