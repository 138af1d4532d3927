"""The policy profile against an evaluator of its own, which restates the rules."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from delian.exchange.gate import Gate
from delian.exchange.odrl import Compound, Constraint, Policy, Rule
from delian.exchange.profile import circle_of, decide
from delian.exchange.profile_terms import Context
from delian.label.marking import Marking, Reader, may_read

P = "urn:delian:profile:1:"
OID = "1.2.3"
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
AFFILIATIONS, CATEGORIES, WORDS = ("FRA", "DEU", "INDUSTRY"), ("AMBER", "BLUE"), ("x", "y", "z")

moments = st.sampled_from([NOW - HOUR, NOW, NOW + HOUR])
some = lambda names: st.lists(st.sampled_from(names), min_size=1, max_size=3, unique=True)  # noqa: E731


def utc(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


claimed = st.builds(
    Constraint,
    st.sampled_from([P + "purpose", "purpose", P + "participantClass", P + "treatyKind"]),
    st.sampled_from(["eq", "isA", "isAnyOf", "isAllOf"]),
    some(WORDS).map(tuple) | st.sampled_from(WORDS),
)
worldly = st.one_of(
    st.builds(
        Constraint,
        st.just("dateTime"),
        st.sampled_from(["lt", "lteq", "gt", "gteq"]),
        moments.map(utc),
    ),
    st.builds(
        Constraint,
        st.just("count"),
        st.sampled_from(["lt", "lteq"]),
        st.integers(0, 4) | st.integers(0, 4).map(str),
    ),
    st.just(Constraint(P + "aggregateOnly", "eq", "true")),
)
strange = st.sampled_from(
    [
        Constraint("spatial", "eq", "EU"),
        Constraint(P + "purpose", "neq", "x"),
        Constraint(P + "label", "lteq", f"{OID}/2"),
        Constraint("count", "lteq", "many"),
        Constraint("dateTime", "lt", "tomorrow"),
        Constraint(P + "aggregateOnly", "eq", "false"),
        Constraint("evil:" + P + "purpose", "eq", "x"),
    ]
)
marked = st.one_of(
    st.builds(
        Constraint,
        st.just(P + "label"),
        st.just("gteq"),
        st.integers(0, 3).map(lambda n: f"{OID}/{n}") | st.just("9.9/1"),
    ),
    st.builds(
        Constraint,
        st.just(P + "releasability"),
        st.just("isAnyOf"),
        some(AFFILIATIONS).map(tuple),
    ),
    st.builds(Constraint, st.just(P + "category"), st.just("isAllOf"), some(CATEGORIES).map(tuple)),
)
atoms = st.one_of(claimed, claimed, worldly, marked, strange)


def conditions(leaf: st.SearchStrategy, kinds: tuple[str, ...]) -> st.SearchStrategy:
    return st.recursive(
        leaf,
        lambda inner: st.builds(
            Compound, st.sampled_from(kinds), st.lists(inner, min_size=1, max_size=3).map(tuple)
        ),
        max_leaves=4,
    )


ALL_KINDS = ("and", "andSequence", "or", "xone")
duties = st.sampled_from(["attribute", "inform", "dance"]).map(Rule)


def rules(leaf: st.SearchStrategy, kinds: tuple[str, ...] = ALL_KINDS) -> st.SearchStrategy:
    return st.builds(
        Rule,
        st.sampled_from(["use", "use", "use", "distribute", "devour"]),
        st.lists(conditions(leaf, kinds), max_size=3).map(tuple),
        st.lists(duties, max_size=1).map(tuple),
    )


dense = st.one_of(claimed, worldly)
lean = st.builds(
    Policy,
    st.just("Offer"),
    st.just("o"),
    st.tuples(
        st.builds(
            Rule,
            st.just("use"),
            st.lists(conditions(dense, ALL_KINDS), max_size=1).map(tuple),
            st.lists(duties, max_size=1).map(tuple),
        )
    ),
    st.lists(st.builds(Rule, st.just("use"), st.tuples(dense)), max_size=1).map(tuple),
    st.sampled_from([(), (), (Rule("attribute"),), (Rule("dance"),)]),
)
wide = st.builds(
    Policy,
    st.just("Offer"),
    st.just("o"),
    st.lists(rules(atoms), max_size=2).map(tuple),
    st.lists(rules(atoms).map(lambda r: replace(r, duties=())), max_size=1).map(tuple),
    st.lists(duties, max_size=1).map(tuple),
    assignee=st.sampled_from([None, None, None, "did:web:a", "did:web:b"]),
)
policies = st.one_of(lean, wide)
readers = st.builds(
    Reader,
    st.sampled_from([OID, OID, "9.9"]),
    st.sampled_from(AFFILIATIONS),
    st.integers(0, 3),
    st.frozensets(st.sampled_from(CATEGORIES)),
)
words = st.frozensets(st.sampled_from(WORDS), max_size=3)
contexts = st.builds(
    Context,
    st.just("did:web:a"),
    moments,
    st.lists(readers, max_size=2, unique=True).map(tuple),
    words,
    words,
    words,
    st.integers(0, 4),
    st.booleans(),
)


# --- the oracle: an evaluator of its own, slow and plain ------------------------------------------


def atom_truth(c: Constraint, k: Context, reader: Reader | None, oid: str | None) -> bool | None:
    """True, False, or None for "cannot say"."""
    values = set(c.right) if isinstance(c.right, tuple) else {c.right}
    held = {P + "purpose": k.purposes, "purpose": k.purposes, P + "participantClass": k.classes,
            P + "treatyKind": k.treaties}.get(c.left)  # fmt: skip
    if held is not None and c.operator in ("eq", "isA", "isAnyOf", "isAllOf"):
        if not held:
            return None
        return values <= held if c.operator == "isAllOf" else bool(values & held)
    if c.left == "dateTime":
        try:
            limit = datetime.strptime(str(c.right), "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
        except ValueError:
            return None
        return {
            "lt": k.now_utc < limit,
            "lteq": k.now_utc <= limit,
            "gt": k.now_utc > limit,
            "gteq": k.now_utc >= limit,
        }[c.operator]
    if c.left == "count":
        if not str(c.right).isdecimal():
            return None
        after = k.uses + 1
        return after < int(str(c.right)) if c.operator == "lt" else after <= int(str(c.right))
    if c.left == P + "aggregateOnly" and c.right == "true":
        return k.is_aggregate
    if reader is None or oid is None:
        return None
    if c.left == P + "label" and c.operator == "gteq":
        policy, level = str(c.right).split("/")
        return reader.policy == policy and reader.level >= int(level)
    if c.left == P + "releasability":
        return reader.policy == oid and reader.affiliation in values
    if c.left == P + "category":
        return reader.policy == oid and values <= reader.holds
    return None


def truth(c: Constraint | Compound, k: Context, r: Reader | None, oid: str | None) -> bool | None:
    if isinstance(c, Constraint):
        return atom_truth(c, k, r, oid)
    found = [truth(p, k, r, oid) for p in c.parts]
    if c.kind == "or":
        return True if True in found else (None if None in found else False)
    if c.kind == "xone":
        if found.count(True) > 1:
            return False
        return None if None in found else True in found
    return False if False in found else (None if None in found else True)


def leaves(items: tuple[Constraint | Compound, ...]) -> list[Constraint]:
    return [x for c in items for x in ([c] if isinstance(c, Constraint) else leaves(c.parts))]


def is_sound(rule: Rule) -> bool:
    return all(
        d.action in ("attribute", "inform", "delete", "obtainConsent", P + "verify")
        for d in rule.duties
    )


def marks(policy: Policy) -> list[Constraint]:
    every = (*policy.permissions, *policy.prohibitions, *policy.obligations)
    family = (P + "label", P + "releasability", P + "category")
    return [c for rule in every for c in leaves(rule.constraints) if c.left in family]


def expected(policy: Policy, k: Context) -> tuple[bool, bool]:
    """(allowed, visible)"""
    named = marks(policy)
    well = [c for c in named if (c.left, c.operator) != (P + "label", "lteq")]
    oids = {str(c.right).split("/")[0] for c in named if c.left == P + "label"}
    is_whole = len(oids) == 1 and any(c.left == P + "releasability" for c in named)
    oid = oids.pop() if is_whole else None
    meets = [
        r for r in k.readers
        if all(atom_truth(c, k, r, oid) for c in well)
        and all(r.level >= int(str(c.right).split("/")[1]) for c in named if c.operator == "lteq")
    ]  # fmt: skip
    visible = policy.assignee in (None, k.participant) and (not named or (is_whole and bool(meets)))
    who = k.readers or (None,)

    def holds(rule: Rule, reader: Reader | None, wanted: bool) -> bool:
        found = [truth(c, k, reader, oid) for c in rule.constraints]
        return all(f is True for f in found) if wanted else False in found

    permitted = any(
        rule.action == "use" and is_sound(rule) and holds(rule, r, True)
        for rule in policy.permissions
        for r in who
    )
    banned = any(
        rule.action == "devour"
        or (rule.action == "use" and any(not holds(rule, r, False) for r in who))
        for rule in policy.prohibitions
    )
    owed = all(rule.action != "dance" for rule in policy.obligations)
    return permitted and not banned and owed and visible, visible


@settings(max_examples=200, deadline=None)
@given(policies, contexts)
def test_the_decision_is_the_restated_one(policy: Policy, context: Context) -> None:
    answer = decide(policy, context)
    assert (answer.allowed, answer.is_visible) == expected(policy, context)
    assert answer.allowed is (not answer.findings)


NO_XONE = ("and", "andSequence", "or")
without_xone = st.builds(
    Policy,
    st.just("Offer"),
    st.just("o"),
    st.lists(rules(atoms, NO_XONE), max_size=2).map(tuple),
)


@settings(max_examples=60, deadline=None)
@given(without_xone, contexts, contexts)
def test_more_claims_never_turn_yes_into_no(policy: Policy, less: Context, other: Context) -> None:
    more = replace(
        less,
        readers=tuple(dict.fromkeys((*less.readers, *other.readers))),
        purposes=less.purposes | other.purposes,
        classes=less.classes | other.classes,
        treaties=less.treaties | other.treaties,
    )
    if decide(policy, less).allowed:
        assert decide(policy, more).allowed
    if decide(policy, less).is_visible:
        assert decide(policy, more).is_visible


@settings(max_examples=60, deadline=None)
@given(policies, policies, contexts)
def test_the_unseen_are_told_apart_by_nothing(a: Policy, b: Policy, context: Context) -> None:
    """Two offers that the asker may not know of answer alike, whatever stands in them."""
    first, second = decide(a, context), decide(b, context)
    if not first.is_visible and not second.is_visible:
        assert first.public_reasons == second.public_reasons


@settings(max_examples=60, deadline=None)
@given(
    st.builds(
        Marking,
        st.just(OID),
        st.integers(0, 3),
        st.frozensets(st.sampled_from(AFFILIATIONS), min_size=1),
        st.frozensets(st.sampled_from(CATEGORIES)),
    ),
    readers,
)
def test_the_three_operands_together_are_the_lattice(marking: Marking, reader: Reader) -> None:
    constraints = [
        Constraint(P + "label", "gteq", f"{OID}/{marking.level}"),
        Constraint(P + "releasability", "isAnyOf", tuple(sorted(marking.audience))),
    ]
    if marking.restrictive:
        constraints.append(
            Constraint(P + "category", "isAllOf", tuple(sorted(marking.restrictive)))
        )
    policy = Policy("Offer", "o", (Rule("use", tuple(constraints)),))
    answer = decide(policy, Context("did:web:a", NOW, (reader,)))
    assert answer.allowed is answer.is_visible is may_read(reader, marking).allowed
    assert circle_of(policy).marking == marking


@settings(max_examples=20, deadline=None)
@given(st.lists(policies, min_size=1, max_size=6), contexts)
def test_a_gate_answers_as_a_fresh_look(many: list[Policy], context: Context) -> None:
    gate = Gate(most=3)
    named = [replace(p, id=f"o{i % 4}") for i, p in enumerate(many)]
    for _ in range(2):
        assert gate.visible(named, context) == tuple(
            p for p in named if circle_of(p).admits(context)
        )
