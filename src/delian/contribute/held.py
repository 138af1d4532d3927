"""A host opens its part of a contribution, checks it, and reads planes from it range by range.

May touch: ``shares`` (seed expansion) and sealing. Only hosts run this. Nothing decrypted is
stored: the sealed part stays the only copy, and every range is opened when it is needed.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, NoReturn, Protocol

import numpy as np

from delian.contribute.agreed import AgreedTerms
from delian.contribute.arrival import ArrivalVerdict, check_part, verdict_on
from delian.contribute.contribution import Slice
from delian.contribute.errors import AlteredError, CommitmentError, ContributionFormError
from delian.contribute.manifest import Manifest
from delian.contribute.shape import (
    CELLS_PER_WORD,
    FORMS,
    SALT_BYTES,
    SEAL_INFO,
    SEED_BYTES,
    WORD_BYTES,
    Commitment,
    ShareShape,
    held_by,
)
from delian.crypto.chunked import Chunked, open_chunks
from delian.crypto.seal import SealError, SealFormError, SealPrivate
from delian.shares.program import Words
from delian.shares.sharing import CHUNK_WORDS, expand

_PIECE: Final = 1024 * 1024


class _Share(Protocol):
    def words(self, first: int, stop: int) -> Words: ...

    def pieces(self) -> Iterator[bytes]: ...


@dataclass(frozen=True, slots=True, eq=False)
class _SeedShare:
    """x_0 or x_1: expanded when asked for."""

    shape: ShareShape
    seed: bytes = field(repr=False)

    def words(self, first: int, stop: int) -> Words:
        return expand(self.seed, self.shape.planes, first, stop)

    def pieces(self) -> Iterator[bytes]:
        yield self.seed


@dataclass(frozen=True, slots=True, eq=False)
class _ExplicitShare:
    """x_2: opened when asked for."""

    shape: ShareShape
    chunked: Chunked = field(repr=False)
    offset: int

    def words(self, first: int, stop: int) -> Words:
        planes, n_words = self.shape.planes, self.shape.words
        low = first // CHUNK_WORDS * CHUNK_WORDS
        high = min(-(-stop // CHUNK_WORDS) * CHUNK_WORDS, n_words)
        raw = self.chunked.open_range(
            self.offset + low * planes * WORD_BYTES, self.offset + high * planes * WORD_BYTES
        )
        flat = np.frombuffer(raw, dtype="<u8").astype(np.uint64)
        whole = (high - low) // CHUNK_WORDS * CHUNK_WORDS
        out = np.empty((planes, high - low), dtype=np.uint64)
        body = flat[: whole * planes].reshape(-1, planes, CHUNK_WORDS)
        out[:, :whole] = body.transpose(1, 0, 2).reshape(planes, whole)
        out[:, whole:] = flat[whole * planes :].reshape(planes, high - low - whole)
        return out[:, first - low : stop - low]

    def pieces(self) -> Iterator[bytes]:
        stop = self.offset + self.shape.explicit_bytes
        for start in range(self.offset, stop, _PIECE):
            yield self.chunked.open_range(start, min(start + _PIECE, stop))


@dataclass(frozen=True, slots=True, eq=False)
class HeldShares:
    """Two shares of one nation, opened and checked. Made by :func:`open_part` only.

    Args:
        manifest: The manifest that they belong to.
        host: 0, 1 or 2.

    Leaks:
        Nothing through ``repr``; it refuses pickling. Its planes are uniformly random to
        whoever does not hold the third share.
    """

    manifest: Manifest
    host: int
    shape: ShareShape
    _own: _Share = field(repr=False)
    _next: _Share = field(repr=False)

    def __reduce__(self) -> NoReturn:
        raise TypeError("shares are never pickled")

    def planes(self, cell_start: int, cell_stop: int) -> tuple[Words, Words]:
        """Planes of (x_i, x_(i+1)) for the cells in [cell_start, cell_stop).

        Args:
            cell_start: A multiple of 64.
            cell_stop: At most the number of cells; ``n`` for all of them.

        Returns:
            Two arrays ``[planes, words]``; lanes from *cell_stop* on are zero.

        Raises:
            ContributionFormError: a range that the frame does not have.
            SealError: the sealed part was altered since it was checked.
        """
        if cell_start % CELLS_PER_WORD or not 0 <= cell_start <= cell_stop <= self.shape.cells:
            raise ContributionFormError("this range of cells is not in the frame")
        first, stop = cell_start // CELLS_PER_WORD, -(-cell_stop // CELLS_PER_WORD)
        own, nxt = self._own.words(first, stop), self._next.words(first, stop)
        lanes = cell_stop % CELLS_PER_WORD
        if lanes:
            mask = np.uint64((1 << lanes) - 1)
            own[:, -1] &= mask
            nxt[:, -1] &= mask
        return own, nxt


def open_part(
    manifest: Manifest, part: Slice, agreed: AgreedTerms, host: int, private: SealPrivate
) -> HeldShares:
    """The two shares of P_*host*, if they are what the nation signed and committed to.

    Args:
        manifest: Checked by :func:`delian.contribute.manifest.check_manifest` on this host.
        part: The sealed part, from whatever road.
        agreed: The agreed terms.
        host: 0, 1 or 2.
        private: This host's sealing key.

    Guarantees:
        Every byte of the part was opened once and both commitments recomputed
        (``tests/unit/contribute/test_contribute_arrival.py``).

    Raises:
        AlteredError: size or digest is not what the nation signed.
        SealError: it does not open for this round, terms, nation, host and number.
        CommitmentError: a share or salt is not the one committed to.
    """
    shape = ShareShape.of(agreed.terms)
    check_part(manifest, part, host)
    agreed.check_nation(manifest.nation)
    chunked = open_chunks(
        private, part, info=SEAL_INFO, aad=shape.bound(manifest.nation, host, manifest.number)
    )
    if chunked.plain_bytes != shape.plain_bytes(host):
        raise AlteredError("a sealed part holds another number of bytes than the terms demand")
    salts = chunked.open_range(0, 2 * SALT_BYTES)
    shares: list[_Share] = []
    place = 2 * SALT_BYTES
    for order, index in enumerate(held_by(host)):
        share: _Share
        if FORMS[index] == "seed":
            share = _SeedShare(shape, chunked.open_range(place, place + SEED_BYTES))
        else:
            share = _ExplicitShare(shape, chunked, place)
        salt = salts[order * SALT_BYTES : (order + 1) * SALT_BYTES]
        _check_commitment(manifest, shape, index, salt, share)
        shares.append(share)
        place += shape.share_bytes(index)
    return HeldShares(manifest, host, shape, shares[0], shares[1])


def _check_commitment(
    manifest: Manifest, shape: ShareShape, index: int, salt: bytes, share: _Share
) -> None:
    commitment = Commitment(shape, manifest.nation, index, salt)
    for piece in share.pieces():
        commitment.feed(piece)
    if commitment.digest != manifest.commitments[index]:
        raise CommitmentError(
            f"share {index} of {manifest.nation} is not the one it committed to",
            hint="the signed manifest and the sealed part are evidence; keep both",
        )


def judge(
    manifest: Manifest, part: Slice, agreed: AgreedTerms, host: int, private: SealPrivate
) -> tuple[ArrivalVerdict, HeldShares | None]:
    """This host's verdict on its part of a checked manifest, and the shares if they are good.

    Guarantees:
        "Not ok" is said only about bytes that the nation itself signed. Bytes that were altered
        on the way raise instead, so that no carrier can bring a sheet into dispute.

    Raises:
        AlteredError: the part is not what the nation signed; ask for it again.
    """
    code = manifest.parts[host].host
    check_part(manifest, part, host)
    try:
        held = open_part(manifest, part, agreed, host, private)
    except CommitmentError:
        return verdict_on(manifest, code, "commitment"), None
    except (SealError, SealFormError, AlteredError):
        return verdict_on(manifest, code, "seal"), None
    return verdict_on(manifest, code), held
