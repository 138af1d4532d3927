"""The words a policy is made of: phrases, tags, levels and category values.

May touch: nothing but values.
"""

import re
from dataclasses import dataclass

from delian.label.errors import LabelValueError
from delian.label.marking import MAX_LEVEL
from delian.terms.encode import Fields, Plain

_OID = re.compile(r"[0-2](\.(0|[1-9][0-9]{0,39})){1,32}\Z")


def is_oid(text: str) -> bool:
    """Is *text* an object identifier in dotted form?"""
    return _OID.match(text) is not None


@dataclass(frozen=True, slots=True)
class Phrase:
    """The words of one value on a page, in English and French."""

    en: str
    fr: str

    def to_plain(self) -> dict[str, Plain]:
        """The canonical form."""
        return {"en": self.en, "fr": self.fr}

    @classmethod
    def from_plain(cls, plain: object) -> "Phrase":
        """Read what :meth:`to_plain` writes."""
        f = Fields(plain, "phrase")
        phrase = cls(f.text("en", max_length=200), f.text("fr", max_length=200))
        f.end()
        return phrase


@dataclass(frozen=True, slots=True)
class Tag:
    """Name and object identifier of one of the five category tags."""

    name: str
    oid: str

    def to_plain(self) -> dict[str, Plain]:
        """The canonical form."""
        return {"name": self.name, "oid": self.oid}

    @classmethod
    def from_plain(cls, plain: object) -> "Tag":
        """Read what :meth:`to_plain` writes."""
        f = Fields(plain, "tag")
        tag = cls(f.text("name", max_length=200), f.text("oid", max_length=400))
        f.end()
        return tag


@dataclass(frozen=True, slots=True)
class Level:
    """One classification.

    Args:
        name: Value on the wire.
        rank: Its level; never changes in later editions.
        phrase: Words on the page.
        owner_phrase: Words that replace the owner's ("COSMIC"), or None.
    """

    name: str
    rank: int
    phrase: Phrase
    owner_phrase: Phrase | None = None

    def to_plain(self) -> dict[str, Plain]:
        """The canonical form."""
        return {
            "name": self.name,
            "rank": self.rank,
            "phrase": self.phrase.to_plain(),
            "owner_phrase": self.owner_phrase.to_plain() if self.owner_phrase else None,
        }

    @classmethod
    def from_plain(cls, plain: object) -> "Level":
        """Read what :meth:`to_plain` writes."""
        f = Fields(plain, "level")
        replaced = f.mapping("owner_phrase") if f.has("owner_phrase") else None
        level = cls(
            f.text("name", max_length=200),
            f.whole("rank", 1, MAX_LEVEL),
            Phrase.from_plain(f.mapping("phrase")),
            Phrase.from_plain(replaced) if replaced is not None else None,
        )
        f.end()
        return level


@dataclass(frozen=True, slots=True)
class Value:
    """One category value.

    Args:
        value: Value on the wire.
        phrase: Words on the page.
        not_at: Names of classifications it may not stand beside.
        members: Affiliations it stands for: an owner's or an audience's, empty otherwise.
        generation: For an owner: which membership this is. A nation that joins later makes a new
            value with the next generation; it gains nothing that carries the old value.
        owner: For an owner: the name that all its generations share.
    """

    value: str
    phrase: Phrase
    not_at: frozenset[str] = frozenset()
    members: frozenset[str] = frozenset()
    generation: int = 0
    owner: str = ""

    def check_beside(self, level: str) -> None:
        """Refuse this value beside a classification it excludes.

        Raises:
            LabelValueError: names the value and the classification.
        """
        if level in self.not_at:
            raise LabelValueError(f"'{self.value}' does not stand beside {level}")

    def to_plain(self) -> dict[str, Plain]:
        """The canonical form."""
        return {
            "value": self.value,
            "phrase": self.phrase.to_plain(),
            "not_at": [*sorted(self.not_at)],
            "members": [*sorted(self.members)],
            "generation": self.generation,
            "owner": self.owner,
        }

    @classmethod
    def from_plain(cls, plain: object) -> "Value":
        """Read what :meth:`to_plain` writes."""
        f = Fields(plain, "value")
        value = cls(
            f.text("value", max_length=200),
            Phrase.from_plain(f.mapping("phrase")),
            frozenset(f.texts("not_at")),
            frozenset(f.texts("members")),
            f.whole("generation", 0, 10**6),
            f.text("owner", max_length=200),
        )
        f.end()
        return value
