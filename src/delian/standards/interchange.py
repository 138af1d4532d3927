"""Which nations' requirements add up, without anyone telling a reservation.

May touch: values. An item is made to a standard that has variants, and each nation takes some of
them. The classes of a demand round are the sets of variants: every need counts once, in the class
of exactly the variants that its nation takes. All nations fill the same cells, nothing where they
need nothing, so a sheet has one shape; sheets meet in the round alone, and only totals that pass
its rule are opened. What a variant could serve is then added up from opened totals.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import combinations
from typing import NoReturn, SupportsIndex

from delian.label import Reader
from delian.standards.register import Position, Register, positions_for
from delian.standards.spectrum_errors import InterchangeError
from delian.terms.frame import CellKey, Frame, Item

MAX_VARIANTS = 4
_NAME = re.compile(r"[A-Z0-9]{1,7}\Z")


@dataclass(frozen=True, slots=True)
class Interchange:
    """An item, the standard it is made to, and the standard's variants.

    Args:
        item: Code in the frame.
        standard: Identifier in the register.
        variants: One to four names, as positions name them.
    """

    item: str
    standard: str
    variants: tuple[str, ...]

    def __post_init__(self) -> None:
        names = self.variants
        if not 1 <= len(names) <= MAX_VARIANTS or len(set(names)) != len(names):
            raise InterchangeError("an item has one to four distinct variants", where=self.item)
        if not all(_NAME.match(name) for name in names):
            raise InterchangeError(
                "a variant is named by up to seven capital letters and digits", where=self.item
            )

    def class_of(self, taken: Iterable[str]) -> str:
        """The class of a need that exactly the variants *taken* can serve.

        Raises:
            InterchangeError: no variant, or one that the standard has not.
        """
        wanted = frozenset(taken)
        if not wanted or not wanted <= frozenset(self.variants):
            raise InterchangeError(
                "a need in an interchangeable item takes one of its variants or more",
                hint="state a need that no variant serves under an item of its own",
                where=self.item,
            )
        return ".".join(name for name in self.variants if name in wanted)

    @property
    def classes(self) -> tuple[str, ...]:
        """Every class, single variants first; the same for all nations."""
        return tuple(
            ".".join(names)
            for count in range(1, len(self.variants) + 1)
            for names in combinations(self.variants, count)
        )

    def items(self, base: Item) -> tuple[Item, ...]:
        """The items of the frame: *base* once in each class."""
        return tuple(replace(base, code=self.item, cls=name) for name in self.classes)


@dataclass(frozen=True, slots=True)
class Need:
    """What one nation needs of the item in one year and tier.

    Args:
        year: Of the frame.
        tier: Of the frame.
        quantity: Whole number, 0 or more.
        taken: Variants that serve it, if not those of the nation's position.
    """

    year: int
    tier: str
    quantity: int = field(repr=False)
    taken: tuple[str, ...] | None = field(default=None, repr=False)

    def __reduce_ex__(self, protocol: SupportsIndex) -> NoReturn:
        raise TypeError("a need is never pickled")


@dataclass(frozen=True, slots=True)
class Spread:
    """One nation's figures for every cell of the item: its needs and its reservation together.

    Leaks:
        Nothing through ``repr``; it refuses pickling. Which cells there are does not depend on
        needs or position.
    """

    figures: Mapping[CellKey, int] = field(repr=False)

    def __reduce_ex__(self, protocol: SupportsIndex) -> NoReturn:
        raise TypeError("a nation's figures are never pickled")


@dataclass(frozen=True, slots=True)
class Served:
    """What one variant could serve, as far as totals were opened.

    Args:
        variant: Its name.
        tier: Of the frame.
        at_least: Sum of the opened totals of every class that holds the variant.
        withheld: Cells of such classes without a total of their own; 0 makes the sum exact.
    """

    variant: str
    tier: str
    at_least: int
    withheld: int


def taken_by(position: Position, interchange: Interchange) -> tuple[str, ...]:
    """The variants that a nation takes: all if it ratified and names none, else those it names.

    Raises:
        InterchangeError: the position is on another standard or names an unknown variant.
    """
    if position.standard != interchange.standard:
        raise InterchangeError("the position is on another standard", where=interchange.item)
    if not set(position.accepted) <= set(interchange.variants):
        raise InterchangeError("a position names an unknown variant", where=interchange.item)
    if position.stand == "ratified" and not position.accepted:
        return interchange.variants
    return tuple(name for name in interchange.variants if name in position.accepted)


def spread(
    needs: Iterable[Need], position: Position, interchange: Interchange, frame: Frame
) -> Spread:
    """The nation's own figures, quantity by accepted variants, for its sheet.

    Guarantees:
        The sum of all figures is the sum of the needs
        (``tests/unit/standards/test_standards_interchange.py``).

    Raises:
        InterchangeError: a need no variant serves, a negative one, one outside of the frame, or
            one too large for its cell.
    """
    own = taken_by(position, interchange)
    figures = {cell: 0 for cell in frame.cells if cell.item == interchange.item}
    caps = {item.cls: 1 << item.width_bits for item in frame.items if item.code == interchange.item}
    for need in needs:
        name = interchange.class_of(own if need.taken is None else need.taken)
        cell = CellKey(interchange.item, need.year, need.tier, name)
        if need.quantity < 0 or cell not in figures:
            raise InterchangeError(
                "a need is negative or lies outside of the frame", where=interchange.item
            )
        figures[cell] += need.quantity
        if figures[cell] >= caps[name]:
            raise InterchangeError("a need is too large for its cell", where=interchange.item)
    return Spread(figures)


def adds_up(
    interchange: Interchange, frame: Frame, opened: Iterable[tuple[Sequence[CellKey], int]]
) -> tuple[Served, ...]:
    """What each variant could serve, over all years of the frame, tier by tier.

    Args:
        interchange: The item and its variants.
        frame: Of the round.
        opened: Blocks of cells and their totals, as the round opened them. A block that holds
            other items, tiers or classes tells nothing about this one.

    Requires:
        Sums over variants are never added: a need that two variants serve is in both.
    """
    totals: dict[tuple[str, str], int] = {}
    known: set[CellKey] = set()
    for cells, total in opened:
        groups = {(cell.item, cell.tier, cell.cls) for cell in cells}
        if len(groups) == 1 and cells[0].item == interchange.item:
            key = (cells[0].tier, cells[0].cls)
            totals[key] = totals.get(key, 0) + total
            known.update(cells)
    missing = [c for c in frame.cells if c.item == interchange.item and c not in known]
    found = []
    for tier in frame.tiers:
        for variant in interchange.variants:
            inside = {name for name in interchange.classes if variant in name.split(".")}
            at_least = sum(totals.get((tier, name), 0) for name in inside)
            withheld = sum(1 for c in missing if c.tier == tier and c.cls in inside)
            found.append(Served(variant, tier, at_least, withheld))
    return tuple(found)


def known_takers(
    register: Register, reader: Reader, interchange: Interchange, now_utc: datetime
) -> dict[str, tuple[str, ...]]:
    """Nations by variant, of the positions that *reader* may know now; the others leave no trace.

    Raises:
        InterchangeError: a position names an unknown variant.
    """
    positions = positions_for(register, reader, interchange.standard, now_utc)
    taken = {p.nation: taken_by(p, interchange) for p in positions}
    return {
        variant: tuple(nation for nation, names in taken.items() if variant in names)
        for variant in interchange.variants
    }
