"""The rule for one block, in whole numbers and in words: for previews, reports and tests.

The circuits decide on shares (``delian.shares.circuits``), the enclave on columns
(``delian.aggregate.clear``); all three are compared in
``tests/property/test_protect_rule.py``.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from delian.terms.round_terms import Rule


@dataclass(frozen=True, slots=True, repr=False)
class Judgement:
    """What the rule says of one block, for eyes that may see its figures.

    Args:
        passes: May the block be opened?
        reasons: Why not, in words that name no figure.
        cover: R / x1, how far the rest covers the largest figure; None for an empty block.
    """

    passes: bool
    reasons: tuple[str, ...]
    cover: Fraction | None

    def __repr__(self) -> str:
        return f"Judgement(passes={self.passes}, reasons={self.reasons})"


def judge(figures: Sequence[int], rule: Rule) -> Judgement:
    """Apply the rule to one block.

    Args:
        figures: One whole number from 0 for each nation present, in any order.
        rule: Of the terms.

    Guarantees:
        Passes iff R > e - 2 and 100 (R - (e - 2)) >= p x1, at least ``min_contributors`` figures
        are positive, and the (n,k) rule holds where the terms have one
        (``tests/property/test_protect_rule.py``).
        If two blocks pass, so does their union.
    """
    first, second = [*sorted(figures, reverse=True), 0, 0][:2]
    total = sum(figures)
    rest = total - first - second
    beyond = rest - rule.slack
    reasons = []
    if sum(1 for x in figures if x > 0) < rule.min_contributors:
        reasons.append("too few nations contribute")
    if beyond <= 0 or 100 * beyond < rule.p_percent * first:
        reasons.append("one nation could estimate another too closely")
    held = {0: 0, 1: first, 2: first + second}[rule.dominance_n]
    if rule.dominance_n and 100 * held > rule.dominance_k_percent * total:
        reasons.append("the largest contributors hold too much of it")
    return Judgement(not reasons, tuple(reasons), Fraction(rest, first) if first else None)
