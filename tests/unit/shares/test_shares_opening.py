"""Opening: no host can bend a bit, and nothing is used before share and hash agree."""

from threading import Event

import numpy as np
import pytest

from delian.shares.links import LinkError
from delian.shares.opening import OpeningError, compare, open_planes
from tests.memory_links import Hub, run_hosts

RUN_ID = bytes(32)


def planes(seed=1, shape=(3, 8)):
    rng = np.random.default_rng(seed)
    return [rng.integers(0, 1 << 64, shape, dtype=np.uint64) for _ in range(3)]


def opened(parts, tamper=None, stages=("bits",) * 3, run_ids=(RUN_ID,) * 3):
    hub = Hub(tamper, timeout_s=0.3)
    lanes = hub.lanes()
    return run_hosts(
        [
            lambda i=i: open_planes(
                parts[i], parts[(i + 1) % 3], links=lanes[i], run_id=run_ids[i], stage=stages[i]
            )
            for i in range(3)
        ]
    )


@pytest.mark.parametrize("shape", [(1, 1), (3, 8), (5, 3), (0, 8)])
def test_three_hosts_open_the_same_values(shape):
    parts = planes(shape=shape)
    for values in opened(parts):
        assert (values == parts[0] ^ parts[1] ^ parts[2]).all()


def flipped(message):
    return bytes([message[0] ^ 1]) + message[1:]


@pytest.mark.parametrize("sender", range(3))
@pytest.mark.parametrize("what", ["share", "hash"])
def test_a_wrong_share_or_hash_is_refused_by_its_receiver(sender, what):
    receiver = (sender + (1 if what == "share" else -1)) % 3

    def tamper(a, b, _index, message):
        return flipped(message) if (a, b) == (sender, receiver) else message

    results = opened(planes(), tamper)
    assert isinstance(results[receiver], OpeningError)
    assert "link" in results[receiver].message


def test_a_host_with_a_wrong_share_of_its_own_is_refused():
    parts = planes()
    wrong = parts[0] ^ np.uint64(1)
    lanes = Hub(timeout_s=0.3).lanes()
    given = [(wrong, parts[1]), (parts[1], parts[2]), (parts[2], parts[0])]
    results = run_hosts(
        [
            lambda i=i: open_planes(*given[i], links=lanes[i], run_id=RUN_ID, stage="s")
            for i in range(3)
        ]
    )
    assert isinstance(results[1], OpeningError)


@pytest.mark.parametrize("sender", range(3))
def test_silence_and_wrong_length_stop_all(sender):
    for answer in (None, b"", b"x" * 33):
        results = opened(planes(), lambda a, _b, _i, m, r=answer: r if a == sender else m)
        assert all(
            isinstance(result, LinkError | OpeningError)
            for host, result in enumerate(results)
            if host != sender
        )


def test_another_stage_run_or_shape_is_refused():
    parts = planes()
    assert any(
        isinstance(r, OpeningError) for r in opened(parts, stages=("bits", "totals", "bits"))
    )
    other = (RUN_ID, bytes([1]) * 32, RUN_ID)
    assert any(isinstance(r, OpeningError) for r in opened(parts, run_ids=other))


def compared(digests, tamper=None, labels=("list",) * 3):
    lanes = Hub(tamper, timeout_s=0.3).lanes()
    return run_hosts(
        [lambda i=i: compare(lanes[i], RUN_ID, labels[i], digests[i]) for i in range(3)]
    )


def test_equal_digests_pass():
    assert compared([b"d" * 32] * 3) == [None] * 3


@pytest.mark.parametrize("odd", range(3))
def test_a_different_cell_list_is_refused_by_both_peers(odd):
    digests = [b"d" * 32] * 3
    digests[odd] = b"e" * 32
    results = compared(digests)
    assert all(result is not None for result in results)
    assert any(isinstance(result, OpeningError) for result in results)


def test_another_label_is_refused():
    assert any(r is not None for r in compared([b"d" * 32] * 3, labels=("list", "pass", "list")))


def test_an_echoed_comparison_is_refused():
    heard = {(peer, 2): Event() for peer in (0, 1)}
    content = {}

    def echo(sender, receiver, _index, message):
        if receiver == 2:
            content[sender] = message
            heard[sender, 2].set()
        if sender == 2:
            assert heard[receiver, 2].wait(2)
            return content[receiver]
        return message

    results = compared([b"d" * 32] * 3, echo)
    assert all(result is not None for result in results[:2])
    assert any(isinstance(result, OpeningError) for result in results[:2])
