"""Stand-ins: one nation lets another sign for it in one round, with a key made for that alone.

May touch: DSSE and this room's document form. The stand-in never sees the sheet: the
represented nation's own node checks and gives a signed yes for exactly these bytes, and without
that yes the stand-in does not sign.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

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
from delian.approve.proposal import Proposal
from delian.crypto.dsse import Envelope, Resolve
from delian.crypto.sign import PrivateKey, PublicKey
from delian.terms.encode import Digest, digest, is_digest, utc_text
from delian.terms.errors import RefusedError

MANDATE_KIND = "mandate"
YES_KIND = "stand-in-yes"


class TwoMandatesError(RefusedError):
    """A nation gave two mandates in one round; none of them counts."""

    code = "two-mandates"


@dataclass(frozen=True, slots=True)
class Mandate:
    """One nation's mandate to another.

    Args:
        round_id: The only round in which it holds.
        terms: Digest of that round's terms.
        holder: The nation that is represented.
        stand_in: The nation that signs for it.
        key: The key made for this mandate; used for nothing else.
        expires_utc: It does not run for a proposal whose silence ends later.
    """

    round_id: str
    terms: Digest
    holder: str
    stand_in: str
    key: PublicKey
    expires_utc: datetime

    def __post_init__(self) -> None:
        name(self.round_id, "round")
        moment(self.expires_utc)
        if code(self.holder) == code(self.stand_in):
            raise DocumentFormError("a nation cannot stand in for itself")
        if not is_digest(self.terms):
            raise DocumentFormError("a mandate names its terms by sha256 digest")

    @property
    def id(self) -> Digest:
        """The digest of the mandate's own bytes, as listed in the closing list."""
        return digest(self.to_wire())

    @property
    def keyid(self) -> str:
        """The name under which the stand-in signs for the holder."""
        return f"{self.holder}/stand-in"

    def to_wire(self) -> bytes:
        """The mandate as canonical JSON."""
        return spell(
            MANDATE_KIND,
            round=self.round_id,
            terms=self.terms,
            holder=self.holder,
            stand_in=self.stand_in,
            key=self.key.to_wire(),
            expires=utc_text(self.expires_utc),
        )

    @classmethod
    def from_wire(cls, payload: bytes) -> "Mandate":
        """Read what :meth:`to_wire` writes.

        Raises:
            InputError: anything else.
        """
        f = begin(payload, MANDATE_KIND)
        mandate = cls(
            f.text("round"),
            f.digest("terms"),
            f.text("holder"),
            f.text("stand_in"),
            PublicKey.from_wire(f.text("key")),
            f.utc("expires"),
        )
        finish(f, mandate, payload)
        return mandate

    def signed(self, key: PrivateKey) -> Envelope:
        """The mandate, signed with the holder's officer key."""
        return sign_document(MANDATE_KIND, self, f"{self.holder}/officer", key)

    @classmethod
    def from_envelope(cls, envelope: Envelope, resolve: Resolve) -> "Mandate":
        """The mandate in *envelope*, signed by its holder's officer.

        Raises:
            DelianError: malformed, of an unknown nation, or not signed by it.
        """
        mandate = cls.from_wire(envelope.payload)
        check_signed(envelope, MANDATE_KIND, f"{mandate.holder}/officer", resolve)
        return mandate

    def runs_for(self, proposal: Proposal) -> bool:
        """Does this mandate hold for *proposal*?

        It must be listed there, belong to the same round and terms, and not expire before
        the announced end of silence. An extension of silence does not end a mandate.
        """
        return (
            self.id in proposal.mandates
            and self.round_id == proposal.round_id
            and self.terms == proposal.terms
            and self.holder in proposal.nations
            and proposal.silence_ends_utc <= self.expires_utc
        )


@dataclass(frozen=True, slots=True)
class StandInYes:
    """The represented nation's node has checked exactly these bytes and says yes.

    Args:
        round_id: The round.
        subject: Digest of the exact bytes.
        mandate: The mandate's id.
        holder: The represented nation; its agent key signs.
    """

    round_id: str
    subject: Digest
    mandate: Digest
    holder: str

    def __post_init__(self) -> None:
        name(self.round_id, "round")
        code(self.holder)
        if not is_digest(self.subject) or not is_digest(self.mandate):
            raise DocumentFormError("a yes names its subject and mandate by sha256 digest")

    def to_wire(self) -> bytes:
        """The yes as canonical JSON."""
        return spell(
            YES_KIND,
            round=self.round_id,
            subject=self.subject,
            mandate=self.mandate,
            holder=self.holder,
        )

    @classmethod
    def from_wire(cls, payload: bytes) -> "StandInYes":
        """Read what :meth:`to_wire` writes.

        Raises:
            InputError: anything else.
        """
        f = begin(payload, YES_KIND)
        yes = cls(f.text("round"), f.digest("subject"), f.digest("mandate"), f.text("holder"))
        finish(f, yes, payload)
        return yes

    def signed(self, key: PrivateKey) -> Envelope:
        """The yes, signed with the holder's agent key."""
        return sign_document(YES_KIND, self, f"{self.holder}/agent", key)

    @classmethod
    def from_envelope(cls, envelope: Envelope, resolve: Resolve) -> "StandInYes":
        """The yes in *envelope*, signed by its holder's agent.

        Raises:
            DelianError: malformed, of an unknown nation, or not signed by it.
        """
        yes = cls.from_wire(envelope.payload)
        check_signed(envelope, YES_KIND, f"{yes.holder}/agent", resolve)
        return yes


def running(proposal: Proposal, mandates: Iterable[Mandate]) -> dict[str, Mandate]:
    """The mandates that hold for *proposal*, by the nation they represent.

    Raises:
        TwoMandatesError: one nation holds two; the round's closing list is wrong.
    """
    found: dict[str, Mandate] = {}
    for mandate in mandates:
        if not mandate.runs_for(proposal):
            continue
        if found.setdefault(mandate.holder, mandate) != mandate:
            raise TwoMandatesError(f"{mandate.holder} gave two mandates in this round")
    return found
