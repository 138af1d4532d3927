"""``delian secretariat``: run the secretariat and give it orders."""

from pathlib import Path
from typing import Any

import click

from delian.cli import output
from delian.nodes.desk import Desk
from delian.nodes.pump import set_up_log
from delian.nodes.secretariat_orders import give_order
from delian.nodes.secretariat_serve import run_secretariat
from delian.terms.encode import parse

HOME = click.Path(file_okay=False, exists=True, path_type=Path)
FILE = click.Path(dir_okay=False, exists=True, path_type=Path)
home_option = click.option("--home", type=HOME, required=True, help="The secretariat's folder.")


@click.group()
def command() -> None:
    """Run the secretariat, and give it orders."""


@command.command()
@home_option
def run(home: Path) -> None:
    """Serve nations and hosts until stopped."""
    set_up_log()
    run_secretariat(home)


def _order(home: Path, order: dict[str, Any], as_json: bool) -> None:
    answer = give_order(Desk.open(home), order)
    output.show("order", answer, [f"{k}: {v}" for k, v in answer.items()], as_json=as_json)


@command.command("open-round")
@home_option
@click.argument("terms", type=FILE)
@output.json_option
def open_round(home: Path, terms: Path, as_json: bool) -> None:
    """Put the round terms in the file TERMS to all nations."""
    _order(home, {"order": "open-round", "terms": parse(terms.read_bytes())}, as_json)


@command.command()
@home_option
@click.argument("round_id", metavar="ROUND")
@click.option("--withhold", multiple=True, metavar="CELL", help="Withhold the block of this cell.")
@click.option(
    "--join", multiple=True, metavar="CELL,CELL…", help="Add the blocks of these cells up."
)
@output.json_option
def amend(
    home: Path, round_id: str, withhold: tuple[str, ...], join: tuple[str, ...], as_json: bool
) -> None:
    """Propose ROUND again with less in it; never with more."""
    groups = [group.split(",") for group in join]
    order = {"order": "amend", "round": round_id, "withhold": list(withhold), "join": groups}
    _order(home, order, as_json)


@command.command()
@home_option
@click.argument("round_id", metavar="ROUND")
@click.argument("proposal")
@click.option(
    "--hours", type=click.IntRange(1), required=True, help="How much longer silence runs."
)
@click.option("--reason", required=True, help="Why; every nation reads it.")
@output.json_option
def extend(
    home: Path, round_id: str, proposal: str, hours: int, reason: str, as_json: bool
) -> None:
    """Let silence on PROPOSAL of ROUND run longer."""
    order = {"order": "extend", "round": round_id, "proposal": proposal, "hours": hours}
    _order(home, {**order, "reason": reason}, as_json)


@command.command("end-round")
@home_option
@click.argument("round_id", metavar="ROUND")
@output.json_option
def end_round(home: Path, round_id: str, as_json: bool) -> None:
    """End ROUND without a further release, so that its cells are free for another."""
    _order(home, {"order": "end-round", "round": round_id}, as_json)
