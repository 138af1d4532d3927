"""A marking as attributes that key services decide on, and the rules that they need for it.

May touch: values. Three attributes under one authority: the classification (a reader holds it or
a higher one), the affiliations that may read (any one of them), the sensitivities (all of them).
"""

import re
from dataclasses import dataclass

from delian.label.marking import Marking
from delian.label.policy import Policy
from delian.release.errors import SealedReleaseError

CLASSIFICATION, RELEASABLE_TO, SENSITIVITY = "classification", "releasable-to", "sensitivity"
_MAX_CHARACTERS = 128
_AUTHORITY = re.compile(r"https://[a-z0-9][a-z0-9.:-]{0,252}\Z")
_PLAIN = re.compile(r"(?!X-)[A-Z0-9][A-Z0-9-]{0,99}\Z")


@dataclass(frozen=True, slots=True)
class AttributeScheme:
    """One attribute, how its values combine, and all its values.

    Args:
        name: ``https://<authority>/attr/<name>``.
        rule: ``hierarchy`` (values from the highest down), ``any-of`` or ``all-of``.
        values: Every value.
    """

    name: str
    rule: str
    values: tuple[str, ...]


def attributes_of(marking: Marking, policy: Policy, authority: str) -> tuple[str, ...]:
    """Full names of the attribute values that a reader of *marking* must hold.

    Args:
        marking: Who may read.
        policy: Its policy.
        authority: ``https://<host>``; whoever answers for the attributes.

    Guarantees:
        Decided by the rules of :func:`scheme_of`, they open to exactly the readers of the
        marking (``tests/unit/release/test_tdf_release.py``).

    Raises:
        SealedReleaseError: an empty audience: without a name, key services would give to all.
        LabelValueError: a level that the policy does not have.
    """
    if marking.policy != policy.oid:
        raise SealedReleaseError("the marking stands under another policy")
    if not marking.audience:
        raise SealedReleaseError("nobody may read this, so there is nobody to seal it for")
    level = _spelled(policy.level_at(marking.level).name)
    return (
        _value(authority, CLASSIFICATION, level),
        *(_value(authority, RELEASABLE_TO, _spelled(a)) for a in sorted(marking.audience)),
        *(_value(authority, SENSITIVITY, _spelled(s)) for s in sorted(marking.restrictive)),
    )


def scheme_of(policy: Policy, authority: str) -> tuple[AttributeScheme, ...]:
    """The attributes of *policy*, for a key service's operator to register.

    Raises:
        SealedReleaseError: the authority is not ``https://<host>``.
    """
    levels = sorted(policy.levels, key=lambda level: level.rank, reverse=True)
    every = (
        (CLASSIFICATION, "hierarchy", [_spelled(level.name) for level in levels]),
        (RELEASABLE_TO, "any-of", sorted(_spelled(a) for a in policy.affiliations)),
        (SENSITIVITY, "all-of", sorted(_spelled(s.value) for s in policy.sensitivities)),
    )
    return tuple(
        AttributeScheme(_name(authority, name), rule, tuple(values))
        for name, rule, values in every
        if values
    )


def _spelled(name: str) -> str:
    """Lower case where that loses nothing; other names by their bytes, so that none coincide."""
    spelled = name.lower() if _PLAIN.match(name) else f"x-{name.encode('utf-8').hex()}"
    if len(spelled) > _MAX_CHARACTERS:
        raise SealedReleaseError("a name of the marking is too long for an attribute")
    return spelled


def _value(authority: str, name: str, value: str) -> str:
    return f"{_name(authority, name)}/value/{value}"


def _name(authority: str, name: str) -> str:
    if not _AUTHORITY.match(authority):
        raise SealedReleaseError("the authority of attributes is spelled https://host")
    return f"{authority}/attr/{name}"
