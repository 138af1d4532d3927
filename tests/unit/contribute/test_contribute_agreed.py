"""Nothing is sealed under terms that a nation has not consented to with its own key."""

import dataclasses

import pytest

from delian.approve.decision import AwaitingSignatures, decide
from delian.contribute.agreed import agreed_terms
from delian.contribute.errors import NotAgreedError, UnknownNationError, WrongTermsError
from delian.terms.party import Roster
from tests.contribute_world import AFTER, HOSTS, NATIONS, agree, make_world, proposed

WORLD = make_world()


def decision(world, nations=NATIONS):
    proposal, consents = proposed(world, nations)
    return decide(proposal, (), consents, AFTER)


def test_every_consent_makes_agreed_terms():
    agreed = agree(WORLD)
    assert agreed.terms is WORLD.terms
    assert agreed.resolve("AAA/agent").to_wire() == WORLD.roster.key("AAA/agent")
    assert agreed.resolve("XXX/agent") is None
    agreed.check_nation("AAA")
    with pytest.raises(UnknownNationError):
        agreed.check_nation("ZZZ")


def test_a_missing_nation_is_named():
    with pytest.raises(NotAgreedError, match="DDD"):
        agreed_terms(WORLD.terms, WORLD.roster, decision(WORLD, NATIONS[:3]))


def test_a_decision_on_other_terms_does_not_count():
    other = make_world(round_id="R2")
    with pytest.raises(WrongTermsError):
        agreed_terms(WORLD.terms, WORLD.roster, decision(other))


def test_another_roster_does_not_count():
    other = Roster("League", 2, WORLD.roster.parties, WORLD.roster.digest)
    with pytest.raises(WrongTermsError, match="roster"):
        agreed_terms(WORLD.terms, other, decision(WORLD))


def test_a_consent_under_a_foreign_key_does_not_count():
    agreed = decision(WORLD)
    forged = dataclasses.replace(agreed.evidence[0], key=agreed.evidence[1].key)
    with pytest.raises(NotAgreedError, match="own key"):
        agreed_terms(
            WORLD.terms,
            WORLD.roster,
            dataclasses.replace(agreed, evidence=(forged, *agreed.evidence[1:])),
        )


def test_an_incomplete_procedure_gives_no_decision_to_show():
    proposal, _ = proposed(WORLD)
    _, partly = proposed(WORLD, NATIONS[:3])
    assert isinstance(decide(proposal, (), partly, AFTER), AwaitingSignatures)


def test_hosts_of_one_organisation_need_a_declared_demonstration():
    shared = make_world(shared_organisation=True)
    with pytest.raises(NotAgreedError, match="three organisations"):
        agree(shared)
    assert agree(make_world(shared_organisation=True, demonstration=True)).is_local
    assert not agree(WORLD).is_local


def test_a_host_must_be_one_in_the_roster_and_have_a_sealing_key():
    terms = dataclasses.replace(WORLD.terms, hosts=("alpha", "bravo", "SEC"))
    world = dataclasses.replace(WORLD, terms=terms)
    with pytest.raises(NotAgreedError, match="does not know as one"):
        agree(world)
    parties = tuple(
        dataclasses.replace(p, keys={k: v for k, v in p.keys.items() if k != "host-seal"})
        if p.code == HOSTS[0]
        else p
        for p in WORLD.roster.parties
    )
    roster = Roster("League", 1, parties)
    terms = dataclasses.replace(WORLD.terms, roster_digest=roster.digest)
    world = dataclasses.replace(WORLD, terms=terms, roster=roster)
    with pytest.raises(NotAgreedError, match="sealing key"):
        agree(world).seal_key(0)
