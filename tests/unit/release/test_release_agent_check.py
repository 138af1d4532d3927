"""An agent passes an honest release; each departure fails the check meant for it."""

import pickle
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from delian.approve.agent import CHECKS
from delian.crypto.dsse import sign
from delian.crypto.sign import PublicKey
from delian.release.agent_check import OPENED_TYPE, Evidence, Margin, check_release, review
from delian.release.check_table import check_plan
from delian.release.errors import AgentCheckError
from delian.release.package import Edition, render
from delian.terms.frame import CellKey
from delian.terms.table import Block, State, Table, add_up
from tests.release_cases import replace_total
from tests.release_world import (
    MARKING,
    World,
    host_envelope,
    key,
    make_statement,
    released,
    world,
)

R = released(5, 6, 4, 2)
W = R.world
OTHER = "sha256:" + "9" * 64


def resolve(keyid: str) -> PublicKey | None:
    wire = W.roster.key(keyid)
    return PublicKey.from_wire(wire) if wire else None


def evidence(**changes: Any) -> Evidence:
    fields: dict[str, Any] = {
        "statement": R.statement,
        "files": R.package,
        "hosts": R.hosts,
        "terms": W.terms,
        "marking": MARKING,
        "silence_ends_utc": R.statement.silence_ends_utc,
        "resolve": resolve,
        "own": {},
        "netlist": W.table.netlist_digest,
        "list_digest": W.table.list_digest,
    }
    return Evidence(**{**fields, **changes})


def failed(e: Evidence) -> list[str]:
    return [c.name for c in check_release(e) if not c.passed]


def of_table(table: Table) -> dict[str, Any]:
    """Evidence in which everything was made honestly from another table."""
    w = World(W.nations, W.roster, W.terms, table)
    package = render(table, W.terms, Edition(1, MARKING))
    statement = make_statement(w, package)
    return {"files": package, "statement": statement, "hosts": host_envelope(w)}


def test_an_honest_release_passes_every_check_that_the_agent_asks_for() -> None:
    found = check_release(evidence())
    assert tuple(c.name for c in found) == CHECKS["release"]
    assert all(c.passed for c in found)
    assert failed(evidence(files=None)) == []
    assert failed(evidence(own=None)) == []


def test_two_hosts_or_a_forged_one_are_not_enough() -> None:
    two = sign(OPENED_TYPE, W.table.bytes, dict(list(W.hosts.items())[:2]))
    forged = sign(OPENED_TYPE, W.table.bytes, {**W.hosts, "bravo/host-sign": key("x")})
    other_type = sign("application/json", W.table.bytes, W.hosts)
    for hosts in (two, forged, other_type):
        assert "host-signatures" in failed(evidence(hosts=hosts))


@pytest.mark.parametrize(
    ("changes", "check"),
    [
        ({"netlist": OTHER}, "circuit"),
        ({"netlist": ""}, "circuit"),
        ({"list_digest": OTHER}, "own-manifest"),
        ({"openings": "opened too often"}, "openings"),
        ({"checkpoint": "another history"}, "checkpoint"),
        ({"marking": "OTHER"}, "label"),
        ({"silence_ends_utc": R.statement.silence_ends_utc + timedelta(hours=1)}, "expiry"),
        ({"statement": replace(R.statement, audience="partners")}, "label"),
        ({"statement": replace(R.statement, label={})}, "label"),
        ({"statement": replace(R.statement, terms_digest=OTHER)}, "terms"),
        ({"statement": replace(R.statement, nations=R.world.nations[1:])}, "terms"),
        ({"statement": replace(R.statement, roster_digest=OTHER)}, "terms"),
        ({"statement": replace(R.statement, table_digest=OTHER)}, "host-signatures"),
        ({"files": {**R.package, "demand.csv": b""}}, "released-equals-opened"),
    ],
)
def test_each_departure_fails_its_check(changes: dict[str, Any], check: str) -> None:
    assert check in failed(evidence(**changes))


def test_a_file_that_does_not_follow_from_the_table_is_found_without_the_files() -> None:
    odd = {**R.statement.files, "demand.csv": "0" * 64}
    statement = replace(R.statement, files=odd)
    assert failed(evidence(statement=statement, files=None)) == ["released-equals-opened"]
    fewer = {n: h for n, h in R.statement.files.items() if n != "README.txt"}
    statement = replace(R.statement, files=fewer)
    assert "released-equals-opened" in failed(evidence(statement=statement, files=None))


def test_a_total_other_than_the_signed_one_is_found() -> None:
    made = of_table(replace_total(W.table))
    assert failed(evidence(**made)) == []
    assert set(failed(evidence(**{**made, "hosts": R.hosts}))) >= {"released-equals-opened"}


def test_the_own_margin_is_checked_exactly_at_the_rule() -> None:
    block = W.table.blocks[0]
    p = W.terms.rule.p_percent
    largest = 100 * block.total // (100 + p)
    assert failed(evidence(own={block.cells[0]: largest})) == []
    assert failed(evidence(own={block.cells[0]: largest + 1})) == ["own-margin"]
    assert failed(evidence(own={block.cells[0]: block.total + 1})) == ["own-margin"]


def test_a_block_outside_the_tree_is_found() -> None:
    single = [b for b in W.table.blocks if len(b.cells) == 1]
    groups: dict[tuple[str, str], list[Block]] = {}
    for b in single:
        groups.setdefault((b.cells[0].tier, b.cells[0].cls), []).append(b)
    pair = next(
        (a, b)
        for group in groups.values()
        for a in group
        for b in group
        if a.cells[0].item != b.cells[0].item and a.cells[0].year != b.cells[0].year
    )
    crossing = add_up(tuple(sorted(pair, key=lambda b: b.cells[0])))
    kept = [b for b in W.table.blocks if b not in pair]
    table = replace(W.table, blocks=tuple(sorted([*kept, crossing], key=lambda b: b.cells[0])))
    assert "plan" in failed(evidence(**of_table(table)))
    amended = replace(table, derives_from=W.table.digest)
    assert "plan" in failed(evidence(**of_table(amended)))
    assert failed(evidence(**of_table(amended), original=W.table)) == []
    wrong = replace_total(amended)
    assert "plan" in failed(evidence(**of_table(wrong), original=W.table))


def test_a_later_table_lacks_only_what_is_frozen_or_withheld() -> None:
    w = world(5, 3, 2, 1)
    family = next(n for n in w.terms.forest.nodes if len(n.leaves) == 6)
    cells = tuple(sorted(w.terms.frame.cells[i] for i in family.leaves))
    frozen = Block(cells[:1], 10, 3, None, State.CARRIED, "2025-A")
    rest = Block(cells[1:], 50, 3, None, State.NEW, "2026-A")
    later = replace(w.table, blocks=(frozen, rest), withheld=())
    check_plan(later, w.terms, opened=[frozen])
    with pytest.raises(AgentCheckError, match="never opened"):
        check_plan(later, w.terms, opened=[rest])
    first = replace(later, blocks=(replace(frozen, state=State.NEW), rest))
    with pytest.raises(AgentCheckError, match="outside the merge tree"):
        check_plan(first, w.terms)
    lacking = replace(later, blocks=(rest,))
    with pytest.raises(AgentCheckError, match="cover"):
        check_plan(lacking, w.terms)


def test_the_review_shows_her_own_figures_and_nothing_travels() -> None:
    block, held = W.table.blocks[0], W.table.withheld[:1]
    own: dict[CellKey, int] = {block.cells[0]: block.total // 4, **dict.fromkeys(held, 5)}
    found = review(W.table, own)
    (margin,) = found.shown
    assert margin.cells == block.cells and margin.own == block.total // 4
    assert margin.percent == (block.total - margin.own) * 100 // margin.own
    assert found.worst_percent == margin.percent
    assert dict(found.withheld) == dict.fromkeys(held, 5)
    assert str(margin.own) not in repr(found).replace(str(margin.total), "")
    for secret in (found, margin):
        with pytest.raises(TypeError):
            pickle.dumps(secret)
    assert Margin(block.cells, 10, 0).percent is None
    assert review(W.table, {}).worst_percent is None


def test_a_malformed_table_fails_every_check_that_needs_it_and_crashes_nothing() -> None:
    junk = sign(OPENED_TYPE, b"{}", W.hosts)
    free = {"openings", "label", "expiry", "checkpoint"}
    assert set(failed(evidence(hosts=junk))) == set(CHECKS["release"]) - free
