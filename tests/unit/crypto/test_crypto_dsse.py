"""DSSE: the protocol's own example, exact types, duplicate names and keys, strict spelling."""

import base64
import json
from pathlib import Path

import pytest

from delian.crypto.dsse import (
    Envelope,
    EnvelopeError,
    EnvelopeFormError,
    Signature,
    document_type,
    pae,
    sign,
    signers,
    verify,
)
from delian.crypto.sign import PrivateKey, PublicKey
from delian.terms.errors import InputError, TamperedError

VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "dsse.json").read_text("utf-8"))
KEY = PrivateKey.from_seed("ed25519", bytes(range(32)))
OTHER = PrivateKey.from_seed("ed25519", bytes(range(1, 33)))


@pytest.mark.parametrize("case", VECTORS["pae"], ids=lambda c: c["name"])
def test_pae_vectors(case: dict[str, str]) -> None:
    made = pae(case["payloadType"], bytes.fromhex(case["payload_hex"]))
    assert made.hex() == case["pae_hex"]


@pytest.mark.parametrize("case", VECTORS["envelopes"], ids=lambda c: c["name"])
def test_envelope_vectors(case: dict[str, str]) -> None:
    envelope = Envelope.from_wire(case["envelope"].encode())
    public = PublicKey("ed25519", bytes.fromhex(case["public_hex"]))
    assert verify(envelope, case["keyid"], public, case["payloadType"]) == case["payload"].encode()
    assert envelope.to_wire() == case["envelope"].encode()


def test_the_signature_is_bound_to_type_key_id_place_and_bytes() -> None:
    kind = document_type("terms")
    envelope = sign(kind, b"{}", {"FRA/agent": KEY})
    assert verify(envelope, "FRA/agent", KEY.public, kind) == b"{}"
    sig = envelope.signatures
    for wrong in [
        (envelope, "FRA/agent", KEY.public, document_type("closing")),
        (envelope, "DEU/agent", KEY.public, kind),
        (envelope, "FRA/agent", OTHER.public, kind),
        (Envelope(kind, b"{ }", sig), "FRA/agent", KEY.public, kind),
        (
            Envelope(document_type("closing"), b"{}", sig),
            "FRA/agent",
            KEY.public,
            document_type("closing"),
        ),
        (Envelope(kind, b"{}", ()), "FRA/agent", KEY.public, kind),
    ]:
        with pytest.raises(TamperedError):
            verify(*wrong)


def test_signers_count_raw_keys_not_names() -> None:
    names = [f"N{i:02d}/agent" for i in range(32)]
    envelope = sign(document_type("release"), b"x", dict.fromkeys(names, KEY))
    assert signers(envelope, lambda _: KEY.public) == ("N00/agent",)
    mixed = sign(document_type("release"), b"x", {**dict.fromkeys(names, KEY), "OTH/agent": OTHER})
    known = {**dict.fromkeys(names, KEY.public), "OTH/agent": OTHER.public}
    assert signers(mixed, known.get) == ("N00/agent", "OTH/agent")


def test_strangers_and_broken_signatures_count_for_nobody_and_spoil_nothing() -> None:
    good = sign("t", b"x", {"A/agent": KEY}).signatures[0]
    envelope = Envelope(
        "t", b"x", (Signature("B/agent", bytes(64)), Signature("Z/agent", good.sig), good)
    )
    known = {"A/agent": KEY.public, "B/agent": OTHER.public}
    assert signers(envelope, known.get) == ("A/agent",)


def test_a_broken_signature_under_an_earlier_name_does_not_use_up_the_key() -> None:
    good = sign("t", b"x", {"B/agent": KEY}).signatures[0]
    envelope = Envelope("t", b"x", (Signature("A/agent", bytes(64)), good))
    assert signers(envelope, lambda _: KEY.public) == ("B/agent",)


def test_a_key_id_twice_is_refused() -> None:
    one = sign("t", b"x", {"A/agent": KEY}).signatures[0]
    two = Signature("A/agent", bytes(64))
    for pair in ((one, one), (one, two)):
        with pytest.raises(EnvelopeFormError):
            Envelope("t", b"x", pair)


def test_joining_envelopes() -> None:
    a = sign("t", b"x", {"A/agent": KEY})
    b = sign("t", b"x", {"B/agent": OTHER})
    assert [s.keyid for s in a.added(b).signatures] == ["A/agent", "B/agent"]
    assert a.added(b) == b.added(a) == a.added(b).added(a)
    for other in (
        sign("t", b"y", {"B/agent": OTHER}),
        sign("u", b"x", {"B/agent": OTHER}),
        sign("t", b"x", {"A/agent": OTHER}),
    ):
        with pytest.raises(EnvelopeError):
            a.added(other)


def _wire(**changes: object) -> bytes:
    plain: dict[str, object] = {
        "payload": base64.b64encode(b"xy").decode(),
        "payloadType": "t",
        "signatures": [{"keyid": "A/agent", "sig": base64.b64encode(bytes(64)).decode()}],
    }
    plain.update(changes)
    return json.dumps({k: v for k, v in plain.items() if v is not None}).encode()


@pytest.mark.parametrize(
    "changes",
    [
        {"payload": "eHk"},
        {"payload": "eHl="},
        {"payload": " eHk="},
        {"payload": "eHk=\n"},
        {"payload": "_-8="},
        {"payload": 5},
        {"payload": None},
        {"payloadType": ""},
        {"payloadType": "a\nb"},
        {"payloadType": "t" * 256},
        {"signatures": None},
        {"signatures": {}},
        {"signatures": ["x"]},
        {"signatures": [{"keyid": "A/agent"}]},
        {"signatures": [{"keyid": "A/agent", "sig": ""}]},
        {"signatures": [{"keyid": "", "sig": "AAAA"}]},
        {"signatures": [{"keyid": "A", "sig": "AAAA", "cert": "x"}]},
        {"signatures": [{"keyid": "A", "sig": "A" * 8000}]},
        {"signatures": [{"keyid": "A", "sig": "AAAA"}] * 2},
        {"signatures": [{"keyid": f"A{i}", "sig": "AAAA"} for i in range(1025)]},
        {"extra": 1},
    ],
)
def test_loose_envelopes_are_refused(changes: dict[str, object]) -> None:
    Envelope.from_wire(_wire())
    with pytest.raises(InputError):
        Envelope.from_wire(_wire(**changes))


def test_size_is_bounded() -> None:
    wire = _wire()
    Envelope.from_wire(wire, max_bytes=len(wire))
    with pytest.raises(InputError):
        Envelope.from_wire(wire, max_bytes=len(wire) - 1)
