"""Opening shared planes, after everything that led to them was checked.

Step 7 of ``docs/security/check.md``. P_i lacks one share: P_{i-1} sends it, P_{i+1} sends its hash,
and nothing is used or passed on before the two agree.
"""

import hashlib
from typing import Final

import numpy as np

from delian.shares.links import Links, link_name
from delian.shares.program import Words
from delian.terms.errors import TamperedError

_LABEL: Final = b"delian-opening-1"
_DIGEST: Final = 32


class OpeningError(TamperedError):
    """Two hosts do not agree on a share to open, or on what is to be opened."""

    code = "opening"


def open_planes(own: Words, nxt: Words, *, links: Links, run_id: bytes, stage: str) -> Words:
    """The values of shared planes, for all three hosts at once.

    Args:
        own: x_i, ``[planes, words]``.
        nxt: x_{i+1}, the same shape.
        links: The links of one lane.
        run_id: Of the run.
        stage: What is opened; unique in the run.

    Requires:
        Every block that these planes come from was accepted by all three hosts, and all hosts
        have compared the list of what they open.

    Guarantees:
        Either the true values, or an error; a single host cannot bend a bit
        (``tests/unit/shares/test_shares_opening.py``). It can still stop the others after it has
        seen the values.

    Leaks:
        The values of exactly these planes, to all hosts.

    Raises:
        OpeningError: A share and its hash disagree; which of the two hosts lied cannot be told.
        LinkError: A link failed.
    """
    rank = links.rank
    before, after = (rank - 1) % 3, (rank + 1) % 3
    own_bytes, next_bytes = _wire(own), _wire(nxt)
    # P_{i+1} lacks x_i, which P_{i-1} hashes; P_{i-1} lacks x_{i+1}, of which P_i sends the hash.
    share_for_next = own_bytes
    hash_for_previous = _share_hash(run_id, stage, before, own.shape, next_bytes)
    got = links.exchange(
        {after: share_for_next, before: hash_for_previous},
        {before: len(own_bytes), after: _DIGEST},
    )
    missing = got[before]
    if _share_hash(run_id, stage, rank, own.shape, missing) != got[after]:
        links.abort("opening mismatch")
        raise OpeningError(
            f"{link_name(links.names, rank, before)} and {link_name(links.names, rank, after)}: "
            "share and hash do not agree",
            hint="nothing from this opening was used; run the round again",
        )
    third = np.frombuffer(missing, dtype="<u8").reshape(own.shape)
    values: Words = own ^ nxt ^ third.astype(np.uint64)
    return values


def compare(links: Links, run_id: bytes, label: str, digest: bytes) -> None:
    """Makes sure that both peers hold the same digest, under a label.

    Args:
        links: The links of one lane.
        run_id: Of the run.
        label: What is compared.
        digest: This host's value.

    Leaks:
        Whether the values are equal; a short or guessable value can be found by trying.

    Raises:
        OpeningError: A peer has another value.
        LinkError: A link failed.
    """
    rank = links.rank
    peers = ((rank - 1) % 3, (rank + 1) % 3)
    got = links.exchange(
        {peer: _directed(run_id, label, rank, peer, digest) for peer in peers},
        dict.fromkeys(peers, _DIGEST),
    )
    for peer in peers:
        if got[peer] != _directed(run_id, label, peer, rank, digest):
            links.abort(f"{label} differs")
            raise OpeningError(
                f"{link_name(links.names, rank, peer)}: the hosts differ in {label}",
                hint="compare what both hosts were given, then run the round again",
            )


def _share_hash(
    run_id: bytes, stage: str, receiver: int, shape: tuple[int, ...], share: bytes
) -> bytes:
    size = repr(tuple(int(n) for n in shape)).encode()
    return _hash(b"share", run_id, stage.encode(), bytes([receiver]), size, share)


def _directed(run_id: bytes, label: str, sender: int, receiver: int, digest: bytes) -> bytes:
    return _hash(b"compare", run_id, label.encode(), bytes([sender, receiver]), digest)


def _hash(*parts: bytes) -> bytes:
    hasher = hashlib.sha256()
    for part in (_LABEL, *parts):
        hasher.update(len(part).to_bytes(8, "big") + part)
    return hasher.digest()


def _wire(planes: Words) -> bytes:
    return np.ascontiguousarray(planes, dtype="<u8").tobytes()
