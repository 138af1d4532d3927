"""The check as a model in small fields: its rules hold, and each one is needed."""

import random
from dataclasses import replace
from math import sqrt

import pytest

from tests.model.zk_model import (
    Field,
    Lies,
    Rules,
    Run,
    Shape,
    Tape,
    cheat_once,
    predicted,
    random_shares,
)
from tests.model.zk_views import distance, guess_sum, honest, lying_left, lying_z, wrong_coin

FIELDS = {degree: Field(degree) for degree in (2, 4, 8)}
ALL = Rules()
SMALL = Shape(row_variables=0, columns=1, terms=2, lanes=1)
ONE_TERM = replace(SMALL, terms=1)
STEP_COIN = 1  # with one column and no row variable: scale, one step, last pair
WORLDS = (11, 29)


@pytest.mark.parametrize("degree", [2, 4, 8])
def test_honest_hosts_are_always_accepted(degree):
    f, rng = FIELDS[degree], random.Random(degree)
    for _ in range(40):
        shape = Shape(
            rng.randrange(3), rng.randint(1, 2), rng.randint(1, 3), rng.randint(1, degree)
        )
        x, y = random_shares(shape, rng)
        outcome = Run(f, shape, x, y, Tape(rng, f.size)).run()
        assert all(outcome.accepted) or outcome.stopped_at == "last coin"


@pytest.mark.parametrize(("degree", "runs"), [(4, 800), (8, 1000)])
def test_the_best_cheat_wins_as_often_as_predicted(degree, runs):
    f, rng, shape = FIELDS[degree], random.Random(7), Shape(1, 1, 2, 2)
    wins = sum(cheat_once(f, shape, ALL, rng) for _ in range(runs))
    expected = predicted(f, shape)
    assert abs(wins / runs - expected) < 4 * sqrt(expected * (1 - expected) / runs)


@pytest.mark.parametrize("cut", ["coin_after_message", "done"])
def test_a_prover_that_learns_a_coin_early_wins(cut):
    f, rng = FIELDS[8], random.Random(3)
    rules = replace(ALL, **{cut: False})
    assert sum(cheat_once(f, Shape(1, 1, 2, 2), rules, rng) for _ in range(60)) >= 58


def test_without_the_verdicts_of_the_others_one_honest_host_accepts_a_lie():
    f, rng, shape = FIELDS[8], random.Random(5), Shape(1, 1, 2, 2)
    x, y = random_shares(shape, rng)
    for _ in range(20):
        tape = Tape(rng, f.size)
        lies = Lies(host=1, z={(0, 0, 0): 1})
        outcome = Run(f, shape, x, y, tape, lies, replace(ALL, all_verdicts=False)).run()
        if outcome.accepted[0] and not outcome.accepted[2]:
            break
    else:
        pytest.fail("P_0 is not R of the lying prover, so its own verdict is yes")
    assert not any(Run(f, shape, x, y, tape, lies, ALL).run().accepted)


@pytest.mark.parametrize("world", WORLDS)
@pytest.mark.parametrize(
    "lies",
    [honest, lying_z, lying_left((1, 0, 0)), lying_left((0, 3, 0)), lying_left((0, 3, 5))],
    ids=["honest", "lying z", "check+1", "claim+e", "f+d and claim+e"],
)
def test_views_do_not_depend_on_the_secret(world, lies):
    assert distance(FIELDS[4], ONE_TERM, world, ALL, lies) == 0


def test_views_of_a_gate_with_two_terms_do_not_depend_on_the_secret():
    assert distance(FIELDS[4], SMALL, WORLDS[0], ALL, honest) == 0


@pytest.mark.parametrize("number", range(4))
def test_a_wrong_coin_shows_nothing(number):
    assert distance(FIELDS[4], SMALL, WORLDS[0], ALL, wrong_coin(number)) == 0


def test_without_masks_the_answer_shows_the_secret():
    assert distance(FIELDS[4], ONE_TERM, WORLDS[0], replace(ALL, masks=False), honest) == 1


@pytest.mark.parametrize(("shape", "number"), [(ONE_TERM, 0), (SMALL, STEP_COIN)])
def test_without_the_coin_comparison_a_wrong_coin_shows_the_secret(shape, number):
    rules = replace(ALL, compare_coins=False)
    lies = wrong_coin(number)
    assert any(distance(FIELDS[4], shape, world, rules, lies) == 1 for world in range(8))


@pytest.mark.parametrize("bit", [0, 1])
def test_a_mask_shared_by_two_proofs_lets_a_host_test_guesses(bit):
    shared = replace(ALL, separate_masks=False)
    assert distance(FIELDS[4], ONE_TERM, WORLDS[0], shared, guess_sum(bit)) == 1
    assert distance(FIELDS[4], ONE_TERM, WORLDS[0], ALL, guess_sum(bit)) == 0


@pytest.mark.parametrize("r", [0, 1])
def test_a_last_coin_among_the_bits_shows_the_secret(r):
    def forced(values):
        # The last coin of this shape is number 1; at 0 and 1 the masks vanish.
        values[2, "coin", 1] = values[0, "coin", 1] ^ values[1, "coin", 1] ^ r
        return honest(values)

    cut = replace(ALL, last_coin_outside_bits=False)
    # f(0) shows x, f(1) shows y.
    assert distance(FIELDS[4], ONE_TERM, WORLDS[0], cut, forced, operand=r) == 1
    assert distance(FIELDS[4], ONE_TERM, WORLDS[0], ALL, forced, operand=r) == 0
