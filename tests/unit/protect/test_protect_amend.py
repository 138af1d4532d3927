"""An amendment adds up or withholds opened blocks, and never more."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from delian.protect.amend import amend
from delian.protect.errors import AmendmentError
from delian.terms.frame import CellKey, Frame
from delian.terms.table import Table, check_derivation
from tests.edition_rig import Pipeline, make_frame, make_item, make_terms

NATIONS = ("AAA", "BBB", "CCC", "DDD")
FRAME = make_frame(["I0", "I1"], [2027, 2028], tiers=("T1", "T2"))


def opened(frame: Frame = FRAME) -> Table:
    figures = {n: [20 + i for i in range(len(frame.cells))] for n in NATIONS}
    return Pipeline().run(make_terms(frame, NATIONS), figures).table


def cell(text: str) -> CellKey:
    return CellKey.parse(text)


def test_amendment_withholds_and_adds_up() -> None:
    table = opened()
    one, two, three = cell("I0/2027/T1/STD"), cell("I0/2028/T1/STD"), cell("I1/2027/T2/STD")
    amended = amend(table, FRAME, withhold=[three], join=[[one, two]])
    check_derivation(table, amended)
    totals = {b.cells: b.total for b in table.blocks}
    assert {b.cells: b.total for b in amended.blocks}[one, two] == totals[one,] + totals[two,]
    assert three in amended.withheld and amended.derives_from == table.digest
    assert len(amended.blocks) == len(table.blocks) - 2


@pytest.mark.parametrize(
    ("withhold", "join"),
    [
        ([], []),
        (["I9/2027/T1/STD"], []),
        (["I0/2027/T1/STD", "I0/2027/T1/STD"], []),
        (["I0/2027/T1/STD"], [["I0/2027/T1/STD", "I0/2028/T1/STD"]]),
        ([], [["I0/2027/T1/STD"]]),
        ([], [["I0/2027/T1/STD", "I0/2027/T2/STD"]]),
    ],
)
def test_amendment_refuses_the_rest(withhold: Sequence[str], join: Sequence[Sequence[str]]) -> None:
    groups = [[cell(c) for c in group] for group in join]
    with pytest.raises(AmendmentError):
        amend(opened(), FRAME, withhold=[cell(c) for c in withhold], join=groups)


def test_amendment_never_adds_units_up_and_never_amends_twice() -> None:
    mixed = Frame((make_item("I0"), make_item("I1", unit="tons")), (2027,), ("T1",))
    table = opened(mixed)
    with pytest.raises(AmendmentError):
        amend(table, mixed, join=[[cell("I0/2027/T1/STD"), cell("I1/2027/T1/STD")]])
    amended = amend(table, mixed, withhold=[cell("I0/2027/T1/STD")])
    with pytest.raises(AmendmentError):
        amend(amended, mixed, withhold=[cell("I1/2027/T1/STD")])
    assert replace(amended, derives_from=None) != table
