"""A release on its way: offered by itself, found, contracted, fetched, verified, taken back.

Three connectors on loopback with tokens that are checked: the office's, a maker that its operator
knows as industry, and a stranger.
"""

import asyncio
import shutil
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from delian.exchange.errors import NotFoundHereError, WrongStateError
from delian.exchange.odrl import Policy
from delian.exchange.offering import RELEASE_URN
from delian.label.bundled import bundled_policy
from delian.nodes.exchange_archive import read_archive, unpack
from delian.nodes.exchange_node import Running, running
from delian.nodes.exchange_settings import FILE, did_of, load_exchange
from delian.nodes.verifier import verify_folder
from delian.terms.errors import DelianError
from tests.exchange_world import labelled_release
from tests.key_access_world import FixedClock
from tests.release_world import NOW

NAME = RELEASE_URN + "2026-A-e1"
CLOCK = FixedClock(NOW)


class Alliance:
    """The folders of the three, and the nodes once they serve."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.release = place / "releases" / "2026-A-e1"
        self.root = place / "root.json"
        unpack(labelled_release().folder, self.release)
        self.root.write_bytes(labelled_release().root)
        self.nodes: dict[str, Running] = {}
        self.addresses: dict[str, str] = {}

    async def order(self, who: str, order: str, **parts: Any) -> Any:
        return await self.nodes[who].orders.handle({"order": order, **parts})

    async def catalogue(self, who: str) -> list[str]:
        found = await self.order(who, "catalogue", url=self.addresses["office"])
        return [dataset["@id"] for dataset in found["datasets"]]

    async def contract(self, who: str) -> dict[str, Any]:
        found = await self.order(
            who, "negotiate", url=self.addresses["office"], dataset=NAME, wait_seconds=20
        )
        return dict(found)

    async def fetch(self, pid: str, name: str) -> Path:
        to = self.place / name
        await self.order("maker", "fetch", pid=pid, to=str(to))
        return to

    def take_back(self) -> None:
        shutil.rmtree(self.release)
        unpack(labelled_release(is_withdrawn=True).folder, self.release)


@asynccontextmanager
async def serving(alliance: Alliance, name: str, more: str, parties: str) -> AsyncIterator[None]:
    home = alliance.place / name
    home.mkdir()
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        bound.listen()
        address = f"http://127.0.0.1:{bound.getsockname()[1]}"
        (home / FILE).write_text(f'[exchange]\naddress = "{address}"\ndevelopment = true\n{more}')
        (home / "parties.toml").write_text(parties)
        async with running(load_exchange(home), clock=CLOCK, bound=bound) as node:
            alliance.nodes[name], alliance.addresses[name] = node, address
            yield


def tell(place: Path, story: Callable[[Alliance], Awaitable[None]], known: str) -> None:
    """Run *story* among the three; *known* is what the office knows of the maker."""

    async def whole() -> None:
        alliance = Alliance(place)
        folders = f'releases = "{place / "releases"}"\nroot = "{alliance.root}"\n'
        async with serving(alliance, "maker", "", ""), serving(alliance, "stranger", "", ""):
            did = did_of(alliance.addresses["maker"])
            async with serving(alliance, "office", folders, f'["{did}"]\n{known}\n'):
                await alliance.order("office", "look")
                await story(alliance)

    asyncio.run(whole())


INDUSTRY = f'policy = "{bundled_policy().oid}"\naffiliation = "INDUSTRY"\nlevel = 1\n'


def test_from_the_release_to_a_reader_and_back(tmp_path: Path) -> None:
    async def story(alliance: Alliance) -> None:
        assert await alliance.catalogue("maker") == [NAME]
        stands = await alliance.contract("maker")
        assert stands["state"] == "FINALIZED", stands["reasons"]
        got = await alliance.fetch(stands["pid"], "got.zip")
        unpack(read_archive(got), tmp_path / "desk")
        report = verify_folder(tmp_path / "desk", alliance.root, now_utc=NOW, state=None)
        assert report.ok

        alliance.take_back()
        assert (await alliance.order("office", "look"))["withdrawn"] == [NAME]
        assert await alliance.catalogue("maker") == []
        with pytest.raises(WrongStateError, match="withdrawn by FRA"):
            await alliance.fetch(stands["pid"], "again.zip")
        assert not (tmp_path / "again.zip").exists()

    tell(tmp_path, story, INDUSTRY)


def test_whom_the_label_does_not_admit_learns_nothing(tmp_path: Path) -> None:
    """A stranger who knows name and terms exactly is answered as for what does not exist."""

    async def story(alliance: Alliance) -> None:
        assert await alliance.catalogue("stranger") == []
        with pytest.raises(NotFoundHereError):
            await alliance.contract("stranger")
        offer = (await alliance.contract("maker"))["offer"]
        told = [
            await ask_exactly(alliance, offer | {"target": target})
            for target in (NAME, RELEASE_URN + "2026-A-e9")
        ]
        assert told[0] == told[1]
        assert told[0][0] == "TERMINATED"
        inside = await alliance.order("office", "list")
        pids = [n["pid"] for n in inside["negotiations"] if n["state"] == "TERMINATED"]
        reasons = [(await alliance.order("office", "explain", pid=pid))["findings"] for pid in pids]
        assert any("INDUSTRY" in line for lines in reasons for line in lines)

    tell(tmp_path, story, INDUSTRY)


async def ask_exactly(alliance: Alliance, offer: dict[str, Any]) -> tuple[str, str, list[str]]:
    """What the stranger is told when it asks for these terms without having seen them."""
    node = alliance.nodes["stranger"].connector
    office = alliance.nodes["office"].connector
    pid = await node.request(
        peer=office.parts.participant,
        address=office.address,
        offer=Policy.from_plain(offer, "offer"),
    )
    ended = await node.wait(pid, ["FINALIZED"], 20)
    return ended.state.value, ended.code or "", list(ended.reasons)


def test_a_clearance_below_the_label_is_refused(tmp_path: Path) -> None:
    async def story(alliance: Alliance) -> None:
        assert await alliance.catalogue("maker") == []
        with pytest.raises(DelianError):
            await alliance.contract("maker")

    tell(tmp_path, story, INDUSTRY.replace("level = 1", "level = 0"))
