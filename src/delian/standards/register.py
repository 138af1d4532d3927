"""The register: standards and agreements, their lives, and where the nations stand on them.

May touch: values. A register is one edition of somebody's list; two editions are compared by
:mod:`delian.standards.register_difference`. National positions carry labels of their own, because
a reservation is often worth more protection than the standard.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, get_args

from delian.label import Label, Reader, effective, may_read
from delian.standards.errors import RegisterError
from delian.terms.encode import Digest, Plain, canonical, digest

FORMAT = "delian-register"
Kind = Literal["STANAG", "STANREC", "AP", "EN", "MIL-STD", "NDS", "civil", "other"]
KINDS: tuple[Kind, ...] = get_args(Kind)
Flag = Literal["added", "changed", "deleted"]
Stand = Literal["ratified", "with-reservation", "not-ratified"]
STANDS: tuple[Stand, ...] = get_args(Stand)
DATE = re.compile(r"\d{4}(-\d{2}(-\d{2})?)?\Z")
_EDITION = re.compile(r"\bEd\.?\s*([0-9A-Z]{1,3})\b")
_VERSION = re.compile(r"\bVer\.?\s*([0-9]{1,3})\b")


@dataclass(frozen=True, slots=True)
class Event:
    """One event in the life of an entry.

    Args:
        flag: What happened to it in the register.
        date: Year, year and month, or day; "" where the source does not say.
        register: Version of the register in which it happened.
        request: Number of the request for change, or "".
    """

    flag: Flag
    date: str
    register: str
    request: str = ""

    def to_plain(self) -> dict[str, Plain]:
        """The canonical form."""
        return {
            "flag": self.flag,
            "date": self.date,
            "register": self.register,
            "request": self.request,
        }


@dataclass(frozen=True, slots=True)
class Standard:
    """One standard or agreement.

    Args:
        id: Lasts through the editions of the register.
        kind: What it is.
        publisher: Code of the body that publishes it.
        number: As published.
        title: As published.
        edition: Taken from the number ("A", "4"), or "".
        version: As published, or taken from the number, or "".
        promulgated: Date, or "".
        responsible: Party that answers for the entry.
        applicability: Words on what it is for.
        events: Its life in the register, oldest first as the source has it.
        covers: Identifiers of what this agreement is the cover of.
        covered_by: Identifiers of the agreements that cover it.
        counterparts: Identifiers of civil standards with the same content.
        consumers: Profiles that use it.
        address: Where its text is found, or "".
        state: The source's own word for its state, or "".
        uuid: Identifier of the source, or "".
    """

    id: str
    kind: Kind
    publisher: str
    number: str
    title: str
    edition: str = ""
    version: str = ""
    promulgated: str = ""
    responsible: str = ""
    applicability: str = ""
    events: tuple[Event, ...] = ()
    covers: tuple[str, ...] = ()
    covered_by: tuple[str, ...] = ()
    counterparts: tuple[str, ...] = ()
    consumers: tuple[str, ...] = ()
    address: str = ""
    state: str = ""
    uuid: str = ""

    def __post_init__(self) -> None:
        if not self.id or self.kind not in KINDS:
            raise RegisterError("an entry needs a name and a known kind", where=self.id[:60])
        if self.promulgated and not DATE.match(self.promulgated):
            raise RegisterError("a date is a year, a month or a day", where=self.id[:60])

    @property
    def is_current(self) -> bool:
        """Is it in the register still?"""
        return not self.events or self.events[-1].flag != "deleted"

    def to_plain(self) -> dict[str, Plain]:
        """The canonical form."""
        return {
            "id": self.id,
            "kind": self.kind,
            "publisher": self.publisher,
            "number": self.number,
            "title": self.title,
            "edition": self.edition,
            "version": self.version,
            "promulgated": self.promulgated,
            "responsible": self.responsible,
            "applicability": self.applicability,
            "events": [event.to_plain() for event in self.events],
            "covers": [*self.covers],
            "covered_by": [*self.covered_by],
            "counterparts": [*self.counterparts],
            "consumers": [*self.consumers],
            "address": self.address,
            "state": self.state,
            "uuid": self.uuid,
        }


@dataclass(frozen=True, slots=True)
class Position:
    """Where one nation stands on one standard.

    Args:
        standard: Identifier of the standard.
        nation: Code of the nation.
        stand: Ratified, with a reservation, or not.
        implemented: Date of implementation, or "".
        reservation: Its words, or "".
        accepted: Variants of the standard that the nation takes, by name.
        label: Who may know this.
    """

    standard: str
    nation: str
    stand: Stand
    label: Label
    implemented: str = ""
    reservation: str = ""
    accepted: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.stand not in STANDS:
            raise RegisterError("a nation's position is of an unknown kind", where=self.standard)
        if bool(self.reservation) and self.stand != "with-reservation":
            raise RegisterError(
                "only a position with reservation has the words of one", where=self.standard
            )


@dataclass(frozen=True, slots=True)
class Register:
    """One edition of a register.

    Args:
        name: Whose register it is.
        edition: Which edition.
        standards: Entries by identifier.
        positions: Where nations stand; kept apart from the entries, each with its label.
    """

    name: str
    edition: str
    standards: Mapping[str, Standard]
    positions: tuple[Position, ...] = field(default=())

    def __post_init__(self) -> None:
        wrong = next((n for n, s in self.standards.items() if s.id != n), None)
        if wrong is not None:
            raise RegisterError("an entry stands under another name", where=wrong[:60])
        names = {(p.standard, p.nation) for p in self.positions}
        if len(names) != len(self.positions):
            raise RegisterError("a nation has two positions on one standard")

    def to_wire(self) -> bytes:
        """Canonical bytes of the entries, without positions (``docs/formats/register.md``)."""
        ordered = [self.standards[name].to_plain() for name in sorted(self.standards)]
        return canonical(
            {
                "format": FORMAT,
                "version": 1,
                "name": self.name,
                "edition": self.edition,
                "standards": ordered,
            }
        )

    @property
    def digest(self) -> Digest:
        """Digest of :meth:`to_wire`."""
        return digest(self.to_wire())

    def dangling(self) -> tuple[tuple[str, str], ...]:
        """Entry and name, for every link that leads nowhere in this edition."""
        return tuple(
            (name, link)
            for name in sorted(self.standards)
            for link in (
                *self.standards[name].covers,
                *self.standards[name].covered_by,
                *self.standards[name].counterparts,
            )
            if link not in self.standards
        )


def positions_for(
    register: Register, reader: Reader, standard: str, now_utc: datetime
) -> tuple[Position, ...]:
    """The positions on *standard* that *reader* may know at *now_utc*, by nation.

    Guarantees:
        A position that the reader may not know and one that does not exist give the same answer.
    """
    found = (p for p in register.positions if p.standard == standard)
    seen = [p for p in found if may_read(reader, effective(p.label, now_utc).marking).allowed]
    return tuple(sorted(seen, key=lambda p: p.nation))


def kind_of(number: str, publisher: str) -> Kind:
    """The kind of a standard, told by its published number and publisher."""
    for kind in ("STANAG", "STANREC", "MIL-STD", "NDS"):
        if number.upper().startswith(kind):
            return kind
    if number.upper().startswith("EN ") or publisher.lower() in ("cen", "cenelec", "etsi"):
        return "EN"
    if publisher.lower().startswith("nato"):
        return "AP" if re.match(r"A[A-Za-z]{1,6}P-", number) else "other"
    return "civil"


def edition_of(number: str) -> tuple[str, str]:
    """Edition and version as the published number says them, "" where it does not."""
    edition, version = _EDITION.search(number), _VERSION.search(number)
    return (edition[1] if edition else "", version[1] if version else "")
