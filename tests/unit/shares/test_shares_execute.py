"""Both executors, bit for bit, and the form of programs."""

import numpy as np
import pytest

from delian.shares.circuits import Rule, merge, plan_up, rule
from delian.shares.execute_numba import NumbaExecutor
from delian.shares.execute_numpy import NumpyExecutor
from delian.shares.gatelog import GateLog
from delian.shares.netlist import Netlist
from delian.shares.program import AND, AND_MORE, LINEAR, SLOTS_PER_BLOCK, Program, check_layout
from delian.shares.schedule import schedule

PROGRAMS = {
    "rule": rule(9, 6, Rule(10, 2, 4, (2, 90))),
    "tree": rule(5, 8, Rule(15, 1), "tree"),
    "merge": merge(3, 4, 3, Rule(10, 1)),
    "plan": plan_up(4),
}


def random_files(program: Program, n_words: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(5)
    shape = (2, program.n_registers, n_words)
    files = rng.integers(0, 1 << 64, shape, dtype=np.uint64, endpoint=False)
    files[:, 0] = 0
    return files[0].copy(), files[1].copy()


@pytest.mark.parametrize("name", PROGRAMS)
@pytest.mark.parametrize("n_words", [8, 24])
def test_executors_are_equal(name: str, n_words: int) -> None:
    program = PROGRAMS[name]
    own, nxt = random_files(program, n_words)
    own_fast, nxt_fast = own.copy(), nxt.copy()
    for step in program.rounds:
        NumpyExecutor().run(program, step.start, step.stop, own, nxt)
        NumbaExecutor().run(program, step.start, step.stop, own_fast, nxt_fast)
    assert np.array_equal(own, own_fast)
    assert np.array_equal(nxt, nxt_fast)


@pytest.mark.parametrize("name", PROGRAMS)
def test_logging_executors_are_equal(name: str) -> None:
    program = PROGRAMS[name]
    plain_own, plain_nxt = random_files(program, 16)
    files, logs = [], []
    for executor in (NumpyExecutor(), NumbaExecutor()):
        own, nxt = plain_own.copy(), plain_nxt.copy()
        log = GateLog.allocate(program, 16)
        term = 0
        for step in program.rounds:
            executor.run_logged(program, step.start, step.stop, term, own, nxt, log)
            ops = program.code[step.start : step.stop, 0]
            term += int(np.isin(ops, (AND, AND_MORE)).sum())
        summands = np.array([(0, 2, 3), (program.n_gates - 1, 3, 0)], dtype=np.int32)
        executor.take_off(summands, nxt, log.z)
        assert np.array_equal(log.z[0], nxt[2] ^ nxt[3])
        files.append((own, nxt))
        logs.append(log)
    for step in program.rounds:
        NumpyExecutor().run(program, step.start, step.stop, plain_own, plain_nxt)
    assert all(np.array_equal(a, b) for a, b in zip(*files, strict=True))
    assert np.array_equal(files[0][0], plain_own)
    for part in ("xa", "ya", "xb", "yb", "z"):
        assert np.array_equal(getattr(logs[0], part), getattr(logs[1], part))
    logged = logs[0].xa.reshape(program.n_layers, 2, SLOTS_PER_BLOCK, 8)
    empty = logs[0].unused_slots
    assert not logged[empty // 64, :, empty % 64].any()


def test_fast_executor_refuses_odd_rows() -> None:
    program = PROGRAMS["plan"]
    own, nxt = random_files(program, 7)
    with pytest.raises(ValueError, match="multiple of eight"):
        NumbaExecutor().run(program, 0, 1, own, nxt)


@pytest.mark.parametrize("name", PROGRAMS)
def test_program_form(name: str) -> None:
    program = PROGRAMS[name]
    ops = program.code[:, 0]
    assert int((ops == AND).sum()) == program.n_gates
    assert int(np.isin(ops, (AND, AND_MORE)).sum()) == program.n_terms
    gate = 0
    for step in program.rounds:
        rows = program.code[step.start : step.stop]
        first_writes = rows[rows[:, 0] == AND][:, 1]
        want = np.arange(step.first_register, step.first_register + step.n_gates)
        assert np.array_equal(first_writes, want)
        products = np.flatnonzero(rows[:, 0] >= AND)
        assert step.n_gates == 0 or products[0] + len(products) == len(rows)
        gate += step.n_gates
    assert gate == program.n_gates
    assert (program.code[:, 1] >= 2 + program.n_inputs).all()
    assert program.code[:, 1].max() < program.n_registers
    assert (program.code[ops == LINEAR][:, 4:] == 0).all()


def test_layout_joins_terms_of_a_gate() -> None:
    counts = [1, 3, 1, 2] * 40
    slot_of_gate, slot_of_term, block_of_layer, n_blocks = check_layout(counts)
    assert n_blocks == -(-len(counts) // 64)
    assert len(set(slot_of_gate.tolist())) == len(counts)
    assert len(set(slot_of_term.tolist())) == sum(counts)
    owners = np.repeat(np.arange(len(counts)), counts)
    for term, gate in enumerate(owners):
        layer, row = divmod(int(slot_of_term[term]), 64)
        assert block_of_layer[layer] * 64 + row == slot_of_gate[gate]
    assert set(block_of_layer.tolist()) == set(range(n_blocks))


def test_digest_names_the_whole_program() -> None:
    one, other = rule(3, 4, Rule(10, 1)), rule(3, 4, Rule(15, 1))
    assert one.digest != other.digest
    rule.cache_clear()
    assert rule(3, 4, Rule(10, 1)).digest == one.digest
    net = Netlist()
    a, b = net.input(), net.input()
    first = schedule(net, [("in", [a, b])], [("x", [net.both(a, b)])])
    second = schedule(net, [("in", [a, b])], [("y", [net.both(a, b)])])
    assert first.digest != second.digest
    with pytest.raises(ValueError, match="every input"):
        schedule(net, [("in", [a])], [("x", [a])])
    with pytest.raises(KeyError):
        first.output_group("y")
