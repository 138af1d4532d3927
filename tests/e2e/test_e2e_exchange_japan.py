"""Europe and Japan read each other: stories over HTTP, with stand-ins of the foreign systems."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from delian.adapters.peer_client import PeerClient
from delian.adapters.peer_guard import Guard
from delian.exchange.actions import Complete
from delian.exchange.catalogue import Dataset, Distribution
from delian.exchange.foreign_name import Scheme
from delian.exchange.negotiation import Negotiation
from delian.exchange.odrl import Constraint, Policy, Rule
from delian.exchange.transfer import Transfer
from delian.exchange.words import Role
from delian.nodes.exchange_bridge import Bridges
from delian.nodes.exchange_data import Asset
from tests import foreign_ods, foreign_ouranos
from tests.foreign_cadde import FILE, CaddeConsumer, CaddeProvider
from tests.foreign_ods import OdsConsumer, OdsGateway
from tests.foreign_ouranos import DOWN_TRACE, OPEN_UP, UP, OuranosPlatform
from tests.foreign_web import serving
from tests.japan_world import ISSUER, NOW, Node, identity_papers, node, secret, token

RELEASE = "量,月\n120,12\n".encode() * 1000
JP_USER = "7000012050002-A"
JP_DID = "did:web:consumer.example.jp"
EU_DID = "did:web:planner.example.eu"
DATASET = "urn:uuid:7b1c1b3e-0000-4000-8000-000000000001"


def run(story: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(asyncio.wait_for(story(), 60))


def release(assignee: str | None = None) -> Dataset:
    titles = [
        {"@value": "Demand signal", "@language": "en"},
        {"@value": "需要シグナル", "@language": "ja"},
    ]
    offer = Policy("Offer", "urn:offer:1", (Rule("use"),), assignee=assignee)
    return Dataset(
        DATASET,
        (offer,),
        (Distribution("HttpData-PULL", "urn:service"),),
        (("title", titles), ("description", "四半期の需要"), ("keyword", ["半導体"])),
    )


def door(system: str, more: str) -> str:
    return (
        f'[door.{system}]\nissuer = "{ISSUER}"\naudience = "delian"\n'
        f'claim = "preferred_username"\nkeys = "idp-keys.json"\n{more}\n'
    )


async def publish(home: Path, provider: Node, dataset: Dataset) -> None:
    path = home / "release.csv"
    path.write_bytes(RELEASE)
    await provider.connector.publish(dataset, Asset.of(path, "text/csv"))


def test_a_cadde_consumer_finds_and_fetches_our_release(tmp_path: Path) -> None:
    async def story() -> None:
        home = tmp_path / "eu"
        papers = identity_papers(home, JP_DID, Scheme.CADDE, JP_USER)
        settings = papers + door("cadde", 'provider = "EU-DELIAN-1"')
        async with node(home, "did:web:delian.example", settings) as ours:
            await publish(tmp_path, ours, release())
            guest = CaddeConsumer(ours.root, token(JP_USER))
            found = (await guest.search("半導体"))["body"]["result"]["results"]
            assert [package["title"] for package in found] == ["需要シグナル"]
            (resource,) = found[0]["resources"]
            assert resource["caddec_contract_required"] == "notRequired"
            got = await guest.fetch(resource["url"], resource["caddec_resource_type"])
            assert (got["status"], got["body"]) == (200, RELEASE)
            contract = got["headers"]["x-cadde-contract-id"]
            kept = await ours.store.step(lambda t: t.agreement(contract, Role.PROVIDER, JP_DID))
            assert kept is not None
            assert (kept[0].assignee, kept[0].target, kept[1]) == (JP_DID, DATASET, 1)
            done = await ours.connector.process(got["headers"]["x-cadde-provenance"])
            assert done.state == "COMPLETED"
            beyond = resource["url"].rpartition("/")[0] + "/7"
            assert (await guest.fetch(beyond, "file/http"))["status"] == 404
            again = await guest.fetch(resource["url"], resource["caddec_resource_type"])
            assert again["headers"]["x-cadde-contract-id"] == contract
            assert again["headers"]["x-cadde-provenance"] != got["headers"]["x-cadde-provenance"]
            stranger = CaddeConsumer(ours.root, token("somebody"))
            refused = await stranger.search("半導体")
            assert refused["status"] == 403 and "identity record" in refused["body"]["detail"]
            await ours.connector.withdraw(DATASET, "recalled")
            assert (await guest.search("半導体"))["body"]["result"]["count"] == 0
            assert (await guest.fetch(resource["url"], "file/http"))["status"] == 404

    run(story)


def test_a_guest_gets_no_more_than_the_policy_gives(tmp_path: Path) -> None:
    async def story() -> None:
        home = tmp_path / "eu"
        papers = identity_papers(home, JP_DID, Scheme.CADDE, JP_USER)
        settings = papers + door("cadde", 'provider = "EU-DELIAN-1"')
        async with node(home, "did:web:delian.example", settings) as ours:
            await publish(tmp_path, ours, release("did:web:somebody.else"))
            guest = CaddeConsumer(ours.root, token(JP_USER))
            assert (await guest.search("半導体"))["body"]["result"]["count"] == 0
            url = f"{ours.root}/cadde/resource/{DATASET.replace(':', '%3A')}/0"
            assert (await guest.fetch(url, "file/http"))["status"] == 404
            purpose = Rule("use", (Constraint("purpose", "isAnyOf", ("defense",)),))
            offer = Policy("Offer", "urn:offer:2", (purpose,))
            await publish(tmp_path, ours, replace(release(), offers=(offer,)))
            (found,) = (await guest.search("半導体"))["body"]["result"]["results"]
            assert found["resources"][0]["caddec_contract_required"] == "required"
            refused = await guest.fetch(url, "file/http")
            assert refused["status"] == 403
            assert "purpose" in json.loads(refused["body"])["detail"]

    run(story)


def test_a_counted_offer_counts_a_guests_visits(tmp_path: Path) -> None:
    async def story() -> None:
        home = tmp_path / "eu"
        papers = identity_papers(home, JP_DID, Scheme.CADDE, JP_USER)
        settings = papers + door("cadde", 'provider = "EU-DELIAN-1"')
        async with node(home, "did:web:delian.example", settings) as ours:
            once = Rule("use", (Constraint("count", "lteq", 1),))
            await publish(tmp_path, ours, replace(release(), offers=(counted(once),)))
            guest = CaddeConsumer(ours.root, token(JP_USER))
            url = f"{ours.root}/cadde/resource/{DATASET.replace(':', '%3A')}/0"
            assert (await guest.fetch(url, "file/http"))["status"] == 200
            refused = await guest.fetch(url, "file/http")
            assert refused["status"] == 403
            assert "count" in json.loads(refused["body"])["detail"]

    run(story)


def counted(rule: Rule) -> Policy:
    return Policy("Offer", "urn:offer:once", (rule,))


def test_withdrawal_stops_what_flows_to_a_guest(tmp_path: Path) -> None:
    async def story() -> None:
        home = tmp_path / "eu"
        papers = identity_papers(home, JP_DID, Scheme.CADDE, JP_USER)
        settings = papers + door("cadde", 'provider = "EU-DELIAN-1"')
        async with node(home, "did:web:delian.example", settings) as ours:
            large = tmp_path / "large.bin"
            with large.open("wb") as out:
                out.truncate(96 * 1024 * 1024)
            asset = Asset(large, "application/octet-stream", "sha256:" + "0" * 64, 96 * 1024**2)
            await ours.connector.publish(release(), asset)
            headers = {
                "x-cadde-resource-url": f"{ours.root}/cadde/resource/{DATASET}/0",
                "x-cadde-resource-api-type": "file/http",
                "Authorization": f"Bearer {token(JP_USER)}",
            }
            url = f"{ours.root}/cadde/api/v4/file"
            async with aiohttp.ClientSession() as session, session.get(url, headers=headers) as got:
                assert await got.content.readexactly(1000) == bytes(1000)
                assert await ours.connector.withdraw(DATASET, "recalled") == 1
                with pytest.raises(aiohttp.ClientPayloadError):
                    while await got.content.read(1 << 20):
                        pass
            stopped = await ours.connector.process(got.headers["x-cadde-provenance"])
            assert stopped.state == "TERMINATED" and stopped.reasons == ("recalled",)

    run(story)


async def negotiate(consumer: Node, provider: Node, offer: Policy, *states: str) -> Negotiation:
    pid = await consumer.connector.request(peer=provider.did, address=provider.address, offer=offer)
    found = await consumer.connector.wait(pid, states or ("FINALIZED",), 15)
    assert isinstance(found, Negotiation)
    return found


async def fetch(consumer: Node, provider: Node, n: Negotiation, to: Path) -> bytes:
    assert n.agreement is not None
    pid = await consumer.connector.request_transfer(
        peer=provider.did,
        address=provider.address,
        agreement_id=n.agreement.id,
        dataset=n.dataset,
    )
    started = await consumer.connector.wait(pid, ("STARTED",), 15)
    assert isinstance(started, Transfer) and started.state == "STARTED", started.reasons
    fetched = await consumer.connector.data.fetch(started, to)
    assert fetched.was_announced
    await consumer.connector.act(pid, Complete())
    return to.read_bytes()


def offer_of(provider: Node, dataset: str) -> Policy:
    found = provider.connector.shelf.get(dataset)
    assert found is not None
    return replace(found.offers[0], target=dataset)


def cadde_settings(home: Path, address: str, token_text: str = "kc-token") -> str:
    secret(home, "kanto-token", token_text)
    return (
        f'[[cadde]]\nname = "kanto"\naddress = "{address}"\n'
        f'provider = "1180001038380"\ntoken = "kanto-token"\n'
        f'recipients = ["did:web:a.example", "{EU_DID}"]\n'
    )


CADDE_DATASET = "urn:cadde:1180001038380:detail-001"


def test_a_delian_node_negotiates_and_fetches_a_cadde_providers_file(tmp_path: Path) -> None:
    async def story() -> None:
        stand_in = CaddeProvider()
        async with serving(stand_in.app()) as address:
            settings = cadde_settings(tmp_path / "jp", address)
            async with (
                node(tmp_path / "jp", "did:web:bridge.example", settings) as bridge,
                node(tmp_path / "eu", EU_DID) as planner,
            ):
                shown = bridge.connector.shelf.get(CADDE_DATASET)
                assert shown is not None and shown.get("title") == "半導体の需要見通し"
                offer = offer_of(bridge, CADDE_DATASET)
                n = await negotiate(planner, bridge, offer)
                assert n.state == "FINALIZED"
                assert await fetch(planner, bridge, n, tmp_path / "got.csv") == FILE
                assert stand_in.seen[-1]["x-cadde-resource-url"].endswith("handotai.csv")
                transfers = await bridge.store.step(lambda t: t.processes("t"))
                told = "\n".join(await bridge.story(transfers[0].pid))
                assert "x-cadde-contract-id=contract-42" in told
                assert "x-cadde-provenance=event-78" in told
                await bridge.connector.wait(transfers[0].pid, ("COMPLETED",), 15)
                await bridge.reactions.tidy()
                assert list((tmp_path / "jp" / "bridge").iterdir()) == []
                other = replace(offer, permissions=(*offer.permissions, Rule("distribute")))
                ended = await negotiate(planner, bridge, other)
                assert ended.state == "TERMINATED" and ended.code == "counter-offer"
                assert "counter-offers" in ended.reasons[0]

    run(story)


def test_only_those_with_a_contract_may_take_what_needs_one(tmp_path: Path) -> None:
    async def story() -> None:
        stand_in = CaddeProvider()
        stand_in.packages[0]["resources"][0]["caddec_contract_required"] = "required"
        async with serving(stand_in.app()) as address:
            settings = cadde_settings(tmp_path / "jp", address)
            async with (
                node(tmp_path / "jp", "did:web:bridge.example", settings) as bridge,
                node(tmp_path / "eu", EU_DID) as planner,
                node(tmp_path / "no", "did:web:nobody.example") as nobody,
            ):
                offer = offer_of(bridge, CADDE_DATASET)
                n = await negotiate(planner, bridge, offer)
                assert n.state == "FINALIZED"
                assert await fetch(planner, bridge, n, tmp_path / "got.csv") == FILE
                refused = await negotiate(nobody, bridge, offer)
                assert refused.state == "TERMINATED"

    run(story)


def test_a_provider_that_refuses_ends_the_transfer_with_its_reason(tmp_path: Path) -> None:
    async def story() -> None:
        stand_in = CaddeProvider()
        async with serving(stand_in.app()) as address:
            settings = cadde_settings(tmp_path / "jp", address, "expired")
            async with (
                node(tmp_path / "jp", "did:web:bridge.example", settings) as bridge,
                node(tmp_path / "eu", EU_DID) as planner,
            ):
                n = await negotiate(planner, bridge, offer_of(bridge, CADDE_DATASET))
                assert n.agreement is not None
                pid = await planner.connector.request_transfer(
                    peer=bridge.did, address=bridge.address, agreement_id=n.agreement.id
                )
                ended = await planner.connector.wait(pid, ("STARTED",), 15)
                assert ended.state == "TERMINATED" and "403" in ended.reasons[0]

    run(story)


def test_the_address_guard_stands_before_every_foreign_system(tmp_path: Path) -> None:
    async def story() -> None:
        stand_in = CaddeProvider()
        async with serving(stand_in.app()) as address:
            home = tmp_path / "jp"
            (home).mkdir()
            (home / "bridge.toml").write_text(cadde_settings(home, address), "utf-8")
            client = PeerClient(Guard(is_development=False))
            bridges = Bridges.load(home, client, did="d", root="https://d", now=lambda: NOW)
            assert bridges is not None
            reading = await bridges.read()
            await client.close()
            assert reading.datasets == {} and stand_in.seen == []
            (trouble,) = reading.troubles
            assert trouble.startswith("kanto: the address")

    run(story)


def ouranos_settings(home: Path, address: str) -> str:
    account = foreign_ouranos.account("down@example.jp", "pw-1")
    secret(home, "battery-account", json.dumps(account))
    return (
        f'[[ouranos]]\nname = "battery"\naddress = "{address}"\nauth_address = "{address}"\n'
        f'account = "battery-account"\nrecipients = ["{EU_DID}"]\n'
        f'suppliers = {{ "{DOWN_TRACE}" = "{OPEN_UP}" }}\n'
    )


def test_an_ouranos_trade_decides_the_negotiation(tmp_path: Path) -> None:
    async def story() -> None:
        stand_in = OuranosPlatform()
        async with serving(stand_in.app()) as address:
            settings = ouranos_settings(tmp_path / "jp", address)
            async with (
                node(tmp_path / "jp", "did:web:bridge.example", settings) as bridge,
                node(tmp_path / "eu", EU_DID) as planner,
            ):
                dataset = f"urn:ouranos:{UP}:{DOWN_TRACE}"
                offer = offer_of(bridge, dataset)
                pid = await asked(stand_in, planner, bridge, offer)
                trade = await only_trade(stand_in, 1)
                await bridge.reactions.settle_all()
                assert (await planner.connector.process(pid)).state == "REQUESTED"
                stand_in.answer(trade)
                await bridge.reactions.settle_all()
                done = await planner.connector.wait(pid, ("FINALIZED",), 15)
                assert isinstance(done, Negotiation) and done.state == "FINALIZED"
                figures = json.loads(await fetch(planner, bridge, done, tmp_path / "cfp.json"))
                assert figures[0]["ghgEmission"] == 1.5
                second = await asked(stand_in, planner, bridge, offer)
                refused = await only_trade(stand_in, 2)
                stand_in.reject(refused, "部品が違います。")
                await bridge.reactions.settle_all()
                ended = await planner.connector.wait(second, ("FINALIZED",), 15)
                assert ended.state == "TERMINATED" and ended.reasons == ("部品が違います。",)

    run(story)


def test_a_trade_that_was_asked_for_survives_a_restart(tmp_path: Path) -> None:
    async def story() -> None:
        stand_in = OuranosPlatform()
        async with serving(stand_in.app()) as address:
            home = tmp_path / "jp"
            settings = ouranos_settings(home, address)
            async with node(home, "did:web:bridge.example", settings) as bridge:
                port = int(bridge.root.rpartition(":")[2])
                async with node(tmp_path / "eu", EU_DID) as planner:
                    offer = offer_of(bridge, f"urn:ouranos:{UP}:{DOWN_TRACE}")
                    pid = await asked(stand_in, planner, bridge, offer)
                    back = int(planner.root.rpartition(":")[2])
            stand_in.answer(await only_trade(stand_in, 1))
            async with (
                node(tmp_path / "eu", EU_DID, port=back) as planner,
                node(home, "did:web:bridge.example", settings, port=port),
            ):
                done = await planner.connector.wait(pid, ("FINALIZED",), 15)
                assert done.state == "FINALIZED"
                assert len(stand_in.trades) == 1

    run(story)


async def asked(stand_in: OuranosPlatform, planner: Node, bridge: Node, offer: Policy) -> str:
    """The request reached the bridge, and the platform was asked for a trade; our pid."""
    stand_in.asked.clear()
    n = await negotiate(planner, bridge, offer, "REQUESTED")
    await stand_in.asked.wait()
    return n.pid


async def only_trade(stand_in: OuranosPlatform, count: int) -> str:
    assert len(stand_in.trades) == count
    return list(stand_in.trades)[-1]


def test_a_japanese_operators_trade_is_answered_by_our_policy(tmp_path: Path) -> None:
    async def story() -> None:
        stand_in = OuranosPlatform()
        async with serving(stand_in.app()) as address:
            home = tmp_path / "eu"
            papers = identity_papers(home, JP_DID, Scheme.OPERATOR, foreign_ouranos.DOWN)
            secret(home, "account", json.dumps(foreign_ouranos.account("up@example.jp", "pw-2")))
            settings = (
                f'{papers}[[ouranos]]\nname = "battery"\naddress = "{address}"\n'
                f'auth_address = "{address}"\naccount = "account"\nplant = "p-1"\n'
                f'answers = {{ "{foreign_ouranos.DOWN}" = "{DATASET}" }}\n'
            )
            async with node(home, "did:web:delian.example", settings) as ours:
                await publish(tmp_path, ours, release())
                await ours.reactions.answer_trades()
                first = stand_in.ask(foreign_ouranos.DOWN, UP, "需要を見せてください")
                assert await ours.reactions.answer_trades() == 1
                linked = stand_in.trades[first]["upstreamTraceId"]
                (part,) = [p for p in stand_in.parts if p["traceId"] == linked]
                assert (part["partsName"], part["operatorId"]) == ("需要シグナル", UP)
                kept = await ours.store.step(lambda t: t.ask("agreements", many=10))
                assert [(row[2], row[4]) for row in kept] == [(JP_DID, DATASET)]
                second = stand_in.ask(foreign_ouranos.DOWN, UP, "もう一度")
                assert await ours.reactions.answer_trades() == 1
                assert stand_in.trades[second]["upstreamTraceId"] == linked
                await ours.connector.publish(release("did:web:somebody.else"))
                third = stand_in.ask(foreign_ouranos.DOWN, UP, "さらに")
                stranger = stand_in.ask(UP, UP, "知らない人")
                assert await ours.reactions.answer_trades() == 1
                refused = stand_in.states[third]
                assert refused["requestStatus"]["cfpResponseStatus"] == "REJECT"
                assert refused["replyMessage"] == "there is no such thing here for you"
                assert stand_in.trades[stranger]["upstreamTraceId"] is None
                assert await ours.reactions.answer_trades() == 0

    run(story)


def test_ods_both_ways(tmp_path: Path) -> None:
    async def story() -> None:
        stand_in = OdsGateway()
        async with serving(stand_in.app()) as address:
            stand_in.address = address
            home = tmp_path / "jp"
            papers = identity_papers(home, JP_DID, Scheme.ODS, "app-1")
            secret(home, "power-key", foreign_ods.API_KEY)
            secret(home, "power-token", foreign_ods.TOKEN)
            secret(home, "ods-api-keys", "handed-out")
            settings = (
                papers
                + door("ods", 'api_keys = "ods-api-keys"')
                + f'[[ods]]\nname = "power"\naddress = "{address}"\napi_key = "power-key"\n'
                + f'token = "power-token"\nrecipients = ["{EU_DID}"]\n'
            )
            async with (
                node(home, "did:web:bridge.example", settings) as bridge,
                node(tmp_path / "eu", EU_DID) as planner,
            ):
                await publish(tmp_path, bridge, release())
                (foreign,) = bridge.bridges.reading.datasets if bridge.bridges else ()
                n = await negotiate(planner, bridge, offer_of(bridge, foreign))
                assert await fetch(planner, bridge, n, tmp_path / "power.csv") == foreign_ods.DATA
                transfers = await bridge.store.step(lambda t: t.processes("t"))
                assert stand_in.tracked[-1] == transfers[0].pid
                guest = OdsConsumer(bridge.root, "handed-out", token("app-1"))
                tracking = "8fc6aa29-5f4f-476e-85e3-2d1b54715891"
                catalogue = json.loads((await guest.get("/ods/catalog"))["body"])
                (found,) = [d for d in catalogue["@graph"] if d["@id"] == DATASET]
                url = found["dcat:distribution"][0]["dcat:accessURL"]
                got = await guest.get(url.removeprefix(bridge.root), tracking=tracking)
                assert (got["status"], got["body"]) == (200, RELEASE)
                assert got["headers"]["x-trackingid"] == tracking
                done = await bridge.connector.process(f"urn:uuid:{tracking}")
                assert done.state == "COMPLETED" and done.peer == JP_DID
                stolen = OdsConsumer(bridge.root, "guessed", token("app-1"))
                assert (await stolen.get("/ods/catalog"))["status"] == 401

    run(story)


def test_catalogues_keep_what_a_foreign_package_says(tmp_path: Path) -> None:
    async def story() -> None:
        stand_in = CaddeProvider()
        async with serving(stand_in.app()) as address:
            settings = cadde_settings(tmp_path / "jp", address)
            async with node(tmp_path / "jp", "did:web:bridge.example", settings) as bridge:
                answer = await bridge.client.ask(
                    "GET",
                    f"{bridge.address}/catalog/datasets/{CADDE_DATASET}",
                    {"Authorization": f"Bearer {EU_DID}"},
                )
                plain: dict[str, Any] = json.loads(answer.body)
                said = plain["urn:delian:terms:1:ckan"]
                assert said["organization"] == {"title": "データ提供機構"}
                assert said["resources"][0]["caddec_resource_id_for_provenance"] == "event-77"
                assert "data.inner.example" not in answer.body.decode()
                assert bridge.bridges is not None
                (line,) = bridge.bridges.report()["datasets"]
                assert any("/author_email dropped" in told for told in line["told"])

    run(story)
