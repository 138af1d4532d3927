"""``delian contribute``: a nation's sheet, shown, confirmed, sealed and on its way."""

from pathlib import Path

import click

from delian.adapters.files import read_bytes
from delian.cli import output
from delian.cli.papers import MAX_SHEET_BYTES
from delian.cli.sheet import lines, plain
from delian.cli.sheet_preview import text_of, view_of
from delian.contribute.findings import SheetErrors
from delian.contribute.preview import preview
from delian.nodes.nation import Nation
from delian.nodes.nation_sheet import give_sheet
from delian.terms.errors import RefusedError

HOME = click.Path(exists=True, file_okay=False, path_type=Path)
OUT = click.Path(dir_okay=False, path_type=Path)


class NotConfirmedError(RefusedError):
    """The officer did not confirm; nothing has left the machine."""

    code = "not-confirmed"


@click.command("contribute")
@click.argument("sheet", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--home", type=HOME, required=True, help="The home of the nation's node.")
@click.option("--round", "round_id", help="The round, where the node knows more than one.")
@click.option("--dry-run", is_flag=True, help="Say what would leave, and stop.")
@click.option("--out", type=OUT, help="Write the sealed file here for a courier.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@output.json_option
def command(
    sheet: Path,
    home: Path,
    round_id: str | None,
    dry_run: bool,
    out: Path | None,
    yes: bool,
    as_json: bool,
) -> int:
    """Check the filled SHEET, say what will leave, seal it to the three hosts and send it."""
    nation = Nation.open(home)
    view = view_of(nation, round_id)
    try:
        checked = nation.check_sheet(view, read_bytes(sheet, max_bytes=MAX_SHEET_BYTES), sheet.name)
    except SheetErrors as errors:
        found = {"findings": plain(errors.findings)}
        output.show_error(errors, as_json=as_json, more=found, above=lines(errors))
        return errors.exit_code
    leaving = preview(checked, view.known_agreed())
    if dry_run:
        output.show("preview", leaving.to_plain(), text_of(leaving), as_json=as_json)
        return 0
    confirm("\n".join(text_of(leaving)), "Seal and send this sheet?", yes=yes)
    given = give_sheet(nation, view, checked, out)
    output.show("contribution", given.to_plain(), given.lines("sheet"), as_json=as_json)
    return 0


def confirm(what: str, question: str, *, yes: bool) -> None:
    """Show what is about to happen, on stderr, and ask.

    Raises:
        NotConfirmedError: the answer is no, or nobody is there to answer.
    """
    output.talk(what)
    if yes:
        return
    try:
        agreed = click.confirm(question, err=True)
    except click.Abort:
        agreed = False
    if not agreed:
        raise NotConfirmedError("not confirmed: nothing has left this machine", hint="use --yes")
