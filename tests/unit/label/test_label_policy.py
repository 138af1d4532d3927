"""Policies: shipped data, their rules, later editions and membership generations."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from delian.label import (
    NATO_LIKE,
    Marking,
    Originator,
    Phrase,
    Policy,
    bundled_policy,
    check_edition,
    compose,
    from_xml,
    to_xml,
)
from delian.label.errors import LabelContextError, LabelValueError, PolicyFormError
from delian.label.vocabulary import Level, Tag, Value

AT = datetime(2026, 11, 21, tzinfo=UTC)
ORIGIN = Originator("rfc822Name", "office@example.org")
DATES = {"originator": ORIGIN, "created_utc": AT, "review_utc": AT}


def test_the_shipped_policies_are_what_the_documents_say():
    league, nato = bundled_policy(), bundled_policy(NATO_LIKE)
    assert league.oid.startswith("2.25.")
    assert nato.oid == "1.3.26.1.3.1"
    names = ["UNCLASSIFIED", "RESTRICTED", "CONFIDENTIAL", "SECRET", "TOP SECRET"]
    for policy in (league, nato):
        assert [level.name for level in policy.levels] == names
        assert [level.rank for level in policy.levels] == [1, 2, 3, 4, 5]
        assert Policy.from_wire(policy.to_wire()) == policy
    oids = {key: tag.oid for key, tag in nato.tags.items()}
    assert oids == {
        "sensitivity": "1.3.26.1.4.1",
        "releasable": "1.3.26.1.4.2",
        "administrative": "1.3.26.1.4.3",
        "context": "1.3.26.1.4.4",
        "only": "1.3.26.1.4.5",
    }
    assert len(league.context("DELIAN-1").members) == 32


def test_the_release_label_for_the_alliance_its_industry_and_japan_can_be_said():
    policy = bundled_policy()
    label = compose(policy, "UNCLASSIFIED", "DELIAN-1", releasable=("INDUSTRY", "JPN"), **DATES)
    members = policy.context("DELIAN-1").members
    assert label.marking == Marking(policy.oid, 1, members | {"INDUSTRY", "JPN"})
    assert from_xml(to_xml(label, policy), policy) == label


def test_a_nation_that_joins_later_reads_nothing_older():
    policy = bundled_policy()
    old = compose(policy, "RESTRICTED", "DELIAN-1", **DATES)
    members = policy.context("DELIAN-1").members
    later = policy.with_context("DELIAN", {*members, "UKR"}, Phrase("DELIAN LEAGUE", "LIGUE"))
    check_edition(policy, later)
    again = from_xml(to_xml(old, policy), later)
    assert "UKR" not in again.marking.audience
    new = compose(later, "RESTRICTED", "DELIAN-2", **DATES)
    assert new.marking.audience == members | {"UKR"}
    assert later.context("DELIAN-2").generation == 2
    with pytest.raises(LabelContextError):
        from_xml(to_xml(new, later), policy)


def change(policy, field, at, **values):
    items = list(getattr(policy, field))
    items[at] = replace(items[at], **values)
    return replace(policy, edition=policy.edition + 1, **{field: tuple(items)})


def test_a_later_edition_may_not_change_the_meaning_of_written_labels():
    policy = bundled_policy()
    members = policy.contexts[0].members
    for wrong in (
        policy,
        replace(policy, edition=2, name="Other"),
        replace(policy, edition=2, ignores_case=True),
        change(policy, "contexts", 0, members=members | {"UKR"}),
        change(policy, "audiences", 0, members=frozenset({"ALB", "BEL"})),
        change(policy, "levels", 4, rank=6),
        replace(policy, edition=2, sensitivities=policy.sensitivities[1:]),
        replace(policy, edition=2, tags={**policy.tags, "only": Tag("Only", "1.2.3")}),
    ):
        with pytest.raises(PolicyFormError):
            check_edition(policy, wrong)
    check_edition(policy, change(policy, "levels", 0, phrase=Phrase("OPEN", "OUVERT")))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", ""),
        ("oid", "3.1"),
        ("oid", "2.25.01"),
        ("oid", "2"),
        ("tags", {}),
        ("tags", {**bundled_policy().tags, "only": Tag("Context", "1.2.3")}),
        ("levels", ()),
        ("levels", (Level("A", 0, Phrase("A", "A")),)),
        ("levels", (Level("A", 1, Phrase("A", "A")), Level("B", 1, Phrase("B", "B")))),
        ("levels", (Level("A", 1, Phrase("A", "A")), Level("A", 2, Phrase("B", "B")))),
        ("contexts", (Value("X", Phrase("X", "X"), generation=1, owner="X"),)),
        ("contexts", (Value("X", Phrase("X", "X"), members=frozenset("A"), owner="X"),)),
        ("contexts", (Value("X", Phrase("X", "X"), members=frozenset("A"), generation=1),)),
        (
            "contexts",
            (
                Value(
                    "Releasable",
                    Phrase("X", "X"),
                    members=frozenset("A"),
                    generation=1,
                    owner="X",
                ),
            ),
        ),
        ("audiences", (Value("DELIAN-1", Phrase("X", "X"), members=frozenset("A")),)),
        ("audiences", (Value("X", Phrase("X", "X")),)),
        ("audiences", (Value("X ", Phrase("X", "X"), members=frozenset("A")),)),
        (
            "sensitivities",
            (Value("X", Phrase("X", "X"), members=frozenset("A")),),
        ),
        (
            "sensitivities",
            (Value("X", Phrase("X", "X"), not_at=frozenset({"COSMIC"})),),
        ),
    ],
)
def test_a_policy_that_contradicts_itself_is_refused(field, value):
    with pytest.raises(PolicyFormError):
        replace(bundled_policy(), **{field: value})


def bare(levels):
    """The shipped policy with other levels and nothing that speaks of the old ones."""
    policy = bundled_policy()
    fields = ("contexts", "audiences", "sensitivities", "administrative")
    free = {f: tuple(replace(v, not_at=frozenset()) for v in getattr(policy, f)) for f in fields}
    return replace(policy, levels=tuple(levels), **free)


def test_ranks_differ_and_lie_in_their_range():
    words = Phrase("A", "A")
    assert bare([Level("A", 1, words), Level("B", 15, words)]).level_at(15).name == "B"
    for ranks in ((), (0, 1), (1, 1), (1, 16)):
        with pytest.raises(PolicyFormError):
            bare(Level(f"L{n}", rank, words) for n, rank in enumerate(ranks))


def test_two_values_that_differ_in_case_only_clash_where_case_is_ignored():
    nato = bundled_policy(NATO_LIKE)
    with pytest.raises(PolicyFormError):
        replace(
            nato,
            audiences=(*nato.audiences, Value("jpn", Phrase("x", "x"), members=frozenset("A"))),
        )
    assert nato.level("Top Secret").rank == 5
    with pytest.raises(LabelValueError):
        bundled_policy().level("Top Secret")


def test_values_stand_only_beside_levels_that_allow_them():
    policy = bundled_policy(NATO_LIKE)
    for classification, values in (
        ("UNCLASSIFIED", {"sensitivities": ("ATOMAL",)}),
        ("RESTRICTED", {"sensitivities": ("ATOMAL",)}),
        ("RESTRICTED", {"administrative": ("STAFF",)}),
        ("TOP SECRET", {"releasable": ("JPN",)}),
    ):
        with pytest.raises(LabelValueError):
            compose(policy, classification, "NATO", **values, **DATES)
    compose(policy, "CONFIDENTIAL", "NATO", sensitivities=("ATOMAL",), **DATES)
    compose(policy, "UNCLASSIFIED", "NATO", administrative=("STAFF",), **DATES)
    with pytest.raises(LabelValueError):
        compose(policy, "TOP SECRET", "UKRAINE", **DATES)
