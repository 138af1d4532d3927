"""The signed list of what a nation has sent: three commitments and three sealed parts.

May touch: DSSE. It holds no figure, no share and no time; the secretariat learns from it who has
sent, and how much every nation sends is the same.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Final

from delian.approve.document import begin, check_signed, finish, sign_document, spell
from delian.contribute.agreed import AgreedTerms
from delian.contribute.errors import (
    ContributionFormError,
    UnknownNationError,
    WrongRoundError,
    WrongTermsError,
)
from delian.contribute.shape import SHARES, ShareShape
from delian.crypto.dsse import Envelope
from delian.crypto.sign import PrivateKey
from delian.terms.encode import Digest, Fields, Plain, digest, is_digest

KIND: Final = "manifest"
MAX_NUMBER: Final = 2**32 - 1


@dataclass(frozen=True, slots=True)
class Part:
    """One sealed part, as the nation signed it."""

    host: str
    digest: Digest
    size_bytes: int

    def to_plain(self) -> dict[str, Plain]:
        """The canonical form."""
        return {"host": self.host, "digest": self.digest, "bytes": self.size_bytes}

    @classmethod
    def from_plain(cls, plain: object) -> "Part":
        """Read what :meth:`to_plain` writes."""
        f = Fields(plain, "part")
        part = cls(f.text("host", max_length=80), f.digest("digest"), f.whole("bytes", 1))
        f.end()
        return part


@dataclass(frozen=True)
class Manifest:
    """What a nation signs with its contribute key.

    Args:
        round_id: The round.
        terms: Digest of its terms.
        nation: Who sends.
        number: From 1; a later sheet of the same nation has a higher one.
        commitments: To x_0, x_1 and x_2.
        parts: The sealed parts for P_0, P_1 and P_2.
    """

    round_id: str
    terms: Digest
    nation: str
    number: int
    commitments: tuple[Digest, ...]
    parts: tuple[Part, ...]

    def __post_init__(self) -> None:
        if len(self.commitments) != SHARES or len(self.parts) != SHARES:
            raise ContributionFormError("a manifest names three commitments and three parts")
        if not all(is_digest(c) for c in self.commitments):
            raise ContributionFormError("a commitment is a sha256 digest")
        if not 1 <= self.number <= MAX_NUMBER:
            raise ContributionFormError("a manifest is numbered from 1")

    @cached_property
    def digest(self) -> Digest:
        """How receipts and closing lists name this manifest."""
        return digest(self.to_wire())

    def to_wire(self) -> bytes:
        """The manifest as canonical JSON."""
        return spell(
            KIND,
            round=self.round_id,
            terms=self.terms,
            nation=self.nation,
            number=self.number,
            commitments=list(self.commitments),
            parts=[part.to_plain() for part in self.parts],
        )

    @classmethod
    def from_wire(cls, payload: bytes) -> "Manifest":
        """Read what :meth:`to_wire` writes.

        Raises:
            InputError: anything else.
        """
        f = begin(payload, KIND)
        manifest = cls(
            f.text("round", max_length=80),
            f.digest("terms"),
            f.text("nation", max_length=80),
            f.whole("number", 1, MAX_NUMBER),
            f.texts("commitments"),
            tuple(Part.from_plain(p) for p in f.items("parts")),
        )
        finish(f, manifest, payload)
        return manifest

    def signed(self, key: PrivateKey) -> Envelope:
        """The manifest, signed with the nation's contribute key."""
        return sign_document(KIND, self, f"{self.nation}/contribute", key)


def check_manifest(envelope: Envelope, agreed: AgreedTerms) -> Manifest:
    """The manifest in *envelope*, if it belongs to this round and its nation signed it.

    Raises:
        InputError: not a manifest.
        WrongRoundError: of another round.
        WrongTermsError: names other terms or hosts than those agreed.
        UnknownNationError: the terms do not name the nation, or the roster gives it no key.
        TamperedError: the signature does not hold.
    """
    manifest = Manifest.from_wire(envelope.payload)
    check_belongs(manifest.round_id, manifest.terms, agreed)
    agreed.check_nation(manifest.nation)
    keyid = f"{manifest.nation}/contribute"
    if agreed.resolve(keyid) is None:
        raise UnknownNationError(f"the roster holds no key '{keyid}'")
    check_signed(envelope, KIND, keyid, agreed.resolve)
    if tuple(part.host for part in manifest.parts) != agreed.terms.hosts:
        raise WrongTermsError("the manifest names other hosts than the terms")
    shape = ShareShape.of(agreed.terms)
    for host, part in enumerate(manifest.parts):
        if part.size_bytes != shape.sealed_bytes(host):
            raise ContributionFormError("a sealed part has another size than the terms demand")
    return manifest


def check_belongs(round_id: str, terms: Digest, agreed: AgreedTerms) -> None:
    """Return if a document belongs to this round and these terms.

    Raises:
        WrongRoundError: of another round.
        WrongTermsError: under other terms.
    """
    if round_id != agreed.terms.round_id:
        raise WrongRoundError("the document belongs to another round")
    if terms != agreed.terms.digest:
        raise WrongTermsError("the document was made under other terms")
