"""Whole numbers as bit planes: plane b holds bit b of every cell, 64 cells to a word.

Cell c stands in word c // 64 at bit c % 64. Cells beyond the last one are zero.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

from delian.shares.program import Words

CELLS_PER_WORD: Final = 64
_CELLS_AT_A_TIME: Final = 1 << 16

Numbers = npt.NDArray[np.uint64]


def words_for(n_cells: int) -> int:
    """Words that hold ``n_cells`` cells."""
    return -(-n_cells // CELLS_PER_WORD)


def to_planes(numbers: Numbers, width: int) -> Words:
    """Bit planes of rows of numbers.

    Args:
        numbers: ``[rows, cells]``, every number below 2^width.
        width: Planes per row, at most 64.

    Returns:
        ``[rows * width, words]``, row after row, least significant plane first.

    Raises:
        ValueError: A number needs more than ``width`` bits.
    """
    rows, cells = numbers.shape
    if width < CELLS_PER_WORD and cells and int(numbers.max(initial=0)) >> width:
        raise ValueError("a number does not fit its width")
    planes = np.zeros((rows, width, words_for(cells)), dtype=np.uint64)
    for row in range(rows):
        for start in range(0, cells, _CELLS_AT_A_TIME):
            part = np.ascontiguousarray(numbers[row, start : start + _CELLS_AT_A_TIME])
            bits = np.unpackbits(
                part.astype("<u8").view(np.uint8).reshape(-1, 8), axis=1, bitorder="little"
            )[:, :width]
            padded = np.zeros((width, words_for(len(part)) * CELLS_PER_WORD), dtype=np.uint8)
            padded[:, : len(part)] = bits.T
            packed = np.packbits(padded, axis=1, bitorder="little").view("<u8")
            first = start // CELLS_PER_WORD
            planes[row, :, first : first + packed.shape[1]] = packed
    return planes.reshape(rows * width, -1)


def to_numbers(planes: Words, n_cells: int) -> Numbers:
    """The numbers of one row of planes, the inverse of ``to_planes`` for a single row."""
    numbers = np.zeros(planes.shape[1] * CELLS_PER_WORD, dtype=np.uint64)
    for position, plane in enumerate(planes):
        numbers |= to_flags(plane, len(numbers)).astype(np.uint64) << np.uint64(position)
    return numbers[:n_cells]


def to_flags(plane: Words, n_cells: int) -> npt.NDArray[np.bool_]:
    """One plane as truth values."""
    raw = np.ascontiguousarray(plane).astype("<u8").view(np.uint8)
    return np.unpackbits(raw, bitorder="little", count=n_cells).view(np.bool_)


def from_flags(flags: npt.NDArray[np.bool_]) -> Words:
    """Truth values as one plane."""
    padded = np.zeros(words_for(len(flags)) * CELLS_PER_WORD, dtype=np.uint8)
    padded[: len(flags)] = flags
    return np.packbits(padded, bitorder="little").view("<u8").astype(np.uint64)
