"""``delian exchange trust``: two trust profiles side by side."""

from datetime import UTC, datetime
from pathlib import Path

import click

from delian.adapters.files import read_bytes
from delian.cli import output
from delian.crypto.dsse import Envelope
from delian.crypto.sign import PublicKey
from delian.exchange.trust import MAX_PROFILE_BYTES, TrustFormError, TrustProfile, open_profile
from delian.exchange.trust_compare import compare

FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command("trust")
@click.argument("first", type=FILE)
@click.argument("second", type=FILE)
@click.option("--pin", multiple=True, metavar="KEYID=KEY", help="A pinned key of an owner.")
@output.json_option
def trust(first: Path, second: Path, pin: tuple[str, ...], as_json: bool) -> None:
    """What the trust profiles FIRST and SECOND both accept, and what is missing at whom."""
    pins = dict(map(_pinned, pin))
    found = [_read(path, pins) for path in (first, second)]
    made = compare(found[0][0], found[1][0], datetime.now(UTC))
    notes = [note for _, note in found if note]
    fields = {**made.to_plain(), "notes": notes}
    output.show("exchange-trust", fields, [*made.lines(), *notes], as_json=as_json)


def _read(path: Path, pins: dict[str, PublicKey]) -> tuple[TrustProfile, str]:
    """A profile, signed or bare, and what the reader should know about its proof."""
    data = read_bytes(path, max_bytes=2 * MAX_PROFILE_BYTES)
    if b'"payloadType"' not in data:
        profile = TrustProfile.from_bytes(data)
        return profile, f"note: the profile of {profile.owner} is not signed"
    envelope = Envelope.from_wire(data)
    claimed = TrustProfile.from_bytes(envelope.payload)
    if claimed.keyid not in pins:
        return claimed, f"note: the signature is not checked: pin {claimed.keyid}"
    return open_profile(envelope, pins.get), ""


def _pinned(text: str) -> tuple[str, PublicKey]:
    keyid, sign, key = text.partition("=")
    if not sign:
        raise TrustFormError(
            "a pin is KEYID=KEY", hint="as in did:web:office.example#trust=ed25519:…"
        )
    return keyid, PublicKey.from_wire(key)
