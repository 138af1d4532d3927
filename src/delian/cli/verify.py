"""``delian verify``: is this release genuine, current, whole, and agreed to by all?"""

from datetime import UTC, datetime
from pathlib import Path

import click

from delian.cli import output
from delian.nodes.verifier import state_file, verify_folder
from delian.release.report import VerifyReport
from delian.terms.encode import parse_utc
from delian.terms.errors import TamperedError

FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)


@click.command("verify")
@click.argument("folder", type=FOLDER)
@click.option("--root", type=FILE, required=True, help="The root file you pinned.")
@click.option("--state", type=click.Path(file_okay=False, path_type=Path), help="Folder that remembers versions; beside the root file otherwise.")  # fmt: skip  # noqa: E501
@click.option("--no-state", is_flag=True, help="Remember nothing; rollback is not checked.")
@click.option("--at", "at_text", metavar="UTC", help="Check as of this moment; no proof of today.")
@click.option("--round", "round_id", help="Accept this round only.")
@click.option("--audience", help="Accept this audience only.")
@click.option("--withdrawals", type=FOLDER, help="Withdrawals that came by other roads.")
@click.option("--deep", is_flag=True, help="Also render the files again and compare.")
@output.json_option
def command(
    folder: Path,
    root: Path,
    state: Path | None,
    no_state: bool,
    at_text: str | None,
    round_id: str | None,
    audience: str | None,
    withdrawals: Path | None,
    deep: bool,
    as_json: bool,
) -> int:
    """Verify the release in FOLDER offline, by its files and the pinned root alone."""
    report = verify_folder(
        folder,
        root,
        now_utc=now(),
        state=None if no_state else state_file(root, state),
        at_utc=parse_utc(at_text) if at_text else None,
        round_id=round_id,
        audience=audience,
        withdrawals=withdrawals,
        is_deep=deep,
    )
    return say(report, as_json=as_json)


def now() -> datetime:
    """One reading of this machine's clock."""
    return datetime.now(UTC)


def say(report: VerifyReport, *, as_json: bool) -> int:
    """Print the numbered checks; a failed one decides the exit code."""
    try:
        report.raise_for_failure()
    except TamperedError as error:
        if not as_json:
            output.show("verification", {}, report.lines(), as_json=False)
        output.show_error(error, as_json=as_json, more=report.to_plain())
        return error.exit_code
    output.show("verification", report.to_plain(), report.lines(), as_json=as_json)
    return 0
