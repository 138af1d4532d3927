"""Tests written against planted faults: the rule, the plan, what is frozen, what opens first."""

import random
from dataclasses import replace
from fractions import Fraction

import pytest

from delian.aggregate.plain import ClearSheets, PlainBackend
from delian.protect.amend import amend
from delian.protect.attack import attack
from delian.protect.errors import (
    AmendmentError,
    LockedKeyError,
    MeasureChangedError,
    RecordError,
    SecondListError,
)
from delian.protect.history import History, check_locks, prepare
from delian.protect.opened import Closed, band_edges, open_table
from delian.protect.plan import plan
from delian.protect.rule import judge
from delian.terms.encode import digest
from delian.terms.errors import RefusedError
from delian.terms.frame import Frame
from delian.terms.round_terms import Rule
from delian.terms.table import State
from delian.terms.tree import merge_forest
from tests.edition_rig import Pipeline, make_frame, make_item, make_terms

NATIONS = ("AAA", "BBB", "CCC", "DDD")
RULE = Rule(p_percent=10)
EVEN = {nation: [20] for nation in NATIONS}
ONE = make_frame(["I0"], [2027])


def restated(figures, rule):
    ranked = sorted(figures, reverse=True)
    top_edge = rule.count_bands[-1] if rule.count_bands else rule.min_contributors
    rest = sum(figures) - ranked[0] - ranked[1] - (top_edge - 2)
    good = rest > 0 and 100 * rest >= rule.p_percent * ranked[0]
    good = good and sum(x > 0 for x in figures) >= rule.min_contributors
    if rule.dominance_n:
        top = sum(ranked[: rule.dominance_n])
        good = good and 100 * top <= rule.dominance_k_percent * sum(figures)
    return good


@pytest.mark.parametrize(
    "rule",
    [
        RULE,
        Rule(min_contributors=4, p_percent=15),
        Rule(count_bands=(3, 5)),
        Rule(dominance_n=1, dominance_k_percent=60),
        Rule(dominance_n=2, dominance_k_percent=80),
    ],
)
def test_the_rule_in_words_equals_the_rule_restated(rule):
    rng = random.Random(1)
    good = 0
    for _ in range(3000):
        figures = [rng.choice((0, 0, 1, 2, 3, 10, 20, 30, 100)) for _ in range(5)]
        judgement = judge(figures, rule)
        assert judgement.passes == restated(figures, rule)
        assert judgement.passes == (not judgement.reasons)
        good += judgement.passes
    assert 50 < good < 2950


def test_the_plan_is_the_one_of_the_round():
    """covered(node): its children are, or it passes. Chosen: it passes, its children do not cover
    it, and nothing above it is chosen."""
    rng = random.Random(2)
    frame = make_frame(
        ["I0", "I1", "I2"],
        [2027, 2028, 2029, 2030],
        windows=[[2027, 2028], [2029, 2030]],
        families={"F": ("I0", "I1")},
    )
    forest = merge_forest(frame)
    for _ in range(300):
        weight = rng.random()
        bits = [[rng.random() < weight for _ in level] for level in forest.levels]
        covered = []
        for height, level in enumerate(forest.levels):
            below = covered[-1] if height else []
            gaps = [not all(below[c] for c in node.children) or not height for node in level]
            covered.append([p or not g for p, g in zip(bits[height], gaps, strict=True)])
        chosen, taken = set(), set()
        for height in reversed(range(len(forest.levels))):
            for place, node in enumerate(forest.levels[height]):
                whole = height > 0 and all(covered[height - 1][c] for c in node.children)
                if bits[height][place] and not whole and not taken & set(node.leaves):
                    chosen.add((height, place))
                    taken |= set(node.leaves)
        made = plan(forest, bits)
        assert {(s.level, s.place) for s in made.blocks} == chosen
        assert set(made.withheld) == set(range(len(frame.cells))) - taken


def states(safe):
    return [(block.state, block.total) for block in safe.table.blocks]


def story(*rounds, **options):
    """Rounds of one cell; each is (figures, changes of the terms)."""
    pipeline = Pipeline(**options)
    for number, (figures, changes) in enumerate(rounds, start=1):
        terms = {"rule": RULE, **changes}
        pipeline.run(make_terms(ONE, NATIONS, round_id=f"R{number}", **terms), figures)
    return pipeline


DOUBLE = {nation: [40] for nation in NATIONS}
TRIPLE = {nation: [60] for nation in NATIONS}


def test_a_block_is_reopened_once_and_then_carried():
    pipeline = story((EVEN, {}), (DOUBLE, {}), (TRIPLE, {}))
    assert [states(safe) for safe in pipeline.tables] == [
        [(State.NEW, 80)],
        [(State.REOPENED, 160)],
        [(State.CARRIED, 160)],
    ]


@pytest.mark.parametrize(
    ("second", "changes", "options"),
    [
        (DOUBLE, {"max_openings": 1}, {}),
        (DOUBLE, {"rule": Rule(p_percent=15)}, {}),
        ({n: [40] for n in NATIONS[:3]}, {}, {}),
        (DOUBLE, {}, {"sheets_kept": False}),
        (EVEN, {}, {}),
        ({**EVEN, "DDD": [27]}, {}, {}),
        ({**EVEN, "AAA": [90], "BBB": [25]}, {}, {}),
    ],
)
def test_otherwise_it_is_carried_and_refused_looks_like_unchanged(second, changes, options):
    pipeline = story((EVEN, {}), (second, changes), **options)
    first, carried = pipeline.tables
    assert states(carried) == [(State.CARRIED, 80)]
    old, new = first.table.blocks[0], carried.table.blocks[0]
    assert (new.cells, new.at_least, new.at_most, new.opened_in) == (
        old.cells,
        old.at_least,
        old.at_most,
        "R1",
    )


def test_other_nations_mean_carried_even_where_every_old_sheet_is_there():
    history = story((EVEN, {})).history
    terms = make_terms(ONE, (*NATIONS, "EEE"), round_id="R2", rule=RULE)
    assert [f.round_id for f in prepare(history, terms, NATIONS, ("R1",)).reopen] == ["R1"]
    for present in (NATIONS[:3], (*NATIONS[:3], "EEE"), (*NATIONS, "EEE")):
        prepared = prepare(history, terms, present, ("R1",))
        assert prepared.reopen == ()
        assert [f.round_id for f in prepared.carried] == ["R1"]


def test_a_withheld_cell_stays_withheld_unless_its_change_passes():
    high = {**EVEN, "AAA": [1000]}
    one_nation = story((high, {}), (EVEN, {}))
    assert [states(safe) for safe in one_nation.tables] == [[], []]
    many = {"AAA": [1000], "BBB": [2], "CCC": [2], "DDD": [2]}
    enough = {"AAA": [900], "BBB": [90], "CCC": [90], "DDD": [90]}
    assert states(story((many, {}), (enough, {})).tables[1]) == [(State.NEW, 1170)]
    other_rule = story((many, {}), (enough, {"rule": Rule(p_percent=5)}))
    assert states(other_rule.tables[1]) == []


def test_cells_of_an_opened_block_never_stand_in_another():
    two = make_frame(["I0"], [2027, 2028])
    pipeline = Pipeline()
    later = make_frame(["I0"], [2028])
    pipeline.run(make_terms(later, NATIONS, round_id="R1", rule=RULE), EVEN)
    sheets = {"AAA": [90, 20], "BBB": [3, 20], "CCC": [2, 20], "DDD": [1, 20]}
    pipeline.run(make_terms(two, NATIONS, round_id="R2", rule=RULE), sheets)
    blocks = pipeline.tables[1].table.blocks
    assert [(len(b.cells), b.state) for b in blocks] == [(1, State.CARRIED)]


def test_an_aborted_opening_counts():
    pipeline = story((EVEN, {}))
    aborted = History((replace(pipeline.history.records[0], table=None),))
    (frozen,) = aborted.frozen.values()
    assert (frozen.openings, frozen.block) == (1, None)
    pipeline.history = aborted
    second = make_terms(ONE, NATIONS, round_id="R2", rule=RULE, max_openings=1)
    assert states(pipeline.run(second, DOUBLE)) == []


def test_a_round_is_repeated_with_the_same_list_or_not_at_all():
    history = story((EVEN, {})).history
    record = history.records[0]
    assert history.before("R1", record.list_digest).records == ()
    assert history.before("R2", digest(b"other")).records == history.records
    with pytest.raises(SecondListError):
        history.before("R1", digest(b"other"))
    with pytest.raises(RecordError):
        history.with_record(replace(record, new=(), table=None))


class Watched(PlainBackend):
    """Writes down the order of the calls."""

    calls: list[str]

    def open_chosen(self, table):
        self.calls.append("chosen")
        return super().open_chosen(table)

    def agree(self, label, digest):
        self.calls.append(f"agree {label}")
        super().agree(label, digest)

    def open_totals(self, table, spots):
        self.calls.append(f"totals {len(spots)}")
        return super().open_totals(table, spots)

    def open_bands(self, table, spots, judged, places):
        self.calls.append(f"bands {len(spots)}")
        return super().open_bands(table, spots, judged, places)


def opening(persist, *, present=NATIONS, absent=(), least_present=3):
    frame = make_frame(["I0", "I1"], [2027])
    rule = Rule(p_percent=10, count_bands=(3, 4))
    terms = make_terms(frame, NATIONS, rule=rule, least_present=least_present)
    figures = {n: [20, 0] for n in present}
    backend = Watched(
        terms, ClearSheets(frame, figures), {}, run_id="00" * 32, netlist_digest=digest(b"n")
    )
    backend.calls = []
    closed = Closed(digest(b"list"), tuple(present), tuple(absent))
    empty = History()

    def run():
        return open_table(
            backend,
            terms=terms,
            closed=closed,
            history=empty,
            kept=(),
            persist=lambda record: persist(backend.calls, record),
        )

    return backend, run


def test_the_list_is_agreed_and_written_before_the_first_total():
    backend, run = opening(lambda calls, _: calls.append("written"))
    safe = run()
    assert backend.calls == ["chosen", "agree cells", "written", "totals 1", "bands 1"]
    assert [(b.total, b.at_least, b.at_most) for b in safe.table.blocks] == [(80, 4, None)]


def test_nothing_opens_if_the_list_cannot_be_written():
    def full(calls, record):
        raise OSError("disk full")

    backend, run = opening(full)
    with pytest.raises(OSError, match="disk full"):
        run()
    assert backend.calls == ["chosen", "agree cells"]


def test_the_closing_list_names_every_nation_once_and_enough_are_present():
    wrong = [
        (NATIONS[:3], ()),
        (NATIONS, ("DDD",)),
        (NATIONS[:3], ("DDD", "EEE")),
    ]
    for present, absent in wrong:
        backend, run = opening(lambda *_: None, present=present, absent=absent)
        with pytest.raises(RefusedError):
            run()
        assert backend.calls == []
    backend, run = opening(lambda *_: None, present=NATIONS[:3], absent=("DDD",))
    run()
    terms = make_terms(ONE, NATIONS, rule=RULE, least_present=3)
    sheets = ClearSheets(ONE, {n: [20] for n in NATIONS[:3]})
    backend = PlainBackend(terms, sheets, {}, run_id="00" * 32, netlist_digest=digest(b"n"))
    stricter = make_terms(ONE, NATIONS, rule=RULE, least_present=4)
    with pytest.raises(RefusedError):
        open_table(
            backend,
            terms=stricter,
            closed=Closed(digest(b"list"), NATIONS[:3], ("DDD",)),
            history=History(),
            kept=(),
            persist=lambda record: None,
        )


def test_a_band_index_stands_for_its_edges():
    rule = Rule(count_bands=(3, 5, 9))
    assert [band_edges(rule, k) for k in range(3)] == [(3, 4), (5, 8), (9, None)]
    assert band_edges(RULE, 0) == (3, None)


def test_an_amendment_adds_up_or_withholds_and_never_mixes_tiers():
    frame = make_frame(["I0", "I1"], [2027], tiers=("T1", "T2"))
    pipeline = Pipeline()
    pipeline.run(make_terms(frame, NATIONS, rule=RULE), {n: [20, 20, 20, 20] for n in NATIONS})
    table = pipeline.tables[0].table
    t1 = [b.cells[0] for b in table.blocks if b.cells[0].tier == "T1"]
    t2 = [b.cells[0] for b in table.blocks if b.cells[0].tier == "T2"]
    joined = amend(table, frame, join=[t1], withhold=[t2[0]])
    assert sorted(b.total for b in joined.blocks) == [80, 160]
    assert set(joined.withheld) == {t2[0]}
    for wrong in (
        {"join": [[t1[0], t2[0]]]},
        {"join": [[t1[0]]]},
        {"join": [t1], "withhold": [t1[0]]},
        {},
    ):
        with pytest.raises(AmendmentError):
            amend(table, frame, **wrong)
    with pytest.raises(AmendmentError):
        amend(joined, frame, withhold=[t2[1]])


def test_an_opening_record_takes_only_the_table_it_lists():
    pipeline = story((EVEN, {}))
    safe = pipeline.tables[0]
    bare = replace(safe.record, table=None)
    assert bare.completed(safe.table) == safe.record
    for wrong in (
        replace(safe.table, round_id="R9"),
        replace(safe.table, blocks=(), withheld=safe.table.blocks[0].cells),
    ):
        with pytest.raises(RecordError):
            bare.completed(wrong)


def test_keys_are_locked_while_a_round_runs_also_through_parts_and_sums():
    other = make_frame(["I1"], [2027])
    part = Frame((make_item("I2", relation="part-of", related=("I0",)),), (2027,), ("T1",))
    terms = make_terms(ONE, NATIONS, round_id="R2")
    check_locks(terms, {"R1": other, "R2": ONE})
    for running in (ONE, part):
        with pytest.raises(LockedKeyError):
            check_locks(terms, {"R1": running})
    with pytest.raises(LockedKeyError):
        check_locks(make_terms(part, NATIONS, round_id="R2"), {"R1": ONE})


def test_a_tested_code_keeps_its_measure_even_if_it_was_withheld():
    for figures in (EVEN, {**EVEN, "AAA": [1000]}):
        for change in ({"unit": "tons"}, {"width_bits": 16}, {"price_basis": "EUR-2027"}):
            pipeline = story((figures, {}))
            frame = Frame((make_item("I0", **change),), (2027,), ("T1",))
            with pytest.raises(MeasureChangedError):
                pipeline.run(make_terms(frame, NATIONS, round_id="R2", rule=RULE), EVEN)


def test_the_margin_is_what_the_best_insider_reaches():
    rng = random.Random(5)
    tried = 0
    for _ in range(200):
        figures = {n: [rng.choice((0, 1, 5, 20, 30, 40))] for n in NATIONS}
        pipeline = story((figures, {}))
        if not pipeline.tables[0].table.blocks:
            continue
        tried += 1
        values = [figures[n][0] for n in NATIONS]
        total = sum(values)
        margins = []
        for i, target in enumerate(values):
            for own in [0, *(x for j, x in enumerate(values) if j != i)]:
                others = max(0, 3 - 1 - (own > 0))
                if target:
                    margins.append(Fraction(total - own - others, target) - 1)
        result = attack([pipeline.tables[0].table], pipeline.true, RULE)
        assert result.worst_margin == min(margins)
        assert result.holds
    assert tried > 30
