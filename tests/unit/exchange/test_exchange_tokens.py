"""Tokens: pinned algorithms, exact audiences, borders of the clock, one use."""

import asyncio
import base64
import hashlib
import hmac
import json
import warnings
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from joserfc import jws
from joserfc.errors import SecurityWarning
from joserfc.jwk import ECKey, OKPKey

from delian.exchange.dcp_errors import NotEntitledError, ReplayError, TokenError
from delian.exchange.did import DidDocument, build_document, read_document
from delian.exchange.jose import KeyFormError, SigningKey, public_key, take_apart
from delian.exchange.read_access import ReadTokens
from delian.exchange.self_issued import Rules, Speaker, bearer, check, mint

ALICE, BOB = "did:web:alice.example", "did:web:bob.example"
NOW = 1_800_000_000
SKEW = 30  # restated: thirty seconds either way
LONGEST = 3600  # restated: an hour


def pem(key: PrivateKeyTypes) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


CURVE = SigningKey.from_pem(f"{ALICE}#k", pem(ec.generate_private_key(ec.SECP256R1())))
EDWARDS = SigningKey.from_pem(f"{ALICE}#k", pem(ed25519.Ed25519PrivateKey.generate()))
KEYS = pytest.mark.parametrize("key", [CURVE, EDWARDS], ids=["ES256", "Ed25519"])


class Documents:
    def __init__(self, key: SigningKey) -> None:
        self.document = read_document(build_document(ALICE, {"k": key.public_jwk()}, {}), ALICE)

    async def resolve(self, did: str, *, fresh: bool = False) -> DidDocument:
        assert did == ALICE
        return self.document


class Used:
    def __init__(self) -> None:
        self.names: dict[str, int] = {}

    async def use(self, name: str, expires: int, now: int) -> bool:
        if name in self.names:
            return False
        self.names[name] = expires
        return True


def claims(**changes: Any) -> dict[str, Any]:
    plain = {"iss": ALICE, "sub": ALICE, "aud": BOB, "jti": "1", "iat": NOW, "exp": NOW + 300}
    plain.update(changes)
    return {k: v for k, v in plain.items() if v is not None}


def judge(token: str, key: SigningKey = CURVE, used: Used | None = None, now: int = NOW) -> Speaker:
    return asyncio.run(
        check(token, rules=Rules(BOB), resolver=Documents(key), used=used or Used(), now=now)
    )


@KEYS
def test_what_we_mint_we_accept_once(key: SigningKey) -> None:
    used = Used()
    token = mint(key, issuer=ALICE, audience=BOB, jti="1", now=NOW, access_token="t")
    assert judge(token, key, used) == Speaker(ALICE, "t")
    with pytest.raises(ReplayError):
        judge(token, key, used)


@KEYS
def test_our_tokens_are_what_the_library_reads_and_the_other_way_round(key: SigningKey) -> None:
    """joserfc is the oracle of the signature's form."""
    kind = ECKey if key is CURVE else OKPKey
    names = ["ES256"] if key is CURVE else ["Ed25519", "EdDSA"]
    theirs = kind.import_key(dict(key.public_jwk()))
    assert theirs.as_dict(private=False) == {**theirs.as_dict(private=False), **key.public_jwk()}
    token = key.sign(claims())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SecurityWarning)  # the older name of Ed25519
        assert json.loads(jws.deserialize_compact(token, theirs, names).payload) == claims()
    made = kind.generate_key("P-256" if key is CURVE else "Ed25519")
    jwk = made.as_dict(private=False)
    text = jws.serialize_compact({"alg": names[0], "kid": "k"}, json.dumps(claims()), made, names)
    take_apart(text).verify(public_key({k: str(v) for k, v in jwk.items()}))


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": BOB},
        {"sub": BOB},
        {"sub": None},
        {"iss": None},
        {"aud": ALICE},
        {"aud": None},
        {"aud": []},
        {"aud": [BOB, ALICE]},
        {"aud": BOB + " "},
        {"jti": None},
        {"jti": ""},
        {"jti": "x" * 300},
        {"jti": 7},
        {"exp": None},
        {"iat": None},
        {"exp": "soon"},
        {"exp": True},
        {"exp": -1},
        {"exp": 2**50},
        {"nbf": NOW + SKEW + 1},
        {"iat": NOW + SKEW + 1},
        {"exp": NOW - SKEW},
        {"exp": NOW + LONGEST + 1},
        {"iss": "did:key:z", "sub": "did:key:z"},
        {"token": ""},
        {"token": 7},
        {"token": "x" * 20_000},
        {"vp": {}},
        {"vc": {}},
    ],
)
def test_a_token_that_is_wrong_in_one_claim_is_refused_and_uses_nothing(
    changes: dict[str, Any],
) -> None:
    used = Used()
    with pytest.raises(TokenError):
        judge(CURVE.sign(claims(**changes)), used=used)
    assert used.names == {}


@pytest.mark.parametrize(
    "changes",
    [
        {"aud": [BOB]},
        {"iat": NOW + SKEW},
        {"nbf": NOW + SKEW},
        {"exp": NOW - SKEW + 1},
        {"exp": NOW + LONGEST},
        {"exp": float(NOW + 300)},
        {"surprise": {"deep": [1]}},
    ],
)
def test_what_lies_on_the_border_is_accepted(changes: dict[str, Any]) -> None:
    assert judge(CURVE.sign(claims(**changes))).did == ALICE


def test_a_used_token_is_remembered_until_it_is_dead() -> None:
    used = Used()
    judge(CURVE.sign(claims()), used=used)
    (expires,) = used.names.values()
    with pytest.raises(TokenError, match="expired"):
        judge(CURVE.sign(claims(jti="2")), now=expires)


def compact(header: dict[str, Any], payload: dict[str, Any], signature: bytes) -> str:
    return ".".join((armor(header), armor(payload), raw(signature)))


def armor(plain: dict[str, Any]) -> str:
    return raw(json.dumps(plain).encode())


def raw(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def test_no_algorithm_is_no_signature() -> None:
    for name in ("none", "None", "NONE", ""):
        with pytest.raises(TokenError):
            judge(compact({"alg": name, "kid": f"{ALICE}#k"}, claims(), b""))
        with pytest.raises(TokenError):
            judge(compact({"alg": name, "kid": f"{ALICE}#k"}, claims(), b"\0" * 64))


def test_a_public_key_is_no_password() -> None:
    """HS256 with the public key, in the spellings that confused other verifiers."""
    key = public_key(CURVE.public_jwk())
    for secret in (json.dumps(CURVE.public_jwk()).encode(), repr(key).encode()):
        signed = f"{armor({'alg': 'HS256', 'kid': f'{ALICE}#k'})}.{armor(claims())}"
        tag = hmac.new(secret, signed.encode(), hashlib.sha256).digest()
        with pytest.raises(TokenError, match="another algorithm"):
            judge(f"{signed}.{raw(tag)}")


@pytest.mark.parametrize("name", ["ES384", "RS256", "EdDSA", "Ed25519", "PS256", "es256"])
def test_the_key_decides_the_algorithm(name: str) -> None:
    head, body, tail = CURVE.sign(claims()).split(".")
    header = {"alg": name, "kid": f"{ALICE}#k"}
    with pytest.raises(TokenError, match="another algorithm"):
        judge(".".join((armor(header), body, tail)))
    assert head != armor(header)


@pytest.mark.parametrize(
    "more",
    [
        {"jwk": {"kty": "EC"}},
        {"jku": "https://eve.example/keys"},
        {"x5u": "https://eve.example/c"},
        {"x5c": []},
        {"crit": ["exp"]},
        {"b64": False},
        {"kid": 7},
        {"typ": ["JWT"]},
    ],
)
def test_a_header_that_brings_its_own_key_is_refused(more: dict[str, Any]) -> None:
    header = {"alg": "ES256", "kid": f"{ALICE}#k", **more}
    with pytest.raises(TokenError):
        judge(compact(header, claims(), b"\0" * 64))


@KEYS
def test_no_bit_of_a_token_may_change(key: SigningKey) -> None:
    token = key.sign(claims())
    head, body, tail = token.split(".")
    signature = base64.urlsafe_b64decode(tail + "==")
    for place in range(0, 512, 7):
        flipped = bytearray(signature)
        flipped[place // 8] ^= 1 << place % 8
        with pytest.raises(TokenError):
            judge(f"{head}.{body}.{raw(bytes(flipped))}", key)
    with pytest.raises(TokenError):
        judge(f"{head}.{armor(claims(jti='2'))}.{tail}", key)


@pytest.mark.parametrize("size", [0, 1, 63, 65, 70, 128])
@KEYS
def test_a_signature_has_one_length(key: SigningKey, size: int) -> None:
    head, body, _ = key.sign(claims()).split(".")
    with pytest.raises(TokenError):
        judge(f"{head}.{body}.{raw(bytes(size))}" if size else f"{head}.{body}.", key)


def test_the_zero_signature_is_none() -> None:
    head, body, _ = CURVE.sign(claims()).split(".")
    with pytest.raises(TokenError, match="does not hold"):
        judge(f"{head}.{body}.{raw(bytes(64))}")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a",
        "a.b",
        "a.b.c",
        "a.b.c.d",
        "..",
        "é.b.c",
        "e30=.e30=.AAAA",
        "e30.e30.AA\n",
        "W10.W10.AAAA",
        "e30." + "A" * 70_000 + ".AAAA",
        "A" * 3000 + ".e30.AAAA",
        raw(b'{"alg":"ES256","alg":"none"}') + ".e30.AAAA",
        raw(b'{"alg":"ES256"}') + "." + raw(b"[" * 500 + b"]" * 500) + ".AAAA",
        raw(b'{"alg":"ES256"}') + "." + raw(b'{"a":' * 30 + b"1" + b"}" * 30) + ".AAAA",
    ],
)
def test_garbage_is_refused(text: str) -> None:
    with pytest.raises(TokenError):
        judge(text)


def test_a_token_type_is_what_it_says() -> None:
    with pytest.raises(TokenError, match="not a self-issued"):
        judge(CURVE.sign(claims(), typ="vp+jwt"))


def test_only_keys_of_our_kinds() -> None:
    for key in (
        ec.generate_private_key(ec.SECP384R1()),
        rsa.generate_private_key(65537, 2048),
    ):
        with pytest.raises(KeyFormError):
            SigningKey.from_pem("x", pem(key))
    for jwk in (
        {},
        {"kty": "oct", "k": "AA"},
        {"kty": "EC", "crv": "P-384", "x": "AA", "y": "AA"},
        {"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"},
        {"kty": "EC", "crv": "P-256", "x": "A" * 43, "y": "A" * 43},
        {"kty": "EC", "crv": "P-256", "x": CURVE.public_jwk()["x"]},
        {"kty": "EC", "crv": "P-256", **dict.fromkeys("xy", CURVE.public_jwk()["x"])},
        {"kty": "EC", "crv": "P-256", **CURVE.public_jwk(), "x": CURVE.public_jwk()["x"] + "="},
        {"kty": "OKP", "crv": "Ed25519", "x": "AA"},
        {"kty": "OKP", "crv": "Ed25519", "x": "é"},
        {"kty": "OKP", "crv": "Ed25519", "x": raw(bytes(32))},
        {"kty": "OKP", "crv": "Ed25519", "x": raw(b"\1" + bytes(31))},
    ):
        with pytest.raises(KeyFormError):
            public_key(jwk)


@pytest.mark.parametrize(
    "header", [None, "", "Bearer", "Bearer  ", "bearer", "Token x", "xBearer y"]
)
def test_a_header_without_a_bearer_token(header: str | None) -> None:
    with pytest.raises(TokenError):
        bearer(header)


def test_read_tokens_are_bound_to_verifier_types_time_and_node() -> None:
    ours, others = ReadTokens(bytes(32)), ReadTokens(bytes(31) + b"\1")
    token = ours.make(BOB, ("A", "B"), NOW)
    assert ours.read(token, BOB, NOW + 599) == {"A", "B"}
    head, _, tail = token.partition(".")
    body = json.loads(base64.urlsafe_b64decode(head + "=="))
    wider = f"{armor({**body, 'k': ['A', 'B', 'C']})}.{tail}"
    attempts = [
        (ours, token, ALICE, NOW),
        (ours, token, BOB, NOW + 600),
        (others, token, BOB, NOW),
        (ours, wider, BOB, NOW),
        (ours, head, BOB, NOW),
        (ours, f"{head}.", BOB, NOW),
        (ours, "", BOB, NOW),
        (ours, None, BOB, NOW),
        (ours, "é", BOB, NOW),
        (ours, token + "A" * 5000, BOB, NOW),
    ]
    for reader, text, verifier, moment in attempts:
        with pytest.raises(NotEntitledError, match="opens nothing here"):
            reader.read(text, verifier, moment)
