"""Presentations: one link of the chain is broken at a time, and each break is noticed."""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from delian.exchange.credentials import Trust, issue, issue_list
from delian.exchange.dcp_errors import CredentialError, DidAwayError
from delian.exchange.dcp_messages import VC11, VC20, PresentationResponse
from delian.exchange.did import DidDocument, build_document, read_document
from delian.exchange.jose import SigningKey, Unverified, take_apart
from delian.exchange.presentation import Shown, Verifier, present
from delian.exchange.reactions import Claim
from delian.exchange.status_list import BITSTRING, LIST_2021, StatusEntry, entry_plain

OFFICE, HOLDER, EVE, US = (f"did:web:{n}.example" for n in ("office", "holder", "eve", "us"))
KIND = "MembershipCredential"
NOW = int(datetime(2026, 11, 21, 12, tzinfo=UTC).timestamp())
DAY = 86_400
BOTH = pytest.mark.parametrize("form", [VC11, VC20])


def new_key(did: str) -> SigningKey:
    key = ec.generate_private_key(ec.SECP256R1())
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return SigningKey.from_pem(f"{did}#k", pem)


KEYS = {did: new_key(did) for did in (OFFICE, HOLDER, EVE)}


class Around:
    """Documents, lists and schemas of everybody."""

    def __init__(self) -> None:
        self.lists: dict[str, Unverified | Mapping[str, Any]] = {}
        self.schemas: dict[str, Mapping[str, Any]] = {}
        self.without: dict[str, str] = {}

    async def resolve(self, did: str, *, fresh: bool = False) -> DidDocument:
        plain = build_document(did, {"k": KEYS[did].public_jwk()}, {})
        plain.pop(self.without.get(did, ""), None)
        return read_document(plain, did)

    async def status_list(self, address: str) -> Unverified | Mapping[str, Any]:
        if address not in self.lists:
            raise DidAwayError("no such list")
        return self.lists[address]

    async def schema(self, address: str) -> Mapping[str, Any]:
        return self.schemas[address]


def credential(
    form: str = VC11, *, key: str = OFFICE, typ: str | None = None, **changes: Any
) -> str:
    given: dict[str, Any] = {
        "form": form,
        "issuer": OFFICE,
        "holder": HOLDER,
        "kind": KIND,
        "name": "urn:uuid:1",
        "subject": {"level": 2},
        "begins": NOW - DAY,
        "ends": NOW + DAY,
    }
    inner = changes.pop("inner", {})
    claims, kind = issue(**{**given, **changes})
    for name, value in inner.items():
        target = claims if form == VC20 else claims["vc"]
        target[name] = value
    return KEYS[key].sign(claims, typ=typ or kind)


def shown(*credentials: str, form: str = VC11, **changes: Any) -> PresentationResponse:
    given: dict[str, Any] = {"key": KEYS[HOLDER], "holder": HOLDER, "verifier": US}
    chosen = tuple(Shown(form, text) for text in credentials)
    key = given.pop("key") if "key" not in changes else changes.pop("key")
    given.pop("key", None)
    return present(key, shown=chosen, jti="1", now=NOW, **{**given, **changes})


def verify(
    response: PresentationResponse,
    around: Around | None = None,
    *,
    strict: bool = True,
    trust: Mapping[str, frozenset[str]] | None = None,
    wanted: tuple[str, ...] = (KIND,),
) -> tuple[tuple[Claim, ...], int]:
    here = around or Around()
    trusted = Trust({OFFICE: frozenset({KIND})} if trust is None else trust)
    judge = Verifier(US, trusted, here, here, strict)
    return asyncio.run(judge.verify(response, holder=HOLDER, wanted=wanted, now=NOW))


@BOTH
def test_a_whole_chain_gives_its_claims_until_the_credential_ends(form: str) -> None:
    claims, until = verify(shown(credential(form), form=form))
    assert claims == (Claim(KIND, OFFICE, {"level": 2, "id": HOLDER}),)
    assert until == NOW + DAY


def test_credentials_of_both_forms_come_in_two_presentations() -> None:
    both = (Shown(VC11, credential(VC11)), Shown(VC20, credential(VC20)))
    response = present(KEYS[HOLDER], holder=HOLDER, verifier=US, shown=both, jti="1", now=NOW)
    assert len(response.presentations) == 2
    assert len(verify(response)[0]) == 2


@BOTH
def test_a_presentation_by_somebody_else_is_refused(form: str) -> None:
    response = shown(credential(form), form=form, key=KEYS[EVE], holder=EVE)
    with pytest.raises(CredentialError, match="made by somebody else"):
        verify(response)


@BOTH
def test_a_presentation_signed_by_somebody_else_is_refused(form: str) -> None:
    with pytest.raises(CredentialError, match="somebody else's key"):
        verify(shown(credential(form), form=form, key=KEYS[EVE]))


@BOTH
def test_a_presentation_for_another_verifier_is_refused(form: str) -> None:
    with pytest.raises(CredentialError, match="meant for somebody else"):
        verify(shown(credential(form), form=form, verifier=EVE))


@pytest.mark.parametrize("offset", [-330, 31])
def test_a_presentation_has_its_time(offset: int) -> None:
    text = present(
        KEYS[HOLDER],
        holder=HOLDER,
        verifier=US,
        shown=(Shown(VC11, credential()),),
        jti="1",
        now=NOW + offset,
    )
    with pytest.raises(CredentialError, match=r"expired|not valid yet"):
        verify(text)


@BOTH
def test_a_credential_of_somebody_else_is_refused(form: str) -> None:
    with pytest.raises(CredentialError, match="somebody else than its holder"):
        verify(shown(credential(form, holder=EVE), form=form))


@BOTH
def test_a_credential_about_somebody_else_does_not_ride_along(form: str) -> None:
    """Relaxed, for a strict node sees it earlier, in the token's own subject."""
    both = {"credentialSubject": [{"id": HOLDER}, {"id": EVE}]}
    with pytest.raises(CredentialError, match="somebody else than its holder"):
        verify(shown(credential(form, inner=both), form=form), strict=False)


@BOTH
def test_a_credential_that_nobody_signed_as_its_issuer_is_refused(form: str) -> None:
    with pytest.raises(CredentialError, match="somebody else's key"):
        verify(shown(credential(form, key=EVE), form=form))


@BOTH
def test_a_holder_does_not_issue_to_itself(form: str) -> None:
    with pytest.raises(CredentialError, match="not trusted for its type"):
        verify(shown(credential(form, issuer=HOLDER, key=HOLDER), form=form))


def test_an_issuer_inside_and_outside_must_be_one() -> None:
    forged = credential(VC11, issuer=EVE, key=EVE, inner={"issuer": OFFICE})
    with pytest.raises(CredentialError, match="two issuers"):
        verify(shown(forged))


@BOTH
@pytest.mark.parametrize(
    ("begins", "ends", "word"),
    [(NOW + 31, NOW + DAY, "not valid yet"), (NOW - DAY, NOW - 30, "expired")],
)
def test_a_credential_has_its_time(form: str, begins: int, ends: int, word: str) -> None:
    with pytest.raises(CredentialError, match=word):
        verify(shown(credential(form, begins=begins, ends=ends), form=form))
    verify(shown(credential(form, begins=NOW + 30, ends=NOW + DAY), form=form))


def test_the_narrower_of_two_dates_counts() -> None:
    inner = {"expirationDate": "2026-11-21T11:00:00Z"}
    with pytest.raises(CredentialError, match="expired"):
        verify(shown(credential(inner=inner)))


@pytest.mark.parametrize(
    "inner",
    [
        {"expirationDate": "tomorrow"},
        {"expirationDate": "2027-01-01T00:00:00"},
        {"issuanceDate": 7},
        {"type": []},
        {"type": [KIND]},
        {"type": 7},
        {"issuer": 7},
        {"credentialSubject": []},
        {"credentialSubject": "x"},
        {"credentialSubject": [{"id": HOLDER}, {"id": EVE}]},
        {"credentialSubject": {"level": 9}},
        {"credentialStatus": "x"},
        {"credentialSchema": "x"},
        {"credentialSchema": {"type": "Odd", "id": "https://o.example/s"}},
    ],
)
def test_a_malformed_credential_is_refused(inner: dict[str, Any]) -> None:
    with pytest.raises(CredentialError):
        verify(shown(credential(inner=inner)))


def test_a_missing_type_is_named() -> None:
    with pytest.raises(CredentialError, match="lacks a Other"):
        trust = {OFFICE: frozenset({KIND, "Other"})}
        verify(shown(credential()), trust=trust, wanted=(KIND, "Other"))
    with pytest.raises(CredentialError, match=f"lacks a {KIND}"):
        verify(shown())


def test_what_nobody_asked_for_is_passed_over_and_claims_nothing() -> None:
    more = credential(kind="Other", issuer=EVE, key=EVE)
    claims, _ = verify(shown(credential(), more))
    assert [claim.kind for claim in claims] == [KIND]


def test_a_key_counts_for_its_relation_alone() -> None:
    for did, relation in ((HOLDER, "authentication"), (OFFICE, "assertionMethod")):
        around = Around()
        around.without[did] = relation
        with pytest.raises(CredentialError, match=relation):
            verify(shown(credential()), around)
        assert verify(shown(credential()), around, strict=False)[0]


@BOTH
def test_no_part_of_the_chain_may_be_changed(form: str) -> None:
    (text,) = shown(credential(form), form=form).presentations
    head, body, tail = text.split(".")
    for place in range(0, len(body), 97):
        letter = "A" if body[place] != "A" else "B"
        changed = body[:place] + letter + body[place + 1 :]
        with pytest.raises(CredentialError):
            verify(PresentationResponse((f"{head}.{changed}.{tail}",)))


def listed(
    kind: str, revoked: frozenset[int], *, signer: str = OFFICE, now: int = NOW
) -> Unverified:
    claims, typ = issue_list(
        kind=kind, issuer=signer, address="https://o.example/l", revoked=revoked, now=now
    )
    return take_apart(KEYS[signer].sign(claims, typ=typ), most=2**20)


def with_status(form: str, purpose: str = "revocation") -> str:
    kind = BITSTRING if form == VC20 else LIST_2021
    entry = StatusEntry(kind, purpose, 7, "https://o.example/l")
    return credential(form, statuses=(entry_plain(entry),))


@BOTH
def test_a_revoked_credential_is_refused_and_its_neighbors_are_not(form: str) -> None:
    kind = BITSTRING if form == VC20 else LIST_2021
    around = Around()
    around.lists["https://o.example/l"] = listed(kind, frozenset({6, 8}))
    _, until = verify(shown(with_status(form), form=form), around)
    assert until <= NOW + 300
    around.lists["https://o.example/l"] = listed(kind, frozenset({7}))
    with pytest.raises(CredentialError, match="under revocation"):
        verify(shown(with_status(form), form=form), around)


def test_a_list_that_cannot_be_had_refuses() -> None:
    with pytest.raises(DidAwayError):
        verify(shown(with_status(VC20), form=VC20))


@pytest.mark.parametrize(
    "changes", [{"signer": EVE}, {"now": NOW - 2 * DAY}, {"now": NOW + 2 * DAY}]
)
def test_a_list_of_another_issuer_or_time_refuses(changes: dict[str, Any]) -> None:
    around = Around()
    around.lists["https://o.example/l"] = listed(BITSTRING, frozenset(), **changes)
    with pytest.raises(CredentialError):
        verify(shown(with_status(VC20), form=VC20), around)


def test_a_list_of_the_other_kind_refuses() -> None:
    around = Around()
    around.lists["https://o.example/l"] = listed(LIST_2021, frozenset())
    with pytest.raises(CredentialError):
        verify(shown(with_status(VC20), form=VC20), around)


def test_an_unsigned_list_counts_for_a_relaxed_node_alone() -> None:
    around = Around()
    token = listed(BITSTRING, frozenset())
    plain = {k: token.claims[k] for k in ("type", "issuer", "credentialSubject")}
    around.lists["https://o.example/l"] = plain
    with pytest.raises(CredentialError, match="not signed"):
        verify(shown(with_status(VC20), form=VC20), around)
    assert verify(shown(with_status(VC20), form=VC20), around, strict=False)[0]
    around.lists["https://o.example/l"] = {**plain, "issuer": EVE}
    with pytest.raises(CredentialError, match="not the one"):
        verify(shown(with_status(VC20), form=VC20), around, strict=False)


def test_a_suspension_ends_and_a_message_does_not() -> None:
    entry = StatusEntry(BITSTRING, "message", 7, "https://nobody.example/l")
    assert verify(shown(credential(VC20, statuses=(entry_plain(entry),)), form=VC20))[0]
    around = Around()
    around.lists["https://o.example/l"] = listed(BITSTRING, frozenset({7}))
    with pytest.raises(CredentialError):
        verify(shown(with_status(VC20, "suspension"), form=VC20), around)


def test_a_credential_keeps_the_schema_that_it_names() -> None:
    around = Around()
    subject = {"type": "JsonSchemaValidator2018", "id": "https://o.example/s"}
    whole = {"type": "JsonSchema", "id": "https://o.example/w"}
    around.schemas["https://o.example/s"] = {"required": ["level"]}
    around.schemas["https://o.example/w"] = {"required": ["credentialSubject"]}
    text = credential(inner={"credentialSchema": [subject, whole]})
    assert verify(shown(text), around)[0]
    around.schemas["https://o.example/s"] = {"required": ["rank"]}
    with pytest.raises(CredentialError, match="required"):
        verify(shown(text), around)


@pytest.mark.parametrize(
    "vp",
    [
        {"verifiableCredential": [{}]},
        {"verifiableCredential": [{"id": "https://x.example"}]},
        {"verifiableCredential": ["https://x.example"]},
        {"verifiableCredential": [7]},
        {"verifiableCredential": ["a.b.c"] * 40},
        {"verifiableCredential": [["a.b.c"]]},
        [7],
        "text",
        {},
    ],
)
def test_a_presentation_of_something_else_is_refused(vp: object) -> None:
    claims = {"iss": HOLDER, "sub": HOLDER, "aud": US, "iat": NOW, "exp": NOW + 60, "vp": vp}
    with pytest.raises(CredentialError):
        verify(PresentationResponse((KEYS[HOLDER].sign(claims),)))
