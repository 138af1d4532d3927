"""The words that stand on the page: ``NATO RESTRICTED Releasable to Japan``.

May touch: nothing but values.
"""

from typing import Literal

from delian.label.expression import shares
from delian.label.label import Label
from delian.label.policy import Policy
from delian.label.vocabulary import Phrase, Value

Language = Literal["en", "fr"]
_RELEASABLE = Phrase("Releasable to", "Communicable à :")
_ONLY = Phrase("ONLY", "SEULEMENT")
_AND = Phrase(" and ", " et ")


def marking_text(label: Label, policy: Policy, language: Language = "en") -> str:
    """The marking in words: owner, classification, sensitivities, administrative, audience.

    Guarantees:
        "COSMIC" (or what the policy says) stands in the owner's place where the level demands
        it, for every owner; "Releasable" itself is never shown.

    Raises:
        RefusedError: the label says what the policy has no words for; see ``expression.shares``.
    """
    said = shares(label, policy)
    level = policy.level_at(label.marking.level)
    words = [
        _word(level.owner_phrase or said.context.phrase, language),
        _word(level.phrase, language),
    ]
    words += _phrases(policy, "sensitivity", label.marking.restrictive, level.name, language)
    words += _phrases(policy, "administrative", label.informative, level.name, language)
    if said.only:
        words.append(", ".join(v.value for v in said.only) + " " + _word(_ONLY, language))
    if said.releasable:
        words.append(_word(_RELEASABLE, language) + " " + _listed(said.releasable, language))
    return " ".join(words)


def bilingual(label: Label, policy: Policy) -> str:
    """Both markings on one line, English first; one where they do not differ."""
    english, french = marking_text(label, policy, "en"), marking_text(label, policy, "fr")
    return english if english == french else f"{english} / {french}"


def _phrases(
    policy: Policy, kind: str, names: frozenset[str], level: str, language: Language
) -> list[str]:
    return [_word(policy.find(kind, name, level).phrase, language) for name in sorted(names)]


def _listed(values: tuple[Value, ...], language: Language) -> str:
    names = [_word(value.phrase, language) for value in values]
    if len(names) == 1:
        return names[0]
    return ", ".join(names[:-1]) + _word(_AND, language) + names[-1]


def _word(phrase: Phrase, language: Language) -> str:
    return phrase.en if language == "en" else phrase.fr
