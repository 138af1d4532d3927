"""Every message survives the wire; what breaks its form is refused by the member's name."""

import copy
import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from delian.exchange import messages as say
from delian.exchange.errors import ErrorKind, MessageError, NotYoursError, to_error_object
from delian.exchange.odrl import Policy, Rule
from delian.exchange.paths import path_of, with_peer_pid
from delian.exchange.plain import escape_segment, read_object, to_bytes
from delian.exchange.repeats import fingerprint
from delian.exchange.words import CONTEXT, NegotiationState, Role, TransferState

OFFER = Policy("Offer", "o", (Rule("use"),), target="d")
AGREEMENT = Policy("Agreement", "a", (Rule("use"),), (), (), "d", "P", "C", "2026-01-01T00:00:00Z")
ADDRESS = say.DataAddress("HTTP", "https://d/x", (("authorization", "secret"),))
PIDS = {"providerPid": "p", "consumerPid": "c"}
EXAMPLES = [
    (say.CatalogRequest(({"property": "id"},)), None),
    (say.CatalogRequest(), None),
    (say.DatasetRequest("d"), None),
    (say.ContractRequest("c", OFFER, None, "https://c"), "/negotiations/request"),
    (say.ContractRequest("c", OFFER, "p"), "/negotiations/p/request"),
    (say.ContractOffer("p", OFFER, None, "https://p"), "/negotiations/offers"),
    (say.ContractOffer("p", OFFER, "c"), "/negotiations/c/offers"),
    (say.ContractAgreement("p", "c", AGREEMENT), "/negotiations/c/agreement"),
    (say.AgreementVerification("p", "c"), "/negotiations/p/agreement/verification"),
    (say.NegotiationEvent("p", "c", "ACCEPTED"), "/negotiations/p/events"),
    (say.NegotiationEvent("p", "c", "FINALIZED"), "/negotiations/c/events"),
    (say.NegotiationTermination("p", "c", "why", ("a", "b")), "/negotiations/p/termination"),
    (say.NegotiationTermination("p", "c"), "/negotiations/p/termination"),
    (say.NegotiationAnswer("p", "c", NegotiationState.AGREED), None),
    (say.TransferRequest("c", "a", "HttpData-PUSH", "https://c", ADDRESS), "/transfers/request"),
    (say.TransferStart("p", "c", ADDRESS), "/transfers/c/start"),
    (say.TransferStart("p", "c"), "/transfers/c/start"),
    (say.TransferCompletion("p", "c"), "/transfers/p/completion"),
    (say.TransferSuspension("p", "c", "x", ("rest",)), "/transfers/p/suspension"),
    (say.TransferTermination("p", "c", "x", ("end",)), "/transfers/p/termination"),
    (say.TransferAnswer("p", "c", TransferState.SUSPENDED), None),
]


@pytest.mark.parametrize(("message", "path"), EXAMPLES)
def test_messages_survive_the_wire(message, path):
    plain = read_object(to_bytes(message.to_plain()))
    assert plain["@context"] == [CONTEXT]
    assert plain["@type"] == message.type
    assert say.read(type(message), plain) == message
    if path is not None:
        parts = path.split("/")
        assert path_of(message, parts[2] if parts[2] in ("p", "c") else None) == path


REQUIRED = {
    "ContractRequestMessage": ["consumerPid", "offer"],
    "ContractOfferMessage": ["providerPid", "offer"],
    "ContractAgreementMessage": ["providerPid", "consumerPid", "agreement"],
    "ContractAgreementVerificationMessage": ["providerPid", "consumerPid"],
    "ContractNegotiationEventMessage": ["providerPid", "consumerPid", "eventType"],
    "ContractNegotiationTerminationMessage": ["providerPid", "consumerPid"],
    "ContractNegotiation": ["providerPid", "consumerPid", "state"],
    "TransferRequestMessage": ["consumerPid", "agreementId", "format", "callbackAddress"],
    "TransferStartMessage": ["providerPid", "consumerPid"],
    "TransferCompletionMessage": ["providerPid", "consumerPid"],
    "TransferSuspensionMessage": ["providerPid", "consumerPid"],
    "TransferTerminationMessage": ["providerPid", "consumerPid"],
    "TransferProcess": ["providerPid", "consumerPid", "state"],
    "CatalogRequestMessage": [],
    "DatasetRequestMessage": ["dataset"],
}


@pytest.mark.parametrize("message", [message for message, _ in EXAMPLES])
def test_every_required_member_is_asked_for_by_name(message):
    for name in ["@context", "@type", *REQUIRED[message.type]]:
        plain = message.to_plain()
        del plain[name]
        with pytest.raises(MessageError) as caught:
            say.read(type(message), plain)
        assert caught.value.where == f"{message.type}.{name}"


BAD_VALUES = [
    (say.ContractRequest, {"consumerPid": ""}, "consumerPid"),
    (say.ContractRequest, {"consumerPid": "a\nb"}, "consumerPid"),
    (say.ContractRequest, {"consumerPid": "x" * 600}, "consumerPid"),
    (say.ContractRequest, {"callbackAddress": "ftp://x"}, "callbackAddress"),
    (say.ContractRequest, {"callbackAddress": "https://"}, "callbackAddress"),
    (say.ContractRequest, {"callbackAddress": "https://user@host/"}, "callbackAddress"),
    (say.ContractRequest, {"callbackAddress": "https://host/?q=1"}, "callbackAddress"),
    (say.ContractRequest, {"callbackAddress": "https:///x"}, "callbackAddress"),
    (say.ContractRequest, {"offer": {"@type": "Offer", "@id": "x"}}, "offer.target"),
    (say.ContractRequest, {"offer": {"@type": "Set", "@id": "x", "target": "d"}}, "offer.@type"),
    (say.ContractRequest, {"offer": "x"}, "offer"),
    (say.NegotiationEvent, {"eventType": "AGREED"}, "eventType"),
    (say.NegotiationAnswer, {"state": "LOST"}, "state"),
    (say.TransferAnswer, {"state": "FINALIZED"}, "state"),
    (say.ContractAgreement, {"agreement": OFFER.to_plain()}, "agreement.@type"),
    (say.TransferStart, {"dataAddress": {"@type": "DataAddress"}}, "dataAddress.endpointType"),
    (
        say.TransferStart,
        {"dataAddress": {"endpointType": "x", "endpointProperties": [{"name": "a"}]}},
        "dataAddress.endpointProperties[0].value",
    ),
]


@pytest.mark.parametrize(("kind", "change", "where"), BAD_VALUES)
def test_values_that_break_the_form_are_refused_by_name(kind, change, where):
    example = next(message for message, _ in EXAMPLES if type(message) is kind)
    with pytest.raises(MessageError) as caught:
        say.read(kind, {**example.to_plain(), **change})
    assert caught.value.where == f"{kind.type}.{where}"


def test_prefixed_and_wrapped_forms_are_read():
    plain = {
        "@context": [CONTEXT, "https://example.org/more"],
        "@type": ["dspace:ContractNegotiationTerminationMessage"],
        "providerPid": {"@id": "p"},
        "consumerPid": "c",
        "reason": [{"@value": "no", "@language": "en"}, "line\nbreak", 7],
    }
    end = say.read(say.NegotiationTermination, plain)
    assert (end.provider_pid, end.reasons) == ("p", ("no", "line break"))
    event = {**plain, "@type": "ContractNegotiationEventMessage", "eventType": "dspace:FINALIZED"}
    assert say.read(say.NegotiationEvent, event).event == "FINALIZED"


def test_a_data_address_finds_its_properties_under_any_prefix():
    for name in (
        "authorization",
        "https://w3id.org/edc/v0.0.1/ns/authorization",
        "x:authorization",
    ):
        assert say.DataAddress("HTTP", None, ((name, "t"),)).get("authorization") == "t"
    assert ADDRESS.get("absent") is None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=8,
)


@settings(max_examples=150, deadline=None)
@given(st.sampled_from([message for message, _ in EXAMPLES]), st.data(), JSON)
def test_any_change_gives_a_message_or_a_message_error(message, data, value):
    """No other exception leaves the readers, whatever stands in whatever place."""
    plain = copy.deepcopy(message.to_plain())
    place = plain
    while True:
        key = data.draw(st.sampled_from(sorted(place) if isinstance(place, dict) else [0]))
        inner = place[key]
        if isinstance(inner, dict | list) and inner and data.draw(st.booleans()):
            place = inner
            continue
        place[key] = value
        break
    try:
        found = say.read(type(message), plain)
    except MessageError as error:
        assert error.where
    else:
        assert say.read(type(message), found.to_plain()) == found


def test_a_pid_that_was_unknown_is_filled_in_and_a_known_one_kept():
    end = say.NegotiationTermination(None, "c")
    assert with_peer_pid(end, Role.CONSUMER, "p").provider_pid == "p"
    end = say.TransferTermination("p", None)
    assert with_peer_pid(end, Role.PROVIDER, "c").consumer_pid == "c"
    known = say.NegotiationEvent("p", "c", "ACCEPTED")
    assert with_peer_pid(known, Role.CONSUMER, "other") == known
    request = say.TransferRequest("c", "a", "f", "https://c")
    assert with_peer_pid(request, Role.CONSUMER, "p") == request


def test_a_pid_cannot_leave_its_segment():
    assert escape_segment("urn:uuid:1") == "urn:uuid:1"
    assert escape_segment("../a?b#c%/ü") == "..%2Fa%3Fb%23c%25%2F%C3%BC"
    assert escape_segment("..") == "%2E%2E"


def test_a_repetition_is_known_and_another_message_is_not():
    messages = [m for m, path in EXAMPLES if path]
    assert len({fingerprint(m) for m in messages}) == len(messages)
    agreement = say.ContractAgreement("p", "c", AGREEMENT)
    again = replace(AGREEMENT, id="another", timestamp="2026-01-02T00:00:00Z")
    assert fingerprint(replace(agreement, agreement=again)) == fingerprint(agreement)
    for other in (
        replace(AGREEMENT, target="x"),
        replace(AGREEMENT, assignee="x"),
        replace(AGREEMENT, permissions=()),
    ):
        assert fingerprint(replace(agreement, agreement=other)) != fingerprint(agreement)
    offer = say.ContractOffer("p", OFFER, "c")
    assert fingerprint(replace(offer, offer=replace(OFFER, id="x"))) != fingerprint(offer)
    assert fingerprint(offer, "one") == fingerprint(offer, "one") != fingerprint(offer, "two")


# --- JSON from strangers ------------------------------------------------------------------------

HOSTILE = [
    b"",
    b"[]",
    b"1",
    b"{",
    b'{"a":1,"a":2}',
    b'{"a":NaN}',
    b'{"a":Infinity}',
    b'{"a":1e999}',
    b'{"a":' + b"9" * 50 + b"}",
    b'{"a":"\\ud800"}',
    b'{"a":"\xff"}',
    b'{"a":' + b"[" * 41 + b"]" * 41 + b"}",
    b"[" * 100_000,
    b'{"a":"' + b"x" * 1_048_576 + b'"}',
]


@pytest.mark.parametrize("data", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_json_is_refused(data):
    with pytest.raises(MessageError):
        read_object(data)


def test_brackets_in_texts_are_no_depth():
    data = json.dumps({"a": "[" * 100 + '"{\\' + "[" * 100, "b": 1.5}).encode()
    assert read_object(data) == {"a": "[" * 100 + '"{\\' + "[" * 100, "b": 1.5}


@settings(max_examples=100, deadline=None)
@given(st.dictionaries(st.text(max_size=5), JSON, max_size=3))
def test_plain_objects_survive(value):
    try:
        data = to_bytes(value)
    except UnicodeEncodeError:
        return
    if len(str(value)) < 500:
        try:
            assert read_object(data) == value
        except MessageError as error:
            assert "too long" in error.message


# --- errors ---------------------------------------------------------------------------------------


def test_error_bodies_name_the_process_and_hide_what_is_not_yours():
    wrong = MessageError("this member is missing", where="X.offer", hint="add it")
    body = to_error_object(wrong, ErrorKind.NEGOTIATION, "p", "c")
    assert body == {
        "@context": [CONTEXT],
        "@type": "ContractNegotiationError",
        "providerPid": "p",
        "consumerPid": "c",
        "code": "dsp-message",
        "reason": ["X.offer: this member is missing", "add it"],
    }
    hidden = to_error_object(NotYoursError("of another"), ErrorKind.TRANSFER)
    absent = to_error_object(NotYoursError("something else", hint="x"), ErrorKind.TRANSFER)
    assert hidden == absent
    assert hidden["code"] == "dsp-not-found"
    assert "providerPid" not in to_error_object(wrong, ErrorKind.CATALOG, "p", "c")
