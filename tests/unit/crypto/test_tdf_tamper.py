"""Every way we know to alter a TDF file, one a line; each must be refused before the first byte.

``OUTSIDER`` alterations need nothing but the file and are refused without a pinned originator.
``INSIDER`` alterations are made by a reader who holds the data key: only the originator's signature
stands against them, and the tests below show that without it they pass. ``LATE`` alterations lie
inside one piece, whose bytes are never handed out.
"""

import base64
import copy
import json
import struct
import zipfile
from collections.abc import Callable
from functools import cache
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from delian.crypto.tdf_errors import (
    TdfFormError,
    TdfLabelError,
    TdfOriginError,
    TdfTamperedError,
)
from delian.crypto.tdf_keys import DataKey
from delian.crypto.tdf_origin import Origin, sign_origin
from delian.crypto.tdf_policy import TdfPolicy
from delian.crypto.tdf_read import FOREIGN_FILE, TdfPins, TdfReader, open_tdf, read_head
from delian.crypto.tdf_write import TdfSigner
from delian.crypto.tdf_zip import MemoryAccess
from delian.terms.encode import digest
from delian.terms.errors import DelianError
from tests.tdf_world import (
    LABEL,
    MANIFEST,
    ORIGINATOR,
    PAYLOAD,
    PINNED,
    PLAIN,
    SEGMENT,
    STRANGER,
    UNPINNED,
    TdfFile,
    b64,
    compact,
    grant,
    jose,
    oracle,
    pack,
    pem,
    plan,
    read,
    reader,
    rsa_key,
    services,
    write,
)

Change = Callable[[TdfFile], bytes]


@cache
def _good(kind: str) -> tuple[bytes, bytes]:
    if kind == "signed":
        return write(plan(signed=True))
    if kind == "split":
        return write(plan(grant("alliance", "1"), grant("nation", "2")))
    if kind == "hex":
        return write(plan(schema="4.2.2"))
    if kind == "other":
        policy = TdfPolicy("0" * 32, ("https://league.example/attr/audience/value/fra",))
        return write(plan(signed=True, policy=policy), PLAIN[::-1], seed="other")
    return write(plan())


def file(kind: str = "plain") -> TdfFile:
    """A good file, taken apart afresh."""
    return TdfFile.of(*_good(kind))


def label(f: TdfFile) -> dict[str, Any]:
    assertion: dict[str, Any] = f.manifest["assertions"][0]
    return assertion


# The container: what two zip readers could see differently.


def _both_manifests(f: TdfFile) -> bytes:
    entries = [(PAYLOAD, f.payload), (MANIFEST, b"{}"), (MANIFEST, compact(f.manifest))]
    return pack(entries)


def _both_payloads(f: TdfFile) -> bytes:
    return pack([(PAYLOAD, f.payload), (PAYLOAD, b""), (MANIFEST, compact(f.manifest))])


def _two_names(f: TdfFile) -> bytes:
    f.extra.append(("manifest.json", compact(f.manifest)))
    return f.pack()


def _deflated_manifest(f: TdfFile) -> bytes:
    return f.pack(zipfile.ZIP_DEFLATED)


def _comment(f: TdfFile) -> bytes:
    data = f.pack()
    return data[:-2] + struct.pack("<H", 5) + b"hello"


def _gap(f: TdfFile) -> bytes:
    """Bytes between the last entry and the directory, every offset put right."""
    data = f.pack()
    start = struct.unpack_from("<I", data, len(data) - 6)[0]
    end = data[-22:-6] + struct.pack("<I", start + 4) + data[-2:]
    return data[:start] + b"gap!" + data[start:-22] + end


def _local_name(f: TdfFile) -> bytes:
    data = f.pack()
    return data.replace(PAYLOAD.encode(), b"1.payload", 1)


def _crc(f: TdfFile) -> bytes:
    text = compact(f.manifest)
    return pack([(PAYLOAD, f.payload), (MANIFEST, text)]).replace(text, text[:-1] + b" ", 1)


def _overlap(f: TdfFile) -> bytes:
    """Both directory entries point to the first one."""
    data = bytearray(f.pack())
    second = data.rindex(b"PK\1\2")
    data[second + 42 : second + 46] = bytes(4)
    return bytes(data)


def _encrypted_flag(f: TdfFile) -> bytes:
    data = bytearray(f.pack())
    data[6] |= 1
    data[data.index(b"PK\1\2") + 8] |= 1
    return bytes(data)


def _descriptor(f: TdfFile) -> bytes:
    data = bytearray(_good("plain")[0])
    data[data.index(b"PK\7\x08") + 8] ^= 1
    return bytes(data)


def _several_disks(f: TdfFile) -> bytes:
    data = bytearray(f.pack())
    data[-18] = 1
    return bytes(data)


CONTAINER: dict[str, tuple[Change, type[DelianError]]] = {
    "bytes after the archive": (lambda f: f.pack() + b"\0", TdfFormError),
    "bytes before the archive": (lambda f: b"\0" + f.pack(), TdfTamperedError),
    "bytes between entries and directory": (_gap, TdfTamperedError),
    "archive cut off": (lambda f: f.pack()[:-1], TdfFormError),
    "archive cut to nothing": (lambda f: b"PK", TdfFormError),
    "two manifests of one name": (_both_manifests, TdfTamperedError),
    "two payloads of one name": (_both_payloads, TdfTamperedError),
    "manifest under both names": (_two_names, TdfFormError),
    "entries deflated": (_deflated_manifest, TdfFormError),
    "comment": (_comment, TdfFormError),
    "header names another entry": (_local_name, TdfTamperedError),
    "manifest not what its checksum says": (_crc, TdfTamperedError),
    "entries overlap": (_overlap, TdfTamperedError),
    "entry said to be encrypted": (_encrypted_flag, TdfFormError),
    "descriptor contradicts the directory": (_descriptor, TdfTamperedError),
    "several disks": (_several_disks, TdfFormError),
    "no payload": (lambda f: pack([(MANIFEST, compact(f.manifest))]), TdfFormError),
    "no manifest": (lambda f: pack([(PAYLOAD, f.payload)]), TdfFormError),
}


# The pieces.


def _drop(f: TdfFile, index: int) -> TdfFile:
    pieces = f.pieces()
    del pieces[index], f.integrity["segments"][index]
    f.payload = b"".join(pieces)
    return f


def _swap(f: TdfFile) -> TdfFile:
    pieces, segments = f.pieces(), f.integrity["segments"]
    pieces[0], pieces[1] = pieces[1], pieces[0]
    segments[0], segments[1] = segments[1], segments[0]
    f.payload = b"".join(pieces)
    return f


def _swap_bytes_only(f: TdfFile) -> bytes:
    first, second, *rest = f.pieces()
    f.payload = b"".join([second, first, *rest])
    return f.pack()


def _foreign_piece(f: TdfFile) -> bytes:
    f.payload = b"".join([file("other").pieces()[0], *f.pieces()[1:]])
    return f.pack()


def _twice(f: TdfFile) -> bytes:
    f.payload += f.pieces()[0]
    f.integrity["segments"].append(f.integrity["segments"][0])
    return f.pack()


def _keyless_root(f: TdfFile) -> bytes:
    """The root of a file without a key: the last sixteen bytes of what it is made over."""
    f.integrity["rootSignature"] = {"alg": "GMAC", "sig": b64(f.aggregate()[-16:])}
    return f.pack()


def _nothing_left(f: TdfFile, kind: str) -> bytes:
    f.payload, f.integrity["segments"] = b"", []
    f.seal()
    f.integrity["rootSignature"]["alg"] = kind
    return f.pack()


def _set(*path: Any) -> Change:
    """Set one member of the manifest."""

    def change(f: TdfFile) -> bytes:
        place: Any = f.manifest
        for step in path[:-2]:
            place = place[step]
        place[path[-2]] = path[-1]
        return f.pack()

    return change


def _in_integrity(*path: Any) -> Change:
    return _set("encryptionInformation", "integrityInformation", *path)


def _later_lengths(f: TdfFile) -> bytes:
    """The same total, divided elsewhere."""
    first, second = f.integrity["segments"][:2]
    for segment, by in ((first, 1), (second, -1)):
        segment["segmentSize"] += by
        segment["encryptedSegmentSize"] += by
    return f.pack()


def _no_version(f: TdfFile) -> bytes:
    del f.manifest["schemaVersion"]
    return f.pack()


PIECES: dict[str, tuple[Change, type[DelianError]]] = {
    "bytes after the last piece": (lambda f: _payload(f, f.payload + b"\0"), TdfTamperedError),
    "payload cut off": (lambda f: _payload(f, f.payload[:-1]), TdfTamperedError),
    "last piece dropped, list adjusted": (lambda f: _drop(f, -1).pack(), TdfTamperedError),
    "first piece dropped, list adjusted": (lambda f: _drop(f, 0).pack(), TdfTamperedError),
    "two pieces swapped, list adjusted": (lambda f: _swap(f).pack(), TdfTamperedError),
    "two pieces swapped": (_swap_bytes_only, TdfTamperedError),
    "a piece of another file": (_foreign_piece, TdfTamperedError),
    "a piece repeated, list adjusted": (_twice, TdfTamperedError),
    "root changed": (_in_integrity("rootSignature", "sig", b64(bytes(32))), TdfTamperedError),
    "root said to be of a keyless kind": (
        _in_integrity("rootSignature", "alg", "GMAC"),
        TdfTamperedError,
    ),
    "root cut to nothing": (_in_integrity("rootSignature", "sig", ""), TdfFormError),
    "root of a keyless kind": (_keyless_root, TdfTamperedError),
    "keyless root and a piece dropped": (
        lambda f: _keyless_root(_drop(f, -1)),
        TdfTamperedError,
    ),
    "keyless root and two pieces swapped": (lambda f: _keyless_root(_swap(f)), TdfTamperedError),
    "no pieces, keyless root": (lambda f: _nothing_left(f, "GMAC"), TdfTamperedError),
    "no pieces": (lambda f: _nothing_left(f, "HS256"), TdfTamperedError),
    "pieces bound in another way": (_in_integrity("segmentHashAlg", "HS256"), TdfTamperedError),
    "pieces not bound": (_in_integrity("segmentHashAlg", "none"), TdfFormError),
    "a piece's tag changed": (
        _in_integrity("segments", 0, "hash", b64(bytes(16))),
        TdfTamperedError,
    ),
    "plain size lies": (_in_integrity("segments", 0, "segmentSize", 5), TdfTamperedError),
    "sealed size lies": (
        _in_integrity("segments", 0, "encryptedSegmentSize", 5),
        TdfTamperedError,
    ),
    "sizes negative": (_in_integrity("segments", 0, "segmentSize", -1), TdfFormError),
    "pieces divided elsewhere": (_later_lengths, TdfTamperedError),
    "default sizes contradict": (_in_integrity("segmentSizeDefault", 7), TdfTamperedError),
    "version removed": (_no_version, TdfTamperedError),
    "version unknown": (_set("schemaVersion", "9.0.0"), TdfFormError),
    "said to be plain": (_set("payload", "isEncrypted", False), TdfTamperedError),
    "said to be sealed in another way": (
        _set("encryptionInformation", "method", "algorithm", "none"),
        TdfFormError,
    ),
    "payload named elsewhere": (_set("payload", "url", "https://host.example/"), TdfFormError),
}


def _payload(f: TdfFile, payload: bytes) -> bytes:
    f.payload = payload
    return f.pack()


# Keys and policy.


def _forged(f: TdfFile, *, key_access: bool = False) -> bytes:
    """A whole file made without any service, under a key that everybody knows."""
    forged, _ = write(plan(), b"forged", seed="forged")
    made = TdfFile.of(forged, bytes(32))
    piece = bytes(12) + _gcm(bytes(32), bytes(12), b"forged")
    made.payload = piece
    segment = {"hash": b64(piece[-16:]), "segmentSize": 6, "encryptedSegmentSize": len(piece)}
    made.integrity["segments"] = [segment]
    made.seal()
    if not key_access:
        made.encryption["keyAccess"] = []
    return made.pack()


def _gcm(key: bytes, iv: bytes, plain: bytes) -> bytes:
    sealing = Cipher(algorithms.AES(key), modes.GCM(iv)).encryptor()
    return sealing.update(plain) + sealing.finalize() + sealing.tag


def _plain_payload(f: TdfFile) -> bytes:
    """Clear bytes with plain hashes, said to be plain."""
    f.payload = b"clear"
    f.integrity["segments"] = [{"hash": b64(b"clear"), "segmentSize": 5, "encryptedSegmentSize": 5}]
    f.manifest["payload"]["isEncrypted"] = False
    return f.pack()


def _other_attribute(f: TdfFile) -> bytes:
    policy = json.loads(base64.b64decode(f.encryption["policy"]))
    policy["body"]["dataAttributes"] = []
    f.encryption["policy"] = b64(compact(policy))
    return f.pack()


def _other_policy(f: TdfFile) -> bytes:
    other = file("other")
    f.encryption["policy"] = other.encryption["policy"]
    binding = other.encryption["keyAccess"][0]["policyBinding"]
    f.encryption["keyAccess"][0]["policyBinding"] = binding
    return f.pack()


def _other_keys(f: TdfFile) -> bytes:
    f.encryption["keyAccess"] = file("other").encryption["keyAccess"]
    return f.pack()


def _in_access(*path: Any) -> Change:
    return _set("encryptionInformation", "keyAccess", 0, *path)


def _second_service(f: TdfFile) -> bytes:
    """An attacker's own service as an alternative, with a share of its own."""
    f.encryption["keyAccess"].append(file("other").encryption["keyAccess"][0])
    return f.pack()


def _one_split(f: TdfFile) -> bytes:
    split = file("split")
    del split.encryption["keyAccess"][1]
    return split.pack()


def _splits_joined(f: TdfFile) -> bytes:
    split = file("split")
    split.encryption["keyAccess"][1]["sid"] = "1"
    return split.pack()


def _member_twice(f: TdfFile) -> bytes:
    text = compact(f.manifest).replace(b'"payload":', b'"payload":{},"payload":', 1)
    return pack([(PAYLOAD, f.payload), (MANIFEST, text)])


KEYS: dict[str, tuple[Change, type[DelianError]]] = {
    "forged file, no key service": (_forged, TdfTamperedError),
    "forged clear payload": (_plain_payload, TdfTamperedError),
    "an attribute taken out of the policy": (_other_attribute, TdfTamperedError),
    "policy and binding of another file": (_other_policy, TdfTamperedError),
    "keys of another file": (_other_keys, TdfTamperedError),
    "policy binding changed": (
        _in_access("policyBinding", "hash", b64(b"0" * 64)),
        TdfTamperedError,
    ),
    "policy binding cut": (_in_access("policyBinding", "hash", b64(b"0" * 8)), TdfTamperedError),
    "policy bound without a key": (_in_access("policyBinding", "alg", "none"), TdfTamperedError),
    "policy not bound": (_in_access("policyBinding", None), TdfFormError),
    "wrapped key changed": (_in_access("wrappedKey", b64(bytes(60))), DelianError),
    "key wrapped in another way": (_in_access("type", "remote"), TdfFormError),
    "key wrapped for another kind of key": (_in_access("type", "wrapped"), TdfFormError),
    "ephemeral key taken out": (_in_access("ephemeralPublicKey", None), TdfFormError),
    "service of another protocol": (_in_access("protocol", "smtp"), TdfFormError),
    "an attacker's service added": (_second_service, TdfTamperedError),
    "one split taken out": (_one_split, TdfTamperedError),
    "two splits made alternatives": (_splits_joined, TdfTamperedError),
    "a member twice": (_member_twice, TdfFormError),
}


# Assertions.


def _label_dropped(f: TdfFile) -> bytes:
    f.manifest["assertions"] = []
    return f.pack()


def _label_of_other(f: TdfFile) -> bytes:
    f.manifest["assertions"] = file("other").manifest["assertions"]
    return f.pack()


def _label_again(f: TdfFile) -> bytes:
    f.manifest["assertions"].append(copy.deepcopy(label(f)))
    return f.pack()


def _resigned(f: TdfFile, header: dict[str, Any]) -> bytes:
    """The label altered and signed with a key that the header brings along."""
    label(f)["statement"]["value"] = LABEL.replace("UNCLASSIFIED", "PUBLIC")
    message = f"{jose(compact(header))}.{jose(compact(f.claims(label(f))))}"
    signature = rsa_key().sign(message.encode(), padding.PKCS1v15(), hashes.SHA256())
    label(f)["binding"]["signature"] = f"{message}.{jose(signature)}"
    return f.pack()


def _own_jwk() -> dict[str, Any]:
    numbers = rsa_key().public_key().public_numbers()
    n = jose(numbers.n.to_bytes(256, "big"))
    return {"alg": "RS256", "jwk": {"kty": "RSA", "n": n, "e": "AQAB"}}


def _own_x5c() -> dict[str, Any]:
    der = (
        rsa_key()
        .public_key()
        .public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    )
    return {"alg": "RS256", "x5c": [b64(der)]}


def _hmac_with_public_key(f: TdfFile) -> bytes:
    f.key = pem(rsa_key()).encode()
    f.bind(label(f))
    return f.pack()


def _no_algorithm(f: TdfFile) -> bytes:
    message = f"{jose(compact({'alg': 'none'}))}.{jose(compact(f.claims(label(f))))}"
    label(f)["binding"]["signature"] = f"{message}."
    return f.pack()


def _bring_key(f: TdfFile) -> bytes:
    f.bind(label(f), {"alg": "HS256", "jwk": {"kty": "oct", "k": jose(f.key)}})
    return f.pack()


def _extra(*path: Any) -> Change:
    """A member that stock clients leave out of what they check."""

    def change(f: TdfFile) -> bytes:
        place: Any = label(f)
        for step in path:
            place = place[step]
        place["classification"] = "PUBLIC"
        return f.pack()

    return change


def _forged_beside(f: TdfFile) -> bytes:
    """By a holder of the key: a second label under another id."""
    forged = copy.deepcopy(label(f))
    forged["id"], forged["statement"]["value"] = "label-2", LABEL.replace("UN", "")
    f.manifest["assertions"].append(forged)
    return f.seal().pack()


def _renamed(f: TdfFile) -> bytes:
    label(f)["id"] = "label-2"
    return f.seal().pack()


def _claims(change: Callable[[dict[str, Any]], Any]) -> Change:
    """By a holder of the key: a binding that contradicts itself."""

    def altered(f: TdfFile) -> bytes:
        header = jose(compact({"alg": "HS256", "typ": "JWT"}))
        message = f"{header}.{jose(compact(change(f.claims(label(f)))))}"
        signature = jose(DataKey(f.key).mac(message.encode()))
        label(f)["binding"]["signature"] = f"{message}.{signature}"
        return f.pack()

    return altered


def _binding_text(change: Callable[[str], str]) -> Change:
    def altered(f: TdfFile) -> bytes:
        binding = label(f)["binding"]
        binding["signature"] = change(binding["signature"])
        return f.pack()

    return altered


ASSERTIONS: dict[str, tuple[Change, type[DelianError]]] = {
    "label dropped": (_label_dropped, TdfLabelError),
    "label's text changed": (
        _set("assertions", 0, "statement", "value", LABEL.replace("UN", "")),
        TdfLabelError,
    ),
    "label's scope changed": (_set("assertions", 0, "scope", "payload"), TdfLabelError),
    "label not bound": (_set("assertions", 0, "binding", None), TdfFormError),
    "label of another file": (_label_of_other, TdfLabelError),
    "label twice": (_label_again, TdfLabelError),
    "signed with a key in its header": (lambda f: _resigned(f, _own_jwk()), TdfLabelError),
    "signed with a certificate in its header": (
        lambda f: _resigned(f, _own_x5c()),
        TdfLabelError,
    ),
    "signed with an unknown key": (lambda f: _resigned(f, {"alg": "RS256"}), TdfLabelError),
    "bound with a public key": (_hmac_with_public_key, TdfLabelError),
    "bound with no algorithm": (_no_algorithm, TdfLabelError),
    "data key in its header": (_bring_key, TdfLabelError),
    "forged with the data key under another id": (_forged_beside, TdfLabelError),
    "renamed with the data key": (_renamed, TdfLabelError),
    "unsigned member in the assertion": (_extra(), TdfFormError),
    "unsigned member in the statement": (_extra("statement"), TdfFormError),
    "unsigned member in the binding": (_extra("binding"), TdfFormError),
    "binding of another method": (_set("assertions", 0, "binding", "method", "xml"), TdfFormError),
    "binding in four parts": (_binding_text(lambda text: f"{text}.x"), TdfLabelError),
    "binding in two parts": (_binding_text(lambda text: text.rpartition(".")[0]), TdfLabelError),
    "binding no base64url": (_binding_text(lambda text: text.replace(".", ".*")), TdfLabelError),
    "binding without JSON": (_binding_text(lambda text: f"eyJ{text}"), TdfLabelError),
    "bound hash is another": (
        _claims(lambda claims: {**claims, "assertionHash": "0" * 64}),
        TdfLabelError,
    ),
    "bound values are others": (
        _claims(lambda claims: {**claims, "assertionSig": b64(b"x")}),
        TdfLabelError,
    ),
    "bound to nothing": (_claims(lambda _claims: {}), TdfLabelError),
    "bound to a list": (_claims(lambda claims: [claims]), TdfLabelError),
    "statement that is no text": (
        _set("assertions", 0, "statement", "value", {"ocl": {}}),
        TdfFormError,
    ),
}

OUTSIDER = {
    f"{room}: {name}": case
    for room, cases in (
        ("container", CONTAINER),
        ("pieces", PIECES),
        ("keys", KEYS),
        ("assertions", ASSERTIONS),
    )
    for name, case in cases.items()
}


# By a reader who holds the data key.


def _new_payload(f: TdfFile) -> bytes:
    """Other plain bytes, sealed and bound again."""
    piece = bytes(12) + _gcm(f.key, bytes(12), b"forged")
    f.payload = piece
    segment = {"hash": b64(piece[-16:]), "segmentSize": 6, "encryptedSegmentSize": len(piece)}
    f.integrity["segments"] = [segment]
    return f.seal().pack()


def _new_label(f: TdfFile) -> bytes:
    label(f)["statement"]["value"] = LABEL.replace("UNCLASSIFIED", "PUBLIC")
    return f.seal().pack()


def _same_tag(f: TdfFile) -> bytes:
    """Other plain bytes under the same integrity values: GCM tags do not commit."""
    first, *rest = f.pieces()
    f.payload = b"".join([_collide(f.key, first), *rest])
    return f.pack()


def _collide(key: bytes, piece: bytes) -> bytes:
    """Two blocks altered so that the polynomial of the tag keeps its value.

    The tag is linear in the blocks: block i weighs H^(n-i), so adding d to block 0 and d times H
    to block 1 leaves it as it was.
    """
    h = Cipher(algorithms.AES(key), modes.ECB()).encryptor().update(bytes(16))
    d = b"forged by reader"
    body = bytearray(piece)
    for at, change in ((12, d), (28, _times(d, h))):
        for i, byte in enumerate(change):
            body[at + i] ^= byte
    return bytes(body)


def _times(a: bytes, b: bytes) -> bytes:
    """Product in the field of GHASH (bits run from the left)."""
    x, v, z = int.from_bytes(a, "big"), int.from_bytes(b, "big"), 0
    for bit in range(127, -1, -1):
        if x >> bit & 1:
            z ^= v
        v = v >> 1 ^ (0xE1 << 120 if v & 1 else 0)
    return z.to_bytes(16, "big")


def _wider_policy(f: TdfFile) -> bytes:
    made, _ = write(plan(policy=TdfPolicy("open-to-all"), assertions=()), PLAIN, seed="wide")
    wide = TdfFile.of(made, f.key)
    wide.origin = f.origin
    return wide.pack()


INSIDER: dict[str, Change] = {
    "payload replaced": _new_payload,
    "payload replaced under the same tags": _same_tag,
    "last piece dropped": lambda f: _drop(f, -1).seal().pack(),
    "label replaced": _new_label,
    "file made again for everybody": _wider_policy,
}


def _origin(f: TdfFile, **changes: Any) -> TdfFile:
    """The file with another word of its originator, signed with the pinned key."""
    envelope = json.loads(f.origin or b"")
    said = Origin.from_wire(base64.b64decode(envelope["payload"]))
    values = {"manifest": said.manifest, "label": said.label, "subject": None}
    made = Origin(**{**values, "segments": said.segments, **changes})
    f.origin = sign_origin(made, {"league/sign": ORIGINATOR}).to_wire()
    return f


def _by(f: TdfFile, keyid: str) -> bytes:
    envelope = json.loads(f.origin or b"")
    said = Origin.from_wire(base64.b64decode(envelope["payload"]))
    f.origin = sign_origin(said, {keyid: STRANGER}).to_wire()
    return f.pack()


def _no_origin(f: TdfFile) -> bytes:
    f.origin = None
    return f.pack()


def _other_origin(f: TdfFile) -> bytes:
    f.origin = file("other").origin
    return f.pack()


def _extra_entry(f: TdfFile) -> bytes:
    f.extra.append(("readme.txt", b"not signed"))
    return f.pack()


def _signature_flipped(f: TdfFile) -> bytes:
    envelope = json.loads(f.origin or b"")
    raw = bytearray(base64.b64decode(envelope["signatures"][0]["sig"]))
    raw[0] ^= 1
    envelope["signatures"][0]["sig"] = b64(bytes(raw))
    f.origin = compact(envelope)
    return f.pack()


ORIGINS: dict[str, Change] = {
    "signature taken out": _no_origin,
    "signature of another file": _other_origin,
    "signed by a stranger": lambda f: _by(f, "stranger/sign"),
    "signed by a stranger under the pinned name": lambda f: _by(f, "league/sign"),
    "signature altered": _signature_flipped,
    "signature no envelope": lambda f: _with_origin(f, b"{}"),
    "signed manifest is another": lambda f: _origin(f, manifest=digest(b"x")).pack(),
    "signed label is another": lambda f: _origin(f, label=digest(b"x")).pack(),
    "signed pieces are fewer": lambda f: _origin(f, segments=b"").pack(),
    "entry that is not signed": _extra_entry,
}


def _with_origin(f: TdfFile, origin: bytes) -> bytes:
    f.origin = origin
    return f.pack()


LATE: dict[str, Callable[[bytearray], None]] = {
    "bit of the first piece": lambda payload: _flip(payload, 12),
    "bit of a later piece": lambda payload: _flip(payload, SEGMENT + 28 + 40),
    "nonce of a later piece": lambda payload: _flip(payload, SEGMENT + 28),
}


def _flip(payload: bytearray, at: int) -> None:
    payload[at] ^= 1


def test_the_good_files_open() -> None:
    for kind in ("plain", "split", "hex"):
        assert read(file(kind).pack()) == PLAIN
    assert read(file("signed").pack(), PINNED) == PLAIN
    assert oracle(*_oracle_of("plain")) == PLAIN


def _oracle_of(kind: str) -> tuple[bytes, list[bytes]]:
    data, key = _good(kind)
    return data, [key]


def test_the_table_has_more_than_thirty_classes() -> None:
    assert len(OUTSIDER) + len(INSIDER) + len(ORIGINS) + len(LATE) > 90


@pytest.mark.parametrize("name", OUTSIDER)
def test_an_altered_file_is_refused_before_its_first_byte(name: str) -> None:
    change, kind = OUTSIDER[name]
    with pytest.raises(kind):
        reader(change(file()))


@pytest.mark.parametrize("name", CONTAINER | PIECES | KEYS)
def test_the_same_holds_for_files_of_stock_writers(name: str) -> None:
    change, kind = (CONTAINER | PIECES | KEYS)[name]
    with pytest.raises(kind):
        reader(change(file()), FOREIGN_FILE)


@pytest.mark.parametrize("name", INSIDER)
def test_a_reader_of_the_file_cannot_alter_it_for_another(name: str) -> None:
    altered = INSIDER[name](file("signed"))
    with pytest.raises((TdfOriginError, TdfTamperedError)):
        assert next(reader(altered, PINNED).stream()) is None


@pytest.mark.parametrize("name", sorted(set(INSIDER) - {"file made again for everybody"}))
def test_without_a_pinned_originator_a_reader_can(name: str) -> None:
    """The limit of the format, and why the signature is the authority."""
    altered = INSIDER[name](file("signed"))
    opened = reader(altered)
    assert opened.signed_by is None
    assert (b"".join(opened.stream()), opened.label) != (PLAIN, LABEL)


@pytest.mark.parametrize("name", ORIGINS)
def test_only_the_pinned_originators_word_counts(name: str) -> None:
    with pytest.raises(TdfOriginError):
        reader(ORIGINS[name](file("signed")), PINNED)


def test_the_word_of_the_originator_names_what_the_file_carries_out() -> None:
    subject = digest(b"statement")
    signer = TdfSigner({"league/sign": ORIGINATOR}, subject)
    data, _ = write(plan(signer=signer))
    key = {"league/sign": ORIGINATOR.public}
    assert read(data, TdfPins(key, subject=subject)) == PLAIN
    with pytest.raises(TdfOriginError, match="another document"):
        reader(data, TdfPins(key, subject=digest(b"another")))
    with pytest.raises(TdfOriginError, match="another document"):
        reader(file("signed").pack(), TdfPins(key, subject=subject))
    with pytest.raises(TdfFormError):
        TdfPins(subject=subject)


@pytest.mark.parametrize("name", LATE)
@pytest.mark.parametrize("kind", ["plain", "signed"])
def test_an_altered_piece_is_never_handed_out(name: str, kind: str) -> None:
    altered = file(kind)
    payload = bytearray(altered.payload)
    LATE[name](payload)
    altered.payload = bytes(payload)
    opened = reader(altered.pack(), PINNED if kind == "signed" else UNPINNED)
    given = b""
    with pytest.raises(TdfTamperedError):
        for piece in opened.stream():
            given += piece
    assert given == PLAIN[: len(given)]
    assert len(given) <= (0 if "first" in name else SEGMENT)


@pytest.mark.parametrize("share", [bytes(32), b"", bytes(31), b"k" * 31, b"k" * 33, b"k" * 64])
def test_a_share_that_no_writer_makes_is_refused(share: bytes) -> None:
    with pytest.raises(TdfTamperedError):
        reader(_forged(file(), key_access=True), ask=lambda _access, _policy: share)


def test_two_shares_that_give_an_all_zero_key_are_refused() -> None:
    with pytest.raises(TdfTamperedError):
        reader(file("split").pack(), ask=lambda _access, _policy: b"k" * 32)
    with pytest.raises(TdfTamperedError, match="honest writer"):
        DataKey(bytes(32))


def test_the_key_service_is_not_asked_before_the_originator_is_proved() -> None:
    asked: list[object] = []

    def ask(access: object, _policy: str) -> bytes:
        asked.append(access)
        return b"k" * 32

    for change in (_no_origin, _label_dropped, _keyless_root):
        with pytest.raises(DelianError):
            reader(change(file("signed")), PINNED, ask)
    assert asked == []


def _remote(f: TdfFile) -> bytes:
    access = f.encryption["keyAccess"][0]
    access["type"], access["ephemeralPublicKey"] = "remote", None
    return f.pack()


HEAD: dict[str, Change] = {
    "no key service": _set("encryptionInformation", "keyAccess", []),
    "key wrapped in an unknown way": _remote,
    "policy binding of another length": _in_access("policyBinding", "hash", b64(b"0" * 8)),
    "policy beyond the limit": _set("encryptionInformation", "policy", "A" * 70_000),
}


@pytest.mark.parametrize("name", HEAD)
def test_what_the_head_shows_is_refused_without_any_key(name: str) -> None:
    with pytest.raises((TdfFormError, TdfTamperedError)):
        read_head(MemoryAccess(HEAD[name](file())))


def test_the_origin_may_come_beside_the_file() -> None:
    signed = file("signed")
    beside, signed.origin = signed.origin, None
    from_elsewhere = reader_with(signed.pack(), beside or b"")
    assert b"".join(from_elsewhere.stream()) == PLAIN
    assert from_elsewhere.signed_by == "league/sign"
    with pytest.raises(TdfOriginError):
        reader_with(signed.pack(), file("other").origin or b"")


def reader_with(data: bytes, origin: bytes) -> TdfReader:
    return open_tdf(MemoryAccess(data), services(), PINNED, origin=origin)


def test_no_error_says_anything_of_the_contents() -> None:
    said = set()
    for change, _ in OUTSIDER.values():
        with pytest.raises(DelianError) as caught:
            reader(change(file()))
        said.add(caught.value.message)
    joined = " ".join(said)
    secrets = (LABEL, "UNCLASSIFIED", "league", "alliance", "forged", file().key.hex())
    assert not any(secret in joined for secret in secrets)
