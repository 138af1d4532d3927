"""Which rooms each machine may hold. Adding a room to a node is a visible line in this file."""

from pathlib import Path

import grimp
import pytest

ROOT = Path(__file__).parents[2]
SECRET = frozenset({"contribute", "aggregate", "protect", "shares"})

# A node and the rooms that its process may never load, however indirectly.
FORBIDDEN = {
    "delian.nodes.nation": frozenset({"aggregate"}),
    "delian.nodes.host": frozenset({"release"}),
    "delian.nodes.secretariat": frozenset({"shares", "aggregate", "protect"}),
    "delian.nodes.verifier": SECRET,
    "delian.nodes.exchange": SECRET,
}
# Single modules of a forbidden room that a node may load all the same, and why.
EXCEPTIONS = {
    # An agent recomputes from the terms which circuits the hosts ran before it signs; the module
    # describes circuits and can neither run nor open anything.
    "delian.nodes.nation": frozenset({"delian.aggregate.netlist"}),
    # An amendment adds up or withholds blocks of a table that is open already.
    "delian.nodes.secretariat": frozenset({"delian.protect.amend", "delian.protect.errors"}),
}
# Whose code a role may use: a connector verifies what it publishes as every reader does.
BORROWS = {"delian.nodes.exchange": frozenset({"delian.nodes.verifier"})}
# Every role in one place, on loopback: it demonstrates, it does not give confidentiality.
ALL_ROLES = frozenset({"delian.nodes.demo"})


def reached(graph: grimp.ImportGraph, start: str) -> set[str]:
    """Every module that importing `start` loads, the packages around each of them included."""
    seen: set[str] = set()
    waiting = [start]
    while waiting:
        module = waiting.pop()
        if module in seen or module not in graph.modules:
            continue
        seen.add(module)
        waiting.extend(graph.find_modules_directly_imported_by(module))
        waiting.append(module.rpartition(".")[0])
    return seen


def rooms_of(modules: set[str]) -> set[str]:
    return {m.split(".")[1] for m in modules if m.count(".") >= 1}


@pytest.fixture(scope="module")
def graph() -> grimp.ImportGraph:
    return grimp.build_graph("delian", cache_dir=None)


def node_modules(graph: grimp.ImportGraph) -> list[str]:
    return sorted(m for m in graph.modules if m.startswith("delian.nodes."))


def role_of(module: str) -> str | None:
    """The role that a module of delian.nodes belongs to: itself, or a package or prefix of it."""
    known = [*FORBIDDEN, *ALL_ROLES]
    return next((r for r in known if module == r or module.startswith((f"{r}.", f"{r}_"))), None)


def test_the_search_follows_indirect_imports_and_packages() -> None:
    graph = grimp.ImportGraph()
    for module in ("delian.nodes.x", "delian.release", "delian.release.a", "delian.shares.b"):
        graph.add_module(module)
    graph.add_import(importer="delian.nodes.x", imported="delian.release.a")
    graph.add_import(importer="delian.release", imported="delian.shares.b")
    assert "shares" in rooms_of(reached(graph, "delian.nodes.x"))


def test_no_node_holds_a_forbidden_room(graph: grimp.ImportGraph) -> None:
    for module in node_modules(graph):
        role = role_of(module) or ""
        allowed = EXCEPTIONS.get(role, frozenset())
        packages = {name.rpartition(".")[0] for name in allowed}
        held = rooms_of(reached(graph, module) - allowed - packages) & FORBIDDEN.get(
            role, frozenset()
        )
        assert not held, f"{module} reaches {sorted(held)}"


def test_an_excepted_module_brings_no_more_of_its_room(graph: grimp.ImportGraph) -> None:
    for allowed in EXCEPTIONS.values():
        for name in allowed:
            room = name.rpartition(".")[0]
            more = {m for m in reached(graph, name) if m.startswith(f"{room}.")} - allowed
            assert not more, f"{name} brings {sorted(more)}"
            assert not graph.find_modules_directly_imported_by(room), f"{room} is not empty"


def test_a_shared_module_of_the_nodes_brings_no_secret_room(graph: grimp.ImportGraph) -> None:
    """What every node may import (settings, papers) must suit the secretariat, too."""
    for module in node_modules(graph):
        if role_of(module) is None:
            held = rooms_of(reached(graph, module)) & FORBIDDEN["delian.nodes.secretariat"]
            assert not held, f"{module} belongs to no role and reaches {sorted(held)}"


def test_the_roles_never_import_each_other(graph: grimp.ImportGraph) -> None:
    for module in node_modules(graph):
        role = role_of(module)
        if role in FORBIDDEN:
            others = {role_of(m) for m in reached(graph, module)} - {role, None}
            others -= BORROWS.get(role or "", frozenset())
            assert not others, f"{module} reaches {sorted(map(str, others))}"
