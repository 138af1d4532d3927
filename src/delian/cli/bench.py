"""``delian bench``: figures, each beside a reference measured in the same run."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from delian.cli import checkout, output

TOGETHER = {
    "aggregate": ("aggregate", "merged_round"),
    "verify": ("verify", "label"),
    "exchange": ("exchange", "tdf"),
}
COLUMNS = ("id", "value", "unit", "reference", "ratio")
Figure = Mapping[str, Any]


@click.command()
@click.argument("name", required=False)
@click.option("--only", multiple=True, metavar="ID", help="Measure this figure; repeatable.")
@output.json_option
def command(name: str | None, only: tuple[str, ...], as_json: bool) -> None:
    """Measure benchmark NAME; without a name, all of them one after the other."""
    offered = checkout.names("bench", "")
    parts = TOGETHER.get(name, (name,)) if name else offered
    figures: list[Figure] = []
    for part in parts:
        if name == part or part in offered:
            output.talk(f"delian: bench {part}")
            figures += checkout.load("bench", "", part).run(only or None)
    fields = {"bench": name or "all", "figures": figures}
    output.show("bench", fields, [] if as_json else table(figures), as_json=as_json)


def table(figures: Sequence[Figure]) -> Iterable[str]:
    """The figures for a person."""
    drawn = Table(*COLUMNS)
    for column in (1, 3, 4):
        drawn.columns[column].justify = "right"
    for figure in figures:
        drawn.add_row(*(short(figure.get(k)) for k in COLUMNS))
    console = Console(width=100)
    with console.capture() as capture:
        console.print(drawn)
    return capture.get().splitlines()


def short(value: object) -> str:
    """A number in as many digits as it deserves."""
    return f"{value:.4g}" if isinstance(value, float) else "" if value is None else str(value)
