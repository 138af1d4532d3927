"""CADDE: identifiers, offers, headers, search; both catalogues by example."""

import pytest

from delian.exchange.bridge_errors import ForeignFormError
from delian.exchange.cadde import (
    ContractHeaders,
    Search,
    dataset_urn,
    offers_for,
    packages_in,
    read_search,
    refuse_counter_offer,
    search_answer,
    split_urn,
)
from delian.exchange.cadde_export import dataset_home, package_of
from delian.exchange.cadde_import import dataset_of, package_home, resources_of
from delian.exchange.odrl import Policy
from tests.foreign_cadde import japanese_package

ENDPOINT = "https://delian.example/2025-1"
PROVIDER = "1180001038380"


def test_a_foreign_identifier_is_always_a_foreign_one() -> None:
    urn = dataset_urn("提供者:1", "a/b:c")
    assert urn.startswith("urn:cadde:") and urn.isascii()
    assert split_urn(urn) == ("提供者:1", "a/b:c")
    for other in ("urn:uuid:1", "urn:cadde:x", "urn:cadde:x:", "urn:cadde::x", "urn:cadde:a:b:c"):
        assert split_urn(other) is None


def test_a_japanese_package_becomes_a_dataset() -> None:
    crossing = dataset_of(japanese_package(PROVIDER), provider=PROVIDER, endpoint=ENDPOINT)
    dataset = crossing.value
    assert dataset["@id"] == f"urn:cadde:{PROVIDER}:detail-001"
    assert dataset["title"] == "半導体の需要見通し"
    assert dataset["description"] == "四半期ごとの需要見通し。\n単位は千個。"
    assert dataset["keyword"] == ["半導体"]
    (distribution,) = dataset["distribution"]
    assert distribution["format"] == "HttpData-PULL"
    assert dataset["urn:delian:terms:1:ckan"]["resources"][0]["name"] == "見通し.csv"
    assert dataset["hasPolicy"][0]["permission"] == [{"action": "use"}]
    gone = {entry.path: entry.reason for entry in crossing.dropped}
    assert "personal" in gone["/author_email"]
    assert "bridge" in gone["/resources/0/url"]
    assert "no transfer format" in gone["/resources/1/url"]
    assert "data.inner.example" not in str(dataset)
    home = package_home(dataset).value
    assert home["extras"] == japanese_package(PROVIDER)["extras"]
    assert home["organization"] == {"title": "データ提供機構"}


def test_the_bridge_keeps_where_to_fetch() -> None:
    (resource,) = resources_of(japanese_package(PROVIDER))
    assert (resource.url, resource.api_type, resource.contracted) == (
        "http://data.inner.example/handotai.csv",
        "file/http",
        False,
    )


def test_a_package_of_another_provider_is_refused() -> None:
    with pytest.raises(ForeignFormError, match="another provider"):
        dataset_of(japanese_package("somebody else"), provider=PROVIDER, endpoint=ENDPOINT)
    with pytest.raises(ForeignFormError, match="no id"):
        dataset_of({"title": "x"}, provider=PROVIDER, endpoint=ENDPOINT)


NON_COMMERCIAL = [("purpose", "isAnyOf", ["non-commercial"])]


@pytest.mark.parametrize(
    ("license_id", "contracted", "constraints", "assignees"),
    [
        ("cc-by", False, [], [None]),
        ("CC-BY", False, [], [None]),
        ("cc-by", True, [], ["did:web:a", "did:web:b"]),
        ("", False, [], ["did:web:a", "did:web:b"]),
        ("notspecified", False, [], ["did:web:a", "did:web:b"]),
        ("cc-by-nc-4.0", False, NON_COMMERCIAL, [None]),
        ("cc-by-nc-4.0", True, NON_COMMERCIAL, ["did:web:a", "did:web:b"]),
    ],
)
def test_offers_follow_license_and_flags(
    license_id: str,
    contracted: bool,
    constraints: list[tuple[str, str, object]],
    assignees: list[str | None],
) -> None:
    known = ["did:web:b", "did:web:a", "did:web:b"]
    made = offers_for("urn:x", license_id, contracted=contracted, recipients=known)
    offers = [Policy.from_plain(plain, "offer") for plain in made]
    assert [offer.assignee for offer in offers] == assignees
    assert len({offer.id for offer in offers}) == len(offers)
    for offer in offers:
        (rule,) = offer.permissions
        found = [
            (c["leftOperand"], c["operator"], c["rightOperand"])
            for c in (condition.to_plain() for condition in rule.constraints)
        ]
        assert found == constraints


def test_without_a_contract_on_file_there_is_no_offer() -> None:
    assert offers_for("urn:x", "", contracted=True, recipients=[]) == []


def test_our_dataset_becomes_a_package_in_japanese() -> None:
    dataset = {
        "@id": "urn:uuid:1",
        "@type": "Dataset",
        "title": [{"@value": "Demand", "@language": "en"}, {"@value": "需要", "@language": "ja"}],
        "hasPolicy": [{"@id": "o", "@type": "Offer", "permission": [{"action": "use"}]}],
        "distribution": [{"@type": "Distribution", "format": "HttpData-PULL"}, {"format": "X"}],
        "delian:label": "NATO UNCLASSIFIED",
    }
    package = package_of(dataset, provider="EU-1", locate=lambda n: f"{ENDPOINT}/r/{n}").value
    assert package["title"] == "需要"
    assert package["resources"][0]["caddec_contract_required"] == "notRequired"
    assert package["resources"][0]["url"] == f"{ENDPOINT}/r/0"
    assert len(package["resources"]) == 1
    extras = {e["key"]: e["value"] for e in package["extras"]}
    assert extras["caddec_provider_id"] == "EU-1"
    assert extras["dsp:delian:label"] == '"NATO UNCLASSIFIED"'
    assert dataset_home(package).value == dataset


@pytest.mark.parametrize(
    "policy",
    [
        {"permission": [{"action": "use", "constraint": [{"leftOperand": "purpose"}]}]},
        {"permission": [{"action": "use"}], "prohibition": [{"action": "distribute"}]},
        {"permission": [{"action": "use", "duty": [{"action": "pay"}]}]},
        {"permission": [{"action": "use"}], "assignee": "did:web:a"},
        {"permission": []},
        {},
    ],
)
def test_any_condition_means_a_contract(policy: dict[str, object]) -> None:
    dataset = {"@id": "u", "hasPolicy": [policy], "distribution": [{"format": "Ftp-PULL"}]}
    package = package_of(dataset, provider="EU-1", locate=str).value
    assert package["resources"][0]["caddec_contract_required"] == "required"


def test_a_package_that_is_not_ours_does_not_come_home() -> None:
    for package in ({"id": "x", "name": "y"}, {"name": "y"}):
        with pytest.raises(ForeignFormError):
            dataset_home(package)


def test_contract_headers_carry_any_text() -> None:
    said = ContractHeaders("契約-1", "bilateral", "https://c.example", "100%", "")
    headers = said.to_headers()
    assert all(value.isascii() for value in headers.values())
    assert headers["x-cadde-contract-type"] == "bilateral"
    assert ContractHeaders.from_headers(headers) == said
    assert ContractHeaders.from_headers({}) == ContractHeaders()
    with pytest.raises(ForeignFormError):
        ContractHeaders.from_headers({"x-cadde-provenance": "x" * 3000})


def test_an_agreement_and_a_transfer_become_headers() -> None:
    said = ContractHeaders.of_agreement("urn:uuid:a", "urn:uuid:t", ENDPOINT, contracted=True)
    assert said.contract_id == "urn:uuid:a"
    assert said.provenance == "urn:uuid:t"
    assert said.to_plain()["x-cadde-contract-type"] == "dsp-2025-1/bilateral"


def test_searching() -> None:
    package = japanese_package(PROVIDER)
    assert read_search([]).matches(package)
    assert read_search([("q", "*:*")]).matches(package)
    assert read_search([("q", "需要 半導体")]).matches(package)
    assert not read_search([("q", "需要 鉄鋼")]).matches(package)
    assert read_search([("q", "name:handotai-juyo")]).matches(package)
    assert read_search([("fq", "tags:半導体")]).matches(package)
    assert read_search([("fq", f"caddec_provider_id:{PROVIDER}")]).matches(package)
    assert not read_search([("fq", "name:x")]).matches(package)
    assert read_search([("rows", "99999"), ("start", "3")]) == Search(start=3, rows=1000)


@pytest.mark.parametrize(
    "query", [("q", "a OR b"), ("q", "x*"), ("rows", "-1"), ("sort", "x"), ("q", "x" * 3000)]
)
def test_what_is_not_served_is_refused(query: tuple[str, str]) -> None:
    with pytest.raises(ForeignFormError):
        read_search([query])


def test_answers_of_package_searches() -> None:
    answer = search_answer([{"id": "1"}], 7)
    assert answer["result"]["count"] == 7
    assert packages_in(answer) == ({"id": "1"},)
    assert packages_in({"success": True, "result": {"results": {}}}) == ()
    for broken in ([], {}, {"success": False, "result": {"results": []}}, {"success": True}):
        with pytest.raises(ForeignFormError):
            packages_in(broken)


def test_a_counter_offer_ends_with_a_reason() -> None:
    error = refuse_counter_offer("urn:cadde:a:b")
    assert "counter-offers" in error.message and error.code == "bridge-no-counterpart"
