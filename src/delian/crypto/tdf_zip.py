"""The zip container of a TDF file, read with no second meaning.

May touch: values. Zip readers disagree about double names, hidden bytes and lengths said twice.
This one reads an archive only if its entries fill it from the first byte to the directory, each
once, each stored, and if everything said twice is said alike.
"""

import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from delian.crypto.tdf_errors import TdfFormError, TdfTamperedError

MAX_ENTRIES = 1024
_MAX_DIRECTORY = 1024 * 1024
_END, _END64, _LOCATOR = (
    struct.Struct("<4s4H2IH"),
    struct.Struct("<4sQ2H2I4Q"),
    struct.Struct("<4sIQI"),
)
_CENTRAL, _LOCAL = struct.Struct("<4s6H3I5H2I"), struct.Struct("<4s5H3I2H")
_FULL, _FULL16 = 0xFFFFFFFF, 0xFFFF
_DESCRIPTOR, _UTF8 = 0x0008, 0x0800


class RandomAccess(Protocol):
    """Where a file is read from: an open file, memory, a ranged download."""

    @property
    def size(self) -> int:
        """How many bytes there are."""
        ...

    def read_at(self, start: int, count: int) -> bytes:
        """*count* bytes from *start*; fewer only if the source has become shorter.

        Called on two threads at once.
        """
        ...


@runtime_checkable
class FillAccess(RandomAccess, Protocol):
    """A source that reads without a copy of its own, as an open file can."""

    def read_into(self, start: int, buffer: memoryview) -> int:
        """Fill *buffer* from *start*; how many bytes that were. Called on two threads at once."""
        ...


@dataclass(frozen=True, slots=True)
class MemoryAccess:
    """Bytes that are already in memory."""

    data: bytes

    @property
    def size(self) -> int:
        """How many bytes there are."""
        return len(self.data)

    def read_at(self, start: int, count: int) -> bytes:
        """*count* bytes from *start*."""
        return self.data[start : start + count]


@dataclass(frozen=True, slots=True)
class ZipEntry:
    """One stored entry: its name, where its bytes lie, and their CRC-32."""

    name: str
    start: int
    size: int
    crc: int


@dataclass(frozen=True, slots=True)
class _Central:
    name: bytes
    flags: int
    crc: int
    size: int
    offset: int


def read_directory(source: RandomAccess) -> Mapping[str, ZipEntry]:
    """Every entry of an archive, by name.

    Guarantees:
        The entries and the directory cover every byte of the source exactly once.

    Raises:
        TdfFormError: not a zip archive, a compressed or encrypted entry, a comment, several
            disks, or more entries than allowed.
        TdfTamperedError: a name twice, bytes outside of entries, or a contradiction.
    """
    start, size, count = _end(source)
    raw = exactly(source, start, size)
    found: dict[str, ZipEntry] = {}
    records, position = [], 0
    for _ in range(count):
        record, position = _central(raw, position)
        records.append(record)
    if position != size:
        raise TdfTamperedError("the archive's directory has bytes that belong to no entry")
    expected = 0
    for record in sorted(records, key=lambda r: r.offset):
        if record.offset != expected:
            raise TdfTamperedError("the archive has bytes that belong to no entry")
        entry, expected = _entry(source, record, start)
        if entry.name in found:
            raise TdfTamperedError("the archive has two entries of one name")
        found[entry.name] = entry
    if expected != start:
        raise TdfTamperedError("the archive has bytes that belong to no entry")
    return found


def read_entry(source: RandomAccess, entry: ZipEntry, *, max_bytes: int) -> bytes:
    """The bytes of a small entry.

    Raises:
        TdfFormError: larger than *max_bytes*.
        TdfTamperedError: its CRC-32 does not hold.
    """
    if entry.size > max_bytes:
        raise TdfFormError("an entry of the archive is larger than allowed")
    data = exactly(source, entry.start, entry.size)
    if zlib.crc32(data) != entry.crc:
        raise TdfTamperedError("an entry of the archive is not what its checksum says")
    return data


def exactly(source: RandomAccess, start: int, count: int) -> bytes:
    """*count* bytes from *start*, or an error: never fewer.

    Raises:
        TdfTamperedError: the source ends before.
    """
    if start < 0 or count < 0 or start + count > source.size:
        raise TdfTamperedError("the archive ends before its contents do")
    data = source.read_at(start, count)
    if len(data) != count:
        raise TdfTamperedError("the archive ends before its contents do")
    return data


def fill_exactly(source: RandomAccess, start: int, buffer: memoryview) -> None:
    """Fill *buffer* from *start*, or an error: never less.

    Raises:
        TdfTamperedError: the source ends before.
    """
    if not isinstance(source, FillAccess):
        buffer[:] = exactly(source, start, len(buffer))
        return
    done = 0
    while done < len(buffer):
        count = source.read_into(start + done, buffer[done:])
        if count <= 0:
            raise TdfTamperedError("the archive ends before its contents do")
        done += count


def _end(source: RandomAccess) -> tuple[int, int, int]:
    """Where the directory starts, its size and the number of its entries."""
    at = source.size - _END.size
    if at < 0:
        raise TdfFormError("these bytes are not a zip archive")
    values = _END.unpack(exactly(source, at, _END.size))
    mark, disk, first_disk, here, count, size, start, comment = values
    if mark != b"PK\5\6" or comment:
        raise TdfFormError("these bytes are not a zip archive, or bytes follow it")
    if count == _FULL16 or size == _FULL or start == _FULL:
        at, start, size, count = _end64(source, at, (start, size, count))
    elif (disk, first_disk, here) != (0, 0, count):
        raise TdfFormError("the archive is spread over several disks")
    if count > MAX_ENTRIES or size > _MAX_DIRECTORY:
        raise TdfFormError("the archive has more entries than allowed")
    if start + size != at:
        raise TdfTamperedError("the archive's directory is not where its end says")
    return start, size, count


def _end64(
    source: RandomAccess, end: int, short: tuple[int, int, int]
) -> tuple[int, int, int, int]:
    """The same of a zip64 archive, and where its own end record starts."""
    locator_at = end - _LOCATOR.size
    mark, disk, at, disks = _LOCATOR.unpack(exactly(source, locator_at, _LOCATOR.size))
    if mark != b"PK\6\7" or (disk, disks) not in ((0, 1), (0, 0)):
        raise TdfTamperedError("the archive's end contradicts itself")
    if at + _END64.size != locator_at:
        raise TdfTamperedError("the archive's end contradicts itself")
    values = _END64.unpack(exactly(source, at, _END64.size))
    mark, length, _, _, disk, first_disk, here, count, size, start = values
    if mark != b"PK\6\6" or length != _END64.size - 12 or (disk, first_disk, here) != (0, 0, count):
        raise TdfTamperedError("the archive's end contradicts itself")
    for long, said, full in zip((start, size, count), short, (_FULL, _FULL, _FULL16), strict=True):
        if said not in (long, full):
            raise TdfTamperedError("the archive's end contradicts itself")
    return at, start, size, count


def _central(raw: bytes, at: int) -> tuple[_Central, int]:
    if at + _CENTRAL.size > len(raw):
        raise TdfTamperedError("the archive's directory ends too early")
    values = _CENTRAL.unpack_from(raw, at)
    mark, _, _, flags, method, _, _, crc, sealed, plain = values[:10]
    name_bytes, extra_bytes, comment_bytes, disk, _, _, offset = values[10:]
    body = at + _CENTRAL.size
    stop = body + name_bytes + extra_bytes + comment_bytes
    if mark != b"PK\1\2" or stop > len(raw):
        raise TdfTamperedError("the archive's directory is not well formed")
    if flags & ~(_DESCRIPTOR | _UTF8) or method != 0 or comment_bytes:
        raise TdfFormError("an entry of the archive is compressed, encrypted or commented")
    extra = raw[body + name_bytes : stop]
    plain, sealed, offset, disk = _long(extra, (plain, sealed, offset, disk))
    if plain != sealed or disk != 0:
        raise TdfTamperedError("an entry of the archive contradicts itself")
    name = raw[body : body + name_bytes]
    return _Central(name, flags, crc, plain, offset), stop


def _long(extra: bytes, short: tuple[int, int, int, int]) -> tuple[int, int, int, int]:
    """Sizes, offset and disk with the zip64 values put where the short form points to them."""
    values, at = list(short), 0
    seen = False
    while at < len(extra):
        if at + 4 > len(extra):
            raise TdfTamperedError("an entry's extra field is not well formed")
        kind, length = struct.unpack_from("<2H", extra, at)
        body = extra[at + 4 : at + 4 + length]
        at += 4 + length
        if len(body) != length or (kind == 1 and seen):
            raise TdfTamperedError("an entry's extra field is not well formed")
        if kind == 1:
            seen = True
            values = _spread(body, values)
    return values[0], values[1], values[2], values[3]


def _spread(body: bytes, values: list[int]) -> list[int]:
    at, made = 0, []
    for value, full, size in zip(values, (_FULL, _FULL, _FULL, _FULL16), (8, 8, 8, 4), strict=True):
        if value == full and at + size <= len(body):
            made.append(int.from_bytes(body[at : at + size], "little"))
            at += size
        else:
            made.append(value)
    return made


def _entry(source: RandomAccess, record: _Central, limit: int) -> tuple[ZipEntry, int]:
    """The entry behind *record*, and where the next one must start."""
    head = exactly(source, record.offset, _LOCAL.size)
    mark, _, flags, method, _, _, crc, sealed, plain, name_bytes, extra_bytes = _LOCAL.unpack(head)
    if mark != b"PK\3\4" or method != 0 or (flags ^ record.flags) & ~_UTF8:
        raise TdfTamperedError("an entry's header contradicts the archive's directory")
    tail = exactly(source, record.offset + _LOCAL.size, name_bytes + extra_bytes)
    plain, sealed, _, _ = _long(tail[name_bytes:], (plain, sealed, 0, 0))
    if tail[:name_bytes] != record.name:
        raise TdfTamperedError("an entry's header contradicts the archive's directory")
    start = record.offset + _LOCAL.size + len(tail)
    stop = start + record.size
    if stop > limit:
        raise TdfTamperedError("an entry reaches beyond the archive's contents")
    said, true = (crc, sealed, plain), (record.crc, record.size, record.size)
    if flags & _DESCRIPTOR:
        if any(s not in (0, t, _FULL) for s, t in zip(said, true, strict=True)):
            raise TdfTamperedError("an entry's header contradicts the archive's directory")
        stop += _descriptor(source, stop, record, limit)
    elif said != true:
        raise TdfTamperedError("an entry's header contradicts the archive's directory")
    try:
        name = record.name.decode("utf-8")
    except UnicodeDecodeError as error:
        raise TdfFormError("an entry's name is not text") from error
    return ZipEntry(name, start, record.size, record.crc), stop


def _descriptor(source: RandomAccess, at: int, record: _Central, limit: int) -> int:
    """The length of the data descriptor at *at*: with or without its mark, short or long."""
    raw = source.read_at(at, min(24, limit - at))
    for mark in (b"PK\7\x08", b""):
        for sizes in ("<I2Q", "<3I"):
            if sizes == "<3I" and record.size > _FULL:
                continue
            whole = mark + struct.pack(sizes, record.crc, record.size, record.size)
            if raw.startswith(whole):
                return len(whole)
    raise TdfTamperedError("an entry's descriptor contradicts the archive's directory")
