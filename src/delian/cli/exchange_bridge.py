"""``delian exchange bridge`` and ``exchange identity``: foreign data spaces and their parties."""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from delian.adapters.files import read_bytes, write_bytes
from delian.cli import output
from delian.crypto.dsse import Envelope
from delian.crypto.sign import PrivateKey, PublicKey
from delian.exchange.identity_map import (
    MAX_RECORD_BYTES,
    IdentityRecord,
    open_record,
    sign_record,
)
from delian.nodes.exchange_bridge import look
from delian.terms.encode import utc_text
from delian.terms.errors import InputError

FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
NEW_FILE = click.Path(dir_okay=False, path_type=Path)


class NotPinnedError(InputError):
    """A pinned key is not written as ``keyid=algorithm:key``."""

    code = "not-pinned"


@click.command("bridge")
@click.option("--home", type=FOLDER, required=True, help="The node's own folder.")
@click.option("--development", is_flag=True, help="Allow addresses on this machine.")
@output.json_option
def bridge(home: Path, development: bool, as_json: bool) -> None:
    """Read the systems of bridge.toml once: what they offer, and what is lost on the way."""
    report = asyncio.run(look(home, is_development=development))
    lines: list[str] = []
    for found in report["datasets"]:
        lines.append(f"{found['id']}  {_title(found['title'])}")
        lines += [f"    {told}" for told in found["told"]]
    lines += [f"not read: {trouble}" for trouble in report["troubles"]]
    lines.append(f"doors: {', '.join(report['doors']) or 'none'}")
    output.show("exchange-bridge", report, lines, as_json=as_json)


@click.group("identity")
def identity() -> None:
    """Identity records: who a party of one data space is in another, and who vouches for it."""


@identity.command("sign")
@click.argument("record", type=FILE)
@click.option("--key", type=FILE, required=True, help="The voucher's signing key.")
@click.option("--out", type=NEW_FILE, required=True, help="Where the signed record goes.")
@output.json_option
def sign_command(record: Path, key: Path, out: Path, as_json: bool) -> None:
    """Check the file RECORD, names and check digits included, and sign it as its voucher."""
    made = IdentityRecord.from_bytes(read_bytes(record, max_bytes=MAX_RECORD_BYTES))
    signing = PrivateKey.from_secret_bytes(read_bytes(key, max_bytes=MAX_RECORD_BYTES))
    write_bytes(out, sign_record(made, signing).to_wire())
    plain = {"record": made.digest, "voucher": made.voucher, "key": signing.public.to_wire()}
    lines = [made.digest, f"pin {made.voucher} = {signing.public.to_wire()}"]
    output.show("identity-record-signed", plain, lines, as_json=as_json)


@identity.command("show")
@click.argument("record", type=FILE)
@click.option("--voucher", "pinned", required=True, help="The pinned voucher, keyid=public key.")
@output.json_option
def show_command(record: Path, pinned: str, as_json: bool) -> None:
    """Show the signed RECORD, if its voucher signed it with the pinned key."""
    keyid, equals, text = pinned.partition("=")
    if not equals:
        raise NotPinnedError("a voucher is given as keyid=algorithm:key")
    envelope = Envelope.from_wire(read_bytes(record, max_bytes=MAX_RECORD_BYTES))
    made = open_record(envelope, {keyid: PublicKey.from_wire(text)}.get)
    now = datetime.now(UTC)
    plain: Mapping[str, Any] = {
        "record": made.digest,
        "did": made.did,
        "names": [{"scheme": n.scheme.value, "value": n.value} for n in made.names],
        "assurance": made.assurance.value,
        "voucher": made.voucher,
        "valid_until": utc_text(made.valid_until),
        "holds_now": made.valid_from <= now < made.valid_until,
    }
    lines = [f"{made.did}, {made.assurance.value}, by {made.voucher}: {made.basis}"]
    lines += [f"    {n.scheme.value}: {n.value}" for n in made.names]
    span = f"from {utc_text(made.valid_from)} until {utc_text(made.valid_until)}"
    lines.append(f"{span}{'' if plain['holds_now'] else ', not now'}")
    output.show("identity-record", plain, lines, as_json=as_json)


def _title(value: object) -> str:
    first = value[0] if isinstance(value, list) and value else value
    shown = first.get("@value", "") if isinstance(first, dict) else first
    return str(shown or "")
