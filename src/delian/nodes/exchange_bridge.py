"""The bridges of an exchange node: foreign datasets offered by DSP, our own offered to foreigners.

A foreign dataset is negotiated and transferred by the connector like any other. What differs is
here: other terms than the foreign ones are refused, a contract that the other side makes is waited
for, and the bytes are fetched from the other side before a transfer starts.
"""

import asyncio
import contextlib
import logging
import uuid
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from starlette.routing import Route

from delian.adapters.bridge_web import Answer, Stream
from delian.adapters.cadde_bridge import CaddeDoor
from delian.adapters.clock import SystemClock
from delian.adapters.ods_bridge import OdsDoor
from delian.adapters.peer_client import PeerClient
from delian.adapters.peer_guard import Guard
from delian.exchange import cadde, ods, ouranos
from delian.exchange.bridge_errors import ForeignAwayError
from delian.exchange.crossing import MAX_FOREIGN_BYTES
from delian.exchange.errors import NotFoundHereError
from delian.nodes.exchange_bridge_desk import BridgeDesk
from delian.nodes.exchange_bridge_house import StoreHouse
from delian.nodes.exchange_bridge_settings import BridgeSettings, load
from delian.nodes.exchange_bridge_sources import Foreign, Reading, read_all
from delian.nodes.settings import SettingsError

LOG = logging.getLogger("delian.exchange.bridge")
FOLDER = "bridge"
_CHUNK = 256 * 1024
_PREFIXES = (cadde.URN, ods.URN, ouranos.URN)


def is_foreign(dataset: str) -> bool:
    """Does an identifier name a dataset of another data space?"""
    return dataset.startswith(_PREFIXES)


@dataclass(frozen=True, slots=True)
class PeerWeb:
    """The bridges' way out: the node's client to peers, with its address guard.

    Args:
        client: The connector's.
    """

    client: PeerClient

    async def ask(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        body: bytes | None = None,
        max_bytes: int = MAX_FOREIGN_BYTES,
    ) -> Answer:
        """One request and its whole answer."""
        found = await self.client.ask(method, url, headers, body, max_bytes=max_bytes)
        return Answer(found.status, found.headers, found.body)

    @contextlib.asynccontextmanager
    async def stream(self, url: str, *, headers: Mapping[str, str]) -> AsyncIterator[Stream]:
        """One GET whose body is read piece by piece."""
        async with self.client.stream(url, headers) as found:
            named = {name.lower(): value for name, value in found.headers.items()}
            if named.get("content-encoding", "identity") != "identity":
                raise ForeignAwayError("a foreign system compressed its answer unasked")
            yield Stream(found.status, named, found.content.iter_chunked(_CHUNK))


@dataclass(slots=True)
class Bridges:
    """What one node knows of foreign data spaces.

    Args:
        settings: From ``bridge.toml``.
        web: The way out.
        did: Our participant id.
        root: Our public base address.
        now: The clock.
    """

    settings: BridgeSettings
    web: PeerWeb
    did: str
    root: str
    now: Callable[[], datetime]
    reading: Reading = field(default_factory=lambda: Reading({}, ()))
    house: StoreHouse | None = field(default=None, repr=False)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set, repr=False)

    @classmethod
    def load(
        cls, home: Path, client: PeerClient, *, did: str, root: str, now: Callable[[], datetime]
    ) -> "Bridges | None":
        """The bridges of the node in *home*; None where it has no ``bridge.toml``.

        Raises:
            SettingsError: the settings are wrong.
            InputError: a file that they name is.
        """
        settings = load(home)
        if settings is None:
            return None
        return cls(settings, PeerWeb(client), did, root.rstrip("/"), now)

    @property
    def folder(self) -> Path:
        """Where fetched bytes lie until their transfer has ended."""
        return self.settings.home / FOLDER

    async def read(self) -> Reading:
        """Read every foreign system anew."""
        self.reading = await read_all(self.settings, self.web, self.root)
        return self.reading

    def foreign(self, dataset: str) -> Foreign:
        """A foreign dataset.

        Raises:
            NotFoundHereError: it is not offered, or was not read yet.
        """
        found = self.reading.datasets.get(dataset)
        if found is None:
            raise NotFoundHereError("no such foreign dataset")
        return found

    def routes(self, house: StoreHouse) -> Sequence[Route]:
        """The doors that the settings open; the house serves trades, too."""
        self.house = house
        desk = BridgeDesk(self.settings, house, self.did, self.now)
        found: list[Route] = []
        for door in self.settings.doors:
            if door.system == "cadde":
                found += CaddeDoor(desk, self.root, door.provider).routes()
            else:
                found += OdsDoor(desk, self.root, self.now).routes()
        return found

    def report(self) -> dict[str, Any]:
        """What was read, for a person: datasets, what they lost on the way, troubles."""
        return {
            "datasets": [
                {"id": f.id, "title": f.dataset.get("title"), "told": list(f.told)}
                for f in self.reading.datasets.values()
            ],
            "troubles": list(self.reading.troubles),
            "doors": [door.system for door in self.settings.doors],
        }

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Do *work* beside everything else."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            LOG.error("a step of the bridges failed: %s", type(error).__name__)

    async def close(self) -> None:
        """Stop what runs."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


@dataclass(frozen=True, slots=True)
class BridgeAssets:
    """Opens our own files and foreign datasets for the guests of the doors."""

    bridges: Bridges

    @contextlib.asynccontextmanager
    async def open(
        self, dataset: str, asset: Mapping[str, Any], place: int, pid: str
    ) -> AsyncIterator[tuple[str, AsyncIterator[bytes]]]:
        """Media type and bytes of distribution number *place*.

        Raises:
            NotFoundHereError: nothing is behind the dataset.
        """
        if is_foreign(dataset):
            async with self.bridges.foreign(dataset).open(place, pid) as stream:
                yield stream.media_type, stream.chunks
        elif "path" in asset:
            yield str(asset["media_type"]), _pieces(Path(asset["path"]))
        else:
            raise NotFoundHereError("nothing lies behind the dataset")


async def _pieces(path: Path) -> AsyncIterator[bytes]:
    with path.open("rb") as stream:
        while piece := await asyncio.to_thread(stream.read, _CHUNK):
            yield piece


def fresh_pid() -> str:
    """A new identifier of a process."""
    return f"urn:uuid:{uuid.uuid4()}"


async def look(home: Path, *, is_development: bool) -> dict[str, Any]:
    """Read the foreign systems of the node in *home* once, without the node; the report.

    Raises:
        SettingsError: there is no ``bridge.toml``, or it is wrong.
    """
    client = PeerClient(Guard(is_development=is_development))
    try:
        bridges = Bridges.load(
            home, client, did="", root="https://here.invalid", now=SystemClock().now_utc
        )
        if bridges is None:
            raise SettingsError("there is no bridge.toml", hint="docs/howto/japan.md shows one")
        await bridges.read()
        return bridges.report()
    finally:
        await client.close()
