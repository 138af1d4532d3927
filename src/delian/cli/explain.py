"""``delian explain``: why; one paper, its signers, its place in the ledger, what came of it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from delian.cli import output
from delian.nodes.desk import Desk
from delian.nodes.explain import Explained, explain

HOME = click.Path(exists=True, file_okay=False, path_type=Path)


@click.command("explain")
@click.argument("digest")
@click.option("--home", type=HOME, required=True, help="The home of the node.")
@output.json_option
def command(digest: str, home: Path, as_json: bool) -> None:
    """Say what the paper DIGEST is, who signed it, and what it has come to.

    DIGEST is that of a file, a proposal, a statement or a table; its first digits are enough.
    """
    desk = Desk.open(home)
    found = explain(desk, digest, desk.settings.clock().now_utc())
    output.show("explanation", found.to_plain(), text(found), as_json=as_json)


def text(found: Explained) -> Iterator[str]:
    """The explanation for a person."""
    yield f"{found.kind} of round {found.round_id}, brought by {found.who}"
    yield f"file     {found.paper}"
    yield f"content  {found.content}"
    yield f"signed by {', '.join(found.signed_by) or 'nobody known'}"
    if found.ledger is None:
        yield "ledger   no entry of its own"
    else:
        place = f"entry {found.ledger['sequence']} of {found.ledger['size']}"
        yield f"ledger   {place}, inclusion proven"
    if found.proposal is not None:
        yield from came_to(found.proposal)


def came_to(proposal: dict[str, Any]) -> Iterator[str]:
    """What a proposal has come to, and by what evidence."""
    yield f"about    {proposal['matter']} {proposal['subject']}"
    yield f"state    {proposal['state']}: {proposal['why']}"
    for consent in proposal["evidence"]:
        yield f"  consent of {consent['nation']} by {consent['key']}"
    for voice in proposal["voices"]:
        yield f"  {voice['at']} {voice['speaker']}: {voice['kind']}: {voice['text']}"
