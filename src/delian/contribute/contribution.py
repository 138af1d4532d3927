"""One file that carries a nation's sheet, sealed: by wire, on a stick or as a mail attachment.

May touch: DSSE and bounded reads of a source. The layout is ``docs/formats/contribution.md``.
Nothing is trusted after parsing; :func:`delian.contribute.arrival.check_arrival` checks it.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from delian.contribute.errors import ContributionFormError
from delian.contribute.manifest import Manifest
from delian.contribute.shape import SHARES
from delian.crypto.chunked import Source
from delian.crypto.dsse import Envelope
from delian.terms.encode import Digest

MAGIC: Final = b"DELIAN-CONTRIBUTION-1\n"
MAX_MANIFEST_BYTES: Final = 64 * 1024
MAX_PART_BYTES: Final = 2**40
_LENGTHS_BYTES: Final = 4 + 8 * SHARES
_HEAD_BYTES: Final = len(MAGIC) + _LENGTHS_BYTES
_PIECE: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Slice:
    """A stretch of another source; satisfies ``crypto.chunked.Source``."""

    source: Source = field(repr=False)
    start: int
    size_bytes: int

    def read(self, start: int, stop: int) -> bytes:
        """The bytes in [start, stop) of this stretch."""
        low, high = max(0, start), min(stop, self.size_bytes)
        return self.source.read(self.start + low, self.start + high) if low < high else b""

    def pieces(self) -> Iterator[bytes]:
        """All bytes, about a mebibyte at a time."""
        for start in range(0, self.size_bytes, _PIECE):
            yield self.read(start, min(start + _PIECE, self.size_bytes))

    def digest(self) -> Digest:
        """SHA-256 of all bytes."""
        hasher = hashlib.sha256()
        for piece in self.pieces():
            hasher.update(piece)
        return "sha256:" + hasher.hexdigest()


@dataclass(frozen=True, slots=True)
class Contribution:
    """A parsed file. Neither its signature nor its parts are checked yet.

    Args:
        envelope: The manifest with its signature.
        manifest: What it says.
        parts: The sealed part of each host, or None where this copy does not carry it.
    """

    envelope: Envelope
    manifest: Manifest
    parts: tuple[Slice | None, ...]

    def for_host(self, host: int) -> Iterator[bytes]:
        """The same file with the part of P_*host* alone, piece by piece: what is relayed.

        Raises:
            ContributionFormError: this copy does not carry that part.
        """
        part = self.part(host)
        sizes = [part.size_bytes if index == host else 0 for index in range(SHARES)]
        yield head(self.envelope, sizes)
        yield from part.pieces()

    def part(self, host: int) -> Slice:
        """The sealed part of P_*host*.

        Raises:
            ContributionFormError: this copy does not carry it.
        """
        part = self.parts[host]
        if part is None:
            raise ContributionFormError("this copy does not carry the part of that host")
        return part


def head(envelope: Envelope, sizes: list[int]) -> bytes:
    """Everything before the sealed parts."""
    manifest = envelope.to_wire()
    lengths = len(manifest).to_bytes(4, "big") + b"".join(n.to_bytes(8, "big") for n in sizes)
    return MAGIC + lengths + manifest


def read_contribution(source: Source) -> Contribution:
    """Parse a contribution from bytes or a file; reads the manifest only.

    Raises:
        InputError: not a contribution, cut off, extended, or larger than allowed.
    """
    start = source.read(0, _HEAD_BYTES)
    if len(start) != _HEAD_BYTES or not start.startswith(MAGIC):
        raise ContributionFormError(
            "the file is not a contribution", hint="give the file that 'delian contribute' wrote"
        )
    lengths = start[len(MAGIC) :]
    manifest_bytes = int.from_bytes(lengths[:4], "big")
    sizes = [int.from_bytes(lengths[4 + 8 * i : 12 + 8 * i], "big") for i in range(SHARES)]
    if manifest_bytes > MAX_MANIFEST_BYTES or max(sizes) > MAX_PART_BYTES:
        raise ContributionFormError("the contribution is larger than allowed")
    if source.size_bytes != _HEAD_BYTES + manifest_bytes + sum(sizes):
        raise ContributionFormError(
            "the contribution is cut off or extended", hint="copy the file again"
        )
    wire = source.read(_HEAD_BYTES, _HEAD_BYTES + manifest_bytes)
    envelope = Envelope.from_wire(wire, max_bytes=MAX_MANIFEST_BYTES)
    if envelope.to_wire() != wire:
        raise ContributionFormError("the manifest's envelope is not in its canonical spelling")
    place = _HEAD_BYTES + manifest_bytes
    parts: list[Slice | None] = []
    for size in sizes:
        parts.append(Slice(source, place, size) if size else None)
        place += size
    return Contribution(envelope, Manifest.from_wire(envelope.payload), tuple(parts))
