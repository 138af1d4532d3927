"""What an operator may order of a running connector, carried out inside of it."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from delian.adapters.exchange_codec import Process
from delian.exchange.catalogue import Dataset
from delian.exchange.errors import NotFoundHereError, WrongStateError
from delian.exchange.messages import DataAddress
from delian.exchange.negotiation import Negotiation
from delian.exchange.odrl import Policy
from delian.exchange.plain import many, text
from delian.exchange.reactions import Accept, Action, Complete, Terminate
from delian.exchange.transfer import Transfer
from delian.exchange.words import PULL, NegotiationState, Role
from delian.nodes.exchange import Connector
from delian.nodes.exchange_data import Asset
from delian.nodes.exchange_peers import Peer, Peers
from delian.nodes.exchange_reactions import CatalogueReactions
from delian.nodes.exchange_story import facts, story
from delian.terms.errors import InputError

MAX_WAIT_SECONDS = 24 * 3600.0
_N = NegotiationState


@dataclass(frozen=True, slots=True)
class Orders:
    """Carries out orders.

    Args:
        connector: The connector.
        peers: Asks other connectors.
        reactions: Makes agreements after a person has decided.
        look: Looks for new and withdrawn releases; None where no folder is followed.
        judge: The full reasons of a decision, for the operator alone.
        revoke: Ends the keys of a dataset's sealed files; None without key access.
    """

    connector: Connector
    peers: Peers
    reactions: CatalogueReactions
    look: Callable[[], Awaitable[dict[str, Any]]] | None
    judge: Callable[[Negotiation], Awaitable[list[str]]] | None
    revoke: Callable[[str, str], None] | None = None

    async def handle(self, order: dict[str, Any]) -> Any:
        """The answer to one order.

        Raises:
            InputError: there is no such order, or a part of it is missing.
        """
        name = order.get("order")
        known: dict[str, Callable[[dict[str, Any]], Awaitable[Any]]] = {
            "status": self._status,
            "list": self._list,
            "publish": self._publish,
            "withdraw": self._withdraw,
            "catalogue": self._catalogue,
            "negotiate": self._negotiate,
            "offer": self._offer,
            "transfer": self._transfer,
            "fetch": self._fetch,
            "show": self._show,
            "explain": self._explain,
            "decide": self._decide,
            "terminate": self._terminate,
            "look": self._look,
        }
        if name not in known:
            raise InputError("there is no such order")
        return await known[name](order)

    async def _status(self, _order: dict[str, Any]) -> dict[str, Any]:
        counts = await self.connector.store.step(lambda t: t.ask("state_counts"))
        kinds = {"n": "negotiations", "t": "transfers"}
        found: dict[str, Any] = {
            "participant": self.connector.parts.participant,
            "address": self.connector.address,
            "datasets": len(self.connector.shelf),
            "sending": self.connector.delivery.waiting,
            "negotiations": {},
            "transfers": {},
        }
        for kind, state, count in counts:
            found[kinds[kind]][state] = int(count)
        return found

    async def _list(self, order: dict[str, Any]) -> dict[str, Any]:
        limit = min(_number(order, "limit", 100), 10_000)

        def work(t: Any) -> tuple[list[Process], list[Process]]:
            return t.processes("n", limit=limit), t.processes("t", limit=limit)

        negotiations, transfers = await self.connector.store.step(work)
        return {
            "datasets": [shelved.id for shelved in self.connector.shelf.after(None, limit)],
            "negotiations": [facts(process) for process in negotiations],
            "transfers": [facts(process) for process in transfers],
        }

    async def _publish(self, order: dict[str, Any]) -> dict[str, Any]:
        dataset = Dataset.from_plain(order.get("dataset"), "dataset")
        asset = None
        if order.get("path"):
            path = Path(_text(order, "path"))
            kind = str(order.get("media_type") or "application/octet-stream")
            if not path.is_file():
                raise InputError("there is no such file", where=path.name)
            asset = await asyncio.to_thread(Asset.of, path, kind)
            wanted = order.get("sha256")
            if wanted and str(wanted).removeprefix("sha256:") != asset.digest[7:]:
                raise InputError("the file is not the one that was meant", where=path.name)
        await self.connector.publish(dataset, asset)
        return {"dataset": dataset.id, "digest": None if asset is None else asset.digest}

    async def _withdraw(self, order: dict[str, Any]) -> dict[str, Any]:
        name, reason = _text(order, "dataset"), _text(order, "reason")
        if self.revoke is not None:
            self.revoke(name, reason)
        ended = await self.connector.withdraw(name, reason)
        return {"dataset": name, "ended": ended}

    async def _look(self, _order: dict[str, Any]) -> dict[str, Any]:
        if self.look is None:
            return {"published": [], "withdrawn": []}
        return await self.look()

    async def _peer(self, order: dict[str, Any]) -> Peer:
        return await self.peers.find(_text(order, "url"), str(order.get("peer") or ""))

    async def _catalogue(self, order: dict[str, Any]) -> dict[str, Any]:
        peer = await self._peer(order)
        wanted = many(order.get("filter"), "filter")
        participant, datasets, unread = await self.peers.catalogue(peer, wanted)
        return {
            "participant": participant,
            "address": peer.base,
            "datasets": [d.to_plain() for d in datasets],
            "unread": unread,
        }

    async def _negotiate(self, order: dict[str, Any]) -> dict[str, Any]:
        peer = await self._peer(order)
        participant, dataset = await self.peers.dataset(peer, _text(order, "dataset"))
        name = order.get("offer")
        offers = [o for o in dataset.offers if name in (None, o.id)]
        if not offers:
            raise NotFoundHereError("the dataset has no such offer")
        pid = await self.connector.request(
            peer=participant or peer.base,
            address=peer.base,
            offer=_with_target(offers[0], dataset.id),
        )
        return await self._awaited(pid, (_N.FINALIZED.value, _N.OFFERED.value), order)

    async def _offer(self, order: dict[str, Any]) -> dict[str, Any]:
        peer = await self._peer(order)
        dataset = self.connector.shelf.get(_text(order, "dataset"))
        if dataset is None:
            raise NotFoundHereError("no such dataset is published here")
        pid = await self.connector.offer(
            peer=peer.participant or peer.base,
            address=peer.base,
            offer=_with_target(dataset.offers[0], dataset.id),
        )
        return await self._awaited(pid, (_N.FINALIZED.value,), order)

    async def _transfer(self, order: dict[str, Any]) -> dict[str, Any]:
        n = await self._agreed(_text(order, "pid"))
        plain = order.get("data_address")
        address = None if plain is None else DataAddress.from_plain(plain, "data_address")
        pid = await self._request(n, str(order.get("way") or PULL), address)
        return await self._awaited(pid, ("STARTED", "COMPLETED"), order)

    async def _fetch(self, order: dict[str, Any]) -> dict[str, Any]:
        n = await self._agreed(_text(order, "pid"))
        target = Path(_text(order, "to"))
        if not target.is_absolute() or not target.parent.is_dir():
            raise InputError("the target is an absolute path in a folder that exists")
        pid = await self._request(n, PULL, None)
        running = await self.connector.wait(pid, ("STARTED",), _wait(order, 60.0))
        if not isinstance(running, Transfer) or running.state.value != "STARTED":
            raise _ended(running)
        found = await self.connector.data.fetch(running, target)
        await self.connector.act(pid, Complete())
        return {
            **facts(await self.connector.process(pid)),
            "path": str(found.path),
            "size": found.size,
            "digest": found.digest,
            "was_announced": found.was_announced,
        }

    async def _request(self, n: Negotiation, way: str, address: DataAddress | None) -> str:
        if n.agreement is None:
            raise WrongStateError("there is no agreement yet")
        return await self.connector.request_transfer(
            peer=n.peer,
            address=n.peer_address,
            agreement_id=n.agreement.id,
            dataset=n.dataset,
            way=way,
            data_address=address,
        )

    async def _agreed(self, pid: str) -> Negotiation:
        process = await self.connector.process(pid)
        if not isinstance(process, Negotiation) or process.role is not Role.CONSUMER:
            raise WrongStateError("data are fetched with the pid of a negotiation of ours")
        if process.state is not _N.FINALIZED:
            raise _ended(process)
        return process

    async def _show(self, order: dict[str, Any]) -> dict[str, Any]:
        return await story(self.connector, _text(order, "pid"))

    async def _explain(self, order: dict[str, Any]) -> dict[str, Any]:
        pid = _text(order, "pid")
        process = await self.connector.process(pid)
        found = {**await story(self.connector, pid), "findings": []}
        if isinstance(process, Negotiation) and self.judge is not None:
            found["findings"] = await self.judge(process)
        return found

    async def _decide(self, order: dict[str, Any]) -> dict[str, Any]:
        process = await self.connector.process(_text(order, "pid"))
        if not isinstance(process, Negotiation):
            raise WrongStateError("a decision is about a negotiation")
        action: Action
        if order.get("yes") is not True:
            action = Terminate("refused", (str(order.get("reason") or "a person said no"),))
        elif process.role is Role.CONSUMER:
            action = Accept()
        else:
            action = self.reactions.agreement(process)
        return facts(await self.connector.act(process.pid, action))

    async def _terminate(self, order: dict[str, Any]) -> dict[str, Any]:
        action = Terminate("operator", (_text(order, "reason"),))
        return facts(await self.connector.act(_text(order, "pid"), action))

    async def _awaited(
        self, pid: str, states: tuple[str, ...], order: dict[str, Any]
    ) -> dict[str, Any]:
        return facts(await self.connector.wait(pid, states, _wait(order, 30.0)))


def _with_target(offer: Policy, dataset: str) -> Policy:
    return Policy(
        "Offer",
        offer.id,
        offer.permissions,
        offer.prohibitions,
        offer.obligations,
        target=dataset,
        assigner=offer.assigner,
        assignee=offer.assignee,
    )


def _ended(process: Process) -> WrongStateError:
    reasons = "; ".join(process.reasons)
    return WrongStateError(f"it stands at {process.state.value}{': ' if reasons else ''}{reasons}")


def _text(order: dict[str, Any], name: str) -> str:
    return text(order.get(name), name)


def _number(order: dict[str, Any], name: str, default: int) -> int:
    value = order.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise InputError("expected a whole number", where=name)
    return value


def _wait(order: dict[str, Any], default: float) -> float:
    value = order.get("wait_seconds", default)
    if isinstance(value, bool) or not isinstance(value, int | float) or not value >= 0:
        raise InputError("expected a number of seconds", where="wait_seconds")
    return min(float(value), MAX_WAIT_SECONDS)
