"""What a corrupt host sees, counted exactly over all keystreams that it does not know.

The corrupt host is P_0; it lacks share 2 and key 2. Coins are part of the view and fixed from
outside; masked prover messages take fixed target values, the pad following (a bijection).
Enumerated are both masks and every ``and`` bit of key 2.
"""

import random
from collections import Counter
from collections.abc import Callable
from fractions import Fraction
from itertools import product

from tests.model.zk_model import Bits, Field, Lies, Rules, Run, Shape, Tape, random_shares

CORRUPT, UNKNOWN = 0, 2
Secret = tuple[list[Bits], list[Bits]]


class Targets(dict):
    """One random value per position, the same in every run."""

    def __init__(self, rng: random.Random, size: int) -> None:
        super().__init__()
        self.rng, self.size = rng, size

    def __missing__(self, position):
        self[position] = self.rng.randrange(self.size)
        return self[position]


def secrets_apart(shape: Shape, rng: random.Random, operand: int = 0) -> tuple[Secret, Secret]:
    """Two secrets that agree in all that P_0 holds; share 2 of x (0) or of y (1) is flipped."""
    one = random_shares(shape, rng)
    other = [list(shares) for shares in one]
    other[operand][2] = {place: 1 ^ bit for place, bit in one[operand][2].items()}
    return one, (other[0], other[1])


def views(
    f: Field,
    shape: Shape,
    secret: Secret,
    world: int,
    rules: Rules,
    make_lies: Callable[[dict], Lies],
) -> Counter:
    """The distribution of the view of P_0 in one world of coins and known keystreams."""
    rng = random.Random(world)
    fixed = {}
    for key in range(3):
        for number in range(32):
            fixed[key, "coin", number] = rng.randrange(2, f.size)
        for gate in shape.gates():
            fixed[key, "and", gate] = rng.randrange(2)
        for purpose in ("mask-u", "mask-v"):
            fixed[key, purpose, 0] = rng.randrange(f.size)
    targets = Targets(random.Random(world + 1), f.size)
    known = {key: random.Random(world + 2 + key).getrandbits(32) for key in range(2)}
    pads = {key: Targets(random.Random(seed), f.size) for key, seed in known.items()}
    counts: Counter = Counter()
    gates = shape.gates()
    for mask_u, mask_v, *bits in product(range(f.size), range(f.size), *[(0, 1)] * len(gates)):
        values = dict(fixed)
        values[UNKNOWN, "mask-u", 0], values[UNKNOWN, "mask-v", 0] = mask_u, mask_v
        for gate, bit in zip(gates, bits, strict=True):
            values[UNKNOWN, "and", gate] = bit
        lies = make_lies(values)
        tape = FixedTape(random.Random(0), f.size, values, targets, UNKNOWN)
        tape.pads = pads
        outcome = Run(f, shape, *secret, tape, lies, rules).run()
        counts[tuple(map(repr, outcome.view.seen)), tuple(outcome.accepted)] += 1
    return counts


class FixedTape(Tape):
    """A tape on which the pads of the known keys are fixed, too."""

    pads: dict[int, Targets]

    def pad(self, key, position, message):
        if key == UNKNOWN:
            return super().pad(key, position, message)
        return self.pads[key][position]


def distance(
    f: Field,
    shape: Shape,
    world: int,
    rules: Rules,
    make_lies: Callable[[dict], Lies],
    operand: int = 0,
) -> Fraction:
    """Total variation between the views for two secrets."""
    one, other = secrets_apart(shape, random.Random(world), operand)
    a = views(f, shape, one, world, rules, make_lies)
    b = views(f, shape, other, world, rules, make_lies)
    apart = sum(abs(a[view] - b[view]) for view in a.keys() | b.keys())
    return Fraction(apart, 2 * a.total())


def honest(_values: dict) -> Lies:
    return Lies(host=CORRUPT)


def lying_left(errors: tuple[int, int, int]) -> Callable[[dict], Lies]:
    """P_0 as L of P_1's proof adds to check value, claim and f(r)."""
    return lambda _values: Lies(host=CORRUPT, answer=lambda _view: errors)


def lying_z(_values: dict) -> Lies:
    return Lies(host=CORRUPT, z={(0, 0, 0): 1})


def wrong_coin(number: int) -> Callable[[dict], Lies]:
    return lambda _values: Lies(host=CORRUPT, coins={number: 1})


def guess_sum(value_of_sum: int) -> Callable[[dict], Lies]:
    """The attack on a shared mask: f(r) of one proof plus the guess is h(r) of the other.

    For one gate of one term: u = (x_2, y_2), v = (y_2, x_2), so u(r) + v(r) = (x_2 + y_2) v.
    """

    def make(values: dict) -> Lies:
        scale = values[0, "coin", 0] ^ values[1, "coin", 0] ^ values[2, "coin", 0]

        def answer(view):
            guessed = view.answer_of_left[2] ^ (scale if value_of_sum else 0)
            return 0, guessed, 1

        return Lies(host=CORRUPT, answer=answer)

    return make
