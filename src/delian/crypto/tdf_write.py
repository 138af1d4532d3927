"""Writes a TDF file in one pass: payload first, then the manifest, then the originator's word.

May touch: values; bytes come from a reader and go to a writer that the node hands in. Memory
does not grow with the payload, only with the list of its pieces.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from delian.crypto.dsse import Envelope
from delian.crypto.sign import PrivateKey
from delian.crypto.tdf_assertion import LABEL_ID, Assertion, bound
from delian.crypto.tdf_errors import TdfFormError
from delian.crypto.tdf_fields import to_base64
from delian.crypto.tdf_keys import (
    KEY_BYTES,
    MAX_GRANTS,
    DataKey,
    KeyAccess,
    KeyAccessGrant,
    RandomBytes,
    policy_binding,
    wrap,
)
from delian.crypto.tdf_manifest import (
    FRAME_BYTES,
    MAX_MANIFEST_BYTES,
    MAX_SEGMENT_BYTES,
    MAX_SEGMENTS,
    PAYLOAD_NAME,
    Manifest,
    Schema,
    Segment,
)
from delian.crypto.tdf_origin import ORIGIN_NAME, Origin, sign_origin
from delian.crypto.tdf_policy import TdfPolicy
from delian.crypto.tdf_segments import BinaryReader, seal_segments
from delian.crypto.tdf_zip_write import BinaryWriter, ZipWriter, crc_of_both
from delian.terms.encode import Digest, digest

MANIFEST_NAME = "0.manifest.json"
SEGMENT_BYTES = 2 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class TdfSigner:
    """Who signs as originator.

    Args:
        keys: Key id to key, as readers pin them.
        subject: Digest of the document that the file carries out, or None.
    """

    keys: Mapping[str, PrivateKey] = field(repr=False)
    subject: Digest | None = None


@dataclass(frozen=True, slots=True)
class TdfPlan:
    """How a file shall be written.

    Args:
        key_access: The key services; different splits must all agree, one split's are
            alternatives.
        policy: Who may read, for the key services.
        assertions: Statements to bind into the file, the label among them.
        mime_type: Of the payload.
        segment_bytes: Plain bytes of a full piece.
        schema: "4.3.0", or "4.2.2" for clients that know no other.
        plain_bytes: Length of the payload where it is known; needed from 4 GiB on.
        signer: The originator, or None for a file without one.
    """

    key_access: tuple[KeyAccessGrant, ...]
    policy: TdfPolicy
    assertions: tuple[Assertion, ...] = ()
    mime_type: str = "application/octet-stream"
    segment_bytes: int = SEGMENT_BYTES
    schema: Schema = "4.3.0"
    plain_bytes: int | None = None
    signer: TdfSigner | None = None

    def __post_init__(self) -> None:
        if not 0 < len(self.key_access) <= MAX_GRANTS:
            raise TdfFormError(f"a file needs 1 to {MAX_GRANTS} key services")
        if not 0 < self.segment_bytes <= MAX_SEGMENT_BYTES:
            raise TdfFormError("pieces of this size are not written")
        if self.plain_bytes is not None and _pieces(self) > MAX_SEGMENTS:
            raise TdfFormError("the file would have too many pieces", hint="write larger pieces")
        names = [assertion.id for assertion in self.assertions]
        if len(set(names)) != len(names):
            raise TdfFormError("two assertions have one id")


@dataclass(frozen=True, slots=True)
class TdfWritten:
    """What was written: the manifest, its digest, and the originator's word if there is one."""

    manifest: Manifest
    manifest_digest: Digest
    origin: Envelope | None
    file_bytes: int


def write_tdf(
    source: Iterable[bytes] | BinaryReader,
    sink: BinaryWriter,
    plan: TdfPlan,
    randbytes: RandomBytes,
) -> TdfWritten:
    """Write everything that *source* gives as one TDF file to *sink*.

    Args:
        source: The plain bytes: an open file, or parts of any size.
        sink: Takes the file front to back.
        plan: How.
        randbytes: Secure randomness; the key is drawn from it.

    Leaks:
        Length of the payload, policy, label, addresses of the key services.

    Raises:
        TdfFormError: a key that TDF does not use, too many pieces, or another length than the
            plan announced.
    """
    key = DataKey(randbytes(KEY_BYTES))
    policy = plan.policy.to_base64()
    grants = _grants(plan, key, policy, randbytes)
    archive = ZipWriter(sink)
    segments, digests = _payload(source, archive, plan, key)
    made = Manifest(
        schema=plan.schema,
        mime_type=plan.mime_type,
        policy_base64=policy,
        policy=plan.policy,
        key_access=grants,
        root=b"",
        segment_hash="GMAC",
        segment_default=plan.segment_bytes,
        segments=segments,
        assertions=(),
    )
    manifest = _signed(made, plan, key)
    data = manifest.to_bytes()
    if len(data) > MAX_MANIFEST_BYTES:
        raise TdfFormError("the manifest would be larger than readers take")
    archive.add(MANIFEST_NAME, data)
    origin = None
    if plan.signer is not None:
        origin = sign_origin(_origin(manifest, data, digests, plan.signer), plan.signer.keys)
        archive.add(ORIGIN_NAME, origin.to_wire())
    archive.close()
    return TdfWritten(manifest, digest(data), origin, archive.position)


def _grants(
    plan: TdfPlan, key: DataKey, policy: str, randbytes: RandomBytes
) -> tuple[KeyAccess, ...]:
    shares = key.shares((grant.split for grant in plan.key_access), randbytes)
    made = []
    for grant in plan.key_access:
        share = shares[grant.split]
        kind, wrapped, ephemeral = wrap(grant, share, randbytes)
        binding = policy_binding(share, policy)
        spelled = to_base64(binding.hex().encode("ascii"))
        access = KeyAccess(
            kind, grant.url, grant.kid, grant.split, wrapped, ephemeral, binding, spelled
        )
        made.append(access)
    return tuple(made)


def _payload(
    source: Iterable[bytes] | BinaryReader, archive: ZipWriter, plan: TdfPlan, key: DataKey
) -> tuple[tuple[Segment, ...], bytes]:
    archive.begin(PAYLOAD_NAME, size=_sealed_bytes(plan))
    segments: list[Segment] = []
    digests = bytearray()
    crc = size = 0
    signed = plan.signer is not None
    for piece in seal_segments(source, key, plan.segment_bytes, digests=signed):
        if len(segments) == MAX_SEGMENTS:
            raise TdfFormError("the file would have too many pieces", hint="write larger pieces")
        archive.write(piece.data)
        segments.append(Segment(piece.tag, piece.plain_bytes, len(piece.data)))
        digests += piece.digest
        crc, size = crc_of_both(crc, piece.crc, len(piece.data)), size + len(piece.data)
    plain = size - FRAME_BYTES * len(segments)
    if plan.plain_bytes not in (None, plain):
        raise TdfFormError("the payload has another length than announced")
    archive.end(crc=crc, size=size)
    return tuple(segments), bytes(digests)


def _sealed_bytes(plan: TdfPlan) -> int | None:
    if plan.plain_bytes is None:
        return None
    return plan.plain_bytes + FRAME_BYTES * _pieces(plan)


def _pieces(plan: TdfPlan) -> int:
    return max(1, -(-(plan.plain_bytes or 0) // plan.segment_bytes))


def _signed(made: Manifest, plan: TdfPlan, key: DataKey) -> Manifest:
    over, raw = made.aggregate, made.schema == "4.3.0"
    assertions = tuple(bound(a, key, over, raw=raw) for a in plan.assertions)
    return replace(made, root=key.mac(over), assertions=assertions)


def _origin(manifest: Manifest, data: bytes, digests: bytes, signer: TdfSigner) -> Origin:
    labels = [a.value for a in manifest.assertions if a.id == LABEL_ID]
    label = digest(labels[0].encode("utf-8")) if labels else None
    return Origin(digest(data), label, signer.subject, digests)
