"""Status lists: one bit per credential, compressed, published by its issuer.

May touch: values. Reads and writes Bitstring Status List entries (VC 2.0) and StatusList2021
(VC 1.1). A list may not unpack to more than :data:`MAX_LIST_BYTES`, however small it arrives.
"""

import base64
import binascii
import gzip
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from delian.exchange.dcp_errors import CredentialError

BITSTRING = "BitstringStatusListEntry"
LIST_2021 = "StatusList2021Entry"
SUBJECT_TYPES = {BITSTRING: "BitstringStatusList", LIST_2021: "StatusList2021"}
LIST_TYPES = {BITSTRING: "BitstringStatusListCredential", LIST_2021: "StatusList2021Credential"}
ENDING = frozenset({"revocation", "suspension"})
HARMLESS = frozenset({"refresh", "message"})
MAX_LIST_BYTES = 2 * 1024 * 1024
MAX_PACKED_CHARS = 3 * 1024 * 1024
MAX_ENTRIES = 8
OUR_LIST_BITS = 131_072


@dataclass(frozen=True, slots=True)
class StatusEntry:
    """Where one credential's bit is.

    Args:
        kind: :data:`BITSTRING` or :data:`LIST_2021`.
        purpose: What a set bit means.
        index: Which bit.
        list_address: Where the list is published.
    """

    kind: str
    purpose: str
    index: int
    list_address: str


def read_entries(found: object) -> tuple[StatusEntry, ...]:
    """Read ``credentialStatus``.

    Raises:
        CredentialError: a kind, purpose or size that is not understood. What cannot be
            checked is refused, never passed over.
    """
    listed = [] if found is None else found if isinstance(found, list) else [found]
    if len(listed) > MAX_ENTRIES:
        raise CredentialError("the credential has too many status entries")
    return tuple(_read_entry(one) for one in listed)


def _read_entry(one: object) -> StatusEntry:
    kind = one.get("type") if isinstance(one, Mapping) else None
    if not isinstance(one, Mapping) or kind not in (BITSTRING, LIST_2021):
        raise CredentialError("the credential's status is of a kind that is not read here")
    purpose, address = one.get("statusPurpose"), one.get("statusListCredential")
    if not isinstance(purpose, str) or purpose not in ENDING | HARMLESS:
        raise CredentialError("the credential's status has a purpose that is not known here")
    if not isinstance(address, str) or not 0 < len(address) <= 2048:
        raise CredentialError("the credential's status names no list")
    if str(one.get("statusSize", 1)) != "1":
        raise CredentialError("the credential's status takes more than one bit")
    index = str(one.get("statusListIndex"))
    if not (index.isascii() and index.isdecimal() and len(index) <= 8):
        raise CredentialError("the credential's status names no place in its list")
    return StatusEntry(kind, purpose, int(index), address)


def entry_plain(entry: StatusEntry) -> dict[str, Any]:
    """The entry as it is written into a credential that we issue."""
    return {
        "id": f"{entry.list_address}#{entry.index}",
        "type": entry.kind,
        "statusPurpose": entry.purpose,
        "statusListIndex": str(entry.index),
        "statusListCredential": entry.list_address,
    }


def bits_of(subject: Mapping[str, Any], entry: StatusEntry) -> bytes:
    """The bits of a list's subject, if it is the list that *entry* points into.

    Raises:
        CredentialError: another kind of list, another purpose, or a list that does not unpack.
    """
    purposes = subject.get("statusPurpose")
    purposes = purposes if isinstance(purposes, list) else [purposes]
    if subject.get("type") != SUBJECT_TYPES[entry.kind] or entry.purpose not in purposes:
        raise CredentialError("the status list is of another kind or purpose")
    return unpack(subject.get("encodedList"))


def is_set(bits: bytes, index: int) -> bool:
    """Bit *index*, counted from the left of the first byte.

    Raises:
        CredentialError: the list is shorter.
    """
    if index >= len(bits) * 8:
        raise CredentialError("the credential's status lies outside its list")
    return bool(bits[index // 8] >> (7 - index % 8) & 1)


def unpack(encoded: object) -> bytes:
    """The bytes behind ``encodedList``.

    Guarantees:
        Never more than :data:`MAX_LIST_BYTES` in memory, whatever the text unpacks to
        (``tests/unit/exchange/test_exchange_status_list.py``).

    Raises:
        CredentialError: not base64, not gzip, cut short, followed by more, or too large.
    """
    if not isinstance(encoded, str) or len(encoded) > MAX_PACKED_CHARS:
        raise CredentialError("the status list is too large or no text")
    body = encoded.removeprefix("u") if encoded.startswith("uH4s") else encoded
    try:
        packed = base64.b64decode(
            body.replace("-", "+").replace("_", "/") + "=" * (-len(body) % 4), validate=True
        )
        machine = zlib.decompressobj(wbits=31)
        bits = machine.decompress(packed, MAX_LIST_BYTES + 1)
    except (ValueError, binascii.Error, zlib.error) as error:
        raise CredentialError("the status list does not unpack") from error
    if len(bits) > MAX_LIST_BYTES or machine.unconsumed_tail:
        raise CredentialError("the status list unpacks to more than a list may hold")
    if not machine.eof or machine.unused_data:
        raise CredentialError("the status list is cut short or followed by something")
    return bits


def pack(bits: bytes) -> str:
    """*bits* as ``encodedList`` with its multibase letter; equal bits give equal text."""
    packed = gzip.compress(bits, mtime=0)
    return "u" + base64.urlsafe_b64encode(packed).rstrip(b"=").decode("ascii")


def with_bits(revoked: frozenset[int], size_bits: int = OUR_LIST_BITS) -> bytes:
    """A list of *size_bits* in which exactly the places *revoked* are set."""
    bits = bytearray(size_bits // 8)
    for index in revoked:
        bits[index // 8] |= 1 << (7 - index % 8)
    return bytes(bits)


def list_subject(kind: str, address: str, purpose: str, revoked: frozenset[int]) -> dict[str, Any]:
    """The subject of the list credential that we publish.

    A 2021 list carries no multibase letter, the later form does.
    """
    encoded = pack(with_bits(revoked))
    return {
        "id": f"{address}#list",
        "type": SUBJECT_TYPES[kind],
        "statusPurpose": purpose,
        "encodedList": encoded if kind == BITSTRING else encoded[1:],
    }
