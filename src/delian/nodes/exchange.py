"""The connector of a data space: catalogue, negotiations, transfers, in both roles, kept durably.

Composition: a store, an identity, reactions, a client to peers. Everything that happens is one step
(:mod:`delian.nodes.exchange_steps`), then delivery (:mod:`delian.nodes.exchange_delivery`).
"""

import asyncio
import hashlib
import uuid
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from starlette.routing import BaseRoute

from delian.adapters.clock import Clock, SystemClock
from delian.adapters.dsp_endpoints import Endpoint
from delian.adapters.dsp_server import Bounds, DspApp, Request
from delian.adapters.exchange_codec import Process
from delian.adapters.exchange_store import ExchangeStore
from delian.adapters.exchange_transaction import Queued, Transaction
from delian.adapters.json_ld import is_plain, normalise
from delian.adapters.peer_client import PeerClient
from delian.adapters.peer_guard import AddressRefusedError
from delian.exchange import negotiation, transfer
from delian.exchange.catalogue import Dataset
from delian.exchange.catalogue_filter import Cursor, read_filter, read_token, write_token
from delian.exchange.errors import MessageError, NotFoundHereError
from delian.exchange.messages import (
    CatalogRequest,
    DataAddress,
    NegotiationAnswer,
    TransferAnswer,
    read,
)
from delian.exchange.negotiation import Negotiation
from delian.exchange.odrl import Policy
from delian.exchange.plain import read_object, to_bytes
from delian.exchange.reactions import Action, Complete, Participant, Reactions, Terminate
from delian.exchange.repeats import fingerprint
from delian.exchange.transfer import Transfer
from delian.exchange.version import version_document
from delian.exchange.words import PULL, VERSION_PATH, Role, TransferState
from delian.nodes.exchange_data import Asset, DataDesk
from delian.nodes.exchange_delivery import Delivery, Patience
from delian.nodes.exchange_ports import (
    EverythingVisible,
    Identity,
    TransferTerms,
    Visibility,
)
from delian.nodes.exchange_shelf import DatasetShelf, catalog_bytes
from delian.nodes.exchange_steps import Effects, Heard, Outgoing, Reply, Steps

T = TypeVar("T")
MAX_KNOWN_PEERS = 10_000


@dataclass(frozen=True, slots=True)
class Parts:
    """What a connector is made of.

    Args:
        participant: Our identifier.
        root: The address below which we are reached, ``https://host[:port][/path]``.
        store: The database.
        identity: Who we and our peers are.
        reactions: What we do next.
        client: The client to peers.
        terms: Judges transfers; None where the reactions decide alone.
        visibility: Who may see which dataset.
        clock: The time.
        patience: How long delivery goes on.
        max_open_per_peer: Open processes of one participant.
        auth_profiles: DCP profiles that the version document names.
        bounds: How many requests at a time, how large and how slow.
        is_development: Describe the endpoints at ``<root>/openapi.json``.
    """

    participant: str
    root: str
    store: ExchangeStore
    identity: Identity
    reactions: Reactions
    client: PeerClient
    terms: TransferTerms | None = None
    visibility: Visibility = field(default_factory=EverythingVisible)
    clock: Clock = field(default_factory=SystemClock)
    patience: Patience = field(default_factory=Patience)
    max_open_per_peer: int = 10_000
    auth_profiles: tuple[str, ...] = ()
    bounds: Bounds = field(default_factory=Bounds)
    is_development: bool = False


class Connector:
    """One connector; :attr:`app` is its ASGI application."""

    def __init__(self, parts: Parts, extra_routes: Sequence[BaseRoute] = ()) -> None:
        self.parts = parts
        self.store = parts.store
        self.address = parts.root.rstrip("/") + VERSION_PATH
        self.shelf = DatasetShelf()
        self.data = DataDesk(parts.store, parts.client, parts.root.rstrip("/"))
        self._open: Counter[str] = Counter()
        self._known: dict[str, Participant] = {}
        self._waiting: dict[str, list[tuple[frozenset[str], asyncio.Future[Process]]]] = {}
        self._plans: dict[int, asyncio.TimerHandle] = {}
        self._running: set[asyncio.Task[None]] = set()
        self.delivery = Delivery(parts.client, parts.identity, self, parts.patience, self.now_ms)
        self._steps = Steps(parts.reactions, self.data, parts.terms, self, parts.max_open_per_peer)
        routes = [*parts.identity.routes(), *extra_routes]
        self.app = DspApp(
            self,
            parts.identity,
            routes,
            parts.root,
            parts.bounds,
            is_development=parts.is_development,
        )

    def now_ms(self) -> int:
        """The present moment, in milliseconds since 1970."""
        return int(self.parts.clock.now_utc().timestamp() * 1000)

    def open_of(self, peer: str) -> int:
        """Open processes of *peer*."""
        return self._open[peer]

    async def start(self) -> None:
        """Take up what the last run left: catalogue, outbox, plans."""

        def load(t: Transaction) -> tuple[Any, ...]:
            waiting = [(q, t.process(q.pid)) for q in t.unsent()]
            return t.ask("datasets"), waiting, t.ask("planned"), t.ask("open_counts")

        datasets, waiting, plans, counts = await self.store.step(load)
        self.shelf.fill(Dataset.from_plain(read_object(bytes(b)), "dataset") for _, b in datasets)
        self._open.update({peer: int(count) for peer, count in counts})
        for queued, found in waiting:
            if found is not None:
                self.delivery.put([_restored(queued, found[0])])
        for seq, pid, due_ms in plans:
            self._plan(int(seq), str(pid), int(due_ms))

    async def close(self) -> None:
        """Stop; what is not done stays in the store for the next run."""
        for handle in self._plans.values():
            handle.cancel()
        tasks = list(self._running)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self.delivery.close()
        await self.flush()

    async def step(self, work: Callable[[Transaction, Effects], T]) -> T:
        """One transaction, then what follows from it: waiters, plans, delivery."""
        fx = Effects(self.now_ms())
        taken = self.delivery.take_taken()

        def both(t: Transaction) -> T:
            for seq in taken:
                t.sent(seq)
            return work(t, fx)

        try:
            result = await self.store.step(both)
        except BaseException:
            self.delivery.give_back(taken)
            raise
        self._follow(fx)
        return result

    def _follow(self, fx: Effects) -> None:
        for before, after in fx.changed:
            was_open = before is not None and not before.state.is_final
            self._open[after.peer] += int(not after.state.is_final) - int(was_open)
            if not self._open[after.peer]:
                del self._open[after.peer]
            self._wake(after)
        for plan in fx.plans:
            self._plan(*plan)
        if fx.outgoing:
            self.delivery.put(fx.outgoing)

    def _wake(self, process: Process) -> None:
        waiting = self._waiting.get(process.pid)
        if waiting is None:
            return
        for states, future in waiting:
            if not future.done() and (process.state.value in states or process.state.is_final):
                future.set_result(process)

    def _plan(self, seq: int, pid: str, due_ms: int) -> None:
        delay = max(0.0, (due_ms - self.now_ms()) / 1000)
        loop = asyncio.get_running_loop()
        self._plans[seq] = loop.call_later(delay, self._begin_plan, seq, pid)

    def _begin_plan(self, seq: int, pid: str) -> None:
        self._plans.pop(seq, None)
        task = asyncio.get_running_loop().create_task(self._carry_out(seq, pid))
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def _carry_out(self, seq: int, pid: str) -> None:
        """Do what was planned, if it still fits."""

        def work(t: Transaction, fx: Effects) -> None:
            plan = t.take_plan(seq)
            if plan is not None and self._steps.fits(t, pid, plan[1]):
                self._steps.do(t, fx, pid, plan[1])

        await self.step(work)

    # --- what peers send -----------------------------------------------------------------

    async def answer(self, endpoint: Endpoint, request: Request, who: Participant) -> Reply:
        """Answer one request of a peer whose identity is checked."""
        match endpoint.name:
            case "catalog":
                return self._catalog(request, who)
            case "dataset":
                return self._dataset(request.pid, who)
            case "negotiation" | "transfer":
                return await self._state(endpoint.name, request.pid, who)
        plain = read_object(request.body)
        if not is_plain(plain):
            plain = normalise(plain)
        message = read(endpoint.message, plain)
        name = plain.get("@id")
        meaning = fingerprint(message, name if isinstance(name, str) else None)
        heard = Heard(hashlib.sha256(request.body).digest(), meaning, name is not None)
        if self._known.get(who.id) != who:
            await self._remember(who)
        if endpoint.is_first:
            pid = str(uuid.uuid4())
            self._check_callback(message)
            return await self.step(
                lambda t, fx: self._steps.hear_first(t, fx, message, who, heard, pid)
            )
        return await self.step(
            lambda t, fx: self._steps.hear(t, fx, request.pid, message, who, heard)
        )

    def _check_callback(self, message: Any) -> None:
        """May we ever send to where the peer wants its messages?

        Raises:
            MessageError: we may not.
        """
        if message.callback_address is None:
            return  # refused where the process is opened
        try:
            self.parts.client.check_url(message.callback_address)
        except AddressRefusedError as error:
            where = f"{message.type}.callbackAddress"
            raise MessageError(error.message, hint=error.hint, where=where) from error

    async def _remember(self, who: Participant) -> None:
        await self.store.step(lambda t: t.remember_who(who))
        if len(self._known) >= MAX_KNOWN_PEERS:
            self._known.clear()
        self._known[who.id] = who

    def _catalog(self, request: Request, who: Participant) -> Reply:
        plain = read_object(request.body)
        message = read(CatalogRequest, plain if is_plain(plain) else normalise(plain))
        token = request.page
        cursor = Cursor(read_filter(message.filter)) if token is None else read_token(token)
        page = self.shelf.page(cursor, who, self.parts.visibility)
        links = [(page.next, b"next"), (page.previous, b"previous")]
        shown = [
            b'<%s/catalog/request?page=%s>; rel="%s"'
            % (self.address.encode(), write_token(place).encode(), name)
            for place, name in links
            if place is not None
        ]
        body = catalog_bytes(
            f"{self.address}/catalog", self.parts.participant, self.address, page.datasets
        )
        return Reply(200, body, ((b"link", b", ".join(shown)),) if shown else ())

    def _dataset(self, name: str, who: Participant) -> Reply:
        published = self.shelf.get(name)
        found = None if published is None else self.parts.visibility.shown(published, who)
        if found is None:
            raise NotFoundHereError("no such dataset")
        return Reply(200, to_bytes(found.to_plain(with_context=True)))

    async def _state(self, kind: str, pid: str, who: Participant) -> Reply:
        process, _ = await self.store.step(lambda t: self._steps.owned(t, pid, who))
        if isinstance(process, Transfer) != (kind == "transfer"):
            raise NotFoundHereError("no such process")
        return Reply(200, to_bytes(process.answer().to_plain()))

    def versions(self) -> bytes:
        """The version document."""
        plain = version_document(
            service_id=self.parts.participant, auth_profiles=self.parts.auth_profiles
        )
        return to_bytes(plain)

    # --- what we begin -------------------------------------------------------------------

    async def request(self, *, peer: str, address: str, offer: Policy) -> str:
        """We, the consumer, ask *peer* for the terms of *offer*; our pid of the negotiation."""
        self.parts.client.check_url(address)
        process, message = negotiation.begin_request(
            str(uuid.uuid4()),
            peer=peer,
            peer_address=address,
            offer=offer,
            callback_address=self.address,
        )
        await self.step(lambda t, fx: self._steps.begin(t, fx, process, message))
        return process.pid

    async def offer(self, *, peer: str, address: str, offer: Policy) -> str:
        """We, the provider, offer without having been asked; our pid of the negotiation."""
        self.parts.client.check_url(address)
        process, message = negotiation.begin_offer(
            str(uuid.uuid4()),
            peer=peer,
            peer_address=address,
            offer=offer,
            callback_address=self.address,
        )
        await self.step(lambda t, fx: self._steps.begin(t, fx, process, message))
        return process.pid

    async def request_transfer(
        self,
        *,
        peer: str,
        address: str,
        agreement_id: str,
        dataset: str = "",
        way: str = PULL,
        data_address: DataAddress | None = None,
    ) -> str:
        """We, the consumer, ask for the data of an agreement; our pid of the transfer."""
        self.parts.client.check_url(address)
        process, message = transfer.begin_transfer(
            str(uuid.uuid4()),
            peer=peer,
            peer_address=address,
            agreement_id=agreement_id,
            dataset=dataset,
            way=way,
            callback_address=self.address,
            data_address=data_address,
        )
        await self.step(lambda t, fx: self._steps.begin(t, fx, process, message))
        return process.pid

    async def act(self, pid: str, action: Action) -> Process:
        """Take an action in the process *pid*.

        Raises:
            NotFoundHereError: there is no such process.
            WrongStateError: it does not fit its state.
        """
        return await self.step(lambda t, fx: self._steps.do(t, fx, pid, action))

    async def process(self, pid: str) -> Process:
        """Where the process *pid* stands.

        Raises:
            NotFoundHereError: there is no such process.
        """
        found = await self.store.step(lambda t: t.process(pid))
        if found is None:
            raise NotFoundHereError("no such process")
        return found[0]

    async def wait(self, pid: str, states: Sequence[str], seconds: float) -> Process:
        """The process once it stands in one of *states* or a final one, or as it is at the end."""
        future: asyncio.Future[Process] = asyncio.get_running_loop().create_future()
        entry = (frozenset(states), future)
        self._waiting.setdefault(pid, []).append(entry)
        try:
            current = await self.process(pid)
            if current.state.value in entry[0] or current.state.is_final:
                return current
            return await asyncio.wait_for(future, seconds)
        except TimeoutError:
            return await self.process(pid)
        finally:
            self._waiting[pid].remove(entry)
            if not self._waiting[pid]:
                del self._waiting[pid]

    # --- what is published ---------------------------------------------------------------

    async def publish(self, dataset: Dataset, asset: Asset | None = None) -> None:
        """*dataset* stands in the catalogue from now on."""
        body = to_bytes(dataset.to_plain())
        plain = {} if asset is None else asset.to_plain()
        await self.store.step(lambda t: t.publish(dataset.id, body, plain))
        self.shelf.put(dataset)

    async def publish_all(self, datasets: Sequence[tuple[Dataset, Asset | None]]) -> None:
        """Many at once, in one transaction."""

        def work(t: Transaction) -> None:
            for dataset, asset in datasets:
                plain = {} if asset is None else asset.to_plain()
                t.publish(dataset.id, to_bytes(dataset.to_plain()), plain)

        await self.store.step(work)
        for dataset, _ in datasets:
            self.shelf.put(dataset)

    async def withdraw(self, name: str, reason: str) -> int:
        """*name* leaves the catalogue; its open processes end with *reason*. How many ended.

        Raises:
            NotFoundHereError: no such dataset is published.
        """

        def work(t: Transaction, fx: Effects) -> int:
            if t.run("withdraw", i=name, why=reason) == 0:
                raise NotFoundHereError("no such dataset")
            ended = 0
            for process in t.open_of(name):
                if process.role is Role.PROVIDER:
                    self._steps.do(t, fx, process.pid, Terminate("withdrawn", (reason,)))
                    ended += 1
            return ended

        ended = await self.step(work)
        self.shelf.take(name)
        return ended

    # --- what delivery tells -------------------------------------------------------------

    async def acknowledged(
        self, pid: str, answer: NegotiationAnswer | TransferAnswer
    ) -> str | None:
        """The peer answered our first message."""
        return await self.step(lambda t, fx: self._steps.acknowledged(t, fx, pid, answer))

    async def peer_pid(self, pid: str) -> str | None:
        """The peer's identifier of the process."""
        return (await self.process(pid)).peer_pid

    async def gave_up(self, pid: str, code: str, reasons: tuple[str, ...]) -> None:
        """The peer did not take a message."""
        await self.step(lambda t, fx: self._steps.gave_up(t, fx, pid, code, reasons))

    async def push(self, pid: str) -> None:
        """Bring the data of a push transfer, then complete it."""
        process = await self.process(pid)
        if not isinstance(process, Transfer) or process.state is not TransferState.STARTED:
            return
        published = await self.store.step(lambda t: t.dataset(process.dataset))
        if published is None or published.withdrawn is not None:
            await self.act(pid, Terminate("withdrawn", ("the dataset is withdrawn",)))
            return
        await self.data.push(process, published.asset)
        current = await self.process(pid)
        if current.state is TransferState.STARTED:
            await self.act(pid, Complete())

    async def flush(self) -> None:
        """Write down which messages were taken."""
        await self.step(lambda _t, _fx: None)


def _restored(queued: Queued, process: Process) -> Outgoing:
    return Outgoing(
        queued, process.peer, process.peer_address, process.role, process.peer_pid, None
    )


__all__ = ["Connector", "Negotiation", "Parts"]
