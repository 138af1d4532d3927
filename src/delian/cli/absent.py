"""``delian absent``: a nation's signed word that it takes no part with figures."""

from pathlib import Path

import click

from delian.cli import output
from delian.cli.contribute import HOME, OUT, confirm
from delian.cli.sheet_preview import view_of
from delian.nodes.nation import Nation
from delian.nodes.nation_sheet import give_absence


@click.command("absent")
@click.option("--home", type=HOME, required=True, help="The home of the nation's node.")
@click.option("--round", "round_id", help="The round, where the node knows more than one.")
@click.option("--out", type=OUT, help="Write the signed statement here for a courier.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@output.json_option
def command(home: Path, round_id: str | None, out: Path | None, yes: bool, as_json: bool) -> None:
    """State that this nation takes no part; it is published as absent."""
    nation = Nation.open(home)
    view = view_of(nation, round_id)
    what = f"{nation.desk.code} will be published as absent from round {view.round_id}."
    confirm(what, "State it?", yes=yes)
    given = give_absence(nation, view, out)
    output.show("absence-given", given.to_plain(), given.lines("absence"), as_json=as_json)
