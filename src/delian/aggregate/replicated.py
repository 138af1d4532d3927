"""The run on three hosts: every figure, pass bit and verdict stays shared until it is chosen.

For each batch of trees: leaves from the sheets, the rule on them, then level by level the
children added up and the rule on the sums. Then the plan over all trees. Only chosen bits are
opened, and of chosen blocks the totals.
"""

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from delian.aggregate.backend import Change, OpeningOrder, SharedChanges, SharedTable, Spot
from delian.aggregate.batches import batches
from delian.aggregate.changes import Changes
from delian.aggregate.errors import OpeningOrderError, RunInputError
from delian.aggregate.forest_run import ForestRun
from delian.aggregate.held import HeldSheets, Shared
from delian.aggregate.netlist import round_circuits
from delian.shares.program import Program
from delian.shares.session import Run
from delian.shares.words import to_flags
from delian.terms.encode import Digest
from delian.terms.encode import digest as digest_of_bytes
from delian.terms.round_terms import RoundTerms
from delian.terms.tree import Forest

BATCH_LEAVES: Final = 1 << 16
KEPT_BYTES: Final = 64 << 20


class ReplicatedBackend:
    """A run on three hosts; see :class:`delian.aggregate.backend.Backend`.

    Args:
        run: A session with keys agreed for these terms, this netlist and this closing list.
        terms: Of the round.
        now: The sheets of this round, of the nations present.
        earlier: Sheets of earlier rounds that changes are compared with, by round id.
        batch_leaves: Leaves of the trees that are in memory together.
        kept_bytes: Sums kept from the first stage for the bands; the rest is computed again.

    Guarantees:
        Opens what ``PlainBackend`` opens (``tests/unit/aggregate/test_aggregate_backends.py``).

    Leaks:
        To a host: sizes, which nations are present, and what is opened; nothing about figures.
    """

    def __init__(
        self,
        run: Run,
        terms: RoundTerms,
        now: HeldSheets,
        earlier: Mapping[str, HeldSheets],
        *,
        batch_leaves: int = BATCH_LEAVES,
        kept_bytes: int = KEPT_BYTES,
    ) -> None:
        if len(now.nations) < terms.least_present:
            raise RunInputError("fewer nations are present than the terms demand")
        self._run = run
        self._circuits = round_circuits(terms, len(now.nations))
        if now.width_bits != self._circuits.widths[0]:
            raise RunInputError("the sheets do not have the width of the frame")
        self._now = now
        self._earlier = dict(earlier)
        self._batch_leaves = batch_leaves
        self._kept_bytes = kept_bytes
        self._order = OpeningOrder()
        self._tables: dict[int, ForestRun] = {}
        self._changes: dict[int, Changes] = {}
        self._number = 0
        self._transcripts: list[bytes] = []

    @property
    def transcript(self) -> Digest:
        """Digest over the transcripts of all stages so far: what a host signs beside its table.

        It differs from host to host; each part of it was compared with the peer that shares it.
        """
        return digest_of_bytes(b"".join(self._transcripts))

    @property
    def run_id(self) -> str:
        """See :class:`Backend`."""
        return self._run.run_id.hex()

    @property
    def netlist_digest(self) -> Digest:
        """See :class:`Backend`."""
        return self._circuits.digest

    def judge(self, changes: Sequence[Change]) -> SharedChanges:
        """See :class:`Backend`."""
        if self._circuits.change is None:
            raise OpeningOrderError("the terms allow no second opening")
        handle = SharedChanges(tuple(changes), self._next())
        self._changes[handle.number] = Changes(
            changes,
            self._circuits.change,
            self._evaluate,
            self._now,
            self._earlier,
            f"changes {handle.number}",
        )
        return handle

    def open_verdicts(self, judged: SharedChanges) -> tuple[bool, ...]:
        """See :class:`Backend`."""
        shared = self._changes[judged.number].verdicts()
        bits = self._open_flags(shared, len(judged.changes), f"verdicts {judged.number}")
        self._order.verdicts_opened(judged, bits)
        return bits

    def evaluate(self, forest: Forest) -> SharedTable:
        """See :class:`Backend`."""
        handle = SharedTable(forest, self._next())
        table = ForestRun(
            forest, self._circuits, self._evaluate, self._now, f"forest {handle.number}"
        )
        for batch in batches(forest, self._batch_leaves):
            self._kept_bytes -= table.climb(batch, keep_at_most=self._kept_bytes)
        table.plan()
        self._tables[handle.number] = table
        return handle

    def open_chosen(self, table: SharedTable) -> tuple[tuple[bool, ...], ...]:
        """See :class:`Backend`."""
        shared = self._tables[table.number].chosen()
        nodes = [len(level) for level in table.forest.levels]
        flags = self._open_flags(shared, sum(nodes), f"chosen {table.number}")
        rows = []
        for count in nodes:
            rows.append(flags[:count])
            flags = flags[count:]
        self._order.chosen_opened(table, rows)
        return tuple(rows)

    def agree(self, label: str, digest: Digest) -> None:
        """See :class:`Backend`."""
        self._run.compare(label, bytes.fromhex(digest.removeprefix("sha256:")))
        if label == "cells":
            self._order.list_agreed = True

    def open_totals(self, table: SharedTable, spots: Sequence[Spot]) -> tuple[int, ...]:
        """See :class:`Backend`."""
        self._order.check_spots(table, spots, "totals")
        shared = self._tables[table.number].totals(spots)
        return self._open_numbers(shared, len(spots), f"totals {table.number}")

    def open_new_totals(self, judged: SharedChanges, places: Sequence[int]) -> tuple[int, ...]:
        """See :class:`Backend`."""
        self._order.check_places(judged, places, "totals")
        shared = self._changes[judged.number].totals(places)
        return self._open_numbers(shared, len(places), f"new totals {judged.number}")

    def open_bands(
        self,
        table: SharedTable,
        spots: Sequence[Spot],
        judged: SharedChanges | None,
        places: Sequence[int],
    ) -> tuple[int, ...]:
        """See :class:`Backend`."""
        self._order.check_spots(table, spots, "bands")
        found: tuple[int, ...] = ()
        if spots:
            shared = self._tables[table.number].bands(spots, self._batch_leaves)
            found = self._open_numbers(shared, len(spots), f"bands {table.number}")
        if judged is not None and places:
            self._order.check_places(judged, places, "bands")
            shared = self._band(self._changes[judged.number].figures(places), judged.number)
            found += self._open_numbers(shared, len(places), f"new bands {judged.number}")
        return found

    def close(self) -> None:
        """See :class:`Backend`."""
        self._run.erase()
        self._tables.clear()
        self._changes.clear()
        self._earlier.clear()

    def _band(self, figures: Shared, number: int) -> Shared:
        if self._circuits.band is None:
            raise OpeningOrderError("the terms publish no bands")
        wide = figures.widened(self._circuits.nations, self._circuits.band_width)
        return self._evaluate(self._circuits.band, wide, f"new bands {number}")["index"]

    def _evaluate(self, program: Program, inputs: Shared, block: str) -> dict[str, Shared]:
        own, nxt = self._run.evaluate(program, inputs.own, inputs.nxt, block)
        outputs = Shared(own, nxt)
        return {
            group.name: outputs.rows(slice(group.start, group.stop))
            for group in program.output_groups
        }

    def _open_flags(self, shared: Shared, count: int, stage: str) -> tuple[bool, ...]:
        if not count:
            return ()
        self._transcripts.append(self._run.accept())
        opened = self._run.open(shared.own, shared.nxt, stage)
        return tuple(to_flags(opened[0], count).tolist())

    def _open_numbers(self, shared: Shared, count: int, stage: str) -> tuple[int, ...]:
        """Open whole numbers of any width; lanes beyond *count* hold shares of zero."""
        if not count:
            return ()
        self._transcripts.append(self._run.accept())
        opened = self._run.open(shared.own, shared.nxt, stage)
        kind = np.int64 if len(opened) < 63 else object
        numbers = np.zeros(count, dtype=kind)
        for position, plane in enumerate(opened):
            numbers += to_flags(plane, count).astype(kind) << position
        return tuple(int(x) for x in numbers)

    def _next(self) -> int:
        self._number += 1
        return self._number
