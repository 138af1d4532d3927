"""What one host computes from its own log: its proof, and the ends of the vectors it verifies.

One set of four vectors serves three roles. For the proof of P_i the vectors are
u = (x_i, y_i) and v = (y_{i+1}, x_{i+1}): the prover holds both, L = P_{i-1} holds u as its second
shares, R = P_{i+1} holds v as its first shares.
"""

from dataclasses import dataclass
from typing import NoReturn

import numpy as np

from delian.shares import field
from delian.shares.gatelog import GateLog
from delian.shares.interpolate import LAST_POINTS
from delian.shares.kernels import Kernels
from delian.shares.program import Program, Words


@dataclass(frozen=True, slots=True, repr=False)
class Line:
    """f(T) = f_0 + (f_0 + f_1) T + mask * T (T + 1): what is left of a vector, masked.

    The mask vanishes at 0 and 1, so it hides f elsewhere and cannot repair a false claim.
    """

    at_zero: int
    at_one: int
    mask: int

    def at(self, point: int) -> int:
        """f(point)."""
        slope = field.multiply_one(self.at_zero ^ self.at_one, point)
        curve = field.multiply_one(self.mask, field.multiply_one(point, point ^ 1))
        return self.at_zero ^ slope ^ curve

    def __reduce__(self) -> NoReturn:
        raise TypeError("a masked line is never pickled")


class Operands:
    """The operands of one log, folded step by step; overwrites the log.

    Leaks:
        Nothing by itself; every value that leaves goes through ``Proof.share`` or a ``Line``.
    """

    __slots__ = ("_count", "_kernels", "_log", "_program", "_size", "_vectors")

    def __init__(self, program: Program, log: GateLog, kernels: Kernels) -> None:
        self._program, self._log, self._kernels = program, log, kernels
        self._vectors = (log.xa, log.ya, log.xb, log.yb)
        self._count = log.xa.size
        self._size = 1 << (self._count - 1).bit_length()

    @property
    def n_steps(self) -> int:
        """Variables of the sum-check: the vectors are zero-padded to 2^n_steps."""
        return self._size.bit_length() - 1

    def cube(self, weights: Words) -> Words:
        """Step 1: G on {0, 1, infinity}^6, 729 elements."""
        program = self._program
        return self._kernels.cube(self._vectors, weights, program.block_of_layer, program.n_blocks)

    def fold_rows(self, row_weights: Words, scales: Words) -> None:
        """Step 3: one element per lane; from here on the log holds field elements."""
        self._kernels.fold_rows(self._vectors, row_weights, scales, self._program.block_of_layer)
        self._vectors = (
            self._log.xa.reshape(-1),
            self._log.ya.reshape(-1),
            self._log.xb.reshape(-1),
            self._log.yb.reshape(-1),
        )

    def step(self) -> Words:
        """Step 4: g(1) and g(infinity) of the top variable."""
        xa, ya, xb, yb = self._vectors
        return self._kernels.product_sums(((xa, yb), (ya, xb)), self._count, self._size // 2)

    def fold(self, r: int) -> None:
        """Step 4: binds the top variable to ``r``."""
        self._size //= 2
        for vector in self._vectors:
            self._kernels.fold(vector, self._count, self._size, r)
        self._count = self._size

    def ends(self) -> tuple[int, int, int, int]:
        """The last elements of ``xa, ya, xb, yb``, when all steps are done."""
        xa, ya, xb, yb = (int(vector[0]) for vector in self._vectors)
        return xa, ya, xb, yb


def last_polynomial(f: Line, h: Line) -> Words:
    """Step 5: g = f h, of degree four, at 1, X, X + 1 and infinity."""
    values = [field.multiply_one(f.at(point), h.at(point)) for point in LAST_POINTS]
    return np.array([*values, field.multiply_one(f.mask, h.mask)], dtype=np.uint64)
