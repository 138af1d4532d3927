"""Laws of the circuits on arbitrary figures, the oracle restating each rule."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from delian.shares.arithmetic import (
    at_least,
    column_sum,
    greater,
    select,
    subtract,
    times,
    two_largest,
)
from delian.shares.circuits import Rule, difference, rule
from delian.shares.netlist import Netlist
from delian.shares.schedule import schedule
from tests.shares_world import clear, flags, numbers, opened, planes_of, rule_oracle

FEW = settings(max_examples=25, deadline=None)
N, WIDTH, CELLS = 5, 6, 20

figure = st.one_of(st.just(0), st.integers(0, 3), st.integers(0, (1 << WIDTH) - 1))
tables = st.lists(st.lists(figure, min_size=CELLS, max_size=CELLS), min_size=N, max_size=N)
styles = st.sampled_from(["ripple", "tree"])


@FEW
@given(tables, st.integers(0, 120), st.integers(0, 9), styles)
def test_rule_law(table: list[list[int]], p_percent: int, slack: int, style: str) -> None:
    program = rule(N, WIDTH, Rule(p_percent, slack), style)  # type: ignore[arg-type]
    out = clear(program, planes_of(table, WIDTH))
    columns = list(zip(*table, strict=True))
    assert flags(program, out, "pass", CELLS) == [rule_oracle(c, p_percent, slack) for c in columns]
    assert numbers(program, out, "total", CELLS).tolist() == [sum(c) for c in columns]


@FEW
@given(tables, st.integers(1, 120), st.integers(1, 9))
def test_the_second_inequality_implies_the_first(
    table: list[list[int]], p_percent: int, slack: int
) -> None:
    """With p > 0 and slack >= 1: 100 (R - slack) >= p x1 gives R > slack, so three contribute."""
    for column in zip(*table, strict=True):
        top = sorted(column, reverse=True)
        rest = sum(top[2:])
        if 100 * (rest - slack) >= p_percent * top[0]:
            assert rest > slack
            assert sum(1 for x in column if x) >= 3


@FEW
@given(tables, tables, styles)
def test_difference_is_symmetric_without_the_new_figures(
    new: list[list[int]], old: list[list[int]], style: str
) -> None:
    program = difference(N, WIDTH, Rule(10, 1), new_passes=False, style=style)  # type: ignore[arg-type]
    one, other = planes_of(new, WIDTH), planes_of(old, WIDTH)
    forth = flags(program, clear(program, np.concatenate([one, other])), "pass", CELLS)
    back = flags(program, clear(program, np.concatenate([other, one])), "pass", CELLS)
    columns = zip(zip(*new, strict=True), zip(*old, strict=True), strict=True)
    change = [[abs(x - y) for x, y in zip(a, b, strict=True)] for a, b in columns]
    assert forth == back == [rule_oracle(c, 10, 1) for c in change]


@FEW
@given(tables)
def test_three_hosts_open_what_the_plain_circuit_says(table: list[list[int]]) -> None:
    program, planes = rule(N, WIDTH, Rule(10, 1)), planes_of(table, WIDTH)
    for got in opened(program, planes):
        assert np.array_equal(got, clear(program, planes))


@FEW
@given(tables, styles, st.integers(2, 4), st.integers(1, 70))
def test_arithmetic_laws(table: list[list[int]], style: str, final: int, constant: int) -> None:
    net = Netlist()
    x = [net.input_bits(WIDTH) for _ in range(N)]
    first, second = two_largest(net, x, style, final)  # type: ignore[arg-type]
    bigger = greater(net, x[0], x[1], style)  # type: ignore[arg-type]
    outputs = [
        ("first", first),
        ("second", second),
        ("greater", [bigger]),
        ("minus", subtract(net, x[0], x[1], WIDTH + 1)),
        ("times", times(net, x[2], constant, WIDTH + 7)),
        ("enough", [at_least(net, x[3], constant)]),
        ("chosen", select(net, [(bigger, x[3]), (net.negate(bigger), x[4])])),
        ("low", column_sum(net, x, 3, style)),  # type: ignore[arg-type]
    ]
    program = schedule(net, [("in", [wire for number in x for wire in number])], outputs)
    out = clear(program, planes_of(table, WIDTH))
    got = {g.name: numbers(program, out, g.name, CELLS).tolist() for g in program.output_groups}
    for cell, column in enumerate(zip(*table, strict=True)):
        a, b, c, d, e = column
        ordered = sorted(column, reverse=True)
        assert [got["first"][cell], got["second"][cell]] == ordered[:2]
        assert got["greater"][cell] == (a > b)
        assert got["minus"][cell] == (a - b) % (1 << (WIDTH + 1))
        assert got["times"][cell] == c * constant
        assert got["enough"][cell] == (d >= constant)
        assert got["chosen"][cell] == (d if a > b else e)
        assert got["low"][cell] == sum(column) % 8
