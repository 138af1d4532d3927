"""Messages of the claims protocol: both editions are read, ours are written for both."""

from typing import Any

import pytest

from delian.exchange.dcp_errors import DcpMessageError, NotEntitledError, NotSupportedHereError
from delian.exchange.dcp_messages import (
    CredentialMessage,
    CredentialObject,
    CredentialOffer,
    CredentialRequest,
    PresentationQuery,
    PresentationResponse,
    issuer_metadata,
    kind_of,
    read_metadata,
)
from delian.exchange.issuance import Entitlements, chosen, is_entitled, offered

ISSUER = "did:web:o.example"
HEAD = {"@context": ["https://w3id.org/dspace-dcp/v1.0/dcp.jsonld"]}
QUERY: dict[str, Any] = {**HEAD, "type": "PresentationQueryMessage"}
SCOPE = "org.eclipse.dspace.dcp.vc.type:Member:read"
DELIVERED: dict[str, Any] = {
    **HEAD,
    "type": "CredentialMessage",
    "issuerPid": "i",
    "holderPid": "h",
    "status": "ISSUED",
    "credentials": [{"credentialType": "K", "format": "vc11-sl2021/jwt", "payload": "a.b.c"}],
}


def without(plain: dict[str, Any], *names: str) -> dict[str, Any]:
    return {k: v for k, v in plain.items() if k not in names}


@pytest.mark.parametrize("scope", [SCOPE, SCOPE.removesuffix(":read")])
def test_a_scope_with_and_without_its_ending(scope: str) -> None:
    assert kind_of(scope) == "Member"


@pytest.mark.parametrize(
    "scope",
    [
        "",
        "Member",
        "org.eclipse.dspace.dcp.vc.type:",
        "org.eclipse.dspace.dcp.vc.type::read",
        "org.eclipse.dspace.dcp.vc.type:Member:write",
        "org.eclipse.dspace.dcp.vc.type:Member:read:more",
        "org.eclipse.dspace.dcp.vc.id:1",
        " " + SCOPE,
        "x" * 2000,
        None,
        7,
    ],
)
def test_another_scope_is_refused(scope: object) -> None:
    with pytest.raises(DcpMessageError):
        kind_of(scope)


def test_a_query_asks_in_one_way() -> None:
    assert PresentationQuery.from_plain({**QUERY, "scope": [SCOPE, SCOPE]}).kinds == ("Member",)
    with pytest.raises(NotSupportedHereError):
        PresentationQuery.from_plain({**QUERY, "presentationDefinition": {"id": "1"}})
    for wrong in (
        QUERY,
        {**QUERY, "scope": []},
        {**QUERY, "scope": SCOPE},
        {**QUERY, "scope": [SCOPE] * 40},
        {**QUERY, "scope": [SCOPE], "presentationDefinition": {"id": "1"}},
        {**QUERY, "presentationDefinition": {}},
        {**QUERY, "presentationDefinition": None},
        {**QUERY, "scope": [SCOPE], "type": "Other"},
        {**QUERY, "scope": [SCOPE], "@context": ["https://o.example/c"]},
        without({**QUERY, "scope": [SCOPE]}, "@context"),
    ):
        with pytest.raises(DcpMessageError):
            PresentationQuery.from_plain(wrong)


def test_the_context_may_stand_alone() -> None:
    alone = {**QUERY, "scope": [SCOPE], "@context": HEAD["@context"][0]}
    assert PresentationQuery.from_plain(alone).kinds == ("Member",)


@pytest.mark.parametrize("shown", [None, [], "a.b.c", [{}], [7], ["x" * 300_000], ["a"] * 9])
def test_a_response_holds_tokens(shown: object) -> None:
    with pytest.raises(DcpMessageError):
        plain = {**HEAD, "type": "PresentationResponseMessage", "presentation": shown}
        PresentationResponse.from_plain(plain)


@pytest.mark.parametrize(
    ("spelled", "form"),
    [
        ("vc11-sl2021/jwt", "vc11-sl2021/jwt"),
        ("VC1_0_JWT", "vc11-sl2021/jwt"),
        ("vc20-bssl/jwt", "vc20-bssl/jwt"),
        ("VC2_0_JOSE", "vc20-bssl/jwt"),
    ],
)
def test_both_spellings_of_a_form_are_read(spelled: str, form: str) -> None:
    one = {**DELIVERED["credentials"][0], "format": spelled}
    found = CredentialMessage.from_plain({**DELIVERED, "credentials": [one]})
    assert found.credentials[0].form == form


def test_a_delivery_may_name_the_request_instead() -> None:
    early = {**without(DELIVERED, "issuerPid"), "requestId": "r"}
    assert CredentialMessage.from_plain(early).issuer_pid == "r"
    early_form = CredentialMessage.from_plain(DELIVERED).to_plain(early=True)
    assert early_form["credentials"][0]["format"] == "VC1_0_JWT"
    assert early_form["requestId"] == early_form["issuerPid"] == "i"


@pytest.mark.parametrize("name", ["issuerPid", "holderPid", "status", "credentials", "type"])
def test_a_delivery_without_a_member_is_refused(name: str) -> None:
    with pytest.raises(DcpMessageError):
        CredentialMessage.from_plain(without(DELIVERED, name))


@pytest.mark.parametrize(
    "changes",
    [
        {"status": "RECEIVED"},
        {"status": "issued"},
        {"credentials": []},
        {"credentials": ["a.b.c"]},
        {"credentials": [{}]},
        {"credentials": [{**DELIVERED["credentials"][0], "format": "ldp_vc"}]},
        {"credentials": [{**DELIVERED["credentials"][0], "payload": "x" * 70_000}]},
        {"credentials": DELIVERED["credentials"] * 33},
    ],
)
def test_a_malformed_delivery_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(DcpMessageError):
        CredentialMessage.from_plain({**DELIVERED, **changes})


def test_a_rejection_needs_no_credentials_and_keeps_its_reason() -> None:
    plain = {**without(DELIVERED, "credentials"), "status": "REJECTED", "rejectionReason": "no"}
    found = CredentialMessage.from_plain(plain)
    assert (found.is_issued, found.credentials, found.reason) == (False, (), "no")


@pytest.mark.parametrize(
    "profile",
    [
        {"profile": "vc20-bssl/jwt"},
        {"profiles": ["vc20-bssl/jwt"]},
        {"profiles": ["unheard/of", "vc20-bssl/jwt", "vc11-sl2021/jwt"]},
    ],
)
def test_both_spellings_of_a_profile_are_read(profile: dict[str, Any]) -> None:
    plain = {"id": "1", "type": "CredentialObject", "credentialType": "K", **profile}
    assert CredentialObject.from_plain(plain).form == "vc20-bssl/jwt"


def test_an_object_is_full_or_names_its_id_alone() -> None:
    assert CredentialObject.from_plain({"id": "1"}) == CredentialObject("1")
    assert CredentialObject.from_plain(CredentialObject("1", "K", "vc20-bssl/jwt", "r").to_plain())
    for wrong in (
        None,
        {},
        {"id": 7},
        {"id": "1", "type": "Other", "credentialType": "K"},
        {"id": "1", "type": "CredentialObject"},
        {"id": "1", "credentialType": "K"},
    ):
        with pytest.raises(DcpMessageError):
            CredentialObject.from_plain(wrong)


def test_an_offer_speaks_for_its_speaker() -> None:
    plain = {
        **HEAD,
        "type": "CredentialOfferMessage",
        "issuer": ISSUER,
        "credentials": [{"id": "1"}],
    }
    assert CredentialOffer.from_plain(plain, ISSUER).credentials[0].id == "1"
    with pytest.raises(NotEntitledError):
        CredentialOffer.from_plain(plain, "did:web:e.example")
    for name in ("issuer", "credentials"):
        with pytest.raises(DcpMessageError):
            CredentialOffer.from_plain(without(plain, name), ISSUER)


def test_a_request_names_what_the_metadata_list() -> None:
    supported = offered(("K",))
    assert read_metadata(issuer_metadata(ISSUER, supported), ISSUER) == supported
    with pytest.raises(DcpMessageError, match="another issuer"):
        read_metadata(issuer_metadata(ISSUER, supported), "did:web:e.example")
    assert chosen(CredentialRequest("1", ("K-vc20",)), supported)[0].form == "vc20-bssl/jwt"
    with pytest.raises(DcpMessageError, match="metadata"):
        chosen(CredentialRequest("1", ("K-vc20", "K-vc99")), supported)


def test_all_or_nothing_is_entitled() -> None:
    listed = Entitlements(
        {"did:web:h.example": {"A": {}, "B": {"x": 1}}, "did:web:i.example": {"C": {}}}
    )
    every = offered(listed.kinds())
    of = {one.kind: one for one in every if one.form == "vc20-bssl/jwt"}
    assert listed.kinds() == ("A", "B", "C")
    assert is_entitled("did:web:h.example", (of["A"], of["B"]), listed)
    assert not is_entitled("did:web:h.example", (of["A"], of["C"]), listed)
    assert not is_entitled("did:web:nobody.example", (of["A"],), listed)
