"""Statements inside a TDF file (its label above all), bound to it with the data key.

May touch: values. The binding (HS256 with the data key) makes stock clients show the label; it
proves only that a holder of the key wrote it. The originator's signature is the authority
(``crypto.tdf_origin``). Keys that a binding brings along are never used: it is refused.
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from delian.crypto.tdf_errors import TdfFormError, TdfLabelError
from delian.terms.encode import MalformedError, Plain, canonical, parse

LABEL_ID = "label"
_HEADER = {"alg": "HS256", "typ": "JWT"}
_STATEMENT = frozenset({"format", "schema", "value"})
_TEXTS = ("id", "type", "scope", "appliesToState")
_MEMBERS = frozenset({*_TEXTS, "statement", "binding"})
_MAX_VALUE, _MAX_BINDING = 256 * 1024, 64 * 1024 * 1024


class Mac(Protocol):
    """Whatever computes HMAC-SHA256 under the data key."""

    def mac(self, message: bytes) -> bytes:
        """HMAC-SHA256 of *message*."""
        ...


@dataclass(frozen=True, slots=True)
class Assertion:
    """One statement about the file.

    Args:
        id: Its name in the file.
        kind: ``handling`` or ``other``.
        scope: ``tdo`` (file) or ``payload``.
        applies_to: ``encrypted`` or ``unencrypted``; None where it is not said.
        form: The statement's format.
        schema: The statement's schema; None where it is not said.
        value: The statement, always text: clients hash other values each in its own way.
        binding: The JWS in compact form; "" before :func:`bound`.
    """

    id: str
    kind: str
    scope: str
    applies_to: str | None
    form: str
    schema: str | None
    value: str
    binding: str = ""

    def unbound_plain(self) -> dict[str, Plain]:
        """The part that the binding is made over."""
        statement: dict[str, Plain] = {"format": self.form, "value": self.value}
        if self.schema is not None:
            statement["schema"] = self.schema
        plain: dict[str, Plain] = {
            "id": self.id,
            "type": self.kind,
            "scope": self.scope,
            "statement": statement,
        }
        if self.applies_to is not None:
            plain["appliesToState"] = self.applies_to
        return plain

    def to_plain(self) -> dict[str, Plain]:
        """The whole assertion."""
        return {**self.unbound_plain(), "binding": {"method": "jws", "signature": self.binding}}

    @property
    def digest(self) -> str:
        """``assertionHash``: SHA-256 in hexadecimal over the canonical unbound part (RFC 8785)."""
        return hashlib.sha256(canonical(self.unbound_plain())).hexdigest()


def label_assertion(value: str, *, form: str, schema: str, name: str = LABEL_ID) -> Assertion:
    """A handling statement about the whole file, to be bound."""
    return Assertion(name, "handling", "tdo", "encrypted", form, schema, value)


def read_assertion(plain: object) -> Assertion:
    """An assertion of a stranger's manifest, not yet checked.

    Raises:
        TdfFormError: not an assertion, a value that is not text, or an unknown member: clients
            leave unknown members out of what the binding covers.
    """
    if not isinstance(plain, dict) or not set(plain) <= _MEMBERS:
        raise TdfFormError("an assertion has a member that its binding does not cover")
    statement, binding = plain.get("statement"), plain.get("binding")
    if not isinstance(statement, dict) or not set(statement) <= _STATEMENT:
        raise TdfFormError("an assertion's statement has a member that is not read")
    if not isinstance(binding, dict) or set(binding) != {"method", "signature"}:
        raise TdfFormError("an assertion is not bound, or in a way that is not read")
    if binding["method"] != "jws":
        raise TdfFormError("an assertion is not bound, or in a way that is not read")
    return Assertion(
        id=_text(plain, "id"),
        kind=_text(plain, "type"),
        scope=_text(plain, "scope"),
        applies_to=_text(plain, "appliesToState") if "appliesToState" in plain else None,
        form=_text(statement, "format"),
        schema=_text(statement, "schema") if "schema" in statement else None,
        value=_text(statement, "value", limit=_MAX_VALUE),
        binding=_text(binding, "signature", limit=_MAX_BINDING),
    )


def bound(assertion: Assertion, key: Mac, aggregate: bytes, *, raw: bool) -> Assertion:
    """*assertion*, bound to the file whose integrity values are *aggregate*."""
    claims = {
        "assertionHash": assertion.digest,
        "assertionSig": _signed_over(assertion.digest, aggregate, raw=raw),
    }
    message = f"{_encode(canonical(_HEADER))}.{_encode(canonical(claims))}"
    signature = _encode(key.mac(message.encode("ascii")))
    return Assertion(
        assertion.id,
        assertion.kind,
        assertion.scope,
        assertion.applies_to,
        assertion.form,
        assertion.schema,
        assertion.value,
        f"{message}.{signature}",
    )


def check_bound(assertion: Assertion, key: Mac, aggregate: bytes, *, raw: bool) -> None:
    """Was *assertion* bound to exactly this file by a holder of its key?

    Raises:
        TdfLabelError: altered, moved from another file, another algorithm, or a key of its own
            in the header.
    """
    parts = assertion.binding.split(".")
    if len(parts) != 3:
        raise TdfLabelError("an assertion's binding is not a compact JWS")
    header, claims = _object(parts[0]), _object(parts[1])
    if header.get("alg") != "HS256" or not set(header) <= {"alg", "typ"}:
        raise TdfLabelError("an assertion is not bound with the data key alone")
    expected = key.mac(f"{parts[0]}.{parts[1]}".encode("ascii"))
    if not hmac.compare_digest(expected, _decode(parts[2])):
        raise TdfLabelError("an assertion's binding does not hold")
    digest, over = claims.get("assertionHash"), claims.get("assertionSig")
    if digest != assertion.digest:
        raise TdfLabelError("an assertion is not the one that was bound")
    if over != _signed_over(assertion.digest, aggregate, raw=raw):
        raise TdfLabelError("an assertion was bound to another file")


def _signed_over(digest: str, aggregate: bytes, *, raw: bool) -> str:
    tail = bytes.fromhex(digest) if raw else digest.encode("ascii")
    return base64.b64encode(aggregate + tail).decode("ascii")


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def _decode(text: str) -> bytes:
    try:
        return base64.b64decode(text.encode("ascii") + b"=" * (-len(text) % 4), b"-_", True)
    except (UnicodeEncodeError, binascii.Error) as error:
        raise TdfLabelError("an assertion's binding is not base64url") from error


def _object(text: str) -> dict[str, Any]:
    try:
        found = parse(_decode(text), max_depth=4)
    except MalformedError as error:
        raise TdfLabelError("an assertion's binding is not JSON") from error
    if not isinstance(found, dict):
        raise TdfLabelError("an assertion's binding is not an object")
    return found


def _text(plain: Mapping[str, Any], name: str, *, limit: int = 2048) -> str:
    value = plain.get(name)
    if not isinstance(value, str) or not 0 < len(value) <= limit:
        raise TdfFormError(f"an assertion's '{name}' is not text of allowed length")
    return value
