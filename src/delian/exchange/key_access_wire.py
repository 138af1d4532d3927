"""Connect and protobuf, as much of them as key access needs, coded by hand and bounded.

May touch: nothing but bytes and plain values. A message is a mapping of field number to the
values found; only varints, fixed widths and length-delimited fields exist, groups are refused.
"""

import struct
from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

from delian.exchange.key_access_errors import KeyRequestError

MAX_FIELDS = 4096
_MAX_VARINT_BYTES = 10
_MAX_STRUCT_DEPTH = 16
FieldValue: TypeAlias = "int | bytes"


def read_fields(data: bytes, *, max_fields: int = MAX_FIELDS) -> dict[int, list[FieldValue]]:
    """The fields of one message; nested messages stay bytes.

    Raises:
        KeyRequestError: cut off, an unknown wire type, a field number of zero, too many fields.
    """
    found: dict[int, list[FieldValue]] = {}
    place = count = 0
    while place < len(data):
        count += 1
        if count > max_fields:
            raise KeyRequestError("a message has too many fields")
        tag, place = _read_varint(data, place)
        number, kind = tag >> 3, tag & 7
        if number == 0:
            raise KeyRequestError("a message names the field zero")
        value: FieldValue
        if kind == 0:
            value, place = _read_varint(data, place)
        else:
            if kind == 2:
                length, place = _read_varint(data, place)
            else:
                length = {1: 8, 5: 4}.get(kind, -1)
            if length < 0 or length > len(data) - place:
                raise KeyRequestError("a message is cut off or of an unknown form")
            value, place = data[place : place + length], place + length
        found.setdefault(number, []).append(value)
    return found


def text_of(fields: Mapping[int, list[FieldValue]], number: int) -> str:
    """The last text of a field, "" where it is absent.

    Raises:
        KeyRequestError: it is no text.
    """
    return texts_of({number: fields.get(number, [])[-1:]}, number)[0] if number in fields else ""


def texts_of(fields: Mapping[int, list[FieldValue]], number: int) -> list[str]:
    """Every text of a repeated field.

    Raises:
        KeyRequestError: one is no text.
    """
    try:
        return [bytes_of(value).decode("utf-8") for value in fields.get(number, [])]
    except UnicodeDecodeError as error:
        raise KeyRequestError("a field is not text in UTF-8") from error


def bytes_of(value: FieldValue) -> bytes:
    """A length-delimited value.

    Raises:
        KeyRequestError: it is a number.
    """
    if not isinstance(value, bytes):
        raise KeyRequestError("a field is of another type")
    return value


def field(number: int, value: str | bytes | int) -> bytes:
    """One field: text and bytes length-delimited, whole numbers and flags as varint."""
    if isinstance(value, int):
        return _varint(number << 3) + _varint(int(value))
    data = value.encode() if isinstance(value, str) else value
    return _varint(number << 3 | 2) + _varint(len(data)) + data


def double(number: int, value: float) -> bytes:
    """One field of eight bytes, little-endian."""
    return _varint(number << 3 | 1) + struct.pack("<d", value)


def fields(number: int, values: Iterable[str | bytes]) -> bytes:
    """A repeated field."""
    return b"".join(field(number, value) for value in values)


def struct_bytes(plain: Mapping[str, Any], depth: int = 0) -> bytes:
    """*plain* as a ``google.protobuf.Struct``.

    Raises:
        KeyRequestError: nested too deep, or of a type that has no such spelling.
    """
    if depth > _MAX_STRUCT_DEPTH:
        raise KeyRequestError("the value is nested too deep")
    return b"".join(
        field(1, field(1, name) + field(2, _struct_value(value, depth + 1)))
        for name, value in plain.items()
    )


def _struct_value(value: object, depth: int) -> bytes:
    match value:
        case None:
            return field(1, 0)
        case bool():
            return field(4, value)
        case int() | float():
            return double(2, float(value))
        case str():
            return field(3, value)
        case dict():
            return field(5, struct_bytes(value, depth))
        case list() | tuple() if depth <= _MAX_STRUCT_DEPTH:
            return field(6, fields(1, [_struct_value(item, depth + 1) for item in value]))
    raise KeyRequestError("a value has no spelling as a Struct")


def _varint(number: int) -> bytes:
    out = bytearray()
    while True:
        rest, number = number & 0x7F, number >> 7
        out.append(rest | (0x80 if number else 0))
        if not number:
            return bytes(out)


def _read_varint(data: bytes, place: int) -> tuple[int, int]:
    number = 0
    for index in range(_MAX_VARINT_BYTES):
        if place + index >= len(data):
            break
        octet = data[place + index]
        number |= (octet & 0x7F) << (7 * index)
        if octet < 0x80:
            return number & 0xFFFF_FFFF_FFFF_FFFF, place + index + 1
    raise KeyRequestError("a message is cut off or of an unknown form")
