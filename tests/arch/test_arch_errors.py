"""The tree of errors: every leaf has a code of its own, an exit code, and a line in the docs."""

import importlib
import pkgutil
import re
from collections import defaultdict
from pathlib import Path

import pytest

import delian
from delian.terms.errors import DelianError

DOC = Path(__file__).parents[2] / "docs" / "errors.md"


@pytest.fixture(scope="module")
def tree() -> list[type[DelianError]]:
    for module in pkgutil.walk_packages(delian.__path__, "delian."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    found, waiting = [], [DelianError]
    while waiting:
        kind = waiting.pop()
        found.append(kind)
        waiting.extend(kind.__subclasses__())
    return [kind for kind in found if kind.__module__.startswith("delian.")]


def line(kind: type[DelianError]) -> str:
    """The row that docs/errors.md holds for an error."""
    meaning = (kind.__doc__ or "").strip().splitlines()[0]
    return f"| `{kind.code}` | {kind.exit_code} | {meaning} |"


def test_every_error_has_a_code_of_its_own(tree: list[type[DelianError]]) -> None:
    by_code = defaultdict(set)
    for kind in tree:
        assert "code" in kind.__dict__, f"{kind.__qualname__} has no code of its own"
        assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", kind.code), kind.code
        by_code[kind.code].add(f"{kind.__module__}.{kind.__qualname__}")
    assert not {code: kinds for code, kinds in by_code.items() if len(kinds) > 1}


def test_every_error_leaves_with_a_documented_exit_code(tree: list[type[DelianError]]) -> None:
    assert {kind.exit_code for kind in tree} <= {1, 2, 3, 4, 5, 70}


def test_every_error_is_documented(tree: list[type[DelianError]]) -> None:
    text = DOC.read_text(encoding="utf-8")
    missing = sorted(line(kind) for kind in tree if line(kind) not in text)
    assert not missing, "run docs/refresh.py; docs/errors.md lacks:\n" + "\n".join(missing)


def test_no_documented_error_is_gone(tree: list[type[DelianError]]) -> None:
    documented = set(re.findall(r"^\| `([a-z0-9-]+)` \| \d+ \|", DOC.read_text(), re.MULTILINE))
    assert documented <= {kind.code for kind in tree}
