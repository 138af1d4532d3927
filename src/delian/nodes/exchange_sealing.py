"""A node that seals releases: its key-access service, its originator's key, its partners.

The originator's key signs what the node seals; readers pin its public half, which came out of band.
Each partner is another key service that must give its share, too: a nation that can say no alone.
"""

import json
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn
from urllib.parse import urlsplit

from starlette.routing import Route

from delian.adapters.clock import Clock
from delian.adapters.files import read_bytes, write_bytes
from delian.adapters.key_access_client import origin
from delian.adapters.key_access_server import key_access_routes
from delian.crypto.sign import PrivateKey, PublicKey
from delian.crypto.tdf_keys import KeyAccessGrant
from delian.exchange.key_access_errors import KeyClientError
from delian.exchange.session_keys import load_public
from delian.label import bundled_policy
from delian.nodes.exchange_keys import KeyService, open_service
from delian.nodes.exchange_publish import Sealing
from delian.release.ztdf import SealPlan
from delian.release.ztdf_attributes import scheme_of
from delian.terms.encode import Fields, canonical, parse
from delian.terms.errors import InputError

FOLDER, ORIGINATOR = "key-access", "office"
_KEY, _PARTNERS = "originator.key", "partners.json"
_OWN_SPLIT = "alliance"
_MAX_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class KeyRoom:
    """A node's key access and how it seals."""

    service: KeyService
    sealing: Sealing

    def __reduce__(self) -> NoReturn:
        raise TypeError("private keys do not travel")

    def routes(self) -> list[Route]:
        """What the node's origin serves for it."""
        return key_access_routes(self.service)


def open_key_room(home: Path, address: str, clock: Clock) -> KeyRoom:
    """The key access of the node in *home*; what is missing is made.

    Args:
        home: The node's home.
        address: Where the node is reached; its origin is the service's.
        clock: Read once per request.
    """
    service = open_service(home / FOLDER, origin(address), clock)
    policy, authority = bundled_policy(), authority_of(address)
    if not {scheme.name for scheme in scheme_of(policy, authority)} <= set(
        service.attribute_rules()
    ):
        service.define_policy(policy, authority)
    partners = list_partners(home)
    own = service.grant(split=_OWN_SPLIT if partners else "")
    keys = {ORIGINATOR: originator(home)}
    plan = SealPlan(policy, authority, (own, *partners), keys)
    return KeyRoom(service, Sealing(plan, secrets.token_bytes))


def authority_of(address: str) -> str:
    """Who answers for the attributes of releases that the node at *address* seals."""
    return f"https://{urlsplit(origin(address)).netloc}"


def originator(home: Path) -> PrivateKey:
    """The key that the node signs sealed files with; made where there is none."""
    path = home / FOLDER / _KEY
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_bytes(path, PrivateKey.generate().to_secret_bytes(), secret=True)
    return PrivateKey.from_secret_bytes(read_bytes(path, max_bytes=_MAX_BYTES))


def pins_of(home: Path) -> dict[str, str]:
    """What readers pin: key id to public key."""
    return {ORIGINATOR: originator(home).public.to_wire()}


def read_pins(path: Path) -> dict[str, PublicKey]:
    """The pins in a file.

    Raises:
        KeyClientError: it holds none.
    """
    plain = parse(read_bytes(path, max_bytes=_MAX_BYTES))
    if not isinstance(plain, dict) or not plain:
        raise KeyClientError("the file holds no pinned key", where=str(path))
    return {name: PublicKey.from_wire(str(text)) for name, text in plain.items()}


def add_partner(home: Path, address: str, answer: bytes) -> KeyAccessGrant:
    """Split the keys of releases sealed from now on with another key service, too.

    Args:
        home: The node's home.
        address: The other service's origin.
        answer: What it gives at ``/kas/v2/kas_public_key``.

    Raises:
        KeyClientError: the answer holds no public key that files are wrapped to.
    """
    try:
        plain = json.loads(answer)
        grant = KeyAccessGrant(origin(address), plain["kid"], plain["publicKey"], origin(address))
        load_public(grant.public_pem)
    except (ValueError, KeyError, TypeError, InputError) as error:
        raise KeyClientError("the file is not a key service's public key") from error
    kept = {partner.url: partner for partner in list_partners(home)} | {grant.url: grant}
    plain = [{"url": p.url, "kid": p.kid, "pem": p.public_pem} for p in kept.values()]
    write_bytes(home / FOLDER / _PARTNERS, canonical(plain))
    return grant


def list_partners(home: Path) -> tuple[KeyAccessGrant, ...]:
    """The other key services that must give their share."""
    path = home / FOLDER / _PARTNERS
    if not path.exists():
        return ()
    found = []
    for entry in parse(read_bytes(path, max_bytes=_MAX_BYTES)):
        f = Fields(entry, "partner")
        url = f.text("url")
        found.append(KeyAccessGrant(url, f.text("kid"), f.text("pem"), url))
        f.end()
    return tuple(found)
