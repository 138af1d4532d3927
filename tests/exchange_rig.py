"""A connector on loopback for tests, figures and campaigns: opened, closed, opened again.

The reactions here are scripts of the tests; what a node decides in production is tested elsewhere.
"""

import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from starlette.routing import BaseRoute

from delian.adapters.clock import SystemClock
from delian.adapters.dsp_listener import Listen, bound_socket, serving
from delian.adapters.exchange_store import ExchangeStore
from delian.adapters.peer_client import PeerClient
from delian.adapters.peer_guard import Guard
from delian.exchange.catalogue import Dataset, Distribution
from delian.exchange.messages import DataAddress
from delian.exchange.negotiation import Negotiation, differences, make_agreement
from delian.exchange.odrl import Policy, Rule
from delian.exchange.reactions import (
    Action,
    Agree,
    Finalize,
    Participant,
    Start,
    Terminate,
    Verify,
)
from delian.exchange.transfer import Transfer
from delian.exchange.words import Role
from delian.nodes.exchange import Connector, Parts
from delian.nodes.exchange_delivery import Patience
from delian.nodes.exchange_identity import DcpIdentity
from delian.nodes.exchange_identity_settings import IdentitySettings
from delian.nodes.exchange_ports import FixedIdentity, Identity

OFFER = Policy("Offer", "offer-1", (Rule("use"),), target="dataset-1")
Scripted = Callable[[Any], Action] | Action


def dataset(name: str = "dataset-1", offer: str = "offer-1") -> Dataset:
    """A dataset with one open offer."""
    return Dataset(
        name,
        (Policy("Offer", offer, (Rule("use"),)),),
        (Distribution("HttpData-PULL", "service"), Distribution("HttpData-PUSH", "service")),
        (("title", f"Title of {name}"), ("keyword", ["test"])),
    )


@dataclass
class Scripts:
    """Reactions as a table: ``(role, state)`` to actions; what is not named waits."""

    own: str
    table: Mapping[tuple[str, str], Sequence[Scripted]] = field(default_factory=dict)

    def on_negotiation(self, n: Negotiation, who: Participant) -> tuple[Action, ...]:
        """What the table says."""
        return self._of(n)

    def on_transfer(self, t: Transfer, who: Participant) -> tuple[Action, ...]:
        """What the table says, under the role ``T-PROVIDER`` or ``T-CONSUMER``."""
        return self._of(t)

    def _of(self, process: Negotiation | Transfer) -> tuple[Action, ...]:
        role = ("T-" if isinstance(process, Transfer) else "") + process.role.value
        found = self.table.get((role, process.state.value), ())
        return tuple(a(process) if callable(a) else a for a in found)


@dataclass(frozen=True)
class Willing:
    """Agrees to everything at once, verifies what is as it was asked for."""

    own: str

    def on_negotiation(self, n: Negotiation, who: Participant) -> tuple[Action, ...]:
        """The next step to the end."""
        match (n.role, n.state.value):
            case (Role.PROVIDER, "REQUESTED" | "ACCEPTED"):
                return (agree(self.own)(n),)
            case (Role.PROVIDER, "VERIFIED"):
                return (Finalize(),)
            case (Role.CONSUMER, "AGREED"):
                found = differences(n)
                return (Terminate("agreement", found),) if found else (Verify(),)
        return ()

    def on_transfer(self, t: Transfer, who: Participant) -> tuple[Action, ...]:
        """Start what is requested."""
        is_new = t.role is Role.PROVIDER and t.state.value == "REQUESTED"
        return (Start(),) if is_new else ()


def agree(own: str) -> Callable[[Negotiation], Agree]:
    """Agreement to the terms on the table, named after the process."""

    def make(n: Negotiation) -> Agree:
        name = f"urn:agreement:{n.pid}"
        now = SystemClock().now_utc()
        return Agree(make_agreement(n, name, provider=own, now_utc=now))

    return make


class Node:
    """One connector; use as an async context manager, or :meth:`open` and :meth:`close`.

    Args:
        home: Where its database lies.
        name: Its participant identifier; None for a DID of its own with checked tokens.
        reactions: What it does; None agrees to everything.
        port: Where it listens; 0 for any, kept at the next opening.
        patience: How long it goes on sending.
        parts: Further members of :class:`Parts`.
    """

    def __init__(
        self,
        home: Path,
        name: str | None = "P",
        reactions: Any = None,
        *,
        port: int = 0,
        patience: Patience | None = None,
        routes: Callable[["Node"], Sequence[BaseRoute]] | None = None,
        **parts: Any,
    ) -> None:
        self.home, self._given, self._reactions, self.port = home, name, reactions, port
        self._patience = patience or Patience(first_wait_seconds=0.02)
        self._routes, self._parts = routes, parts
        self._stack = contextlib.AsyncExitStack()

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def open(self) -> None:
        """Open it, where it was before if it was open before."""
        bound = bound_socket(Listen("127.0.0.1", self.port))
        self.port = bound.getsockname()[1]
        self.root = f"http://127.0.0.1:{self.port}"
        self.name = self._given or f"did:web:127.0.0.1%3A{self.port}"
        self.client = PeerClient(Guard(is_development=True))
        self._stack.push_async_callback(self.client.close)
        self.store = ExchangeStore(self.home / "exchange.db")
        self._stack.callback(self.store.close)
        identity = await self._identity()
        self.connector = Connector(
            Parts(
                participant=self.name,
                root=self.root,
                store=self.store,
                identity=identity,
                reactions=self._reactions or Willing(self.name),
                client=self.client,
                patience=self._patience,
                **self._parts,
            ),
            list(self._routes(self)) if self._routes else [],
        )
        self._stack.push_async_callback(self.connector.close)
        await self.connector.start()
        listening = serving(self.connector.app, Listen("127.0.0.1", self.port), bound)
        await self._stack.enter_async_context(listening)

    async def _identity(self) -> Identity:
        if self._given is not None:
            return FixedIdentity(self._given)
        settings = IdentitySettings(did=self.name, address=self.root, development=True)
        found = DcpIdentity.open(self.home, settings, self.client, SystemClock().now_utc)
        await found.start()
        self._stack.push_async_callback(found.close)
        return found

    async def close(self) -> None:
        """Close it in order: the door first, then delivery, store and client."""
        await self._stack.aclose()

    @property
    def base(self) -> str:
        """Where the protocol is served."""
        return f"{self.root}/2025-1"

    async def ask(self, provider: "Node", offer: Policy = OFFER) -> str:
        """Ask *provider* for *offer*; our pid."""
        return await self.connector.request(peer=provider.name, address=provider.base, offer=offer)

    async def reach(self, pid: str, *states: str, seconds: float = 20) -> Any:
        """The process once it is in one of the states, or where it is stuck."""
        return await self.connector.wait(pid, states, seconds)

    async def push_to(self, provider: "Node", agreement: str, address: DataAddress | None) -> str:
        """Ask for the data of an agreement, brought to *address* or held ready for a pull."""
        return await self.connector.request_transfer(
            peer=provider.name,
            address=provider.base,
            agreement_id=agreement,
            way="HttpData-PUSH" if address else "HttpData-PULL",
            data_address=address,
        )
