"""A third way of computing a round, independent of ours: Shamir shares of MPyC, three parties.

For tests only. Run as a script by ``tests/unit/aggregate/test_aggregate_mpyc.py``: reads a job,
opens the table with MPyC, and party 0 writes what was opened. Party 0 stands in for the nations.
"""

import json
import math
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mpyc.runtime import mpc

from delian.aggregate.backend import Change, OpeningOrder, SharedChanges, SharedTable, Spot
from delian.protect.history import History
from delian.protect.opened import Closed, open_table
from delian.protect.record import OpeningRecord
from delian.terms.encode import Digest, digest
from delian.terms.round_terms import RoundTerms
from delian.terms.tree import Forest

Secret = Any
Job = dict[str, Any]


class MpycBackend:
    """``delian.aggregate.backend.Backend`` on secure integers."""

    run_id = ""
    netlist_digest = digest(b"mpyc")

    def __init__(self, terms: RoundTerms, job: Job) -> None:
        kind = mpc.SecInt(40)
        self.terms = terms
        self.index = terms.frame.index
        self.now = [self._input(kind, row) for _, row in sorted(job["figures"].items())]
        self.old = [self._input(kind, row) for _, row in sorted(job["old"].items())]
        self.order = OpeningOrder()
        self.totals: dict[Any, Secret] = {}
        self.counts: dict[Any, Secret] = {}

    @staticmethod
    def _input(kind: Any, row: Sequence[int]) -> list[Secret]:
        return list(mpc.input([kind(x) for x in row], senders=0))

    def _passes(self, figures: Sequence[Secret]) -> Secret:
        rule, ordered = self.terms.rule, mpc.sorted(list(figures))
        rest = sum(figures) - ordered[-1] - ordered[-2] - rule.slack
        enough = self._count(figures) >= rule.min_contributors
        return (rest > 0) * (100 * rest >= rule.p_percent * ordered[-1]) * enough

    def _count(self, figures: Sequence[Secret]) -> Secret:
        return sum(x > 0 for x in figures)

    def _open(self, secrets: Sequence[Secret]) -> tuple[int, ...]:
        return tuple(int(x) for x in mpc.run(mpc.output(list(secrets))))

    def judge(self, changes: Sequence[Change]) -> SharedChanges:
        handle = SharedChanges(tuple(changes), 1)
        for place, change in enumerate(changes):
            cells = [self.index[c] for c in change.cells]
            new = [sum(row[i] for i in cells) for row in self.now]
            old = [sum(row[i] for i in cells) for row in self.old]
            bit = self._passes([abs(a - b) for a, b in zip(new, old, strict=True)])
            self.totals["bit", place] = bit * self._passes(new) if change.reopens else bit
            self.totals["new", place] = sum(new)
            self.counts["new", place] = self._count(new)
        return handle

    def open_verdicts(self, judged: SharedChanges) -> tuple[bool, ...]:
        bits = self._open([self.totals["bit", i] for i in range(len(judged.changes))])
        self.order.verdicts_opened(judged, [bool(b) for b in bits])
        return tuple(bool(b) for b in bits)

    def evaluate(self, forest: Forest) -> SharedTable:
        levels = [[[row[n.leaves[0]] for row in self.now] for n in forest.levels[0]]]
        for nodes in forest.levels[1:]:
            below = levels[-1]
            levels.append(
                [[sum(x) for x in zip(*(below[c] for c in n.children), strict=True)] for n in nodes]
            )
        bits = [[self._passes(figures) for figures in row] for row in levels]
        gap: list[list[Secret]] = [[1] * len(bits[0])]
        covered = bits[0]
        for level, nodes in enumerate(forest.levels[1:], 1):
            full = [math.prod((covered[c] for c in n.children), start=1) for n in nodes]
            gap.append([1 - f for f in full])
            covered = [1 - (1 - f) * (1 - b) for f, b in zip(full, bits[level], strict=True)]
        active: list[Secret] = [1] * len(forest.levels[-1])
        self.chosen: list[list[Secret]] = [[] for _ in levels]
        for level in range(len(levels) - 1, -1, -1):
            triples = zip(active, bits[level], gap[level], strict=True)
            self.chosen[level] = [a * b * g for a, b, g in triples]
            left = [a - c for a, c in zip(active, self.chosen[level], strict=True)]
            if level:
                active = [0] * len(levels[level - 1])
                for place, node in enumerate(forest.levels[level]):
                    for child in node.children:
                        active[child] = left[place]
        for level, row in enumerate(levels):
            for place, figures in enumerate(row):
                self.totals[Spot(level, place)] = sum(figures)
                self.counts[Spot(level, place)] = self._count(figures)
        return SharedTable(forest, 2)

    def open_chosen(self, table: SharedTable) -> tuple[tuple[bool, ...], ...]:
        rows = tuple(tuple(bool(b) for b in self._open(row)) if row else () for row in self.chosen)
        self.order.chosen_opened(table, rows)
        return rows

    def agree(self, label: str, digest: Digest) -> None:
        mine = mpc.run(mpc.transfer(digest))
        assert set(mine) == {digest}
        self.order.list_agreed = True

    def open_totals(self, table: SharedTable, spots: Sequence[Spot]) -> tuple[int, ...]:
        self.order.check_spots(table, spots, "totals")
        return self._open([self.totals[s] for s in spots]) if spots else ()

    def open_new_totals(self, judged: SharedChanges, places: Sequence[int]) -> tuple[int, ...]:
        self.order.check_places(judged, places, "totals")
        return self._open([self.totals["new", p] for p in places]) if places else ()

    def open_bands(
        self,
        table: SharedTable,
        spots: Sequence[Spot],
        judged: SharedChanges | None,
        places: Sequence[int],
    ) -> tuple[int, ...]:
        counts = [self.counts[s] for s in spots] + [self.counts["new", p] for p in places]
        edges = self.terms.rule.count_bands[1:]
        return self._open([sum((c >= e for e in edges), start=c * 0) for c in counts])

    def close(self) -> None:
        self.totals.clear()


def main() -> None:
    job: Job = json.loads(Path(sys.argv[1]).read_text())
    terms = RoundTerms.from_plain(job["terms"])
    mpc.run(mpc.start())
    assert len(mpc.parties) == 3
    nations = tuple(sorted(job["figures"]))
    history = History(tuple(OpeningRecord.from_plain(r) for r in job["records"]))
    safe = open_table(
        MpycBackend(terms, job),
        terms=terms,
        closed=Closed(digest(b"list"), nations, ()),
        history=history,
        kept=[r.round_id for r in history.records],
        persist=lambda _: None,
    )
    if mpc.pid == 0:
        Path(sys.argv[2]).write_text(json.dumps(safe.table.to_plain()))
    mpc.run(mpc.shutdown())


if __name__ == "__main__":
    main()
