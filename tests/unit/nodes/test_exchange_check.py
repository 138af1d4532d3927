"""Diagnosis of a stranger's connector: a good one is in order, each broken one is named."""

import asyncio
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any

import pytest

from delian.adapters.peer_client import Answer
from delian.nodes.exchange_check import Grade, Report, Terms, diagnose, roots
from delian.terms.errors import RefusedError, UnavailableError

NOW = datetime(2026, 11, 21, 12, 0, 0, tzinfo=UTC)
DSP = "https://w3id.org/dspace/2025/1/context.jsonld"
ROOT = "https://stranger.example/connector"
BASE = f"{ROOT}/2025-1"
VERSION_AT = f"{ROOT}/.well-known/dspace-version"
CATALOG_AT = f"{BASE}/catalog/request"
DID = "did:web:stranger.example"
DID_AT = "https://stranger.example/.well-known/did.json"

VERSIONS: dict[str, Any] = {
    "protocolVersions": [
        {
            "version": "2025-1",
            "path": "/2025-1",
            "binding": "HTTPS",
            "auth": {"protocol": "DCP", "version": "1.0", "profile": ["vc20-bssl/jwt"]},
        }
    ]
}
OFFER = {"@type": "Offer", "@id": "o1", "permission": [{"action": "use"}]}
DATASET = {
    "@id": "d1",
    "@type": "Dataset",
    "hasPolicy": [OFFER],
    "distribution": [{"@type": "Distribution", "format": "HttpData-PULL", "accessService": "s"}],
}
CATALOG: dict[str, Any] = {
    "@context": [DSP],
    "@id": "c",
    "@type": "Catalog",
    "participantId": DID,
    "dataset": [DATASET],
}
KEY = {"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}
DOCUMENT: dict[str, Any] = {
    "@context": ["https://www.w3.org/ns/did/v1"],
    "id": DID,
    "verificationMethod": [
        {"id": f"{DID}#k", "type": "JsonWebKey2020", "controller": DID, "publicKeyJwk": KEY}
    ],
    "capabilityInvocation": [f"{DID}#k"],
    "service": [
        {"id": f"{DID}#cs", "type": "CredentialService", "serviceEndpoint": "https://x.example/cs"}
    ],
}


def said(status: int, body: Any = None, **headers: str) -> Answer:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    usual = {"content-type": "application/json", "date": format_datetime(NOW, usegmt=True)}
    return Answer(status, {**usual, **{k.replace("_", "-"): v for k, v in headers.items()}}, data)


def unknown(kind: str) -> Answer:
    return said(404, {"@context": [DSP], "@type": kind, "code": "404", "reason": ["none"]})


class Stranger:
    """Answers from a table; what is not in it is 404, what is an error is raised."""

    def __init__(self, **changes: Any) -> None:
        self.asked: list[tuple[str, str, Mapping[str, str], bytes | None]] = []
        self.pages: dict[str, Any] = {
            "version": said(200, VERSIONS),
            "catalog": said(200, CATALOG),
            "negotiation": unknown("ContractNegotiationError"),
            "transfer": unknown("TransferError"),
            "document": said(200, DOCUMENT),
            **changes,
        }

    async def ask(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None
    ) -> Answer:
        self.asked.append((method, url, headers, body))
        name = next((n for n, at in self.places() if url.startswith(at)), "")
        found = self.pages.get(name, said(404, {}))
        if isinstance(found, Exception):
            raise found
        assert isinstance(found, Answer)
        return found

    @staticmethod
    def places() -> list[tuple[str, str]]:
        return [
            ("version", VERSION_AT),
            ("catalog", CATALOG_AT),
            ("negotiation", f"{BASE}/negotiations/"),
            ("transfer", f"{BASE}/transfers/"),
            ("document", DID_AT),
        ]


def look(stranger: Stranger, url: str = ROOT, **terms: Any) -> Report:
    return asyncio.run(diagnose(url, stranger, Terms(NOW, **terms)))


def grades(report: Report) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for finding in report.findings:
        found.setdefault(finding.grade.value, []).append(finding.step)
    return found


def test_a_good_connector_is_in_order() -> None:
    report = look(Stranger(), authorization="Bearer x")
    assert report.is_well and set(grades(report)) == {"fine"}
    steps = [finding.step for finding in report.findings]
    assert list(dict.fromkeys(steps)) == [
        "address",
        "version",
        "clock",
        "identity",
        "catalog",
        "identifier",
        "negotiations",
        "transfers",
    ]


@pytest.mark.parametrize("url", [ROOT, ROOT + "/", BASE, VERSION_AT, f"{ROOT}/2025-1/catalog"])
def test_it_is_found_from_whatever_address_the_operator_has(url: str) -> None:
    assert look(Stranger(), url).is_well


def test_addresses_above_are_tried_but_not_without_end() -> None:
    assert roots("https://h.example/a/b/c/d/e/f")[-1] == "https://h.example/a/b/c"
    assert roots("https://h.example") == ["https://h.example"]


def test_the_token_goes_to_the_protocol_alone() -> None:
    stranger = Stranger()
    report = look(stranger, authorization="Bearer secret-of-ours")
    shown = {url for _, url, headers, _ in stranger.asked if "Authorization" in headers}
    assert shown and all(url.startswith(BASE) for url in shown)
    assert "secret-of-ours" not in json.dumps(report.to_plain())
    assert "secret-of-ours" not in repr(Terms(NOW, "secret-of-ours"))


def test_it_begins_nothing() -> None:
    stranger = Stranger()
    look(stranger)
    posts = [url for method, url, _, _ in stranger.asked if method == "POST"]
    assert posts == [CATALOG_AT]


def versions(**changes: Any) -> Answer:
    entry = {**VERSIONS["protocolVersions"][0], **changes}
    return said(200, {"protocolVersions": [entry]})


def catalog(**changes: Any) -> Answer:
    return said(200, {**CATALOG, **changes})


def dataset(**changes: Any) -> Answer:
    made = {k: v for k, v in {**DATASET, **changes}.items() if v is not None}
    return catalog(dataset=[DATASET, made])


FAR = "Sat, 21 Nov 2026 11:40:00 GMT"
BROKEN: list[tuple[str, dict[str, Any], str, str]] = [
    ("nobody answers", {"version": UnavailableError("nobody listens")}, "version", "nobody"),
    ("our guard", {"version": RefusedError("a private address")}, "version", "private"),
    ("no version document", {"version": said(404, {})}, "version", "no version document"),
    ("version redirected", {"version": said(302, {})}, "version", "redirected"),
    ("version behind a login", {"version": said(401, {})}, "version", "asks who we are"),
    ("version is no JSON", {"version": said(200, b"<html>")}, "version", "not readable"),
    ("another version", {"version": versions(version="2024-1")}, "version", "it offers 2024-1"),
    ("no versions", {"version": said(200, {})}, "version", "it offers nothing"),
    ("no path", {"version": versions(path="2025-1")}, "version", "no path"),
    ("clocks", {"version": said(200, VERSIONS, date=FAR)}, "clock", "differ by 1200 s"),
    ("catalog fails", {"catalog": said(500, {})}, "catalog", "fails inside"),
    ("catalog redirected", {"catalog": said(308, {})}, "catalog", "redirected"),
    ("our identity", {"catalog": said(401, {})}, "catalog", "does not accept our identity"),
    ("catalog is HTML", {"catalog": said(200, b"<html>")}, "catalog", "not readable"),
    ("another type", {"catalog": catalog(**{"@type": "Dataset"})}, "catalog", "no Catalog"),
    (
        "unknown context",
        {"catalog": catalog(**{"@context": ["https://evil.example/c"]})},
        "catalog",
        "not known here",
    ),
    ("nobody's catalog", {"catalog": catalog(participantId=None)}, "catalog", "whose it is"),
    ("no offer", {"catalog": dataset(hasPolicy=[])}, "catalog", "no offer"),
    ("no id", {"catalog": dataset(**{"@id": None})}, "catalog", "no identifier"),
    (
        "a target inside",
        {"catalog": dataset(hasPolicy=[{**OFFER, "target": "d1"}])},
        "catalog",
        "has a target",
    ),
    (
        "an offer without rules",
        {"catalog": dataset(hasPolicy=[{"@type": "Offer", "@id": "o"}])},
        "catalog",
        "no rule",
    ),
    ("unknown is 500", {"negotiation": said(500, {})}, "negotiations", "gives 500"),
    ("unknown is 200", {"transfer": said(200, {})}, "transfers", "gives 200"),
    ("no DID document", {"document": said(404, {})}, "identifier", "not there"),
    (
        "another's DID document",
        {"document": said(200, {**DOCUMENT, "id": "did:web:evil.example"})},
        "identifier",
        "another DID",
    ),
    (
        "no key",
        {"document": said(200, {"id": DID})},
        "identifier",
        "holds no key",
    ),
    (
        "a key without the right to speak",
        {"document": said(200, {**DOCUMENT, "capabilityInvocation": []})},
        "identifier",
        "no key may sign",
    ),
    (
        "a DID that two readers read differently",
        {"catalog": catalog(participantId="did:web:Stranger.example")},
        "identifier",
        "lower case",
    ),
]


@pytest.mark.parametrize(
    ("changes", "step", "text"), [b[1:] for b in BROKEN], ids=[b[0] for b in BROKEN]
)
def test_each_fault_is_named_with_its_place_and_its_remedy(
    changes: dict[str, Any], step: str, text: str
) -> None:
    report = look(Stranger(**changes), authorization="Bearer x")
    wrong = [f for f in report.findings if f.grade is Grade.WRONG]
    assert not report.is_well
    assert [f.step for f in wrong] == [step], report.lines()
    assert text in wrong[0].what and wrong[0].mend and wrong[0].where


NOTICED: list[tuple[str, dict[str, Any], str, str]] = [
    ("no auth", {"version": versions(auth=None)}, "identity", "does not announce"),
    ("other auth", {"version": versions(auth={"protocol": "OAuth"})}, "identity", "OAuth"),
    ("binding", {"version": versions(binding="HTTP")}, "version", "not called HTTPS"),
    ("media", {"version": said(200, VERSIONS, content_type="text/plain")}, "version", "text/plain"),
    ("no clock", {"version": said(200, VERSIONS, date="soon")}, "clock", "cannot be compared"),
    (
        "clocks a little apart",
        {"version": said(200, VERSIONS, date="Sat, 21 Nov 2026 11:58:00 GMT")},
        "clock",
        "differ by 120 s",
    ),
    ("not for strangers", {"catalog": said(404, {})}, "catalog", "asks who we are"),
    ("empty", {"catalog": catalog(dataset=[])}, "catalog", "offers nothing"),
    ("no data plane", {"catalog": dataset(distribution=[])}, "catalog", "nothing can be fetched"),
    ("bare 404", {"negotiation": said(404, b"")}, "negotiations", "no error object"),
    ("other 404", {"transfer": unknown("Error")}, "transfers", "no TransferError"),
    ("401", {"transfer": said(401, {})}, "transfers", "would answer 404"),
    (
        "no credentials",
        {"document": said(200, {**DOCUMENT, "service": []})},
        "identifier",
        "CredentialService",
    ),
]


@pytest.mark.parametrize(
    ("changes", "step", "text"), [n[1:] for n in NOTICED], ids=[n[0] for n in NOTICED]
)
def test_what_is_odd_but_works_is_noticed_and_no_more(
    changes: dict[str, Any], step: str, text: str
) -> None:
    report = look(Stranger(**changes))
    noticed = [f for f in report.findings if f.grade is Grade.NOTICE]
    assert report.is_well
    assert [f.step for f in noticed] == [step], report.lines()
    assert text in noticed[0].what


def test_a_catalog_with_prefixes_is_read_and_said_to_need_it() -> None:
    plain = {
        "@context": {
            "dcat": "http://www.w3.org/ns/dcat#",
            "dspace": "https://w3id.org/dspace/2025/1/",
        },
        "@id": "c",
        "@type": "dcat:Catalog",
        "dspace:participantId": DID,
    }
    report = look(Stranger(catalog=said(200, plain)))
    assert report.is_well
    whats = [f.what for f in report.findings if f.grade is Grade.NOTICE]
    assert whats == ["it is not under the protocol's own context", "it offers nothing to us"]


@pytest.mark.parametrize(
    ("url", "text"),
    [
        ("ftp://stranger.example", "no web address"),
        ("stranger.example", "no web address"),
        ("http://stranger.example/connector", "no TLS"),
        ("https://user:pass@stranger.example/connector", "name or password"),
    ],
)
def test_a_bad_address_is_said_at_once(url: str, text: str) -> None:
    stranger = Stranger()
    report = look(stranger, url, authorization="Bearer x")
    wrong = [f for f in report.findings if f.grade is Grade.WRONG]
    assert len(wrong) == 1 and text in wrong[0].what and wrong[0].mend
    assert stranger.asked == []
    assert "pass@" not in json.dumps(report.to_plain())


def test_loopback_without_tls_is_in_order_under_development_only() -> None:
    url = "http://127.0.0.1:8080"
    assert not look(Stranger(), url).is_well
    found = look(Stranger(), url, is_development=True).findings[0]
    assert (found.step, found.grade) == ("address", Grade.NOTICE)


def test_the_report_for_a_person() -> None:
    lines = look(Stranger(version=said(404, {}))).lines()
    assert lines[0] == f"fine    address: TLS is used ({ROOT})"
    assert lines[1].startswith("wrong   version: there is no version document")
    assert lines[2].strip().startswith("to mend: serve /.well-known/dspace-version")
