"""Who a guest of a bridge is: token, record, assurance; and one fetch for each transfer."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from delian.adapters.bridge_web import Stream
from delian.exchange.actions import Action, Start
from delian.exchange.bridge_errors import NotMappedError, WeakIdentityError
from delian.exchange.errors import NotAllowedError
from delian.exchange.foreign_name import Scheme
from delian.exchange.identity_map import CREDENTIAL_TYPE, Assurance
from delian.exchange.transfer import Transfer
from delian.exchange.words import Role, TransferState
from delian.nodes.exchange_bridge_desk import BridgeDesk
from delian.nodes.exchange_bridge_fetch import Fetches
from delian.nodes.exchange_bridge_settings import load
from tests.japan_world import ISSUER, NOW, identity_papers, token

DID = "did:web:jp.example"


def desk(home: Path, assurance: Assurance) -> BridgeDesk:
    papers = identity_papers(home, DID, Scheme.CADDE, "user-1", assurance)
    (home / "bridge.toml").write_text(
        f'{papers}[door.cadde]\nprovider = "EU"\nissuer = "{ISSUER}"\naudience = "delian"\n'
        'claim = "preferred_username"\nkeys = "idp-keys.json"\n'
    )
    settings = load(home)
    assert settings is not None
    house: Any = None
    return BridgeDesk(settings, house, "did:web:bridge.example", lambda: NOW)


def test_a_guest_is_named_with_everything_that_qualifies_it(tmp_path: Path) -> None:
    found = desk(tmp_path, Assurance.HIGH)
    who = asyncio.run(found.identify("cadde", f"Bearer {token('user-1')}", None))
    (claim,) = who.claims
    assert (who.id, claim.kind, claim.issuer) == (DID, CREDENTIAL_TYPE, "did:web:bridge.example")
    assert claim.subject["originalIssuer"] == ISSUER
    assert (claim.subject["assurance"], claim.subject["vouchedBy"]) == ("high", "voucher-jp")


def test_a_weak_record_an_unknown_user_and_a_closed_door_admit_nobody(tmp_path: Path) -> None:
    found = desk(tmp_path, Assurance.LOW)
    for system, name, error in (
        ("cadde", "user-1", WeakIdentityError),
        ("cadde", "user-2", NotMappedError),
        ("ods", "user-1", NotAllowedError),
    ):
        with pytest.raises(error):
            asyncio.run(found.identify(system, f"Bearer {token(name)}", "key"))


class OneTransfer:
    """A connector with one transfer, and a foreign system that is slow until it is let go."""

    def __init__(self) -> None:
        self.transfer = Transfer(
            *("pid", "peer", Role.PROVIDER, TransferState.REQUESTED, "did", "address"),
            *("urn:agreed", "urn:cadde:a:b", "HttpData-PULL"),
        )
        self.opened, self.acted = 0, list[Action]()
        self.gate = asyncio.Event()
        self.store = SimpleNamespace(step=self._step)

    async def _step(self, _work: object) -> None:
        return None

    async def process(self, _pid: str) -> Transfer:
        return self.transfer

    async def act(self, _pid: str, action: Action) -> None:
        self.acted.append(action)

    async def publish(self, _dataset: object, _asset: object) -> None:
        return None

    @contextlib.asynccontextmanager
    async def open(self, _place: int, _pid: str) -> AsyncIterator[Stream]:
        self.opened += 1
        await self.gate.wait()

        async def chunks() -> AsyncIterator[bytes]:
            yield b"data"

        yield Stream(200, {}, chunks())


def test_a_transfer_is_fetched_once_at_a_time(tmp_path: Path) -> None:
    async def story() -> None:
        one = OneTransfer()
        dataset = {
            "@id": "urn:cadde:a:b",
            "hasPolicy": [{"@id": "o", "@type": "Offer"}],
            "distribution": [{"format": "HttpData-PULL", "accessService": "urn:s"}],
        }
        foreign = SimpleNamespace(dataset=dataset, open=one.open)
        bridges: Any = SimpleNamespace(
            folder=tmp_path, now=lambda: NOW, foreign=lambda _name: foreign
        )
        fetches = Fetches(bridges, one)  # type: ignore[arg-type]
        both = asyncio.gather(fetches.fetch("pid"), fetches.fetch("pid"))
        await asyncio.sleep(0)
        one.gate.set()
        await both
        assert (one.opened, one.acted) == (1, [Start()])

    asyncio.run(asyncio.wait_for(story(), 10))
