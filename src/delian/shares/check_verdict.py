"""Step 6 of the check: nothing is answered before everybody is bound, then one bit each."""

import hashlib
from collections.abc import Sequence
from typing import Final

from delian.shares import field
from delian.shares.links import Links, link_name
from delian.terms.errors import TamperedError

_LABEL: Final = b"delian-check-1"
_DIGEST: Final = 32
_ANSWER: Final = 24
_YES: Final = b"\x01"
_NO: Final = b"\x00"


class CheckFailedError(TamperedError):
    """A block did not pass the check; prover or verifier may have lied, nobody is accused."""

    code = "check-failed"


def compare_coins(
    links: Links, run_id: bytes, block: str, list_digest: bytes, coins: Sequence[bytes]
) -> None:
    """Steps 6a and 6b: DONE from both, then equal coins on both links.

    Args:
        links: The links of this lane.
        run_id: Of the run.
        block: The block that is checked.
        list_digest: Of the manifest list that all hosts run.
        coins: Every coin as it was used.

    Raises:
        CheckFailedError: A peer is not done with this block, or used another coin.
    """
    facts = [run_id, block.encode(), list_digest, *coins]
    # 6a: no hash leaves before both peers have sent their last message and their last coin.
    _compare(links, b"done", facts[:2], "the hosts are not at the same block")
    # 6b: no answer leaves before both peers have shown that they used the same coins.
    _compare(links, b"coins", facts, "the hosts used different coins")


def judge(
    links: Links, *, check_values: tuple[int, int], claims: tuple[int, int], f: int, h: int
) -> None:
    """Steps 6c and 6d: L answers R, R judges, and its one bit goes to both.

    Args:
        links: The links of this lane.
        check_values: This host's check values as L and as R.
        claims: Its shares of the last claims as L and as R.
        f: f(r) of the proof it verifies as L.
        h: h(r) of the proof it verifies as R.

    Leaks:
        To R, one uniform element and what R can compute from it; to both peers, the verdict.

    Raises:
        CheckFailedError: This host's verdict, or that of a peer, is no.
    """
    rank = links.rank
    before, after = (rank - 1) % 3, (rank + 1) % 3
    answer = b"".join(value.to_bytes(8, "little") for value in (check_values[0], claims[0], f))
    got = links.exchange({before: answer}, {after: _ANSWER})[after]
    value, claim, f_of_peer = (int.from_bytes(got[k : k + 8], "little") for k in (0, 8, 16))
    equal = value == check_values[1]
    consistent = field.multiply_one(f_of_peer, h) == claim ^ claims[1]
    verdict = _YES if equal and consistent else _NO
    peers = links.exchange({before: verdict, after: verdict}, {before: 1, after: 1})
    if not (verdict == peers[before] == peers[after] == _YES):
        raise CheckFailedError(
            "the check of the hosts' computation failed",
            hint="nothing was opened; run the round again, and look at the hosts if it recurs",
        )


def _compare(links: Links, step: bytes, facts: Sequence[bytes], complaint: str) -> None:
    """Sends each peer a hash that names step, sender and receiver, and compares what comes."""
    rank = links.rank
    peers = ((rank - 1) % 3, (rank + 1) % 3)
    got = links.exchange(
        {peer: _directed(step, rank, peer, facts) for peer in peers}, dict.fromkeys(peers, _DIGEST)
    )
    for peer in peers:
        if got[peer] != _directed(step, peer, rank, facts):
            raise CheckFailedError(
                f"{link_name(links.names, rank, peer)}: {complaint}",
                hint="nothing was opened; run the round again, and look at the hosts if it recurs",
            )


def _directed(step: bytes, sender: int, receiver: int, facts: Sequence[bytes]) -> bytes:
    hasher = hashlib.sha256()
    for part in (_LABEL, step, bytes([sender, receiver]), *facts):
        hasher.update(len(part).to_bytes(4, "big") + part)
    return hasher.digest()
