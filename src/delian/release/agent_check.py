"""What a nation's own machine checks before its agent signs a release.

May touch: values. ``docs/round.md``, Approve. The circuits and the nation's own ledger are
beyond this room: the node computes the netlist digest and compares openings, and hands in what
it found. Every check runs; the results carry reasons that are safe for any party.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import NoReturn

from delian.approve.agent import Check
from delian.crypto.dsse import Envelope, Resolve, document_type, verify
from delian.release.check_table import check_plan, check_rendering
from delian.release.errors import AgentCheckError
from delian.release.package import Edition
from delian.release.statement import Statement
from delian.terms.encode import Digest, is_digest, parse
from delian.terms.errors import DelianError
from delian.terms.frame import CellKey
from delian.terms.round_terms import RoundTerms
from delian.terms.table import Block, Table

OPENED_TYPE = document_type("opened")


@dataclass(frozen=True, slots=True)
class Margin:
    """One block that holds figures of a nation; shown to that nation alone.

    Args:
        cells: The block.
        total: Its total.
        own: The sum of the nation's own figures in it.
    """

    cells: tuple[CellKey, ...]
    total: int
    own: int = field(repr=False)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a nation's own figures cannot be pickled")

    def is_at_least(self, p_percent: int) -> bool:
        """Is (T - x) / x at least p? A block without own figures always passes."""
        return self.total >= self.own and 100 * (self.total - self.own) >= p_percent * self.own

    @property
    def percent(self) -> int | None:
        """(T - x) / x in whole percent, rounded down; None where the own figure is zero."""
        return None if self.own == 0 else (self.total - self.own) * 100 // self.own


@dataclass(frozen=True, slots=True)
class Review:
    """What an officer sees of her own figures; it never leaves her machine.

    Args:
        shown: Every block that holds one of her figures above zero.
        withheld: Her figures in cells that stay withheld.
    """

    shown: tuple[Margin, ...]
    withheld: Mapping[CellKey, int] = field(repr=False)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a nation's own figures cannot be pickled")

    @property
    def worst_percent(self) -> int | None:
        """The smallest margin, or None if she has no figure in any block."""
        return min((m.percent for m in self.shown if m.percent is not None), default=None)


def review(table: Table, own: Mapping[CellKey, int]) -> Review:
    """Which of a nation's figures sit in which block, with what margin, computed locally.

    Args:
        table: The table that is to be released.
        own: The nation's own sheet, cell by cell.

    Leaks:
        The nation's own figures, to the nation's own officer. Nothing of it may travel.
    """
    margins = (Margin(b.cells, b.total, sum(own.get(c, 0) for c in b.cells)) for b in table.blocks)
    held = {cell: own[cell] for cell in table.withheld if own.get(cell, 0) > 0}
    return Review(tuple(m for m in margins if m.own > 0), held)


@dataclass(frozen=True)
class Evidence:
    """Everything an agent looks at before it signs one release.

    Args:
        statement: What it is asked to sign.
        files: The package, or None where only its digests were sent.
        hosts: The table with the hosts' signatures.
        terms: The terms that this nation consented to.
        marking: Marking text of the terms' label, made by this nation's own policy file.
        silence_ends_utc: End of silence of the proposal, as this nation heard it.
        resolve: The pinned roster.
        own: This nation's own figures, or None if it was absent.
        original: The table that an amended one derives from, its signatures checked.
        opened: Blocks that earlier tables opened, by this nation's own memory.
        netlist: Digest of the circuits, recomputed from the terms by the node.
        previous: Digest of the statement of the edition before, or None.
        list_digest: Digest of the closing list that holds this nation's manifest.
        openings: Why a cell is opened too often by the own ledger, or "".
        checkpoint: Why the checkpoint does not continue the last one seen, or "".
    """

    statement: Statement
    files: Mapping[str, bytes] | None
    hosts: Envelope
    terms: RoundTerms
    marking: str
    silence_ends_utc: datetime
    resolve: Resolve
    own: Mapping[CellKey, int] | None = field(repr=False)
    netlist: Digest
    list_digest: Digest
    previous: Digest | None = None
    original: Table | None = None
    opened: Sequence[Block] = ()
    openings: str = ""
    checkpoint: str = ""

    @cached_property
    def table(self) -> Table:
        """The table, its three host signatures checked once."""
        return host_table(self.hosts, self.terms, self.resolve)


def check_release(evidence: Evidence) -> tuple[Check, ...]:
    """Every check of ``approve.agent.CHECKS["release"]``, all of them run.

    Guarantees:
        A check that cannot be made counts as failed
        (``tests/unit/release/test_release_agent_check.py``).
    """
    made: list[Check] = []
    for name, step in _STEPS.items():
        try:
            step(evidence)
        except DelianError as error:
            made.append(Check(name, passed=False, reason=error.message))
        else:
            made.append(Check(name, passed=True))
    return tuple(made)


def host_table(hosts: Envelope, terms: RoundTerms, resolve: Resolve) -> Table:
    """The table in *hosts*, if all three hosts of *terms* signed it with keys of their own.

    Raises:
        TamperedError: a signature is missing or does not hold.
        AgentCheckError: one key for two hosts, or not the table's one spelling.
    """
    raws: set[bytes] = set()
    for code in terms.hosts:
        public = resolve(f"{code}/host-sign")
        if public is None:
            raise AgentCheckError(f"the roster knows no key of host {code}")
        verify(hosts, f"{code}/host-sign", public, OPENED_TYPE)
        raws.add(public.raw)
    if len(raws) != len(terms.hosts):
        raise AgentCheckError("two hosts sign with one key")
    table = Table.from_plain(parse(hosts.payload))
    if table.bytes != hosts.payload:
        raise AgentCheckError("the table is not in its one spelling")
    return table


def _table(e: Evidence) -> Table:
    return e.table


def _host_signatures(e: Evidence) -> None:
    if _table(e).digest != e.statement.table_digest or e.statement.hosts != e.terms.hosts:
        raise AgentCheckError("the statement names another table or other hosts")


def _terms(e: Evidence) -> None:
    table, statement = _table(e), e.statement
    named = {table.terms_digest, statement.terms_digest, e.terms.digest}
    if len(named) != 1 or {table.round_id, statement.round_id} != {e.terms.round_id}:
        raise AgentCheckError("the release belongs to other terms than were agreed to")
    if statement.nations != tuple(sorted(e.terms.nations)):
        raise AgentCheckError("the statement asks other nations than the terms")
    pinned = (e.terms.roster_version, e.terms.roster_digest)
    if (statement.roster_version, statement.roster_digest) != pinned:
        raise AgentCheckError("the statement names another roster than the terms")
    if statement.retain_until_utc != e.terms.calendar.retain_until:
        raise AgentCheckError("the statement keeps envelopes for another time than the terms")


def _own_manifest(e: Evidence) -> None:
    if _table(e).list_digest != e.list_digest:
        raise AgentCheckError("the table was made from another closing list")


def _released(e: Evidence) -> None:
    edition = Edition(e.statement.edition, e.marking, e.previous)
    check_rendering(e.files, e.statement, _table(e), e.terms, edition)


def _plan(e: Evidence) -> None:
    table = _table(e)
    if table.derives_from is not None and e.original is None:
        raise AgentCheckError("the table that the amended one derives from is not here")
    check_plan(table, e.terms, original=e.original, opened=e.opened)


def _circuit(e: Evidence) -> None:
    if not is_digest(e.netlist) or _table(e).netlist_digest != e.netlist:
        raise AgentCheckError("the hosts ran other circuits than the terms ask for")


def _openings(e: Evidence) -> None:
    if e.openings:
        raise AgentCheckError(e.openings)


def _label(e: Evidence) -> None:
    statement = e.statement
    if dict(statement.label) != e.terms.label or statement.marking != e.marking:
        raise AgentCheckError("the label or its marking is not the one of the terms")
    if statement.audience != e.terms.audience:
        raise AgentCheckError("the audience is not the one of the terms")


def _own_margin(e: Evidence) -> None:
    if e.own is None:
        return
    if any(not m.is_at_least(e.terms.rule.p_percent) for m in review(_table(e), e.own).shown):
        raise AgentCheckError("a total would show this nation's own figure too closely")


def _expiry(e: Evidence) -> None:
    if e.statement.silence_ends_utc != e.silence_ends_utc or e.statement.previous != e.previous:
        raise AgentCheckError("the statement names another end of silence or another predecessor")


def _checkpoint(e: Evidence) -> None:
    if e.checkpoint:
        raise AgentCheckError(e.checkpoint)


_STEPS: Mapping[str, Callable[[Evidence], None]] = {
    "host-signatures": _host_signatures,
    "terms": _terms,
    "own-manifest": _own_manifest,
    "released-equals-opened": _released,
    "plan": _plan,
    "circuit": _circuit,
    "openings": _openings,
    "label": _label,
    "own-margin": _own_margin,
    "expiry": _expiry,
    "checkpoint": _checkpoint,
}
