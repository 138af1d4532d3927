"""Seals and opens the payload of a TDF file piece by piece, two pieces at a time.

May touch: AES-256-GCM of the installed ``cryptography`` and threads, because AES and checksums run
outside of the interpreter's lock. Never more than a few pieces are in memory. A piece is handed
out only after its tag and, for a signed file, its digest hold.
"""

import hashlib
import hmac
import zlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import chain, islice
from typing import Protocol, TypeVar, runtime_checkable

from cryptography.exceptions import InvalidTag

from delian.crypto.tdf_errors import TdfTamperedError
from delian.crypto.tdf_keys import IV_BYTES, TAG_BYTES, DataKey
from delian.crypto.tdf_manifest import FRAME_BYTES, Segment, SegmentHash
from delian.crypto.tdf_zip import RandomAccess, ZipEntry, fill_exactly

DIGEST = "sha384"
DIGEST_BYTES = 48
_AHEAD, _THREADS = 2, 2
T = TypeVar("T")
U = TypeVar("U")


@runtime_checkable
class BinaryReader(Protocol):
    """Where plain bytes come from without a copy: an open file."""

    def readinto(self, buffer: memoryview, /) -> int | None:
        """Fill some of *buffer*; 0 at the end."""
        ...


@dataclass(frozen=True, slots=True)
class Sealed:
    """One sealed piece, good until the next one is asked for."""

    data: memoryview = field(repr=False)
    tag: bytes
    crc: int
    digest: bytes
    plain_bytes: int


class _Slot:
    """Memory for one piece before and after."""

    __slots__ = ("filled", "plain", "sealed")

    def __init__(self, segment_bytes: int) -> None:
        self.plain = memoryview(bytearray(segment_bytes))
        self.sealed = memoryview(bytearray(segment_bytes + FRAME_BYTES))
        self.filled = 0


def seal_segments(
    source: Iterable[bytes] | BinaryReader, key: DataKey, segment_bytes: int, *, digests: bool
) -> Iterator[Sealed]:
    """The payload's pieces in order; an empty payload still has one.

    Args:
        source: The plain bytes, in parts of any size.
        key: Fresh for this file: the number of a piece is its nonce.
        segment_bytes: Plain bytes of a full piece.
        digests: Also compute SHA-384 of each sealed piece, for the originator's signature.
    """
    cipher = key.cipher()

    def seal(numbered: tuple[int, _Slot]) -> tuple[_Slot, Sealed]:
        number, slot = numbered
        iv = number.to_bytes(IV_BYTES, "big")
        data = slot.sealed[: slot.filled + FRAME_BYTES]
        data[:IV_BYTES] = iv
        cipher.encrypt_into(iv, slot.plain[: slot.filled], None, data[IV_BYTES:])
        digest = hashlib.new(DIGEST, data).digest() if digests else b""
        tag = bytes(data[-TAG_BYTES:])
        return slot, Sealed(data, tag, zlib.crc32(data), digest, slot.filled)

    free: deque[_Slot] = deque()
    filled = _filled(source, free, segment_bytes)
    for slot, sealed in _ahead(enumerate(filled, 1), seal):
        yield sealed
        free.append(slot)


def _filled(
    source: Iterable[bytes] | BinaryReader, free: deque[_Slot], segment_bytes: int
) -> Iterator[_Slot]:
    fill = _from_file(source) if isinstance(source, BinaryReader) else _from_parts(source)
    is_first = True
    while True:
        slot = free.popleft() if free else _Slot(segment_bytes)
        slot.filled = fill(slot.plain)
        if slot.filled or is_first:
            yield slot
        if slot.filled < segment_bytes:
            return
        is_first = False


def _from_file(source: BinaryReader) -> Callable[[memoryview], int]:
    def fill(room: memoryview) -> int:
        done = 0
        while done < len(room):
            count = source.readinto(room[done:])
            if not count:
                break
            done += count
        return done

    return fill


def _from_parts(source: Iterable[bytes]) -> Callable[[memoryview], int]:
    parts = iter(source)
    left = memoryview(b"")

    def fill(room: memoryview) -> int:
        nonlocal left
        done = 0
        while done < len(room):
            if not left:
                part = next(parts, None)
                if part is None:
                    break
                left = memoryview(part)
            count = min(len(left), len(room) - done)
            room[done : done + count] = left[:count]
            left, done = left[count:], done + count
        return done

    return fill


def open_segments(
    source: RandomAccess,
    payload: ZipEntry,
    key: DataKey,
    segments: Sequence[Segment],
    kind: SegmentHash,
    digests: bytes | None,
) -> Iterator[memoryview]:
    """The plain pieces in order, each good until the next one is asked for.

    Args:
        source: The file; it is read on two threads.
        payload: Where its payload lies.
        key: The data key.
        segments: As the manifest says, its root signature already checked.
        kind: What the segments' tags are.
        digests: SHA-384 of every sealed piece, one after the other, where a pinned originator
            signed them; None otherwise.

    Guarantees:
        A piece is handed out only after its tag, its place and its digest hold.

    Raises:
        TdfTamperedError: a piece is altered, moved or cut off.
    """
    cipher = key.cipher()
    largest = max(segment.plain_bytes for segment in segments)
    free: deque[_Slot] = deque()

    def placed() -> Iterator[tuple[int, int, Segment, _Slot]]:
        at = payload.start
        for number, segment in enumerate(segments):
            yield number, at, segment, free.popleft() if free else _Slot(largest)
            at += segment.sealed_bytes

    def unseal(item: tuple[int, int, Segment, _Slot]) -> tuple[_Slot, memoryview]:
        number, at, segment, slot = item
        data = slot.sealed[: segment.sealed_bytes]
        fill_exactly(source, at, data)
        tag = data[-TAG_BYTES:] if kind == "GMAC" else key.mac(data)
        holds = hmac.compare_digest(tag, segment.tag)
        if digests is not None:
            wanted = digests[number * DIGEST_BYTES : (number + 1) * DIGEST_BYTES]
            holds = holds and hmac.compare_digest(hashlib.new(DIGEST, data).digest(), wanted)
        if not holds:
            raise TdfTamperedError("a piece of the payload is not the one that was sealed")
        plain = slot.plain[: segment.plain_bytes]
        try:
            cipher.decrypt_into(data[:IV_BYTES], data[IV_BYTES:], None, plain)
        except InvalidTag as error:
            raise TdfTamperedError(
                "a piece of the payload is not the one that was sealed"
            ) from error
        return slot, plain

    for slot, plain in _ahead(placed(), unseal):
        yield plain
        free.append(slot)


def _ahead(items: Iterable[T], work: Callable[[T], U]) -> Iterator[U]:
    """``map(work, items)`` with a few items ahead on threads; a single item needs none."""
    feed = iter(items)
    first = list(islice(feed, 2))
    if len(first) < 2:
        yield from map(work, first)
        return
    waiting: deque[Future[U]] = deque()
    with ThreadPoolExecutor(_THREADS) as pool:
        try:
            for item in chain(first, feed):
                waiting.append(pool.submit(work, item))
                if len(waiting) > _AHEAD:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()
