"""TDF files to read and to damage, and the format restated without the code under test.

The oracle knows the format from its description alone: the standard library's zip, HMAC and JSON,
and AES-GCM. ``TdfFile`` is a file taken apart; what an attacker changes is packed again into a
container without a fault of its own.
"""

import base64
import hashlib
import hmac
import io
import json
import warnings
import zipfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from delian.crypto.sign import PrivateKey
from delian.crypto.tdf_assertion import label_assertion
from delian.crypto.tdf_keys import KeyAccess, KeyAccessGrant, unwrap
from delian.crypto.tdf_policy import TdfPolicy
from delian.crypto.tdf_read import TdfPins, TdfReader, open_tdf
from delian.crypto.tdf_write import TdfPlan, TdfSigner, write_tdf
from delian.crypto.tdf_zip import MemoryAccess

MANIFEST, PAYLOAD, ORIGIN = "0.manifest.json", "0.payload", "0.origin.dsse.json"
SEGMENT = 1024
PLAIN = bytes(range(256)) * 11 + b"the end"
LABEL = '{"ocl":{"cls":"UNCLASSIFIED","note":"é€"}}'
LABEL_SCHEMA = "urn:nato:stanag:5636:A:1:elements:json"
ATTRIBUTE = "https://league.example/attr/audience/value/jpn"
ORIGINATOR = PrivateKey.from_seed("ed25519", b"o" * 32)
STRANGER = PrivateKey.from_seed("ed25519", b"s" * 32)
PINNED = TdfPins({"league/sign": ORIGINATOR.public})
UNPINNED = TdfPins()


def randomness(seed: str) -> Callable[[int], bytes]:
    """Bytes that look random and are the same in every run."""
    drawn = 0

    def randbytes(count: int) -> bytes:
        nonlocal drawn
        drawn += 1
        return hashlib.shake_256(f"{seed}/{drawn}".encode()).digest(count)

    return randbytes


@cache
def service_key(name: str) -> ec.EllipticCurvePrivateKey:
    """The key of a key service."""
    number = int.from_bytes(hashlib.sha256(name.encode()).digest(), "big") >> 8
    return ec.derive_private_key(number, ec.SECP256R1())


@cache
def rsa_key() -> rsa.RSAPrivateKey:
    """One RSA key for the run."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def pem(private: Any) -> str:
    """The public half."""
    return (
        private.public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        .decode()
    )


def grant(name: str = "alliance", split: str = "") -> KeyAccessGrant:
    """A key service that may give a share."""
    return KeyAccessGrant(f"https://{name}.example/kas", name, pem(service_key(name)), split)


def services(*names: str) -> Callable[[KeyAccess, str], bytes]:
    """Key services that give to everybody; the others are away."""
    held = {name: service_key(name) for name in names or ("alliance", "nation")}

    def ask(access: KeyAccess, _policy: str) -> bytes:
        return unwrap(held.get(access.kid, service_key("nobody")), access)

    return ask


def plan(*grants: KeyAccessGrant, signed: bool = False, **changes: Any) -> TdfPlan:
    """A plan for a small file of three pieces with a label."""
    values: dict[str, Any] = {
        "policy": TdfPolicy("7d2c4f0e-1a9b-4c3d-8e5f-60718293a4b5", (ATTRIBUTE,)),
        "assertions": (label_assertion(LABEL, form="json+stanag5636", schema=LABEL_SCHEMA),),
        "segment_bytes": SEGMENT,
        "signer": TdfSigner({"league/sign": ORIGINATOR}) if signed else None,
    }
    return TdfPlan(grants or (grant(),), **{**values, **changes})


def write(
    made: TdfPlan, plain: bytes | Iterable[bytes] = PLAIN, seed: str = "file"
) -> tuple[bytes, bytes]:
    """A file and its data key (the first 32 bytes that a writer draws)."""
    sink = io.BytesIO()
    write_tdf([plain] if isinstance(plain, bytes) else plain, sink, made, randomness(seed))
    return sink.getvalue(), randomness(seed)(32)


def read(data: bytes, pins: TdfPins = UNPINNED, ask: Any = None) -> bytes:
    """The plain bytes of a file, everything proved."""
    return b"".join(reader(data, pins, ask).stream())


def reader(data: bytes, pins: TdfPins = UNPINNED, ask: Any = None) -> TdfReader:
    """A file that is proved."""
    return open_tdf(MemoryAccess(data), ask or services(), pins)


def b64(data: bytes) -> str:
    """Base64 with padding."""
    return base64.b64encode(data).decode()


def jose(data: bytes) -> str:
    """Base64url without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def compact(plain: Any) -> bytes:
    """JSON in its canonical spelling; all keys here are ASCII."""
    return json.dumps(plain, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


@dataclass
class TdfFile:
    """A file taken apart."""

    manifest: dict[str, Any]
    payload: bytes
    origin: bytes | None
    key: bytes
    written: bytes = b""
    extra: list[tuple[str, bytes]] = field(default_factory=list)

    @classmethod
    def of(cls, data: bytes, key: bytes) -> "TdfFile":
        """The parts of *data*."""
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            origin = archive.read(ORIGIN) if ORIGIN in archive.namelist() else None
            text = archive.read(MANIFEST)
            return cls(json.loads(text), archive.read(PAYLOAD), origin, key, text)

    @property
    def encryption(self) -> dict[str, Any]:
        return self.manifest["encryptionInformation"]

    @property
    def integrity(self) -> dict[str, Any]:
        return self.encryption["integrityInformation"]

    @property
    def is_raw(self) -> bool:
        return self.manifest.get("schemaVersion") == "4.3.0"

    def pieces(self) -> list[bytes]:
        """The sealed pieces."""
        sizes = [s["encryptedSegmentSize"] for s in self.integrity["segments"]]
        return [self.payload[sum(sizes[:i]) : sum(sizes[: i + 1])] for i in range(len(sizes))]

    def aggregate(self) -> bytes:
        """The integrity values, decoded from base64."""
        return b"".join(base64.b64decode(s["hash"]) for s in self.integrity["segments"])

    def seal(self) -> "TdfFile":
        """What a holder of the data key can do: root and assertions made again."""
        mac = hmac.new(self.key, self.aggregate(), hashlib.sha256)
        value = mac.digest() if self.is_raw else mac.hexdigest().encode()
        self.integrity["rootSignature"] = {"alg": "HS256", "sig": b64(value)}
        for assertion in self.manifest.get("assertions") or []:
            self.bind(assertion)
        return self

    def claims(self, assertion: dict[str, Any]) -> dict[str, Any]:
        """What a binding of *assertion* says."""
        rest = {name: value for name, value in assertion.items() if name != "binding"}
        digest = hashlib.sha256(compact(rest))
        tail = digest.digest() if self.is_raw else digest.hexdigest().encode()
        return {"assertionHash": digest.hexdigest(), "assertionSig": b64(self.aggregate() + tail)}

    def bind(self, assertion: dict[str, Any], header: dict[str, Any] | None = None) -> None:
        """Bind *assertion* with the data key."""
        message = f"{jose(compact(header or {'alg': 'HS256', 'typ': 'JWT'}))}."
        message += jose(compact(self.claims(assertion)))
        signature = jose(hmac.new(self.key, message.encode(), hashlib.sha256).digest())
        assertion["binding"] = {"method": "jws", "signature": f"{message}.{signature}"}

    def pack(self, compression: int = zipfile.ZIP_STORED) -> bytes:
        """One archive again; the manifest's exact bytes where nothing in it was changed."""
        same = bool(self.written) and json.loads(self.written) == self.manifest
        text = self.written if same else json.dumps(self.manifest).encode()
        entries = [(PAYLOAD, self.payload), (MANIFEST, text)]
        if self.origin is not None:
            entries.append((ORIGIN, self.origin))
        return pack([*entries, *self.extra], compression)


def pack(entries: list[tuple[str, bytes]], compression: int = zipfile.ZIP_STORED) -> bytes:
    """An archive of exactly *entries*, names twice included."""
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", compression) as archive:
        for name, data in entries:
            info = zipfile.ZipInfo(name)
            info.compress_type = compression
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UserWarning)
                archive.writestr(info, data)
    return sink.getvalue()


def oracle(data: bytes, shares: list[bytes]) -> bytes:
    """The plain bytes by the format's description alone; an assertion error if one does not fit."""
    key = shares[0]
    for share in shares[1:]:
        key = bytes(a ^ b for a, b in zip(key, share, strict=True))
    file = TdfFile.of(data, key)
    raw, at, plain = file.is_raw, 0, []
    for segment in file.integrity["segments"]:
        piece = file.payload[at : at + segment["encryptedSegmentSize"]]
        at += len(piece)
        tag = piece[-16:] if raw else piece[-16:].hex().encode()
        assert base64.b64decode(segment["hash"]) == tag
        plain.append(AESGCM(key).decrypt(piece[:12], piece[12:], None))
        assert len(plain[-1]) == segment["segmentSize"]
    assert at == len(file.payload)
    mac = hmac.new(key, file.aggregate(), hashlib.sha256)
    value = mac.digest() if raw else mac.hexdigest().encode()
    assert file.integrity["rootSignature"] == {"alg": "HS256", "sig": b64(value)}
    policy = file.encryption["policy"].encode()
    bindings = {
        b64(hmac.new(share, policy, hashlib.sha256).hexdigest().encode()) for share in shares
    }
    assert {k["policyBinding"]["hash"] for k in file.encryption["keyAccess"]} == bindings
    for assertion in file.manifest["assertions"]:
        header, claims, _ = assertion["binding"]["signature"].split(".")
        message = f"{header}.{claims}"
        mac = hmac.new(key, message.encode(), hashlib.sha256)
        assert assertion["binding"]["signature"] == f"{message}.{jose(mac.digest())}"
        assert claims == jose(compact(file.claims(assertion)))
    return b"".join(plain)
