"""The only place that decides what is opened.

Order: verdict bits, then chosen bits, then the list of cells (compared by the hosts and written
down), then totals, then bands. Never the total of anything that was not chosen.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from delian.aggregate.backend import Backend, SharedChanges, SharedTable, Spot
from delian.protect.errors import HistoryError, RecordError
from delian.protect.history import Frozen, History, Prepared, prepare
from delian.protect.record import OpeningRecord, codes_of
from delian.terms.encode import Digest
from delian.terms.errors import RefusedError
from delian.terms.frame import CellKey
from delian.terms.round_terms import RoundTerms, Rule
from delian.terms.table import Block, State, Table
from delian.terms.tree import Forest, Node, merge_forest

Persist = Callable[[OpeningRecord], None]


@dataclass(frozen=True, slots=True)
class Closed:
    """What the countersigned closing list says, as far as opening depends on it.

    Args:
        list_digest: Of the list that is run.
        present: Nations with a sheet.
        absent: Nations without.
    """

    list_digest: Digest
    present: tuple[str, ...]
    absent: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SafeTable:
    """A table that was opened by the rules, with the record that proves it to later rounds."""

    table: Table
    record: OpeningRecord


@dataclass(frozen=True, slots=True)
class _Chosen:
    """What is opened: chosen nodes of one evaluated forest, and changes that passed."""

    shared: SharedTable
    spots: tuple[Spot, ...]
    judged: SharedChanges | None
    places: tuple[int, ...]

    @property
    def nodes(self) -> tuple[Node, ...]:
        return tuple(self.shared.forest.levels[s.level][s.place] for s in self.spots)


def open_table(
    backend: Backend,
    *,
    terms: RoundTerms,
    closed: Closed,
    history: History,
    kept: Sequence[str],
    persist: Persist,
) -> SafeTable:
    """Open what the terms, the plan and the history allow, and nothing else.

    Args:
        backend: Holds the sheets of the nations present, and the old ones of *kept*.
        terms: Agreed by every nation.
        closed: From the countersigned closing list.
        history: Everything this host knows of earlier rounds (and of earlier runs of this one).
        kept: Rounds whose sheets the backend holds of every nation present.
        persist: Writes the record durably; called once, before the first total is opened.

    Guarantees:
        Totals come out for chosen blocks and passed reopenings only, after *persist* returned
        (``tests/unit/protect/test_protect_opened.py``).

    Leaks:
        To the hosts: verdict bits, chosen bits, totals and bands of the blocks. To readers: the
        table. Nothing about pass bits of nodes that were not chosen.

    Raises:
        RefusedError: the terms or the history forbid the run; nothing was opened.
        TamperedError: the hosts disagree; at most the bits above were opened.
    """
    _check(terms, closed)
    before = history.before(terms.round_id, closed.list_digest)
    prepared = prepare(before, terms, closed.present, kept)
    chosen, reopened, forest = _choose(backend, terms, prepared)
    record = _record(terms, closed, forest, chosen, reopened)
    history.with_record(record)  # refuses a repeated run that would open other cells
    backend.agree("cells", record.list_of_cells)
    persist(record)
    blocks = _open_blocks(backend, terms, chosen, reopened)
    table = _table(backend, terms, closed, [*blocks, *_carry(prepared, reopened)])
    return SafeTable(table, record.completed(table))


def _check(terms: RoundTerms, closed: Closed) -> None:
    if {*closed.present} | {*closed.absent} != set(terms.nations) or {*closed.present} & {
        *closed.absent
    }:
        raise RefusedError("the closing list does not name every nation of the terms once")
    if len(closed.present) < terms.least_present:
        raise RefusedError("fewer nations are present than the terms demand")


def _choose(
    backend: Backend, terms: RoundTerms, prepared: Prepared
) -> tuple[_Chosen, tuple[Frozen, ...], Forest]:
    """Verdict bits, then the forest they leave, then its chosen bits."""
    judged: SharedChanges | None = None
    passed: tuple[bool, ...] = ()
    if prepared.changes:
        judged = backend.judge(prepared.changes)
        passed = backend.open_verdicts(judged)
    first = len(prepared.reopen)
    places = tuple(i for i in range(first) if passed[i])
    index = terms.frame.index
    retested = [
        index[change.cells[0]]
        for change, good in zip(prepared.retest, passed[first:], strict=True)
        if good
    ]
    leaves = [*prepared.fresh, *retested]
    every = len(leaves) == len(terms.frame.cells)
    forest = terms.forest if every else merge_forest(terms.frame, leaves)
    shared = backend.evaluate(forest)
    bits = backend.open_chosen(shared)
    spots = [Spot(level, i) for level, row in enumerate(bits) for i, bit in enumerate(row) if bit]
    spots.sort(key=lambda s: _cells(terms, forest.levels[s.level][s.place]))
    chosen = _Chosen(shared, tuple(spots), judged, places)
    leaves = [leaf for node in chosen.nodes for leaf in node.leaves]
    if len(set(leaves)) != len(leaves):
        raise RecordError("the hosts opened a plan whose blocks overlap")
    return chosen, tuple(prepared.reopen[i] for i in places), forest


def _record(
    terms: RoundTerms,
    closed: Closed,
    forest: Forest,
    chosen: _Chosen,
    reopened: tuple[Frozen, ...],
) -> OpeningRecord:
    tested = [terms.frame.cells[node.leaves[0]] for node in forest.levels[0]]
    return OpeningRecord(
        round_id=terms.round_id,
        terms_digest=terms.digest,
        list_digest=closed.list_digest,
        rule=terms.rule,
        present=tuple(sorted(closed.present)),
        codes=codes_of(terms.frame),
        tested=tuple(sorted(tested)),
        new=tuple(_cells(terms, node) for node in chosen.nodes),
        reopened=tuple(f.cells for f in reopened),
    )


def _open_blocks(
    backend: Backend, terms: RoundTerms, chosen: _Chosen, reopened: tuple[Frozen, ...]
) -> list[Block]:
    """Totals, then bands where the terms have them."""
    totals = list(backend.open_totals(chosen.shared, chosen.spots))
    if chosen.judged is not None:
        totals += backend.open_new_totals(chosen.judged, chosen.places)
    bands = [0] * len(totals)
    if terms.rule.count_bands and totals:
        opened = backend.open_bands(chosen.shared, chosen.spots, chosen.judged, chosen.places)
        bands = list(opened)
    cells = [_cells(terms, node) for node in chosen.nodes] + [f.cells for f in reopened]
    states = [State.NEW] * len(chosen.spots) + [State.REOPENED] * len(reopened)
    return [
        Block(which, total, *band_edges(terms.rule, band), state, terms.round_id)
        for which, total, band, state in zip(cells, totals, bands, states, strict=True)
    ]


def band_edges(rule: Rule, band: int) -> tuple[int, int | None]:
    """The least and the greatest number of contributors that a band index stands for.

    Raises:
        HistoryError: the index names no band of the rule.
    """
    edges = rule.count_bands or (rule.min_contributors,)
    if not 0 <= band < len(edges):
        raise HistoryError("a band index names no band of the terms")
    return edges[band], edges[band + 1] - 1 if band + 1 < len(edges) else None


def _carry(prepared: Prepared, reopened: tuple[Frozen, ...]) -> list[Block]:
    """Unchanged and refused are one state: the old total, the old band."""
    kept = [f for f in (*prepared.carried, *prepared.reopen) if f not in reopened]
    return [
        Block(b.cells, b.total, b.at_least, b.at_most, State.CARRIED, b.opened_in)
        for b in (f.block for f in kept)
        if b is not None
    ]


def _table(backend: Backend, terms: RoundTerms, closed: Closed, blocks: list[Block]) -> Table:
    shown = {c for block in blocks for c in block.cells}
    return Table(
        round_id=terms.round_id,
        terms_digest=terms.digest,
        list_digest=closed.list_digest,
        run_id=backend.run_id,
        netlist_digest=backend.netlist_digest,
        present=tuple(sorted(closed.present)),
        absent=tuple(sorted(closed.absent)),
        blocks=tuple(sorted(blocks, key=lambda b: b.cells[0])),
        withheld=tuple(sorted(c for c in terms.frame.cells if c not in shown)),
    )


def _cells(terms: RoundTerms, node: Node) -> tuple[CellKey, ...]:
    return tuple(sorted(terms.frame.cells[leaf] for leaf in node.leaves))
