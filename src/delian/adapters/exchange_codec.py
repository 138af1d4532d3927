"""How processes and planned actions lie in the exchange's database: JSON, read back exactly.

What lies there was checked when it came in; reading it back checks only that it is ours.
"""

import json
from collections.abc import Callable
from typing import Any

from delian.exchange.messages import (
    AgreementVerification,
    ContractAgreement,
    ContractOffer,
    ContractRequest,
    DataAddress,
    Message,
    NegotiationEvent,
    NegotiationTermination,
    TransferCompletion,
    TransferRequest,
    TransferStart,
    TransferSuspension,
    TransferTermination,
)
from delian.exchange.negotiation import Negotiation
from delian.exchange.odrl import Policy
from delian.exchange.plain import read_object, to_bytes
from delian.exchange.reactions import (
    Accept,
    Action,
    Agree,
    Claim,
    Complete,
    CounterRequest,
    Finalize,
    MakeOffer,
    Start,
    Suspend,
    Terminate,
    Verify,
)
from delian.exchange.transfer import Transfer
from delian.exchange.words import NegotiationState, Role, TransferState
from delian.terms.errors import TamperedError

Process = Negotiation | Transfer


class ExchangeAlteredError(TamperedError):
    """A row of the exchange's database is not what the node wrote."""

    code = "exchange-altered"


MESSAGES: dict[str, Any] = {
    kind.type: kind
    for kind in (
        AgreementVerification,
        ContractAgreement,
        ContractOffer,
        ContractRequest,
        NegotiationEvent,
        NegotiationTermination,
        TransferCompletion,
        TransferRequest,
        TransferStart,
        TransferSuspension,
        TransferTermination,
    )
}


def write_process(process: Process) -> bytes:
    """What the columns of a process do not hold."""
    plain: dict[str, Any] = {"at": process.peer_address}
    if isinstance(process, Negotiation):
        plain["offer"] = process.offer.to_plain()
        if process.agreement is not None:
            plain["agreement"] = process.agreement.to_plain()
    else:
        plain["under"], plain["format"] = process.agreement_id, process.format
        if process.data_address is not None:
            plain["data"] = process.data_address.to_plain()
        if process.suspended_by is not None:
            plain["by"] = process.suspended_by.value
    if process.reasons:
        plain["reasons"] = list(process.reasons)
    if process.code is not None:
        plain["code"] = process.code
    return to_bytes(plain)


def read_process(
    kind: str,
    pid: str,
    peer_pid: str | None,
    role: str,
    state: str,
    peer: str,
    dataset: str,
    revision: int,
    body: bytes,
) -> Process:
    """The process in one row.

    Raises:
        ExchangeAlteredError: the row is not one that :func:`write_process` made.
    """
    try:
        plain = json.loads(body)
        reasons = tuple(plain.get("reasons", ()))
        if kind == "n":
            agreement = plain.get("agreement")
            return Negotiation(
                pid,
                peer_pid,
                Role(role),
                NegotiationState(state),
                peer,
                plain["at"],
                Policy.from_plain(plain["offer"], "offer"),
                None if agreement is None else Policy.from_plain(agreement, "agreement"),
                dataset,
                revision,
                reasons,
                plain.get("code"),
            )
        data, by = plain.get("data"), plain.get("by")
        return Transfer(
            pid,
            peer_pid,
            Role(role),
            TransferState(state),
            peer,
            plain["at"],
            plain["under"],
            dataset,
            plain["format"],
            None if data is None else DataAddress.from_plain(data, "data"),
            revision,
            reasons,
            plain.get("code"),
            None if by is None else Role(by),
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise _altered() from error


def read_message(kind: str, body: bytes) -> Message:
    """A message of the outbox.

    Raises:
        ExchangeAlteredError: it is not one of the protocol.
    """
    if kind not in MESSAGES:
        raise _altered()
    message: Message = MESSAGES[kind].from_plain(read_object(body))
    return message


def write_action(action: Action) -> bytes:
    """A planned action."""
    plain: dict[str, Any] = {"do": type(action).__name__}
    match action:
        case MakeOffer(offer) | CounterRequest(offer):
            plain["policy"] = offer.to_plain()
        case Agree(agreement):
            plain["policy"] = agreement.to_plain()
        case Terminate(code, reasons):
            plain["code"], plain["reasons"] = code, list(reasons)
        case Suspend(reason):
            plain["reason"] = reason
        case Start(address) if address is not None:
            plain["address"] = address.to_plain()
    return to_bytes(plain)


_ACTIONS: dict[str, Callable[[dict[str, Any]], Action]] = {
    "MakeOffer": lambda p: MakeOffer(Policy.from_plain(p["policy"], "policy")),
    "CounterRequest": lambda p: CounterRequest(Policy.from_plain(p["policy"], "policy")),
    "Agree": lambda p: Agree(Policy.from_plain(p["policy"], "policy")),
    "Terminate": lambda p: Terminate(p["code"], tuple(p["reasons"])),
    "Suspend": lambda p: Suspend(p["reason"]),
    "Start": lambda p: Start(
        DataAddress.from_plain(p["address"], "address") if "address" in p else None
    ),
    "Accept": lambda _: Accept(),
    "Complete": lambda _: Complete(),
    "Finalize": lambda _: Finalize(),
    "Verify": lambda _: Verify(),
}


def read_action(body: bytes) -> Action:
    """A planned action of the database.

    Raises:
        ExchangeAlteredError: it is not one that :func:`write_action` made.
    """
    try:
        plain = json.loads(body)
        return _ACTIONS[plain["do"]](plain)
    except (ValueError, KeyError, TypeError) as error:
        raise _altered() from error


def write_claims(claims: tuple[Claim, ...]) -> bytes:
    """What is known of a peer."""
    return to_bytes([[c.kind, c.issuer, dict(c.subject)] for c in claims])


def read_claims(body: bytes) -> tuple[Claim, ...]:
    """What was known of a peer.

    Raises:
        ExchangeAlteredError: it is not what :func:`write_claims` made.
    """
    try:
        return tuple(Claim(kind, issuer, subject) for kind, issuer, subject in json.loads(body))
    except (ValueError, TypeError) as error:
        raise _altered() from error


def _altered() -> ExchangeAlteredError:
    return ExchangeAlteredError(
        "an entry of the exchange's database is not what the node wrote",
        hint="keep the file as evidence; restore the database from a copy",
    )
