"""Three hosts on shares open exactly what the enclave opens in clear."""

import random
from dataclasses import replace

import pytest

from delian.aggregate.netlist import netlist_digest
from delian.aggregate.plain import ClearSheets, PlainBackend
from delian.aggregate.replicated import ReplicatedBackend
from delian.protect.history import History
from delian.protect.opened import Closed, SafeTable, open_table
from delian.protect.record import OpeningRecord
from delian.terms.encode import digest
from delian.terms.round_terms import RoundTerms, Rule
from tests.edition_rig import Figures, make_frame, make_terms, random_figures, revised
from tests.host_rig import on_hosts, split_sheets

NATIONS = ("AAA", "BBB", "CCC", "DDD", "EEE")


class Both:
    """The same rounds on both backends."""

    def __init__(self, seed: int, **sizes: int) -> None:
        self.rng = random.Random(seed)
        self.sizes = sizes
        self.history = History()
        self.figures: dict[str, Figures] = {}
        self.terms: dict[str, RoundTerms] = {}

    def run(self, terms: RoundTerms, figures: Figures) -> SafeTable:
        present = tuple(sorted(figures))
        absent = tuple(sorted(set(terms.nations) - set(present)))
        closed = Closed(digest(terms.round_id.encode()), present, absent)
        kept = [r for r, f in self.figures.items() if tuple(sorted(f)) == present]
        old = {r: ClearSheets(self.terms[r].frame, self.figures[r]) for r in kept}
        written: list[OpeningRecord] = []
        plain = PlainBackend(
            terms,
            ClearSheets(terms.frame, figures),
            old,
            run_id="",
            netlist_digest=netlist_digest(terms, len(present)),
        )
        clear = self._open(plain, terms, closed, kept, written)
        shares = split_sheets(self.rng, terms.frame, figures)
        olds = {r: split_sheets(self.rng, self.terms[r].frame, self.figures[r]) for r in kept}
        hosts = on_hosts(
            terms,
            shares,
            olds,
            lambda backend, rank: self._open(backend, terms, closed, kept, written),
            **self.sizes,
        )
        for host in hosts:
            assert isinstance(host, SafeTable), host
            assert replace(host.table, run_id="") == clear.table
        assert len({r.list_of_cells for r in written}) == 1
        self.history = self.history.with_record(clear.record)
        self.figures[terms.round_id] = figures
        self.terms[terms.round_id] = terms
        return clear

    def _open(
        self,
        backend: PlainBackend | ReplicatedBackend,
        terms: RoundTerms,
        closed: Closed,
        kept: list[str],
        written: list[OpeningRecord],
    ) -> SafeTable:
        return open_table(
            backend,
            terms=terms,
            closed=closed,
            history=self.history,
            kept=kept,
            persist=written.append,
        )


def test_backends_agree_over_editions_with_bands_and_families() -> None:
    both = Both(7)
    frame = make_frame(
        ["I0", "I1", "I2"],
        [2027, 2028, 2029],
        windows=[[2027, 2028], [2029]],
        families={"F0": ("I0", "I1", "I2")},
        width_bits=7,
    )
    rule = Rule(p_percent=10, count_bands=(3, 5))
    figures = random_figures(both.rng, frame, NATIONS)
    figures = {n: [min(x, 100) for x in row] for n, row in figures.items()}
    first = both.run(make_terms(frame, NATIONS, rule=rule, collection="hosts"), figures)
    figures = {n: [x + both.rng.choice((0, 5, 9)) for x in row] for n, row in figures.items()}
    second = make_terms(frame, NATIONS, round_id="R2", rule=rule, collection="hosts")
    later = both.run(second, figures)
    states = {str(b.state) for b in later.table.blocks}
    assert first.table.blocks and {"reopened"} <= states


@pytest.mark.parametrize("seed", range(3))
def test_backends_agree_on_random_rounds(seed: int) -> None:
    both = Both(seed, batch_leaves=5, kept_bytes=0 if seed else 1 << 20)
    items = ["I0", "I1"][: 1 + seed % 2]
    frame = make_frame(items, [2027, 2028, 2029], tiers=("T1", "T2")[: 1 + seed // 2], width_bits=8)
    rule = (
        Rule(p_percent=5, dominance_n=2, dominance_k_percent=85),
        Rule(min_contributors=4, count_bands=(4, 5)),
        Rule(p_percent=15, dominance_n=1, dominance_k_percent=60),
    )[seed]
    nations = NATIONS[: 4 + seed % 2]
    figures: Figures = {
        n: [both.rng.choice((0, 1, 3, 20, 21, 40)) for _ in frame.cells] for n in nations
    }
    terms = make_terms(frame, nations, rule=rule, collection="hosts", mode="semi-honest")
    both.run(terms, figures)
    changed = {n: [min(x, 255) for x in row] for n, row in revised(both.rng, figures, 0.9).items()}
    both.run(replace(terms, round_id="R2"), changed)
