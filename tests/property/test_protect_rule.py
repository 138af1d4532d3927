"""The rule in words, on columns and in the circuit, against an oracle that restates it."""

from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from delian.aggregate.clear import passes, whole_number_type
from delian.protect.rule import judge
from delian.terms.round_terms import Rule

figures_of = st.lists(st.one_of(st.integers(0, 8), st.integers(0, 2**40)), min_size=3, max_size=9)
rules = st.builds(
    lambda least, p, more, nk: Rule(
        min_contributors=least,
        p_percent=p,
        count_bands=tuple(sorted({least, *(least + m for m in more)})) if more else (),
        dominance_n=nk[0],
        dominance_k_percent=nk[1],
    ),
    st.integers(3, 5),
    st.integers(5, 100),
    st.lists(st.integers(1, 9), max_size=2),
    st.tuples(st.integers(0, 2), st.integers(1, 100)),
)


def oracle(figures: list[int], rule: Rule) -> bool:
    """Every pair of a target and an insider, as a reader with a pencil would check it."""
    positive = [x for x in figures if x]
    if len(positive) < rule.min_contributors:
        return False
    edge = rule.count_bands[-1] if rule.count_bands else rule.min_contributors
    for i, target in enumerate(figures):
        for j, insider in enumerate(figures):
            if i != j and target:
                room = sum(figures) - target - insider - (edge - 2)
                if room <= 0 or Fraction(room, target) < Fraction(rule.p_percent, 100):
                    return False
    largest = sorted(positive)[-rule.dominance_n :] if rule.dominance_n else []
    return Fraction(sum(largest), sum(figures)) <= Fraction(rule.dominance_k_percent, 100)


@settings(max_examples=300, deadline=None)
@given(figures_of, rules)
def test_rule_equals_the_oracle(figures: list[int], rule: Rule) -> None:
    wanted = oracle(figures, rule)
    found = judge(figures, rule)
    assert found.passes is wanted
    assert bool(found.reasons) is not wanted
    for kind in (np.int64, object):
        assert bool(passes(np.array(figures, dtype=kind)[:, None], rule)[0]) is wanted


@settings(max_examples=300, deadline=None)
@given(st.data(), rules)
def test_rule_is_subadditive(data: st.DataObject, rule: Rule) -> None:
    """If two blocks pass, their union passes: what merging rests on."""
    size = data.draw(st.integers(rule.min_contributors, 8))
    row = st.lists(st.integers(0, 60), min_size=size, max_size=size)
    one, other = data.draw(row), data.draw(row)
    if judge(one, rule).passes and judge(other, rule).passes:
        assert judge([a + b for a, b in zip(one, other, strict=True)], rule).passes


def test_rule_is_subadditive_on_passing_blocks_by_the_hundred() -> None:
    """The same on blocks built to pass, so that the premise is not rare."""
    draw = np.random.default_rng(4)
    rule = Rule(p_percent=10, count_bands=(3, 6), dominance_n=2, dominance_k_percent=70)
    blocks = [row for row in draw.integers(0, 50, (400, 6)).tolist() if judge(row, rule).passes]
    assert len(blocks) > 100
    for one, other in pairwise(blocks):
        assert judge([a + b for a, b in zip(one, other, strict=True)], rule).passes


@pytest.mark.parametrize(
    ("figures", "bands", "wanted"),
    [
        ([6, 6, 1, 0], (), False),  # "at least three" would give the second nation x1 exactly
        ([6, 6, 2, 0], (), True),  # R = 2, slack 1: 100 >= 60
        ([10, 10, 2, 0], (), True),  # exactly p
        ([11, 10, 2, 0], (), False),  # one below
        ([6, 6, 2, 0], (3, 5), False),  # the highest lower edge pays for the bands
        ([6, 6, 3, 1], (3, 5), True),
        ([0, 0, 0, 0], (), False),
        ([9, 0, 0, 0], (), False),
        ([9, 9, 0, 0], (), False),
    ],
)
def test_rule_at_its_boundary(figures: list[int], bands: tuple[int, ...], wanted: bool) -> None:
    rule = Rule(p_percent=10, count_bands=bands)
    assert judge(figures, rule).passes is wanted
    assert bool(passes(np.array(figures)[:, None], rule)[0]) is wanted


def test_rule_never_overflows() -> None:
    assert whole_number_type(48, 4_000_000, 32) is object
    assert whole_number_type(40, 1_000, 32) is object or (40 + 10 + 6 + 8) < 63
    big = 2**62
    column = np.array([[big], [big], [big], [big]], dtype=object)
    assert bool(passes(column, Rule(p_percent=100))[0])


def test_judgement_never_shows_figures() -> None:
    assert "941" not in repr(judge([941, 5, 4], Rule()))
