"""Key-access services for tests: two of them, their readers, and a way to serve them on loopback."""

import contextlib
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import uvicorn
from starlette.applications import Starlette

from delian.adapters.clock import Clock
from delian.adapters.key_access_server import key_access_routes
from delian.exchange.key_access import Attribute, AttributeRule, ProofRule
from delian.nodes.exchange_keys import KeyService, open_service

AUTHORITY = "https://alliance.example/attr"
RELEASABLE = f"{AUTHORITY}/rel"
LEVEL = f"{AUTHORITY}/level"
ADMITTED = f"{AUTHORITY}/admitted"
RULES = (
    Attribute(RELEASABLE, AttributeRule.ANY_OF, ("fra", "jpn", "industry")),
    Attribute(LEVEL, AttributeRule.HIERARCHY, ("secret", "restricted", "open")),
    Attribute(ADMITTED, AttributeRule.ALL_OF, ("steel", "chips")),
)
FRA, JPN = f"{RELEASABLE}/value/fra", f"{RELEASABLE}/value/jpn"
NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


class FixedClock:
    """A clock that stands where it is put."""

    def __init__(self, moment: datetime = NOW) -> None:
        self.moment = moment

    def now_utc(self) -> datetime:
        """The moment it stands at."""
        return self.moment

    def real_seconds(self, span: timedelta) -> float:
        """As long as the span says."""
        return span.total_seconds()


@dataclass(frozen=True, slots=True)
class Reader:
    """A registered reader and its secret."""

    name: str
    secret: str


def make_service(folder: Path, address: str, clock: Clock) -> KeyService:
    """A service that knows the rules of this world."""
    service = open_service(folder, address, clock)
    for rule in RULES:
        service.define(rule)
    return service


def make_reader(service: KeyService, name: str, held: list[str], proof: ProofRule) -> Reader:
    """Register a reader."""
    return Reader(name, service.register(name, held, proof))


@contextlib.contextmanager
def served(service: KeyService) -> Iterator[str]:
    """Serve *service* on a loopback port of the system's choice; its address."""
    with socket.socket() as place:
        place.bind(("127.0.0.1", 0))
        service.address = f"http://127.0.0.1:{place.getsockname()[1]}"
        app = Starlette(routes=key_access_routes(service))
        server = uvicorn.Server(uvicorn.Config(app, log_level="critical", lifespan="off"))
        ready = threading.Event()
        startup = server.startup

        async def started(sockets: list[socket.socket] | None = None) -> None:
            await startup(sockets)
            ready.set()

        server.startup = started  # type: ignore[method-assign]
        thread = threading.Thread(target=server.run, kwargs={"sockets": [place]}, daemon=True)
        thread.start()
        try:
            if not ready.wait(20):
                raise RuntimeError("the service did not start")
            yield service.address
        finally:
            server.should_exit = True
            thread.join(20)
