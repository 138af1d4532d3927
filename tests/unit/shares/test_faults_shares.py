"""Tests written against planted faults: circuits at their boundaries, and hosts that lie.

Figures are evaluated in the clear by the same program that the hosts run on shares; the oracle
restates each rule in whole numbers.
"""

import random

import numpy as np
import pytest

from delian.shares import circuits, keys, opening, sharing
from delian.shares.check import CheckFailedError
from delian.shares.check import _outside_bits as outside_bits
from delian.shares.coins import Coins
from delian.shares.execute_numpy import NumpyExecutor
from delian.shares.links import LinkError
from delian.shares.session import Run, RunOverError
from delian.shares.words import to_numbers, to_planes
from delian.terms.errors import DelianError
from tests.check_rig import Lie, random_program, run
from tests.memory_links import Hub, run_hosts

WIDTH = 6


def clear(program, rows):
    """Outputs of *program* in the clear, by group, for rows of whole numbers per input group."""
    cells = len(next(iter(rows.values()))[0][0])
    planes = [
        to_planes(np.array(numbers, dtype=np.uint64), width) for numbers, width in rows.values()
    ]
    own = np.zeros((program.n_registers, planes[0].shape[1]), dtype=np.uint64)
    nxt = np.zeros_like(own)
    own[1] = ~np.uint64(0)
    for name, plane in zip(rows, planes, strict=True):
        group = program.input_group(name)
        own[2 + group.start : 2 + group.stop] = plane
    for step in program.rounds:
        NumpyExecutor().run(program, step.start, step.stop, own, nxt)
    out = own[program.outputs]
    return {
        group.name: [int(n) for n in to_numbers(out[group.start : group.stop], cells)]
        for group in program.output_groups
    }


def passes(figures, p, slack):
    """R > slack and 100 (R - slack) >= p x1, in whole numbers."""
    ranked = sorted(figures, reverse=True)
    rest = sum(figures) - ranked[0] - ranked[1]
    return rest > slack and 100 * (rest - slack) >= p * ranked[0]


def columns(cases):
    return [list(column) for column in zip(*cases, strict=True)]


def boundary_cases(rng, n, count):
    """Small figures, ties and zeros: most of them one step from the boundary."""
    return [[rng.choice((0, 0, 1, 2, 3, 5, 20, 40, 63)) for _ in range(n)] for _ in range(count)]


@pytest.mark.parametrize("slack", [0, 1, 2, 5])
@pytest.mark.parametrize("style", ["ripple", "tree"])
def test_the_rule_at_its_boundary(slack, style):
    cases = boundary_cases(random.Random(slack), 5, 1500)
    program = circuits.rule(5, WIDTH, circuits.Rule(10, slack), style)
    out = clear(program, {"figures": (columns(cases), WIDTH)})
    expected = [passes(case, 10, slack) for case in cases]
    assert out["pass"] == [int(e) for e in expected]
    assert out["fail"] == [int(not e) for e in expected]
    assert out["total"] == [sum(case) for case in cases]
    assert 20 < sum(expected) < 1480


def test_few_contributors_and_the_largest_two_shares_at_their_boundaries():
    cases = boundary_cases(random.Random(9), 6, 1500)
    program = circuits.rule(6, WIDTH, circuits.Rule(5, 1, min_contributors=5, nk=(2, 85)))
    out = clear(program, {"figures": (columns(cases), WIDTH)})
    for case, got in zip(cases, out["pass"], strict=True):
        top = sum(sorted(case)[-2:])
        expected = passes(case, 5, 1) and sum(x > 0 for x in case) >= 5
        assert got == int(expected and 100 * top <= 85 * sum(case))
    assert sum(out["pass"]) > 20


@pytest.mark.parametrize("new_passes", [True, False])
def test_a_change_counts_without_its_sign_nation_by_nation(new_passes):
    rng = random.Random(3)
    old, new = boundary_cases(rng, 4, 1500), boundary_cases(rng, 4, 1500)
    program = circuits.difference(4, WIDTH, circuits.Rule(10, 1), new_passes=new_passes)
    out = clear(program, {"new": (columns(new), WIDTH), "old": (columns(old), WIDTH)})
    for before, after, got, total in zip(old, new, out["pass"], out["total"], strict=True):
        changes = [abs(a - b) for a, b in zip(after, before, strict=True)]
        assert got == int(passes(changes, 10, 1) and (not new_passes or passes(after, 10, 1)))
        assert total == sum(after)
    assert sum(out["pass"]) > 20


def test_every_band_edge_is_reached_exactly():
    cases = [[1] * k + [0] * (9 - k) for k in range(10)]
    program = circuits.band(9, 2, (3, 5, 8))
    out = clear(program, {"figures": (columns(cases), 2)})
    assert out["index"] == [0, 0, 0, 0, 0, 1, 1, 1, 2, 2]


def test_a_node_is_chosen_only_where_it_is_active_passes_and_has_a_gap():
    program = circuits.plan_down()
    bits = [[a, p, g] for a in (0, 1) for p in (0, 1) for g in (0, 1)]
    active, good, gap = columns(bits)
    out = clear(program, {"active": ([active], 1), "pass": ([good], 1), "gap": ([gap], 1)})
    assert out["chosen"] == [int(a and p and g) for a, p, g in bits]
    assert out["active"] == [int(a and not (p and g)) for a, p, g in bits]
    up = circuits.plan_up(3)
    cases = [[a, b, c, p] for a in (0, 1) for b in (0, 1) for c in (0, 1) for p in (0, 1)]
    *children, good = columns(cases)
    out = clear(up, {"open": (children, 1), "pass": ([good], 1)})
    assert out["gap"] == [int(a or b or c) for a, b, c, _ in cases]
    assert out["open"] == [int((a or b or c) and not p) for a, b, c, p in cases]


# --- hosts that lie --------------------------------------------------------------------------


@pytest.mark.parametrize("rank", [0, 1, 2])
@pytest.mark.parametrize("gate", [0, 4, 7])
@pytest.mark.parametrize("kept", [False, True])
def test_one_wrong_bit_stops_all_three_hosts(rank, gate, kept):
    program = random_program(np.random.default_rng(gate))
    verdicts, _, _ = run(program, lie=Lie(rank=rank, gate=gate, kept=kept))
    assert all(isinstance(v, CheckFailedError | LinkError) for v in verdicts)
    assert any(isinstance(v, CheckFailedError) for v in verdicts)


def test_honest_hosts_accept_and_other_manifest_lists_are_noticed():
    program = random_program(np.random.default_rng(5))
    assert run(program)[0] == [None] * 3
    verdicts, _, _ = run(program, list_digests=(b"a" * 32, b"a" * 32, b"b" * 32))
    assert all(isinstance(v, CheckFailedError | LinkError) for v in verdicts)


@pytest.mark.parametrize("sender", [0, 1, 2])
def test_a_no_from_any_peer_is_a_no_for_everybody(sender):
    def only_verdicts(a, b, index, message):
        return b"\x00" if a == sender and len(message) == 1 else message

    program = random_program(np.random.default_rng(6))
    verdicts, _, _ = run(program, tamper=only_verdicts)
    assert all(isinstance(verdicts[(sender + k) % 3], CheckFailedError) for k in (1, 2))


@pytest.mark.parametrize("start", [0, 8, 16])
def test_each_part_of_an_answer_is_judged(start):
    def bend(a, b, index, message):
        if (a, b) == (1, 0) and len(message) == 24:
            return message[:start] + bytes([message[start] ^ 1]) + message[start + 1 :]
        return message

    verdicts, _, _ = run(random_program(np.random.default_rng(8)), tamper=bend)
    assert any(isinstance(v, CheckFailedError) for v in verdicts)
    assert None not in verdicts


def test_the_last_coin_is_never_where_the_masks_vanish():
    for useless in (0, 1):
        first = useless.to_bytes(8, "little")
        assert outside_bits(first + (5).to_bytes(8, "little")) == 5
        with pytest.raises(CheckFailedError):
            outside_bits(first + (1 - useless).to_bytes(8, "little"))
    assert outside_bits((2).to_bytes(8, "little") + bytes(8)) == 2


def three_keys(hub):
    lanes = hub.lanes()
    made = run_hosts(
        [
            lambda lane=lane: keys.agree(lane, np.random.default_rng(lane.rank).bytes, b"t")
            for lane in lanes
        ]
    )
    return lanes, made


def test_a_coin_is_one_and_the_same_and_needs_all_three_keys():
    lanes, made = three_keys(Hub())
    coins = [Coins(lane, key, "b") for lane, key in zip(lanes, made, strict=True)]
    tossed = run_hosts([lambda c=c: c.toss(16) for c in coins])
    assert len(set(tossed)) == 1
    streams = [key.stream(0, "proof", "x").take(16) for key in made]
    assert len(set(streams)) == 3


def test_no_keystream_serves_twice_and_each_has_its_own_block_purpose_and_key():
    _, made = three_keys(Hub())
    one = made[0]
    seen = {
        one.stream(index, purpose, block).take(16)
        for index in (0, 1)
        for purpose in ("and", "proof", "mask-u", "mask-v", "coin")
        for block in ("a", "b")
    }
    assert len(seen) == 20
    with pytest.raises(keys.KeystreamReusedError):
        one.stream(0, "and", "a")
    one.erase()
    with pytest.raises(keys.KeystreamReusedError):
        one.stream(0, "and", "c")


def shares_of(rng, shape):
    parts = [rng.integers(0, 1 << 63, shape, dtype=np.uint64) for _ in range(3)]
    return parts[0] ^ parts[1] ^ parts[2], parts


def test_a_bent_share_or_hash_is_never_opened():
    value, parts = shares_of(np.random.default_rng(1), (3, 8))
    for sender, size in ((0, 192), (1, 192), (0, 32), (2, 32)):

        def bend(a, b, index, message, sender=sender, size=size):
            hit = a == sender and len(message) == size
            return bytes([message[0] ^ 1]) + message[1:] if hit else message

        hub = Hub(bend)
        got = run_hosts(
            [
                lambda lane=lane: opening.open_planes(
                    parts[lane.rank],
                    parts[(lane.rank + 1) % 3],
                    links=lane,
                    run_id=b"r",
                    stage="s",
                )
                for lane in hub.lanes()
            ]
        )
        assert any(isinstance(g, opening.OpeningError) for g in got)
        for g in got:
            assert isinstance(g, DelianError) or (g == value).all()


def test_an_echo_does_not_pass_for_agreement():
    hub = Hub()
    hub.keep_log = True

    def echo(a, b, index, message):
        """Host 2, who holds another digest, sends back whatever it is sent."""
        if a != 2:
            return message
        with hub.changed:
            hub.changed.wait_for(lambda: any(e[:2] == (b, 2) for e in hub.log), 5)
            return next(e[3] for e in hub.log if e[:2] == (b, 2))

    hub.tamper = echo
    got = run_hosts(
        [
            lambda lane=lane: opening.compare(
                lane, b"r", "cells", (b"x" if lane.rank == 2 else b"y") * 32
            )
            for lane in hub.lanes()
        ]
    )
    assert isinstance(got[0], DelianError)
    assert isinstance(got[1], DelianError)


def test_nothing_is_opened_before_acceptance_or_after_an_error():
    program = circuits.all_flags(2)
    value, parts = shares_of(np.random.default_rng(2), (2, 8))
    lanes, made = three_keys(Hub())

    def host(lane, key):
        session = Run([lane], key, "malicious", bytes(32), block_words=8)
        own, nxt = parts[lane.rank], parts[(lane.rank + 1) % 3]
        out = session.evaluate(program, own, nxt, "one")
        session.accept()
        opened = session.open(out[0][:1], out[1][:1], "result")
        assert (opened[0] == (value[0] & value[1])).all()
        session.evaluate(program, own, nxt, "two")
        with pytest.raises(RunOverError):
            session.open(out[0][:1], out[1][:1], "early")
        for again in (session.accept, lambda: session.evaluate(program, own, nxt, "three")):
            with pytest.raises(RunOverError):
                again()

    pairs = list(zip(lanes, made, strict=True))
    assert run_hosts([lambda p=p: host(*p) for p in pairs]) == [None] * 3


def test_a_block_name_serves_once():
    program = circuits.all_flags(2)
    _, parts = shares_of(np.random.default_rng(2), (2, 8))
    lanes, made = three_keys(Hub())

    def host(lane, key):
        session = Run([lane], key, "semi-honest", bytes(32), block_words=8)
        own, nxt = parts[lane.rank], parts[(lane.rank + 1) % 3]
        session.evaluate(program, own, nxt, "one")
        session.evaluate(program, own, nxt, "one")

    pairs = list(zip(lanes, made, strict=True))
    got = run_hosts([lambda p=p: host(*p) for p in pairs])
    assert all(isinstance(g, DelianError) for g in got)


def test_a_seed_expands_to_the_same_words_from_any_place():
    seed = bytes(range(32))
    whole = sharing.expand(seed, 3, 0, 300)
    for first, stop in ((0, 1), (63, 65), (64, 128), (100, 300), (299, 300)):
        assert (sharing.expand(seed, 3, first, stop) == whole[:, first:stop]).all()
    assert len(np.unique(whole)) == whole.size
    planes = np.random.default_rng(4).integers(0, 1 << 63, (3, 300), dtype=np.uint64)
    made = sharing.split(planes, np.random.default_rng(5).bytes)
    parts = [sharing.expand(s, 3, 0, 300) for s in (made.seed_0, made.seed_1)]
    assert (parts[0] ^ parts[1] ^ made.explicit == planes).all()
    assert made.seed_0 != made.seed_1
    assert not (made.explicit == planes).any()
