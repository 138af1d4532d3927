"""``delian exchange`` as an operator types it, against two nodes that serve in a thread."""

import asyncio
import json
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from delian.cli.main import run
from delian.crypto.sign import PrivateKey
from delian.exchange.identity_map import Assurance
from delian.exchange.trust import Entry, Scope, TrustProfile
from delian.nodes.exchange_node import running
from delian.nodes.exchange_operator import Operator
from delian.nodes.exchange_settings import FILE, load_exchange
from tests.exchange_world import label_for

Say = Callable[..., tuple[int, Any, str]]
PROVIDER, CONSUMER = "provider", "consumer"


@pytest.fixture
def say(capsys: pytest.CaptureFixture[str]) -> Say:
    """Type a command; its exit code, its JSON object, and what it said on stderr."""

    def typed(*words: object) -> tuple[int, Any, str]:
        code = run(["exchange", *map(str, words), "--json"])
        told = capsys.readouterr()
        return code, json.loads(told.out), told.err

    return typed


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """Two nodes that prove who they are; homes and addresses."""
    place = tmp_path_factory.mktemp("nodes")
    found: dict[str, Any] = {"place": place}
    with ExitStack() as stack:
        bound = {}
        for name in (PROVIDER, CONSUMER):
            bound[name] = one = stack.enter_context(socket.socket())
            one.bind(("127.0.0.1", 0))
            one.listen()
            found[name] = home = place / name
            address = found[f"{name}_url"] = f"http://127.0.0.1:{one.getsockname()[1]}"
            home.mkdir()
            text = f'[exchange]\naddress = "{address}"\ndevelopment = true\n'
            (home / FILE).write_text(text)
        serving = Serving({name: found[name] for name in (PROVIDER, CONSUMER)}, bound)
        serving.start()
        yield found
        serving.stop()


class Serving:
    """A thread with a loop in which the nodes serve."""

    def __init__(self, homes: dict[str, Path], bound: dict[str, socket.socket]) -> None:
        self._homes, self._bound = homes, bound
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()))

    def start(self) -> None:
        self._thread.start()
        assert self._ready.wait(60)

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._done.set)
        self._thread.join(60)

    async def _serve(self) -> None:
        self._loop, self._done = asyncio.get_running_loop(), asyncio.Event()
        async with AsyncExitStack() as stack:
            for name, home in self._homes.items():
                node = running(load_exchange(home), bound=self._bound[name])
                await stack.enter_async_context(node)
            self._ready.set()
            await self._done.wait()


@pytest.fixture
def published(nodes: dict[str, Any], say: Say) -> Callable[..., str]:
    """Offer a file; its name in the catalogue."""

    def offer(name: str, *more: object) -> str:
        source = nodes["place"] / name
        source.write_text(f"content of {name}")
        code, found, told = say("publish", source, "--home", nodes[PROVIDER], *more)
        assert code == 0, told
        return str(found["dataset"]["@id"])

    return offer


def negotiate(nodes: dict[str, Any], say: Say, name: str) -> tuple[int, Any, str]:
    return say("negotiate", nodes["provider_url"], name, "--home", nodes[CONSUMER])


def test_publish_find_contract_fetch_explain(
    nodes: dict[str, Any], say: Say, published: Callable[..., str]
) -> None:
    name = published("a.txt", "--open", "--title", "A", "--times", 1, "--attribution")
    url, home = nodes["provider_url"], nodes[CONSUMER]
    _, found, _ = say("catalogue", url, "--home", home, "--where", f"id={name}")
    assert [d["@id"] for d in found["datasets"]] == [name]
    code, stands, _ = negotiate(nodes, say, name)
    assert (code, stands["state"]) == (0, "FINALIZED")
    to = nodes["place"] / "a.copy"
    code, got, _ = say("fetch", stands["pid"], "--home", home, "--to", to)
    assert code == 0
    assert got["was_announced"]
    assert to.read_text() == "content of a.txt"

    code, error, _ = say("fetch", stands["pid"], "--home", home, "--to", to)
    assert (code, error["error"]["code"]) == (2, "fetch-target")
    code, error, told = say("fetch", stands["pid"], "--home", home, "--to", f"{to}2")
    assert code == 1
    assert "a use that is left: 1 are allowed" in told

    _, story, _ = say("explain", stands["pid"], "--home", home)
    assert [step["detail"] for step in story["story"]][-1] == "FINALIZED"
    _, status, _ = say("status", "--home", nodes[PROVIDER])
    assert name in status["newest"]["datasets"]
    code, gone, _ = say("withdraw", name, "--home", nodes[PROVIDER], "--reason", "superseded")
    assert (code, gone["dataset"]) == (0, name)
    assert negotiate(nodes, say, name)[0] == 1


def test_a_person_decides(nodes: dict[str, Any], say: Say, published: Callable[..., str]) -> None:
    name = published("asked.txt", "--open", "--ask-me")
    code, waits, _ = say(
        "negotiate", nodes["provider_url"], name, "--home", nodes[CONSUMER], "--wait", 0
    )
    assert (code, waits["state"]) == (4, "REQUESTED")
    _, status, _ = say("status", "--home", nodes[PROVIDER])
    theirs = next(n for n in status["newest"]["negotiations"] if n["dataset"] == name)
    code, ended, _ = say(
        "decide", theirs["pid"], "no", "--home", nodes[PROVIDER], "--reason", "not this year"
    )
    assert (code, ended["state"]) == (0, "TERMINATED")


def test_a_persons_yes_makes_the_contract(
    nodes: dict[str, Any], say: Say, published: Callable[..., str]
) -> None:
    name = published("wanted.txt", "--open", "--ask-me")
    with ThreadPoolExecutor(1) as asking:
        consumer = Operator(nodes[CONSUMER])
        url = nodes["provider_url"]
        answer = asking.submit(consumer.negotiate, url, name, wait_seconds=60.0)
        theirs: list[str] = []
        while not theirs and not answer.done():
            newest = Operator(nodes[PROVIDER]).list(100)["negotiations"]
            theirs = [n["pid"] for n in newest if n["dataset"] == name]
        code, agreed, _ = say("decide", theirs[0], "yes", "--home", nodes[PROVIDER])
        assert (code, agreed["state"]) == (0, "AGREED")
        assert answer.result()["state"] == "FINALIZED"


def test_who_does_not_meet_the_conditions_is_told_which(
    nodes: dict[str, Any], say: Say, published: Callable[..., str]
) -> None:
    name = published("narrow.txt", "--open", "--purpose", "planning")
    code, ended, _ = negotiate(nodes, say, name)
    assert (code, ended["state"]) == (1, "TERMINATED")
    assert ended["reasons"] == ["permission[0]: purpose eq planning: missing: a purpose: planning"]


def test_nothing_is_offered_without_a_label_by_accident(nodes: dict[str, Any], say: Say) -> None:
    source = nodes["place"] / "plain.txt"
    source.write_text("x")
    code, error, _ = say("publish", source, "--home", nodes[PROVIDER])
    assert (code, error["error"]["code"]) == (2, "publish-choice")
    code, error, _ = say("publish", nodes["place"], "--home", nodes[PROVIDER], "--open")
    assert (code, error["error"]["code"]) == (2, "publish-choice")


def test_a_labelled_file_is_seen_by_its_readers_only(nodes: dict[str, Any], say: Say) -> None:
    source, label = nodes["place"] / "l.txt", nodes["place"] / "l.json"
    source.write_text("x")
    label.write_bytes(label_for("FRA").to_wire())
    words = ("publish", source, "--home", nodes[PROVIDER], "--label", label)
    _, shown, _ = say(*words, "--dry-run")
    assert shown["published"] is False
    code, offered, _ = say(*words)
    assert (code, offered["published"]) == (0, True)
    _, found, _ = say("catalogue", nodes["provider_url"], "--home", nodes[CONSUMER])
    assert "urn:file:l.txt" not in [d["@id"] for d in found["datasets"]]


def test_what_is_no_release_is_not_taken_for_one(
    nodes: dict[str, Any], say: Say, published: Callable[..., str]
) -> None:
    name = published("no-release.txt", "--open")
    _, stands, _ = negotiate(nodes, say, name)
    root, to = nodes["place"] / "root.json", nodes["place"] / "folder"
    root.write_text("{}")
    words = ("fetch", stands["pid"], "--home", nodes[CONSUMER], "--to", to, "--root", root)
    code, error, _ = say(*words)
    assert (code, error["error"]["code"]) == (3, "archive")
    assert not to.exists()
    assert not list(nodes["place"].glob(".folder*"))


def test_a_process_is_ended_with_a_reason(
    nodes: dict[str, Any], say: Say, published: Callable[..., str]
) -> None:
    name = published("ended.txt", "--open", "--ask-me")
    words = ("negotiate", nodes["provider_url"], name, "--home", nodes[CONSUMER], "--wait", 0)
    _, waits, _ = say(*words)
    words = ("terminate", waits["pid"], "--home", nodes[CONSUMER], "--reason", "changed our mind")
    code, ended, _ = say(*words)
    assert (code, ended["state"], ended["reasons"]) == (0, "TERMINATED", ["changed our mind"])


def test_a_home_that_nobody_serves_says_so(tmp_path: Path, say: Say) -> None:
    code, made, _ = say("init", "--home", tmp_path / "h", "--address", "https://c.example")
    assert (code, made["did"]) == (0, "did:web:c.example")
    code, error, _ = say("status", "--home", tmp_path / "h")
    assert (code, error["error"]["code"]) == (5, "exchange-line")


def test_check_looks_at_a_stranger(nodes: dict[str, Any], say: Say) -> None:
    code, report, _ = say("check", nodes["provider_url"], "--development")
    assert (code, report["ok"]) == (0, True)
    code, report, _ = say("check", nodes["provider_url"])
    assert (code, report["ok"]) == (3, False)


def test_two_trust_profiles_signed_and_compared(tmp_path: Path, say: Say) -> None:
    key = PrivateKey.generate()
    (tmp_path / "key").write_bytes(key.to_secret_bytes())
    now, day = datetime.now(UTC), timedelta(days=1)
    names = {"a": (Scope.PURPOSE, Scope.TREATY_KIND), "b": (Scope.PURPOSE,)}
    for name, scopes in names.items():
        entries = tuple(Entry("did:web:issuer.example", s, Assurance.HIGH) for s in scopes)
        made = TrustProfile(f"did:web:{name}.example", entries, {}, now - day, now + day)
        (tmp_path / name).write_bytes(made.to_bytes())
    words = ("profile", tmp_path / "a", "--key", tmp_path / "key", "--out", tmp_path / "a.signed")
    code, signed, _ = say(*words)
    assert code == 0
    pair = (tmp_path / "a.signed", tmp_path / "b")
    code, found, _ = say("trust", *pair, "--pin", signed["pin"])
    assert code == 0
    assert [e["scope"] for e in found["common"]] == ["purpose"]
    assert [(m["owner"], m["scope"]) for m in found["missing"]] == [
        ("did:web:b.example", "treatyKind")
    ]
    assert found["notes"] == ["note: the profile of did:web:b.example is not signed"]
    wrong = f"did:web:a.example#trust={PrivateKey.generate().public.to_wire()}"
    code, error, _ = say("trust", *pair, "--pin", wrong)
    assert (code, error["error"]["code"]) == (3, "trust-signature")
