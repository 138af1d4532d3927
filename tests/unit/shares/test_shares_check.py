"""The check on three hosts: right runs pass, every lie and every fault stops all of them."""

from threading import Event

import numpy as np
import pytest

from delian.shares import check, check_verdict
from delian.shares.check import CheckFailedError
from delian.shares.check_prover import Line, Operands
from delian.shares.coins import Coins, expand
from delian.shares.field import equality_weights, from_bytes, multiply_one
from delian.shares.gatelog import GateLog
from delian.shares.kernels_numba import NumbaKernels
from delian.shares.kernels_numpy import NumpyKernels
from delian.shares.keys import KeystreamReusedError, RunKeys
from delian.shares.links import LinkError
from delian.shares.opening import OpeningError, open_planes
from tests.check_rig import BLOCK, LIST_DIGEST, Lie, random_program, run
from tests.memory_links import run_hosts

FAST = NumbaKernels()
ANSWER = 24
STOPPED = (CheckFailedError, LinkError)


def fast(_rank):
    return FAST


def one_gate():
    return random_program(np.random.default_rng(5), gates_by_round=(1,), max_terms=1)


@pytest.fixture(scope="module", autouse=True)
def _compiled():
    """Compiling may outlast the patience of a link: do it before the first test."""
    assert run(one_gate(), kernels=fast, timeout_s=300)[0] == [None] * 3


def messages(hub, sender, receiver):
    return [m for a, b, _, m in hub.log if (a, b) == (sender, receiver)]


def answered(hub):
    """Whether any host sent step 6c."""
    return any(len(message) == ANSWER for *_, message in hub.log)


@pytest.mark.parametrize(
    ("gates", "terms", "n_words"),
    [((1,), 1, 8), ((63,), 1, 8), ((64,), 2, 8), ((65, 2), 3, 24), ((7, 0, 3), 4, 40)],
)
def test_right_runs_pass(gates, terms, n_words):
    program = random_program(np.random.default_rng(2), gates_by_round=gates, max_terms=terms)
    verdicts, _, _ = run(program, n_words=n_words, kernels=fast)
    assert verdicts == [None] * 3


def test_hosts_with_portable_and_fast_kernels_agree_to_the_bit():
    program = random_program(np.random.default_rng(8), gates_by_round=(66,), max_terms=3)
    logs = []
    for kernels in (fast, lambda _rank: NumpyKernels(), lambda r: FAST if r else NumpyKernels()):
        verdicts, _, hub = run(program, kernels=kernels, keep_log=True)
        assert verdicts == [None] * 3
        logs.append({way: messages(hub, *way) for way in hub.counts})
    assert logs[0] == logs[1] == logs[2]


def test_a_program_without_gates_has_nothing_to_check():
    program = random_program(np.random.default_rng(2), gates_by_round=(0,))
    program_log = object.__new__(GateLog)
    check.verify_block(
        program, program_log, links=None, keys=None, block="", list_digest=b"", kernels=FAST
    )


@pytest.mark.parametrize("gate", [0, 35, 69])
@pytest.mark.parametrize(("sent", "kept"), [(True, False), (False, True), (True, True)])
@pytest.mark.parametrize("liar", [0, 2])
def test_one_wrong_bit_is_found(gate, sent, kept, liar):
    program = random_program(np.random.default_rng(6), gates_by_round=(60, 10), max_terms=3)
    lie = Lie(liar, gate, sent, kept, bit=17 + 64 * liar)
    verdicts, three, hub = run(program, lie=lie, kernels=fast, seed=gate + 1)
    if all(isinstance(verdict, CheckFailedError) for verdict in verdicts):
        return
    # A bit that is only kept wrong and never used again first matters at the opening.
    assert not sent and verdicts == [None] * 3
    hub.tamper = None
    opened = run_hosts(
        [
            lambda h=h: open_planes(
                h.own, h.nxt, links=h.links, run_id=h.keys.run_id, stage="outputs"
            )
            for h in three
        ]
    )
    assert any(isinstance(result, OpeningError) for result in opened)


def flip(way, index, byte=0):
    def tamper(sender, receiver, number, message):
        if (sender, receiver) != way or number != index:
            return message
        place = byte % len(message)
        return message[:place] + bytes([message[place] ^ 1]) + message[place + 1 :]

    return tamper


PROOF_MESSAGES = 11  # one gate of 512 cells: the cube, nine steps, the last variable
COINS = 12  # seed, rho, nine steps, the last pair


@pytest.mark.parametrize("index", range(PROOF_MESSAGES))
def test_every_proof_message_counts(index):
    verdicts, _, _ = run(one_gate(), tamper=flip((1, 0), index, byte=11), kernels=fast)
    assert all(isinstance(verdict, CheckFailedError) for verdict in verdicts)


@pytest.mark.parametrize("index", range(COINS))
@pytest.mark.parametrize("sender", [0, 1, 2])
def test_a_wrong_coin_stops_everything_before_an_answer(index, sender):
    tamper = flip((sender, (sender + 1) % 3), index)
    verdicts, _, hub = run(one_gate(), tamper=tamper, kernels=fast, keep_log=True, timeout_s=1)
    assert all(isinstance(verdict, STOPPED) for verdict in verdicts)
    assert not answered(hub)


@pytest.mark.parametrize("value", [0, 1])
def test_an_unusable_last_coin_stops_everything_before_an_answer(value, monkeypatch):
    toss = Coins.toss

    def forced(self, n_bytes):
        coin = toss(self, n_bytes)
        return value.to_bytes(8, "little") * 2 if n_bytes == 16 else coin

    monkeypatch.setattr(Coins, "toss", forced)
    verdicts, _, hub = run(one_gate(), kernels=fast, keep_log=True)
    assert all(isinstance(verdict, STOPPED) for verdict in verdicts)
    assert not answered(hub)


def test_the_last_coin_skips_the_bits():
    assert check._outside_bits((1).to_bytes(8, "little") + (9).to_bytes(8, "little")) == 9
    assert check._outside_bits((7).to_bytes(8, "little") + (9).to_bytes(8, "little")) == 7


def change_answer(position, amount):
    """Host 1 as L lies to host 0 in check value (0), claim (1) or f(r) (2)."""

    def tamper(sender, receiver, _index, message):
        if (sender, receiver) != (1, 0) or len(message) != ANSWER:
            return message
        parts = [int.from_bytes(message[k : k + 8], "little") for k in (0, 8, 16)]
        parts[position] ^= amount
        return b"".join(part.to_bytes(8, "little") for part in parts)

    return tamper


@pytest.mark.parametrize("position", [0, 1, 2])
@pytest.mark.parametrize("amount", [1, 1 << 63])
def test_a_lying_left_verifier_stops_everything(position, amount):
    verdicts, _, _ = run(one_gate(), tamper=change_answer(position, amount), kernels=fast)
    assert all(isinstance(verdict, CheckFailedError) for verdict in verdicts)


@pytest.mark.parametrize("receiver", [0, 2])
def test_one_no_stops_the_host_that_hears_it(receiver):
    def tamper(sender, to, _index, message):
        return b"\0" if (sender, to) == (1, receiver) and len(message) == 1 else message

    verdicts, _, _ = run(one_gate(), tamper=tamper, kernels=fast)
    assert isinstance(verdicts[receiver], CheckFailedError)


def test_withheld_last_message_no_hash_and_no_answer_leaves_any_host(monkeypatch):
    steps, compare = [], check_verdict._compare

    def recorded(links, step, *rest):
        steps.append(step)
        compare(links, step, *rest)

    def tamper(sender, receiver, index, message):
        return None if (sender, receiver, index) == (1, 0, PROOF_MESSAGES - 1) else message

    monkeypatch.setattr(check_verdict, "_compare", recorded)
    verdicts, _, hub = run(one_gate(), tamper=tamper, kernels=fast, keep_log=True, timeout_s=0.3)
    assert all(isinstance(verdict, LinkError) for verdict in verdicts)
    assert not answered(hub)
    assert set(steps) == {b"done"}


@pytest.mark.parametrize("step", [0, 1])
def test_an_echoed_hash_is_refused(step):
    """Host 2 sends back what host 0 sent it, as DONE (0) or as the hash of the coins (1)."""
    heard, content = Event(), []

    def tamper(sender, receiver, index, message):
        if (sender, receiver, index) == (0, 2, PROOF_MESSAGES + step):
            content.append(message)
            heard.set()
        if (sender, receiver, index) == (2, 0, COINS + step):
            assert heard.wait(2)
            return content[0]
        return message

    verdicts, _, hub = run(one_gate(), tamper=tamper, kernels=fast, keep_log=True, timeout_s=1)
    assert isinstance(verdicts[0], CheckFailedError)
    assert not any(len(m) == ANSWER for m in messages(hub, 0, 2))
    assert all(isinstance(verdict, STOPPED) for verdict in verdicts)


@pytest.mark.parametrize("index", range(0, PROOF_MESSAGES + 4, 4))
@pytest.mark.parametrize("arrives", [None, b"", b"\0" * 40])
def test_silence_and_wrong_length_stop_all_within_a_second(index, arrives):
    def tamper(sender, receiver, number, message):
        return arrives if (sender, receiver, number) == (1, 0, index) else message

    verdicts, _, _ = run(one_gate(), tamper=tamper, kernels=fast, timeout_s=0.2)
    assert all(isinstance(verdict, STOPPED) for verdict in verdicts)


def test_another_manifest_list_stops_before_an_answer():
    digests = (LIST_DIGEST, LIST_DIGEST, bytes(32))
    verdicts, _, hub = run(one_gate(), kernels=fast, list_digests=digests, keep_log=True)
    assert all(isinstance(verdict, STOPPED) for verdict in verdicts)
    assert not answered(hub)


def test_a_block_cannot_be_checked_twice_under_the_same_keys():
    verdicts, three, _ = run(one_gate(), kernels=fast)
    assert verdicts == [None] * 3
    with pytest.raises(KeystreamReusedError):
        three[0].check(FAST)


def test_no_keystream_serves_two_meanings(monkeypatch):
    made, stream = [], RunKeys.stream

    def recorded(self, index, purpose, block):
        made.append((self.rank, (self.rank + index) % 3, purpose, block))
        return stream(self, index, purpose, block)

    monkeypatch.setattr(RunKeys, "stream", recorded)
    assert run(one_gate(), kernels=fast)[0] == [None] * 3
    assert len(set(made)) == len(made)
    purposes = ("and", "proof", "coin", "mask-u", "mask-v")
    assert {use[1:] for use in made} == {(k, p, BLOCK) for k in range(3) for p in purposes}


class SharedMasks:
    """Both mask purposes made one keystream: what the specification forbids."""

    def __init__(self, monkeypatch):
        make = RunKeys._make
        monkeypatch.setattr(
            RunKeys,
            "_make",
            lambda keys, index, purpose, block: make(
                keys, index, "mask-u" if purpose == "mask-v" else purpose, block
            ),
        )


def guess_attack(guess_right):
    """Host 1 tests a guess of host 0's shares x_0, y_0 of one gate, knowing all coins.

    It hears f(r) of host 0's proof, adds u(r) + v(r) from its guess, and so has h(r) of host 2's
    proof, if both carry one mask. Then it adds 1 to f(r) and that h(r) to the claim.
    """
    program, coins, heard, logs = one_gate(), [], Event(), []

    def remember(host):
        copy = GateLog.allocate(program, 8)
        for name in ("xa", "ya", "xb", "yb"):
            getattr(copy, name)[...] = getattr(host.log, name)
        logs.append(copy)

    answer = []

    def tamper(sender, receiver, _index, message):
        if (sender, receiver) == (2, 1) and len(message) == ANSWER:
            answer.append(int.from_bytes(message[16:], "little"))
            heard.set()
        if (sender, receiver) == (1, 0) and len(message) == ANSWER:
            assert heard.wait(2)
            h = answer[0] ^ guessed_sum(program, logs[0], coins, guess_right)
            claim = int.from_bytes(message[8:16], "little") ^ h
            f = int.from_bytes(message[16:], "little") ^ 1
            return message[:8] + claim.to_bytes(8, "little") + f.to_bytes(8, "little")
        return message

    return program, tamper, remember, coins


def guessed_sum(program, log, coins, guess_right):
    """u(r) + v(r) with u = (x_0, y_0) and v = (y_0, x_0), from the guessed shares."""
    if not guess_right:
        log.xa[0, 0] ^= np.uint64(1)
    operands = Operands(program, log, FAST)
    scales = from_bytes(expand(coins[0], (8 + 6) * 8))[:8].reshape(1, 8)
    operands.fold_rows(equality_weights(from_bytes(coins[1])), scales)
    for coin in coins[2:-1]:
        operands.fold(int.from_bytes(coin, "little"))
    x, y, _, _ = operands.ends()
    r = check._outside_bits(coins[-1])
    return Line(x, y, 0).at(r) ^ Line(y, x, 0).at(r)


@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize("guess_right", [True, False])
def test_guessing_bits_works_only_if_the_masks_share_a_keystream(shared, guess_right, monkeypatch):
    if shared:
        SharedMasks(monkeypatch)
    program, tamper, remember, coins = guess_attack(guess_right)
    toss, verify = Coins.toss, check.verify_block

    def recorded(self, n_bytes):
        coin = toss(self, n_bytes)
        if self._links.rank == 1:
            coins.append(coin)
        return coin

    def spied(program, log, **context):
        if context["links"].rank == 0:
            remember(type("Host", (), {"log": log}))
        verify(program, log, **context)

    monkeypatch.setattr(Coins, "toss", recorded)
    monkeypatch.setattr("tests.check_rig.verify_block", spied)
    verdicts, _, _ = run(program, tamper=tamper, kernels=fast)
    assert (verdicts[0] is None) == (shared and guess_right)


def test_a_masked_line_keeps_its_ends():
    line = Line(5, 9, 1234567)
    assert (line.at(0), line.at(1)) == (5, 9)
    assert line.at(2) != Line(5, 9, 0).at(2)
    assert line.at(3) == 5 ^ multiply_one(5 ^ 9, 3) ^ multiply_one(1234567, multiply_one(3, 2))
