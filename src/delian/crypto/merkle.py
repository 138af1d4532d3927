"""The Merkle tree of RFC 6962: a root, and short proofs that a list only grew.

May touch: SHA-256. Knows no ledger and no store; everything is a function of hashes.
"""

import hashlib
from collections.abc import Sequence

from delian.terms.errors import InputError, TamperedError

HASH_BYTES = 32
EMPTY_ROOT = hashlib.sha256(b"").digest()


class ProofError(TamperedError):
    """An inclusion or consistency proof does not hold."""

    code = "merkle-proof"


class PositionError(InputError):
    """A position or a size lies outside the tree."""

    code = "merkle-position"


def leaf_hash(entry: bytes) -> bytes:
    """The hash of one entry.

    Source: RFC 6962 section 2.1; the prefixes keep a node from passing for an entry.
    """
    return hashlib.sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash over two subtrees. Source: RFC 6962 section 2.1."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def _split(size: int) -> int:
    """The largest power of two below *size*, which is at least two."""
    return 1 << ((size - 1).bit_length() - 1)


def root(leaves: Sequence[bytes]) -> bytes:
    """The Merkle tree hash over leaf hashes.

    Guarantees:
        Equal to the recursive definition of RFC 6962 (``tests/property/test_crypto_laws.py``).
    """
    peaks: list[tuple[int, bytes]] = []
    for leaf in leaves:
        height, top = 0, leaf
        while peaks and peaks[-1][0] == height:
            top = node_hash(peaks.pop()[1], top)
            height += 1
        peaks.append((height, top))
    if not peaks:
        return EMPTY_ROOT
    top = peaks.pop()[1]
    while peaks:
        top = node_hash(peaks.pop()[1], top)
    return top


def prove_inclusion(index: int, leaves: Sequence[bytes]) -> tuple[bytes, ...]:
    """The audit path of leaf *index*, lowest first. Source: RFC 6962 section 2.1.1.

    Raises:
        PositionError: no such leaf.
    """
    size = len(leaves)
    if not 0 <= index < size:
        raise PositionError("there is no such entry in the tree")
    path: list[bytes] = []
    low, high = 0, size
    while high - low > 1:
        middle = low + _split(high - low)
        if index < middle:
            path.append(root(leaves[middle:high]))
            high = middle
        else:
            path.append(root(leaves[low:middle]))
            low = middle
    return tuple(reversed(path))


def check_inclusion(
    leaf: bytes, index: int, size: int, path: Sequence[bytes], expected_root: bytes
) -> None:
    """Return if *leaf* is entry *index* of the tree of *size* entries with that root.

    Raises:
        PositionError: no such position in a tree of that size.
        ProofError: the path leads elsewhere or has another length.

    Source: RFC 9162 section 2.1.3.2 (the same tree as RFC 6962).
    """
    if not 0 <= index < size:
        raise PositionError("there is no such entry in the tree")
    number, last, top = index, size - 1, leaf
    for sibling in path:
        if last == 0:
            raise ProofError("the inclusion proof does not hold")
        if number & 1 or number == last:
            top = node_hash(sibling, top)
            while not number & 1 and number:
                number >>= 1
                last >>= 1
        else:
            top = node_hash(top, sibling)
        number >>= 1
        last >>= 1
    if last != 0 or top != expected_root:
        raise ProofError("the inclusion proof does not hold")


def prove_consistency(old_size: int, leaves: Sequence[bytes]) -> tuple[bytes, ...]:
    """The proof that the first *old_size* leaves are still the beginning.

    Raises:
        PositionError: *old_size* is larger than the tree.

    Source: RFC 6962 section 2.1.2.
    """
    if not 0 <= old_size <= len(leaves):
        raise PositionError("the tree was never of that size")
    if old_size in {0, len(leaves)}:
        return ()
    path: list[bytes] = []
    low, high, is_whole = 0, len(leaves), True
    while old_size != high:
        middle = low + _split(high - low)
        if old_size <= middle:
            path.append(root(leaves[middle:high]))
            high = middle
        else:
            path.append(root(leaves[low:middle]))
            low = middle
            is_whole = False
    if not is_whole:
        path.append(root(leaves[low:high]))
    return tuple(reversed(path))


def check_consistency(
    old_size: int, old_root: bytes, new_size: int, new_root: bytes, path: Sequence[bytes]
) -> None:
    """Return if the new tree begins with exactly the entries of the old one.

    Raises:
        PositionError: the new tree is smaller.
        ProofError: anything else that does not hold.

    Source: RFC 9162 section 2.1.4.2.
    """
    if not 0 <= old_size <= new_size:
        raise PositionError("the newer tree is smaller than the older one")
    if old_size in {0, new_size}:
        expected = EMPTY_ROOT if old_size == 0 else new_root
        if path or old_root != expected or (new_size == 0 and new_root != EMPTY_ROOT):
            raise ProofError("the consistency proof does not hold")
        return
    steps = list(path)
    if old_size & (old_size - 1) == 0:
        steps.insert(0, old_root)
    if not steps:
        raise ProofError("the consistency proof does not hold")
    number, last = old_size - 1, new_size - 1
    while number & 1:
        number >>= 1
        last >>= 1
    old_top = new_top = steps[0]
    for sibling in steps[1:]:
        if last == 0:
            raise ProofError("the consistency proof does not hold")
        if number & 1 or number == last:
            old_top = node_hash(sibling, old_top)
            new_top = node_hash(sibling, new_top)
            while not number & 1 and number:
                number >>= 1
                last >>= 1
        else:
            new_top = node_hash(new_top, sibling)
        number >>= 1
        last >>= 1
    if last != 0 or old_top != old_root or new_top != new_root:
        raise ProofError("the consistency proof does not hold")
