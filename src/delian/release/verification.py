"""One verification: what was asked, and what its steps have proved so far.

May touch: values. The steps stand in ``verify_currency`` and ``verify``, where their order
stands, too.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

from delian.crypto.dsse import Envelope
from delian.crypto.sign import PublicKey
from delian.release import currency
from delian.release.bundle import METADATA
from delian.release.errors import VerifyError
from delian.release.metadata import Snapshot, Targets, Timestamp
from delian.release.report import NotReachedError, Recorder
from delian.release.statement import Statement
from delian.terms.encode import Digest, digest
from delian.terms.party import Roster
from delian.terms.round_terms import RoundTerms

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Request:
    """What to verify, and against what.

    Args:
        files: Path inside the folder to bytes.
        root: The pinned root file.
        now_utc: The moment of checking.
        at_utc: Check as of this moment instead; proves nothing about today.
        state: The state file, b"" if there is none yet, None to do without.
        round_id: Accept this round only.
        audience: Accept this audience only.
        withdrawals: Documents from any road.
        is_deep: Also render the files again from the table and compare.
    """

    files: Mapping[str, bytes]
    root: bytes
    now_utc: datetime
    at_utc: datetime | None = None
    state: bytes | None = None
    round_id: str | None = None
    audience: str | None = None
    withdrawals: Sequence[bytes] = ()
    is_deep: bool = False


@dataclass(slots=True)
class Verification:
    """One run of the recipe. Each step leaves what it proved for later steps, or nothing."""

    request: Request
    log: Recorder = field(default_factory=Recorder)
    pinned: currency.TrustedRoot | None = None
    trusted: currency.TrustedRoot | None = None
    timestamp: Timestamp | None = None
    snapshot: Snapshot | None = None
    targets: Targets | None = None
    versions: currency.Versions | None = None
    seen: currency.Seen | None = None
    statement: Statement | None = None
    envelope: Envelope | None = None
    roster: Roster | None = None
    terms: RoundTerms | None = None
    table: bytes | None = None
    keys: dict[str, PublicKey | None] = field(default_factory=dict)
    digests: dict[str, Digest] = field(default_factory=dict)

    @property
    def now(self) -> datetime:
        """The moment that expiry is judged at."""
        return self.request.at_utc or self.request.now_utc

    def resolve(self, keyid: str) -> PublicKey | None:
        """The roster's key behind a key id."""
        if keyid not in self.keys:
            wire = need(self.roster, "roster").key(keyid)
            self.keys[keyid] = None if wire is None else PublicKey.from_wire(wire)
        return self.keys[keyid]

    def file(self, name: str) -> bytes:
        """One file of the folder."""
        if name not in self.request.files:
            raise VerifyError(f"the folder lacks {name}")
        return self.request.files[name]

    def digest(self, name: str) -> Digest:
        """Digest of one file of the folder, taken once."""
        if name not in self.digests:
            self.digests[name] = digest(self.file(name))
        return self.digests[name]

    @property
    def metadata(self) -> dict[str, bytes]:
        """The folder's metadata by file name."""
        files = self.request.files
        return {n.removeprefix(METADATA): d for n, d in files.items() if n.startswith(METADATA)}


def need(found: T | None, check: str) -> T:
    """*found*, if the check that makes it passed.

    Raises:
        NotReachedError: it did not.
    """
    if found is None:
        raise NotReachedError(f"the check '{check}' did not pass")
    return found
