"""Splitting planes into three shares: two 32-byte seeds and one explicit share.

x = x_0 ^ x_1 ^ x_2 with x_0 and x_1 expanded from seeds by AES-256-CTR and x_2 given in full.
A seed's stream is cut into chunks of ``CHUNK_WORDS`` words of all planes, so that any range of
cells expands by itself and a table streams in blocks.

Leaks:
    Any two of the three shares say nothing about the planes; their size is public.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, NoReturn

import numpy as np
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from delian.shares.program import Words

CHUNK_WORDS: Final = 64
SEED_BYTES: Final = 32
_AES_BLOCK: Final = 16

RandBytes = Callable[[int], bytes]


@dataclass(frozen=True, slots=True, eq=False)
class Split:
    """The three shares of one nation's planes; any two of them are random."""

    seed_0: bytes = field(repr=False)
    seed_1: bytes = field(repr=False)
    explicit: Words = field(repr=False)

    def __reduce__(self) -> NoReturn:
        raise TypeError("shares are never pickled")


def split(planes: Words, randbytes: RandBytes) -> Split:
    """Splits planes into two fresh seeds and the explicit share.

    Args:
        planes: ``[planes, words]``.
        randbytes: A cryptographic source of randomness, handed in by the node.

    Guarantees:
        The three shares XOR to ``planes`` (``tests/property/test_shares_sharing_laws.py``).
    """
    seed_0, seed_1 = randbytes(SEED_BYTES), randbytes(SEED_BYTES)
    count, n_words = planes.shape
    explicit = planes ^ expand(seed_0, count, 0, n_words)
    explicit ^= expand(seed_1, count, 0, n_words)
    return Split(seed_0, seed_1, explicit)


def expand(seed: bytes, n_planes: int, first_word: int, stop_word: int) -> Words:
    """The words ``first_word..stop_word`` of every plane of a share given as a seed."""
    out = np.empty((n_planes, stop_word - first_word), dtype=np.uint64)
    expand_into(seed, first_word, out)
    return out


def expand_into(seed: bytes, first_word: int, out: Words) -> None:
    """Writes the words from ``first_word`` on of every plane of a seed's share into ``out``.

    Args:
        seed: 32 bytes.
        first_word: Where in the table ``out`` begins.
        out: ``[planes, words]``; need not be contiguous.
    """
    n_planes, n_words = out.shape
    if len(seed) != SEED_BYTES:
        raise ValueError("a seed has 32 bytes")
    if not n_words:
        return
    first_chunk, stop_chunk = first_word // CHUNK_WORDS, -(-(first_word + n_words) // CHUNK_WORDS)
    chunk_bytes = n_planes * CHUNK_WORDS * 8
    counter = (first_chunk * chunk_bytes // _AES_BLOCK).to_bytes(_AES_BLOCK, "big")
    stream = Cipher(algorithms.AES256(seed), modes.CTR(counter)).encryptor()
    buffer = np.zeros((stop_chunk - first_chunk, n_planes, CHUNK_WORDS), dtype="<u8")
    raw = buffer.data.cast("B")
    stream.update_into(raw, raw)
    for number, chunk in enumerate(buffer, start=first_chunk):
        start, stop = number * CHUNK_WORDS, (number + 1) * CHUNK_WORDS
        low, high = max(start, first_word), min(stop, first_word + n_words)
        out[:, low - first_word : high - first_word] = chunk[:, low - start : high - start]
