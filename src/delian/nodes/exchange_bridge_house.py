"""What a guest of a bridge gets from the connector: the same steps, the same policy, one visit.

A guest cannot negotiate. So the house walks the protocol's steps for it, in one transaction and
with the node's own reactions deciding: request, agreement, verification, finalization, transfer.
Nothing is sent, because nobody listens; everything is kept, so that the story can be shown.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Protocol

from delian.adapters.bridge_web import Opened
from delian.adapters.exchange_store import ExchangeStore
from delian.adapters.exchange_transaction import Transaction
from delian.exchange import negotiation, transfer
from delian.exchange.actions import Agree, Complete, Finalize, Start, Terminate
from delian.exchange.cadde import is_open
from delian.exchange.catalogue import Dataset
from delian.exchange.errors import NotAllowedError, NotFoundHereError
from delian.exchange.messages import AgreementVerification, ContractRequest, TransferRequest
from delian.exchange.negotiation import Negotiation
from delian.exchange.odrl import Policy
from delian.exchange.ouranos import uuid_for
from delian.exchange.plain import read_object
from delian.exchange.reactions import Participant, Reactions
from delian.exchange.transfer import Transfer
from delian.exchange.words import NegotiationState, Role, TransferState
from delian.nodes.exchange_ports import TransferTerms, Visibility
from delian.terms.errors import RefusedError

NOBODY_LISTENS = "urn:delian:bridge"
_MAX_STEPS = 8
_AT_A_TIME = 50


class GuestRefusedError(RefusedError):
    """A guest of a bridge may not have what it asks for."""

    code = "bridge-guest"


class Assets(Protocol):
    """Opens what a published dataset stands for."""

    def open(
        self, dataset: str, asset: Mapping[str, Any], place: int, pid: str
    ) -> AbstractAsyncContextManager[tuple[str, AsyncIterator[bytes]]]:
        """Media type and bytes of distribution number *place*."""
        ...


@dataclass(slots=True)
class StoreHouse:
    """Implements ``exchange_bridge_desk.House`` over the connector's database.

    Args:
        store: The connector's database.
        reactions: The connector's; they decide for guests as for everybody.
        visibility: Who may see what.
        terms: Judges transfers by their agreement.
        assets: Opens the bytes.
        now: The clock.
        new_pid: A fresh identifier of a process.
    """

    store: ExchangeStore
    reactions: Reactions
    visibility: Visibility
    terms: TransferTerms | None
    assets: Assets
    now: Callable[[], datetime]
    new_pid: Callable[[], str]
    _read: dict[str, tuple[bytes, Dataset]] = field(default_factory=dict, repr=False)
    _shorts: dict[str, tuple[Dataset, dict[str, Any]]] = field(default_factory=dict, repr=False)

    async def visible(self, who: Participant) -> Sequence[Mapping[str, Any]]:
        """The datasets that *who* may see, in short names."""
        rows = await self.store.step(lambda t: t.ask("datasets"))
        found: list[Mapping[str, Any]] = []
        for place, (name, body) in enumerate(rows):
            shown = self.visibility.shown(self._dataset(name, body), who)
            if shown is not None:
                found.append(self._short(shown))
            if place % _AT_A_TIME == 0:
                await asyncio.sleep(0)
        return found

    async def contract(self, who: Participant, dataset: str) -> Dataset:
        """Take the first offer that is open to *who*, or use the agreement made before.

        Raises:
            NotFoundHereError: there is no such thing for *who*.
            GuestRefusedError: the policy says no.
        """

        def work(t: Transaction) -> Dataset:
            shown, _asset = self._seen(t, who, dataset)
            self._agreement(t, who, shown)
            return shown

        return await self.store.step(work)

    async def hand_out(self, who: Participant, dataset: str, place: int, pid: str | None) -> Opened:
        """Contract and open one distribution.

        Raises:
            NotFoundHereError: there is no such thing for *who*.
            GuestRefusedError: the policy says no.
        """

        def work(t: Transaction) -> tuple[Transfer, Policy, Mapping[str, Any]]:
            shown, asset = self._seen(t, who, dataset)
            if place >= len(shown.distributions):
                raise NotFoundHereError("no such distribution")
            agreement = self._agreement(t, who, shown)
            way = shown.distributions[place].format
            return self._begin(t, who, agreement, way, pid), agreement, asset

        running, agreement, asset = await self.store.step(work)
        contracted = not is_open([{**agreement.to_plain(), "assignee": None}])
        opening = self.assets.open(dataset, asset, place, running.pid)
        try:
            media_type, chunks = await opening.__aenter__()
        except BaseException:
            await self.end(running, Terminate("away", ("the data cannot be had now",)))
            raise
        visit = _Visit(self, running, opening, chunks)
        return Opened(agreement.id, running.pid, contracted, media_type, visit.flow(), visit.close)

    def _short(self, dataset: Dataset) -> dict[str, Any]:
        known = self._shorts.get(dataset.id)
        if known is None or known[0] is not dataset:
            known = (dataset, short(dataset))
            self._shorts[dataset.id] = known
        return known[1]

    def _dataset(self, name: str, body: bytes) -> Dataset:
        known = self._read.get(name)
        if known is None or known[0] != body:
            known = (body, Dataset.from_plain(read_object(body), "dataset"))
            self._read[name] = known
        return known[1]

    def _seen(
        self, t: Transaction, who: Participant, name: str
    ) -> tuple[Dataset, Mapping[str, Any]]:
        published = t.dataset(name)
        if published is None or published.withdrawn is not None:
            raise NotFoundHereError("no such dataset")
        shown = self.visibility.shown(self._dataset(name, published.body), who)
        if shown is None:
            raise NotFoundHereError("no such dataset")
        return shown, published.asset

    def _agreement(self, t: Transaction, who: Participant, dataset: Dataset) -> Policy:
        reasons: tuple[str, ...] = ()
        for offer in dataset.offers:
            pid = "urn:uuid:" + uuid_for("\n".join((who.id, dataset.id, offer.terms_digest)))
            before = t.process(pid)
            if before is not None and isinstance(before[0], Negotiation):
                n = before[0]
            else:
                n = self._negotiate(_request(pid, replace(offer, target=dataset.id), who), who)
                if n.state is NegotiationState.FINALIZED and n.agreement is not None:
                    self._keep(t, n, n.agreement)
            if n.state is NegotiationState.FINALIZED and n.agreement is not None:
                return n.agreement
            reasons = n.reasons or reasons
        raise GuestRefusedError(
            "; ".join(reasons) or "no offer of this dataset is open to a guest of a bridge",
            hint="negotiate by the Dataspace Protocol, where a person can decide",
        )

    def _keep(self, t: Transaction, n: Negotiation, agreement: Policy) -> None:
        now_ms = _ms(self.now())
        t.add(n, now_ms)
        t.add_agreement(agreement, Role.PROVIDER, n.peer, n.pid, now_ms)
        t.tell(now_ms, n.pid, "agreed for a guest of a bridge", n.state)

    def _negotiate(self, n: Negotiation, who: Participant) -> Negotiation:
        """The steps of both sides, as far as the reactions lead."""
        for _ in range(_MAX_STEPS):
            actions = self.reactions.on_negotiation(n, who)
            if n.state.is_final or not actions:
                break
            action = actions[0]
            if not isinstance(action, Agree | Finalize | Terminate):
                break
            n, _message = negotiation.act(n, action)
            if n.state is NegotiationState.AGREED:
                verified = AgreementVerification(n.provider_pid, n.consumer_pid)
                n = negotiation.receive(n, verified, who.id)
        return n

    def _begin(
        self, t: Transaction, who: Participant, agreement: Policy, way: str, pid: str | None
    ) -> Transfer:
        now_ms = _ms(self.now())
        chosen = pid if pid is not None and t.process(pid) is None else self.new_pid()
        request = TransferRequest(f"{chosen}:guest", agreement.id, way, NOBODY_LISTENS)
        asked = transfer.open_transfer(chosen, request, who.id, agreement.target or "")
        found = t.agreement(agreement.id, Role.PROVIDER, who.id)
        uses = 0 if found is None else found[1]
        if self.terms is not None:
            refusal = self.terms.judge(asked, agreement, uses, who)
            if refusal is not None:
                raise GuestRefusedError("; ".join(refusal.reasons), hint="see the agreement")
        t.run("use_agreement", i=agreement.id, r=Role.PROVIDER.value, w=who.id)
        running, _message = transfer.act(asked, Start())
        t.add(running, now_ms)
        t.tell(now_ms, chosen, "started for a guest of a bridge", running.state)
        return running

    async def is_running(self, running: Transfer) -> bool:
        """Was the transfer neither suspended nor ended meanwhile?"""
        return await self.store.step(lambda t: _is_running(t, running.pid))

    async def end(self, running: Transfer, action: Complete | Terminate) -> None:
        """Write down how a visit ended."""

        def work(t: Transaction) -> None:
            found = t.process(running.pid)
            if found is None or found[0].state is not TransferState.STARTED:
                return
            ended, _message = transfer.act(running, action)
            t.put(ended, _ms(self.now()))
            t.tell(_ms(self.now()), ended.pid, "ended for a guest of a bridge", ended.state)

        await self.store.step(work)


@dataclass(slots=True)
class _Visit:
    """One guest's transfer; closed exactly once, whether its bytes were read or not."""

    house: StoreHouse
    running: Transfer
    opening: AbstractAsyncContextManager[tuple[str, AsyncIterator[bytes]]]
    chunks: AsyncIterator[bytes]
    action: Complete | Terminate = field(
        default_factory=lambda: Terminate("broken", ("the data did not all arrive",))
    )
    is_closed: bool = False

    async def flow(self) -> AsyncIterator[bytes]:
        """The bytes, as long as the transfer runs; suspension or withdrawal ends them."""
        try:
            async for chunk in self.chunks:
                if not await self.house.is_running(self.running):
                    raise NotAllowedError("the transfer was stopped")
                yield chunk
            self.action = Complete()
        finally:
            await self.close()

    async def close(self) -> None:
        """Give everything back."""
        if not self.is_closed:
            self.is_closed = True
            await asyncio.shield(self.house.end(self.running, self.action))
            await self.opening.__aexit__(None, None, None)


def short(dataset: Dataset) -> dict[str, Any]:
    """A dataset in short names, as the bridges' mappings read it."""
    return {
        "@id": dataset.id,
        "@type": "Dataset",
        **dict(dataset.properties),
        "hasPolicy": [offer.to_plain() for offer in dataset.offers],
        "distribution": [way.to_plain() for way in dataset.distributions],
    }


def _request(pid: str, offer: Policy, who: Participant) -> Negotiation:
    request = ContractRequest(f"{pid}:guest", offer, None, NOBODY_LISTENS)
    return negotiation.open_request(pid, request, who.id)


def _is_running(t: Transaction, pid: str) -> bool:
    found = t.process(pid)
    return found is not None and found[0].state is TransferState.STARTED


def _ms(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)
