"""What every way of computing a round offers to ``delian.protect``.

A backend holds the figures or their shares. What it gives out are handles without any value
(:class:`SharedTable`, :class:`SharedChanges`) and, asked in the right order, opened bits and
totals. Which of them are asked for is decided in ``delian.protect.opened`` alone.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, NoReturn, Protocol

from delian.aggregate.errors import OpeningOrderError
from delian.terms.encode import Digest
from delian.terms.frame import CellKey
from delian.terms.tree import Forest


@dataclass(frozen=True, slots=True)
class Change:
    """Cells whose figures are compared with those of an earlier round, nation by nation.

    Args:
        cells: One opened block, or one withheld cell.
        since: Id of the round whose sheets are compared with.
        reopens: True: the change *and* the new figures must pass the rule, and the new total may
            be opened. False: the change alone must pass, and no total comes of it.
    """

    cells: tuple[CellKey, ...]
    since: str
    reopens: bool


class Spot(NamedTuple):
    """One node of a forest."""

    level: int
    place: int


class SharedTable:
    """The blocks of a forest inside a backend: a shape and a number, no readable value."""

    __slots__ = ("forest", "number")

    def __init__(self, forest: Forest, number: int) -> None:
        self.forest = forest
        self.number = number

    def __repr__(self) -> str:
        return f"SharedTable(number={self.number}, hidden)"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a shared table is never pickled")


class SharedChanges:
    """The verdicts on changes inside a backend: what was compared, no readable value."""

    __slots__ = ("changes", "number")

    def __init__(self, changes: tuple[Change, ...], number: int) -> None:
        self.changes = changes
        self.number = number

    def __repr__(self) -> str:
        return f"SharedChanges(number={self.number}, hidden)"

    def __reduce__(self) -> NoReturn:
        raise TypeError("shared changes are never pickled")


class Backend(Protocol):
    """One run over the sheets of one round.

    Guarantees:
        Every backend opens the same values for the same sheets
        (``tests/unit/aggregate/test_aggregate_backends.py``).
        A total is opened only for a block whose chosen bit, or whose verdict, was opened as one,
        and only after the list of cells was compared (:class:`OpeningOrder`).
    """

    @property
    def run_id(self) -> str:
        """Hexadecimal id of the run, the same at every host."""
        ...

    @property
    def netlist_digest(self) -> Digest:
        """Digest over every circuit of the round."""
        ...

    def judge(self, changes: Sequence[Change]) -> SharedChanges:
        """Evaluate the verdict on each change; nothing is opened."""
        ...

    def open_verdicts(self, judged: SharedChanges) -> tuple[bool, ...]:
        """Open one bit per change.

        Leaks:
            To the hosts: these bits.
        """
        ...

    def evaluate(self, forest: Forest) -> SharedTable:
        """Evaluate figures, totals, pass bits and chosen bits of every node; nothing is opened."""
        ...

    def open_chosen(self, table: SharedTable) -> tuple[tuple[bool, ...], ...]:
        """Open one bit per node: is it a block of the plan?

        Leaks:
            To the hosts: these bits. The pass bit of a node that was not chosen stays shared.
        """
        ...

    def agree(self, label: str, digest: Digest) -> None:
        """Compare *digest* with every other host.

        Raises:
            TamperedError: a host computed another one.
        """
        ...

    def open_totals(self, table: SharedTable, spots: Sequence[Spot]) -> tuple[int, ...]:
        """Open the totals of chosen nodes, in the order given."""
        ...

    def open_new_totals(self, judged: SharedChanges, places: Sequence[int]) -> tuple[int, ...]:
        """Open the new totals of reopened blocks, in the order given."""
        ...

    def open_bands(
        self,
        table: SharedTable,
        spots: Sequence[Spot],
        judged: SharedChanges | None,
        places: Sequence[int],
    ) -> tuple[int, ...]:
        """Open the band index of chosen nodes, then of reopened blocks: a second checked stage.

        Leaks:
            To the hosts: the index of the band, never the count.
        """
        ...

    def close(self) -> None:
        """Erase keys and shares; every later call is refused."""
        ...


@dataclass(slots=True)
class OpeningOrder:
    """The order in which one run may open, kept beside every backend.

    Guarantees:
        Verdict bits, chosen bits, the compared list, totals, bands: nothing earlier, nothing
        that was not chosen, nothing twice (``tests/unit/aggregate/test_aggregate_order.py``).
    """

    list_agreed: bool = False
    _chosen: dict[int, frozenset[Spot]] = field(default_factory=dict)
    _passed: dict[int, frozenset[int]] = field(default_factory=dict)
    _done: set[tuple[str, int]] = field(default_factory=set)

    def verdicts_opened(self, judged: SharedChanges, bits: Iterable[bool]) -> None:
        """Remember which changes passed."""
        self._once("verdicts", judged.number)
        self._passed[judged.number] = frozenset(
            i for i, bit in enumerate(bits) if bit and judged.changes[i].reopens
        )

    def chosen_opened(self, table: SharedTable, bits: Sequence[Iterable[bool]]) -> None:
        """Remember which nodes were chosen."""
        self._once("chosen", table.number)
        self._chosen[table.number] = frozenset(
            Spot(level, i) for level, row in enumerate(bits) for i, bit in enumerate(row) if bit
        )

    def check_spots(self, table: SharedTable, spots: Sequence[Spot], stage: str) -> None:
        """Refuse nodes that were not chosen, and any opening before the list was compared."""
        self._check(self._chosen.get(table.number, frozenset()), spots)
        self._once(stage, table.number)

    def check_places(self, judged: SharedChanges, places: Sequence[int], stage: str) -> None:
        """Refuse changes that did not pass, and any opening before the list was compared."""
        self._check(self._passed.get(judged.number, frozenset()), places)
        self._once(stage, judged.number)

    def _check(self, allowed: frozenset[Spot] | frozenset[int], wanted: Sequence[object]) -> None:
        if not self.list_agreed:
            raise OpeningOrderError("no total may be opened before the hosts compared the list")
        if len(set(wanted)) != len(wanted) or not set(wanted) <= allowed:
            raise OpeningOrderError("a total was asked for that the plan does not open")

    def _once(self, stage: str, number: int) -> None:
        if (stage, number) in self._done:
            raise OpeningOrderError("a stage of the opening was asked for twice")
        self._done.add((stage, number))
