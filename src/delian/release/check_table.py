"""What a table must be against its terms: a plan of their tree, and the source of every file.

May touch: values. Used by every nation's agent before it signs, and by a deep verification.
"""

from collections.abc import Mapping, Sequence

from delian.release.errors import AgentCheckError
from delian.release.package import Edition, render
from delian.release.statement import Statement
from delian.terms.encode import sha256_hex
from delian.terms.frame import CellKey
from delian.terms.round_terms import RoundTerms
from delian.terms.table import Block, State, Table, check_derivation


def check_plan(
    table: Table, terms: RoundTerms, *, original: Table | None = None, opened: Sequence[Block] = ()
) -> None:
    """Return if every block may stand in a table of these terms.

    A new block is a node of the terms' tree without the cells that earlier blocks hold or that
    stay withheld; in a first table it is the whole node. A carried or reopened block is one of
    *opened*. An amended table is a derivation of *original*, which is checked instead.

    Args:
        table: What the hosts signed.
        terms: The round's terms.
        original: The table that an amended one derives from, its three signatures checked by
            the caller; None where the caller does not hold it.
        opened: Blocks of earlier tables that the caller trusts; () if it holds none.

    Raises:
        AgentCheckError: a block is outside the tree, or the table does not cover the frame.
        TableError: an amended table is no derivation of *original*.
    """
    covered = [c for b in table.blocks for c in b.cells] + list(table.withheld)
    if sorted(covered) != sorted(terms.frame.cells):
        raise AgentCheckError("the table does not cover exactly the cells of the terms")
    if any(len({(c.tier, c.cls) for c in block.cells}) > 1 for block in table.blocks):
        raise AgentCheckError("a block adds up several tiers or classes")
    if table.derives_from is not None:
        if original is not None:
            check_derivation(original, table)
            check_plan(original, terms, opened=opened)
        return
    known = {block.cells for block in opened}
    gone: set[CellKey] = set()
    for block in table.blocks:
        if block.state is not State.NEW:
            gone |= set(block.cells)
            if known and block.cells not in known:
                raise AgentCheckError("a carried block was never opened before")
    _check_new(table, terms, gone | set(table.withheld) if gone else set())


def _check_new(table: Table, terms: RoundTerms, may_lack: set[CellKey]) -> None:
    """Each new block is a node of the tree, without cells of *may_lack*."""
    cells = terms.frame.cells
    nodes = [[cells[leaf] for leaf in node.leaves] for node in terms.forest.nodes]
    over: dict[CellKey, list[int]] = {}
    for place, leaves in enumerate(nodes):
        for cell in leaves:
            over.setdefault(cell, []).append(place)
    for block in table.blocks:
        if block.state is not State.NEW:
            continue
        inside = set(block.cells)
        if not any(
            inside <= set(nodes[n]) and set(nodes[n]) - inside <= may_lack
            for n in over[block.cells[0]]
        ):
            raise AgentCheckError("a block stands outside the merge tree of the terms")


def check_rendering(
    files: Mapping[str, bytes] | None,
    statement: Statement,
    table: Table,
    terms: RoundTerms,
    edition: Edition,
) -> None:
    """Return if rendering *table* again gives exactly the files that are to be agreed to.

    Args:
        files: The files in hand, or None to compare with the statement's digests alone.
        statement: Names every file by digest.
        table: What the hosts signed.
        terms: The round's terms.
        edition: Number, marking and predecessor.

    Args:
        files: As received; None where only their digests in *statement* were sent.
        statement: Names every file by digest.
        table: What three hosts signed.
        terms: The round's terms.
        edition: Number, marking and predecessor.

    Raises:
        AgentCheckError: names the first file that differs.
    """
    made = render(table, terms, edition)
    if set(made) != set(statement.files):
        raise AgentCheckError("the statement names other files than a release has")
    for name, data in made.items():
        other = files is not None and files.get(name) != data
        if sha256_hex(data) != statement.files[name] or other:
            raise AgentCheckError(
                f"{name} does not say what the table says",
                hint="the other side may run another version of Delian",
            )
