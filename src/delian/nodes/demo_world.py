"""The invented alliance of the demonstration: nations with real weights, products, made-up needs.

Nothing here is anybody's requirement. The weights are rounded shares of equipment spending, so
that one nation holds about three quarters of it, as in life; everything else is drawn from a seed.
"""

# ruff: noqa: E501 - a table reads better in one line per row

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from delian.terms.errors import InputError
from delian.terms.frame import CellKey, Frame, Item

YEARS = tuple(range(2027, 2037))
TIERS = ("T1", "T2", "T3")
WINDOWS = ((2027, 2028, 2029), (2030, 2031, 2032), (2033, 2034, 2035, 2036))
WIDTH_BITS = 32
LEAST_NATIONS = 6

# Code, name, equipment spending in tens of millions of US dollars (rounded; public figures).
NATIONS: tuple[tuple[str, str, int], ...] = (
    ("ALB", "Albania", 3),
    ("BEL", "Belgium", 53),
    ("BGR", "Bulgaria", 27),
    ("CAN", "Canada", 246),
    ("HRV", "Croatia", 13),
    ("CZE", "Czechia", 43),
    ("DNK", "Denmark", 81),
    ("EST", "Estonia", 13),
    ("FIN", "Finland", 150),
    ("FRA", "France", 1238),
    ("DEU", "Germany", 888),
    ("GRC", "Greece", 61),
    ("HUN", "Hungary", 49),
    ("ISL", "Iceland", 1),
    ("ITA", "Italy", 504),
    ("LVA", "Latvia", 18),
    ("LTU", "Lithuania", 31),
    ("LUX", "Luxembourg", 17),
    ("MNE", "Montenegro", 2),
    ("NLD", "Netherlands", 287),
    ("MKD", "North Macedonia", 2),
    ("NOR", "Norway", 212),
    ("POL", "Poland", 286),
    ("PRT", "Portugal", 37),
    ("ROU", "Romania", 125),
    ("SVK", "Slovakia", 79),
    ("SVN", "Slovenia", 5),
    ("ESP", "Spain", 273),
    ("SWE", "Sweden", 200),
    ("TUR", "Türkiye", 537),
    ("GBR", "United Kingdom", 1456),
    ("USA", "United States", 20089),
)


@dataclass(frozen=True, slots=True)
class Product:
    """One line of the invented register: names, unit, how much, how widely used."""

    code: str
    english: str
    french: str
    unit: str
    yearly: int
    users_percent: int
    family: str


PRODUCTS: tuple[Product, ...] = (
    Product("P01", "155 mm artillery round", "obus d'artillerie de 155 mm", "pieces", 900_000, 85, "SHELLS"),
    Product("P02", "155 mm modular charge", "charge modulaire de 155 mm", "pieces", 2_400_000, 80, "SHELLS"),
    Product("P03", "120 mm tank round", "obus de char de 120 mm", "pieces", 160_000, 60, "SHELLS"),
    Product("P04", "120 mm mortar bomb", "bombe de mortier de 120 mm", "pieces", 420_000, 75, "SHELLS"),
    Product("P05", "5.56 × 45 mm cartridge", "cartouche de 5,56 × 45 mm", "thousands", 640_000, 95, "CARTRIDGES"),
    Product("P06", "7.62 × 51 mm cartridge", "cartouche de 7,62 × 51 mm", "thousands", 210_000, 90, "CARTRIDGES"),
    Product("P07", "9 × 19 mm cartridge", "cartouche de 9 × 19 mm", "thousands", 150_000, 90, "CARTRIDGES"),
    Product("P08", "short-range air-defence missile", "missile antiaérien à courte portée", "pieces", 5_200, 60, "AIR-DEFENCE"),
    Product("P09", "medium-range air-defence missile", "missile antiaérien à moyenne portée", "pieces", 2_100, 40, "AIR-DEFENCE"),
    Product("P10", "long-range air-defence missile", "missile antiaérien à longue portée", "pieces", 700, 22, "AIR-DEFENCE"),
    Product("P11", "air-defence fire unit", "unité de tir antiaérienne", "systems", 46, 30, "SYSTEMS"),
    Product("P12", "anti-tank guided missile", "missile antichar", "pieces", 14_000, 70, "GUIDED"),
    Product("P13", "227 mm guided rocket", "roquette guidée de 227 mm", "pieces", 11_000, 35, "GUIDED"),
    Product("P14", "main battle tank", "char de combat", "pieces", 260, 30, "VEHICLES"),
    Product("P15", "infantry fighting vehicle", "véhicule de combat d'infanterie", "pieces", 620, 45, "VEHICLES"),
    Product("P16", "155 mm self-propelled howitzer", "obusier automoteur de 155 mm", "pieces", 190, 35, "VEHICLES"),
    Product("P17", "small unmanned aircraft system", "petit système de drone", "systems", 9_500, 80, "SYSTEMS"),
    Product("P18", "loitering munition", "munition rôdeuse", "pieces", 26_000, 55, "GUIDED"),
    Product("P19", "software-defined manpack radio", "radio logicielle portable", "pieces", 18_000, 70, "SIGNALS"),
    Product("P20", "air-surveillance radar", "radar de surveillance aérienne", "pieces", 34, 22, "SIGNALS"),
    Product("P21", "quantum-safe network encryptor", "chiffreur réseau postquantique", "pieces", 4_800, 50, "SIGNALS"),
    Product("P22", "low-orbit satellite terminal", "terminal satellite en orbite basse", "pieces", 7_600, 65, "SIGNALS"),
    Product("P23", "body armor and helmet set", "ensemble gilet et casque pare-balles", "sets", 330_000, 90, "PERSONAL"),
    Product("P24", "GaN power device, thousand dies", "composant GaN, millier de puces", "thousands", 5_200, 14, "CHIPS"),
)  # fmt: skip
GROUPS = {"MISSILES": ("AIR-DEFENCE", "GUIDED")}


class DemoError(InputError):
    """The demonstration cannot be set up as asked."""

    code = "demo"


def frame(cells: int | None = None) -> Frame:
    """The frame of the demonstration: 24 products, 10 years, 3 tiers.

    Args:
        cells: Leaf cells instead, rounded up to whole products.
    """
    per_product = len(YEARS) * len(TIERS)
    count = len(PRODUCTS) if cells is None else max(1, -(-cells // per_product))
    if count > 40_000:
        raise DemoError("too many cells for a demonstration", hint="stay below 1,200,000")
    products = [_variant(i) for i in range(count)]
    families: dict[str, list[str]] = {}
    for product in products:
        families.setdefault(product.family, []).append(product.code)
    measures = {p.family: {q.unit for q in products if q.family == p.family} for p in products}
    kept = {f: tuple(c) for f, c in families.items() if len(measures[f]) == 1}
    groups = {g: tuple(f for f in fs if f in kept) for g, fs in GROUPS.items()}
    return Frame(
        items=tuple(
            Item(p.code, {"en": p.english, "fr": p.french}, p.unit, WIDTH_BITS) for p in products
        ),
        years=YEARS,
        tiers=TIERS,
        windows=WINDOWS,
        families=kept,
        groups={g: fs for g, fs in groups.items() if fs},
    )


def _variant(place: int) -> Product:
    base = PRODUCTS[place % len(PRODUCTS)]
    series = place // len(PRODUCTS)
    if series == 0:
        return base
    return Product(
        f"{base.code}-{series}",
        f"{base.english}, series {series}",
        f"{base.french}, série {series}",
        base.unit,
        base.yearly,
        base.users_percent,
        base.family if series % 8 else f"{base.family}-{series}",
    )


def nations(count: int) -> tuple[tuple[str, str, int], ...]:
    """The *count* largest nations, in order of their codes.

    Raises:
        DemoError: fewer than six, or more than there are.
    """
    if not LEAST_NATIONS <= count <= len(NATIONS):
        raise DemoError(f"the demonstration knows {LEAST_NATIONS} to {len(NATIONS)} nations")
    largest = sorted(NATIONS, key=lambda n: -n[2])[:count]
    return tuple(sorted(largest))


def needs(asked: Frame, codes: Sequence[str], seed: int) -> dict[str, dict[CellKey, int]]:
    """Invented figures, nation by nation, drawn from *seed*."""
    draw = random.Random(seed)  # noqa: S311 - invented figures, not keys
    weight = {code: tens / 10 for code, _, tens in NATIONS}
    whole = sum(weight[c] for c in codes)
    known = {_variant(i).code: _variant(i) for i in range(len(asked.items))}
    found: dict[str, dict[CellKey, int]] = {code: {} for code in codes}
    for code in codes:
        for item in asked.items:
            product = known[item.code]
            uses = draw.random() * 100 < product.users_percent * (0.6 + 0.4 * (weight[code] > 1))
            share = (weight[code] / whole) ** 0.82
            trend = draw.uniform(0.9, 1.1)
            for tier_place, tier in enumerate(asked.tiers):
                for year in asked.years:
                    key = CellKey(item.code, year, tier, item.cls)
                    noise = draw.lognormvariate(0, 0.5)
                    tier_share = (0.62, 0.28, 0.10)[min(tier_place, 2)]
                    asks = uses and draw.random() < (0.92, 0.7, 0.4)[min(tier_place, 2)]
                    size = product.yearly * share * tier_share * noise * trend ** (year - 2027)
                    found[code][key] = round(size) if asks and key not in asked.empty else 0
    return found


def revise(
    sheets: Mapping[str, Mapping[CellKey, int]], codes: Sequence[str], seed: int
) -> dict[str, dict[CellKey, int]]:
    """The same figures a year later: the nations in *codes* change about a third of theirs."""
    draw = random.Random(seed + 1)  # noqa: S311 - invented figures, not keys
    later = {code: dict(figures) for code, figures in sheets.items()}
    for code in codes:
        for key, figure in later[code].items():
            if figure and draw.random() < 0.35:
                later[code][key] = round(figure * draw.uniform(0.7, 1.5))
    return later


def revise_product(
    sheets: Mapping[str, Mapping[CellKey, int]], code: str, seed: int
) -> dict[str, dict[CellKey, int]]:
    """The same figures after every nation that asks for product *code* changed its own."""
    draw = random.Random(seed + 2)  # noqa: S311 - invented figures, not keys
    later = {nation: dict(figures) for nation, figures in sheets.items()}
    for figures in later.values():
        for key, figure in figures.items():
            if figure and key.item == code:
                figures[key] = round(figure * draw.uniform(1.3, 2.2)) + 1
    return later
