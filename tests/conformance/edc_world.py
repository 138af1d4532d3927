"""One EDC, its data plane, and our connector, for as long as the checks last.

Our connector is the production one: store, steps, delivery and data plane; only who a peer is comes
from the header that EDC's own test identity (``iam-mock``) sends, and what we decide from a rule
that fits in a page: we agree to exactly what we offer, and verify exactly what we asked for.
"""

import asyncio
import contextlib
import json
import tempfile
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from starlette.routing import BaseRoute

from delian.adapters.dsp_listener import Listen, bound_socket, serving
from delian.adapters.exchange_store import ExchangeStore
from delian.adapters.json_ld import is_plain, normalise
from delian.adapters.peer_client import MAX_ANSWER_BYTES, Answer, PeerClient
from delian.adapters.peer_guard import Guard
from delian.exchange.catalogue import Dataset, Distribution, matches, read_catalog
from delian.exchange.catalogue_filter import read_filter
from delian.exchange.errors import NotAllowedError
from delian.exchange.messages import CatalogRequest
from delian.exchange.negotiation import Negotiation, differences, make_agreement
from delian.exchange.odrl import Constraint, Policy, Rule
from delian.exchange.plain import read_object, to_bytes
from delian.exchange.reactions import (
    Accept,
    Action,
    Agree,
    Complete,
    Finalize,
    Participant,
    Start,
    Suspend,
    Terminate,
    Verify,
)
from delian.exchange.transfer import Transfer
from delian.exchange.words import NegotiationState, Role, TransferState
from delian.nodes.exchange import Connector, Parts
from delian.nodes.exchange_check import Report, Terms, diagnose
from delian.nodes.exchange_data import Asset
from delian.nodes.exchange_delivery import Patience
from tests.conformance.edc_peer import TUNED, Edc, Plain, edc
from tests.conformance.edc_stand_in import StandIn, stand_in

OURS = "urn:connector:ours"
CONTENT = json.dumps({"rows": [[n, n * n] for n in range(20_000)]}).encode()
PURPOSE = Constraint("urn:delian:profile:1:purpose", "eq", "research")
OFFERED = {
    "ours-plain": Policy("Offer", "offer-ours-plain", (Rule("use"),)),
    "ours-conditional": Policy("Offer", "offer-ours-conditional", (Rule("use", (PURPOSE,)),)),
    "ours-third": Policy("Offer", "offer-ours-third", (Rule("use"),)),
    "ours-fourth": Policy("Offer", "offer-ours-fourth", (Rule("use"),)),
}
S, T = NegotiationState, TransferState


class MockIdentity:
    """Shows and reads the header of EDC's test identity; it proves nothing, as EDC's does not."""

    async def header_for(self, audience: str) -> str | None:
        return json.dumps({"region": "eu", "audience": audience, "clientId": OURS})

    async def identify(self, authorization: str | None) -> Participant:
        try:
            return Participant(str(json.loads(authorization or "")["clientId"]))
        except (ValueError, KeyError, TypeError) as error:
            raise NotAllowedError("the request does not say who sends it") from error

    def routes(self) -> Sequence[BaseRoute]:
        return ()


class Recording(PeerClient):
    """The client of the product, which also keeps what was said and how it was answered."""

    said: list[tuple[str, bytes, int]]

    async def ask(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        *,
        max_bytes: int = MAX_ANSWER_BYTES,
    ) -> Answer:
        answer = await super().ask(method, url, headers, body, max_bytes=max_bytes)
        self.said.append((url, body or b"", answer.status))
        return answer


class Honest:
    """We agree to what we offer and to nothing else; a check may hold us in one state."""

    def __init__(self) -> None:
        self.held = ""

    def on_negotiation(self, n: Negotiation, who: Participant) -> tuple[Action, ...]:
        if n.state.value == self.held:
            return ()
        match n.role, n.state:
            case Role.PROVIDER, S.REQUESTED:
                return (self._judge(n),)
            case Role.PROVIDER, S.VERIFIED:
                return (Finalize(),)
            case Role.CONSUMER, S.OFFERED:
                return (Accept(),)
            case Role.CONSUMER, S.AGREED:
                found = differences(n)
                return (Terminate("other-terms", found),) if found else (Verify(),)
        return ()

    def on_transfer(self, t: Transfer, who: Participant) -> tuple[Action, ...]:
        return (Start(),) if (t.role, t.state) == (Role.PROVIDER, T.REQUESTED) else ()

    def _judge(self, n: Negotiation) -> Action:
        offered = OFFERED.get(n.dataset)
        if offered is None or offered.terms_digest != n.offer.terms_digest:
            return Terminate("not-offered", ("these are not the terms that we offer",))
        return Agree(
            make_agreement(n, f"agreement-{n.pid}", provider=OURS, now_utc=datetime.now(UTC))
        )


class Ours:
    """Our connector as the checks use it."""

    def __init__(
        self,
        connector: Connector,
        reactions: Honest,
        folder: Path,
        said: list[tuple[str, bytes, int]],
    ) -> None:
        self.said = said
        self.connector = connector
        self.address = connector.address
        self.reactions = reactions
        self.folder = folder

    async def catalog(self, address: str, wanted: list[Plain] | None = None) -> list[Dataset]:
        """A peer's whole catalog over its pages, filtered again by us."""
        url: str | None = f"{address}/catalog/request"
        body = to_bytes(CatalogRequest(tuple(wanted or ())).to_plain())
        header = await self.connector.parts.identity.header_for(address) or ""
        headers = {"Content-Type": "application/json", "Authorization": header}
        found: list[Dataset] = []
        while url is not None:
            answer = await self.connector.parts.client.ask("POST", url, headers, body)
            if answer.status != 200:
                raise RuntimeError(f"the catalog is answered with {answer.status}")
            plain = read_object(answer.body, max_bytes=8_000_000)
            page = read_catalog(plain if is_plain(plain) else normalise(plain, max_values=50_000))
            if page.unread:
                raise RuntimeError(f"not read: {page.unread[:3]}")
            found += page.datasets
            url = next_page(answer.headers.get("link", ""))
        chosen = read_filter(wanted or ())
        return [dataset for dataset in found if matches(dataset, chosen)]

    async def negotiate(self, address: str, peer: str, dataset: str, offer: Policy) -> str:
        asked = replace(offer, target=dataset)
        return await self.connector.request(peer=peer, address=address, offer=asked)

    async def negotiation_in(self, pid: str, wanted: str, limit: float = 30) -> Any:
        return self._as_wanted(await self.connector.wait(pid, [wanted], limit), wanted)

    async def negotiation(self, pid: str) -> Any:
        return await self.connector.process(pid)

    async def transfer_in(self, pid: str, wanted: str, limit: float = 30) -> Any:
        return self._as_wanted(await self.connector.wait(pid, [wanted], limit), wanted)

    @staticmethod
    def _as_wanted(found: Negotiation | Transfer, wanted: str) -> Negotiation | Transfer:
        if found.state.value != wanted:
            raise AssertionError(f"we stand at {found.state}, not {wanted}: {found.reasons}")
        return found

    async def of_peer(self, kind: str, peer_pid: str) -> Any:
        """Our side of a process that the peer began."""

        def mine() -> Negotiation | Transfer | None:
            listed = self.connector.store.step_now(lambda t: t.processes(kind))
            return next((one for one in listed if one.peer_pid == peer_pid), None)

        for _ in range(200):
            if (found := mine()) is not None:
                return found
            await asyncio.sleep(0.05)
        raise TimeoutError(f"no process of ours belongs to {peer_pid}")

    async def negotiation_of_peer(self, peer_pid: str, wanted: str = "FINALIZED") -> Any:
        return await self.negotiation_in((await self.of_peer("n", peer_pid)).pid, wanted)

    async def transfer_of_peer(self, peer_pid: str, wanted: str) -> Any:
        return await self.transfer_in((await self.of_peer("t", peer_pid)).pid, wanted)

    @asynccontextmanager
    async def holding(self, state: str) -> AsyncIterator[None]:
        """While the block lasts, we do nothing of our own in this state."""
        self.reactions.held = state
        try:
            yield
        finally:
            self.reactions.held = ""

    async def end_negotiation(self, pid: str, reason: str) -> None:
        await self.connector.act(pid, Terminate("ended", (reason,)))

    async def end_transfer(self, pid: str, reason: str) -> None:
        await self.connector.act(pid, Terminate("ended", (reason,)))

    async def suspend(self, pid: str, reason: str) -> None:
        await self.connector.act(pid, Suspend(reason))

    async def resume(self, pid: str) -> None:
        await self.connector.act(pid, Start())

    async def transfer(self, negotiation_pid: str) -> str:
        n = await self.negotiation(negotiation_pid)
        return await self.connector.request_transfer(
            peer=n.peer,
            address=n.peer_address,
            agreement_id=n.agreement.id,
            dataset=n.dataset,
        )

    async def fetch(self, pid: str) -> bytes:
        process = await self.connector.process(pid)
        if not isinstance(process, Transfer):
            raise TypeError("this is no transfer")
        target = self.folder / f"{pid}.data"
        await self.connector.data.fetch(process, target)
        return target.read_bytes()

    async def complete(self, pid: str) -> None:
        await self.connector.act(pid, Complete())

    async def diagnose(self, url: str) -> Report:
        header = await self.connector.parts.identity.header_for(url)
        terms = Terms(datetime.now(UTC), header, is_development=True)
        return await diagnose(url, self.connector.parts.client, terms)

    async def was_told(self, peer_pid: str, text: str) -> bool:
        """Whether the peer took a message about its process that holds this text."""
        for _ in range(100):
            for url, body, status in self.said:
                if peer_pid in url and text.encode() in body and 200 <= status < 300:
                    return True
            await asyncio.sleep(0.05)
        return False

    @staticmethod
    def offer_id(dataset: str) -> str:
        return OFFERED[dataset].id


@dataclass(frozen=True, slots=True)
class World:
    """Everybody."""

    edc: Edc
    plane: StandIn
    ours: Ours


def next_page(link: str) -> str | None:
    """The address behind ``rel="next"`` of a Link header."""
    for part in link.split(","):
        address, _, kind = part.partition(";")
        if 'rel="next"' in kind.replace(" ", ""):
            return address.strip().strip("<>")
    return None


async def until(look: Callable[[str], Plain], its: str, wanted: str, limit: float) -> Plain:
    """EDC's process once it is as wanted."""
    end = asyncio.get_running_loop().time() + limit
    while True:
        found = await asyncio.to_thread(look, its)
        if found["state"] == wanted:
            return found
        is_over = found["state"] in ("TERMINATED", "FINALIZED", "DEPROVISIONED")
        if is_over or asyncio.get_running_loop().time() > end:
            raise AssertionError(f"EDC stands at {found['state']}, not {wanted}: {found}")
        await asyncio.sleep(0.1)


@asynccontextmanager
async def world() -> AsyncIterator[World]:
    """EDC with its datasets, our connector with its own."""
    with contextlib.ExitStack() as stack:
        place = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="edc-")))
        plane = stack.enter_context(stand_in(CONTENT))
        peer = await asyncio.to_thread(stack.enter_context, edc("stranger", TUNED))
        await asyncio.to_thread(prepare, peer, plane)
        async with our_connector(place) as ours:
            yield World(peer, plane, ours)


def prepare(peer: Edc, plane: StandIn) -> None:
    """What EDC offers: a plain dataset, one under a condition, and many."""
    plane.register_at(peer)
    peer.offer("plain")
    purpose = {"leftOperand": "purpose", "operator": "eq", "rightOperand": "research"}
    peer.offer("conditional", {"permission": [{"action": "use", "constraint": [purpose]}]})
    for number in range(120):
        peer.offer(f"many-{number:03}")


@asynccontextmanager
async def our_connector(place: Path) -> AsyncIterator[Ours]:
    """Our connector with its datasets, listening."""
    listen = Listen("127.0.0.1", 0)
    bound = bound_socket(listen)
    root = f"http://127.0.0.1:{bound.getsockname()[1]}"
    reactions = Honest()
    client = Recording(Guard(is_development=True))
    client.said = []
    store = ExchangeStore(place / "exchange.db")
    patience = Patience(unknown_seconds=3, deadline_seconds=60)
    parts = Parts(OURS, root, store, MockIdentity(), reactions, client, patience=patience)
    connector = Connector(parts)
    await connector.start()
    content = place / "content.json"
    content.write_bytes(CONTENT)
    asset = Asset.of(content, "application/json")
    way = Distribution("HttpData-PULL", f"{OURS}:service", connector.address)
    for name, offer in OFFERED.items():
        await connector.publish(Dataset(name, (offer,), (way,), (("title", name),)), asset)
    try:
        async with serving(connector.app, listen, bound):
            yield Ours(connector, reactions, place, client.said)
    finally:
        await connector.close()
        await client.close()
        store.close()
