"""Translation into another policy never gains or loses a reader, and never happens by default."""

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from delian.label import (
    NATO_LIKE,
    Equivalence,
    Label,
    Marking,
    Originator,
    Reader,
    Succession,
    bundled_policy,
    compose,
    may_read,
    translate,
)
from delian.label.errors import NoEquivalenceError, PolicyFormError, PolicyMismatchError
from delian.terms.errors import InputError

SOURCE, TARGET = bundled_policy(), bundled_policy(NATO_LIKE)
AT = datetime(2026, 11, 21, tzinfo=UTC)
ORIGIN = Originator("rfc822Name", "office@example.org")
DATES = {"originator": ORIGIN, "created_utc": AT, "review_utc": AT}
MEMBERS = SOURCE.context("DELIAN-1").members
EXAMPLE = Equivalence(
    SOURCE.oid,
    TARGET.oid,
    "Exchange of Letters 2026-4 (invented for this test)",
    AT,
    AT + timedelta(days=365),
    {"RESTRICTED": "RESTRICTED", "SECRET": "CONFIDENTIAL"},
    {"DELIAN-1": "NATO"},
    {code: code for code in MEMBERS | {"JPN"}},
    {"CRYPTO": "CRYPTO"},
)
RANKS = {2: 2, 4: 3}


def into(label, *, now=AT, equivalence=EXAMPLE, source=SOURCE, target=TARGET):
    return translate(label, equivalence, source, target, translator=ORIGIN, now_utc=now)


def test_readers_correspond_one_to_one():
    rng = random.Random(2)
    people = sorted(MEMBERS | {"JPN"})
    for _ in range(300):
        audience = frozenset(rng.sample(people, rng.randrange(len(people))))
        level = rng.choice((2, 4))
        holds = frozenset({"CRYPTO"} if level == 4 and rng.random() < 0.5 else ())
        label = Label(Marking(SOURCE.oid, level, audience, holds), "DELIAN-1", ORIGIN, AT)
        made = into(label)
        assert made.role == "alternative"
        for who in rng.sample([*people, "EU"], 6):
            for rank, other in RANKS.items():
                for held in (frozenset(), frozenset({"CRYPTO"})):
                    before = may_read(Reader(SOURCE.oid, who, rank, held), label.marking)
                    after = may_read(Reader(TARGET.oid, who, other, held), made.marking)
                    assert before.allowed == after.allowed


def test_dates_and_successor_go_along():
    label = compose(SOURCE, "SECRET", "DELIAN-1", releasable=("JPN",), **DATES)
    later = Label(Marking(SOURCE.oid, 2, MEMBERS), "DELIAN-1", None, AT)
    label = replace(label, succession=Succession(AT + timedelta(days=1), later))
    made = into(label)
    assert (made.created_utc, made.review_utc) == (AT, AT)
    assert made.succession.when_utc == AT + timedelta(days=1)
    assert made.succession.label.marking == Marking(TARGET.oid, 2, MEMBERS)


def test_what_the_agreement_does_not_name_is_refused():
    good = compose(SOURCE, "SECRET", "DELIAN-1", **DATES)
    assert into(good).marking.level == 3
    for label in (
        compose(SOURCE, "TOP SECRET", "DELIAN-1", **DATES),
        compose(SOURCE, "SECRET", "AEGEAN-1", **DATES),
        compose(SOURCE, "SECRET", "DELIAN-1", releasable=("EU",), **DATES),
        compose(SOURCE, "SECRET", "DELIAN-1", sensitivities=("TREASURY",), **DATES),
    ):
        with pytest.raises(NoEquivalenceError):
            into(label)


def test_only_in_force_and_only_between_its_two_policies():
    label = compose(SOURCE, "SECRET", "DELIAN-1", **DATES)
    into(label, now=EXAMPLE.valid_until_utc - timedelta(microseconds=1))
    for now in (AT - timedelta(microseconds=1), EXAMPLE.valid_until_utc):
        with pytest.raises(NoEquivalenceError):
            into(label, now=now)
    with pytest.raises(PolicyMismatchError):
        into(label, source=TARGET, target=SOURCE)
    with pytest.raises(PolicyMismatchError):
        into(into(label))


@pytest.mark.parametrize(
    "change",
    [
        {"target": SOURCE.oid},
        {"source": "x"},
        {"agreement": " "},
        {"valid_until_utc": AT},
        {"affiliations": {"FRA": "FRA", "JPN": "FRA"}},
        {"sensitivities": {"A": "C", "B": "C"}},
    ],
)
def test_an_equivalence_that_merges_readers_or_says_nothing_is_refused(change):
    with pytest.raises(PolicyFormError):
        replace(EXAMPLE, **change)


def test_the_document_reads_back_and_refuses_what_it_does_not_know():
    assert Equivalence.from_wire(EXAMPLE.to_wire()) == EXAMPLE
    plain = EXAMPLE.to_plain()
    for damaged in (
        {**plain, "extra": 1},
        {**plain, "version": 2},
        {**plain, "levels": {"A": 1}},
        {**plain, "valid_from": "2026-11-21"},
        {key: value for key, value in plain.items() if key != "agreement"},
    ):
        with pytest.raises(InputError):
            Equivalence.from_plain(damaged)
