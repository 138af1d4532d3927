"""The array work of the check: a port with a portable and a fast implementation, bit for bit equal.

Sizes: a log has ``columns = n_layers * chunks`` columns of 64 rows by 8 words of 64 lanes.
The weight of a term slot (layer, row s, chunk c, word j, lane l) is
``eq(tau, s) * A[block_of_layer[layer] * chunks + c, j] * X^l``: all layers of a block share it.
"""

from typing import Final, Protocol

import numpy as np

from delian.shares import field
from delian.shares.program import Ints, Words

ROW_VARIABLES: Final = 6
CUBE_POINTS: Final = 3**ROW_VARIABLES
LANE_ROOTS: Final = field.powers_one(field.square_root_one(field.X), 64)
"""The square roots of X^lane: two folded operands carry one each, their product carries X^lane."""


class Kernels(Protocol):
    """What a check needs done to whole arrays; no function keeps a reference to its arguments."""

    def multiply(self, a: Words, b: Words) -> Words:
        """Products in GF(2^64), element by element, broadcast as numpy does."""
        ...

    def cube(
        self,
        operands: tuple[Words, Words, Words, Words],
        weights: Words,
        block_of_layer: Ints,
        n_blocks: int,
    ) -> Words:
        """G(t) = sum of A X^lane (xa(t) yb(t) + ya(t) xb(t)) for t in {0, 1, infinity}^6.

        Args:
            operands: ``xa, ya, xb, yb`` of the log, each ``[columns, 512]``.
            weights: A, ``[n_blocks * chunks, 8]``.
            block_of_layer: The block of every layer, ascending.
            n_blocks: Number of blocks.

        Returns:
            729 elements; the digits of the index to base 3 are t, top row bit first, infinity = 2.
        """
        ...

    def weigh_gates(
        self, words: Words, slot_of_gate: Ints, weights: Words, row_sums: Words
    ) -> None:
        """XORs into ``row_sums[64]`` the sum of A * word over the gates of each row.

        Args:
            words: ``[gates, n_words]``.
            slot_of_gate: Gate slot (block * 64 + row) of each of these gates.
            weights: A, ``[n_blocks * chunks, 8]``.
            row_sums: 64 elements, changed in place.
        """
        ...

    def weigh_products(
        self, x: Words, y: Words, weights: Words, block_of_layer: Ints, row_sums: Words
    ) -> None:
        """XORs into ``row_sums[64]`` the sum of A * (x & y) over the term slots of each row."""
        ...

    def fold_rows(
        self,
        operands: tuple[Words, Words, Words, Words],
        row_weights: Words,
        scales: Words,
        block_of_layer: Ints,
    ) -> None:
        """Replaces every column of every operand by one element per lane, in place.

        Element (column, lane * 8 + j) becomes ``scales[block column, j] * sqrt(X^lane) *``
        the sum of ``row_weights[s]`` over the rows s whose bit is set in this lane of word j.
        """
        ...

    def product_sums(
        self, pairs: tuple[tuple[Words, Words], tuple[Words, Words]], n: int, half: int
    ) -> Words:
        """g(1) and g(infinity) of the sum over both pairs (u, v) of <u, v>.

        Args:
            pairs: Vectors of which the first ``n`` elements count; the rest is zero.
            n: More than ``half`` and at most ``2 * half``; a multiple of eight if half is.
            half: A power of two; the element ``i + half`` is the partner of element ``i``.
        """
        ...

    def fold(self, values: Words, n: int, half: int, r: int) -> None:
        """``values[i] ^= r * (values[i] ^ values[i + half])`` for i < half, in place.

        Elements from ``n`` on count as zero; ``half < n <= 2 * half``.
        """
        ...


def first_layers(block_of_layer: Ints, n_blocks: int) -> list[int]:
    """Where the layers of each block start, and at the end their number."""
    return [int(k) for k in np.searchsorted(block_of_layer, np.arange(n_blocks + 1))]
