"""Rosters are pinned, chained and signed by everybody in them."""

from dataclasses import replace
from datetime import date

import pytest

from delian.approve.membership import (
    RosterChangeError,
    RosterMismatchError,
    RosterUnsignedError,
    check_first,
    check_successor,
    old_keyid,
    sign_roster,
)
from delian.crypto.dsse import document_type, sign
from delian.crypto.sign import PrivateKey
from delian.terms.encode import canonical
from delian.terms.errors import DelianError, InputError
from delian.terms.party import Kind, Party, Roster


def nation(code, keys):
    return Party(
        code,
        Kind.ALLY,
        code,
        code,
        {p: k.public.to_wire() for p, k in keys.items()},
        date(2026, 1, 1),
    )


@pytest.fixture
def keys():
    return {
        c: {p: PrivateKey.generate("ed25519") for p in ("contribute", "agent", "officer")}
        for c in ("FRA", "ITA", "DEU")
    }


def signed(roster, keys):
    envelope = None
    for code, held in keys.items():
        one = sign_roster(roster, f"{code}/agent", held["agent"])
        envelope = one if envelope is None else envelope.added(one)
    return envelope


def test_first_roster_needs_the_pin_and_every_signature(keys):
    roster = Roster("League", 1, tuple(nation(c, k) for c, k in keys.items()))
    envelope = signed(roster, keys)
    assert check_first(envelope, roster.digest).recovered == ()
    with pytest.raises(RosterMismatchError):
        check_first(envelope, "sha256:" + "0" * 64)
    with pytest.raises(RosterUnsignedError, match="ITA/agent"):
        check_first(signed(roster, {c: k for c, k in keys.items() if c != "ITA"}), roster.digest)


def test_one_public_key_cannot_stand_twice(keys):
    keys["ITA"]["agent"] = keys["FRA"]["agent"]
    with pytest.raises(InputError, match="one public key"):
        Roster("League", 1, tuple(nation(c, k) for c, k in keys.items()))


def successor(roster, keys, drop=()):
    parties = tuple(nation(c, k) for c, k in keys.items() if c not in drop)
    return Roster("League", 2, parties, roster.digest)


def test_changed_key_is_named_as_recovery_unless_the_old_key_signed(keys):
    roster = Roster("League", 1, tuple(nation(c, k) for c, k in keys.items()))
    old = keys["FRA"]["agent"]
    keys["FRA"]["agent"] = PrivateKey.generate("ed25519")
    after = successor(roster, keys)
    envelope = signed(after, keys)
    assert check_successor(roster, envelope).recovered == ("FRA/agent",)
    with_old = envelope.added(
        sign(document_type("roster"), canonical(after.to_plain()), {old_keyid("FRA/agent", 1): old})
    )
    assert check_successor(roster, with_old).recovered == ()
    stranger = PrivateKey.generate("ed25519")
    with_stranger = envelope.added(
        sign(
            document_type("roster"),
            canonical(after.to_plain()),
            {old_keyid("FRA/agent", 1): stranger},
        )
    )
    assert check_successor(roster, with_stranger).recovered == ("FRA/agent",)


def test_a_roster_of_a_strangers_keys_does_not_follow(keys):
    roster = Roster("League", 1, tuple(nation(c, k) for c, k in keys.items()))
    before = {c: dict(held) for c, held in keys.items()}
    for code in ("FRA", "ITA"):
        keys[code]["agent"] = PrivateKey.generate("ed25519")
    after = successor(roster, keys)
    envelope = signed(after, keys)
    with pytest.raises(RosterChangeError, match="FRA/agent, ITA/agent"):
        check_successor(roster, envelope)
    kind, payload = document_type("roster"), canonical(after.to_plain())
    vouched = envelope.added(
        sign(kind, payload, {old_keyid("ITA/agent", 1): before["ITA"]["agent"]})
    )
    assert check_successor(roster, vouched).recovered == ("FRA/agent",)
    stranger = {
        c: {p: PrivateKey.generate("ed25519") for p in ("contribute", "agent", "officer")}
        for c in keys
    }
    with pytest.raises(RosterChangeError):
        check_successor(roster, signed(successor(roster, stranger), stranger))


def test_successor_must_follow_and_keep_everybody(keys):
    roster = Roster("League", 1, tuple(nation(c, k) for c, k in keys.items()))
    wrong = replace(successor(roster, keys), previous="sha256:" + "1" * 64)
    with pytest.raises(RosterMismatchError):
        check_successor(roster, signed(wrong, keys))
    gone = successor(roster, keys, drop=("ITA",))
    with pytest.raises(RosterChangeError, match="ITA"):
        check_successor(roster, signed(gone, {c: k for c, k in keys.items() if c != "ITA"}))


def test_partnership_file_is_read_strictly(keys):
    text = """
partnership = "League"
version = 1
[[party]]
code = "FRA"
kind = "ally"
name = "France"
joined = 2026-01-01
"""
    roster = Roster.from_toml(text)
    assert roster.party("FRA").joined == date(2026, 1, 1)
    for bad in (
        text.replace("ally", "friend"),
        text.replace("FRA", "FR"),
        text + "\nx = 1\n[y]\n",
        text + "colour='red'\n",
        "= 1",
    ):
        with pytest.raises(DelianError):
            Roster.from_toml(bad)
