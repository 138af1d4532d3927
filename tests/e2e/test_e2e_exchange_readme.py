"""The README's way from nothing to a contract: its ten lines and three commands, as they stand."""

import json
import os
import re
import shlex
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
SECTION = README.partition("## A data space in ten lines\n")[2].partition("\n## ")[0]
DELIAN = [sys.executable, "-m", "delian"]


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", SECTION, re.M | re.S)


def free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        found = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in found:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in found]


@contextmanager
def serving(commands: list[list[str]], place: Path) -> Iterator[None]:
    """Servers, once each has said that it serves, and what it offers."""
    runs = [
        subprocess.Popen(
            [*DELIAN, *words], cwd=place, stderr=subprocess.PIPE, text=True, env=environment()
        )
        for words in commands
    ]
    try:
        for words, one in zip(commands, runs, strict=True):
            assert one.stderr is not None
            said = [one.stderr.readline() for _ in range(2 if "--offer" in words else 1)]
            assert all(line.startswith(("serving ", "offering ")) for line in said), said
        yield
    finally:
        for one in runs:
            one.terminate()
        for one in runs:
            one.communicate(timeout=20)


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2] / "src")}


def ask(words: list[str], place: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*DELIAN, *words],
        cwd=place,
        capture_output=True,
        text=True,
        check=False,
        env=environment(),
        timeout=60,
    )


def test_the_section_is_as_short_as_it_says() -> None:
    lines = [line for block in blocks("toml") for line in block.splitlines() if line.strip()]
    assert len(lines) <= 10
    assert len([line for line in blocks("sh")[0].splitlines() if line.strip()]) == 3


def test_from_nothing_to_a_contract(tmp_path: Path) -> None:
    ports = dict(zip(("8470", "8471"), map(str, free_ports(2)), strict=True))

    def own(text: str) -> str:
        return re.sub("8470|8471", lambda found: ports[found.group()], text)

    (tmp_path / "README.md").write_text("read me")
    homes = re.findall(r"`(\w+)/exchange\.toml`", SECTION)
    for home, block in zip(homes, blocks("toml"), strict=True):
        (tmp_path / home).mkdir()
        (tmp_path / home / "exchange.toml").write_text(own(block))
    commands = [shlex.split(own(line)) for line in blocks("sh")[0].splitlines()]
    assert [words[0] for words in commands] == ["./start"] * 3
    assert [words[-1] for words in commands[:-1]] == ["&", "&"]
    with serving([words[1:-1] for words in commands[:-1]], tmp_path):
        found = ask([*commands[-1][1:], "--json"], tmp_path)
        assert found.returncode == 0, found.stderr
        answer = json.loads(found.stdout)
        assert f"`{answer['state']}`" in SECTION
        assert answer["state"] == "FINALIZED"
        fetch = ["exchange", "fetch", answer["pid"], "--home", "consumer", "--to", "copy.txt"]
        got = ask(fetch, tmp_path)
        assert got.returncode == 0, got.stderr
        assert (tmp_path / "copy.txt").read_text() == "read me"
