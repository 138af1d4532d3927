"""Reading foreign catalogues that misbehave: each is named, and none holds the others."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from delian.adapters.peer_client import Limits, PeerClient
from delian.adapters.peer_guard import Guard
from delian.exchange.bridge_errors import ForeignAwayError
from delian.nodes.exchange_bridge import Bridges, PeerWeb
from delian.terms.errors import DelianError
from tests.foreign_cadde import FILE, CaddeProvider, japanese_package
from tests.foreign_web import serving
from tests.japan_world import NOW, secret

PROVIDER = "1180001038380"


def run(story: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(asyncio.wait_for(story(), 30))


def peer(name: str, address: str) -> str:
    return (
        f'[[cadde]]\nname = "{name}"\naddress = "{address}"\nprovider = "{PROVIDER}"\n'
        'token = "token"\n'
    )


def client() -> PeerClient:
    return PeerClient(Guard(is_development=True), Limits(read_seconds=0.5, total_seconds=2))


async def read(home: Path, *peers: str) -> Bridges:
    secret(home, "token", "kc-token")
    (home / "bridge.toml").write_text("".join(peers), "utf-8")
    found = client()
    bridges = Bridges.load(home, found, did="d", root="https://d.example", now=lambda: NOW)
    assert bridges is not None
    try:
        await bridges.read()
    finally:
        await found.close()
    return bridges


def bodies() -> dict[str, bytes]:
    return {
        "html": b"<html>",
        "list": b"[]",
        "deep": b'{"success":true,"result":{"results":' + b"[" * 60 + b"]" * 60 + b"}}",
        "twice": b'{"success":true,"success":true}',
        "text": b'{"success":true,"result":{"results":["x"]}}',
        "huge": b" " * (9 * 1024 * 1024),
    }


def misbehaving() -> Starlette:
    async def answer(request: Request) -> Response:
        kind = request.path_params["kind"]
        if kind == "redirect":
            return RedirectResponse("http://169.254.169.254/latest/meta-data")
        if kind == "gzip":
            return Response(b"\x1f\x8b", headers={"content-encoding": "gzip"})
        if kind == "fault":
            return Response(b"secret of theirs", 500)
        return Response(bodies()[kind], media_type="application/json")

    return Starlette(routes=[Route("/{kind}/cadde/api/v4/catalog", answer)])


def test_one_bad_catalogue_does_not_hold_the_others(tmp_path: Path) -> None:
    async def story() -> None:
        async with serving(misbehaving()) as bad, serving(CaddeProvider().app()) as good:
            kinds = [*bodies(), "redirect", "gzip", "fault"]
            peers = [peer(kind, f"{bad}/{kind}") for kind in kinds]
            bridges = await read(tmp_path, *peers, peer("good", good))
            assert list(bridges.reading.datasets) == [f"urn:cadde:{PROVIDER}:detail-001"]
            assert [t.partition(":")[0] for t in bridges.reading.troubles] == kinds
            assert "theirs" not in str(bridges.reading.troubles)

    run(story)


def wrong_packages() -> list[dict[str, Any]]:
    plain = japanese_package(PROVIDER)
    return [
        {**japanese_package("another"), "id": "a"},
        {"title": "no id"},
        {**plain, "extras": [], "id": "no-contract", "license_id": "notspecified"},
        {**plain, "extras": [], "id": "no-resources", "resources": []},
        plain,
        plain,
    ]


def test_packages_that_cannot_be_offered_are_named(tmp_path: Path) -> None:
    async def story() -> None:
        provider = CaddeProvider(packages=wrong_packages())
        async with serving(provider.app()) as address:
            bridges = await read(tmp_path, peer("kanto", address))
            assert list(bridges.reading.datasets) == [f"urn:cadde:{PROVIDER}:detail-001"]
            told = "\n".join(bridges.reading.troubles)
            for reason in (
                "names another provider",
                "has no id",
                "needs a contract, and no participant is listed",
                "has nothing that can be fetched",
                "is offered twice; the first counts",
            ):
                assert reason in told
            assert len(bridges.reading.troubles) == 5

    run(story)


def test_the_bytes_come_from_the_provider_alone(tmp_path: Path) -> None:
    async def story() -> None:
        provider = CaddeProvider()
        async with serving(provider.app()) as address:
            bridges = await read(tmp_path, peer("kanto", address))
            found = client()
            bridges.web = PeerWeb(found)
            await bridges.read()
            (foreign,) = bridges.reading.datasets.values()
            async with foreign.open(0, "pid") as stream:
                assert b"".join([c async for c in stream.chunks]) == FILE
            for place in (1, 7):
                with pytest.raises(DelianError):
                    async with foreign.open(place, "pid"):
                        pass
            (tmp_path / "token").chmod(0o644)
            with pytest.raises(DelianError, match="others may read"):
                async with foreign.open(0, "pid"):
                    pass
            await found.close()

    run(story)


def test_a_compressed_answer_is_not_taken(tmp_path: Path) -> None:
    async def story() -> None:
        async def squeezed(_request: Request) -> Response:
            return Response(b"\x1f\x8b", headers={"content-encoding": "gzip"})

        async with serving(Starlette(routes=[Route("/x", squeezed)])) as address:
            found = client()
            with pytest.raises(ForeignAwayError, match="compressed"):
                async with PeerWeb(found).stream(f"{address}/x", headers={}):
                    pass
            await found.close()

    run(story)
