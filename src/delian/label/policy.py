"""A labelling policy as data: ranks, owners, audiences, sensitivities and their words.

May touch: nothing but values. Policies arrive as documents signed by the authority that owns
them (``delian.label.signed``); two ship inside the package as examples (``bundled``).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from delian.label.errors import LabelContextError, LabelValueError, PolicyFormError
from delian.label.marking import MAX_LEVEL
from delian.label.vocabulary import Level, Phrase, Tag, Value, is_oid
from delian.terms.encode import Digest, Fields, Plain, canonical, digest, parse

FORMAT = "delian-policy"
MAX_POLICY_BYTES = 1024 * 1024
RELEASABLE = "Releasable"
TAGS: Mapping[str, str] = MappingProxyType(
    {
        "context": "PERMISSIVE",
        "releasable": "PERMISSIVE",
        "only": "PERMISSIVE",
        "sensitivity": "RESTRICTIVE",
        "administrative": "INFORMATIVE",
    }
)


@dataclass(frozen=True, slots=True)
class Policy:
    """One labelling policy in one edition; see ``docs/formats/policy.md``."""

    name: str
    oid: str
    edition: int
    ignores_case: bool
    tags: Mapping[str, Tag]
    levels: tuple[Level, ...]
    contexts: tuple[Value, ...]
    audiences: tuple[Value, ...]
    sensitivities: tuple[Value, ...]
    administrative: tuple[Value, ...]

    def __post_init__(self) -> None:
        _check(self)

    @property
    def level_names(self) -> dict[int, str]:
        """Rank to name, for the reasons of a verdict."""
        return {level.rank: level.name for level in self.levels}

    @property
    def affiliations(self) -> frozenset[str]:
        """Every affiliation the policy knows."""
        return frozenset[str]().union(*(v.members for v in (*self.contexts, *self.audiences)))

    @property
    def digest(self) -> Digest:
        """Digest of the canonical bytes."""
        return digest(self.to_wire())

    def fold(self, text: str) -> str:
        """*text* as this policy compares it: ASCII case ignored where the policy says so."""
        return text.upper() if self.ignores_case and text.isascii() else text

    def level(self, name: str) -> Level:
        """The classification called *name*.

        Raises:
            LabelValueError: the policy has none of that name.
        """
        for level in self.levels:
            if self.fold(level.name) == self.fold(name):
                return level
        raise LabelValueError("the classification is unknown to the policy")

    def level_at(self, rank: int) -> Level:
        """The classification of that rank.

        Raises:
            LabelValueError: the policy has none of that rank.
        """
        for level in self.levels:
            if level.rank == rank:
                return level
        raise LabelValueError("the level is unknown to the policy")

    def context(self, value: str) -> Value:
        """The owner called *value*.

        Raises:
            LabelContextError: the policy has none of that name.
        """
        for context in self.contexts:
            if self.fold(context.value) == self.fold(value):
                return context
        raise LabelContextError(
            "the label's context is unknown to the policy",
            hint="a newer edition of the policy may name it; ask its authority",
        )

    def find(self, kind: str, value: str, level: str) -> Value:
        """The audience, sensitivity or administrative value called *value*, usable at *level*.

        Raises:
            LabelValueError: unknown, or not allowed beside this classification.
        """
        values = {
            "audience": self.audiences,
            "sensitivity": self.sensitivities,
            "administrative": self.administrative,
        }[kind]
        for found in values:
            if self.fold(found.value) == self.fold(value):
                found.check_beside(level)
                return found
        raise LabelValueError(f"a value of kind {kind} is unknown to the policy")

    def with_context(self, owner: str, members: Iterable[str], phrase: Phrase) -> "Policy":
        """The next edition, with the next membership generation of *owner*.

        Guarantees:
            Earlier generations stay as they are, so what carries them gains no reader
            (``tests/unit/label/test_label_policy.py``).
        """
        last = max((c.generation for c in self.contexts if c.owner == owner), default=0)
        made = Value(
            f"{owner}-{last + 1}",
            phrase,
            members=frozenset(members),
            generation=last + 1,
            owner=owner,
        )
        return replace(self, edition=self.edition + 1, contexts=(*self.contexts, made))

    def to_plain(self) -> dict[str, Plain]:
        """The canonical form."""
        return {
            "format": FORMAT,
            "version": 1,
            "name": self.name,
            "oid": self.oid,
            "edition": self.edition,
            "ignores_case": self.ignores_case,
            "tags": {key: tag.to_plain() for key, tag in self.tags.items()},
            "levels": [level.to_plain() for level in self.levels],
            "contexts": [v.to_plain() for v in self.contexts],
            "audiences": [v.to_plain() for v in self.audiences],
            "sensitivities": [v.to_plain() for v in self.sensitivities],
            "administrative": [v.to_plain() for v in self.administrative],
        }

    @classmethod
    def from_plain(cls, plain: object) -> "Policy":
        """Read what :meth:`to_plain` writes.

        Raises:
            InputError: names the field that is wrong, or the contradiction.
        """
        f = Fields(plain, "policy")
        f.form(FORMAT)
        policy = cls(
            name=f.text("name", max_length=200),
            oid=f.text("oid", max_length=400),
            edition=f.whole("edition", 1),
            ignores_case=f.flag("ignores_case"),
            tags={key: Tag.from_plain(item) for key, item in f.mapping("tags").items()},
            levels=tuple(Level.from_plain(item) for item in f.items("levels")),
            contexts=tuple(Value.from_plain(item) for item in f.items("contexts")),
            audiences=tuple(Value.from_plain(item) for item in f.items("audiences")),
            sensitivities=tuple(Value.from_plain(item) for item in f.items("sensitivities")),
            administrative=tuple(Value.from_plain(item) for item in f.items("administrative")),
        )
        f.end()
        return policy

    def to_wire(self) -> bytes:
        """Canonical JSON."""
        return canonical(self.to_plain())

    @classmethod
    def from_wire(cls, data: bytes) -> "Policy":
        """Read a policy document; not yet trusted (see ``delian.label.signed``).

        Raises:
            InputError: not a policy document.
        """
        return cls.from_plain(parse(data, max_bytes=MAX_POLICY_BYTES))


def check_edition(old: Policy, new: Policy) -> None:
    """Refuse a later edition that changes the meaning of labels already written.

    Ranks, tag identifiers and the membership of every owner and audience are fixed for good;
    new values may be added, and none may disappear.

    Raises:
        PolicyFormError: names what changed.
    """
    if (old.name, old.oid, old.ignores_case) != (new.name, new.oid, new.ignores_case):
        raise PolicyFormError("not an edition of the same policy")
    if new.edition <= old.edition:
        raise PolicyFormError("the edition is not later")
    if dict(old.tags) != dict(new.tags):
        raise PolicyFormError("a later edition changes a tag")
    later = {level.name: level.rank for level in new.levels}
    for level in old.levels:
        if later.get(level.name) != level.rank:
            raise PolicyFormError(f"a later edition moves or drops the level {level.name}")
    for kind in ("contexts", "audiences", "sensitivities", "administrative"):
        values = {v.value: v.members for v in getattr(new, kind)}
        for value in getattr(old, kind):
            if values.get(value.value) != value.members:
                raise PolicyFormError(f"a later edition changes or drops '{value.value}'")


def _check(policy: Policy) -> None:
    if not policy.name or not is_oid(policy.oid):
        raise PolicyFormError("a policy needs a name and an object identifier")
    if set(policy.tags) != set(TAGS) or not all(is_oid(t.oid) for t in policy.tags.values()):
        raise PolicyFormError("a policy names its five tags with their object identifiers")
    if len({policy.fold(t.name) for t in policy.tags.values()}) != len(TAGS):
        raise PolicyFormError("two tags of the policy have one name")
    ranks = [level.rank for level in policy.levels]
    if not ranks or len(set(ranks)) != len(ranks) or not all(0 < r <= MAX_LEVEL for r in ranks):
        raise PolicyFormError(f"the levels need different ranks from 1 to {MAX_LEVEL}")
    _check_values(policy)
    _check_members(policy)


def _check_values(policy: Policy) -> None:
    levels = [level.name for level in policy.levels]
    groups = (policy.contexts, policy.audiences, policy.sensitivities, policy.administrative)
    for names in (levels, *([value.value for value in group] for group in groups)):
        if len({policy.fold(name) for name in names}) != len(names):
            raise PolicyFormError("a value of the policy stands twice")
        if not all(name and name == name.strip() and name.isprintable() for name in names):
            raise PolicyFormError("a value must be printable text without outer spaces")
    if any(not value.not_at <= set(levels) for group in groups for value in group):
        raise PolicyFormError("a value excludes a classification the policy does not have")


def _check_members(policy: Policy) -> None:
    if any(not value.members for value in (*policy.contexts, *policy.audiences)):
        raise PolicyFormError("an owner or an audience without members")
    if any(value.members for value in (*policy.sensitivities, *policy.administrative)):
        raise PolicyFormError("only owners and audiences have members")
    owners = [(context.owner, context.generation) for context in policy.contexts]
    if len(set(owners)) != len(owners) or any(not o or g < 1 for o, g in owners):
        raise PolicyFormError("every owner needs a name and a generation of its own")
    names = {policy.fold(context.value) for context in policy.contexts}
    if policy.fold(RELEASABLE) in names:
        raise PolicyFormError(f"'{RELEASABLE}' is a literal, not an owner")
    if names & {policy.fold(audience.value) for audience in policy.audiences}:
        raise PolicyFormError("an owner and an audience share a value")
