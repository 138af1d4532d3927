"""The scripted reactions are data for the kit, and nothing of the product reaches them."""

from pathlib import Path

import pytest

from delian.exchange.actions import Accept, Agree, CounterRequest, MakeOffer, Start, Terminate
from delian.exchange.negotiation import Negotiation
from delian.exchange.reactions import Participant
from delian.exchange.transfer import Transfer
from delian.exchange.words import NegotiationState, Role, TransferState
from tests.conformance import run_dsp, scripts
from tests.conformance.scripts import Scripted

SOURCE = Path(__file__).resolve().parents[2] / "src"
KIT = Participant(scripts.KIT_PARTICIPANT)


def negotiation(dataset: str, role: Role, state: str, pid: str = "p") -> Negotiation:
    offer = scripts.offer_of(dataset, target=dataset)
    at = NegotiationState(state)
    return Negotiation(pid, "q", role, at, KIT.id, "http://kit", offer, None, dataset)


def transfer(agreement: str, role: Role, state: str) -> Transfer:
    at = TransferState(state)
    return Transfer("t", "u", role, at, KIT.id, "http://kit", agreement, "d", "HttpData-PULL")


def test_the_product_knows_no_script() -> None:
    said = ("ACN0", "ATP0", "TCK", "tests.conformance", "Scripted")
    for file in SOURCE.rglob("*.py"):
        text = file.read_text()
        assert not [word for word in said if word in text], file


def test_every_identifier_of_the_kit_has_a_script() -> None:
    assert (len(scripts.PROVIDED), len(scripts.CONSUMED)) == (15, 16)
    assert (len(scripts.SENT), len(scripts.FETCHED)) == (16, 16)
    assert run_dsp.KIT.expected == 1 + 3 + 15 + 16 + 16 + 16 - 2
    named = scripts.properties()
    assert named["CN_01_03_DATASETID"] == "ACN0103"
    assert named["CN_C_03_06_OFFERID"] == "CD123:ACNC0306:456"
    assert named["TP_C_01_05_AGREEMENTID"] == "ATPC0105"


@pytest.mark.parametrize(
    ("dataset", "states", "expected"),
    [
        ("ACN0102", ["REQUESTED", "OFFERED", "REQUESTED"], [MakeOffer, None, Terminate]),
        ("ACN0103", ["REQUESTED", "OFFERED", "ACCEPTED"], [MakeOffer, None, Agree]),
        ("ACN0202", ["REQUESTED"], [None]),
    ],
)
def test_a_second_visit_takes_the_second_line(
    dataset: str, states: list[str], expected: list[type | None]
) -> None:
    scripted = Scripted("us", 100)
    for state, kind in zip(states, expected, strict=True):
        actions = scripted.on_negotiation(negotiation(dataset, Role.PROVIDER, state), KIT)
        assert [type(action) for action in actions] == ([] if kind is None else [kind])
        assert all(action.after_ms == 100 for action in actions)


def test_roles_have_scripts_of_their_own() -> None:
    scripted = Scripted("us", 0)
    consumer = negotiation("ACNC0101", Role.CONSUMER, "OFFERED")
    assert scripted.on_negotiation(consumer, KIT) == (Accept(),)
    counter = negotiation("ACNC0102", Role.CONSUMER, "OFFERED", "another")
    assert isinstance(scripted.on_negotiation(counter, KIT)[0], CounterRequest)
    assert scripted.on_negotiation(negotiation("ACNC0101", Role.PROVIDER, "OFFERED"), KIT) == ()
    assert scripted.on_transfer(transfer("ATP0101", Role.PROVIDER, "REQUESTED"), KIT) == (Start(),)
    assert scripted.on_transfer(transfer("ATP0101", Role.CONSUMER, "REQUESTED"), KIT) == ()
