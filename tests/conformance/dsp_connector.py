"""The production connector with scripted reactions and the two addresses that the kit triggers.

Usage: ``python tests/conformance/dsp_connector.py --port N``. Its store is a SQLite file that goes
with the process, so every step is written as durably as in production.
"""

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

ROOT = Path(__file__).resolve().parents[2]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from delian.adapters.dsp_listener import (  # noqa: E402 - a script finds its own package first
    Listen,
    bound_socket,
    serving,
)
from delian.adapters.exchange_store import ExchangeStore, Transaction  # noqa: E402
from delian.adapters.peer_client import PeerClient  # noqa: E402
from delian.adapters.peer_guard import Guard  # noqa: E402
from delian.exchange.catalogue import Dataset, Distribution  # noqa: E402
from delian.exchange.odrl import Policy, Rule  # noqa: E402
from delian.exchange.words import Role  # noqa: E402
from delian.nodes.exchange import Connector, Parts  # noqa: E402
from delian.nodes.exchange_delivery import Patience  # noqa: E402
from delian.nodes.exchange_ports import FixedIdentity  # noqa: E402
from tests.conformance import scripts  # noqa: E402

US = "urn:connector:under-test"


class KitRoutes:
    """The two addresses that the kit calls so that we begin something with it."""

    def __init__(self) -> None:
        self.connector: Connector | None = None

    def routes(self) -> list[Route]:
        return [
            Route("/kit/negotiations", self.negotiate, methods=["POST"]),
            Route("/kit/transfers", self.transfer, methods=["POST"]),
        ]

    def ready(self) -> Connector:
        if self.connector is None:
            raise RuntimeError("the connector is not there yet")
        return self.connector

    async def negotiate(self, request: Request) -> JSONResponse:
        asked = await request.json()
        dataset = str(asked["datasetId"])
        offer = Policy("Offer", str(asked["offerId"]), (Rule("use"),), target=dataset)
        pid = await self.ready().request(
            peer=str(asked["providerId"]), address=str(asked["connectorAddress"]), offer=offer
        )
        return JSONResponse({"pid": pid})

    async def transfer(self, request: Request) -> JSONResponse:
        asked = await request.json()
        pid = await self.ready().request_transfer(
            peer=str(asked["providerId"]),
            address=str(asked["connectorAddress"]),
            agreement_id=str(asked["agreementId"]),
            way=str(asked["format"]),
        )
        return JSONResponse({"pid": pid})


async def seed(connector: Connector) -> None:
    """What the kit expects to find: datasets with one offer each, and agreements."""
    way = Distribution("HttpData-PULL", f"{US}:service", connector.address)
    names = ["CAT0101", "CAT0102", *scripts.PROVIDED]
    made = [(Dataset(name, (scripts.offer_of(name),), (way,)), None) for name in names]
    await connector.publish_all(made)

    def agree(t: Transaction) -> None:
        for name in scripts.SENT:
            agreement = Policy(
                "Agreement",
                name,
                (Rule("use"),),
                target="CAT0101",
                assigner=US,
                assignee=scripts.KIT_PARTICIPANT,
            )
            t.add_agreement(agreement, Role.PROVIDER, scripts.KIT_PARTICIPANT, f"seed-{name}", 0)

    await connector.store.step(agree)


async def main(port: int, folder: Path) -> None:
    """Serve until the process is ended."""
    kit = KitRoutes()
    parts = Parts(
        participant=US,
        root=f"http://127.0.0.1:{port}",
        store=ExchangeStore(folder / "exchange.db"),
        identity=FixedIdentity(US, anonymous=scripts.KIT_PARTICIPANT),
        reactions=scripts.Scripted(US),
        client=PeerClient(Guard(is_development=True)),
        patience=Patience(first_wait_seconds=0.05, most_wait_seconds=0.2, unknown_seconds=10),
    )
    connector = Connector(parts, kit.routes())
    kit.connector = connector
    await connector.start()
    await seed(connector)
    listen = Listen("127.0.0.1", port)
    async with serving(connector.app, listen, bound_socket(listen)):
        await asyncio.Event().wait()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="kit-") as place:
        asyncio.run(main(given.port, Path(place)))
