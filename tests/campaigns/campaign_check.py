"""The check of every AND, attacked at length: cheats in the model, faults on three hosts.

The model plays the best cheat we know in GF(2^8), 10^5 times if the budget allows it, counts
views exactly, and cuts each rule. Then real hosts get random lies, flipped bytes and silence.
"""

import random
import time
from math import sqrt
from typing import Any

import numpy as np

from delian.shares.check import CheckFailedError
from delian.shares.kernels_numba import NumbaKernels
from delian.shares.links import LinkError
from tests.check_rig import Lie, random_program
from tests.check_rig import run as run_hosts
from tests.model.zk_model import Field, Rules, Shape, cheat_once, predicted
from tests.model.zk_views import distance, guess_sum, honest, lying_left, lying_z, wrong_coin

MODEL_SHARE, VIEW_SHARE = 0.6, 0.2
ENOUGH_CHEATS = 200_000
LEAST = 100
ONE_TERM = Shape(0, 1, 1, 1)
MUST_HIDE = {
    "honest": honest,
    "lying z": lying_z,
    "check": lying_left((1, 0, 0)),
    "claim": lying_left((0, 3, 0)),
    "f and claim": lying_left((0, 3, 5)),
    "wrong coin": wrong_coin(1),
    "guess": guess_sum(1),
}
CUT_RULES = {
    "masks": (Rules(masks=False), honest),
    "separate_masks": (Rules(separate_masks=False), guess_sum(1)),
}
LEAST_WORLDS = 8


def run(budget_seconds: float, seed: int) -> dict[str, Any]:
    """Spends the budget on cheats, views and faults; raises on the first surprise."""
    start = time.monotonic()
    rng = random.Random(seed)
    figures = _cheats(rng, start + MODEL_SHARE * budget_seconds)
    figures |= _views(rng, start + (MODEL_SHARE + VIEW_SHARE) * budget_seconds)
    return figures | _faults(rng, start + budget_seconds) | {"failures": 0}


def _cheats(rng: random.Random, end: float) -> dict[str, Any]:
    f, shape = Field(8), Shape(1, 1, 2, 2)
    runs = wins = 0
    while runs < LEAST or (runs < ENOUGH_CHEATS and time.monotonic() < end):
        wins += cheat_once(f, shape, Rules(), rng)
        runs += 1
    expected = predicted(f, shape)
    if abs(wins / runs - expected) > 5 * sqrt(expected * (1 - expected) / runs):
        raise AssertionError(f"the cheat won {wins} of {runs}, predicted {expected:.5f}")
    cut = Rules(coin_after_message=False)
    if sum(cheat_once(f, shape, cut, rng) for _ in range(50)) < 45:
        raise AssertionError("the cheat does not use a coin that it knows")
    return {"cheats": runs, "cheats_won": wins / runs, "cheats_predicted": expected}


def _views(rng: random.Random, end: float) -> dict[str, Any]:
    """In every world the views must be equal; with a rule cut, they differ in most worlds.

    In a small field some worlds have coins of weight zero, in which nothing shows whatever is cut.
    """
    f = Field(4)
    worlds = 0
    shown = dict.fromkeys(CUT_RULES, 0)
    while worlds < LEAST_WORLDS or time.monotonic() < end:
        world = rng.randrange(1 << 30)
        for name, lies in MUST_HIDE.items():
            if distance(f, ONE_TERM, world, Rules(), lies):
                raise AssertionError(f"the view of a corrupt host ({name}) shows a secret: {world}")
        for name, (rules, lies) in CUT_RULES.items():
            shown[name] += distance(f, ONE_TERM, world, rules, lies) == 1
        worlds += 1
    for name, count in shown.items():
        if 2 * count < worlds:
            raise AssertionError(f"without {name} the views are told apart in {count} of {worlds}")
    return {"worlds_of_views": worlds} | {f"shown_without_{n}": c for n, c in shown.items()}


def _faults(rng: random.Random, end: float) -> dict[str, Any]:
    kernels = NumbaKernels()
    lies = flips = silences = honest_runs = 0
    turn = 0
    while turn < 8 or time.monotonic() < end:
        turn += 1
        maker = np.random.default_rng(rng.randrange(1 << 32))
        gates = rng.randint(1, 130)
        program = random_program(maker, gates_by_round=(gates,), max_terms=rng.randint(1, 4))
        kind = turn % 4
        options: dict[str, Any] = {"seed": turn, "n_words": 8 * rng.randint(1, 3)}
        if kind == 1:
            options["lie"] = Lie(rng.randrange(3), rng.randrange(gates), bit=rng.randrange(512))
            lies += 1
        elif kind >= 2:
            options["tamper"] = _fault(rng, silent=kind == 3)
            options["timeout_s"] = 0.3
            flips, silences = flips + (kind == 2), silences + (kind == 3)
        else:
            honest_runs += 1
        verdicts, _, _ = run_hosts(program, kernels=lambda _rank: kernels, **options)
        if kind == 0 and verdicts != [None] * 3:
            raise AssertionError(f"honest hosts were refused at turn {turn}")
        stopped = [isinstance(verdict, CheckFailedError | LinkError) for verdict in verdicts]
        if kind == 1 and not all(stopped):
            raise AssertionError(f"a lie was accepted at turn {turn}: {options['lie']}")
        if kind >= 2 and not any(stopped):
            raise AssertionError(f"a fault was accepted at turn {turn}")
    return {"honest_runs": honest_runs, "lies": lies, "flips": flips, "silences": silences}


def _fault(rng: random.Random, *, silent: bool) -> Any:
    """One message of the check is lost or gets one bit flipped."""
    sender = rng.randrange(3)
    receiver = (sender + rng.choice((1, -1))) % 3
    index, bit = rng.randrange(14), rng.randrange(1 << 16)

    def tamper(a: int, b: int, number: int, message: bytes) -> bytes | None:
        if (a, b, number) != (sender, receiver, index):
            return message
        if silent:
            return None
        place = bit // 8 % len(message)
        return message[:place] + bytes([message[place] ^ 1 << bit % 8]) + message[place + 1 :]

    return tamper
