"""What honest writers write is read; what our writer takes and refuses; secrets stay hidden."""

import base64
import hashlib
import hmac
import io
import json
import pickle
import struct
import threading
import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from delian.crypto.tdf_assertion import bound
from delian.crypto.tdf_errors import TdfFormError, TdfKeyError, TdfLabelError, TdfTamperedError
from delian.crypto.tdf_keys import DataKey, KeyAccess, KeyAccessGrant, join_shares, unwrap
from delian.crypto.tdf_manifest import Segment
from delian.crypto.tdf_manifest_read import read_manifest
from delian.crypto.tdf_policy import TdfPolicy
from delian.crypto.tdf_read import FOREIGN_FILE, TdfPins, open_tdf, read_head
from delian.crypto.tdf_write import TdfPlan, TdfSigner, write_tdf
from delian.crypto.tdf_zip import MemoryAccess, read_directory, read_entry
from delian.crypto.tdf_zip_write import ZipWriter
from delian.terms.errors import UnavailableError
from tests.tdf_world import (
    LABEL,
    MANIFEST,
    ORIGINATOR,
    PAYLOAD,
    PINNED,
    PLAIN,
    SEGMENT,
    UNPINNED,
    TdfFile,
    compact,
    grant,
    oracle,
    pack,
    pem,
    plan,
    randomness,
    read,
    reader,
    rsa_key,
    service_key,
    services,
    write,
)


def good(**changes: Any) -> TdfFile:
    return TdfFile.of(*write(plan(**changes)))


# What honest writers write.


def _nulls(f: TdfFile) -> None:
    policy = json.loads(base64.b64decode(f.encryption["policy"]))
    policy["body"] = {"dataAttributes": None, "dissem": None}
    text = base64.b64encode(compact(policy)).decode()
    binding = hmac.new(f.key, text.encode(), hashlib.sha256).hexdigest()
    f.encryption["policy"], f.manifest["assertions"] = text, None
    for access in f.encryption["keyAccess"]:
        access["sid"], access["encryptedMetadata"] = "", None
        access["policyBinding"]["hash"] = base64.b64encode(binding.encode()).decode()


def _defaults_left_out(f: TdfFile) -> None:
    for segment in f.integrity["segments"][:-1]:
        del segment["segmentSize"], segment["encryptedSegmentSize"]


def _sealed_default_left_out(f: TdfFile) -> None:
    del f.integrity["encryptedSegmentSizeDefault"]
    f.integrity["segments"][0]["segmentSize"] = None


def _binding_as_text(f: TdfFile) -> None:
    for access in f.encryption["keyAccess"]:
        access["policyBinding"] = access["policyBinding"]["hash"]


def _binding_raw(f: TdfFile) -> None:
    for access in f.encryption["keyAccess"]:
        spelled = base64.b64decode(access["policyBinding"]["hash"]).decode()
        access["policyBinding"]["hash"] = base64.b64encode(bytes.fromhex(spelled)).decode()


def _unknown_members(f: TdfFile) -> None:
    f.manifest["tdf_spec_version"] = "4.3.0"
    f.manifest["payload"]["schemaVersion"] = "3.0.0"
    f.encryption["keyAccess"][0]["custom"] = {"a": [1]}


def _no_kid(f: TdfFile) -> None:
    del f.encryption["keyAccess"][0]["kid"]


def _pieces_by_hmac(f: TdfFile) -> None:
    """The older way to bind pieces: HMAC over the whole sealed piece."""
    f.integrity["segmentHashAlg"] = "HS256"
    for segment, piece in zip(f.integrity["segments"], f.pieces(), strict=True):
        mac = DataKey(f.key).mac(piece)
        segment["hash"] = base64.b64encode(mac if f.is_raw else mac.hex().encode()).decode()
    f.seal()


HONEST: dict[str, Callable[[TdfFile], None]] = {
    "null lists, empty split id": _nulls,
    "sizes left out where they are the default": _defaults_left_out,
    "default sealed size left out": _sealed_default_left_out,
    "binding as bare text": _binding_as_text,
    "binding raw": _binding_raw,
    "members that are not known": _unknown_members,
    "no key id": _no_kid,
    "pieces bound by HMAC": _pieces_by_hmac,
}


@pytest.mark.parametrize("schema", ["4.3.0", "4.2.2"])
@pytest.mark.parametrize("name", HONEST)
def test_what_stock_writers_write_is_read(name: str, schema: str) -> None:
    file = good(schema=schema)
    HONEST[name](file)

    def ask(access: KeyAccess, _policy: str) -> bytes:
        return unwrap(service_key("alliance"), access)

    assert read(file.pack(), FOREIGN_FILE, ask) == PLAIN


def test_entries_in_any_order_and_other_entries_are_read_without_pins() -> None:
    file = good()
    entries = [
        ("notes/readme.txt", b"not ours"),
        (MANIFEST, compact(file.manifest)),
        (PAYLOAD, file.payload),
    ]
    assert read(pack(entries)) == PLAIN


def test_the_newer_name_of_the_manifest_is_read() -> None:
    file = good()
    assert read(pack([(PAYLOAD, file.payload), ("manifest.json", compact(file.manifest))])) == PLAIN


@pytest.mark.parametrize("form", ["short", "long", "short unmarked", "long unmarked"])
def test_every_form_of_data_descriptor_is_read(form: str) -> None:
    data, _ = write(plan())
    at = data.index(b"PK\7\x08")
    crc, size, _ = struct.unpack("<3I", data[at + 4 : at + 16])
    sizes = struct.pack("<I2Q" if "long" in form else "<3I", crc, size, size)
    whole = sizes if "unmarked" in form else b"PK\7\x08" + sizes
    rest = bytearray(data[at + 16 :])
    moved = len(whole) - 16
    start = struct.unpack_from("<I", rest, len(rest) - 6)[0] + moved
    struct.pack_into("<I", rest, len(rest) - 6, start)
    manifest = rest.rindex(b"PK\1\2")
    offset = struct.unpack_from("<I", rest, manifest + 42)[0] + moved
    struct.pack_into("<I", rest, manifest + 42, offset)
    assert read(data[:at] + whole + bytes(rest)) == PLAIN


class _Pretend:
    """A sink that keeps the ends of a file of many gigabytes, and a source that gives them back."""

    def __init__(self, skipped: int) -> None:
        self.kept: list[tuple[int, bytes]] = []
        self.size, self.skipped = 0, skipped

    def write(self, data: Any, /) -> None:
        self.kept.append((self.size, bytes(data)))
        self.size += len(data)

    def pass_over(self) -> None:
        self.size += self.skipped

    def read_at(self, start: int, count: int) -> bytes:
        for at, data in self.kept:
            if at <= start and start + count <= at + len(data):
                return data[start - at : start - at + count]
        whole = b"".join(data for at, data in sorted(self.kept) if at >= self.skipped)
        first = min(at for at, _ in self.kept if at >= self.skipped)
        return whole[start - first : start - first + count]


@pytest.mark.parametrize("size", [2**32 - 2, 2**32 - 1, 2**32, 2**33 + 5])
def test_archives_beyond_four_gigabytes_are_written_and_read(size: int) -> None:
    """zip64: only the ends are kept in memory; the directory is read by our reader."""
    pretend = _Pretend(size)
    archive = ZipWriter(pretend)
    archive.begin(PAYLOAD, size=size)
    pretend.pass_over()
    archive.position += size
    archive.end(crc=7, size=size)
    archive.add(MANIFEST, b"{}")
    archive.close()
    entries = read_directory(pretend)
    assert entries[PAYLOAD].size == size
    assert read_entry(pretend, entries[MANIFEST], max_bytes=10) == b"{}"


def test_four_gigabytes_without_their_length_are_refused() -> None:
    pretend = _Pretend(2**32)
    archive = ZipWriter(pretend)
    archive.begin(PAYLOAD, size=None)
    with pytest.raises(TdfFormError, match="needs its length"):
        archive.end(crc=0, size=2**32)


# Keys.


def _short_rsa() -> Any:
    return rsa.generate_private_key(public_exponent=65537, key_size=1024)


def _edwards() -> Any:
    return ed25519.Ed25519PrivateKey.from_private_bytes(bytes(32))


def _other_curve() -> Any:
    return ec.derive_private_key(7, ec.SECP256K1())


@pytest.mark.parametrize("schema", ["4.3.0", "4.2.2"])
def test_rsa_and_elliptic_keys_wrap_the_same_share(schema: str) -> None:
    both = (grant("alliance"), KeyAccessGrant("https://r.example", "rsa", pem(rsa_key())))
    data, key = write(plan(*both, schema=schema))
    kinds = [access.kind for access in reader(data).manifest.key_access]
    assert kinds == ["ec-wrapped", "wrapped"]
    assert read(data, ask=lambda access, _policy: unwrap(rsa_key(), access)) == PLAIN
    assert oracle(data, [key]) == PLAIN


def test_one_service_of_a_split_is_enough_and_every_split_is_needed() -> None:
    grants = (grant("alliance", "a"), grant("deputy", "a"), grant("nation", "n"))
    data, _ = write(plan(*grants))
    for able in (("alliance", "nation"), ("deputy", "nation")):
        assert read(data, ask=services(*able)) == PLAIN
    for unable in (("alliance", "deputy"), ("nation",)):
        with pytest.raises(TdfKeyError):
            reader(data, ask=services(*unable))


def test_two_splits_are_two_different_shares() -> None:
    data, key = write(plan(grant("alliance", "a"), grant("nation", "n")))
    shares: list[bytes] = []

    def ask(access: KeyAccess, policy: str) -> bytes:
        shares.append(services()(access, policy))
        return shares[-1]

    assert read(data, ask=ask) == PLAIN
    assert len(set(shares)) == 2
    assert key not in shares
    assert oracle(data, shares) == PLAIN


def test_a_denial_is_told_before_an_absence() -> None:
    grants = (grant("alliance", "a"), grant("deputy", "a"))
    data, _ = write(plan(*grants))

    def ask(access: KeyAccess, _policy: str) -> bytes:
        if access.kid == "alliance":
            raise UnavailableError("the service is away")
        raise TdfKeyError("the attribute is not held")

    with pytest.raises(TdfKeyError, match="not held"):
        reader(data, ask=ask)
    with pytest.raises(UnavailableError):
        reader(data, ask=_away)


def _away(_access: KeyAccess, _policy: str) -> bytes:
    raise UnavailableError("the service is away")


def test_a_service_that_speaks_of_tampering_ends_the_reading() -> None:
    data, _ = write(plan(grant("alliance", "a"), grant("deputy", "a")))
    asked = []

    def ask(access: KeyAccess, _policy: str) -> bytes:
        asked.append(access.kid)
        raise TdfTamperedError("the policy is another")

    with pytest.raises(TdfTamperedError):
        reader(data, ask=ask)
    assert asked == ["alliance"]


def _policy_of(body: object, uuid: object = "1") -> Callable[[TdfFile], None]:
    """A policy that is bound as it should be."""

    def change(f: TdfFile) -> None:
        text = base64.b64encode(compact({"uuid": uuid, "body": body})).decode()
        binding = hmac.new(f.key, text.encode(), hashlib.sha256).hexdigest()
        f.encryption["policy"] = text
        f.encryption["keyAccess"][0]["policyBinding"]["hash"] = base64.b64encode(
            binding.encode()
        ).decode()

    return change


def _huge_piece(f: TdfFile) -> None:
    f.integrity["segments"][0] |= {
        "segmentSize": 16 * 1024 * 1024 + 1,
        "encryptedSegmentSize": 16 * 1024 * 1024 + 29,
    }


def _too_many(name: str, count: int) -> Callable[[TdfFile], None]:
    def change(f: TdfFile) -> None:
        place = {"assertions": f.manifest, "keyAccess": f.encryption}[name]
        place[name] = place[name] * count

    return change


UNREADABLE: dict[str, Callable[[TdfFile], None]] = {
    "a piece beyond the limit": _huge_piece,
    "more assertions than allowed": _too_many("assertions", 65),
    "more key services than allowed": _too_many("keyAccess", 65),
    "policy that is a list": lambda f: f.encryption.update(policy=base64.b64encode(b"[]").decode()),
    "policy that is no base64": lambda f: f.encryption.update(policy="*"),
    "policy beyond the limit": _policy_of({"dissem": ["x" * 100_000]}),
    "policy without a body": _policy_of(None),
    "policy without an identifier": _policy_of({}, None),
    "policy with a reader that is no text": _policy_of({"dissem": [1]}),
    "policy with an attribute that is no object": _policy_of({"dataAttributes": ["x"]}),
    "policy with more readers than allowed": _policy_of({"dissem": ["x"] * 1025}),
    "pieces that are no list": lambda f: f.integrity.update(segments={}),
    "a piece that is no object": lambda f: f.integrity.update(segments=[[]]),
    "sizes that are truth": lambda f: f.integrity.update(segmentSizeDefault=True),
    "no way to decrypt": lambda f: f.encryption.update(method=None),
    "an address that is no text": lambda f: f.encryption["keyAccess"][0].update(url=5),
    "a wrapped key that is no base64": lambda f: f.encryption["keyAccess"][0].update(
        wrappedKey="*"
    ),
    "an assertion that is text": lambda f: f.manifest.update(assertions=["label"]),
    "an assertion without an id": lambda f: f.manifest["assertions"][0].update(id=""),
}


@pytest.mark.parametrize("name", UNREADABLE)
def test_what_cannot_be_read_is_refused_with_a_reason(name: str) -> None:
    file = good()
    UNREADABLE[name](file)
    with pytest.raises(TdfFormError):
        reader(file.pack(), FOREIGN_FILE)


@pytest.mark.parametrize("deep", [b"[" * 50 + b"]" * 50, b"{" * 9, b"\xff", b"1.5", b"null", b""])
def test_a_manifest_that_is_no_json_object_is_refused(deep: bytes) -> None:
    with pytest.raises(TdfFormError):
        reader(pack([(PAYLOAD, good().payload), (MANIFEST, deep)]))


def test_a_manifest_beyond_the_limit_is_refused() -> None:
    text = compact(good().manifest)[:-1] + b" " * (16 * 1024 * 1024) + b"}"
    with pytest.raises(TdfFormError, match="larger than allowed"):
        reader(pack([(PAYLOAD, good().payload), (MANIFEST, text)]))


@pytest.mark.parametrize(
    "shares", [[], [bytes(32)], [b"k" * 32, bytes(32)], [b"k" * 31], [b"k" * 32, b"k" * 32]]
)
def test_shares_that_no_writer_makes_give_no_key(shares: list[bytes]) -> None:
    with pytest.raises(TdfTamperedError):
        join_shares(shares)


def test_a_wrapped_share_opens_for_its_holder_only() -> None:
    access = reader(write(plan())[0]).manifest.key_access[0]
    strange = replace(access, ephemeral_pem=pem(rsa_key()))
    other_curve = replace(access, ephemeral_pem=pem(ec.derive_private_key(7, ec.SECP384R1())))
    for holder, given in (
        (service_key("stranger"), access),
        (rsa_key(), access),
        (service_key("alliance"), replace(access, kind="wrapped")),
        (service_key("alliance"), replace(access, ephemeral_pem="no key")),
        (service_key("alliance"), strange),
        (service_key("alliance"), other_curve),
        (rsa_key(), replace(access, kind="wrapped")),
    ):
        with pytest.raises(TdfKeyError, match="not wrapped for this holder"):
            unwrap(holder, given)


@pytest.mark.parametrize(
    "made",
    [
        lambda: write(plan(KeyAccessGrant("https://x.example", "k", pem(_short_rsa())))),
        lambda: write(plan(KeyAccessGrant("https://x.example", "k", pem(_edwards())))),
        lambda: write(plan(KeyAccessGrant("https://x.example", "k", pem(_other_curve())))),
        lambda: KeyAccessGrant("", "kid", pem(service_key("x"))),
        lambda: KeyAccessGrant("https://x.example", "", pem(service_key("x"))),
        lambda: KeyAccessGrant("https://x.example", "kid", "x", "split\n"),
        lambda: TdfPlan((), TdfPolicy("1")),
        lambda: plan(segment_bytes=0),
        lambda: plan(segment_bytes=2**40),
        lambda: plan(assertions=plan().assertions * 2),
        lambda: write(plan(KeyAccessGrant("https://x.example", "k", "no key"))),
        lambda: write(plan(plain_bytes=5)),
        lambda: write(plan(plain_bytes=len(PLAIN) + 1)),
    ],
)
def test_a_plan_that_cannot_be_written_is_refused(made: Callable[[], object]) -> None:
    with pytest.raises(TdfFormError):
        made()


def test_more_pieces_or_a_larger_manifest_than_readers_take_are_not_written(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with pytest.raises(TdfFormError, match="too many pieces"):
        plan(plain_bytes=SEGMENT * 65_536 + 1)
    assert plan(plain_bytes=SEGMENT * 65_536).plain_bytes
    monkeypatch.setattr("delian.crypto.tdf_write.MAX_SEGMENTS", 2)
    with pytest.raises(TdfFormError, match="too many pieces"):
        write(plan())
    monkeypatch.undo()
    monkeypatch.setattr("delian.crypto.tdf_write.MAX_MANIFEST_BYTES", 1000)
    with pytest.raises(TdfFormError, match="than readers take"):
        write(plan())


def test_the_largest_manifest_that_we_write_fits_what_we_read() -> None:
    """Two labels in the older spelling, as many pieces as there may be."""
    made = reader(write(plan(schema="4.2.2"))[0]).manifest
    piece = Segment(bytes(16), 16 * 1024 * 1024, 16 * 1024 * 1024 + 28)
    full = replace(made, segments=(piece,) * 65_536)
    label = bound(plan().assertions[0], DataKey(b"k" * 32), full.aggregate, raw=False)
    text = replace(full, assertions=(label, replace(label, id="label-4774"))).to_bytes()
    assert len(text) < 16 * 1024 * 1024
    assert len(read_manifest(text).segments) == 65_536


def test_the_label_may_be_missing_only_where_it_is_not_demanded() -> None:
    data, _ = write(plan(assertions=()))
    assert reader(data, FOREIGN_FILE).label is None
    with pytest.raises(TdfLabelError):
        reader(data, UNPINNED)


def test_reading_from_a_file_and_writing_from_one_use_no_parts() -> None:
    sink = io.BytesIO()
    write_tdf(io.BytesIO(PLAIN), sink, plan(), randomness("file"))
    in_parts, key = write(plan(), [PLAIN[:5], b"", PLAIN[5:]])
    assert TdfFile.of(sink.getvalue(), key).payload == TdfFile.of(in_parts, key).payload
    assert read(sink.getvalue()) == PLAIN


def test_a_source_that_becomes_shorter_is_refused() -> None:
    data, _ = write(plan(signed=True))

    class Shrinking:
        size = len(data)
        limit = len(data)

        def read_at(self, start: int, count: int) -> bytes:
            return data[: self.limit][start : start + count]

        def read_into(self, start: int, buffer: memoryview) -> int:
            part = self.read_at(start, min(len(buffer), 100))
            buffer[: len(part)] = part
            return len(part)

    source = Shrinking()
    opened = open_tdf(source, services(), PINNED)
    assert b"".join(opened.stream()) == PLAIN
    source.limit = SEGMENT
    with pytest.raises(TdfTamperedError, match="ends before"):
        list(opened.stream())


def test_the_head_names_the_services_before_any_is_asked() -> None:
    data, _ = write(plan(grant("alliance", "a"), grant("nation", "n")))
    head = read_head(MemoryAccess(data))
    assert [access.url for access in head.manifest.key_access] == [
        "https://alliance.example/kas",
        "https://nation.example/kas",
    ]
    shares = {a.wrapped: services()(a, "") for a in head.manifest.key_access}
    opened = head.open(lambda access, _policy: shares[access.wrapped], UNPINNED)
    assert b"".join(opened.stream()) == PLAIN


def test_secrets_hide_themselves() -> None:
    data, key = write(plan(signed=True))
    opened = reader(data, PINNED)
    secrets = (key.hex(), repr(key)[2:-1], LABEL)
    signer = TdfSigner({"league/sign": ORIGINATOR})
    for value in (opened, DataKey(key), signer, opened.manifest.key_access[0]):
        assert not any(secret in repr(value) for secret in secrets[:2])
    for value in (opened, DataKey(key)):
        with pytest.raises(TypeError):
            pickle.dumps(value)


def test_memory_does_not_grow_with_the_payload() -> None:
    piece, count = 256 * 1024, 48
    made = plan(segment_bytes=piece, signed=True)
    sink = io.BytesIO()
    write_tdf((bytes(piece) for _ in range(count)), sink, made, randomness("memory"))
    source = MemoryAccess(sink.getvalue())

    class Nowhere:
        def write(self, data: Any, /) -> None:
            del data

    tracemalloc.start()
    write_tdf((bytes(piece) for _ in range(count)), Nowhere(), made, randomness("memory"))
    _, written = tracemalloc.get_traced_memory()
    tracemalloc.reset_peak()
    total = sum(len(part) for part in open_tdf(source, services(), PINNED).stream())
    _, read_back = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert total == piece * count
    assert max(written, read_back) < piece * count / 2


def test_abandoning_a_stream_leaves_no_thread() -> None:
    data, _ = write(plan())
    stream = reader(data, TdfPins()).stream()
    before = threading.active_count()
    assert next(stream) == PLAIN[:SEGMENT]
    del stream
    assert threading.active_count() == before
