"""One lane at work: a block of cells through a program, masked, sent, received, checked."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from delian.shares.check import verify_block
from delian.shares.execute import Executor, set_constants
from delian.shares.gatelog import LANES, GateLog, aligned_zeros
from delian.shares.kernels import Kernels
from delian.shares.keys import RunKeys
from delian.shares.links import Links
from delian.shares.program import AND, AND_MORE, FIRST_INPUT, LINEAR, Ints, Program, Words

Move = Callable[[int, int, Words, Words], None]


class Lane:
    """The buffers and links of one thread.

    Args:
        links: This thread's links.
        keys: The run's keys, shared by all lanes.
        executor: Runs the rows.
        kernels: Array work of the check; None in semi-honest mode.
        list_digest: Digest of the manifest list.
    """

    def __init__(
        self,
        links: Links,
        keys: RunKeys,
        executor: Executor,
        kernels: Kernels | None,
        list_digest: bytes,
    ) -> None:
        self._links, self._keys, self._executor = links, keys, executor
        self._kernels, self._list_digest = kernels, list_digest
        self._files = np.zeros((2, 0), dtype=np.uint64)
        self._log: tuple[bytes, int, GateLog] | None = None
        self._plans: dict[bytes, _LogPlan] = {}

    def evaluate(
        self, program: Program, first: int, stop: int, source: Move, sink: Move, name: str
    ) -> bytes:
        """Evaluates the words ``first..stop`` and, in malicious mode, checks every AND of them.

        Returns:
            Digest of the own output share, then of the next one.
        """
        n_words = -(-(stop - first) // LANES) * LANES
        own, nxt = self._register_files(program.n_registers, n_words)
        set_constants(self._links.rank, own, nxt)
        inputs = slice(FIRST_INPUT, FIRST_INPUT + program.n_inputs)
        own[inputs, stop - first :] = nxt[inputs, stop - first :] = 0
        source(first, stop, own[inputs], nxt[inputs])
        log = self._log_for(program, n_words) if self._kernels else None
        self._rounds(program, own, nxt, name, log)
        if log is not None and self._kernels is not None:
            verify_block(
                program,
                log,
                links=self._links,
                keys=self._keys,
                block=name,
                list_digest=self._list_digest,
                kernels=self._kernels,
            )
        own_out, nxt_out = own[program.outputs], nxt[program.outputs]
        sink(first, stop, own_out, nxt_out)
        return hashlib.sha256(own_out.data).digest() + hashlib.sha256(nxt_out.data).digest()

    def erase(self) -> None:
        """Zeroes and drops the buffers."""
        self._files[:] = 0
        self._files = np.zeros((2, 0), dtype=np.uint64)
        self._log = None

    def _rounds(
        self, program: Program, own: Words, nxt: Words, name: str, log: GateLog | None
    ) -> None:
        before = self._keys.stream(0, "and", name)
        after = self._keys.stream(1, "and", name)
        run, swap = self._executor.run, self._links.swap
        plan = self._log_plan(program) if log is not None else None
        gate = 0
        for number, step in enumerate(program.rounds):
            if log is None or plan is None:
                run(program, step.start, step.stop, own, nxt)
            else:
                self._executor.run_logged(
                    program, step.start, step.stop, plan.first_terms[number], own, nxt, log
                )
            if not step.n_gates:
                continue
            stop = step.first_register + step.n_gates
            sent = own[step.first_register : stop].data.cast("B")
            got = nxt[step.first_register : stop]
            before.xor_into(sent)
            after.xor_into(sent)
            swap(sent, got.data.cast("B"))
            if log is not None and plan is not None:
                log.z[gate : gate + step.n_gates] = got
                self._executor.take_off(plan.summands[number], nxt, log.z)
            gate += step.n_gates

    def _register_files(self, n_registers: int, n_words: int) -> tuple[Words, Words]:
        size = n_registers * n_words
        if self._files.shape[1] < size:
            self._files = aligned_zeros(2, -(-size // LANES) * LANES)
        own, nxt = (part[:size].reshape(n_registers, n_words) for part in self._files)
        return own, nxt

    def _log_for(self, program: Program, n_words: int) -> GateLog:
        if self._log is None or self._log[:2] != (program.digest, n_words):
            self._log = None
            self._log = (program.digest, n_words, GateLog.allocate(program, n_words))
        log = self._log[2]
        log.reset()
        return log

    def _log_plan(self, program: Program) -> "_LogPlan":
        if program.digest not in self._plans:
            self._plans[program.digest] = _LogPlan.of(program)
        return self._plans[program.digest]


@dataclass(frozen=True, slots=True)
class _LogPlan:
    """Per round the number of its first term, and its free summands as (gate, p, q)."""

    first_terms: list[int]
    summands: list[Ints]

    @classmethod
    def of(cls, program: Program) -> "_LogPlan":
        ops = program.code[:, 0]
        is_term = (ops == AND) | (ops == AND_MORE)
        terms = np.concatenate(([0], np.cumsum(is_term)))
        gates = np.cumsum(ops == AND) - 1
        summands = []
        for step in program.rounds:
            rows = step.start + np.flatnonzero(ops[step.start : step.stop] == LINEAR)
            columns = (gates[rows], program.code[rows, 2], program.code[rows, 3])
            summands.append(np.stack(columns, axis=1).astype(np.int32))
        return cls([int(terms[step.start]) for step in program.rounds], summands)
