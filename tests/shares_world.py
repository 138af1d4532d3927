"""What the tests of the shares room need: figures, clear evaluation, three hosts in one process."""

import os
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from delian.shares.execute import set_constants
from delian.shares.execute_numpy import NumpyExecutor
from delian.shares.keys import agree, run_context
from delian.shares.program import Program, Words
from delian.shares.session import Run
from delian.shares.words import Numbers, to_flags, to_numbers, to_planes, words_for
from tests.memory_links import Hub, MemoryLinks, run_hosts

LIST_DIGEST = b"l" * 32


def planes_of(figures: Sequence[Sequence[int]], width: int) -> Words:
    return to_planes(np.array(figures, dtype=np.uint64), width)


def clear(program: Program, planes: Words) -> Words:
    """Runs a program on plain values: host 0 holds everything, its neighbor holds zero shares."""
    own = np.zeros((program.n_registers, planes.shape[1]), dtype=np.uint64)
    nxt = np.zeros_like(own)
    set_constants(0, own, nxt)
    own[2 : 2 + program.n_inputs] = planes
    for step in program.rounds:
        NumpyExecutor().run(program, step.start, step.stop, own, nxt)
    return own[program.outputs]


def numbers(program: Program, outputs: Words, group: str, n_cells: int) -> Numbers:
    return to_numbers(outputs[program.output_group(group)], n_cells)


def flags(program: Program, outputs: Words, group: str, n_cells: int) -> list[bool]:
    return [bool(f) for f in to_flags(outputs[program.output_group(group)][0], n_cells)]


def share(planes: Words, seed: int = 7) -> list[Words]:
    rng = np.random.default_rng(seed)
    one, two = (
        rng.integers(0, 1 << 64, planes.shape, dtype=np.uint64, endpoint=False) for _ in range(2)
    )
    return [one, two, planes ^ one ^ two]


def run_three(
    work: Callable[[Run, int], Any],
    *,
    mode: Any = "semi-honest",
    hub: Hub | None = None,
    lanes: int = 1,
    contexts: Sequence[bytes] = (b"c", b"c", b"c"),
    **options: Any,
) -> list[Any]:
    """Three hosts agree on keys and each does its work; exceptions stand in place of results."""
    hubs = [hub or Hub()] + [Hub() for _ in range(lanes - 1)]

    def host(rank: int) -> Any:
        links: list[MemoryLinks] = [one.lanes()[rank] for one in hubs]
        context = run_context(contexts[rank], b"netlist", LIST_DIGEST)
        keys = agree(links[0], os.urandom, context)
        return work(Run(links, keys, mode, LIST_DIGEST, **options), rank)

    return run_hosts([lambda rank=rank: host(rank) for rank in range(3)])


def opened(
    program: Program, planes: Words, *, mode: Any = "semi-honest", **options: Any
) -> list[Any]:
    """What the three hosts open after evaluating a program on freshly shared planes."""
    shares = share(planes)

    def work(run: Run, rank: int) -> Any:
        own, nxt = run.evaluate(program, shares[rank], shares[(rank + 1) % 3], "b")
        run.accept()
        return run.open(own, nxt, "all")

    return run_three(work, mode=mode, **options)


def rule_oracle(
    column: Sequence[int],
    p_percent: int,
    slack: int,
    min_contributors: int = 3,
    nk: tuple[int, int] | None = None,
) -> bool:
    """The rule of docs/round.md on one cell, from its text."""
    ordered = [*sorted(column, reverse=True), 0, 0]
    total = sum(column)
    rest = total - ordered[0] - ordered[1]
    if not (rest > slack and 100 * (rest - slack) >= p_percent * ordered[0]):
        return False
    if min_contributors > 3 and sum(1 for x in column if x > 0) < min_contributors:
        return False
    if nk is not None:
        n, k = nk
        return 100 * sum(ordered[:n]) <= k * total
    return True


def n_words(n_cells: int) -> int:
    return words_for(n_cells)
