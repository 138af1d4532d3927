"""A node that follows releases seals them, gives their keys, and takes both back together."""

import asyncio
import json
import shutil
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from delian.exchange.key_access_errors import KeyDeniedError
from delian.nodes.exchange_archive import unpack
from delian.nodes.exchange_node import Running, running
from delian.nodes.exchange_publish import ASSETS
from delian.nodes.exchange_sealing import authority_of, open_key_room, pins_of
from delian.nodes.exchange_settings import FILE, load_exchange
from delian.nodes.exchange_unsealing import open_sealed, save_folder
from delian.nodes.verifier import verify_folder
from delian.release.ztdf import SealedRelease
from delian.terms.encode import digest
from tests.key_access_world import FixedClock
from tests.release_world import NOW
from tests.sealed_release_world import closed_release

RELEASED = closed_release()
CLOCK = FixedClock(NOW)
Story = Callable[["House", Running], Awaitable[None]]


class House:
    """The home of a node that follows one release, and a reader's papers beside it."""

    def __init__(self, folder: Path, address: str) -> None:
        self.home, self.desk, self.address = folder / "home", folder / "desk", address
        self.release = folder / "releases" / RELEASED.statement.release_id
        unpack(RELEASED.folder, self.release)
        self.root = folder / "root.json"
        self.root.write_bytes(RELEASED.root)
        self.home.mkdir()
        self.desk.mkdir()
        lines = [
            "[exchange]",
            f'address = "{address}"',
            "development = true",
            'proof = "none"',
            "key_access = true",
            f'releases = "{folder / "releases"}"',
            f'root = "{self.root}"',
        ]
        (self.home / FILE).write_text("\n".join(lines) + "\n")

    def reader(self, name: str, affiliation: str) -> Path:
        """The accounts of a reader that the operator registers."""
        room = open_key_room(self.home, self.address, CLOCK)
        place = f"{authority_of(self.address)}/attr"
        held = (
            f"{place}/classification/value/unclassified",
            f"{place}/releasable-to/value/{affiliation}",
        )
        (self.desk / f"{name}.secret").write_text(room.service.register(name, held) + "\n")
        room.service.close()
        accounts = self.desk / f"{name}.toml"
        accounts.write_text(
            f'[[account]]\naddress = "{self.address}"\nclient = "{name}"\n'
            f'secret_file = "{name}.secret"\n'
        )
        (self.desk / "pins.json").write_text(json.dumps(pins_of(self.home)))
        return accounts

    def sealed(self) -> Path:
        """The one sealed file that the node offers."""
        (file,) = (self.home / ASSETS).iterdir()
        return file

    async def open(self, accounts: Path) -> SealedRelease:
        """What a reader makes of the sealed file, on its own machine."""
        return await asyncio.to_thread(
            open_sealed,
            self.sealed(),
            accounts,
            self.desk / "pins.json",
            authority_of(self.address),
            CLOCK,
            development=True,
        )


def tell(folder: Path, story: Story) -> None:
    """Run *story* beside a node in service."""

    async def whole() -> None:
        with socket.socket() as bound:
            bound.bind(("127.0.0.1", 0))
            bound.listen()
            house = House(folder, f"http://127.0.0.1:{bound.getsockname()[1]}")
            settings = load_exchange(house.home)
            async with running(settings, clock=CLOCK, bound=bound) as node:
                await node.orders.handle({"order": "look"})
                await story(house, node)

    asyncio.run(whole())


def test_a_sealed_release_reaches_a_reader_and_verifies(tmp_path: Path) -> None:
    async def story(house: House, node: Running) -> None:
        (name,) = node.connector.shelf.ids()
        dataset = node.connector.shelf.get(name)
        assert dataset is not None
        assert digest(house.sealed().read_bytes()) in json.dumps(dataset.to_plain())
        opened = await house.open(house.reader("fra", "fra"))
        assert opened.files == RELEASED.folder
        save_folder(opened, house.desk / "release")
        report = verify_folder(house.desk / "release", house.root, now_utc=NOW, state=None)
        report.raise_for_failure()

    tell(tmp_path, story)


def test_a_reader_that_the_label_does_not_name_is_refused(tmp_path: Path) -> None:
    async def story(house: House, _node: Running) -> None:
        with pytest.raises(KeyDeniedError, match="releasable-to"):
            await house.open(house.reader("other", "nobody"))

    tell(tmp_path, story)


def test_a_release_that_leaves_takes_its_keys_along(tmp_path: Path) -> None:
    async def story(house: House, node: Running) -> None:
        accounts = house.reader("fra", "fra")
        assert (await house.open(accounts)).files == RELEASED.folder
        shutil.rmtree(house.release)
        gone = await node.orders.handle({"order": "look"})
        assert len(gone["withdrawn"]) == 1
        with pytest.raises(KeyDeniedError, match="withdrawn: the release is no longer published"):
            await house.open(accounts)

    tell(tmp_path, story)


def test_the_operators_withdrawal_ends_the_keys(tmp_path: Path) -> None:
    async def story(house: House, node: Running) -> None:
        accounts = house.reader("fra", "fra")
        (name,) = node.connector.shelf.ids()
        order = {"order": "withdraw", "dataset": name, "reason": "a wrong figure"}
        await node.orders.handle(order)
        with pytest.raises(KeyDeniedError, match="withdrawn: a wrong figure"):
            await house.open(accounts)

    tell(tmp_path, story)
