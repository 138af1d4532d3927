"""The zip container: every spelling that stock writers use, every contradiction refused.

Archives are put together here field by field, so that one field at a time can lie.
"""

import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from delian.crypto.tdf_errors import TdfFormError, TdfTamperedError
from delian.crypto.tdf_zip import MemoryAccess, exactly, fill_exactly, read_directory, read_entry
from delian.crypto.tdf_zip_write import ZipWriter

FULL, FULL16 = 0xFFFFFFFF, 0xFFFF
CONTENTS = {"0.payload": b"sealed pieces", "0.manifest.json": b"{}"}


@dataclass
class Entry:
    """The fields of one entry, in its header and in the directory."""

    name: bytes
    data: bytes
    local: dict[str, Any] = field(default_factory=dict)
    central: dict[str, Any] = field(default_factory=dict)
    descriptor: bytes = b""
    hidden: bytes = b""
    is_inside: bool = False


@dataclass
class Archive:
    """An archive in one of three spellings.

    ``plain`` has its sizes in the header; ``descriptor`` behind the data; ``long`` puts everything
    into zip64 fields, as the JavaScript client does.
    """

    kind: str = "plain"
    entries: list[Entry] = field(default_factory=list)
    end: dict[str, int] = field(default_factory=dict)
    end64: dict[str, int] = field(default_factory=dict)
    locator: dict[str, int] = field(default_factory=dict)
    before_directory: bytes = b""
    in_directory: bytes = b""
    after_directory: bytes = b""
    after_record: bytes = b""

    def __post_init__(self) -> None:
        self.entries = [Entry(name.encode(), data) for name, data in CONTENTS.items()]

    @property
    def is_long(self) -> bool:
        return self.kind == "long"

    def to_bytes(self) -> bytes:
        made, directory = b"", b""
        for entry in self.entries:
            made += entry.hidden
            directory += self._central(entry, len(made))
            made += b"" if entry.is_inside else self._entry(entry)
        made += self.before_directory
        start = len(made)
        directory += self.in_directory
        return made + directory + self.after_directory + self._ends(start, len(directory))

    def _entry(self, entry: Entry) -> bytes:
        size, crc = len(entry.data), zlib.crc32(entry.data)
        known = self.kind == "plain"
        extra = struct.pack("<2H3Q", 1, 24, 0, 0, 0) if self.is_long else b""
        f = {
            "mark": b"PK\3\4",
            "flags": 0 if known else 0x808 if self.is_long else 8,
            "method": 0,
            "crc": crc if known else 0,
            "sealed": size if known else FULL if self.is_long else 0,
            "plain": size if known else FULL if self.is_long else 0,
            "name": entry.name,
            "extra": extra,
            **entry.local,
        }
        head = (f["mark"], 20, f["flags"], f["method"], 0, 33, f["crc"], f["sealed"], f["plain"])
        lengths = (len(f["name"]), len(f["extra"]))
        made = struct.pack("<4s5H3I2H", *head, *lengths) + f["name"] + f["extra"] + entry.data
        if known:
            return made
        form = "<4sI2Q" if self.is_long else "<4s3I"
        return made + (entry.descriptor or struct.pack(form, b"PK\7\x08", crc, size, size))

    def _central(self, entry: Entry, offset: int) -> bytes:
        size, crc = len(entry.data), zlib.crc32(entry.data)
        shown = (FULL, FULL, FULL) if self.is_long else (size, size, offset)
        extra = struct.pack("<2H3Q", 1, 24, size, size, offset) if self.is_long else b""
        f = {
            "mark": b"PK\1\2",
            "flags": 0 if self.kind == "plain" else 0x808 if self.is_long else 8,
            "method": 0,
            "crc": crc,
            "sealed": shown[0],
            "plain": shown[1],
            "offset": shown[2],
            "disk": 0,
            "name": entry.name,
            "extra": extra,
            "comment": b"",
            **entry.central,
        }
        head = (f["mark"], 20, 20, f["flags"], f["method"], 0, 33, f["crc"], f["sealed"])
        lengths = (len(f["name"]), len(f["extra"]), len(f["comment"]))
        tail = (f["plain"], *lengths, f["disk"], 0, 0, f["offset"])
        made = struct.pack("<4s6H3I5H2I", *head, *tail)
        return made + f["name"] + f["extra"] + f["comment"]

    def _ends(self, start: int, size: int) -> bytes:
        count = len(self.entries)
        f: dict[str, Any] = {"mark": b"PK\5\6", "disk": 0, "first": 0, "comment": 0}
        f |= {"here": count, "count": count, "size": size, "start": start}
        if self.is_long:
            f |= {"here": FULL16, "count": FULL16, "size": FULL, "start": FULL}
        f |= self.end
        names = ("mark", "disk", "first", "here", "count", "size", "start", "comment")
        end = struct.pack("<4s4H2IH", *(f[name] for name in names))
        return self._long_ends(start, size, count) + end if self.is_long else end

    def _long_ends(self, start: int, size: int, count: int) -> bytes:
        g: dict[str, Any] = {"mark": b"PK\6\6", "length": 44, "disk": 0, "first": 0}
        g |= {"here": count, "count": count, "size": size, "start": start, **self.end64}
        head = (g["mark"], g["length"], 45, 45, g["disk"], g["first"])
        record = struct.pack("<4sQ2H2I4Q", *head, g["here"], g["count"], g["size"], g["start"])
        at = start + size + len(self.after_directory)
        h: dict[str, Any] = {"mark": b"PK\6\7", "disk": 0, "at": at, "disks": 1}
        h |= self.locator
        return (
            record
            + self.after_record
            + struct.pack("<4sIQI", h["mark"], h["disk"], h["at"], h["disks"])
        )


def contents(data: bytes) -> dict[str, bytes]:
    source = MemoryAccess(data)
    entries = read_directory(source)
    return {name: read_entry(source, e, max_bytes=100) for name, e in entries.items()}


@pytest.mark.parametrize("kind", ["plain", "descriptor", "long"])
def test_every_spelling_is_read(kind: str) -> None:
    assert contents(Archive(kind).to_bytes()) == CONTENTS


def _local(**fields: Any) -> Callable[[Archive], None]:
    return lambda archive: archive.entries[0].local.update(fields)


def _central(**fields: Any) -> Callable[[Archive], None]:
    return lambda archive: archive.entries[0].central.update(fields)


def _second(**fields: Any) -> Callable[[Archive], None]:
    return lambda archive: archive.entries[1].central.update(fields)


def _end(**fields: Any) -> Callable[[Archive], None]:
    return lambda archive: archive.end.update(fields)


def _descriptor(data: bytes) -> Callable[[Archive], None]:
    def damage(archive: Archive) -> None:
        archive.entries[0].descriptor = data

    return damage


def _hidden(index: int) -> Callable[[Archive], None]:
    """Bytes that no entry owns, every offset right."""

    def damage(archive: Archive) -> None:
        archive.entries[index].hidden = b"hidden"

    return damage


def _inside(archive: Archive) -> None:
    """The second entry lies inside the first one's data; header and directory agree on both."""
    outer, inner = archive.entries
    start = 30 + len(outer.name) + len(outer.local.get("extra", b""))
    if archive.is_long:
        start += 28
    outer.data = archive._entry(inner)
    copy = Entry(inner.name, inner.data, dict(inner.local), dict(inner.central))
    if archive.is_long:
        extra = struct.pack("<2H3Q", 1, 24, len(inner.data), len(inner.data), start)
        copy.central["extra"] = extra
    else:
        copy.central["offset"] = start
    copy.is_inside = True
    archive.entries[1] = copy


def _twice(archive: Archive) -> None:
    archive.entries[1].name = archive.entries[0].name


def _gap(archive: Archive) -> None:
    archive.before_directory = b"hidden"


def _tail(archive: Archive) -> None:
    archive.in_directory = b"hidden"


def _after(archive: Archive) -> None:
    archive.after_directory = b"hidden"


def _after_record(archive: Archive) -> None:
    archive.after_record = b"hidden"


def _names(name: bytes) -> Callable[[Archive], None]:
    def damage(archive: Archive) -> None:
        archive.entries[0].name = name

    return damage


CRC, SIZE = zlib.crc32(CONTENTS["0.payload"]), len(CONTENTS["0.payload"])
COMMON: dict[str, tuple[Callable[[Archive], None], type[Exception]]] = {
    "end of another kind": (_end(mark=b"PK\5\7"), TdfFormError),
    "comment announced": (_end(comment=3), TdfFormError),
    "name twice": (_twice, TdfTamperedError),
    "name that is no text": (_names(b"\xff"), TdfFormError),
    "bytes before the first entry": (_hidden(0), TdfTamperedError),
    "bytes between two entries": (_hidden(1), TdfTamperedError),
    "one entry inside another": (_inside, TdfTamperedError),
    "bytes before the directory": (_gap, TdfTamperedError),
    "bytes in the directory": (_tail, TdfTamperedError),
    "bytes after the directory": (_after, TdfTamperedError),
    "header of another kind": (_local(mark=b"PK\3\5"), TdfTamperedError),
    "header names another": (_local(name=b"1.payload"), TdfTamperedError),
    "header compressed": (_local(method=8), TdfTamperedError),
    "header flags differ": (_local(flags=9), TdfTamperedError),
    "header checksum differs": (_local(crc=CRC ^ 1), TdfTamperedError),
    "header size differs": (_local(plain=SIZE + 1), TdfTamperedError),
    "header sealed size differs": (_local(sealed=SIZE + 1), TdfTamperedError),
    "record of another kind": (_central(mark=b"PK\1\3"), TdfTamperedError),
    "record compressed": (_central(method=8), TdfFormError),
    "record encrypted": (_central(flags=1), TdfFormError),
    "record with a comment": (_central(comment=b"x"), TdfFormError),
    "record on another disk": (_central(disk=1), TdfTamperedError),
    "record's extra cut": (_central(extra=b"\1"), TdfTamperedError),
    "record's extra longer than it is": (_central(extra=b"\1\0\xff\0"), TdfTamperedError),
    "record's extra twice": (_central(extra=b"\1\0\0\0" * 2), TdfTamperedError),
    "record's checksum differs": (_central(crc=CRC ^ 1), TdfTamperedError),
    "second record compressed": (_second(method=8), TdfFormError),
}
SHORT: dict[str, tuple[Callable[[Archive], None], type[Exception]]] = {
    "more entries than records": (_end(count=3, here=3), TdfTamperedError),
    "fewer entries than records": (_end(count=1, here=1), TdfTamperedError),
    "more entries than allowed": (_end(count=2000, here=2000), TdfFormError),
    "another disk": (_end(disk=1), TdfFormError),
    "another first disk": (_end(first=1), TdfFormError),
    "part of the entries here": (_end(here=1), TdfFormError),
    "directory starts elsewhere": (_end(start=3), TdfTamperedError),
    "directory is larger": (_end(size=9999), TdfTamperedError),
    "sizes differ": (_central(plain=SIZE + 1), TdfTamperedError),
    "both sizes larger": (_central(plain=SIZE + 1, sealed=SIZE + 1), TdfTamperedError),
    "both sizes smaller": (_central(plain=SIZE - 1, sealed=SIZE - 1), TdfTamperedError),
    "both sizes huge": (_central(plain=2**31, sealed=2**31), TdfTamperedError),
    "entry elsewhere": (_central(offset=1), TdfTamperedError),
    "second entry over the first": (_second(offset=0), TdfTamperedError),
    "long sizes without their field": (_central(plain=FULL, sealed=FULL), TdfTamperedError),
}
LONG: dict[str, tuple[Callable[[Archive], None], type[Exception]]] = {
    "long end of another kind": (lambda a: a.end64.update(mark=b"PK\6\5"), TdfTamperedError),
    "long end of another length": (lambda a: a.end64.update(length=45), TdfTamperedError),
    "long end on another disk": (lambda a: a.end64.update(disk=1), TdfTamperedError),
    "long end starts on another disk": (lambda a: a.end64.update(first=1), TdfTamperedError),
    "long end has part of the entries": (lambda a: a.end64.update(here=1), TdfTamperedError),
    "long end counts more": (lambda a: a.end64.update(count=3, here=3), TdfTamperedError),
    "long end counts very many": (
        lambda a: a.end64.update(count=2**40, here=2**40),
        TdfFormError,
    ),
    "long end of a larger directory": (lambda a: a.end64.update(size=2**50), TdfFormError),
    "long end starts elsewhere": (lambda a: a.end64.update(start=3), TdfTamperedError),
    "bytes after the long end": (_after_record, TdfTamperedError),
    "locator of another kind": (lambda a: a.locator.update(mark=b"PK\6\1"), TdfTamperedError),
    "locator on another disk": (lambda a: a.locator.update(disk=1), TdfTamperedError),
    "locator of several disks": (lambda a: a.locator.update(disks=2), TdfTamperedError),
    "locator elsewhere": (lambda a: a.locator.update(at=0), TdfTamperedError),
    "short end says another start": (_end(start=1), TdfTamperedError),
    "short end says another size": (_end(size=1), TdfTamperedError),
    "short end says another count": (_end(count=1), TdfTamperedError),
}
BEHIND: dict[str, tuple[Callable[[Archive], None], type[Exception]]] = {
    "descriptor missing": (_descriptor(b"PK"), TdfTamperedError),
    "descriptor's checksum differs": (
        _descriptor(struct.pack("<4s3I", b"PK\7\x08", CRC ^ 1, SIZE, SIZE)),
        TdfTamperedError,
    ),
    "descriptor's size differs": (
        _descriptor(struct.pack("<4s3I", b"PK\7\x08", CRC, SIZE + 1, SIZE)),
        TdfTamperedError,
    ),
    "bytes after the descriptor": (
        _descriptor(struct.pack("<4s3I", b"PK\7\x08", CRC, SIZE, SIZE) + b"hidden"),
        TdfTamperedError,
    ),
}
CASES = [
    *(
        (kind, name, case)
        for kind in ("plain", "descriptor", "long")
        for name, case in COMMON.items()
    ),
    *((kind, name, case) for kind in ("plain", "descriptor") for name, case in SHORT.items()),
    *(("long", name, case) for name, case in LONG.items()),
    *(("descriptor", name, case) for name, case in BEHIND.items()),
]


@pytest.mark.parametrize(
    ("kind", "case"), [(k, c) for k, _, c in CASES], ids=[f"{k}: {n}" for k, n, _ in CASES]
)
def test_a_field_that_lies_is_refused(
    kind: str, case: tuple[Callable[[Archive], None], type[Exception]]
) -> None:
    damage, error = case
    archive = Archive(kind)
    damage(archive)
    with pytest.raises((TdfFormError, TdfTamperedError)) as caught:
        contents(archive.to_bytes())
    assert caught.type is error or kind != "plain"


def test_an_archive_cut_anywhere_is_refused() -> None:
    for kind in ("plain", "descriptor", "long"):
        data = Archive(kind).to_bytes()
        for stop in range(len(data)):
            with pytest.raises((TdfFormError, TdfTamperedError)):
                contents(data[:stop])


def test_a_range_beyond_the_source_is_refused() -> None:
    source = MemoryAccess(b"abc")
    assert exactly(source, 1, 2) == b"bc"
    for start, count in ((1, 3), (-1, 2), (2, -1), (4, 0)):
        with pytest.raises(TdfTamperedError):
            exactly(source, start, count)


def test_a_source_that_gives_less_than_it_says_is_refused() -> None:
    class Short:
        size = 100

        def read_at(self, start: int, count: int) -> bytes:
            return bytes(count - 1)

    with pytest.raises(TdfTamperedError, match="ends before"):
        exactly(Short(), 0, 10)
    with pytest.raises(TdfTamperedError, match="ends before"):
        fill_exactly(Short(), 0, memoryview(bytearray(10)))


def test_an_entry_beyond_its_limit_is_refused() -> None:
    source = MemoryAccess(Archive().to_bytes())
    entry = read_directory(source)["0.payload"]
    assert read_entry(source, entry, max_bytes=SIZE) == CONTENTS["0.payload"]
    with pytest.raises(TdfFormError, match="larger than allowed"):
        read_entry(source, entry, max_bytes=SIZE - 1)


class _Nowhere:
    def write(self, data: object, /) -> None:
        del data


class _Huge(bytes):
    def __len__(self) -> int:
        return FULL


@pytest.mark.parametrize("name", ["a", "", "é", "x" * 256])
def test_every_entry_is_written_under_a_name_of_its_own(name: str) -> None:
    archive = ZipWriter(_Nowhere())
    archive.add("a", b"x")
    with pytest.raises(TdfFormError, match="name of its own"):
        archive.add(name, b"y")
    with pytest.raises(TdfFormError, match="name of its own"):
        archive.begin(name, size=None)


def test_entries_are_begun_before_they_end_and_fit() -> None:
    archive = ZipWriter(_Nowhere())
    with pytest.raises(TdfFormError, match="no entry"):
        archive.end(crc=0, size=0)
    archive.begin("a", size=None)
    archive.end(crc=0, size=0)
    with pytest.raises(TdfFormError, match="no entry"):
        archive.end(crc=0, size=0)
    with pytest.raises(TdfFormError, match="too large"):
        archive.add("b", _Huge(b"x"))
