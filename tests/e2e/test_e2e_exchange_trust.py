"""A credential opens an offer as far as the provider's trust profile believes its issuer."""

import asyncio
import socket
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from delian.exchange.identity_map import Assurance
from delian.exchange.offering import Terms
from delian.exchange.trust import Entry, Scope, TrustProfile
from delian.label.bundled import bundled_policy
from delian.nodes.exchange_data import Asset
from delian.nodes.exchange_identity import DcpIdentity
from delian.nodes.exchange_node import Running, running
from delian.nodes.exchange_publish import Place, ready_file
from delian.nodes.exchange_settings import FILE, did_of, load_exchange
from tests.exchange_world import label_for
from tests.key_access_world import FixedClock
from tests.release_world import NOW

OID = bundled_policy().oid
CLOCK = FixedClock(NOW)
KIND = "PartyCredential"
SAID = (
    f'{{ clearance = {{ policy = "{OID}", affiliation = "INDUSTRY", level = 1 }}, '
    'purposes = ["planning"] }'
)
HIGH = Assurance.HIGH


def profile(issuer: str, owner: str, **changes: Any) -> bytes:
    fields = {"assurance": HIGH, "values": frozenset({"INDUSTRY"}), "level": 1, "policy": OID}
    entries = (
        Entry(issuer, Scope.CLEARANCE, **{**fields, **changes}),
        Entry(issuer, Scope.PURPOSE, HIGH),
    )
    day = timedelta(days=1)
    needs = {Scope.CLEARANCE: Assurance.SUBSTANTIAL}
    return TrustProfile(owner, entries, needs, NOW - day, NOW + day).to_bytes()


async def story(place: Path, **believed: Any) -> list[str]:
    """What of the provider's catalogue a maker sees that shows what the issuer says of it."""
    async with AsyncExitStack() as stack:
        sockets = {n: stack.enter_context(socket.socket()) for n in ("issuer", "provider", "maker")}
        address = {}
        for name, one in sockets.items():
            one.bind(("127.0.0.1", 0))
            one.listen()
            address[name] = f"http://127.0.0.1:{one.getsockname()[1]}"
        issuer, maker = did_of(address["issuer"]), did_of(address["maker"])
        trusted = f'[exchange.identity.trusted_issuers]\n"{issuer}" = ["{KIND}"]\n'
        more = {
            "issuer": f'[exchange.identity.issues."{maker}"]\n{KIND} = {SAID}\n',
            "provider": f'[exchange.identity]\nscopes = ["{KIND}"]\n{trusted}',
            "maker": f'[exchange.identity]\nshows = ["{KIND}"]\n{trusted}',
        }
        nodes: dict[str, Running] = {}
        for name, bound in sockets.items():
            home = place / name
            home.mkdir()
            head = f'[exchange]\naddress = "{address[name]}"\ndevelopment = true\n'
            (home / FILE).write_text(head + more[name])
            if name == "provider":
                (home / "trust.json").write_bytes(
                    profile(issuer, did_of(address[name]), **believed)
                )
            settings = load_exchange(home)
            nodes[name] = await stack.enter_async_context(
                running(settings, clock=CLOCK, bound=bound)
            )
        await offer(nodes["provider"], place)
        identity = nodes["maker"].connector.parts.identity
        assert isinstance(identity, DcpIdentity)
        asked = await identity.wallet.ask(issuer, (KIND,))
        async with asyncio.timeout(20):
            assert await identity.wallet.answered(asked) == "ISSUED"
        order = {"order": "catalogue", "url": address["provider"]}
        found = await nodes["maker"].orders.handle(order)
        return [dataset["@id"] for dataset in found["datasets"]]


async def offer(node: Running, place: Path) -> None:
    source = place / "signal.csv"
    source.write_text("a,b\n")
    home = Place(place / "provider", "urn:service:1")
    terms = Terms(purposes=("planning",))
    made = ready_file(home, source, "urn:x:1", "Signal", label_for("INDUSTRY"), terms, NOW)
    await node.connector.publish(made.dataset, Asset.of(made.path))


@pytest.mark.parametrize(
    ("believed", "seen"),
    [
        ({}, ["urn:x:1"]),
        ({"level": 0}, []),
    ],
)
def test_an_issuer_is_believed_as_far_as_the_profile_says(
    tmp_path: Path, believed: dict[str, Any], seen: list[str]
) -> None:
    assert asyncio.run(story(tmp_path, **believed)) == seen
