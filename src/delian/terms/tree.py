"""The merge tree: which cells may be published together, and in which order that is tried.

One tree per tier and class: year, window, period; then item, family, group. Laminar by
construction: two nodes are disjoint or one holds the other.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from delian.terms.frame import CellKey, Frame


@dataclass(frozen=True, slots=True)
class Node:
    """One block that may be published.

    Args:
        level: 0 for a single cell.
        name: For people, unique within the forest ("T1/STD/AMMO/2027-2029").
        leaves: Indices into ``frame.cells``, ascending.
        children: Indices into the level below; () at level 0.
    """

    level: int
    name: str
    leaves: tuple[int, ...]
    children: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Forest:
    """All trees of a frame, level by level.

    Args:
        levels: ``levels[0]`` are the leaves; a node's children stand in the level below.
            Every node but a root is the child of exactly one node.
    """

    levels: tuple[tuple[Node, ...], ...]

    @property
    def nodes(self) -> tuple[Node, ...]:
        """Every node, leaves first."""
        return tuple(node for level in self.levels for node in level)

    def fanout(self, level: int) -> int:
        """The most children that a node of *level* has."""
        return max((len(n.children) for n in self.levels[level]), default=0)


def merge_forest(frame: Frame, leaves: Iterable[int] | None = None) -> Forest:
    """The trees of *frame*, over all its cells or over *leaves* only.

    Args:
        frame: Gives windows, families and groups; what it lacks is no level.
        leaves: Indices of the cells that may still form blocks (the others are frozen or
            withheld for good); None for all.

    Guarantees:
        Laminar; every given leaf is in exactly one node of each level
        (``tests/property/test_terms_tree.py``).
    """
    chosen = range(len(frame.cells)) if leaves is None else sorted(set(leaves))
    base = tuple(Node(0, str(frame.cells[i]), (i,), ()) for i in chosen)
    levels = [base]
    for name_of in _ladders(frame):
        levels.append(_merge(levels[-1], len(levels), frame.cells, name_of))
    return Forest(tuple(levels))


def _ladders(frame: Frame) -> list["_Ladder"]:
    ladders: list[_Ladder] = []
    years = f"{frame.years[0]}-{frame.years[-1]}"
    if len(frame.windows) > 1:
        ladders.append(_Ladder({y: f"{w[0]}-{w[-1]}" for w in frame.windows for y in w}, None))
    if len(frame.years) > 1:
        ladders.append(_Ladder(dict.fromkeys(frame.years, years), None))
    family = {c: name for name, codes in (frame.families or {}).items() for c in codes}
    if family:
        ladders.append(_Ladder(dict.fromkeys(frame.years, years), family))
    group = {f: g for g, names in (frame.groups or {}).items() for f in names}
    if group:
        by_item = {c: group.get(f, f) for c, f in family.items()}
        ladders.append(_Ladder(dict.fromkeys(frame.years, years), by_item))
    return ladders


@dataclass(frozen=True, slots=True)
class _Ladder:
    """One rung: how the years and the items are called after merging."""

    years: dict[int, str]
    items: dict[str, str] | None

    def name(self, cell: CellKey) -> str:
        item = cell.item if self.items is None else self.items.get(cell.item, cell.item)
        return f"{cell.tier}/{cell.cls}/{item}/{self.years[cell.year]}"


def _merge(
    below: Sequence[Node], level: int, cells: Sequence[CellKey], ladder: _Ladder
) -> tuple[Node, ...]:
    found: dict[str, list[int]] = {}
    for place, node in enumerate(below):
        found.setdefault(ladder.name(cells[node.leaves[0]]), []).append(place)
    return tuple(
        Node(
            level,
            name,
            tuple(sorted(leaf for p in places for leaf in below[p].leaves)),
            tuple(places),
        )
        for name, places in found.items()
    )
