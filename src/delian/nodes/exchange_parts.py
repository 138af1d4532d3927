"""What a connector is composed of."""

from dataclasses import dataclass, field

from delian.adapters.clock import Clock, SystemClock
from delian.adapters.dsp_server import Bounds
from delian.adapters.exchange_store import ExchangeStore
from delian.adapters.peer_client import PeerClient
from delian.exchange.reactions import Reactions
from delian.nodes.exchange_delivery import Patience
from delian.nodes.exchange_ports import EverythingVisible, Identity, TransferTerms, Visibility


@dataclass(frozen=True, slots=True)
class Parts:
    """What a connector is made of.

    Args:
        participant: Our identifier.
        root: The address below which we are reached, ``https://host[:port][/path]``.
        store: The database.
        identity: Who we and our peers are.
        reactions: What we do next.
        client: The client to peers.
        terms: Judges transfers; None where the reactions decide alone.
        visibility: Who may see which dataset.
        clock: The time.
        patience: How long delivery goes on.
        max_open_per_peer: Open processes of one participant.
        auth_profiles: DCP profiles that the version document names.
        bounds: How many requests at a time, how large and how slow.
        is_development: Describe the endpoints at ``<root>/openapi.json``.
    """

    participant: str
    root: str
    store: ExchangeStore
    identity: Identity
    reactions: Reactions
    client: PeerClient
    terms: TransferTerms | None = None
    visibility: Visibility = field(default_factory=EverythingVisible)
    clock: Clock = field(default_factory=SystemClock)
    patience: Patience = field(default_factory=Patience)
    max_open_per_peer: int = 10_000
    auth_profiles: tuple[str, ...] = ()
    bounds: Bounds = field(default_factory=Bounds)
    is_development: bool = False
