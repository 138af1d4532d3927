"""The closing list: which sheet of which nation is run, and who is absent. One list per round.

May touch: DSSE and approve's count of consents. The secretariat writes it, every agent whose
nation is in it countersigns, and hosts run nothing else.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from delian.approve.consent import Consents, count_consents
from delian.approve.document import begin, finish, sign_document, spell
from delian.approve.mandate import Mandate
from delian.contribute.absence import Absence, check_absence
from delian.contribute.agreed import AgreedTerms
from delian.contribute.errors import AwaitingError, ClosingError, ContributionFormError
from delian.contribute.manifest import MAX_NUMBER, check_belongs
from delian.crypto.armor import from_base64, to_base64
from delian.crypto.dsse import Envelope, document_type, verify
from delian.crypto.sign import PrivateKey
from delian.terms.encode import Digest, Fields, Plain, digest, is_digest

KIND: Final = "closing"
TYPE: Final = document_type(KIND)
_MAX_STATEMENT_BYTES: Final = 16 * 1024


class Why(StrEnum):
    """Why a nation is absent."""

    STATED = "stated"  # by its own signed statement, which the list carries
    NO_SHEET = "no-sheet"  # no sheet of it at any host at the deadline


@dataclass(frozen=True, slots=True)
class Entry:
    """One nation that is in the round."""

    nation: str
    number: int
    manifest: Digest

    def to_plain(self) -> dict[str, Plain]:
        """The canonical form."""
        return {"nation": self.nation, "number": self.number, "manifest": self.manifest}

    @classmethod
    def from_plain(cls, plain: object) -> "Entry":
        """Read what :meth:`to_plain` writes."""
        f = Fields(plain, "entry")
        entry = cls(
            f.text("nation", max_length=80), f.whole("number", 1, MAX_NUMBER), f.digest("manifest")
        )
        f.end()
        return entry


@dataclass(frozen=True, slots=True)
class Absent:
    """One nation that is not.

    Args:
        nation: Its code.
        why: Stated, or no sheet.
        statement: The signed statement where it is stated, else None.
    """

    nation: str
    why: Why
    statement: Envelope | None = None

    def __post_init__(self) -> None:
        if (self.why is Why.STATED) != (self.statement is not None):
            raise ContributionFormError("a stated absence carries its statement, no other does")

    def to_plain(self) -> dict[str, Plain]:
        """The canonical form."""
        signed = None if self.statement is None else to_base64(self.statement.to_wire())
        return {"nation": self.nation, "why": str(self.why), "statement": signed}

    @classmethod
    def from_plain(cls, plain: object) -> "Absent":
        """Read what :meth:`to_plain` writes."""
        f = Fields(plain, "absent")
        nation = f.text("nation", max_length=80)
        statement = None
        if f.has("statement"):
            data = from_base64(
                f.text("statement", max_length=32_768), max_bytes=_MAX_STATEMENT_BYTES
            )
            statement = Envelope.from_wire(data, max_bytes=_MAX_STATEMENT_BYTES)
        why = f.text("why", max_length=20)
        f.end()
        if why not in tuple(Why):
            raise ContributionFormError("an absence has an unknown reason")
        return cls(nation, Why(why), statement)


@dataclass(frozen=True, slots=True)
class ClosingList:
    """What is run.

    Args:
        round_id: The round.
        terms: Digest of its terms.
        entries: Nations with a sheet, ascending.
        absent: Nations without, ascending.
        mandates: Digests of the stand-in mandates of this round, ascending.
    """

    round_id: str
    terms: Digest
    entries: tuple[Entry, ...]
    absent: tuple[Absent, ...]
    mandates: tuple[Digest, ...] = ()

    def __post_init__(self) -> None:
        for names in (self.present, self.missing, self.mandates):
            if list(names) != sorted(set(names)):
                raise ContributionFormError("a closing list stands in order, each name once")
        if set(self.present) & set(self.missing):
            raise ContributionFormError("a nation is present and absent at once")
        if not all(is_digest(m) for m in self.mandates):
            raise ContributionFormError("mandates are named by sha256 digest")

    @property
    def present(self) -> tuple[str, ...]:
        """Codes of the nations with a sheet."""
        return tuple(entry.nation for entry in self.entries)

    @property
    def missing(self) -> tuple[str, ...]:
        """Codes of the nations without."""
        return tuple(absent.nation for absent in self.absent)

    @property
    def digest(self) -> Digest:
        """What agents and hosts remember for the round id, and what a run is bound to."""
        return digest(self.to_wire())

    def entry(self, nation: str) -> Entry | None:
        """The entry of *nation*, or None."""
        return next((entry for entry in self.entries if entry.nation == nation), None)

    def to_wire(self) -> bytes:
        """The list as canonical JSON."""
        return spell(
            KIND,
            round=self.round_id,
            terms=self.terms,
            entries=[entry.to_plain() for entry in self.entries],
            absent=[absent.to_plain() for absent in self.absent],
            mandates=list(self.mandates),
        )

    @classmethod
    def from_wire(cls, payload: bytes) -> "ClosingList":
        """Read what :meth:`to_wire` writes.

        Raises:
            InputError: anything else.
        """
        f = begin(payload, KIND)
        made = cls(
            f.text("round", max_length=80),
            f.digest("terms"),
            tuple(Entry.from_plain(e) for e in f.items("entries")),
            tuple(Absent.from_plain(a) for a in f.items("absent")),
            f.texts("mandates"),
        )
        finish(f, made, payload)
        return made

    def signed(self, agreed: AgreedTerms, key: PrivateKey) -> Envelope:
        """The list, signed by the secretariat."""
        return sign_document(KIND, self, f"{agreed.terms.chair}/sign", key)


def check_list(envelope: Envelope, agreed: AgreedTerms) -> ClosingList:
    """The list in *envelope*, if the secretariat signed it and it keeps the rules of the terms.

    Guarantees:
        Every nation of the terms is in it exactly once; enough are present; every stated
        absence carries that nation's own statement
        (``tests/unit/contribute/test_contribute_closing.py``).

    Raises:
        ClosingError: a nation is left out or foreign, or too few are present.
        TamperedError: a signature does not hold.
        DelianError: malformed, or of another round.
    """
    listed = ClosingList.from_wire(envelope.payload)
    check_belongs(listed.round_id, listed.terms, agreed)
    chair = f"{agreed.terms.chair}/sign"
    public = agreed.resolve(chair)
    if public is None:
        raise ClosingError("the roster holds no key of the secretariat")
    verify(envelope, chair, public, TYPE)
    if {*listed.present, *listed.missing} != set(agreed.terms.nations):
        raise ClosingError(
            "the closing list does not name every nation of the terms exactly once",
            hint="a nation without a sheet is listed as absent",
        )
    if len(listed.present) < agreed.terms.least_present:
        raise ClosingError(
            "fewer nations have sent a sheet than the terms demand",
            hint="the round ends without a result; put new terms with a later deadline",
        )
    stated_absences(listed, agreed)
    return listed


def stated_absences(listed: ClosingList, agreed: AgreedTerms) -> Mapping[str, Absence]:
    """The statements that the list carries, each checked, by nation.

    Raises:
        ClosingError: a statement is not that nation's.
        DelianError: a statement does not hold.
    """
    found: dict[str, Absence] = {}
    for absent in listed.absent:
        if absent.statement is None:
            continue
        absence = check_absence(absent.statement, agreed)
        if absence.nation != absent.nation:
            raise ClosingError(f"the absence of {absent.nation} is stated by another nation")
        found[absent.nation] = absence
    return found


def countersigners(
    envelope: Envelope, agreed: AgreedTerms, mandates: Iterable[Mandate] = ()
) -> Consents:
    """Which of the nations in the list have countersigned it.

    Args:
        envelope: The list with all signatures that have come.
        agreed: The agreed terms.
        mandates: Every stand-in mandate of this round. One that the list names, by a nation
            in it, replaces that nation's own agent key.
    """
    listed = check_list(envelope, agreed)
    running: dict[str, Mandate] = {}
    for mandate in mandates:
        about = (mandate.id in listed.mandates, mandate.round_id, mandate.terms)
        if about != (True, listed.round_id, listed.terms):
            continue
        if running.setdefault(mandate.holder, mandate) != mandate:
            raise ClosingError(f"the list names two mandates of {mandate.holder}")
    return count_consents(
        envelope, listed.present, agreed.resolve, mandates=running, payload_type=TYPE
    )


def check_closed(
    envelope: Envelope, agreed: AgreedTerms, mandates: Iterable[Mandate] = ()
) -> ClosingList:
    """The list in *envelope*, if every nation in it has countersigned.

    Guarantees:
        As many distinct agent keys as nations present.

    Raises:
        AwaitingError: names the nations whose countersignature is missing.
        DelianError: as :func:`check_list`.
    """
    consents = countersigners(envelope, agreed, mandates)
    if consents.missing:
        raise AwaitingError(f"{', '.join(consents.missing)} has not countersigned the closing list")
    return ClosingList.from_wire(envelope.payload)
