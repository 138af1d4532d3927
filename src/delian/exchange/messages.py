"""The messages of the Dataspace Protocol: one frozen value each, read strictly, written plainly.

May touch: values. ``read(ContractRequest, obj)`` gives the message or names the member that breaks
its form; ``message.to_plain()`` is what goes out. The rest of the protocol's messages, those about
transfers, stand in :mod:`delian.exchange.transfer_messages` and are handed out here too.
"""

from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Protocol, TypeAlias, TypeVar, cast

from delian.exchange.errors import MessageError
from delian.exchange.message_parts import (
    check_head,
    head,
    offer_in,
    read_address,
    read_pid,
    read_reasons,
)
from delian.exchange.odrl import Policy
from delian.exchange.plain import local_name, many, member, optional, text
from delian.exchange.transfer_messages import (
    DataAddress,
    TransferAnswer,
    TransferCompletion,
    TransferMessage,
    TransferRequest,
    TransferStart,
    TransferSuspension,
    TransferTermination,
)
from delian.exchange.words import NegotiationState

__all__ = [
    "AgreementVerification",
    "CatalogRequest",
    "ContractAgreement",
    "ContractOffer",
    "ContractRequest",
    "DataAddress",
    "DatasetRequest",
    "Message",
    "NegotiationAnswer",
    "NegotiationEvent",
    "NegotiationMessage",
    "NegotiationTermination",
    "TransferAnswer",
    "TransferCompletion",
    "TransferMessage",
    "TransferRequest",
    "TransferStart",
    "TransferSuspension",
    "TransferTermination",
    "read",
]

_EVENTS = ("ACCEPTED", "FINALIZED")


@dataclass(frozen=True, slots=True)
class CatalogRequest:
    """Which datasets a consumer asks for; *filter* is read by :mod:`delian.exchange.catalogue`."""

    type: ClassVar[str] = "CatalogRequestMessage"
    filter: tuple[Any, ...] = ()

    @classmethod
    def from_plain(cls, obj: dict[str, Any]) -> "CatalogRequest":
        """The request in *obj*."""
        return cls(tuple(many(obj.get("filter"), f"{cls.type}.filter")))

    def to_plain(self) -> dict[str, Any]:
        """The request as it goes out."""
        body = head(self.type)
        if self.filter:
            body["filter"] = list(self.filter)
        return body


@dataclass(frozen=True, slots=True)
class DatasetRequest:
    """Which single dataset a consumer asks for."""

    type: ClassVar[str] = "DatasetRequestMessage"
    dataset: str

    @classmethod
    def from_plain(cls, obj: dict[str, Any]) -> "DatasetRequest":
        """The request in *obj*."""
        return cls(text(member(obj, "dataset", cls.type), f"{cls.type}.dataset"))

    def to_plain(self) -> dict[str, Any]:
        """The request as it goes out."""
        return {**head(self.type), "dataset": self.dataset}


@dataclass(frozen=True, slots=True)
class ContractRequest:
    """A consumer asks for a contract, or for other terms than those offered.

    Args:
        provider_pid: Absent in the first message of a negotiation.
        callback_address: Where the consumer listens; only in the first message.
    """

    type: ClassVar[str] = "ContractRequestMessage"
    consumer_pid: str
    offer: Policy
    provider_pid: str | None = None
    callback_address: str | None = None

    @classmethod
    def from_plain(cls, obj: dict[str, Any]) -> "ContractRequest":
        """The request in *obj*."""
        return cls(
            consumer_pid=read_pid(member(obj, "consumerPid", cls.type), f"{cls.type}.consumerPid"),
            offer=offer_in(obj, cls.type),
            provider_pid=optional(obj, "providerPid", cls.type, read_pid),
            callback_address=optional(obj, "callbackAddress", cls.type, read_address),
        )

    def to_plain(self) -> dict[str, Any]:
        """The request as it goes out."""
        return _carrying(self, "offer", self.offer)


@dataclass(frozen=True, slots=True)
class ContractOffer:
    """A provider offers terms, first or in answer to a request."""

    type: ClassVar[str] = "ContractOfferMessage"
    provider_pid: str
    offer: Policy
    consumer_pid: str | None = None
    callback_address: str | None = None

    @classmethod
    def from_plain(cls, obj: dict[str, Any]) -> "ContractOffer":
        """The offer in *obj*."""
        return cls(
            provider_pid=read_pid(member(obj, "providerPid", cls.type), f"{cls.type}.providerPid"),
            offer=offer_in(obj, cls.type),
            consumer_pid=optional(obj, "consumerPid", cls.type, read_pid),
            callback_address=optional(obj, "callbackAddress", cls.type, read_address),
        )

    def to_plain(self) -> dict[str, Any]:
        """The offer as it goes out."""
        return _carrying(self, "offer", self.offer)


@dataclass(frozen=True, slots=True)
class ContractAgreement:
    """A provider agrees; *callback_address* is read, written and otherwise ignored."""

    type: ClassVar[str] = "ContractAgreementMessage"
    provider_pid: str | None
    consumer_pid: str | None
    agreement: Policy
    callback_address: str | None = None

    @classmethod
    def from_plain(cls, obj: dict[str, Any]) -> "ContractAgreement":
        """The agreement in *obj*."""
        where = f"{cls.type}.agreement"
        agreement = Policy.from_plain(member(obj, "agreement", cls.type), where)
        if agreement.kind != "Agreement":
            raise MessageError("not an Agreement", where=f"{where}.@type")
        address = optional(obj, "callbackAddress", cls.type, read_address)
        return cls(*_both_pids(obj, cls.type), agreement, address)

    def to_plain(self) -> dict[str, Any]:
        """The agreement as it goes out."""
        return _carrying(self, "agreement", self.agreement)


@dataclass(frozen=True, slots=True)
class AgreementVerification:
    """A consumer confirms the agreement."""

    type: ClassVar[str] = "ContractAgreementVerificationMessage"
    provider_pid: str | None
    consumer_pid: str | None

    @classmethod
    def from_plain(cls, obj: dict[str, Any]) -> "AgreementVerification":
        """The confirmation in *obj*."""
        return cls(*_both_pids(obj, cls.type))

    def to_plain(self) -> dict[str, Any]:
        """The confirmation as it goes out."""
        return head(self.type, self.provider_pid, self.consumer_pid)


@dataclass(frozen=True, slots=True)
class NegotiationEvent:
    """A consumer accepts an offer, or a provider closes a negotiation."""

    type: ClassVar[str] = "ContractNegotiationEventMessage"
    provider_pid: str | None
    consumer_pid: str | None
    event: Literal["ACCEPTED", "FINALIZED"]

    @classmethod
    def from_plain(cls, obj: dict[str, Any]) -> "NegotiationEvent":
        """The event in *obj*."""
        where = f"{cls.type}.eventType"
        event = local_name(text(member(obj, "eventType", cls.type), where))
        if event not in _EVENTS:
            raise MessageError("neither ACCEPTED nor FINALIZED", where=where)
        kind = cast("Literal['ACCEPTED', 'FINALIZED']", event)
        return cls(*_both_pids(obj, cls.type), kind)

    def to_plain(self) -> dict[str, Any]:
        """The event as it goes out."""
        return {**head(self.type, self.provider_pid, self.consumer_pid), "eventType": self.event}


@dataclass(frozen=True, slots=True)
class NegotiationTermination:
    """Either side ends a negotiation."""

    type: ClassVar[str] = "ContractNegotiationTerminationMessage"
    provider_pid: str | None
    consumer_pid: str | None
    code: str | None = None
    reasons: tuple[str, ...] = ()

    @classmethod
    def from_plain(cls, obj: dict[str, Any]) -> "NegotiationTermination":
        """The termination in *obj*."""
        return cls(*_both_pids(obj, cls.type), *read_reasons(obj, cls.type))

    def to_plain(self) -> dict[str, Any]:
        """The termination as it goes out."""
        return head(self.type, self.provider_pid, self.consumer_pid, self.code, self.reasons)


@dataclass(frozen=True, slots=True)
class NegotiationAnswer:
    """Where a negotiation stands, as its owner says."""

    type: ClassVar[str] = "ContractNegotiation"
    provider_pid: str | None
    consumer_pid: str | None
    state: NegotiationState

    @classmethod
    def from_plain(cls, obj: dict[str, Any]) -> "NegotiationAnswer":
        """The answer in *obj*."""
        where = f"{cls.type}.state"
        name = local_name(text(member(obj, "state", cls.type), where))
        if name not in NegotiationState.__members__:
            raise MessageError("not a state of a negotiation", where=where)
        return cls(*_both_pids(obj, cls.type), NegotiationState(name))

    def to_plain(self) -> dict[str, Any]:
        """The answer as it goes out."""
        return {**head(self.type, self.provider_pid, self.consumer_pid), "state": self.state.value}


NegotiationMessage: TypeAlias = (
    ContractRequest
    | ContractOffer
    | ContractAgreement
    | AgreementVerification
    | NegotiationEvent
    | NegotiationTermination
)
Message: TypeAlias = NegotiationMessage | TransferMessage


class _Readable(Protocol):
    type: ClassVar[str]

    @classmethod
    def from_plain(cls, obj: dict[str, Any]) -> Any: ...


M = TypeVar("M", bound=_Readable)


def read(kind: type[M], obj: dict[str, Any]) -> M:
    """The message of *kind* in *obj*.

    Raises:
        MessageError: another type, a foreign context, or a member that breaks the form.
    """
    check_head(obj, kind.type)
    return cast("M", kind.from_plain(obj))


def _carrying(
    message: ContractRequest | ContractOffer | ContractAgreement, name: str, policy: Policy
) -> dict[str, Any]:
    """A message that carries a policy as its member *name*, and may say where we listen."""
    body = head(message.type, message.provider_pid, message.consumer_pid)
    body[name] = policy.to_plain()
    if message.callback_address is not None:
        body["callbackAddress"] = message.callback_address
    return body


def _both_pids(obj: dict[str, Any], where: str) -> tuple[str, str]:
    provider = read_pid(member(obj, "providerPid", where), f"{where}.providerPid")
    return provider, read_pid(member(obj, "consumerPid", where), f"{where}.consumerPid")
