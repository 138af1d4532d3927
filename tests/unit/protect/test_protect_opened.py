"""Nothing is opened before its time, and nothing that the plan does not open."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from delian.aggregate.backend import Change, SharedChanges, SharedTable, Spot
from delian.aggregate.errors import OpeningOrderError, RunInputError
from delian.aggregate.netlist import netlist_digest
from delian.aggregate.plain import ClearSheets, PlainBackend
from delian.protect.errors import HistoryError, RecordError
from delian.protect.history import History
from delian.protect.opened import Closed, band_edges, open_table
from delian.protect.record import OpeningRecord
from delian.terms.encode import Digest, digest
from delian.terms.errors import RefusedError
from delian.terms.round_terms import Rule
from delian.terms.table import State
from delian.terms.tree import Forest
from tests.edition_rig import Figures, Pipeline, make_frame, make_terms

NATIONS = ("AAA", "BBB", "CCC", "DDD")
RULE = Rule(count_bands=(3, 4))
FRAME = make_frame(["I0"], [2027, 2028, 2029], windows=[[2027, 2028], [2029]])
FIGURES: Figures = {"AAA": [9, 1000, 8], "BBB": [9, 2, 8], "CCC": [9, 1, 8], "DDD": [9, 0, 0]}


class Diary(PlainBackend):
    """Writes down what is asked for, in order."""

    def __init__(self, figures: Figures, earlier: dict[str, ClearSheets] | None = None) -> None:
        self.said: list[str] = []
        self.terms = make_terms(FRAME, NATIONS, rule=RULE)
        clear = ClearSheets(FRAME, figures)
        net = digest(b"net")
        super().__init__(self.terms, clear, earlier or {}, run_id="run", netlist_digest=net)

    def judge(self, changes: Sequence[Change]) -> SharedChanges:
        self.said.append(f"judge {len(changes)}")
        return super().judge(changes)

    def open_verdicts(self, judged: SharedChanges) -> tuple[bool, ...]:
        self.said.append("verdicts")
        return super().open_verdicts(judged)

    def evaluate(self, forest: Forest) -> SharedTable:
        self.said.append("evaluate")
        return super().evaluate(forest)

    def open_chosen(self, table: SharedTable) -> tuple[tuple[bool, ...], ...]:
        self.said.append("chosen")
        return super().open_chosen(table)

    def agree(self, label: str, digest: Digest) -> None:
        self.said.append(label)
        super().agree(label, digest)

    def open_totals(self, table: SharedTable, spots: Sequence[Spot]) -> tuple[int, ...]:
        self.said.append("totals")
        return super().open_totals(table, spots)

    def open_new_totals(self, judged: SharedChanges, places: Sequence[int]) -> tuple[int, ...]:
        self.said.append("new totals")
        return super().open_new_totals(judged, places)

    def open_bands(
        self,
        table: SharedTable,
        spots: Sequence[Spot],
        judged: SharedChanges | None,
        places: Sequence[int],
    ) -> tuple[int, ...]:
        self.said.append("bands")
        return super().open_bands(table, spots, judged, places)


CLOSED = Closed(digest(b"list"), NATIONS, ())


def test_opening_goes_in_order_and_writes_down_before_totals() -> None:
    backend = Diary(FIGURES)

    def persist(record: OpeningRecord) -> None:
        assert record.table is None
        backend.said.append("persist")

    safe = open_table(
        backend, terms=backend.terms, closed=CLOSED, history=History(), kept=(), persist=persist
    )
    assert backend.said == ["evaluate", "chosen", "cells", "persist", "totals", "bands"]
    shown = [([c.year for c in b.cells], b.total, b.at_least, b.at_most) for b in safe.table.blocks]
    assert shown == [([2027], 36, 4, None), ([2029], 24, 3, 3)]
    assert [c.year for c in safe.table.withheld] == [2028]
    assert all(b.state is State.NEW for b in safe.table.blocks)


def test_opening_judges_changes_first() -> None:
    first = Diary(FIGURES)
    safe = open_table(
        first, terms=first.terms, closed=CLOSED, history=History(), kept=(), persist=print
    )
    later = {n: [x + 3 for x in row] for n, row in FIGURES.items()}
    backend = Diary(later, {"R1": ClearSheets(FRAME, FIGURES)})
    terms = replace(backend.terms, round_id="R2")
    history = History((safe.record,))
    again = open_table(
        backend, terms=terms, closed=CLOSED, history=history, kept=("R1",), persist=print
    )
    wanted = ["judge 3", "verdicts", "evaluate", "chosen", "cells", "totals", "new totals", "bands"]
    assert backend.said == wanted
    assert [(b.state, b.total) for b in again.table.blocks] == [
        (State.REOPENED, 48),
        (State.REOPENED, 36),
    ]
    assert again.record.tested == again.table.withheld == (FRAME.cells[1],)
    assert again.record.reopened == tuple(b.cells for b in safe.table.blocks)


def test_opening_stops_when_it_cannot_be_written_down() -> None:
    backend = Diary(FIGURES)

    def persist(_: OpeningRecord) -> None:
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        open_table(
            backend, terms=backend.terms, closed=CLOSED, history=History(), kept=(), persist=persist
        )
    assert "totals" not in backend.said


def test_opening_refuses_a_second_plan_for_one_round() -> None:
    backend = Diary(FIGURES)
    other = Diary({n: [9, 9, 9] for n in NATIONS})
    safe = open_table(
        backend, terms=backend.terms, closed=CLOSED, history=History(), kept=(), persist=print
    )
    with pytest.raises(RecordError):
        open_table(
            other,
            terms=other.terms,
            closed=CLOSED,
            history=History((safe.record,)),
            kept=(),
            persist=print,
        )
    assert "totals" not in other.said


@pytest.mark.parametrize(
    "closed",
    [
        Closed(digest(b"list"), NATIONS[:3], ()),
        Closed(digest(b"list"), NATIONS, ("DDD",)),
        Closed(digest(b"list"), NATIONS[:2], NATIONS[2:]),
    ],
)
def test_opening_refuses_a_list_that_does_not_fit(closed: Closed) -> None:
    backend = Diary(FIGURES)
    with pytest.raises(RefusedError):
        open_table(
            backend, terms=backend.terms, closed=closed, history=History(), kept=(), persist=print
        )
    assert backend.said == []


def test_order_of_openings_is_kept_by_the_backend_itself() -> None:
    backend = Diary(FIGURES)
    table = backend.evaluate(backend.terms.forest)
    spot = Spot(0, 0)
    with pytest.raises(OpeningOrderError):
        backend.open_totals(table, [spot])
    backend.open_chosen(table)
    with pytest.raises(OpeningOrderError):
        backend.open_totals(table, [spot])
    backend.agree("cells", digest(b"cells"))
    for wrong in ([Spot(0, 1)], [spot, spot], [Spot(1, 0)]):
        with pytest.raises(OpeningOrderError):
            backend.open_totals(table, wrong)
    assert backend.open_totals(table, [spot]) == (36,)
    with pytest.raises(OpeningOrderError):
        backend.open_totals(table, [spot])
    with pytest.raises(OpeningOrderError):
        backend.open_chosen(table)
    backend.close()
    with pytest.raises(OpeningOrderError):
        backend.evaluate(backend.terms.forest)


def test_order_never_opens_the_total_of_a_retested_cell() -> None:
    backend = Diary(FIGURES, {"R0": ClearSheets(FRAME, {n: [0, 0, 0] for n in NATIONS})})
    judged = backend.judge([Change((FRAME.cells[0],), "R0", reopens=False)])
    assert backend.open_verdicts(judged) == (True,)
    backend.agree("cells", digest(b"cells"))
    with pytest.raises(OpeningOrderError):
        backend.open_new_totals(judged, [0])
    with pytest.raises(RunInputError):
        backend.judge([Change((FRAME.cells[0],), "R9", reopens=True)])


def test_bands_are_spelled_as_edges() -> None:
    rule = Rule(count_bands=(3, 6, 9))
    assert [band_edges(rule, i) for i in range(3)] == [(3, 5), (6, 8), (9, None)]
    assert band_edges(Rule(min_contributors=4), 0) == (4, None)
    with pytest.raises(HistoryError):
        band_edges(rule, 3)


def test_the_enclave_names_its_rule_and_no_circuit() -> None:
    terms = make_terms(FRAME, NATIONS, rule=RULE)
    assert netlist_digest(terms, 4) != netlist_digest(terms, 3)
    assert netlist_digest(terms, 4) != netlist_digest(replace(terms, rule=Rule()), 4)


def test_sheets_hide_their_figures() -> None:
    clear = ClearSheets(FRAME, FIGURES)
    assert "9" not in repr(clear)
    with pytest.raises(TypeError):
        clear.__reduce__()
    with pytest.raises(RunInputError):
        ClearSheets(FRAME, {"AAA": [1, 2]})
    with pytest.raises(RunInputError):
        ClearSheets(FRAME, {"AAA": [1, 2, 2**32]})
    with pytest.raises(RunInputError):
        ClearSheets(FRAME, {"AAA": [1, 2, -1]})


def test_nothing_left_to_open_is_a_table_too() -> None:
    pipeline = Pipeline(sheets_kept=False)
    pipeline.run(make_terms(FRAME, NATIONS), FIGURES)
    table = pipeline.run(make_terms(FRAME, NATIONS, round_id="R2"), FIGURES).table
    assert {b.state for b in table.blocks} == {State.CARRIED}
