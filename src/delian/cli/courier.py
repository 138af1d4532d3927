"""``delian courier``: papers as files, for a memory stick or a mail gateway."""

from pathlib import Path

import click

from delian.cli import output
from delian.cli.by_role import for_role, role_of
from delian.nodes.courier import Taken, read_parcels
from delian.terms.errors import InputError

HOME = click.Path(exists=True, file_okay=False, path_type=Path)
FOLDER = click.Path(file_okay=False, path_type=Path)
home_option = click.option("--home", type=HOME, required=True, help="The home of the node.")


class NoReaderError(InputError):
    """The secretariat's export needs to know for whom it is."""

    code = "no-reader"


@click.group("courier")
def command() -> None:
    """Papers as files: every step of a round travels by any road."""


@command.command("export")
@home_option
@click.option("--out", type=FOLDER, required=True, help="Folder for the files.")
@click.option("--reader", help="At the secretariat: for which nation or host.")
@click.option("--again", is_flag=True, help="Also what was exported or sent before.")
@output.json_option
def export(home: Path, out: Path, reader: str | None, again: bool, as_json: bool) -> None:
    """Write what waits to be sent into a folder, one file for each paper."""
    carry_out = for_role(home, "courier").carry_out
    whose = (_reader(reader),) if role_of(home) == "secretariat" else ()
    names = carry_out(home, out, *whose, again=again)
    output.show("courier-export", {"files": list(names)}, names, as_json=as_json)


def _reader(reader: str | None) -> str:
    if reader is None:
        raise NoReaderError("for whom?", hint="name a nation or a host with --reader")
    return reader


@command.command("import")
@click.argument("paths", type=click.Path(exists=True, path_type=Path), nargs=-1, required=True)
@home_option
@output.json_option
def import_command(paths: tuple[Path, ...], home: Path, as_json: bool) -> int:
    """Hand files, or folders of them, to a node; it verifies each of them."""
    taken = for_role(home, "courier").carry_in(home, read_parcels(paths))
    return say(taken, as_json=as_json)


def say(taken: Taken, *, as_json: bool) -> int:
    """Print what became of the files; a refused one decides the exit code."""
    refused = [{"file": name, **error.to_wire()} for name, error in taken.refused]
    fields = {"taken": list(taken.taken), "later": list(taken.later), "refused": refused}
    lines = [f"taken {name}" for name in taken.taken]
    lines += [f"waits {name}" for name in taken.later]
    lines += [f"refused {name}: {error.message}" for name, error in taken.refused]
    output.show("courier-import", fields, lines, as_json=as_json)
    return max((error.exit_code for _, error in taken.refused), default=0)
