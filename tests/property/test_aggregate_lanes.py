"""Moving lanes: many slots at once equal one move after the other, on every share alike."""

import random

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from delian.aggregate.batches import batches, regroup
from delian.aggregate.lanes import MISSING, gather_slots
from delian.shares.words import to_flags
from delian.terms.tree import merge_forest
from tests.edition_rig import random_frame


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 3), st.integers(0, 140), st.integers(1, 4))
def test_lanes_move_as_one_by_one(seed: int, words: int, length: int, slots: int) -> None:
    draw = np.random.default_rng(seed)
    planes = draw.integers(0, 2**64, (5, words), dtype=np.uint64)
    lanes = [draw.integers(MISSING, words * 64, length) for _ in range(slots)]
    moved = gather_slots(planes, lanes)
    assert moved.shape == (5 * slots, -(-length // 64))
    for slot, which in enumerate(lanes):
        for plane in range(5):
            bits = to_flags(planes[plane], words * 64)
            wanted = [bool(bits[lane]) if lane != MISSING else False for lane in which]
            row = moved[slot * 5 + plane]
            assert to_flags(row, length).tolist() == wanted
            assert not to_flags(row, len(row) * 64)[length:].any()


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_lanes_of_shares_are_shares_of_lanes(seed: int) -> None:
    draw = np.random.default_rng(seed)
    shares = draw.integers(0, 2**64, (3, 4, 2), dtype=np.uint64)
    lanes = [draw.integers(MISSING, 128, 70), draw.integers(MISSING, 128, 70)]
    moved = [gather_slots(share, lanes) for share in shares]
    whole = gather_slots(shares[0] ^ shares[1] ^ shares[2], lanes)
    assert np.array_equal(moved[0] ^ moved[1] ^ moved[2], whole)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**9), st.integers(1, 30))
def test_batches_hold_every_tree_once(seed: int, most: int) -> None:

    rng = random.Random(seed)
    frame = random_frame(rng)
    leaves = [i for i in range(len(frame.cells)) if rng.random() < 0.8]
    forest = merge_forest(frame, leaves)
    seen: list[list[int]] = [[] for _ in forest.levels]
    for batch in batches(forest, most):
        assert len(batch.places[0]) <= most or len(batch.places[-1]) == 1
        for level, places in enumerate(batch.places):
            seen[level] += places.tolist()
            if level:
                for row, place in enumerate(places):
                    lanes = [x for x in batch.children[level - 1][row] if x != MISSING]
                    below = [int(batch.places[level - 1][x]) for x in lanes]
                    assert sorted(below) == sorted(forest.levels[level][int(place)].children)
    assert [sorted(row) for row in seen] == [list(range(len(level))) for level in forest.levels]


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 5), st.integers(1, 20))
def test_regrouping_loses_no_child(seed: int, step: int, width: int) -> None:
    draw = np.random.default_rng(seed)
    children = np.full((6, width), MISSING)
    for row in range(6):
        size = int(draw.integers(1, width + 1))
        children[row, :size] = row * 100 + np.arange(size)
    split, lanes = regroup(children, step)
    for row in range(6):
        found = [c for lane in lanes[row] if lane != MISSING for c in split[lane] if c != MISSING]
        assert found == [c for c in children[row] if c != MISSING]
