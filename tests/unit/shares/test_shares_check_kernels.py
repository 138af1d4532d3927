"""Portable and compiled kernels: equal to the bit, and equal to the definition on small cases."""

from itertools import product

import numpy as np
import pytest

from delian.shares.gatelog import GateLog, aligned_zeros
from delian.shares.kernels import LANE_ROOTS
from delian.shares.kernels_numba import NumbaKernels, is_supported
from delian.shares.kernels_numpy import NumpyKernels
from tests.check_rig import random_program

FAST, SLOW = NumbaKernels(), NumpyKernels()
LAYOUTS = [([0], 1, 1), ([0, 0, 1], 2, 3), ([0, 1, 1, 1, 2], 3, 2)]


def slow_product(a, b):
    """Schoolbook: shift, add, subtract the modulus."""
    total = 0
    for bit in range(64):
        total ^= (a << bit) * (b >> bit & 1)
    for bit in range(127, 63, -1):
        if total >> bit & 1:
            total ^= ((1 << 64) | 0b11011) << (bit - 64)
    return total


def words(rng, *shape):
    array = aligned_zeros(*shape)
    array[...] = rng.integers(0, 1 << 64, shape, dtype=np.uint64)
    return array


def layout(name):
    blocks, n_blocks, chunks = name
    return np.array(blocks, dtype=np.int32), n_blocks, chunks


@pytest.mark.parametrize("name", LAYOUTS)
def test_both_kernels_give_the_same_bits(name):
    blocks, n_blocks, chunks = layout(name)
    rng = np.random.default_rng(len(blocks))
    operands = tuple(words(rng, len(blocks) * chunks, 512) for _ in range(4))
    weights, rows = words(rng, n_blocks * chunks, 8), words(rng, 64)
    assert (
        FAST.cube(operands, weights, blocks, n_blocks)
        == SLOW.cube(operands, weights, blocks, n_blocks)
    ).all()
    sums = np.zeros((2, 64), dtype=np.uint64)
    gates = n_blocks * 64 - 7
    slots = rng.permutation(gates).astype(np.int32)
    z = words(rng, gates, chunks * 8)
    for kernels, total in ((FAST, sums[0]), (SLOW, sums[1])):
        kernels.weigh_gates(z, slots, weights, total)
        kernels.weigh_products(operands[0], operands[1], weights, blocks, total)
    assert (sums[0] == sums[1]).all()
    copies = tuple(operand.copy() for operand in operands)
    FAST.fold_rows(operands, rows, weights, blocks)
    SLOW.fold_rows(copies, rows, weights, blocks)
    for one, other in zip(operands, copies, strict=True):
        assert (one == other).all()


@pytest.mark.parametrize(
    ("n", "half"), [(1536, 1024), (1024, 512), (16, 8), (8, 4), (4, 2), (2, 1)]
)
def test_steps_of_the_sum_check_are_equal(n, half):
    rng = np.random.default_rng(n)
    vectors = [words(rng, n) for _ in range(4)]
    pairs = ((vectors[0], vectors[3]), (vectors[1], vectors[2]))
    fast, slow = (kernels.product_sums(pairs, n, half) for kernels in (FAST, SLOW))
    assert (fast == slow).all()
    copy, r = vectors[0].copy(), int(rng.integers(1 << 63)) * 2 + 1
    FAST.fold(vectors[0], n, half, r)
    SLOW.fold(copy, n, half, r)
    assert (vectors[0][:half] == copy[:half]).all()


@pytest.mark.parametrize("kernels", [FAST, SLOW], ids=["fast", "portable"])
def test_products_by_the_schoolbook(kernels):
    rng = np.random.default_rng(3)
    a, b = words(rng, 21), words(rng, 21)
    a[:3], b[1:4] = (0, 1, ~np.uint64(0)), (1, ~np.uint64(0), ~np.uint64(0))
    expected = [slow_product(int(x), int(y)) for x, y in zip(a, b, strict=True)]
    assert kernels.multiply(a, b).tolist() == expected


@pytest.mark.parametrize("kernels", [FAST, SLOW], ids=["fast", "portable"])
def test_the_cube_by_its_definition(kernels):
    """Rows set sparsely, so that the sum can be written out from the formula."""
    rng = np.random.default_rng(9)
    operands = tuple(aligned_zeros(1, 512) for _ in range(4))
    weight = words(rng, 1, 8)
    xa, _, _, yb = operands
    xa[0, 5 * 8 + 2], yb[0, 5 * 8 + 2] = 1 << 9, 1 << 9
    yb[0, 4 * 8 + 2] = 1 << 9
    cube = kernels.cube(operands, weight, np.zeros(1, dtype=np.int32), 1)
    row = [0, 0, 0, 1, 0, 1]
    for index, point in enumerate(product((0, 1, 2), repeat=6)):
        x_there = all(p in (2, bit) for p, bit in zip(point, row, strict=True))
        y_there = sum(
            all(p in (2, bit) for p, bit in zip(point, other, strict=True))
            for other in (row, [0, 0, 0, 1, 0, 0])
        )
        expected = slow_product(int(weight[0, 2]), 1 << 9) if x_there and y_there % 2 else 0
        assert cube[index] == expected


def test_lane_roots_square_to_the_lanes():
    assert [slow_product(int(root), int(root)) for root in LANE_ROOTS] == [
        1 << lane for lane in range(64)
    ]


def test_this_machine_can_run_the_fast_kernels():
    assert is_supported()


def test_reset_clears_only_unused_slots():
    program = random_program(np.random.default_rng(4), gates_by_round=(70,), max_terms=2)
    log = GateLog.allocate(program, 16)
    for operand in (log.xa, log.ya, log.xb, log.yb):
        operand.fill(7)
    log.reset()
    used = set(program.slot_of_term.tolist())
    grid = log.xb.reshape(program.n_layers, 2, 64, 8)
    for slot in range(program.n_layers * 64):
        expected = 7 if slot in used else 0
        assert (grid[slot >> 6, :, slot & 63] == expected).all()


@pytest.mark.parametrize("n_words", [0, 4, 12])
def test_a_log_holds_whole_vectors(n_words):
    program = random_program(np.random.default_rng(4))
    with pytest.raises(ValueError, match="eight"):
        GateLog.allocate(program, n_words)
