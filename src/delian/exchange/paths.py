"""Where each message goes: the path below the peer's address.

May touch: values.
"""

from dataclasses import replace

from delian.exchange.messages import (
    AgreementVerification,
    ContractAgreement,
    ContractOffer,
    ContractRequest,
    Message,
    NegotiationEvent,
    NegotiationTermination,
    TransferCompletion,
    TransferRequest,
    TransferStart,
    TransferSuspension,
)
from delian.exchange.plain import escape_segment
from delian.exchange.words import Role


def path_of(message: Message, peer_pid: str | None) -> str:
    """The path under the peer's address (``<base>`` or callback address) for *message*.

    Args:
        message: What is sent.
        peer_pid: The peer's identifier of the process; None only in the first message.
    """
    match message:
        case TransferRequest():
            return "/transfers/request"
        case ContractRequest() if peer_pid is None:
            return "/negotiations/request"
        case ContractOffer() if peer_pid is None:
            return "/negotiations/offers"
    return _room(message) + "/" + escape_segment(peer_pid or "unknown") + _ending(message)


def _room(message: Message) -> str:
    kinds = (
        ContractRequest,
        ContractOffer,
        ContractAgreement,
        AgreementVerification,
        NegotiationEvent,
        NegotiationTermination,
    )
    return "/negotiations" if isinstance(message, kinds) else "/transfers"


def _ending(message: Message) -> str:
    match message:
        case ContractRequest():
            return "/request"
        case ContractOffer():
            return "/offers"
        case ContractAgreement():
            return "/agreement"
        case AgreementVerification():
            return "/agreement/verification"
        case NegotiationEvent():
            return "/events"
        case TransferStart():
            return "/start"
        case TransferCompletion():
            return "/completion"
        case TransferSuspension():
            return "/suspension"
    return "/termination"


def with_peer_pid(message: Message, sender: Role, peer_pid: str) -> Message:
    """*message* with the peer's identifier, where it was not known when the message was made."""
    if isinstance(message, TransferRequest):
        return message
    if isinstance(message, ContractOffer) or sender is Role.PROVIDER:
        return replace(message, consumer_pid=message.consumer_pid or peer_pid)
    return replace(message, provider_pid=message.provider_pid or peer_pid)
