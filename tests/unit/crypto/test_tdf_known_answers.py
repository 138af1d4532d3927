"""Known answers that the Go, JavaScript and Java clients accept, in both versions of the format."""

import base64
import io
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from delian.crypto.tdf_assertion import bound, label_assertion
from delian.crypto.tdf_errors import TdfKeyError, TdfLabelError, TdfTamperedError
from delian.crypto.tdf_keys import DataKey, KeyAccess, policy_binding
from delian.crypto.tdf_read import FOREIGN_FILE, TdfPins, open_tdf
from delian.crypto.tdf_zip import MemoryAccess
from tests.tdf_world import pack, services

VECTOR: dict[str, Any] = json.loads(
    (Path(__file__).parents[2] / "vectors" / "tdf-assertion.json").read_text("utf-8")
)
KEY = bytes.fromhex(VECTOR["dek"])
POLICY: str = VECTOR["policy"]
SCHEMAS = ("4.3.0", "4.2.2")


def file(schema: str) -> bytes:
    """The file that the known answers belong to, put together from them alone."""
    known = VECTOR[schema]
    payload = bytes.fromhex(known["payload_hex"])
    assertion = json.loads(VECTOR["assertion_jcs"])
    assertion["binding"] = {"method": "jws", "signature": known["jws"]}
    access = {
        "type": "wrapped",
        "url": "https://kas.example/kas",
        "protocol": "kas",
        "wrappedKey": base64.b64encode(b"not asked for").decode(),
        "policyBinding": {"alg": "HS256", "hash": VECTOR["policyBinding.hash"]},
    }
    plain: dict[str, Any] = {
        "payload": {
            "type": "reference",
            "url": "0.payload",
            "protocol": "zip",
            "isEncrypted": True,
        },
        "encryptionInformation": {
            "type": "split",
            "policy": POLICY,
            "keyAccess": [access],
            "method": {"algorithm": "AES-256-GCM", "iv": "", "isStreamable": True},
            "integrityInformation": {
                "rootSignature": {"alg": "HS256", "sig": known["rootSignature"]},
                "segmentHashAlg": "GMAC",
                "segments": [{"hash": known["segment_hash"]}],
                "segmentSizeDefault": 5,
                "encryptedSegmentSizeDefault": 33,
            },
        },
        "assertions": [assertion],
    }
    if schema == "4.3.0":
        plain["schemaVersion"] = schema
    return pack([("0.payload", payload), ("0.manifest.json", json.dumps(plain).encode())])


def share(_access: KeyAccess, policy: str) -> bytes:
    assert policy == POLICY
    return KEY


@pytest.mark.parametrize("schema", SCHEMAS)
def test_the_file_of_the_known_answers_opens(schema: str) -> None:
    opened = open_tdf(MemoryAccess(file(schema)), share, TdfPins())
    assert b"".join(opened.stream()) == VECTOR["plaintext"].encode()
    assert opened.label == json.loads(VECTOR["assertion_jcs"])["statement"]["value"]
    assert opened.manifest.schema == schema
    assert opened.signed_by is None


@pytest.mark.parametrize("schema", SCHEMAS)
def test_binding_an_assertion_gives_the_known_answer(schema: str) -> None:
    statement = json.loads(VECTOR["assertion_jcs"])["statement"]
    label = label_assertion(
        statement["value"], form=statement["format"], schema=statement["schema"]
    )
    assert label.digest == VECTOR["assertionHash"]
    raw = schema == "4.3.0"
    over = base64.b64decode(VECTOR[schema]["segment_hash"])
    assert bound(label, DataKey(KEY), over, raw=raw).binding == VECTOR[schema]["jws"]


def test_policy_binding_gives_the_known_answer() -> None:
    text = policy_binding(KEY, POLICY).hex()
    assert base64.b64encode(text.encode()).decode() == VECTOR["policyBinding.hash"]


@pytest.mark.parametrize("schema", SCHEMAS)
def test_values_of_one_version_are_refused_in_the_other(schema: str) -> None:
    other = SCHEMAS[1 - SCHEMAS.index(schema)]
    data = file(schema)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        plain, payload = json.loads(archive.read("0.manifest.json")), archive.read("0.payload")
    plain.pop("schemaVersion", None)
    if other == "4.3.0":
        plain["schemaVersion"] = other
    swapped = pack([("0.payload", payload), ("0.manifest.json", json.dumps(plain).encode())])
    with pytest.raises(TdfTamperedError, match="form of its schema version"):
        open_tdf(MemoryAccess(swapped), share, FOREIGN_FILE)


def test_a_binding_of_one_version_is_refused_in_the_other() -> None:
    first, second = VECTOR["4.3.0"]["jws"], VECTOR["4.2.2"]["jws"]
    with zipfile.ZipFile(io.BytesIO(file("4.3.0"))) as archive:
        payload, text = archive.read("0.payload"), archive.read("0.manifest.json").decode()
    swapped = pack(
        [("0.payload", payload), ("0.manifest.json", text.replace(first, second).encode())]
    )
    with pytest.raises(TdfLabelError):
        open_tdf(MemoryAccess(swapped), share, TdfPins())


def test_a_service_without_the_key_gives_nothing() -> None:
    with pytest.raises(TdfKeyError, match="not wrapped for this holder"):
        open_tdf(MemoryAccess(file("4.3.0")), services(), TdfPins())
