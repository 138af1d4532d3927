"""The manifest of a TDF file: a value, and its spelling as stock clients read it.

May touch: values. Reading a stranger's manifest is ``crypto.tdf_manifest_read``. See
``docs/formats/tdf.md``.
"""

from dataclasses import dataclass
from typing import Literal, get_args

from delian.crypto.tdf_assertion import Assertion
from delian.crypto.tdf_fields import compact_json, to_base64
from delian.crypto.tdf_keys import IV_BYTES, TAG_BYTES, KeyAccess
from delian.crypto.tdf_policy import TdfPolicy
from delian.terms.encode import Plain

Schema = Literal["4.3.0", "4.2.2"]
SCHEMAS: tuple[Schema, ...] = get_args(Schema)
SegmentHash = Literal["GMAC", "HS256"]
SEGMENT_HASHES: tuple[SegmentHash, ...] = get_args(SegmentHash)
FRAME_BYTES = IV_BYTES + TAG_BYTES
PAYLOAD_NAME = "0.payload"
MAX_SEGMENT_BYTES = 16 * 1024 * 1024
MAX_MANIFEST_BYTES = 16 * 1024 * 1024
MAX_SEGMENTS = 1 << 16


@dataclass(frozen=True, slots=True)
class Segment:
    """One sealed piece of the payload: its integrity value, its plain and its sealed length."""

    tag: bytes
    plain_bytes: int
    sealed_bytes: int


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a TDF file says of itself; nothing of it is proved by reading.

    Args:
        schema: "4.3.0" (integrity values raw) or "4.2.2" (in hexadecimal).
        mime_type: Of the payload; "" where the writer did not say.
        policy_base64: The exact text of the policy.
        policy: The same, read.
        key_access: At least one.
        root: HMAC-SHA256 under the data key, 32 bytes.
        segment_hash: What ``Segment.tag`` is: the GCM tag, or HMAC-SHA256 of the sealed piece.
        segment_default: Plain bytes of a full segment.
        segments: At least one.
        assertions: Statements about the file.
    """

    schema: Schema
    mime_type: str
    policy_base64: str
    policy: TdfPolicy
    key_access: tuple[KeyAccess, ...]
    root: bytes
    segment_hash: SegmentHash
    segment_default: int
    segments: tuple[Segment, ...]
    assertions: tuple[Assertion, ...]

    @property
    def plain_bytes(self) -> int:
        """Length of the plain payload."""
        return sum(segment.plain_bytes for segment in self.segments)

    @property
    def sealed_bytes(self) -> int:
        """Length of the sealed payload."""
        return sum(segment.sealed_bytes for segment in self.segments)

    @property
    def aggregate(self) -> bytes:
        """The integrity values one after the other, as the root and assertions are made over."""
        joined = b"".join(segment.tag for segment in self.segments)
        return joined if self.schema == "4.3.0" else joined.hex().encode("ascii")

    @property
    def splits(self) -> dict[str, list[KeyAccess]]:
        """Key access by split, in the order of the file."""
        found: dict[str, list[KeyAccess]] = {}
        for access in self.key_access:
            found.setdefault(access.split, []).append(access)
        return found

    def to_bytes(self) -> bytes:
        """The manifest as stock clients read it."""
        return compact_json(_to_plain(self))


def _to_plain(manifest: Manifest) -> dict[str, Plain]:
    raw = manifest.schema == "4.3.0"

    def spelled(value: bytes) -> str:
        return to_base64(value if raw else value.hex().encode("ascii"))

    segments: list[Plain] = [
        {
            "hash": spelled(segment.tag),
            "segmentSize": segment.plain_bytes,
            "encryptedSegmentSize": segment.sealed_bytes,
        }
        for segment in manifest.segments
    ]
    several = len(manifest.splits) > 1
    keys: list[Plain] = [_key_plain(access, several=several) for access in manifest.key_access]
    integrity: dict[str, Plain] = {
        "rootSignature": {"alg": "HS256", "sig": spelled(manifest.root)},
        "segmentHashAlg": manifest.segment_hash,
        "segmentSizeDefault": manifest.segment_default,
        "encryptedSegmentSizeDefault": manifest.segment_default + FRAME_BYTES,
        "segments": segments,
    }
    found: dict[str, Plain] = {
        "payload": {
            "type": "reference",
            "url": PAYLOAD_NAME,
            "protocol": "zip",
            "mimeType": manifest.mime_type,
            "isEncrypted": True,
        },
        "encryptionInformation": {
            "type": "split",
            "policy": manifest.policy_base64,
            "keyAccess": keys,
            "method": {"algorithm": "AES-256-GCM", "iv": "", "isStreamable": True},
            "integrityInformation": integrity,
        },
        "assertions": [assertion.to_plain() for assertion in manifest.assertions],
    }
    return {"schemaVersion": manifest.schema, **found} if raw else found


def _key_plain(access: KeyAccess, *, several: bool) -> dict[str, Plain]:
    plain: dict[str, Plain] = {
        "type": access.kind,
        "url": access.url,
        "protocol": "kas",
        "kid": access.kid,
        "schemaVersion": "1.0",
        "wrappedKey": to_base64(access.wrapped),
        "policyBinding": {"alg": "HS256", "hash": access.binding_text},
    }
    if several or access.split:
        plain["sid"] = access.split
    if access.ephemeral_pem:
        plain["ephemeralPublicKey"] = access.ephemeral_pem
    return plain
