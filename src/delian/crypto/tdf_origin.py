"""The originator's word about a TDF file: a DSSE envelope in an entry of its own, or beside it.

May touch: values. Whoever holds the data key can write any label and, because GCM tags do not
commit, any payload under the same integrity values. This document binds the exact manifest, the
label and every sealed piece to a key that the reader pins. It is the authority.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from delian.crypto.armor import from_base64, to_base64
from delian.crypto.dsse import Envelope, document_type
from delian.crypto.dsse import sign as sign_envelope
from delian.crypto.dsse import verify as verify_envelope
from delian.crypto.sign import PrivateKey, PublicKey
from delian.crypto.tdf_errors import TdfOriginError
from delian.crypto.tdf_manifest import MAX_SEGMENTS
from delian.crypto.tdf_segments import DIGEST_BYTES
from delian.terms.encode import Digest, Fields, canonical, parse
from delian.terms.errors import InputError, TamperedError

ORIGIN_NAME = "0.origin.dsse.json"
ORIGIN_TYPE = document_type("tdf-origin")
FORMAT = "delian-tdf-origin"
MAX_ORIGIN_BYTES = 32 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Origin:
    """What an originator says of one file.

    Args:
        manifest: Digest of the manifest's exact bytes.
        label: Digest of the label's exact text, or None for a file without one.
        subject: Digest of the document that the file carries out, or None.
        segments: SHA-384 of every sealed piece, one after the other.
    """

    manifest: Digest
    label: Digest | None
    subject: Digest | None
    segments: bytes

    def to_wire(self) -> bytes:
        """The exact bytes that are signed."""
        return canonical(
            {
                "format": FORMAT,
                "version": 1,
                "manifest": self.manifest,
                "label": self.label,
                "subject": self.subject,
                "segments": to_base64(self.segments),
            }
        )

    @classmethod
    def from_wire(cls, data: bytes) -> "Origin":
        """Read what :meth:`to_wire` writes.

        Raises:
            InputError: anything else.
        """
        f = Fields(parse(data, max_bytes=MAX_ORIGIN_BYTES, max_depth=2), "origin")
        f.form(FORMAT)
        longest = MAX_SEGMENTS * DIGEST_BYTES
        made = cls(
            f.digest("manifest"),
            f.digest("label") if f.has("label") else None,
            f.digest("subject") if f.has("subject") else None,
            from_base64(f.text("segments", max_length=2 * longest), max_bytes=longest),
        )
        f.end()
        return made


def sign_origin(origin: Origin, keys: Mapping[str, PrivateKey]) -> Envelope:
    """*origin*, signed with each of *keys* under its key id."""
    return sign_envelope(ORIGIN_TYPE, origin.to_wire(), keys)


def open_origin(data: bytes, pinned: Mapping[str, PublicKey]) -> tuple[str, Origin]:
    """What a pinned originator says, and the key id under which it signed.

    Raises:
        TdfOriginError: no signature of a pinned key that holds, or another document.
    """
    try:
        envelope = Envelope.from_wire(data, max_bytes=MAX_ORIGIN_BYTES)
    except InputError as error:
        raise TdfOriginError("the originator's signature is not an envelope") from error
    for signature in envelope.signatures:
        public = pinned.get(signature.keyid)
        if public is None:
            continue
        try:
            payload = verify_envelope(envelope, signature.keyid, public, ORIGIN_TYPE)
            return signature.keyid, Origin.from_wire(payload)
        except (TamperedError, InputError) as error:
            raise TdfOriginError("the originator's signature does not hold") from error
    raise TdfOriginError("the file is not signed by an originator that is pinned here")
