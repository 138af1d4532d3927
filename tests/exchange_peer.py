"""A participant made of paper: it says what a test tells it to say, and keeps what it is told.

Speaks plain HTTP on loopback. It knows the protocol only as far as a test spells it out.
"""

import asyncio
import json
from collections import defaultdict
from typing import Any, Self

import aiohttp
from aiohttp import web

CONTEXT = "https://w3id.org/dspace/2025/1/context.jsonld"
RULES = [{"action": "use"}]
PATIENCE_SECONDS = 20


def message(kind: str, **members: Any) -> dict[str, Any]:
    """A message of the protocol, spelled by hand."""
    return {"@context": [CONTEXT], "@type": kind, **members}


def offer(name: str = "offer-1", target: str = "dataset-1", **members: Any) -> dict[str, Any]:
    """An offer as it stands in a message."""
    return {"@type": "Offer", "@id": name, "target": target, "permission": RULES, **members}


def agreement(name: str, consumer: str, provider: str, **members: Any) -> dict[str, Any]:
    """An agreement as a provider writes it."""
    return {
        "@type": "Agreement",
        "@id": name,
        "target": "dataset-1",
        "assigner": provider,
        "assignee": consumer,
        "timestamp": "2026-11-21T04:00:00Z",
        "permission": RULES,
        **members,
    }


class PaperPeer:
    """Use as an async context manager.

    Args:
        name: Its participant identifier; it says so in its bearer.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.address = ""
        self.heard: list[tuple[str, str, dict[str, Any]]] = []
        self.statuses: dict[str, list[int]] = defaultdict(list)
        self.pid = f"{name}-pid"
        self.before_answer: dict[str, Any] = {}
        self._news = asyncio.Condition()

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_route("*", "/{tail:.*}", self._take)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        port = self._runner.addresses[0][1]
        self.address = f"http://127.0.0.1:{port}/cb"
        self._session = aiohttp.ClientSession()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._session.close()
        await self._runner.cleanup()

    async def _take(self, request: web.Request) -> web.StreamResponse:
        path = request.path.removeprefix("/cb")
        data = await request.read()
        body = json.loads(data) if data[:1] == b"{" else {"data": data.decode()}
        waiting = self.statuses[path] or self.statuses[path.rsplit("/", 1)[-1]]
        status = waiting.pop(0) if waiting else 0
        hook = self.before_answer.pop(path, None)
        if hook is not None:
            await hook(body)
        if status == 0 or status < 300:
            async with self._news:
                self.heard.append((request.method, path, body))
                self._news.notify_all()
        is_first = path.endswith(("/request", "/negotiations/offers")) and path.count("/") == 2
        status = status or (201 if is_first else 200)
        return web.json_response(self._answer(path, body), status=status)

    def _answer(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        kind = "ContractNegotiation" if path.startswith("/negotiations") else "TransferProcess"
        pids = {name: body.get(name, self.pid) for name in ("providerPid", "consumerPid")}
        return message(kind, **pids, state="REQUESTED")

    async def wait(self, ending: str, count: int = 1) -> dict[str, Any]:
        """The *count*-th message whose path ends so."""

        def found() -> list[dict[str, Any]]:
            return [body for _, path, body in self.heard if path.endswith(ending)]

        async with asyncio.timeout(PATIENCE_SECONDS):
            async with self._news:
                await self._news.wait_for(lambda: len(found()) >= count)
        return found()[count - 1]

    def paths(self) -> list[str]:
        """Where messages went, in order."""
        return [path for _, path, _ in self.heard]

    async def say(
        self, base: str, path: str, body: Any = None, *, method: str = "POST", **headers: str
    ) -> tuple[int, Any]:
        """Status and JSON of one request to the connector at *base*."""
        status, _, plain = await self.say_all(base, path, body, method=method, **headers)
        return status, plain

    async def say_all(
        self, base: str, path: str, body: Any = None, *, method: str = "POST", **headers: str
    ) -> tuple[int, dict[str, str], Any]:
        """Status, headers and JSON of one request to the connector at *base*."""
        known = {"Authorization": f"Bearer {self.name}", **headers}
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        url = path if path.startswith("http") else base + path
        if method == "GET":
            data = None
        else:
            known.setdefault("Content-Type", "application/json")
        async with self._session.request(method, url, data=data, headers=known) as answer:
            text = await answer.text()
            is_json = "json" in answer.headers.get("Content-Type", "")
            return answer.status, dict(answer.headers), json.loads(text) if is_json else text
