"""What an identity must not forget: used tokens, credentials held and issued, requests.

One SQLite file in the node's home, mode 0600. Used tokens survive a crash of the process; a
power cut may lose the last few, whose requests the exchange's own inbox answers alike anyway.
"""

import json
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from delian.adapters.files import write_bytes
from delian.exchange.dcp_messages import CredentialMessage, CredentialObject, Delivered
from delian.exchange.issuance import RequestStatus
from delian.terms.errors import UnavailableError

VERSION = 1
SWEEP_EVERY = 1024
MAX_HELD = 1000
MAX_OFFERS = 200
_TABLES = """
CREATE TABLE used (name TEXT PRIMARY KEY, expires INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE held (
  issuer TEXT NOT NULL, kind TEXT NOT NULL, form TEXT NOT NULL, payload TEXT NOT NULL,
  PRIMARY KEY (issuer, kind, form)) WITHOUT ROWID;
CREATE TABLE expected (
  holder_pid TEXT PRIMARY KEY, issuer TEXT NOT NULL, kinds TEXT NOT NULL, status TEXT NOT NULL,
  reason TEXT NOT NULL DEFAULT '') WITHOUT ROWID;
CREATE TABLE offers (issuer TEXT PRIMARY KEY, listed TEXT NOT NULL, at INTEGER NOT NULL);
CREATE TABLE requests (
  issuer_pid TEXT PRIMARY KEY, holder TEXT NOT NULL, holder_pid TEXT NOT NULL,
  token TEXT, message TEXT NOT NULL, status TEXT NOT NULL, tries INTEGER NOT NULL,
  due INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE issued (
  place INTEGER PRIMARY KEY AUTOINCREMENT, issuer_pid TEXT NOT NULL, holder TEXT NOT NULL,
  kind TEXT NOT NULL, ends INTEGER NOT NULL, is_revoked INTEGER NOT NULL DEFAULT 0);
"""


class IdentityStoreError(UnavailableError):
    """The file of the identity belongs to another edition or cannot be opened."""

    code = "identity-store"


@dataclass(frozen=True, slots=True)
class Expected:
    """A request of ours that an issuer will answer."""

    holder_pid: str
    issuer: str
    kinds: frozenset[str]
    status: RequestStatus


@dataclass(frozen=True, slots=True)
class Pending:
    """A request of a holder that we answer."""

    issuer_pid: str
    holder: str
    holder_pid: str
    token: str | None
    message: CredentialMessage
    status: RequestStatus
    tries: int
    due: int


class IdentityStore:
    """The file; used from one thread.

    Args:
        path: Where it is; made with mode 0600 if missing.
    """

    def __init__(self, path: Path) -> None:
        is_new = not path.exists()
        if is_new:
            write_bytes(path, b"", secret=True)
        try:
            self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=NORMAL")
            found = self._db.execute("PRAGMA user_version").fetchone()[0]
            if found == 0:
                self._db.executescript(f"BEGIN; {_TABLES} PRAGMA user_version={VERSION}; COMMIT;")
                found = VERSION
        except sqlite3.Error as error:
            raise IdentityStoreError("the identity's file cannot be opened") from error
        if found != VERSION:
            self._db.close()
            raise IdentityStoreError("the identity's file belongs to another edition of Delian")
        self._uses = 0

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    # -- used tokens ---------------------------------------------------------------------------

    async def use(self, name: str, expires: int, now: int) -> bool:
        """Record a used token; False if it was used before. See ``UsedTokens``."""
        done = self._db.execute(
            "INSERT INTO used VALUES (?1, ?2) ON CONFLICT (name) "
            "DO UPDATE SET expires = ?2 WHERE used.expires < ?3",
            (name, expires, now),
        )
        self._uses += 1
        if self._uses % SWEEP_EVERY == 0:
            self._db.execute("DELETE FROM used WHERE expires < ?", (now,))
        return done.rowcount == 1

    # -- as a holder ---------------------------------------------------------------------------

    def expect(self, holder_pid: str, issuer: str, kinds: Iterable[str]) -> None:
        """Remember that we asked *issuer* for *kinds*."""
        self._db.execute(
            "INSERT OR REPLACE INTO expected (holder_pid, issuer, kinds, status) "
            "VALUES (?, ?, ?, ?)",
            (holder_pid, issuer, json.dumps(sorted(kinds)), RequestStatus.RECEIVED),
        )

    def expected(self, holder_pid: str) -> Expected | None:
        """The request of ours that *holder_pid* names."""
        row = self._db.execute(
            "SELECT holder_pid, issuer, kinds, status FROM expected WHERE holder_pid = ?",
            (holder_pid,),
        ).fetchone()
        if row is None:
            return None
        return Expected(row[0], row[1], frozenset(json.loads(row[2])), RequestStatus(row[3]))

    def keep(self, holder_pid: str, issuer: str, credentials: Iterable[Delivered]) -> None:
        """Keep what *issuer* delivered; one of the same type and form replaces the older.

        Raises:
            IdentityStoreError: the wallet is full.
        """
        with self._db:
            self._db.execute("BEGIN IMMEDIATE")
            for one in credentials:
                self._db.execute(
                    "INSERT OR REPLACE INTO held VALUES (?, ?, ?, ?)",
                    (issuer, one.kind, one.form, one.payload),
                )
            if self._db.execute("SELECT count(*) FROM held").fetchone()[0] > MAX_HELD:
                raise IdentityStoreError("the wallet holds as many credentials as it may")
            self._settle(holder_pid, RequestStatus.ISSUED, "")

    def rejected(self, holder_pid: str, reason: str) -> None:
        """Remember that an issuer said no."""
        self._settle(holder_pid, RequestStatus.REJECTED, reason)

    def _settle(self, holder_pid: str, status: RequestStatus, reason: str) -> None:
        self._db.execute(
            "UPDATE expected SET status = ?, reason = ? WHERE holder_pid = ?",
            (status, reason, holder_pid),
        )

    def held(self, kinds: Iterable[str]) -> tuple[Delivered, ...]:
        """The credentials of *kinds* that we hold."""
        found: list[Delivered] = []
        for kind in sorted(set(kinds)):
            rows = self._db.execute(
                "SELECT kind, form, payload FROM held WHERE kind = ? ORDER BY issuer, form", (kind,)
            )
            found += [Delivered(*row) for row in rows]
        return tuple(found)

    def keep_offer(self, issuer: str, listed: tuple[CredentialObject, ...], now: int) -> None:
        """Remember the newest offer of *issuer*; the oldest of too many is forgotten."""
        plain = json.dumps([[one.id, one.kind, one.form, one.reason] for one in listed])
        self._db.execute("INSERT OR REPLACE INTO offers VALUES (?, ?, ?)", (issuer, plain, now))
        self._db.execute(
            "DELETE FROM offers WHERE issuer IN "
            "(SELECT issuer FROM offers ORDER BY at DESC LIMIT -1 OFFSET ?)",
            (MAX_OFFERS,),
        )

    def offers(self) -> tuple[tuple[str, tuple[CredentialObject, ...]], ...]:
        """Issuers and what they offered us, newest first."""
        rows = self._db.execute("SELECT issuer, listed FROM offers ORDER BY at DESC").fetchall()
        return tuple((i, tuple(CredentialObject(*o) for o in json.loads(p))) for i, p in rows)

    # -- as an issuer --------------------------------------------------------------------------

    def take_place(self, issuer_pid: str, holder: str, kind: str, ends: int) -> int:
        """A place in the status list that no other credential has."""
        done = self._db.execute(
            "INSERT INTO issued (issuer_pid, holder, kind, ends) VALUES (?, ?, ?, ?)",
            (issuer_pid, holder, kind, ends),
        )
        return int(done.lastrowid or 0)

    def add_request(self, pending: Pending) -> None:
        """Take a holder's request in, with the answer that will be delivered."""
        self._db.execute(
            "INSERT INTO requests VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                pending.issuer_pid,
                pending.holder,
                pending.holder_pid,
                pending.token,
                json.dumps(pending.message.to_plain()),
                pending.status,
                pending.tries,
                pending.due,
            ),
        )

    def request(self, issuer_pid: str) -> Pending | None:
        """The request that *issuer_pid* names."""
        rows = self._pending("WHERE issuer_pid = ?", (issuer_pid,))
        return rows[0] if rows else None

    def due(self, now: int) -> tuple[Pending, ...]:
        """Requests whose answer is to be delivered now."""
        where = "WHERE due > 0 AND due <= ? ORDER BY due LIMIT 32"
        return self._pending(where, (now,))

    def next_due(self) -> int | None:
        """The second at which the next delivery is due, or None."""
        row = self._db.execute("SELECT min(due) FROM requests WHERE due > 0").fetchone()
        return None if row[0] is None else int(row[0])

    def settle_request(self, issuer_pid: str, status: RequestStatus) -> None:
        """The request is answered; its token is forgotten."""
        self._db.execute(
            "UPDATE requests SET status = ?, due = 0, token = NULL WHERE issuer_pid = ?",
            (status, issuer_pid),
        )

    def postpone(self, issuer_pid: str, due: int) -> None:
        """The delivery failed and is to be tried again at *due*."""
        self._db.execute(
            "UPDATE requests SET tries = tries + 1, due = ? WHERE issuer_pid = ?", (due, issuer_pid)
        )

    def revoke(self, holder: str, kind: str) -> int:
        """Revoke every credential of *kind* that *holder* has; gives how many."""
        done = self._db.execute(
            "UPDATE issued SET is_revoked = 1 WHERE holder = ? AND kind = ? AND is_revoked = 0",
            (holder, kind),
        )
        return done.rowcount

    def living(self) -> tuple[tuple[str, str], ...]:
        """Holders and types of the credentials that we issued and did not take back."""
        rows = self._db.execute(
            "SELECT DISTINCT holder, kind FROM issued WHERE is_revoked = 0"
        ).fetchall()
        return tuple((row[0], row[1]) for row in rows)

    def has_issued(self) -> bool:
        """Did this node ever issue a credential, whose status must stay readable?"""
        return self._db.execute("SELECT 1 FROM issued LIMIT 1").fetchone() is not None

    def revoked(self) -> frozenset[int]:
        """The places of all revoked credentials."""
        rows = self._db.execute("SELECT place FROM issued WHERE is_revoked = 1").fetchall()
        return frozenset(row[0] for row in rows)

    def _pending(self, where: str, values: tuple[Any, ...]) -> tuple[Pending, ...]:
        rows = self._db.execute(f"SELECT * FROM requests {where}", values).fetchall()  # noqa: S608  # the clause is ours
        return tuple(
            Pending(r[0], r[1], r[2], r[3], _message(r[4]), RequestStatus(r[5]), r[6], r[7])
            for r in rows
        )


def _message(text: str) -> CredentialMessage:
    return CredentialMessage.from_plain(json.loads(text))
