"""A reader of sealed releases: its accounts with key services, and a file turned into a folder."""

import ssl
import tomllib
from pathlib import Path

from delian.adapters.clock import Clock
from delian.adapters.files import read_bytes
from delian.adapters.key_access_client import KeyAccessClient, KeyAccount
from delian.exchange.key_access_errors import KeyClientError
from delian.label import bundled_policy
from delian.nodes.exchange_archive import FileAccess, unpack
from delian.nodes.exchange_sealing import read_pins
from delian.release.ztdf import SealedRelease, open_release
from delian.terms.encode import Fields, MalformedError

_MAX_BYTES = 64 * 1024


def read_accounts(path: Path) -> tuple[KeyAccount, ...]:
    """The accounts in a TOML file, tables ``[[account]]``.

    Each has ``address`` and ``client``, and either ``secret_file`` (beside the file) or ``issuer``,
    the address of the service whose tokens this one reads.

    Raises:
        KeyClientError: it is not such a file.
    """
    try:
        plain = tomllib.loads(read_bytes(path, max_bytes=_MAX_BYTES).decode("utf-8"))
        tables = plain.get("account")
        if not isinstance(tables, list) or not tables or len(plain) != 1:
            raise KeyClientError("the file holds tables [[account]] and nothing else")
        return tuple(_account(table, path.parent) for table in tables)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, MalformedError) as error:
        raise KeyClientError(f"the accounts cannot be read: {error}", where=str(path)) from error


def _account(table: object, folder: Path) -> KeyAccount:
    f = Fields(table, "account")
    address, client = f.text("address"), f.text("client")
    issuer = f.text("issuer") if f.has("issuer") else ""
    secret = ""
    if f.has("secret_file"):
        file = folder / f.text("secret_file")
        secret = read_bytes(file, max_bytes=4096).decode("utf-8").strip()
    f.end()
    if bool(secret) == bool(issuer):
        raise KeyClientError("an account has a secret_file or an issuer")
    return KeyAccount(address, client, secret, issuer)


def open_sealed(
    file: Path,
    accounts: Path,
    pins: Path,
    authority: str,
    clock: Clock,
    *,
    authorities: Path | None = None,
    development: bool = False,
) -> SealedRelease:
    """The release folder in a sealed file, everything about the file proved.

    Args:
        file: The TDF file.
        accounts: Whom to ask for its key.
        pins: The originator's public key, received out of band.
        authority: Who answers for the attributes, ``https://<host>``.
        clock: For proofs.
        authorities: PEM file of TLS authorities that count in place of the machine's own.
        development: May loopback be asked without TLS?

    Raises:
        KeyDeniedError: a key service says no; its reason.
        TamperedError: the file, its originator or its label does not hold.
    """
    tls = ssl.create_default_context(cafile=str(authorities)) if authorities else None
    asks = KeyAccessClient(read_accounts(accounts), clock, tls=tls, development=development)
    source = FileAccess(file)
    return open_release(source, asks.unwrap, read_pins(pins), bundled_policy(), authority)


def save_folder(opened: SealedRelease, folder: Path) -> None:
    """Write the release into *folder*, new or empty; ``delian verify`` then judges it."""
    unpack(opened.files, folder)
