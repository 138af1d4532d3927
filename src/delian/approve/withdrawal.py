"""A nation takes its consent to a release back, at any time, by any road.

May touch: DSSE and this room's document form. One officer key of the roster that approved the
release is enough; history stays as it is.
"""

from collections.abc import Collection, Iterable
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
    prose,
    sign_document,
    spell,
)
from delian.crypto.dsse import Envelope, Resolve
from delian.crypto.sign import PrivateKey
from delian.terms.encode import Digest, digest, is_digest, utc_text

KIND = "withdrawal"


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """One nation withdraws one release.

    Args:
        round_id: The round.
        subject: Digest of the release statement's exact bytes.
        nation: Who withdraws.
        roster_version: The roster under which the release was approved.
        at_utc: When, by the nation's clock.
        reason: Why.
    """

    round_id: str
    subject: Digest
    nation: str
    roster_version: int
    at_utc: datetime
    reason: str

    def __post_init__(self) -> None:
        name(self.round_id, "round")
        code(self.nation)
        moment(self.at_utc)
        prose(self.reason, "reason")
        if not is_digest(self.subject) or self.roster_version < 1:
            raise DocumentFormError("a withdrawal names its release and its roster")

    @property
    def id(self) -> Digest:
        """The digest of the withdrawal's own bytes."""
        return digest(self.to_wire())

    def to_wire(self) -> bytes:
        """The withdrawal as canonical JSON."""
        return spell(
            KIND,
            round=self.round_id,
            subject=self.subject,
            nation=self.nation,
            roster_version=self.roster_version,
            at=utc_text(self.at_utc),
            reason=self.reason,
        )

    @classmethod
    def from_wire(cls, payload: bytes) -> "Withdrawal":
        """Read what :meth:`to_wire` writes.

        Raises:
            InputError: anything else.
        """
        f = begin(payload, KIND)
        withdrawal = cls(
            f.text("round"),
            f.digest("subject"),
            f.text("nation"),
            f.whole("roster_version"),
            f.utc("at"),
            f.text("reason"),
        )
        finish(f, withdrawal, payload)
        return withdrawal

    def signed(self, key: PrivateKey) -> Envelope:
        """The withdrawal, signed with the nation's officer key."""
        return sign_document(KIND, self, f"{self.nation}/officer", key)

    @classmethod
    def from_envelope(cls, envelope: Envelope, resolve: Resolve) -> "Withdrawal":
        """The withdrawal in *envelope*, signed by its nation's officer.

        Args:
            envelope: From anywhere.
            resolve: The roster that approved the release.

        Raises:
            DelianError: malformed, of an unknown nation, or not signed by it.
        """
        withdrawal = cls.from_wire(envelope.payload)
        check_signed(envelope, KIND, f"{withdrawal.nation}/officer", resolve)
        return withdrawal


def withdrawn_by(
    subject: Digest, withdrawals: Iterable[Withdrawal], nations: Collection[str]
) -> tuple[str, ...]:
    """Those of *nations* that have withdrawn the release *subject*, in order; one is enough."""
    return tuple(
        sorted({w.nation for w in withdrawals if w.subject == subject and w.nation in nations})
    )
