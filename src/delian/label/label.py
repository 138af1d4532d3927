"""The label: a marking with its owner, its originator and its dates.

May touch: nothing but values.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import reduce
from typing import Literal, get_args

from delian.label.errors import LabelContextError, LabelFormError
from delian.label.marking import MAX_LEVEL, Marking, join
from delian.terms.encode import Digest, Fields, Plain, canonical, digest, parse, utc_text

FORMAT = "delian-label"
MAX_LABEL_BYTES = 64 * 1024
Role = Literal["originator", "alternative", "metadata"]
IdType = Literal[
    "rfc822Name",
    "dNSName",
    "directoryName",
    "uniformResourceIdentifier",
    "iPAddress",
    "x400Address",
    "userPrincipalName",
    "jID",
]
ROLES: tuple[Role, ...] = get_args(Role)
ID_TYPES: tuple[IdType, ...] = get_args(IdType)


@dataclass(frozen=True, slots=True)
class Originator:
    """Who wrote the label, in the name form that *id_type* says."""

    id_type: IdType
    value: str

    def __post_init__(self) -> None:
        if self.id_type not in ID_TYPES:
            raise LabelFormError("the originator's name has an unknown form")
        _check_text(self.value, "the originator")


@dataclass(frozen=True, slots=True)
class Label:
    """Everything that travels with labelled information.

    Args:
        marking: Who may read.
        context: Owner value of the policy, with its membership generation ("DELIAN-1").
        originator: Who wrote the label; None where the writer did not say.
        created_utc: When.
        review_utc: When it must be looked at again; a date that has passed changes nothing.
        succession: What replaces it, from when on.
        informative: Administrative categories; never part of a decision.
        privacy_mark: Free words beside the classification; never part of a decision.
        role: The originator's own label, an equivalent in another policy, or one of metadata.
    """

    marking: Marking
    context: str
    originator: Originator | None
    created_utc: datetime
    review_utc: datetime | None = None
    succession: "Succession | None" = None
    informative: frozenset[str] = frozenset()
    privacy_mark: str | None = None
    role: Role = "originator"

    def __post_init__(self) -> None:
        if self.role not in ROLES:
            raise LabelFormError("the label has an unknown role")
        for name in (self.context, *self.informative):
            _check_text(name, "a value")
        if self.privacy_mark is not None:
            _check_text(self.privacy_mark, "the privacy mark")
        for moment in (self.created_utc, self.review_utc):
            _check_moment(moment)

    @property
    def policy(self) -> str:
        """Object identifier of the policy."""
        return self.marking.policy

    @property
    def digest(self) -> Digest:
        """Digest of the canonical bytes."""
        return digest(self.to_wire())

    def to_plain(self) -> dict[str, Plain]:
        """The canonical form."""
        late = self.succession
        return {
            "format": FORMAT,
            "version": 1,
            "role": self.role,
            "policy": self.marking.policy,
            "level": self.marking.level,
            "audience": [*sorted(self.marking.audience)],
            "restrictive": [*sorted(self.marking.restrictive)],
            "context": self.context,
            "informative": [*sorted(self.informative)],
            "privacy_mark": self.privacy_mark,
            "originator": _originator_plain(self.originator),
            "created": utc_text(self.created_utc),
            "review": utc_text(self.review_utc) if self.review_utc else None,
            "succession": late.to_plain() if late else None,
        }

    @classmethod
    def from_plain(cls, plain: object) -> "Label":
        """Read what :meth:`to_plain` writes.

        Raises:
            InputError: names the field that is wrong.
        """
        return _read(plain, nested=False)

    def to_wire(self) -> bytes:
        """Canonical JSON; the bytes a digest is taken of."""
        return canonical(self.to_plain())

    @classmethod
    def from_wire(cls, data: bytes) -> "Label":
        """Read what :meth:`to_wire` writes.

        Raises:
            InputError: not a label document.
        """
        return cls.from_plain(parse(data, max_bytes=MAX_LABEL_BYTES, max_depth=8))


@dataclass(frozen=True, slots=True)
class Succession:
    """The label that replaces another from *when_utc* on; it has no successor of its own."""

    when_utc: datetime
    label: Label

    def __post_init__(self) -> None:
        _check_moment(self.when_utc)
        if self.label.succession is not None or self.label.review_utc is not None:
            raise LabelFormError("a successor label has neither a successor nor a review date")

    def to_plain(self) -> dict[str, Plain]:
        """The canonical form."""
        return {"when": utc_text(self.when_utc), "label": self.label.to_plain()}


def effective(label: Label, now_utc: datetime) -> Label:
    """The label that counts at *now_utc*: its successor once the succession date has come.

    Source: ADatP-4774 App. 1. ADatP-4774.1 4.3 would also apply the successor at the review
    date; a review date alone changes nothing here.
    """
    late = label.succession
    if late is None or now_utc < late.when_utc:
        return label
    return replace(late.label, role=label.role)


def review_is_due(label: Label, now_utc: datetime) -> bool:
    """Has the review date come? The label still holds; somebody should look at it."""
    return label.review_utc is not None and now_utc >= label.review_utc


def dominant(
    labels: Sequence[Label],
    *,
    originator: Originator,
    created_utc: datetime,
    review_utc: datetime,
) -> Label:
    """One label for something made of parts: the join of their markings.

    Administrative categories stay where all parts agree; succession of parts does not carry
    over, because the whole needs a decision of its own.

    Guarantees:
        Never opens the whole to anybody who may not read each part, by the law of ``join``
        (``tests/property/test_label_lattice.py``).

    Raises:
        PolicyMismatchError: parts under different policies.
        LabelContextError: parts of different owners; the rule is for an officer to find.
        LabelFormError: no parts.
    """
    if not labels:
        raise LabelFormError("there is nothing to label")
    if len({label.context for label in labels}) > 1:
        raise LabelContextError(
            "the parts belong to different owners",
            hint="the owners must agree on one label for the whole",
        )
    return Label(
        marking=reduce(join, [label.marking for label in labels]),
        context=labels[0].context,
        originator=originator,
        created_utc=created_utc,
        review_utc=review_utc,
        informative=frozenset.intersection(*(label.informative for label in labels)),
    )


def _read(plain: object, *, nested: bool) -> Label:
    f = Fields(plain, "label")
    f.form(FORMAT)
    role = f.text("role", max_length=20)
    label = Label(
        marking=Marking(
            f.text("policy", max_length=400),
            f.whole("level", 0, MAX_LEVEL),
            _set(f, "audience"),
            _set(f, "restrictive"),
        ),
        context=f.text("context", max_length=200),
        originator=_originator(f.mapping("originator")) if f.has("originator") else None,
        created_utc=f.utc("created"),
        review_utc=f.utc("review") if f.has("review") else None,
        succession=_succession(f, nested),
        informative=_set(f, "informative"),
        privacy_mark=f.text("privacy_mark", max_length=200) if f.has("privacy_mark") else None,
        role=_role(role),
    )
    f.end()
    return label


def _succession(f: Fields, nested: bool) -> Succession | None:
    if not f.has("succession"):
        return None
    if nested:
        raise LabelFormError("a successor label has no successor of its own")
    late = Fields(f.mapping("succession"), "succession")
    made = Succession(late.utc("when"), _read(late.mapping("label"), nested=True))
    late.end()
    return made


def _role(text: str) -> Role:
    for role in ROLES:
        if role == text:
            return role
    raise LabelFormError("the label has an unknown role")


def id_type(text: str) -> IdType:
    """*text* as one of the eight name forms.

    Raises:
        LabelFormError: another form.
    """
    for known in ID_TYPES:
        if known == text:
            return known
    raise LabelFormError("the originator's name has an unknown form")


def _originator_plain(originator: Originator | None) -> Plain:
    return {"type": originator.id_type, "value": originator.value} if originator else None


def _originator(plain: object) -> Originator:
    f = Fields(plain, "originator")
    made = Originator(id_type(f.text("type", max_length=40)), f.text("value", max_length=200))
    f.end()
    return made


def _set(f: Fields, name: str) -> frozenset[str]:
    values = f.texts(name)
    if list(values) != sorted(set(values)):
        raise LabelFormError(f"label: '{name}' must be sorted and without repetition")
    return frozenset(values)


def _check_text(text: str, what: str) -> None:
    if not text or text != text.strip() or len(text) > 200 or not text.isprintable():
        raise LabelFormError(f"{what} must be printable text without outer spaces")


def _check_moment(moment: datetime | None) -> None:
    if moment is not None and (offset := moment.utcoffset()) is None:
        raise LabelFormError("a date of a label needs its time zone")
    if moment is not None and offset:
        raise LabelFormError("the dates of a label are in UTC")
