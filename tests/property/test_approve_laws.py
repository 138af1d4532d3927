"""Laws of the silence procedure under time travel, against rules restated here.

Times are whole hours after opening; the announced end is hour 72, the window for rejecting the
procedure ends at hour 24, and the chair may extend twice.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from delian.approve import voices as v
from delian.approve.agent import CHECKS, Check, may_countersign
from delian.approve.consent import Consents, count_consents
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
from delian.approve.durations import Duration, expiry
from delian.approve.mandate import Mandate, StandInYes
from delian.approve.proposal import Proposal
from delian.approve.withdrawal import Withdrawal
from delian.crypto.dsse import Envelope, Signature, pae
from delian.terms.errors import DelianError
from tests.silence_world import ENDS, OPENED, STATEMENT_TYPE, SUBJECT, TERMS, World, seeded

WORLD = World(4)
PROPOSAL = WORLD.propose()
SPEAKERS = (*WORLD.nations, "SEC", "XXX")
ALL = count_consents(WORLD.consent(), WORLD.nations, WORLD.resolve)
PARTS = [
    count_consents(WORLD.consent(WORLD.nations[:i]), WORLD.nations, WORLD.resolve) for i in range(5)
]


@dataclass(frozen=True)
class Event:
    """A voice in the oracle's own words."""

    kind: str
    who: str
    hour: int
    number: int = 0
    until: int = 0
    mine: bool = True

    def real(self) -> v.Voice:
        about = PROPOSAL if self.mine else WORLD.propose(b"other")
        said = v.Said.about(about, self.who, OPENED + timedelta(hours=self.hour))
        if self.kind == "extension":
            until = OPENED + timedelta(hours=self.until)
            return v.Extension(said, "x", self.number, until)
        kinds = {
            "objection": v.Objection,
            "rejection": v.ProcedureRejection,
            "amendment": v.Amendment,
            "assent": v.EarlyAssent,
            "request": v.TimeRequest,
            "reservation": v.Reservation,
        }
        return kinds[self.kind](said, "x")


HOURS = st.sampled_from([0, 1, 23, 24, 25, 70, 71, 72, 73, 80, 95, 96, 97, 110, 130])
PLAIN = ["objection", "rejection", "amendment", "assent", "request", "reservation"]
EVENTS = st.builds(
    Event,
    st.sampled_from(PLAIN),
    st.sampled_from(SPEAKERS),
    HOURS,
    mine=st.sampled_from([True, True, False]),
) | st.builds(
    Event,
    st.just("extension"),
    st.sampled_from(["SEC", "SEC", "SEC", "NAA"]),
    HOURS,
    st.integers(1, 3),
    HOURS,
)
SCRIPTS = st.lists(EVENTS, max_size=7)


def oracle_end(script: Iterable[Event], now: int) -> int:
    end = 72
    for number in (1, 2):
        offers = [
            e.until
            for e in script
            if e.kind == "extension"
            and e.mine
            and e.who == "SEC"
            and e.number == number
            and e.hour <= min(end, now)
        ]
        end = max([end, *offers])
    return end


def oracle(script: list[Event], signed: int, now: int) -> str:
    end = oracle_end(script, now)
    for e in script:
        if not e.mine or e.who not in ("NAA", "NAB", "NAC", "NAD") or e.hour > min(end, now):
            continue
        if e.kind in ("objection", "amendment") or (e.kind == "rejection" and e.hour <= 24):
            return "broken"
    if now <= end:
        return "silence"
    return "agreed" if signed == 4 else "signatures"


def run(
    script: Iterable[Event], now: int, consents: Consents | None = ALL, seconds: int = 0
) -> Decision:
    at = OPENED + timedelta(hours=now, seconds=seconds)
    return decide(PROPOSAL, [e.real() for e in script], consents, at)


NAMES = {
    Broken: "broken",
    Pending: "silence",
    Extended: "silence",
    AwaitingSignatures: "signatures",
    Agreed: "agreed",
}


@settings(max_examples=200, deadline=None)
@given(SCRIPTS, st.integers(0, 4), st.integers(0, 140))
def test_the_decision_is_that_of_the_rules(script: list[Event], signed: int, now: int) -> None:
    decision = run(script, now, PARTS[signed])
    assert NAMES[type(decision)] == oracle(script, signed, now)
    if isinstance(decision, Pending | Extended):
        end = oracle_end(script, now)
        assert decision.silence_ends_utc == OPENED + timedelta(hours=end)
        assert isinstance(decision, Extended) is (end > 72)
    if isinstance(decision, AwaitingSignatures):
        assert decision.missing == WORLD.nations[signed:]


@settings(max_examples=80, deadline=None)
@given(SCRIPTS, st.integers(0, 140), st.randoms())
def test_order_and_repetition_change_nothing(script: list[Event], now: int, rng: object) -> None:
    again = [*script, *script[::2]]
    rng.shuffle(again)  # type: ignore[attr-defined]
    assert run(again, now) == run(script, now)


@settings(max_examples=80, deadline=None)
@given(
    SCRIPTS,
    SCRIPTS,
    st.sampled_from(["objection", "amendment", "rejection"]),
    st.integers(0, 24),
    st.integers(24, 140),
    st.integers(0, 40),
)
def test_broken_stays_broken(
    script: list[Event], more: list[Event], kind: str, hour: int, now: int, later: int
) -> None:
    script = [*script, Event(kind, "NAB", hour)]
    first = run(script, now)
    assert isinstance(first, Broken)
    after = run([*script, *more], now + later)
    assert isinstance(after, Broken)
    assert set(first.by) <= set(after.by)


@settings(max_examples=80, deadline=None)
@given(SCRIPTS, SCRIPTS, st.integers(0, 140))
def test_no_event_brings_the_end_nearer(script: list[Event], more: list[Event], now: int) -> None:
    before, after = run(script, now), run([*script, *more], now)
    if isinstance(before, Pending | Extended):
        assert not isinstance(after, Agreed | AwaitingSignatures)
        if isinstance(after, Pending | Extended):
            assert after.silence_ends_utc >= before.silence_ends_utc


@settings(max_examples=60, deadline=None)
@given(SCRIPTS, st.integers(0, 140))
def test_the_future_changes_nothing_yet(script: list[Event], now: int) -> None:
    assert run(script, now) == run([e for e in script if e.hour <= now], now)


@settings(max_examples=60, deadline=None)
@given(SCRIPTS, st.sampled_from(PLAIN), st.sampled_from(WORLD.nations), st.integers(1, 50))
def test_whatever_is_said_after_the_end_changes_nothing(
    script: list[Event], kind: str, who: str, late: int
) -> None:
    end = oracle_end(script, 1000)
    now = end + 60
    assert run([*script, Event(kind, who, end + late)], now) == run(script, now)


@settings(max_examples=60, deadline=None)
@given(SCRIPTS, st.lists(st.sampled_from(WORLD.nations)), st.integers(0, 140))
def test_assent_changes_no_outcome(script: list[Event], who: list[str], now: int) -> None:
    plain = run(script, now)
    assented = run([*script, *(Event("assent", n, 0) for n in who)], now)
    assert type(assented) is type(plain)
    if isinstance(plain, Pending | Extended) and isinstance(assented, Pending | Extended):
        assert assented.silence_ends_utc == plain.silence_ends_utc


@settings(max_examples=60, deadline=None)
@given(SCRIPTS, st.integers(1, 2), HOURS, HOURS)
def test_a_nation_or_a_stranger_never_extends(
    script: list[Event], number: int, hour: int, until: int
) -> None:
    for who in (*WORLD.nations, "XXX"):
        forged = Event("extension", who, hour, number, until)
        assert run([*script, forged], 140) == run(script, 140)


@settings(max_examples=60, deadline=None)
@given(SCRIPTS, SCRIPTS, st.integers(0, 140), st.integers(0, 40), st.integers(0, 140))
def test_superseded_and_withdrawn_never_become_agreed(
    script: list[Event], more: list[Event], now: int, later: int, said: int
) -> None:
    at = OPENED + timedelta(hours=now)
    amended = WORLD.propose(b"b", opened_utc=OPENED + timedelta(hours=said), amends=PROPOSAL)
    gone = Withdrawal("round-1", PROPOSAL.subject, "NAB", 1, OPENED + timedelta(hours=said), "x")
    few, many = [e.real() for e in script], [e.real() for e in [*script, *more]]
    first = decide(PROPOSAL, few, ALL, at, successors=[amended])
    if isinstance(first, Superseded):
        after = decide(PROPOSAL, many, ALL, at + timedelta(hours=later), successors=[amended])
        assert isinstance(after, Superseded | Broken)
    first = decide(PROPOSAL, few, ALL, at, withdrawals=[gone])
    assert not isinstance(first, Agreed) or said > now
    if isinstance(first, Withdrawn):
        after = decide(PROPOSAL, many, ALL, at + timedelta(hours=later), withdrawals=[gone])
        assert isinstance(after, Withdrawn | Broken)


@settings(max_examples=60, deadline=None)
@given(SCRIPTS, st.integers(0, 140), st.sampled_from(WORLD.nations))
def test_an_agent_signs_only_where_the_rules_await_signatures(
    script: list[Event], now: int, nation: str
) -> None:
    checks = [Check(name, True) for name in CHECKS["release"]]
    at = OPENED + timedelta(hours=now)
    verdict = may_countersign(PROPOSAL, SUBJECT, nation, [e.real() for e in script], checks, at)
    own = [e for e in script if e.mine and e.who == nation and e.hour <= now]
    objects = any(e.kind in ("objection", "amendment", "rejection") for e in own)
    asked = [e.hour for e in own if e.kind == "request"]
    answered = [e.hour for e in own if e.kind == "assent"]
    if objects or oracle(script, 0, now) != "signatures":
        assert not verdict.allowed
    elif not asked or (answered and max(answered) >= max(asked)):
        assert verdict.allowed
    elif not any(e.kind == "extension" for e in script):
        assert not verdict.allowed


KEYS = [seeded(f"key {i}") for i in range(4)]


@settings(max_examples=80, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 3), st.booleans()), min_size=4, max_size=4),
    st.lists(st.integers(0, 3), min_size=4, max_size=4),
)
def test_agreement_means_as_many_keys_as_nations(
    signed: list[tuple[int, bool]], roster: list[int]
) -> None:
    message = pae(STATEMENT_TYPE, SUBJECT)
    envelope = Envelope(
        STATEMENT_TYPE,
        SUBJECT,
        tuple(
            Signature(f"{n}/agent", KEYS[k].sign(message) if honest else bytes(64))
            for n, (k, honest) in zip(WORLD.nations, signed, strict=True)
        ),
    )
    known = {f"{n}/agent": KEYS[k].public for n, k in zip(WORLD.nations, roster, strict=True)}
    consents = count_consents(envelope, WORLD.nations, known.get)
    valid = {roster[i] for i, (key, honest) in enumerate(signed) if honest and key == roster[i]}
    assert len(consents.nations) == len(valid)
    decision = decide(PROPOSAL, [], consents, ENDS + timedelta(seconds=1))
    assert isinstance(decision, Agreed) is (len(valid) == 4)


def oracle_expiry(opened: datetime, days: int, holidays: set[date]) -> datetime:
    """Walk minute by minute; only minutes of working days count."""
    left, at = days * 24 * 60, opened
    while left:
        if at.strftime("%a") not in ("Sat", "Sun") and at.date() not in holidays:
            left -= 1
        at += timedelta(minutes=1)
    return at


@settings(max_examples=25, deadline=None)
@given(
    st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1)),
    st.integers(1, 4),
    st.sets(st.integers(0, 12), max_size=5),
)
def test_working_days_are_minutes_of_working_days(
    opened: datetime, days: int, offsets: set[int]
) -> None:
    at = opened.replace(second=0, microsecond=0, tzinfo=UTC)
    holidays = {at.date() + timedelta(days=o) for o in offsets}
    ends = expiry(at, Duration(days, "working days"), holidays)
    assert ends == oracle_expiry(at, days, holidays)
    assert ends >= expiry(at, Duration(days, "working days")) >= at + timedelta(days=days)
    assert expiry(at, Duration(days, "hours"), holidays) == at + timedelta(hours=days)


GENUINE: list[bytes] = [
    PROPOSAL.to_wire(),
    Withdrawal("r", TERMS, "NAA", 1, OPENED, "why").to_wire(),
    Mandate("r", TERMS, "NAA", "NAB", KEYS[0].public, ENDS).to_wire(),
    StandInYes("r", TERMS, TERMS, "NAA").to_wire(),
    Event("objection", "NAA", 1).real().to_wire(),
    Event("amendment", "NAA", 1).real().to_wire(),
    Event("extension", "SEC", 1, 1, 96).real().to_wire(),
]


@st.composite
def mangled(draw: st.DrawFn) -> bytes:
    data = bytearray(draw(st.sampled_from(GENUINE)))
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, len(data)))
        data[at : at + draw(st.integers(0, 3))] = draw(
            st.binary(max_size=3) | st.sampled_from([b'"', b"9" * 30, b"[", b"{}", b"null", b"\\u"])
        )
    return bytes(data)


@settings(max_examples=250, deadline=None)
@given(mangled() | st.binary(max_size=100))
def test_parsers_raise_nothing_but_our_errors_and_accept_one_spelling(data: bytes) -> None:
    parsers = [Proposal.from_wire, Withdrawal.from_wire, Mandate.from_wire, StandInYes.from_wire]
    parsers += [lambda d, k=k: v.from_wire(k, d) for k in v.KINDS]
    for parser in parsers:
        try:
            document = parser(data)
        except DelianError:
            continue
        assert document.to_wire() == data
