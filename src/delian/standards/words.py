"""The few words that outputs add to a document, in its five languages.

May touch: values.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from delian.standards.cut import Piece, Reference

NOT_INCLUDED: Mapping[str, str] = MappingProxyType(
    {
        "en": "a provision that is not part of this edition",
        "fr": "une disposition qui ne figure pas dans cette édition",
        "it": "una disposizione non compresa in questa edizione",
        "nl": "een bepaling die niet in deze uitgave staat",
        "ja": "この版に含まれない規定",
    }
)
_CLAUSE: Mapping[str, str] = MappingProxyType(
    {"en": "clause", "fr": "article", "it": "punto", "nl": "artikel", "ja": "箇条"}
)
_TABLE: Mapping[str, str] = MappingProxyType(
    {"en": "table", "fr": "tableau", "it": "tabella", "nl": "tabel", "ja": "表"}
)
_FIGURE: Mapping[str, str] = MappingProxyType(
    {"en": "figure", "fr": "figure", "it": "figura", "nl": "figuur", "ja": "図"}
)
_WHOLE: Mapping[str, str] = MappingProxyType(
    {
        "en": "this document",
        "fr": "le présent document",
        "it": "il presente documento",
        "nl": "dit document",
        "ja": "この文書",
    }
)


def heading(kind: str, number: str, language: str) -> str:
    """What stands before the title of a numbered portion: "2.1", "Table 3"."""
    if kind == "table":
        return f"{_TABLE[language]} {number}".capitalize()
    if kind == "figure":
        return f"{_FIGURE[language]} {number}".capitalize()
    return number


def refer(place: str, language: str) -> str:
    """How a reference to *place* reads (see ``Cut.numbers``)."""
    kind, _, number = place.rpartition(" ")
    if not place:
        return _WHOLE[language]
    word = {"table": _TABLE, "figure": _FIGURE}.get(kind, _CLAUSE)[language]
    return f"{word} {number}"


def spoken(pieces: Sequence[Piece], numbers: Mapping[str, str], language: str) -> str:
    """A text with its references written out."""
    return "".join(said(piece, numbers, language) for piece in pieces)


def said(piece: Piece, numbers: Mapping[str, str], language: str) -> str:
    """One piece of a text, written out."""
    if not isinstance(piece, Reference):
        return piece
    if piece.portion_id is None:
        return NOT_INCLUDED[language]
    return refer(numbers[piece.portion_id], language)
