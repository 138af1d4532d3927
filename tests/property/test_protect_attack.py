"""The attack's short cuts against a literal enumeration of insiders and targets."""

import random
from fractions import Fraction

from hypothesis import given, settings
from hypothesis import strategies as st

from delian.protect.amend import amend
from delian.protect.attack import attack, rounded_down
from delian.terms.round_terms import Rule
from delian.terms.table import Block
from tests.edition_rig import Pipeline, make_frame, make_terms, random_story


def literal(figures: dict[str, int], block: Block, rule: Rule) -> tuple[Fraction, Fraction]:
    """Every insider and every target: the largest x_i that the reader cannot rule out."""
    worst = []
    for target, x in figures.items():
        for insider in (*figures, None):
            own = figures.get(insider, 0) if insider else 0
            if insider == target or not x:
                continue
            bound = block.total
            while True:
                rest = block.total - own - bound
                more = block.at_least - 1 - (1 if own else 0)
                if rest >= max(0, more):
                    break
                bound -= 1
            passed = min(Fraction(bound), Fraction(100 * (block.total - own), 100 + rule.p_percent))
            worst.append((Fraction(bound, x) - 1, passed / x - 1))
    return min(w[0] for w in worst), min(w[1] for w in worst)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 40), min_size=3, max_size=7), st.integers(5, 40), st.integers(0, 3))
def test_attack_equals_the_literal_one(row: list[int], p: int, more: int) -> None:
    rule = Rule(p_percent=p, count_bands=(3, 3 + more) if more else ())
    frame = make_frame(["I0"], [2027])
    nations = [f"N{i:02d}" for i in range(len(row))]
    pipeline = Pipeline()
    figures = dict(zip(nations, row, strict=True))
    terms = make_terms(frame, nations, rule=rule)
    table = pipeline.run(terms, {n: [x] for n, x in figures.items()})
    result = pipeline.attack(rule)
    if not table.table.blocks:
        assert result.worst_margin is None and result.holds
        return
    wanted = literal(figures, table.table.blocks[0], rule)
    assert (result.worst_margin, result.worst_margin_with_rule) == wanted
    assert 100 * wanted[0] >= p
    top, second = sorted(row, reverse=True)[:2]
    formula = (Fraction(sum(row) - top - second, top) - Fraction(p, 100)) / (1 + Fraction(p, 100))
    assert result.worst_margin_with_rule == min(wanted[0], formula)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**9))
def test_attack_on_amended_editions_holds(seed: int) -> None:
    """Withholding and adding up opened blocks, edition by edition, never opens a gap."""
    rng = random.Random(seed)
    pipeline, rule = random_story(rng)
    editions = []
    for safe in pipeline.tables:
        table = safe.table
        groups: dict[tuple[str, str], list[Block]] = {}
        for block in table.blocks:
            groups.setdefault((block.cells[0].tier, block.cells[0].cls), []).append(block)
        group = rng.choice([*groups.values(), []])
        join = [[b.cells[0] for b in rng.sample(group, 2)]] if len(group) > 1 else []
        taken = {cell for names in join for cell in names}
        hide = [b.cells[0] for b in table.blocks if b.cells[0] not in taken and rng.random() < 0.2]
        cells = [*table.withheld, *(c for b in table.blocks for c in b.cells)]
        frame = make_frame(sorted({c.item for c in cells}), [2027])
        amended = rng.random() < 0.7 and (join or hide)
        editions.append(amend(table, frame, withhold=hide, join=join) if amended else table)
    originals = [safe.table for safe in pipeline.tables]
    result = attack(editions, pipeline.true, rule, opened=originals)
    assert result.holds, result.findings[0]


def test_attack_rounds_down() -> None:
    assert rounded_down(Fraction(29999, 1000)) == 29.99
    assert rounded_down(None) is None
    assert rounded_down(Fraction(-1, 3)) == -0.34
