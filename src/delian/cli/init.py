"""``delian init``: how a partnership begins; docs/howto/first-hour.md walks through it."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import click

from delian.adapters.files import read_bytes, write_bytes
from delian.cli import output
from delian.crypto.dsse import Envelope
from delian.nodes.genesis import (
    MAX_ROSTER_BYTES,
    first_roster,
    join_signatures,
    make_party,
    read_card,
    read_roster,
    sign_in,
    successor_roster,
)
from delian.nodes.settling import join_root, next_root, settle_home
from delian.terms.encode import canonical
from delian.terms.errors import InputError

HOME = click.Path(file_okay=False, path_type=Path)
FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
OUT = click.Path(dir_okay=False, path_type=Path)
out_option = click.option("--out", type=OUT, required=True, help="File to write.")
home_option = click.option("--home", type=HOME, required=True, help="The party's own folder.")


class LeavingError(InputError):
    """Who leaves, and when, is written CODE=2027-01-01."""

    code = "leaving"


@click.group("init")
def command() -> None:
    """Begin: keys and card, roster, signatures, home, root."""


def _role(role: str, about: str) -> None:
    """Add the command that makes the keys of one kind of party."""

    def make(code: str, home: Path, name: str, organisation: str | None, algorithm: str) -> None:
        party = make_party(
            home, role, code, name, organisation or name, datetime.now(UTC), algorithm=algorithm
        )
        output.talk(f"delian: keys lie in {home / 'keys'}; give {home / 'card.json'} to the others")
        output.show("card", {"card": party.to_plain()}, [str(home / "card.json")], as_json=False)

    for option in (
        click.option(
            "--algorithm",
            type=click.Choice(["ed25519", "ml-dsa-65"]),
            default="ed25519",
            help="For signatures.",
        ),
        click.option("--organisation", help="Who runs it; hosts must belong to three."),
        click.option("--name", required=True, help="For people."),
        home_option,
        click.argument("code"),
    ):
        make = option(make)
    command.command(role, help=about)(make)


_role("nation", "Make a nation's keys and its card, in its own new folder.")
_role("host", "Make a compute host's keys and its card, in its own new folder.")
_role("secretariat", "Make the secretariat's keys and its card, in its own new folder.")


@command.command("roster")
@click.argument("cards", type=FILE, nargs=-1)
@click.option("--partnership", help="Its name; for the first roster.")
@click.option("--after", type=FILE, help="The roster that this one follows.")
@click.option("--leaves", multiple=True, metavar="CODE=DAY", help="Who leaves; repeatable.")
@out_option
def roster(
    cards: tuple[Path, ...], partnership: str | None, after: Path | None, leaves: tuple[str, ...],
    out: Path,
) -> None:  # fmt: skip
    """Make the first roster of all CARDS, or the one after another; nobody has signed it yet."""
    parties = [read_card(read_bytes(card)) for card in cards]
    if after is None:
        made = first_roster(partnership or "", parties)
    else:
        before = read_roster(read_bytes(after, max_bytes=MAX_ROSTER_BYTES))
        made = successor_roster(before, parties, dict(map(_leaving, leaves)))
    write_bytes(out, canonical(made.to_plain()))
    print_digest(made.digest)


def _leaving(text: str) -> tuple[str, date]:
    code, _, day = text.partition("=")
    try:
        return code, date.fromisoformat(day)
    except ValueError as error:
        raise LeavingError(f"'{text}' is not CODE=2027-01-01") from error


def print_digest(digest: str) -> None:
    """Print what everybody compares by another road than the file came."""
    output.talk("delian: compare this digest with the others, by telephone or in person")
    output.show("roster-digest", {"digest": digest}, [digest], as_json=False)


@command.command("sign-roster")
@click.argument("roster_file", metavar="ROSTER", type=FILE)
@home_option
@out_option
def sign_roster(roster_file: Path, home: Path, out: Path) -> None:
    """Sign ROSTER, if it holds our own card; with next keys, the old ones sign, too."""
    found = read_roster(read_bytes(roster_file, max_bytes=MAX_ROSTER_BYTES))
    code = read_card(read_bytes(home / "card.json")).code
    write_bytes(out, sign_in(home, found, code).to_wire())
    print_digest(found.digest)


@command.command("join")
@click.argument("signed", type=FILE, nargs=-1, required=True)
@out_option
def join(signed: tuple[Path, ...], out: Path) -> None:
    """Join the SIGNED rosters of all into one file, and say whose signature is missing."""
    papers = [Envelope.from_wire(read_bytes(s, max_bytes=MAX_ROSTER_BYTES)) for s in signed]
    joined, missing = join_signatures(papers)
    write_bytes(out, joined.to_wire())
    for keyid in missing:
        output.talk(f"delian: {keyid} has not signed yet")
    output.show("roster-joined", {}, [f"{len(missing)} signatures are missing"], as_json=False)


@command.command("settle")
@click.argument("roster_file", metavar="ROSTER", type=FILE)
@home_option
@click.option("--digest", help="Of the first roster, as you received it by another road.")
@click.option("--office", default="", help="The secretariat, https://host:port; none: files only.")
@click.option("--listen", default="", help="Host or secretariat: address:port.")
@click.option("--peers", default="", help="Host: 'alpha=address:port,bravo=address:port'.")
def settle(
    roster_file: Path, home: Path, digest: str | None, office: str, listen: str, peers: str
) -> None:
    """Put a ROSTER that everybody has signed into our home; the node can start then."""
    envelope = Envelope.from_wire(read_bytes(roster_file, max_bytes=MAX_ROSTER_BYTES))
    values = {"office": office, "listen": listen, "peers": peers}
    for line in settle_home(home, envelope, digest, {k: v for k, v in values.items() if v}):
        output.talk(f"delian: {line}")


@command.command("root")
@home_option
@click.option("--days", type=click.IntRange(30, 3650), default=800, help="How long it is valid.")
@out_option
def root(home: Path, days: int, out: Path) -> None:
    """At the secretariat: make the first or next root of the repositories; officers sign it."""
    write_bytes(out, next_root(home, datetime.now(UTC) + timedelta(days=days)))
    output.talk(f"delian: two thirds of the nations sign {out} with 'delian agent sign-root'")


@command.command("join-root")
@click.argument("signed", type=FILE, nargs=-1, required=True)
@home_option
@out_option
def join_root_command(signed: tuple[Path, ...], home: Path, out: Path) -> None:
    """At the secretariat: join the SIGNED roots; readers pin the file that comes out."""
    write_bytes(out, join_root(home, [read_bytes(path) for path in signed]))
    output.talk(f"delian: the root lies in the home; {out} is for every reader")
