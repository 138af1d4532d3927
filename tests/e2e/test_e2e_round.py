"""Whole rounds of six nations in one process: what a person would see, edition by edition.

The editions follow each other in one world, so each test asks for the story up to its edition.
"""

from datetime import timedelta
from types import SimpleNamespace

import pytest

from delian.approve.decision import Agreed, Broken, Extended, Pending
from delian.contribute.closing import Why
from delian.contribute.receipt import Standing
from delian.nodes.demo_setup import HOSTS, OFFICE
from delian.terms.errors import DelianError, RefusedError
from delian.terms.table import State
from tests.alliance_world import World

pytestmark = pytest.mark.timeout(120)


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    return World(tmp_path_factory.mktemp("alliance") / "out")


# --- the first edition: a replaced sheet, a broken silence, an extension ---------------------


@pytest.fixture(scope="module")
def first(world):
    """Round 1 to its release; at every turn of it all nodes start again from their stores."""
    seen = SimpleNamespace(world=world)
    terms = seen.terms = world.open_round(1)
    world.restart_all()
    world.agree(terms)
    seen.receipted = world.office.status("FRA")["rounds"][0]["receipted"]
    figures = dict(world.stage.needs[terms.round_id])
    figures["FRA"] = {cell: 2 * figure for cell, figure in figures["FRA"].items()}
    world.stage.needs[terms.round_id] = figures
    world.put_sheet(terms, "FRA", figures["FRA"])
    world.settle()
    seen.numbers = {c: world.node(c).sent(terms.round_id).number for c in world.stage.codes}
    seen.standing = {c: world.node(c).standing(terms.round_id) for c in world.stage.codes}
    world.restart_all()
    world.close(terms)
    seen.listed = world.view(terms).closed()
    seen.opened = world.table(terms)
    seen.late = late_sheet(world, terms)
    seen.first_proposal = world.proposal(terms)
    objection(seen, world, terms)
    extension(seen, world, terms)
    world.restart_all()
    world.pass_silence(terms)
    seen.released = world.released_table(terms)
    seen.statement = world.view(terms).statements[world.proposal(terms).subject]
    seen.report = world.verified(terms)
    world.restart_all()
    return seen


def late_sheet(world, terms):
    """A nation whose file was never sent hands it in after closing; what it is told."""
    node = world.node("FRA")
    view = node.views[terms.round_id]
    data = (world.stage.home("FRA") / "sheets" / f"{terms.round_id}.csv").read_bytes()
    before = len(world.office.desk.ledger().read())
    with pytest.raises(RefusedError) as own:
        node.contribute(view, node.check_sheet(view, data, "late.csv"))
    sent = next(p for p in node.desk.store.documents("contribution"))
    with pytest.raises(DelianError) as office:
        world.office.receive(sent.body, "FRA")
    assert len(world.office.desk.ledger().read()) == before
    return own.value.message, office.value.message


def objection(seen, world, terms):
    """DEU objects; the chair withholds the smallest block; silence starts anew."""
    block = min(seen.opened.blocks, key=lambda b: (b.total, b.cells))
    seen.minded = block.cells
    world.officer("DEU").speak("object", "this block is one program of ours")
    world.settle()
    seen.broken = world.decision(terms)
    world.forward(timedelta(hours=1))
    cells = [str(block.cells[0])]
    seen.amend = world.order("amend", round=terms.round_id, withhold=cells)
    world.settle()
    seen.after = world.view(terms).decision(seen.first_proposal, world.now_utc())


def extension(seen, world, terms):
    """An officer asks for time; the chair extends; nobody signs at the old deadline."""
    proposal = world.proposal(terms)
    world.officer("ITA").speak("ask-time", "the minister is traveling")
    world.settle()
    world.order("extend", proposal=proposal.id, hours=24, reason="one day", round=terms.round_id)
    world.forward(timedelta(hours=terms.calendar.release_silence_hours, minutes=1))
    world.settle()
    seen.extended = world.decision(terms)
    seen.early = world.edition(terms)
    world.officer("ITA").speak("assent", "we have looked")
    world.settle()


def test_every_receipt_carries_four_signatures_and_is_confirmed(first):
    assert first.receipted == list(first.world.stage.codes)
    assert set(first.standing.values()) == {Standing.CONFIRMED}


def test_a_later_sheet_replaces_the_earlier_one(first):
    assert first.numbers == {c: 2 if c == "FRA" else 1 for c in first.world.stage.codes}
    assert first.listed.entry("FRA").number == 2
    assert first.world.wrong_totals(first.opened) == []


def test_after_closing_no_sheet_is_taken(first):
    own, office = first.late
    assert "no longer takes sheets" in own
    assert "closed" in office


def test_an_objection_stops_the_first_proposal_and_the_amended_one_passes(first):
    assert isinstance(first.broken, Broken)
    assert first.broken.by == ("DEU",)
    assert isinstance(first.after, Broken)
    assert first.statement.table_digest == first.released.digest
    assert first.released.derives_from == first.opened.digest
    assert set(first.minded) <= set(first.released.withheld)
    assert len(first.released.blocks) == len(first.opened.blocks) - 1


def test_an_extension_by_the_chair_holds_every_agent_back(first):
    assert isinstance(first.extended, Extended | Pending)
    assert first.early is None


def test_the_first_edition_verifies_with_its_files_and_the_root(first):
    assert first.report.ok, first.report.failures
    assert first.world.wrong_totals(first.released) == []


# --- the second edition: reopened, carried, still withheld -----------------------------------


@pytest.fixture(scope="module")
def second(first):
    """Every nation revises the years to 2030, two nations alone the later ones."""
    world, before = first.world, first.world.stage.needs[first.terms.round_id]
    figures = {c: dict(f) for c, f in before.items()}
    for place, code in enumerate(figures):
        for cell, figure in figures[code].items():
            if figure and (cell.year <= 2030 or place < 2):
                figures[code][cell] = figure + figure // 2 + 1
    terms = world.until_proposed(2, figures)
    seen = SimpleNamespace(world=world, terms=terms, first=first, opened=world.table(terms))
    seen.proposed = world.view(terms).statements[world.proposal(terms).subject]
    world.pass_silence(terms)
    seen.released = world.released_table(terms)
    seen.report = world.verified(terms)
    return seen


def test_what_all_revised_is_reopened_and_what_two_revised_is_carried(second):
    states = {b.cells: b.state for b in second.opened.blocks}
    early = {s for cells, s in states.items() if all(c.year <= 2030 for c in cells)}
    late = {s for cells, s in states.items() if all(c.year > 2030 for c in cells)}
    assert State.REOPENED in early
    assert late == {State.CARRIED}
    assert second.world.wrong_totals(second.opened) == []
    assert second.opened.digest != second.first.opened.digest


def test_a_block_withheld_by_objection_does_not_come_back_by_itself(second):
    minded = second.first.minded
    carried = [b.cells for b in second.opened.blocks if b.state is State.CARRIED]
    if minded in carried:
        assert set(minded) <= set(second.released.withheld)
        assert second.released.derives_from == second.opened.digest
    assert minded not in [b.cells for b in second.released.blocks if b.state is State.CARRIED]


def test_the_second_edition_verifies_and_names_the_first(second):
    assert second.report.ok, second.report.failures
    assert second.proposed.edition == 2
    assert second.proposed.previous == second.first.statement.digest


# --- the third: absent nations, a stand-in, a withdrawal -------------------------------------


@pytest.fixture(scope="module")
def third(second):
    """TUR has no sheet, ESP states its absence after it sent one, POL signs for ITA."""
    world = second.world
    quiet, stated, holder, stand_in = pick(world)
    terms = world.open_round(3, without=(quiet,))
    world.settle()
    key = world.node(stand_in).desk.make_stand_in_key()
    expires = world.now_utc() + timedelta(days=60)
    world.officer(holder).give_mandate(stand_in, key, terms.round_id, expires)
    world.agree(terms)
    world.officer(stated).state_absence(terms.round_id)
    world.settle()
    world.close(terms)
    seen = SimpleNamespace(
        world=world, terms=terms, roles=(quiet, stated, holder, stand_in), second=second
    )
    seen.listed = world.view(terms).closed()
    seen.opened = world.table(terms)
    seen.mandates = world.view(terms).running_mandates()
    world.pass_silence(terms)
    world.settle()
    seen.released = world.released_table(terms)
    seen.report = world.verified(terms)
    subject = world.proposal(terms).subject
    seen.signers = {s.keyid for s in world.office.desk.gathered(subject).signatures}
    return seen


def pick(world):
    codes = [c for c in world.stage.codes if c != "USA"]
    return codes[0], codes[1], codes[2], codes[3]


def test_an_absent_nation_is_named_in_the_list_and_in_the_release(third):
    quiet, stated, _, _ = third.roles
    assert {a.nation: a.why for a in third.listed.absent} == {
        quiet: Why.NO_SHEET,
        stated: Why.STATED,
    }
    assert set(third.released.absent) == {quiet, stated}
    assert third.report.ok, third.report.failures


def test_after_an_absence_blocks_are_carried_forward_only(third):
    assert {b.state for b in third.opened.blocks} <= {State.CARRIED}
    assert third.world.wrong_totals(third.released) == []


def test_a_stand_in_signs_in_place_of_the_holder_and_its_own_key_is_not_used(third):
    _, _, holder, stand_in = third.roles
    assert third.mandates[holder].stand_in == stand_in
    assert f"{holder}/stand-in" in third.signers
    assert f"{stand_in}/agent" in third.signers
    assert f"{holder}/agent" not in third.signers


def test_a_withdrawal_by_one_officer_delists_the_release(third):
    world = third.world
    before = world.edition(third.terms)
    subject = world.proposal(third.terms).subject
    world.officer("FRA").withdraw("a figure was mistaken", subject)
    world.settle()
    report = world.verified(third.terms)
    assert not report.ok
    assert any("withdraw" in str(c).lower() for c in report.failures)
    assert before.exists()
    assert world.verified(third.second.terms).ok


def test_every_ledger_holds_and_names_every_paper(third):
    assert third.world.broken_ledgers() == []


def test_no_host_ever_wrote_down_two_openings_for_a_round(third):
    world = third.world
    rounds = [t.round_id for t in (third.second.first.terms, third.second.terms, third.terms)]
    for host in HOSTS:
        assert [r.round_id for r in world.node(host).history().records] == rounds
    assert isinstance(world.decision(third.second.terms), Agreed)
    assert world.office.status(OFFICE)["rounds"][0]["ended"] is True
