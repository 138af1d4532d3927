"""``delian exchange fetch``: the data of a contract, checked before anybody relies on them."""

from datetime import UTC, datetime
from pathlib import Path

import click

from delian.adapters.clock import SystemClock
from delian.cli import output
from delian.cli.label_file import policy_from
from delian.cli.verify import say
from delian.crypto.sign import PublicKey
from delian.nodes.exchange_archive import read_archive, unpack
from delian.nodes.exchange_operator import Operator
from delian.nodes.exchange_sealing import Opening, open_sealed, read_account
from delian.nodes.exchange_settings import load_exchange
from delian.nodes.verifier import state_file, verify_folder
from delian.terms.errors import InputError

HOME = click.Path(exists=True, file_okay=False, path_type=Path)
FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
NEW = click.Path(path_type=Path)


class FetchTargetError(InputError):
    """The place to fetch to is taken, or what is to be done there is not said."""

    code = "fetch-target"


@click.command("fetch")
@click.option("--home", type=HOME, required=True, help="The connector's folder.")
@click.argument("pid")
@click.option("--to", type=NEW, required=True, help="A new file; a new folder for a release.")
@click.option(
    "--root", type=FILE, help="It is a release: unpack and verify it by this pinned root."
)
@click.option("--originator", metavar="KEYID=KEY", help="It is sealed: the pinned key of who did.")
@click.option("--account", type=FILE, help="It is sealed: your account with its key access.")
@click.option("--labelling-policy", type=FILE, help="Of its label; the fictitious one otherwise.")
@click.option("--wait", type=click.IntRange(1, 86_400), default=60, metavar="SECONDS", help="How long the provider may take to start.")  # fmt: skip  # noqa: E501
@output.json_option
def fetch(
    home: Path,
    pid: str,
    to: Path,
    root: Path | None,
    originator: str | None,
    account: Path | None,
    labelling_policy: Path | None,
    wait: int,
    as_json: bool,
) -> int:
    """Fetch the data of the finalized negotiation PID."""
    if to.exists():
        raise FetchTargetError("the target exists already", hint="name a new one", where=str(to))
    opening = _opening(home, root, originator, account, labelling_policy)
    output.talk(f"fetching the data of {pid}")
    target = to if root is None else to.with_name(f".{to.name}.part")
    found = Operator(home).fetch(pid, target, wait_seconds=float(wait))
    if root is None:
        lines = [f"{found['path']}: {found['size']} bytes, {found['digest']}"]
        output.show("exchange-fetch", found, lines, as_json=as_json)
        return 0
    try:
        sealed = None if opening is None else open_sealed(target, opening, SystemClock())
        unpack(read_archive(target) if sealed is None else sealed, to)
    finally:
        target.unlink(missing_ok=True)
    state = state_file(root, home)
    return say(verify_folder(to, root, now_utc=datetime.now(UTC), state=state), as_json=as_json)


def _opening(
    home: Path,
    root: Path | None,
    originator: str | None,
    account: Path | None,
    labelling_policy: Path | None,
) -> Opening | None:
    if originator is None and account is None:
        return None
    keyid, _, key = (originator or "").partition("=")
    if account is None or root is None or not key:
        raise FetchTargetError(
            "a sealed release needs --root, --originator KEYID=KEY and --account FILE"
        )
    return Opening(
        read_account(account),
        {keyid: PublicKey.from_wire(key)},
        policy_from(labelling_policy),
        load_exchange(home).development,
    )
