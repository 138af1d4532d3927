"""How foreign datasets are negotiated and transferred: around the node's own reactions.

The own reactions decide first. Then: terms that the foreign side did not offer end the negotiation
with that reason; where the foreign side contracts by itself, its answer is waited for; and no
transfer starts before its bytes are here.
"""

import asyncio
import functools
import logging
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

from delian.adapters.exchange_transaction import Transaction
from delian.exchange.actions import Action, Agree, Start, Terminate
from delian.exchange.bridge_errors import (
    ForeignAwayError,
)
from delian.exchange.cadde import refuse_counter_offer
from delian.exchange.catalogue import Dataset
from delian.exchange.errors import NotFoundHereError
from delian.exchange.negotiation import Negotiation
from delian.exchange.ouranos_trades import TradeState, message_for, trade_request_of
from delian.exchange.plain import read_object
from delian.exchange.reactions import Participant, Reactions
from delian.exchange.transfer import Transfer
from delian.exchange.words import NegotiationState, Role, TransferState
from delian.nodes.exchange_bridge import Bridges, is_foreign
from delian.nodes.exchange_bridge_fetch import Connector, Fetches, for_peers
from delian.nodes.exchange_bridge_trades import TradeAnswers
from delian.nodes.exchange_data import Asset
from delian.terms.errors import DelianError, UnavailableError

LOG = logging.getLogger("delian.exchange.bridge")


@dataclass(slots=True)
class BridgeReactions:
    """The node's reactions, and what foreign datasets add to them.

    Args:
        inner: The node's own.
        bridges: What is foreign.
        ready: Set once the foreign systems were read for the first time.
    """

    inner: Reactions
    bridges: Bridges
    ready: asyncio.Event = field(default_factory=asyncio.Event, repr=False)
    _connector: Connector | None = None
    _fetches: Fetches | None = None
    _loop: asyncio.AbstractEventLoop | None = None
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock, repr=False)

    def on_negotiation(self, n: Negotiation, who: Participant) -> tuple[Action, ...]:
        """The node's own decision, unless the dataset is foreign and a request is on the table."""
        actions = self.inner.on_negotiation(n, who)
        is_asked = n.role is Role.PROVIDER and n.state is NegotiationState.REQUESTED
        if not is_asked or not is_foreign(n.dataset):
            return actions
        if any(isinstance(action, Terminate) for action in actions):
            return actions
        if not self.ready.is_set():
            return ()
        foreign = self.bridges.reading.datasets.get(n.dataset)
        if foreign is None:
            return (Terminate("unknown", ("the foreign catalogue does not list it now",)),)
        offers = Dataset.from_plain(foreign.dataset, "dataset").offers
        if n.offer.terms_digest not in {offer.terms_digest for offer in offers}:
            error = refuse_counter_offer(n.dataset)
            return (Terminate("counter-offer", (error.message, error.hint)),)
        if foreign.trade is not None:
            self._later(lambda: self.settle(n.pid))
            return ()
        return actions

    def on_transfer(self, t: Transfer, who: Participant) -> tuple[Action, ...]:
        """The node's own decision; a foreign dataset's bytes are fetched before it starts."""
        actions = self.inner.on_transfer(t, who)
        if t.role is not Role.PROVIDER or not is_foreign(t.dataset):
            return actions
        if t.state is TransferState.REQUESTED and any(isinstance(a, Start) for a in actions):
            self._fetch_later(t.pid)
            return ()
        if t.state.is_final:
            self._later(self.tidy)
        return actions

    def _fetch_later(self, pid: str) -> None:
        if self._fetches is not None:
            self._later(functools.partial(self._fetches.fetch, pid))

    def _later(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """After this step; reactions may be asked on the database's own thread."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(lambda: self.bridges.spawn(work()))

    async def start(self, connector: Connector) -> None:
        """Begin to read the foreign systems; what waits for that goes on once it is done."""
        self._connector = connector
        self._fetches = Fetches(self.bridges, connector)
        self._loop = asyncio.get_running_loop()
        self.bridges.spawn(self._keep_reading())

    async def _keep_reading(self) -> None:
        """Read, take up what waits; and again from time to time, as nobody there calls us."""
        while True:
            try:
                await self.refresh()
                self.ready.set()
                await self._resume()
                await self.settle_all()
                await self.answer_trades()
                await self.tidy()
            except DelianError as error:
                LOG.warning("the foreign data spaces cannot be read: %s", error.code)
            await asyncio.sleep(self.bridges.settings.every_minutes * 60)

    async def _resume(self) -> None:
        """Take up what the last run, or the time before the first reading, left waiting."""
        connector = self._need()
        found = await connector.store.step(lambda t: [*t.processes("n"), *t.processes("t")])
        for process in found:
            if process.role is not Role.PROVIDER or not is_foreign(process.dataset):
                continue
            if isinstance(process, Transfer):
                if process.state is TransferState.REQUESTED:
                    self._fetch_later(process.pid)
            elif process.state is NegotiationState.REQUESTED:
                who = await connector.store.step(functools.partial(_who, process.peer))
                for action in self.on_negotiation(process, who):
                    await connector.act(process.pid, action)

    async def refresh(self) -> dict[str, Any]:
        """Read every foreign system anew; publish what is new, withdraw what has gone."""
        connector = self._need()
        async with self._lock:
            reading = await self.bridges.read()
            rows = await connector.store.step(lambda t: t.ask("datasets"))
            known = {str(name): bytes(body) for name, body in rows}
            fresh: list[tuple[Dataset, Asset | None]] = []
            for found in reading.datasets.values():
                dataset = Dataset.from_plain(found.dataset, "foreign dataset")
                if found.id not in known or not _same(known[found.id], dataset):
                    fresh.append((dataset, None))
            await connector.publish_all(fresh)
            if not reading.troubles:
                for name in known:
                    if is_foreign(name) and name not in reading.datasets:
                        await connector.withdraw(name, "the foreign catalogue lists it no more")
        return self.bridges.report()

    async def answer_trades(self) -> int:
        """Answer the trades that foreign operators ask of us; how many."""
        house = self.bridges.house
        if house is None:
            return 0
        async with self._lock:
            return await TradeAnswers(self.bridges, house).answer_all()

    async def tidy(self) -> None:
        """Remove fetched bytes that no open transfer needs any more."""
        if self._fetches is not None:
            await self._fetches.files.tidy()

    async def settle_all(self) -> None:
        """Ask every platform how the trades stand that we wait for."""
        connector = self._need()
        for name, foreign in self.bridges.reading.datasets.items():
            if foreign.trade is None:
                continue
            for process in await connector.store.step(functools.partial(_open_of, name)):
                if isinstance(process, Negotiation):
                    await self.settle(process.pid)

    async def settle(self, pid: str) -> None:
        """Ask for the trade of the negotiation *pid*, or do what its answer says."""
        connector = self._need()
        async with self._lock:
            n = await self._found(pid)
            if not isinstance(n, Negotiation) or n.state is not NegotiationState.REQUESTED:
                return
            try:
                state = await self._trade_state(n)
            except UnavailableError as error:
                LOG.warning("a trade waits: %s", error.code)
                return
            except DelianError as error:
                await connector.act(pid, Terminate("foreign", (for_peers(error),)))
                return
            if state is None or state.negotiation == "REQUESTED":
                return
            if state.negotiation == "TERMINATED":
                reason = state.reason or "the other operator refused the trade"
                await connector.act(pid, Terminate("rejected", (reason,)))
                return
            await self._tell(pid, "trade completed", state.trade_id)
            who = await connector.store.step(lambda t: t.who(n.peer))
            for action in self.inner.on_negotiation(n, who):
                if isinstance(action, Agree | Terminate):
                    await connector.act(pid, action)

    async def _found(self, pid: str) -> Negotiation | Transfer | None:
        """A process; None for one that a guest's visit walked through and did not keep."""
        try:
            return await self._need().process(pid)
        except NotFoundHereError:
            return None

    async def _trade_state(self, n: Negotiation) -> TradeState | None:
        needed = self.bridges.foreign(n.dataset).trade
        if needed is None:
            return None
        states = await needed.platform.states()
        ours = [s for s in states.values() if s.message == message_for(n.pid)]
        if ours:
            return ours[0]
        request = {"consumerPid": n.peer_pid, "offer": n.offer.to_plain()}
        made = trade_request_of(request, needed.operators, needed.trace, n.pid)
        trade = await needed.platform.ask_trade(made.value)
        await self._tell(n.pid, "asked for a trade", trade.trade_id)
        return None

    async def _tell(self, pid: str, event: str, detail: str) -> None:
        now_ms = int(self.bridges.now().timestamp() * 1000)
        await self._need().store.step(lambda t: t.tell(now_ms, pid, event, detail))

    def _need(self) -> Connector:
        if self._connector is None:
            raise ForeignAwayError("the bridges have not started")
        return self._connector


def _who(peer: str, t: Transaction) -> Participant:
    return t.who(peer)


def _open_of(dataset: str, t: Transaction) -> list[Negotiation | Transfer]:
    return t.open_of(dataset)


def _same(body: bytes, dataset: Dataset) -> bool:
    return Dataset.from_plain(read_object(body), "dataset") == dataset
