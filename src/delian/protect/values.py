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
        pieces: Its cells as they stand in the sheets, with the sheets that they come from.
    """

    cells: frozenset[CellKey]
    vector: tuple[Number, ...]
    unit: Number
    at_least: int
    opened_in: str
    shown_in: int
    reopened: bool
    name: str
    pieces: tuple["Piece", ...]

    def __repr__(self) -> str:
        return f"Value({self.name}, hidden)"

    def figures_of(
        self, cells: frozenset[CellKey], nations: Sequence[str]
    ) -> tuple[Number, ...] | None:
        """Each nation's part of some of the cells; None where a cell is a summand of a code."""
        wanted = cells & self.cells
        if not wanted <= {cell for piece in self.pieces for cell in piece[0]}:
            return None
        rows = [true.block(set(mine) & wanted, nations) for mine, true in self.pieces]
        return tuple(self.unit * sum(column) for column in zip(*rows, strict=True))


Piece: TypeAlias = tuple[tuple[CellKey, ...], TrueSheets]


def read_values(
    editions: Sequence[Table],
    sheets: Mapping[str, TrueSheets],
    nations: Sequence[str],
    opened: Sequence[Table] = (),
) -> list[tuple[Value, ...]]:
    """The values of each edition, checked against the sheets.

    Raises:
        AttackInputError: a total is not the sum of the sheets of its round.
    """
    found: list[tuple[Value, ...]] = []
    known: dict[tuple[frozenset[CellKey], str], Value] = {}
    originals = {table.digest: table for table in opened}
    for place, table in enumerate(editions):
        values = []
        for block in table.blocks:
            earlier = [*editions[:place], *opened] if table.derives_from else []
            original = originals.get(table.derives_from or "")
            pieces = _pieces(block, original, earlier, sheets, nations)
            rows = [sheet.block(cells, nations) for cells, sheet in pieces]
            vector = [sum(column) for column in zip(*rows, strict=True)]
            if sum(vector) != block.total:
                raise AttackInputError("a total is not the sum of the sheets given for its round")
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
                pieces,
            )
            values.append(known.setdefault((value.cells, value.opened_in), value))
        found.append(tuple(values))
    return found


def _sheets_of(sheets: Mapping[str, TrueSheets], round_id: str) -> TrueSheets:
    if round_id not in sheets:
        raise AttackInputError(f"the sheets of round '{round_id[:80]}' are missing")
    return sheets[round_id]


def _pieces(
    block: Block,
    original: Table | None,
    earlier: Sequence[Table],
    sheets: Mapping[str, TrueSheets],
    nations: Sequence[str],
) -> tuple[Piece, ...]:
    """A block's cells with the sheets of the round that opened them.

    A block that an amendment added up may mix rounds: its parts stand in the original table, or
    are looked for among the blocks of earlier editions.
    """
    if original is not None:
        inside = [b for b in original.blocks if set(b.cells) <= set(block.cells)]
        return tuple((b.cells, _sheets_of(sheets, b.opened_in)) for b in inside)
    true = _sheets_of(sheets, block.opened_in)
    if sum(true.block(block.cells, nations)) == block.total:
        return ((block.cells, true),)
    parts = _parts(block, earlier)
    if len(parts) <= _MOST_MIXED:
        rest = tuple(set(block.cells) - {c for p in parts for c in p.cells})
        for rounds in product(*({block.opened_in, p.opened_in} for p in parts)):
            found = [(p.cells, _sheets_of(sheets, r)) for p, r in zip(parts, rounds, strict=True)]
            pieces: tuple[Piece, ...] = ((rest, true), *found)
            if sum(sum(sheet.block(cells, nations)) for cells, sheet in pieces) == block.total:
                return pieces
    raise AttackInputError("a total is not the sum of the sheets given for its round")


def _parts(block: Block, earlier: Sequence[Table]) -> list[Block]:
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
