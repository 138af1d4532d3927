"""A nation's own memory of what was ever opened, and the check that no block is opened too often.

It trusts only tables that three hosts signed. May touch: the tables and nothing else; the hosts
keep their own history (``protect.history``), this one is independent of it.
"""

from collections.abc import Iterable, Sequence

from delian.terms.frame import CellKey
from delian.terms.round_terms import RoundTerms
from delian.terms.table import Block, State, Table


def check_openings(table: Table, earlier: Sequence[Table], terms: RoundTerms) -> str:
    """Why *table* opens more than the terms allow, or "" if it does not.

    Args:
        table: As the hosts opened it, not amended.
        earlier: All opened tables of earlier rounds, oldest first.
        terms: Of this round.

    Guarantees:
        A new block shares no cell with any block ever opened; a reopened one is exactly an
        earlier block and within ``max_openings``; a carried one repeats total and band of the
        newest opening.
    """
    history = _openings(earlier)
    used = {cell for cells in history for cell in cells}
    for block in table.blocks:
        past = history.get(block.cells)
        if block.state is State.NEW:
            if used & set(block.cells):
                return "a new block holds a cell that was opened before"
        elif past is None:
            return "a block is called carried or reopened but was never opened"
        elif block.state is State.REOPENED and len(past) + 1 > terms.max_openings:
            return "a block is opened more often than the terms allow"
        elif block.state is State.CARRIED and _shown(block) != _shown(past[-1]):
            return "a carried block differs from its last opening"
    return ""


def _openings(tables: Iterable[Table]) -> dict[tuple[CellKey, ...], list[Block]]:
    found: dict[tuple[CellKey, ...], list[Block]] = {}
    for table in tables:
        for block in table.blocks:
            if block.state is not State.CARRIED:
                found.setdefault(block.cells, []).append(block)
    return found


def _shown(block: Block) -> tuple[int, int, int | None, str]:
    return (block.total, block.at_least, block.at_most, block.opened_in)
