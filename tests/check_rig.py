"""Three hosts evaluate a small random circuit and check it: the test bench of the check.

The executor here is a few lines of numpy on their own, so that a lie can be planted anywhere.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from delian.shares.check import verify_block
from delian.shares.gatelog import GateLog
from delian.shares.kernels import Kernels
from delian.shares.kernels_numpy import NumpyKernels
from delian.shares.keys import RunKeys, agree
from delian.shares.program import Program, Round, check_layout
from tests.memory_links import Hub, MemoryLinks, Tamper, run_hosts

LIST_DIGEST = bytes(range(32))
BLOCK = "cells 0-511"


def random_program(rng, n_inputs=6, gates_by_round=(3, 5), max_terms=3) -> Program:
    """A random circuit: every round XORs, then gates of one to ``max_terms`` products."""
    rows, rounds, counts = [], [], []
    top = 2 + n_inputs
    for gates in gates_by_round:
        start = len(rows)
        a, b, c = rng.integers(0, top, 3)
        rows.append((1, top, a, b, c, 0))
        top += 1
        first = top
        for gate in range(gates):
            terms = int(rng.integers(1, max_terms + 1))
            counts.append(terms)
            for term in range(terms):
                rows.append((2 if term == 0 else 3, first + gate, *rng.integers(0, first, 4)))
        top += gates
        rounds.append(Round(start, len(rows), first, gates))
    gate_slots, term_slots, layers, n_blocks = check_layout(counts)
    return Program(
        code=np.array(rows, dtype=np.int32),
        rounds=tuple(rounds),
        n_inputs=n_inputs,
        n_registers=top,
        outputs=np.arange(top - 3, top, dtype=np.int32),
        slot_of_gate=gate_slots,
        slot_of_term=term_slots,
        block_of_layer=layers,
        n_blocks=n_blocks,
        input_groups=(),
        output_groups=(),
    )


def share(rng, program, n_words):
    """Random inputs and their three shares."""
    shape = (program.n_inputs, n_words)
    parts = [rng.integers(0, 1 << 64, shape, dtype=np.uint64) for _ in range(3)]
    return parts[0] ^ parts[1] ^ parts[2], parts


def registers(program, part, rank_of_one, rank):
    file = np.zeros((program.n_registers, part.shape[1]), dtype=np.uint64)
    if rank == rank_of_one:
        file[1] = ~np.uint64(0)
    file[2 : 2 + program.n_inputs] = part
    return file


def plain(program, inputs):
    """What the circuit computes on open values."""
    file = registers(program, inputs, 0, 0)
    for op, d, p, q, r, t in program.code:
        if op == 0:
            file[d] = file[p] ^ file[q]
        elif op == 1:
            file[d] = file[p] ^ file[q] ^ file[r]
        else:
            product = (file[p] ^ file[q]) & (file[r] ^ file[t])
            file[d] = product if op == 2 else file[d] ^ product
    return file


@dataclass
class Lie:
    """Where a host errs: gate number, in what it sends, what it keeps, or both."""

    rank: int = 1
    gate: int = 0
    sent: bool = True
    kept: bool = False
    bit: int = 17


@dataclass
class Host:
    """One of the three hosts, after evaluation."""

    program: Program
    links: MemoryLinks
    keys: RunKeys
    log: GateLog
    own: np.ndarray = field(default=None)
    nxt: np.ndarray = field(default=None)

    def evaluate(self, own, nxt, lie=None, block=BLOCK):
        """Runs the circuit on shares and records the log."""
        program, log, rank = self.program, self.log, self.links.rank
        a = registers(program, own, 0, rank)
        b = registers(program, nxt, 2, rank)
        streams = [self.keys.stream(i, "and", block) for i in (0, 1)]
        chunks = log.n_words // 8
        views = [v.reshape(-1, chunks, 64, 8) for v in (log.xa, log.ya, log.xb, log.yb)]
        log.reset()
        term = gate = 0
        for step in program.rounds:
            for op, d, p, q, r, t in program.code[step.start : step.stop]:
                if op < 2:
                    a[d] = a[p] ^ a[q] ^ (a[r] if op else 0)
                    b[d] = b[p] ^ b[q] ^ (b[r] if op else 0)
                    continue
                x, y, xb, yb = a[p] ^ a[q], a[r] ^ a[t], b[p] ^ b[q], b[r] ^ b[t]
                product = (x & y) ^ (x & yb) ^ (xb & y)
                a[d] = product if op == 2 else a[d] ^ product
                slot = program.slot_of_term[term]
                for view, value in zip(views, (x, y, xb, yb), strict=True):
                    view[slot >> 6, :, slot & 63] = value.reshape(chunks, 8)
                term += 1
            some = slice(step.first_register, step.first_register + step.n_gates)
            if not step.n_gates:
                continue
            mine = np.ascontiguousarray(a[some])
            for stream in streams:
                stream.xor_into(memoryview(mine).cast("B"))
            a[some] = mine
            received = np.empty_like(mine)
            hit = lie is not None and lie.rank == rank and gate <= lie.gate < gate + step.n_gates
            error = np.zeros_like(mine)
            if hit:
                error[lie.gate - gate, lie.bit // 64] ^= np.uint64(1 << lie.bit % 64)
            sent = mine ^ error if hit and lie.sent else mine
            self.links.swap(memoryview(sent), memoryview(received))
            if hit and lie.kept:
                a[some] ^= error
            b[some] = received
            log.z[gate : gate + step.n_gates] = received
            gate += step.n_gates
        self.own, self.nxt = a, b

    def check(self, kernels: Kernels | None = None, block=BLOCK, list_digest=LIST_DIGEST):
        """The check under test."""
        verify_block(
            self.program,
            self.log,
            links=self.links,
            keys=self.keys,
            block=block,
            list_digest=list_digest,
            kernels=kernels or NumpyKernels(),
        )


def hosts(program, n_words, hub: Hub, seed=1) -> list[Host]:
    """Three hosts with agreed keys, on links without tampering so far."""

    def start(lane):
        rng = np.random.default_rng([seed, lane.rank])
        return agree(lane, rng.bytes, b"test")

    lanes = hub.lanes()
    keys = run_hosts([lambda lane=lane: start(lane) for lane in lanes])
    for way in hub.counts:
        hub.counts[way] = 0
    return [
        Host(program, lane, key, GateLog.allocate(program, n_words))
        for lane, key in zip(lanes, keys, strict=True)
    ]


def run(
    program: Program,
    *,
    seed: int = 1,
    n_words: int = 8,
    lie: Lie | None = None,
    tamper: Tamper | None = None,
    kernels: Callable[[int], Kernels] | None = None,
    list_digests: tuple[bytes, bytes, bytes] = (LIST_DIGEST,) * 3,
    timeout_s: float = 5.0,
    keep_log: bool = False,
):
    """Evaluates and checks; returns per host None or its exception, the hosts, and the hub.

    ``tamper`` sees the messages of the check only, numbered from 0 on each direction.
    """
    rng = np.random.default_rng(seed)
    inputs, parts = share(rng, program, n_words)
    hub = Hub(timeout_s=timeout_s)
    three = hosts(program, n_words, hub, seed)
    evaluated = run_hosts(
        [
            lambda h=h, i=i: h.evaluate(parts[i], parts[(i + 1) % 3], lie)
            for i, h in enumerate(three)
        ]
    )
    assert evaluated == [None] * 3, evaluated
    if lie is None:
        opened = three[0].own ^ three[0].nxt ^ three[1].nxt
        assert (opened == plain(program, inputs)).all()
    for way in hub.counts:
        hub.counts[way] = 0
    hub.tamper, hub.keep_log = tamper, keep_log
    verdicts = run_hosts(
        [
            lambda h=h, i=i: h.check(kernels(i) if kernels else None, list_digest=list_digests[i])
            for i, h in enumerate(three)
        ]
    )
    return verdicts, three, hub
