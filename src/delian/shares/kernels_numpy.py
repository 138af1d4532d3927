"""The array work of the check in plain numpy: the readable reference, and the path without numba.

It is about a hundred times slower than ``kernels_numba``.
"""

from typing import Final

import numpy as np

from delian.shares import field
from delian.shares.gatelog import LANES, ROWS
from delian.shares.kernels import CUBE_POINTS, LANE_ROOTS, ROW_VARIABLES, first_layers
from delian.shares.program import Ints, Words

_LANES: Final = np.arange(64, dtype=np.uint64)
_CHUNKS_AT_ONCE: Final = 8


class NumpyKernels:
    """Implements ``kernels.Kernels`` without compiled code; slow, and equal bit for bit."""

    def multiply(self, a: Words, b: Words) -> Words:
        """Products, element by element."""
        return field.multiply(a, b)

    def cube(
        self,
        operands: tuple[Words, Words, Words, Words],
        weights: Words,
        block_of_layer: Ints,
        n_blocks: int,
    ) -> Words:
        """G at the 729 points of {0, 1, infinity}^6."""
        chunks = len(weights) // n_blocks
        xa, ya, xb, yb = (part.reshape(-1, chunks, ROWS, LANES) for part in operands)
        starts = first_layers(block_of_layer, n_blocks)
        scale = weights.reshape(n_blocks, chunks, 1, LANES)
        total = np.zeros(CUBE_POINTS, dtype=np.uint64)
        for block in range(n_blocks):
            for chunk in range(0, chunks, _CHUNKS_AT_ONCE):
                some = slice(chunk, chunk + _CHUNKS_AT_ONCE)
                words = np.zeros(1, dtype=np.uint64)
                for layer in range(starts[block], starts[block + 1]):
                    words = words ^ (
                        (_extended(xa[layer, some]) & _extended(yb[layer, some]))
                        ^ (_extended(ya[layer, some]) & _extended(xb[layer, some]))
                    )
                products = field.multiply(words, scale[block, some])
                total ^= np.bitwise_xor.reduce(products, axis=(0, 2))
        return total

    def weigh_gates(
        self, words: Words, slot_of_gate: Ints, weights: Words, row_sums: Words
    ) -> None:
        """Adds the weighted words of gates to the sums of their rows."""
        per_block = weights.reshape(-1, words.shape[1])
        products = field.multiply(words, per_block[slot_of_gate // ROWS])
        np.bitwise_xor.at(row_sums, slot_of_gate % ROWS, np.bitwise_xor.reduce(products, axis=1))

    def weigh_products(
        self, x: Words, y: Words, weights: Words, block_of_layer: Ints, row_sums: Words
    ) -> None:
        """Adds the weighted products of term slots to the sums of their rows."""
        chunks = len(x) // len(block_of_layer)
        scale = weights.reshape(-1, chunks, 1, LANES)
        for layer, block in enumerate(block_of_layer):
            some = slice(layer * chunks, (layer + 1) * chunks)
            words = (x[some] & y[some]).reshape(chunks, ROWS, LANES)
            products = field.multiply(words, scale[block])
            row_sums ^= np.bitwise_xor.reduce(products, axis=(0, 2))

    def fold_rows(
        self,
        operands: tuple[Words, Words, Words, Words],
        row_weights: Words,
        scales: Words,
        block_of_layer: Ints,
    ) -> None:
        """Folds the 64 rows of every column to one element per lane, scaled."""
        chunks = len(operands[0]) // len(block_of_layer)
        by_block = scales.reshape(-1, chunks, 1, LANES)
        for layer, block in enumerate(block_of_layer):
            factors = field.multiply(by_block[block], LANE_ROOTS[None, :, None])
            for operand in operands:
                column = operand.reshape(-1, chunks, ROWS, LANES)[layer]
                folded = np.zeros((chunks, 64, LANES), dtype=np.uint64)
                for row in range(ROWS):
                    bits = (column[:, None, row] >> _LANES[None, :, None]) & np.uint64(1)
                    folded ^= bits * row_weights[row]
                column[...] = field.multiply(folded, factors)

    def product_sums(
        self, pairs: tuple[tuple[Words, Words], tuple[Words, Words]], n: int, half: int
    ) -> Words:
        """g(1) and g(infinity) of the inner product of both pairs."""
        sums = np.zeros(2, dtype=np.uint64)
        for u, v in pairs:
            u0, u1 = _halves(u, n, half)
            v0, v1 = _halves(v, n, half)
            sums[0] ^= np.bitwise_xor.reduce(field.multiply(u1, v1))
            sums[1] ^= np.bitwise_xor.reduce(field.multiply(u0 ^ u1, v0 ^ v1))
        return sums

    def fold(self, values: Words, n: int, half: int, r: int) -> None:
        """Binds the top variable of a vector to ``r``."""
        low, high = _halves(values, n, half)
        values[:half] = low ^ field.multiply(low ^ high, np.array([r], dtype=np.uint64))


def _halves(values: Words, n: int, half: int) -> tuple[Words, Words]:
    high = np.zeros(half, dtype=np.uint64)
    high[: n - half] = values[half:n]
    return values[:half], high


def _extended(rows: Words) -> Words:
    """Rows ``[chunks, 64, 8]`` on {0, 1}^6 to ``[chunks, 729, 8]`` on {0, 1, infinity}^6.

    A multilinear function's value at infinity is the sum of those at 0 and 1, so bits stay bits.
    """
    chunks = len(rows)
    grid = rows.reshape(chunks, *([2] * ROW_VARIABLES), LANES)
    for axis in range(1, ROW_VARIABLES + 1):
        at_infinity = np.bitwise_xor.reduce(grid, axis=axis, keepdims=True)
        grid = np.concatenate([grid, at_infinity], axis=axis)
    return grid.reshape(chunks, CUBE_POINTS, LANES)
