"""Keys of one run: agreed fresh between each pair of hosts, spent once, erased.

Key k_i is known to P_{i-1} and P_i only, so P_i holds k_i (index 0) and k_{i+1} (index 1).
Every keystream is AES-128-CTR under HKDF(k; version, run id, key index, block, purpose).

Guarantees:
    No keystream is made twice in a run (``tests/unit/shares/test_shares_keys.py``).
"""

import hashlib
import threading
from collections.abc import Callable
from typing import Final, Literal, NoReturn

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF, HKDFExpand

from delian.shares.links import LinkMismatchError, Links, link_name
from delian.terms.errors import RefusedError

VERSION: Final = b"delian-run-1"
PURPOSES: Final = frozenset({"and", "proof", "mask-u", "mask-v", "coin"})
_FRESH: Final = 32

RandBytes = Callable[[int], bytes]


class KeystreamReusedError(RefusedError):
    """The same keystream was asked for twice, or after the run had ended."""

    code = "keystream-reused"


class Keystream:
    """One keystream, consumed from its start; never shown, never copied."""

    __slots__ = ("_update_into",)

    def __init__(self, key: bytes) -> None:
        cipher = Cipher(algorithms.AES128(key), modes.CTR(bytes(16)))
        self._update_into = cipher.encryptor().update_into

    def xor_into(self, buffer: memoryview | bytearray) -> None:
        """XORs the next ``len(buffer)`` bytes of the keystream into ``buffer``, in place."""
        self._update_into(buffer, buffer)

    def take(self, n: int) -> bytes:
        """The next ``n`` bytes of the keystream."""
        buffer = bytearray(n)
        self._update_into(buffer, buffer)
        return bytes(buffer)

    def __repr__(self) -> str:
        return "Keystream(hidden)"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a keystream is never pickled")


class RunKeys:
    """The two keys of one host for one run, and the register of keystreams made from them."""

    __slots__ = ("_keys", "_lock", "_made", "_rank", "_run_id")

    def __init__(self, rank: int, run_id: bytes, keys: tuple[bytes, bytes]) -> None:
        self._rank = rank
        self._run_id = run_id
        self._keys: tuple[bytearray, bytearray] | None = (bytearray(keys[0]), bytearray(keys[1]))
        self._made: set[tuple[int, str, str]] = set()
        self._lock = threading.Lock()

    @property
    def rank(self) -> int:
        """Which host holds these keys."""
        return self._rank

    @property
    def run_id(self) -> bytes:
        """SHA-256 over three nonces and the context: public, the same at all hosts."""
        return self._run_id

    def stream(self, index: Literal[0, 1], purpose: str, block: str) -> Keystream:
        """The keystream of key k_{rank+index} for one purpose and one block of the run.

        Args:
            index: 0 for k_i (shared with P_{i-1}), 1 for k_{i+1} (shared with P_{i+1}).
            purpose: One of ``PURPOSES``.
            block: Unique in the run: the range of cells and the part of the work, never a thread.

        Raises:
            KeystreamReusedError: This keystream was made before, or the keys are erased.
        """
        if purpose not in PURPOSES:
            raise ValueError("unknown keystream purpose")
        self._spend((index, purpose, block))
        return self._make(index, purpose, block)

    def replay(self, block: str) -> tuple[Keystream, Keystream]:
        """Both "and" keystreams of a block once more from their start, for the check of this block.

        The check XORs them to the same gates at the same positions, so they keep their one meaning.

        Raises:
            KeystreamReusedError: They were not drawn before, or were replayed before, or the keys
                are erased.
        """
        with self._lock:
            if not {(0, "and", block), (1, "and", block)} <= self._made:
                raise KeystreamReusedError("this block was never evaluated", where=block)
        self._spend((0, "and again", block))
        return self._make(0, "and", block), self._make(1, "and", block)

    def _spend(self, use: tuple[int, str, str]) -> None:
        with self._lock:
            if self._keys is None:
                raise KeystreamReusedError(
                    "the keys of this run are erased", hint="start a new run"
                )
            if use in self._made:
                raise KeystreamReusedError(
                    "this keystream was already used", where=f"{use[1]} {use[2]}"
                )
            self._made.add(use)

    def _make(self, index: Literal[0, 1], purpose: str, block: str) -> Keystream:
        with self._lock:
            if self._keys is None:
                raise KeystreamReusedError(
                    "the keys of this run are erased", hint="start a new run"
                )
            secret = bytes(self._keys[index])
        key_index = (self._rank + index) % 3
        parts = (VERSION, self._run_id, bytes([key_index]), block.encode(), purpose.encode())
        return Keystream(_expand(secret, _packed(*parts)))

    def erase(self) -> None:
        """Overwrites both keys; every later call of ``stream`` is refused."""
        with self._lock:
            for key in self._keys or ():
                key[:] = bytes(len(key))
            self._keys = None

    def __repr__(self) -> str:
        return f"RunKeys(rank={self._rank}, hidden)"

    def __reduce__(self) -> NoReturn:
        raise TypeError("the keys of a run are never pickled")


def run_context(terms_digest: bytes, netlist_digest: bytes, manifest_list_digest: bytes) -> bytes:
    """What the hosts must agree on before any figure moves, as one unambiguous string."""
    return _packed(VERSION, terms_digest, netlist_digest, manifest_list_digest)


def agree(links: Links, randbytes: RandBytes, context: bytes) -> RunKeys:
    """Agrees fresh keys with both peers and compares the run id on both links.

    Args:
        links: Lane 0 of this host.
        randbytes: A cryptographic source of randomness, handed in by the node.
        context: From ``run_context``; must be the same at all hosts.

    Leaks:
        Each peer learns the key it shares with this host, and nothing else.

    Raises:
        LinkMismatchError: A peer runs other terms, netlists or manifests, or heard another nonce.
    """
    rank = links.rank
    before, after = (rank - 1) % 3, (rank + 1) % 3
    nonce, low, high = randbytes(32), randbytes(_FRESH), randbytes(_FRESH)
    got = links.exchange(
        {before: nonce + low, after: nonce + high}, {before: 32 + _FRESH, after: 32 + _FRESH}
    )
    nonces = {rank: nonce, before: got[before][:32], after: got[after][:32]}
    run_id = hashlib.sha256(_packed(VERSION, nonces[0], nonces[1], nonces[2], context)).digest()
    keys = (
        _extract(got[before][32:] + low, run_id, rank),
        _extract(high + got[after][32:], run_id, after),
    )
    confirm_run(links, run_id, "keys")
    return RunKeys(rank, run_id, keys)


def confirm_run(links: Links, run_id: bytes, label: str) -> None:
    """Compares the run id with both peers.

    The value sent names sender, receiver and label, so an echo fails.

    Raises:
        LinkMismatchError: A peer has another run id.
    """
    rank = links.rank
    peers = ((rank - 1) % 3, (rank + 1) % 3)
    got = links.exchange(
        {peer: _confirmation(run_id, label, rank, peer) for peer in peers}, dict.fromkeys(peers, 32)
    )
    for peer in peers:
        if got[peer] != _confirmation(run_id, label, peer, rank):
            links.abort("run mismatch")
            raise LinkMismatchError(
                f"{link_name(links.names, rank, peer)}: the hosts do not run the same round",
                hint="compare terms, manifest list and product version at both hosts",
            )


def _confirmation(run_id: bytes, label: str, sender: int, receiver: int) -> bytes:
    return hashlib.sha256(
        _packed(VERSION, b"confirm", label.encode(), bytes([sender, receiver]), run_id)
    ).digest()


def _packed(*parts: bytes) -> bytes:
    return b"".join(len(part).to_bytes(4, "big") + part for part in parts)


def _extract(material: bytes, run_id: bytes, key_index: int) -> bytes:
    info = _packed(VERSION, b"key", bytes([key_index]))
    return HKDF(algorithm=hashes.SHA256(), length=32, salt=run_id, info=info).derive(material)


def _expand(secret: bytes, info: bytes) -> bytes:
    return HKDFExpand(algorithm=hashes.SHA256(), length=16, info=info).derive(secret)
