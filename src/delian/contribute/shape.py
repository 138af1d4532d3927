"""Sizes and names of shares, by the terms alone: every party computes the same.

May touch: terms and the size of sealed messages. x = x_0 xor x_1 xor x_2; P_i holds x_i and
x_(i+1). x_0 and x_1 travel as seeds, x_2 in full.
"""

import hashlib
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from delian.crypto.chunked import sealed_size
from delian.terms.encode import Digest
from delian.terms.round_terms import RoundTerms

Form: TypeAlias = Literal["seed", "explicit"]

SHARES: Final = 3
FORMS: Final[tuple[Form, Form, Form]] = ("seed", "seed", "explicit")
SEED_BYTES: Final = 32
SALT_BYTES: Final = 32
CELLS_PER_WORD: Final = 64
WORD_BYTES: Final = 8
SEAL_INFO: Final = b"delian-shares-1"
_COMMITMENT: Final = b"delian-commitment-1"


def joined(*parts: bytes) -> bytes:
    """Parts with their lengths before them, so that no two lists have one spelling."""
    return b"".join(len(part).to_bytes(8, "big") + part for part in parts)


@dataclass(frozen=True, slots=True)
class ShareShape:
    """How many planes of how many cells a share has, and for which round.

    Args:
        round_id: The round.
        terms: Digest of its terms.
        hosts: Codes of P_0, P_1, P_2.
        planes: Bits per figure.
        cells: Leaves of the frame.
    """

    round_id: str
    terms: Digest
    hosts: tuple[str, ...]
    planes: int
    cells: int

    @classmethod
    def of(cls, terms: RoundTerms) -> "ShareShape":
        """The shape that *terms* demand of every nation."""
        return cls(
            terms.round_id,
            terms.digest,
            terms.hosts,
            max(item.width_bits for item in terms.frame.items),
            len(terms.frame.cells),
        )

    @property
    def words(self) -> int:
        """Words of 64 cells per plane."""
        return -(-self.cells // CELLS_PER_WORD)

    @property
    def explicit_bytes(self) -> int:
        """Size of x_2."""
        return self.planes * self.words * WORD_BYTES

    def share_bytes(self, index: int) -> int:
        """Size of share *index* as it travels."""
        return SEED_BYTES if FORMS[index] == "seed" else self.explicit_bytes

    def plain_bytes(self, host: int) -> int:
        """Size of what P_*host* gets, before sealing: two salts, then two shares."""
        return 2 * SALT_BYTES + sum(self.share_bytes(index) for index in held_by(host))

    def sealed_bytes(self, host: int) -> int:
        """Exact size of the envelope for P_*host*."""
        return sealed_size(self.plain_bytes(host))

    def bound(self, nation: str, host: int, number: int) -> bytes:
        """The associated data of an envelope: it opens for nothing else."""
        return joined(
            self.round_id.encode(),
            self.terms.encode(),
            nation.encode(),
            self.hosts[host].encode(),
            bytes([host]),
            number.to_bytes(8, "big"),
        )

    def commitment_context(self, nation: str, index: int) -> bytes:
        """What a commitment speaks about, before salt and share."""
        return joined(
            _COMMITMENT,
            self.round_id.encode(),
            self.terms.encode(),
            nation.encode(),
            bytes([index]),
            FORMS[index].encode(),
            self.planes.to_bytes(4, "big"),
            self.cells.to_bytes(8, "big"),
        )


def held_by(host: int) -> tuple[int, int]:
    """The two shares of P_*host*: its own and the next."""
    return host, (host + 1) % SHARES


class Commitment:
    """SHA-256(context, salt, share), fed piece by piece."""

    __slots__ = ("_hash",)

    def __init__(self, shape: ShareShape, nation: str, index: int, salt: bytes) -> None:
        context = shape.commitment_context(nation, index)
        self._hash = hashlib.sha256(joined(context, salt))

    def feed(self, piece: bytes) -> None:
        """Add the next bytes of the share."""
        self._hash.update(piece)

    @property
    def digest(self) -> Digest:
        """The commitment over everything fed so far."""
        return "sha256:" + self._hash.hexdigest()
