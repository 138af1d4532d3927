"""A host or the secretariat that lies: nothing is released, and whoever refuses says why."""

import json
from dataclasses import replace

import pytest

from delian.crypto.ledger import Ledger
from delian.nodes import host as host_module
from delian.nodes import secretariat as office_module
from delian.nodes.demo_setup import HOSTS, OFFICE
from delian.nodes.host_run import run_round
from delian.nodes.ledger_proof import KIND as PROOF
from delian.nodes.ledger_proof import LedgerProof
from delian.shares.links import LinkError
from delian.terms.encode import digest
from tests.alliance_world import World

pytestmark = pytest.mark.timeout(120)


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    return World(tmp_path_factory.mktemp("liars") / "out")


@pytest.fixture
def number(world):
    """The next round; whatever became of it, it ends with its test, so that its cells are free."""
    number = len(world.office.views) + 1
    yield number
    world.order("end-round", round=f"DEMO-{number}")


def reasons(world, terms):
    """Why agents did not sign the newest release proposal, by nation."""
    name = f"not-signed/{world.proposal(terms).id}"
    notes = {c: world.node(c).desk.store.note(name) for c in world.stage.codes}
    return {c: " ".join(json.loads(n)) for c, n in notes.items() if n is not None}


def run_again(world):
    """The hosts' pause between runs is over."""
    for host in HOSTS:
        world.node(host).rest_until.clear()
    world.settle()


# --- hosts -----------------------------------------------------------------------------------


def test_a_host_that_signs_another_table_is_outvoted_and_the_round_runs_again(
    world, number, monkeypatch
):
    def lying(job):
        safe = run_round(job)
        if job.code != "bravo":
            return safe
        first, *others = safe.table.blocks
        blocks = (replace(first, total=first.total + 1), *others)
        return replace(safe, table=replace(safe.table, blocks=blocks))

    monkeypatch.setattr(host_module, "run_round", lying)
    terms = world.until_proposed(number)
    tables = world.view(terms).tables
    assert len({t.blocks for t in tables.values()}) == 2
    assert world.table(terms) is None
    assert world.view(terms).proposals_on("release") == ()
    lists = {world.node(h).desk.store.note(f"list/{terms.round_id}") for h in HOSTS}
    monkeypatch.undo()
    run_again(world)
    assert world.wrong_totals(world.table(terms)) == []
    assert {world.node(h).desk.store.note(f"list/{terms.round_id}") for h in HOSTS} == lists
    assert len(lists) == 1
    assert len(world.view(terms).proposals_on("release")) == 1


def test_a_host_that_stops_is_named_by_its_link_and_the_round_runs_again(
    world, number, monkeypatch
):
    def stopping(job):
        if job.code != "charlie":
            return run_round(job)

        def persist(_record):
            raise LinkError("the disk of charlie is full")

        return run_round(replace(job, persist=persist))

    fresh = replace(
        world.stage.frame, items=(replace(world.stage.frame.items[0], code="L1"),), families=None,
        groups=None,
    )  # fmt: skip
    needs = {
        nation: {cell._replace(item="L1"): figure for cell, figure in figures.items()}
        for nation, figures in world.needs().items()
    }
    monkeypatch.setattr(host_module, "run_round", stopping)
    terms = world.until_proposed(number, needs, frame=fresh)
    assert world.view(terms).tables == {}
    for host in ("alpha", "bravo"):
        link = world.trouble(host, terms)["message"].split()
        assert link[0] == "link"
        assert host in link[1].split("-")
    said = " ".join(world.trouble(h, terms)["message"] for h in ("alpha", "bravo"))
    assert "charlie" in said
    monkeypatch.undo()
    run_again(world)
    table = world.table(terms)
    assert table.blocks
    assert world.wrong_totals(table) == []


# --- the secretariat -------------------------------------------------------------------------


def test_a_list_that_omits_a_nation_is_refused_by_its_agent_and_by_every_host(
    world, number, monkeypatch
):
    build_list = office_module.build_list

    def omitting(agreed, latest, now_utc, mandates):
        kept = {nation: word for nation, word in latest.items() if nation != "FRA"}
        return build_list(agreed, kept, now_utc, mandates)

    monkeypatch.setattr(office_module, "build_list", omitting)
    terms = world.until_proposed(number)
    assert world.view(terms).closed().entry("FRA") is None
    assert "leaves out what FRA sent last" in world.trouble("FRA", terms)["message"]
    for host in HOSTS:
        assert "omits FRA, whose sheet is held here" in world.trouble(host, terms)["message"]
        assert world.node(host).desk.store.note(f"opening/{terms.round_id}") is None
    assert world.view(terms).tables == {}


def test_a_changed_byte_in_the_released_files_is_seen_by_every_agent(world, number, monkeypatch):
    render = office_module.render

    def doctored(*arguments):
        files = dict(render(*arguments))
        name = sorted(files)[0]
        files[name] = files[name][:-1] + bytes([files[name][-1] ^ 1])
        return files

    monkeypatch.setattr(office_module, "render", doctored)
    terms = world.until_proposed(number)
    monkeypatch.undo()
    world.pass_silence(terms)
    assert set(reasons(world, terms)) == set(world.stage.codes)
    assert all("released-equals-opened" in why for why in reasons(world, terms).values())
    assert world.edition(terms) is None


def test_two_checkpoints_of_one_ledger_stop_every_agent(world, number, monkeypatch):
    class Forked(list):
        """A second history of the same secretariat."""

        def read(self, start, stop):
            return self[start:stop]

    def show_another(self, round_id):
        fork = Ledger.open(Forked(), f"delian/{OFFICE}")
        for entry in range(self.desk.ledger().size + 1):
            fork.append("terms", digest(str(entry).encode()), who=OFFICE, round_id=round_id)
        old = (self.desk.store.note("last-checkpoint") or b"").decode()
        proof = LedgerProof.since(fork, old, round_id)
        self._issue(PROOF, round_id, self.desk.signed(PROOF, proof.to_wire(), "sign"))
        return proof.new

    terms = world.open_round(number)
    world.agree(terms)
    monkeypatch.setattr(office_module.Secretariat, "_checkpoint", show_another)
    world.close(terms)
    monkeypatch.undo()
    world.pass_silence(terms)
    assert set(reasons(world, terms)) == set(world.stage.codes)
    assert all("checkpoint" in why for why in reasons(world, terms).values())
    assert world.edition(terms) is None
