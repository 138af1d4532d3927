"""The identity's file: one use for ever, private, and of one edition."""

import asyncio
import sqlite3
from pathlib import Path

import pytest

from delian.adapters import identity_store
from delian.adapters.identity_store import IdentityStore, IdentityStoreError, Pending
from delian.exchange.dcp_messages import CredentialMessage, CredentialObject, Delivered
from delian.exchange.issuance import RequestStatus


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "identity.db"


def use(store: IdentityStore, name: str, expires: int, now: int) -> bool:
    return asyncio.run(store.use(name, expires, now))


def test_a_token_is_used_once_also_after_the_file_was_closed(path: Path) -> None:
    store = IdentityStore(path)
    assert use(store, "a 1", 100, 10)
    assert not use(store, "a 1", 100, 11)
    assert use(store, "b 1", 100, 11)
    store.close()
    store = IdentityStore(path)
    assert not use(store, "a 1", 200, 100)
    assert use(store, "a 1", 200, 101)
    store.close()


def test_dead_tokens_are_swept_and_living_ones_stay(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(identity_store, "SWEEP_EVERY", 4)
    store = IdentityStore(path)
    for number in range(3):
        assert use(store, f"old {number}", 50, 10)
    assert use(store, "new", 500, 100)
    assert not use(store, "new", 500, 101)
    store.close()
    with sqlite3.connect(path) as db:
        assert db.execute("SELECT name FROM used").fetchall() == [("new",)]
    db.close()


def test_the_file_is_private(path: Path) -> None:
    IdentityStore(path).close()
    assert path.stat().st_mode & 0o077 == 0


def test_a_file_of_another_edition_is_not_touched(path: Path) -> None:
    db = sqlite3.connect(path)
    db.execute("PRAGMA user_version=99")
    db.close()
    with pytest.raises(IdentityStoreError, match="another edition"):
        IdentityStore(path)
    path.write_bytes(b"no database at all, but long enough to be taken for one" * 20)
    with pytest.raises(IdentityStoreError, match="cannot be opened"):
        IdentityStore(path)


def test_a_wallet_is_bounded_and_a_full_one_keeps_what_it_has(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(identity_store, "MAX_HELD", 2)
    store = IdentityStore(path)
    store.expect("p", "i", ["A", "B", "C"])
    store.keep("p", "i", [Delivered("A", "f", "1"), Delivered("B", "f", "1")])
    with pytest.raises(IdentityStoreError, match="as many"):
        store.keep("p", "i", [Delivered("A", "f", "2"), Delivered("C", "f", "2")])
    assert [c.payload for c in store.held(["A", "B", "C"])] == ["1", "1"]
    store.keep("p", "i", [Delivered("A", "f", "3")])
    assert [c.payload for c in store.held(["A", "B", "C"])] == ["3", "1"]
    store.close()


def test_offers_are_bounded_newest_first(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(identity_store, "MAX_OFFERS", 2)
    store = IdentityStore(path)
    for number in range(4):
        store.keep_offer(f"i{number}", (CredentialObject("1", "K", "f", ""),), number)
    assert [issuer for issuer, _ in store.offers()] == ["i3", "i2"]
    store.close()


def test_requests_wait_are_postponed_and_settle(path: Path) -> None:
    store = IdentityStore(path)
    message = CredentialMessage("h", "p", True, (Delivered("K", "vc20-bssl/jwt", "a.b.c"),))
    store.add_request(Pending("p", "did", "h", "t", message, RequestStatus.RECEIVED, 0, 10))
    assert store.due(9) == () and store.next_due() == 10
    assert [p.message for p in store.due(10)] == [message]
    store.postpone("p", 20)
    assert store.due(19) == () and [p.tries for p in store.due(20)] == [1]
    store.settle_request("p", RequestStatus.ISSUED)
    found = store.request("p")
    assert found is not None
    assert (found.status, found.token, store.next_due()) == (RequestStatus.ISSUED, None, None)
    assert store.request("q") is None
    store.close()


def test_places_are_never_given_twice_and_revoking_finds_them(path: Path) -> None:
    store = IdentityStore(path)
    places = [store.take_place("p", "did", kind, 100) for kind in ("A", "B", "A")]
    assert len(set(places)) == 3
    assert store.revoke("did", "A") == 2
    assert store.revoke("did", "A") == 0
    assert store.revoked() == {places[0], places[2]}
    store.close()
