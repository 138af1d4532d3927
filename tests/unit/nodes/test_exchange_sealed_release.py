"""A release sealed for two key services, from the office to a reader, and taken back again."""

import io
import secrets
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from delian.adapters.key_access_client import KeyAccessClient, KeyAccount
from delian.crypto.tdf_keys import KeyAccessGrant
from delian.crypto.tdf_zip import MemoryAccess
from delian.exchange.key_access_errors import KeyDeniedError, KeyServiceAwayError
from delian.label import Label
from delian.nodes.exchange_keys import KeyService
from delian.release.verify import verify
from delian.release.ztdf import SealedRelease, SealPlan, open_release, policy_id, seal_release
from tests.key_access_world import FixedClock, fresh_service, make_service, served
from tests.release_world import NOW, Released
from tests.sealed_release_world import OFFICE, POLICY, closed_release

AUTHORITY = "https://league.example"
LEVEL = f"{AUTHORITY}/attr/classification/value/unclassified"


def held(affiliation: str) -> list[str]:
    return [LEVEL, f"{AUTHORITY}/attr/releasable-to/value/{affiliation}"]


@pytest.fixture(scope="module")
def made() -> Released:
    return closed_release()


@pytest.fixture
def services(tmp_path: Path) -> Iterator[tuple[KeyService, KeyService]]:
    """The alliance's, and a nation's that reads the alliance's tokens."""
    alliance = make_service(tmp_path / "alliance", "http://127.0.0.1", FixedClock())
    nation = fresh_service(tmp_path / "nation", "http://127.0.0.1", FixedClock())
    with served(alliance), served(nation):
        for service in (alliance, nation):
            service.define_policy(POLICY, AUTHORITY)
        nation.trust(alliance.address, alliance.token_keys()["keys"][0])
        yield alliance, nation
    alliance.close()
    nation.close()


def sealed(made: Released, grants: Sequence[KeyAccessGrant]) -> bytes:
    sink = io.BytesIO()
    plan = SealPlan(POLICY, AUTHORITY, tuple(grants), {"SEC/sign": OFFICE})
    seal_release(made.folder, sink, plan, secrets.token_bytes)
    return sink.getvalue()


def reader(services: tuple[KeyService, KeyService], name: str, affiliation: str) -> KeyAccessClient:
    alliance, nation = services
    secret = alliance.register(name, held(affiliation))
    nation.register_foreign(name, alliance.address, held(affiliation))
    accounts = [
        KeyAccount(alliance.address, name, secret),
        KeyAccount(nation.address, name, issuer=alliance.address),
    ]
    return KeyAccessClient(accounts, FixedClock(), development=True)


def unsealed(data: bytes, asks: KeyAccessClient) -> SealedRelease:
    pinned = {"SEC/sign": OFFICE.public}
    return open_release(MemoryAccess(data), asks.unwrap, pinned, POLICY, AUTHORITY)


def test_a_reader_that_the_label_names_gets_the_release_and_verifies_it(
    made: Released, services: tuple[KeyService, KeyService]
) -> None:
    alliance, nation = services
    data = sealed(made, [alliance.grant(split="alliance"), nation.grant(split="nation")])
    opened = unsealed(data, reader(services, "fra", "fra"))
    assert opened.files == made.folder
    verify(opened.files, made.root, now_utc=NOW).raise_for_failure()
    for service in services:
        entry = service.audit_entries()[-1].body
        assert (entry["event"], entry["policy"]) == ("grant", policy_id(made.statement))


def test_whom_the_label_does_not_name_learns_what_is_missing(
    made: Released, services: tuple[KeyService, KeyService]
) -> None:
    data = sealed(made, [services[0].grant()])
    outside = next(a for a in sorted(POLICY.affiliations) if a not in made_audience(made))
    with pytest.raises(KeyDeniedError, match="releasable-to"):
        unsealed(data, reader(services, "outside", outside.lower()))
    assert services[0].audit_entries()[-1].body["event"] == "deny"


def made_audience(made: Released) -> frozenset[str]:
    return Label.from_plain(dict(made.statement.label)).marking.audience


def test_either_service_can_take_the_release_back_alone(
    made: Released, services: tuple[KeyService, KeyService]
) -> None:
    alliance, nation = services
    data = sealed(made, [alliance.grant(split="alliance"), nation.grant(split="nation")])
    asks = reader(services, "fra", "fra")
    assert unsealed(data, asks).files == made.folder
    nation.withdraw(policy_id(made.statement), "a wrong figure")
    with pytest.raises(KeyDeniedError, match="withdrawn: a wrong figure"):
        unsealed(data, asks)
    assert unsealed(sealed(made, [alliance.grant()]), asks).files == made.folder


def test_services_of_one_split_stand_in_for_each_other(
    made: Released, services: tuple[KeyService, KeyService]
) -> None:
    alliance, nation = services
    asks = reader(services, "fra", "fra")
    nation.withdraw(policy_id(made.statement), "only here")
    assert unsealed(sealed(made, [nation.grant(), alliance.grant()]), asks).files == made.folder
    alone = sealed(made, [nation.grant(), nation.grant("rsa:2048")])
    with pytest.raises((KeyDeniedError, KeyServiceAwayError)):
        unsealed(alone, asks)
