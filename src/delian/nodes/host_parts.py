"""Sealed parts of contributions: from the secretariat's door, or from files that were handed in."""

from typing import Protocol

from delian.contribute.arrival import check_part
from delian.contribute.contribution import MAGIC, Slice, read_contribution
from delian.contribute.errors import AlteredError
from delian.contribute.manifest import Manifest
from delian.crypto.chunked import MemorySource
from delian.nodes.desk import Desk
from delian.nodes.round_view import OtherRoundError
from delian.terms.errors import NotYetError


class Parts(Protocol):
    """Where a host fetches its sealed part of a contribution."""

    def blob(self, name: str) -> bytes:
        """The part of ``contribution/<manifest digest>``."""
        ...


class PartAwayError(NotYetError):
    """The sealed part of a contribution has not arrived."""

    code = "part-away"


class HandedParts:
    """Parts that came as files, and those of the secretariat where it has a door.

    Args:
        desk: Keeps the files.
        office: The secretariat's door, or None for a host that gets files only.
    """

    def __init__(self, desk: Desk, office: Parts | None) -> None:
        self._desk, self._office = desk, office

    def keep(self, data: bytes) -> None:
        """Keep our part that was handed in; it is judged when its manifest comes.

        Raises:
            InputError: not a contribution, or a copy that does not carry our part.
            AlteredError: the part is not what its manifest says; what is kept stays.
        """
        contribution = read_contribution(MemorySource(data))
        manifest = contribution.manifest
        hosts = [part.host for part in manifest.parts]
        if self._desk.code not in hosts:
            raise OtherRoundError("this sheet is not sealed to this host")
        rank = hosts.index(self._desk.code)
        check_part(manifest, contribution.part(rank), rank)
        blob = self._desk.blobs.put(data)
        self._desk.store.remember(f"handed/{manifest.digest}", blob.encode())

    def blob(self, name: str) -> bytes:
        """The part of ``contribution/<manifest digest>``.

        Raises:
            PartAwayError: nobody has handed it in.
        """
        handed = self._desk.store.note(f"handed/{name.partition('/')[2]}")
        if handed is not None and self._desk.blobs.has(handed.decode()):
            return self._desk.blobs.get(handed.decode())
        if self._office is None:
            raise PartAwayError("the sealed part of this sheet has not arrived")
        return self._office.blob(name)


def is_part(data: bytes) -> bool:
    """Is this file a contribution, or a host's part of one?"""
    return data.startswith(MAGIC)


def part_of(manifest: Manifest, data: bytes, rank: int) -> Slice:
    """Our sealed part in a relayed contribution.

    Raises:
        AlteredError: it travels under another manifest; it is asked for again.
    """
    contribution = read_contribution(MemorySource(data))
    if contribution.manifest != manifest:
        raise AlteredError("the sealed part travels under another manifest")
    return contribution.part(rank)
