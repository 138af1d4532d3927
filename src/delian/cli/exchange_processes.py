"""``delian exchange negotiate``, ``decide``, ``explain``, ``terminate``: contracts, their story."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from delian.cli import output
from delian.cli.exchange_orders import home_option, peer_option, process_line
from delian.exchange.errors import MessageError
from delian.exchange.explain import offer_lines
from delian.exchange.odrl import Policy
from delian.nodes.exchange_operator import Operator

WAIT = click.IntRange(0, 86_400)
wait_option = click.option(
    "--wait", type=WAIT, default=30, metavar="SECONDS", help="How long to wait for the outcome."
)
REFUSED, NOT_YET = 1, 4


@click.command("negotiate")
@home_option
@click.argument("url")
@click.argument("dataset")
@click.option("--offer", help="Which of its offers; the first otherwise.")
@peer_option
@wait_option
@output.json_option
def negotiate(
    home: Path, url: str, dataset: str, offer: str | None, peer: str, wait: int, as_json: bool
) -> int:
    """Ask the connector at URL for a contract about DATASET, on the terms of its offer."""
    output.talk(f"asking {url} for a contract about {dataset}")
    found = Operator(home).negotiate(url, dataset, offer, peer=peer, wait_seconds=float(wait))
    output.show("exchange-process", found, _lines(found), as_json=as_json)
    return exit_code(found)


@click.command("decide")
@home_option
@click.argument("pid")
@click.argument("answer", type=click.Choice(["yes", "no"]))
@click.option("--reason", default="", help="Why not; the counterparty reads it.")
@output.json_option
def decide(home: Path, pid: str, answer: str, reason: str, as_json: bool) -> None:
    """Say yes or no to the negotiation PID, which waits for a person."""
    found = Operator(home).decide(pid, answer == "yes", reason)
    output.show("exchange-process", found, _lines(found), as_json=as_json)


@click.command("terminate")
@home_option
@click.argument("pid")
@click.option("--reason", required=True, help="Why; the counterparty reads it.")
@output.json_option
def terminate(home: Path, pid: str, reason: str, as_json: bool) -> None:
    """End the negotiation or transfer PID."""
    found = Operator(home).terminate(pid, reason)
    output.show("exchange-process", found, _lines(found), as_json=as_json)


@click.command("explain")
@home_option
@click.argument("pid")
@output.json_option
def explain(home: Path, pid: str, as_json: bool) -> None:
    """Why PID stands where it stands: every step, the terms, every reason of the policy."""
    found = Operator(home).explain(pid)
    lines = _lines(found)
    for name in ("offer", "agreement"):
        lines += [f"  {line}" for line in _terms(found.get(name))]
    for step in found["story"]:
        detail = f"  {step['detail']}" if step["detail"] else ""
        lines.append(f"  {step['at']}  {step['event']}{detail}")
    if found["unsent"]:
        lines.append(f"  {found['unsent']} messages wait to be sent")
    lines += [f"  the policy, for you alone: {finding}" for finding in found["findings"]]
    output.show("exchange-story", found, lines, as_json=as_json)


def exit_code(found: Mapping[str, Any]) -> int:
    """0 where it stands, 1 where it ended without, 4 where it still goes on."""
    if found["state"] in ("FINALIZED", "COMPLETED", "STARTED"):
        return 0
    return REFUSED if found["state"] == "TERMINATED" else NOT_YET


def _lines(found: Mapping[str, Any]) -> list[str]:
    return [process_line(found)]


def _terms(plain: object) -> list[str]:
    if plain is None:
        return []
    try:
        return offer_lines(Policy.from_plain(plain, "policy"))
    except MessageError as error:
        return [f"not readable: {error.where}: {error.message}"]
