"""What a node may decide to do next in a process of its own.

May touch: values. ``after_ms`` is the rest that the node keeps before the action, zero for at once.
"""

from dataclasses import dataclass, field
from typing import TypeAlias

from delian.exchange.messages import DataAddress
from delian.exchange.odrl import Policy


@dataclass(frozen=True, slots=True)
class MakeOffer:
    """The provider offers, in answer to a request."""

    offer: Policy
    after_ms: int = 0


@dataclass(frozen=True, slots=True)
class Agree:
    """The provider agrees."""

    agreement: Policy
    after_ms: int = 0


@dataclass(frozen=True, slots=True)
class Finalize:
    """The provider closes the negotiation."""

    after_ms: int = 0


@dataclass(frozen=True, slots=True)
class Terminate:
    """Either side ends a negotiation or a transfer, and says why."""

    code: str
    reasons: tuple[str, ...]
    after_ms: int = 0


@dataclass(frozen=True, slots=True)
class Accept:
    """The consumer accepts the offer on the table."""

    after_ms: int = 0


@dataclass(frozen=True, slots=True)
class CounterRequest:
    """The consumer asks for other terms."""

    offer: Policy
    after_ms: int = 0


@dataclass(frozen=True, slots=True)
class Verify:
    """The consumer confirms the agreement."""

    after_ms: int = 0


@dataclass(frozen=True, slots=True)
class Start:
    """The data flow; *address* says from where in a pull."""

    address: DataAddress | None = field(default=None, repr=False)
    after_ms: int = 0


@dataclass(frozen=True, slots=True)
class Suspend:
    """The data rest, and say why."""

    reason: str
    after_ms: int = 0


@dataclass(frozen=True, slots=True)
class Complete:
    """All data have flowed."""

    after_ms: int = 0


NegotiationAction: TypeAlias = (
    MakeOffer | Agree | Finalize | Terminate | Accept | CounterRequest | Verify
)
TransferAction: TypeAlias = Start | Suspend | Complete | Terminate
Action: TypeAlias = NegotiationAction | TransferAction
