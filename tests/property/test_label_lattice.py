"""Laws of the marking lattice, against a restated rule; and why the literal standard rule fails."""

import itertools
import random
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from delian.label import Label, Marking, Originator, Reader, dominant, join, leq, may_read, meet

POLICY = "2.25.1"
AFFILIATIONS = ("FRA", "USA", "JPN", "KOR", "EU", "INDUSTRY")
CATEGORIES = ("CRYPTO", "ATOMAL", "TREASURY")


def allowed(level, affiliation, holds, marking):
    """The rule, restated: cleared high enough, named in the audience, admitted to everything."""
    return (
        level >= marking.level
        and any(affiliation == one for one in marking.audience)
        and all(one in holds for one in marking.restrictive)
    )


def subset(names, bits):
    return frozenset(name for i, name in enumerate(names) if bits >> i & 1)


def marking(number):
    """A marking decoded from one number: cheap to draw, shrinks to the widest."""
    number, level = divmod(number, 6)
    number, audience = divmod(number, 1 << len(AFFILIATIONS))
    return Marking(POLICY, level, subset(AFFILIATIONS, audience), subset(CATEGORIES, number % 8))


def reader(number):
    number, level = divmod(number, 6)
    number, who = divmod(number, len(AFFILIATIONS) + 1)
    return Reader(POLICY, (*AFFILIATIONS, "STRANGER")[who], level, subset(CATEGORIES, number % 8))


MARKINGS = st.integers(0, 6 * 64 * 8 - 1).map(marking)
READERS = st.integers(0, 6 * 7 * 8 - 1).map(reader)


def check_join(one, a, b):
    both = allowed(one.level, one.affiliation, one.holds, a) and allowed(
        one.level, one.affiliation, one.holds, b
    )
    assert may_read(one, join(a, b)).allowed == both
    return both


@settings(max_examples=500, deadline=None, database=None)
@given(READERS, MARKINGS, MARKINGS)
def test_join_is_readable_by_exactly_those_who_read_both(one, a, b):
    check_join(one, a, b)


def test_join_never_widens_in_30000_random_cases():
    rng = random.Random(4774)
    numbers = 6 * 64 * 8
    readers = [
        sum(
            check_join(
                reader(rng.randrange(6 * 7 * 8)),
                marking(rng.randrange(numbers)),
                marking(rng.randrange(numbers)),
            )
            for _ in range(10_000)
        )
        for _ in range(3)
    ]
    assert min(readers) > 50


@settings(max_examples=500, deadline=None, database=None)
@given(READERS, MARKINGS, MARKINGS)
def test_a_narrower_marking_has_fewer_readers(one, a, b):
    if leq(a, b) and may_read(one, b).allowed:
        assert may_read(one, a).allowed
    either = may_read(one, a).allowed or may_read(one, b).allowed
    assert may_read(one, meet(a, b)).allowed or not either


@settings(max_examples=400, deadline=None, database=None)
@given(READERS, MARKINGS)
def test_the_verdict_is_the_rule_and_gives_reasons(one, a):
    verdict = may_read(one, a)
    assert verdict.allowed == allowed(one.level, one.affiliation, one.holds, a)
    missing = sum(c not in one.holds for c in a.restrictive)
    expected = (one.level < a.level) + (one.affiliation not in a.audience) + missing
    assert len(verdict.reasons) == (expected or 1)


def small_universe():
    return [
        Marking(POLICY, level, subset("ABC", audience), subset("XY", held))
        for level in (1, 2)
        for audience in range(8)
        for held in range(4)
    ]


def test_every_lattice_law_on_every_marking_of_a_small_universe():
    universe = small_universe()
    for a, b in itertools.product(universe, repeat=2):
        assert join(a, b) == join(b, a)
        assert meet(a, b) == meet(b, a)
        assert join(a, meet(a, b)) == a == meet(a, join(a, b))
        assert leq(a, b) == (join(a, b) == b) == (meet(a, b) == a)
        assert leq(a, join(a, b))
        assert leq(meet(a, b), a)
        assert (leq(a, b) and leq(b, a)) == (a == b)
    sample = universe[::3]
    for a, b, c in itertools.product(sample, repeat=3):
        assert join(a, join(b, c)) == join(join(a, b), c)
        assert meet(a, meet(b, c)) == meet(meet(a, b), c)
        assert meet(a, join(b, c)) == join(meet(a, b), meet(a, c))
        if leq(a, c) and leq(b, c):
            assert leq(join(a, b), c)


@given(st.lists(MARKINGS, min_size=1, max_size=5), READERS)
@settings(max_examples=100, deadline=None, database=None)
def test_a_whole_is_never_wider_than_a_part(markings, one):
    at = datetime(2026, 1, 1, tzinfo=UTC)
    origin = Originator("rfc822Name", "x@example.org")
    parts = [Label(m, "OWNER-1", origin, at, at) for m in markings]
    whole = dominant(parts, originator=origin, created_utc=at, review_utc=at)
    if may_read(one, whole.marking).allowed:
        for m in markings:
            assert allowed(one.level, one.affiliation, one.holds, m)


# --- the trap -------------------------------------------------------------------------------


@dataclass(frozen=True)
class Literal4774:
    """A label as the standard spells it: a permissive tag is absent (None) or lists values."""

    level: int
    permissive: dict | None


def literal_dominant(a, b):
    """ADatP-4774.1 4.4, literally: intersect each permissive tag; drop it when it becomes
    empty or is absent in either source."""
    tags = {}
    for name in set(a.permissive or {}) & set(b.permissive or {}):
        common = a.permissive[name] & b.permissive[name]
        if common:
            tags[name] = common
    return Literal4774(max(a.level, b.level), tags)


def literal_access(clearance, label):
    """The decision that goes with it: one value of each permissive tag *present*."""
    return all(clearance.get(name, set()) & values for name, values in label.permissive.items())


def test_the_literal_rule_opens_to_people_who_could_not_read_a_part():
    plain = Literal4774(1, {})
    for_the_union = Literal4774(1, {"Releasable To": {"EU"}})
    outsider = {"Releasable To": {"KOR"}}
    assert not literal_access(outsider, for_the_union)
    assert literal_access(outsider, literal_dominant(plain, for_the_union))


def test_the_literal_rule_opens_mixed_owners_to_any_partner():
    nato = Literal4774(2, {"Context": {"NATO", "Releasable"}, "Releasable To": {"NATO", "JPN"}})
    kfor = Literal4774(2, {"Context": {"KFOR", "Releasable"}, "Releasable To": {"KFOR", "CHE"}})
    korea = {"Context": {"Releasable"}, "Releasable To": {"KOR"}}
    assert not literal_access(korea, nato)
    assert not literal_access(korea, kfor)
    assert literal_access(korea, literal_dominant(nato, kfor))


def test_ours_opens_neither():
    everyone = frozenset({"NATO", "EU", "KOR"})
    plain, union = Marking(POLICY, 1, everyone), Marking(POLICY, 1, frozenset({"EU"}))
    assert join(plain, union).audience == {"EU"}
    nato = Marking(POLICY, 2, frozenset({"NATO", "JPN"}))
    kfor = Marking(POLICY, 2, frozenset({"KFOR", "CHE"}))
    assert join(nato, kfor).audience == frozenset()
    for who in ("NATO", "JPN", "KFOR", "CHE", "KOR", "EU"):
        assert not may_read(Reader(POLICY, who, 5), join(nato, kfor)).allowed


def test_markings_of_two_policies_do_not_combine():
    a = Marking(POLICY, 1, frozenset({"FRA"}))
    b = replace(a, policy="2.25.2")
    for operation in (join, meet, leq):
        with pytest.raises(Exception) as caught:
            operation(a, b)
        assert caught.value.code == "label-policy"
    assert not may_read(Reader("2.25.2", "FRA", 5), a).allowed
