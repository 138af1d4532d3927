"""The columns of a sheet file and the line that ties it to one nation and one round.

Shared by the template and the checker, so that both speak of the same columns.
"""

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from delian.terms.encode import Digest
from delian.terms.frame import Item
from delian.terms.round_terms import RoundTerms

NEEDS: Final = "Needs"
ABOUT: Final = "About"
TAG: Final = "delian-sheet 1"
REFERENCE_ROW: Final = 1
HEADER_ROW: Final = 2
FIRST_ROW: Final = 3

ITEM, CLASS, YEAR, TIER, UNIT, FIGURE = "item", "class", "year", "tier", "unit", "figure"
NEEDED: Final = (ITEM, YEAR, TIER, UNIT, FIGURE)
# Every column in the order of the template: name, and its heading in each language.
HEADINGS: Final[tuple[tuple[str, Mapping[str, str]], ...]] = (
    (ITEM, {"en": "Item", "fr": "Article"}),
    ("name-1", {"en": "Name (en)", "fr": "Désignation (en)"}),
    ("name-2", {"en": "Name (fr)", "fr": "Désignation (fr)"}),
    (CLASS, {"en": "Class", "fr": "Classe"}),
    (YEAR, {"en": "Year", "fr": "Année"}),
    (TIER, {"en": "Tier", "fr": "Rang"}),
    (UNIT, {"en": "Unit", "fr": "Unité"}),
    (FIGURE, {"en": "Figure", "fr": "Chiffre"}),
)
LANGUAGES: Final = ("en", "fr")


@dataclass(frozen=True, slots=True)
class Reference:
    """The first line of a sheet: whose it is and under which terms it was made."""

    nation: str
    round_id: str
    terms_digest: Digest

    @classmethod
    def of(cls, terms: RoundTerms, nation: str) -> "Reference":
        """The reference that a sheet of *nation* under *terms* must carry."""
        return cls(nation, terms.round_id, terms.digest)

    @property
    def texts(self) -> tuple[str, str, str, str]:
        """The first four cells of the sheet."""
        return (TAG, self.nation, self.round_id, self.terms_digest)


def heading(name: str, languages: tuple[str, str]) -> str:
    """The bilingual heading of a column, ``Year / Année``."""
    words = dict(HEADINGS)[name]
    return " / ".join(dict.fromkeys(words[language] for language in languages))


def column_named(text: str) -> str | None:
    """The column that a heading stands for, in any case, language and accent; or None."""
    for part in text.split("/"):
        found = _BY_WORD.get(_plain_word(part))
        if found is not None:
            return found
    return None


def letter(index: int) -> str:
    """Column *index* (from 0) as a spreadsheet names it: A, B, … Z, AA."""
    name = ""
    rest = index + 1
    while rest:
        rest, digit = divmod(rest - 1, 26)
        name = chr(ord("A") + digit) + name
    return name


def unit_text(item: Item) -> str:
    """The unit of *item* as it stands in the sheet, with its price basis."""
    return f"{item.unit} ({item.price_basis})" if item.price_basis else item.unit


def _plain_word(text: str) -> str:
    bare = unicodedata.normalize("NFD", text.strip().casefold())
    return "".join(c for c in bare if not unicodedata.combining(c))


_BY_WORD: Final = {_plain_word(word): name for name, words in HEADINGS for word in words.values()}
