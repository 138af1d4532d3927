"""Laws of offers made of labels: they admit the label's readers, and additions only narrow."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from delian.exchange.odrl import Policy
from delian.exchange.offering import Content, NobodyError, Terms, offer_for
from delian.exchange.profile import decide
from delian.exchange.profile_terms import Context
from delian.label.label import Label, Succession
from delian.label.marking import Marking, Reader, may_read

NOW = datetime(2026, 11, 21, tzinfo=UTC)
DAY = timedelta(days=1)
CONTENT = Content("urn:x:1", "A file", "sha256:" + "0" * 64, 7)
names = st.sampled_from(("FRA", "DEU", "INDUSTRY"))
held = st.frozensets(st.sampled_from(("AMBER", "BLUE")))
markings = st.builds(Marking, st.just("1.2.3"), st.integers(0, 3), st.frozensets(names), held)
readers = st.builds(Reader, st.sampled_from(["1.2.3", "9.9"]), names, st.integers(0, 3), held)
words = st.sets(st.sampled_from("xyz"), max_size=2).map(tuple)
terms = st.builds(
    Terms,
    words,
    words,
    words,
    st.none() | st.sampled_from([NOW - DAY, NOW + DAY]),
    st.none() | st.integers(1, 3),
    st.booleans(),
    st.booleans(),
)
contexts = st.builds(
    Context,
    st.just("did:web:a"),
    st.just(NOW),
    st.tuples(readers),
    st.frozensets(st.sampled_from("xyz")),
    st.frozensets(st.sampled_from("xyz")),
    st.frozensets(st.sampled_from("xyz")),
    st.integers(0, 3),
    st.booleans(),
)


def label(marking: Marking, **more: object) -> Label:
    return Label(marking, "DELIAN-1", None, NOW - DAY, **more)  # type: ignore[arg-type]


def may(policy: Policy, context: Context) -> bool:
    return decide(policy, context).allowed


@settings(max_examples=80, deadline=None)
@given(markings, contexts, terms)
def test_an_offer_admits_the_labels_readers_and_additions_narrow(
    marking: Marking, context: Context, more: Terms
) -> None:
    if not marking.audience:
        with pytest.raises(NobodyError):
            offer_for(label(marking), CONTENT, more, NOW)
        return
    plain = offer_for(label(marking), CONTENT, Terms(), NOW)
    assert may(plain, context) is may_read(context.readers[0], marking).allowed
    narrowed = may(offer_for(label(marking), CONTENT, more, NOW), context)
    assert not narrowed or may(plain, context)
    assert narrowed is (
        may(plain, context)
        and all(
            not asked or bool(set(asked) & shown)
            for asked, shown in (
                (more.purposes, context.purposes),
                (more.classes, context.classes),
                (more.treaties, context.treaties),
            )
        )
        and (more.until_utc is None or more.until_utc > NOW)
        and (more.times is None or context.uses < more.times)
        and (context.is_aggregate or not more.is_aggregate_only)
    )


@settings(max_examples=40, deadline=None)
@given(markings, terms, st.integers(0, 1))
def test_an_offer_is_named_by_what_it_says(marking: Marking, more: Terms, level: int) -> None:
    marking = replace(marking, audience=marking.audience | {"FRA"})
    one = offer_for(label(marking), CONTENT, more, NOW)
    assert one == offer_for(label(marking), CONTENT, more, NOW)
    other = offer_for(label(replace(marking, level=level)), CONTENT, more, NOW)
    assert (one.id == other.id) is (marking.level == level)
    changed = replace(CONTENT, sha256="sha256:" + "1" * 64)
    assert offer_for(label(marking), changed, more, NOW).id != one.id
    assert Policy.from_plain(one.to_plain(), "offer") == one


def test_a_label_that_will_be_succeeded_is_offered_until_then() -> None:
    wide = Marking("1.2.3", 0, frozenset({"FRA", "DEU"}))
    narrow = replace(wide, audience=frozenset({"FRA"}))
    late = label(wide, succession=Succession(NOW + DAY, label(narrow)))
    before = offer_for(late, CONTENT, Terms(), NOW)
    deu = Reader("1.2.3", "DEU", 0)
    assert may(before, Context("a", NOW, (deu,)))
    assert not may(before, Context("a", NOW + DAY, (deu,)))
    after = offer_for(late, CONTENT, Terms(), NOW + DAY)
    assert not may(after, Context("a", NOW + DAY, (deu,)))
    assert may(after, Context("a", NOW + DAY, (Reader("1.2.3", "FRA", 0),)))
