"""Says exactly what would leave the machine, to whom, and which limits remain.

May touch: values of this room. Nothing is sealed or sent here, and no figure is shown.
"""

from dataclasses import dataclass
from typing import Final

from delian.contribute.agreed import AgreedTerms
from delian.contribute.check import CheckedSheet
from delian.contribute.contribution import MAGIC
from delian.contribute.shape import FORMS, SHARES, ShareShape, held_by
from delian.terms.encode import Digest, Plain

_KIND_OF_FORM: Final = {"seed": "a random seed", "explicit": "random bits for every cell"}
_ALWAYS: Final = (
    "Two of the three hosts together can read every figure; one alone learns none.",
    "The margin protects against one nation, not two together.",
    "Readers know that figures are whole numbers, and the bands of contributor counts.",
    "Knowing that a block passed the rule, an insider can come closer than p %, even to 0 %.",
    "A correction by fewer than three nations can never appear in a later edition.",
    "The rule on changes does not cover a common public index or trend.",
    "Revisions of opposite sign can cancel in a total.",
    "The cryptography has had no outside review.",
)


@dataclass(frozen=True, slots=True)
class Leaving:
    """What one host gets.

    Args:
        host: Its code.
        organisation: Who runs it.
        size_bytes: Exact size of its sealed part.
        content: What it finds when it opens the part.
    """

    host: str
    organisation: str
    size_bytes: int
    content: str

    def to_plain(self) -> dict[str, Plain]:
        """The canonical form."""
        return {
            "host": self.host,
            "organisation": self.organisation,
            "bytes": self.size_bytes,
            "content": self.content,
        }


@dataclass(frozen=True, slots=True)
class Preview:
    """All that leaves, and nothing else does.

    Args:
        nation: Whose sheet.
        round_id: Which round.
        terms: Digest of the agreed terms.
        cells: Cells of the frame; every nation sends the same number.
        leaving: One per host.
        in_clear: What everybody who carries the file can read.
        limits: What this protection does not do, in sentences.
        warnings: What the checker wants the owner to know, as (place, message).
    """

    nation: str
    round_id: str
    terms: Digest
    cells: int
    leaving: tuple[Leaving, ...]
    in_clear: tuple[str, ...]
    limits: tuple[str, ...]
    warnings: tuple[tuple[str, str], ...]

    @property
    def sealed_bytes(self) -> int:
        """Size of all sealed parts together."""
        return sum(leaving.size_bytes for leaving in self.leaving)

    def to_plain(self) -> dict[str, Plain]:
        """The preview for ``--json``."""
        return {
            "format": "delian-preview",
            "version": 1,
            "nation": self.nation,
            "round": self.round_id,
            "terms": self.terms,
            "cells": self.cells,
            "sealed_bytes": self.sealed_bytes,
            "leaving": [leaving.to_plain() for leaving in self.leaving],
            "in_clear": list(self.in_clear),
            "limits": list(self.limits),
            "warnings": [{"where": where, "message": text} for where, text in self.warnings],
        }


def preview(checked: CheckedSheet, agreed: AgreedTerms) -> Preview:
    """What :func:`delian.contribute.split.contribute` would write for this sheet.

    Guarantees:
        The sizes are exact (``tests/unit/contribute/test_contribute_split.py``); no figure is
        in it.
    """
    terms = agreed.terms
    shape = ShareShape.of(terms)
    leaving = tuple(
        Leaving(
            code,
            agreed.roster.party(code).organisation,
            shape.sealed_bytes(host),
            ", ".join(f"share {index}: {_KIND_OF_FORM[FORMS[index]]}" for index in held_by(host)),
        )
        for host, code in enumerate(terms.hosts)
    )
    in_clear = (
        f"that {checked.sheet.nation} has sent a sheet for round {terms.round_id}, and its number",
        "the digest of the terms",
        f"{SHARES} salted commitments, which say nothing about the figures",
        f"digest and size of the {SHARES} sealed parts; the size is the same for every nation",
        f"the signature of {checked.sheet.nation}/contribute",
        f"the form of the file ({MAGIC.decode().strip()})",
    )
    warnings = tuple((finding.where, finding.message) for finding in checked.warnings)
    return Preview(
        checked.sheet.nation,
        terms.round_id,
        terms.digest,
        shape.cells,
        leaving,
        in_clear,
        (*_ALWAYS, *_limits_of(agreed)),
        warnings,
    )


def _limits_of(agreed: AgreedTerms) -> list[str]:
    """Limits that these terms add."""
    terms = agreed.terms
    limits: list[str] = []
    if terms.max_openings == 1:
        limits.append("A block that is opened once is never opened again; it is carried forward.")
    if terms.mode == "semi-honest":
        limits.append("A host that does not follow the protocol can falsify what is opened.")
    if terms.collection == "trusted":
        limits.append("The terms name an enclave: whoever runs it can read every figure.")
    if agreed.is_local:
        limits.append(
            "A demonstration: one organisation runs several hosts and can read every figure."
        )
    return limits
