"""Counting consent: 32 of 32, distinct nations, distinct keys, stand-ins."""

from dataclasses import replace
from datetime import timedelta

import pytest

from delian.approve.consent import Consent, Consents, count_consents, who_is_missing
from delian.approve.document import DocumentFormError
from delian.approve.mandate import Mandate, StandInYes, TwoMandatesError, running
from delian.crypto.dsse import Envelope, Signature, document_type, pae, sign
from delian.terms.errors import TamperedError
from tests.silence_world import ENDS, STATEMENT_TYPE, SUBJECT, TERMS, World, seeded

WORLD = World(32)
STAND_IN = seeded("mandate of NAA")
MANDATE = Mandate("round-1", TERMS, "NAA", "NAB", STAND_IN.public, ENDS)


def test_thirty_two_of_thirty_two() -> None:
    consents = count_consents(WORLD.consent(), WORLD.nations, WORLD.resolve)
    assert consents.nations == WORLD.nations
    assert consents.is_complete
    assert {c.keyid for c in consents.given} == {f"{n}/agent" for n in WORLD.nations}


def test_thirty_one_of_thirty_two_names_the_missing_one() -> None:
    for gone in (0, 13, 31):
        some = tuple(n for i, n in enumerate(WORLD.nations) if i != gone)
        consents = count_consents(WORLD.consent(some), WORLD.nations, WORLD.resolve)
        assert consents.missing == (WORLD.nations[gone],)
        assert not consents.is_complete


def test_one_key_under_many_names_is_one_nation() -> None:
    key = WORLD.keys["NAA/agent"]
    signature = key.sign(pae(STATEMENT_TYPE, SUBJECT))
    envelope = Envelope(
        STATEMENT_TYPE, SUBJECT, tuple(Signature(f"{n}/agent", signature) for n in WORLD.nations)
    )
    consents = count_consents(envelope, WORLD.nations, lambda _: key.public)
    assert consents.nations == ("NAA",)
    assert len(consents.missing) == 31
    assert count_consents(envelope, WORLD.nations, WORLD.resolve).nations == ("NAA",)


def test_officers_hosts_and_the_chair_do_not_consent_for_a_nation() -> None:
    names = ["NAA/officer", "SEC/sign"]
    envelope = sign(STATEMENT_TYPE, SUBJECT, {n: WORLD.keys[n] for n in names})
    assert count_consents(envelope, WORLD.nations, WORLD.resolve).nations == ()
    swapped = sign(STATEMENT_TYPE, SUBJECT, {"NAA/agent": WORLD.keys["NAA/officer"]})
    assert count_consents(swapped, WORLD.nations, WORLD.resolve).nations == ()


def test_a_nation_that_is_not_asked_does_not_count() -> None:
    asked = WORLD.nations[:3]
    consents = count_consents(WORLD.consent(), asked, WORLD.resolve)
    assert consents.nations == asked
    assert consents.is_complete


def test_consent_to_another_kind_of_document_is_none() -> None:
    terms = document_type("terms")
    envelope = sign(terms, b"{}", {f"{n}/agent": WORLD.keys[f"{n}/agent"] for n in WORLD.nations})
    assert count_consents(envelope, WORLD.nations, WORLD.resolve).nations == ()
    counted = count_consents(envelope, WORLD.nations, WORLD.resolve, payload_type=terms)
    assert counted.is_complete
    moved = Envelope(STATEMENT_TYPE, envelope.payload, envelope.signatures)
    assert count_consents(moved, WORLD.nations, WORLD.resolve).nations == ()


def test_consent_to_other_bytes_is_missing_for_everybody() -> None:
    proposal = WORLD.propose()
    other = count_consents(WORLD.consent(subject=b"other"), WORLD.nations, WORLD.resolve)
    assert other.is_complete
    assert who_is_missing(proposal, other) == WORLD.nations
    assert who_is_missing(proposal, None) == WORLD.nations


def test_a_count_with_a_key_or_nation_twice_cannot_be_made() -> None:
    key, other = WORLD.keys["NAA/agent"].public, WORLD.keys["NAB/agent"].public
    for given in (
        (Consent("NAA", "NAA/agent", key), Consent("NAB", "NAB/agent", key)),
        (Consent("NAA", "NAA/agent", key), Consent("NAA", "NAA/stand-in", other)),
    ):
        with pytest.raises(DocumentFormError):
            Consents(TERMS, given, ())


def test_a_stand_in_signs_with_the_key_of_its_mandate_and_no_other() -> None:
    proposal = WORLD.propose(mandates=(MANDATE.id,))
    mandates = running(proposal, [MANDATE])
    others = WORLD.consent(WORLD.nations[1:])
    by_agent = WORLD.consent(("NAA",))
    by_stand_in = sign(STATEMENT_TYPE, SUBJECT, {"NAA/stand-in": STAND_IN})
    by_own_key_of_stand_in = sign(
        STATEMENT_TYPE, SUBJECT, {"NAA/stand-in": WORLD.keys["NAB/agent"]}
    )

    def count(envelope: Envelope) -> tuple[str, ...]:
        return count_consents(envelope, WORLD.nations, WORLD.resolve, mandates=mandates).missing

    assert count(others.added(by_stand_in)) == ()
    assert count(others.added(by_agent)) == ("NAA",)
    assert count(others.added(by_own_key_of_stand_in)) == ("NAA",)
    assert count(others.added(by_agent).added(by_stand_in)) == ()
    without = count_consents(others.added(by_stand_in), WORLD.nations, WORLD.resolve)
    assert without.missing == ("NAA",)


def test_a_stand_in_that_mandates_its_own_agent_key_counts_once() -> None:
    own = replace(MANDATE, key=WORLD.keys["NAB/agent"].public)
    mandates = running(WORLD.propose(mandates=(own.id,)), [own])
    envelope = WORLD.consent(WORLD.nations[1:]).added(
        sign(STATEMENT_TYPE, SUBJECT, {"NAA/stand-in": WORLD.keys["NAB/agent"]})
    )
    counted = count_consents(envelope, WORLD.nations, WORLD.resolve, mandates=mandates)
    assert len(counted.missing) == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"round_id": "round-2"},
        {"terms": "sha256:" + "8" * 64},
        {"holder": "XXX"},
        {"expires_utc": ENDS - timedelta(seconds=1)},
    ],
)
def test_a_mandate_runs_in_its_round_terms_and_time_only(changes: dict[str, object]) -> None:
    other = replace(MANDATE, **changes)  # type: ignore[arg-type]
    assert running(WORLD.propose(mandates=(other.id,)), [other]) == {}
    assert running(WORLD.propose(mandates=(MANDATE.id,)), [MANDATE]) == {"NAA": MANDATE}


def test_a_mandate_that_is_not_listed_does_not_run() -> None:
    assert running(WORLD.propose(), [MANDATE]) == {}


def test_two_mandates_of_one_holder_are_refused() -> None:
    second = replace(MANDATE, stand_in="NAC")
    proposal = WORLD.propose(mandates=(MANDATE.id, second.id))
    with pytest.raises(TwoMandatesError):
        running(proposal, [MANDATE, second])
    assert running(proposal, [MANDATE, MANDATE]) == {"NAA": MANDATE}


def test_mandate_and_yes_are_signed_by_officer_and_agent_of_the_holder() -> None:
    signed = MANDATE.signed(WORLD.keys["NAA/officer"])
    assert Mandate.from_envelope(signed, WORLD.resolve) == MANDATE
    yes = StandInYes("round-1", TERMS, MANDATE.id, "NAA")
    assert StandInYes.from_envelope(yes.signed(WORLD.keys["NAA/agent"]), WORLD.resolve) == yes
    for document, wrong in [
        (MANDATE, "NAB/officer"),
        (MANDATE, "NAA/agent"),
        (yes, "NAB/agent"),
        (yes, "NAA/officer"),
    ]:
        with pytest.raises(TamperedError):
            type(document).from_envelope(document.signed(WORLD.keys[wrong]), WORLD.resolve)
