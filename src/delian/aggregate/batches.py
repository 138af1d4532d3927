"""Whole trees in batches, so that memory is bounded by the batch and not by the table."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from delian.aggregate.lanes import MISSING, Lanes
from delian.terms.tree import Forest


@dataclass(frozen=True, slots=True)
class Batch:
    """Some trees of a forest.

    Args:
        number: Of the batch.
        places: For each level the nodes of these trees, in lane order.
        children: For each level above the leaves: for each node (row) the lanes of its children
            in the level below, padded with ``MISSING``.
    """

    number: int
    places: tuple[Lanes, ...]
    children: tuple[Lanes, ...]


def batches(forest: Forest, most_leaves: int) -> Iterator[Batch]:
    """Cut *forest* into batches of whole trees with at most *most_leaves* leaves, or one tree."""
    waiting: list[int] = []
    leaves = 0
    number = 0
    for root, node in enumerate(forest.levels[-1]):
        if waiting and leaves + len(node.leaves) > most_leaves:
            yield _batch(forest, number, waiting)
            waiting, leaves, number = [], 0, number + 1
        waiting.append(root)
        leaves += len(node.leaves)
    if waiting:
        yield _batch(forest, number, waiting)


def _batch(forest: Forest, number: int, roots: list[int]) -> Batch:
    places: list[Lanes] = [np.array(roots, dtype=np.int64)]
    for level in range(len(forest.levels) - 1, 0, -1):
        nodes = forest.levels[level]
        below = sorted(child for place in places[-1] for child in nodes[place].children)
        places.append(np.array(below, dtype=np.int64))
    places.reverse()
    children: list[Lanes] = []
    for level in range(1, len(forest.levels)):
        lane_of = np.zeros(len(forest.levels[level - 1]), dtype=np.int64)
        lane_of[places[level - 1]] = np.arange(len(places[level - 1]))
        nodes = forest.levels[level]
        rows = [nodes[place].children for place in places[level]]
        found = np.full((len(rows), max(map(len, rows))), MISSING, dtype=np.int64)
        for row, below_here in enumerate(rows):
            found[row, : len(below_here)] = lane_of[list(below_here)]
        children.append(found)
    return Batch(number, tuple(places), tuple(children))


def regroup(children: Lanes, step: int) -> tuple[Lanes, Lanes]:
    """Split wide nodes: *step* children go into one lane of an intermediate level.

    Args:
        children: One row for each node, padded with ``MISSING``.
        step: Children of an intermediate node.

    Returns:
        For each intermediate lane its children (``MISSING`` where there is none), and for each
        node its intermediate lanes.
    """
    rows, width = children.shape
    groups = -(-width // step)
    padded = np.full((rows, groups * step), MISSING, dtype=np.int64)
    padded[:, :width] = children
    split = padded.reshape(rows * groups, step)
    used = (split != MISSING).any(axis=1)
    lanes = np.full(rows * groups, MISSING, dtype=np.int64)
    lanes[used] = np.arange(int(used.sum()))
    return split[used], lanes.reshape(rows, groups)
