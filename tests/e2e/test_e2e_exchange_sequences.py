"""Sequences that the public kit leaves out, over real sockets, against a real connector.

A peer made of paper says what each test tells it to; the database is on disk; in the tests of
restarts the connector is closed and opened between any two steps.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from delian.exchange.messages import DataAddress
from delian.exchange.reactions import (
    Accept,
    CounterRequest,
    Finalize,
    MakeOffer,
    Start,
    Suspend,
    Terminate,
    Verify,
)
from delian.nodes.exchange_data import Asset
from delian.nodes.exchange_delivery import Patience
from tests.exchange_peer import PaperPeer, agreement, message, offer
from tests.exchange_rig import OFFER, Node, Scripts, Willing, agree, dataset

PROVIDER = "P"
QUICK = Patience(first_wait_seconds=0.01, most_wait_seconds=0.02, unknown_seconds=0.05)
Story = Callable[[Node, PaperPeer], Awaitable[None]]


def play(
    home: Path, story: Story, *, name: str = PROVIDER, table: Any = None, **parts: Any
) -> None:
    """One connector, one paper peer ``C``, one story."""

    async def run() -> None:
        reactions = parts.pop("reactions", None) or Scripts(name, table or {})
        node = Node(home, name, reactions, patience=parts.pop("patience", None), **parts)
        async with node, PaperPeer("C") as peer:
            await story(node, peer)

    asyncio.run(run())


def request(peer: PaperPeer, pid: str = "c-1", **members: Any) -> dict[str, Any]:
    """A first request of the paper peer."""
    body = {"consumerPid": pid, "offer": offer(), "callbackAddress": peer.address, **members}
    return message("ContractRequestMessage", **body)


def from_consumer(kind: str, provider: str, consumer: str = "c-1", **members: Any) -> Any:
    return message(kind, providerPid=provider, consumerPid=consumer, **members)


async def open_negotiation(node: Node, peer: PaperPeer, pid: str = "c-1") -> str:
    """The provider's identifier of a negotiation that the paper peer opened."""
    status, body = await peer.say(node.base, "/negotiations/request", request(peer, pid))
    assert status == 201
    return str(body["providerPid"])


async def state_of(node: Node, peer: PaperPeer, pid: str, kind: str = "negotiations") -> str:
    status, body = await peer.say(node.base, f"/{kind}/{pid}", method="GET")
    assert status == 200
    return str(body["state"])


# --- statuses and error bodies -------------------------------------------------------------------


def test_the_first_message_creates_and_every_further_one_does_not(tmp_path):
    async def story(node, peer):
        status, body = await peer.say(node.base, "/negotiations/request", request(peer))
        assert (status, body["@type"], body["state"]) == (201, "ContractNegotiation", "REQUESTED")
        assert body["consumerPid"] == "c-1"
        pid = body["providerPid"]
        offered = await peer.wait("/c-1/offers")
        assert offered["providerPid"] == pid
        say = from_consumer
        for ending, kind, members, state in [
            ("request", "ContractRequestMessage", {"offer": offer("mine")}, "REQUESTED"),
            ("events", "ContractNegotiationEventMessage", {"eventType": "ACCEPTED"}, "ACCEPTED"),
            ("agreement/verification", "ContractAgreementVerificationMessage", {}, "VERIFIED"),
        ]:
            path = f"/negotiations/{pid}/{ending}"
            status, body = await peer.say(node.base, path, say(kind, pid, **members))
            assert (status, body["state"]) == (200, state)
            if state == "REQUESTED":
                again = await peer.wait("/c-1/offers", 2)
                assert again["offer"]["@id"] == "mine"
            if state == "ACCEPTED":
                agreed = await peer.wait("/c-1/agreement")
                assert agreed["agreement"]["assignee"] == "C"
        assert (await peer.wait("/c-1/events"))["eventType"] == "FINALIZED"
        assert await state_of(node, peer, pid) == "FINALIZED"

    table = {
        ("PROVIDER", "REQUESTED"): [lambda n: MakeOffer(n.offer)],
        ("PROVIDER", "ACCEPTED"): [agree(PROVIDER)],
        ("PROVIDER", "VERIFIED"): [Finalize()],
    }
    play(tmp_path, story, table=table)


def test_a_message_in_the_wrong_state_is_told_so_and_changes_nothing(tmp_path):
    async def story(node, peer):
        pid = await open_negotiation(node, peer)
        path = f"/negotiations/{pid}/agreement/verification"
        body = from_consumer("ContractAgreementVerificationMessage", pid)
        status, error = await peer.say(node.base, path, body)
        assert status == 400
        assert error["@type"] == "ContractNegotiationError"
        assert (error["providerPid"], error["consumerPid"]) == (pid, "c-1")
        assert error["code"] == "dsp-wrong-state"
        assert "REQUESTED" in error["reason"][0]
        assert await state_of(node, peer, pid) == "REQUESTED"

    play(tmp_path, story)


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"offer": None}, "offer"),
        ({"offer": {"@type": "Offer", "@id": "x", "permission": []}}, "offer.target"),
        ({"consumerPid": 7}, "consumerPid"),
        ({"callbackAddress": "nowhere"}, "callbackAddress"),
        ({"@type": "ContractOfferMessage"}, "@type"),
    ],
)
def test_a_malformed_message_is_refused_by_the_name_of_its_member(tmp_path, change, where):
    async def story(node, peer):
        body = {**request(peer), **change}
        status, error = await peer.say(node.base, "/negotiations/request", body)
        assert status == 400
        assert error["@type"] == "ContractNegotiationError"
        assert error["reason"][0].startswith(f"ContractRequestMessage.{where}")

    play(tmp_path, story)


def test_what_is_not_yours_looks_like_what_is_not_there(tmp_path):
    async def story(node, peer):
        pid = await open_negotiation(node, peer)
        async with PaperPeer("stranger") as stranger:
            end = from_consumer("ContractNegotiationTerminationMessage", pid)
            answers = []
            for name in (pid, "absent"):
                path = f"/negotiations/{name}"
                answers.append(await stranger.say(node.base, path, method="GET"))
                told = {**end, "providerPid": name}
                answers.append(await stranger.say(node.base, f"{path}/termination", told))
            assert [status for status, _ in answers] == [404] * 4
            assert answers[0] == answers[2]
            assert answers[1] == answers[3]
        assert await state_of(node, peer, pid) == "REQUESTED"
        status, error = await peer.say(node.base, "/transfers/absent", method="GET")
        assert (status, error["@type"]) == (404, "TransferError")
        status, error = await peer.say(node.base, "/catalog/datasets/absent", method="GET")
        assert (status, error["@type"]) == (404, "CatalogError")

    play(tmp_path, story)


def test_a_caller_without_a_name_is_nobody(tmp_path):
    async def story(node, peer):
        for path in ("/negotiations/request", "/transfers/request", "/catalog/request"):
            status, error = await peer.say(node.base, path, request(peer), Authorization="")
            assert (status, error["code"]) == (401, "dsp-not-allowed")
        version = await peer.say(
            node.root, "/.well-known/dspace-version", method="GET", Authorization=""
        )
        assert version[0] == 200
        assert version[1]["protocolVersions"][0]["path"] == "/2025-1"

    play(tmp_path, story)


# --- the same message twice ----------------------------------------------------------------------


def test_a_first_request_sent_twice_opens_one_negotiation(tmp_path):
    async def story(node, peer):
        first = await peer.say(node.base, "/negotiations/request", request(peer))
        again = await peer.say(node.base, "/negotiations/request", request(peer))
        assert first == again
        both = await asyncio.gather(
            *(peer.say(node.base, "/negotiations/request", request(peer, "c-2")) for _ in range(8))
        )
        assert len({body["providerPid"] for _, body in both}) == 1
        other = {**request(peer), "offer": offer("another")}
        status, _ = await peer.say(node.base, "/negotiations/request", other)
        assert status == 400
        async with PaperPeer("D") as stranger:
            taken = await stranger.say(node.base, "/negotiations/request", request(stranger))
            assert taken[1]["providerPid"] != first[1]["providerPid"]

    play(tmp_path, story)


def test_a_message_sent_twice_has_one_effect(tmp_path):
    async def story(node, peer):
        pid = await open_negotiation(node, peer)
        await peer.wait("/c-1/agreement")
        path = f"/negotiations/{pid}/agreement/verification"
        body = from_consumer("ContractAgreementVerificationMessage", pid)
        answers = [await peer.say(node.base, path, body) for _ in range(3)]
        assert answers == [answers[0]] * 3
        assert answers[0][0] == 200
        await peer.wait("/c-1/events")
        assert answers[0] == await peer.say(node.base, path, body)
        assert [p for p in peer.paths() if p.endswith("/events")] == ["/negotiations/c-1/events"]

    play(tmp_path, story, reactions=Willing(PROVIDER))


def test_an_agreement_under_a_new_name_takes_its_place_and_other_terms_do_not(tmp_path):
    """A peer that missed our answer may write its agreement anew, and knows only the last one."""

    async def story(node, peer):
        pid = await node.connector.request(peer="C", address=peer.address, offer=OFFER)
        await peer.wait("/negotiations/request")
        told = {"providerPid": peer.pid, "consumerPid": pid}
        for name in ("a-1", "a-2"):
            body = message(
                "ContractAgreementMessage", **told, agreement=agreement(name, PROVIDER, "C")
            )
            status, answer = await peer.say(node.base, f"/negotiations/{pid}/agreement", body)
            assert (status, answer["state"]) == (200, "AGREED")
        kept = await node.connector.process(pid)
        assert kept.agreement.id == "a-2"
        other = agreement("a-3", PROVIDER, "C", permission=[{"action": "sell"}])
        body = message("ContractAgreementMessage", **told, agreement=other)
        status, _ = await peer.say(node.base, f"/negotiations/{pid}/agreement", body)
        assert status == 400
        assert (await node.connector.process(pid)).agreement == kept.agreement

    play(tmp_path, story)


# --- who begins, who answers ---------------------------------------------------------------------


def test_a_provider_may_offer_first(tmp_path):
    async def story(node, peer):
        pid = await node.connector.offer(peer="C", address=peer.address, offer=OFFER)
        first = await peer.wait("/negotiations/offers")
        assert (first["providerPid"], first["callbackAddress"]) == (pid, node.base)
        told = {"providerPid": pid, "consumerPid": peer.pid}
        body = message("ContractNegotiationEventMessage", **told, eventType="ACCEPTED")
        status, answer = await peer.say(node.base, f"/negotiations/{pid}/events", body)
        assert (status, answer["state"]) == (200, "ACCEPTED")
        await peer.wait(f"/{peer.pid}/agreement")

    play(tmp_path, story, table={("PROVIDER", "ACCEPTED"): [agree(PROVIDER)]})


def test_an_offer_that_nobody_asked_for_is_countered(tmp_path):
    async def story(node, peer):
        body = message(
            "ContractOfferMessage",
            providerPid="p-1",
            offer=offer(),
            callbackAddress=peer.address,
        )
        status, answer = await peer.say(node.base, "/negotiations/offers", body)
        assert (status, answer["state"], answer["providerPid"]) == (201, "OFFERED", "p-1")
        counter = await peer.wait("/negotiations/p-1/request")
        assert counter["offer"]["@id"] == "counter"
        assert "callbackAddress" not in counter
        told = {"providerPid": "p-1", "consumerPid": counter["consumerPid"]}
        better = message("ContractOfferMessage", **told, offer=offer("better"))
        path = f"/negotiations/{counter['consumerPid']}"
        assert (await peer.say(node.base, f"{path}/offers", better))[0] == 200
        assert (await peer.wait("/negotiations/p-1/events"))["eventType"] == "ACCEPTED"

    def answer_offer(n):
        is_first = n.offer.id == "offer-1"
        return CounterRequest(replace(n.offer, id="counter")) if is_first else Accept()

    play(tmp_path, story, table={("CONSUMER", "OFFERED"): [answer_offer]})


def test_two_connectors_come_to_terms_with_checked_tokens(tmp_path):
    async def run():
        async with Node(tmp_path / "p", None) as provider, Node(tmp_path / "c", None) as consumer:
            pid = await consumer.ask(provider)
            done = await consumer.reach(pid, "FINALIZED")
            assert done.state == "FINALIZED", done
            assert done.agreement.assignee == consumer.name
            theirs = await provider.reach(done.peer_pid, "FINALIZED")
            assert theirs.agreement == done.agreement
            async with PaperPeer("C") as peer:
                path = f"/negotiations/{done.peer_pid}"
                status, _ = await peer.say(provider.base, path, method="GET")
                assert status == 401

    asyncio.run(run())


def test_a_peer_that_answers_before_it_has_answered(tmp_path):
    """Its agreement reaches us while our request still waits for its 201."""

    async def story(node, peer):
        async def hurry(body: dict[str, Any]) -> None:
            told = {"providerPid": peer.pid, "consumerPid": body["consumerPid"]}
            agreed = message(
                "ContractAgreementMessage", **told, agreement=agreement("a-1", PROVIDER, "C")
            )
            path = f"/negotiations/{body['consumerPid']}/agreement"
            assert (await peer.say(node.base, path, agreed))[0] == 200

        peer.before_answer["/negotiations/request"] = hurry
        pid = await node.connector.request(peer="C", address=peer.address, offer=OFFER)
        await peer.wait(f"/{peer.pid}/agreement/verification")
        assert (await node.reach(pid, "VERIFIED")).state == "VERIFIED"

    play(tmp_path, story, table={("CONSUMER", "AGREED"): [Verify()]})


def test_not_yet_is_tried_again_and_no_is_not(tmp_path):
    async def story(node, peer):
        peer.statuses["agreement"] = [404, 409, 425, 429, 503]
        pid = await open_negotiation(node, peer)
        await peer.wait("/c-1/agreement")
        assert await state_of(node, peer, pid) == "AGREED"
        peer.statuses["agreement"] = [400]
        other = await open_negotiation(node, peer, "c-2")
        await peer.wait("/c-2/termination")
        ended = await node.reach(other, "TERMINATED")
        assert ended.code == "refused-by-peer"
        assert "400" in ended.reasons[0]

    table = {("PROVIDER", "REQUESTED"): [agree(PROVIDER)]}
    patience = Patience(first_wait_seconds=0.01, most_wait_seconds=0.02)
    play(tmp_path, story, table=table, patience=patience)


def test_a_peer_that_knows_nothing_of_it_ends_it_with_a_reason(tmp_path):
    async def story(node, peer):
        peer.statuses["agreement"] = [404] * 1000
        pid = await open_negotiation(node, peer)
        ended = await node.reach(pid, "TERMINATED")
        assert (ended.state, ended.code) == ("TERMINATED", "not-delivered")

    play(tmp_path, story, table={("PROVIDER", "REQUESTED"): [agree(PROVIDER)]}, patience=QUICK)


def test_a_refusal_by_policy_says_why_on_both_sides(tmp_path):
    async def run():
        table = {("PROVIDER", "REQUESTED"): [Terminate("policy", ("purpose: planning only",))]}
        refusing = Scripts("P", table)
        async with (
            Node(tmp_path / "p", "P", refusing) as provider,
            Node(tmp_path / "c", "C") as consumer,
        ):
            ended = await consumer.reach(await consumer.ask(provider), "FINALIZED")
            assert (ended.state, ended.code) == ("TERMINATED", "policy")
            assert ended.reasons == ("purpose: planning only",)
            theirs = await provider.connector.process(ended.peer_pid)
            assert theirs.reasons == ended.reasons

    asyncio.run(run())


def test_two_at_once_do_not_touch_each_other(tmp_path):
    async def run():
        async with (
            Node(tmp_path / "p", "P") as provider,
            Node(tmp_path / "c", "C") as one,
            Node(tmp_path / "d", "D") as two,
        ):
            pids = [(n, await n.ask(provider)) for _ in range(15) for n in (one, two)]
            ends = await asyncio.gather(*(n.reach(pid, "FINALIZED") for n, pid in pids))
            assert {end.state for end in ends} == {"FINALIZED"}
            assert len({end.agreement.id for end in ends}) == 30
            for (node, _), end in zip(pids, ends, strict=True):
                assert end.agreement.assignee == node.name

    asyncio.run(run())


# --- catalogue -----------------------------------------------------------------------------------


async def walk(node: Node, peer: PaperPeer, *conditions: Any) -> list[str]:
    """Every dataset that the pages show, following the links."""
    path, found = "/catalog/request", []
    body = message("CatalogRequestMessage", **({"filter": list(conditions)} if conditions else {}))
    while path:
        status, headers, page = await peer.say_all(node.base, path, body)
        assert status == 200
        assert page["@type"] == "Catalog"
        assert page["participantId"] == PROVIDER
        found += [d["@id"] for d in page.get("dataset", [])]
        links = [part for part in headers.get("Link", "").split(",") if 'rel="next"' in part]
        path = links[0].partition("<")[2].partition(">")[0] if links else ""
        body = message("CatalogRequestMessage")
    return found


def test_pages_and_filters(tmp_path):
    names = [f"urn:d:{n:03}" for n in range(250)]

    async def story(node, peer):
        status, page = await peer.say(
            node.base, "/catalog/request", message("CatalogRequestMessage")
        )
        assert status == 200
        assert "dataset" not in page
        await node.connector.publish_all([(dataset(name), None) for name in names])
        assert await walk(node, peer) == names
        one = {"property": "id", "operator": "=", "value": names[77]}
        assert await walk(node, peer, one) == [names[77]]
        titled = {"property": "title", "operator": "prefix", "value": "Title of urn:d:1"}
        assert await walk(node, peer, titled) == names[100:200]
        edc = {"@type": "QuerySpec", "offset": 0, "limit": 20, "filterExpression": []}
        assert await walk(node, peer, edc) == names
        for bad in ({"property": "id"}, "x", {"@type": "Other"}):
            status, error = await peer.say(
                node.base, "/catalog/request", message("CatalogRequestMessage", filter=[bad])
            )
            assert (status, error["@type"], error["code"]) == (400, "CatalogError", "dsp-filter")
        status, shown = await peer.say(node.base, f"/catalog/datasets/{names[3]}", method="GET")
        assert (status, shown["@id"], shown["@type"]) == (200, names[3], "Dataset")
        assert "target" not in shown["hasPolicy"][0]
        assert await node.connector.withdraw(names[3], "an error was found") == 0
        gone, _ = await peer.say(node.base, f"/catalog/datasets/{names[3]}", method="GET")
        assert gone == 404
        assert names[3] not in await walk(node, peer)

    play(tmp_path, story)


def test_nobody_learns_of_what_it_may_not_see(tmp_path):
    class Named:
        def shown(self, one, who):
            return one if who.id in one.get("title") else None

    async def story(node, peer):
        secret = replace(dataset("urn:secret"), properties=(("title", "for D"),))
        await node.connector.publish(secret)
        assert await walk(node, peer) == []
        status, _ = await peer.say(node.base, "/catalog/datasets/urn:secret", method="GET")
        assert status == 404
        async with PaperPeer("D") as friend:
            assert await walk(node, friend) == ["urn:secret"]

    play(tmp_path, story, visibility=Named())


# --- transfers -----------------------------------------------------------------------------------


async def agreed(provider: Node, consumer: Node, home: Path) -> tuple[str, Asset]:
    """An agreement about a published file."""
    path = home / "asset.txt"
    path.write_bytes(b"what was released")
    asset = Asset.of(path, "text/plain")
    await provider.connector.publish(dataset(), asset)
    done = await consumer.reach(await consumer.ask(provider), "FINALIZED")
    assert done.state == "FINALIZED", done
    return done.agreement.id, asset


def test_pull_works_once_and_only_while_it_runs(tmp_path):
    async def run():
        async with (
            Node(tmp_path / "p", "P") as provider,
            Node(tmp_path / "c", "C") as consumer,
            PaperPeer("C") as peer,
        ):
            name, _ = await agreed(provider, consumer, tmp_path)
            pid = await consumer.push_to(provider, name, None)
            started = await consumer.reach(pid, "STARTED")
            address = started.data_address
            token = address.get("authorization")
            assert token not in repr(started)

            async def fetch(given: str) -> tuple[int, Any]:
                return await peer.say(
                    "", address.endpoint, method="GET", Authorization=f"Bearer {given}"
                )

            assert (await fetch("guess"))[0] == 404
            assert await fetch(token) == (200, "what was released")
            assert (await fetch(token))[0] == 404

            second = await consumer.push_to(provider, name, None)
            running = await consumer.reach(second, "STARTED")
            address, token = running.data_address, running.data_address.get("authorization")
            await provider.connector.act(running.peer_pid, Suspend("rest"))
            assert (await consumer.reach(second, "SUSPENDED")).reasons == ("rest",)
            assert (await fetch(token))[0] == 404
            status, error = await peer.say(
                provider.base,
                f"/transfers/{running.peer_pid}/start",
                message("TransferStartMessage", providerPid=running.peer_pid, consumerPid=second),
            )
            assert (status, error["@type"]) == (400, "TransferError")
            await provider.connector.act(running.peer_pid, Start())
            again = await consumer.reach(second, "STARTED")
            address, token = again.data_address, again.data_address.get("authorization")
            await provider.connector.withdraw("dataset-1", "an error was found")
            ended = await consumer.reach(second, "TERMINATED")
            assert ended.reasons == ("an error was found",)
            assert (await fetch(token))[0] == 404
            late = await consumer.reach(await consumer.push_to(provider, name, None), "STARTED")
            assert late.state == "TERMINATED"

    asyncio.run(run())


def test_push_brings_the_data_and_completes(tmp_path):
    async def run():
        async with (
            Node(tmp_path / "p", "P") as provider,
            Node(tmp_path / "c", "C") as consumer,
            PaperPeer("X") as sink,
        ):
            name, _ = await agreed(provider, consumer, tmp_path)
            where = DataAddress(
                "HTTP",
                f"{sink.address}/upload",
                (("authorization", "let-me-in"), ("authType", "bearer")),
            )
            pid = await consumer.push_to(provider, name, where)
            done = await consumer.reach(pid, "COMPLETED")
            assert done.state == "COMPLETED", done
            arrived = [body for _, path, body in sink.heard if path == "/upload"]
            assert arrived == [{"data": "what was released"}]

    asyncio.run(run())


def test_a_transfer_needs_an_agreement_of_its_own(tmp_path):
    async def run():
        async with (
            Node(tmp_path / "p", "P") as provider,
            Node(tmp_path / "c", "C") as consumer,
            PaperPeer("D") as thief,
        ):
            name, _ = await agreed(provider, consumer, tmp_path)
            for agreement_id in (name, "absent"):
                body = message(
                    "TransferRequestMessage",
                    consumerPid="t-1",
                    agreementId=agreement_id,
                    format="HttpData-PULL",
                    callbackAddress=thief.address,
                )
                status, error = await thief.say(provider.base, "/transfers/request", body)
                assert (status, error["@type"]) == (404, "TransferError")

    asyncio.run(run())


# --- a restart in every state --------------------------------------------------------------------


def test_a_negotiation_survives_a_restart_of_either_side_in_every_state(tmp_path):
    """Both sides act on order alone; each is closed and opened after every single step."""

    async def run():
        provider = Node(tmp_path / "p", "P", Scripts("P"))
        consumer = Node(tmp_path / "c", "C", Scripts("C"))
        async with provider, consumer:

            async def reopen() -> None:
                for node in (provider, consumer):
                    await node.close()
                    await node.open()

            mine = await consumer.ask(provider)
            known = await consumer.reach(mine, "REQUESTED")
            await reopen()
            known = await known_peer(consumer, mine)
            theirs = known.peer_pid
            steps = [
                (provider, theirs, lambda _: MakeOffer(OFFER), "OFFERED"),
                (consumer, mine, lambda _: CounterRequest(OFFER), "REQUESTED"),
                (provider, theirs, lambda _: MakeOffer(OFFER), "OFFERED"),
                (consumer, mine, lambda _: Accept(), "ACCEPTED"),
                (provider, theirs, agree("P"), "AGREED"),
                (consumer, mine, lambda _: Verify(), "VERIFIED"),
                (provider, theirs, lambda _: Finalize(), "FINALIZED"),
            ]
            for node, pid, action, state in steps:
                process = await node.connector.process(pid)
                await node.connector.act(pid, action(process))
                await reopen()
                other, other_pid = (consumer, mine) if node is provider else (provider, theirs)
                assert (await other.reach(other_pid, state)).state == state
                assert (await node.connector.process(pid)).state == state
            kept = [await n.connector.process(p) for n, p in ((provider, theirs), (consumer, mine))]
            assert kept[0].agreement == kept[1].agreement

    asyncio.run(run())


async def known_peer(node: Node, pid: str) -> Any:
    """The process once the peer's identifier is known."""
    async with asyncio.timeout(20):
        while True:
            process = await node.connector.process(pid)
            if process.peer_pid is not None:
                return process
            await asyncio.sleep(0.005)


def test_a_message_that_waits_while_the_peer_is_away_arrives_after_both_restarted(tmp_path):
    async def run():
        provider, consumer = Node(tmp_path / "p", "P"), Node(tmp_path / "c", "C")
        await provider.open()
        await provider.close()
        async with consumer:
            pid = await consumer.ask(provider)
            await consumer.close()
            await consumer.open()
            assert (await consumer.connector.process(pid)).state == "REQUESTED"
            async with provider:
                assert (await consumer.reach(pid, "FINALIZED")).state == "FINALIZED"

    asyncio.run(run())


def test_a_planned_action_survives_a_restart(tmp_path):
    async def run():
        table = {("PROVIDER", "REQUESTED"): [lambda n: replace(agree("P")(n), after_ms=300)]}
        provider = Node(tmp_path / "p", "P", Scripts("P", table))
        async with provider, Node(tmp_path / "c", "C") as consumer:
            pid = await consumer.ask(provider)
            await known_peer(consumer, pid)
            await provider.close()
            await provider.open()
            assert (await consumer.reach(pid, "VERIFIED")).state == "VERIFIED"

    asyncio.run(run())


def test_a_step_that_is_kept_goes_on_without_whoever_asked_for_it(tmp_path):
    async def run():
        async with Node(tmp_path / "p", "P") as provider, Node(tmp_path / "c", "C") as consumer:
            asking = asyncio.create_task(consumer.ask(provider))
            await asyncio.sleep(0)  # the step now waits for its commit
            asking.cancel()
            with pytest.raises(asyncio.CancelledError):
                await asking
            rows = await consumer.store.step(lambda t: t.processes("n"))
            assert (await consumer.reach(rows[0].pid, "FINALIZED")).state == "FINALIZED"

    asyncio.run(run())
