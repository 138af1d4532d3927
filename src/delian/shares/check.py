"""The check of every AND of a block, before anything is opened.

Each host proves to the two others that all it sent is right, in zero knowledge. The steps are
numbered as in ``docs/security/check.md``, where the arguments stand.

Guarantees:
    A host that sent one wrong bit anywhere in the block is accepted with probability at most
    2^-57 (``tests/unit/shares/test_shares_check.py``, model in ``tests/model``).
"""

from typing import Final

import numpy as np

from delian.shares import field
from delian.shares.check_prover import Line, Operands, last_polynomial
from delian.shares.check_verdict import CheckFailedError, compare_coins, judge
from delian.shares.check_verifier import LEFT, RIGHT, Proof, Shares
from delian.shares.coins import SEED_BYTES, Coins, expand
from delian.shares.gatelog import LANES, ROWS, GateLog
from delian.shares.kernels import ROW_VARIABLES, Kernels
from delian.shares.keys import RunKeys
from delian.shares.links import Links
from delian.shares.program import Program, Words

_ELEMENT: Final = 8
_GATES_AT_ONCE: Final = 256

__all__ = ["CheckFailedError", "verify_block"]


def verify_block(
    program: Program,
    log: GateLog,
    *,
    links: Links,
    keys: RunKeys,
    block: str,
    list_digest: bytes,
    kernels: Kernels,
) -> None:
    """Checks every AND of one block; returns only if all three hosts accept it.

    Args:
        program: The circuit that was evaluated; the same at all hosts.
        log: What the executor recorded; it is overwritten.
        links: The links of this lane, idle.
        keys: The keys of the run.
        block: The block id under which the executor drew its keystreams; unique in the run.
        list_digest: Digest of the ordered manifest list.
        kernels: Numpy or numba; all give the same bits.

    Leaks:
        Sizes, coins and one verdict bit of each host. A host whose AND messages were right learns
        nothing else; a host that cheated learns that it was caught.

    Raises:
        CheckFailedError: Some host erred or lied; which one cannot be told.
        LinkError: A link failed or a peer stopped.
    """
    if program.n_gates == 0:
        return
    try:
        _Check(program, log, links, keys, block, kernels).run(list_digest)
    except CheckFailedError:
        links.abort("the check failed")
        raise


class _Check:
    """One run of the steps; every message goes through ``Coins`` and ``check_verdict``."""

    __slots__ = (
        "_block",
        "_coins",
        "_kernels",
        "_keys",
        "_links",
        "_log",
        "_operands",
        "_program",
        "_proof",
        "_shares",
        "_used",
    )

    def __init__(
        self,
        program: Program,
        log: GateLog,
        links: Links,
        keys: RunKeys,
        block: str,
        kernels: Kernels,
    ) -> None:
        self._program, self._log, self._links = program, log, links
        self._keys, self._block, self._kernels = keys, block, kernels
        self._coins = Coins(links, keys, block)
        self._proof = Proof(self._coins, keys, block)
        self._operands = Operands(program, log, kernels)
        self._shares = Shares(kernels)
        self._used: list[bytes] = []

    def run(self, list_digest: bytes) -> None:
        scales = self._rows()
        self._sum_check(scales)
        f, h, r = self._last_variable()
        # Step 6.
        compare_coins(self._links, self._keys.run_id, self._block, list_digest, self._used)
        shares = self._shares
        judge(
            self._links,
            check_values=(int(shares.check_values[LEFT]), int(shares.check_values[RIGHT])),
            claims=(int(shares.claims[LEFT]), int(shares.claims[RIGHT])),
            f=f.at(r),
            h=h.at(r),
        )

    def _rows(self) -> Words:
        """Steps 0 to 2; returns v, whose squares are the weights A."""
        # Step 0: every z of the block has arrived.
        columns = self._program.n_blocks * (self._log.n_words // LANES)
        seed = self._toss(SEED_BYTES)
        challenge = field.from_bytes(expand(seed, (columns * LANES + ROW_VARIABLES) * _ELEMENT))
        scales = challenge[:-ROW_VARIABLES].reshape(columns, LANES)
        tau = challenge[-ROW_VARIABLES:]
        weights = self._kernels.multiply(scales, scales)
        # Step 1.
        points = self._proof.share(self._operands.cube(weights))
        # Step 2.
        self._shares.take_cube(points, self._row_sums(weights), tau)
        return scales

    def _row_sums(self, weights: Words) -> Words:
        """E(s) as L of P_{i+1} and as R of P_{i-1}; overwrites the recorded z."""
        program, log, kernels = self._program, self._log, self._kernels
        right_stream, left_stream = self._keys.replay(self._block)
        sums = np.zeros((2, ROWS), dtype=np.uint64)
        # e_L = z + x y + F_and(k), all of P_{i+1}.
        kernels.weigh_products(log.xb, log.yb, weights, program.block_of_layer, sums[LEFT])
        # e_R = F_and(k_i) of P_{i-1}'s gates.
        mask = np.empty((_GATES_AT_ONCE, log.n_words), dtype=np.uint64)
        for start in range(0, program.n_gates, _GATES_AT_ONCE):
            slots = program.slot_of_gate[start : start + _GATES_AT_ONCE]
            words = log.z[start : start + len(slots)]
            left_stream.xor_into(words.data.cast("B"))
            kernels.weigh_gates(words, slots, weights, sums[LEFT])
            words = mask[: len(slots)]
            words.fill(0)
            right_stream.xor_into(words.data.cast("B"))
            kernels.weigh_gates(words, slots, weights, sums[RIGHT])
        return sums

    def _sum_check(self, scales: Words) -> None:
        """Steps 3 and 4."""
        rho = field.from_bytes(self._toss(ROW_VARIABLES * _ELEMENT))
        self._shares.bind_rows(rho)
        self._operands.fold_rows(field.equality_weights(rho, self._kernels.multiply), scales)
        for _ in range(self._operands.n_steps):
            values = self._proof.share(self._operands.step())
            r = int.from_bytes(self._toss(_ELEMENT), "little")
            self._shares.take_step(values, r)
            self._operands.fold(r)

    def _last_variable(self) -> tuple[Line, Line, int]:
        """Step 5; returns f as L, h as R, and r."""
        xa, ya, xb, yb = self._operands.ends()
        # k_i and k_{i+1} each serve two proofs, as u-mask of one and as v-mask of the other:
        # the two purposes keep them apart.
        own_u, next_u = (self._mask(0, "mask-u"), self._mask(1, "mask-u"))
        own_v, next_v = (self._mask(0, "mask-v"), self._mask(1, "mask-v"))
        message = last_polynomial(Line(xa, ya, own_u), Line(yb, xb, next_v))
        values = self._proof.share(message)
        coin = self._coins.toss(2 * _ELEMENT)
        r = _outside_bits(coin)
        self._used.append(coin)
        self._shares.take_last(values, r)
        return Line(xb, yb, next_u), Line(ya, xa, own_v), r

    def _mask(self, index: int, purpose: str) -> int:
        stream = self._keys.stream(1 if index else 0, purpose, self._block)
        return int.from_bytes(stream.take(_ELEMENT), "little")

    def _toss(self, n_bytes: int) -> bytes:
        coin = self._coins.toss(n_bytes)
        self._used.append(coin)
        return coin


def _outside_bits(coin: bytes) -> int:
    """The first of two elements that is neither 0 nor 1, where the masks vanish."""
    for start in (0, _ELEMENT):
        r = int.from_bytes(coin[start : start + _ELEMENT], "little")
        if r > 1:
            return r
    raise CheckFailedError(
        "the last coin of the check was not usable", hint="nothing was opened; run the round again"
    )
