"""``delian exchange status``, ``catalogue`` and ``withdraw``: what is offered, here and there."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from delian.cli import output
from delian.exchange.catalogue import Dataset
from delian.exchange.errors import MessageError
from delian.exchange.explain import offer_lines
from delian.nodes.exchange_operator import Operator
from delian.terms.errors import InputError

HOME = click.Path(exists=True, file_okay=False, path_type=Path)
home_option = click.option("--home", type=HOME, required=True, help="The connector's folder.")
peer_option = click.option("--peer", default="", help="Its participant id, where it says none.")


class WhereError(InputError):
    """A catalogue condition is not ``property=value``."""

    code = "exchange-where"


@click.command("status")
@home_option
@click.option("--limit", type=click.IntRange(1, 1000), default=20, help="How many of each kind.")
@output.json_option
def status(home: Path, limit: int, as_json: bool) -> None:
    """What this connector offers, and what stands open."""
    operator = Operator(home)
    found = {**operator.status(), "newest": operator.list(limit)}
    output.show("exchange-status", found, _status_lines(found), as_json=as_json)


def _status_lines(found: Mapping[str, Any]) -> list[str]:
    newest = found["newest"]
    lines = [f"{found['participant']} at {found['address']}"]
    lines.append(f"{found['datasets']} datasets offered, {found['sending']} messages to be sent")
    lines += [f"  {name}" for name in newest["datasets"]]
    for kind in ("negotiations", "transfers"):
        counts = ", ".join(f"{n} {state}" for state, n in sorted(found[kind].items()))
        lines.append(f"{kind}: {counts or 'none'}")
        lines += [f"  {process_line(p)}" for p in newest[kind]]
    return lines


def process_line(p: Mapping[str, Any]) -> str:
    """One process in one line."""
    why = f" ({'; '.join(p['reasons'])})" if p["reasons"] else ""
    return f"{p['pid']}  {p['state']}{why}  {p['dataset']}  with {p['peer']}"


@click.command("withdraw")
@home_option
@click.argument("dataset")
@click.option("--reason", required=True, help="Why; every peer that has it open reads it.")
@output.json_option
def withdraw(home: Path, dataset: str, reason: str, as_json: bool) -> None:
    """Take DATASET out of the catalogue; what runs with it ends, with the reason."""
    found = Operator(home).withdraw(dataset, reason)
    lines = [f"{dataset} is withdrawn; {found['ended']} open processes ended"]
    output.show("exchange-withdraw", found, lines, as_json=as_json)


@click.command("catalogue")
@home_option
@click.argument("url")
@click.option("--where", multiple=True, metavar="PROPERTY=VALUE", help="Only what fits.")
@peer_option
@output.json_option
def catalogue(home: Path, url: str, where: tuple[str, ...], peer: str, as_json: bool) -> None:
    """What the connector at URL offers to us, with the conditions in words."""
    found = Operator(home).catalogue(url, _conditions(where), peer=peer)
    lines = [f"{found['participant']} at {found['address']}: {len(found['datasets'])} datasets"]
    for plain in found["datasets"]:
        lines += _dataset_lines(plain)
    lines += [f"not readable: {line}" for line in found["unread"]]
    output.show("exchange-catalogue", found, lines, as_json=as_json)


def _conditions(where: Sequence[str]) -> list[dict[str, str]]:
    made = []
    for text in where:
        name, sign, value = text.partition("=")
        if not name or not sign:
            raise WhereError(f"'{text[:60]}' is not PROPERTY=VALUE", hint="as in keyword=release")
        made.append({"property": name, "operator": "=", "value": value})
    return made


def _dataset_lines(plain: dict[str, Any]) -> list[str]:
    try:
        dataset = Dataset.from_plain(plain, "dataset")
    except MessageError as error:
        return [f"not readable: {error.where}: {error.message}"]
    lines = [dataset.id]
    title = dataset.get("title")
    lines += [f"  {title}"] if isinstance(title, str) and title.isprintable() else []
    for offer in dataset.offers:
        lines += [f"  {line}" for line in offer_lines(offer)]
    return lines
