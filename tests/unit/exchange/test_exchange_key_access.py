"""Who gets a key: every rule of an attribute, lists, withdrawal, and policies that are not read."""

import base64
import json
from typing import Any

import pytest

from delian.exchange.key_access import (
    Attribute,
    AttributeRule,
    Client,
    KeyPolicy,
    ProofRule,
    decide,
    read_policy,
    split_fqn,
)
from delian.exchange.key_access_errors import KeyClientError, KeyRequestError

REL, LEVEL = "https://a.example/attr/rel", "https://a.example/attr/level"
ROOMS = "https://a.example/attr/rooms"
RULES = {
    REL: Attribute(REL, AttributeRule.ANY_OF, ("fra", "jpn")),
    LEVEL: Attribute(LEVEL, AttributeRule.HIERARCHY, ("secret", "restricted", "open")),
    ROOMS: Attribute(ROOMS, AttributeRule.ALL_OF, ("steel", "chips")),
}


def client(*held: str) -> Client:
    return Client("fra-reader", frozenset(held), ProofRule.DPOP)


def answer(policy: KeyPolicy, reader: Client, withdrawn: str | None = None) -> bool:
    found = decide(policy, reader, RULES, withdrawn)
    assert found.reasons
    assert found.shown
    return found.allowed


@pytest.mark.parametrize(
    ("asked", "held", "allowed"),
    [
        ([f"{REL}/value/fra"], [f"{REL}/value/fra"], True),
        ([f"{REL}/value/fra", f"{REL}/value/jpn"], [f"{REL}/value/jpn"], True),
        ([f"{REL}/value/fra"], [f"{REL}/value/jpn"], False),
        ([f"{REL}/value/fra"], [], False),
        ([f"{LEVEL}/value/restricted"], [f"{LEVEL}/value/restricted"], True),
        ([f"{LEVEL}/value/restricted"], [f"{LEVEL}/value/secret"], True),
        ([f"{LEVEL}/value/restricted"], [f"{LEVEL}/value/open"], False),
        ([f"{LEVEL}/value/open", f"{LEVEL}/value/secret"], [f"{LEVEL}/value/restricted"], False),
        ([f"{ROOMS}/value/steel"], [f"{ROOMS}/value/steel"], True),
        ([f"{ROOMS}/value/steel", f"{ROOMS}/value/chips"], [f"{ROOMS}/value/steel"], False),
        (
            [f"{ROOMS}/value/steel", f"{ROOMS}/value/chips"],
            [f"{ROOMS}/value/steel", f"{ROOMS}/value/chips"],
            True,
        ),
        ([f"{REL}/value/fra", f"{LEVEL}/value/open"], [f"{REL}/value/fra"], False),
        (["https://a.example/attr/new/value/x"], ["https://a.example/attr/new/value/x"], False),
        ([f"{REL}/value/deu"], [f"{REL}/value/deu"], False),
        ([f"{REL}/value/fra", f"{REL}/value/deu"], [f"{REL}/value/fra"], False),
        ([f"{LEVEL}/value/cosmic"], [f"{LEVEL}/value/secret"], False),
        ([], [f"{REL}/value/fra"], False),
    ],
)
def test_attributes(asked: list[str], held: list[str], allowed: bool) -> None:
    assert answer(KeyPolicy("p", tuple(asked), ()), client(*held)) is allowed


def test_a_list_of_readers_limits_beside_the_attributes() -> None:
    both = KeyPolicy("p", (f"{REL}/value/fra",), ("fra-reader",))
    assert answer(both, client(f"{REL}/value/fra"))
    assert not answer(both, client())
    others = KeyPolicy("p", (f"{REL}/value/fra",), ("somebody",))
    assert not answer(others, client(f"{REL}/value/fra"))
    assert answer(KeyPolicy("p", (), ("fra-reader",)), client())


def test_a_withdrawn_release_gives_no_key_and_only_its_readers_learn_why() -> None:
    policy = KeyPolicy("p", (f"{REL}/value/fra",), ())
    known = decide(policy, client(f"{REL}/value/fra"), RULES, "wrong figure")
    assert not known.allowed
    assert known.shown == ("the release was withdrawn: wrong figure",)
    stranger = decide(policy, client(), RULES, "wrong figure")
    assert not stranger.allowed
    assert "withdrawn" not in " ".join(stranger.shown)
    assert "withdrawn" in " ".join(stranger.reasons)


def test_a_refusal_names_what_is_missing() -> None:
    found = decide(KeyPolicy("p", (f"{REL}/value/fra",), ()), client(), RULES, None)
    assert found.shown == (f"none of {REL}/value/fra is held",)


def policy_of(plain: Any) -> str:
    return base64.b64encode(json.dumps(plain).encode()).decode()


def test_a_policy_as_stock_writers_write_it() -> None:
    body = {
        "dataAttributes": [
            {
                "attribute": "https://A.example/attr/Rel/value/FRA",
                "displayName": "",
                "isDefault": False,
                "pubKey": "",
                "kasURL": "",
            }
        ],
        "dissem": None,
    }
    found = read_policy(policy_of({"uuid": "1-a", "body": body, "extra": 1}))
    assert found == KeyPolicy("1-a", (f"{REL}/value/fra",), ())
    nothing = read_policy(policy_of({"uuid": "1-a", "body": {"dataAttributes": None}}))
    assert nothing == KeyPolicy("1-a", (), ())


@pytest.mark.parametrize(
    "plain",
    [
        [],
        {},
        {"uuid": "a"},
        {"uuid": "a", "body": None},
        {"uuid": "", "body": {}},
        {"uuid": 5, "body": {}},
        {"uuid": "a b", "body": {}},
        {"body": {}},
        {"uuid": "a", "body": {"dataAttributes": {}}},
        {"uuid": "a", "body": {"dataAttributes": ["x"]}},
        {"uuid": "a", "body": {"dataAttributes": [{"attribute": "x"}]}},
        {"uuid": "a", "body": {"dataAttributes": [{}]}},
        {"uuid": "a", "body": {"dataAttributes": [{"attribute": f"{REL}/value/fra"}] * 257}},
        {"uuid": "a", "body": {"dissem": "all"}},
        {"uuid": "a", "body": {"dissem": [1]}},
        {"uuid": "a", "body": {"dissem": ["x"] * 1025}},
        {"uuid": "a", "body": {"anyOf": []}},
    ],
)
def test_a_policy_that_is_not_understood_opens_nothing(plain: Any) -> None:
    with pytest.raises(KeyRequestError):
        read_policy(policy_of(plain))


@pytest.mark.parametrize("text", ["", "!", "e30", "e30=\n", "A" * 70000, "W" * 40])
def test_text_that_is_no_policy(text: str) -> None:
    with pytest.raises(KeyRequestError):
        read_policy(text)


def test_a_policy_that_says_a_thing_twice_is_not_read() -> None:
    raw = b'{"uuid":"a","uuid":"b","body":{"dissem":["x"]}}'
    with pytest.raises(KeyRequestError, match="twice"):
        read_policy(base64.b64encode(raw).decode())


def test_a_policy_nested_without_end_is_not_read() -> None:
    with pytest.raises(KeyRequestError):
        read_policy(base64.b64encode(b"[" * 40_000).decode())


@pytest.mark.parametrize(
    "name", ["rel", "https://a.example/attr/rel/value/", "ftp://a/attr/b/value/c", 5, None]
)
def test_what_is_no_attribute(name: object) -> None:
    with pytest.raises(KeyRequestError):
        split_fqn(name)


def test_rules_and_clients_are_checked_when_they_are_made() -> None:
    with pytest.raises(KeyClientError):
        Attribute(REL, AttributeRule.ANY_OF, ())
    with pytest.raises(KeyClientError):
        Attribute(REL, AttributeRule.ANY_OF, ("fra", "fra"))
    with pytest.raises(KeyClientError):
        Attribute(REL, AttributeRule.ANY_OF, ("FRA",))
    with pytest.raises(KeyClientError):
        Client("a b", frozenset(), ProofRule.DPOP)
    with pytest.raises(KeyRequestError):
        Client("a", frozenset({"fra"}), ProofRule.DPOP)
