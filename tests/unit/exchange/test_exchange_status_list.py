"""Status lists and schemas: bounded, exact, and nothing passed over."""

import base64
import gzip
import tracemalloc
from typing import Any

import pytest

from delian.exchange.credential_schema import check
from delian.exchange.dcp_errors import CredentialError
from delian.exchange.status_list import (
    BITSTRING,
    LIST_2021,
    StatusEntry,
    bits_of,
    entry_plain,
    is_set,
    list_subject,
    pack,
    read_entries,
    unpack,
    with_bits,
)

ENTRY: dict[str, Any] = {
    "type": BITSTRING,
    "statusPurpose": "revocation",
    "statusListIndex": "9",
    "statusListCredential": "https://o.example/1",
}


def packed(data: bytes) -> str:
    return "u" + base64.urlsafe_b64encode(gzip.compress(data)).rstrip(b"=").decode()


def test_bits_are_counted_from_the_left() -> None:
    """The first place is the highest bit of the first byte."""
    bits = b"\x80\x01"
    assert [i for i in range(16) if is_set(bits, i)] == [0, 15]
    assert with_bits(frozenset({0, 15}), 16) == bits


def test_a_place_outside_the_list_is_refused() -> None:
    with pytest.raises(CredentialError, match="outside"):
        is_set(b"\x00", 8)


@pytest.mark.parametrize("text", ["u", "plain"])
def test_both_spellings_of_a_list_are_read(text: str) -> None:
    encoded = pack(b"\x80" + bytes(1999))
    assert unpack(encoded if text == "u" else encoded[1:])[0] == 0x80
    standard = base64.b64encode(gzip.compress(b"\x80")).decode()
    assert unpack(standard) == b"\x80"


def test_a_bomb_does_not_unpack() -> None:
    """A gigabyte of zeros in a megabyte of text: refused within a few megabytes of memory."""
    bomb = packed(bytes(64 * 1024 * 1024))
    assert len(bomb) < 100_000
    tracemalloc.start()
    try:
        with pytest.raises(CredentialError, match="more than a list may hold"):
            unpack(bomb)
        assert tracemalloc.get_traced_memory()[1] < 8 * 1024 * 1024
    finally:
        tracemalloc.stop()


def test_a_bomb_in_several_members_does_not_unpack() -> None:
    many = gzip.compress(bytes(1024 * 1024)) * 64
    with pytest.raises(CredentialError):
        unpack("u" + base64.urlsafe_b64encode(many).rstrip(b"=").decode())


@pytest.mark.parametrize(
    "encoded",
    [
        None,
        7,
        "",
        "u",
        "uAAAA",
        "u!!!!",
        packed(b"\x00" * 2000)[:-8],
        "u" + base64.urlsafe_b64encode(gzip.compress(b"x") + b"more").decode().rstrip("="),
        "x" * (3 * 1024 * 1024 + 1),
    ],
)
def test_a_broken_list_is_refused(encoded: object) -> None:
    with pytest.raises(CredentialError):
        unpack(encoded)


@pytest.mark.parametrize(
    "changes",
    [
        {"type": "RevocationList2020Status"},
        {"type": None},
        {"type": ["x"]},
        {"statusPurpose": "mood"},
        {"statusPurpose": None},
        {"statusListIndex": "-1"},
        {"statusListIndex": "1e3"},
        {"statusListIndex": None},
        {"statusListIndex": "9" * 12},
        {"statusListCredential": None},
        {"statusListCredential": ""},
        {"statusListCredential": "x" * 3000},
        {"statusSize": 2},
    ],
)
def test_a_status_that_cannot_be_checked_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(CredentialError):
        read_entries({**ENTRY, **changes})


def test_entries_come_alone_in_a_list_or_not_at_all() -> None:
    assert read_entries(None) == ()
    assert read_entries(ENTRY) == read_entries([ENTRY])
    assert read_entries(ENTRY)[0] == StatusEntry(BITSTRING, "revocation", 9, "https://o.example/1")
    assert read_entries(entry_plain(read_entries(ENTRY)[0])) == read_entries(ENTRY)
    assert read_entries({**ENTRY, "statusListIndex": 9}) == read_entries(ENTRY)
    for many in ([ENTRY] * 9, "text", [7]):
        with pytest.raises(CredentialError):
            read_entries(many)


@pytest.mark.parametrize("kind", [BITSTRING, LIST_2021])
def test_a_list_of_ours_says_what_it_should(kind: str) -> None:
    entry = StatusEntry(kind, "revocation", 5, "https://o.example/1")
    subject = list_subject(kind, "https://o.example/1", "revocation", frozenset({5}))
    bits = bits_of(subject, entry)
    assert len(bits) == 16 * 1024  # restated: 131,072 places, so that a holder is one of many
    assert [i for i in range(64) if is_set(bits, i)] == [5]


@pytest.mark.parametrize(
    "changes",
    [{"type": "StatusList2021"}, {"statusPurpose": "suspension"}, {"statusPurpose": []}],
)
def test_a_list_of_another_kind_or_purpose_is_refused(changes: dict[str, Any]) -> None:
    entry = StatusEntry(BITSTRING, "revocation", 5, "https://o.example/1")
    subject = list_subject(BITSTRING, "https://o.example/1", "revocation", frozenset())
    with pytest.raises(CredentialError):
        bits_of({**subject, **changes}, entry)


SCHEMA = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "properties": {
        "id": {"type": "string", "maxLength": 10},
        "level": {"enum": ["a", 1]},
        "many": {"type": "array", "items": {"type": "integer", "minimum": 0}, "maxItems": 2},
    },
    "required": ["id"],
    "additionalProperties": False,
}


@pytest.mark.parametrize(
    "value", [{"id": "x"}, {"id": "x", "level": 1}, {"id": "x", "many": [0, 5]}]
)
def test_a_subject_that_keeps_its_schema(value: object) -> None:
    check(SCHEMA, value)


@pytest.mark.parametrize(
    "value",
    [
        [],
        {},
        {"id": 7},
        {"id": "x" * 11},
        {"id": "x", "level": True},
        {"id": "x", "level": "b"},
        {"id": "x", "many": [-1]},
        {"id": "x", "many": [True]},
        {"id": "x", "many": [1, 2, 3]},
        {"id": "x", "more": 1},
    ],
)
def test_a_subject_that_breaks_its_schema(value: object) -> None:
    with pytest.raises(CredentialError, match="breaks its schema"):
        check(SCHEMA, value)


@pytest.mark.parametrize(
    "schema", [{"$ref": "#"}, {"pattern": "(a+)+b"}, {"anyOf": []}, {"not": {}}, False, 7, None]
)
def test_a_schema_that_is_not_understood_is_refused(schema: object) -> None:
    with pytest.raises(CredentialError):
        check(schema, {"id": "x"})


def test_a_schema_without_end_is_refused() -> None:
    schema: dict[str, Any] = {}
    value: dict[str, Any] = {}
    inner, inside = schema, value
    for _ in range(20):
        inner["properties"], inside["a"] = {"a": {}}, {}
        inner, inside = inner["properties"]["a"], inside["a"]
    with pytest.raises(CredentialError, match="too deep"):
        check(schema, value)
