"""Three hosts in memory compute what the plain circuit computes, and stop together."""

import os
import threading
import time
from typing import Any

import numpy as np
import pytest

from delian.shares.circuits import Rule, plan_up, rule
from delian.shares.execute_numba import NumbaExecutor
from delian.shares.keys import KeystreamReusedError, agree, run_context
from delian.shares.links import LinkError, LinkMismatchError
from delian.shares.session import Run, RunOverError
from delian.terms.errors import TamperedError
from tests.memory_links import Hub, run_hosts
from tests.shares_world import (
    LIST_DIGEST,
    clear,
    opened,
    planes_of,
    run_three,
    share,
)

PROGRAM = rule(4, 3, Rule(10, 1))


def figures(n_cells: int) -> np.ndarray:
    rng = np.random.default_rng(n_cells)
    return planes_of(rng.integers(0, 8, (4, n_cells)).tolist(), 3)


def fine(results: list[Any]) -> list[Any]:
    for result in results:
        if isinstance(result, BaseException):
            raise result
    return results


@pytest.mark.parametrize("n_cells", [1, 63, 64, 65, 9 * 64 + 1, 40 * 64])
@pytest.mark.parametrize("lanes", [1, 2])
def test_three_hosts_equal_plain(n_cells: int, lanes: int) -> None:
    planes = figures(n_cells)
    for got in fine(opened(PROGRAM, planes, lanes=lanes, block_words=16)):
        assert np.array_equal(got, clear(PROGRAM, planes))


@pytest.mark.parametrize("n_cells", [65, 9 * 64])
def test_checked_run_equals_plain(n_cells: int) -> None:
    program, planes = plan_up(3), figures(n_cells)[:4]
    executor = NumbaExecutor()
    for got in fine(opened(program, planes, mode="malicious", executor=executor, block_words=8)):
        assert np.array_equal(got, clear(program, planes))


def test_checked_run_of_a_rule() -> None:
    planes = figures(70)
    for got in fine(opened(PROGRAM, planes, mode="malicious")):
        assert np.array_equal(got, clear(PROGRAM, planes))


def test_nothing_opens_before_it_is_accepted() -> None:
    planes = figures(5)
    shares = share(planes)
    together = threading.Barrier(3, timeout=5)

    def work(run: Run, rank: int) -> str:
        own, nxt = run.evaluate(PROGRAM, shares[rank], shares[(rank + 1) % 3], "b")
        together.wait()
        with pytest.raises(RunOverError, match="before the run is accepted"):
            run.open(own, nxt, "s")
        with pytest.raises(RunOverError, match="has ended"):
            run.accept()
        return "stopped"

    assert run_three(work) == ["stopped"] * 3


def test_evaluating_again_needs_accepting_again() -> None:
    planes = figures(5)
    shares = share(planes)
    together = threading.Barrier(3, timeout=5)

    def work(run: Run, rank: int) -> str:
        mine = shares[rank], shares[(rank + 1) % 3]
        own, nxt = run.evaluate(PROGRAM, *mine, "b")
        first = run.accept()
        run.open(own, nxt, "s")
        run.evaluate(PROGRAM, *mine, "c")
        together.wait()
        with pytest.raises(RunOverError, match="accepted"):
            run.open(own, nxt, "t")
        return first.hex()

    assert all(len(digest) == 64 for digest in run_three(work))


@pytest.mark.parametrize("again", ["block", "stage"])
def test_a_name_is_used_once(again: str) -> None:
    planes = figures(5)
    shares = share(planes)
    together = threading.Barrier(3, timeout=5)

    def work(run: Run, rank: int) -> str:
        mine = shares[rank], shares[(rank + 1) % 3]
        own, nxt = run.evaluate(PROGRAM, *mine, "b")
        run.accept()
        run.open(own, nxt, "s")
        together.wait()
        with pytest.raises(RunOverError, match="already used"):
            run.evaluate(PROGRAM, *mine, "b") if again == "block" else run.open(own, nxt, "s")
        return "refused"

    assert run_three(work) == ["refused"] * 3


def test_another_program_is_noticed() -> None:
    planes = figures(5)
    shares = share(planes)
    other = rule(4, 3, Rule(20, 1))

    def work(run: Run, rank: int) -> bytes:
        program = other if rank == 1 else PROGRAM
        run.evaluate(program, shares[rank], shares[(rank + 1) % 3], "b")
        return run.accept()

    results = run_three(work, hub=Hub(timeout_s=0.5))
    assert all(isinstance(result, LinkMismatchError | LinkError) for result in results)


def test_other_shares_at_two_holders_are_noticed() -> None:
    """Semi-honest mode, too, compares every output share between its two holders."""
    planes = figures(5)
    shares = share(planes)

    def work(run: Run, rank: int) -> bytes:
        own = shares[rank].copy()
        if rank == 2:
            own[0, 0] ^= np.uint64(1)
        run.evaluate(PROGRAM, own, shares[(rank + 1) % 3], "b")
        return run.accept()

    results = run_three(work)
    assert any(isinstance(result, LinkMismatchError) for result in results)
    assert not any(isinstance(result, bytes) for result in results[1:])


@pytest.mark.parametrize("lie", [4, 9])
def test_a_flipped_bit_opens_nothing(lie: int) -> None:
    """One bit of one message of the evaluation is changed on its way."""
    seen: list[int] = []

    def tamper(sender: int, receiver: int, index: int, message: bytes) -> bytes:
        if (sender, receiver) == (2, 1) and index == lie:
            seen.append(index)
            return bytes([message[0] ^ 1]) + message[1:]
        return message

    results = opened(PROGRAM, figures(64), mode="malicious", hub=Hub(tamper, timeout_s=2.0))
    assert seen
    assert all(isinstance(result, TamperedError | LinkError) for result in results)
    assert any(isinstance(result, TamperedError) for result in results)


@pytest.mark.parametrize("silent", [0, 1, 3, 9])
def test_silence_stops_all_three(silent: int) -> None:
    def tamper(sender: int, receiver: int, index: int, message: bytes) -> bytes | None:
        return None if (sender, receiver) == (0, 2) and index >= silent else message

    begin = time.monotonic()
    results = opened(PROGRAM, figures(64), hub=Hub(tamper, timeout_s=0.3))
    assert time.monotonic() - begin < 1.3 + 0.3
    assert all(isinstance(result, LinkError) for result in results)
    assert any("stalled" in str(result) for result in results)
    assert all(str(result).startswith("link ") for result in results)


@pytest.mark.parametrize("wrong", [b"", b"x", b"garbage" * 9])
def test_a_wrong_length_stops_all_three(wrong: bytes) -> None:
    def tamper(sender: int, receiver: int, index: int, message: bytes) -> bytes:
        return wrong if (sender, receiver) == (1, 0) and index == 6 else message

    results = opened(PROGRAM, figures(64), hub=Hub(tamper, timeout_s=0.5))
    assert all(isinstance(result, LinkError) for result in results)
    assert any("link alpha-bravo carried" in str(result) for result in results)


def test_an_ended_run_does_nothing() -> None:
    planes = figures(3)

    def work(run: Run, rank: int) -> str:
        run.abort("enough")
        for step in (
            lambda: run.evaluate(PROGRAM, planes, planes, "b"),
            run.accept,
            lambda: run.open(planes, planes, "s"),
            lambda: run.compare("x", b"d"),
        ):
            with pytest.raises(RunOverError, match="has ended"):
                step()
        with pytest.raises(TypeError):
            run.__reduce__()
        return repr(run)

    for rank, result in enumerate(run_three(work)):
        assert isinstance(result, LinkError) or result == f"Run(rank={rank}, mode='semi-honest')"


@pytest.mark.parametrize("odd", [0, 1, 2])
def test_other_terms_are_refused_before_the_first_share(odd: int) -> None:
    hub = Hub()
    hub.keep_log = True
    contexts = [b"other" if rank == odd else b"c" for rank in range(3)]
    results = run_three(lambda run, rank: run.run_id, hub=hub, contexts=contexts)
    assert all(isinstance(result, LinkMismatchError | LinkError) for result in results)
    assert {len(message) for *_, message in hub.log} <= {32, 64}


def test_other_lanes_or_modes_are_refused() -> None:
    def host(hub: Hub, rank: int, mode: Any) -> Run:
        links = hub.lanes()[rank]
        keys = agree(links, os.urandom, run_context(b"t", b"n", b"m"))
        return Run([links], keys, mode, LIST_DIGEST)

    hub = Hub()
    modes = ["malicious", "semi-honest", "malicious"]
    results = run_hosts([lambda r=r: host(hub, r, modes[r]) for r in range(3)])
    assert all(isinstance(result, LinkMismatchError | LinkError) for result in results)


def test_swapped_lanes_are_refused() -> None:
    """Host 1 has taken its two lanes for each other: the confirmation of each lane differs."""
    hubs = [Hub(timeout_s=0.5), Hub(timeout_s=0.5)]

    def host(rank: int) -> Run:
        links = [hub.lanes()[rank] for hub in hubs]
        keys = agree(links[0], os.urandom, run_context(b"t", b"n", b"m"))
        return Run(links[::-1] if rank == 1 else links, keys, "semi-honest", LIST_DIGEST)

    results = run_hosts([lambda r=r: host(r) for r in range(3)])
    assert all(isinstance(result, LinkMismatchError | LinkError) for result in results)


def test_streaming_sees_every_block_once() -> None:
    planes = figures(50 * 64)
    shares = share(planes)

    def work(run: Run, rank: int) -> tuple[list[tuple[int, int]], bytes]:
        seen: list[tuple[int, int]] = []
        mine = shares[rank], shares[(rank + 1) % 3]

        def source(first: int, stop: int, own: np.ndarray, nxt: np.ndarray) -> None:
            own[:, : stop - first] = mine[0][:, first:stop]
            nxt[:, : stop - first] = mine[1][:, first:stop]

        run.stream(PROGRAM, 50, source, lambda a, b, *_: seen.append((a, b)), "b")
        return sorted(seen), run.accept()

    results = fine(run_three(work, block_words=16, lanes=2))
    assert [r[0] for r in results] == [[(0, 16), (16, 32), (32, 48), (48, 50)]] * 3


def test_bad_block_size() -> None:
    def work(run: Run, rank: int) -> None:
        raise AssertionError("not reached")

    results = run_three(work, block_words=12)
    assert all(isinstance(result, ValueError) for result in results)


def test_keys_are_gone_after_an_error() -> None:
    kept: list[Any] = []

    def work(run: Run, rank: int) -> None:
        kept.append(run._keys)
        run.abort("enough")

    run_three(work)
    for keys in kept:
        with pytest.raises(KeystreamReusedError, match="erased"):
            keys.stream(0, "and", "later")
