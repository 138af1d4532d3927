"""``delian exchange check``: what is wrong with a stranger's connector, in plain words."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import click

from delian.adapters.peer_client import PeerClient
from delian.adapters.peer_guard import Guard
from delian.cli import output
from delian.nodes.exchange_check import Report, Terms, diagnose

FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
WRONG = 3


@click.command("check")
@click.argument("url")
@click.option("--development", is_flag=True, help="Allow addresses on this machine.")
@click.option("--authorities", type=FILE, help="PEM file of authorities that count, too.")
@output.json_option
def check(url: str, development: bool, authorities: Path | None, as_json: bool) -> int:
    """Look at the connector at URL as a stranger: what works, what does not, how to mend it."""
    output.talk(f"looking at {url}")
    report = asyncio.run(_look(url, development, authorities))
    output.show("exchange-check", report.to_plain(), report.lines(), as_json=as_json)
    return 0 if report.is_well else WRONG


async def _look(url: str, development: bool, authorities: Path | None) -> Report:
    client = PeerClient(Guard(development), authorities=authorities)
    try:
        return await diagnose(url, client, Terms(datetime.now(UTC), None, development))
    finally:
        await client.close()
