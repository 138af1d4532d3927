"""The plan against an oracle, and against an insider, on random trees."""

import random
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from delian.aggregate.clear import chosen_bits, climb, passes
from delian.protect.plan import plan
from delian.terms.round_terms import Rule
from delian.terms.tree import Forest, Node, merge_forest
from tests.edition_rig import random_frame


def oracle(forest: Forest, safe: dict[tuple[int, int], bool], level: int, place: int) -> list[Node]:
    """plan(node): the children's plans if they cover all; else [node] if it passes; else theirs."""
    node = forest.levels[level][place]
    found: list[Node] = []
    for child in node.children:
        found += oracle(forest, safe, level - 1, child)
    if sorted(leaf for n in found for leaf in n.leaves) == sorted(node.leaves):
        return found
    return [node] if safe[level, place] else found


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 10**9), st.floats(0, 1))
def test_plan_equals_the_oracle(seed: int, density: float) -> None:
    rng = random.Random(seed)
    frame = random_frame(rng)
    leaves = [i for i in range(len(frame.cells)) if rng.random() < 0.9]
    forest = merge_forest(frame, leaves)
    bits = [[rng.random() < density for _ in level] for level in forest.levels]
    safe = {(lv, i): bit for lv, row in enumerate(bits) for i, bit in enumerate(row)}
    top = len(forest.levels) - 1
    wanted = [n for r in range(len(forest.levels[top])) for n in oracle(forest, safe, top, r)]
    found = plan(forest, bits)
    blocks = [forest.levels[s.level][s.place] for s in found.blocks]
    assert sorted(n.leaves for n in blocks) == sorted(n.leaves for n in wanted)
    assert list(found.withheld) == sorted(set(leaves) - {c for n in wanted for c in n.leaves})
    if leaves:
        columns = chosen_bits([np.array(row, dtype=np.bool_) for row in bits], forest)
        chosen = {(lv, i) for lv, row in enumerate(columns) for i, bit in enumerate(row) if bit}
        assert chosen == {(s.level, s.place) for s in found.blocks}


def insider_margin(blocks: list[list[int]]) -> Fraction | None:
    """The closest estimate from released totals: blocks are disjoint, so each counts alone,
    and any sum of blocks is looser than its tightest part."""
    worst: Fraction | None = None
    for figures in blocks:
        for i, target in enumerate(figures):
            for j in range(len(figures)):
                if target and i != j:
                    margin = Fraction(sum(figures) - figures[j] - target, target)
                    worst = margin if worst is None else min(worst, margin)
    return worst


@pytest.mark.parametrize("block", range(4))
def test_plan_leaves_no_insider_below_p(block: int) -> None:
    """Random trees (the long run is ``tests/campaigns/campaign_attacks.py``)."""
    opened = 0
    for seed in range(block * 100, block * 100 + 100):
        rng = random.Random(seed)
        opened += one_random_tree(rng)
    assert opened > 50


def one_random_tree(rng: random.Random) -> int:
    """Plan one random tree and let every insider try; returns the number of blocks."""
    frame = random_frame(rng)
    rule = Rule(p_percent=rng.choice((5, 10, 20)))
    nations = rng.randint(3, 7)
    leaves = np.array(
        [
            [rng.choice((0, 0, 1, 2, 5, 40)) * rng.randint(1, 4) for _ in frame.cells]
            for _ in range(nations)
        ]
    )
    forest = merge_forest(frame)
    levels = climb(leaves, forest)
    found = plan(forest, [passes(figures, rule).tolist() for figures in levels])
    blocks = [levels[s.level][:, s.place].tolist() for s in found.blocks]
    worst = insider_margin(blocks)
    assert worst is None or 100 * worst >= rule.p_percent
    return len(blocks)
