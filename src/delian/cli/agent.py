"""``delian agent``: run a nation's agent, and speak as its officer."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click

from delian.adapters.files import read_bytes, write_bytes
from delian.cli import output
from delian.crypto.sign import PublicKey
from delian.nodes.desk import Desk
from delian.nodes.genesis import sign_root_in
from delian.nodes.nation import run_nation
from delian.nodes.nation_courier import act_once
from delian.nodes.nation_officer import Officer
from delian.nodes.pump import set_up_log
from delian.release.agent_check import Review
from delian.terms.encode import parse_utc

HOME = click.Path(exists=True, file_okay=False, path_type=Path)
FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
OUT = click.Path(dir_okay=False, path_type=Path)
home_option = click.option("--home", type=HOME, required=True, help="The nation's home.")
proposal_option = click.option(
    "--proposal", help="First digits of the proposal's id; the newest otherwise."
)
MAX_ROOT_BYTES = 16 * 1024 * 1024


@click.group("agent")
def command() -> None:
    """Run a nation's agent, and speak as its officer."""


@command.command("run")
@home_option
@click.option("--once", is_flag=True, help="Do what is due and end, without the network.")
def run(home: Path, once: bool) -> None:
    """Run the agent until it is stopped: take papers, check, sign when silence has ended."""
    set_up_log()
    if once:
        act_once(home)
    else:
        run_nation(home)


def _voice(name: str, about: str, *, needs_text: bool = True) -> None:
    """Add one command by which an officer speaks."""

    def speak(home: Path, proposal: str | None, reason: str, as_json: bool) -> None:
        said = Officer.at(home).speak(name, reason, proposal)
        output.show("voice", {"kind": name, "digest": said}, [f"said: {said}"], as_json=as_json)

    text = click.option(
        "--reason", required=needs_text, default=None if needs_text else "", help="In words."
    )
    decorated: Callable[..., Any] = output.json_option(speak)
    command.command(name, help=about)(home_option(proposal_option(text(decorated))))


_voice("object", "Break silence: this nation does not agree, and says why.")
_voice("reject-procedure", "Refuse that this is decided by silence at all; early in the period.")
_voice("ask-time", "Ask the chair for more time; this nation's agent waits until it is given.")
_voice("assent", "Say yes before the end; the period stays as long as it is.", needs_text=False)
_voice("reserve", "Put a statement beside the decision; it stops nothing.")


@command.command("review")
@home_option
@proposal_option
@output.json_option
def review(home: Path, proposal: str | None, as_json: bool) -> None:
    """Show which of our own figures sit in which block, and how far readers stay off.

    It shows the nation's own figures, on this screen only.
    """
    found, shown = Officer.at(home).review(proposal)
    output.show("review", {"proposal": found.id, **plain(shown)}, text(shown), as_json=as_json)


def plain(shown: Review) -> dict[str, object]:
    """The review for the owner's own program."""
    blocks = [
        {"cells": [str(c) for c in m.cells], "total": m.total, "own": m.own, "percent": m.percent}
        for m in shown.shown
    ]
    withheld = {str(cell): figure for cell, figure in shown.withheld.items()}
    return {"blocks": blocks, "withheld": withheld, "worst_percent": shown.worst_percent}


def text(shown: Review) -> Iterator[str]:
    """The review for the owner's own screen."""
    for margin in shown.shown:
        cells = ", ".join(str(c) for c in margin.cells[:3])
        more = f" and {len(margin.cells) - 3} more" if len(margin.cells) > 3 else ""
        yield f"{margin.own} of {margin.total}, margin {margin.percent} %: {cells}{more}"
    yield f"{len(shown.shown)} blocks hold a figure of ours, {len(shown.withheld)} are withheld"
    if shown.worst_percent is not None:
        yield f"smallest margin {shown.worst_percent} %"


@command.command("withdraw")
@home_option
@click.option("--release", required=True, help="Its id, or the digest of its statement.")
@click.option("--reason", required=True, help="Why; everybody reads it.")
@click.option("--out", type=OUT, required=True, help="The signed withdrawal, for any road.")
@output.json_option
def withdraw(home: Path, release: str, reason: str, out: Path, as_json: bool) -> None:
    """Take this nation's consent to a release back; the file is valid by any road."""
    said, envelope = Officer.at(home).withdraw(reason, release)
    write_bytes(out, envelope.to_wire())
    lines = [f"withdrawn: {said}", f"the same document lies in {out}"]
    output.show("withdrawal-made", {"digest": said, "file": str(out)}, lines, as_json=as_json)


@command.command("stand-in-key")
@home_option
@output.json_option
def stand_in_key(home: Path, as_json: bool) -> None:
    """Make the key with which this nation will sign for another one, under one mandate."""
    public = Desk.open(home).make_stand_in_key().to_wire()
    output.show("stand-in-key", {"key": public}, [public], as_json=as_json)


@command.command("mandate")
@home_option
@click.option("--to", "stand_in", required=True, help="The nation that will sign for this one.")
@click.option("--key", required=True, help="What 'agent stand-in-key' printed there.")
@click.option("--round", "round_id", required=True, help="The only round in which it holds.")
@click.option("--until", required=True, metavar="UTC", help="It ends then.")
@click.option("--out", type=OUT, help="The signed mandate, for the stand-in's own files.")
@output.json_option
def mandate(
    home: Path, stand_in: str, key: str, round_id: str, until: str, out: Path | None, as_json: bool
) -> None:
    """Let another nation sign for this one in one round, with a key made for that alone."""
    officer = Officer.at(home)
    public = PublicKey.from_wire(key)
    given = officer.give_mandate(stand_in, public, round_id, parse_utc(until))
    if out is not None:
        paper = officer.nation.desk.store.document(given)
        write_bytes(out, b"" if paper is None else paper.body)
    output.show("mandate-given", {"digest": given}, [f"mandate: {given}"], as_json=as_json)


@command.command("sign-root")
@click.argument("root", type=FILE)
@home_option
@click.option("--out", type=OUT, required=True, help="The root with our signature.")
def sign_root(root: Path, home: Path, out: Path) -> None:
    """Sign the root of the repositories with the officer's key."""
    write_bytes(out, sign_root_in(home, read_bytes(root, max_bytes=MAX_ROOT_BYTES)))
    output.talk(f"delian: signed; give {out} back to the secretariat")
