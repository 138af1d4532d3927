"""Tests written against planted faults: everything a verifier or an agent must refuse."""

from dataclasses import replace
from datetime import timedelta
from functools import cache

import pytest

from delian.crypto.dsse import document_type, sign
from delian.release.agent_check import OPENED_TYPE, Evidence, Margin, check_release
from delian.release.bundle import release_folder
from delian.release.currency import Seen, Versions, check_rollback
from delian.release.errors import CurrencyError
from delian.release.package import Edition, render
from delian.release.repository import publish, renew, withdraw
from delian.release.roots import sign_root
from delian.release.statement import PAYLOAD_TYPE
from delian.release.verify import verify
from delian.release.withdrawal import withdraw_release, withdrawals_of
from delian.terms.encode import canonical, parse
from tests.release_world import (
    MARKING,
    NOW,
    OFFICE,
    VALID,
    finish,
    key,
    make_statement,
    released_from,
    signed_root,
    world,
)


@cache
def small():
    return world(nations=5, items=3, years=2, tiers=1)


@cache
def package():
    return render(small().table, small().terms, Edition(1, MARKING))


@cache
def good():
    return released_from(small())


def failed(made, folder=None, **changes):
    """Names of the checks that fail."""
    asked = {"now_utc": NOW, "state": b"", **changes}
    report = verify(made.folder if folder is None else folder, made.root, **asked)
    assert report.ok == (not report.failures)
    return {check.name for check in report.failures}


def test_an_honest_release_passes_every_check():
    report = verify(good().folder, good().root, now_utc=NOW, state=b"", is_deep=True)
    assert report.ok
    assert {str(check.outcome) for check in report.checks} == {"passed"}
    assert report.seen


@pytest.mark.parametrize("absent", range(5))
def test_one_missing_nation_is_enough_to_refuse(absent):
    agents = small().agents()
    del agents[sorted(agents)[absent]]
    statement = make_statement(small(), package())
    made = finish(
        small(), statement, package(), envelope=sign(PAYLOAD_TYPE, statement.to_wire(), agents)
    )
    assert failed(made) == {"consent"}


def test_all_three_hosts_must_sign_the_table_that_the_statement_names():
    statement = make_statement(small(), package())
    for absent in small().hosts:
        two = {name: one for name, one in small().hosts.items() if name != absent}
        hosts = sign(OPENED_TYPE, small().table.bytes, two)
        assert "hosts" in failed(finish(small(), statement, package(), hosts=hosts))
    other = replace(small().table, run_id="ff" * 16)
    hosts = sign(OPENED_TYPE, other.bytes, small().hosts)
    assert "hosts" in failed(finish(small(), statement, package(), hosts=hosts))


def test_a_changed_missing_or_added_file_is_noticed_by_folder_and_by_consent():
    name = sorted(package())[0]
    bent = bytes([package()[name][0] ^ 1]) + package()[name][1:]
    assert failed(good(), {**good().folder, name: bent}) >= {"folder", "files"}
    assert "folder" in failed(good(), {**good().folder, "more.csv": b"x"})
    assert "folder" in failed(good(), {n: d for n, d in good().folder.items() if n != name})
    statement = make_statement(small(), package())
    listed = finish(small(), statement, {**package(), name: bent})
    assert failed(listed) >= {"files"}
    assert "folder" not in failed(listed)
    added = finish(small(), statement, package(), extra={"more.csv": b"x"})
    assert failed(added) == {"files"}


def test_metadata_expires_at_its_moment():
    end = VALID.timestamp_utc
    assert failed(good(), now_utc=end - timedelta(seconds=1)) == set()
    assert "timestamp" in failed(good(), now_utc=end)


def test_what_was_seen_newer_is_not_accepted_older():
    newer = renew(good().repository, OFFICE, VALID)
    folder = release_folder(good().papers, newer)
    seen = verify(folder, good().root, now_utc=NOW, state=b"").seen
    assert failed(good(), state=seen) == {"rollback"}
    assert failed(good(), folder, state=seen) == set()
    now = Versions(1, 5, 5, 5)
    check_rollback(now, now)
    for role in ("root", "timestamp", "snapshot", "targets"):
        with pytest.raises(CurrencyError):
            check_rollback(replace(now, **{role: getattr(now, role) + 1}), now)
    assert Seen.from_wire(seen).repositories


def test_one_nation_withdraws_and_nothing_hides_it():
    statement = good().statement
    document = withdraw_release(statement, "BEL", small().officer("BEL"), "error", NOW).to_wire()
    junk = b"{}"
    for pile in ([document], [junk, document, junk]):
        assert failed(good(), withdrawals=pile) == {"withdrawn"}
    inside = {**good().folder, "withdrawals/a.json": junk, "withdrawals/b.json": document}
    assert failed(good(), inside) == {"withdrawn"}
    found = withdrawals_of(statement, [junk, document], lambda keyid: key(keyid).public)
    assert [w.nation for w in found.withdrawals] == ["BEL"]
    assert found.strange == 1


def test_a_withdrawal_of_another_release_or_by_another_key_counts_for_nothing():
    statement = good().statement
    other = replace(statement, marking="OTHER")
    for document in (
        withdraw_release(other, "BEL", small().officer("BEL"), "error", NOW),
        withdraw_release(statement, "BEL", small().officer("CAN"), "error", NOW),
        withdraw_release(statement, "BEL", key("BEL/agent"), "error", NOW),
    ):
        assert failed(good(), withdrawals=[document.to_wire()]) == set()


def test_a_delisted_release_is_refused():
    gone = withdraw(good().repository, good().statement.release_id, {}, OFFICE, VALID)
    assert "folder" in failed(good(), release_folder(good().papers, gone))


def test_a_release_before_its_silence_ended_is_refused():
    statement = make_statement(small(), package(), silence_ends_utc=NOW + timedelta(seconds=1))
    assert failed(finish(small(), statement, package())) == {"silence"}


def test_another_round_or_audience_than_asked_is_refused():
    assert failed(good(), round_id="2026-B") == {"round"}
    assert failed(good(), audience="partners") == {"audience"}
    elsewhere = finish(small(), good().statement, package(), audience="partners")
    assert failed(elsewhere) == {"audience"}


def test_a_roster_that_the_root_does_not_pin_counts_for_nothing():
    """The whole alliance replaced by invented keys under the same version."""
    forged = replace(
        small().roster,
        parties=tuple(
            replace(
                party,
                keys={
                    p: key(f"forged {party.code}/{p}").public.to_wire()
                    if p in ("agent", "host-sign", "sign")
                    else wire
                    for p, wire in party.keys.items()
                },
            )
            for party in small().roster.parties
        ),
    )
    statement = make_statement(small(), package())
    agents = {name: key(f"forged {name}") for name in small().agents()}
    hosts = {name: key(f"forged {name}") for name in small().hosts}
    made = finish(
        small(),
        statement,
        package(),
        roster=forged,
        envelope=sign(PAYLOAD_TYPE, statement.to_wire(), agents),
        hosts=sign(OPENED_TYPE, small().table.bytes, hosts),
        terms=sign(
            document_type("terms"),
            canonical(small().terms.to_plain()),
            {"SEC/sign": key("forged SEC/sign")},
        ),
    )
    assert "roster" in failed(made)


def test_a_root_needs_two_thirds_of_its_officers_and_says_so():
    officers = list(small().officers().values())
    bare = parse(signed_root(small()))
    bare["signatures"] = []
    for count, refused in ((5, False), (4, False), (3, True), (1, True)):
        root = sign_root(canonical(bare), officers[:count])
        assert ("root" in failed(replace(good(), root=root))) == refused
    bare["signed"]["roles"]["root"]["threshold"] = 1
    low = sign_root(canonical(bare), officers)
    assert "root" in failed(replace(good(), root=low))


def test_metadata_under_a_strangers_key_is_refused():
    files = dict(good().folder)
    stamp = parse(files["metadata/timestamp.json"])
    stamp["signed"]["version"] += 1
    files["metadata/timestamp.json"] = canonical(stamp)
    assert "timestamp" in failed(good(), files)
    stamp["signatures"] = []
    files["metadata/timestamp.json"] = canonical(stamp)
    assert "timestamp" in failed(good(), files)


def evidence(**changes):
    w = small()
    statement = make_statement(w, package())
    fields = {
        "statement": statement,
        "files": package(),
        "hosts": good().hosts,
        "terms": w.terms,
        "marking": MARKING,
        "silence_ends_utc": statement.silence_ends_utc,
        "resolve": lambda keyid: key(keyid).public,
        "own": {},
        "netlist": w.table.netlist_digest,
        "list_digest": w.table.list_digest,
    }
    return Evidence(**{**fields, **changes})


def refused(**changes):
    return {check.name for check in check_release(evidence(**changes)) if not check.passed}


def test_an_agent_passes_an_honest_release_and_refuses_each_departure():
    assert refused() == set()
    assert refused(list_digest="sha256:" + "0" * 64) == {"own-manifest"}
    assert refused(netlist="sha256:" + "0" * 64) == {"circuit"}
    assert refused(silence_ends_utc=NOW) == {"expiry"}
    assert refused(openings="opened too often") == {"openings"}
    assert refused(checkpoint="another history") == {"checkpoint"}
    assert "label" in refused(marking="SOMETHING ELSE")
    name = sorted(package())[0]
    assert refused(files={**package(), name: b"x"}) == {"released-equals-opened"}


def test_an_agent_refuses_a_total_that_shows_its_own_figure_too_closely():
    block = small().table.blocks[0]
    p = small().terms.rule.p_percent
    most = block.total * 100 // (100 + p)
    for own, bad in ((most, set()), (most + 1, {"own-margin"}), (block.total, {"own-margin"})):
        assert refused(own={block.cells[0]: own}) == bad
    for total, own in ((115, 100), (114, 100), (100, 101), (7, 0)):
        expected = total >= own and 100 * (total - own) >= 15 * own
        assert Margin((), total, own).is_at_least(15) == expected


def test_a_release_id_serves_once():
    with pytest.raises(Exception, match="id"):
        publish(good().repository, good().statement.release_id, good().papers, OFFICE, VALID)
