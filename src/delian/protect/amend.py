"""What may become of an opened table after an objection: less, never more.

A new proposal may withhold opened blocks or add them up. It never opens another; another plan
means new terms. Hosts and agents check it with ``delian.terms.table.check_derivation``.
"""

from collections.abc import Iterable, Sequence

from delian.protect.errors import AmendmentError
from delian.terms.frame import CellKey, Frame
from delian.terms.table import Block, Table, add_up, check_derivation


def amend(
    table: Table,
    frame: Frame,
    *,
    withhold: Iterable[CellKey] = (),
    join: Iterable[Sequence[CellKey]] = (),
) -> Table:
    """A table derived from *table* by withholding blocks and adding blocks up.

    Args:
        table: As opened by the hosts; not itself an amendment.
        frame: Of its terms.
        withhold: For each block to be withheld any one of its cells.
        join: Groups of blocks to be added up, each block named by any one of its cells.

    Guarantees:
        ``check_derivation(table, result)`` holds (``tests/unit/protect/test_protect_amend.py``).

    Raises:
        AmendmentError: an unknown block, a block named twice, figures of different measure, tier
            or class, or nothing to amend.
    """
    if table.derives_from is not None:
        raise AmendmentError("amend the table that was opened, not an amendment of it")
    taken: set[tuple[CellKey, ...]] = set()
    hidden = [_take(table, cell, taken) for cell in withhold]
    groups = [tuple(_take(table, cell, taken) for cell in group) for group in join]
    if not hidden and not groups:
        raise AmendmentError("the amendment changes nothing")
    joined = [_join(group, frame) for group in groups]
    untouched = [b for b in table.blocks if b.cells not in taken]
    withheld = {*table.withheld, *(c for b in hidden for c in b.cells)}
    amended = Table(
        round_id=table.round_id,
        terms_digest=table.terms_digest,
        list_digest=table.list_digest,
        run_id=table.run_id,
        netlist_digest=table.netlist_digest,
        present=table.present,
        absent=table.absent,
        blocks=tuple(sorted([*untouched, *joined], key=lambda b: b.cells[0])),
        withheld=tuple(sorted(withheld)),
        derives_from=table.digest,
    )
    check_derivation(table, amended)
    return amended


def _take(table: Table, cell: CellKey, taken: set[tuple[CellKey, ...]]) -> Block:
    for block in table.blocks:
        if cell in block.cells:
            if block.cells in taken:
                raise AmendmentError("a block is named twice in the amendment", where=str(cell))
            taken.add(block.cells)
            return block
    raise AmendmentError("the amendment names a cell of no opened block", where=str(cell))


def _join(group: tuple[Block, ...], frame: Frame) -> Block:
    if len(group) < 2:
        raise AmendmentError("adding up needs two blocks or more")
    cells = [cell for block in group for cell in block.cells]
    if len({(c.tier, c.cls) for c in cells}) > 1:
        raise AmendmentError("tiers and interchangeability classes are never added up")
    if len({frame.item(c.item, c.cls).measure for c in cells}) > 1:
        raise AmendmentError("blocks of different measures cannot be added up")
    return add_up(tuple(sorted(group, key=lambda b: b.cells[0])))
