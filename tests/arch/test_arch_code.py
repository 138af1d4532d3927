"""How the code reads: no late imports, no checks that vanish, nothing left for later, no giants."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = sorted((ROOT / "src").rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))
FILE_LINES, FUNCTION_LINES = 400, 60

# Longer than that, and why: file or function.
LONGER = {
    "src/delian/nodes/demo.py": "one play, read from the first act to the last",
    "src/delian/nodes/nation.py": "one role: what a nation's agent does with each paper, in order",
    "src/delian/nodes/secretariat.py": "one role: a round from its terms to its release, in order",
    "src/delian/nodes/host_run.py::run_round": "one run, from links to the erasure of its keys",
}

LEFT_FOR_LATER = re.compile(r"\b(TODO|FIXME|XXX|raise NotImplementedError)\b")
ADDRESSES = re.compile(
    r"(?<![\w./])/(work|root|tmp|home)/|(py)pi\.org|(python)hosted|://[\w.-]*registry"
)


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), name(path))


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def ours() -> Iterator[Path]:
    """Every text file that the repository hands to others."""
    hidden = {".git", ".venv", ".hypothesis", "__pycache__", "delian-demo", "build", "dist"}
    suffixes = {".py", ".md", ".toml", ".json", ".lock", ".in", ".html", ".svg", ".xml"}
    for path in ROOT.rglob("*"):
        parts = path.relative_to(ROOT).parts
        ignored = any(p in hidden or p.endswith(("_cache", ".egg-info")) for p in parts)
        text = path.suffix in suffixes or path.name in {"start", "run"}
        if text and not ignored and path.is_file():
            yield path


def test_there_is_something_to_read() -> None:
    assert len(SOURCES) > 20
    assert len(list(ours())) > 40


@pytest.mark.parametrize("path", SOURCES, ids=name)
def test_no_import_inside_a_function(path: Path) -> None:
    late = [
        f"{path.name}:{inner.lineno}"
        for function in functions(path)
        for inner in ast.walk(function)
        if isinstance(inner, ast.Import | ast.ImportFrom)
    ]
    assert not late


@pytest.mark.parametrize("path", SOURCES, ids=name)
def test_no_check_that_optimization_removes(path: Path) -> None:
    assert not [node.lineno for node in ast.walk(tree(path)) if isinstance(node, ast.Assert)]


@pytest.mark.parametrize("path", SOURCES, ids=name)
def test_nothing_is_left_for_later(path: Path) -> None:
    found = LEFT_FOR_LATER.findall(path.read_text(encoding="utf-8"))
    assert not found


@pytest.mark.parametrize("path", TESTS, ids=name)
def test_no_test_excuses_itself(path: Path) -> None:
    excuses = {"skip", "skipif", "xfail", "importorskip"}
    used = {n.attr for n in ast.walk(tree(path)) if isinstance(n, ast.Attribute)} & excuses
    assert not used


def test_test_files_have_names_of_their_own() -> None:
    names = [path.name for path in TESTS if path.name.startswith("test_")]
    assert len(names) == len(set(names)), sorted(n for n in set(names) if names.count(n) > 1)


def test_no_address_and_no_path_of_one_machine() -> None:
    this = Path(__file__)
    found = [
        f"{name(path)}: {match.group()}"
        for path in ours()
        if path != this
        for match in ADDRESSES.finditer(path.read_text(encoding="utf-8"))
    ]
    assert not found


def test_length_is_reasoned_about() -> None:
    long = [
        name(path)
        for path in SOURCES
        if len(path.read_text(encoding="utf-8").splitlines()) > FILE_LINES
    ]
    for path in SOURCES:
        for function in functions(path):
            if (function.end_lineno or 0) - function.lineno + 1 > FUNCTION_LINES:
                long.append(f"{name(path)}::{function.name}")
    assert set(long) <= set(LONGER), "split it, or add it to LONGER with its reason"
