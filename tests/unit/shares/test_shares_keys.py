"""Keys of a run: agreed between pairs, spent once, gone when erased."""

import os
from typing import Any

import pytest

from delian.shares.keys import (
    PURPOSES,
    Keystream,
    KeystreamReusedError,
    RunKeys,
    agree,
    run_context,
)
from delian.shares.links import LinkError, LinkMismatchError
from tests.memory_links import Hub, run_hosts


def agreed(hub: Hub | None = None, randbytes: Any = os.urandom) -> list[Any]:
    lanes = (hub or Hub()).lanes()
    return run_hosts([lambda one=one: agree(one, randbytes, b"context") for one in lanes])


def test_each_key_has_two_holders() -> None:
    keys = agreed()
    streams = [[k.stream(index, "and", "b").take(32) for index in (0, 1)] for k in keys]
    for i in range(3):
        assert streams[i][1] == streams[(i + 1) % 3][0]
    assert len({stream for pair in streams for stream in pair}) == 3
    assert len({k.run_id for k in keys}) == 1


def test_every_run_has_its_own_keys_and_id() -> None:
    runs = [agreed()[0] for _ in range(3)]
    assert len({run.run_id for run in runs}) == 3
    assert len({run.stream(0, "and", "b").take(16) for run in runs}) == 3


def test_run_id_does_not_repeat_with_weak_randomness_at_one_host() -> None:
    def host(lane: Any) -> RunKeys:
        weak = bytes if lane.rank == 0 else os.urandom
        return agree(lane, weak, b"context")

    ids = set()
    for _ in range(2):
        results = run_hosts([lambda one=one: host(one) for one in Hub().lanes()])
        ids |= {result.run_id for result in results}  # type: ignore[union-attr]
    assert len(ids) == 2


def test_no_keystream_serves_two_meanings() -> None:
    """Keystream ledger: (key, purpose, block) to first bytes, over everything a run can ask for."""
    keys = agreed()
    seen: dict[bytes, tuple[int, str, str]] = {}
    for rank, holder in enumerate(keys):
        for index in (0, 1):
            for purpose in sorted(PURPOSES):
                for block in ("a/0-8", "a/8-16", "a/0-81", "ab/0-8"):
                    meaning = ((rank + index) % 3, purpose, block)
                    start = holder.stream(index, purpose, block).take(16)
                    assert seen.setdefault(start, meaning) == meaning
    assert len(seen) == 3 * len(PURPOSES) * 4


@pytest.mark.parametrize("purpose", sorted(PURPOSES))
def test_a_second_stream_is_refused(purpose: str) -> None:
    keys = agreed()[0]
    keys.stream(0, purpose, "b")
    keys.stream(1, purpose, "b")
    with pytest.raises(KeystreamReusedError, match="already used"):
        keys.stream(0, purpose, "b")


def test_unknown_purpose() -> None:
    with pytest.raises(ValueError, match="purpose"):
        agreed()[0].stream(0, "other", "b")


def test_erased_keys_are_gone() -> None:
    keys = agreed()[0]
    held = keys._keys
    keys.erase()
    assert held is not None
    assert all(not any(key) for key in held)
    with pytest.raises(KeystreamReusedError, match="erased"):
        keys.stream(0, "and", "b")
    keys.erase()


def test_xor_into_equals_take() -> None:
    one, other = Keystream(b"k" * 16), Keystream(b"k" * 16)
    data = bytearray(b"\x0f" * 100)
    one.xor_into(data)
    mask = other.take(60) + other.take(40)
    assert bytes(a ^ b for a, b in zip(data, mask, strict=True)) == b"\x0f" * 100


def test_secrets_do_not_show_and_do_not_travel() -> None:
    keys = agreed()[0]
    assert "hidden" in repr(keys)
    for secret in (keys, keys.stream(0, "and", "b")):
        assert "hidden" in repr(secret)
        with pytest.raises(TypeError):
            secret.__reduce__()


@pytest.mark.parametrize("sender", [0, 1, 2])
@pytest.mark.parametrize("towards", [1, 2])
@pytest.mark.parametrize("index", [0, 1])
def test_a_changed_agreement_is_noticed(sender: int, towards: int, index: int) -> None:
    """A changed nonce or confirmation; a changed key share alone shows as soon as it is used."""

    def tamper(a: int, b: int, number: int, message: bytes) -> bytes:
        if (a, b, number) == (sender, (sender + towards) % 3, index):
            return bytes([message[0] ^ 1]) + message[1:]
        return message

    hub = Hub(tamper)
    results = agreed(hub)
    assert isinstance(results[(sender + towards) % 3], LinkMismatchError)
    if index == 0:
        assert all(isinstance(result, LinkMismatchError | LinkError) for result in results)
    for lane in hub.lanes():
        with pytest.raises(LinkError):
            lane.exchange({}, {(lane.rank + 1) % 3: 1})


def test_an_echo_is_no_confirmation() -> None:
    first: dict[tuple[int, int], bytes] = {}

    def echo(a: int, b: int, number: int, message: bytes) -> bytes:
        if number == 1:
            first.setdefault((a, b), message)
            return first.get((b, a), message)
        return message

    results = agreed(Hub(echo))
    assert any(isinstance(result, LinkMismatchError) for result in results)


def test_context_is_unambiguous() -> None:
    assert run_context(b"ab", b"c", b"d") != run_context(b"a", b"bc", b"d")
