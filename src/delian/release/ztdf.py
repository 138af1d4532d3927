"""A release for a closed audience leaves as a TDF file, and comes back as the folder it was.

May touch: values. The payload is a stored zip of the folder, the same for the same folder. The
label stands in it twice for stock readers (STANAG 5636 JSON and 4774 XML); the originator's
signature binds file, label and the digest of the statement that every nation signed. Sealing
changes nothing about proof: whoever opens the file runs ``release.verify`` on the folder.
"""

import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import sha256

from delian.crypto.dsse import Envelope
from delian.crypto.sign import PrivateKey, PublicKey
from delian.crypto.tdf_assertion import Assertion, label_assertion
from delian.crypto.tdf_errors import TdfFormError
from delian.crypto.tdf_keys import KeyAccessGrant, RandomBytes
from delian.crypto.tdf_manifest import Schema
from delian.crypto.tdf_policy import TdfPolicy
from delian.crypto.tdf_read import LABEL_4774_ID, TdfPins, TdfReader, Unwrap, open_tdf
from delian.crypto.tdf_write import TdfPlan, TdfSigner, TdfWritten, write_tdf
from delian.crypto.tdf_zip import (
    MAX_ENTRIES,
    MemoryAccess,
    RandomAccess,
    read_directory,
    read_entry,
)
from delian.crypto.tdf_zip_write import BinaryWriter, Chunk, ZipWriter
from delian.label.grammar4774 import NAMESPACE
from delian.label.label import Label
from delian.label.policy import Policy
from delian.label.stanag4774 import to_xml
from delian.label.stanag5636 import SCHEMA, STATEMENT_FORMAT, to_json
from delian.release.bundle import STATEMENT
from delian.release.errors import SealedReleaseError, VerifyError
from delian.release.statement import Statement, read_statement
from delian.release.ztdf_attributes import attributes_of

MIME_TYPE = "application/zip"
MAX_FOLDER_BYTES = 1024 * 1024 * 1024
XML_FORMAT = "xml+stanag4774"


@dataclass(frozen=True, slots=True)
class SealPlan:
    """For whom a release is sealed, and who answers for it.

    Args:
        policy: The labelling policy of the release's label.
        authority: ``https://<host>`` under which key services know the attributes.
        key_access: The key services; different splits must all agree.
        originator: Key id to key; readers pin the public half.
        readers: Clients of the key services that alone may read; empty is no such limit.
        schema: Version of the format.
    """

    policy: Policy
    authority: str
    key_access: tuple[KeyAccessGrant, ...]
    originator: Mapping[str, PrivateKey] = field(repr=False)
    readers: tuple[str, ...] = ()
    schema: Schema = "4.3.0"


@dataclass(frozen=True, slots=True)
class SealedRelease:
    """A release that came out of a TDF file; ``release.verify`` has not run yet.

    Args:
        files: The folder: path to bytes.
        statement: What the nations agreed to.
        label: The statement's label; the file's labels say the same.
        signed_by: Key id of the pinned originator.
    """

    files: Mapping[str, bytes]
    statement: Statement
    label: Label
    signed_by: str


def policy_id(statement: Statement) -> str:
    """The identifier under which key services know a release; a withdrawal names it there."""
    number = int.from_bytes(sha256(statement.to_wire()).digest()[:16], "big")
    number = number & ~(0xF << 76) | 8 << 76  # RFC 9562: version 8, a digest of our own
    number = number & ~(0x3 << 62) | 2 << 62
    return str(uuid.UUID(int=number))


def seal_release(
    files: Mapping[str, bytes], sink: BinaryWriter, plan: SealPlan, randbytes: RandomBytes
) -> TdfWritten:
    """Write the release folder *files* as one TDF file to *sink*.

    Args:
        files: As ``bundle.release_folder`` gives it.
        sink: Takes the file front to back.
        plan: For whom.
        randbytes: Secure randomness.

    Raises:
        SealedReleaseError: no statement, or an audience of nobody.
        RefusedError: the label cannot be said in its wire forms.
    """
    statement = _statement(files)
    label = Label.from_plain(dict(statement.label))
    attributes = attributes_of(label.marking, plan.policy, plan.authority)
    parts = list(_folder_parts(files))
    made = TdfPlan(
        key_access=plan.key_access,
        policy=TdfPolicy(policy_id(statement), attributes, plan.readers),
        assertions=_assertions(label, plan.policy),
        mime_type=MIME_TYPE,
        schema=plan.schema,
        plain_bytes=sum(len(part) for part in parts),
        signer=TdfSigner(plan.originator, statement.digest),
    )
    return write_tdf(parts, sink, made, randbytes)


def open_release(
    source: RandomAccess,
    unwrap: Unwrap,
    originators: Mapping[str, PublicKey],
    policy: Policy,
    authority: str,
) -> SealedRelease:
    """The release folder in a TDF file, everything about the file proved.

    Args:
        source: The file.
        unwrap: Gives shares of the key.
        originators: The pinned keys; there must be one.
        policy: The labelling policy that the label must stand under.
        authority: Under which key services know its attributes.

    Guarantees:
        The file's labels and attributes are those of the statement inside, and the originator
        signed for exactly this statement (``tests/unit/release/test_tdf_release.py``).

    Raises:
        SealedReleaseError: no originator is pinned.
        VerifyError: label, attributes or statement of file and folder differ.
        DelianError: as ``open_tdf``.
    """
    return read_release(lambda pins: open_tdf(source, unwrap, pins), originators, policy, authority)


def read_release(
    opening: Callable[[TdfPins], TdfReader],
    originators: Mapping[str, PublicKey],
    policy: Policy,
    authority: str,
) -> SealedRelease:
    """The same, for a caller that opens the file itself (``TdfHead.open``) under given pins."""
    if not originators:
        raise SealedReleaseError(
            "a sealed release is read only under a pinned originator",
            hint="pin the key of the office that sealed it",
        )
    opened = opening(TdfPins(originators))
    if opened.manifest.plain_bytes > MAX_FOLDER_BYTES:
        raise SealedReleaseError("the sealed folder is larger than allowed")
    files = _unpacked(b"".join(opened.stream()))
    statement = _statement(files)
    label = Label.from_plain(dict(statement.label))
    if opened.origin is None or opened.origin.subject != statement.digest:
        raise VerifyError("the originator signed for another release")
    inside = {a.id: (a.form, a.schema, a.value) for a in opened.manifest.assertions}
    said = {a.id: (a.form, a.schema, a.value) for a in _assertions(label, policy)}
    if inside != said:
        raise VerifyError("the file's label is not that of the release")
    wanted = attributes_of(label.marking, policy, authority)
    sealed = opened.manifest.policy
    if sealed.uuid != policy_id(statement) or sealed.attributes != wanted:
        raise VerifyError("the file is sealed for others than the label says")
    return SealedRelease(files, statement, label, opened.signed_by or "")


def _statement(files: Mapping[str, bytes]) -> Statement:
    data = files.get(STATEMENT)
    if data is None:
        raise SealedReleaseError(f"the folder has no {STATEMENT}")
    return read_statement(Envelope.from_wire(data).payload)


def _assertions(label: Label, policy: Policy) -> tuple[Assertion, ...]:
    """The label in JSON, and in XML where the standard lets it be said; XML carries the rest."""
    if label.review_utc is None and label.succession is None:
        text = to_json(label, policy).decode("utf-8")
        return (label_assertion(text, form=STATEMENT_FORMAT, schema=SCHEMA),)
    text = to_json(label, policy, drop=("originator", "review", "privacy_mark")).decode("utf-8")
    xml = to_xml(label, policy).decode("utf-8")
    return (
        label_assertion(text, form=STATEMENT_FORMAT, schema=SCHEMA),
        label_assertion(xml, form=XML_FORMAT, schema=NAMESPACE, name=LABEL_4774_ID),
    )


class _Parts:
    """A sink that keeps what it is given."""

    def __init__(self) -> None:
        self.parts: list[bytes] = []

    def write(self, data: Chunk, /) -> None:
        """Keep *data*."""
        self.parts.append(bytes(data))


def _folder_parts(files: Mapping[str, bytes]) -> Iterator[bytes]:
    """The folder as one stored zip archive, in parts; the same for the same folder."""
    sink = _Parts()
    archive = ZipWriter(sink)
    if len(files) > MAX_ENTRIES or sum(map(len, files.values())) > MAX_FOLDER_BYTES:
        raise SealedReleaseError("the folder is larger than allowed")
    for name in sorted(files):
        if not is_inside(name):
            raise SealedReleaseError("a file of the folder has a name that leads out of it")
        archive.add(name, files[name])
    archive.close()
    yield from sink.parts


def _unpacked(data: bytes) -> dict[str, bytes]:
    source = MemoryAccess(data)
    try:
        entries = read_directory(source)
    except TdfFormError as error:
        raise VerifyError("the file does not hold a release folder") from error
    for name in entries:
        if not is_inside(name):
            raise VerifyError("a file of the folder has a name that leads out of it")
    return {
        name: read_entry(source, entry, max_bytes=MAX_FOLDER_BYTES)
        for name, entry in entries.items()
    }


def is_inside(name: str) -> bool:
    """Does the path stay inside its folder: relative, without empty parts, dots or backslashes?"""
    parts = name.split("/")
    return all(p not in ("", ".", "..") and p.isprintable() and "\\" not in p for p in parts)
