"""Ouranos: parts, structures, trades and their states, by example."""

import pytest

from delian.exchange.bridge_errors import ForeignFormError
from delian.exchange.ouranos import (
    dataset_of,
    dataset_urn,
    error_body,
    is_uuid,
    parts_home,
    parts_of,
    split_urn,
    structure_of,
    uuid_for,
)
from delian.exchange.ouranos_trades import (
    Operators,
    read_state,
    read_trade,
    state_word,
    trade_request_of,
)
from tests.foreign_ouranos import DOWN, DOWN_TRACE, UP, UP_TRACE, part

ENDPOINT = "https://delian.example/2025-1"
OFFER = {"@id": "urn:o", "@type": "Offer", "permission": [{"action": "use"}]}


def test_a_part_becomes_a_dataset_without_its_plant() -> None:
    plain = part(UP_TRACE, UP, "部品B")
    crossing = dataset_of(plain, endpoint=ENDPOINT, offers=[OFFER])
    assert crossing.value["@id"] == f"urn:ouranos:{UP}:{UP_TRACE}"
    assert crossing.value["title"] == "部品B"
    assert [entry.path for entry in crossing.dropped] == ["/plantId"]
    home = parts_home(crossing.value).value
    assert home == {k: v for k, v in plain.items() if k != "plantId"}


def test_a_structure_names_its_children() -> None:
    structure = {
        "parentPartsModel": part(UP_TRACE, UP, "部品B"),
        "childrenPartsModel": [part(DOWN_TRACE, UP, "部品B1")],
    }
    made = structure_of(structure, endpoint=ENDPOINT).value
    assert made["parent"]["hasPart"] == [dataset_urn(UP, DOWN_TRACE)]
    assert made["children"][0]["title"] == "部品B1"
    for broken in ({}, {"parentPartsModel": {}, "childrenPartsModel": []}):
        with pytest.raises(ForeignFormError):
            structure_of(broken, endpoint=ENDPOINT)


def test_our_dataset_as_a_part_lists_what_it_cannot_say() -> None:
    crossing = parts_of(
        {"@id": "urn:uuid:1", "title": "需要", "keyword": ["x"]},
        operator=UP,
        plant="p",
        title="需要",
    )
    assert is_uuid(crossing.value["traceId"])
    assert crossing.value["partsName"] == "需要"
    assert [entry.path for entry in crossing.dropped] == ["/keyword/0"]


def test_identifiers() -> None:
    assert split_urn(dataset_urn(UP, UP_TRACE)) == (UP, UP_TRACE)
    assert split_urn("urn:cadde:a:b") is None and split_urn("urn:ouranos:a:b:c") is None
    assert uuid_for("a") == uuid_for("a") != uuid_for("b")
    assert uuid_for("a")[14] == "8" and uuid_for("a")[19] in "89ab"


def test_a_contract_request_becomes_a_trade_request() -> None:
    request = {"consumerPid": "urn:uuid:7", "offer": OFFER, "callbackAddress": "https://c.example"}
    crossing = trade_request_of(request, Operators(DOWN, UP), DOWN_TRACE, "urn:uuid:8")
    trade, status = crossing.value["tradeModel"], crossing.value["statusModel"]
    assert trade["downstreamOperatorId"] == DOWN and trade["upstreamOperatorId"] == UP
    assert trade["upstreamTraceId"] is None
    assert status["message"] == "DSP urn:uuid:8"
    assert {entry.path.split("/")[1] for entry in crossing.dropped} == {"offer", "callbackAddress"}
    with pytest.raises(ForeignFormError):
        trade_request_of(request, Operators(DOWN, UP), DOWN_TRACE, "x" * 120)


def test_trades_are_read_strictly() -> None:
    plain = {
        "tradeId": UP_TRACE,
        "downstreamOperatorId": DOWN,
        "upstreamOperatorId": UP,
        "downstreamTraceId": DOWN_TRACE,
        "upstreamTraceId": None,
    }
    trade = read_trade(plain)
    assert (trade.operators, trade.upstream_trace) == (Operators(DOWN, UP), None)
    for name in plain:
        with pytest.raises(ForeignFormError):
            read_trade({**plain, name: "no uuid"})
    with pytest.raises(ForeignFormError):
        read_trade([])


@pytest.mark.parametrize(
    ("word", "state"),
    [
        ("NOT_COMPLETED", "REQUESTED"),
        ("COMPLETED", "FINALIZED"),
        ("REJECT", "TERMINATED"),
        ("CANCEL", "TERMINATED"),
    ],
)
def test_states_of_trades_and_of_negotiations(word: str, state: str) -> None:
    plain = {
        "statusId": UP_TRACE,
        "tradeId": DOWN_TRACE,
        "requestStatus": {"cfpResponseStatus": word},
        "message": "来月中にご回答をお願いします。",
        "replyMessage": "部品が違います。" if word == "REJECT" else None,
    }
    found = read_state(plain)
    assert found.negotiation == state
    assert found.reason == ("部品が違います。" if word == "REJECT" else "")
    assert state_word(state, by_consumer=found.by_consumer) == word


def test_every_open_negotiation_is_not_completed() -> None:
    for state in ("REQUESTED", "OFFERED", "ACCEPTED", "AGREED", "VERIFIED"):
        assert state_word(state) == "NOT_COMPLETED"


def test_an_unknown_state_is_refused() -> None:
    for status in ({}, {"cfpResponseStatus": "DONE"}, {"cfpResponseStatus": []}, None):
        with pytest.raises(ForeignFormError):
            read_state({"statusId": UP_TRACE, "tradeId": DOWN_TRACE, "requestStatus": status})


def test_a_foreign_reason_is_one_line_of_sensible_length() -> None:
    plain = {"statusId": UP_TRACE, "tradeId": DOWN_TRACE, "replyMessage": "a\r\nb" + "x" * 200}
    found = read_state({**plain, "requestStatus": {"cfpResponseStatus": "REJECT"}})
    assert found.reason == "a  b" + "x" * 96


def test_errors_carry_their_source() -> None:
    assert error_body("auth", "AccessDenied", "Invalid key", "-")["code"] == "[auth] AccessDenied"
