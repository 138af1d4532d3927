"""Laws of the TDF format: what is written is read back, and nothing else is ever handed out."""

import io
import zipfile
import zlib
from collections.abc import Iterator

from hypothesis import given, settings
from hypothesis import strategies as st

from delian.crypto.tdf_keys import DataKey, join_shares
from delian.crypto.tdf_policy import TdfPolicy
from delian.crypto.tdf_read import FOREIGN_FILE
from delian.crypto.tdf_zip_write import crc_of_both
from delian.terms.errors import DelianError
from tests.tdf_world import (
    LABEL,
    PINNED,
    PLAIN,
    TdfFile,
    grant,
    oracle,
    plan,
    randomness,
    read,
    reader,
    write,
)

SIGNED, _ = write(plan(grant("alliance", "1"), grant("nation", "2"), signed=True))
texts = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), min_size=1, max_size=40)


def cut(data: bytes, lengths: list[int]) -> Iterator[bytes]:
    """*data* in parts; empty parts too."""
    at = 0
    for length in lengths:
        yield data[at : at + length]
        at += length
    yield data[at:]


@settings(max_examples=60, deadline=None)
@given(
    plain=st.binary(max_size=300),
    lengths=st.lists(st.integers(0, 50), max_size=8),
    segment=st.integers(1, 64),
    schema=st.sampled_from(["4.3.0", "4.2.2"]),
    signed=st.booleans(),
    announced=st.booleans(),
)
def test_what_is_written_is_read_back_by_us_and_by_the_oracle(
    plain: bytes, lengths: list[int], segment: int, schema: str, signed: bool, announced: bool
) -> None:
    known = len(plain) if announced else None
    made = plan(segment_bytes=segment, schema=schema, signed=signed, plain_bytes=known)
    data, key = write(made, cut(plain, lengths))
    assert read(data, PINNED) == plain if signed else read(data) == plain
    assert oracle(data, [key]) == plain
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None


@settings(max_examples=150, deadline=None)
@given(at=st.integers(0, len(SIGNED) - 1), bit=st.integers(0, 7))
def test_one_altered_bit_is_refused_or_means_nothing(at: int, bit: int) -> None:
    altered = bytearray(SIGNED)
    altered[at] ^= 1 << bit
    given_out = b""
    try:
        opened = reader(bytes(altered), PINNED)
        for piece in opened.stream():
            given_out += piece
    except DelianError:
        assert PLAIN.startswith(given_out)
        return
    assert (given_out, opened.label) == (PLAIN, LABEL)


@settings(max_examples=100, deadline=None)
@given(
    start=st.integers(0, len(SIGNED)), stop=st.integers(0, len(SIGNED)), new=st.binary(max_size=9)
)
def test_bytes_replaced_anywhere_are_refused_or_mean_nothing(
    start: int, stop: int, new: bytes
) -> None:
    altered = SIGNED[: min(start, stop)] + new + SIGNED[max(start, stop) :]
    try:
        assert read(altered, PINNED) == PLAIN
    except DelianError:
        return


@settings(max_examples=150, deadline=None)
@given(st.one_of(st.binary(max_size=400), st.binary(max_size=80).map(lambda b: SIGNED[:900] + b)))
def test_garbage_is_refused_with_a_reason(data: bytes) -> None:
    try:
        read(data, FOREIGN_FILE)
    except DelianError as error:
        assert error.message
        return
    raise AssertionError("garbage was read as a file")


@settings(max_examples=100, deadline=None)
@given(seed=texts, splits=st.lists(texts, min_size=1, max_size=6))
def test_shares_give_the_key_and_fewer_do_not(seed: str, splits: list[str]) -> None:
    raw = randomness(seed)(32)
    shares = DataKey(raw).shares(splits, randomness(seed + "/shares"))
    assert set(shares) == set(splits)
    joined = bytes(32)
    for share in shares.values():
        joined = bytes(a ^ b for a, b in zip(joined, share, strict=True))
    assert joined == raw
    assert join_shares(shares.values()).mac(b"x") == DataKey(raw).mac(b"x")
    if len(shares) > 1:
        fewer = list(shares.values())[1:]
        assert join_shares(fewer).mac(b"x") != DataKey(raw).mac(b"x")


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=2000), st.binary(max_size=2000))
def test_checksums_of_pieces_combine(first: bytes, second: bytes) -> None:
    combined = crc_of_both(zlib.crc32(first), zlib.crc32(second), len(second))
    assert combined == zlib.crc32(first + second)


@settings(max_examples=60, deadline=None)
@given(uuid=texts, attributes=st.lists(texts, max_size=4), readers=st.lists(texts, max_size=4))
def test_policies_are_read_back(uuid: str, attributes: list[str], readers: list[str]) -> None:
    policy = TdfPolicy(uuid, tuple(attributes), tuple(readers))
    assert TdfPolicy.from_base64(policy.to_base64()) == policy


@settings(max_examples=30, deadline=None)
@given(label=texts, schema=st.sampled_from(["4.3.0", "4.2.2"]))
def test_any_label_text_is_bound_and_shown(label: str, schema: str) -> None:
    assertion = plan().assertions[0]
    changed = type(assertion)(
        *(assertion.id, assertion.kind, assertion.scope, assertion.applies_to),
        *(assertion.form, assertion.schema, label),
    )
    data, key = write(plan(assertions=(changed,), schema=schema))
    assert reader(data).label == label
    assert oracle(data, [key]) == PLAIN
    assert TdfFile.of(data, key).manifest["assertions"][0]["statement"]["value"] == label
