"""A nation's own signed word that it takes no part in this round with figures.

May touch: DSSE. It is numbered in one sequence with the nation's sheets, so that neither an old
sheet nor an old absence can come back.
"""

from dataclasses import dataclass
from typing import Final

from delian.approve.document import begin, check_signed, finish, sign_document, spell
from delian.contribute.agreed import AgreedTerms
from delian.contribute.manifest import MAX_NUMBER, check_belongs
from delian.crypto.dsse import Envelope
from delian.crypto.sign import PrivateKey
from delian.terms.encode import Digest, digest

KIND: Final = "absence"


@dataclass(frozen=True, slots=True)
class Absence:
    """One nation states that it is absent from one round.

    Args:
        round_id: The round.
        terms: Digest of its terms.
        nation: Who states it.
        number: One more than that of its last sheet or statement in this round.
    """

    round_id: str
    terms: Digest
    nation: str
    number: int

    @property
    def digest(self) -> Digest:
        """Digest of the statement's own bytes."""
        return digest(self.to_wire())

    def to_wire(self) -> bytes:
        """The statement as canonical JSON."""
        return spell(
            KIND, round=self.round_id, terms=self.terms, nation=self.nation, number=self.number
        )

    @classmethod
    def from_wire(cls, payload: bytes) -> "Absence":
        """Read what :meth:`to_wire` writes.

        Raises:
            InputError: anything else.
        """
        f = begin(payload, KIND)
        absence = cls(
            f.text("round", max_length=80),
            f.digest("terms"),
            f.text("nation", max_length=80),
            f.whole("number", 1, MAX_NUMBER),
        )
        finish(f, absence, payload)
        return absence

    def signed(self, key: PrivateKey) -> Envelope:
        """The statement, signed with the nation's contribute key."""
        return sign_document(KIND, self, f"{self.nation}/contribute", key)


def check_absence(envelope: Envelope, agreed: AgreedTerms) -> Absence:
    """The statement in *envelope*, of this round and signed by its nation.

    Raises:
        DelianError: malformed, of another round, of an unknown nation, or not signed by it.
    """
    absence = Absence.from_wire(envelope.payload)
    check_belongs(absence.round_id, absence.terms, agreed)
    agreed.check_nation(absence.nation)
    check_signed(envelope, KIND, f"{absence.nation}/contribute", agreed.resolve)
    return absence
