"""Coins that no prover knows before its message is bound, and none can bias.

A coin is c_0 + c_1 + c_2 with c_i from F_coin(k_i). P_j holds k_j and k_{j+1} and lacks c_{j-1}.
P_{j-1}, who receives P_j's messages, sends it, and only after the whole message has arrived.
P_{j+1} also knows c_{j-1} and never sends it: it has not seen P_j's message.
"""

from typing import Final

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from delian.shares.keys import RunKeys
from delian.shares.links import Links

SEED_BYTES: Final = 32
_EXPAND_LABEL: Final = b"delian-check-seed-1"


class Coins:
    """The one coin sequence of a block, tossed together by the three hosts."""

    __slots__ = ("_links", "_mine", "_next")

    def __init__(self, links: Links, keys: RunKeys, block: str) -> None:
        self._links = links
        self._mine = keys.stream(0, "coin", block)
        self._next = keys.stream(1, "coin", block)

    def bind(self, message: bytes) -> bytes:
        """Sends this host's prover message and returns the whole message of P_{i+1}.

        All prover messages of one step have one length.
        """
        rank = self._links.rank
        after = (rank + 1) % 3
        got = self._links.exchange({(rank - 1) % 3: message}, {after: len(message)})
        return got[after]

    def toss(self, n_bytes: int) -> bytes:
        """The next coin: ``n_bytes`` that were unknown to each prover until now.

        Call it only after ``bind`` has returned (for the first coin: after every z has arrived).
        """
        rank = self._links.rank
        before, after = (rank - 1) % 3, (rank + 1) % 3
        own, held = self._mine.take(n_bytes), self._next.take(n_bytes)
        got = self._links.exchange({after: own}, {before: n_bytes})
        coin = _number(own) ^ _number(held) ^ _number(got[before])
        return coin.to_bytes(n_bytes, "little")


def expand(seed: bytes, n_bytes: int) -> bytes:
    """The seed stretched to ``n_bytes`` with AES-128-CTR under its own label."""
    key = HKDF(algorithm=hashes.SHA256(), length=16, salt=None, info=_EXPAND_LABEL).derive(seed)
    return Cipher(algorithms.AES128(key), modes.CTR(bytes(16))).encryptor().update(bytes(n_bytes))


def _number(data: bytes) -> int:
    return int.from_bytes(data, "little")
