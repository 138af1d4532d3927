"""Reads a TDF file: everything is proved before the first byte, every piece before its first.

May touch: values; bytes come from a source that the node hands in, shares of the key from whoever
asks the key services. Use :func:`read_head` to see which services a file names, then
:meth:`TdfHead.open`; :func:`open_tdf` does both. See ``docs/security/tdf.md``.
"""

import hmac
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NoReturn, TypeAlias

from delian.crypto.sign import PublicKey
from delian.crypto.tdf_assertion import LABEL_ID, check_bound
from delian.crypto.tdf_errors import (
    TdfFormError,
    TdfLabelError,
    TdfOriginError,
    TdfTamperedError,
)
from delian.crypto.tdf_keys import TAG_BYTES, DataKey, KeyAccess, check_binding, join_shares
from delian.crypto.tdf_manifest import MAX_MANIFEST_BYTES, PAYLOAD_NAME, Manifest
from delian.crypto.tdf_manifest_read import read_manifest
from delian.crypto.tdf_origin import MAX_ORIGIN_BYTES, ORIGIN_NAME, Origin, open_origin
from delian.crypto.tdf_segments import DIGEST_BYTES, open_segments
from delian.crypto.tdf_zip import RandomAccess, ZipEntry, exactly, read_directory, read_entry
from delian.terms.encode import Digest, digest
from delian.terms.errors import DelianError, RefusedError, TamperedError

MANIFEST_NAMES = ("0.manifest.json", "manifest.json")
LABEL_4774_ID = "label-4774"
LABEL_IDS = frozenset({LABEL_ID, LABEL_4774_ID})
Unwrap: TypeAlias = Callable[[KeyAccess, str], bytes]


@dataclass(frozen=True, slots=True)
class TdfPins:
    """What a reader demands of a file.

    Args:
        originators: Key id to key. If there are any, the file must be signed by one of them,
            and hold nothing that the signature does not cover.
        requires_label: Must the file carry a label, and no assertion beside the ids known here?
        assertions: Those ids.
        subject: Digest of the document that the file must carry out, or None for any.
    """

    originators: Mapping[str, PublicKey] = field(default_factory=dict)
    requires_label: bool = True
    assertions: frozenset[str] = LABEL_IDS
    subject: Digest | None = None

    def __post_init__(self) -> None:
        if self.subject is not None and not self.originators:
            raise TdfFormError("only a pinned originator can say what a file carries out")


FOREIGN_FILE = TdfPins(requires_label=False)
"""For files of stock writers: no originator, a label only where there is one."""


@dataclass(frozen=True, slots=True)
class TdfHead:
    """A file whose form and lengths hold; nothing in it is proved yet."""

    manifest: Manifest
    manifest_bytes: bytes = field(repr=False)
    origin_bytes: bytes | None = field(repr=False)
    entries: Mapping[str, ZipEntry]
    source: RandomAccess = field(repr=False)

    def open(self, unwrap: Unwrap, pins: TdfPins, *, origin: bytes | None = None) -> "TdfReader":
        """Prove the file and open it; see :func:`open_tdf`."""
        by = _check_origin(self, pins, origin)
        _check_assertions(self.manifest, pins)
        _check_tags(self)
        key = _key(self.manifest, unwrap)
        over = self.manifest.aggregate
        if not hmac.compare_digest(key.mac(over), self.manifest.root):
            raise TdfTamperedError("the pieces of the file are not those that were sealed")
        for assertion in self.manifest.assertions:
            check_bound(assertion, key, over, raw=self.manifest.schema == "4.3.0")
        return TdfReader(self, key, *(by or (None, None)))


@dataclass(frozen=True, slots=True, eq=False)
class TdfReader:
    """A file that is proved; its pieces are opened on demand. Refuses pickling.

    Made by :func:`open_tdf` only.
    """

    head: TdfHead
    _key: DataKey = field(repr=False)
    signed_by: str | None
    origin: Origin | None

    def __reduce__(self) -> NoReturn:
        raise TypeError("an opened file cannot be pickled")

    @property
    def manifest(self) -> Manifest:
        """What the file says of itself, now proved."""
        return self.head.manifest

    @property
    def label(self) -> str | None:
        """The label's text; who wrote it is proved only if ``signed_by`` names somebody."""
        found = [a for a in self.manifest.assertions if a.id == LABEL_ID]
        return found[0].value if found else None

    def pieces(self) -> Iterator[memoryview]:
        """The plain bytes, piece by piece, each good until the next one is asked for.

        Raises:
            TdfTamperedError: a piece is altered; no byte of it was given.
        """
        manifest = self.manifest
        return open_segments(
            self.head.source,
            self.head.entries[PAYLOAD_NAME],
            self._key,
            manifest.segments,
            manifest.segment_hash,
            self.origin.segments if self.origin is not None else None,
        )

    def stream(self) -> Iterator[bytes]:
        """The same as bytes of their own.

        Raises:
            TdfTamperedError: a piece is altered; no byte of it was given.
        """
        return map(bytes, self.pieces())


def read_head(source: RandomAccess) -> TdfHead:
    """The manifest of a file whose container, forms and lengths hold.

    Raises:
        TdfFormError: not a TDF file that is read.
        TdfTamperedError: it contradicts itself.
    """
    entries = read_directory(source)
    names = [name for name in MANIFEST_NAMES if name in entries]
    if len(names) != 1 or PAYLOAD_NAME not in entries:
        raise TdfFormError("the archive has not exactly one manifest and one payload")
    data = read_entry(source, entries[names[0]], max_bytes=MAX_MANIFEST_BYTES)
    manifest = read_manifest(data)
    if manifest.sealed_bytes != entries[PAYLOAD_NAME].size:
        raise TdfTamperedError("the payload is not as long as its pieces")
    origin = None
    if ORIGIN_NAME in entries:
        origin = read_entry(source, entries[ORIGIN_NAME], max_bytes=MAX_ORIGIN_BYTES)
    return TdfHead(manifest, data, origin, entries, source)


def open_tdf(
    source: RandomAccess, unwrap: Unwrap, pins: TdfPins, *, origin: bytes | None = None
) -> TdfReader:
    """Prove a file and open it.

    Args:
        source: The file.
        unwrap: Gives the share behind a key access and the policy's text, or raises. Services
            of one split are asked in the order of the file until one gives its share.
        pins: What is demanded.
        origin: The originator's envelope, where it came beside the file instead of inside.

    Guarantees:
        Returns only if container, lengths, originator, policy bindings, root, assertions and
        label hold (``tests/unit/crypto/test_tdf_tamper.py`` has a class of alteration a line).

    Raises:
        TdfFormError: not a TDF file that is read.
        TamperedError: something does not hold.
        DelianError: what *unwrap* raised, if no service of a split gave its share.
    """
    return read_head(source).open(unwrap, pins, origin=origin)


def _check_origin(head: TdfHead, pins: TdfPins, beside: bytes | None) -> tuple[str, Origin] | None:
    if not pins.originators:
        return None
    data = beside if beside is not None else head.origin_bytes
    if data is None:
        raise TdfOriginError("the file carries no originator's signature")
    known = {PAYLOAD_NAME, ORIGIN_NAME, *MANIFEST_NAMES}
    if not set(head.entries) <= known:
        raise TdfOriginError("the file holds an entry that its originator did not sign")
    keyid, origin = open_origin(data, pins.originators)
    labels = [a.value for a in head.manifest.assertions if a.id == LABEL_ID]
    label = digest(labels[0].encode("utf-8")) if labels else None
    if origin.manifest != digest(head.manifest_bytes) or origin.label != label:
        raise TdfOriginError("the originator signed another file")
    if len(origin.segments) != DIGEST_BYTES * len(head.manifest.segments):
        raise TdfOriginError("the originator signed another file")
    if pins.subject is not None and origin.subject != pins.subject:
        raise TdfOriginError("the file carries out another document than the one asked for")
    return keyid, origin


def _check_assertions(manifest: Manifest, pins: TdfPins) -> None:
    names = [assertion.id for assertion in manifest.assertions]
    if len(set(names)) != len(names):
        raise TdfLabelError("the file has two assertions of one id")
    if not pins.requires_label:
        return
    if LABEL_ID not in names:
        raise TdfLabelError("the file carries no label")
    if not set(names) <= pins.assertions:
        raise TdfLabelError("the file carries an assertion that is not known here")


def _key(manifest: Manifest, unwrap: Unwrap) -> DataKey:
    shares = []
    for services in manifest.splits.values():
        share = _share(services, manifest.policy_base64, unwrap)
        for access in services:
            check_binding(share, manifest.policy_base64, access)
        shares.append(share)
    return join_shares(shares)


def _share(services: list[KeyAccess], policy: str, unwrap: Unwrap) -> bytes:
    """The share of one split, from the first service that gives it."""
    refused: list[DelianError] = []
    for access in services:
        try:
            return unwrap(access, policy)
        except TamperedError:
            raise
        except DelianError as error:
            refused.append(error)
    denials = [error for error in refused if isinstance(error, RefusedError)]
    raise (denials or refused)[0]


def _check_tags(head: TdfHead) -> None:
    """Every piece ends with the tag that the manifest names, before the first is handed out."""
    if head.manifest.segment_hash != "GMAC":
        return
    at = head.entries[PAYLOAD_NAME].start
    for segment in head.manifest.segments:
        at += segment.sealed_bytes
        tag = exactly(head.source, at - TAG_BYTES, TAG_BYTES)
        if not hmac.compare_digest(tag, segment.tag):
            raise TdfTamperedError("a piece of the payload is not the one that was sealed")
