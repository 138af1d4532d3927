"""Keys in a home: listed, locked under a passphrase, restored, replaced by the next ones."""

import json
import secrets
from datetime import UTC, date, datetime

import pytest

from delian.approve.membership import check_first, check_successor
from delian.crypto import passphrase as locked_file
from delian.crypto.passphrase import LockedError, PassphraseError, lock, unlock
from delian.nodes import keyring
from delian.nodes.genesis import (
    HomeTakenError,
    first_roster,
    join_signatures,
    make_party,
    sign_in,
    successor_roster,
)
from delian.terms.encode import canonical
from delian.terms.errors import InputError, RefusedError

NOW = datetime(2026, 11, 21, tzinfo=UTC)
WORDS = "four words are enough"


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    monkeypatch.setattr(locked_file, "_LOG2_COST", 10)


@pytest.fixture
def homes(tmp_path):
    kinds = {"AAA": "nation", "BBB": "nation", "alpha": "host", "SEC": "secretariat"}
    for code, role in kinds.items():
        make_party(tmp_path / code, role, code, f"name of {code}", f"org {code}", NOW)
    return {code: tmp_path / code for code in kinds}


def cards(homes):
    return {c: keyring.read_card((h / "card.json").read_bytes()) for c, h in homes.items()}


def test_a_card_keeps_the_name_it_was_given(homes):
    assert all(card.name == f"name of {code}" for code, card in cards(homes).items())


def test_locked_bytes_open_with_their_passphrase_only():
    made = lock(b"secret", WORDS, secrets.token_bytes)
    assert unlock(made, WORDS) == b"secret"
    assert b"secret" not in made
    with pytest.raises(LockedError):
        unlock(made, "four words are enougH")


@pytest.mark.parametrize("name", ["salt", "nonce", "sealed"])
def test_an_altered_lock_does_not_open(name):
    plain = json.loads(lock(b"secret", WORDS, secrets.token_bytes))
    first = "B" if plain[name][0] == "A" else "A"
    plain[name] = first + plain[name][1:]
    with pytest.raises(LockedError):
        unlock(canonical(plain), WORDS)


def test_a_short_passphrase_is_refused():
    with pytest.raises(PassphraseError):
        lock(b"secret", "elevenchars", secrets.token_bytes)


@pytest.mark.parametrize("code", ["AAA", "alpha", "SEC"])
def test_every_key_of_a_home_is_listed_and_in_use(homes, code):
    lines = keyring.list_keys(homes[code])
    assert {line.state for line in lines} == {"in use"}
    (homes[code] / "keys" / f"{lines[0].name}.key").unlink()
    assert keyring.list_keys(homes[code])[0].state == "missing"


def test_a_backup_restores_every_key_into_a_new_folder(homes, tmp_path):
    data = keyring.back_up(homes["alpha"], WORDS, secrets.token_bytes)
    code, files = keyring.restore(tmp_path / "new", data, WORDS)
    assert code == "alpha"
    assert "keys/host-seal.key" in files
    for path in homes["alpha"].rglob("*.*"):
        other = tmp_path / "new" / path.relative_to(homes["alpha"])
        assert other.read_bytes() == path.read_bytes()
    assert (tmp_path / "new/keys/host-seal.key").stat().st_mode & 0o777 == 0o600
    assert keyring.list_keys(tmp_path / "new") == keyring.list_keys(homes["alpha"])


def test_a_backup_never_replaces_another_key(homes):
    data = keyring.back_up(homes["AAA"], WORDS, secrets.token_bytes)
    before = (homes["BBB"] / "keys/agent.key").read_bytes()
    with pytest.raises(HomeTakenError):
        keyring.restore(homes["BBB"], data, WORDS)
    assert (homes["BBB"] / "keys/agent.key").read_bytes() == before


@pytest.mark.parametrize("name", ["../evil", "/etc/passwd", "sheets/x.csv"])
def test_a_backup_writes_nowhere_else(tmp_path, name):
    plain = {"format": keyring.FORMAT, "version": 1, "code": "AAA", "files": {name: "AAAA"}}
    with pytest.raises(InputError):
        keyring.restore(tmp_path / "new", lock(canonical(plain), WORDS, secrets.token_bytes), WORDS)
    assert not (tmp_path / "evil").exists()


def sign_all(homes, roster):
    joined, missing = join_signatures([sign_in(h, roster, c) for c, h in homes.items()])
    assert missing == ()
    return joined


def test_rotated_keys_are_vouched_for_by_the_old_ones_and_then_take_over(homes):
    first = first_roster("League", cards(homes).values())
    pinned = check_first(sign_all(homes, first), first.digest)
    old = (homes["AAA"] / "keys/agent.key").read_bytes()
    fresh = keyring.rotate(homes["AAA"], ["agent", "officer"], NOW)
    assert (homes["AAA"] / "keys/agent.key").read_bytes() == old
    assert [k.name for k in keyring.list_keys(homes["AAA"]) if k.state == "next"] == [
        "agent",
        "officer",
    ]
    second = successor_roster(first, [fresh], {})
    membership = check_successor(pinned.roster, sign_all(homes, second))
    assert membership.recovered == ()
    assert keyring.take_over(homes["AAA"], second.party("AAA"), 2) == ("agent.key", "officer.key")
    assert {k.state for k in keyring.list_keys(homes["AAA"])} == {"in use"}
    assert (homes["AAA"] / "keys/old/1/agent.key").read_bytes() == old
    assert keyring.take_over(homes["AAA"], second.party("AAA"), 2) == ()


def test_a_lost_key_is_replaced_by_a_recovery_that_the_roster_shows(homes):
    first = first_roster("League", cards(homes).values())
    (homes["AAA"] / "keys/agent.key").unlink()
    fresh = keyring.rotate(homes["AAA"], ["agent"], NOW)
    second = successor_roster(first, [fresh], {})
    membership = check_successor(first, sign_all(homes, second))
    assert membership.recovered == ("AAA/agent",)
    assert keyring.take_over(homes["AAA"], second.party("AAA"), 2) == ("agent.key",)
    assert {k.state for k in keyring.list_keys(homes["AAA"])} == {"in use"}


def test_a_host_rotates_its_sealing_key_and_certificate(homes):
    first = first_roster("League", cards(homes).values())
    fresh = keyring.rotate(homes["alpha"], ["host-seal", "host-tls"], NOW)
    second = successor_roster(first, [fresh], {})
    membership = check_successor(first, sign_all(homes, second))
    assert membership.recovered == ("alpha/host-seal", "alpha/host-tls")
    keyring.take_over(homes["alpha"], second.party("alpha"), 2)
    assert {k.state for k in keyring.list_keys(homes["alpha"])} == {"in use"}


def test_next_keys_are_made_once_and_of_known_purposes(homes):
    with pytest.raises(InputError):
        keyring.rotate(homes["AAA"], ["host-seal"], NOW)
    keyring.rotate(homes["AAA"], ["agent"], NOW)
    with pytest.raises(keyring.NextKeysError):
        keyring.rotate(homes["AAA"], ["officer"], NOW)


def test_nobody_signs_a_roster_with_another_card(homes):
    other = cards(homes)
    other["AAA"] = make_party(homes["AAA"].parent / "x", "nation", "AAA", "n", "o", NOW)
    with pytest.raises(RefusedError):
        sign_in(homes["AAA"], first_roster("League", other.values()), "AAA")


def test_a_party_leaves_by_a_day_and_stays_in_the_roster(homes):
    first = first_roster("League", cards(homes).values())
    second = successor_roster(first, [], {"BBB": date(2027, 1, 1)})
    assert second.party("BBB").left == date(2027, 1, 1)
    check_successor(first, sign_all(homes, second))
