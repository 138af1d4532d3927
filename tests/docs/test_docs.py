"""The documents under test: links lead somewhere, and every word a user can type is explained."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from delian.cli import verbs
from delian.cli.main import root
from delian.nodes.settings import SETTINGS

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_lead_somewhere(page: Path) -> None:
    targets = LINK.findall(page.read_text(encoding="utf-8"))
    local = [t.partition("#")[0] for t in targets if "://" not in t and not t.startswith("#")]
    broken = [t for t in local if not (page.parent / t).exists()]
    assert not broken
    outside = [t for t in local if not (page.parent / t).resolve().is_relative_to(ROOT)]
    assert not outside


def test_every_page_is_reached_from_the_index() -> None:
    seen, waiting = set(), [ROOT / "README.md", ROOT / "docs" / "index.md"]
    while waiting:
        page = waiting.pop().resolve()
        if page in seen or page.suffix != ".md" or not page.exists():
            continue
        seen.add(page)
        for target in LINK.findall(page.read_text(encoding="utf-8")):
            if "://" not in target and not target.startswith("#"):
                waiting.append(page.parent / target.partition("#")[0])
    lost = [name(page) for page in PAGES if page.resolve() not in seen]
    assert not lost, "run docs/refresh.py"


def commands(group: click.Group, words: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Every command that can be typed, as its words."""
    context = click.Context(group)
    for word in group.list_commands(context):
        command = group.get_command(context, word)
        assert command is not None, word
        yield (*words, word)
        if isinstance(command, click.Group):
            yield from commands(command, (*words, word))


def command_of(words: tuple[str, ...]) -> click.Command:
    command: click.Command | None = root
    for word in words:
        assert isinstance(command, click.Group)
        command = command.get_command(click.Context(command), word)
    assert command is not None
    return command


def section(words: tuple[str, ...]) -> str:
    """What docs/commands.md says under the heading of a command."""
    text = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")
    heading = f"`{' '.join(words)}`"
    found = re.search(rf"^#+ {re.escape(heading)}.*?$(.*?)(?=^#|\Z)", text, re.M | re.S)
    assert found, f"docs/commands.md has no heading {heading}"
    return found.group(1)


@pytest.mark.parametrize("words", list(commands(root)), ids=" ".join)
def test_every_command_and_option_is_explained(words: tuple[str, ...]) -> None:
    text = section(words)
    options = [p for p in command_of(words).params if isinstance(p, click.Option)]
    names = [max(option.opts, key=len) for option in options]
    assert not [option for option in names if f"`{option}" not in text]
    assert command_of(words).help, "a command without help"


def test_the_overview_names_every_verb_and_how_to_begin() -> None:
    text = verbs.overview("./start")
    assert all(f"  {verb.name} " in text for verb in verbs.VERBS)
    assert "./start demo" in text


def test_every_setting_is_explained() -> None:
    text = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    assert SETTINGS
    missing = [s.name for s in SETTINGS if f"| `{s.name}` |" not in text or s.sentence not in text]
    assert not missing


def formats() -> set[str]:
    """The names of every wire format that the source spells."""
    found = set()
    for path in (ROOT / "src").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Assign | ast.AnnAssign) and isinstance(
                node.value, ast.Constant
            ):
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                named = [t.id for t in targets if isinstance(t, ast.Name)]
                if any(n == "FORMAT" or n.endswith("_FORMAT") for n in named):
                    found.add(str(node.value.value))
    return found


def test_every_wire_format_has_its_page() -> None:
    pages = "".join(p.read_text(encoding="utf-8") for p in (ROOT / "docs/formats").glob("*.md"))
    assert "delian-opened" in formats()
    assert not sorted(f for f in formats() if f not in pages)
