"""The accredited enclave: the same interface and the same answers, on figures in clear.

For a round with collection "trusted", where one machine already holds the figures. Everything
from ``delian.protect`` on is the same as with three hosts.
"""

from collections.abc import Mapping, Sequence
from typing import NoReturn

import numpy as np

from delian.aggregate.backend import Change, OpeningOrder, SharedChanges, SharedTable, Spot
from delian.aggregate.clear import Bits, Figures, chosen_bits, climb, passes, whole_number_type
from delian.aggregate.errors import OpeningOrderError, RunInputError
from delian.terms.encode import Digest
from delian.terms.frame import CellKey, Frame
from delian.terms.round_terms import RoundTerms
from delian.terms.tree import Forest


class ClearSheets:
    """The figures of one round in clear, nation by nation, in the order of ``frame.cells``."""

    __slots__ = ("_figures", "frame", "nations")

    def __init__(self, frame: Frame, figures: Mapping[str, Sequence[int]]) -> None:
        self.frame = frame
        self.nations = tuple(sorted(figures))
        cells = len(frame.cells)
        kind = whole_number_type(frame.width_bits, cells, len(figures))
        self._figures: Figures = np.zeros((len(figures), cells), dtype=kind)
        for row, nation in enumerate(self.nations):
            if len(figures[nation]) != cells:
                raise RunInputError("a sheet does not have one figure for every cell")
            self._figures[row] = figures[nation]
        if self._figures.size and not (
            self._figures.min() >= 0 and self._figures.max() < 2**frame.width_bits
        ):
            raise RunInputError("a figure does not fit the width of the frame")

    def columns(self, places: Sequence[int]) -> Figures:
        """The figures of the cells at *places*: nations by cells."""
        return np.asarray(self._figures[:, list(places)])

    def block(self, cells: Sequence[CellKey]) -> Figures:
        """Each nation's figure for the block *cells*."""
        found = self.columns([self.frame.index[c] for c in cells]).sum(axis=1)
        return np.asarray(found)

    def __repr__(self) -> str:
        return f"ClearSheets(nations={len(self.nations)}, hidden)"

    def __reduce__(self) -> NoReturn:
        raise TypeError("sheets in clear are never pickled")


class PlainBackend:
    """A run on figures in clear; see :class:`delian.aggregate.backend.Backend`.

    Args:
        terms: Of the round.
        now: The sheets of this round, of the nations present.
        earlier: Sheets of earlier rounds that changes are compared with, by round id.
        run_id: Chosen by the node (the digest of the closing list serves).
        netlist_digest: From ``delian.aggregate.netlist``.
    """

    def __init__(
        self,
        terms: RoundTerms,
        now: ClearSheets,
        earlier: Mapping[str, ClearSheets],
        *,
        run_id: str,
        netlist_digest: Digest,
    ) -> None:
        if len(now.nations) < terms.least_present:
            raise RunInputError("fewer nations are present than the terms demand")
        self.run_id = run_id
        self.netlist_digest = netlist_digest
        self._rule = terms.rule
        self._now: ClearSheets | None = now
        self._earlier = dict(earlier)
        self._order = OpeningOrder()
        self._figures: dict[int, list[Figures]] = {}
        self._bits: dict[int, list[Bits]] = {}
        self._number = 0

    def judge(self, changes: Sequence[Change]) -> SharedChanges:
        """See :class:`Backend`."""
        handle = SharedChanges(tuple(changes), self._next())
        figures: list[Figures] = []
        bits: list[bool] = []
        for change in changes:
            new, old = self._pair(change)
            moved = passes(np.abs(new - old)[:, None], self._rule)[0]
            figures.append(new)
            bits.append(bool(moved and (not change.reopens or passes(new[:, None], self._rule)[0])))
        self._figures[handle.number] = figures
        self._bits[handle.number] = [np.array(bits, dtype=np.bool_)]
        return handle

    def open_verdicts(self, judged: SharedChanges) -> tuple[bool, ...]:
        """See :class:`Backend`."""
        bits = tuple(bool(b) for b in self._bits[judged.number][0])
        self._order.verdicts_opened(judged, bits)
        return bits

    def evaluate(self, forest: Forest) -> SharedTable:
        """See :class:`Backend`."""
        handle = SharedTable(forest, self._next())
        leaves = self._sheets().columns([node.leaves[0] for node in forest.levels[0]])
        self._figures[handle.number] = climb(leaves, forest)
        pass_bits = [passes(figures, self._rule) for figures in self._figures[handle.number]]
        self._bits[handle.number] = chosen_bits(pass_bits, forest)
        return handle

    def open_chosen(self, table: SharedTable) -> tuple[tuple[bool, ...], ...]:
        """See :class:`Backend`."""
        bits = tuple(tuple(bool(b) for b in row) for row in self._bits[table.number])
        self._order.chosen_opened(table, bits)
        return bits

    def agree(self, label: str, digest: Digest) -> None:
        """One machine agrees with itself; see :class:`Backend`."""
        self._sheets()
        if label == "cells" and digest:
            self._order.list_agreed = True

    def open_totals(self, table: SharedTable, spots: Sequence[Spot]) -> tuple[int, ...]:
        """See :class:`Backend`."""
        self._order.check_spots(table, spots, "totals")
        return tuple(int(self._node(table, s).sum()) for s in spots)

    def open_new_totals(self, judged: SharedChanges, places: Sequence[int]) -> tuple[int, ...]:
        """See :class:`Backend`."""
        self._order.check_places(judged, places, "totals")
        return tuple(int(self._figures[judged.number][p].sum()) for p in places)

    def open_bands(
        self,
        table: SharedTable,
        spots: Sequence[Spot],
        judged: SharedChanges | None,
        places: Sequence[int],
    ) -> tuple[int, ...]:
        """See :class:`Backend`."""
        self._order.check_spots(table, spots, "bands")
        figures = [self._node(table, spot) for spot in spots]
        if judged is not None:
            self._order.check_places(judged, places, "bands")
            figures += [self._figures[judged.number][p] for p in places]
        counts = [int((x > 0).sum()) for x in figures]
        return tuple(sum(count >= edge for edge in self._rule.count_bands) - 1 for count in counts)

    def close(self) -> None:
        """See :class:`Backend`."""
        self._now = None
        self._earlier.clear()
        self._figures.clear()
        self._bits.clear()

    def _sheets(self) -> ClearSheets:
        if self._now is None:
            raise OpeningOrderError("the run has ended", hint="start a new run")
        return self._now

    def _pair(self, change: Change) -> tuple[Figures, Figures]:
        now = self._sheets()
        old = self._earlier.get(change.since)
        if old is None or old.nations != now.nations:
            raise RunInputError("the sheets that a change is compared with are not those nations'")
        return now.block(change.cells), old.block(change.cells)

    def _node(self, table: SharedTable, spot: Spot) -> Figures:
        return np.asarray(self._figures[table.number][spot.level][:, spot.place])

    def _next(self) -> int:
        self._sheets()
        self._number += 1
        return self._number
