"""Rounds in a few lines: random frames and sheets, several editions on the plain backend.

A ``Pipeline`` can be told to leave one safeguard out, so that tests see the attack find the leak.
"""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from fractions import Fraction

import numpy as np

from delian.aggregate.backend import Change, SharedChanges
from delian.aggregate.clear import passes
from delian.aggregate.plain import ClearSheets, PlainBackend
from delian.protect.attack import AttackResult, attack
from delian.protect.history import History
from delian.protect.opened import Closed, SafeTable, open_table
from delian.protect.record import OpeningRecord
from delian.protect.values import TrueSheets
from delian.terms.encode import digest
from delian.terms.frame import CellKey, Frame, Item
from delian.terms.round_terms import Calendar, RoundTerms, Rule

NAMES = ("AAA", "BBB", "CCC", "DDD", "EEE", "FFF", "GGG", "HHH", "III", "JJJ", "KKK", "LLL")
LATER = datetime(2027, 1, 1, tzinfo=UTC)
CALENDAR = Calendar(datetime(2026, 12, 1, tzinfo=UTC), 48, 48, LATER)
Figures = dict[str, list[int]]


class NoSlackRule(Rule):
    """The rule without e: what integers and bands tell is not paid for."""

    @property
    def slack(self) -> int:
        return 0


def make_item(code: str, **changes: object) -> Item:
    fields: dict[str, object] = {
        "code": code,
        "names": {"en": code},
        "unit": "pieces",
        "width_bits": 32,
    }
    return Item(**{**fields, **changes})  # type: ignore[arg-type]


def make_frame(
    codes: Sequence[str],
    years: Sequence[int],
    *,
    tiers: Sequence[str] = ("T1",),
    windows: Sequence[Sequence[int]] = (),
    families: Mapping[str, tuple[str, ...]] | None = None,
    groups: Mapping[str, tuple[str, ...]] | None = None,
    width_bits: int = 32,
) -> Frame:
    return Frame(
        tuple(make_item(code, width_bits=width_bits) for code in codes),
        tuple(years),
        tuple(tiers),
        tuple(tuple(w) for w in windows),
        families,
        groups,
    )


def make_terms(
    frame: Frame,
    nations: Sequence[str],
    *,
    round_id: str = "R1",
    rule: Rule | None = None,
    max_openings: int = 2,
    **changes: object,
) -> RoundTerms:
    fields: dict[str, object] = {
        "round_id": round_id,
        "title": "test",
        "roster_version": 1,
        "roster_digest": digest(b"roster"),
        "chair": "SEC",
        "nations": tuple(nations),
        "hosts": ("alpha", "bravo", "charlie"),
        "frame": frame,
        "rule": rule or Rule(),
        "calendar": CALENDAR,
        "audience": "industry",
        "label": {},
        "least_present": max(3, (rule or Rule()).min_contributors),
        "retry_limit": 3,
        "max_openings": max_openings,
        "collection": "trusted",
        "mode": "malicious",
        "demonstration": True,
    }
    return RoundTerms(**{**fields, **changes})  # type: ignore[arg-type]


class AllChangesPass(PlainBackend):
    """Leaves the rule on |change| out: every reopening is let through."""

    def judge(self, changes: Sequence[Change]) -> SharedChanges:
        judged = super().judge(changes)
        safe = [bool(passes(f[:, None], self._rule)[0]) for f in self._figures[judged.number]]
        bits = [s or not c.reopens for s, c in zip(safe, changes, strict=True)]
        self._bits[judged.number] = [np.array(bits, dtype=np.bool_)]
        return judged


@dataclass
class Pipeline:
    """Editions one after the other.

    Args:
        backend: ``PlainBackend`` or a broken one.
        remember: What a later round sees of the history; a broken one forgets.
        sheets_kept: Are old sheets there for reopening?
    """

    backend: Callable[..., PlainBackend] = PlainBackend
    remember: Callable[[History], History] = lambda history: history
    sheets_kept: bool = True
    history: History = field(default_factory=History)
    sheets: dict[str, ClearSheets] = field(default_factory=dict)
    true: dict[str, TrueSheets] = field(default_factory=dict)
    tables: list[SafeTable] = field(default_factory=list)

    def run(
        self,
        terms: RoundTerms,
        figures: Figures,
        *,
        scale: Mapping[str, Fraction] | None = None,
        atoms: Mapping[str, tuple[str, ...]] | None = None,
    ) -> SafeTable:
        present = tuple(sorted(figures))
        absent = tuple(sorted(set(terms.nations) - set(present)))
        now = ClearSheets(terms.frame, figures)
        kept = [r for r, s in self.sheets.items() if s.nations == present and self.sheets_kept]
        backend = self.backend(
            terms,
            now,
            {r: self.sheets[r] for r in kept},
            run_id="00" * 32,
            netlist_digest=digest(b"netlist"),
        )
        written: list[OpeningRecord] = []
        safe = open_table(
            backend,
            terms=terms,
            closed=Closed(digest(terms.round_id.encode()), present, absent),
            history=self.remember(self.history),
            kept=kept,
            persist=written.append,
        )
        assert [r.list_of_cells for r in written] == [safe.record.list_of_cells]
        self.history = self.history.with_record(safe.record)
        self.sheets[terms.round_id] = now
        self.true[terms.round_id] = TrueSheets(
            {n: dict(zip(terms.frame.cells, f, strict=True)) for n, f in figures.items()},
            scale or {},
            atoms or {},
        )
        self.tables.append(safe)
        return safe

    def attack(self, rule: Rule) -> AttackResult:
        return attack([safe.table for safe in self.tables], self.true, rule)


def forgetting(history: History, cells: Callable[[CellKey], bool]) -> History:
    """A history in which the cells that answer *cells* were never seen."""

    def keep(blocks: Sequence[tuple[CellKey, ...]]) -> tuple[tuple[CellKey, ...], ...]:
        return tuple(b for b in blocks if not any(cells(c) for c in b))

    return History(
        tuple(
            replace(
                record,
                tested=tuple(c for c in record.tested if not cells(c)),
                new=keep(record.new),
                reopened=keep(record.reopened),
            )
            for record in history.records
        )
    )


def random_frame(rng: random.Random, *, items: int | None = None) -> Frame:
    count = items or rng.randint(1, 6)
    codes = [f"I{i}" for i in range(count)]
    years = list(range(2027, 2027 + rng.randint(1, 6)))
    windows: list[list[int]] = []
    if len(years) > 3 and rng.random() < 0.8:
        cut = rng.randint(1, len(years) - 1)
        windows = [years[:cut], years[cut:]]
    families = groups = None
    if count > 1 and rng.random() < 0.7:
        cut = rng.randint(1, count)
        families = {"F0": tuple(codes[:cut])}
        if cut < count:
            families["F1"] = tuple(codes[cut:])
            if rng.random() < 0.5:
                groups = {"G0": ("F0", "F1")}
    tiers = ("T1", "T2") if rng.random() < 0.3 else ("T1",)
    return make_frame(codes, years, tiers=tiers, windows=windows, families=families, groups=groups)


def random_figures(rng: random.Random, frame: Frame, nations: Sequence[str]) -> Figures:
    """Heavy-tailed and sparse: some cells pass, some need merging, some stay unsafe."""
    weight = {nation: rng.choice((1, 1, 2, 3, 8, 40)) for nation in nations}
    density = rng.uniform(0.2, 1.0)
    small = rng.random() < 0.3
    return {
        nation: [
            (rng.randint(1, 6) if small else rng.randint(1, 30) * weight[nation])
            if rng.random() < density
            else 0
            for _ in frame.cells
        ]
        for nation in nations
    }


def revised(rng: random.Random, figures: Figures, share: float) -> Figures:
    """The figures after corrections by some nations."""
    changed = {nation: list(row) for nation, row in figures.items()}
    for nation in changed:
        if rng.random() < share:
            for place in range(len(changed[nation])):
                if rng.random() < 0.7:
                    changed[nation][place] = max(0, changed[nation][place] + rng.randint(-6, 12))
    return changed


def random_rule(rng: random.Random, nations: int) -> Rule:
    least = rng.choice((3, 3, 3, 4))
    bands = (least, least + 2, least + 5)[: rng.randint(1, 3)] if rng.random() < 0.4 else ()
    least = min(least, nations)
    nk = rng.choice(((0, 100), (0, 100), (1, 80), (2, 90)))
    return Rule(
        min_contributors=least,
        p_percent=rng.choice((5, 10, 15, 30)),
        count_bands=bands if least >= 3 and (not bands or bands[0] == least) else (),
        dominance_n=nk[0],
        dominance_k_percent=nk[1],
    )


def random_story(
    rng: random.Random, pipeline: Pipeline | None = None, *, kind: type[Rule] = Rule
) -> tuple[Pipeline, Rule]:
    """Two to four editions: revisions, absences, longer frames, other rules."""
    nations = NAMES[: rng.randint(4, 10)]
    frame = random_frame(rng)
    drawn = random_rule(rng, len(nations))
    rule = kind(**{name: getattr(drawn, name) for name in drawn.__slots__})
    figures = random_figures(rng, frame, nations)
    pipeline = pipeline or Pipeline()
    pipeline.sheets_kept = rng.random() < 0.85
    for number in range(rng.randint(2, 4)):
        present = dict(figures)
        if number and len(nations) > 4 and rng.random() < 0.2:
            present.pop(rng.choice(nations))
        later = rule
        if number and rng.random() < 0.1:
            later = replace(rule, p_percent=rule.p_percent + 5)
        terms = make_terms(frame, nations, round_id=f"R{number}", rule=later)
        pipeline.run(terms, present)
        figures = revised(rng, figures, rng.choice((0.0, 0.2, 0.6, 1.0)))
        if rng.random() < 0.3:
            frame, figures = _longer(rng, frame, figures)
    return pipeline, rule


def _longer(rng: random.Random, frame: Frame, figures: Figures) -> tuple[Frame, Figures]:
    """The same frame with a year more, or with an item more, and without its windows."""
    items, years = list(frame.items), list(frame.years)
    if rng.random() < 0.5:
        years.append(years[-1] + 1)
    else:
        items.append(make_item(f"N{len(items)}"))
    longer = Frame(tuple(items), tuple(years), frame.tiers, (), frame.families, None)
    fresh = random_figures(rng, longer, list(figures))
    for nation, row in figures.items():
        for cell, figure in zip(frame.cells, row, strict=True):
            fresh[nation][longer.index[cell]] = figure
    return longer, fresh
