"""Where the cells of a DocBook table stand: columns by name, spans over columns and rows.

May touch: values. Every cell stands in its own column; the rest of a span is empty cells.
"""

from collections.abc import Callable, Iterator
from typing import Any

from delian.standards.dropped import DropList

PARTS = ("thead", "tbody", "tfoot")
_NO_PLACE = "has no place in a portion"


def rows_of(group: Any, drops: DropList, cell: Callable[[Any], str]) -> Iterator[tuple[str, ...]]:
    """The rows of one ``tgroup``, head first and foot last; *cell* reads the words of a cell."""
    places = {
        spec.get("colname", ""): _whole(spec.get("colnum"), number)
        for number, spec in enumerate(group.iterchildren("colspec"), 1)
    }
    for part in group.iterchildren("*"):
        if part.tag not in ("colspec", *PARTS):
            drops.add(f"tgroup/{part.tag}", _NO_PLACE)
    for name in PARTS:
        hanging: dict[int, int] = {}
        for row in group.iterfind(f"{name}/row"):
            line = _Line(hanging)
            for child in row:
                if child.tag == "entry":
                    line.put(child, places, cell)
                else:
                    path = child.tag if isinstance(child.tag, str) else f"?{child.target}"
                    drops.add(f"row/{path}", _NO_PLACE)
            yield line.ended()


class _Line:
    """One row; *hanging* holds how many rows a cell above still reaches down, by column."""

    def __init__(self, hanging: dict[int, int]) -> None:
        self._hanging = hanging
        self._cells: list[str] = []

    def put(self, entry: Any, places: dict[str, int], cell: Callable[[Any], str]) -> None:
        """The next cell, in the column that it names or in the next free one."""
        start = places.get(entry.get("namest") or entry.get("colname") or "", 0) - 1
        while len(self._cells) < start or (start < 0 and self._is_taken()):
            self._empty()
        wide = max(1, places.get(entry.get("nameend", ""), 0) - len(self._cells))
        down = _whole(entry.get("morerows"), 0)
        self._hanging.update((len(self._cells) + i, down) for i in range(wide))
        self._cells += [cell(entry), *[""] * (wide - 1)]

    def ended(self) -> tuple[str, ...]:
        """All cells, those that hang down at the end of the row included."""
        while self._is_taken():
            self._empty()
        return tuple(self._cells)

    def _is_taken(self) -> bool:
        return self._hanging.get(len(self._cells), 0) > 0

    def _empty(self) -> None:
        if self._is_taken():
            self._hanging[len(self._cells)] -= 1
        self._cells.append("")


def _whole(said: str | None, otherwise: int) -> int:
    return int(said) if said and said.isascii() and said.isdigit() and len(said) < 4 else otherwise
