"""The lattice of markings: who may read, decided from three sets and nothing else.

May touch: nothing but values. A marking is a level, an *explicit* audience (possibly empty:
nobody) and a set of restrictive categories. The literal dominant-label rules of ADatP-4774.1
leave the audience out when it is empty or absent, and that widens readership
(``docs/adr/0005-label-lattice.md``); here an absent audience cannot be spelled.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from delian.label.errors import LabelFormError, PolicyMismatchError

MAX_LEVEL = 15


@dataclass(frozen=True, slots=True)
class Marking:
    """What a reader must be to read.

    Args:
        policy: Object identifier of the policy, in dotted form.
        level: Rank of the classification in that policy, 0 to 15; higher is more sensitive.
        audience: Affiliations that may read, each one atom ("FRA", "INDUSTRY"); empty is nobody.
        restrictive: Categories a reader must all hold.
    """

    policy: str
    level: int
    audience: frozenset[str]
    restrictive: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        _check_level(self.level)
        _check_names(self.policy, *self.audience, *self.restrictive)


@dataclass(frozen=True, slots=True)
class Reader:
    """One reader acting for one affiliation; a person with two affiliations asks twice.

    Args:
        policy: Object identifier of the policy under which the reader is cleared.
        affiliation: The one party the reader acts for in this decision.
        level: Highest rank the reader is cleared for.
        holds: Restrictive categories the reader has been admitted to.
    """

    policy: str
    affiliation: str
    level: int
    holds: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        _check_level(self.level)
        _check_names(self.policy, self.affiliation, *self.holds)


@dataclass(frozen=True, slots=True)
class Verdict:
    """An answer with its reasons; allowed has exactly one reason, refused at least one."""

    allowed: bool
    reasons: tuple[str, ...]


def join(a: Marking, b: Marking) -> Marking:
    """The marking of something made of both: nobody reads it who may not read each.

    Guarantees:
        Least upper bound; for every reader exactly the readers of both
        (``tests/property/test_label_lattice.py``).

    Raises:
        PolicyMismatchError: the markings stand under different policies.
    """
    _same_policy(a, b)
    return Marking(
        a.policy,
        max(a.level, b.level),
        a.audience & b.audience,
        a.restrictive | b.restrictive,
    )


def meet(a: Marking, b: Marking) -> Marking:
    """The greatest marking below both.

    Raises:
        PolicyMismatchError: the markings stand under different policies.
    """
    _same_policy(a, b)
    return Marking(
        a.policy,
        min(a.level, b.level),
        a.audience | b.audience,
        a.restrictive & b.restrictive,
    )


def leq(a: Marking, b: Marking) -> bool:
    """Is *b* at least as narrow as *a*? Whoever reads *b* then also reads *a*.

    Raises:
        PolicyMismatchError: the markings stand under different policies.
    """
    _same_policy(a, b)
    return a.level <= b.level and b.audience <= a.audience and a.restrictive <= b.restrictive


def may_read(
    reader: Reader, marking: Marking, *, level_names: Mapping[int, str] | None = None
) -> Verdict:
    """Decide, and say why in words.

    Args:
        reader: One affiliation, one clearance.
        marking: What the information demands.
        level_names: Names of the ranks for the reasons (``Policy.level_names``).

    Guarantees:
        Equal to :func:`delian.label.decide.permits` on every pair
        (``tests/property/test_label_decide.py``).

    Leaks:
        A refusal names the level and the categories that are missing, never the audience.
        It is for whoever holds the information; to a stranger say only "no".
    """
    if reader.policy != marking.policy:
        text = "the reader is cleared under another policy, and no equivalence was applied"
        return Verdict(False, (text,))
    reasons = []
    if reader.level < marking.level:
        reasons.append(
            f"the marking is {_level(marking.level, level_names)}, "
            f"the reader is cleared to {_level(reader.level, level_names)}"
        )
    if reader.affiliation not in marking.audience:
        reasons.append(f"{reader.affiliation} is not in the audience")
    missing = sorted(marking.restrictive - reader.holds)
    reasons.extend(f"the reader does not hold {name}" for name in missing)
    if reasons:
        return Verdict(False, tuple(reasons))
    return Verdict(
        True, (f"{reader.affiliation} is in the audience and cleared for the level and categories",)
    )


def _level(level: int, names: Mapping[int, str] | None) -> str:
    return (names or {}).get(level, f"level {level}")


def _same_policy(a: Marking, b: Marking) -> None:
    if a.policy != b.policy:
        raise PolicyMismatchError(
            "the markings stand under different policies",
            hint="translate one of them by an equivalence that is in force, or ask an officer",
        )


def _check_level(level: int) -> None:
    if isinstance(level, bool) or not 0 <= level <= MAX_LEVEL:
        raise LabelFormError(f"a level lies between 0 and {MAX_LEVEL}")


def _check_names(*names: str) -> None:
    for name in names:
        if not name or name != name.strip() or len(name) > 200 or not name.isprintable():
            raise LabelFormError("a name in a label must be printable text without outer spaces")
