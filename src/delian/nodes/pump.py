"""Carries papers between a node and the secretariat until it is told to stop.

The pump decides nothing: it sends what the node has queued, hands the node what is new, and lets
it act. A paper that is refused for good is not sent again; an office that is away is tried again,
and so is a paper that must wait or for which something could not be fetched.
"""

import logging
import time
from typing import NoReturn, Protocol

from delian.adapters.clock import Clock
from delian.adapters.http_client import OfficeClient
from delian.adapters.store import Store
from delian.nodes.settings import Settings
from delian.terms.encode import digest
from delian.terms.errors import DelianError, NotYetError, UnavailableError

LOG = logging.getLogger("delian")
LEAST_WAIT_SECONDS = 0.02
AWAY_SECONDS = 0.2


class Node(Protocol):
    """What the pump needs from a node."""

    def receive(self, data: bytes) -> None:
        """Take one file in."""
        ...

    def act(self) -> None:
        """Do whatever is due."""
        ...

    def due_seconds(self) -> float | None:
        """How long until something is due, or None."""
        ...


def set_up_log(level: int = logging.INFO) -> None:
    """One line per finished step on stderr: event, digest, duration; never a quantity."""
    logging.basicConfig(
        level=level, format="%(asctime)s %(levelname)s %(message)s", datefmt="%Y-%m-%dT%H:%M:%S"
    )


def run_on_files(node: Node, settings: Settings) -> NoReturn:
    """Let a node act until the process ends; couriers bring its papers and take them away."""
    while True:
        try:
            node.act()
        except DelianError as error:
            LOG.warning("not done: %s", error.message)
        time.sleep(settings.poll_seconds)


class Pump:
    """One node's connection.

    Args:
        node: The node.
        store: Its database: the outbox, and how far the feed was read.
        client: Its session with the secretariat.
        settings: How long one question waits.
        clock: Turns the node's due moments into real seconds.
    """

    def __init__(
        self, node: Node, store: Store, client: OfficeClient, settings: Settings, clock: Clock
    ) -> None:
        self._node, self._store, self._client = node, store, client
        self._poll_seconds, self._clock = float(settings.poll_seconds), clock

    def run(self) -> None:
        """Pump until the process ends."""
        while True:
            try:
                self.once()
            except UnavailableError as error:
                LOG.info("away %s", error.message)
                time.sleep(AWAY_SECONDS)

    def once(self) -> None:
        """Send, ask, receive, act: once.

        Raises:
            UnavailableError: the office is away.
        """
        self._send()
        after = int(self._store.note("feed") or b"0")
        items = self._client.feed(after, self._wait_seconds())
        with self._store.step():
            for item in items:
                self._hand_in(item.kind, item.body)
                self._store.remember("feed", str(item.seq).encode())
        for name, body in self._store.notes("later/").items():
            with self._store.step():
                self._store.forget(name)
                self._hand_in("again", body)
        self._act()
        self._send()

    def _wait_seconds(self) -> float:
        due = self._node.due_seconds()
        if due is None:
            return self._poll_seconds
        return max(LEAST_WAIT_SECONDS, min(due, self._poll_seconds))

    def _act(self) -> None:
        try:
            self._node.act()
        except DelianError as error:
            LOG.warning("not done: %s", error.message)

    def _hand_in(self, kind: str, body: bytes) -> None:
        started = time.monotonic()
        try:
            with self._store.step():
                self._node.receive(body)
        except (NotYetError, UnavailableError) as error:
            self._store.remember(f"later/{digest(body)}", body)
            LOG.info("kept for later: %s: %s", kind, error.message)
        except DelianError as error:
            LOG.warning("refused: %s: %s: %s", kind, error.code, error.message)
        else:
            LOG.info("received %s in %.0f ms", kind, (time.monotonic() - started) * 1000)

    def _send(self) -> None:
        for paper in self._store.unsent():
            try:
                self._client.send(paper.body)
            except NotYetError as error:
                LOG.info("not yet taken: %s: %s", paper.kind, error.message)
                return
            except UnavailableError:
                raise
            except DelianError as error:
                LOG.warning("not taken: %s: %s: %s", paper.kind, error.code, error.message)
            self._store.mark_sent(paper.digest)
