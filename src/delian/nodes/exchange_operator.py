"""Gives an operator's orders to a running connector, over the line in its home."""

from pathlib import Path
from typing import Any

from delian.adapters.exchange_line import call

PULL = "HttpData-PULL"
MAX_WAIT_SECONDS = 24 * 3600.0


class Operator:
    """Gives orders to the connector that serves *home*, and waits for the answer."""

    def __init__(self, home: Path) -> None:
        self._home = home

    def _call(self, order: str, seconds: float = 60.0, **parts: Any) -> Any:
        return call(self._home, {"order": order, **parts}, seconds)

    def status(self) -> dict[str, Any]:
        """Who it is, what it offers, how many processes stand where."""
        found: dict[str, Any] = self._call("status")
        return found

    def list(self, limit: int = 100) -> dict[str, Any]:
        """Datasets, negotiations and transfers, newest first."""
        found: dict[str, Any] = self._call("list", limit=limit)
        return found

    def publish(
        self, dataset: dict[str, Any], path: Path | None, sha256: str = "", media_type: str = ""
    ) -> dict[str, Any]:
        """Offer a dataset with the file behind it."""
        place = "" if path is None else str(path.resolve())
        found: dict[str, Any] = self._call(
            "publish", 600.0, dataset=dataset, path=place, sha256=sha256, media_type=media_type
        )
        return found

    def withdraw(self, dataset: str, reason: str) -> dict[str, Any]:
        """Take a dataset out of the catalogue and end what runs with it."""
        found: dict[str, Any] = self._call("withdraw", dataset=dataset, reason=reason)
        return found

    def look(self) -> dict[str, Any]:
        """Look for released editions now."""
        found: dict[str, Any] = self._call("look", 600.0)
        return found

    def catalogue(self, url: str, wanted: Any = (), *, peer: str = "") -> dict[str, Any]:
        """A peer's catalogue."""
        found: dict[str, Any] = self._call("catalogue", 300.0, url=url, filter=[*wanted], peer=peer)
        return found

    def negotiate(
        self,
        url: str,
        dataset: str,
        offer: str | None = None,
        *,
        peer: str = "",
        wait_seconds: float = 30.0,
    ) -> dict[str, Any]:
        """Ask a peer for a contract, and wait until it stands or ended."""
        found: dict[str, Any] = self._call(
            "negotiate",
            wait_seconds + 60,
            url=url,
            dataset=dataset,
            offer=offer,
            peer=peer,
            wait_seconds=wait_seconds,
        )
        return found

    def offer(
        self, url: str, dataset: str, *, peer: str = "", wait_seconds: float = 0.0
    ) -> dict[str, Any]:
        """Offer one of our datasets to a peer that did not ask."""
        found: dict[str, Any] = self._call(
            "offer",
            wait_seconds + 60,
            url=url,
            dataset=dataset,
            peer=peer,
            wait_seconds=wait_seconds,
        )
        return found

    def transfer(
        self,
        pid: str,
        *,
        way: str = PULL,
        data_address: dict[str, Any] | None = None,
        wait_seconds: float = 30.0,
    ) -> dict[str, Any]:
        """Ask for the data of a finalized negotiation; a push names where to."""
        found: dict[str, Any] = self._call(
            "transfer",
            wait_seconds + 60,
            pid=pid,
            way=way,
            data_address=data_address,
            wait_seconds=wait_seconds,
        )
        return found

    def fetch(self, pid: str, to: Path, *, wait_seconds: float = 60.0) -> dict[str, Any]:
        """Fetch the data of a finalized negotiation into the file *to*."""
        found: dict[str, Any] = self._call(
            "fetch", MAX_WAIT_SECONDS, pid=pid, to=str(to.resolve()), wait_seconds=wait_seconds
        )
        return found

    def show(self, pid: str) -> dict[str, Any]:
        """A process with its whole story."""
        found: dict[str, Any] = self._call("show", pid=pid)
        return found

    def explain(self, pid: str) -> dict[str, Any]:
        """A process, its story, and the full reasons of the policy's decision."""
        found: dict[str, Any] = self._call("explain", pid=pid)
        return found

    def decide(self, pid: str, yes: bool, reason: str = "") -> dict[str, Any]:
        """A person's yes or no to a negotiation that waits for it."""
        found: dict[str, Any] = self._call("decide", pid=pid, yes=yes, reason=reason)
        return found

    def terminate(self, pid: str, reason: str) -> dict[str, Any]:
        """End a negotiation or a transfer."""
        found: dict[str, Any] = self._call("terminate", pid=pid, reason=reason)
        return found
