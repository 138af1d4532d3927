"""Issuing credentials: what we offer, who is entitled to it, and what a request becomes.

May touch: values. The operator pins who gets what; a holder that is not listed gets a rejection
that names no reason but this one.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from delian.exchange.credentials import issue
from delian.exchange.dcp_errors import DcpMessageError
from delian.exchange.dcp_messages import (
    VC11,
    VC20,
    CredentialMessage,
    CredentialObject,
    CredentialRequest,
    Delivered,
)
from delian.exchange.jose import SigningKey
from delian.exchange.status_list import BITSTRING, LIST_2021, StatusEntry, entry_plain

CREDENTIAL_LIFE_SECONDS = 90 * 86_400
STATUS_KINDS = {VC11: LIST_2021, VC20: BITSTRING}
REFUSAL = "this holder is not entitled to what it asks for"


class RequestStatus(StrEnum):
    """Where a request stands; the last two are final."""

    RECEIVED = "RECEIVED"
    ISSUED = "ISSUED"
    REJECTED = "REJECTED"


@dataclass(frozen=True, slots=True)
class Entitlements:
    """The operator's list: holder to type to what is said of that holder.

    Args:
        holders: Holder DID to credential type to subject members without ``id``.
    """

    holders: Mapping[str, Mapping[str, Mapping[str, Any]]]

    def subject(self, holder: str, kind: str) -> Mapping[str, Any] | None:
        """What may be said of *holder* in a credential of *kind*; None if nothing."""
        return self.holders.get(holder, {}).get(kind)

    def kinds(self) -> tuple[str, ...]:
        """Every type that some holder is entitled to."""
        return tuple(sorted({kind for kinds in self.holders.values() for kind in kinds}))


def offered(kinds: tuple[str, ...]) -> tuple[CredentialObject, ...]:
    """What the issuer's metadata lists: every type in both forms."""
    return tuple(
        CredentialObject(f"{kind}-{form.partition('-')[0]}", kind, form, "issuance")
        for kind in kinds
        for form in STATUS_KINDS
    )


def chosen(
    request: CredentialRequest, supported: tuple[CredentialObject, ...]
) -> tuple[CredentialObject, ...]:
    """The objects that a request names.

    Raises:
        DcpMessageError: it names an id that the metadata does not list.
    """
    by_id = {one.id: one for one in supported}
    if any(name not in by_id for name in request.ids):
        raise DcpMessageError("a requested credential is not in this issuer's metadata")
    return tuple(by_id[name] for name in request.ids)


def is_entitled(
    holder: str, wanted: tuple[CredentialObject, ...], entitlements: Entitlements
) -> bool:
    """May *holder* have all of *wanted*? One that it may not have rejects the request."""
    return all(entitlements.subject(holder, one.kind) is not None for one in wanted)


@dataclass(frozen=True, slots=True)
class Place:
    """What the node hands in for one credential.

    Args:
        name: The credential's own name, a URN.
        index: Its place in the status list.
        lists: Kind of status list to the address of the list that holds the place.
    """

    name: str
    index: int
    lists: Mapping[str, str]


def fulfil(
    key: SigningKey,
    *,
    issuer: str,
    holder: str,
    wanted: tuple[CredentialObject, ...],
    entitlements: Entitlements,
    places: tuple[Place, ...],
    now: int,
) -> tuple[Delivered, ...]:
    """Sign what *holder* is entitled to.

    Args:
        key: Our key for assertions.
        issuer: Our DID.
        holder: Whom the credentials speak of.
        wanted: What was asked for, checked with :func:`is_entitled`.
        entitlements: What may be said.
        places: One for each of *wanted*.
        now: The moment of issue.
    """
    made: list[Delivered] = []
    for one, place in zip(wanted, places, strict=True):
        kind = STATUS_KINDS[one.form]
        entry = StatusEntry(kind, "revocation", place.index, place.lists[kind])
        claims, typ = issue(
            form=one.form,
            issuer=issuer,
            holder=holder,
            kind=one.kind,
            name=place.name,
            subject=entitlements.subject(holder, one.kind) or {},
            begins=now,
            ends=now + CREDENTIAL_LIFE_SECONDS,
            statuses=(entry_plain(entry),),
        )
        made.append(Delivered(one.kind, one.form, key.sign(claims, typ=typ)))
    return tuple(made)


def rejection(holder_pid: str, issuer_pid: str) -> CredentialMessage:
    """The message that tells a holder no."""
    return CredentialMessage(holder_pid, issuer_pid, is_issued=False, reason=REFUSAL)
