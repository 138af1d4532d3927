"""Foreign datasets that this node offers: read from CADDE, ODS and Ouranos, opened on demand."""

import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from delian.adapters.bridge_web import Stream, Web
from delian.adapters.cadde_bridge import CaddeProvider
from delian.adapters.ods_bridge import OdsGateway
from delian.adapters.ouranos_bridge import OuranosPlatform
from delian.exchange import ods, ouranos
from delian.exchange.bridge_errors import ForeignFormError
from delian.exchange.cadde import offers_for
from delian.exchange.cadde_import import Resource, dataset_of, resources_of
from delian.exchange.catalogue import Dataset
from delian.exchange.crossing import Crossing
from delian.exchange.errors import NotFoundHereError
from delian.exchange.ouranos_trades import Operators
from delian.nodes.exchange_bridge_settings import BridgeSettings, PeerSettings
from delian.terms.errors import DelianError

Open: TypeAlias = Callable[[int, str], AbstractAsyncContextManager[Stream]]


@dataclass(frozen=True, slots=True)
class TradeNeeded:
    """A dataset whose contract is made on an Ouranos platform."""

    platform: OuranosPlatform
    operators: Operators
    trace: str


@dataclass(frozen=True, slots=True)
class Foreign:
    """One foreign dataset.

    Args:
        dataset: As our catalogue shows it.
        open: Distribution number and process id to the bytes.
        told: What was translated or dropped, in plain words.
        trade: Where the other side contracts by itself.
    """

    dataset: dict[str, Any]
    open: Open = field(repr=False)
    told: tuple[str, ...] = ()
    trade: TradeNeeded | None = field(default=None, repr=False)

    @property
    def id(self) -> str:
        """The dataset's identifier with us."""
        return str(self.dataset["@id"])


@dataclass(frozen=True, slots=True)
class Reading:
    """What one pass over all foreign systems found.

    Args:
        datasets: By identifier.
        troubles: One line for each system or document that could not be read.
    """

    datasets: dict[str, Foreign]
    troubles: tuple[str, ...]


async def read_all(settings: BridgeSettings, web: Web, endpoint: str) -> Reading:
    """Read every foreign system of the settings; one that fails does not hold the others."""
    readers: dict[str, Callable[..., Awaitable[list[Foreign | str]]]] = {
        "cadde": _read_cadde,
        "ods": _read_ods,
        "ouranos": _read_ouranos,
    }
    found: dict[str, Foreign] = {}
    troubles: list[str] = []
    for peer in settings.peers:
        try:
            items = await readers[peer.system](settings, peer, web, endpoint)
        except DelianError as error:
            items = [error.message]
        for item in items:
            if isinstance(item, str):
                troubles.append(f"{peer.name}: {item}")
            elif item.id in found:
                troubles.append(f"{peer.name}: {item.id} is offered twice; the first counts")
            else:
                found[item.id] = item
    return Reading(found, tuple(troubles))


async def _read_cadde(
    settings: BridgeSettings, peer: PeerSettings, web: Web, endpoint: str
) -> list[Foreign | str]:
    def provider() -> CaddeProvider:
        token = settings.secret(peer.values["token"])
        return CaddeProvider(web, peer.address, peer.values["provider"], token)

    made: list[Foreign | str] = []
    for package in await provider().packages():
        try:
            crossing = dataset_of(
                package,
                provider=peer.values["provider"],
                endpoint=endpoint,
                recipients=peer.recipients,
            )
        except DelianError as error:
            made.append(error.message)
            continue
        made.append(_offered(crossing, _cadde_opener(provider, resources_of(package))))
    return made


def _offered(
    crossing: Crossing[dict[str, Any]], opener: Open, trade: TradeNeeded | None = None
) -> Foreign | str:
    dataset = crossing.value
    if not dataset.get("distribution"):
        return f"{dataset['@id']} has nothing that can be fetched"
    if not dataset["hasPolicy"]:
        return f"{dataset['@id']} needs a contract, and no participant is listed as having one"
    try:
        Dataset.from_plain(dataset, "dataset")
    except DelianError as error:
        return f"{dataset['@id']} does not fit into our catalogue: {error.where}: {error.message}"
    return Foreign(dataset, opener, crossing.lines(), trade)


def _cadde_opener(provider: Callable[[], CaddeProvider], resources: tuple[Resource, ...]) -> Open:
    @contextlib.asynccontextmanager
    async def opened(place: int, _pid: str) -> AsyncIterator[Stream]:
        if place >= len(resources):
            raise NotFoundHereError("no such distribution")
        async with provider().open(resources[place]) as (stream, said):
            named = {**stream.headers, **said.to_headers()}
            yield Stream(stream.status, named, stream.chunks)

    return opened


async def _read_ods(
    settings: BridgeSettings, peer: PeerSettings, web: Web, endpoint: str
) -> list[Foreign | str]:
    def gateway() -> OdsGateway:
        secret = settings.secret
        access = ods.GatewayAccess(secret(peer.values["api_key"]), secret(peer.values["token"]))
        path = peer.values.get("catalog_path", "/catalog")
        return OdsGateway(web, peer.address, access, path)

    made: list[Foreign | str] = []
    for dcat in await gateway().datasets(f"catalogue of {peer.name}"):
        path = gateway().place_of(dcat)
        name = dcat.get("@id")
        if path is None or not isinstance(name, str):
            made.append(f"{str(name)[:200]} has no bytes behind this gateway")
            continue
        urn = ods.foreign_urn(peer.name, name)
        offers = offers_for(urn, "", contracted=True, recipients=peer.recipients)
        crossing = ods.dataset_of(dcat, provider=peer.name, endpoint=endpoint, offers=offers)
        made.append(_offered(crossing, _ods_opener(gateway, path)))
    return made


def _ods_opener(gateway: Callable[[], OdsGateway], path: str) -> Open:
    @contextlib.asynccontextmanager
    async def opened(_place: int, pid: str) -> AsyncIterator[Stream]:
        async with gateway().open(path, pid) as stream:
            yield stream

    return opened


async def _read_ouranos(
    settings: BridgeSettings, peer: PeerSettings, web: Web, endpoint: str
) -> list[Foreign | str]:
    account = settings.account(peer.values["account"])
    platform = OuranosPlatform(web, peer.values["auth_address"], peer.address, account)
    ours = await platform.operator()
    made: list[Foreign | str] = []
    for part in await platform.parts():
        trace = str(part.get("traceId"))
        number = peer.suppliers.get(trace)
        upstream = ours if number is None else await platform.operator(number)
        shown = {**part, "operatorId": upstream}
        urn = ouranos.dataset_urn(upstream, trace)
        offers = offers_for(urn, "", contracted=True, recipients=peer.recipients)
        try:
            crossing = ouranos.dataset_of(shown, endpoint=endpoint, offers=offers)
        except ForeignFormError as error:
            made.append(error.message)
            continue
        needed = TradeNeeded(platform, Operators(ours, upstream), trace)
        opener = _ouranos_opener(platform, trace)
        made.append(_offered(crossing, opener, None if number is None else needed))
    return made


def _ouranos_opener(platform: OuranosPlatform, trace: str) -> Open:
    @contextlib.asynccontextmanager
    async def opened(_place: int, _pid: str) -> AsyncIterator[Stream]:
        figures = await platform.footprints(trace)
        data = json.dumps(figures, ensure_ascii=False).encode("utf-8")
        yield Stream(200, {"content-type": "application/json"}, _once(data))

    return opened


async def _once(data: bytes) -> AsyncIterator[bytes]:
    yield data
