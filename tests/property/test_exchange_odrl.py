"""Rules: read what others write, write it back, and tell equal terms from different ones."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from delian.exchange.errors import MessageError
from delian.exchange.odrl import OPERATORS, Compound, Constraint, Policy, Rule

WORDS = st.sampled_from(["purpose", "label", "count", "spatial", "x"])
VALUES = st.one_of(
    st.sampled_from(["planning", "FRA", "", "ü"]),
    st.integers(-5, 5),
    st.booleans(),
    st.floats(-2, 2, allow_nan=False),
    st.tuples(st.sampled_from(["a", "b"]), st.integers(0, 2)),
)
CONSTRAINTS = st.builds(Constraint, WORDS, st.sampled_from(sorted(OPERATORS)), VALUES)
CONDITIONS = st.recursive(
    CONSTRAINTS,
    lambda inner: st.builds(
        Compound,
        st.sampled_from(["and", "or", "xone", "andSequence"]),
        st.lists(inner, min_size=1, max_size=3).map(tuple),
    ),
    max_leaves=4,
)
CONDITION_LISTS = st.lists(CONDITIONS, max_size=3).map(tuple)
PLAIN_RULES = st.builds(Rule, st.sampled_from(["use", "read"]), CONDITION_LISTS)
RULES = st.builds(
    Rule,
    st.sampled_from(["use", "read"]),
    CONDITION_LISTS,
    st.lists(PLAIN_RULES, max_size=2).map(tuple),
)
POLICIES = st.builds(
    Policy,
    st.just("Offer"),
    st.sampled_from(["urn:a", "b"]),
    st.lists(RULES, max_size=3).map(tuple),
    st.lists(PLAIN_RULES, max_size=2).map(tuple),
    st.lists(PLAIN_RULES, max_size=2).map(tuple),
    st.sampled_from([None, "urn:dataset"]),
)


@settings(max_examples=100, deadline=None)
@given(POLICIES)
def test_policies_survive_the_wire(policy):
    assert Policy.from_plain(policy.to_plain(), "offer") == policy


def shuffled(items, rng):
    return tuple(rng.sample(items, len(items)))


def shuffle_condition(condition, rng):
    if isinstance(condition, Constraint):
        return condition
    parts = tuple(shuffle_condition(part, rng) for part in condition.parts)
    return Compound(
        condition.kind, parts if condition.kind == "andSequence" else shuffled(parts, rng)
    )


def shuffle_rule(rule, rng):
    conditions = [shuffle_condition(c, rng) for c in rule.constraints]
    duties = [shuffle_rule(d, rng) for d in rule.duties]
    return Rule(rule.action, shuffled(conditions, rng), shuffled(duties, rng))


@settings(max_examples=100, deadline=None)
@given(POLICIES, st.integers(0, 1000))
def test_order_and_names_do_not_change_the_terms(policy, seed):
    rng = random.Random(seed)
    sides = [
        shuffled([shuffle_rule(r, rng) for r in side], rng)
        for side in (policy.permissions, policy.prohibitions, policy.obligations)
    ]
    twin = Policy("Agreement", "another", *sides, "t", "P", "C", "2026-01-01T00:00:00Z")
    assert twin.terms_digest == policy.terms_digest


def spelled(policy):
    """Every rule as nested text, restated; what differs here must differ in the digest."""

    def condition(c):
        if isinstance(c, Constraint):
            right = c.right
            if isinstance(right, tuple) and c.operator in ("isAllOf", "isAnyOf", "isNoneOf"):
                right = tuple(sorted(right, key=repr))
            return repr((c.left, c.operator, normal(right)))
        parts = [condition(p) for p in c.parts]
        return repr((c.kind, parts if c.kind == "andSequence" else sorted(parts)))

    def normal(value):
        if isinstance(value, tuple):
            return tuple(normal(v) for v in value)
        is_whole = isinstance(value, float) and value == int(value)
        return int(value) if is_whole else value

    def rule(r):
        return repr((r.action, sorted(map(condition, r.constraints)), sorted(map(rule, r.duties))))

    return [
        sorted(map(rule, s)) for s in (policy.permissions, policy.prohibitions, policy.obligations)
    ]


@settings(max_examples=100, deadline=None)
@given(POLICIES, POLICIES)
def test_other_rules_have_another_digest(a, b):
    assert (a.terms_digest == b.terms_digest) == (spelled(a) == spelled(b))


def test_a_rule_does_not_slip_between_permission_and_prohibition():
    rule = (Rule("use"),)
    digests = {
        Policy("Offer", "o", rule).terms_digest,
        Policy("Offer", "o", (), rule).terms_digest,
        Policy("Offer", "o", (), (), rule).terms_digest,
        Policy("Offer", "o").terms_digest,
        Policy("Offer", "o", rule * 2).terms_digest,
        Policy("Offer", "o", (Rule("use", (Constraint("count", "lt", True),)),)).terms_digest,
        Policy("Offer", "o", (Rule("use", (Constraint("count", "lt", 1),)),)).terms_digest,
    }
    assert len(digests) == 7


def test_order_counts_where_the_operator_is_not_about_sets():
    def digest_with(operator, *right):
        rule = Rule("use", (Constraint("spatial", operator, right),))
        return Policy("Offer", "o", (rule,)).terms_digest

    assert digest_with("eq", "a", "b") != digest_with("eq", "b", "a")
    assert digest_with("isAnyOf", "a", "b") == digest_with("isAnyOf", "b", "a")


FOREIGN = {
    "@type": "odrl:Offer",
    "@id": "offer",
    "target": {"@id": "dataset"},
    "odrl:profile": "x",
    "permission": {
        "action": {"@id": "odrl:use"},
        "target": {"@id": "dataset"},
        "constraint": {
            "odrl:or": {
                "@list": [
                    {
                        "leftOperand": {"@id": "odrl:purpose"},
                        "operator": {"@id": "odrl:isAnyOf"},
                        "rightOperand": [{"@value": "a"}, {"@id": "b"}],
                    }
                ]
            }
        },
    },
    "prohibition": [],
}


def test_shapes_that_other_connectors_write_are_read():
    policy = Policy.from_plain(FOREIGN, "offer")
    assert policy.target == "dataset"
    assert policy.permissions == (
        Rule("use", (Compound("or", (Constraint("purpose", "isAnyOf", ("a", "b")),)),)),
    )
    assert policy.prohibitions == ()


BAD_RULES = [
    ({"constraint": []}, "permission[0].action"),
    ({"action": "use", "refinement": {}}, "permission[0].refinement"),
    ({"action": {"@id": "use", "refinement": {}}}, "permission[0].action"),
    ({"action": "use", "assignee": "somebody"}, "permission[0].assignee"),
    ({"action": "use", "target": "other"}, "permission[0].target"),
    ({"action": "use", "constraint": [{"and": [], "or": []}]}, "permission[0].constraint[0]"),
    ({"action": "use", "constraint": [{"and": []}]}, "permission[0].constraint[0].and"),
    (
        {"action": "use", "constraint": [{"leftOperand": "a", "operator": "eq"}]},
        "permission[0].constraint[0].rightOperand",
    ),
    (
        {"action": "use", "constraint": {"leftOperand": "a", "operator": "is", "rightOperand": 1}},
        "permission[0].constraint[0].operator",
    ),
    (
        {
            "action": "use",
            "constraint": {
                "leftOperand": "a",
                "operator": "eq",
                "rightOperand": 1,
                "unit": "x",
            },
        },
        "permission[0].constraint[0].unit",
    ),
    (
        {
            "action": "use",
            "constraint": {"leftOperand": "a", "operator": "eq", "rightOperand": {"x": 1}},
        },
        "permission[0].constraint[0].rightOperand",
    ),
    ({"action": "use", "duty": [{"action": "pay", "duty": []}]}, "permission[0].duty[0].duty"),
    ("use", "permission[0]"),
]


@pytest.mark.parametrize(("rule", "where"), BAD_RULES)
def test_a_rule_that_narrows_in_an_unknown_way_is_refused_by_name(rule, where):
    offer = {"@type": "Offer", "@id": "o", "target": "t", "permission": [rule]}
    with pytest.raises(MessageError) as caught:
        Policy.from_plain(offer, "offer")
    assert caught.value.where == f"offer.{where}"


def test_conditions_have_a_depth():
    inner = {"leftOperand": "a", "operator": "eq", "rightOperand": 1}
    for _ in range(20):
        inner = {"and": [inner]}
    offer = {"@type": "Offer", "@id": "o", "permission": [{"action": "use", "constraint": inner}]}
    with pytest.raises(MessageError, match="too deep"):
        Policy.from_plain(offer, "offer")


@pytest.mark.parametrize("name", ["target", "assigner", "assignee"])
def test_an_agreement_names_its_parties(name):
    plain = {"@type": "Agreement", "@id": "a", "target": "t", "assigner": "p", "assignee": "c"}
    assert Policy.from_plain(plain, "a").kind == "Agreement"
    del plain[name]
    with pytest.raises(MessageError) as caught:
        Policy.from_plain(plain, "agreement")
    assert caught.value.where == f"agreement.{name}"
