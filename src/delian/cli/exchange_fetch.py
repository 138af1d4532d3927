"""``delian exchange fetch``: the data of a contract, checked before anybody relies on them."""

from datetime import UTC, datetime
from pathlib import Path

import click

from delian.cli import output
from delian.cli.verify import say
from delian.nodes.exchange_archive import read_archive, unpack
from delian.nodes.exchange_operator import Operator
from delian.nodes.verifier import state_file, verify_folder
from delian.terms.errors import InputError

HOME = click.Path(exists=True, file_okay=False, path_type=Path)
FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
NEW = click.Path(path_type=Path)


class FetchTargetError(InputError):
    """The place to fetch to holds something already."""

    code = "fetch-target"


@click.command("fetch")
@click.option("--home", type=HOME, required=True, help="The connector's folder.")
@click.argument("pid")
@click.option("--to", type=NEW, required=True, help="A new file; a new folder for a release.")
@click.option(
    "--root", type=FILE, help="It is a release: unpack and verify it by this pinned root."
)
@click.option("--wait", type=click.IntRange(1, 86_400), default=60, metavar="SECONDS", help="How long the provider may take to start.")  # fmt: skip  # noqa: E501
@output.json_option
def fetch(home: Path, pid: str, to: Path, root: Path | None, wait: int, as_json: bool) -> int:
    """Fetch the data of the finalized negotiation PID."""
    if to.exists():
        raise FetchTargetError("the target exists already", hint="name a new one", where=str(to))
    output.talk(f"fetching the data of {pid}")
    target = to if root is None else to.with_name(f".{to.name}.part")
    found = Operator(home).fetch(pid, target, wait_seconds=float(wait))
    if root is None:
        lines = [f"{found['path']}: {found['size']} bytes, {found['digest']}"]
        output.show("exchange-fetch", found, lines, as_json=as_json)
        return 0
    try:
        unpack(read_archive(target), to)
    finally:
        target.unlink(missing_ok=True)
    state = state_file(root, home)
    return say(verify_folder(to, root, now_utc=datetime.now(UTC), state=state), as_json=as_json)
