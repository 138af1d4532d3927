"""One forest on shares: figures climb from the leaves, the rule judges all, flags choose."""

from collections.abc import Callable, Sequence
from typing import NoReturn

import numpy as np

from delian.aggregate.backend import Spot
from delian.aggregate.batches import Batch, batches, regroup
from delian.aggregate.clear import parents
from delian.aggregate.errors import OpeningOrderError
from delian.aggregate.held import HeldSheets, Shared, side_by_side, stacked
from delian.aggregate.lanes import MISSING, Lanes
from delian.aggregate.netlist import RoundCircuits
from delian.shares.program import Program
from delian.shares.words import CELLS_PER_WORD, words_for
from delian.terms.tree import Forest

Evaluate = Callable[[Program, Shared, str], dict[str, Shared]]


class _Level:
    """One level: where each node's lane is, and what is known of it, all shared."""

    __slots__ = ("fails", "lane_of", "passes", "totals", "words")

    def __init__(self, nodes: int) -> None:
        self.lane_of: Lanes = np.full(nodes, MISSING, dtype=np.int64)
        self.words = 0
        self.totals: list[Shared] = []
        self.passes: list[Shared] = []
        self.fails: list[Shared] = []

    def append(self, places: Lanes, outcome: dict[str, Shared], first: int) -> int:
        """Put the outcome of one batch behind those before it; its lanes begin at word *first*."""
        stop = first + words_for(len(places))
        self.lane_of[places] = self.words * CELLS_PER_WORD + np.arange(len(places))
        self.words += stop - first
        self.totals.append(outcome["total"].words(first, stop))
        self.passes.append(outcome["pass"].words(first, stop))
        self.fails.append(outcome["fail"].words(first, stop))
        return stop


class ForestRun:
    """The evaluation of one forest; everything it holds is shared.

    Args:
        forest: Trees over the leaves that may form blocks.
        circuits: Of the round.
        evaluate: Runs a program under a name that is unique in the run.
        sheets: Of this round.
        name: Unique in the run.
    """

    def __init__(
        self,
        forest: Forest,
        circuits: RoundCircuits,
        evaluate: Evaluate,
        sheets: HeldSheets,
        name: str,
    ) -> None:
        self._forest = forest
        self._circuits = circuits
        self._evaluate = evaluate
        self._sheets = sheets
        self._name = name
        self._cells = np.array([n.leaves[0] for n in forest.levels[0]], dtype=np.int64)
        self._levels = [_Level(len(nodes)) for nodes in forest.levels]
        self._parents = [parents(forest, level) for level in range(1, len(forest.levels))]
        self._kept: dict[int, list[Shared]] = {}
        self._chosen = Shared.empty(1)

    def climb(self, batch: Batch, keep_at_most: int) -> int:
        """Evaluate one batch; keep its sums if they fit. Returns the bytes kept."""
        name = f"{self._name} batch {batch.number}"
        leaves, sums = self._sums(batch, name)
        n, width = self._circuits.nations, self._circuits.widths[-1]
        every = side_by_side([figures.widened(n, width) for figures in (leaves, *sums)])
        outcome = self._evaluate(self._circuits.rule, every, f"{name} rule")
        word = 0
        for level, places in enumerate(batch.places):
            word = self._levels[level].append(places, outcome, word)
        size = sum(2 * s.own.nbytes for s in sums)
        if size > keep_at_most:
            return 0
        self._kept[batch.number] = sums
        return size

    def plan(self) -> None:
        """Chosen bits of all trees: gaps from the leaves up, then every node at once.

        A node may be chosen if it passes and has a gap below it; it is chosen if no node above
        it may be.
        """
        if not self._forest.levels[0]:
            return
        opening = side_by_side(self._levels[0].fails)
        candidates = [side_by_side(self._levels[0].passes)]
        for number, program in enumerate(self._circuits.up, 1):
            children = opening.gather_children(self._child_lanes(number), program.n_inputs - 1)
            passes = side_by_side(self._levels[number].passes)
            block = f"{self._name} up {number}"
            outcome = self._evaluate(program, stacked([children, passes]), block)
            opening = outcome["open"]
            candidates.append(outcome["gap"].xor(opening))
        every = side_by_side(candidates).gather_slots(self._ancestor_lanes())
        outcome = self._evaluate(self._circuits.choice, every, f"{self._name} choice")
        self._chosen = outcome["chosen"].gather(np.arange(sum(len(p) for p in self._forest.levels)))

    def chosen(self) -> Shared:
        """One flag for every node, level by level, without a gap between the levels."""
        return self._chosen

    def totals(self, spots: Sequence[Spot]) -> Shared:
        """The totals of some nodes."""
        if not spots:
            return Shared.empty(1)
        every = side_by_side([total for level in self._levels for total in level.totals])
        return every.gather(self._lanes(spots))

    def bands(self, spots: Sequence[Spot], batch_leaves: int) -> Shared:
        """The band index of chosen nodes, batch by batch; lanes in the order of *spots*."""
        wanted = set(spots)
        lane_of: dict[Spot, int] = {}
        parts: list[Shared] = []
        first = 0
        for batch in batches(self._forest, batch_leaves):
            picked = [
                [lane for lane, p in enumerate(places) if Spot(level, int(p)) in wanted]
                for level, places in enumerate(batch.places)
            ]
            if not any(picked):
                continue
            figures = self._figures(batch, picked)
            part = self._band(side_by_side(figures), f"{self._name} bands {batch.number}")
            for level, lanes in enumerate(picked):
                for row, lane in enumerate(lanes):
                    lane_of[Spot(level, int(batch.places[level][lane]))] = first + row
                first += -(-len(lanes) // CELLS_PER_WORD) * CELLS_PER_WORD
            parts.append(part)
        return side_by_side(parts).gather(np.array([lane_of[s] for s in spots], dtype=np.int64))

    def __repr__(self) -> str:
        return f"ForestRun(levels={len(self._levels)}, hidden)"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a forest on shares is never pickled")

    def _sums(self, batch: Batch, name: str) -> tuple[Shared, list[Shared]]:
        """Each nation's figures of the leaves, and of the nodes of each level above them."""
        leaves = self._sheets.places(self._cells[batch.places[0]])
        sums: list[Shared] = []
        for level, children in enumerate(batch.children, 1):
            below = sums[-1] if sums else leaves
            sums.append(self._merge(level, below, children, f"{name} level {level}"))
        return leaves, sums

    def _merge(self, level: int, figures: Shared, children: Lanes, name: str) -> Shared:
        """Add children up, in steps where a node has many."""
        programs = self._circuits.climb[level - 1]
        for number, program in enumerate(programs, 1):
            fan = program.n_inputs // figures.own.shape[0]
            here = children
            if number < len(programs):
                here, children = regroup(children, fan)
            inputs = figures.gather_children(here, fan)
            figures = self._evaluate(program, inputs, f"{name} step {number}")["sums"]
        return figures

    def _figures(self, batch: Batch, picked: Sequence[Sequence[int]]) -> list[Shared]:
        """Each nation's figures of the picked nodes of one batch, level by level, all as wide."""
        n, width = self._circuits.nations, self._circuits.band_width
        sums = self._kept.get(batch.number)
        if sums is None and any(picked[1:]):
            _, sums = self._sums(batch, f"{self._name} again {batch.number}")
        found = []
        for level, lanes in enumerate(picked):
            if lanes:
                which = np.array(lanes, dtype=np.int64)
                if level == 0:
                    figures = self._sheets.places(self._cells[batch.places[0][which]])
                else:
                    figures = (sums or [])[level - 1].gather(which)
                found.append(figures.widened(n, width))
        return found

    def _band(self, figures: Shared, block: str) -> Shared:
        if self._circuits.band is None:
            raise OpeningOrderError("the terms publish no bands")
        return self._evaluate(self._circuits.band, figures, block)["index"]

    def _child_lanes(self, number: int) -> Lanes:
        """For each lane of a level its children's lanes in the level below."""
        level, below = self._levels[number], self._levels[number - 1]
        fanout = self._forest.fanout(number)
        lanes = np.full((level.words * CELLS_PER_WORD, fanout), MISSING, dtype=np.int64)
        for place, node in enumerate(self._forest.levels[number]):
            lanes[level.lane_of[place], : len(node.children)] = below.lane_of[list(node.children)]
        return lanes

    def _ancestor_lanes(self) -> list[Lanes]:
        """For every node, level by level: its own lane, then those of the nodes above it."""
        offsets = self._offsets()
        lanes = [offsets[i] + level.lane_of for i, level in enumerate(self._levels)]
        places: list[Lanes] = [np.arange(len(level)) for level in lanes]
        slots: list[Lanes] = []
        for up in range(len(lanes)):
            slots.append(
                np.concatenate(
                    [
                        lanes[i + up][places[i]]
                        if i + up < len(lanes)
                        else np.full(len(lanes[i]), MISSING, dtype=np.int64)
                        for i in range(len(lanes))
                    ]
                )
            )
            for i in range(len(lanes) - up - 1):
                places[i] = self._parents[i + up][places[i]]
        return slots

    def _offsets(self) -> list[int]:
        words = np.cumsum([0, *(level.words for level in self._levels)])
        return [int(w) * CELLS_PER_WORD for w in words]

    def _lanes(self, spots: Sequence[Spot]) -> Lanes:
        offsets = self._offsets()
        return np.array(
            [offsets[s.level] + self._levels[s.level].lane_of[s.place] for s in spots],
            dtype=np.int64,
        )
