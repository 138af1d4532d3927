"""``delian doctor``: clock, links, certificates, disk, keys and ledger of a node."""

from pathlib import Path

import click

from delian.adapters.clock import SystemClock
from delian.cli import output
from delian.nodes.doctor import NotWellError, examine

HOME = click.Path(exists=True, file_okay=False, path_type=Path)


@click.command("doctor")
@click.option("--home", type=HOME, required=True, help="The home of the node.")
@output.json_option
def command(home: Path, as_json: bool) -> int:
    """Examine everything this node needs; exit code 5 when something is down."""
    found = examine(home, SystemClock())
    fields = {"findings": [f.to_plain() for f in found]}
    down = [f.what for f in found if not f.is_well]
    if not down:
        output.show("doctor", fields, [f.line() for f in found], as_json=as_json)
        return 0
    error = NotWellError(f"down: {', '.join(down)}", hint="the lines marked DOWN say why")
    above = [f.line() for f in found]
    output.show_error(error, as_json=as_json, more=fields, above=above)
    return error.exit_code
