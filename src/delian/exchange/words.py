"""The words of the Dataspace Protocol 2025-1 that both sides spell alike.

May touch: nothing.
"""

from enum import StrEnum

CONTEXT = "https://w3id.org/dspace/2025/1/context.jsonld"
VERSION = "2025-1"
VERSION_PATH = "/2025-1"
WELL_KNOWN_PATH = "/.well-known/dspace-version"
MEDIA_TYPE = "application/json"
PULL = "HttpData-PULL"
PUSH = "HttpData-PUSH"


class Role(StrEnum):
    """Which side of a process we are."""

    CONSUMER = "CONSUMER"
    PROVIDER = "PROVIDER"

    @property
    def other(self) -> "Role":
        """The peer's side."""
        return Role.PROVIDER if self is Role.CONSUMER else Role.CONSUMER


class NegotiationState(StrEnum):
    """Where a contract negotiation stands."""

    REQUESTED = "REQUESTED"
    OFFERED = "OFFERED"
    ACCEPTED = "ACCEPTED"
    AGREED = "AGREED"
    VERIFIED = "VERIFIED"
    FINALIZED = "FINALIZED"
    TERMINATED = "TERMINATED"

    @property
    def is_final(self) -> bool:
        """Does no message move it any more?"""
        return self in (NegotiationState.FINALIZED, NegotiationState.TERMINATED)


class TransferState(StrEnum):
    """Where a transfer stands."""

    REQUESTED = "REQUESTED"
    STARTED = "STARTED"
    COMPLETED = "COMPLETED"
    SUSPENDED = "SUSPENDED"
    TERMINATED = "TERMINATED"

    @property
    def is_final(self) -> bool:
        """Does no message move it any more?"""
        return self in (TransferState.COMPLETED, TransferState.TERMINATED)
