"""The bridges on the wire: our clients against stand-ins, strangers' clients against our doors."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from starlette.applications import Starlette

from delian.adapters.bridge_web import Answer, Opened, read_answer
from delian.adapters.cadde_bridge import CaddeDoor
from delian.adapters.cadde_bridge import CaddeProvider as CaddeClient
from delian.adapters.ods_bridge import OdsDoor
from delian.adapters.ods_bridge import OdsGateway as OdsClient
from delian.adapters.ouranos_bridge import Account, OuranosPlatform
from delian.exchange.bridge_errors import (
    CheckDigitError,
    ForeignAwayError,
    ForeignFormError,
    ForeignRefusedError,
)
from delian.exchange.cadde_import import Resource, resources_of
from delian.exchange.errors import NotAllowedError, NotFoundHereError
from delian.exchange.ods import GatewayAccess
from delian.exchange.ouranos_trades import Operators, trade_request_of
from delian.exchange.reactions import Participant
from delian.terms.errors import RefusedError
from tests import foreign_ods, foreign_ouranos
from tests.foreign_cadde import FILE, CaddeConsumer, CaddeProvider
from tests.foreign_ods import OdsConsumer, OdsGateway
from tests.foreign_ouranos import DOWN, DOWN_TRACE, OPEN_UP, UP, UP_TRACE
from tests.foreign_web import LoopbackWeb, serving

NOW = datetime(2026, 11, 21, tzinfo=UTC)
DATASET = {
    "@id": "urn:uuid:7b1c1b3e-0000-4000-8000-000000000001",
    "@type": "Dataset",
    "title": [
        {"@value": "Demand", "@language": "en"},
        {"@value": "半導体の需要", "@language": "ja"},
    ],
    "hasPolicy": [{"@id": "o", "@type": "Offer", "permission": [{"action": "use"}]}],
    "distribution": [{"@type": "Distribution", "format": "HttpData-PULL", "accessService": "s"}],
}


class OneDataset:
    """A node with one dataset and one guest."""

    def __init__(self) -> None:
        self.opened: list[tuple[str, str, int, str | None]] = []
        self.refuse = ""
        self.closed = 0

    async def identify(
        self, system: str, authorization: str | None, api_key: str | None
    ) -> Participant:
        if authorization != "Bearer good" or (system == "ods" and api_key != "key"):
            raise NotAllowedError("no valid token")
        return Participant(f"did:web:{system}.example")

    async def datasets(self, who: Participant) -> Sequence[Mapping[str, Any]]:
        return [DATASET]

    async def open(self, who: Participant, dataset: str, place: int, pid: str | None) -> Opened:
        if dataset != DATASET["@id"] or place != 0:
            raise NotFoundHereError("no such dataset")
        if self.refuse:
            raise RefusedError(self.refuse, hint="ask for a contract")
        self.opened.append((who.id, dataset, place, pid))

        async def chunks() -> AsyncIterator[bytes]:
            yield FILE[:5]
            yield FILE[5:]

        async def close() -> None:
            self.closed += 1

        transfer = pid or "urn:uuid:" + UP_TRACE
        return Opened("urn:uuid:agreed", transfer, False, "text/csv", chunks(), close)


def run(story: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(asyncio.wait_for(story(), 30))


def test_we_read_a_cadde_provider_and_fetch_its_file() -> None:
    async def story() -> None:
        stand_in = CaddeProvider()
        async with serving(stand_in.app()) as address:
            client = CaddeClient(LoopbackWeb(), address, stand_in.provider, "kc-token")
            assert "kc-token" not in repr(client)
            (package,) = await client.packages("需要")
            assert await client.packages("鉄鋼") == ()
            (resource,) = resources_of(package)
            async with client.open(resource) as (stream, said):
                assert b"".join([c async for c in stream.chunks]) == FILE
            assert said.contract_id == "contract-42" and said.provenance == "event-78"
            assert stand_in.seen[0]["x-cadde-resource-api-type"] == "file/http"

    run(story)


def test_a_cadde_providers_refusals_have_our_words() -> None:
    async def story() -> None:
        stand_in = CaddeProvider()
        async with serving(stand_in.app()) as address:
            stranger = CaddeClient(LoopbackWeb(), address, stand_in.provider, "wrong")
            (resource,) = resources_of(stand_in.packages[0])
            with pytest.raises(ForeignRefusedError, match="403"):
                async with stranger.open(resource):
                    pass
            with pytest.raises(ForeignFormError):
                async with stranger.open(Resource("http://x/\r\nA: b", "file/http", False)):
                    pass
            away = CaddeClient(LoopbackWeb(), address + "/nowhere", stand_in.provider, "t")
            with pytest.raises(ForeignRefusedError, match="404"):
                await away.packages()

    run(story)


def test_a_cadde_consumer_finds_and_fetches_ours() -> None:
    async def story() -> None:
        desk = OneDataset()
        app = Starlette()
        async with serving(app) as address:
            app.router.routes += CaddeDoor(desk, address, "EU-1").routes()
            consumer = CaddeConsumer(address, "good")
            answer = await consumer.search("半導体")
            (package,) = answer["body"]["result"]["results"]
            assert package["title"] == "半導体の需要"
            (resource,) = package["resources"]
            got = await consumer.fetch(resource["url"], resource["caddec_resource_type"])
            assert got["body"] == FILE
            assert got["headers"]["x-cadde-contract-id"] == "urn:uuid:agreed"
            assert got["headers"]["x-cadde-provenance"] == "urn:uuid:" + UP_TRACE
            assert desk.opened == [("did:web:cadde.example", DATASET["@id"], 0, None)]
            assert desk.closed == 1
            assert (await consumer.search("鉄鋼"))["body"]["result"]["count"] == 0

    run(story)


def test_the_cadde_door_refuses_in_the_interfaces_form() -> None:
    async def story() -> None:
        desk = OneDataset()
        app = Starlette()
        async with serving(app) as address:
            app.router.routes += CaddeDoor(desk, address, "EU-1").routes()
            url = f"{address}/cadde/resource/x/0"
            good, bad = CaddeConsumer(address, "good"), CaddeConsumer(address, "bad")
            desk.refuse = "the policy says no"
            ours = f"{address}/cadde/resource/{DATASET['@id'].replace(':', '%3A')}/0"
            found = [
                (await bad.search("x"))["status"],
                (await good.search("a OR b"))["status"],
                (await bad.fetch(url, "file/http"))["status"],
                (await good.fetch(url, "file/http"))["status"],
                (await good.fetch("http://169.254.169.254/", "file/http"))["status"],
                (await good.fetch(ours.removeprefix(url[:-3]), "file/http"))["status"],
                (await good.fetch(url, "file/smb"))["status"],
                (await good.fetch(ours, "file/http"))["status"],
            ]
            assert found == [403, 400, 403, 404, 404, 404, 400, 403]
            refused = await good.fetch(ours, "file/http")
            assert json.loads(refused["body"])["detail"] == "the policy says no; ask for a contract"
            assert desk.opened == []

    run(story)


def test_we_read_an_ods_catalogue_and_fetch_through_its_gateway() -> None:
    async def story() -> None:
        stand_in = OdsGateway()
        async with serving(stand_in.app()) as address:
            stand_in.address = address
            access = GatewayAccess(foreign_ods.API_KEY, foreign_ods.TOKEN)
            client = OdsClient(LoopbackWeb(), address, access)
            pid = f"urn:uuid:{UP_TRACE}"
            (dataset,) = await client.datasets(pid)
            path = client.place_of(dataset)
            assert path == "/files/power.csv"
            async with client.open(path, pid) as stream:
                assert b"".join([c async for c in stream.chunks]) == foreign_ods.DATA
            assert stand_in.tracked == [UP_TRACE, UP_TRACE]
            elsewhere = {"dcat:distribution": [{"dcat:accessURL": "http://169.254.169.254/x"}]}
            assert client.place_of(elsewhere) is None
            with pytest.raises(ForeignRefusedError, match=r"\[dataspace\] NotFound|404"):
                async with client.open("/other", pid):
                    pass
            stand_in.broken = True
            with pytest.raises(ForeignAwayError, match="ServiceUnavailable"):
                await client.datasets(pid)

    run(story)


def test_an_ods_application_reads_our_catalogue_in_both_spellings_and_fetches() -> None:
    async def story() -> None:
        desk = OneDataset()
        app = Starlette()
        async with serving(app) as address:
            app.router.routes += OdsDoor(desk, address, lambda: NOW).routes()
            consumer = OdsConsumer(address, "key", "good")
            catalogue = json.loads((await consumer.get("/ods/catalog", tracking=UP_TRACE))["body"])
            (found,) = catalogue["@graph"]
            url = found["dcat:distribution"][0]["dcat:accessURL"]
            turtle = await consumer.get("/ods/catalog", accept="text/turtle")
            assert '"半導体の需要"@ja'.encode() in turtle["body"]
            assert turtle["headers"]["content-type"].startswith("text/turtle")
            got = await consumer.get(url.removeprefix(address), tracking=UP_TRACE)
            assert got["body"] == FILE and got["headers"]["x-trackingid"] == UP_TRACE
            assert desk.opened == [
                ("did:web:ods.example", DATASET["@id"], 0, f"urn:uuid:{UP_TRACE}")
            ]
            for guest, path, status, code in [
                (OdsConsumer(address, "key", "bad"), "/ods/catalog", 401, "[auth] Unauthorized"),
                (consumer, "/ods/data/urn%3Ax/0", 404, "[dataspace] NotFound"),
                (consumer, "/ods/data/x", 404, "[dataspace] NotFound"),
            ]:
                answer = await guest.get(path)
                assert answer["status"] == status
                assert json.loads(answer["body"])["code"] == code

    run(story)


def account(name: str, password: str) -> Account:
    return Account(name, password, foreign_ouranos.API_KEY)


def test_a_trade_is_asked_for_and_answered_on_the_platform() -> None:
    async def story() -> None:
        stand_in = foreign_ouranos.OuranosPlatform()
        async with serving(stand_in.app()) as address:
            web = LoopbackWeb()
            down = OuranosPlatform(web, address, address, account("down@example.jp", "pw-1"))
            up = OuranosPlatform(web, address, address, account("up@example.jp", "pw-2"))
            upstream = await down.operator(OPEN_UP)
            assert (upstream, await down.operator()) == (UP, DOWN)
            (mine,) = await down.parts()
            assert mine["partsName"] == "部品A1"
            made = trade_request_of(
                {"consumerPid": "c"}, Operators(DOWN, upstream), DOWN_TRACE, "urn:uuid:7"
            ).value
            trade = await down.ask_trade(made)
            assert await down.footprints(DOWN_TRACE) == []
            ((asked, state),) = await up.waiting()
            assert asked == trade and state.message == "DSP urn:uuid:7"
            assert (await up.answer(asked, UP_TRACE)).upstream_trace == UP_TRACE
            stand_in.answer(trade.trade_id)
            assert (await down.states())[trade.trade_id].negotiation == "FINALIZED"
            (found,) = await down.trades()
            assert found.upstream_trace == UP_TRACE
            (figure,) = await down.footprints(DOWN_TRACE)
            assert figure["ghgEmission"] == 1.5

    run(story)


def test_a_refused_trade_carries_its_reason() -> None:
    async def story() -> None:
        stand_in = foreign_ouranos.OuranosPlatform()
        async with serving(stand_in.app()) as address:
            web = LoopbackWeb()
            down = OuranosPlatform(web, address, address, account("down@example.jp", "pw-1"))
            up = OuranosPlatform(web, address, address, account("up@example.jp", "pw-2"))
            made = trade_request_of(
                {"consumerPid": "c"}, Operators(DOWN, UP), DOWN_TRACE, "p"
            ).value
            trade = await down.ask_trade(made)
            ((_, state),) = await up.waiting()
            await up.refuse(state, "用途が許可されていません。" * 20)
            found = (await down.states())[trade.trade_id]
            assert found.negotiation == "TERMINATED"
            assert found.reason.startswith("用途が") and len(found.reason) == 100

    run(story)


def test_the_platforms_refusals_and_an_ended_session() -> None:
    async def story() -> None:
        stand_in = foreign_ouranos.OuranosPlatform()
        async with serving(stand_in.app()) as address:
            web = LoopbackWeb()
            down = OuranosPlatform(web, address, address, account("down@example.jp", "pw-1"))
            await down.parts()
            stand_in.tokens.clear()
            assert len(await down.parts()) == 1
            wrong = OuranosPlatform(web, address, address, account("down@example.jp", "pw-2"))
            with pytest.raises(ForeignRefusedError, match="401"):
                await wrong.parts()
            assert "pw-1" not in repr(down) and foreign_ouranos.API_KEY not in repr(down)
            with pytest.raises(CheckDigitError):
                await down.operator("1234567890124")

    run(story)


def test_redirects_and_odd_answers_are_failures() -> None:
    for status in (302, 429, 500):
        with pytest.raises(ForeignAwayError):
            read_answer(Answer(status, {}, b"{}"), "it")
    with pytest.raises(ForeignFormError):
        read_answer(Answer(200, {}, b"<html>"), "it")


HTTP_FILE = b"x-cadde-resource-api-type: file/http\r\nx-cadde-resource-url: ROOT/cadde/resource"
GARBAGE = [
    (b"GET /cadde/api/v4/catalog?q=%ff%fe&rows=-1 HTTP/1.1", b""),
    (b"GET /cadde/api/v4/catalog?q=" + b"a" * 3000 + b" HTTP/1.1", b""),
    (b"GET /cadde/api/v4/catalog?" + b"&".join([b"q=%E6%97%A5"] * 900) + b" HTTP/1.1", b""),
    (b"GET /cadde/api/v4/catalog?rows=99999999999999999999 HTTP/1.1", b""),
    (b"GET /cadde/api/v4/catalog HTTP/1.1", b"x-cadde-search: \xe6\x97\xa5\r\n"),
    (b"GET /cadde/api/v4/file HTTP/1.1", b"x-cadde-resource-url: " + b"h" * 9000 + b"\r\n"),
    (
        b"GET /cadde/api/v4/file HTTP/1.1",
        HTTP_FILE + b"/%ff%zz/99999999999\r\n",
    ),
    (
        b"GET /cadde/api/v4/file HTTP/1.1",
        HTTP_FILE + b"/../../0\r\n",
    ),
    (b"POST /cadde/api/v4/file HTTP/1.1", b"content-length: 0\r\n"),
    (b"GET /ods/data/%2e%2e/%2e%2e/etc/passwd/0 HTTP/1.1", b"api-key: key\r\n"),
    (b"GET /ods/data/%00%ff/0 HTTP/1.1", b"api-key: key\r\n"),
    (b"GET /ods/data/x/" + b"9" * 400 + b" HTTP/1.1", b"api-key: key\r\n"),
    (b"GET /ods/catalog HTTP/1.1", b"api-key: key\r\nx-trackingid: \xff\xfe'\"\r\n"),
    (b"GET /ods/catalog HTTP/1.1", b"api-key: \xff\r\naccept: text/turtle;q=\xff\r\n"),
]


def test_garbage_is_refused_and_never_a_fault_of_ours() -> None:
    async def story() -> None:
        desk = OneDataset()
        app = Starlette()
        async with serving(app) as address:
            app.router.routes += CaddeDoor(desk, address, "EU-1").routes()
            app.router.routes += OdsDoor(desk, address, lambda: NOW).routes()
            port = int(address.rpartition(":")[2])
            for line, more in GARBAGE:
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                head = b"\r\nhost: x\r\nauthorization: Bearer good\r\nconnection: close\r\n"
                writer.write(line + head + more.replace(b"ROOT", address.encode()) + b"\r\n")
                answer = await reader.read()
                writer.close()
                await writer.wait_closed()
                status = int(answer.split(b" ", 2)[1])
                assert status < 500, (line, answer[:200])
        assert desk.opened == []

    run(story)
