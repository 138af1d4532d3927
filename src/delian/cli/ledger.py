"""``delian ledger``: what happened at a node, in order, and that nobody has changed it."""

from pathlib import Path

import click

from delian.adapters.files import read_bytes
from delian.cli import output
from delian.crypto.armor import to_base64
from delian.crypto.ledger import MAX_ENTRY_BYTES, Checkpoint
from delian.nodes.desk import Desk
from delian.terms.encode import parse

HOME = click.Path(exists=True, file_okay=False, path_type=Path)
home_option = click.option("--home", type=HOME, required=True, help="The home of the node.")


@click.group("ledger")
def command() -> None:
    """The append-only record of signed events; it holds no quantity."""


@command.command("check")
@home_option
@click.option("--checkpoint", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Hold it against a checkpoint seen before.")  # fmt: skip  # noqa: E501
@output.json_option
def check(home: Path, checkpoint: Path | None, as_json: bool) -> None:
    """Check every entry and link, and that the ledger continues a checkpoint seen before."""
    ledger = Desk.open(home).ledger()
    if checkpoint is not None:
        ledger.check(read_checkpoint(checkpoint))
    now = ledger.checkpoint()
    fields = {"origin": now.origin, "size": now.size, "root": to_base64(now.root)}
    held = f"continues {checkpoint.name}" if checkpoint else "held against no earlier checkpoint"
    lines = [
        f"{now.origin}: {now.size} entries, every link holds; {held}",
        f"root {fields['root']}",
    ]
    output.show("ledger-check", fields, lines, as_json=as_json)


@command.command("list")
@home_option
@output.json_option
def list_command(home: Path, as_json: bool) -> None:
    """List the entries: number, kind, round, who brought it, digest of the document."""
    entries = Desk.open(home).ledger().read()
    plain = [parse(entry.to_wire()) for entry in entries]
    lines = [f"{e.sequence:>6}  {e.kind:<16} {e.round:<20} {e.who:<8} {e.digest}" for e in entries]
    output.show("ledger-list", {"entries": plain}, lines, as_json=as_json)


def read_checkpoint(path: Path) -> Checkpoint:
    """A checkpoint as the reader keeps it: its text of three lines, or its document."""
    data = read_bytes(path, max_bytes=MAX_ENTRY_BYTES)
    if data.lstrip().startswith(b"{"):
        return Checkpoint.from_wire(data)
    return Checkpoint.from_text(data.decode("utf-8", "replace"))
