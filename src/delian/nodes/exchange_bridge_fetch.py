"""Foreign bytes for a transfer: fetched, published as the dataset's data, then started.

From there on the connector's data plane does what it does for every dataset: a token that works
once, a digest that is announced, revocation by suspension, termination and withdrawal.
"""

import functools
import logging
from dataclasses import dataclass, field
from typing import Any, Protocol

from delian.adapters.exchange_store import ExchangeStore
from delian.exchange.actions import Action, Start, Terminate
from delian.exchange.bridge_errors import (
    ForeignAwayError,
    ForeignFormError,
    ForeignRefusedError,
)
from delian.exchange.catalogue import Dataset
from delian.exchange.errors import NotFoundHereError
from delian.exchange.negotiation import Negotiation
from delian.exchange.transfer import Transfer
from delian.exchange.words import TransferState
from delian.nodes.exchange_bridge import Bridges
from delian.nodes.exchange_bridge_files import Fetched
from delian.nodes.exchange_data import Asset
from delian.terms.errors import DelianError

LOG = logging.getLogger("delian.exchange.bridge")


class Connector(Protocol):
    """What the bridges need of the connector."""

    store: ExchangeStore

    async def act(self, pid: str, action: Action) -> Negotiation | Transfer:
        """Take an action."""
        ...

    async def process(self, pid: str) -> Negotiation | Transfer:
        """Where a process stands."""
        ...

    async def publish_all(self, datasets: list[tuple[Dataset, Asset | None]]) -> None:
        """Many datasets at once."""
        ...

    async def publish(self, dataset: Dataset, asset: Asset | None = None) -> None:
        """One dataset."""
        ...

    async def withdraw(self, name: str, reason: str) -> int:
        """One dataset leaves the catalogue."""
        ...


@dataclass(slots=True)
class Fetches:
    """The fetches of one node; each transfer has at most one under way.

    Args:
        bridges: What is foreign.
        connector: Whose transfers they are.
    """

    bridges: Bridges
    connector: Connector
    files: Fetched = field(init=False)
    _under_way: set[str] = field(default_factory=set, repr=False)

    def __post_init__(self) -> None:
        """The folder of this node."""
        self.files = Fetched(self.bridges.folder, self.connector.store)

    async def fetch(self, pid: str) -> None:
        """Fetch a foreign dataset's bytes for the transfer *pid*, then start it."""
        if pid in self._under_way:
            return
        self._under_way.add(pid)
        try:
            await self._fetch(pid)
        except DelianError as error:
            LOG.warning("a foreign dataset cannot be fetched: %s", error.code)
            if await self._waiting(pid) is not None:
                await self.connector.act(pid, Terminate("foreign", (for_peers(error),)))
        finally:
            self._under_way.discard(pid)

    async def _fetch(self, pid: str) -> None:
        waiting = await self._waiting(pid)
        if waiting is None:
            return
        foreign = self.bridges.foreign(waiting.dataset)
        async with foreign.open(_place(foreign.dataset, waiting.format), pid) as stream:
            said = [
                f"{name}={value}"
                for name, value in stream.headers.items()
                if name.startswith("x-cadde-") and value and value.isprintable()
            ]
            dataset = Dataset.from_plain(foreign.dataset, "foreign dataset")
            publish = functools.partial(self.connector.publish, dataset)
            await self.files.keep(stream.chunks, stream.media_type, publish)
        now_ms = int(self.bridges.now().timestamp() * 1000)
        await self.connector.store.step(lambda t: t.tell(now_ms, pid, "fetched", "; ".join(said)))
        if await self._waiting(pid) is not None:
            await self.connector.act(pid, Start())

    async def _waiting(self, pid: str) -> Transfer | None:
        """The transfer, if it still waits for its start."""
        try:
            found = await self.connector.process(pid)
        except NotFoundHereError:
            return None
        is_waiting = isinstance(found, Transfer) and found.state is TransferState.REQUESTED
        return found if isinstance(found, Transfer) and is_waiting else None


def for_peers(error: DelianError) -> str:
    """What a peer may hear: the other side's answer, and nothing of this node's inside."""
    if isinstance(error, ForeignAwayError | ForeignRefusedError | ForeignFormError):
        return error.message
    return "the foreign data space cannot be reached now"


def _place(dataset: dict[str, Any], way: str) -> int:
    formats = [item["format"] for item in dataset["distribution"]]
    return formats.index(way) if way in formats else 0
