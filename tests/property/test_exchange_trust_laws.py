"""Laws of trust profiles: what two have in common holds under each, in either order."""

from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from delian.exchange.identity_map import Assurance
from delian.exchange.reactions import Claim, Participant
from delian.exchange.trust import Entry, Scope, TrustProfile, context_of
from delian.exchange.trust_compare import compare

NOW = datetime(2026, 11, 21, tzinfo=UTC)
ISSUERS = ("did:web:i", "did:web:j")
VALUES = ("x", "y")
grades = st.sampled_from(list(Assurance))


@st.composite
def entries(draw: st.DrawFn) -> Entry:
    scope = draw(st.sampled_from(list(Scope)))
    is_clearance = scope is Scope.CLEARANCE
    return Entry(
        draw(st.sampled_from(ISSUERS)),
        scope,
        draw(grades),
        draw(st.sampled_from([frozenset("*"), frozenset("x"), frozenset("xy"), frozenset("y")])),
        draw(st.integers(0, 3)) if is_clearance else 0,
        draw(st.sampled_from(["1.2", "1.3"])) if is_clearance else "",
    )


@st.composite
def profiles(draw: st.DrawFn, owner: str) -> TrustProfile:
    found = draw(st.lists(entries(), max_size=6, unique_by=lambda e: e.place))
    needs = draw(st.dictionaries(st.sampled_from(list(Scope)), grades, max_size=2))
    day = timedelta(days=1)
    return TrustProfile(owner, tuple(found), needs, NOW - day, NOW + day)


@st.composite
def claims(draw: st.DrawFn) -> Claim:
    body = {
        "purposes": draw(st.lists(st.sampled_from(VALUES), max_size=2)),
        "classes": draw(st.lists(st.sampled_from(VALUES), max_size=2)),
        "treaties": draw(st.lists(st.sampled_from(VALUES), max_size=2)),
        "clearance": {
            "policy": draw(st.sampled_from(["1.2", "1.3"])),
            "affiliation": draw(st.sampled_from(VALUES)),
            "level": draw(st.integers(0, 3)),
        },
    }
    if draw(st.booleans()):
        body["assurance"] = draw(grades).value
    return Claim("Party", draw(st.sampled_from(ISSUERS)), body)


both = st.tuples(profiles("did:web:a"), profiles("did:web:b"))


@settings(max_examples=80, deadline=None)
@given(both, st.lists(claims(), max_size=3))
def test_what_counts_in_common_counts_under_each(
    pair: tuple[TrustProfile, TrustProfile], shown: list[Claim]
) -> None:
    a, b = pair
    common = compare(a, b, NOW).common
    needs = {
        scope: max(a.least(scope), b.least(scope), key=list(Assurance).index) for scope in Scope
    }
    middle = TrustProfile("did:web:c", common, needs, a.valid_from, a.valid_until)
    who = Participant("did:web:p", tuple(shown))
    shared = context_of(who, middle, NOW)
    for side in pair:
        known = context_of(who, side, NOW)
        assert shared.purposes <= known.purposes
        assert shared.classes <= known.classes
        assert shared.treaties <= known.treaties
        for reader in shared.readers:
            assert any(
                (r.policy, r.affiliation) == (reader.policy, reader.affiliation)
                and r.level >= reader.level
                for r in known.readers
            )


@settings(max_examples=80, deadline=None)
@given(both)
def test_the_order_of_the_two_does_not_matter(pair: tuple[TrustProfile, TrustProfile]) -> None:
    there, back = compare(*pair, NOW), compare(*reversed(pair), NOW)
    assert set(there.common) == set(back.common)
    assert set(there.missing) == set(back.missing)
    assert there.uncovered == back.uncovered


@settings(max_examples=80, deadline=None)
@given(both)
def test_every_entry_is_common_or_missing_somewhere(
    pair: tuple[TrustProfile, TrustProfile],
) -> None:
    """Nothing falls silently out of the comparison."""
    found = compare(*pair, NOW)
    listed = {entry.place for entry in found.common}
    listed |= {(lack.issuer, lack.scope, lack.policy) for lack in found.missing}
    assert {entry.place for profile in pair for entry in profile.entries} == listed
