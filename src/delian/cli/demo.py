"""``delian demo``: an alliance of 32 nations tells industry what to build, before your eyes."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from delian.cli import output
from delian.cli.demo_screen import Screen
from delian.nodes.demo import run_demo

PATHS = ("release", "root", "sheets", "guide")


@click.command()
@click.option("--out", type=click.Path(path_type=Path), default=Path("delian-demo"), show_default=True, help="Folder for everything; must be new, or an earlier demonstration's.")  # fmt: skip  # noqa: E501
@click.option("--seed", type=click.IntRange(0), default=2026, show_default=True, help="Draws the invented figures.")  # fmt: skip  # noqa: E501
@click.option(
    "--nations", type=int, default=32, show_default=True, help="How many nations, 6 to 32."
)
@click.option("--cells", type=click.IntRange(1), default=720, show_default=True, help="Leaf cells, rounded up to whole products.")  # fmt: skip  # noqa: E501
@output.json_option
def command(out: Path, seed: int, nations: int, cells: int, as_json: bool) -> None:
    """Play one round of an invented alliance on this machine, then a second edition.

    Every role is a process of its own on loopback: 32 nations' agents, three hosts, the
    secretariat. One nation breaks silence, the amended proposal passes, a second edition follows;
    then the releases are verified and attacked. One machine gives no confidentiality: this
    demonstrates, nothing more.
    """
    screen = Screen()
    with screen:
        result: dict[str, Any] = run_demo(
            out, seed=seed, nations=nations, cells=cells, watch=screen
        )
    output.show("demo", inside(out, result), screen.summary(result), as_json=as_json)


def inside(out: Path, result: Mapping[str, Any]) -> dict[str, Any]:
    """The answer with its paths relative to *out*, as scripts rely on (``docs/contract.md``)."""
    home = out.absolute()
    single = {name: relative(home, result[name]) for name in PATHS if name in result}
    return {**result, **single, "editions": [relative(home, e) for e in result["editions"]]}


def relative(out: Path, path: str) -> str:
    """*path* as seen from *out*."""
    return str(Path(path).relative_to(out)) if Path(path).is_relative_to(out) else path
