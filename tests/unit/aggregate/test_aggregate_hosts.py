"""What three hosts do when one of them is wrong, and the shapes that a run must bear."""

import random
from dataclasses import replace

import numpy as np
import pytest

from delian.aggregate.backend import Change, SharedChanges, SharedTable, Spot
from delian.aggregate.errors import OpeningOrderError, RunInputError
from delian.aggregate.held import HeldSheets, Shared
from delian.aggregate.netlist import merge_steps, netlist_digest, round_circuits
from delian.aggregate.replicated import ReplicatedBackend
from delian.protect.history import History
from delian.protect.opened import Closed, SafeTable, open_table
from delian.protect.record import OpeningRecord
from delian.shares.links import LinkError
from delian.terms.encode import digest
from delian.terms.errors import DelianError, TamperedError
from delian.terms.frame import Frame
from delian.terms.round_terms import RoundTerms, Rule
from tests.edition_rig import make_frame, make_item, make_terms
from tests.host_rig import on_hosts, split_sheets
from tests.memory_links import Hub

NATIONS = ("AAA", "BBB", "CCC")
FRAME = make_frame(["I0"], [2027, 2028], width_bits=5)
FIGURES = {"AAA": [9, 9], "BBB": [9, 1], "CCC": [9, 0]}
TERMS = make_terms(FRAME, NATIONS, collection="hosts", mode="semi-honest", max_openings=1)
CLOSED = Closed(digest(b"list"), NATIONS, ())


def open_on(
    backend: ReplicatedBackend, terms: RoundTerms, written: list[OpeningRecord], kept: tuple = ()
) -> SafeTable:
    return open_table(
        backend, terms=terms, closed=CLOSED, history=History(), kept=kept, persist=written.append
    )


def test_hosts_with_different_lists_of_cells_open_no_total() -> None:
    """One host would open another cell: the list is compared before anything is written down."""
    written: list[OpeningRecord] = []

    def step(backend: ReplicatedBackend, rank: int) -> SafeTable:
        terms = TERMS if rank else replace(TERMS, title="another")
        return open_on(backend, terms, written)

    hosts = on_hosts(TERMS, split_sheets(random.Random(1), FRAME, FIGURES), {}, step)
    assert all(isinstance(h, DelianError) for h in hosts)
    assert any(isinstance(h, TamperedError) for h in hosts)
    assert written == []


def test_hosts_stop_when_one_message_is_changed() -> None:
    """Checked mode: one flipped bit anywhere, and nobody writes down or opens anything."""
    terms = replace(TERMS, mode="malicious")

    def tamper(sender: int, receiver: int, index: int, message: bytes) -> bytes:
        if (sender, receiver, index) == (1, 0, 9):
            return bytes([message[0] ^ 1]) + message[1:]
        return message

    written: list[OpeningRecord] = []
    hub = Hub(tamper, timeout_s=3.0)
    sheets = split_sheets(random.Random(1), FRAME, FIGURES)
    hosts = on_hosts(terms, sheets, {}, lambda b, _: open_on(b, terms, written), hub=hub)
    assert all(isinstance(h, TamperedError | LinkError) for h in hosts), hosts
    assert written == []


def test_hosts_never_open_what_was_not_chosen() -> None:
    def step(backend: ReplicatedBackend, _: int) -> bool:
        table = backend.evaluate(TERMS.forest)
        chosen = backend.open_chosen(table)
        backend.agree("cells", digest(b"cells"))
        for level, row in enumerate(chosen):
            for place, bit in enumerate(row):
                if not bit:
                    with pytest.raises(OpeningOrderError):
                        backend.open_totals(table, [Spot(level, place)])
        with pytest.raises(OpeningOrderError):
            backend.judge([])
        return chosen == ((False, False), (True,)) or chosen == ((True, False), (False,))

    hosts = on_hosts(TERMS, split_sheets(random.Random(1), FRAME, FIGURES), {}, step)
    assert hosts == [True, True, True]


def test_hosts_bear_wide_nodes_and_other_widths() -> None:
    """Nine items in a family take two steps; an item of fewer bits stands beside them."""
    items = tuple(make_item(f"I{i}", width_bits=4) for i in range(9))
    frame = Frame((*items, make_item("W", width_bits=7)), (2027,), ("T1",), (), {"F": tuple(
        i.code for i in items)})  # fmt: skip
    terms = make_terms(
        frame, NATIONS, collection="hosts", mode="semi-honest", max_openings=1,
        rule=Rule(count_bands=(3,)),
    )  # fmt: skip
    assert len(round_circuits(terms, 3).climb[0]) == 2
    figures = {
        "AAA": [9, 0, 0, 1, 0, 0, 2, 0, 0, 100],
        "BBB": [0, 9, 0, 0, 1, 0, 0, 0, 3, 90],
        "CCC": [0, 0, 9, 0, 0, 2, 0, 0, 0, 80],
    }
    sheets = split_sheets(random.Random(2), frame, figures)
    hosts = on_hosts(terms, sheets, {}, lambda b, _: open_on(b, terms, []), batch_leaves=3)
    for host in hosts:
        assert isinstance(host, SafeTable), host
        assert sorted((len(b.cells), b.total) for b in host.table.blocks) == [(1, 270), (9, 36)]
        assert {(b.at_least, b.at_most) for b in host.table.blocks} == {(3, None)}


def test_hosts_refuse_sheets_that_do_not_fit() -> None:
    sheets = split_sheets(random.Random(1), FRAME, FIGURES)
    few = split_sheets(random.Random(1), FRAME, {n: FIGURES[n] for n in NATIONS[:2]})
    wrong = [HeldSheets(FRAME, dict.fromkeys(NATIONS), 6) for _ in range(3)]  # type: ignore[arg-type]
    for held in (few, wrong):
        hosts = on_hosts(TERMS, held, {}, lambda b, _: open_on(b, TERMS, []))
        assert all(isinstance(h, RunInputError | LinkError) for h in hosts)
    twice = replace(TERMS, max_openings=2)
    change = Change((FRAME.cells[0],), "R0", reopens=True)
    hosts = on_hosts(twice, sheets, {}, lambda b, _: b.judge([change]))
    assert all(isinstance(h, RunInputError) for h in hosts)


def test_steps_of_a_merge_reach_every_fanout() -> None:
    for fanout in (1, 2, 7, 8, 9, 24, 64, 65, 100, 1000):
        steps = merge_steps(fanout)
        assert all(1 <= step <= 8 for step in steps)
        assert np.prod(steps) >= fanout


def test_netlist_depends_on_everything_that_it_is_built_from() -> None:
    frames = [FRAME, make_frame(["I0"], [2027, 2028, 2029], width_bits=5)]
    rules = [Rule(), Rule(p_percent=11), Rule(count_bands=(3, 4))]
    found = {
        netlist_digest(replace(TERMS, frame=frame, rule=rule, max_openings=openings), n)
        for frame in frames
        for rule in rules
        for openings in (1, 2)
        for n in (3, 4)
    }
    assert len(found) == 2 * 3 * 2 * 2
    assert netlist_digest(TERMS, 3) == netlist_digest(replace(TERMS, title="x"), 3)


def test_handles_hold_no_value() -> None:
    words = np.full((2, 1), 77, dtype=np.uint64)
    for secret in (
        Shared(words, words),
        SharedTable(TERMS.forest, 1),
        SharedChanges((), 1),
        HeldSheets(FRAME, {}, 5),
    ):
        assert "77" not in repr(secret) and "hidden" in repr(secret)
        with pytest.raises(TypeError):
            secret.__reduce__()
