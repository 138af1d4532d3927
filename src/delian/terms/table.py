"""The table that leaves the hosts: blocks with totals, and what stays withheld.

Three hosts sign the canonical bytes of one such table (``docs/formats/opened.md``). An amended
table names the one it derives from and may only add up or withhold that one's blocks.
"""

from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from itertools import pairwise

from delian.terms.encode import Digest, Fields, Plain, canonical, digest
from delian.terms.errors import InputError
from delian.terms.frame import CellKey

FORMAT = "delian-opened"


class TableError(InputError):
    """The table is not well formed."""

    code = "table"


class State(StrEnum):
    """How a block came into this edition."""

    NEW = "new"  # opened for the first time in this round
    REOPENED = "reopened"  # opened again: the change passed the rule
    CARRIED = "carried"  # the earlier total, unchanged


@dataclass(frozen=True, slots=True)
class Block:
    """Cells that are published together.

    Args:
        cells: Ascending, at least one.
        total: Sum over all contributors, in the unit of the cells.
        at_least: This many contributors or more.
        at_most: This many or fewer, or None where no upper edge is published.
        state: How it came here.
        opened_in: The round that opened this total.
    """

    cells: tuple[CellKey, ...]
    total: int
    at_least: int
    at_most: int | None
    state: State
    opened_in: str

    def __post_init__(self) -> None:
        if not self.cells or any(a >= b for a, b in pairwise(self.cells)):
            raise TableError("a block's cells must ascend, each once")
        if self.total < 0 or self.at_least < 1:
            raise TableError("a block's total and band must not be negative")
        if self.at_most is not None and self.at_most < self.at_least:
            raise TableError("a block's band is empty")

    def to_plain(self) -> dict[str, Plain]:
        """The canonical form."""
        return {
            "cells": [str(c) for c in self.cells],
            "total": self.total,
            "at_least": self.at_least,
            "at_most": self.at_most,
            "state": str(self.state),
            "opened_in": self.opened_in,
        }

    @classmethod
    def from_plain(cls, plain: object) -> "Block":
        """Read what :meth:`to_plain` writes."""
        f = Fields(plain, "block")
        cells = tuple(CellKey.parse(c) for c in f.texts("cells"))
        at_most = f.whole("at_most", 1) if f.has("at_most") else None
        try:
            state = State(f.text("state"))
        except ValueError as error:
            raise TableError("block: unknown state") from error
        block = cls(
            cells, f.whole("total"), f.whole("at_least", 1), at_most, state, f.text("opened_in")
        )
        f.end()
        return block


@dataclass(frozen=True)
class Table:
    """What three hosts sign, and what a release shows.

    Args:
        round_id: The round that made it.
        terms_digest: Terms of that round.
        list_digest: The closing list that was run.
        run_id: Hexadecimal id of the run, the same at all hosts.
        netlist_digest: Digest over every circuit that was run.
        present: Nations with a sheet, ascending.
        absent: Nations without, ascending.
        blocks: Disjoint, ordered by their first cell.
        withheld: Every other leaf of the frame, ascending.
        derives_from: Digest of the table that this one amends, or None.
    """

    round_id: str
    terms_digest: Digest
    list_digest: Digest
    run_id: str
    netlist_digest: Digest
    present: tuple[str, ...]
    absent: tuple[str, ...]
    blocks: tuple[Block, ...]
    withheld: tuple[CellKey, ...]
    derives_from: Digest | None = None

    def __post_init__(self) -> None:
        every = [c for b in self.blocks for c in b.cells] + list(self.withheld)
        if len(set(every)) != len(every):
            raise TableError("a cell stands in two blocks, or is withheld and shown")
        if [b.cells[0] for b in self.blocks] != sorted(b.cells[0] for b in self.blocks):
            raise TableError("blocks must be ordered by their first cell")
        if list(self.withheld) != sorted(self.withheld):
            raise TableError("withheld cells must ascend")
        for codes in (self.present, self.absent):
            if list(codes) != sorted(set(codes)):
                raise TableError("nations must ascend, each once")

    @cached_property
    def bytes(self) -> bytes:
        """The exact bytes that are signed and stand in ``opened.json``."""
        return canonical(self.to_plain())

    @cached_property
    def digest(self) -> Digest:
        """Digest of :attr:`bytes`."""
        return digest(self.bytes)

    def to_plain(self) -> dict[str, Plain]:
        """The canonical form."""
        return {
            "format": FORMAT,
            "version": 1,
            "round": self.round_id,
            "terms": self.terms_digest,
            "list": self.list_digest,
            "run": self.run_id,
            "netlist": self.netlist_digest,
            "present": list(self.present),
            "absent": list(self.absent),
            "blocks": [b.to_plain() for b in self.blocks],
            "withheld": [str(c) for c in self.withheld],
            "derives_from": self.derives_from,
        }

    @classmethod
    def from_plain(cls, plain: object) -> "Table":
        """Read what :meth:`to_plain` writes.

        Raises:
            InputError: names what is wrong.
        """
        f = Fields(plain, "opened")
        f.form(FORMAT)
        derives = f.digest("derives_from") if f.has("derives_from") else None
        table = cls(
            round_id=f.text("round"),
            terms_digest=f.digest("terms"),
            list_digest=f.digest("list"),
            run_id=f.text("run", max_length=128),
            netlist_digest=f.digest("netlist"),
            present=f.texts("present"),
            absent=f.texts("absent"),
            blocks=tuple(Block.from_plain(b) for b in f.items("blocks")),
            withheld=tuple(CellKey.parse(c) for c in f.texts("withheld")),
            derives_from=derives,
        )
        f.end()
        return table


def check_derivation(original: Table, amended: Table) -> None:
    """Refuse an amendment that does more than add up or withhold blocks of *original*.

    Guarantees:
        Every block of *amended* is a union of whole blocks of *original* with their totals
        added; nothing else changed (``docs/round.md``, Approve).

    Raises:
        TableError: says which rule is broken.
    """
    if amended.derives_from != original.digest:
        raise TableError("the amended table does not name the one it derives from")
    same = ("round_id", "terms_digest", "list_digest", "run_id", "netlist_digest", "present")
    if any(getattr(original, name) != getattr(amended, name) for name in same):
        raise TableError("the amended table belongs to another run")
    if original.absent != amended.absent:
        raise TableError("the amended table changes who was absent")
    shown_or_withheld = {c for b in amended.blocks for c in b.cells} | set(amended.withheld)
    if shown_or_withheld != {c for b in original.blocks for c in b.cells} | set(original.withheld):
        raise TableError("the amended table adds or drops cells")
    owner = {cell: block for block in original.blocks for cell in block.cells}
    for block in amended.blocks:
        parts = {id(owner.get(c)): owner.get(c) for c in block.cells}
        whole = [p for p in parts.values() if p is not None]
        if len(whole) != len(parts) or {c for p in whole for c in p.cells} != set(block.cells):
            raise TableError("an amended block is not a union of opened blocks")
        if block.total != sum(p.total for p in whole):
            raise TableError("an amended block's total is not the sum of its parts")
        _check_band(block, whole)


def add_up(blocks: tuple[Block, ...]) -> Block:
    """One block over all cells of *blocks*: totals added, the tightest band that is sure."""
    cells = tuple(sorted(c for b in blocks for c in b.cells))
    if len(blocks) == 1:
        return blocks[0]
    return Block(
        cells,
        sum(b.total for b in blocks),
        max(b.at_least for b in blocks),
        None,
        State.CARRIED if all(b.state is State.CARRIED for b in blocks) else State.NEW,
        max(b.opened_in for b in blocks),
    )


def _check_band(block: Block, parts: list[Block]) -> None:
    expected = add_up(tuple(sorted(parts, key=lambda b: b.cells[0])))
    if block != expected:
        raise TableError("an amended block's band, state or round is not that of its parts")
