"""``delian host``: run one of the three compute hosts."""

from pathlib import Path

import click

from delian.nodes.host import run_host
from delian.nodes.pump import set_up_log
from delian.terms.encode import parse
from delian.terms.round_terms import RoundTerms

HOME = click.Path(file_okay=False, exists=True, path_type=Path)


@click.group()
def command() -> None:
    """Run a compute host."""


@command.command()
@click.option("--home", type=HOME, required=True, help="The host's folder.")
@click.option(
    "--warm",
    type=click.Path(dir_okay=False, exists=True, path_type=Path),
    help="Terms whose circuits are built before the first round.",
)
def run(home: Path, warm: Path | None) -> None:
    """Run the host until it is stopped: check sheets, run rounds with both peers, sign."""
    set_up_log()
    terms = None if warm is None else RoundTerms.from_plain(parse(warm.read_bytes()))
    run_host(home, terms)
