"""Single decisions of the policy profile, and the words in which they are given."""

from datetime import UTC, datetime

import pytest

from delian.exchange.answer import NOT_OPEN
from delian.exchange.explain import answer_lines, answer_plain, offer_lines
from delian.exchange.odrl import Compound, Constraint, Policy, Rule
from delian.exchange.profile import decide
from delian.exchange.profile_terms import Context
from delian.label.marking import Reader

P = "urn:delian:profile:1:"
NOW = datetime(2026, 11, 21, tzinfo=UTC)
INDUSTRY = Reader("1.2.3", "INDUSTRY", 1)
MARKED = (
    Constraint(P + "label", "gteq", "1.2.3/1"),
    Constraint(P + "releasability", "isAnyOf", ("INDUSTRY", "FRA")),
)


def offer(*constraints: Constraint | Compound, **more: object) -> Policy:
    return Policy("Offer", "o", (Rule("use", constraints),), **more)  # type: ignore[arg-type]


def ask(policy: Policy, *readers: Reader, **more: object):
    return decide(policy, Context("did:web:a", NOW, readers, **more))  # type: ignore[arg-type]


def test_an_offer_without_conditions_is_open() -> None:
    assert ask(offer()).allowed
    assert offer_lines(offer())[-1] == "  without conditions: open to every participant"


def test_an_offer_that_permits_nothing_permits_nothing() -> None:
    answer = ask(Policy("Offer", "o"))
    assert not answer.allowed
    assert answer.public_reasons == ("policy: missing: a permission to use",)


def test_a_refusal_names_rule_condition_and_what_is_missing() -> None:
    policy = offer(*MARKED, Constraint(P + "purpose", "isAnyOf", ("planning", "supply")))
    answer = ask(policy, INDUSTRY, purposes=frozenset({"sales"}))
    assert answer.public_reasons == (
        "permission[0]: purpose isAnyOf planning, supply: missing: a purpose: planning or supply",
    )
    assert answer_plain(answer)["findings"] == [
        {
            "rule": "permission[0]",
            "constraint": "purpose isAnyOf planning, supply",
            "missing": "a purpose: planning or supply",
            "public": True,
        }
    ]


def test_who_may_not_know_is_told_what_anybody_is_told() -> None:
    stranger = Reader("1.2.3", "DEU", 3)
    policy = offer(*MARKED, Constraint(P + "purpose", "eq", "planning"))
    answer = ask(policy, stranger)
    assert not answer.is_visible
    assert answer.public_reasons == (NOT_OPEN,)
    lines = answer_lines(answer)
    assert lines[0] == "refused, and the asker may not know of the offer"
    assert any("INDUSTRY" in line and line.endswith("(stays inside)") for line in lines)
    assert lines[-1] == f"  the counterparty is told: {NOT_OPEN}"


@pytest.mark.parametrize(
    "named",
    [
        (Constraint(P + "label", "gteq", "1.2.3/1"),),
        (Constraint(P + "releasability", "eq", "INDUSTRY"),),
        (*MARKED, Constraint(P + "label", "gteq", "9.9/1")),
        (*MARKED, Constraint(P + "label", "eq", "whatever")),
        (*MARKED, Constraint(P + "category", "isAllOf", 7)),
    ],
)
def test_a_marking_that_cannot_be_judged_shows_the_offer_to_nobody(named: tuple) -> None:
    best = Reader("1.2.3", "INDUSTRY", 15, frozenset({"AMBER"}))
    answer = ask(offer(Compound("or", (Constraint("count", "lt", 5), *named))), best)
    assert not answer.allowed
    assert not answer.is_visible


def test_one_affiliation_at_a_time() -> None:
    """A level of one affiliation and the name of another do not add up to a reader."""
    readers = (Reader("1.2.3", "INDUSTRY", 0), Reader("1.2.3", "DEU", 3))
    assert not ask(offer(*MARKED), *readers).is_visible
    assert ask(offer(*MARKED), *readers, INDUSTRY).allowed


@pytest.mark.parametrize(
    ("held", "allowed"),
    [({"x"}, True), ({"y"}, True), ({"x", "y"}, False), ({"z"}, False), (set(), False)],
)
def test_exactly_one_means_one(held: set[str], allowed: bool) -> None:
    parts = tuple(Constraint(P + "purpose", "eq", word) for word in "xy")
    policy = offer(Compound("xone", parts))
    assert ask(policy, purposes=frozenset(held)).allowed is allowed


def test_a_withheld_claim_does_not_slip_past_a_prohibition() -> None:
    ban = Rule("use", (Constraint(P + "treatyKind", "eq", "none"),))
    policy = Policy("Offer", "o", (Rule("use"),), (ban,))
    assert not ask(policy).allowed
    assert not ask(policy, treaties=frozenset({"none"})).allowed
    assert ask(policy, treaties=frozenset({"ally"})).allowed


def test_what_the_counterparty_undertakes_is_listed() -> None:
    policy = Policy(
        "Offer",
        "o",
        (Rule("use", (), (Rule("attribute"),)),),
        (Rule("distribute"),),
        (Rule("delete", (Constraint("dateTime", "lteq", "2027-01-01T00:00:00Z"),)),),
    )
    answer = ask(policy)
    assert answer.promises == (
        "to delete (dateTime lteq 2027-01-01T00:00:00Z)",
        "to attribute",
        "not to distribute",
    )
    assert answer_lines(answer)[1] == "  undertakes to delete (dateTime lteq 2027-01-01T00:00:00Z)"


@pytest.mark.parametrize(
    "policy",
    [
        offer(Constraint("spatial", "eq", "EU")),
        offer(Constraint(P + "purpose", "isNoneOf", ("x",))),
        offer(Constraint("count", "lteq", -1)),
        Policy("Offer", "o", (Rule("use", (), (Rule("pay"),)),)),
        Policy("Offer", "o", (Rule("use"),), (Rule("levitate"),)),
        Policy("Offer", "o", (Rule("use"),), (), (Rule("pay"),)),
        Policy("Offer", "o", (Rule("read"),)),
    ],
)
def test_what_is_not_understood_never_allows(policy: Policy) -> None:
    answer = ask(policy, INDUSTRY, purposes=frozenset({"x", "y"}), is_aggregate=True)
    assert not answer.allowed
    assert answer.public_reasons


@pytest.mark.parametrize(
    ("operator", "right", "uses", "allowed"),
    [
        ("lteq", 2, 1, True),
        ("lteq", 2, 2, False),
        ("lteq", "2", 1, True),
        ("lt", 2, 0, True),
        ("lt", 2, 1, False),
        ("lteq", 0, 0, False),
    ],
)
def test_a_count_ends_where_it_says(
    operator: str, right: int | str, uses: int, allowed: bool
) -> None:
    assert ask(offer(Constraint("count", operator, right)), uses=uses).allowed is allowed


@pytest.mark.parametrize(
    ("operator", "day", "allowed"),
    [
        ("lt", 20, False),
        ("lt", 21, False),
        ("lt", 22, True),
        ("lteq", 20, False),
        ("lteq", 21, True),
        ("lteq", 22, True),
        ("gt", 20, True),
        ("gt", 21, False),
        ("gt", 22, False),
        ("gteq", 20, True),
        ("gteq", 21, True),
        ("gteq", 22, False),
    ],
)
def test_a_moment_is_compared_as_it_says(operator: str, day: int, allowed: bool) -> None:
    limit = f"2026-11-{day}T00:00:00Z"
    assert ask(offer(Constraint("dateTime", operator, limit))).allowed is allowed
