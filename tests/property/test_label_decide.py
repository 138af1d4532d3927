"""The compiled decision equals the slow rule, and its operations equal the lattice's."""

import random

import pytest

from delian.label import Alphabet, Marking, Reader, join, leq, may_read, meet, permits, readable
from delian.label.errors import LabelValueError, PolicyMismatchError

POLICY = "2.25.1"
WHO = ("AAA", "BBB", "CCC", "DDD", "EU", "INDUSTRY")
HOLD = ("CRYPTO", "ATOMAL", "TREASURY")


def some(rng, names):
    return frozenset(name for name in names if rng.random() < 0.5)


def pairs(count, seed):
    rng = random.Random(seed)
    for _ in range(count):
        yield (
            Reader(POLICY, rng.choice((*WHO, "STRANGER")), rng.randrange(16), some(rng, HOLD)),
            Marking(POLICY, rng.randrange(16), some(rng, WHO), some(rng, HOLD)),
            Marking(POLICY, rng.randrange(16), some(rng, WHO), some(rng, HOLD)),
        )


def test_the_compiled_decision_equals_the_slow_rule_on_20000_random_pairs():
    alphabet = Alphabet(POLICY, WHO, HOLD)
    allowed = 0
    for reader, a, b in pairs(20_000, 20261121):
        lacks = alphabet.lacks(reader)
        for marking in (a, b):
            slow = may_read(reader, marking).allowed
            assert permits(alphabet.demands(marking), lacks) == slow
            allowed += slow
    assert allowed > 500


def test_join_is_or_meet_is_and_order_is_containment():
    alphabet = Alphabet(POLICY, WHO, HOLD)
    for _, a, b in pairs(2_000, 7):
        first, second = alphabet.demands(a), alphabet.demands(b)
        assert alphabet.demands(join(a, b)) == first | second
        assert alphabet.demands(meet(a, b)) == first & second
        assert leq(a, b) == (not first & ~second)


def test_readable_lists_positions_in_order():
    alphabet = Alphabet(POLICY, WHO, HOLD)
    reader = Reader(POLICY, "AAA", 3)
    markings = [Marking(POLICY, level, frozenset({"AAA"})) for level in (1, 5, 3, 4, 2)]
    demands = [alphabet.demands(marking) for marking in markings]
    assert readable(alphabet.lacks(reader), demands) == [0, 2, 4]


def test_nobody_reads_an_empty_audience_and_a_stranger_reads_nothing():
    alphabet = Alphabet(POLICY, WHO, HOLD)
    nobody = alphabet.demands(Marking(POLICY, 0, frozenset()))
    everybody = alphabet.demands(Marking(POLICY, 0, frozenset(WHO)))
    for who in WHO:
        cleared = alphabet.lacks(Reader(POLICY, who, 15, frozenset(HOLD)))
        assert not permits(nobody, cleared)
        assert permits(everybody, cleared)
    stranger = alphabet.lacks(Reader(POLICY, "ZZZ", 15, frozenset(HOLD)))
    assert not permits(everybody, stranger)


def test_what_the_alphabet_does_not_number_is_refused():
    alphabet = Alphabet(POLICY, WHO, HOLD)
    with pytest.raises(LabelValueError):
        alphabet.demands(Marking(POLICY, 1, frozenset({"ZZZ"})))
    with pytest.raises(LabelValueError):
        alphabet.demands(Marking(POLICY, 1, frozenset({"AAA"}), frozenset({"NEW"})))
    with pytest.raises(PolicyMismatchError):
        alphabet.demands(Marking("2.25.2", 1, frozenset({"AAA"})))
    with pytest.raises(PolicyMismatchError):
        alphabet.lacks(Reader("2.25.2", "AAA", 1))
