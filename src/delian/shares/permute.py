"""Moving cells between lanes: local, free, the same at all three hosts.

A merged block's children are cells of a finer table; gathering puts child c of every parent into
the parent's lane. A missing child takes the zero share, which is a valid sharing of zero.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from delian.shares.program import Words
from delian.shares.words import CELLS_PER_WORD, words_for

MISSING: Final = -1
_LANES_AT_A_TIME: Final = 1 << 14

Cells = npt.NDArray[np.int64]


def gather(planes: Words, cells: Cells) -> Words:
    """Planes whose lane l holds cell ``cells[l]`` of the given ones, zero where it is ``MISSING``.

    Args:
        planes: One share, ``[planes, words]``.
        cells: For each new lane a cell of ``planes`` or ``MISSING``.

    Guarantees:
        Gathering each share and then opening equals opening and then gathering
        (``tests/property/test_shares_sharing_laws.py``).
    """
    out = np.zeros((len(planes), words_for(len(cells))), dtype=np.uint64)
    for start in range(0, len(cells), _LANES_AT_A_TIME):
        part = cells[start : start + _LANES_AT_A_TIME]
        there = part != MISSING
        source = np.where(there, part, 0)
        if len(part) and not 0 <= int(source.min()) <= int(source.max()) < _n_lanes(planes):
            raise IndexError("a cell lies outside the planes")
        word, shift = source // CELLS_PER_WORD, (source % CELLS_PER_WORD).astype(np.uint64)
        first = start // CELLS_PER_WORD
        for number, plane in enumerate(planes):
            bits = np.zeros(words_for(len(part)) * CELLS_PER_WORD, dtype=np.uint8)
            bits[: len(part)] = (plane[word] >> shift & np.uint64(1)).astype(np.uint8) & there
            packed = np.packbits(bits, bitorder="little").view("<u8")
            out[number, first : first + len(packed)] = packed
    return out


def gather_children(tables: Sequence[Words], children: Sequence[Cells]) -> Words:
    """The input planes of a merge: for each child position its table's planes, gathered.

    Args:
        tables: For each child position the share its cells stand in.
        children: For each child position and parent lane the child's cell or ``MISSING``.
    """
    return np.concatenate(
        [gather(table, cells) for table, cells in zip(tables, children, strict=True)]
    )


def mask_lanes(planes: Words, keep: Words) -> Words:
    """The planes with every lane zeroed whose public flag in ``keep`` is zero: each share alike."""
    return planes & keep[None, :]


def _n_lanes(planes: Words) -> int:
    return int(planes.shape[1]) * CELLS_PER_WORD
