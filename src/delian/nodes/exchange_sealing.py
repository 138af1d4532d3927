"""Sealing a release for the readers of its label, and opening one that was fetched.

The provider's own key access keeps the key; who may have it is decided there, request by request.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn
from urllib.parse import urlsplit

from delian.adapters.clock import Clock
from delian.adapters.files import read_bytes
from delian.adapters.key_access_client import KeyAccessClient, KeyAccount
from delian.crypto.sign import PrivateKey, PublicKey
from delian.crypto.tdf_keys import KeyAccessGrant
from delian.exchange.session_keys import EC_P256
from delian.label.policy import Policy
from delian.nodes.exchange_archive import FileAccess
from delian.nodes.exchange_key_home import open_home
from delian.nodes.exchange_publish import Sealing
from delian.nodes.exchange_settings import load_exchange
from delian.release.ztdf import SealPlan, open_release
from delian.terms.encode import Fields, parse

KEY_ACCESS = "key-access"
MAX_FILE_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class Opening:
    """What a reader needs to open a sealed release.

    Args:
        account: With the provider's key access.
        originators: Pinned keys of those who seal.
        policy: The labelling policy of the release.
        development: May loopback be asked without TLS?
    """

    account: KeyAccount = field(repr=False)
    originators: Mapping[str, PublicKey]
    policy: Policy
    development: bool = False

    def __reduce__(self) -> NoReturn:
        raise TypeError("an account's secret does not travel")


def authority_of(address: str) -> str:
    """Under which name the attributes of a node's key access stand."""
    return f"https://{urlsplit(address).netloc}"


def originator_of(did: str) -> str:
    """The key id under which a node seals."""
    return f"{did}#originator"


def sealing_of(home: Path, key_file: Path, policy: Policy) -> Sealing:
    """How the node in *home* seals.

    Args:
        home: Of a node whose settings say ``key_access = true``.
        key_file: The originator's signing key.
        policy: The labelling policy of what is sealed.
    """
    settings = load_exchange(home)
    key = open_home(home / KEY_ACCESS).current(EC_P256)
    grant = KeyAccessGrant(settings.address, key.kid, key.public_pem())
    signing = PrivateKey.from_secret_bytes(read_bytes(key_file, max_bytes=MAX_FILE_BYTES))
    plan = SealPlan(
        policy,
        authority_of(settings.address),
        (grant,),
        {originator_of(settings.did): signing},
    )
    return Sealing(plan, os.urandom)


def read_account(path: Path) -> KeyAccount:
    """The account in a file that only its owner should read.

    Raises:
        InputError: it is not in its form.
    """
    fields = Fields(parse(read_bytes(path, max_bytes=MAX_FILE_BYTES), max_depth=3), "key-account")
    fields.form("delian-key-account")
    account = KeyAccount(fields.text("address"), fields.text("client"), fields.text("secret"))
    fields.end()
    return account


def open_sealed(path: Path, opening: Opening, clock: Clock) -> Mapping[str, bytes]:
    """The release folder in the TDF file at *path*; ``verify`` comes next.

    Raises:
        DelianError: it is not for this reader, not from a pinned originator, or was changed.
    """
    client = KeyAccessClient((opening.account,), clock, development=opening.development)
    found = open_release(
        FileAccess(path),
        client.unwrap,
        opening.originators,
        opening.policy,
        authority_of(opening.account.address),
    )
    return found.files
