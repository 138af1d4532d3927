"""The lines of a release: one for each block and one for each withheld cell, in reading order.

May touch: values. Every rendering (CSV, XLSX, JSON, HTML) is made from these lines alone, so
that they cannot tell four stories.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from delian.release.errors import PackageError
from delian.terms.encode import digest
from delian.terms.frame import CellKey, Frame, Item
from delian.terms.round_terms import RoundTerms
from delian.terms.table import Block, Table

WITHHELD = "withheld"
_CONTROLS = {
    **dict.fromkeys([*range(0x20), *range(0x7F, 0xA0)], " "),
    **dict.fromkeys([0x2028, 0x2029], " "),
    **dict.fromkeys([0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A), 0xFEFF], ""),
    **dict.fromkeys([*range(0xD800, 0xE000), 0xFFFE, 0xFFFF], "\ufffd"),
}


def plain_text(text: str) -> str:
    """*text* on one line, without control characters or signs that reorder what is read."""
    return " ".join(text.translate(_CONTROLS).split())


def block_id(block: Block) -> str:
    """A short name that a block keeps through all editions: it depends on its cells alone."""
    return "b-" + digest("\n".join(map(str, block.cells)).encode()).removeprefix("sha256:")[:12]


def year_text(years: Iterable[int]) -> str:
    """Years in words: ``2027-2029, 2031``."""
    runs: list[list[int]] = []
    for year in sorted(set(years)):
        if runs and runs[-1][1] == year - 1:
            runs[-1][1] = year
        else:
            runs.append([year, year])
    return ", ".join(f"{a}" if a == b else f"{a}-{b}" for a, b in runs)


@dataclass(frozen=True, slots=True)
class Line:
    """One block, or one withheld cell, with everything a reader needs beside it.

    Args:
        block: Its short name, "" where withheld.
        tier: Tier code.
        cls: Interchangeability class.
        items: Item codes in the order of the frame.
        names_en: Their English names, in the same order.
        names_fr: Their French names.
        family: Families of the items, "; " between several.
        group: Groups of the items.
        years: Ascending.
        cells: The leaf cells it covers.
        is_whole_span: Does it cover every item in every year?
        unit: Unit of the total.
        price_basis: For money, else "".
        total: None where withheld.
        at_least: Contributors, or None where withheld.
        at_most: Contributors, or None.
        state: "new", "reopened", "carried" or "withheld".
        opened_in: Round that opened the total, "" where withheld.
    """

    block: str
    tier: str
    cls: str
    items: tuple[str, ...]
    names_en: tuple[str, ...]
    names_fr: tuple[str, ...]
    family: str
    group: str
    years: tuple[int, ...]
    cells: tuple[CellKey, ...]
    is_whole_span: bool
    unit: str
    price_basis: str
    total: int | None
    at_least: int | None
    at_most: int | None
    state: str
    opened_in: str

    @property
    def is_withheld(self) -> bool:
        """Is no total shown?"""
        return self.total is None

    @property
    def unit_text(self) -> str:
        """The unit, with its price basis where there is one."""
        return f"{self.unit} ({self.price_basis})" if self.price_basis else self.unit

    @property
    def contributors(self) -> str:
        """The band in words: "3 or more", "5 to 9"."""
        if self.at_least is None:
            return ""
        if self.at_most is None:
            return f"{self.at_least} or more"
        if self.at_most == self.at_least:
            return str(self.at_least)
        return f"{self.at_least} to {self.at_most}"


@dataclass(frozen=True)
class Lines:
    """All lines of one table.

    Args:
        shown: Blocks in the order of tier, class, item and year.
        withheld: Withheld cells in the same order.
    """

    shown: tuple[Line, ...]
    withheld: tuple[Line, ...]

    @cached_property
    def every(self) -> tuple[Line, ...]:
        """Shown lines, then withheld ones."""
        return self.shown + self.withheld

    @cached_property
    def shown_cells(self) -> int:
        """How many leaf cells stand in a block."""
        return sum(len(line.cells) for line in self.shown)


def lines_of(table: Table, terms: RoundTerms) -> Lines:
    """Every line of *table*, named and ordered by *terms*.

    Raises:
        PackageError: the table holds a cell that the terms do not know, or lacks one.
    """
    frame = terms.frame
    index = frame.index
    every = [cell for block in table.blocks for cell in block.cells]
    if len(every) + len(table.withheld) != len(frame.cells) or not (
        all(cell in index for cell in every) and all(cell in index for cell in table.withheld)
    ):
        raise PackageError("the table does not cover exactly the cells of the terms")
    words = _Words(frame)
    blocks = sorted(table.blocks, key=lambda b: min(index[c] for c in b.cells))
    held = sorted(table.withheld, key=lambda c: index[c])
    return Lines(
        tuple(words.line(block.cells, block) for block in blocks),
        tuple(words.line((cell,), None) for cell in held),
    )


class _Words:
    """Names of items, families and groups, looked up once."""

    def __init__(self, frame: Frame) -> None:
        self._place = {(i.code, i.cls): n for n, i in enumerate(frame.items)}
        self._item = {(i.code, i.cls): i for i in frame.items}
        self._family = _owners(frame.families or {})
        self._group = _owners(frame.groups or {})
        self._rounds: dict[str, str] = {}
        self._seen: dict[tuple[tuple[str, str], ...], tuple[tuple[str, ...], ...]] = {}

    def line(self, cells: Sequence[CellKey], block: Block | None) -> Line:
        found = sorted({(c.item, c.cls) for c in cells}, key=self._place.__getitem__)
        keys = tuple(found)
        items = [self._item[key] for key in keys]
        first, years = cells[0], tuple(sorted({c.year for c in cells}))
        if len({(c.tier, c.cls) for c in cells}) > 1 or len({i.measure for i in items}) > 1:
            raise PackageError("a block adds figures of different tiers, classes or units")
        en, fr, families, groups, measure = self._named(keys, items)
        return Line(
            block=block_id(block) if block else "",
            tier=first.tier,
            cls=first.cls,
            items=tuple(i.code for i in items),
            names_en=en,
            names_fr=fr,
            family="; ".join(families),
            group="; ".join(groups),
            years=years,
            cells=tuple(cells),
            is_whole_span=len(cells) == len(items) * len(years),
            unit=measure[0],
            price_basis=measure[1],
            total=block.total if block else None,
            at_least=block.at_least if block else None,
            at_most=block.at_most if block else None,
            state=str(block.state) if block else WITHHELD,
            opened_in=self._round(block.opened_in) if block else "",
        )

    def _round(self, name: str) -> str:
        return self._rounds.setdefault(name, plain_text(name))

    def _named(
        self, keys: tuple[tuple[str, str], ...], items: Sequence[Item]
    ) -> tuple[tuple[str, ...], ...]:
        if keys not in self._seen:
            families = dict.fromkeys(self._family.get(i.code, "") for i in items)
            groups = dict.fromkeys(self._group.get(f, "") for f in families)
            self._seen[keys] = (
                tuple(_name(i, "en") for i in items),
                tuple(_name(i, "fr") for i in items),
                tuple(plain_text(f) for f in families if f),
                tuple(plain_text(g) for g in groups if g),
                (plain_text(items[0].unit), plain_text(items[0].price_basis)),
            )
        return self._seen[keys]


def _name(item: Item, language: str) -> str:
    return plain_text(item.names.get(language) or item.names.get("en") or item.code)


def _owners(named: Mapping[str, Sequence[str]]) -> dict[str, str]:
    return {member: name for name, members in named.items() for member in members}
