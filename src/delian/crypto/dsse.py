"""DSSE envelopes (secure-systems-lab/dsse v1): exact bytes and the signatures over them.

May touch: ``crypto.sign``, ``crypto.armor`` and the canonical spelling. A key id is a name
the roster resolves; it proves nothing by itself. Keys found inside an envelope are never
used, because an envelope has no place for them.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from delian.crypto.armor import from_base64, to_base64
from delian.crypto.sign import MAX_SIGNATURE_BYTES, PrivateKey, PublicKey
from delian.terms.encode import Fields, canonical, parse
from delian.terms.errors import InputError, TamperedError

MAX_ENVELOPE_BYTES = 32 * 1024 * 1024
MAX_SIGNATURES = 1024
MAX_NAME_CHARS = 255

Resolve: TypeAlias = Callable[[str], PublicKey | None]


class EnvelopeFormError(InputError):
    """The bytes are not a DSSE envelope as this product writes them."""

    code = "envelope-form"


class EnvelopeError(TamperedError):
    """An envelope does not carry the signature or the type that is asked for."""

    code = "envelope"


def document_type(kind: str) -> str:
    """The payload type of a round document, ``application/vnd.delian.<kind>.v1+json``."""
    return f"application/vnd.delian.{kind}.v1+json"


def pae(payload_type: str, payload: bytes) -> bytes:
    """The bytes that are signed: DSSE v1 pre-authentication encoding.

    Source: secure-systems-lab/dsse, protocol.md, "Signature Definition".
    """
    kind = payload_type.encode("utf-8")
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


@dataclass(frozen=True, slots=True)
class Signature:
    """One signature and the name of the key that is said to have made it."""

    keyid: str
    sig: bytes

    def __post_init__(self) -> None:
        if not 0 < len(self.keyid) <= MAX_NAME_CHARS or not self.keyid.isprintable():
            raise EnvelopeFormError("a key id is a printable text of 1 to 255 characters")
        if not 0 < len(self.sig) <= MAX_SIGNATURE_BYTES:
            raise EnvelopeFormError("a signature has an impossible length")


@dataclass(frozen=True, slots=True)
class Envelope:
    """A payload, its type and its signatures, none of them checked yet.

    Raises:
        EnvelopeFormError: too large, or a key id twice.
    """

    payload_type: str
    payload: bytes
    signatures: tuple[Signature, ...]

    def __post_init__(self) -> None:
        if not 0 < len(self.payload_type) <= MAX_NAME_CHARS or not self.payload_type.isprintable():
            raise EnvelopeFormError("a payload type is a printable text of 1 to 255 characters")
        if len(self.payload) > MAX_ENVELOPE_BYTES or len(self.signatures) > MAX_SIGNATURES:
            raise EnvelopeFormError("the envelope is larger than allowed")
        if len({signature.keyid for signature in self.signatures}) != len(self.signatures):
            raise EnvelopeFormError("the envelope names a key id twice")

    def to_wire(self) -> bytes:
        """The envelope as canonical JSON with standard base64; signatures sorted by key id."""
        ordered = sorted(self.signatures, key=lambda signature: signature.keyid)
        return canonical(
            {
                "payload": to_base64(self.payload),
                "payloadType": self.payload_type,
                "signatures": [{"keyid": s.keyid, "sig": to_base64(s.sig)} for s in ordered],
            }
        )

    @classmethod
    def from_wire(cls, data: bytes, *, max_bytes: int = MAX_ENVELOPE_BYTES) -> "Envelope":
        """Read an envelope from a stranger. Nothing in it is trusted afterwards.

        Raises:
            InputError: not a DSSE envelope, too large, unknown fields, loose base64, a key id
                twice.
        """
        fields = Fields(parse(data, max_bytes=max_bytes, max_depth=4), "envelope")
        payload_type = fields.text("payloadType", max_length=MAX_NAME_CHARS)
        payload = from_base64(fields.text("payload", max_length=2 * max_bytes), max_bytes=max_bytes)
        plain = fields.items("signatures")
        fields.end()
        if len(plain) > MAX_SIGNATURES:
            raise EnvelopeFormError("the envelope is larger than allowed")
        return cls(payload_type, payload, tuple(_signature(item) for item in plain))

    def added(self, other: "Envelope") -> "Envelope":
        """This envelope with the signatures of *other* over the same payload added.

        Raises:
            EnvelopeError: *other* carries another payload, or another signature under a key id.
        """
        if (self.payload_type, self.payload) != (other.payload_type, other.payload):
            raise EnvelopeError("the two envelopes do not carry the same document")
        merged = {s.keyid: s for s in self.signatures}
        for signature in other.signatures:
            if merged.setdefault(signature.keyid, signature) != signature:
                raise EnvelopeError("a key id carries two different signatures")
        return Envelope(self.payload_type, self.payload, tuple(merged[k] for k in sorted(merged)))


def _signature(plain: object) -> Signature:
    fields = Fields(plain, "signature")
    keyid = fields.text("keyid", max_length=MAX_NAME_CHARS)
    text = fields.text("sig", max_length=2 * MAX_SIGNATURE_BYTES)
    fields.end()
    return Signature(keyid, from_base64(text, max_bytes=MAX_SIGNATURE_BYTES))


def sign(payload_type: str, payload: bytes, keys: Mapping[str, PrivateKey]) -> Envelope:
    """An envelope over exactly *payload*, signed with each of *keys* under its key id."""
    message = pae(payload_type, payload)
    made = tuple(Signature(keyid, keys[keyid].sign(message)) for keyid in sorted(keys))
    return Envelope(payload_type, payload, made)


def verify(envelope: Envelope, keyid: str, public: PublicKey, payload_type: str) -> bytes:
    """The payload, if *public* signed it under *keyid* as *payload_type*.

    Raises:
        TamperedError: another type, no such signature, or one that does not hold.
    """
    if envelope.payload_type != payload_type:
        raise EnvelopeError("the envelope holds another kind of document")
    for signature in envelope.signatures:
        if signature.keyid == keyid:
            public.verify(pae(envelope.payload_type, envelope.payload), signature.sig)
            return envelope.payload
    raise EnvelopeError("the envelope is not signed under the expected key id")


def signers(envelope: Envelope, resolve: Resolve) -> tuple[str, ...]:
    """Key ids with a valid signature, sorted; one raw key counts once.

    Args:
        envelope: Any envelope.
        resolve: The pinned roster: key id to public key, or None for a stranger.

    Guarantees:
        As many different raw keys as names (``tests/property/test_crypto_laws.py``). Where one
        raw key stands under several names, the first name in alphabetical order counts.
        Signatures of strangers and broken signatures count for nobody and spoil nothing.
    """
    message = pae(envelope.payload_type, envelope.payload)
    seen: set[PublicKey] = set()
    found: list[str] = []
    for signature in sorted(envelope.signatures, key=lambda s: s.keyid):
        public = resolve(signature.keyid)
        if public is None or public in seen:
            continue
        try:
            public.verify(message, signature.sig)
        except TamperedError:
            continue
        seen.add(public)
        found.append(signature.keyid)
    return tuple(found)
