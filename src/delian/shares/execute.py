"""What an executor does: the local rows of one round, on both shares.

Two executors, one meaning.
"""

from typing import Final, Protocol

from delian.shares.gatelog import GateLog
from delian.shares.program import Ints, Program, Words

ALL_ONES: Final = 0xFFFFFFFFFFFFFFFF


class Executor(Protocol):
    """Runs rows; after a round the register slice of its gates holds this host's unmasked z."""

    @property
    def name(self) -> str:
        """``numpy`` or ``numba``."""
        ...

    def run(self, program: Program, start: int, stop: int, own: Words, nxt: Words) -> None:
        """Runs rows ``start..stop``: XOR rows on both shares, products into ``own`` only."""
        ...

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
        """The same, writing the operands of every term into the log.

        ``first_term`` is the number of the first term among these rows.
        """
        ...

    def take_off(self, summands: Ints, nxt: Words, z: Words) -> None:
        """Removes the sender's share of free summands from received bits.

        Args:
            summands: Rows (gate, p, q): ``z[gate] ^= nxt[p] ^ nxt[q]``.
            nxt: Registers, the next share.
            z: The log's received bits.
        """
        ...


def set_constants(rank: int, own: Words, nxt: Words) -> None:
    """Fills registers 0 and 1: the public one is shared as (1, 0, 0)."""
    own[:2] = nxt[:2] = 0
    if rank == 0:
        own[1] = ALL_ONES
    if rank == 2:
        nxt[1] = ALL_ONES
