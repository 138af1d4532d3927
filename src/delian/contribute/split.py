"""From a sheet to three committed shares and the sealed parts of the three hosts.

May touch: ``shares`` (splitting), sealing, and the randomness that the node hands in.
Only a nation's machine runs this.
"""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final, NoReturn

import numpy as np

from delian.contribute.agreed import AgreedTerms
from delian.contribute.contribution import head
from delian.contribute.errors import WrongTermsError
from delian.contribute.manifest import Manifest, Part
from delian.contribute.shape import (
    SALT_BYTES,
    SEAL_INFO,
    SHARES,
    Commitment,
    ShareShape,
    held_by,
)
from delian.contribute.sheet import Sheet
from delian.crypto.chunked import seal_chunks
from delian.crypto.sign import PrivateKey
from delian.shares.program import Words
from delian.shares.sharing import CHUNK_WORDS, split
from delian.shares.words import to_planes
from delian.terms.encode import Digest

RandBytes = Callable[[int], bytes]
_PIECE: Final = 1024 * 1024


@dataclass(frozen=True, slots=True, eq=False)
class Dealt:
    """Three shares of one sheet with their salts. Secret, like the sheet.

    Args:
        shape: Of these shares.
        nation: Whose sheet it is.
        shares: x_0 and x_1 as seeds, x_2 in full.
        salts: 32 bytes for each.
    """

    shape: ShareShape
    nation: str
    shares: tuple[bytes, bytes, bytes] = field(repr=False)
    salts: tuple[bytes, bytes, bytes] = field(repr=False)

    def __reduce__(self) -> NoReturn:
        raise TypeError("shares are never pickled")

    @property
    def commitments(self) -> tuple[Digest, ...]:
        """One commitment per share."""
        return tuple(self._commitment(index) for index in range(SHARES))

    def _commitment(self, index: int) -> Digest:
        commitment = Commitment(self.shape, self.nation, index, self.salts[index])
        commitment.feed(self.shares[index])
        return commitment.digest

    def plain(self, host: int) -> Iterator[bytes]:
        """What P_*host* gets, before sealing."""
        own, nxt = held_by(host)
        yield self.salts[own] + self.salts[nxt]
        for index in (own, nxt):
            share = self.shares[index]
            for start in range(0, len(share), _PIECE):
                yield share[start : start + _PIECE]


def deal(sheet: Sheet, agreed: AgreedTerms, randbytes: RandBytes) -> Dealt:
    """Split a sheet into three shares with fresh seeds and salts.

    Guarantees:
        The three shares give the sheet's planes by XOR; any single pair of hosts' parts is
        needed to read it (``tests/property/test_contribute_envelope.py``).

    Leaks:
        One host's two shares say nothing about any figure.

    Raises:
        WrongTermsError: the sheet was stated under other terms.
    """
    terms = agreed.terms
    if (sheet.round_id, sheet.terms_digest) != (terms.round_id, terms.digest):
        raise WrongTermsError("the sheet was stated under other terms")
    agreed.check_nation(sheet.nation)
    shape = ShareShape.of(terms)
    planes = to_planes(sheet.figures.astype(np.uint64)[np.newaxis, :], shape.planes)
    parts = split(planes, randbytes)
    explicit = explicit_bytes(parts.explicit)
    salts = (randbytes(SALT_BYTES), randbytes(SALT_BYTES), randbytes(SALT_BYTES))
    return Dealt(shape, sheet.nation, (parts.seed_0, parts.seed_1, explicit), salts)


def explicit_bytes(share: Words) -> bytes:
    """x_2 as bytes: chunk after chunk of words, in each plane after plane, little endian."""
    n_words = share.shape[1]
    return b"".join(
        np.ascontiguousarray(share[:, start : start + CHUNK_WORDS]).astype("<u8").tobytes()
        for start in range(0, n_words, CHUNK_WORDS)
    )


@dataclass(frozen=True, slots=True, eq=False)
class Sent:
    """What :func:`contribute` made.

    Args:
        manifest: As signed.
        data: The contribution file.
    """

    manifest: Manifest
    data: bytes = field(repr=False)


def contribute(
    sheet: Sheet, agreed: AgreedTerms, key: PrivateKey, number: int, randbytes: RandBytes
) -> Sent:
    """Seal a sheet into one contribution file, signed by its nation.

    Args:
        sheet: Checked.
        agreed: The terms with every nation's consent, verified on this machine.
        key: The nation's contribute key.
        number: One more than that of the last contribution in this round, from 1.
        randbytes: A cryptographic source of randomness, handed in by the node.

    Guarantees:
        Only P_i can open part i, for this round, these terms, this nation and this number; at
        40 bits all parts together take 10 bytes a cell and less than 6 KiB beside
        (``tests/unit/contribute/test_contribute_split.py``).

    Leaks:
        Which nation sends, and the size, which the terms fix for every nation.

    Raises:
        RefusedError: other terms, or a key that is not the nation's.
    """
    return seal_dealt(deal(sheet, agreed, randbytes), agreed, key, number)


def seal_dealt(dealt: Dealt, agreed: AgreedTerms, key: PrivateKey, number: int) -> Sent:
    """Seal shares that are already dealt; the same as :func:`contribute` from there on.

    Raises:
        WrongTermsError: *key* is not the one that the roster gives this nation.
    """
    keyid = f"{dealt.nation}/contribute"
    if agreed.roster.key(keyid) != key.public.to_wire():
        raise WrongTermsError(
            f"this is not the key that the roster knows as {keyid}",
            hint="contribute with the key that the terms were agreed with",
        )
    shape = dealt.shape
    sealed = [_seal(dealt, agreed, host, number) for host in range(SHARES)]
    parts = tuple(
        Part(shape.hosts[host], "sha256:" + hashlib.sha256(data).hexdigest(), len(data))
        for host, data in enumerate(sealed)
    )
    manifest = Manifest(shape.round_id, shape.terms, dealt.nation, number, dealt.commitments, parts)
    start = head(manifest.signed(key), [len(data) for data in sealed])
    return Sent(manifest, start + b"".join(sealed))


def _seal(dealt: Dealt, agreed: AgreedTerms, host: int, number: int) -> bytes:
    shape = dealt.shape
    return b"".join(
        seal_chunks(
            agreed.seal_key(host),
            dealt.plain(host),
            plain_bytes=shape.plain_bytes(host),
            info=SEAL_INFO,
            aad=shape.bound(dealt.nation, host, number),
        )
    )
