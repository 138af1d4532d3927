"""``delian exchange init`` and ``serve``: a connector from nothing."""

import importlib
from datetime import UTC, datetime
from pathlib import Path
from threading import Thread

import click

from delian.cli import output
from delian.nodes.exchange_node import serve as serve_node
from delian.nodes.exchange_operator import Operator
from delian.nodes.exchange_settings import init_exchange, load_exchange
from delian.nodes.pump import set_up_log
from delian.terms.errors import DelianError

NEW = click.Path(file_okay=False, path_type=Path)
HOME = click.Path(exists=True, file_okay=False, path_type=Path)
FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
# Loaded only where a file is offered: a node should answer soon after its start.
OFFERING = ("delian.nodes.exchange_assets", "delian.exchange.offering")


@click.command("init")
@click.option("--home", type=NEW, required=True, help="The connector's folder; made if missing.")
@click.option("--address", required=True, help="Where peers reach it, https://host[:port][/path].")
@click.option("--development", is_flag=True, help="Allow loopback peers over http, without proof.")
@output.json_option
def init(home: Path, address: str, development: bool, as_json: bool) -> None:
    """Write the settings of a new connector; its keys are made at the first start."""
    path = init_exchange(home, address, development=development)
    settings = load_exchange(home)
    fields = {"path": str(path), "did": settings.did, "address": settings.address}
    lines = [f"{path}", f"participant {settings.did}", f"next: delian exchange serve --home {home}"]
    output.show("exchange-init", fields, lines, as_json=as_json)


@click.command("serve")
@click.option("--home", type=HOME, required=True, help="The connector's folder.")
@click.option("--offer", type=FILE, help="Offer this file to every participant while at it.")
def serve(home: Path, offer: Path | None) -> None:
    """Serve peers and the operator until stopped."""
    set_up_log()

    def started(address: str) -> None:
        output.talk(f"serving {address}")
        if offer is not None:
            Thread(target=_offer, args=(home, address, offer), daemon=True).start()

    serve_node(home, started)


def _offer(home: Path, address: str, source: Path) -> None:
    """Give the order to the node of this process, from beside its loop."""
    assets, offering = map(importlib.import_module, OFFERING)
    place = assets.Place(home, f"{address}/catalog:service")
    name, terms, now = f"urn:file:{source.name}", offering.Terms(), datetime.now(UTC)
    try:
        made = assets.ready_file(place, source, name, source.name, None, terms, now)
        Operator(home).publish(made.dataset.to_plain(), made.path, made.sha256, made.media_type)
        output.talk(f"offering {made.dataset.id}")
    except DelianError as error:
        output.show_error(error, as_json=False)
