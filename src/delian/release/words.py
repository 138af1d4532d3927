"""The words of a release: what its columns and its terms mean, and what nobody should read into it.

May touch: values. The same sentences stand in the HTML, the XLSX, the README and the dictionary.
"""

from delian.terms.round_terms import RoundTerms

COLUMNS: tuple[tuple[str, str, str], ...] = (
    ("block_id", "text", "Short name of the block; the same in every edition; empty if withheld"),
    ("tier", "code", "Tier of the requirement; quantities of different tiers are disjoint"),
    ("class", "code", "Interchangeability class; classes are never added up"),
    ("items", "codes", "Item codes of the register, separated by semicolons"),
    ("item_names_en", "text", "Their English names, in the same order"),
    ("item_names_fr", "text", "Their French names, in the same order"),
    ("family", "text", "Family of the items; several are separated by semicolons"),
    ("group", "text", "Group of the families"),
    ("years", "text", "Years that the total covers, as in 2027-2029"),
    ("cells", "whole number", "Number of item-year cells that the line covers"),
    ("whole_span", "yes or no", "yes if the line covers every listed item in every listed year"),
    ("unit", "text", "Unit of the total"),
    ("price_basis", "text", "Price basis of amounts of money; empty for pieces"),
    ("total", "whole number", "Sum over all nations and all cells of the line; empty if withheld"),
    ("contributors_at_least", "whole number", "At least so many nations need something here"),
    ("contributors_at_most", "whole number", "At most so many; empty where no upper edge is shown"),
    ("state", "word", "new, reopened, carried or withheld: see the words below"),
    ("opened_in", "text", "Round that opened this total"),
    ("edition", "whole number", "Edition of this release"),
    ("marking", "text", "Marking of the whole release"),
)

MEANINGS: tuple[tuple[str, str], ...] = (
    (
        "Block",
        (
            "One or more cells that are published together as one total. A cell is one product in "
            "one year and one tier. Cells are put together where a cell alone could not be shown."
        ),
    ),
    (
        "Withheld",
        (
            "No total is shown, because too few nations need something there or one nation's "
            "figure stands out, and no allowed combination with neighboring cells changes that. "
            "Withheld is not zero: it may be nothing, and it may be a great deal."
        ),
    ),
    (
        "Tier",
        (
            "The kind of requirement, as the terms of the round define it. The quantities of two "
            "tiers never overlap, so totals of several tiers may be added up by a reader."
        ),
    ),
    (
        "Band",
        (
            "How many nations stand behind a total: not the exact number, only its lower edge and "
            "sometimes its upper edge. Which nations they are is not published."
        ),
    ),
    (
        "Margin",
        (
            "How far any estimate of one nation's figure stays from the truth. A block is shown "
            "only if no nation, knowing its own figure, can bound another nation's figure from "
            "above more closely than the margin."
        ),
    ),
    ("New", "The block was opened for the first time in the round of this edition."),
    (
        "Carried",
        (
            "The total is that of an earlier edition. Either nothing changed, or the change could "
            "not be shown safely; the two cannot be told apart."
        ),
    ),
    ("Reopened", "The block was opened again, because enough nations changed their figures."),
)


def limits(terms: RoundTerms) -> tuple[str, ...]:
    """What this release does not promise, in sentences."""
    p = terms.rule.p_percent
    found = [
        (
            "The rule protects against one nation, not against two together: two nations that pool "
            "their own figures can come closer to a third one's than the margin says."
        ),
        (
            f"The margin of {p} % holds for what the totals and bands say. A reader who also "
            "reasons from the fact that a block was shown at all can come closer; in the worst "
            "case that margin is 0 %."
        ),
        (
            "No single compute host can read a figure. Two of the three hosts together could. The "
            "protection rests on three organizations that do not collude."
        ),
        (
            "The cryptography of this product follows published designs but has not been reviewed "
            "by an independent laboratory, and the product is not accredited for classified use."
        ),
        "A total is what nations stated. Nobody has audited the statements.",
        "A correction made by fewer than three nations never appears in a later edition.",
    ]
    if terms.collection == "trusted":
        found[2] = (
            "The figures were collected by one accredited enclave, which could read every one "
            "of them. The protection rests on that enclave."
        )
    if terms.demonstration:
        found.insert(
            0,
            "This is a demonstration: one organization ran all three hosts, so nothing here "
            "was kept confidential from that organization.",
        )
    return tuple(found)


def rule_text(terms: RoundTerms) -> str:
    """The rule of the round in one sentence."""
    rule = terms.rule
    text = (
        f"A block is shown only if at least {rule.min_contributors} nations need something in "
        f"it and the margin is at least {rule.p_percent} %."
    )
    if rule.dominance_n:
        who = "the largest nation" if rule.dominance_n == 1 else "the two largest nations"
        text += f" In addition, {who} may hold at most {rule.dominance_k_percent} % of it."
    return text
