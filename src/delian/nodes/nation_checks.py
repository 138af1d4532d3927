"""What a nation's own machine finds before its agent signs; every result carries its reason.

May touch: the public rooms, the circuits' digest, and this nation's own figures, which stay in a
file that only its owner can read.
"""

import json
from collections.abc import Mapping, Sequence

from delian.adapters.files import read_bytes, write_bytes
from delian.aggregate.netlist import netlist_digest
from delian.approve.agent import Check
from delian.approve.proposal import Proposal
from delian.contribute.sheet import Sheet
from delian.label.bundled import bundled_policy
from delian.label.label import Label
from delian.label.phrase import marking_text
from delian.nodes.desk import Desk
from delian.nodes.openings import check_openings
from delian.nodes.release_view import ReleaseView
from delian.release.agent_check import Evidence, check_release
from delian.terms.encode import Digest
from delian.terms.errors import DelianError, NotYetError
from delian.terms.frame import CellKey
from delian.terms.party import Kind
from delian.terms.round_terms import RoundTerms
from delian.terms.table import Block, State, Table


def terms_checks(
    desk: Desk, view: ReleaseView, proposal: Proposal, views: Sequence[ReleaseView]
) -> tuple[Check, ...]:
    """The checks on terms (``approve.agent.CHECKS``)."""
    terms = view.known_terms()
    found = {
        "roster": _roster(desk, terms),
        "hosts": _hosts(desk, terms),
        "cell-keys": _cell_keys(terms, views),
        "label": _label(terms),
        "checkpoint": checkpoint_trouble(desk, proposal.checkpoint),
    }
    return tuple(Check(name, not reason, reason) for name, reason in found.items())


def release_checks(
    desk: Desk, view: ReleaseView, proposal: Proposal, views: Sequence[ReleaseView]
) -> tuple[Check, ...]:
    """The checks on a release (``approve.agent.CHECKS``).

    Raises:
        NotYetError: a paper that they need has not arrived.
    """
    terms = view.known_terms()
    statement = view.statements.get(proposal.subject)
    listed = view.closed()
    if statement is None or listed is None:
        raise NotYetError("the statement or the closing list has not arrived")
    hosts = desk.gathered(statement.table_digest)
    table = view.signed_table(statement.table_digest)
    if hosts is None or table is None:
        raise NotYetError("the table has not arrived with three host signatures")
    original = table if table.derives_from is None else view.signed_table(table.derives_from)
    earlier = _earlier_tables(view, views)
    evidence = Evidence(
        statement=statement,
        files=None,
        hosts=hosts,
        terms=terms,
        marking=marking_text(Label.from_plain(terms.label), bundled_policy()),
        silence_ends_utc=proposal.silence_ends_utc,
        resolve=view.membership.resolve,
        own=load_figures(desk, view.round_id),
        netlist=netlist_digest(terms, len(listed.present)),
        list_digest=listed.digest,
        previous=_previous(desk, terms.audience),
        original=original if table.derives_from is not None else None,
        opened=_opened_blocks(earlier),
        openings="" if original is None else check_openings(original, earlier, terms),
        checkpoint=checkpoint_trouble(desk, proposal.checkpoint),
    )
    return check_release(evidence)


def checkpoint_trouble(desk: Desk, checkpoint: str) -> str:
    """Why a checkpoint does not continue what this node has seen, or ""."""
    if desk.store.note(f"checkpoint/{checkpoint}") is None:
        return "no proof shows that this checkpoint continues the last one seen"
    return ""


def keep_figures(desk: Desk, terms: RoundTerms, sheet: Sheet) -> None:
    """Keep our own figures for the agent's margin check, readable by their owner only."""
    figures = {str(c): sheet.figure(terms, c) for c in terms.frame.cells}
    path = desk.home / "sheets" / f".{terms.round_id}.sent.json"
    write_bytes(path, json.dumps(figures).encode(), secret=True)


def drop_figures(desk: Desk, round_id: str) -> None:
    """Forget our own figures of a round: they no longer count in it."""
    (desk.home / "sheets" / f".{round_id}.sent.json").unlink(missing_ok=True)


def load_figures(desk: Desk, round_id: str) -> Mapping[CellKey, int] | None:
    """Our own figures of a round, or None if we sent no sheet."""
    path = desk.home / "sheets" / f".{round_id}.sent.json"
    if not path.exists():
        return None
    plain = json.loads(read_bytes(path))
    return {CellKey.parse(name): int(figure) for name, figure in plain.items()}


def remember_edition(desk: Desk, audience: str, statement: Digest) -> None:
    """A release with every signature has been seen: the next one must name it."""
    desk.store.remember(f"edition/{audience}", statement.encode())


def _previous(desk: Desk, audience: str) -> Digest | None:
    note = desk.store.note(f"edition/{audience}")
    return None if note is None else note.decode()


def _roster(desk: Desk, terms: RoundTerms) -> str:
    """New terms name the newest roster; an older one serves rounds that were agreed under it."""
    newest = desk.membership.roster.digest == terms.roster_digest
    return "" if newest else "the terms name a roster that has a successor"


def _hosts(desk: Desk, terms: RoundTerms) -> str:
    roster = desk.membership.roster
    try:
        parties = [roster.party(code) for code in terms.hosts]
    except DelianError as error:
        return error.message
    if any(p.kind is not Kind.HOST for p in parties):
        return "the terms name a host that the roster does not know as one"
    if len({p.organisation for p in parties}) < len(parties) and not terms.demonstration:
        return "two hosts belong to one organisation"
    return ""


def _cell_keys(terms: RoundTerms, views: Sequence[ReleaseView]) -> str:
    """Unit, price basis and width of a code that was ever opened never change."""
    for view in views:
        if view.terms is None or view.round_id == terms.round_id or view.opened_table() is None:
            continue
        known = {i.code: i.measure for i in view.terms.frame.items}
        for item in terms.frame.items:
            if known.get(item.code, item.measure) != item.measure:
                return f"{item.code} had another unit, price basis or width when it was opened"
    return ""


def _label(terms: RoundTerms) -> str:
    try:
        marking_text(Label.from_plain(terms.label), bundled_policy())
    except DelianError as error:
        return error.message
    return ""


def _earlier_tables(view: ReleaseView, views: Sequence[ReleaseView]) -> list[Table]:
    """Opened tables of other rounds in the order of their deadlines."""
    dated = [
        (v.known_terms().calendar.sheets_until, v.round_id, table)
        for v in views
        if v.round_id != view.round_id and (table := v.opened_table()) is not None
    ]
    mine = view.known_terms().calendar.sheets_until
    return [table for until, _, table in sorted(dated, key=lambda d: d[:2]) if until < mine]


def _opened_blocks(tables: Sequence[Table]) -> tuple[Block, ...]:
    return tuple(b for table in tables for b in table.blocks if b.state is not State.CARRIED)
