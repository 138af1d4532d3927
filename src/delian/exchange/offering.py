"""From a label to an offer: what leaves carries its own conditions, and never wider ones.

May touch: ``label``, ``release``. An offer is made of the label alone, plus what its publisher adds
to narrow it; nothing that is added can widen it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from delian.exchange.catalogue import Dataset, Distribution
from delian.exchange.odrl import Constraint, Operand, Policy, Rule
from delian.exchange.profile_terms import (
    AGGREGATE_ONLY,
    CATEGORY,
    COUNT,
    DATE_TIME,
    LABEL,
    MAX_COUNT,
    PARTICIPANT_CLASS,
    PURPOSE,
    RELEASABILITY,
    TREATY_KIND,
)
from delian.exchange.words import PULL, PUSH
from delian.label.label import Label, effective
from delian.label.marking import Marking
from delian.release.statement import Statement
from delian.terms.encode import Digest, canonical, digest_of, utc_text
from delian.terms.errors import InputError, RefusedError

RELEASE_URN = "urn:delian:release:"
CONSENT = "obtainConsent"


class NobodyError(RefusedError):
    """The label admits nobody, so there is nobody to make an offer to."""

    code = "offer-nobody"


class OfferTermsError(InputError):
    """What a publisher adds to an offer is not in its form."""

    code = "offer-terms"


@dataclass(frozen=True, slots=True)
class Terms:
    """What a publisher adds to a label; every line narrows the offer.

    Args:
        purposes: One of them.
        classes: One of these kinds of participant.
        treaties: One of these kinds of bond.
        until_utc: The offer ends here.
        times: How often it may be fetched under one agreement.
        is_aggregate_only: To be used as an aggregate only.
        is_attributed: Whoever uses it names the source.
        is_decided_by_a_person: A person agrees to every contract, one by one.
    """

    purposes: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()
    treaties: tuple[str, ...] = ()
    until_utc: datetime | None = None
    times: int | None = None
    is_aggregate_only: bool = False
    is_attributed: bool = False
    is_decided_by_a_person: bool = False

    def __post_init__(self) -> None:
        if self.times is not None and not 1 <= self.times <= MAX_COUNT:
            raise OfferTermsError("an offer is good for at least one use")


@dataclass(frozen=True, slots=True)
class Content:
    """What is offered.

    Args:
        id: Of the dataset.
        title: For a person.
        sha256: Digest of the exact bytes that are handed out.
        byte_size: How many.
        more: Further properties of the dataset, by the catalogue's names.
    """

    id: str
    title: str
    sha256: Digest
    byte_size: int
    more: tuple[tuple[str, Any], ...] = ()


def marking_constraints(marking: Marking) -> tuple[Constraint, ...]:
    """The conditions that say *marking*.

    Guarantees:
        A reader meets them exactly where ``label.may_read`` allows
        (``tests/property/test_exchange_offering.py``).

    Raises:
        NobodyError: the audience is empty.
    """
    if not marking.audience:
        raise NobodyError("the label admits nobody", hint="ask the originator for its audience")
    found = [
        Constraint(LABEL, "gteq", f"{marking.policy}/{marking.level}"),
        _any_of(RELEASABILITY, tuple(sorted(marking.audience))),
    ]
    if marking.restrictive:
        found.append(Constraint(CATEGORY, "isAllOf", tuple(sorted(marking.restrictive))))
    return tuple(found)


def offer_for(label: Label | None, content: Content, terms: Terms, now_utc: datetime) -> Policy:
    """The offer under which *content* leaves.

    Args:
        label: Its label; None is for what its publisher declares open to everybody.
        content: What is offered; the same content under the same conditions is the same offer.
        terms: What the publisher adds.
        now_utc: The moment; a label that has been succeeded counts as its successor.

    Raises:
        NobodyError: the label admits nobody.
    """
    ends = terms.until_utc
    constraints: list[Constraint] = []
    if label is not None:
        late = label.succession
        if late is not None and now_utc < late.when_utc:
            ends = late.when_utc if ends is None else min(ends, late.when_utc)
        constraints += marking_constraints(effective(label, now_utc).marking)
    for name, values in (
        (PURPOSE, terms.purposes),
        (PARTICIPANT_CLASS, terms.classes),
        (TREATY_KIND, terms.treaties),
    ):
        if values:
            constraints.append(_any_of(name, tuple(sorted(set(values)))))
    if ends is not None:
        constraints.append(Constraint(DATE_TIME, "lt", utc_text(ends)))
    if terms.times is not None:
        constraints.append(Constraint(COUNT, "lteq", str(terms.times)))
    if terms.is_aggregate_only:
        constraints.append(Constraint(AGGREGATE_ONLY, "eq", "true"))
    owed = {"attribute": terms.is_attributed, CONSENT: terms.is_decided_by_a_person}
    duties = tuple(Rule(action) for action, is_asked in owed.items() if is_asked)
    made = Policy("Offer", "", (Rule("use", tuple(constraints), duties),))
    name = digest_of([content.id, content.sha256, made.terms_digest]).removeprefix("sha256:")
    return Policy("Offer", f"urn:delian:offer:{name[:40]}", made.permissions)


def dataset_for(content: Content, offer: Policy, service_id: str) -> Dataset:
    """The catalogue's entry: one offer, to be pulled or pushed.

    Args:
        content: What is offered.
        offer: Under which conditions.
        service_id: Identifier of this connector's data service.
    """
    properties = (
        ("title", content.title),
        *content.more,
        ("byteSize", content.byte_size),
        ("digest", content.sha256),
    )
    ways = tuple(Distribution(form, service_id) for form in (PULL, PUSH))
    return Dataset(content.id, (offer,), ways, properties)


def release_content(statement: Statement, title: str, sha256: Digest, byte_size: int) -> Content:
    """A released edition as something to be offered."""
    more: tuple[tuple[str, Any], ...] = (
        ("description", f"Round {statement.round_id}, edition {statement.edition}"),
        ("keyword", ["release", statement.audience, statement.round_id]),
        ("label", statement.marking),
        ("conformsTo", "urn:delian:formats:release-folder:1"),
    )
    return Content(RELEASE_URN + statement.release_id, title, sha256, byte_size, more)


def release_label(label: Mapping[str, Any]) -> Label:
    """The label in a release's statement.

    Raises:
        InputError: it is not a whole label, so nothing can be offered under it.
    """
    canonical(dict(label))
    return Label.from_plain(dict(label))


def _any_of(name: str, values: tuple[str, ...]) -> Constraint:
    right: Operand = values
    return (
        Constraint(name, "eq", values[0])
        if len(values) == 1
        else Constraint(name, "isAnyOf", right)
    )
