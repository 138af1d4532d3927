"""The version document: what a connector says of itself before anyone has to identify.

May touch: values.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from delian.exchange.errors import MessageError
from delian.exchange.plain import many, mapping, member, optional, text
from delian.exchange.words import VERSION, VERSION_PATH


@dataclass(frozen=True, slots=True)
class ProtocolVersion:
    """One version that a connector speaks, and below which path."""

    version: str
    path: str
    binding: str = "HTTPS"
    service_id: str | None = None
    auth_protocol: str | None = None
    auth_profiles: tuple[str, ...] = ()


def version_document(
    *, service_id: str | None = None, auth_profiles: Sequence[str] = ()
) -> dict[str, Any]:
    """The answer at ``/.well-known/dspace-version``; *auth_profiles* names DCP's profiles."""
    entry: dict[str, Any] = {"version": VERSION, "path": VERSION_PATH, "binding": "HTTPS"}
    if service_id is not None:
        entry["serviceId"] = service_id
        entry["identifierType"] = "did:web"
    if auth_profiles:
        entry["auth"] = {"protocol": "DCP", "version": "1.0", "profile": list(auth_profiles)}
    return {"protocolVersions": [entry]}


def read_versions(obj: Mapping[str, Any]) -> tuple[ProtocolVersion, ...]:
    """The versions that a peer names.

    Raises:
        MessageError: names the member that breaks the form.
    """
    where = "protocolVersions"
    entries = many(member(obj, where, "version document"), where)
    return tuple(_entry(entry, f"{where}[{i}]") for i, entry in enumerate(entries))


def choose_version(versions: Sequence[ProtocolVersion]) -> ProtocolVersion:
    """The version that both sides speak.

    Raises:
        MessageError: there is none.
    """
    for entry in versions:
        if entry.version == VERSION:
            return entry
    spoken = ", ".join(sorted({entry.version for entry in versions})) or "nothing"
    raise MessageError(f"the peer speaks {spoken}, we speak {VERSION}")


def _entry(obj: object, where: str) -> ProtocolVersion:
    plain = mapping(obj, where)
    auth = plain.get("auth")
    auth = auth if isinstance(auth, dict) else {}
    path = text(member(plain, "path", where), f"{where}.path", max_length=512)
    if not path.startswith("/") or "//" in path or ".." in path or "?" in path or "#" in path:
        raise MessageError("not a path", where=f"{where}.path")
    return ProtocolVersion(
        text(member(plain, "version", where), f"{where}.version", max_length=100),
        path.rstrip("/"),
        optional(plain, "binding", where, text) or "HTTPS",
        optional(plain, "serviceId", where, text),
        optional(auth, "protocol", f"{where}.auth", text),
        tuple(text(p, f"{where}.auth.profile") for p in many(auth.get("profile"), where)),
    )
