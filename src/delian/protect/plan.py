"""Which blocks of a merge tree are opened, as a public and deterministic function of pass bits.

On three hosts the same is computed inside the circuit and only the chosen bits are opened. This
statement serves previews on invented figures, tests, and everyone who wants to read the rule.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from delian.aggregate.backend import Spot
from delian.terms.tree import Forest


@dataclass(frozen=True, slots=True)
class Plan:
    """Blocks to open, and what stays withheld.

    Args:
        blocks: Disjoint nodes, ordered by their first leaf.
        withheld: Leaves in no block, ascending (indices into the frame's cells).
    """

    blocks: tuple[Spot, ...]
    withheld: tuple[int, ...]


def plan(forest: Forest, passes: Sequence[Sequence[bool]]) -> Plan:
    """The finest blocks that cover what can be covered.

    Args:
        forest: The merge trees.
        passes: One bit for every node, level by level.

    Guarantees:
        plan(node) is its children's plans if they cover every leaf; else the node alone if it
        passes; else its children's plans, the rest withheld
        (``tests/property/test_protect_plan.py``).
        Every block passes; blocks are disjoint; the plan covers a leaf if any node above it
        that passes has a gap to fill.
    """
    top = len(forest.levels) - 1
    roots = range(len(forest.levels[top]))
    blocks = [spot for root in roots for spot in _plan(forest, passes, top, root)]
    blocks.sort(key=lambda spot: forest.levels[spot.level][spot.place].leaves[0])
    covered = {leaf for s in blocks for leaf in forest.levels[s.level][s.place].leaves}
    every = [node.leaves[0] for node in forest.levels[0]]
    return Plan(tuple(blocks), tuple(sorted(set(every) - covered)))


def _plan(forest: Forest, passes: Sequence[Sequence[bool]], level: int, place: int) -> list[Spot]:
    node = forest.levels[level][place]
    below = [s for child in node.children for s in _plan(forest, passes, level - 1, child)]
    covered = sum(len(forest.levels[s.level][s.place].leaves) for s in below)
    if covered == len(node.leaves) or not passes[level][place]:
        return below
    return [Spot(level, place)]
