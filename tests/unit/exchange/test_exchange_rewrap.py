"""Requests, bindings, wrapped keys: known answers, and each part wrong in turn."""

import base64
import copy
import json
import pickle
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from delian.exchange.key_access_errors import KeyRequestError
from delian.exchange.key_access_wire import double, field, read_fields, struct_bytes, text_of
from delian.exchange.rewrap import (
    MAX_KEYS,
    KeyResult,
    RewrapAnswer,
    read_request,
)
from delian.exchange.session_keys import (
    EC_P256,
    RSA_2048,
    ServiceKey,
    Session,
    WrappedKey,
    check_binding,
    load_public,
    open_sealed,
    public_pem,
)
from tests.key_access_world import hkdf

SHARE = bytes(range(32))
RSA_KEY, EC_KEY = ServiceKey.make("r1", RSA_2048), ServiceKey.make("e1", EC_P256)
OTHER_EC = ServiceKey.make("e2", EC_P256)
SHA1 = hashes.SHA1()
OAEP = padding.OAEP(padding.MGF1(SHA1), SHA1, None)
# A file that the Go, JavaScript and Java clients open: its policy, and the binding they accept.
POLICY = (
    "eyJ1dWlkIjoiMTExMTExMTEtMTExMS00MTExLTgxMTEtMTExMTExMTExMTExIiwiYm9keSI6eyJkYXRhQXR0cmlidXRl"
    "cyI6W10sImRpc3NlbSI6W119fQ=="
)
BINDING = "MjgyNzU1OTMzM2QyZTQyMjk0MDEwZjc0YWQ5M2U5MzBkNzNhZjgxN2FmNjA1ZmE4NDMwYTBhNDBhNjg4ZTM2Zg=="


def pem_of(key: Any) -> str:
    return str(
        key.public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        .decode()
    )


def rsa_wrapped(share: bytes = SHARE) -> WrappedKey:
    public = load_public(RSA_KEY.public_pem())
    assert isinstance(public, rsa.RSAPublicKey)
    return WrappedKey("k", "wrapped", "r1", public.encrypt(share, OAEP), "", b"")


def ec_wrapped(share: bytes = SHARE) -> WrappedKey:
    public = load_public(EC_KEY.public_pem())
    assert isinstance(public, ec.EllipticCurvePublicKey)
    own = ec.generate_private_key(ec.SECP256R1())
    sealed = bytes(12) + AESGCM(hkdf(own.exchange(ec.ECDH(), public))).encrypt(
        bytes(12), share, None
    )
    return WrappedKey("k", "ec-wrapped", "e1", sealed, pem_of(own), b"")


def test_the_binding_of_a_file_that_stock_clients_open() -> None:
    binding = base64.b64decode(BINDING)
    check_binding(SHARE, POLICY, binding)
    check_binding(SHARE, POLICY, bytes.fromhex(binding.decode()))


@pytest.mark.parametrize("change", ["policy", "share", "binding", "empty", "upper", "cut"])
def test_a_binding_that_does_not_hold(change: str) -> None:
    binding, policy, share = base64.b64decode(BINDING), POLICY, SHARE
    match change:
        case "policy":
            policy = "A" + POLICY[1:]
        case "share":
            share = bytes(32)
        case "binding":
            binding = b"0" + binding[1:]
        case "empty":
            binding = b""
        case "upper":
            binding = binding.upper()
        case _:
            binding = binding[:32]
    with pytest.raises(KeyRequestError, match="not the one bound"):
        check_binding(share, policy, binding)


def test_keys_are_unwrapped_as_writers_wrap_them() -> None:
    assert RSA_KEY.unwrap(rsa_wrapped()) == SHARE
    assert EC_KEY.unwrap(ec_wrapped()) == SHARE


@pytest.mark.parametrize("size", [0, 16, 31, 33])
def test_a_share_of_another_length_is_refused(size: int) -> None:
    for key, wrapped in ((RSA_KEY, rsa_wrapped(bytes(size))), (EC_KEY, ec_wrapped(bytes(size)))):
        with pytest.raises(KeyRequestError, match="not wrapped for this service"):
            key.unwrap(wrapped)


def test_every_failure_of_unwrapping_has_the_same_words() -> None:
    """Whoever alters a wrapped key learns nothing from how it fails."""
    good, words = rsa_wrapped(), set()
    sealed = ec_wrapped()
    attempts = [
        (RSA_KEY, WrappedKey("k", "wrapped", "r1", bytes(256), "", b"")),
        (RSA_KEY, WrappedKey("k", "wrapped", "r1", good.wrapped[:-1], "", b"")),
        (RSA_KEY, WrappedKey("k", "ec-wrapped", "r1", good.wrapped, "", b"")),
        (RSA_KEY, rsa_wrapped(bytes(16))),
        (EC_KEY, WrappedKey("k", "ec-wrapped", "e1", sealed.wrapped[:-1], sealed.ephemeral, b"")),
        (EC_KEY, WrappedKey("k", "ec-wrapped", "e1", b"", sealed.ephemeral, b"")),
        (OTHER_EC, sealed),
        (EC_KEY, WrappedKey("k", "wrapped", "e1", sealed.wrapped, sealed.ephemeral, b"")),
    ]
    for key, wrapped in attempts:
        with pytest.raises(KeyRequestError) as caught:
            key.unwrap(wrapped)
        words.add(str(caught.value))
    assert words == {"the key was not wrapped for this service"}


def test_a_session_seals_to_its_reader_alone() -> None:
    reader = ec.generate_private_key(ec.SECP256R1())
    session = Session(reader.public_key(), lambda n: bytes(range(n)))
    sealed = session.seal(SHARE)
    assert open_sealed(reader, session.public, sealed) == SHARE
    service = load_public(session.public)
    assert isinstance(service, ec.EllipticCurvePublicKey)
    opened = AESGCM(hkdf(reader.exchange(ec.ECDH(), service))).decrypt(
        sealed[:12], sealed[12:], None
    )
    assert opened == SHARE
    stranger = ec.generate_private_key(ec.SECP256R1())
    with pytest.raises(KeyRequestError):
        open_sealed(stranger, session.public, sealed)
    with pytest.raises(KeyRequestError):
        open_sealed(reader, session.public, sealed[:-1] + bytes([sealed[-1] ^ 1]))
    with pytest.raises(KeyRequestError):
        open_sealed(reader, RSA_KEY.public_pem(), sealed)


def test_an_rsa_session() -> None:
    reader = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    session = Session(reader.public_key(), bytes)
    assert session.public == ""
    assert reader.decrypt(session.seal(SHARE), OAEP) == SHARE


@pytest.mark.parametrize("bad", ["weak", "curve", "ed25519", "private", "text", "empty"])
def test_a_session_key_of_another_kind_is_refused(bad: str) -> None:
    made = {
        "weak": lambda: pem_of(rsa.generate_private_key(public_exponent=65537, key_size=1024)),
        "curve": lambda: pem_of(ec.generate_private_key(ec.SECP256K1())),
        "ed25519": lambda: pem_of(ed25519.Ed25519PrivateKey.generate()),
        "private": lambda: EC_KEY.private_pem().decode(),
        "text": lambda: "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----",
        "empty": lambda: "",
    }[bad]()
    with pytest.raises(KeyRequestError):
        load_public(made)


def body() -> dict[str, Any]:
    key = {
        "type": "wrapped",
        "url": "https://kas.example",
        "kid": "r1",
        "wrappedKey": base64.b64encode(rsa_wrapped().wrapped).decode(),
        "policyBinding": {"alg": "HS256", "hash": BINDING},
    }
    return {
        "clientPublicKey": EC_KEY.public_pem(),
        "requests": [
            {
                "policy": {"id": "policy", "body": POLICY},
                "keyAccessObjects": [{"keyAccessObjectId": "kao-0", "keyAccessObject": key}],
            }
        ],
    }


def read(plain: Any) -> Any:
    return read_request({"requestBody": plain if isinstance(plain, str) else json.dumps(plain)})


def test_a_request_of_the_newer_form() -> None:
    found = read(body())
    assert not found.is_single
    assert [(i.id, i.policy, [k.id for k in i.keys]) for i in found.items] == [
        ("policy", POLICY, ["kao-0"])
    ]
    assert found.items[0].keys[0].binding == base64.b64decode(BINDING)


def test_a_request_of_the_older_form_and_its_spellings() -> None:
    new = body()
    key = new["requests"][0]["keyAccessObjects"][0]["keyAccessObject"]
    for binding in (BINDING, {"hash": BINDING}, {"alg": "", "hash": BINDING}):
        key["policyBinding"] = binding
        old = {"clientPublicKey": new["clientPublicKey"], "policy": POLICY, "keyAccess": key}
        found = read(old)
        assert found.is_single
        assert found.items[0].keys[0].binding == base64.b64decode(BINDING)
    del key["type"], key["kid"]
    key["keyType"] = "wrapped"
    assert read(old).items[0].keys[0].kid == ""


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (["clientPublicKey"], None),
        (["clientPublicKey"], "x" * 5000),
        (["requests"], {}),
        (["requests"], "x"),
        (["requests", 0], None),
        (["requests", 0, "policy"], None),
        (["requests", 0, "policy", "body"], 5),
        (["requests", 0, "policy", "body"], "x" * 70_000),
        (["requests", 0, "policy", "id"], "x" * 300),
        (["requests", 0, "keyAccessObjects"], []),
        (["requests", 0, "keyAccessObjects"], [None]),
        (["requests", 0, "keyAccessObjects", 0, "keyAccessObjectId"], None),
        (["requests", 0, "keyAccessObjects", 0, "keyAccessObject"], []),
        (["requests", 0, "keyAccessObjects", 0, "keyAccessObject", "wrappedKey"], "!"),
        (["requests", 0, "keyAccessObjects", 0, "keyAccessObject", "wrappedKey"], "A" * 2000),
        (["requests", 0, "keyAccessObjects", 0, "keyAccessObject", "policyBinding"], None),
        (["requests", 0, "keyAccessObjects", 0, "keyAccessObject", "policyBinding"], {}),
        (
            ["requests", 0, "keyAccessObjects", 0, "keyAccessObject", "policyBinding"],
            {"alg": "none", "hash": BINDING},
        ),
        (["requests", 0, "keyAccessObjects", 0, "keyAccessObject", "type"], "remote"),
        (["requests", 0, "keyAccessObjects", 0, "keyAccessObject", "kid"], 5),
    ],
)
def test_a_request_that_is_wrong_in_one_place(path: list[Any], value: Any) -> None:
    plain = copy.deepcopy(body())
    place: Any = plain
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    with pytest.raises(KeyRequestError):
        read(plain)


def test_a_request_for_too_many_keys() -> None:
    plain = body()
    plain["requests"][0]["keyAccessObjects"] *= MAX_KEYS
    assert len(read(plain).items[0].keys) == MAX_KEYS
    plain["requests"] *= 2
    with pytest.raises(KeyRequestError, match="too many"):
        read(plain)


@pytest.mark.parametrize("text", ["", "[]", "5", "[" * 100_000, '{"a":', "x" * 600_000])
def test_a_body_that_is_no_request(text: str) -> None:
    with pytest.raises(KeyRequestError):
        read(text)


def test_an_answer_on_the_wire() -> None:
    keys = (KeyResult("kao-0", b"\x01\x02", ""), KeyResult("kao-1", None, "no"))
    answer = RewrapAnswer((("policy", keys),), "PEM")
    permit = b"\x12\x05kao-0\x1a\x06permit\x22\x02\x01\x02"
    fail = b"\x12\x05kao-1\x1a\x04fail\x2a\x02no"
    inner = b"\x0a\x06policy\x12" + bytes([len(permit)]) + permit
    inner += b"\x12" + bytes([len(fail)]) + fail
    assert answer.to_proto() == b"\x1a\x03PEM\x2a" + bytes([len(inner)]) + inner
    one = RewrapAnswer((("policy", keys[:1]),), "")
    assert one.to_proto().startswith(b"\x12\x02\x01\x02\x2a")
    assert one.to_plain()["entityWrappedKey"] == "AQI="
    assert "entityWrappedKey" not in answer.to_plain()
    assert RewrapAnswer((("policy", keys[1:]),), "").to_proto().startswith(b"\x2a")


def test_messages_of_the_protobuf_guide() -> None:
    """The encoding guide's own examples: field 1 = 150, field 2 = "testing"."""
    assert field(1, 150) == bytes.fromhex("089601")
    assert field(2, "testing") == bytes.fromhex("120774657374696e67")
    assert read_fields(bytes.fromhex("089601120774657374696e67")) == {1: [150], 2: [b"testing"]}
    assert double(1, 1.0) == bytes.fromhex("09000000000000f03f")


def test_a_struct_on_the_wire() -> None:
    """{"a": true} and {"n": null}, put together by hand from the definition of Struct."""
    assert struct_bytes({"a": True}) == bytes.fromhex("0a070a016112022001")
    assert struct_bytes({"n": None}) == bytes.fromhex("0a070a016e12020800")
    nested: Any = {}
    for _ in range(40):
        nested = {"a": nested}
    with pytest.raises(KeyRequestError, match="too deep"):
        struct_bytes(nested)


@pytest.mark.parametrize(
    "data",
    [
        "08",
        "ffffffffffffffffffff01",
        "00",
        "0a05",
        "0aff",
        "0affffffffffffffffff01",
        "0b",
        "0c",
        "0e00",
        "09000000",
    ],
)
def test_messages_that_are_cut_off_or_of_unknown_form(data: str) -> None:
    with pytest.raises(KeyRequestError):
        read_fields(bytes.fromhex(data))


def test_a_message_of_very_many_fields_is_refused() -> None:
    with pytest.raises(KeyRequestError, match="too many"):
        read_fields(b"\x08\x01" * 5000)


def test_a_field_of_another_type_is_refused() -> None:
    with pytest.raises(KeyRequestError, match="another type"):
        text_of(read_fields(bytes.fromhex("0801")), 1)
    with pytest.raises(KeyRequestError, match="UTF-8"):
        text_of(read_fields(b"\x0a\x01\xff"), 1)
    assert text_of({}, 1) == ""


def test_a_message_nested_in_itself_stays_bytes() -> None:
    """Reading does not descend, so that depth costs nothing."""
    data = b"x"
    for _ in range(2000):
        data = field(1, data)
    assert len(read_fields(data)) == 1


def test_secrets_do_not_show_and_do_not_travel() -> None:
    assert "private" not in repr(RSA_KEY).lower()
    assert public_pem(load_public(RSA_KEY.public_pem())) == RSA_KEY.public_pem()
    reader = ec.generate_private_key(ec.SECP256R1())
    for secret in (RSA_KEY, EC_KEY, Session(reader.public_key(), bytes)):
        with pytest.raises(TypeError):
            pickle.dumps(secret)


def test_a_damaged_key_file_is_refused() -> None:
    assert ServiceKey.from_pem("r1", RSA_KEY.private_pem()).public_pem() == RSA_KEY.public_pem()
    other = ed25519.Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    for pem in (b"", b"x", RSA_KEY.private_pem()[:200], other):
        with pytest.raises(KeyRequestError):
            ServiceKey.from_pem("r1", pem)
