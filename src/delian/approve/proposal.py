"""A proposal: exact bytes put to all nations until an exact moment.

May touch: DSSE and this room's document form. It names what is proposed by digest only.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property
from typing import Literal, TypeAlias, get_args

from delian.approve.document import (
    DocumentFormError,
    begin,
    check_signed,
    code,
    finish,
    moment,
    name,
    sign_document,
    spell,
)
from delian.approve.durations import Duration, expiry
from delian.crypto.dsse import Envelope, Resolve
from delian.crypto.ledger import Checkpoint
from delian.crypto.sign import PrivateKey
from delian.terms.encode import Digest, digest, is_digest, utc_text

KIND = "proposal"
Matter: TypeAlias = Literal["terms", "closing", "release", "roster"]
MATTERS: tuple[Matter, ...] = get_args(Matter)
MAX_NATIONS = 512
MAX_EXTENSIONS = 10


@dataclass(frozen=True)
class Proposal:
    """What the chair puts to the nations.

    Args:
        matter: "terms", "closing", "release" or "roster".
        round_id: The round.
        subject: Digest of the exact bytes that are agreed to.
        nations: Codes of all nations that must consent, in order.
        chair: Code of the institution that opens, and alone may extend.
        opened_utc: When silence began.
        silence_ends_utc: The last moment at which a voice is in time.
        reject_until_utc: The last moment for rejecting the procedure itself.
        extension_limit: How often the chair may extend, 0 to 10.
        roster_version: The roster that names the nations' keys.
        terms: Digest of the round's terms; None only for a roster.
        checkpoint: The chair's ledger as it stood, in text form, or "".
        amends: Digest of the proposal that this one replaces, or None.
        mandates: Digests of the stand-in mandates listed in the closing list, in order.
    """

    matter: Matter
    round_id: str
    subject: Digest
    nations: tuple[str, ...]
    chair: str
    opened_utc: datetime
    silence_ends_utc: datetime
    reject_until_utc: datetime
    extension_limit: int
    roster_version: int
    terms: Digest | None
    checkpoint: str = ""
    amends: Digest | None = None
    mandates: tuple[Digest, ...] = ()

    def __post_init__(self) -> None:
        self._check_names()
        for at_utc in (self.opened_utc, self.reject_until_utc, self.silence_ends_utc):
            moment(at_utc)
        if not self.opened_utc <= self.reject_until_utc <= self.silence_ends_utc:
            raise DocumentFormError("the times of a proposal are out of order")
        if self.opened_utc == self.silence_ends_utc:
            raise DocumentFormError("silence must last")
        if not 0 <= self.extension_limit <= MAX_EXTENSIONS or self.roster_version < 1:
            raise DocumentFormError("a number of the proposal is out of range")
        if self.checkpoint:
            Checkpoint.from_text(self.checkpoint)

    def _check_names(self) -> None:
        if self.matter not in MATTERS:
            raise DocumentFormError("unknown kind of proposal")
        name(self.round_id, "round")
        code(self.chair)
        for nation in self.nations:
            code(nation)
        ordered = tuple(sorted(set(self.nations)))
        if self.nations != ordered or not 0 < len(ordered) <= MAX_NATIONS:
            raise DocumentFormError("the nations of a proposal stand in order, each once")
        if self.mandates != tuple(sorted(set(self.mandates))):
            raise DocumentFormError("the mandates of a proposal stand in order, each once")
        named = [self.subject, *self.mandates]
        named += [d for d in (self.terms, self.amends) if d is not None]
        if not all(is_digest(d) for d in named):
            raise DocumentFormError("a proposal names documents by sha256 digest")
        if (self.terms is None) != (self.matter == "roster"):
            raise DocumentFormError("a proposal names its terms, unless it is about a roster")
        if self.matter == "terms" and self.terms != self.subject:
            raise DocumentFormError("a proposal of terms is about exactly these terms")

    @classmethod
    def open(
        cls,
        matter: Matter,
        subject: bytes,
        *,
        round_id: str,
        nations: Collection[str],
        chair: str,
        opened_utc: datetime,
        silence: Duration,
        reject_window: Duration,
        holidays: Collection[date],
        extension_limit: int,
        roster_version: int,
        terms: Digest | None,
        checkpoint: str = "",
        amends: "Proposal | None" = None,
        mandates: Collection[Digest] = (),
    ) -> "Proposal":
        """A proposal over the exact bytes *subject*, silence beginning at *opened_utc*.

        Guarantees:
            An amending proposal starts its own full period; it takes no time from the old one.

        Raises:
            DocumentFormError: a field breaks the form.
        """
        ends = expiry(opened_utc, silence, holidays)
        return cls(
            matter=matter,
            round_id=round_id,
            subject=digest(subject),
            nations=tuple(sorted(nations)),
            chair=chair,
            opened_utc=opened_utc,
            silence_ends_utc=ends,
            reject_until_utc=min(ends, expiry(opened_utc, reject_window, holidays)),
            extension_limit=extension_limit,
            roster_version=roster_version,
            terms=digest(subject) if matter == "terms" else terms,
            checkpoint=checkpoint,
            amends=None if amends is None else amends.id,
            mandates=tuple(sorted(mandates)),
        )

    @cached_property
    def id(self) -> Digest:
        """The digest of the proposal's own bytes; every voice names it."""
        return digest(self.to_wire())

    def to_wire(self) -> bytes:
        """The proposal as canonical JSON."""
        return spell(
            KIND,
            kind=self.matter,
            round=self.round_id,
            subject=self.subject,
            nations=list(self.nations),
            chair=self.chair,
            opened=utc_text(self.opened_utc),
            silence_ends=utc_text(self.silence_ends_utc),
            reject_until=utc_text(self.reject_until_utc),
            extension_limit=self.extension_limit,
            roster_version=self.roster_version,
            terms=self.terms,
            checkpoint=self.checkpoint,
            amends=self.amends,
            mandates=list(self.mandates),
        )

    @classmethod
    def from_wire(cls, payload: bytes) -> "Proposal":
        """Read what :meth:`to_wire` writes.

        Raises:
            InputError: anything else.
        """
        f = begin(payload, KIND)
        matter = f.text("kind")
        found = [known for known in MATTERS if known == matter]
        if not found:
            raise DocumentFormError("unknown kind of proposal")
        proposal = cls(
            matter=found[0],
            round_id=f.text("round"),
            subject=f.digest("subject"),
            nations=f.texts("nations"),
            chair=f.text("chair"),
            opened_utc=f.utc("opened"),
            silence_ends_utc=f.utc("silence_ends"),
            reject_until_utc=f.utc("reject_until"),
            extension_limit=f.whole("extension_limit"),
            roster_version=f.whole("roster_version"),
            terms=f.digest("terms") if f.has("terms") else None,
            checkpoint=f.text("checkpoint"),
            amends=f.digest("amends") if f.has("amends") else None,
            mandates=f.texts("mandates"),
        )
        finish(f, proposal, payload)
        return proposal

    def signed(self, key: PrivateKey) -> Envelope:
        """The proposal, signed by its chair."""
        return sign_document(KIND, self, f"{self.chair}/sign", key)

    @classmethod
    def from_envelope(cls, envelope: Envelope, resolve: Resolve, *, chair: str) -> "Proposal":
        """The proposal that *chair* signed.

        Args:
            envelope: From anywhere.
            resolve: The pinned roster.
            chair: The code that the terms or the roster name as chair; never read from the file.

        Raises:
            DelianError: malformed, another chair, or not signed by it.
        """
        proposal = cls.from_wire(envelope.payload)
        if proposal.chair != chair:
            raise DocumentFormError("the proposal names another chair than the round has")
        check_signed(envelope, KIND, f"{chair}/sign", resolve)
        return proposal
