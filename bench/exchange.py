"""Two connectors in service, on one machine: how fast, how many, how much memory, none lost.

Provider and consumer are processes of their own, with SQLite on disk, a durable commit for every
step and checked tokens both ways. The reference is the bare exchange of as many messages over
loopback in the same run (``tests/loopback_rig.py``), or the goal where nothing bare compares.
``catalogue_*`` holds 3,000 offers with as many policies, each decided for the asker on each page.
"""

import asyncio
import shutil
import statistics
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from tests import loopback_rig
from tests.exchange_children import Child
from tests.exchange_process import CATALOG

OFFERS = 3000
SEQUENTIAL, WIDTH = 300, 32
MANY, ALL = 2000, 10_000
STARTS = 5
NEGOTIATION = ("negotiation_p50_ms", "negotiation_p99_ms", "negotiations_per_s", "lost")
CATALOGUE = ("catalogue_ms", "catalogue_last_ms", "catalogue_one_ms")
GOALS = {"start_ms": 800, "memory_idle_mb": 90, "memory_mb": 150}


def run(only: Sequence[str] | None = None) -> list[dict[str, Any]]:
    """Measure what is asked for, or everything; 10,000 negotiations if only ``lost`` is."""
    folder = Path(tempfile.mkdtemp(prefix="delian-bench-"))
    try:
        return list(_figures(folder, only))
    finally:
        shutil.rmtree(folder)


def _figures(folder: Path, only: Sequence[str] | None) -> Iterator[dict[str, Any]]:
    def wanted(*names: str) -> bool:
        return only is None or any(name in only for name in names)

    count = ALL if only is not None and {"lost", "memory_mb"} & set(only) else MANY
    if wanted("start_ms"):
        yield figure("start_ms", start_ms(folder), "ms", GOALS["start_ms"])
    if not wanted(*NEGOTIATION, *CATALOGUE, "memory_idle_mb", "memory_mb"):
        return
    home = folder / "provider"
    with Child(folder / "consumer") as consumer, Child.serving(home, OFFERS - 1) as provider:
        idle = provider.memory_mb()
        if wanted("memory_idle_mb"):
            yield figure("memory_idle_mb", idle, "MB", GOALS["memory_idle_mb"])
        if wanted(*CATALOGUE):
            yield from _catalogue(consumer, provider)
        if wanted(*NEGOTIATION, "memory_mb"):
            yield from _negotiations(consumer, provider, count)
            used = max(provider.memory_mb(), consumer.memory_mb())
            yield figure("memory_mb", used, "MB", GOALS["memory_mb"], negotiations=count)


def _negotiations(consumer: Child, provider: Child, count: int) -> Iterator[dict[str, Any]]:
    order = {"do": "negotiate", "base": provider.base, "peer": provider.did}
    consumer.order({**order, "count": 20, "width": 1})
    bare_ms, bare_per_s = asyncio.run(loopback_rig.measure(SEQUENTIAL, WIDTH))
    alone = consumer.order({**order, "count": SEQUENTIAL, "width": 1})
    many = consumer.order({**order, "count": count, "width": WIDTH})
    times = sorted(alone["ms"])
    yield figure("negotiation_p50_ms", statistics.median(times), "ms", bare_ms)
    yield figure("negotiation_p99_ms", times[int(len(times) * 0.99)], "ms", bare_ms)
    yield figure("negotiations_per_s", count / many["seconds"], "1/s", bare_per_s)
    lost = count - many["ends"].get("FINALIZED", 0) + SEQUENTIAL - alone["ends"].get("FINALIZED", 0)
    yield {"id": "lost", "value": lost, "unit": f"of {count + SEQUENTIAL}"}


def _catalogue(consumer: Child, provider: Child) -> Iterator[dict[str, Any]]:
    order = {"do": "catalogue", "base": provider.base, "peer": provider.did}
    wanted = {"property": "id", "operator": "=", "value": "urn:dataset:01500"}
    first = {**order, "path": "/catalog/request", "body": CATALOG, "runs": 30}
    one = {**first, "body": {**CATALOG, "filter": [wanted]}}
    page = consumer.order({**first, "runs": 3})
    pages, place = [page], page
    while place["next"]:
        turn = {**order, "path": place["next"], "body": CATALOG, "runs": 1}
        last, place = turn, consumer.order(turn)
        pages.append(place)
    shown = [name for page in pages for name in page["ids"]]
    if len(set(shown)) != OFFERS or len(shown) != OFFERS:
        raise RuntimeError(f"the pages show {len(shown)} datasets, {len(set(shown))} of them once")
    questions = {"catalogue_ms": first, "catalogue_last_ms": {**last, "runs": 30}}
    questions["catalogue_one_ms"] = one
    for name, question in questions.items():
        answer = consumer.order(question)
        yield figure(name, statistics.median(answer["ms"]), "ms", 20, bytes=answer["bytes"])


def start_ms(folder: Path) -> float:
    """From the start of a process that has keys and a database to its first 200; the best."""
    with Child(folder / "starting"):
        pass
    best = []
    for _ in range(STARTS):
        with Child.serving(folder / "starting") as node:
            best.append(node.started_ms)
    return min(best)


def figure(name: str, value: float, unit: str, reference: float, **more: Any) -> dict[str, Any]:
    """One line of the answer."""
    ratio = round(value / reference, 2) if reference else 0.0
    value, reference = round(value, 3), round(reference, 3)
    return {
        "id": name,
        "value": value,
        "unit": unit,
        "reference": reference,
        "ratio": ratio,
        **more,
    }
