"""From one policy to another, by an agreement that is in force, or not at all.

May touch: nothing but values. An equivalence is a document signed by an authority the reader
pins. There is no default: what it does not name is not mapped, and the answer is a refusal
that a person has to resolve. The originator's label is never replaced; the result is an
*alternative* label beside it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from delian.label.errors import NoEquivalenceError, PolicyFormError, PolicyMismatchError
from delian.label.label import Label, Originator, Succession
from delian.label.marking import Marking
from delian.label.policy import Policy
from delian.label.vocabulary import is_oid
from delian.terms.encode import Fields, Plain, canonical, parse, utc_text

FORMAT = "delian-equivalence"
MAX_EQUIVALENCE_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True)
class Equivalence:
    """One direction between two policies, under one agreement.

    Args:
        source: Identifier of the policy that is translated.
        target: Identifier of the policy it is translated into.
        agreement: Reference of the agreement ("Exchange of Letters 2026-4, Art. 3").
        valid_from_utc: First moment of force.
        valid_until_utc: First moment after it.
        levels: Classification names, source to target.
        contexts: Owner values, source to target.
        affiliations: Affiliations, source to target; no two to one.
        sensitivities: Restrictive values, source to target; no two to one.
    """

    source: str
    target: str
    agreement: str
    valid_from_utc: datetime
    valid_until_utc: datetime
    levels: Mapping[str, str]
    contexts: Mapping[str, str]
    affiliations: Mapping[str, str]
    sensitivities: Mapping[str, str]

    def __post_init__(self) -> None:
        if not is_oid(self.source) or not is_oid(self.target) or self.source == self.target:
            raise PolicyFormError("an equivalence joins two policies by their identifiers")
        if not self.agreement.strip():
            raise PolicyFormError("an equivalence names its agreement")
        if self.valid_from_utc >= self.valid_until_utc:
            raise PolicyFormError("an equivalence is valid for some time")
        for mapping in (self.affiliations, self.sensitivities):
            if len(set(mapping.values())) != len(mapping):
                raise PolicyFormError("two values may not become one: it would merge readers")

    def to_plain(self) -> dict[str, Plain]:
        """The canonical form."""
        return {
            "format": FORMAT,
            "version": 1,
            "source": self.source,
            "target": self.target,
            "agreement": self.agreement,
            "valid_from": utc_text(self.valid_from_utc),
            "valid_until": utc_text(self.valid_until_utc),
            "levels": dict(self.levels),
            "contexts": dict(self.contexts),
            "affiliations": dict(self.affiliations),
            "sensitivities": dict(self.sensitivities),
        }

    @classmethod
    def from_plain(cls, plain: object) -> "Equivalence":
        """Read what :meth:`to_plain` writes.

        Raises:
            InputError: names the field that is wrong.
        """
        f = Fields(plain, "equivalence")
        f.form(FORMAT)
        made = cls(
            f.text("source", max_length=400),
            f.text("target", max_length=400),
            f.text("agreement", max_length=400),
            f.utc("valid_from"),
            f.utc("valid_until"),
            _texts(f, "levels"),
            _texts(f, "contexts"),
            _texts(f, "affiliations"),
            _texts(f, "sensitivities"),
        )
        f.end()
        return made

    def to_wire(self) -> bytes:
        """Canonical JSON."""
        return canonical(self.to_plain())

    @classmethod
    def from_wire(cls, data: bytes) -> "Equivalence":
        """Read an equivalence; not yet trusted (see ``delian.label.signed``)."""
        return cls.from_plain(parse(data, max_bytes=MAX_EQUIVALENCE_BYTES, max_depth=4))


def translate(
    label: Label,
    equivalence: Equivalence,
    source: Policy,
    target: Policy,
    *,
    translator: Originator,
    now_utc: datetime,
) -> Label:
    """The alternative label of *label* in the other policy.

    Administrative categories have no meaning in the other policy and are left out; they never
    take part in a decision. Dates stay, and a successor is translated like the label itself.

    Guarantees:
        A reader of the translation corresponds to a reader of the original, one to one
        (``tests/property/test_label_equivalence.py``).

    Raises:
        NoEquivalenceError: not in force now, or some part of the label is not named in it.
        PolicyMismatchError: the documents do not belong together.
    """
    _in_force(label, equivalence, (source.oid, target.oid), now_utc)
    succession = None
    if label.succession is not None:
        later = _translated(label.succession.label, equivalence, source, target, translator)
        succession = Succession(label.succession.when_utc, later)
    base = _translated(label, equivalence, source, target, translator)
    return Label(
        marking=base.marking,
        context=base.context,
        originator=translator,
        created_utc=label.created_utc,
        review_utc=label.review_utc,
        succession=succession,
        role="alternative",
    )


def _in_force(
    label: Label, equivalence: Equivalence, oids: tuple[str, str], now_utc: datetime
) -> None:
    if (equivalence.source, equivalence.target) != oids or label.policy != oids[0]:
        raise PolicyMismatchError("label, equivalence and policies do not belong together")
    if not equivalence.valid_from_utc <= now_utc < equivalence.valid_until_utc:
        raise NoEquivalenceError(
            "the equivalence is not in force",
            hint="ask for the agreement that replaces it",
        )


def _translated(
    label: Label,
    equivalence: Equivalence,
    source: Policy,
    target: Policy,
    translator: Originator,
) -> Label:
    name = source.level_at(label.marking.level).name
    level = target.level(_mapped(equivalence.levels, name, "level"))
    context = target.context(_mapped(equivalence.contexts, label.context, "owner"))
    audience = frozenset(
        _mapped(equivalence.affiliations, one, "affiliation") for one in label.marking.audience
    )
    restrictive = frozenset(
        target.find(
            "sensitivity", _mapped(equivalence.sensitivities, one, "category"), level.name
        ).value
        for one in label.marking.restrictive
    )
    marking = Marking(target.oid, level.rank, audience, restrictive)
    return Label(marking, context.value, translator, label.created_utc)


def _mapped(mapping: Mapping[str, str], value: str, what: str) -> str:
    if value not in mapping:
        raise NoEquivalenceError(
            f"the agreement does not map this {what}",
            hint="an officer of both sides has to decide; nothing is mapped by default",
        )
    return mapping[value]


def _texts(f: Fields, name: str) -> dict[str, str]:
    mapping = f.mapping(name)
    if not all(isinstance(value, str) and value for value in mapping.values()):
        raise PolicyFormError(f"equivalence: '{name}' maps text to text")
    return dict(mapping)
