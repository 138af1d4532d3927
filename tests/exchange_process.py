"""A connector in a process of its own, as in service, that takes orders of a test line by line.

``python -P tests/exchange_process.py HOME``: the home is made at the first start, on any free port,
with checked tokens and SQLite on disk. Each line of the input is an order, each line of the output
its answer; the first line of the output is the address. Ends with its input.
"""

import asyncio
import contextlib
import json
import os
import signal
import sys
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import uvloop

from delian.adapters.clock import SystemClock
from delian.adapters.dsp_listener import Listen, bound_socket
from delian.adapters.exchange_store import ExchangeStore, Transaction
from delian.exchange.catalogue import Dataset, Distribution
from delian.exchange.odrl import Constraint, Policy, Rule
from delian.exchange.plain import read_object, to_bytes
from delian.nodes.exchange import Connector
from delian.nodes.exchange_node import running
from delian.nodes.exchange_settings import FILE, load_exchange

CATALOG = {
    "@context": ["https://w3id.org/dspace/2025/1/context.jsonld"],
    "@type": "CatalogRequestMessage",
}
OPEN = Policy("Offer", "offer-open", (Rule("use"),), target="dataset-open")
PATIENCE_SECONDS = 60.0
EXPIRES_YEAR = 2099


def offered(number: int) -> Dataset:
    """A dataset with a policy of its own: an expiry of its own, and no more than so many uses."""
    conditions = (
        Constraint(
            "dateTime", "lt", f"{EXPIRES_YEAR}-01-01T00:{number // 60 % 60:02}:{number % 60:02}Z"
        ),
        Constraint("count", "lteq", 1000 + number),
    )
    return Dataset(
        f"urn:dataset:{number:05}",
        (Policy("Offer", f"urn:offer:{number:05}", (Rule("use", conditions),)),),
        (Distribution("HttpData-PULL", "urn:service"),),
        (("title", f"Demand signal {number}"), ("keyword", ["155 mm", f"k{number % 50}"])),
    )


def publish(home: Path, offers: int) -> None:
    """Put the open dataset and so many offers into a home whose connector does not run."""
    store = ExchangeStore(home / "exchange.db")
    one = Dataset(
        "dataset-open",
        (replace(OPEN, target=None),),
        (Distribution("HttpData-PULL", "urn:service"),),
    )

    def work(t: Transaction) -> None:
        for dataset in (one, *(offered(number) for number in range(offers))):
            t.publish(dataset.id, to_bytes(dataset.to_plain()), {})

    store.step_now(work)
    store.close()


def settle(home: Path) -> Any:
    """The listening socket of *home*; its settings are made where there are none."""
    path = home / FILE
    if path.exists():
        host, port = load_exchange(home).listening()
        return bound_socket(Listen(host, port))
    home.mkdir(parents=True, exist_ok=True)
    bound = bound_socket(Listen("127.0.0.1", 0))
    port = bound.getsockname()[1]
    path.write_text(f'[exchange]\naddress = "http://127.0.0.1:{port}"\ndevelopment = true\n')
    return bound


class Orders:
    """What a test may ask of the connector."""

    def __init__(self, connector: Connector) -> None:
        self.connector = connector

    async def negotiate(self, base: str, peer: str, count: int, width: int) -> dict[str, Any]:
        """So many negotiations to their end, so many at a time."""
        left, ends, times = iter(range(count)), Counter[str](), []

        async def worker() -> None:
            for _ in left:
                begin = time.perf_counter()
                pid = await self.connector.request(peer=peer, address=base, offer=OPEN)
                end = await self.connector.wait(pid, ("FINALIZED",), PATIENCE_SECONDS)
                times.append((time.perf_counter() - begin) * 1000)
                ends[end.state.value] += 1

        begin = time.perf_counter()
        await asyncio.gather(*(worker() for _ in range(width)))
        return {"seconds": time.perf_counter() - begin, "ends": dict(ends), "ms": times}

    async def begin(self, base: str, peer: str, count: int) -> dict[str, Any]:
        """Begin so many negotiations and wait for none."""
        pids = [
            await self.connector.request(peer=peer, address=base, offer=OPEN) for _ in range(count)
        ]
        return {"pids": pids}

    async def fetch_all(self, base: str, peer: str) -> dict[str, Any]:
        """Ask for the data of every agreement that we, the consumer, hold and have not used."""

        def unused(t: Transaction) -> list[str]:
            rows = t.ask("agreements", many=1_000_000)
            used = {p.agreement_id for p in t.processes("t", limit=1_000_000)}  # type: ignore[union-attr]
            return [row[0] for row in rows if row[1] == "CONSUMER" and row[0] not in used]

        names = await self.connector.store.step(unused)
        for name in names:
            await self.connector.request_transfer(peer=peer, address=base, agreement_id=name)
        return {"begun": len(names)}

    async def catalogue(self, base: str, peer: str, path: str, body: Any, runs: int) -> Any:
        """So many times the same question to the peer's catalogue."""
        times, found = [], b""
        identity = self.connector.parts.identity
        method = "GET" if body is None else "POST"
        headers = {"Content-Type": "application/json"}
        link = ""
        for _ in range(runs):
            begin = time.perf_counter()
            headers["Authorization"] = await identity.header_for(peer) or ""
            url = path if path.startswith("http") else base + path
            data = None if body is None else to_bytes(body)
            answer = await self.connector.parts.client.ask(method, url, headers, data)
            found = answer.body
            page = read_object(found, max_bytes=64 * 1024 * 1024)
            times.append((time.perf_counter() - begin) * 1000)
            if answer.status != 200:
                raise RuntimeError(f"the catalogue answered {answer.status}")
            link = answer.headers.get("link", "")
        ids = [entry["@id"] for entry in page.get("dataset", [])]
        following = [part for part in link.split(",") if 'rel="next"' in part]
        url = following[0].partition("<")[2].partition(">")[0] if following else ""
        return {"ms": times, "ids": ids, "bytes": len(found), "next": url}


async def serve(home: Path) -> None:
    """Serve, and carry out orders until the input ends."""
    bound = settle(home)
    async with running(load_exchange(home), clock=SystemClock(), bound=bound) as node:
        orders = Orders(node.connector)
        print(json.dumps({"base": node.connector.address}), flush=True)
        reader = asyncio.StreamReader(limit=1024 * 1024)
        await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), sys.stdin
        )
        while line := await reader.readline():
            order = json.loads(line)
            answer = await getattr(orders, order.pop("do"))(**order)
            print(json.dumps(answer), flush=True)


def nurse() -> None:
    """Fork a connector for each line of the input: its home, its orders, its answers (pipes).

    A child has everything loaded, so that it is there in a moment: for campaigns that kill often.
    """
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while line := sys.stdin.buffer.readline():
        home, orders, answers = json.loads(line)
        pid = os.fork()
        if pid:
            print(pid, flush=True)
            continue
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for number, name, mode in ((0, orders, os.O_RDONLY), (1, answers, os.O_WRONLY)):
            opened = os.open(name, mode)
            os.dup2(opened, number)
            os.close(opened)
        uvloop.run(serve(Path(home)))
        os._exit(0)


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        nurse() if sys.argv[1] == "--nurse" else uvloop.run(serve(Path(sys.argv[1])))
