"""``delian exchange profile``: our own trust profile, checked and signed."""

from pathlib import Path

import click

from delian.adapters.files import read_bytes, write_bytes
from delian.cli import output
from delian.crypto.sign import PrivateKey
from delian.exchange.trust import MAX_PROFILE_BYTES, TrustProfile, sign_profile

FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
NEW = click.Path(dir_okay=False, path_type=Path)
MAX_KEY_BYTES = 4096


@click.command("profile")
@click.argument("source", type=FILE)
@click.option("--key", type=FILE, required=True, help="The owner's signing key.")
@click.option("--out", type=NEW, required=True, help="Where the signed profile goes.")
@output.json_option
def profile(source: Path, key: Path, out: Path, as_json: bool) -> None:
    """Check the trust profile in SOURCE and sign it as its owner, to be given to others."""
    made = TrustProfile.from_bytes(read_bytes(source, max_bytes=MAX_PROFILE_BYTES))
    signing = PrivateKey.from_secret_bytes(read_bytes(key, max_bytes=MAX_KEY_BYTES))
    write_bytes(out, sign_profile(made, signing).to_wire())
    pin = f"{made.keyid}={signing.public.to_wire()}"
    fields = {"profile": made.digest, "owner": made.owner, "pin": pin}
    output.show("exchange-profile", fields, [made.digest, f"pin {pin}"], as_json=as_json)
