"""A release passes when it is whole, and every way to break it is refused by the right check."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from delian.approve.mandate import Mandate
from delian.crypto.dsse import sign
from delian.release.bundle import mandate_name, release_folder
from delian.release.errors import VerifyError
from delian.release.report import Outcome
from delian.release.repository import freshen, publish, rotate
from delian.release.roots import RosterPin, make_root, sign_root
from delian.release.statement import PAYLOAD_TYPE
from delian.release.verify import RECIPE, verify
from tests.release_cases import CASES, Case, base
from tests.release_world import (
    NOW,
    OFFICE,
    VALID,
    Released,
    finish,
    key,
    released,
    root_plan,
)


def test_a_whole_release_passes_every_check() -> None:
    r = base()
    report = verify(r.folder, r.root, now_utc=NOW, state=b"", is_deep=True)
    assert [c.outcome for c in report.checks] == [Outcome.PASSED] * len(RECIPE)
    assert [c.number for c in report.checks] == list(range(1, len(RECIPE) + 1))
    assert report.ok and report.seen
    report.raise_for_failure()


def test_thirty_two_nations_pass_and_thirty_one_do_not() -> None:
    r = released()
    assert verify(r.folder, r.root, now_utc=NOW, state=b"").ok
    codes = r.world.nations[:-1]
    envelope = sign(PAYLOAD_TYPE, r.statement.to_wire(), r.world.agents(codes))
    made = finish(r.world, r.statement, r.package, envelope=envelope)
    report = verify(made.folder, made.root, now_utc=NOW, state=b"")
    (failure,) = report.failures
    assert failure.name == "consent"
    assert failure.detail == f"31 of 32 nations signed; missing: {r.world.nations[-1]}"


@pytest.mark.parametrize("build", CASES, ids=lambda b: b.__name__)
def test_a_broken_release_is_refused(build: Callable[[Released], Case]) -> None:
    case = build(base())
    options = {"now_utc": NOW, "state": b"", **case.options}
    report = verify(case.folder, case.root, **options)
    assert not report.ok
    assert report.failures[0].name == case.first_failure, report.lines()
    assert report.seen is None
    with pytest.raises(VerifyError) as caught:
        report.raise_for_failure()
    assert caught.value.exit_code == 3


def test_all_problems_are_reported_and_the_first_decides() -> None:
    r = base()
    data = r.folder["demand.csv"] + b"x"
    late = NOW + timedelta(days=500)
    report = verify({**r.folder, "demand.csv": data}, r.root, now_utc=late, round_id="other")
    names = [c.name for c in report.failures]
    assert names[0] == "timestamp"
    assert {"files", "round"} <= set(names)


def test_without_state_the_report_says_that_rollback_was_not_checked() -> None:
    r = base()
    report = verify(r.folder, r.root, now_utc=NOW)
    assert report.ok and report.seen is None
    assert "rollback not checked: no state was given" in report.notes


def test_state_remembers_and_refuses_what_is_older() -> None:
    r = base()
    newer = freshen(r.repository, OFFICE.online, NOW + timedelta(days=500))
    first = verify(release_folder(r.papers, newer), r.root, now_utc=NOW, state=b"")
    again = verify(release_folder(r.papers, newer), r.root, now_utc=NOW, state=first.seen)
    assert again.ok and again.seen == first.seen
    back = verify(r.folder, r.root, now_utc=NOW, state=first.seen)
    assert [c.name for c in back.failures] == ["rollback"]


def test_as_of_a_date_proves_nothing_about_today() -> None:
    r = base()
    late = NOW + timedelta(days=800)
    assert not verify(r.folder, r.root, now_utc=late).ok
    report = verify(r.folder, r.root, now_utc=late, at_utc=NOW, state=b"")
    assert report.ok and report.seen is None
    assert any("not proof of currency" in note for note in report.notes)


def test_a_rotated_root_is_followed_and_its_recovery_is_printed() -> None:
    r = base()
    pins = {1: RosterPin(r.world.roster.digest, ("FRA/agent",))}
    plan = root_plan(r.world, 2, rosters=pins)
    root = sign_root(make_root(plan), r.world.officers().values())
    rotated = rotate(r.repository, root, OFFICE, VALID)
    report = verify(release_folder(r.papers, rotated), r.root, now_utc=NOW, state=b"")
    assert report.ok, report.lines()
    assert any("FRA/agent" in note for note in report.notes)


def test_a_second_release_leaves_the_first_one_valid() -> None:
    r = base()
    repository = publish(r.repository, "2026-A-e2", {"other.txt": b"x"}, OFFICE, VALID)
    folder = {**r.folder, **release_folder({}, repository)}
    assert verify(folder, r.root, now_utc=NOW, state=b"").ok


def test_a_stand_in_signs_and_the_own_agent_no_longer_counts() -> None:
    r = base()
    holder, stand_in = r.world.nations[1], r.world.nations[2]
    made_for_it = key("stand-in")
    mandate = Mandate("2026-A", r.world.terms.digest, holder, stand_in, made_for_it.public, NOW)
    paper = mandate.signed(r.world.officer(holder))
    statement = replace(r.statement, mandates=(mandate.id,))
    others = [c for c in r.world.nations if c != holder]
    keys = {**r.world.agents(others), mandate.keyid: made_for_it}
    extra = {mandate_name(holder): paper.to_wire()}
    good = sign(PAYLOAD_TYPE, statement.to_wire(), keys)
    made = finish(r.world, statement, r.package, envelope=good, extra=extra)
    report = verify(made.folder, made.root, now_utc=NOW, state=b"")
    assert report.ok, report.lines()
    assert any(f"{stand_in} signed for {holder}" in note for note in report.notes)
    own = sign(PAYLOAD_TYPE, statement.to_wire(), r.world.agents())
    made = finish(r.world, statement, r.package, envelope=own, extra=extra)
    assert [c.name for c in verify(made.folder, made.root, now_utc=NOW).failures] == ["consent"]


def test_a_mandate_that_is_listed_but_absent_is_noticed() -> None:
    r = base()
    statement = replace(r.statement, mandates=("sha256:" + "0" * 64,))
    made = finish(r.world, statement, r.package)
    report = verify(made.folder, made.root, now_utc=NOW)
    assert [c.name for c in report.failures] == ["consent"]


def test_malformed_state_is_a_failed_check() -> None:
    r = base()
    report = verify(r.folder, r.root, now_utc=NOW, state=b"{}")
    assert [c.name for c in report.failures] == ["rollback"]


def test_an_empty_folder_and_a_junk_root_fail_without_a_crash() -> None:
    assert verify({}, b"junk", now_utc=NOW).failures[0].name == "root"
    assert verify({}, base().root, now_utc=NOW).failures[0].name == "timestamp"


def test_the_report_says_what_and_why_in_text_and_plain() -> None:
    r = base()
    report = verify({}, r.root, now_utc=NOW)
    text = "\n".join(report.lines())
    assert "FAIL" in text and "why it matters" in text
    plain = report.to_plain()
    assert plain["format"] == "delian-verification" and plain["verified"] is False
    assert all(c["what"] and c["why"] for c in plain["checks"])
