"""Negotiation and transfer against a table restated here: all states, messages and roles."""

import itertools
from collections import deque
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from delian.exchange import actions as do
from delian.exchange import messages as say
from delian.exchange import negotiation, transfer
from delian.exchange.errors import MessageError, NotYoursError, WrongStateError
from delian.exchange.odrl import Constraint, Policy, Rule
from delian.exchange.words import NegotiationState, Role, TransferState

NOW = datetime(2026, 11, 21, 4, 0, 0, 123456, tzinfo=UTC)
RULES = (Rule("use", (Constraint("purpose", "eq", "planning"),)),)
OFFER = Policy("Offer", "offer-1", RULES, target="dataset-1")
OTHER_OFFER = Policy("Offer", "offer-2", (Rule("use"),), target="dataset-1")
AGREEMENT = Policy(
    "Agreement", "agreement-1", RULES, target="dataset-1", assigner="P", assignee="C"
)
PIDS = {Role.PROVIDER: "prov", Role.CONSUMER: "cons"}
PEER = {Role.PROVIDER: "C", Role.CONSUMER: "P"}

# The protocol's moves, restated: (who sends, what) -> {state before: state after}.
OPEN = ("REQUESTED", "OFFERED", "ACCEPTED", "AGREED", "VERIFIED")
MOVES = {
    ("CONSUMER", "request"): {"OFFERED": "REQUESTED"},
    ("CONSUMER", "accept"): {"OFFERED": "ACCEPTED"},
    ("CONSUMER", "verify"): {"AGREED": "VERIFIED"},
    ("PROVIDER", "offer"): {"REQUESTED": "OFFERED"},
    ("PROVIDER", "agree"): {"REQUESTED": "AGREED", "ACCEPTED": "AGREED"},
    ("PROVIDER", "finalize"): {"VERIFIED": "FINALIZED"},
    ("CONSUMER", "terminate"): dict.fromkeys(OPEN, "TERMINATED"),
    ("PROVIDER", "terminate"): dict.fromkeys(OPEN, "TERMINATED"),
}
MESSAGES = {
    "request": say.ContractRequest("cons", OTHER_OFFER, "prov"),
    "accept": say.NegotiationEvent("prov", "cons", "ACCEPTED"),
    "verify": say.AgreementVerification("prov", "cons"),
    "offer": say.ContractOffer("prov", OTHER_OFFER, "cons"),
    "agree": say.ContractAgreement("prov", "cons", AGREEMENT),
    "finalize": say.NegotiationEvent("prov", "cons", "FINALIZED"),
    "terminate": say.NegotiationTermination("prov", "cons", "why", ("because",)),
}
ACTIONS = {
    "request": do.CounterRequest(OTHER_OFFER),
    "accept": do.Accept(),
    "verify": do.Verify(),
    "offer": do.MakeOffer(OTHER_OFFER),
    "agree": do.Agree(AGREEMENT),
    "finalize": do.Finalize(),
    "terminate": do.Terminate("why", ("because",)),
}


def negotiating(role, state):
    return negotiation.Negotiation(
        PIDS[role], PIDS[role.other], role, state, PEER[role], "http://x", OFFER, None, "dataset-1"
    )


@pytest.mark.parametrize(
    ("role", "state", "name"), list(itertools.product(Role, NegotiationState, MESSAGES))
)
def test_negotiation_takes_exactly_what_the_table_says(role, state, name):
    before = negotiating(role, state)
    expected = MOVES.get((role.other.value, name), {}).get(state.value)
    if expected is None:
        with pytest.raises(WrongStateError):
            negotiation.receive(before, MESSAGES[name], PEER[role])
    else:
        after = negotiation.receive(before, MESSAGES[name], PEER[role])
        assert (after.state.value, after.revision) == (expected, 1)
        assert (after.reasons == ("because",)) == (name == "terminate")
        assert (after.offer == OTHER_OFFER) == (name in ("request", "offer"))


@pytest.mark.parametrize(
    ("role", "state", "name"), list(itertools.product(Role, NegotiationState, ACTIONS))
)
def test_negotiation_acts_exactly_as_the_table_says(role, state, name):
    before = negotiating(role, state)
    expected = MOVES.get((role.value, name), {}).get(state.value)
    if expected is None:
        with pytest.raises(WrongStateError):
            negotiation.act(before, ACTIONS[name])
    else:
        after, message = negotiation.act(before, ACTIONS[name])
        assert (after.state.value, after.revision) == (expected, 1)
        assert message == replace(MESSAGES[name])


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("name", MESSAGES)
def test_negotiation_refuses_strangers_and_foreign_processes(role, name):
    state = next(
        (s for s in NegotiationState if MOVES.get((role.other.value, name), {}).get(s.value)), None
    )
    before = negotiating(role, state or NegotiationState.REQUESTED)
    with pytest.raises(NotYoursError):
        negotiation.receive(before, MESSAGES[name], "somebody")
    for side in ("provider_pid", "consumer_pid"):
        with pytest.raises(NotYoursError):
            negotiation.receive(before, replace(MESSAGES[name], **{side: "x"}), PEER[role])


def test_negotiation_keeps_its_dataset():
    moved = replace(OTHER_OFFER, target="dataset-2")
    with pytest.raises(MessageError):
        negotiation.receive(
            negotiating(Role.PROVIDER, NegotiationState.OFFERED),
            say.ContractRequest("cons", moved, "prov"),
            "C",
        )
    with pytest.raises(MessageError):
        negotiation.act(
            negotiating(Role.PROVIDER, NegotiationState.REQUESTED),
            do.Agree(replace(AGREEMENT, target="dataset-2")),
        )


def test_first_messages_open_and_name_no_process():
    consumer, request = negotiation.begin_request(
        "cons", peer="P", peer_address="http://p", offer=OFFER, callback_address="http://c"
    )
    provider = negotiation.open_request("prov", request, "C")
    assert (consumer.state, provider.state) == ("REQUESTED", "REQUESTED")
    assert (provider.consumer_pid, provider.peer_address) == ("cons", "http://c")
    assert negotiation.acknowledge(consumer, provider.answer()).provider_pid == "prov"
    with pytest.raises(NotYoursError):
        negotiation.acknowledge(replace(consumer, pid="another"), provider.answer())
    with pytest.raises(MessageError):
        negotiation.open_request("prov", replace(request, provider_pid="x"), "C")
    with pytest.raises(MessageError):
        negotiation.open_request("prov", replace(request, callback_address=None), "C")
    offering, offer = negotiation.begin_offer(
        "prov", peer="C", peer_address="http://c", offer=OFFER, callback_address="http://p"
    )
    taken = negotiation.open_offer("cons", offer, "P")
    assert (offering.state, taken.state, taken.provider_pid) == ("OFFERED", "OFFERED", "prov")
    with pytest.raises(MessageError):
        negotiation.open_offer("cons", replace(offer, consumer_pid="x"), "P")


def test_a_peer_faster_than_its_own_answer_is_learned_from_its_message():
    consumer, _ = negotiation.begin_request(
        "cons", peer="P", peer_address="http://p", offer=OFFER, callback_address="http://c"
    )
    agreed = negotiation.receive(consumer, MESSAGES["agree"], "P")
    assert (agreed.state, agreed.peer_pid) == ("AGREED", "prov")
    late = negotiation.acknowledge(
        agreed, say.NegotiationAnswer("prov", "cons", NegotiationState.REQUESTED)
    )
    assert late == agreed
    with pytest.raises(NotYoursError):
        negotiation.acknowledge(
            agreed, say.NegotiationAnswer("other", "cons", NegotiationState.REQUESTED)
        )


def test_an_agreement_is_compared_with_the_terms_on_the_table():
    provider = negotiating(Role.PROVIDER, NegotiationState.REQUESTED)
    agreement = negotiation.make_agreement(provider, "a", provider="P", now_utc=NOW)
    assert agreement.timestamp == "2026-11-21T04:00:00Z"
    consumer = negotiating(Role.CONSUMER, NegotiationState.REQUESTED)
    assert negotiation.differences(consumer) == ("there is no agreement",)
    agreed = replace(consumer, agreement=agreement)
    assert negotiation.differences(agreed) == ()
    for other in (
        replace(agreement, permissions=(Rule("use"),)),
        replace(agreement, target="dataset-2"),
        replace(agreement, assigner="somebody"),
    ):
        assert len(negotiation.differences(replace(agreed, agreement=other))) == 1


# --- transfers ------------------------------------------------------------------------------

ADDRESS = say.DataAddress("https://w3id.org/idsa/v4.1/HTTP", "http://d", (("authorization", "t"),))
T_MESSAGES = {
    "request": say.TransferRequest("cons", "agreement-1", "HttpData-PULL", "http://c"),
    "start": say.TransferStart("prov", "cons", ADDRESS),
    "complete": say.TransferCompletion("prov", "cons"),
    "suspend": say.TransferSuspension("prov", "cons", "suspended", ("rest",)),
    "terminate": say.TransferTermination("prov", "cons", "why", ("because",)),
}
T_ACTIONS = {
    "start": do.Start(ADDRESS),
    "complete": do.Complete(),
    "suspend": do.Suspend("rest"),
    "terminate": do.Terminate("why", ("because",)),
}
T_OPEN = ("REQUESTED", "STARTED", "SUSPENDED")


def transfer_after(sender, name, state, suspended_by):
    """The rule, restated."""
    if name == "terminate" and state in T_OPEN:
        return "TERMINATED"
    if name == "complete" and state == "STARTED":
        return "COMPLETED"
    if name == "suspend" and state == "STARTED":
        return "SUSPENDED"
    if name == "start" and state == "REQUESTED" and sender == "PROVIDER":
        return "STARTED"
    if name == "start" and state == "SUSPENDED":
        return "STARTED" if sender == "PROVIDER" or suspended_by == "CONSUMER" else None
    return None


def transferring(role, state, by):
    return transfer.Transfer(
        PIDS[role],
        PIDS[role.other],
        role,
        state,
        PEER[role],
        "http://x",
        "agreement-1",
        "dataset-1",
        "HttpData-PULL",
        suspended_by=by if state is TransferState.SUSPENDED else None,
    )


@pytest.mark.parametrize(
    ("role", "state", "by", "name"),
    list(itertools.product(Role, TransferState, Role, T_MESSAGES)),
)
def test_transfer_takes_exactly_what_the_table_says(role, state, by, name):
    before = transferring(role, state, by)
    expected = transfer_after(role.other.value, name, state.value, by.value)
    if expected is None:
        with pytest.raises(WrongStateError):
            transfer.receive(before, T_MESSAGES[name], PEER[role])
    else:
        after = transfer.receive(before, T_MESSAGES[name], PEER[role])
        assert (after.state.value, after.revision) == (expected, 1)
        assert after.suspended_by == (role.other if name == "suspend" else None)
        takes = name == "start" and role is Role.CONSUMER
        assert after.data_address == (ADDRESS if takes else None)


@pytest.mark.parametrize(
    ("role", "state", "by", "name"), list(itertools.product(Role, TransferState, Role, T_ACTIONS))
)
def test_transfer_acts_exactly_as_the_table_says(role, state, by, name):
    before = transferring(role, state, by)
    expected = transfer_after(role.value, name, state.value, by.value)
    if expected is None:
        with pytest.raises(WrongStateError):
            transfer.act(before, T_ACTIONS[name])
    else:
        after, message = transfer.act(before, T_ACTIONS[name])
        assert (after.state.value, after.revision) == (expected, 1)
        assert message == T_MESSAGES[name]


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("name", [n for n in T_MESSAGES if n != "request"])
def test_transfer_refuses_strangers_and_foreign_processes(role, name):
    before = transferring(role, TransferState.STARTED, Role.CONSUMER)
    with pytest.raises(NotYoursError):
        transfer.receive(before, T_MESSAGES[name], "somebody")
    for side in ("provider_pid", "consumer_pid"):
        with pytest.raises(NotYoursError):
            transfer.receive(before, replace(T_MESSAGES[name], **{side: "x"}), PEER[role])


def test_no_token_is_printed():
    started = replace(
        transferring(Role.CONSUMER, TransferState.STARTED, Role.CONSUMER), data_address=ADDRESS
    )
    for value in (started, T_MESSAGES["start"], T_ACTIONS["start"], ADDRESS):
        assert "'t'" not in repr(value)


# --- two sides --------------------------------------------------------------------------------

WISHES = st.lists(st.tuples(st.sampled_from(["PROVIDER", "CONSUMER"]), st.integers(0, 6)))


@settings(max_examples=300, deadline=None)
@given(WISHES)
def test_two_sides_end_alike_however_their_messages_cross(wishes):
    """Each side acts when it likes; messages of one side arrive in order, at any time.

    Only one crossing can part the two for good: a consumer that gives up while VERIFIED. The
    protocol leaves that to its provider, and the oracle leaves it out.
    """
    sides, lines = two_sides(), {Role.PROVIDER: deque(), Role.CONSUMER: deque()}
    names = list(ACTIONS)
    for who, number in wishes:
        role, name = Role(who), names[number]
        if number == 0 and lines[role.other]:
            deliver(sides, lines, role)
        if (role, name, sides[role].state) == (Role.CONSUMER, "terminate", "VERIFIED"):
            continue
        try:
            sides[role], message = negotiation.act(sides[role], ACTIONS[name])
        except WrongStateError:
            continue
        lines[role].append(message)
    for role in (Role.PROVIDER, Role.CONSUMER, Role.PROVIDER, Role.CONSUMER):
        while lines[role.other]:
            deliver(sides, lines, role)
    assert sides[Role.PROVIDER].state == sides[Role.CONSUMER].state
    assert sides[Role.PROVIDER].agreement == sides[Role.CONSUMER].agreement or (
        sides[Role.PROVIDER].state == "TERMINATED"
    )


def two_sides():
    consumer, request = negotiation.begin_request(
        "cons", peer="P", peer_address="http://p", offer=OFFER, callback_address="http://c"
    )
    return {
        Role.PROVIDER: negotiation.open_request("prov", request, "C"),
        Role.CONSUMER: replace(consumer, peer_pid="prov"),
    }


def deliver(sides, lines, to):
    message = lines[to.other].popleft()
    before = sides[to]
    try:
        sides[to] = negotiation.receive(before, message, PEER[to])
    except WrongStateError:
        assert before.state == "TERMINATED"


def test_the_same_agreement_under_another_name_takes_its_place():
    def told(policy):
        return say.ContractAgreement("prov", "cons", policy)

    for role, state in itertools.product(Role, NegotiationState):
        before = replace(negotiating(role, state), agreement=AGREEMENT)
        again = replace(AGREEMENT, id="agreement-2", timestamp="2026-11-22T00:00:00Z")
        found = negotiation.renamed(before, told(again))
        may = role is Role.CONSUMER and state.value in ("AGREED", "VERIFIED")
        assert (found is not None) is may
        if found is not None:
            assert (found.agreement, found.state, found.revision) == (again, state, 1)
        for other in (
            AGREEMENT,
            replace(again, permissions=(Rule("use"),)),
            replace(again, target="x"),
            replace(again, assigner="x"),
            replace(again, assignee="x"),
        ):
            assert negotiation.renamed(before, told(other)) is None
    nothing = negotiating(Role.CONSUMER, NegotiationState.AGREED)
    assert negotiation.renamed(nothing, told(AGREEMENT)) is None
