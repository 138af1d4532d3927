"""The connector among peers that refuse, hesitate, lie or die; tokens; withdrawal; people."""

import asyncio
import json
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from delian.adapters.clock import SystemClock
from delian.adapters.exchange_store import ExchangeStoreError
from delian.adapters.peer_client import PeerUnreachableError
from delian.exchange.errors import NotFoundHereError
from delian.exchange.messages import DataAddress
from delian.exchange.odrl import Policy, Rule
from delian.exchange.reactions import Agree, Complete, Start, Suspend, Terminate
from delian.nodes import exchange_plans
from delian.nodes.exchange_data import Asset
from delian.nodes.exchange_delivery import Patience
from delian.nodes.exchange_reactions import CatalogueReactions, OpenGate
from tests.exchange_rig import OFFER, Node, dataset

CONTEXT = "https://w3id.org/dspace/2025/1/context.jsonld"
QUICK = Patience(first_wait_seconds=0.01, most_wait_seconds=0.02)


def run(work: Callable[[AsyncExitStack, Path], Awaitable[None]], home: Path) -> None:
    async def main() -> None:
        async with AsyncExitStack() as stack, asyncio.timeout(60):
            await work(stack, home)

    asyncio.run(main())


async def pair(stack: AsyncExitStack, home: Path, **provider: Any) -> tuple[Node, Node]:
    """A provider that offers one dataset with data, and a consumer."""
    p = await stack.enter_async_context(Node(home / "p", "P", patience=QUICK, **provider))
    c = await stack.enter_async_context(Node(home / "c", "C", patience=QUICK))
    data = home / "data.bin"
    data.write_bytes(b"0123456789" * 100_000)
    await p.connector.publish(dataset(), Asset.of(data))
    return p, c


async def agreed(p: Node, c: Node) -> str:
    n = await c.reach(await c.ask(p), "FINALIZED")
    assert n.state.value == "FINALIZED", n.reasons
    return str(n.agreement.id)


async def started(p: Node, c: Node) -> Any:
    pid = await c.connector.request_transfer(
        peer=p.name, address=p.base, agreement_id=await agreed(p, c), dataset="dataset-1"
    )
    return await c.reach(pid, "STARTED")


async def known(c: Node, pid: str) -> str:
    """The peer's identifier of our process, once it is known."""
    while (theirs := (await c.connector.process(pid)).peer_pid) is None:
        await asyncio.sleep(0)
    return str(theirs)


class Peer:
    """A peer whose every answer a test decides; it keeps what it was sent."""

    def __init__(self, answer: Callable[[int, dict[str, Any]], tuple[int, Any] | None]) -> None:
        self._answer = answer
        self.got: list[tuple[str, dict[str, Any]]] = []
        self.root = ""

    async def open(self, stack: AsyncExitStack) -> "Peer":
        app = web.Application()
        app.router.add_route("*", "/{rest:.*}", self._take)
        runner = web.AppRunner(app, shutdown_timeout=0.1, handler_cancellation=True)
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        self.root = f"http://127.0.0.1:{site._server.sockets[0].getsockname()[1]}"  # type: ignore[union-attr]
        return self

    async def heard(self, count: int) -> None:
        """Until so many requests have come."""
        while len(self.got) < count:
            await asyncio.sleep(0)

    async def _take(self, request: web.Request) -> web.Response:
        body = json.loads(await request.read() or b"{}")
        self.got.append((request.path, body))
        answer = self._answer(len(self.got), body)
        if answer is None:
            await asyncio.Event().wait()
            return web.Response()
        return web.json_response(answer[1], status=answer[0])


def accepting(body: dict[str, Any]) -> tuple[int, Any]:
    state = {"@context": [CONTEXT], "@type": "ContractNegotiation", "state": "REQUESTED"}
    return 201, {**state, "providerPid": "theirs", "consumerPid": body.get("consumerPid")}


@pytest.mark.parametrize("status", [404, 409, 425, 429, 500, 503])
def test_a_peer_that_is_not_ready_is_asked_again(tmp_path: Path, status: int) -> None:
    """An early conflict or "not found" is the peer's own write being slower than our message."""

    async def work(stack: AsyncExitStack, home: Path) -> None:
        peer = await Peer(lambda n, body: (status, {}) if n < 4 else accepting(body)).open(stack)
        c = await stack.enter_async_context(Node(home / "c", "C", patience=QUICK))
        pid = await c.connector.request(peer="X", address=peer.root, offer=OFFER)
        await known(c, pid)
        assert [path for path, _ in peer.got] == ["/negotiations/request"] * 4
        assert len({json.dumps(body) for _, body in peer.got}) == 1, "the same message each time"

    run(work, tmp_path)


def test_a_refusal_ends_the_process_with_the_peers_own_reasons(tmp_path: Path) -> None:
    async def work(stack: AsyncExitStack, home: Path) -> None:
        error = {"@type": "ContractNegotiationError", "reason": ["no such offer here"]}
        peer = await Peer(lambda _n, _b: (400, error)).open(stack)
        c = await stack.enter_async_context(Node(home / "c", "C", patience=QUICK))
        pid = await c.connector.request(peer="X", address=peer.root, offer=OFFER)
        n = await c.reach(pid, "FINALIZED")
        assert (n.state.value, n.code) == ("TERMINATED", "refused-by-peer")
        assert "no such offer here" in n.reasons

    run(work, tmp_path)


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"@context": [CONTEXT], "@type": "ContractNegotiation", "state": "REQUESTED"},
        {
            "@context": [CONTEXT],
            "@type": "ContractNegotiation",
            "state": "REQUESTED",
            "providerPid": "theirs",
            "consumerPid": "of somebody else",
        },
    ],
    ids=["empty", "without pids", "about another process"],
)
def test_an_answer_that_names_no_process_ends_it(tmp_path: Path, answer: dict[str, Any]) -> None:
    async def work(stack: AsyncExitStack, home: Path) -> None:
        peer = await Peer(lambda _n, _b: (201, answer)).open(stack)
        c = await stack.enter_async_context(Node(home / "c", "C", patience=QUICK))
        pid = await c.connector.request(peer="X", address=peer.root, offer=OFFER)
        n = await c.reach(pid, "FINALIZED")
        assert (n.state.value, n.code) == ("TERMINATED", "answer-unreadable")

    run(work, tmp_path)


def test_what_is_never_taken_ends_at_its_deadline(tmp_path: Path) -> None:
    async def work(stack: AsyncExitStack, home: Path) -> None:
        peer = await Peer(lambda _n, _b: (503, {})).open(stack)
        patience = replace(QUICK, deadline_seconds=0.05)
        c = await stack.enter_async_context(Node(home / "c", "C", patience=patience))
        pid = await c.connector.request(peer="X", address=peer.root, offer=OFFER)
        n = await c.reach(pid, "FINALIZED")
        assert (n.state.value, n.code) == ("TERMINATED", "not-delivered")
        assert any("503" in reason for reason in n.reasons)

    run(work, tmp_path)


def test_a_dead_peer_holds_up_nobody_else(tmp_path: Path) -> None:
    async def work(stack: AsyncExitStack, home: Path) -> None:
        dead = await Peer(lambda _n, _b: None).open(stack)
        patience = replace(QUICK, side_by_side=4)
        c = await stack.enter_async_context(Node(home / "c", "C", patience=patience))
        p = await stack.enter_async_context(Node(home / "p", "P", patience=QUICK))
        for _ in range(40):
            await c.connector.request(peer="X", address=dead.root, offer=OFFER)
        await dead.heard(4)
        for _ in range(5):
            assert (await c.reach(await c.ask(p), "FINALIZED")).state.value == "FINALIZED"
        assert len(dead.got) == 4, "no more at a time than one address is given"

    run(work, tmp_path)


def test_a_database_that_is_away_for_a_moment_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The answer of the peer, the end of a process, a planned action: each is tried again."""
    monkeypatch.setattr(exchange_plans, "AGAIN_MS", 5)

    async def work(stack: AsyncExitStack, home: Path) -> None:
        peer = await Peer(lambda _n, body: accepting(body) if "offer" in body else (400, {})).open(
            stack
        )
        c = await stack.enter_async_context(Node(home / "c", "C", Ending(), patience=QUICK))
        real, failed = c.connector.step, Counter[str]()

        async def step(do: Callable[..., Any]) -> Any:
            name = do.__qualname__
            failed[name] += 1
            if failed[name] <= 2 and "flush" not in name and "_begin" not in name:
                raise ExchangeStoreError("away")
            return await real(do)

        monkeypatch.setattr(c.connector, "step", step)
        pid = await c.connector.request(peer="X", address=peer.root, offer=OFFER)
        n = await c.reach(pid, "TERMINATED")
        assert (n.state.value, n.code) == ("TERMINATED", "planned")
        assert await known(c, pid) == "theirs"
        assert sum(1 for count in failed.values() if count > 2) >= 2

    run(work, tmp_path)


class Ending:
    """Ends every negotiation a moment after it has begun."""

    def on_negotiation(self, n: Any, who: Any) -> tuple[Any, ...]:
        is_new = n.state.value == "REQUESTED"
        return (Terminate("planned", ("as planned",), after_ms=30),) if is_new else ()

    def on_transfer(self, t: Any, who: Any) -> tuple[()]:
        return ()


def test_one_participant_does_not_fill_the_node(tmp_path: Path) -> None:
    async def work(stack: AsyncExitStack, home: Path) -> None:
        p = await stack.enter_async_context(
            Node(home / "p", "P", Waiting(), patience=QUICK, max_open_per_peer=3)
        )
        statuses = [await first_request(p, "C", i) for i in range(5)]
        assert statuses == [201, 201, 201, 429, 429]
        assert await first_request(p, "D", 9) == 201

    run(work, tmp_path)


class Waiting:
    """Reactions that always wait."""

    def on_negotiation(self, n: Any, who: Any) -> tuple[()]:
        return ()

    on_transfer = on_negotiation


async def first_request(p: Node, who: str, number: int) -> int:
    body = {
        "@context": [CONTEXT],
        "@type": "ContractRequestMessage",
        "consumerPid": f"{who}-{number}",
        "offer": OFFER.to_plain(),
        "callbackAddress": "http://127.0.0.1:9/x",
    }
    headers = {"Authorization": f"Bearer {who}", "Content-Type": "application/json"}
    url = f"{p.base}/negotiations/request"
    return (await p.client.ask("POST", url, headers, json.dumps(body).encode())).status


def test_a_token_of_a_pull_works_once_and_for_its_transfer_alone(tmp_path: Path) -> None:
    async def work(stack: AsyncExitStack, home: Path) -> None:
        p, c = await pair(stack, home)
        t, other = await started(p, c), await started(p, c)
        token = t.data_address.get("authorization")
        head = {"Authorization": f"Bearer {token}"}
        for url in (other.data_address.endpoint, f"{p.root}/data/none"):
            assert (await c.client.ask("GET", url, head)).status == 404
        assert (await c.client.ask("GET", t.data_address.endpoint)).status == 404
        assert (await c.client.ask("HEAD", t.data_address.endpoint, head)).status == 200
        found = await c.connector.data.fetch(t, home / "out")
        assert (found.was_announced, found.size) == (True, 1_000_000)
        assert (home / "out").read_bytes() == (home / "data.bin").read_bytes()
        with pytest.raises(PeerUnreachableError):
            await c.connector.data.fetch(t, home / "again")
        rows = await p.store.step(lambda x: x.ask("token", d=token.encode()))
        assert rows == [], "the token itself lies nowhere"

    run(work, tmp_path)


@pytest.mark.parametrize("how", ["suspend", "terminate", "complete", "withdraw"])
def test_a_token_dies_with_its_transfer(tmp_path: Path, how: str) -> None:
    async def work(stack: AsyncExitStack, home: Path) -> None:
        p, c = await pair(stack, home)
        t = await started(p, c)
        if how == "withdraw":
            await p.connector.withdraw("dataset-1", "a fault was found")
        else:
            action = {
                "suspend": Suspend("rest"),
                "terminate": Terminate("end", ("enough",)),
                "complete": Complete(),
            }[how]
            await p.connector.act(t.peer_pid, action)
        with pytest.raises(PeerUnreachableError):
            await c.connector.data.fetch(t, home / "out")
        if how == "withdraw":
            ended = await c.reach(t.pid, "TERMINATED")
            assert ended.reasons == ("a fault was found",)
            with pytest.raises(NotFoundHereError):
                await p.connector.withdraw("never published", "x")
        if how == "suspend":
            await c.reach(t.pid, "SUSPENDED")
            await p.connector.act(t.peer_pid, Start())
            again = await c.reach(t.pid, "STARTED")
            assert again.data_address != t.data_address, "a new token"
            assert (await c.connector.data.fetch(again, home / "out")).size == 1_000_000

    run(work, tmp_path)


def test_data_under_way_stop_when_their_transfer_is_suspended(tmp_path: Path) -> None:
    async def work(stack: AsyncExitStack, home: Path) -> None:
        p, c = await pair(stack, home)
        t = await started(p, c)
        asset = await p.connector.data.open(
            t.peer_pid, f"Bearer {t.data_address.get('authorization')}", consume=True
        )
        pieces = p.connector.data.pieces(t.peer_pid, asset)
        await anext(pieces)
        await p.connector.act(t.peer_pid, Suspend("rest"))
        with pytest.raises(PeerUnreachableError):
            await anext(pieces)

    run(work, tmp_path)


def test_a_push_is_brought_and_then_completed(tmp_path: Path) -> None:
    async def work(stack: AsyncExitStack, home: Path) -> None:
        p, c = await pair(stack, home)
        brought: list[tuple[str | None, int]] = []

        async def take(request: web.Request) -> web.Response:
            data = await request.read()
            brought.append((request.headers.get("Authorization"), len(data)))
            return web.Response(status=503 if len(brought) == 1 else 204)

        app = web.Application(client_max_size=2**24)
        app.router.add_put("/box", take)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port = site._server.sockets[0].getsockname()[1]  # type: ignore[union-attr]
        address = DataAddress(
            "HTTP", f"http://127.0.0.1:{port}/box", (("authorization", "secret"),)
        )
        pid = await c.push_to(p, await agreed(p, c), address)
        assert (await c.reach(pid, "COMPLETED")).state.value == "COMPLETED"
        assert brought == [("Bearer secret", 1_000_000)] * 2, "tried again until it was taken"

    run(work, tmp_path)


def test_a_push_into_our_own_network_ends_the_transfer(tmp_path: Path) -> None:
    async def work(stack: AsyncExitStack, home: Path) -> None:
        p, c = await pair(stack, home)
        address = DataAddress("HTTP", "https://169.254.169.254/latest")
        pid = await c.push_to(p, await agreed(p, c), address)
        ended = await c.reach(pid, "COMPLETED")
        assert (ended.state.value, ended.code) == ("TERMINATED", "address-refused")

    run(work, tmp_path)


ASKING = Policy("Offer", "offer-1", (Rule("use", (), (Rule("obtainConsent"),)),))


@pytest.mark.parametrize("says_yes", [True, False])
def test_an_offer_that_asks_for_a_person_waits_for_one(tmp_path: Path, says_yes: bool) -> None:
    async def work(stack: AsyncExitStack, home: Path) -> None:
        offered = replace(dataset(), offers=(ASKING,))
        reactions = CatalogueReactions("P", {"dataset-1": offered}.get, OpenGate(), SystemClock())
        p = await stack.enter_async_context(Node(home / "p", "P", reactions, patience=QUICK))
        c = await stack.enter_async_context(Node(home / "c", "C", patience=QUICK))
        await p.connector.publish(offered)
        pid = await c.ask(p, replace(ASKING, target="dataset-1"))
        ours = await known(c, pid)
        waiting = await p.connector.process(ours)
        assert waiting.state.value == "REQUESTED"
        action: Agree | Terminate = Terminate("refused", ("not to you",))
        if says_yes:
            action = reactions.agreement(waiting)  # type: ignore[arg-type]
        await p.connector.act(ours, action)
        n = await c.reach(pid, "FINALIZED")
        assert n.state.value == ("FINALIZED" if says_yes else "TERMINATED")
        assert n.reasons == (() if says_yes else ("not to you",))

    run(work, tmp_path)


@pytest.mark.parametrize("name", ["unknown", "dataset-1"])
def test_production_answers_other_terms_with_its_own_and_unknown_data_with_an_end(
    tmp_path: Path, name: str
) -> None:
    async def work(stack: AsyncExitStack, home: Path) -> None:
        reactions = CatalogueReactions("P", {"dataset-1": dataset()}.get, OpenGate(), SystemClock())
        p = await stack.enter_async_context(Node(home / "p", "P", reactions, patience=QUICK))
        c = await stack.enter_async_context(Node(home / "c", "C", patience=QUICK))
        pid = await c.ask(p, Policy("Offer", "mine", (Rule("distribute"),), target=name))
        n = await c.reach(pid, "OFFERED")
        if name == "unknown":
            assert (n.state.value, n.code) == ("TERMINATED", "no-such-offer")
        else:
            assert n.state.value == "OFFERED"
            assert n.offer.terms_digest == dataset().offers[0].terms_digest

    run(work, tmp_path)


def test_a_long_wait_and_an_unsent_message_survive_a_restart(tmp_path: Path) -> None:
    async def work(stack: AsyncExitStack, home: Path) -> None:
        is_ready: list[bool] = []
        peer = await Peer(lambda _n, body: accepting(body) if is_ready else (503, {})).open(stack)
        c = Node(home / "c", "C", patience=QUICK)
        await c.open()
        pid = await c.connector.request(peer="X", address=peer.root, offer=OFFER)
        await peer.heard(2)
        await c.close()
        is_ready.append(True)
        await c.open()
        stack.push_async_callback(c.close)
        await known(c, pid)
        bodies = {json.dumps(body) for _, body in peer.got}
        assert len(bodies) == 1, "the very same message after the restart"
        await c.connector.flush()
        assert await c.store.step(lambda t: t.unsent()) == []

    run(work, tmp_path)
