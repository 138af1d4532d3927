"""``delian status``: what waits for me, until when, and who is missing."""

from pathlib import Path

import click

from delian.cli import output
from delian.cli.by_role import for_role

HOME = click.Path(exists=True, file_okay=False, path_type=Path)


@click.command("status")
@click.option("--home", type=HOME, required=True, help="The home of the node.")
@output.json_option
def command(home: Path, as_json: bool) -> None:
    """Say what waits for this node, until when, who is missing, and what it could not do."""
    found = for_role(home, "status").status(home)
    output.show("status", found.to_plain(), found.lines(), as_json=as_json)
