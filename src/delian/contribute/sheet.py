"""A nation's sheet: one figure for every cell of the frame. The secret this product exists for.

May touch: terms and numpy. The figures leave this type only into ``contribute.split``, into the
nation's own margin check, and onto its owner's screen.
"""

from dataclasses import dataclass, field
from typing import NoReturn, SupportsIndex

import numpy as np
import numpy.typing as npt

from delian.terms.encode import Digest
from delian.terms.errors import InputError
from delian.terms.frame import CellKey
from delian.terms.round_terms import RoundTerms

Figures = npt.NDArray[np.int64]


class SheetShapeError(InputError):
    """The figures do not fit the frame of the terms."""

    code = "sheet-shape"


@dataclass(frozen=True, slots=True, eq=False)
class Sheet:
    """All figures of one nation for one round, in the order of ``terms.frame.cells``.

    Args:
        nation: Whose they are.
        round_id: The round they were stated for.
        terms_digest: The terms they were stated under.
        figures: One whole number per cell, 0 or more; read-only.

    Leaks:
        Nothing through ``repr``; it refuses pickling.
    """

    nation: str
    round_id: str
    terms_digest: Digest
    figures: Figures = field(repr=False)

    def __post_init__(self) -> None:
        self.figures.setflags(write=False)

    def __reduce_ex__(self, protocol: SupportsIndex) -> NoReturn:
        raise TypeError("a sheet is never pickled")

    def figure(self, terms: RoundTerms, cell: CellKey) -> int:
        """The nation's own figure for *cell*."""
        return int(self.figures[terms.frame.index[cell]])


def cap_of(terms: RoundTerms, cell: CellKey) -> int:
    """The largest figure that *cell* can hold."""
    return (1 << terms.frame.item(cell.item, cell.cls).width_bits) - 1


def make_sheet(terms: RoundTerms, nation: str, figures: npt.ArrayLike) -> Sheet:
    """A sheet from figures that another program holds, in the order of the frame's cells.

    Raises:
        SheetShapeError: another number of cells, not whole, negative, or too large for its item.
    """
    given = np.asarray(figures)
    if given.ndim != 1 or len(given) != len(terms.frame.cells):
        raise SheetShapeError("the sheet has another number of cells than the frame")
    if given.dtype.kind not in "iu":
        raise SheetShapeError("figures must be whole numbers")
    if given.dtype.kind == "u" and len(given) and int(given.max()) > np.iinfo(np.int64).max:
        raise SheetShapeError("a figure does not fit the width that the terms give its item")
    whole = given.astype(np.int64)
    width_of = {(i.code, i.cls): i.width_bits for i in terms.frame.items}
    widths = np.array([width_of[(c.item, c.cls)] for c in terms.frame.cells], dtype=np.int64)
    if (whole < 0).any() or (whole >> widths).any():
        raise SheetShapeError("a figure does not fit the width that the terms give its item")
    return Sheet(nation, terms.round_id, terms.digest, whole)
