"""The messages about transfers, and the address of data.

May touch: values. An address of data may hold a token, so nothing here prints it.
"""

from dataclasses import dataclass, field
from typing import Any, ClassVar, TypeAlias

from delian.exchange.errors import MessageError
from delian.exchange.message_parts import head, read_address, read_pid, read_reasons
from delian.exchange.plain import local_name, many, mapping, member, optional, text
from delian.exchange.words import TransferState

MAX_PROPERTIES = 50


@dataclass(frozen=True, slots=True)
class DataAddress:
    """Where data are fetched or brought, and with which properties (a token among them)."""

    endpoint_type: str
    endpoint: str | None = None
    properties: tuple[tuple[str, str], ...] = field(default=(), repr=False)

    @classmethod
    def from_plain(cls, obj: object, where: str) -> "DataAddress":
        """The address in *obj*.

        Raises:
            MessageError: names the member that breaks the form.
        """
        plain = mapping(obj, where)
        items = many(plain.get("endpointProperties"), f"{where}.endpointProperties")
        if len(items) > MAX_PROPERTIES:
            raise MessageError("too many properties", where=f"{where}.endpointProperties")
        return cls(
            text(member(plain, "endpointType", where), f"{where}.endpointType"),
            optional(plain, "endpoint", where, _endpoint),
            tuple(_property(p, f"{where}.endpointProperties[{i}]") for i, p in enumerate(items)),
        )

    def to_plain(self) -> dict[str, Any]:
        """The address as the protocol spells it."""
        body: dict[str, Any] = {"@type": "DataAddress", "endpointType": self.endpoint_type}
        if self.endpoint is not None:
            body["endpoint"] = self.endpoint
        if self.properties:
            body["endpointProperties"] = [
                {"@type": "EndpointProperty", "name": name, "value": value}
                for name, value in self.properties
            ]
        return body

    def get(self, name: str) -> str | None:
        """The property *name*, under its plain name or with a prefix or namespace before it."""
        for key, value in self.properties:
            if key == name or key.rsplit("/", 1)[-1].rsplit(":", 1)[-1] == name:
                return value
        return None


@dataclass(frozen=True, slots=True)
class TransferRequest:
    """A consumer asks for the data of an agreement; *data_address* only in a push."""

    type: ClassVar[str] = "TransferRequestMessage"
    consumer_pid: str
    agreement_id: str
    format: str
    callback_address: str
    data_address: DataAddress | None = field(default=None, repr=False)

    @classmethod
    def from_plain(cls, obj: dict[str, Any]) -> "TransferRequest":
        """The request in *obj*."""
        where = cls.type
        return cls(
            read_pid(member(obj, "consumerPid", where), f"{where}.consumerPid"),
            text(member(obj, "agreementId", where), f"{where}.agreementId"),
            text(member(obj, "format", where), f"{where}.format"),
            read_address(member(obj, "callbackAddress", where), f"{where}.callbackAddress"),
            optional(obj, "dataAddress", where, DataAddress.from_plain),
        )

    def to_plain(self) -> dict[str, Any]:
        """The request as it goes out."""
        body = head(self.type, None, self.consumer_pid)
        body["agreementId"] = self.agreement_id
        body["format"] = self.format
        body["callbackAddress"] = self.callback_address
        if self.data_address is not None:
            body["dataAddress"] = self.data_address.to_plain()
        return body


@dataclass(frozen=True, slots=True)
class TransferStart:
    """The data flow; *data_address* says from where in a pull."""

    type: ClassVar[str] = "TransferStartMessage"
    provider_pid: str | None
    consumer_pid: str | None
    data_address: DataAddress | None = field(default=None, repr=False)

    @classmethod
    def from_plain(cls, obj: dict[str, Any]) -> "TransferStart":
        """The start in *obj*."""
        address = optional(obj, "dataAddress", cls.type, DataAddress.from_plain)
        return cls(*_both_pids(obj, cls.type), address)

    def to_plain(self) -> dict[str, Any]:
        """The start as it goes out."""
        body = head(self.type, self.provider_pid, self.consumer_pid)
        if self.data_address is not None:
            body["dataAddress"] = self.data_address.to_plain()
        return body


@dataclass(frozen=True, slots=True)
class TransferCompletion:
    """All data have flowed."""

    type: ClassVar[str] = "TransferCompletionMessage"
    provider_pid: str | None
    consumer_pid: str | None

    @classmethod
    def from_plain(cls, obj: dict[str, Any]) -> "TransferCompletion":
        """The completion in *obj*."""
        return cls(*_both_pids(obj, cls.type))

    def to_plain(self) -> dict[str, Any]:
        """The completion as it goes out."""
        return head(self.type, self.provider_pid, self.consumer_pid)


@dataclass(frozen=True, slots=True)
class TransferSuspension:
    """The data rest."""

    type: ClassVar[str] = "TransferSuspensionMessage"
    provider_pid: str | None
    consumer_pid: str | None
    code: str | None = None
    reasons: tuple[str, ...] = ()

    @classmethod
    def from_plain(cls, obj: dict[str, Any]) -> "TransferSuspension":
        """The suspension in *obj*."""
        return cls(*_both_pids(obj, cls.type), *read_reasons(obj, cls.type))

    def to_plain(self) -> dict[str, Any]:
        """The suspension as it goes out."""
        return head(self.type, self.provider_pid, self.consumer_pid, self.code, self.reasons)


@dataclass(frozen=True, slots=True)
class TransferTermination:
    """Either side ends a transfer."""

    type: ClassVar[str] = "TransferTerminationMessage"
    provider_pid: str | None
    consumer_pid: str | None
    code: str | None = None
    reasons: tuple[str, ...] = ()

    @classmethod
    def from_plain(cls, obj: dict[str, Any]) -> "TransferTermination":
        """The termination in *obj*."""
        return cls(*_both_pids(obj, cls.type), *read_reasons(obj, cls.type))

    def to_plain(self) -> dict[str, Any]:
        """The termination as it goes out."""
        return head(self.type, self.provider_pid, self.consumer_pid, self.code, self.reasons)


@dataclass(frozen=True, slots=True)
class TransferAnswer:
    """Where a transfer stands, as its owner says."""

    type: ClassVar[str] = "TransferProcess"
    provider_pid: str | None
    consumer_pid: str | None
    state: TransferState

    @classmethod
    def from_plain(cls, obj: dict[str, Any]) -> "TransferAnswer":
        """The answer in *obj*."""
        where = f"{cls.type}.state"
        name = local_name(text(member(obj, "state", cls.type), where))
        if name not in TransferState.__members__:
            raise MessageError("not a state of a transfer", where=where)
        return cls(*_both_pids(obj, cls.type), TransferState(name))

    def to_plain(self) -> dict[str, Any]:
        """The answer as it goes out."""
        return {**head(self.type, self.provider_pid, self.consumer_pid), "state": self.state.value}


TransferMessage: TypeAlias = (
    TransferRequest | TransferStart | TransferCompletion | TransferSuspension | TransferTermination
)


def _property(obj: object, where: str) -> tuple[str, str]:
    plain = mapping(obj, where)
    name = text(member(plain, "name", where), f"{where}.name", max_length=512)
    value = plain.get("value")
    if not isinstance(value, str) or len(value) > 16_384:
        raise MessageError("expected text of a sensible length", where=f"{where}.value")
    return name, value


def _endpoint(value: object, where: str) -> str:
    return text(value, where, max_length=2048)


def _both_pids(obj: dict[str, Any], where: str) -> tuple[str, str]:
    provider = read_pid(member(obj, "providerPid", where), f"{where}.providerPid")
    return provider, read_pid(member(obj, "consumerPid", where), f"{where}.consumerPid")
