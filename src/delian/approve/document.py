"""How this room's documents are read and signed: canonical JSON in a DSSE envelope.

May touch: DSSE and the canonical spelling. One signature per document: who speaks, signs.
"""

import re
from datetime import datetime
from typing import Protocol

from delian.crypto.dsse import Envelope, Resolve, document_type, sign, verify
from delian.crypto.sign import PrivateKey
from delian.terms.encode import Fields, canonical, parse
from delian.terms.errors import InputError, RefusedError

MAX_DOCUMENT_BYTES = 256 * 1024
MAX_TEXT_CHARS = 4000
MAX_NAME_CHARS = 80

_CODE = re.compile(r"[A-Z]{3}\Z|[A-Za-z][A-Za-z0-9-]{1,31}\Z")


class DocumentFormError(InputError):
    """A document of the silence procedure breaks its form."""

    code = "approve-form"


class UnknownKeyError(RefusedError):
    """The roster knows no key for the party that is said to have signed."""

    code = "approve-key"


class Document(Protocol):
    """Anything that has one exact spelling in bytes."""

    def to_wire(self) -> bytes:
        """The document as canonical JSON."""
        ...


def spell(kind: str, /, **fields: object) -> bytes:
    """A document of *kind* in its one spelling, with its format and version."""
    return canonical({"format": f"delian-{kind}", "version": 1, **fields})


def begin(payload: bytes, kind: str) -> Fields:
    """The fields of a document of *kind*, format and version checked."""
    fields = Fields(parse(payload, max_bytes=MAX_DOCUMENT_BYTES, max_depth=6), kind)
    fields.form(f"delian-{kind}")
    return fields


def finish(fields: Fields, document: Document, payload: bytes) -> None:
    """Refuse unknown fields and every other spelling of the same document.

    Raises:
        InputError: the bytes are not exactly what the document would be written as.
    """
    fields.end()
    if document.to_wire() != payload:
        raise DocumentFormError("the document is not in its canonical spelling")


def code(text: str) -> str:
    """A party's code.

    Raises:
        DocumentFormError: not one.
    """
    if not _CODE.match(text):
        raise DocumentFormError("a party code is not well formed")
    return text


def name(text: str, what: str) -> str:
    """A short printable text such as a round's id.

    Raises:
        DocumentFormError: empty, too long or not printable.
    """
    if not 0 < len(text) <= MAX_NAME_CHARS or not text.isprintable():
        raise DocumentFormError(f"the {what} is a short printable text")
    return text


def moment(at_utc: datetime) -> datetime:
    """A moment that knows its time zone.

    Raises:
        DocumentFormError: it does not.
    """
    if at_utc.tzinfo is None:
        raise DocumentFormError("a moment without a time zone")
    return at_utc


def prose(text: str, what: str) -> str:
    """A text people wrote, at most 4,000 characters and not blank.

    Raises:
        DocumentFormError: blank, too long, or it holds control characters.
    """
    if not text.strip() or len(text) > MAX_TEXT_CHARS:
        raise DocumentFormError(f"the {what} is missing or too long", hint=f"give the {what}")
    if not all(char.isprintable() or char == "\n" for char in text):
        raise DocumentFormError(f"the {what} holds characters that cannot be shown")
    return text


def sign_document(kind: str, document: Document, keyid: str, key: PrivateKey) -> Envelope:
    """*document* in a DSSE envelope with the one signature it needs."""
    return sign(document_type(kind), document.to_wire(), {keyid: key})


def check_signed(envelope: Envelope, kind: str, keyid: str, resolve: Resolve) -> None:
    """Return if the envelope holds a document of *kind*, signed by *keyid* and nobody else.

    Raises:
        UnknownKeyError: the roster has no such key.
        TamperedError: another kind, or the signature does not hold.
        DocumentFormError: it carries other signatures too.
    """
    public = resolve(keyid)
    if public is None:
        raise UnknownKeyError(f"the roster holds no key '{keyid[:80]}'")
    if len(envelope.signatures) > 1:
        raise DocumentFormError("a document of one party carries one signature")
    verify(envelope, keyid, public, document_type(kind))
