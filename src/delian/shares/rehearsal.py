"""One small run by three hosts in this process, so that later runs start warm.

Compiled kernels are made when they are first called; a host that rehearses before its links open
does not let its peers wait for a compiler. May touch: threads and queues of this process.
"""

import hashlib
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from queue import Empty, Queue

import numpy as np

from delian.shares.circuits import Rule, rule
from delian.shares.execute import Executor
from delian.shares.kernels import Kernels
from delian.shares.keys import agree, run_context
from delian.shares.links import LinkError, link_name
from delian.shares.session import Mode, Run
from delian.shares.words import to_flags, to_numbers, to_planes
from delian.terms.errors import DelianError, TamperedError

_NAMES = ("first", "second", "third")
_FIGURES, _WIDTH_BITS, _CELLS = (3, 2, 2, 1), 3, 512
_LIST = hashlib.sha256(b"delian-rehearsal-1").digest()


class RehearsalError(TamperedError):
    """This machine does not compute what it must; no host may run on it."""

    code = "rehearsal"


class _Seat:
    """The links of one host at a table of three."""

    def __init__(self, rank: int, ways: Mapping[tuple[int, int], "Queue[bytes]"], stall_s: float):
        self._rank, self._ways, self._stall_s = rank, ways, stall_s

    @property
    def rank(self) -> int:
        """Which host this is."""
        return self._rank

    @property
    def names(self) -> tuple[str, str, str]:
        """The hosts' names."""
        return _NAMES

    def swap(self, send_prev: memoryview, recv_next: memoryview) -> None:
        """One message to the left, one from the right."""
        before, after = (self._rank - 1) % 3, (self._rank + 1) % 3
        size = recv_next.nbytes
        recv_next.cast("B")[:] = self.exchange({before: bytes(send_prev)}, {after: size})[after]

    def exchange(self, send: Mapping[int, bytes], expect: Mapping[int, int]) -> dict[int, bytes]:
        """Messages to and from both."""
        for peer, message in send.items():
            self._ways[(self._rank, peer)].put(bytes(message))
        return {peer: self._receive(peer, size) for peer, size in expect.items()}

    def abort(self, reason: str) -> None:  # noqa: ARG002 - of the port
        """Wake both others."""
        for peer in {0, 1, 2} - {self._rank}:
            self._ways[(self._rank, peer)].put(b"")

    def _receive(self, peer: int, size: int) -> bytes:
        try:
            message = self._ways[(peer, self._rank)].get(timeout=self._stall_s)
        except Empty:
            message = b""
        if len(message) != size:
            raise LinkError(f"{link_name(_NAMES, self._rank, peer)} failed in the rehearsal")
        return message


def rehearse(executor: Executor, kernels: Kernels, mode: Mode, *, stall_s: float = 600.0) -> None:
    """Run a small circuit on figures that are no secret, check it, open it.

    Args:
        executor: As the host will use it.
        kernels: As the host will use them.
        mode: Of the terms.
        stall_s: A compiler may take long; after this the rehearsal has failed.

    Guarantees:
        Every compiled function that a run of this mode calls has been called
        (``tests/unit/shares/test_shares_rehearsal.py``).

    Leaks:
        Nothing; there is no secret and no peer.

    Raises:
        RehearsalError: the run failed or opened something else than it must.
    """
    ways = {(a, b): Queue[bytes]() for a in range(3) for b in range(3) if a != b}

    def host(rank: int) -> bool:
        seat = _Seat(rank, ways, stall_s)
        try:
            return _play(seat, executor, kernels, mode)
        except (DelianError, ValueError, ArithmeticError):
            seat.abort("the rehearsal failed")
            return False

    with ThreadPoolExecutor(3) as pool:
        outcomes = list(pool.map(host, range(3)))
    if not all(outcomes):
        raise RehearsalError(
            "this machine fails the rehearsal of a run",
            hint="do not use it as a host before the tests of shares pass on it",
        )


def _play(seat: _Seat, executor: Executor, kernels: Kernels, mode: Mode) -> bool:
    """One host's part; whether it opened what the figures must give."""
    program = rule(len(_FIGURES), _WIDTH_BITS, Rule(p_percent=10, slack=1))
    planes = to_planes(np.repeat(np.array([_FIGURES], np.uint64).T, _CELLS, axis=1), _WIDTH_BITS)
    shares = (planes, np.zeros_like(planes), np.zeros_like(planes))
    own, nxt = shares[seat.rank], shares[(seat.rank + 1) % 3]
    keys = agree(seat, _bytes_of(seat.rank), run_context(b"rehearsal", program.digest, _LIST))
    run = Run([seat], keys, mode, _LIST, executor=executor, kernels=kernels, block_words=8)
    try:
        outputs = run.evaluate(program, own, nxt, "rehearsal")
        run.accept()
        opened = run.open(*outputs, "rehearsal")
    finally:
        run.erase()
    totals = to_numbers(opened[program.output_group("total")], _CELLS)
    passed = to_flags(opened[program.output_group("pass")][0], _CELLS)
    return bool((totals == sum(_FIGURES)).all() and passed.all())


def _bytes_of(rank: int) -> Callable[[int], bytes]:
    """Bytes for keys that protect nothing."""
    return lambda n: hashlib.shake_128(b"delian-rehearsal-1/%d" % rank).digest(n)
