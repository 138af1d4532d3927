"""``delian keys``: list, back up, restore and rotate the keys of a home."""

import secrets
from datetime import UTC, datetime
from pathlib import Path

import click

from delian.adapters.files import read_bytes, write_bytes
from delian.cli import output
from delian.crypto.passphrase import MAX_LOCKED_BYTES
from delian.nodes.keyring import back_up, list_keys, restore, rotate
from delian.terms.errors import InputError

HOME = click.Path(file_okay=False, path_type=Path)
FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
home_option = click.option("--home", type=HOME, required=True, help="The party's own folder.")
passphrase_option = click.option(
    "--passphrase-file", type=FILE, help="File with the passphrase in its first line; else asked."
)


class NoPassphraseError(InputError):
    """There is no passphrase: nobody typed one, or the file is empty."""

    code = "no-passphrase"


@click.group("keys")
def command() -> None:
    """The keys of a home; docs/howto/keys.md says what each lost one costs."""


@command.command("list")
@home_option
@output.json_option
def list_command(home: Path, as_json: bool) -> None:
    """List every key this party must have, and whether it is the one on its card."""
    found = list_keys(home)
    lines = [f"{k.state:<10}  {k.name:<20} {k.public[:60]}" for k in found]
    output.show("keys", {"keys": [k.to_plain() for k in found]}, lines, as_json=as_json)


@command.command("backup")
@home_option
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), required=True, help="The locked file.")  # fmt: skip  # noqa: E501
@passphrase_option
def backup(home: Path, out: Path, passphrase_file: Path | None) -> None:
    """Lock keys, card, settings and rosters into one file under a passphrase."""
    word = passphrase(passphrase_file, twice=True)
    write_bytes(out, back_up(home, word, secrets.token_bytes), secret=True)
    output.talk(f"delian: {out} opens with the passphrase only; keep the two apart")


@command.command("restore")
@click.argument("file", type=FILE)
@home_option
@passphrase_option
def restore_command(file: Path, home: Path, passphrase_file: Path | None) -> None:
    """Put a backup into a home; another key that is there already is never replaced."""
    locked = read_bytes(file, max_bytes=MAX_LOCKED_BYTES)
    code, names = restore(home, locked, passphrase(passphrase_file, twice=False))
    output.show("restored", {}, [f"{code}: {name}" for name in names], as_json=False)


@command.command("rotate")
@click.argument("purposes", metavar="PURPOSE…", nargs=-1, required=True)
@home_option
def rotate_command(purposes: tuple[str, ...], home: Path) -> None:
    """Make the next keys for PURPOSE…, and the next card; the successor roster changes them."""
    rotate(home, purposes, datetime.now(UTC))
    output.talk("delian: give card-next.json to whoever makes the successor roster (delian init)")
    output.show("rotated", {}, [str(home / "card-next.json")], as_json=False)


def passphrase(path: Path | None, *, twice: bool) -> str:
    """The passphrase, from a file or from the keyboard; never from an argument.

    Raises:
        NoPassphraseError: there is none.
    """
    if path is not None:
        lines = read_bytes(path, max_bytes=4096).decode("utf-8").splitlines()
        word = lines[0] if lines else ""
    else:
        try:
            word = click.prompt("Passphrase", hide_input=True, confirmation_prompt=twice, err=True)
        except click.Abort:
            word = ""
    if not word:
        raise NoPassphraseError("no passphrase was given", hint="use --passphrase-file")
    return str(word)
