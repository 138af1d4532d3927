"""Writes the zip container of a TDF file front to back: nothing is ever written twice.

May touch: values. Entries are stored. The checksum of a streamed entry follows it in a data
descriptor, as stock writers do it. The same input gives the same bytes: every entry carries the
earliest date that a zip archive can say.
"""

import struct
import zlib
from dataclasses import dataclass
from functools import cache
from typing import Protocol, TypeAlias

from delian.crypto.tdf_errors import TdfFormError

Chunk: TypeAlias = "bytes | bytearray | memoryview"
_TIME, _DATE = 0, (1 << 5) | 1
_VERSION, _VERSION64 = 20, 45
_DESCRIPTOR, _FULL, _FULL16 = 0x0008, 0xFFFFFFFF, 0xFFFF
_POLYNOMIAL = 0xEDB88320


class BinaryWriter(Protocol):
    """Where a file is written to, front to back."""

    def write(self, data: Chunk, /) -> object:
        """Take all of *data*; it may be used again as soon as this returns."""
        ...


@dataclass(frozen=True, slots=True)
class _Written:
    name: bytes
    flags: int
    crc: int
    size: int
    offset: int


class ZipWriter:
    """One archive being written.

    Args:
        sink: Where to.
    """

    __slots__ = ("_done", "_open", "_sink", "position")

    def __init__(self, sink: BinaryWriter) -> None:
        self._sink = sink
        self._done: list[_Written] = []
        self._open: tuple[bytes, int, bool] | None = None
        self.position = 0

    def write(self, data: Chunk) -> None:
        """Append to the entry that is open."""
        self._sink.write(data)
        self.position += len(data)

    def add(self, name: str, data: bytes) -> None:
        """One whole entry.

        Raises:
            TdfFormError: a name twice, or 4 GiB and more.
        """
        spelled = self._name(name)
        if len(data) >= _FULL:
            raise TdfFormError("an entry of the archive is too large to be written at once")
        entry = _Written(spelled, 0, zlib.crc32(data), len(data), self.position)
        self.write(_local(entry, entry.crc, entry.size, is_long=False))
        self.write(data)
        self._done.append(entry)

    def begin(self, name: str, *, size: int | None) -> None:
        """Start an entry whose bytes follow by :meth:`write`, then :meth:`end`.

        Args:
            name: Its name.
            size: Its length where it is known; without it the entry stays below 4 GiB.
        """
        is_long = size is not None and size >= _FULL
        self._open = self._name(name), self.position, is_long
        blank = _Written(self._open[0], _DESCRIPTOR, 0, 0, self.position)
        self.write(_local(blank, 0, 0, is_long=is_long))

    def end(self, *, crc: int, size: int) -> None:
        """Finish the entry that is open.

        Raises:
            TdfFormError: 4 GiB and more although its length was not announced.
        """
        if self._open is None:
            raise TdfFormError("no entry of the archive is open")
        name, offset, is_long = self._open
        if size >= _FULL and not is_long:
            raise TdfFormError(
                "a file of 4 GiB and more needs its length before it is written",
                hint="give the plan the length of the plain bytes",
            )
        self.write(struct.pack("<4sI2Q" if is_long else "<4s3I", b"PK\7\x08", crc, size, size))
        self._done.append(_Written(name, _DESCRIPTOR, crc, size, offset))
        self._open = None

    def close(self) -> None:
        """Write the directory and the end."""
        start = self.position
        for entry in self._done:
            self.write(_central(entry))
        size, count = self.position - start, len(self._done)
        if start >= _FULL:
            at = self.position
            record = (b"PK\6\6", 44, _VERSION64, _VERSION64, 0, 0, count, count, size, start)
            self.write(struct.pack("<4sQ2H2I4Q", *record))
            self.write(struct.pack("<4sIQI", b"PK\6\7", 0, at, 1))
            start = _FULL
        self.write(struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, count, count, size, start, 0))

    def _name(self, name: str) -> bytes:
        spelled = name.encode("ascii", "strict") if name.isascii() else b""
        if not 0 < len(spelled) <= 255 or any(entry.name == spelled for entry in self._done):
            raise TdfFormError("an entry of the archive needs a name of its own in ASCII")
        return spelled


def _local(entry: _Written, crc: int, size: int, *, is_long: bool) -> bytes:
    extra = struct.pack("<2H2Q", 1, 16, 0, 0) if is_long else b""
    said = _FULL if is_long else size
    version = _VERSION64 if is_long else _VERSION
    head = (b"PK\3\4", version, entry.flags, 0, _TIME, _DATE, crc, said, said)
    return struct.pack("<4s5H3I2H", *head, len(entry.name), len(extra)) + entry.name + extra


def _central(entry: _Written) -> bytes:
    values, extra = [], b""
    for value in (entry.size, entry.size, entry.offset):
        values.append(_FULL if value >= _FULL else value)
        extra += struct.pack("<Q", value) if value >= _FULL else b""
    if extra:
        extra = struct.pack("<2H", 1, len(extra)) + extra
    version = _VERSION64 if extra else _VERSION
    head = (b"PK\1\2", version, version, entry.flags, 0, _TIME, _DATE, entry.crc, *values[:2])
    tail = (len(entry.name), len(extra), 0, 0, 0, 0, values[2])
    return struct.pack("<4s6H3I5H2I", *head, *tail) + entry.name + extra


def crc_of_both(first: int, second: int, second_bytes: int) -> int:
    """CRC-32 of two pieces in a row, from the CRC-32 of each and the length of the second.

    Guarantees:
        Equal to the checksum of the joined bytes (``tests/property/test_tdf_laws.py``).
    """
    return _apply(_shift(second_bytes), first) ^ second


@cache
def _shift(count: int) -> tuple[int, ...]:
    """What *count* zero bytes do to each bit of a CRC-32 register: 32 columns over GF(2)."""
    columns = tuple(1 << bit for bit in range(32))
    step = (_POLYNOMIAL, *(1 << bit for bit in range(31)))
    for _ in range(3):
        step = tuple(_apply(step, column) for column in step)
    while count:
        if count & 1:
            columns = tuple(_apply(step, column) for column in columns)
        step = tuple(_apply(step, column) for column in step)
        count >>= 1
    return columns


def _apply(columns: tuple[int, ...], register: int) -> int:
    total = 0
    for column in columns:
        if register & 1:
            total ^= column
        register >>= 1
    return total
