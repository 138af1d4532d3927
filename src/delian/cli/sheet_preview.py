"""``delian sheet preview``: exactly what would leave the nation's machine, before it leaves."""

from collections.abc import Iterator
from pathlib import Path

import click

from delian.adapters.files import read_bytes
from delian.cli import output
from delian.cli.papers import MAX_SHEET_BYTES
from delian.contribute.preview import Preview, preview
from delian.nodes.nation import Nation
from delian.nodes.release_view import ReleaseView
from delian.terms.errors import InputError


class RoundUnknownError(InputError):
    """The node knows no round of this name, or more than one and none was named."""

    code = "round-unknown"


@click.command("preview")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--home", type=click.Path(exists=True, file_okay=False, path_type=Path), required=True, help="The home of the nation's node.")  # fmt: skip  # noqa: E501
@click.option("--round", "round_id", help="The round, where the node knows more than one.")
@output.json_option
def command(file: Path, home: Path, round_id: str | None, as_json: bool) -> None:
    """Check the sheet in FILE and say exactly what would leave this machine, and to whom."""
    nation = Nation.open(home)
    view = view_of(nation, round_id)
    checked = nation.check_sheet(view, read_bytes(file, max_bytes=MAX_SHEET_BYTES), file.name)
    found = preview(checked, view.known_agreed())
    output.show("preview", found.to_plain(), text_of(found), as_json=as_json)


def view_of(nation: Nation, round_id: str | None) -> ReleaseView:
    """The round that is meant.

    Raises:
        RoundUnknownError: there is none of this name, or none was named and there are several.
    """
    known = sorted(nation.views)
    name = known[0] if round_id is None and len(known) == 1 else round_id
    if name is None or name not in nation.views:
        listed = f"this node knows {', '.join(known)}" if known else "this node knows no round yet"
        raise RoundUnknownError("which round is meant?", hint=f"{listed}; name one with --round")
    return nation.views[name]


def text_of(found: Preview) -> Iterator[str]:
    """The preview for a person."""
    yield f"Sheet of {found.nation} for round {found.round_id}, {found.cells} cells"
    yield f"under the terms {found.terms}"
    yield ""
    yield f"Leaves this machine, sealed, {found.sealed_bytes} bytes in all:"
    for part in found.leaving:
        yield f"  to {part.host} ({part.organisation}): {part.size_bytes} bytes, {part.content}"
    yield "Everybody on the way can read:"
    yield from (f"  {line}" for line in found.in_clear)
    yield "Know before you send:"
    yield from (f"  {line}" for line in found.limits)
    yield from (f"Warning: {where}: {message}" for where, message in found.warnings)
