"""Every circuit of a round against an oracle that restates what it decides, on plain values."""

import random
from collections.abc import Sequence

import numpy as np
import pytest

from delian.shares.circuits import (
    Rule,
    all_flags,
    band,
    difference,
    merge,
    plan_down,
    plan_up,
    rule,
)
from delian.shares.program import Program
from delian.shares.words import from_flags
from tests.shares_world import clear, flags, numbers, planes_of, rule_oracle

CELLS = 193


def cells_of(n: int, width: int, seed: int) -> list[list[int]]:
    """Figures by nation: ties, zeros, maxima, one contributor, the rule's boundary, noise."""
    rng = random.Random(seed)
    top = (1 << width) - 1
    columns: list[list[int]] = [[0] * n, [top] * n, [top] + [0] * (n - 1), [0] * (n - 1) + [top]]
    columns += [[1] * n, [min(3, top)] * min(3, n) + [0] * (n - 3)]
    while len(columns) < CELLS:
        kind = rng.randrange(4)
        if kind == 0:
            columns.append([rng.randint(0, min(top, 3)) for _ in range(n)])
        elif kind == 1:
            columns.append([rng.randint(0, top) if rng.random() < 0.5 else 0 for _ in range(n)])
        else:
            columns.append(boundary(rng, n, top))
    return [list(row) for row in zip(*columns, strict=True)]


def boundary(rng: random.Random, n: int, top: int) -> list[int]:
    """One large, one second, one rest that lies within one of a tenth of the largest."""
    column = [0] * n
    first = rng.randint(0, top)
    places = rng.sample(range(n), min(3, n))
    values = (first, rng.randint(0, first), min(top, max(0, first // 10 + rng.randint(-1, 3))))
    for place, value in zip(places, values, strict=False):
        column[place] = value
    return column


def columns_of(figures: Sequence[Sequence[int]]) -> list[tuple[int, ...]]:
    return list(zip(*figures, strict=True))


@pytest.mark.parametrize("style", ["ripple", "tree"])
@pytest.mark.parametrize(
    ("n", "width", "p_percent", "slack", "minimum", "nk"),
    [
        (32, 12, 10, 1, 3, None),
        (32, 40, 15, 1, 3, None),
        (1, 5, 10, 1, 3, None),
        (2, 5, 10, 1, 3, None),
        (3, 6, 10, 1, 3, None),
        (5, 7, 5, 4, 3, (1, 60)),
        (6, 6, 100, 8, 5, (2, 85)),
        (7, 1, 10, 2, 4, None),
        (33, 9, 25, 3, 6, None),
        (4, 6, 0, 1, 3, None),
        (4, 6, 10, 0, 3, None),
        (3, 3, 0, 0, 1, (1, 100)),
    ],
)
def test_rule(style: str, n: int, width: int, p_percent: int, slack: int, minimum: int, nk: tuple[int, int] | None) -> None:  # noqa: E501  # fmt: skip
    figures = cells_of(n, width, seed=n + width)
    program = rule(n, width, Rule(p_percent, slack, minimum, nk), style)  # type: ignore[arg-type]
    out = clear(program, planes_of(figures, width))
    want = [rule_oracle(c, p_percent, slack, minimum, nk) for c in columns_of(figures)]
    assert numbers(program, out, "total", CELLS).tolist() == [sum(c) for c in columns_of(figures)]
    assert flags(program, out, "pass", CELLS) == want
    assert flags(program, out, "fail", CELLS) == [not w for w in want]
    if n >= 5 and width > 1:
        assert True in want
        assert False in want


def test_total_of_maxima_does_not_overflow() -> None:
    program = rule(5, 64, Rule(10, 1))
    out = clear(program, planes_of([[(1 << 64) - 1]] * 5, 64))
    total = program.output_group("total")
    got = sum(int(plane[0] & np.uint64(1)) << j for j, plane in enumerate(out[total]))
    assert got == 5 * ((1 << 64) - 1)


@pytest.mark.parametrize("style", ["ripple", "tree"])
@pytest.mark.parametrize(("n", "width", "fanout"), [(4, 6, 3), (3, 5, 1), (5, 4, 4), (1, 3, 2)])
def test_merge(style: str, n: int, width: int, fanout: int) -> None:
    children = [cells_of(n, width, seed=10 * c + n) for c in range(fanout)]
    program = merge(n, width, fanout, Rule(10, 1), style)  # type: ignore[arg-type]
    planes = np.concatenate([planes_of(child, width) for child in children])
    out = clear(program, planes)
    sums = np.sum([np.array(child) for child in children], axis=0).tolist()
    wide = width + (fanout - 1).bit_length()
    got = out[program.output_group("sums")].reshape(n, wide, -1)
    assert np.array_equal(got.reshape(n * wide, -1), planes_of(sums, wide))
    want = [rule_oracle(c, 10, 1) for c in columns_of(sums)]
    assert flags(program, out, "pass", CELLS) == want
    assert numbers(program, out, "total", CELLS).tolist() == [sum(c) for c in columns_of(sums)]
    without = merge(n, width, fanout, None)
    assert np.array_equal(clear(without, planes), planes_of(sums, wide))


@pytest.mark.parametrize("style", ["ripple", "tree"])
@pytest.mark.parametrize("new_passes", [True, False])
def test_difference(style: str, *, new_passes: bool) -> None:
    n, width = 5, 7
    new = cells_of(n, width, seed=1)
    old = [row[:] for row in cells_of(n, width, seed=2)]
    for nation in range(n):  # a third of the cells: few nations revise, by little
        for cell in range(0, CELLS, 3):
            old[nation][cell] = max(0, new[nation][cell] - (nation + cell) % 3)
    program = difference(n, width, Rule(10, 1), new_passes=new_passes, style=style)  # type: ignore[arg-type]
    out = clear(program, np.concatenate([planes_of(new, width), planes_of(old, width)]))
    want = []
    for a, b in zip(columns_of(new), columns_of(old), strict=True):
        change = [abs(x - y) for x, y in zip(a, b, strict=True)]
        want.append(rule_oracle(change, 10, 1) and (rule_oracle(a, 10, 1) or not new_passes))
    assert flags(program, out, "pass", CELLS) == want
    assert True in want
    assert numbers(program, out, "total", CELLS).tolist() == [sum(c) for c in columns_of(new)]


@pytest.mark.parametrize("style", ["ripple", "tree"])
@pytest.mark.parametrize(
    ("n", "edges"), [(12, (3, 6, 10)), (7, (3,)), (9, (1, 2, 3, 4, 9)), (3, (3, 4))]
)
def test_band(style: str, n: int, edges: tuple[int, ...]) -> None:
    figures = cells_of(n, 5, seed=n)
    program = band(n, 5, edges, style)  # type: ignore[arg-type]
    out = clear(program, planes_of(figures, 5))
    counts = [sum(1 for x in c if x) for c in columns_of(figures)]
    want = [sum(1 for edge in edges[1:] if count >= edge) for count in counts]
    assert numbers(program, out, "index", CELLS).tolist() == want
    assert [group.name for group in program.output_groups] == ["index"]


def bits(program: Program, rows: Sequence[Sequence[bool]]) -> dict[str, list[bool]]:
    planes = np.array([from_flags(np.array(row)) for row in rows], dtype=np.uint64)
    out = clear(program, planes.reshape(len(rows), -1))
    return {g.name: flags(program, out, g.name, len(rows[0])) for g in program.output_groups}


@pytest.mark.parametrize("fanout", [1, 2, 5])
def test_plan_up(fanout: int) -> None:
    cases = [[bool(c >> j & 1) for c in range(1 << (fanout + 1))] for j in range(fanout + 1)]
    got = bits(plan_up(fanout), cases)
    for c, *children_and_pass in zip(range(1 << (fanout + 1)), *cases, strict=True):
        *children, passes = children_and_pass
        assert got["gap"][c] == any(children)
        assert got["open"][c] == (any(children) and not passes)


def test_plan_down() -> None:
    rows = [[bool(c >> j & 1) for c in range(8)] for j in range(3)]
    inner = bits(plan_down(), rows)
    root = bits(plan_down(root=True), rows[1:])
    leaf = bits(plan_down(leaf=True), rows[:2])
    only = bits(plan_down(root=True, leaf=True), [rows[1]])
    for c, active, passes, gap in zip(range(8), *rows, strict=True):
        assert inner["chosen"][c] == (active and passes and gap)
        assert inner["active"][c] == (active and not inner["chosen"][c])
        assert root["chosen"][c] == (rows[1][c] and rows[2][c])
        assert root["active"][c] == (not root["chosen"][c])
        assert leaf["chosen"][c] == (active and passes)
        assert only["chosen"][c] == passes


def test_all_flags() -> None:
    rows = [[bool(c >> j & 1) for c in range(8)] for j in range(3)]
    got = bits(all_flags(3), rows)
    assert got["pass"] == [c == 7 for c in range(8)]
    assert got["fail"] == [c != 7 for c in range(8)]


def test_gates_of_the_first_pass() -> None:
    """What a real network pays for: bits sent per cell and host."""
    program = rule(32, 40, Rule(10, 1))
    assert program.n_gates <= 4_356
    assert program.n_terms <= 5_396
    assert program.n_messages <= 299
    assert rule(32, 40, Rule(10, 1), "tree").n_messages <= 98


@pytest.mark.parametrize(
    "make",
    [
        lambda: Rule(-1, 1),
        lambda: Rule(10, -1),
        lambda: Rule(10, 1, 0),
        lambda: Rule(10, 1, 3, (3, 80)),
        lambda: Rule(10, 1, 3, (1, 101)),
        lambda: band(3, 4, (3, 3)),
        lambda: band(3, 4, ()),
        lambda: band(3, 4, (0, 3)),
    ],
)
def test_bad_terms_are_refused(make: object) -> None:
    with pytest.raises(ValueError, match=r"."):
        make()  # type: ignore[operator]
