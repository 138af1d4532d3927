"""What the attack knows: opened values, and differences between them, as vectors over nations."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import product
from typing import NoReturn, TypeAlias

from delian.protect.errors import AttackInputError
from delian.terms.frame import CellKey
from delian.terms.table import Block, State, Table

Number: TypeAlias = int | Fraction

_MOST_MIXED = 10


@dataclass(frozen=True, slots=True)
class TrueSheets:
    """The figures of one round, which only the attack's author has.

    Args:
        figures: Nation to cell to figure; a missing cell is 0.
        scale: Item code to how much of the measure common to all rounds one unit is; 1 if missing.
        atoms: Item code to the codes it consists of, where it is a sum; itself if missing.
    """

    figures: Mapping[str, Mapping[CellKey, int]] = field(repr=False)
    scale: Mapping[str, Fraction] = field(default_factory=dict)
    atoms: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def __reduce__(self) -> NoReturn:
        raise TypeError("true sheets are never pickled")

    def block(self, cells: Iterable[CellKey], nations: Sequence[str]) -> tuple[int, ...]:
        """Each nation's figure for the block, in the unit of its cells."""
        which = tuple(cells)
        return tuple(
            sum(self.figures.get(nation, {}).get(cell, 0) for cell in which) for nation in nations
        )

    def unit(self, cells: Iterable[CellKey]) -> Number:
        """The common measure of one unit of a block's cells."""
        found = {Fraction(self.scale.get(cell.item, 1)) for cell in cells}
        if len(found) != 1:
            raise AttackInputError("a block adds figures of different units")
        unit = found.pop()
        return unit.numerator if unit.denominator == 1 else unit

    def base(self, cells: Iterable[CellKey]) -> frozenset[CellKey]:
        """The block's cells with every sum resolved into its summands."""
        return frozenset(
            cell._replace(item=atom)
            for cell in cells
            for atom in self.atoms.get(cell.item, (cell.item,))
        )


@dataclass(frozen=True, slots=True, repr=False)
class Value:
    """One total that was opened.

    Args:
        cells: What it counts, sums resolved.
        vector: Each nation's part, in the common measure.
        unit: Of one whole figure, in the common measure.
        at_least: Contributors that readers know of.
        opened_in: Round of its opening.
        shown_in: Place of the first edition that shows it.
        reopened: Did its change against the earlier value pass the rule?
        name: For reports.
    """

    cells: frozenset[CellKey]
    vector: tuple[Number, ...]
    unit: Number
    at_least: int
    opened_in: str
    shown_in: int
    reopened: bool
    name: str

    def __repr__(self) -> str:
        return f"Value({self.name}, hidden)"


def read_values(
    editions: Sequence[Table], sheets: Mapping[str, TrueSheets], nations: Sequence[str]
) -> list[tuple[Value, ...]]:
    """The values of each edition, checked against the sheets.

    Raises:
        AttackInputError: a total is not the sum of the sheets of its round.
    """
    found: list[tuple[Value, ...]] = []
    known: dict[tuple[frozenset[CellKey], str], Value] = {}
    for place, table in enumerate(editions):
        values = []
        for block in table.blocks:
            vector = _vector(block, table, editions[:place], sheets, nations)
            true = _sheets_of(sheets, block.opened_in)
            unit = true.unit(block.cells)
            value = Value(
                true.base(block.cells),
                tuple(unit * x for x in vector),
                unit,
                block.at_least,
                block.opened_in,
                place,
                block.state is State.REOPENED,
                f"{block.cells[0]} +{len(block.cells) - 1} of {block.opened_in}",
            )
            values.append(known.setdefault((value.cells, value.opened_in), value))
        found.append(tuple(values))
    return found


def _sheets_of(sheets: Mapping[str, TrueSheets], round_id: str) -> TrueSheets:
    if round_id not in sheets:
        raise AttackInputError(f"the sheets of round '{round_id[:80]}' are missing")
    return sheets[round_id]


def _vector(
    block: Block,
    table: Table,
    earlier: Sequence[Table],
    sheets: Mapping[str, TrueSheets],
    nations: Sequence[str],
) -> tuple[int, ...]:
    """Each nation's part of a block's total, from the sheets of the round that opened it.

    A block that an amendment added up may mix rounds: its parts are then looked for among the
    blocks of earlier editions.
    """
    true = _sheets_of(sheets, block.opened_in)
    vector = true.block(block.cells, nations)
    if sum(vector) == block.total:
        return vector
    parts = _parts(block, table, earlier)
    if len(parts) <= _MOST_MIXED:
        rest = set(block.cells) - {c for p in parts for c in p.cells}
        for rounds in product(*({block.opened_in, p.opened_in} for p in parts)):
            pieces = [true.block(rest, nations)] + [
                _sheets_of(sheets, r).block(p.cells, nations)
                for p, r in zip(parts, rounds, strict=True)
            ]
            mixed = tuple(sum(column) for column in zip(*pieces, strict=True))
            if sum(mixed) == block.total:
                return mixed
    raise AttackInputError("a total is not the sum of the sheets given for its round")


def _parts(block: Block, table: Table, earlier: Sequence[Table]) -> list[Block]:
    if table.derives_from is None:
        return []
    inside: dict[tuple[CellKey, ...], Block] = {}
    for edition in earlier:
        for other in edition.blocks:
            if set(other.cells) < set(block.cells):
                inside[other.cells] = other
    parts: list[Block] = []
    for other in sorted(inside.values(), key=lambda b: -len(b.cells)):
        if not any(set(other.cells) & set(p.cells) for p in parts):
            parts.append(other)
    return parts
