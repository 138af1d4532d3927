"""ODS: gateway headers, errors both ways, the catalogue in two spellings, by example."""

import pickle
from datetime import UTC, datetime

import pytest

from delian.exchange.bridge_errors import ForeignAwayError, ForeignFormError, ForeignRefusedError
from delian.exchange.ods import (
    GatewayAccess,
    dataset_home,
    dataset_of,
    dcat_of,
    error_body,
    error_of,
    tracking_id,
)
from delian.exchange.ods_turtle import turtle_of
from tests.foreign_ods import dcat

NOW = datetime(2026, 11, 21, 4, 5, 6, 7, tzinfo=UTC)
UUID = "8fc6aa29-5f4f-476e-85e3-2d1b54715891"


def test_a_process_keeps_its_uuid_as_tracking_id() -> None:
    assert tracking_id(f"urn:uuid:{UUID}") == UUID
    assert tracking_id(UUID.upper()) == UUID
    made = tracking_id("process 7")
    assert made == tracking_id("process 7") != tracking_id("process 8")


def test_a_gateways_secrets_stay_out_of_sight() -> None:
    access = GatewayAccess("key-1", "jwt-1")
    assert access.to_headers(UUID) == {
        "API-Key": "key-1",
        "Authorization": "Bearer jwt-1",
        "X-TrackingId": UUID,
    }
    assert "key-1" not in repr(access) and "jwt-1" not in repr(access)
    with pytest.raises(TypeError):
        pickle.dumps(access)
    for bad in ("", "a\r\nX: y", "鍵", "x" * 9000):
        with pytest.raises(ForeignFormError):
            GatewayAccess(bad, "t")


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (400, "[dataspace] BadRequest"),
        (401, "[auth] Unauthorized"),
        (403, "[auth] Forbidden"),
        (404, "[dataspace] NotFound"),
        (418, "[dataspace] InternalServerError"),
        (503, "[dataspace] ServiceUnavailable"),
    ],
)
def test_errors_as_the_gateway_spells_them(status: int, code: str) -> None:
    body = error_body(status, NOW)
    assert body["code"] == code
    assert body["detail"] == "timeStamp: 2026-11-21T04:05:06Z"


def test_errors_of_a_gateway_are_named_and_never_repeated() -> None:
    assert "[dataspace] NotFound" in error_of(404, error_body(404, NOW)).message
    strange = error_of(403, {"code": "<script>", "message": "秘密"})
    assert strange.message == "the gateway says status 403"
    assert isinstance(strange, ForeignRefusedError)
    assert isinstance(error_of(503, None), ForeignAwayError)
    assert isinstance(error_of(429, []), ForeignAwayError)


DATASET = {
    "@id": "urn:uuid:1",
    "@type": "Dataset",
    "title": [{"@value": '需要 "2026"', "@language": "ja"}],
    "keyword": ["半導体"],
    "hasPolicy": [{"@id": "o", "@type": "Offer", "permission": [{"action": "use"}]}],
    "distribution": [{"@type": "Distribution", "format": "HttpData-PULL", "byteSize": 7}],
    "delian:label": "公開",
}


def test_our_dataset_as_dcat_and_home() -> None:
    made = dcat_of(DATASET).value
    assert made["@type"] == "dcat:Dataset"
    assert made["dct:title"] == DATASET["title"]
    assert made["odrl:hasPolicy"]["@value"] == DATASET["hasPolicy"]
    assert made["dcat:distribution"][0]["dcat:byteSize"] == 7
    assert dataset_home(made).value == DATASET


def test_our_dataset_as_turtle() -> None:
    text = turtle_of([dcat_of(DATASET).value])
    assert "<urn:uuid:1> a dcat:Dataset ;" in text
    assert r'dct:title "需要 \"2026\""@ja' in text
    assert 'dcat:keyword "半導体"' in text
    assert "dcat:byteSize 7" in text
    assert text.endswith(" .\n")


def test_a_text_cannot_leave_its_quotes() -> None:
    evil = '" . <urn:evil> a dcat:Dataset . "\n\\'
    text = turtle_of([dcat_of({"@id": "urn:a> <urn:b", "title": evil}).value])
    assert "<urn:evil> a" not in text.replace('\\"', "").split('dct:title "')[0]
    assert r'dct:title "\" . <urn:evil> a dcat:Dataset . \"\n\\"' in text
    assert r"<urn:a\u003E\u0020\u003Curn:b>" in text


def test_turtle_refuses_what_it_cannot_say() -> None:
    for broken in (
        {"@type": "dcat:Dataset"},
        {"@id": "u", "@type": "Dataset"},
        {"@id": "u", "@type": "dcat:Dataset", "foaf:name": "x"},
        {"@id": "u", "@type": "dcat:Dataset", "dct:title": 1.5},
    ):
        with pytest.raises(ForeignFormError):
            turtle_of([broken])


def test_a_foreign_dataset_is_offered_under_our_name() -> None:
    crossing = dataset_of(
        dcat("https://ods.example.jp"), provider="ods", endpoint="https://d.example", offers=[]
    )
    assert crossing.value["@id"].startswith("urn:ods:ods:https%3A%2F%2F")
    assert crossing.value["title"][0]["@value"] == "電力需要"
    assert crossing.value["urn:delian:terms:1:dcat"]["dct:spatial"] == "日本"
    assert "power.csv" not in str(crossing.value)
    with pytest.raises(ForeignFormError):
        dataset_of({}, provider="ods", endpoint="https://d.example", offers=[])
