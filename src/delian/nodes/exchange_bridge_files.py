"""Bytes of foreign datasets, kept as files from the fetch until their transfer has ended."""

import asyncio
import hashlib
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

from delian.adapters.exchange_store import ExchangeStore
from delian.adapters.exchange_transaction import Transaction
from delian.exchange.bridge_errors import ForeignAwayError
from delian.nodes.exchange_bridge import is_foreign
from delian.nodes.exchange_data import Asset

MAX_FETCH_BYTES = 1024**3


@dataclass(slots=True)
class Fetched:
    """The folder of fetched bytes.

    Args:
        folder: In the node's home.
        store: Says which files are needed.
    """

    folder: Path
    store: ExchangeStore
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock, repr=False)

    async def keep(
        self,
        chunks: AsyncIterator[bytes],
        media_type: str,
        publish: Callable[[Asset], Awaitable[None]],
    ) -> None:
        """The bytes as a file named by their digest, published before anybody may remove it.

        Raises:
            ForeignAwayError: they are more than ``MAX_FETCH_BYTES``.
        """
        await asyncio.to_thread(self.folder.mkdir, mode=0o700, parents=True, exist_ok=True)
        beside = self.folder / f".{secrets.token_hex(16)}.part"
        seen, size = hashlib.sha256(), 0
        try:
            with beside.open("wb") as out:
                async for piece in chunks:
                    size += len(piece)
                    if size > MAX_FETCH_BYTES:
                        raise ForeignAwayError("the foreign data are larger than allowed")
                    seen.update(piece)
                    await asyncio.to_thread(out.write, piece)
            async with self._lock:
                target = beside.replace(self.folder / seen.hexdigest())
                digest = f"sha256:{seen.hexdigest()}"
                await publish(Asset(target.resolve(), media_type, digest, size))
        finally:
            beside.unlink(missing_ok=True)

    async def tidy(self) -> None:
        """Remove what no open process needs any more."""
        async with self._lock:
            used = await self.store.step(_used)
            for path in await asyncio.to_thread(_files, self.folder):
                if str(path) not in used:
                    await asyncio.to_thread(path.unlink, missing_ok=True)


def _used(t: Transaction) -> set[str]:
    """Files of datasets that an open process is about."""
    kept: set[str] = set()
    for name, _body in t.ask("datasets"):
        published = t.dataset(name) if is_foreign(name) and t.open_of(name) else None
        if published is not None and "path" in published.asset:
            kept.add(str(published.asset["path"]))
    return kept


def _files(folder: Path) -> list[Path]:
    return sorted(folder.resolve().glob("[0-9a-f]*")) if folder.exists() else []
