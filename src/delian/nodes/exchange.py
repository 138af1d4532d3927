"""The connector of a data space: catalogue, negotiations, transfers, in both roles, kept durably.

Composition: a store, an identity, reactions, a client to peers. Everything that happens is one step
(:mod:`delian.nodes.exchange_steps`), then delivery (:mod:`delian.nodes.exchange_delivery`).
"""

import asyncio
import hashlib
import uuid
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, TypeVar

from starlette.routing import BaseRoute

from delian.adapters.dsp_endpoints import Endpoint
from delian.adapters.dsp_server import DspApp, Request
from delian.adapters.exchange_codec import Process
from delian.adapters.exchange_transaction import Queued, Transaction
from delian.adapters.json_ld import is_plain, normalise
from delian.adapters.json_ld_terms import EDC_CONTEXT
from delian.adapters.peer_guard import AddressRefusedError
from delian.exchange import negotiation, transfer
from delian.exchange.catalogue import Dataset
from delian.exchange.errors import MessageError, NotFoundHereError
from delian.exchange.messages import (
    DataAddress,
    NegotiationAnswer,
    TransferAnswer,
    read,
)
from delian.exchange.negotiation import Negotiation
from delian.exchange.odrl import Policy
from delian.exchange.plain import read_object, to_bytes
from delian.exchange.reactions import Action, Complete, Participant, Terminate
from delian.exchange.repeats import fingerprint
from delian.exchange.transfer import Transfer
from delian.exchange.version import version_document
from delian.exchange.words import PULL, VERSION_PATH, Role, TransferState
from delian.nodes.exchange_catalogue import CatalogueDesk
from delian.nodes.exchange_data import Asset, DataDesk
from delian.nodes.exchange_delivery import Delivery
from delian.nodes.exchange_effects import Effects, Heard, Outgoing, Reply
from delian.nodes.exchange_parts import Parts
from delian.nodes.exchange_plans import Plans, Waiters
from delian.nodes.exchange_settling import Settling
from delian.nodes.exchange_shelf import DatasetShelf
from delian.nodes.exchange_steps import Steps

T = TypeVar("T")
MAX_KNOWN_PEERS = 10_000


class Connector:
    """One connector; :attr:`app` is its ASGI application."""

    def __init__(self, parts: Parts, extra_routes: Sequence[BaseRoute] = ()) -> None:
        self.parts = parts
        self.store = parts.store
        self.address = parts.root.rstrip("/") + VERSION_PATH
        self.shelf = DatasetShelf()
        self.data = DataDesk(parts.store, parts.client, parts.root.rstrip("/"))
        self._catalogue = CatalogueDesk(
            self.shelf, parts.visibility, parts.participant, self.address
        )
        self._open: Counter[str] = Counter()
        self._known: dict[str, Participant] = {}
        self._waiters = Waiters()
        self._plans = Plans(self.now_ms, self._carry_out)
        self.delivery = Delivery(parts.client, parts.identity, self, parts.patience, self.now_ms)
        self._settling = Settling(parts.client, parts.identity, self, self.delivery.put)
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
            self._plans.put(int(seq), str(pid), int(due_ms))

    async def close(self) -> None:
        """Stop; what is not done stays in the store for the next run."""
        await self._plans.close()
        await self._settling.close()
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
            return await self.store.step(both, lambda _: self._follow(fx))
        except BaseException:
            self.delivery.give_back(taken)
            raise

    def _follow(self, fx: Effects) -> None:
        for before, after in fx.changed:
            was_open = before is not None and not before.state.is_final
            self._open[after.peer] += int(not after.state.is_final) - int(was_open)
            if not self._open[after.peer]:
                del self._open[after.peer]
            self._waiters.tell(after)
        for plan in fx.plans:
            self._plans.put(*plan)
        if fx.outgoing:
            self.delivery.put(fx.outgoing)

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
                return Reply(*self._catalogue.page(request.body, request.page, who))
            case "dataset":
                return Reply(200, self._catalogue.dataset(request.pid, who))
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
        if EDC_CONTEXT in plain["@context"]:
            self._settling.suspect(who.id)
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
        return await self._begin(negotiation.begin_request, address, peer=peer, offer=offer)

    async def offer(self, *, peer: str, address: str, offer: Policy) -> str:
        """We, the provider, offer without having been asked; our pid of the negotiation."""
        return await self._begin(negotiation.begin_offer, address, peer=peer, offer=offer)

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
        return await self._begin(
            transfer.begin_transfer,
            address,
            peer=peer,
            agreement_id=agreement_id,
            dataset=dataset,
            way=way,
            data_address=data_address,
        )

    async def _begin(
        self, make: Callable[..., tuple[Process, Any]], address: str, **parts: Any
    ) -> str:
        self.parts.client.check_url(address)
        process, message = make(
            str(uuid.uuid4()), peer_address=address, callback_address=self.address, **parts
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
        with self._waiters.until(pid, states) as future:
            current = await self.process(pid)
            if current.state.value in states or current.state.is_final:
                return current
            with suppress(TimeoutError):
                return await asyncio.wait_for(future, seconds)
        return await self.process(pid)

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

    def taken(self, item: Outgoing) -> None:
        """The peer has taken a message; some makes forget it."""
        self._settling.taken(item)

    async def flush(self) -> None:
        """Write down which messages were taken."""
        await self.step(lambda _t, _fx: None)


def _restored(queued: Queued, process: Process) -> Outgoing:
    return Outgoing(
        queued, process.peer, process.peer_address, process.role, process.peer_pid, None
    )


__all__ = ["Connector", "Negotiation", "Parts"]
