"""The messages of the Decentralized Claims Protocol 1.0.1, read strictly and written plainly.

May touch: values. Where the kit's release candidate and the later forms differ, both are read:
``profiles`` beside ``profile``, ``VC1_0_JWT`` beside ``vc11-sl2021/jwt``.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from delian.exchange.dcp_errors import DcpMessageError, NotEntitledError, NotSupportedHereError

CONTEXT = "https://w3id.org/dspace-dcp/v1.0/dcp.jsonld"
SCOPE_TYPE = "org.eclipse.dspace.dcp.vc.type"
VC11 = "vc11-sl2021/jwt"
VC20 = "vc20-bssl/jwt"
FORMATS = {VC11: VC11, VC20: VC20, "VC1_0_JWT": VC11, "VC2_0_JOSE": VC20}
EARLY_FORMATS = {VC11: "VC1_0_JWT", VC20: "VC2_0_JOSE"}
MAX_SCOPES = 32
MAX_CREDENTIALS = 32
MAX_TEXT = 1024
MAX_TOKEN = 64 * 1024


def read(plain: object, kind: str) -> Mapping[str, Any]:
    """Check type and context of a message.

    Raises:
        DcpMessageError: another type, or the protocol's context is missing.
    """
    if not isinstance(plain, Mapping) or plain.get("type") != kind:
        raise DcpMessageError(f"expected a {kind}")
    context = plain.get("@context")
    if CONTEXT not in (context if isinstance(context, list) else [context]):
        raise DcpMessageError(f"{kind}: the protocol's context is missing")
    return plain


def write(kind: str, members: Mapping[str, Any]) -> dict[str, Any]:
    """A message with its context and type."""
    return {"@context": [CONTEXT], "type": kind, **members}


def text(plain: Mapping[str, Any], name: str, *, most: int = MAX_TEXT) -> str:
    """A member that must be text.

    Raises:
        DcpMessageError: names the member.
    """
    value = plain.get(name)
    if not isinstance(value, str) or not 0 < len(value) <= most:
        raise DcpMessageError(f"'{name}' is missing or no text")
    return value


def items(plain: Mapping[str, Any], name: str, *, most: int = MAX_CREDENTIALS) -> list[Any]:
    """A member that must be a list with something in it.

    Raises:
        DcpMessageError: names the member.
    """
    value = plain.get(name)
    if not isinstance(value, list) or not 0 < len(value) <= most:
        raise DcpMessageError(f"'{name}' must be a list of 1 to {most}")
    return value


def scope_of(kind: str) -> str:
    """The scope that asks to read credentials of the type *kind*."""
    return f"{SCOPE_TYPE}:{kind}:read"


def kind_of(scope: object) -> str:
    """The credential type that a scope names; the ending ``:read`` may be left out.

    Raises:
        DcpMessageError: not a scope of this protocol.
    """
    parts = scope.split(":") if isinstance(scope, str) and len(scope) <= MAX_TEXT else []
    right = len(parts) in {2, 3} and parts[0] == SCOPE_TYPE and parts[1]
    if not right or (len(parts) == 3 and parts[2] != "read"):
        raise DcpMessageError(
            "a scope is not understood", hint=f"expected {SCOPE_TYPE}:<credential type>:read"
        )
    return parts[1]


@dataclass(frozen=True, slots=True)
class PresentationQuery:
    """A verifier asks for credentials of some types."""

    kinds: tuple[str, ...]

    @classmethod
    def from_plain(cls, plain: object) -> "PresentationQuery":
        """Read the message.

        Raises:
            DcpMessageError: both or neither way of asking, or an empty list.
            NotSupportedHereError: a presentation definition.
        """
        message = read(plain, "PresentationQueryMessage")
        if "presentationDefinition" in message:
            if "scope" in message or not message["presentationDefinition"]:
                raise DcpMessageError("a query holds either scopes or a presentation definition")
            raise NotSupportedHereError("presentation definitions are not supported: use scopes")
        scopes = items(message, "scope", most=MAX_SCOPES)
        return cls(tuple(dict.fromkeys(kind_of(scope) for scope in scopes)))

    def to_plain(self) -> dict[str, Any]:
        """The message."""
        scopes = [scope_of(kind) for kind in self.kinds]
        return write("PresentationQueryMessage", {"scope": scopes})


@dataclass(frozen=True, slots=True)
class PresentationResponse:
    """Presentations as compact tokens."""

    presentations: tuple[str, ...] = field(repr=False)

    @classmethod
    def from_plain(cls, plain: object) -> "PresentationResponse":
        """Read the message.

        Raises:
            DcpMessageError: no presentation, or one that is not a compact token.
        """
        message = read(plain, "PresentationResponseMessage")
        found = items(message, "presentation", most=8)
        if not all(isinstance(one, str) and len(one) <= MAX_TOKEN * 4 for one in found):
            raise DcpMessageError("a presentation is not a compact token")
        return cls(tuple(found))

    def to_plain(self) -> dict[str, Any]:
        """The message."""
        return write("PresentationResponseMessage", {"presentation": list(self.presentations)})


@dataclass(frozen=True, slots=True)
class Delivered:
    """One credential inside a :class:`CredentialMessage`."""

    kind: str
    form: str
    payload: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class CredentialMessage:
    """An issuer delivers credentials, or says why not.

    Args:
        holder_pid: The request that it answers.
        issuer_pid: The issuer's name of the request.
        is_issued: False for a rejection.
        credentials: What was issued; empty for a rejection.
        reason: Why it was rejected, or "".
    """

    holder_pid: str
    issuer_pid: str
    is_issued: bool
    credentials: tuple[Delivered, ...] = ()
    reason: str = ""

    @classmethod
    def from_plain(cls, plain: object) -> "CredentialMessage":
        """Read the message.

        Raises:
            DcpMessageError: names the member that is wrong.
        """
        message = read(plain, "CredentialMessage")
        status = text(message, "status")
        if status not in {"ISSUED", "REJECTED"}:
            raise DcpMessageError("'status' is neither ISSUED nor REJECTED")
        issuer_pid = text(message, "issuerPid" if "issuerPid" in message else "requestId")
        found: list[Delivered] = []
        for one in items(message, "credentials") if status == "ISSUED" else []:
            if not isinstance(one, Mapping):
                raise DcpMessageError("a delivered credential is not an object")
            form = FORMATS.get(text(one, "format"))
            if form is None:
                raise DcpMessageError("'format' is not one that this node reads")
            payload = text(one, "payload", most=MAX_TOKEN)
            found.append(Delivered(text(one, "credentialType"), form, payload))
        reason = message.get("rejectionReason", "")
        reason = reason[:MAX_TEXT] if isinstance(reason, str) else ""
        pid = text(message, "holderPid")
        return cls(pid, issuer_pid, status == "ISSUED", tuple(found), reason)

    def to_plain(self, *, early: bool = False) -> dict[str, Any]:
        """The message; *early* spells the formats as the release candidate does."""
        names = EARLY_FORMATS if early else FORMATS
        members: dict[str, Any] = {
            "issuerPid": self.issuer_pid,
            "holderPid": self.holder_pid,
            "requestId": self.issuer_pid,
            "status": "ISSUED" if self.is_issued else "REJECTED",
            "credentials": [
                {"credentialType": c.kind, "format": names[c.form], "payload": c.payload}
                for c in self.credentials
            ],
        }
        if self.reason:
            members["rejectionReason"] = self.reason
        return write("CredentialMessage", members)


@dataclass(frozen=True, slots=True)
class CredentialObject:
    """A kind of credential that an issuer offers.

    Args:
        id: The issuer's name of the offer.
        kind: The credential type, or "" where a message names only the id.
        form: ``vc11-sl2021/jwt`` or ``vc20-bssl/jwt``, or "".
        reason: Why it is offered, or "".
    """

    id: str
    kind: str = ""
    form: str = ""
    reason: str = ""

    @classmethod
    def from_plain(cls, plain: object) -> "CredentialObject":
        """Read a full or a sparse object.

        Raises:
            DcpMessageError: names the member that is wrong.
        """
        if not isinstance(plain, Mapping):
            raise DcpMessageError("a credential object is not an object")
        name = text(plain, "id")
        if "type" not in plain and "credentialType" not in plain:
            return cls(name)
        if plain.get("type") != "CredentialObject":
            raise DcpMessageError("'type' is not CredentialObject")
        profiles = plain.get("profiles", [plain["profile"]] if "profile" in plain else [])
        known = [FORMATS[p] for p in profiles if p in FORMATS] if _texts(profiles) else []
        reason = plain.get("offerReason", "")
        kind = text(plain, "credentialType")
        return cls(name, kind, known[0] if known else "", reason if isinstance(reason, str) else "")

    def to_plain(self) -> dict[str, Any]:
        """The full object, with both spellings of the profile."""
        return {
            "id": self.id,
            "type": "CredentialObject",
            "credentialType": self.kind,
            "offerReason": self.reason or "issuance",
            "bindingMethods": ["did:web"],
            "profile": self.form,
            "profiles": [self.form],
            "issuancePolicy": {},
        }


@dataclass(frozen=True, slots=True)
class CredentialOffer:
    """An issuer says what a holder may ask for."""

    issuer: str
    credentials: tuple[CredentialObject, ...]

    @classmethod
    def from_plain(cls, plain: object, speaker: str) -> "CredentialOffer":
        """Read the message of *speaker*.

        Raises:
            DcpMessageError: malformed; NotEntitledError: it offers in another's name.
        """
        message = read(plain, "CredentialOfferMessage")
        issuer = text(message, "issuer")
        found = tuple(CredentialObject.from_plain(one) for one in items(message, "credentials"))
        if issuer != speaker:
            raise NotEntitledError("the offer is made in another issuer's name")
        return cls(issuer, found)

    def to_plain(self) -> dict[str, Any]:
        """The message."""
        found = [one.to_plain() for one in self.credentials]
        return write("CredentialOfferMessage", {"issuer": self.issuer, "credentials": found})


@dataclass(frozen=True, slots=True)
class CredentialRequest:
    """A holder asks for offered credentials by their ids."""

    holder_pid: str
    ids: tuple[str, ...]

    @classmethod
    def from_plain(cls, plain: object) -> "CredentialRequest":
        """Read the message.

        Raises:
            DcpMessageError: names the member that is wrong.
        """
        message = read(plain, "CredentialRequestMessage")
        found = items(message, "credentials")
        if not all(isinstance(one, Mapping) for one in found):
            raise DcpMessageError("a requested credential is not an object")
        ids = tuple(dict.fromkeys(text(one, "id") for one in found))
        return cls(text(message, "holderPid"), ids)

    def to_plain(self) -> dict[str, Any]:
        """The message."""
        members = {"holderPid": self.holder_pid, "credentials": [{"id": i} for i in self.ids]}
        return write("CredentialRequestMessage", members)


def issuer_metadata(issuer: str, offered: tuple[CredentialObject, ...]) -> dict[str, Any]:
    """What an issuer publishes about itself."""
    supported = [one.to_plain() for one in offered]
    return write("IssuerMetadata", {"issuer": issuer, "credentialsSupported": supported})


def read_metadata(plain: object, issuer: str) -> tuple[CredentialObject, ...]:
    """The kinds that *issuer* supports.

    Raises:
        DcpMessageError: malformed, or of another issuer.
    """
    message = read(plain, "IssuerMetadata")
    if text(message, "issuer") != issuer:
        raise DcpMessageError("the metadata belongs to another issuer")
    listed = items(message, "credentialsSupported", most=256)
    return tuple(CredentialObject.from_plain(one) for one in listed)


def status_message(holder_pid: str, issuer_pid: str, status: str) -> dict[str, Any]:
    """Where a request stands: RECEIVED, ISSUED or REJECTED."""
    members = {"holderPid": holder_pid, "issuerPid": issuer_pid, "status": status}
    return write("CredentialStatus", members)


def _texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(one, str) for one in value)
