"""The fast executor: compiled loops over the rows of a round; imported by host processes only.

A share's file of registers is contiguous, so that a register is an address; the words of a block
are a multiple of eight, so that a row is a whole number of vectors.
"""
# mypy: disable-error-code="call-arg, unreachable"

import numba
import numpy as np

from delian.shares.gatelog import LANES, GateLog
from delian.shares.program import Ints, Program, Words
from delian.shares.rows_numba import term, term_logged, xor2, xor3

_VECTOR_BYTES = 8 * LANES


@numba.njit(nogil=True, cache=True, boundscheck=False)
def _free_row(code, i, own, nxt, row_bytes):  # type: ignore[no-untyped-def]
    """An XOR row on both shares, or a linear row on the own share."""
    op = code[i, 0]
    d, p = np.uint64(code[i, 1]) * row_bytes, np.uint64(code[i, 2]) * row_bytes
    q, r = np.uint64(code[i, 3]) * row_bytes, np.uint64(code[i, 4]) * row_bytes
    if op == 4:
        for at in range(np.uint64(0), row_bytes, np.uint64(_VECTOR_BYTES)):
            xor3(own + d + at, own + d + at, own + p + at, own + q + at)
        return
    for file in (own, nxt):
        if op == 0:
            for at in range(np.uint64(0), row_bytes, np.uint64(_VECTOR_BYTES)):
                xor2(file + d + at, file + p + at, file + q + at)
        else:
            for at in range(np.uint64(0), row_bytes, np.uint64(_VECTOR_BYTES)):
                xor3(file + d + at, file + p + at, file + q + at, file + r + at)


@numba.njit(nogil=True, cache=True, boundscheck=False)
def _run(code, first, stop, own_words, nxt_words):  # type: ignore[no-untyped-def]
    own, nxt = np.uint64(own_words.ctypes.data), np.uint64(nxt_words.ctypes.data)
    row_bytes = np.uint64(8 * own_words.shape[1])
    i = first
    while i < stop:
        op = code[i, 0]
        if op < 2 or op == 4:
            _free_row(code, i, own, nxt, row_bytes)
            i += 1
            continue
        d, p = np.uint64(code[i, 1]) * row_bytes, np.uint64(code[i, 2]) * row_bytes
        q, r = np.uint64(code[i, 3]) * row_bytes, np.uint64(code[i, 4]) * row_bytes
        t = np.uint64(code[i, 5]) * row_bytes
        start = d if op == 3 else np.uint64(0)
        if op == 2 and i + 1 < stop and code[i + 1, 0] == 4 and code[i + 1, 3] == 0:
            start = np.uint64(code[i + 1, 2]) * row_bytes
            i += 1
        i += 1
        for at in range(np.uint64(0), row_bytes, np.uint64(_VECTOR_BYTES)):
            a, b = own + at, nxt + at
            term(a + d, a + start, a + p, b + p, a + q, b + q, a + r, b + r, a + t, b + t)


@numba.njit(nogil=True, cache=True, boundscheck=False)
def _run_logged(code, first, stop, own_words, nxt_words, slots, number, places):  # type: ignore[no-untyped-def]
    own, nxt = np.uint64(own_words.ctypes.data), np.uint64(nxt_words.ctypes.data)
    row_bytes = np.uint64(8 * own_words.shape[1])
    column_bytes = np.uint64(64 * _VECTOR_BYTES)
    layer_bytes = row_bytes * np.uint64(64)
    xa, ya = np.uint64(places[0].ctypes.data), np.uint64(places[1].ctypes.data)
    xb, yb = np.uint64(places[2].ctypes.data), np.uint64(places[3].ctypes.data)
    for i in range(first, stop):
        op = code[i, 0]
        if op < 2 or op == 4:
            _free_row(code, i, own, nxt, row_bytes)
            continue
        d, p = np.uint64(code[i, 1]) * row_bytes, np.uint64(code[i, 2]) * row_bytes
        q, r = np.uint64(code[i, 3]) * row_bytes, np.uint64(code[i, 4]) * row_bytes
        t = np.uint64(code[i, 5]) * row_bytes
        start = d if op == 3 else np.uint64(0)
        slot = np.uint64(slots[number])
        number += 1
        place = slot // np.uint64(64) * layer_bytes + slot % np.uint64(64) * np.uint64(64)
        for at in range(np.uint64(0), row_bytes, np.uint64(_VECTOR_BYTES)):
            a, b = own + at, nxt + at
            term_logged(
                a + d, a + start, a + p, b + p, a + q, b + q, a + r, b + r, a + t, b + t,
                xa + place, ya + place, xb + place, yb + place,
            )  # fmt: skip
            place += column_bytes


@numba.njit(nogil=True, cache=True, boundscheck=False)
def _take_off(summands, nxt_words, z_words):  # type: ignore[no-untyped-def]
    nxt, z = np.uint64(nxt_words.ctypes.data), np.uint64(z_words.ctypes.data)
    row_bytes = np.uint64(8 * nxt_words.shape[1])
    for i in range(len(summands)):
        gate, p = np.uint64(summands[i, 0]) * row_bytes, np.uint64(summands[i, 1]) * row_bytes
        q = np.uint64(summands[i, 2]) * row_bytes
        for at in range(np.uint64(0), row_bytes, np.uint64(_VECTOR_BYTES)):
            xor3(z + gate + at, z + gate + at, nxt + p + at, nxt + q + at)


class NumbaExecutor:
    """Runs rows with compiled loops; equal to the numpy executor bit for bit.

    Arrays are contiguous and hold a multiple of eight words a row.
    """

    name = "numba"

    def run(self, program: Program, start: int, stop: int, own: Words, nxt: Words) -> None:
        """Runs rows ``start..stop``."""
        _check_shape(own)
        _run(program.code, start, stop, own, nxt)

    def run_logged(
        self,
        program: Program,
        start: int,
        stop: int,
        first_term: int,
        own: Words,
        nxt: Words,
        log: GateLog,
    ) -> None:
        """Runs rows ``start..stop`` and logs the operands of every term."""
        _check_shape(own)
        slots = program.slot_of_term
        places = (log.xa, log.ya, log.xb, log.yb)
        _run_logged(program.code, start, stop, own, nxt, slots, first_term, places)

    def take_off(self, summands: Ints, nxt: Words, z: Words) -> None:
        """Removes the sender's share of free summands from received bits."""
        _check_shape(nxt)
        _take_off(summands, nxt, z)


def _check_shape(words: Words) -> None:
    if words.shape[1] % LANES or not words.flags.c_contiguous:
        raise ValueError("the fast executor needs contiguous rows of a multiple of eight words")
