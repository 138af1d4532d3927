"""Trust profiles: whose word counts, for what, and what two of them have in common."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from delian.crypto.sign import PrivateKey
from delian.exchange.identity_map import Assurance
from delian.exchange.reactions import Claim, Participant
from delian.exchange.trust import (
    Entry,
    Scope,
    TrustFormError,
    TrustProfile,
    TrustSignatureError,
    context_of,
    open_profile,
    sign_profile,
)
from delian.exchange.trust_compare import compare
from delian.label.marking import Reader
from delian.terms.errors import DelianError, InputError

NOW = datetime(2026, 11, 21, tzinfo=UTC)
EU, JP = "did:web:issuer.example.eu", "did:web:issuer.example.jp"
OWNER, OTHER = "did:web:office.example.eu", "did:web:office.example.jp"
KEY = PrivateKey.from_seed("ed25519", b"\x01" * 32)
LOW, MIDDLE, HIGH = Assurance.LOW, Assurance.SUBSTANTIAL, Assurance.HIGH


def profile(*entries: Entry, owner: str = OWNER, **more: object) -> TrustProfile:
    fields = {"needs": {}, "valid_from": NOW - timedelta(days=1), "valid_until": NOW + timedelta(1)}
    return TrustProfile(owner, entries, **{**fields, **more})  # type: ignore[arg-type]


def clearance(issuer: str = EU, level: int = 2, **more: object) -> Entry:
    fields = {"assurance": HIGH, "values": frozenset({"INDUSTRY"}), "policy": "1.2.3"}
    return Entry(issuer, Scope.CLEARANCE, level=level, **{**fields, **more})  # type: ignore[arg-type]


def cleared(issuer: str = EU, **changes: object) -> Claim:
    body = {"policy": "1.2.3", "affiliation": "INDUSTRY", "level": 1, "holds": [], **changes}
    return Claim("PartyCredential", issuer, {"clearance": body})


def readers(claim: Claim, *entries: Entry, **more: object) -> tuple[Reader, ...]:
    who = Participant("did:web:a", (claim,))
    return context_of(who, profile(*entries, **more), NOW).readers


def test_a_named_issuer_is_believed_within_its_scope() -> None:
    assert readers(cleared(), clearance()) == (Reader("1.2.3", "INDUSTRY", 1),)


def test_an_issuer_vouches_for_no_more_than_its_level() -> None:
    assert readers(cleared(level=9), clearance()) == (Reader("1.2.3", "INDUSTRY", 2),)


@pytest.mark.parametrize(
    ("claim", "entry"),
    [
        (cleared(JP), clearance()),
        (cleared(affiliation="FRA"), clearance()),
        (cleared(policy="9.9"), clearance()),
        (cleared(level=-1), clearance()),
        (cleared(level=True), clearance()),
        (cleared(level="1"), clearance()),
        (cleared(affiliation=" "), replace(clearance(), values=frozenset("*"))),
        (cleared(), Entry(EU, Scope.PURPOSE, HIGH)),
        (Claim("x", EU, {"clearance": "all"}), clearance()),
        (Claim("x", EU, {}), clearance()),
    ],
)
def test_what_is_outside_of_its_scope_weighs_nothing(claim: Claim, entry: Entry) -> None:
    assert readers(claim, entry) == ()


@pytest.mark.parametrize("stated", ["low", "splendid", 3, ["high"]])
def test_a_claim_that_admits_to_less_is_taken_at_its_word(stated: object) -> None:
    claim = cleared()
    weak = replace(claim, subject={**claim.subject, "assurance": stated})
    needs = {Scope.CLEARANCE: MIDDLE}
    assert readers(claim, clearance(), needs=needs)
    assert not readers(weak, clearance(), needs=needs)


def test_an_issuer_below_the_needed_assurance_weighs_nothing() -> None:
    assert not readers(cleared(), clearance(assurance=LOW), needs={Scope.CLEARANCE: MIDDLE})


def test_a_profile_out_of_its_time_believes_nobody() -> None:
    assert not readers(cleared(), clearance(), valid_until=NOW)
    assert context_of(Participant("a", (cleared(),)), None, NOW).readers == ()


def test_purposes_classes_treaties_and_the_undertaking() -> None:
    words = {"purposes": ["plan", "sell"], "classes": "maker", "treaties": ["ally", 7]}
    claim = Claim("x", EU, {**words, "aggregate_only": True})
    entries = (
        Entry(EU, Scope.PURPOSE, HIGH, frozenset({"plan"})),
        Entry(EU, Scope.PARTICIPANT_CLASS, HIGH),
        Entry(EU, Scope.TREATY_KIND, HIGH),
    )
    made = context_of(Participant("did:web:a", (claim,)), profile(*entries), NOW)
    assert (made.purposes, made.classes, made.treaties) == ({"plan"}, {"maker"}, {"ally"})
    assert made.is_aggregate
    assert not context_of(Participant("a", (claim,)), profile(*entries[1:]), NOW).is_aggregate


def test_the_document_says_the_profile() -> None:
    made = profile(clearance(), Entry(JP, Scope.PURPOSE, LOW), needs={Scope.PURPOSE: LOW})
    read = TrustProfile.from_bytes(made.to_bytes())
    assert set(read.entries) == set(made.entries)
    assert replace(read, entries=()) == replace(made, entries=())
    assert read.digest == made.digest


def test_only_the_owners_signature_counts() -> None:
    made = profile(clearance())
    signed = sign_profile(made, KEY)
    assert open_profile(signed, {made.keyid: KEY.public}.get) == made
    stranger = PrivateKey.from_seed("ed25519", b"\x02" * 32)
    for pins in ({}, {made.keyid: stranger.public}, {"did:web:x#trust": KEY.public}):
        with pytest.raises(TrustSignatureError):
            open_profile(signed, pins.get)
    with pytest.raises(TrustSignatureError):
        open_profile(replace(signed, payload_type="text/plain"), {made.keyid: KEY.public}.get)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"version":1', b'"version":2'),
        (b'"scope":"clearance"', b'"scope":"everything"'),
        (b'"assurance":"high"', b'"assurance":"total"'),
        (b'"level":2', b'"level":99'),
        (b'"issuer":"did:', b'"issuer":"dud:'),
        (b'"owner":"did:', b'"owner":"dud:'),
        (b'"accepts":', b'"more":1,"accepts":'),
    ],
)
def test_another_form_is_refused(old: bytes, new: bytes) -> None:
    data = profile(clearance()).to_bytes()
    assert old in data
    with pytest.raises(DelianError) as found:
        TrustProfile.from_bytes(data.replace(old, new))
    assert isinstance(found.value, InputError)


def test_an_issuer_stands_once_for_a_scope() -> None:
    with pytest.raises(TrustFormError):
        profile(clearance(), clearance(level=1))
    with pytest.raises(TrustFormError):
        Entry(EU, Scope.PURPOSE, HIGH, policy="1.2.3")


def test_two_profiles_side_by_side() -> None:
    a = profile(clearance(), Entry(EU, Scope.PURPOSE, HIGH), Entry(EU, Scope.MEMBERSHIP, LOW))
    b = profile(
        clearance(level=1, values=frozenset("*"), assurance=MIDDLE),
        Entry(JP, Scope.PURPOSE, MIDDLE),
        Entry(EU, Scope.MEMBERSHIP, LOW),
        owner=OTHER,
        needs={Scope.MEMBERSHIP: MIDDLE, Scope.TREATY_KIND: LOW},
    )
    found = compare(a, b, NOW)
    assert [(e.scope, e.assurance, e.level, e.values) for e in found.common] == [
        (Scope.CLEARANCE, MIDDLE, 1, {"INDUSTRY"}),
    ]
    assert [(lack.owner, lack.scope, lack.why) for lack in found.missing] == [
        (OTHER, "membership", f"{EU} is held for low; substantial is needed"),
        (OWNER, "purpose", f"{JP} is not accepted here"),
        (OTHER, "purpose", f"{EU} is not accepted here"),
    ]
    assert found.uncovered == ("membership", "purpose", "treatyKind")
