"""Withdrawing a release: one officer of one nation is enough, by any road.

May touch: the withdrawal document of ``approve`` and values. A withdrawal never undoes history:
what was opened stays opened. That nobody hides one cannot be enforced; it can be noticed
(``docs/security/release.md``).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from delian.approve.withdrawal import Withdrawal
from delian.crypto.dsse import Envelope, Resolve
from delian.crypto.sign import PrivateKey
from delian.release.statement import Statement
from delian.terms.errors import DelianError

MAX_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class Found:
    """What a pile of documents says about one release.

    Args:
        withdrawals: Valid ones, in order of nations.
        strange: How many documents were no valid withdrawal of anything.
    """

    withdrawals: tuple[Withdrawal, ...]
    strange: int


def withdraw_release(
    statement: Statement, nation: str, officer: PrivateKey, reason: str, now_utc: datetime
) -> Envelope:
    """A signed withdrawal of the release that *statement* is about.

    Raises:
        InputError: no reason is given.
    """
    made = Withdrawal(
        statement.round_id,
        statement.digest,
        nation,
        statement.roster_version,
        now_utc,
        reason,
    )
    return made.signed(officer)


def file_name(statement: Statement, nation: str) -> str:
    """How the document is called in a repository: release and nation."""
    return f"{statement.release_id}.{nation}.dsse.json"


def withdrawals_of(statement: Statement, documents: Iterable[bytes], resolve: Resolve) -> Found:
    """The valid withdrawals of one release among *documents*.

    Args:
        statement: The release.
        documents: DSSE envelopes from anywhere.
        resolve: The roster that approved the release.

    Guarantees:
        One valid document by one of the statement's nations is enough; nothing else in
        *documents* can hide it (``tests/unit/release/test_release_withdrawal.py``).
    """
    found: dict[str, Withdrawal] = {}
    strange = 0
    for data in documents:
        try:
            envelope = Envelope.from_wire(data, max_bytes=MAX_BYTES)
            made = Withdrawal.from_envelope(envelope, resolve)
        except DelianError:
            strange += 1
            continue
        if made.subject == statement.digest and made.nation in statement.nations:
            found.setdefault(made.nation, made)
    return Found(tuple(found[nation] for nation in sorted(found)), strange)
