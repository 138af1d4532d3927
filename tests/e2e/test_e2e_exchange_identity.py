"""Two connectors whose peers prove themselves: credentials issued, shown, and a contract made."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from delian.adapters.clock import SystemClock
from delian.adapters.dsp_listener import Listen, bound_socket, serving
from delian.adapters.exchange_store import ExchangeStore
from delian.adapters.peer_client import PeerClient
from delian.adapters.peer_guard import Guard
from delian.exchange.catalogue import Dataset, Distribution
from delian.exchange.issuance import Entitlements
from delian.exchange.odrl import Constraint, Policy, Rule
from delian.exchange.words import NegotiationState
from delian.nodes.exchange import Connector, Parts
from delian.nodes.exchange_identity import DcpIdentity
from delian.nodes.exchange_identity_settings import IdentitySettings
from delian.nodes.exchange_reactions import CatalogueReactions, OpenGate

KIND = "MembershipCredential"
RULE = Rule("use", (Constraint("purpose", "eq", "planning"),))
OFFER = Policy("Offer", "urn:offer:1", (RULE,), target="urn:data:1")
DATASET = Dataset(
    "urn:data:1",
    (replace(OFFER, target=None),),
    (Distribution("HttpData-PULL", "s"),),
    (("title", "A signal"),),
)


@dataclass(frozen=True)
class Place:
    """A socket that is bound already, so that its owner's DID can name the port."""

    socket: Any
    did: str
    root: str


def place(name: str) -> Place:
    bound = bound_socket(Listen("127.0.0.1", 0))
    port = bound.getsockname()[1]
    return Place(bound, f"did:web:127.0.0.1%3A{port}:{name}", f"http://127.0.0.1:{port}")


@asynccontextmanager
async def node(
    at: Place, home: Path, settings: Mapping[str, Any]
) -> AsyncIterator[tuple[Connector, DcpIdentity]]:
    home.mkdir()
    client, clock = PeerClient(Guard(is_development=True)), SystemClock()
    given = IdentitySettings(at.did, at.root, development=True, **settings)
    identity = DcpIdentity.open(home, given, client, clock.now_utc)
    store = ExchangeStore(home / "exchange.db")
    behind: list[Connector] = []

    def find(name: str) -> Dataset | None:
        return behind[0].shelf.get(name)

    reactions = CatalogueReactions(at.did, find, OpenGate(), clock)
    made = Connector(Parts(at.did, at.root, store, identity, reactions, client))
    behind.append(made)
    await made.start()
    await identity.start()
    try:
        async with serving(made.app, Listen("127.0.0.1", 0), at.socket):
            yield made, identity
    finally:
        await made.close()
        await identity.close()
        await client.close()
        store.close()


async def story(tmp_path: Path, *, has_credential: bool) -> tuple[str, tuple[str, ...]]:
    """The consumer's end of a negotiation with a provider that asks for a credential."""
    office, provider, consumer = (place(n) for n in ("office", "provider", "consumer"))
    entitled = {consumer.did: {KIND: {"class": "industry"}}}
    asks = {"scopes": (KIND,), "trusted_issuers": {office.did: (KIND,)}}
    holds = {"shows": (KIND,), "trusted_issuers": {office.did: (KIND,)}}
    async with AsyncExitStack() as stack:
        issues = {"entitlements": Entitlements(entitled)}
        await stack.enter_async_context(node(office, tmp_path / "office", issues))
        theirs, _ = await stack.enter_async_context(node(provider, tmp_path / "provider", asks))
        ours, us = await stack.enter_async_context(node(consumer, tmp_path / "consumer", holds))
        await theirs.publish(DATASET, None)
        if has_credential:
            asked = await us.wallet.ask(office.did, (KIND,))
            async with asyncio.timeout(10):
                assert await us.wallet.answered(asked) == "ISSUED"
        pid = await ours.request(peer=provider.did, address=theirs.address, offer=OFFER)
        done = await ours.wait(pid, [NegotiationState.FINALIZED, NegotiationState.TERMINATED], 10)
        return str(done.state), done.reasons


def test_a_consumer_that_shows_its_credential_gets_a_contract(tmp_path: Path) -> None:
    assert asyncio.run(story(tmp_path, has_credential=True)) == ("FINALIZED", ())


def test_a_consumer_without_it_gets_none_and_is_told_why(tmp_path: Path) -> None:
    state, reasons = asyncio.run(story(tmp_path, has_credential=False))
    assert state == "TERMINATED"
    assert any("401" in reason or "lacks" in reason for reason in reasons), reasons


@pytest.mark.parametrize("name", ["office"])
def test_the_document_lies_where_its_did_says(tmp_path: Path, name: str) -> None:
    async def whole() -> tuple[int, bytes]:
        at = place(name)
        async with node(at, tmp_path / name, {}):
            client = PeerClient(Guard(is_development=True))
            try:
                return await client.get(f"{at.root}/{name}/did.json", max_bytes=65536)
            finally:
                await client.close()

    status, body = asyncio.run(whole())
    assert status == 200
    assert b"CredentialService" in body
    assert b'"d"' not in body
