"""What a host writes down before it sends the first opening message, and completes afterwards.

*Opened* counts, not *released*: from this record on the listed blocks are history, whether the run
aborts, or the release is objected to, amended away or withdrawn (``docs/formats/opened.md``).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

from delian.protect.errors import RecordError
from delian.terms.encode import Digest, Fields, Plain, digest_of
from delian.terms.errors import InputError
from delian.terms.frame import CellKey, Frame
from delian.terms.round_terms import Rule
from delian.terms.table import Table

FORMAT = "delian-opening"
Cells = tuple[CellKey, ...]


@dataclass(frozen=True, slots=True)
class Code:
    """What an item code meant when it was tested: for good.

    Args:
        unit: What is counted.
        price_basis: For money, else "".
        width_bits: Of every figure.
        classes: Interchangeability classes in which it stood, ascending.
        relation: "disjoint", "part-of" or "sum-of" *related*.
        related: Other codes.
    """

    unit: str
    price_basis: str
    width_bits: int
    classes: tuple[str, ...]
    relation: str
    related: tuple[str, ...]

    @property
    def measure(self) -> tuple[str, str, int]:
        """Unit, price basis and width."""
        return (self.unit, self.price_basis, self.width_bits)

    def to_plain(self) -> dict[str, Plain]:
        """The canonical form."""
        return {
            "unit": self.unit,
            "price_basis": self.price_basis,
            "width_bits": self.width_bits,
            "classes": list(self.classes),
            "relation": self.relation,
            "related": list(self.related),
        }

    @classmethod
    def from_plain(cls, plain: object) -> "Code":
        """Read what :meth:`to_plain` writes."""
        f = Fields(plain, "code")
        code = cls(
            f.text("unit"),
            f.text("price_basis"),
            f.whole("width_bits", 1),
            f.texts("classes"),
            f.text("relation"),
            f.texts("related"),
        )
        f.end()
        return code


def codes_of(frame: Frame) -> dict[str, Code]:
    """The codes of *frame* as a record keeps them."""
    found: dict[str, Code] = {}
    classes: dict[str, list[str]] = {}
    for item in frame.items:
        classes.setdefault(item.code, []).append(item.cls)
    for item in frame.items:
        unit, basis, width = item.measure
        here = tuple(sorted(classes[item.code]))
        code = Code(unit, basis, width, here, item.relation, item.related)
        if found.setdefault(item.code, code) != code:
            raise InputError(f"item '{item.code}' has two measures or relations in one frame")
    return found


@dataclass(frozen=True)
class OpeningRecord:
    """The list of cells to open, with all that later rounds must know about it.

    Args:
        round_id: The round.
        terms_digest: Its terms.
        list_digest: The closing list that is run.
        rule: Under which the cells were tested.
        present: Nations with a sheet, ascending.
        codes: Item codes of the frame.
        tested: Every cell of the forest that was evaluated, ascending.
        new: Blocks opened for the first time, ordered by first cell.
        reopened: Blocks opened again, ordered by first cell.
        table: What was opened; None until the opening is complete.
    """

    round_id: str
    terms_digest: Digest
    list_digest: Digest
    rule: Rule
    present: tuple[str, ...]
    codes: Mapping[str, Code]
    tested: Cells
    new: tuple[Cells, ...]
    reopened: tuple[Cells, ...]
    table: Table | None = field(default=None)

    def __post_init__(self) -> None:
        tested = set(self.tested)
        if not {c.item for c in tested} <= set(self.codes):
            raise InputError("opening: a tested cell's code is not described")
        opened = [c for cells in (*self.new, *self.reopened) for c in cells]
        if len(set(opened)) != len(opened) or not all(c in tested for b in self.new for c in b):
            raise InputError("opening: blocks overlap, or hold a cell that was not tested")
        if not all((*self.new, *self.reopened)):
            raise InputError("opening: a block has no cell")

    @cached_property
    def list_of_cells(self) -> Digest:
        """Digest of everything but the totals: what hosts compare before the first of them."""
        return digest_of({**self.to_plain(), "table": None})

    def completed(self, table: Table) -> "OpeningRecord":
        """The record with what was opened.

        Raises:
            RecordError: the table is not of this opening.
        """
        opened = {b.cells for b in table.blocks if b.opened_in == self.round_id}
        if table.round_id != self.round_id or opened != {*self.new, *self.reopened}:
            raise RecordError("the table does not hold what its opening record lists")
        return replace(self, table=table)

    def to_plain(self) -> dict[str, Plain]:
        """The canonical form."""
        return {
            "format": FORMAT,
            "version": 1,
            "round": self.round_id,
            "terms": self.terms_digest,
            "list": self.list_digest,
            "rule": self.rule.to_plain(),
            "present": list(self.present),
            "codes": {name: code.to_plain() for name, code in self.codes.items()},
            "tested": [str(c) for c in self.tested],
            "new": [[str(c) for c in cells] for cells in self.new],
            "reopened": [[str(c) for c in cells] for cells in self.reopened],
            "table": None if self.table is None else self.table.to_plain(),
        }

    @classmethod
    def from_plain(cls, plain: object) -> "OpeningRecord":
        """Read what :meth:`to_plain` writes.

        Raises:
            InputError: names what is wrong.
        """
        f = Fields(plain, "opening")
        f.form(FORMAT)
        record = cls(
            round_id=f.text("round"),
            terms_digest=f.digest("terms"),
            list_digest=f.digest("list"),
            rule=Rule.from_plain(f.mapping("rule")),
            present=f.texts("present"),
            codes={name: Code.from_plain(c) for name, c in f.mapping("codes").items()},
            tested=_cells(f.items("tested")),
            new=tuple(_cells(cells) for cells in f.items("new")),
            reopened=tuple(_cells(cells) for cells in f.items("reopened")),
        )
        table = Table.from_plain(f.mapping("table")) if f.has("table") else None
        f.end()
        return record if table is None else record.completed(table)


def _cells(plain: object) -> Cells:
    if not isinstance(plain, list) or not all(isinstance(c, str) for c in plain):
        raise InputError("opening: cells must be a list of texts")
    cells = tuple(CellKey.parse(c) for c in plain)
    if list(cells) != sorted(set(cells)):
        raise InputError("opening: cells must ascend, each once")
    return cells
