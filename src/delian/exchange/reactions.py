"""Who decides what happens next: the port behind which policy, people and scripts stand.

May touch: values. The node calls it inside the step's transaction after every change of state,
so an answer is pure and quick; what takes time (a person) is a later order of its own.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from delian.exchange.actions import (
    Accept,
    Action,
    Agree,
    Complete,
    CounterRequest,
    Finalize,
    MakeOffer,
    Start,
    Suspend,
    Terminate,
    Verify,
)
from delian.exchange.negotiation import Negotiation
from delian.exchange.transfer import Transfer

__all__ = [
    "Accept",
    "Action",
    "Agree",
    "Claim",
    "Complete",
    "CounterRequest",
    "Finalize",
    "MakeOffer",
    "Participant",
    "Reactions",
    "Start",
    "Suspend",
    "Terminate",
    "Verify",
]


@dataclass(frozen=True, slots=True)
class Claim:
    """One thing that an issuer says about a participant, already verified.

    Args:
        kind: The type of the credential ("MembershipCredential").
        issuer: Who says so.
        subject: What it says.
    """

    kind: str
    issuer: str
    subject: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Participant:
    """A peer whose identity was checked, and what is known of it."""

    id: str
    claims: tuple[Claim, ...] = ()


class Reactions(Protocol):
    """Decides what this node does after a process changed its state."""

    def on_negotiation(self, n: Negotiation, who: Participant) -> tuple[Action, ...]:
        """What to do now that the negotiation stands as *n*; empty is to wait."""
        ...

    def on_transfer(self, t: Transfer, who: Participant) -> tuple[Action, ...]:
        """What to do now that the transfer stands as *t*; empty is to wait."""
        ...
