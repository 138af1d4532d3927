"""did:web identifiers and documents: one reading, or none."""

from typing import Any

import pytest

from delian.exchange.dcp_errors import DidError, TokenError
from delian.exchange.did import Relation, build_document, parse_did, read_document

DID = "did:web:a.example"
JWK = {"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"}


@pytest.mark.parametrize(
    ("did", "url"),
    [
        ("did:web:a.example", "https://a.example/.well-known/did.json"),
        ("did:web:a.example:x", "https://a.example/x/did.json"),
        ("did:web:a.example:80", "https://a.example/80/did.json"),
        ("did:web:a.example%3A8443:x:y", "https://a.example:8443/x/y/did.json"),
        ("did:web:127.0.0.1%3A1", "https://127.0.0.1:1/.well-known/did.json"),
    ],
)
def test_the_address_of_a_document(did: str, url: str) -> None:
    assert parse_did(did).document_url() == url


@pytest.mark.parametrize(
    "did",
    [
        "",
        "did:key:z6Mk",
        "did:web:",
        "did:web:A.example",
        "did:web:a.example:",
        "did:web:a.example::x",
        "did:web:a.example:..",
        "did:web:a.example:x%2Fy",
        "did:web:a.example/x",
        "did:web:a.example#key",
        "did:web:a.example?x",
        "did:web:a.example@b.example",
        "did:web:a.example%3a80",
        "did:web:a.example%3A",
        "did:web:a.example%3A0",
        "did:web:a.example%3A080",
        "did:web:a.example%3A65536",
        "did:web:a.example%3A80%3A81",
        "did:web:-a.example",
        "did:web:a..example",
        "did:web:[::1]",
        "did:web:a.example\n",
        " did:web:a.example",
        "did:web:" + "a" * 600,
        "did:web:ä.example",
        None,
        7,
    ],
)
def test_what_could_be_read_in_two_ways_is_refused(did: object) -> None:
    with pytest.raises(DidError):
        parse_did(did)


def document(**changes: Any) -> dict[str, Any]:
    return {
        **build_document(DID, {"k": JWK}, {"CredentialService": "https://a.example/cs"}),
        **changes,
    }


def test_what_we_write_we_read() -> None:
    found = read_document(document(), DID)
    for relation in Relation:
        assert found.method(f"{DID}#k", relation).jwk == JWK
        assert found.method("", relation).id == f"{DID}#k"
    assert found.service("CredentialService") == "https://a.example/cs"
    with pytest.raises(DidError, match="IssuerService"):
        found.service("IssuerService")


def test_a_key_is_named_exactly() -> None:
    found = read_document(document(), DID)
    for kid in (f"{DID}#other", "did:web:b.example#k", f"{DID}#", "kk"):
        with pytest.raises(TokenError):
            found.method(kid, Relation.SPEAK)


def test_two_keys_need_a_name() -> None:
    found = read_document(build_document(DID, {"a": JWK, "b": JWK}, {}), DID)
    with pytest.raises(TokenError):
        found.method("", Relation.SPEAK)


def test_a_relation_holds_for_itself_alone() -> None:
    found = read_document(document(capabilityInvocation=[]), DID)
    with pytest.raises(TokenError, match="capabilityInvocation"):
        found.method(f"{DID}#k", Relation.SPEAK)
    assert found.method(f"{DID}#k", Relation.PRESENT).id == f"{DID}#k"
    assert found.method(f"{DID}#k", Relation.SPEAK, strict=False).id == f"{DID}#k"


def test_a_key_may_stand_inside_a_relation() -> None:
    inside = {"id": f"{DID}#in", "controller": DID, "publicKeyJwk": JWK}
    found = read_document(document(authentication=[inside]), DID)
    assert found.method("#in", Relation.PRESENT).jwk == JWK
    with pytest.raises(TokenError):
        found.method("#in", Relation.SPEAK)


@pytest.mark.parametrize(
    "method",
    [
        {"id": "did:web:b.example#k", "controller": DID, "publicKeyJwk": JWK},
        {"id": f"{DID}#k", "controller": "did:web:b.example", "publicKeyJwk": JWK},
        {"id": f"{DID}#k", "controller": DID, "publicKeyMultibase": "z6"},
    ],
)
def test_a_key_of_another_controller_or_form_is_no_key_of_ours(method: dict[str, Any]) -> None:
    found = read_document(document(verificationMethod=[method]), DID)
    assert found.methods == ()


@pytest.mark.parametrize(
    "changes",
    [
        {"id": "did:web:b.example"},
        {"id": None},
        {"verificationMethod": ["text"]},
        {"verificationMethod": [{"publicKeyJwk": JWK}]},
        {"verificationMethod": [{"id": f"{DID}#k", "publicKeyJwk": {**JWK, "d": "AA"}}]},
        {"verificationMethod": [{"id": f"{DID}#k", "publicKeyJwk": JWK}] * 2},
        {"verificationMethod": [{"id": f"{DID}#k{i}", "publicKeyJwk": JWK} for i in range(40)]},
        {"authentication": [7]},
        {"authentication": [{"publicKeyJwk": JWK}]},
        {"service": [{}] * 40},
    ],
)
def test_a_malformed_document_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(DidError):
        read_document(document(**changes), DID)


@pytest.mark.parametrize("plain", [None, [], "x", 7])
def test_a_document_is_an_object(plain: object) -> None:
    with pytest.raises(DidError):
        read_document(plain, DID)
