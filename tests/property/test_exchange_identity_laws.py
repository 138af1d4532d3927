"""Laws of identities: whatever a stranger sends ends in a refusal of ours, never in a crash."""

import json
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import given, settings
from hypothesis import strategies as st

from delian.exchange.credential_schema import check as check_schema
from delian.exchange.credentials import issue, read_credential
from delian.exchange.dcp_messages import (
    CONTEXT,
    FORMATS,
    CredentialMessage,
    CredentialObject,
    CredentialOffer,
    CredentialRequest,
    Delivered,
    PresentationQuery,
    PresentationResponse,
    issuer_metadata,
    kind_of,
    read_metadata,
    scope_of,
)
from delian.exchange.did import Relation, build_document, parse_did, read_document
from delian.exchange.jose import SigningKey, take_apart
from delian.exchange.status_list import is_set, pack, unpack, with_bits
from delian.terms.errors import DelianError

FEW = settings(max_examples=25, deadline=None)
KEY = SigningKey.from_pem(
    "did:web:a.example#k",
    ec.generate_private_key(ec.SECP256R1()).private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
    ),
)
WORDS = st.sampled_from(
    ["id", "type", "x", "1", "did:web:a.example", "ISSUED", "VC1_0_JWT", "2026-01-01T00:00:00Z"]
)
LEAVES = st.none() | st.booleans() | st.integers(-5, 10**12) | st.floats(-9, 9) | WORDS
MEMBERS = st.sampled_from(
    [
        "id", "type", "vc", "vp", "issuer", "iss", "sub", "exp", "nbf", "iat", "status", "scope",
        "credentialSubject", "credentialStatus", "credentialSchema", "issuanceDate", "validUntil",
        "statusPurpose", "statusListIndex", "statusListCredential", "presentation", "credentials",
        "holderPid", "issuerPid", "payload", "format", "credentialType", "profiles", "profile",
        "verificationMethod", "authentication", "service", "serviceEndpoint", "publicKeyJwk",
        "controller", "properties", "required", "enum", "minLength", "items", "maximum", "const",
        "presentationDefinition", "credentialsSupported", "additionalProperties", "@context",
    ]
)  # fmt: skip
PLAIN = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(MEMBERS, inner, max_size=6),
    max_leaves=25,
)
OBJECTS = st.dictionaries(MEMBERS, PLAIN, max_size=8)
NAMES = st.text("abcdefgXYZ0123456789-", min_size=1, max_size=12)


def refuses_or_reads(reader: Any, *given_: Any) -> None:
    """Only our own errors come out, whatever goes in."""
    try:
        reader(*given_)
    except DelianError as error:
        assert error.message


@FEW
@given(OBJECTS)
def test_any_claims_are_read_or_refused_as_a_credential(claims: dict[str, Any]) -> None:
    token = take_apart(KEY.sign(claims))
    refuses_or_reads(read_credential, token)
    refuses_or_reads(lambda: read_credential(token, strict=False))


@FEW
@given(OBJECTS, OBJECTS)
def test_any_inner_credential_is_read_or_refused(claims: dict[str, Any], vc: Any) -> None:
    whole = {
        "type": ["VerifiableCredential", "K"],
        "issuer": "did:web:a.example",
        "credentialSubject": {"id": "x"},
        **vc,
    }
    token = take_apart(KEY.sign({**claims, "iss": "did:web:a.example", "vc": whole}))
    refuses_or_reads(lambda: read_credential(token, strict=False))


@FEW
@given(OBJECTS)
def test_any_object_is_read_or_refused_as_a_document(plain: dict[str, Any]) -> None:
    did = "did:web:a.example"
    refuses_or_reads(read_document, {**plain, "id": did}, did)


@FEW
@given(OBJECTS)
def test_any_object_is_read_or_refused_as_a_message(plain: dict[str, Any]) -> None:
    readers: dict[str, Any] = {
        "PresentationQueryMessage": PresentationQuery.from_plain,
        "PresentationResponseMessage": PresentationResponse.from_plain,
        "CredentialMessage": CredentialMessage.from_plain,
        "CredentialRequestMessage": CredentialRequest.from_plain,
        "CredentialOfferMessage": lambda p: CredentialOffer.from_plain(p, "did:web:a.example"),
        "IssuerMetadata": lambda p: read_metadata(p, "did:web:a.example"),
    }
    for kind, reader in readers.items():
        refuses_or_reads(reader, {**plain, "@context": [CONTEXT], "type": kind})
    refuses_or_reads(CredentialObject.from_plain, plain)


@FEW
@given(PLAIN, PLAIN)
def test_any_schema_keeps_or_refuses(schema: object, value: object) -> None:
    refuses_or_reads(check_schema, schema, value)


@FEW
@given(st.text(max_size=60) | st.from_regex(r"did:web:[a-z%3A:./-]{0,30}", fullmatch=True))
def test_an_identifier_has_one_address_on_its_own_host(text: str) -> None:
    """What parses names the host before the first separator, and no dot segment."""
    try:
        found = parse_did(text)
    except DelianError:
        return
    rest = text[len("did:web:") :]
    host = rest.split(":")[0].split("%3A")[0]
    url = found.document_url()
    assert url.startswith((f"https://{host}/", f"https://{host}:"))
    assert "/../" not in url and "//" not in url[len("https://") :]
    assert url.endswith("/did.json")


@FEW
@given(st.lists(NAMES, min_size=1, max_size=4, unique=True))
def test_a_document_of_ours_reads_back(keys: list[str]) -> None:
    did = "did:web:a.example:x"
    jwks = {name: KEY.public_jwk() for name in keys}
    plain = json.loads(json.dumps(build_document(did, jwks, {"S": "https://a.example/s"})))
    found = read_document(plain, did)
    for name in keys:
        for relation in Relation:
            assert found.method(f"{did}#{name}", relation).jwk == KEY.public_jwk()


@FEW
@given(st.frozensets(st.integers(0, 2047), max_size=30))
def test_a_list_says_exactly_what_was_revoked(revoked: frozenset[int]) -> None:
    bits = unpack(pack(with_bits(revoked, 2048)))
    assert {i for i in range(2048) if is_set(bits, i)} == revoked


@FEW
@given(st.binary(max_size=200))
def test_any_bytes_unpack_or_are_refused(data: bytes) -> None:
    refuses_or_reads(unpack, data.decode("latin-1"))


@FEW
@given(
    st.sampled_from(sorted(set(FORMATS.values()))),
    NAMES,
    st.integers(1, 2**33),
    st.integers(1, 10**8),
)
def test_a_credential_of_ours_reads_back(form: str, kind: str, begins: int, span: int) -> None:
    claims, typ = issue(
        form=form,
        issuer="did:web:a.example",
        holder="did:web:h.example",
        kind=kind,
        name="urn:uuid:1",
        subject={"level": 3},
        begins=begins,
        ends=begins + span,
    )
    found = read_credential(take_apart(KEY.sign(claims, typ=typ)))
    assert (found.issuer, found.kinds) == ("did:web:a.example", (kind,))
    assert found.subjects == ({"level": 3, "id": "did:web:h.example"},)
    assert (found.begins, found.ends) == (begins, begins + span)


@FEW
@given(st.lists(NAMES, min_size=1, max_size=5, unique=True), NAMES, st.booleans())
def test_messages_read_back(kinds: list[str], pid: str, is_early: bool) -> None:
    assert [kind_of(scope_of(kind)) for kind in kinds] == kinds
    query = PresentationQuery(tuple(kinds))
    assert PresentationQuery.from_plain(query.to_plain()) == query
    request = CredentialRequest(pid, tuple(kinds))
    assert CredentialRequest.from_plain(request.to_plain()) == request
    delivered = tuple(Delivered(k, form, "a.b.c") for k in kinds for form in FORMATS.values())[:9]
    message = CredentialMessage(pid, pid, True, delivered)
    assert CredentialMessage.from_plain(message.to_plain(early=is_early)) == message
    objects = tuple(CredentialObject(k, k, "vc20-bssl/jwt", "why") for k in kinds)
    offer = CredentialOffer("did:web:a.example", objects)
    assert CredentialOffer.from_plain(offer.to_plain(), "did:web:a.example") == offer
    assert (
        read_metadata(issuer_metadata("did:web:a.example", objects), "did:web:a.example") == objects
    )
