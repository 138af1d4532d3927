"""The data plane: one-time tokens, data out for a pull, data brought for a push, data fetched.

Only the digest of a token lies in the database. A token works once and only while its transfer is
started; what is wrong with a request for data is never said.
"""

import asyncio
import hashlib
import re
import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from delian.adapters.exchange_store import ExchangeStore
from delian.adapters.exchange_transaction import Transaction
from delian.adapters.peer_client import PeerClient, PeerUnreachableError
from delian.exchange.errors import NotFoundHereError, WrongStateError
from delian.exchange.messages import DataAddress
from delian.exchange.transfer import Transfer
from delian.exchange.words import Role, TransferState

HTTP = "https://w3id.org/idsa/v4.1/HTTP"
DIGEST = "urn:delian:terms:1:digest"
SIZE = "urn:delian:terms:1:size"
MAX_ASSET_BYTES = 64 * 1024**3
_CHUNK = 256 * 1024
_HEX = re.compile(r"sha256:([0-9a-f]{64})\Z")


@dataclass(frozen=True, slots=True)
class Asset:
    """The data behind a dataset."""

    path: Path
    media_type: str
    digest: str
    size: int

    @classmethod
    def of(cls, path: Path, media_type: str = "application/octet-stream") -> "Asset":
        """The file *path* as it is now."""
        seen = hashlib.sha256()
        size = 0
        with path.open("rb") as stream:
            while piece := stream.read(_CHUNK):
                seen.update(piece)
                size += len(piece)
        return cls(path.resolve(), media_type, f"sha256:{seen.hexdigest()}", size)

    def to_plain(self) -> dict[str, Any]:
        """As it lies in the database."""
        return {
            "path": str(self.path),
            "media_type": self.media_type,
            "digest": self.digest,
            "size": self.size,
        }

    @classmethod
    def from_plain(cls, plain: dict[str, Any]) -> "Asset | None":
        """As it lay in the database; None where a dataset holds no data."""
        if not plain:
            return None
        return cls(Path(plain["path"]), plain["media_type"], plain["digest"], int(plain["size"]))


@dataclass(frozen=True, slots=True)
class Fetched:
    """Data that arrived."""

    path: Path
    size: int
    digest: str
    was_announced: bool


class DataDesk:
    """Tokens and data of one connector.

    Args:
        store: Where token digests and assets lie.
        client: The client to peers.
        root: Our address; data are at ``<root>/data/<pid>``.
    """

    def __init__(self, store: ExchangeStore, client: PeerClient, root: str) -> None:
        self._store = store
        self._client = client
        self.root = root
        self._stopped: set[str] = set()
        self._flowing: dict[str, int] = {}

    def address_for(self, t: Transaction, process: Transfer) -> DataAddress:
        """Where the consumer fetches, with a token that works once; older tokens are revoked."""
        token = secrets.token_urlsafe(32)
        t.run("revoke", p=process.pid)
        t.run("add_token", d=_digest(token), p=process.pid)
        published = t.dataset(process.dataset)
        asset = None if published is None else Asset.from_plain(published.asset)
        about = () if asset is None else ((DIGEST, asset.digest), (SIZE, str(asset.size)))
        place = f"{self.root}/data/{process.pid}"
        # The place stands twice: Eclipse EDC reads the properties alone.
        known = (("endpoint", place), ("authorization", token), ("authType", "bearer"), *about)
        return DataAddress(HTTP, place, known)

    def revoke(self, t: Transaction, process: Transfer) -> None:
        """No token of this transfer works any more, and what flows stops."""
        if process.role is Role.PROVIDER:
            t.run("revoke", p=process.pid)
            if process.pid in self._flowing:
                self._stopped.add(process.pid)

    async def open(self, pid: str, authorization: str | None, *, consume: bool) -> Asset:
        """The data behind a token, which works no more afterwards if *consume*.

        Raises:
            NotFoundHereError: token, transfer or data are not there; it never says which.
        """
        token = (authorization or "").removeprefix("Bearer ").strip()
        digest = _digest(token)

        def check(t: Transaction) -> Asset:
            rows = t.ask("token", d=digest)
            found = t.process(pid)
            if not rows or not secrets.compare_digest(str(rows[0][0]), pid) or found is None:
                raise _hidden()
            process = found[0]
            published = t.dataset(process.dataset)
            if process.state is not TransferState.STARTED or published is None:
                raise _hidden()
            asset = Asset.from_plain(published.asset)
            if published.withdrawn is not None or asset is None:
                raise _hidden()
            if consume and t.run("use_token", d=digest) != 1:
                raise _hidden()
            return asset

        found = await self._store.step(check)
        if not found.path.is_file():
            raise _hidden()
        return found

    async def pieces(self, pid: str, asset: Asset) -> AsyncIterator[bytes]:
        """The data; ends early when the transfer is suspended or ended meanwhile."""
        self._flowing[pid] = self._flowing.get(pid, 0) + 1
        try:
            with asset.path.open("rb") as stream:
                while piece := await asyncio.to_thread(stream.read, _CHUNK):
                    if pid in self._stopped:
                        raise PeerUnreachableError("the transfer was stopped")
                    yield piece
        finally:
            self._flowing[pid] -= 1
            if not self._flowing[pid]:
                del self._flowing[pid]
                self._stopped.discard(pid)

    async def push(self, process: Transfer, asset: dict[str, Any]) -> None:
        """Bring the data to the consumer's address.

        Raises:
            PeerUnreachableError: it did not take them.
            WrongStateError: there is nothing to bring, or nowhere.
        """
        found, address = Asset.from_plain(asset), process.data_address
        place = _place(address)
        if found is None or address is None or place is None:
            raise WrongStateError("the transfer has no data or no address to bring them to")
        headers = {"Content-Type": found.media_type, "Repr-Digest": found.digest}
        headers |= _authorization(address)
        method = (address.get("method") or "PUT").upper()
        if method not in ("PUT", "POST"):
            raise WrongStateError("data are brought by PUT or POST")
        status = await self._client.upload(method, place, headers, found.path)
        if not 200 <= status < 300:
            raise PeerUnreachableError(f"the consumer's address answered {status}")

    async def fetch(self, process: Transfer, target: Path) -> Fetched:
        """Download the data of a started pull into *target*, checked against what was announced.

        Raises:
            WrongStateError: the transfer is not started or names no address.
            PeerUnreachableError: the data did not come.
        """
        address = process.data_address
        place = _place(address)
        if process.state is not TransferState.STARTED or address is None or place is None:
            raise WrongStateError("the transfer has not started")
        announced = _HEX.match(address.get("digest") or "")
        size, digest = await self._client.download(
            place,
            _authorization(address),
            target,
            sha256=announced.group(1) if announced else None,
            max_bytes=MAX_ASSET_BYTES,
        )
        return Fetched(target, size, f"sha256:{digest}", announced is not None)


def _place(address: DataAddress | None) -> str | None:
    """Where the data are: some peers write it among the properties."""
    return None if address is None else address.endpoint or address.get("endpoint")


def _authorization(address: DataAddress) -> dict[str, str]:
    token = address.get("authorization")
    if token is None:
        return {}
    kind = (address.get("authType") or "bearer").lower()
    is_bare = kind == "bearer" and not token.lower().startswith("bearer ")
    return {"Authorization": f"Bearer {token}" if is_bare else token}


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


def _hidden() -> NotFoundHereError:
    return NotFoundHereError("no such data")
