"""What earlier rounds, over all frames, forbid and allow in this one.

By cell key: a block is frozen from its opening; a later edition reopens exactly it or carries it
forward. A cell once tested and withheld stays withheld unless its change passes the rule. Only
cells never in an opened block form new blocks, among themselves (``docs/security/history.md``).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from delian.aggregate.backend import Change
from delian.protect.errors import LockedKeyError, MeasureChangedError, RecordError, SecondListError
from delian.protect.overlap import Overlaps
from delian.protect.record import Cells, Code, OpeningRecord, codes_of
from delian.terms.encode import Digest
from delian.terms.frame import CellKey, Frame
from delian.terms.round_terms import RoundTerms, Rule
from delian.terms.table import Block


@dataclass(frozen=True, slots=True)
class Frozen:
    """One block that was opened, with all that its next edition depends on.

    Args:
        cells: Of the block, for good.
        openings: How often it was opened, aborted openings included.
        round_id: The round of its last opening.
        rule: Under which it was last opened.
        present: Nations present then.
        block: Its last known total; None where every opening of it was aborted.
    """

    cells: Cells
    openings: int
    round_id: str
    rule: Rule
    present: tuple[str, ...]
    block: Block | None


@dataclass(frozen=True, slots=True)
class Withheld:
    """One cell that was tested and not opened: in which round, under which rule, with whom."""

    round_id: str
    rule: Rule
    present: tuple[str, ...]


@dataclass(frozen=True)
class Prepared:
    """What a round may do, before the first figure moves.

    Args:
        reopen: Opened blocks whose change is to be judged, ordered by first cell.
        retest: Withheld cells whose change is to be judged, ascending.
        carried: Opened blocks that can only be carried forward, ordered by first cell.
        fresh: Cells never tested, ascending: indices into the frame's cells.
        withheld: Cells that stay withheld whatever the sheets say, ascending.
    """

    reopen: tuple[Frozen, ...]
    retest: tuple[Change, ...]
    carried: tuple[Frozen, ...]
    fresh: tuple[int, ...]
    withheld: Cells

    @property
    def changes(self) -> tuple[Change, ...]:
        """Everything that needs a verdict: the blocks of *reopen*, then *retest*."""
        return (*(Change(f.cells, f.round_id, reopens=True) for f in self.reopen), *self.retest)


@dataclass(frozen=True)
class History:
    """Everything that was ever opened or tested, as one host or nation knows it.

    Args:
        records: In the order of the rounds. A repeated run of one round stands once.
    """

    records: tuple[OpeningRecord, ...] = ()

    def with_record(self, record: OpeningRecord) -> "History":
        """The history with *record* added, or completed where the round is already there.

        Raises:
            RecordError: the round is there with another list of cells.
        """
        for place, known in enumerate(self.records):
            if known.round_id == record.round_id:
                if known.list_of_cells != record.list_of_cells:
                    raise RecordError("two records of one round open different cells")
                newest = record if known.table is None else known
                return History((*self.records[:place], newest, *self.records[place + 1 :]))
        return History((*self.records, record))

    def before(self, round_id: str, list_digest: Digest) -> "History":
        """What lay before this round: a repeated run must not see its own first attempt.

        Raises:
            SecondListError: the round was run on another closing list.
        """
        for place, record in enumerate(self.records):
            if record.round_id == round_id:
                if record.list_digest != list_digest:
                    raise SecondListError(
                        "this round was run on another closing list",
                        hint="a round is repeated with the same list or not at all",
                    )
                return History(self.records[:place])
        return self

    @cached_property
    def frozen(self) -> Mapping[CellKey, Frozen]:
        """Cell to the block it was opened in."""
        found: dict[CellKey, Frozen] = {}
        for record in self.records:
            opened = {b.cells: b for b in record.table.blocks} if record.table else {}
            for cells in (*record.new, *record.reopened):
                old = found.get(cells[0])
                block = opened.get(cells) or (old.block if old else None)
                openings = old.openings + 1 if old else 1
                state = Frozen(cells, openings, record.round_id, record.rule, record.present, block)
                found.update(dict.fromkeys(cells, state))
        return found

    @cached_property
    def withheld(self) -> Mapping[CellKey, Withheld]:
        """Cell to its last test, for cells that were tested and never opened."""
        found: dict[CellKey, Withheld] = {}
        for record in self.records:
            verdict = Withheld(record.round_id, record.rule, record.present)
            found.update(dict.fromkeys(record.tested, verdict))
        return {cell: verdict for cell, verdict in found.items() if cell not in self.frozen}

    @cached_property
    def codes(self) -> Mapping[str, Code]:
        """Every code of which a cell was ever tested, as first recorded, with all its classes."""
        found: dict[str, Code] = {}
        for record in self.records:
            for cell in record.tested:
                found.setdefault(cell.item, record.codes[cell.item])
        return found

    def envelopes_needed(self, max_openings: int) -> frozenset[str]:
        """Rounds whose sealed sheets a later reopening or retest may still need."""
        if max_openings < 2:
            return frozenset()
        blocks = {f.round_id for f in self.frozen.values() if f.openings < max_openings}
        return frozenset(blocks | {w.round_id for w in self.withheld.values()})

    def envelopes_to_erase(
        self, kept: Mapping[str, datetime], max_openings: int, now_utc: datetime
    ) -> frozenset[str]:
        """Rounds whose sealed sheets must go now.

        Args:
            kept: Round id to the ``retain_until`` of its terms, for the sheets still there.
            max_openings: Of the newest terms.
            now_utc: The time.
        """
        needed = self.envelopes_needed(max_openings)
        return frozenset(r for r, until in kept.items() if r not in needed or now_utc > until)


def check_terms(history: History, terms: RoundTerms) -> None:
    """Refuse terms that give a tested code another meaning.

    Raises:
        MeasureChangedError: unit, price basis or width of a tested code differ.
    """
    for name, code in codes_of(terms.frame).items():
        known = history.codes.get(name)
        if known is not None and known.measure != code.measure:
            raise MeasureChangedError(
                f"item '{name}' was tested in another unit, price basis or width",
                hint="keep the code's measure; conversion belongs into the report",
            )


def check_locks(terms: RoundTerms, running: Mapping[str, Frame]) -> None:
    """Refuse to close a round while another one holds one of its keys.

    Args:
        terms: Of the round that wants to close.
        running: Frames of the rounds closed and not ended, by round id.

    Raises:
        LockedKeyError: names the round that holds the key.
    """
    for round_id, frame in running.items():
        if round_id == terms.round_id:
            continue
        overlaps = Overlaps([codes_of(frame), codes_of(terms.frame)])
        shared = set(frame.cells) & set(terms.frame.cells)
        theirs = {item.code for item in frame.items}
        if shared or any(overlaps.of(item.code) & theirs for item in terms.frame.items):
            raise LockedKeyError(
                f"round '{round_id[:80]}' holds keys of this round and has not ended",
                hint="close this round when the other one has ended",
            )


def prepare(
    history: History, terms: RoundTerms, present: Iterable[str], kept: Iterable[str]
) -> Prepared:
    """Sort every block and cell of the frame by what this round may do with it.

    Args:
        history: Everything before this round.
        terms: Agreed by every nation.
        present: Nations with a sheet in the closing list.
        kept: Rounds of which every present nation's sheet is still there under its commitment.

    Guarantees:
        A cell of an opened block is never in another block. A block is judged for reopening only
        if it has an opening left, the same nations are present, the rule is the same and the old
        sheets are there; else it is carried. A withheld cell is judged only on the same conditions
        (``tests/property/test_protect_history.py``).

    Raises:
        MeasureChangedError: see :func:`check_terms`.
    """
    check_terms(history, terms)
    here, there = tuple(sorted(present)), frozenset(kept)
    index = terms.frame.index

    def same_ground(earlier: Frozen | Withheld) -> bool:
        return (
            terms.max_openings > 1
            and earlier.round_id in there
            and earlier.present == here
            and earlier.rule == terms.rule
        )

    stuck = _stuck_codes(history, terms.frame)
    blocks = {f.cells: f for f in history.frozen.values()}
    complete = [f for _, f in sorted(blocks.items()) if all(c in index for c in f.cells)]
    shown = {c for f in complete for c in f.cells}
    reopen = [f for f in complete if f.openings < terms.max_openings and same_ground(f)]
    retest: list[Change] = []
    fresh: list[int] = []
    withheld: list[CellKey] = []
    for place, cell in enumerate(terms.frame.cells):
        verdict = history.withheld.get(cell)
        if cell in shown:
            continue
        if cell in history.frozen or (cell.item, cell.cls) in stuck:
            withheld.append(cell)
        elif verdict is None:
            fresh.append(place)
        elif same_ground(verdict):
            retest.append(Change((cell,), verdict.round_id, reopens=False))
        else:
            withheld.append(cell)
    return Prepared(
        reopen=tuple(reopen),
        retest=tuple(sorted(retest, key=lambda change: change.cells)),
        carried=tuple(f for f in complete if f not in reopen),
        fresh=tuple(fresh),
        withheld=tuple(sorted(withheld)),
    )


def _stuck_codes(history: History, frame: Frame) -> frozenset[tuple[str, str]]:
    """Items that may form no new block: an overlapping code was tested or stands beside them."""
    mine = codes_of(frame)
    overlaps = Overlaps([*(record.codes for record in history.records), mine])
    stuck = set()
    for item in frame.items:
        others = overlaps.of(item.code)
        known = history.codes.get(item.code)
        if (
            not others.isdisjoint(history.codes)
            or (item.relation != "disjoint" and not others.isdisjoint(mine))
            or (known is not None and item.cls not in known.classes)
        ):
            stuck.add((item.code, item.cls))
    return frozenset(stuck)
