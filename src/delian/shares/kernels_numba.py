"""The array work of the check, compiled; equal to ``kernels_numpy`` bit for bit.

Needs an x86 CPU with PCLMULQDQ; ``is_supported`` tells.
Importing this module costs numba's import; only host processes do it.
"""
# mypy: disable-error-code="no-untyped-def, no-untyped-call, untyped-decorator"

from typing import Any, Final, cast

import numba
import numpy as np

from delian.shares import vectors_numba as vector
from delian.shares.gatelog import LANES, ROWS, aligned_zeros
from delian.shares.kernels import CUBE_POINTS, LANE_ROOTS, first_layers
from delian.shares.program import Ints, Words

U: Final = np.uint64
_JIT: Final[dict[str, Any]] = {"nogil": True, "cache": True, "boundscheck": False}
_ROOT_VECTORS: Final = np.repeat(LANE_ROOTS, LANES)


def is_supported() -> bool:
    """Whether this CPU can run these kernels."""
    return vector.has_carryless_product()


class NumbaKernels:
    """Implements ``kernels.Kernels`` with vector instructions; releases the interpreter lock.

    Safe to use from several threads at once.
    """

    def multiply(self, a: Words, b: Words) -> Words:
        """Products, element by element."""
        a, b = np.broadcast_arrays(a, b)
        out = np.empty(a.shape, dtype=np.uint64)
        _multiply(np.ascontiguousarray(a).ravel(), np.ascontiguousarray(b).ravel(), out.reshape(-1))
        return out

    def cube(
        self,
        operands: tuple[Words, Words, Words, Words],
        weights: Words,
        block_of_layer: Ints,
        n_blocks: int,
    ) -> Words:
        """G at the 729 points of {0, 1, infinity}^6."""
        starts = np.array(first_layers(block_of_layer, n_blocks), dtype=np.int64)
        totals = aligned_zeros(CUBE_POINTS, 2)
        _cube(*operands, weights, starts, totals)
        return cast(Words, _reduced(totals))

    def weigh_gates(
        self, words: Words, slot_of_gate: Ints, weights: Words, row_sums: Words
    ) -> None:
        """Adds the weighted words of gates to the sums of their rows."""
        totals = aligned_zeros(ROWS, 2)
        _weigh_gates(words, slot_of_gate, weights, totals)
        row_sums ^= _reduced(totals)

    def weigh_products(
        self, x: Words, y: Words, weights: Words, block_of_layer: Ints, row_sums: Words
    ) -> None:
        """Adds the weighted products of term slots to the sums of their rows."""
        totals = aligned_zeros(ROWS, 2)
        _weigh_products(x, y, weights, block_of_layer, totals)
        row_sums ^= _reduced(totals)

    def fold_rows(
        self,
        operands: tuple[Words, Words, Words, Words],
        row_weights: Words,
        scales: Words,
        block_of_layer: Ints,
    ) -> None:
        """Folds the 64 rows of every column to one element per lane, scaled."""
        n_blocks = int(block_of_layer[-1]) + 1
        starts = np.array(first_layers(block_of_layer, n_blocks), dtype=np.int64)
        offsets = _table_offsets(row_weights)
        _fold_rows(*operands, offsets, scales, _ROOT_VECTORS, starts)

    def product_sums(
        self, pairs: tuple[tuple[Words, Words], tuple[Words, Words]], n: int, half: int
    ) -> Words:
        """g(1) and g(infinity) of the inner product of both pairs."""
        totals = aligned_zeros(2, 2)
        for u, v in pairs:
            _product_sums(u, v, n, half, totals)
        return cast(Words, _reduced(totals))

    def fold(self, values: Words, n: int, half: int, r: int) -> None:
        """Binds the top variable of a vector to ``r``."""
        _fold(values, n, half, U(r))


def _table_offsets(row_weights: Words) -> Words:
    """For every bit of the result and every four rows, which subset of the rows contributes."""
    bits = (row_weights[:, None] >> np.arange(64, dtype=np.uint64)) & U(1)
    groups = bits.reshape(16, 4, 64) << np.arange(4, dtype=np.uint64)[None, :, None]
    return cast(Words, np.ascontiguousarray(groups.sum(axis=1, dtype=np.uint64).T * U(64)))


@numba.njit(**_JIT)
def _address(array):
    return U(array.ctypes.data)


@numba.njit(**_JIT)
def _reduced(totals):
    """Field elements of unreduced 128-bit sums."""
    out = np.empty(len(totals), dtype=np.uint64)
    for k in range(len(totals)):
        low, high = totals[k, 0], totals[k, 1]
        high ^= (high >> U(63)) ^ (high >> U(61)) ^ (high >> U(60))
        out[k] = low ^ high ^ (high << U(1)) ^ (high << U(3)) ^ (high << U(4))
    return out


@numba.njit(**_JIT)
def _multiply(a, b, out):
    whole = len(a) // 8 * 8
    pa, pb, po = _address(a), _address(b), _address(out)
    for k in range(0, whole, 8):
        vector.multiply(po + U(k * 8), pa + U(k * 8), pb + U(k * 8))
    if whole < len(a):
        rest = np.zeros((2, 8), dtype=np.uint64)
        for k in range(len(a) - whole):
            rest[0, k], rest[1, k] = a[whole + k], b[whole + k]
        place = _address(rest)
        vector.multiply(place, place, place + U(64))
        for k in range(len(a) - whole):
            out[whole + k] = rest[0, k]


@numba.njit(**_JIT)
def _cube(xa, ya, xb, yb, weights, starts, totals):
    """Two row variables after the other, so that everything stays in the first caches."""
    n_blocks = len(starts) - 1
    chunks = len(weights) // n_blocks
    scratch = np.empty((4 * (144 + 36) + 9 * 81, 8), dtype=np.uint64)
    top = _address(scratch)
    middle, words = top + U(4 * 144 * 64), top + U(4 * 180 * 64)
    totals_at, weights_at = _address(totals), _address(weights)
    sources = (_address(xa), _address(ya), _address(xb), _address(yb))
    for block in range(n_blocks):
        for chunk in range(chunks):
            for layer in range(starts[block], starts[block + 1]):
                column = U((layer * chunks + chunk) * 4096)
                for k in range(4):
                    for row in range(16):
                        place = top + U((k * 144 + row) * 64)
                        source = sources[k] + column + U(row * 64)
                        vector.extend_two(place, U(1024), source, U(1024))
                for high in range(9):
                    _cube_ninth(
                        top + U(high * 1024), middle, words + U(high * 5184), layer == starts[block]
                    )
            weight = weights_at + U((block * chunks + chunk) * 64)
            for k in range(81):
                vector.dot_nine(totals_at + U(k * 144), words + U(k * 576), weight)


@numba.njit(**_JIT)
def _cube_ninth(source, middle, words, first):
    """The 81 points that share their first two digits."""
    for k in range(4):
        for low in range(4):
            place = middle + U((k * 36 + low) * 64)
            vector.extend_two(place, U(256), source + U((k * 144 + low) * 64), U(256))
    for k in range(9):
        out, part = words + U(k * 576), middle + U(k * 256)
        if first:
            vector.cells(out, part, part + U(2304), part + U(4608), part + U(6912))
        else:
            vector.cells_more(out, part, part + U(2304), part + U(4608), part + U(6912))


@numba.njit(**_JIT)
def _weigh_gates(words, slots, weights, totals):
    chunks = words.shape[1] // 8
    words_at, weights_at, totals_at = _address(words), _address(weights), _address(totals)
    for gate in range(len(slots)):
        block, row = slots[gate] >> 6, slots[gate] & 63
        for chunk in range(chunks):
            word = words_at + U((gate * chunks + chunk) * 64)
            vector.dot(totals_at + U(row * 16), word, weights_at + U((block * chunks + chunk) * 64))


@numba.njit(**_JIT)
def _weigh_products(x, y, weights, block_of_layer, totals):
    chunks = len(x) // len(block_of_layer)
    x_at, y_at, weights_at, totals_at = (
        _address(x),
        _address(y),
        _address(weights),
        _address(totals),
    )
    for layer in range(len(block_of_layer)):
        for chunk in range(chunks):
            weight = weights_at + U((block_of_layer[layer] * chunks + chunk) * 64)
            for row in range(64):
                place = U((layer * chunks + chunk) * 4096 + row * 64)
                vector.dot_and(totals_at + U(row * 16), x_at + place, y_at + place, weight)


@numba.njit(**_JIT)
def _fold_rows(xa, ya, xb, yb, offsets, scales, roots, starts):
    """Sums of rows from tables of four rows, a bit transposition, the scale of each lane."""
    n_blocks = len(starts) - 1
    chunks = len(scales) // n_blocks
    scratch = np.empty((16 * 16 + 64, 8), dtype=np.uint64)
    tables = _address(scratch)
    factors = tables + U(256 * 64)
    scales_at, roots_at, offsets_at = _address(scales), _address(roots), _address(offsets)
    sources = (_address(xa), _address(ya), _address(xb), _address(yb))
    for block in range(n_blocks):
        for chunk in range(chunks):
            scale = scales_at + U((block * chunks + chunk) * 64)
            for lane in range(64):
                vector.multiply(factors + U(lane * 64), roots_at + U(lane * 64), scale)
            for layer in range(starts[block], starts[block + 1]):
                offset = U((layer * chunks + chunk) * 4096)
                for k in range(4):
                    _fold_column(sources[k] + offset, tables, offsets_at, factors)


@numba.njit(**_JIT)
def _fold_column(column, tables, offsets, factors):
    for group in range(16):
        vector.subset_sums(tables + U(group * 1024), column + U(group * 256))
    for bit in range(64):
        vector.gather(column + U(bit * 64), tables, offsets + U(bit * 128))
    for k in range(8):
        vector.transpose_far(column + U(k * 64))
    for k in range(8):
        vector.transpose_near(column + U(k * 512))
    for lane in range(64):
        place = column + U(lane * 64)
        vector.multiply(place, place, factors + U(lane * 64))


@numba.njit(**_JIT)
def _product_sums(u, v, n, half, totals):
    if half < 8:
        small = np.zeros((4, 8), dtype=np.uint64)
        for k in range(half):
            small[0, k], small[1, k] = u[k], v[k]
        for k in range(n - half):
            small[2, k], small[3, k] = u[half + k], v[half + k]
        base = _address(small)
        vector.dot_step(_address(totals), base, base + U(64), base + U(128), base + U(192))
        return
    u_at, v_at, far = _address(u), _address(v), U(half * 8)
    zeros = np.zeros(8, dtype=np.uint64)
    for k in range(0, n - half, 8):
        low = U(k * 8)
        vector.dot_step(
            _address(totals), u_at + low, v_at + low, u_at + low + far, v_at + low + far
        )
    for k in range(n - half, half, 8):
        low, none = U(k * 8), _address(zeros)
        vector.dot_step(_address(totals), u_at + low, v_at + low, none, none)


@numba.njit(**_JIT)
def _fold(values, n, half, r):
    small = np.zeros((3, 8), dtype=np.uint64)
    for k in range(8):
        small[2, k] = r
    factors = _address(small) + U(128)
    if half < 8:
        for k in range(half):
            small[0, k] = values[k]
        for k in range(n - half):
            small[1, k] = values[half + k]
        vector.fold(_address(small), _address(small) + U(64), factors)
        for k in range(half):
            values[k] = small[0, k]
        return
    place, far = _address(values), U(half * 8)
    for k in range(0, n - half, 8):
        vector.fold(place + U(k * 8), place + U(k * 8) + far, factors)
    for k in range(n - half, half, 8):
        vector.fold(place + U(k * 8), _address(small) + U(64), factors)
