"""Verdicts on changes, on shares: old and new figures of a block added up, then compared."""

from collections.abc import Callable, Mapping, Sequence
from typing import NoReturn

import numpy as np

from delian.aggregate.backend import Change
from delian.aggregate.batches import regroup
from delian.aggregate.errors import RunInputError
from delian.aggregate.held import HeldSheets, Shared, side_by_side, stacked
from delian.aggregate.lanes import MISSING, Lanes
from delian.aggregate.netlist import WIDEST_MERGE, ChangeCircuits
from delian.shares.program import Program
from delian.shares.words import CELLS_PER_WORD
from delian.terms.frame import CellKey

Evaluate = Callable[[Program, Shared, str], dict[str, Shared]]


class Changes:
    """The judged changes of one call: verdicts and new totals, all shared.

    Args:
        changes: In the caller's order.
        circuits: Of the round.
        evaluate: Runs a program under a name.
        now: Sheets of this round.
        earlier: Sheets of earlier rounds.
        name: Unique in the run.

    Raises:
        RunInputError: sheets of an earlier round are missing, or are of other nations.
    """

    __slots__ = ("_figures", "_outcomes", "_places", "count")

    def __init__(
        self,
        changes: Sequence[Change],
        circuits: ChangeCircuits,
        evaluate: Evaluate,
        now: HeldSheets,
        earlier: Mapping[str, HeldSheets],
        name: str,
    ) -> None:
        self.count = len(changes)
        self._places: list[Lanes] = []
        self._figures: list[Shared] = []
        self._outcomes: list[dict[str, Shared]] = []
        for reopens, program in ((True, circuits.reopen), (False, circuits.retest)):
            places = [i for i, change in enumerate(changes) if change.reopens is reopens]
            if places:
                kind = f"{name} {'reopen' if reopens else 'retest'}"
                which = [changes[i] for i in places]
                new, old = _sums(which, circuits, evaluate, now, earlier, kind)
                self._places.append(np.array(places, dtype=np.int64))
                self._figures.append(new)
                self._outcomes.append(evaluate(program, stacked([new, old]), kind))

    def verdicts(self) -> Shared:
        """One flag for each change, in the caller's order."""
        return self._pick("pass", np.arange(self.count))

    def totals(self, places: Sequence[int]) -> Shared:
        """The new totals of some changes."""
        return self._pick("total", np.array(places, dtype=np.int64))

    def figures(self, places: Sequence[int]) -> Shared:
        """Each nation's new figures of some changes."""
        return self._gather(self._figures, np.array(places, dtype=np.int64))

    def _pick(self, group: str, places: Lanes) -> Shared:
        return self._gather([outcome[group] for outcome in self._outcomes], places)

    def _gather(self, parts: Sequence[Shared], places: Lanes) -> Shared:
        lane_of = np.full(self.count, MISSING, dtype=np.int64)
        first = 0
        for part, mine in zip(parts, self._places, strict=True):
            lane_of[mine] = first + np.arange(len(mine))
            first += part.own.shape[1] * CELLS_PER_WORD
        return side_by_side(parts).gather(lane_of[places])

    def __repr__(self) -> str:
        return f"Changes(count={self.count}, hidden)"

    def __reduce__(self) -> NoReturn:
        raise TypeError("judged changes are never pickled")


def _sums(
    changes: Sequence[Change],
    circuits: ChangeCircuits,
    evaluate: Evaluate,
    now: HeldSheets,
    earlier: Mapping[str, HeldSheets],
    name: str,
) -> tuple[Shared, Shared]:
    """Each nation's new and old figures of every change, one lane a change."""
    n = len(now.nations)
    keys = [cell for change in changes for cell in change.cells]
    new = now.cells(keys)
    leaves = [new.widened(n, circuits.width)]
    leaves.append(_old_figures(changes, now, earlier).widened(n, circuits.width))
    rows = _rows([len(change.cells) for change in changes])
    offset = new.own.shape[1] * CELLS_PER_WORD
    children = np.concatenate([rows, np.where(rows == MISSING, MISSING, rows + offset)])
    figures = side_by_side(leaves)
    step = 0
    while children.shape[1] > 1:
        here, children = regroup(children, WIDEST_MERGE)
        inputs = figures.gather_children(here, WIDEST_MERGE)
        outcome = evaluate(circuits.add, inputs, f"{name} step {step}")
        figures = outcome["sums"].widened(n, circuits.width)
        step += 1
    lanes = children[:, 0]
    return figures.gather(lanes[: len(changes)]), figures.gather(lanes[len(changes) :])


def _old_figures(
    changes: Sequence[Change], now: HeldSheets, earlier: Mapping[str, HeldSheets]
) -> Shared:
    """The old figures of every cell of every change, in that order, each from its own round."""
    rounds = sorted({change.since for change in changes})
    keys: dict[str, list[CellKey]] = {since: [] for since in rounds}
    position: list[tuple[str, int]] = []
    for change in changes:
        for cell in change.cells:
            position.append((change.since, len(keys[change.since])))
            keys[change.since].append(cell)
    parts: list[Shared] = []
    first: dict[str, int] = {}
    start = 0
    for since in rounds:
        sheets = earlier.get(since)
        if sheets is None or sheets.nations != now.nations:
            raise RunInputError("the sheets that a change is compared with are not those nations'")
        first[since] = start
        part = sheets.cells(keys[since]).widened(len(now.nations), now.width_bits)
        parts.append(part)
        start += part.own.shape[1] * CELLS_PER_WORD
    lanes = np.array([first[since] + i for since, i in position], dtype=np.int64)
    return side_by_side(parts).gather(lanes)


def _rows(sizes: Sequence[int]) -> Lanes:
    """For each block the lanes of its cells, padded with ``MISSING``."""
    rows = np.full((len(sizes), max(sizes)), MISSING, dtype=np.int64)
    start = 0
    for row, size in enumerate(sizes):
        rows[row, :size] = np.arange(start, start + size)
        start += size
    return rows
