"""Who takes part: parties, the purpose of each of their keys, and the roster that names them.

May touch: nothing but values. Signatures over a roster are checked in ``approve.membership``.
A key id is a role, ``FRA/agent``: what key stands behind it is only ever read from a pinned roster.
"""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from functools import cached_property
from typing import Any

from delian.terms.encode import Digest, Fields, MalformedError, Plain, digest_of
from delian.terms.errors import InputError

_CODE = re.compile(r"[A-Z]{3}\Z|[A-Za-z][A-Za-z0-9-]{1,31}\Z")
_ISO3 = re.compile(r"[A-Z]{3}\Z")


class Kind(StrEnum):
    """What a party is bound by."""

    ALLY = "ally"  # bound by treaty
    PARTNER = "partner"  # not bound
    INSTITUTION = "institution"  # the secretariat and its like
    HOST = "host"  # one of the compute hosts
    COMPANY = "company"


PURPOSES: Mapping[Kind, tuple[str, ...]] = {
    Kind.ALLY: ("contribute", "agent", "officer"),
    Kind.PARTNER: ("agent",),
    Kind.INSTITUTION: ("sign", "office-tls"),
    Kind.HOST: ("host-sign", "host-seal", "host-tls"),
    Kind.COMPANY: (),
}
SIGNING = {Kind.ALLY: "agent", Kind.INSTITUTION: "sign", Kind.HOST: "host-sign"}


class RosterError(InputError):
    """A partnership file or roster breaks its rules."""

    code = "roster"


@dataclass(frozen=True, slots=True)
class Party:
    """One party of a partnership.

    Args:
        code: ISO 3166-1 alpha-3 for allies and partners, a short code for the others.
        kind: What binds it.
        name: For people.
        organisation: Who runs it; three hosts must belong to three organisations.
        keys: Purpose to public key in wire text; for TLS the certificate, ``x509:<base64url>``.
        joined: First day of membership.
        left: Day after the last one, or None.
    """

    code: str
    kind: Kind
    name: str
    organisation: str
    keys: Mapping[str, str]
    joined: date
    left: date | None = None

    def __post_init__(self) -> None:
        if not _CODE.match(self.code):
            raise RosterError(f"party code '{self.code[:40]}' is not well formed")
        if self.kind in (Kind.ALLY, Kind.PARTNER) and not _ISO3.match(self.code):
            raise RosterError(
                f"party code '{self.code}' must be ISO 3166-1 alpha-3",
                hint="allies and partners are named by three capital letters, as in FRA",
            )
        unknown = set(self.keys) - set(PURPOSES[self.kind])
        if unknown:
            raise RosterError(f"{self.code}: a {self.kind} has no key '{sorted(unknown)[0]}'")
        if self.left is not None and self.left < self.joined:
            raise RosterError(f"{self.code}: left before it joined")

    def member_on(self, day: date) -> bool:
        """Was this a member on *day*?"""
        return self.joined <= day and (self.left is None or day < self.left)

    def to_plain(self) -> dict[str, Plain]:
        """The canonical form."""
        return {
            "code": self.code,
            "kind": str(self.kind),
            "name": self.name,
            "organisation": self.organisation,
            "keys": dict(self.keys),
            "joined": self.joined.isoformat(),
            "left": self.left.isoformat() if self.left else None,
        }

    @classmethod
    def from_plain(cls, plain: object) -> "Party":
        """Read what :meth:`to_plain` writes.

        Raises:
            InputError: names the field that is wrong.
        """
        f = Fields(plain, "party")
        keys = f.mapping("keys")
        if not all(isinstance(v, str) for v in keys.values()):
            raise RosterError("party: keys must be text")
        try:
            kind = Kind(f.text("kind"))
        except ValueError as error:
            raise RosterError("party: unknown kind") from error
        left = _day(f.text("left")) if f.has("left") else None
        f.has("left")
        party = cls(
            f.text("code"),
            kind,
            f.text("name"),
            f.text("organisation"),
            keys,
            _day(f.text("joined")),
            left,
        )
        f.end()
        return party


@dataclass(frozen=True)
class Roster:
    """All parties of a partnership, at one version.

    Args:
        partnership: Its name.
        version: From 1, each successor one more.
        parties: In order of their codes, no code twice, no public key twice.
        previous: Digest of the roster before, or None for the first.
    """

    partnership: str
    version: int
    parties: tuple[Party, ...]
    previous: Digest | None = None

    def __post_init__(self) -> None:
        codes = [p.code for p in self.parties]
        if len(set(codes)) != len(codes):
            raise RosterError("a party is named twice")
        held = [key for p in self.parties for key in p.keys.values()]
        if len(set(held)) != len(held):
            raise RosterError(
                "one public key stands under two names",
                hint="every key has one holder and one purpose",
            )
        if (self.version == 1) != (self.previous is None):
            raise RosterError("only the first roster has no predecessor")

    def party(self, code: str) -> Party:
        """The party *code*.

        Raises:
            RosterError: there is none.
        """
        for party in self.parties:
            if party.code == code:
                return party
        raise RosterError(f"'{code[:40]}' is not in the roster")

    def key(self, keyid: str) -> str | None:
        """The public key (wire text) behind a key id such as ``FRA/agent``, or None."""
        code, _, purpose = keyid.partition("/")
        for party in self.parties:
            if party.code == code:
                return party.keys.get(purpose)
        return None

    def of_kind(self, kind: Kind, day: date | None = None) -> tuple[Party, ...]:
        """Parties of *kind*, on *day* where it is given."""
        return tuple(
            p for p in self.parties if p.kind is kind and (day is None or p.member_on(day))
        )

    @property
    def signers(self) -> tuple[str, ...]:
        """Key ids that must stand under this roster: every party that can sign."""
        return tuple(f"{p.code}/{SIGNING[p.kind]}" for p in self.parties if p.kind in SIGNING)

    @cached_property
    def digest(self) -> Digest:
        """What nodes pin."""
        return digest_of(self.to_plain())

    def to_plain(self) -> dict[str, Plain]:
        """The canonical form."""
        return {
            "format": "delian-roster",
            "version": 1,
            "partnership": self.partnership,
            "number": self.version,
            "previous": self.previous,
            "parties": [p.to_plain() for p in sorted(self.parties, key=lambda p: p.code)],
        }

    @classmethod
    def from_plain(cls, plain: object) -> "Roster":
        """Read what :meth:`to_plain` writes."""
        f = Fields(plain, "roster")
        f.form("delian-roster")
        parties = tuple(Party.from_plain(p) for p in f.items("parties"))
        previous = f.digest("previous") if f.has("previous") else None
        roster = cls(f.text("partnership"), f.whole("number", 1), parties, previous)
        f.end()
        return roster

    @classmethod
    def from_toml(cls, text: str) -> "Roster":
        """Read a partnership file (``docs/formats/partnership.md``).

        Raises:
            RosterError: not TOML, an unknown key, or a broken rule; says which party.
        """
        try:
            plain = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise RosterError(f"the partnership file is not TOML: {error}") from error
        unknown = set(plain) - {"partnership", "version", "previous", "party"}
        if unknown:
            raise RosterError(f"the partnership file: unknown key '{sorted(unknown)[0]}'")
        parties: list[Party] = []
        entries = plain.get("party", [])
        if not isinstance(entries, list) or not all(isinstance(e, dict) for e in entries):
            raise RosterError("the partnership file: parties are written [[party]]")
        for entry in entries:
            filled: dict[str, Any] = {"organisation": "", "keys": {}, "left": None, **entry}
            for name in ("joined", "left"):
                if isinstance(filled.get(name), date):
                    filled[name] = filled[name].isoformat()
            parties.append(Party.from_plain(filled))
        version = plain.get("version", 1)
        title = plain.get("partnership")
        if not isinstance(title, str) or not isinstance(version, int):
            raise RosterError(
                'the partnership file needs partnership = "name" and version = number'
            )
        return cls(title, version, tuple(parties), plain.get("previous"))


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise MalformedError("a day must be spelled 2026-11-21") from error
