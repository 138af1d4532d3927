"""Nothing that a peer sends makes the connector fail: requests from our document, garbage."""

import asyncio
import io
import json
import random
import resource
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path

import aiohttp
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.specs.openapi.checks import response_schema_conformance

from delian.adapters.dsp_endpoints import ENDPOINTS
from tests.exchange_rig import Node, dataset

CONTEXT = "https://w3id.org/dspace/2025/1/context.jsonld"
HEADERS = {"Authorization": "Bearer consumer", "Content-Type": "application/json"}


class Running:
    """A connector on a loop of its own, so that a synchronous client can talk to it."""

    def __init__(self, home: Path) -> None:
        self._ready: Future[Node] = Future()
        self._done: asyncio.Event
        self._loop: asyncio.AbstractEventLoop
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve(home)))
        self._thread.start()
        self.node = self._ready.result(timeout=20)

    async def _serve(self, home: Path) -> None:
        self._loop, self._done = asyncio.get_running_loop(), asyncio.Event()
        async with Node(home, is_development=True) as node:
            await node.connector.publish(dataset())
            self._ready.set_result(node)
            await self._done.wait()

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._done.set)
        self._thread.join(timeout=20)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    found = Running(tmp_path_factory.mktemp("garbage"))
    yield found
    found.close()


MODEST = settings(
    max_examples=8,
    deadline=None,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


def test_requests_made_from_the_document_are_answered_as_it_says(running: Running) -> None:
    schema = schemathesis.openapi.from_url(f"{running.node.root}/openapi.json")
    statuses: set[int] = set()
    asked: set[str] = set()
    for result in schema.get_all_operations():
        operation = result.ok()

        @MODEST
        @given(case=operation.as_strategy())
        def ask(case: schemathesis.Case) -> None:
            answer = case.call(headers=HEADERS, timeout=20)
            asked.add(case.operation.label)
            statuses.add(answer.status_code)
            assert answer.status_code < 500, (case.operation.label, answer.text)
            case.validate_response(answer, checks=[response_schema_conformance])

        ask()
    assert len(asked) == len(ENDPOINTS) + 1
    assert {200, 201, 400, 404} <= statuses, "the requests were all of one kind"


def bodies(chance: random.Random) -> Iterator[bytes]:
    """Bodies of every wrong kind."""
    deep = b"[" * 5000 + b"]" * 5000
    yield from (b"", b"null", b"[]", b"{", b'{"a":', b"\xff\xfe", b'"x"', b"NaN", deep)
    yield b'{"a":' * 3000 + b"1" + b"}" * 3000
    yield b'{"@context":["%s"],"@type":"ContractRequestMessage","x":1e9999}' % CONTEXT.encode()
    yield b'{"@type":"a","@type":"b"}'
    yield json.dumps({"@context": [CONTEXT], "@type": ["x", {"y": 1}]}).encode()
    yield json.dumps({"@context": {"@vocab": "http://127.0.0.1:1/x"}, "@type": "y"}).encode()
    yield b'{"a":"\\ud800"}'
    yield b'{"n":' + b"9" * 5000 + b"}"
    for _ in range(6):
        yield chance.randbytes(chance.randrange(1, 2000))
    kinds = sorted({e.message.type for e in ENDPOINTS if e.message is not None})
    values = (None, 0, -1, 1.5, True, [], {}, "", "x" * 5000, "\u0000", ["x"] * 2000, {"@id": 3})
    for _ in range(6):
        names = ("providerPid", "consumerPid", "offer", "agreement", "callbackAddress", "reason")
        members = {name: chance.choice(values) for name in names}
        head = {"@context": [CONTEXT], "@type": chance.choice(kinds)}
        yield json.dumps({**head, **members}).encode()


def large() -> Iterator[bytes]:
    """As large as a body may be, and larger."""
    yield b"[" + b"0," * 400_000 + b"0]"
    yield b'{"a":[' + b"{}," * 300_000 + b"{}]}"
    for size in (1_000_000, 1_048_577, 5_000_000):
        yield b'{"a":"' + b"x" * size + b'"}'


@pytest.mark.anyio
async def test_garbage_on_every_endpoint_is_refused_without_a_failure(tmp_path: Path) -> None:
    chance = random.Random(4)
    async with Node(tmp_path) as node, aiohttp.ClientSession(headers=HEADERS) as session:

        async def send(method: str, path: str, body: bytes) -> int:
            async with session.request(
                method, f"{node.base}{path}", data=io.BytesIO(body)
            ) as answer:
                text = await answer.text()
                assert answer.status in range(400, 500), (method, path, body[:80], text)
                assert "Traceback" not in text
                return answer.status

        posts = [e.path.replace("{pid}", "no-such-pid") for e in ENDPOINTS if e.method == "POST"]
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        for path in posts:
            if path != "/catalog/request":
                await asyncio.gather(*(send("POST", path, b) for b in bodies(chance)))
        for path in ("/negotiations/request", "/transfers/request"):
            await asyncio.gather(*(send("POST", path, b) for b in large()))
        grown_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
        assert grown_kib < 100 * 1024
        for path in ("/negotiations/%00", "/transfers/..%2f..", "/catalog/datasets/%ff", "/x", "/"):
            await send("GET", path, b"")
        for method in ("PUT", "DELETE", "PATCH", "GET"):
            await send(method, "/negotiations/request", b"{}")
        async with session.get(f"{node.root}/.well-known/dspace-version") as answer:
            assert answer.status == 200, "it still serves"


@pytest.mark.anyio
@pytest.mark.parametrize(
    "raw",
    [
        b"\x16\x03\x01\x02\x00garbage",
        b"GET / HTTP/9.9\r\n\r\n",
        b"POST /2025-1/negotiations/request HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n",
        b"POST /2025-1/negotiations/request HTTP/1.1\r\nHost: x\r\nContent-Length: 9e9\r\n\r\n",
        b"GET /2025-1/negotiations/x HTTP/1.1\r\nHost: x\r\nA: " + b"y" * 100_000 + b"\r\n\r\n",
    ],
)
async def test_what_is_no_request_is_closed_and_harms_nobody(tmp_path: Path, raw: bytes) -> None:
    async with Node(tmp_path) as node:
        reader, writer = await asyncio.open_connection("127.0.0.1", node.port)
        writer.write(raw)
        writer.write_eof()
        async with asyncio.timeout(10):
            answer = await reader.read(200)
        writer.close()
        assert not answer or answer.split(b" ")[1] in (b"400", b"401", b"404", b"431"), answer
        asked = await node.client.ask("GET", f"{node.root}/.well-known/dspace-version")
        assert asked.status == 200
