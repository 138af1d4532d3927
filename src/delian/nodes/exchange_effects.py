"""What goes into a step of a connector and what comes out of it."""

from dataclasses import dataclass, field

from delian.adapters.exchange_codec import Process
from delian.adapters.exchange_transaction import Queued
from delian.exchange.messages import Message
from delian.exchange.words import Role

PUSH_JOB = "push"


@dataclass(frozen=True, slots=True)
class Reply:
    """What a peer's message is answered."""

    status: int
    body: bytes
    headers: tuple[tuple[bytes, bytes], ...] = ()


@dataclass(frozen=True, slots=True)
class Heard:
    """How a peer's message is known again.

    Args:
        exact: Digest of its bytes.
        meaning: Digest of what it says (:func:`delian.exchange.repeats.fingerprint`).
        is_named: It carries an ``@id`` of its own, so equal bytes are the same message.
    """

    exact: bytes
    meaning: bytes
    is_named: bool


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message that is kept in the outbox, with what delivery needs to know of it."""

    queued: Queued
    peer: str
    address: str
    role: Role
    peer_pid: str | None
    message: Message | None


@dataclass(slots=True)
class Effects:
    """What a step has caused and the node does once it is kept."""

    now_ms: int
    outgoing: list[Outgoing] = field(default_factory=list)
    plans: list[tuple[int, str, int]] = field(default_factory=list)
    changed: list[tuple[Process | None, Process]] = field(default_factory=list)
