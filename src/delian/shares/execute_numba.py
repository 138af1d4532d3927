"""The fast executor: compiled loops over the rows of a round; imported by host processes only."""

import numba

from delian.shares.gatelog import GateLog
from delian.shares.program import Ints, Program, Words


@numba.njit(nogil=True, cache=True, boundscheck=False)
def _run(code, start, stop, own, nxt):  # type: ignore[no-untyped-def]
    n_words = own.shape[1]
    for i in range(start, stop):
        op, d, p = code[i, 0], code[i, 1], code[i, 2]
        q, r, t = code[i, 3], code[i, 4], code[i, 5]
        ad, ap, bp = own[d], own[p], nxt[p]
        aq, bq, ar, br = own[q], nxt[q], own[r], nxt[r]
        if op == 0:
            bd = nxt[d]
            for w in range(n_words):
                ad[w] = ap[w] ^ aq[w]
            for w in range(n_words):
                bd[w] = bp[w] ^ bq[w]
        elif op == 1:
            bd = nxt[d]
            for w in range(n_words):
                ad[w] = ap[w] ^ aq[w] ^ ar[w]
            for w in range(n_words):
                bd[w] = bp[w] ^ bq[w] ^ br[w]
        elif q == 0 and t == 0:
            if op == 2:
                for w in range(n_words):
                    ad[w] = (ap[w] & (ar[w] ^ br[w])) ^ (bp[w] & ar[w])
            else:
                for w in range(n_words):
                    ad[w] ^= (ap[w] & (ar[w] ^ br[w])) ^ (bp[w] & ar[w])
        elif q == 0:
            at, bt = own[t], nxt[t]
            if op == 2:
                for w in range(n_words):
                    y = ar[w] ^ at[w]
                    ad[w] = (ap[w] & (y ^ br[w] ^ bt[w])) ^ (bp[w] & y)
            else:
                for w in range(n_words):
                    y = ar[w] ^ at[w]
                    ad[w] ^= (ap[w] & (y ^ br[w] ^ bt[w])) ^ (bp[w] & y)
        else:
            at, bt = own[t], nxt[t]
            if op == 2:
                for w in range(n_words):
                    y = ar[w] ^ at[w]
                    ad[w] = ((ap[w] ^ aq[w]) & (y ^ br[w] ^ bt[w])) ^ ((bp[w] ^ bq[w]) & y)
            else:
                for w in range(n_words):
                    y = ar[w] ^ at[w]
                    ad[w] ^= ((ap[w] ^ aq[w]) & (y ^ br[w] ^ bt[w])) ^ ((bp[w] ^ bq[w]) & y)


@numba.njit(nogil=True, cache=True, boundscheck=False)
def _run_logged(code, start, stop, own, nxt, slots, term, xa, ya, xb, yb):  # type: ignore[no-untyped-def]
    n_words = own.shape[1]
    chunks = n_words // 8
    for i in range(start, stop):
        op, d, p = code[i, 0], code[i, 1], code[i, 2]
        q, r, t = code[i, 3], code[i, 4], code[i, 5]
        ad, bd, ap, bp = own[d], nxt[d], own[p], nxt[p]
        aq, bq, ar, br = own[q], nxt[q], own[r], nxt[r]
        if op == 0:
            for w in range(n_words):
                ad[w] = ap[w] ^ aq[w]
            for w in range(n_words):
                bd[w] = bp[w] ^ bq[w]
            continue
        if op == 1:
            for w in range(n_words):
                ad[w] = ap[w] ^ aq[w] ^ ar[w]
            for w in range(n_words):
                bd[w] = bp[w] ^ bq[w] ^ br[w]
            continue
        at, bt = own[t], nxt[t]
        first = (slots[term] // 64) * chunks
        column = (slots[term] % 64) * 8
        term += 1
        if op == 2:
            for w in range(n_words):
                ad[w] = 0
        for c in range(chunks):
            lxa, lya = xa[first + c], ya[first + c]
            lxb, lyb = xb[first + c], yb[first + c]
            for j in range(8):
                w = c * 8 + j
                x, x_next = ap[w] ^ aq[w], bp[w] ^ bq[w]
                y, y_next = ar[w] ^ at[w], br[w] ^ bt[w]
                lxa[column + j] = x
                lya[column + j] = y
                lxb[column + j] = x_next
                lyb[column + j] = y_next
                ad[w] ^= (x & (y ^ y_next)) ^ (x_next & y)


class NumbaExecutor:
    """Runs rows with compiled loops; equal to the numpy executor bit for bit."""

    name = "numba"

    def run(self, program: Program, start: int, stop: int, own: Words, nxt: Words) -> None:
        """Runs rows ``start..stop``."""
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
        slots: Ints = program.slot_of_term
        _run_logged(
            program.code, start, stop, own, nxt, slots, first_term, log.xa, log.ya, log.xb, log.yb
        )
