"""A connector in service: settings, keys, database, policy, releases, and the operator's line."""

import asyncio
import fcntl
import importlib
import logging
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import uvloop
from starlette.routing import BaseRoute

from delian.adapters.clock import Clock, SystemClock
from delian.adapters.dsp_listener import Listen, bound_socket, serving
from delian.adapters.dsp_server import Bounds
from delian.adapters.exchange_line import line
from delian.adapters.exchange_store import ExchangeStore, ExchangeStoreError
from delian.adapters.peer_client import PeerClient
from delian.adapters.peer_guard import Guard
from delian.exchange.catalogue import Dataset
from delian.exchange.negotiation import Negotiation
from delian.exchange.reactions import Participant
from delian.exchange.words import Role
from delian.nodes.exchange import Connector, Parts
from delian.nodes.exchange_data import Asset
from delian.nodes.exchange_delivery import Patience
from delian.nodes.exchange_identity import DcpIdentity
from delian.nodes.exchange_identity_settings import read_settings
from delian.nodes.exchange_orders import Orders
from delian.nodes.exchange_peers import Peers
from delian.nodes.exchange_policy import PolicyDesk
from delian.nodes.exchange_ports import FixedIdentity, Identity
from delian.nodes.exchange_reactions import CatalogueReactions
from delian.nodes.exchange_settings import ExchangeSettings, load_exchange
from delian.terms.errors import DelianError

LOG = logging.getLogger("delian.exchange")
LOOK_SECONDS = 5.0
BRIDGES = "bridge.toml"
DCP_PROFILES = ("vc20-bssl/jwt", "vc11-sl2021/jwt")


@dataclass(frozen=True, slots=True)
class Running:
    """A connector that serves."""

    connector: Connector
    orders: Orders
    port: int


@asynccontextmanager
async def running(
    settings: ExchangeSettings, *, clock: Clock | None = None, bound: Any = None
) -> AsyncIterator[Running]:
    """Serve while the block runs.

    Args:
        settings: Of the home.
        clock: The time; the machine's own where none is given.
        bound: A listening socket; None to open the one of the settings.
    """
    clock = clock or SystemClock()
    host, port = settings.listening()
    certificate = str(settings.path(settings.certificate)) if settings.certificate else None
    key = str(settings.path(settings.key)) if settings.key else None
    listen = Listen(host, port, certificate, key)
    async with AsyncExitStack() as stack:
        stack.enter_context(_only_one(settings.home))
        bound = bound or bound_socket(listen)
        authorities = settings.path(settings.authorities) if settings.authorities else None
        client = PeerClient(Guard(settings.development), authorities=authorities)
        stack.push_async_callback(client.close)
        store = ExchangeStore(settings.place)
        stack.callback(store.close)
        identity = await _identity(settings, client, clock, stack)
        desk = PolicyDesk.load(settings.home, settings.did, clock.now_utc)
        lookup = _Lookup()
        reactions = CatalogueReactions(settings.did, lookup, desk, clock)
        parts = _parts(settings, store, identity, reactions, client, desk, clock)
        parts, foreign = _bridged(settings, parts, desk)
        room = _key_room(settings, clock)
        if room is not None:
            stack.callback(room.service.close)
        connector = Connector(parts, [*(room.routes() if room else ()), *foreign])
        lookup.connect(connector.shelf.get)
        await connector.start()
        stack.push_async_callback(connector.close)
        if parts.reactions is not reactions:
            stack.push_async_callback(parts.reactions.bridges.close)  # type: ignore[attr-defined]
            await parts.reactions.start(connector)  # type: ignore[attr-defined]
        follow = _releases(settings, connector, clock, room)
        orders = Orders(
            connector,
            Peers(client, identity),
            reactions,
            follow,
            _judge(connector, desk),
            room.service.take_back if room else None,
        )
        if follow is not None:
            stack.push_async_callback(_stop, asyncio.create_task(_keep_looking(follow)))
        await stack.enter_async_context(line(settings.home, orders.handle))
        await stack.enter_async_context(serving(connector.app, listen, bound))
        yield Running(connector, orders, bound.getsockname()[1])


class _Lookup:
    """The catalogue, once there is one: reactions are made before the connector."""

    def __init__(self) -> None:
        self._get: Callable[[str], Dataset | None] = lambda _name: None

    def connect(self, get: Callable[[str], Dataset | None]) -> None:
        self._get = get

    def __call__(self, name: str) -> Dataset | None:
        return self._get(name)


def _parts(
    settings: ExchangeSettings,
    store: ExchangeStore,
    identity: Identity,
    reactions: CatalogueReactions,
    client: PeerClient,
    desk: PolicyDesk,
    clock: Clock,
) -> Parts:
    return Parts(
        participant=settings.did,
        root=settings.address,
        store=store,
        identity=identity,
        reactions=reactions,
        client=client,
        terms=desk,
        visibility=desk,
        clock=clock,
        patience=Patience(deadline_seconds=settings.delivery_hours * 3600.0),
        max_open_per_peer=settings.open_per_peer,
        auth_profiles=DCP_PROFILES if settings.proof == "dcp" else (),
        bounds=Bounds(settings.requests, settings.requests_per_peer),
        is_development=settings.development,
    )


async def _identity(
    settings: ExchangeSettings, client: PeerClient, clock: Clock, stack: AsyncExitStack
) -> Identity:
    if settings.proof == "none":
        return FixedIdentity(settings.did)
    wanted = read_settings(
        settings.identity,
        did=settings.did,
        address=settings.address,
        development=settings.development,
    )
    identity = DcpIdentity.open(settings.home, wanted, client, clock.now_utc)
    await identity.start()
    stack.push_async_callback(identity.close)
    return identity


def _key_room(settings: ExchangeSettings, clock: Clock) -> Any:
    """The key access of sealed releases; loaded only where it is wanted."""
    if not settings.key_access:
        return None
    sealing = importlib.import_module("delian.nodes.exchange_sealing")
    return sealing.open_key_room(settings.home, settings.address, clock)


def _bridged(
    settings: ExchangeSettings, parts: Parts, desk: PolicyDesk
) -> tuple[Parts, list[BaseRoute]]:
    """The parts with the bridges of the home, and their doors; loaded only where there are any."""
    if not (settings.home / BRIDGES).exists():
        return parts, []
    bridge = importlib.import_module("delian.nodes.exchange_bridge")
    house = importlib.import_module("delian.nodes.exchange_bridge_house")
    wrapping = importlib.import_module("delian.nodes.exchange_bridge_reactions")
    now = parts.clock.now_utc
    bridges = bridge.Bridges.load(
        settings.home, parts.client, did=settings.did, root=settings.address, now=now
    )
    reactions = wrapping.BridgeReactions(parts.reactions, bridges)
    assets = bridge.BridgeAssets(bridges)
    guests = house.StoreHouse(parts.store, reactions, desk, desk, assets, now, bridge.fresh_pid)
    return replace(parts, reactions=reactions), list(bridges.routes(guests))


def _judge(connector: Connector, desk: PolicyDesk) -> Any:
    async def judge(n: Negotiation) -> list[str]:
        if n.role is Role.CONSUMER:
            return []
        claims = await connector.store.step(lambda t: t.claims(n.peer))
        answer = desk.answer(n.agreement or n.offer, Participant(n.peer, claims))
        return [finding.to_text() for finding in answer.findings]

    return judge


def _releases(
    settings: ExchangeSettings, connector: Connector, clock: Clock, room: Any = None
) -> Any:
    """Follows a folder of releases; what reads releases is loaded only where there is one.

    Where the node has key access, they are sealed, and withdrawn there, too.
    """
    if not settings.releases:
        return None
    publishing = importlib.import_module("delian.nodes.exchange_publish")
    place = publishing.Place(settings.home, f"{connector.address}/catalog:service")
    shelf = publishing.Shelf(place, settings.path(settings.releases), settings.path(settings.root))
    if room is not None:
        shelf.sealing = room.sealing
    turn = asyncio.Lock()

    async def look() -> dict[str, Any]:
        async with turn:
            prefix = publishing.RELEASE_URN
            known = [name for name in connector.shelf.ids() if name.startswith(prefix)]
            ready, gone = await asyncio.to_thread(shelf.look, clock.now_utc(), known)
            for item in ready:
                if item.policy_id:
                    room.service.note_sealed(item.dataset.id, item.policy_id)
                asset = Asset(item.path, item.media_type, item.sha256, item.byte_size)
                await connector.publish(item.dataset, asset)
            for item in gone:
                if room is not None:
                    room.service.take_back(item.dataset_id, item.reason)
                await connector.withdraw(item.dataset_id, item.reason)
            return {
                "published": [item.dataset.id for item in ready],
                "withdrawn": [item.dataset_id for item in gone],
            }

    return look


async def _keep_looking(look: Any) -> None:
    while True:
        try:
            await look()
        except DelianError as error:
            LOG.warning("releases cannot be read: %s", error.code)
        await asyncio.sleep(LOOK_SECONDS)


async def _stop(task: "asyncio.Task[None]") -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


@contextmanager
def _only_one(home: Path) -> Iterator[None]:
    """One process serves a home at a time."""
    with (home / "connector.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise ExchangeStoreError("another process serves this home") from error
        yield


def serve(home: Path, started: Callable[[str], None] | None = None) -> None:
    """Serve the connector in *home* until the process is told to stop.

    Args:
        home: Holds ``exchange.toml``.
        started: Called with the address once peers can reach it.
    """
    settings = load_exchange(home)

    async def run() -> None:
        done = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, done.set)
        async with running(settings) as node:
            if started is not None:
                started(node.connector.address)
            await done.wait()

    uvloop.run(run())
