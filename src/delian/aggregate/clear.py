"""Rule and plan in clear, over whole columns: what the enclave computes on open figures.

The circuits compute the same on shares; ``delian.protect.rule`` and ``delian.protect.plan`` state
the same once more for one block and one tree.
"""

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from delian.terms.round_terms import Rule
from delian.terms.tree import Forest

Figures: TypeAlias = npt.NDArray[Any]
Bits: TypeAlias = npt.NDArray[np.bool_]


def whole_number_type(
    width_bits: int, n_cells: int, n_nations: int
) -> type[np.int64] | type[object]:
    """Machine integers where no product of the rule can overflow, else Python's own."""
    needed = width_bits + max(n_cells, 1).bit_length() + n_nations.bit_length() + 8
    return np.int64 if needed < 63 else object


def passes(figures: Figures, rule: Rule) -> Bits:
    """The rule for each column of figures.

    Args:
        figures: Nations by blocks, at least three nations, whole numbers from 0.
        rule: Of the terms.

    Guarantees:
        True where R > e - 2 and 100 (R - (e - 2)) >= p x1 with R = T - x1 - x2, at least
        ``min_contributors`` figures are positive, and the (n,k) rule holds if the terms have one.
    """
    total = figures.sum(axis=0)
    ordered = np.sort(figures, axis=0)
    largest, second = ordered[-1], ordered[-2]
    rest = total - largest - second - rule.slack
    bits = (rest > 0) & (100 * rest >= rule.p_percent * largest)
    bits &= (figures > 0).sum(axis=0) >= rule.min_contributors
    if rule.dominance_n:
        held = largest if rule.dominance_n == 1 else largest + second
        bits &= 100 * held <= rule.dominance_k_percent * total
    return np.asarray(bits, dtype=np.bool_)


def parents(forest: Forest, level: int) -> npt.NDArray[np.int64]:
    """For each node of the level below, the place of its parent in *level*."""
    found = np.zeros(len(forest.levels[level - 1]), dtype=np.int64)
    for place, node in enumerate(forest.levels[level]):
        found[list(node.children)] = place
    return found


def climb(leaves: Figures, forest: Forest) -> list[Figures]:
    """Each nation's figure for every node, level by level."""
    levels = [leaves]
    for level in range(1, len(forest.levels)):
        sums = np.zeros((leaves.shape[0], len(forest.levels[level])), dtype=leaves.dtype)
        np.add.at(sums.T, parents(forest, level), levels[-1].T)
        levels.append(sums)
    return levels


def chosen_bits(pass_bits: Sequence[Bits], forest: Forest) -> list[Bits]:
    """Which nodes are blocks of the plan.

    covered(node) = its children are all covered, or it passes; chosen(node) = no ancestor was
    chosen, it passes, and its children are not all covered.
    """
    all_covered: list[Bits] = [np.zeros(len(pass_bits[0]), dtype=np.bool_)]
    covered = pass_bits[0]
    for level in range(1, len(forest.levels)):
        below = np.ones(len(forest.levels[level]), dtype=np.bool_)
        np.logical_and.at(below, parents(forest, level), covered)
        all_covered.append(below)
        covered = below | pass_bits[level]
    active: Bits = np.ones(len(forest.levels[-1]), dtype=np.bool_)
    found: list[Bits] = []
    for level in range(len(forest.levels) - 1, -1, -1):
        chosen = active & pass_bits[level] & ~all_covered[level]
        found.append(chosen)
        if level:
            active = (active & ~chosen)[parents(forest, level)]
    return found[::-1]
