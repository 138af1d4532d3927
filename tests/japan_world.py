"""One exchange node with its bridges, on loopback, and the papers of its Japanese guests."""

import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from joserfc import jwt
from joserfc.jwk import RSAKey

from delian.adapters.dsp_listener import Listen, bound_socket
from delian.adapters.exchange_store import ExchangeStore
from delian.adapters.peer_client import PeerClient
from delian.crypto.sign import PrivateKey
from delian.exchange.foreign_name import ForeignName, Scheme
from delian.exchange.identity_map import Assurance, IdentityRecord, sign_record
from delian.nodes.exchange import Connector
from delian.nodes.exchange_bridge import Bridges
from delian.nodes.exchange_bridge_reactions import BridgeReactions
from delian.nodes.exchange_node import running
from delian.nodes.exchange_settings import load_exchange

NOW = datetime(2026, 11, 21, tzinfo=UTC)
ISSUER = "https://idp.example.jp/realms/cadde"
VOUCHER = PrivateKey.from_seed("ed25519", b"\x07" * 32)
CLIENTS: list[PeerClient] = []  # the first node that ends closes all, so that no server waits
IDP = RSAKey.generate_key(2048, {"kid": "idp-1"})


@dataclass(frozen=True)
class FixedClock:
    """The test's moment."""

    def now_utc(self) -> datetime:
        return NOW

    def real_seconds(self, span: timedelta) -> float:
        return span.total_seconds()


@dataclass
class Node:
    """A running node."""

    did: str
    root: str
    connector: Connector
    bridges: Bridges | None
    reactions: Any
    store: ExchangeStore
    client: PeerClient = field(repr=False)

    @property
    def address(self) -> str:
        return self.connector.address

    async def story(self, pid: str) -> list[str]:
        rows = await self.store.step(lambda t: t.ask("story", p=pid))
        return [f"{row[1]} {row[2]}" for row in rows]


@contextlib.asynccontextmanager
async def node(home: Path, did: str, bridge: str = "", *, port: int = 0) -> AsyncIterator[Node]:
    """A node in *home*; *bridge* is the text of its bridge.toml; *port* to come back to one."""
    home.mkdir(exist_ok=True)
    if bridge:
        (home / "bridge.toml").write_text(bridge, "utf-8")
    bound = bound_socket(Listen("127.0.0.1", port))
    bound.listen(64)
    root = f"http://127.0.0.1:{bound.getsockname()[1]}"
    (home / "exchange.toml").write_text(
        f'[exchange]\naddress = "{root}"\ndid = "{did}"\ndevelopment = true\nproof = "none"\n'
    )
    async with running(load_exchange(home), clock=FixedClock(), bound=bound) as found:
        parts = found.connector.parts
        CLIENTS.append(parts.client)
        reactions, bridges = parts.reactions, None
        if isinstance(reactions, BridgeReactions):
            bridges = reactions.bridges
            await reactions.ready.wait()
        try:
            yield Node(did, root, found.connector, bridges, reactions, parts.store, parts.client)
        finally:
            while CLIENTS:
                await CLIENTS.pop().close()


def secret(home: Path, name: str, text: str) -> None:
    """A secret file beside the settings."""
    home.mkdir(exist_ok=True)
    (home / name).write_text(text, "utf-8")
    (home / name).chmod(0o600)


def identity_papers(
    home: Path,
    did: str,
    scheme: Scheme,
    name: str,
    assurance: Assurance = Assurance.SUBSTANTIAL,
) -> str:
    """A signed identity record in *home*, the pinned keys, and the settings that name them."""
    (home / "identity").mkdir(parents=True, exist_ok=True)
    record = IdentityRecord(
        did,
        (ForeignName(scheme, name),),
        assurance,
        "voucher-jp",
        "登記簿",
        NOW - timedelta(days=1),
        NOW + timedelta(days=1),
    )
    (home / "identity" / "one.json").write_bytes(sign_record(record, VOUCHER).to_wire())
    keys = {"keys": [IDP.as_dict(private=False)]}
    (home / "idp-keys.json").write_text(json.dumps(keys), "utf-8")
    public = VOUCHER.public.to_wire()
    return f'[identity]\nvouchers = {{ "voucher-jp" = "{public}" }}\nleast = "substantial"\n'


def token(name: str) -> str:
    """What the Japanese identity provider gives the user *name*."""
    stamp = int(NOW.timestamp())
    claims = {
        "iss": ISSUER,
        "aud": "delian",
        "preferred_username": name,
        "iat": stamp,
        "exp": stamp + 300,
    }
    return jwt.encode({"alg": "RS256", "kid": "idp-1"}, claims, IDP)
