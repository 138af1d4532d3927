"""Reads the manifest of a stranger's TDF file.

May touch: values. Where stock writers leave something out or write null, it is read; what stock
readers overlook (a keyless root, no key service, plain payloads, lying sizes) is refused here.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from delian.crypto.tdf_assertion import read_assertion
from delian.crypto.tdf_errors import TdfFormError, TdfTamperedError
from delian.crypto.tdf_fields import (
    as_object,
    from_base64,
    items,
    member,
    optional,
    read_json,
    size,
    text,
)
from delian.crypto.tdf_keys import MAX_GRANTS, TAG_BYTES, KeyAccess
from delian.crypto.tdf_manifest import (
    FRAME_BYTES,
    MAX_MANIFEST_BYTES,
    MAX_SEGMENT_BYTES,
    MAX_SEGMENTS,
    PAYLOAD_NAME,
    SEGMENT_HASHES,
    Manifest,
    Schema,
    Segment,
    SegmentHash,
)
from delian.crypto.tdf_policy import MAX_POLICY_CHARACTERS, TdfPolicy

MAX_ASSERTIONS = 64
_PEM_CHARACTERS = 2048
_HEX = re.compile(rb"(?:[0-9a-f]{2})+\Z")


def read_manifest(data: bytes) -> Manifest:
    """Read a stranger's manifest.

    Raises:
        TdfFormError: not a manifest, a form that is not read, or larger than allowed.
        TdfTamperedError: it says what no honest writer says.
    """
    plain = read_json(data, MAX_MANIFEST_BYTES)
    schema = _schema(plain)
    payload = member(plain, "payload")
    encryption = member(plain, "encryptionInformation")
    integrity = member(encryption, "integrityInformation")
    _check_forms(payload, encryption)
    policy = text(encryption, "policy", limit=MAX_POLICY_CHARACTERS)
    sealed = _read_integrity(integrity, schema)
    assertions = items(plain, "assertions", MAX_ASSERTIONS)
    return Manifest(
        schema=schema,
        mime_type=optional(payload, "mimeType"),
        policy_base64=policy,
        policy=TdfPolicy.from_base64(policy),
        key_access=_read_key_access(encryption),
        root=sealed.root,
        segment_hash=sealed.kind,
        segment_default=sealed.default,
        segments=sealed.segments,
        assertions=tuple(read_assertion(item) for item in assertions),
    )


@dataclass(frozen=True, slots=True)
class _Integrity:
    root: bytes
    kind: SegmentHash
    default: int
    segments: tuple[Segment, ...]


def _check_forms(payload: Mapping[str, Any], encryption: Mapping[str, Any]) -> None:
    if payload.get("isEncrypted") is not True:
        raise TdfTamperedError("the file says that its payload is not encrypted")
    fixed = (
        (payload, "type", "reference"),
        (payload, "protocol", "zip"),
        (payload, "url", PAYLOAD_NAME),
        (encryption, "type", "split"),
        (member(encryption, "method"), "algorithm", "AES-256-GCM"),
    )
    for place, name, wanted in fixed:
        if place.get(name) != wanted:
            raise TdfFormError(f"the manifest's '{name}' is not '{wanted}'")


def _schema(plain: Mapping[str, Any]) -> Schema:
    named = plain.get("schemaVersion")
    if named in (None, ""):
        return "4.2.2"
    if named == "4.3.0":
        return "4.3.0"
    raise TdfFormError("the file is of a schema version that this product does not read")


def _read_integrity(plain: Mapping[str, Any], schema: Schema) -> _Integrity:
    signature = member(plain, "rootSignature")
    if signature.get("alg") != "HS256":
        raise TdfTamperedError("the root signature is not made with the data key")
    kind = _segment_hash(plain.get("segmentHashAlg"))
    plain_default = size(plain, "segmentSizeDefault", 0)
    sealed_default = size(plain, "encryptedSegmentSizeDefault", plain_default + FRAME_BYTES)
    if sealed_default != plain_default + FRAME_BYTES:
        raise TdfTamperedError("the default sizes of the segments contradict each other")
    length = TAG_BYTES if kind == "GMAC" else 32
    listed = items(plain, "segments", MAX_SEGMENTS)
    if not listed:
        raise TdfTamperedError("the file has no segments")
    made = []
    for item in listed:
        segment = as_object(item, "a segment")
        tag = _integrity_value(segment, "hash", schema, length)
        sizes = _segment_sizes(segment, plain_default, sealed_default)
        made.append(Segment(tag, *sizes))
    root = _integrity_value(signature, "sig", schema, 32)
    return _Integrity(root, kind, plain_default, tuple(made))


def _segment_hash(named: object) -> SegmentHash:
    for known in SEGMENT_HASHES:
        if named == known:
            return known
    raise TdfFormError("the segments are bound in a way that is not read")


def _segment_sizes(
    segment: Mapping[str, Any], plain_default: int, sealed_default: int
) -> tuple[int, int]:
    """Each size may be left out where it is the default; a plain size of 0 may be either."""
    sealed = size(segment, "encryptedSegmentSize", sealed_default) or sealed_default
    plain = size(segment, "segmentSize", plain_default)
    if plain != sealed - FRAME_BYTES:
        raise TdfTamperedError("the sizes of a segment contradict each other")
    if plain > MAX_SEGMENT_BYTES:
        raise TdfFormError("a segment is larger than allowed")
    return plain, sealed


def _integrity_value(plain: Mapping[str, Any], name: str, schema: Schema, length: int) -> bytes:
    """Raw in 4.3.0, lower-case hexadecimal in 4.2.2; never one in place of the other."""
    value = from_base64(text(plain, name, limit=256), "an integrity value")
    if schema == "4.2.2":
        if not _HEX.match(value):
            raise TdfTamperedError("an integrity value is not in the form of its schema version")
        value = bytes.fromhex(value.decode("ascii"))
    if len(value) != length:
        raise TdfTamperedError("an integrity value is not in the form of its schema version")
    return value


def _read_key_access(encryption: Mapping[str, Any]) -> tuple[KeyAccess, ...]:
    listed = items(encryption, "keyAccess", MAX_GRANTS)
    if not listed:
        raise TdfTamperedError("the file names no key service")
    return tuple(_one_key_access(as_object(item, "a key access")) for item in listed)


def _one_key_access(plain: Mapping[str, Any]) -> KeyAccess:
    kind = text(plain, "type", limit=40)
    if kind not in ("wrapped", "ec-wrapped"):
        raise TdfFormError("a key is wrapped in a way that is not read")
    if plain.get("protocol") not in ("kas", None, ""):
        raise TdfFormError("a key service speaks a protocol that is not read")
    binding = plain.get("policyBinding")
    if isinstance(binding, dict):
        if binding.get("alg") not in ("HS256", None, ""):
            raise TdfTamperedError("the policy is not bound with the key")
        binding = binding.get("hash")
    if not isinstance(binding, str) or len(binding) > 256:
        raise TdfFormError("a key access has no policy binding")
    ephemeral = optional(plain, "ephemeralPublicKey", limit=_PEM_CHARACTERS)
    if (kind == "ec-wrapped") != bool(ephemeral):
        raise TdfFormError("a key access has no ephemeral key, or one too many")
    return KeyAccess(
        kind=kind,
        url=text(plain, "url", limit=2048),
        kid=optional(plain, "kid"),
        split=optional(plain, "sid", limit=256),
        wrapped=from_base64(text(plain, "wrappedKey", limit=8192), "a wrapped key"),
        ephemeral_pem=ephemeral,
        binding=_binding(binding),
        binding_text=binding,
    )


def _binding(spelled: str) -> bytes:
    """32 bytes, raw or (as every stock client writes them) in hexadecimal."""
    value = from_base64(spelled, "a policy binding")
    if len(value) == 64 and _HEX.match(value):
        value = bytes.fromhex(value.decode("ascii"))
    if len(value) != 32:
        raise TdfTamperedError("a policy binding has another length")
    return value
