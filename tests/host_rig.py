"""Three hosts in one process over in-memory links, with sheets already split among them."""

import random
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

import numpy as np

from delian.aggregate.held import HeldSheets
from delian.aggregate.netlist import netlist_digest
from delian.aggregate.replicated import ReplicatedBackend
from delian.shares.keys import agree, run_context
from delian.shares.program import Words
from delian.shares.session import Run
from delian.shares.words import CELLS_PER_WORD, to_planes
from delian.terms.frame import Frame
from delian.terms.round_terms import RoundTerms
from tests.memory_links import Hub, run_hosts

T = TypeVar("T")


class FixedShares:
    """One nation's two shares at one host, as ``contribute`` would hand them over."""

    def __init__(self, own: Words, nxt: Words) -> None:
        self._own, self._nxt = own, nxt

    def planes(self, cell_start: int, cell_stop: int) -> tuple[Words, Words]:
        assert cell_start % CELLS_PER_WORD == 0
        words = slice(cell_start // CELLS_PER_WORD, -(-cell_stop // CELLS_PER_WORD))
        return self._own[:, words], self._nxt[:, words]


def split_sheets(
    rng: random.Random, frame: Frame, figures: Mapping[str, Sequence[int]]
) -> list[HeldSheets]:
    """The same sheets as P_0, P_1 and P_2 hold them."""
    width = max(item.width_bits for item in frame.items)
    draw = np.random.default_rng(rng.getrandbits(64))
    held: list[dict[str, FixedShares]] = [{}, {}, {}]
    for nation, row in figures.items():
        planes = to_planes(np.array([row], dtype=np.uint64), width)
        x0, x1 = (draw.integers(0, 2**64, planes.shape, dtype=np.uint64) for _ in range(2))
        shares = (x0, x1, planes ^ x0 ^ x1)
        for host in range(3):
            held[host][nation] = FixedShares(shares[host], shares[(host + 1) % 3])
    return [HeldSheets(frame, by_nation, width) for by_nation in held]


def on_hosts(
    terms: RoundTerms,
    now: Sequence[HeldSheets],
    earlier: Mapping[str, Sequence[HeldSheets]],
    step: Callable[[ReplicatedBackend, int], T],
    *,
    hub: Hub | None = None,
    seed: int = 1,
    lists: Sequence[bytes] = (bytes(32),) * 3,
    **sizes: int,
) -> list[T | BaseException]:
    """Run *step* at all three hosts; a host's exception stands in its place."""
    lanes = (hub or Hub()).lanes()
    netlist = bytes.fromhex(netlist_digest(terms, len(now[0].nations)).removeprefix("sha256:"))

    def host(rank: int) -> Callable[[], T]:
        draw = random.Random(seed * 3 + rank)

        def work() -> T:
            digest = bytes.fromhex(terms.digest.removeprefix("sha256:"))
            context = run_context(digest, netlist, lists[rank])
            keys = agree(lanes[rank], draw.randbytes, context)
            mode = "malicious" if terms.mode == "malicious" else "semi-honest"
            run = Run([lanes[rank]], keys, mode, lists[rank], block_words=8)  # type: ignore[arg-type]
            old = {round_id: sheets[rank] for round_id, sheets in earlier.items()}
            backend = ReplicatedBackend(run, terms, now[rank], old, **sizes)
            return step(backend, rank)

        return work

    return run_hosts([host(rank) for rank in range(3)])
