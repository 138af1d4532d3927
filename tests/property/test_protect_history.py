"""The laws of history over random editions, restated here from the released tables alone."""

import random
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from delian.protect.errors import LockedKeyError, MeasureChangedError, RecordError, SecondListError
from delian.protect.history import History, check_locks, prepare
from delian.protect.record import OpeningRecord
from delian.terms.encode import canonical, digest, parse
from delian.terms.errors import InputError
from delian.terms.frame import Frame
from delian.terms.round_terms import Rule
from delian.terms.table import State
from tests.edition_rig import (
    CALENDAR,
    LATER,
    NAMES,
    Pipeline,
    make_frame,
    make_item,
    make_terms,
    random_story,
)

FOUR = NAMES[:4]
SAFE = {"AAA": [30], "BBB": [20], "CCC": [20], "DDD": [20]}
UNSAFE = {"AAA": [30], "BBB": [1], "CCC": [0], "DDD": [0]}


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**9))
def test_history_laws_hold(seed: int) -> None:
    """Frozen from opening, opened at most twice, carried unchanged."""
    pipeline, _ = random_story(random.Random(seed))
    seen: dict[object, object] = {}
    openings: dict[object, int] = {}
    totals: dict[object, object] = {}
    for safe in pipeline.tables:
        table = safe.table
        shown = [c for b in table.blocks for c in b.cells]
        assert len(set(shown)) == len(shown)
        for block in table.blocks:
            before = {seen.get(c) for c in block.cells} - {None}
            assert before <= {block.cells}, "a cell moved to another block"
            if block.state is State.NEW:
                assert not before and block.opened_in == table.round_id
            if block.state is State.REOPENED:
                assert before == {block.cells} and block.opened_in == table.round_id
            if block.state is State.CARRIED:
                assert totals[block.cells] == (block.total, block.at_least, block.at_most)
            else:
                openings[block.cells] = openings.get(block.cells, 0) + 1
            seen.update(dict.fromkeys(block.cells, block.cells))
            totals[block.cells] = (block.total, block.at_least, block.at_most)
        assert all(n <= 2 for n in openings.values())
    again = History()
    for safe in pipeline.tables:
        plain = parse(canonical(safe.record.to_plain()))
        again = again.with_record(OpeningRecord.from_plain(plain))
    assert again == pipeline.history


def opened_once(**changes: object) -> Pipeline:
    pipeline = Pipeline()
    frame = make_frame(["I0"], [2027])
    pipeline.run(make_terms(frame, FOUR, round_id="R1", **changes), SAFE)  # type: ignore[arg-type]
    return pipeline


def grown(add: int) -> dict[str, list[int]]:
    return {n: [row[0] + add] for n, row in SAFE.items()}


def test_history_reopens_once_then_carries() -> None:
    pipeline = opened_once()
    frame = make_frame(["I0"], [2027])
    second = pipeline.run(make_terms(frame, FOUR, round_id="R2"), grown(10)).table
    third = pipeline.run(make_terms(frame, FOUR, round_id="R3"), grown(90)).table
    assert [b.state for b in second.blocks] == [State.REOPENED] and second.blocks[0].total == 130
    assert [b.state for b in third.blocks] == [State.CARRIED]
    assert third.blocks[0].total == 130 and third.blocks[0].opened_in == "R2"


@pytest.mark.parametrize(
    "why", ["unchanged", "two changed", "one opening", "absent", "rule", "erased"]
)
def test_history_carries_forward(why: str) -> None:
    pipeline = opened_once(max_openings=1) if why == "one opening" else opened_once()
    frame = make_frame(["I0"], [2027])
    figures = grown(10)
    terms = make_terms(frame, FOUR, round_id="R2", max_openings=1 if why == "one opening" else 2)
    if why == "unchanged":
        figures = grown(0)
    if why == "two changed":
        figures = SAFE | {"AAA": [40], "BBB": [30]}
    if why == "absent":
        figures.pop("DDD")
    if why == "rule":
        terms = replace(terms, rule=Rule(p_percent=11))
    if why == "erased":
        pipeline.sheets.clear()
    table = pipeline.run(terms, figures).table
    assert [(b.state, b.total, b.opened_in) for b in table.blocks] == [(State.CARRIED, 90, "R1")]


@pytest.mark.parametrize("why", ["unchanged", "rule", "absent", "erased", "changed"])
def test_history_keeps_withheld_cells_withheld(why: str) -> None:
    pipeline = Pipeline()
    frame = make_frame(["I0"], [2027])
    pipeline.run(make_terms(frame, FOUR, round_id="R1"), UNSAFE)
    terms = make_terms(frame, FOUR, round_id="R2")
    figures = {n: [row[0] + 20] for n, row in UNSAFE.items()}
    if why == "unchanged":
        figures = SAFE | {"AAA": [31], "BBB": [1], "CCC": [9]}
    if why == "rule":
        terms = replace(terms, rule=Rule(p_percent=5))
    if why == "absent":
        figures.pop("DDD")
    if why == "erased":
        pipeline.sheets.clear()
    table = pipeline.run(terms, figures).table
    assert [b.total for b in table.blocks] == ([111] if why == "changed" else [])


def test_history_counts_an_aborted_opening() -> None:
    """The list was written down, then the run died: frozen, and shown only when opened again."""
    pipeline = opened_once()
    record = replace(pipeline.tables[0].record, table=None)
    pipeline.history = History().with_record(record)
    frame = make_frame(["I0"], [2027, 2028])
    wide = {n: [row[0], row[0]] for n, row in SAFE.items()}
    table = pipeline.run(make_terms(frame, FOUR, round_id="R2"), wide).table
    assert [b.cells for b in table.blocks] == [(frame.cells[1],)]
    assert table.withheld == (frame.cells[0],)
    assert pipeline.history.frozen[frame.cells[0]].openings == 1


def test_history_of_a_repeated_run_is_its_own() -> None:
    """A rerun of the round with the same list opens the same; another list is refused."""
    pipeline = opened_once()
    first = pipeline.tables[0]
    lost = History().with_record(replace(first.record, table=None))
    assert lost.before("R1", first.record.list_digest) == History()
    assert lost.with_record(first.record).records == (first.record,)
    with pytest.raises(SecondListError):
        lost.before("R1", digest(b"another list"))
    with pytest.raises(RecordError):
        lost.with_record(replace(first.record, present=("AAA",)))


def test_history_refuses_another_measure() -> None:
    history = opened_once().history
    for changes in ({"unit": "boxes"}, {"price_basis": "EUR-2026"}, {"width_bits": 40}):
        frame = Frame((make_item("I0", **changes),), (2028,), ("T1",))
        with pytest.raises(MeasureChangedError):
            prepare(history, make_terms(frame, FOUR, round_id="R2"), FOUR, ())


@pytest.mark.parametrize(
    ("relation", "related", "old"),
    [
        ("part-of", ("I0",), ()),
        ("sum-of", ("I0", "I9"), ()),
        ("part-of", ("MID",), (("MID", "part-of", ("I0",)),)),
    ],
)
def test_history_freezes_overlapping_codes(
    relation: str, related: tuple[str, ...], old: tuple[tuple[str, str, tuple[str, ...]], ...]
) -> None:
    history = opened_once().history
    items = [make_item("NEW", relation=relation, related=related), make_item("FREE")]
    items += [make_item(code, relation=r, related=t) for code, r, t in old]
    frame = Frame(tuple(items), (2030,), ("T1",))
    prepared = prepare(history, make_terms(frame, FOUR, round_id="R2"), FOUR, ())
    assert [frame.cells[i].item for i in prepared.fresh] == ["FREE"]


def test_history_freezes_a_part_beside_its_whole_and_a_renamed_class() -> None:
    items = (make_item("I0"), make_item("PART", relation="part-of", related=("I0",)))
    frame = Frame(items, (2027,), ("T1",))
    prepared = prepare(History(), make_terms(frame, FOUR), FOUR, ())
    assert [frame.cells[i].item for i in prepared.fresh] == ["I0"]
    renamed = Frame((make_item("I0", cls="OTHER"),), (2027,), ("T1",))
    history = opened_once().history
    assert prepare(history, make_terms(renamed, FOUR, round_id="R2"), FOUR, ()).fresh == ()


def test_history_carries_only_whole_blocks() -> None:
    """A frame that has lost a year of a block shows nothing of it."""
    pipeline = Pipeline()
    rows = {"AAA": [90, 10], "BBB": [3, 50], "CCC": [2, 60], "DDD": [1, 40]}
    both = make_frame(["I0"], [2027, 2028])
    merged = {"AAA": [90, 10], "BBB": [30, 2], "CCC": [20, 1], "DDD": [10, 0]}
    assert rows != merged
    first = pipeline.run(make_terms(both, FOUR, round_id="R1"), merged).table
    assert [len(b.cells) for b in first.blocks] == [2]
    half = make_frame(["I0"], [2028])
    table = pipeline.run(make_terms(half, FOUR, round_id="R2"), {n: [50] for n in FOUR}).table
    assert table.blocks == () and table.withheld == half.cells


def test_history_locks_keys_between_closing_and_end() -> None:
    frame = make_frame(["I0"], [2027])
    terms = make_terms(frame, FOUR, round_id="R2")
    check_locks(terms, {"R1": make_frame(["I1"], [2027]), "R2": frame})
    with pytest.raises(LockedKeyError):
        check_locks(terms, {"R1": frame})
    part = Frame((make_item("PART", relation="part-of", related=("I0",)),), (2030,), ("T1",))
    with pytest.raises(LockedKeyError):
        check_locks(terms, {"R1": part})


def test_history_says_when_envelopes_go() -> None:
    pipeline = opened_once()
    kept = {"R0": LATER, "R1": LATER}
    now = CALENDAR.sheets_until
    assert pipeline.history.envelopes_needed(1) == frozenset()
    assert pipeline.history.envelopes_to_erase(kept, 2, now) == {"R0"}
    assert pipeline.history.envelopes_to_erase(kept, 1, now) == {"R0", "R1"}
    assert pipeline.history.envelopes_to_erase({"R1": now}, 2, LATER) == {"R1"}
    frame = make_frame(["I0"], [2027])
    pipeline.run(make_terms(frame, FOUR, round_id="R2"), grown(10))
    assert pipeline.history.envelopes_needed(2) == frozenset()


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=200), st.integers(0, 10**6))
def test_records_from_strangers_are_read_or_refused(junk: bytes, seed: int) -> None:
    plain = opened_once().tables[0].record.to_plain()
    rng = random.Random(seed)
    key = rng.choice(sorted(plain))
    plain[key] = rng.choice([None, 3, "x", [], {}, [["I0/2027/T1/STD"]], junk.hex()])
    try:
        OpeningRecord.from_plain(plain)
    except InputError:
        return
    except RecordError:
        return
    assert key in ("table", "reopened", "new", "tested", "present", "round", "codes")
