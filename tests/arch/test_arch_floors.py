"""The floors of the house: contracts hold, cover every room, and nothing runs in a circle."""

import tomllib
from graphlib import TopologicalSorter
from pathlib import Path

import grimp
import pytest
from importlinter.cli import lint_imports

ROOT = Path(__file__).parents[2]
CONTRACTS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]


@pytest.fixture(scope="module")
def graph() -> grimp.ImportGraph:
    return grimp.build_graph("delian", cache_dir=None)


def contract(name: str) -> dict[str, list[str]]:
    return next(c for c in CONTRACTS["contracts"] if c["name"] == name)


def rooms() -> set[str]:
    return {f"delian.{p.parent.name}" for p in (ROOT / "src" / "delian").glob("*/__init__.py")}


def test_contracts_hold(capsys: pytest.CaptureFixture[str]) -> None:
    code = lint_imports(config_filename=str(ROOT / "pyproject.toml"), no_cache=True)
    assert code == 0, capsys.readouterr().out


def test_every_room_has_its_floor() -> None:
    layers = contract("floors of the house")["layers"]
    named = {room.strip() for layer in layers for room in layer.split("|")}
    assert named == rooms()


def test_every_room_below_the_adapters_is_held_free_of_input_and_output() -> None:
    held = set(contract("rooms do no input or output")["source_modules"])
    assert held == rooms() - {"delian.cli", "delian.nodes", "delian.adapters"}


def test_no_cycles(graph: grimp.ImportGraph) -> None:
    imports = {m: graph.find_modules_directly_imported_by(m) for m in graph.modules}
    TopologicalSorter(imports).prepare()
