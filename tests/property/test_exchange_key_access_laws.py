"""Laws of key access: the decision against a restatement of its rule, bytes from strangers."""

from hypothesis import given, settings
from hypothesis import strategies as st

from delian.exchange.dpop import check_proof
from delian.exchange.key_access import (
    Attribute,
    AttributeRule,
    Client,
    KeyPolicy,
    ProofRule,
    decide,
    read_policy,
)
from delian.exchange.key_access_errors import KeyProofError, KeyRequestError
from delian.exchange.key_access_wire import field, read_fields
from delian.exchange.rewrap import read_request
from tests.key_access_world import NOW

NAMES = {rule: f"https://a.example/attr/{rule.value}" for rule in AttributeRule}
VALUES = ("a", "b", "c")
RULES = {name: Attribute(name, rule, VALUES) for rule, name in NAMES.items()}
EVERY = [f"{name}/value/{value}" for name in NAMES.values() for value in VALUES]
PEOPLE = ("one", "two", "three")


def expected(
    asked: set[str], held: set[str], people: set[str], who: str, withdrawn: str | None
) -> bool:
    """The rule once more, in other words: every attribute that is asked for has to be met."""
    if withdrawn is not None or (people and who not in people) or not (people or asked):
        return False
    for rule, name in NAMES.items():
        want = {fqn[-1] for fqn in asked if fqn.startswith(name + "/")}
        have = {fqn[-1] for fqn in held if fqn.startswith(name + "/")}
        if not want:
            continue
        met = {
            AttributeRule.ANY_OF: bool(want & have),
            AttributeRule.ALL_OF: want <= have,
            # "a" is the highest value: one held value must be as high as every one that is asked.
            AttributeRule.HIERARCHY: any(all(h <= w for w in want) for h in have),
        }
        if not met[rule]:
            return False
    return True


@settings(max_examples=150, deadline=None)
@given(
    asked=st.sets(st.sampled_from(EVERY), max_size=5),
    held=st.sets(st.sampled_from(EVERY), max_size=7),
    people=st.sets(st.sampled_from(PEOPLE), max_size=2),
    who=st.sampled_from(PEOPLE),
    withdrawn=st.sampled_from([None, None, None, "wrong"]),
)
def test_a_key_is_given_exactly_where_the_rule_says(
    asked: set[str], held: set[str], people: set[str], who: str, withdrawn: str | None
) -> None:
    policy = KeyPolicy("p", tuple(sorted(asked)), tuple(sorted(people)))
    found = decide(policy, Client(who, frozenset(held), ProofRule.DPOP), RULES, withdrawn)
    assert found.allowed is expected(asked, held, people, who, withdrawn)
    assert found.reasons


@settings(max_examples=150, deadline=None)
@given(
    asked=st.sets(st.sampled_from(EVERY), min_size=1, max_size=4),
    held=st.sets(st.sampled_from(EVERY)),
    more=st.sampled_from(EVERY),
)
def test_holding_more_never_closes_a_file(asked: set[str], held: set[str], more: str) -> None:
    policy = KeyPolicy("p", tuple(sorted(asked)), ())
    before = decide(policy, Client("x", frozenset(held), ProofRule.DPOP), RULES, None)
    after = decide(policy, Client("x", frozenset(held | {more}), ProofRule.DPOP), RULES, None)
    assert after.allowed or not before.allowed


@settings(max_examples=100, deadline=None)
@given(data=st.binary(max_size=200))
def test_bytes_from_a_stranger_are_fields_or_refused(data: bytes) -> None:
    try:
        found = read_fields(data)
    except KeyRequestError:
        return
    assert all(number > 0 for number in found)
    assert sum(len(v) for vs in found.values() for v in vs if isinstance(v, bytes)) <= len(data)


@settings(max_examples=100, deadline=None)
@given(
    wanted=st.lists(
        st.tuples(
            st.integers(1, 2000), st.one_of(st.binary(max_size=40), st.integers(0, 2**64 - 1))
        ),
        max_size=20,
    )
)
def test_what_is_written_is_read(wanted: list[tuple[int, bytes | int]]) -> None:
    found = read_fields(b"".join(field(number, value) for number, value in wanted))
    for number in {number for number, _ in wanted}:
        assert found[number] == [value for n, value in wanted if n == number]


@settings(max_examples=150, deadline=None)
@given(text=st.text(max_size=60))
def test_text_from_a_stranger_is_no_policy_no_proof_and_no_request(text: str) -> None:
    for attempt in (
        lambda: read_policy(text),
        lambda: read_request({"requestBody": text}),
        lambda: check_proof(text, method="POST", url="https://a.example/", now_utc=NOW),
    ):
        try:
            attempt()
        except (KeyRequestError, KeyProofError):
            continue
        raise AssertionError(text)
