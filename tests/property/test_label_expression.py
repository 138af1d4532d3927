"""What the categories say under the standard's own access decision is what the label says."""

import random
from datetime import UTC, datetime

from delian.label import (
    NATO_LIKE,
    Label,
    Marking,
    Originator,
    Reader,
    bundled_policy,
    from_json,
    from_xml,
    may_read,
    to_json,
    to_xml,
)
from delian.label.errors import InexpressibleError, LabelContextError, LabelValueError
from delian.label.expression import Category, categories, interpret
from delian.label.grammar4774 import findings

AT = datetime(2026, 11, 21, tzinfo=UTC)
LATER = datetime(2031, 11, 21, 12, 30, 15, tzinfo=UTC)
POLICIES = (bundled_policy(), bundled_policy(NATO_LIKE))


def standard_access(policy, who, level, holds, classification, tags):
    """The access decision of the standard, restated from its prose: the level; every restrictive
    value held; and of each permissive tag that is present at least one value held."""
    ranks = {one.name: one.rank for one in policy.levels}
    owners = {c.value for c in policy.contexts if who in c.members}
    groups = {a.value for a in policy.audiences if who in a.members}
    for tag in tags:
        values = set(tag.values)
        if tag.name == "Context" and not values & (owners | {"Releasable"}):
            return False
        if tag.name == "Releasable To" and not values & (owners | groups):
            return False
        if tag.name == "Only" and not values & groups:
            return False
        if tag.name == "Additional Sensitivity" and not values <= holds:
            return False
    return level >= ranks[classification]


def random_label(rng, policy):
    """Any label that may or may not be expressible: audiences of every shape."""
    level = rng.choice(policy.levels)
    context = rng.choice(policy.contexts)
    inside = sorted(context.members)
    outside = sorted(policy.affiliations - context.members)
    audience = set(inside)
    shape = rng.randrange(4)
    if shape in (1, 3):
        audience = set(rng.sample(inside, rng.randrange(len(inside))))
    if shape in (2, 3):
        audience |= set(rng.sample(outside, rng.randrange(1, len(outside))))
    sensitive = frozenset(v.value for v in policy.sensitivities if rng.random() < 0.2)
    late = rng.random() < 0.5
    return Label(
        Marking(policy.oid, level.rank, frozenset(audience), sensitive),
        context.value,
        Originator("rfc822Name", "office@example.org") if late else None,
        AT,
        LATER,
        informative=frozenset(v.value for v in policy.administrative if rng.random() < 0.1),
        privacy_mark="HANDLE & STORE <WITH> CARE" if late else None,
    )


def labels(count, seed):
    rng = random.Random(seed)
    for _ in range(count):
        policy = rng.choice(POLICIES)
        yield rng, policy, random_label(rng, policy)


def test_written_categories_decide_as_the_marking_does_for_every_reader():
    said = 0
    for rng, policy, label in labels(1_500, 1):
        try:
            tags = categories(label, policy)
        except (InexpressibleError, LabelValueError):
            continue
        said += 1
        name = policy.level_at(label.marking.level).name
        for who in sorted(policy.affiliations):
            level = rng.randrange(6)
            holds = frozenset(v.value for v in policy.sensitivities if rng.random() < 0.7)
            verdict = may_read(Reader(policy.oid, who, level, holds), label.marking)
            assert verdict.allowed == standard_access(policy, who, level, holds, name, tags)
        meaning = interpret(policy, name, tags)
        assert meaning.marking == label.marking
        assert (meaning.context, meaning.informative) == (label.context, label.informative)
    assert said > 200


def test_an_audience_that_both_narrows_and_widens_or_is_empty_is_never_written():
    refused = 0
    for _, policy, label in labels(1_500, 2):
        members = policy.context(label.context).members
        audience = label.marking.audience
        if not audience or (audience - members and members - audience):
            refused += 1
            try:
                categories(label, policy)
            except (InexpressibleError, LabelValueError):
                continue
            raise AssertionError("an audience without an exact form was written")
    assert refused > 100


def test_both_wire_forms_give_the_label_back():
    written = 0
    for _, policy, label in labels(500, 3):
        try:
            document = to_xml(label, policy)
        except (InexpressibleError, LabelValueError):
            continue
        written += 1
        assert findings(document) == ()
        assert from_xml(document, policy) == label
        again = from_json(
            to_json(label, policy, drop=("originator", "review", "privacy_mark")), policy
        )
        assert (again.marking, again.context) == (label.marking, label.context)
        assert (again.informative, again.created_utc) == (label.informative, label.created_utc)
        assert again.originator is again.review_utc is again.privacy_mark is None
        assert Label.from_wire(label.to_wire()) == label
    assert written > 60


def test_no_random_set_of_categories_is_read_more_widely_than_the_standard_reads_it():
    rng = random.Random(5)
    policy = POLICIES[0]
    audiences = [v.value for v in policy.audiences]
    owners = [v.value for v in policy.contexts]
    accepted = 0
    for _ in range(4_000):
        context = rng.sample([*owners, "Releasable", "NOWHERE-1"], rng.randrange(1, 3))
        tags = [Category("PERMISSIVE", "Context", None, tuple(context))]
        if rng.random() < 0.5:
            picked = rng.sample([*owners, *audiences], rng.randrange(1, 4))
            if rng.random() < 0.6:
                picked = [o for o in picked if o not in owners] + [context[0]]
            tags.append(Category("PERMISSIVE", "Releasable To", None, tuple(picked)))
        if rng.random() < 0.2:
            picked = rng.sample(audiences, rng.randrange(1, 4))
            tags.append(Category("PERMISSIVE", "Only", None, tuple(picked)))
        name = rng.choice(policy.levels).name
        try:
            meaning = interpret(policy, name, tags)
        except (LabelContextError, LabelValueError):
            continue
        accepted += 1
        for who in sorted(policy.affiliations):
            if who in meaning.marking.audience:
                assert standard_access(policy, who, 9, frozenset(), name, tags)
    assert accepted > 300
