"""The log of one block: both shares of every operand, and what the next host sent.

The executor writes it while it evaluates, the check reads and overwrites it.
Element (layer * nc + c, row * 8 + j) belongs to term slot layer * 64 + row and to word c * 8 + j
of the cells. Slots without a term hold zero, as the check requires.
"""

from dataclasses import dataclass, field
from typing import Final, NoReturn, cast

import numpy as np

from delian.shares.program import Ints, Program, Words

ROWS: Final = 64
LANES: Final = 8
COLUMN: Final = ROWS * LANES
_ALIGNMENT: Final = 64


@dataclass(frozen=True, slots=True, eq=False)
class GateLog:
    """Operands (x_i, y_i) as ``xa, ya``, (x_{i+1}, y_{i+1}) as ``xb, yb``, and z_{i+1} as ``z``.

    All arrays start at a multiple of 64 bytes; their shapes never change.
    """

    xa: Words = field(repr=False)
    ya: Words = field(repr=False)
    xb: Words = field(repr=False)
    yb: Words = field(repr=False)
    z: Words = field(repr=False)
    unused_slots: Ints = field(repr=False)

    @classmethod
    def allocate(cls, program: Program, n_words: int) -> "GateLog":
        """An empty log for ``n_words`` words of 64 cells.

        Args:
            program: The circuit that will be evaluated.
            n_words: A multiple of eight.
        """
        if n_words <= 0 or n_words % LANES:
            raise ValueError("a checked block holds a multiple of eight words")
        columns = program.n_layers * (n_words // LANES)
        used = np.zeros(program.n_layers * ROWS, dtype=np.bool_)
        used[program.slot_of_term] = True
        return cls(
            xa=aligned_zeros(columns, COLUMN),
            ya=aligned_zeros(columns, COLUMN),
            xb=aligned_zeros(columns, COLUMN),
            yb=aligned_zeros(columns, COLUMN),
            z=aligned_zeros(program.n_gates, n_words),
            unused_slots=np.flatnonzero(~used).astype(np.int32),
        )

    @property
    def n_words(self) -> int:
        """Words of 64 cells."""
        return int(self.z.shape[1])

    def reset(self) -> None:
        """Zeroes the unused slots; the executor overwrites all others in the next block."""
        layer, row = self.unused_slots // ROWS, self.unused_slots % ROWS
        chunks = self.n_words // LANES
        for operand in (self.xa, self.ya, self.xb, self.yb):
            operand.reshape(-1, chunks, ROWS, LANES)[layer, :, row] = 0

    def __reduce__(self) -> NoReturn:
        raise TypeError("a gate log is never pickled")


def aligned_zeros(*shape: int) -> Words:
    """Zeros at an address that is a multiple of 64 bytes, the width of one vector."""
    n_bytes = 8 * int(np.prod(shape, dtype=np.int64))
    raw = np.zeros(n_bytes + _ALIGNMENT, dtype=np.uint8)
    start = -raw.ctypes.data % _ALIGNMENT
    return cast(Words, raw[start : start + n_bytes].view(np.uint64).reshape(shape))
