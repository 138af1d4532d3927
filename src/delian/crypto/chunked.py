"""Seal a large message in pieces that its holder can open one by one and in any order.

May touch: ``crypto.seal`` and AES-256-GCM of the installed ``cryptography``. HPKE seals a fresh
content key; AES-256-GCM seals each piece under it with its number as nonce. Sizes stand in the
header, the header is bound to the content key, and the last piece is marked, so that cutting
off, reordering, repeating or appending pieces never goes unnoticed.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import NoReturn, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from delian.crypto.seal import (
    HPKE_OVERHEAD_BYTES,
    TAG_BYTES,
    SealError,
    SealFormError,
    SealPrivate,
    SealPublic,
    context,
)
from delian.terms.errors import InputError

MAGIC = b"DELIAN-CHUNKED-1\n"
CHUNK_BYTES = 256 * 1024
MAX_CHUNK_BYTES = 16 * 1024 * 1024
MAX_PLAIN_BYTES = 2**40
KEY_BYTES = 32
_SIZES_BYTES = 4 + 8
_WRAPPED_BYTES = KEY_BYTES + HPKE_OVERHEAD_BYTES
HEADER_BYTES = len(MAGIC) + _SIZES_BYTES + _WRAPPED_BYTES


class ChunkRangeError(InputError):
    """A piece or a range of bytes is asked for that the sealed message does not have."""

    code = "chunk-range"


class Source(Protocol):
    """Where sealed bytes are read from: a file, a database row, memory."""

    @property
    def size_bytes(self) -> int:
        """How many bytes there are."""
        ...

    def read(self, start: int, stop: int) -> bytes:
        """The bytes in [start, stop); fewer only if the source has become shorter."""
        ...


@dataclass(frozen=True, slots=True)
class MemorySource:
    """Sealed bytes that are already in memory."""

    data: bytes = field(repr=False)

    @property
    def size_bytes(self) -> int:
        """How many bytes there are."""
        return len(self.data)

    def read(self, start: int, stop: int) -> bytes:
        """The bytes in [start, stop)."""
        return self.data[start:stop]


def _sizes(chunk_bytes: int, plain_bytes: int) -> bytes:
    if not 1 <= chunk_bytes <= MAX_CHUNK_BYTES or not 0 <= plain_bytes <= MAX_PLAIN_BYTES:
        raise SealFormError("a sealed message of these sizes is not allowed")
    return chunk_bytes.to_bytes(4, "big") + plain_bytes.to_bytes(8, "big")


def _count(chunk_bytes: int, plain_bytes: int) -> int:
    """An empty message still has one piece, so that its end is marked too."""
    return max(1, -(-plain_bytes // chunk_bytes))


def _nonce(index: int, *, is_last: bool) -> bytes:
    return index.to_bytes(11, "big") + (b"\1" if is_last else b"\0")


def sealed_size(plain_bytes: int, *, chunk_bytes: int = CHUNK_BYTES) -> int:
    """How many bytes :func:`seal_chunks` gives for a message of *plain_bytes*."""
    return HEADER_BYTES + plain_bytes + TAG_BYTES * _count(chunk_bytes, plain_bytes)


def seal_chunks(
    public: SealPublic,
    parts: Iterable[bytes],
    *,
    plain_bytes: int,
    info: bytes,
    aad: bytes,
    chunk_bytes: int = CHUNK_BYTES,
) -> Iterator[bytes]:
    """The sealed message piece by piece: the header first, then one piece per chunk.

    Args:
        public: The holder's key, pinned by the roster or the terms.
        parts: The message in pieces of any size.
        plain_bytes: The length of the whole message; *parts* must give exactly that.
        info: What the message is for; both sides know it.
        aad: Where it belongs (round, sender, receiver); both sides know it.
        chunk_bytes: Plain bytes per piece; the same for every sender of a round.

    Leaks:
        *plain_bytes* and *chunk_bytes*.

    Raises:
        SealFormError: sizes out of range, or *parts* give another length.

    Source: the STREAM construction (Hoang, Reyhanitabar, Rogaway, Vizar 2015) with a fresh key.
    """
    sizes = _sizes(chunk_bytes, plain_bytes)
    secret = AESGCM.generate_key(bit_length=8 * KEY_BYTES)
    bound = context(MAGIC, info, aad, sizes)
    yield MAGIC + sizes + public.wrap(secret, bound)
    cipher = AESGCM(secret)
    last = _count(chunk_bytes, plain_bytes) - 1
    for index, chunk in enumerate(_regular(parts, chunk_bytes, plain_bytes)):
        yield cipher.encrypt(_nonce(index, is_last=index == last), chunk, bound)


def _regular(parts: Iterable[bytes], chunk_bytes: int, plain_bytes: int) -> Iterator[bytes]:
    """The same bytes in pieces of *chunk_bytes*, the last one shorter."""
    waiting = bytearray()
    left = plain_bytes
    for part in parts:
        waiting += part
        while len(waiting) >= chunk_bytes and left > chunk_bytes:
            yield bytes(waiting[:chunk_bytes])
            del waiting[:chunk_bytes]
            left -= chunk_bytes
        if len(waiting) > left:
            break
    if len(waiting) != left:
        raise SealFormError("the message has another length than announced")
    yield bytes(waiting)


@dataclass(frozen=True, slots=True, eq=False)
class Chunked:
    """A sealed message whose content key is open; pieces open on demand.

    Made by :func:`open_chunks` only. It hides its key and refuses pickling.
    """

    chunk_bytes: int
    plain_bytes: int
    _source: Source = field(repr=False)
    _cipher: AESGCM = field(repr=False)
    _bound: bytes = field(repr=False)

    def __reduce__(self) -> NoReturn:
        raise TypeError("an opened message cannot be pickled")

    @property
    def count(self) -> int:
        """How many pieces there are, at least one."""
        return _count(self.chunk_bytes, self.plain_bytes)

    def open_chunk(self, index: int) -> bytes:
        """The plain bytes of piece *index*.

        Raises:
            ChunkRangeError: there is no such piece.
            SealError: the piece is altered, moved, or cut off.
        """
        if not 0 <= index < self.count:
            raise ChunkRangeError("the sealed message has no such piece")
        is_last = index == self.count - 1
        size = self.plain_bytes - index * self.chunk_bytes if is_last else self.chunk_bytes
        start = HEADER_BYTES + index * (self.chunk_bytes + TAG_BYTES)
        piece = self._source.read(start, start + size + TAG_BYTES)
        if len(piece) != size + TAG_BYTES:
            raise SealError("the sealed bytes do not open")
        try:
            return self._cipher.decrypt(_nonce(index, is_last=is_last), piece, self._bound)
        except InvalidTag as error:
            raise SealError("the sealed bytes do not open") from error

    def open_range(self, start: int, stop: int) -> bytes:
        """The plain bytes in [start, stop); reads only the pieces that hold them.

        Raises:
            ChunkRangeError: the range does not lie within the message.
            SealError: a piece is altered, moved, or cut off.
        """
        if not 0 <= start <= stop <= self.plain_bytes:
            raise ChunkRangeError("the sealed message has no such range")
        if start == stop:
            return b""
        first, last = start // self.chunk_bytes, (stop - 1) // self.chunk_bytes
        whole = b"".join(self.open_chunk(index) for index in range(first, last + 1))
        offset = first * self.chunk_bytes
        return whole[start - offset : stop - offset]

    def check_all(self) -> None:
        """Open every piece once and keep none.

        Raises:
            SealError: a piece is altered, moved, or cut off.
        """
        for index in range(self.count):
            self.open_chunk(index)


def open_chunks(private: SealPrivate, source: Source, *, info: bytes, aad: bytes) -> Chunked:
    """The holder's view of what :func:`seal_chunks` wrote; no piece is opened yet.

    Guarantees:
        The source has exactly the length that the sender announced, and nothing appended.

    Raises:
        SealFormError: not a sealed message of this form.
        SealError: another key, *info* or *aad*, another length, or an altered header.
    """
    header = source.read(0, HEADER_BYTES)
    if len(header) != HEADER_BYTES or not header.startswith(MAGIC):
        raise SealFormError("these bytes are not a sealed message in pieces")
    sizes = header[len(MAGIC) : len(MAGIC) + _SIZES_BYTES]
    chunk_bytes = int.from_bytes(sizes[:4], "big")
    plain_bytes = int.from_bytes(sizes[4:], "big")
    bound = context(MAGIC, info, aad, _sizes(chunk_bytes, plain_bytes))
    secret = private.unwrap(header[len(MAGIC) + _SIZES_BYTES :], bound)
    if len(secret) != KEY_BYTES or source.size_bytes != sealed_size(
        plain_bytes, chunk_bytes=chunk_bytes
    ):
        raise SealError("the sealed bytes do not open")
    return Chunked(chunk_bytes, plain_bytes, source, AESGCM(secret), bound)
