"""What a round asks for: items, years and tiers, and the cells they span.

A *cell* is the smallest thing a nation states a figure for. Its key never changes meaning: unit,
price basis and width belong to it for good (``docs/round.md``, Terms).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from delian.terms.encode import Fields, Plain
from delian.terms.errors import InputError

_CODE = re.compile(r"[A-Z0-9][A-Z0-9.-]{0,31}\Z")
_RELATIONS = ("disjoint", "part-of", "sum-of")
MAX_WIDTH_BITS = 48
MAX_CELLS = 4_000_000


class FrameError(InputError):
    """The frame breaks its rules."""

    code = "frame"


class CellKey(NamedTuple):
    """Item, year, tier and interchangeability class: the name of a cell for good."""

    item: str
    year: int
    tier: str
    cls: str

    def __str__(self) -> str:
        return f"{self.item}/{self.year}/{self.tier}/{self.cls}"

    @classmethod
    def parse(cls, text: str) -> "CellKey":
        """Read ``ITEM/2027/T1/CLASS``."""
        parts = text.split("/")
        if len(parts) != 4 or not re.fullmatch(r"[0-9]{4}", parts[1]):
            raise FrameError("a cell is spelled ITEM/YEAR/TIER/CLASS")
        return cls(parts[0], int(parts[1]), parts[2], parts[3])


@dataclass(frozen=True, slots=True)
class Item:
    """One line of the alliance's item register as the terms take it over.

    Args:
        code: From the append-only register.
        names: Language code to name ("en", "fr").
        unit: What is counted ("pieces", "kEUR").
        price_basis: For money ("EUR-2026"), else "".
        width_bits: A figure lies in [0, 2**width_bits).
        cls: Interchangeability class; classes never merge.
        relation: "disjoint" from every opened code, "part-of" or "sum-of" *related*.
        related: The codes that *relation* speaks of.
    """

    code: str
    names: Mapping[str, str]
    unit: str
    width_bits: int
    cls: str = "STD"
    price_basis: str = ""
    relation: str = "disjoint"
    related: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not _CODE.match(self.code) or not _CODE.match(self.cls):
            raise FrameError(f"item code '{self.code[:40]}' or its class is not well formed")
        if not 1 <= self.width_bits <= MAX_WIDTH_BITS:
            raise FrameError(f"{self.code}: width_bits must be 1 to {MAX_WIDTH_BITS}")
        if self.relation not in _RELATIONS:
            raise FrameError(f"{self.code}: relation must be one of {', '.join(_RELATIONS)}")
        if (self.relation == "disjoint") == bool(self.related):
            raise FrameError(f"{self.code}: name related codes for part-of and sum-of only")

    @property
    def measure(self) -> tuple[str, str, int]:
        """What the key is bound to for good: unit, price basis, width."""
        return (self.unit, self.price_basis, self.width_bits)

    def to_plain(self) -> dict[str, Plain]:
        """The canonical form."""
        return {
            "code": self.code,
            "names": dict(self.names),
            "unit": self.unit,
            "price_basis": self.price_basis,
            "width_bits": self.width_bits,
            "class": self.cls,
            "relation": self.relation,
            "related": list(self.related),
        }

    @classmethod
    def from_plain(cls, plain: object) -> "Item":
        """Read what :meth:`to_plain` writes."""
        f = Fields(plain, "item")
        item = cls(
            code=f.text("code"),
            names={k: str(v) for k, v in f.mapping("names").items()},
            unit=f.text("unit", max_length=40),
            width_bits=f.whole("width_bits", 1, MAX_WIDTH_BITS),
            cls=f.text("class"),
            price_basis=f.text("price_basis", max_length=40),
            relation=f.text("relation"),
            related=f.texts("related"),
        )
        f.end()
        return item


@dataclass(frozen=True)
class Frame:
    """Items by years by tiers.

    Args:
        items: No (code, class) twice.
        years: Ascending.
        tiers: Disjoint quantities, in the order of the sheet.
        windows: Groups of years, a partition of *years* in order; () for no merging of years.
        families: Family name to item codes; items of a family share measure and class.
        groups: Group name to family names.
        empty: Cells that cannot hold a figure; they are no leaves.
    """

    items: tuple[Item, ...]
    years: tuple[int, ...]
    tiers: tuple[str, ...]
    windows: tuple[tuple[int, ...], ...] = ()
    families: Mapping[str, tuple[str, ...]] | None = None
    groups: Mapping[str, tuple[str, ...]] | None = None
    empty: frozenset[CellKey] = frozenset()

    def __post_init__(self) -> None:
        if not self.items or not self.years or not self.tiers:
            raise FrameError("a frame needs items, years and tiers")
        keys = [(i.code, i.cls) for i in self.items]
        if len(set(keys)) != len(keys):
            raise FrameError("an item stands twice in the frame")
        if list(self.years) != sorted(set(self.years)) or not all(
            1900 < y < 2200 for y in self.years
        ):
            raise FrameError("years must ascend, each once, within 1901 to 2199")
        if len(set(self.tiers)) != len(self.tiers) or not all(_CODE.match(t) for t in self.tiers):
            raise FrameError("tiers must be distinct codes")
        if len(self.items) * len(self.years) * len(self.tiers) > MAX_CELLS:
            raise FrameError("the frame spans too many cells")
        flat = [y for w in self.windows for y in w]
        if self.windows and flat != list(self.years):
            raise FrameError("windows must partition the years in order")
        self._check_families()

    def _check_families(self) -> None:
        families = self.families or {}
        for name, codes in families.items():
            members = [i for i in self.items if i.code in codes]
            if {i.code for i in members} != set(codes) or len(set(codes)) != len(codes):
                raise FrameError(f"family '{name}' names an unknown item, or one twice")
            if len({i.measure for i in members}) > 1:
                raise FrameError(
                    f"family '{name}' would add figures of different units",
                    hint="items of a family share unit, price basis and width",
                )
        names = [*families, *(self.groups or {}), *{i.code for i in self.items}]
        if len(set(names)) != len(names):
            raise FrameError("items, families and groups need distinct names")
        used = [c for codes in families.values() for c in codes]
        if len(set(used)) != len(used):
            raise FrameError("an item stands in two families")
        grouped = [f for names in (self.groups or {}).values() for f in names]
        if len(set(grouped)) != len(grouped) or not set(grouped) <= set(families):
            raise FrameError("groups must name families, each once")
        for name, members_of in (self.groups or {}).items():
            measures = {i.measure for f in members_of for i in self.items if i.code in families[f]}
            if len(measures) > 1:
                raise FrameError(f"group '{name}' would add figures of different units")

    @cached_property
    def cells(self) -> tuple[CellKey, ...]:
        """Every leaf, in the order of tier, class, item, year."""
        return tuple(
            key
            for tier in self.tiers
            for item in self.items
            for year in self.years
            if (key := CellKey(item.code, year, tier, item.cls)) not in self.empty
        )

    @cached_property
    def index(self) -> Mapping[CellKey, int]:
        """Cell to its place in :attr:`cells`."""
        return {key: i for i, key in enumerate(self.cells)}

    def item(self, code: str, cls: str | None = None) -> Item:
        """The item *code* (in class *cls* where it is given)."""
        for item in self.items:
            if item.code == code and cls in (None, item.cls):
                return item
        raise FrameError(f"item '{code[:40]}' is not in the frame")

    @property
    def width_bits(self) -> int:
        """Bits of every figure: what the circuit is built for."""
        return self.items[0].width_bits

    def to_plain(self) -> dict[str, Plain]:
        """The canonical form."""
        return {
            "items": [i.to_plain() for i in self.items],
            "years": list(self.years),
            "tiers": list(self.tiers),
            "windows": [list(w) for w in self.windows],
            "families": {k: list(v) for k, v in (self.families or {}).items()},
            "groups": {k: list(v) for k, v in (self.groups or {}).items()},
            "empty": [str(c) for c in sorted(self.empty)],
        }

    @classmethod
    def from_plain(cls, plain: object) -> "Frame":
        """Read what :meth:`to_plain` writes."""
        f = Fields(plain, "frame")
        try:
            frame = cls(
                items=tuple(Item.from_plain(i) for i in f.items("items")),
                years=tuple(int(y) for y in f.items("years")),
                tiers=f.texts("tiers"),
                windows=tuple(tuple(int(y) for y in w) for w in f.items("windows")),
                families={k: tuple(str(c) for c in v) for k, v in f.mapping("families").items()},
                groups={k: tuple(str(c) for c in v) for k, v in f.mapping("groups").items()},
                empty=frozenset(CellKey.parse(c) for c in f.texts("empty")),
            )
        except (TypeError, ValueError) as error:
            raise FrameError("frame: years and groups must be lists of the right kind") from error
        f.end()
        return frame
