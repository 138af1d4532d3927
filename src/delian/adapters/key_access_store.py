"""What a key-access service keeps: clients, attribute rules, withdrawals, used proofs, the audit.

One SQLite file of the service's own. The audit is append-only and chained: every entry names the
digest of the one before it, so that a line taken out or altered shows. A used proof and the audit
of what it was used for are written in one transaction.
"""

import json
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from delian.exchange.key_access import Attribute, AttributeRule, Client, ProofRule
from delian.terms.encode import canonical, digest
from delian.terms.errors import RefusedError, TamperedError, UnavailableError

SCHEMA_VERSION = 1
_FIRST = "sha256:" + "0" * 64
_CLIENTS = "SELECT id, issuer, proof, attributes, secret FROM clients"
_TABLES = """
CREATE TABLE IF NOT EXISTS clients (
    id TEXT NOT NULL, issuer TEXT NOT NULL, proof TEXT NOT NULL, attributes TEXT NOT NULL,
    secret TEXT NOT NULL, PRIMARY KEY (id, issuer));
CREATE TABLE IF NOT EXISTS issuers (address TEXT PRIMARY KEY, key TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS attributes (
    name TEXT PRIMARY KEY, rule TEXT NOT NULL, choices TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS sealed (
    dataset TEXT NOT NULL, policy TEXT NOT NULL, PRIMARY KEY (dataset, policy));
CREATE TABLE IF NOT EXISTS withdrawn (policy TEXT PRIMARY KEY, reason TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS proofs (name TEXT PRIMARY KEY, until INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS proofs_until ON proofs (until);
CREATE TABLE IF NOT EXISTS audit (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, digest TEXT NOT NULL, body TEXT NOT NULL);
"""


class KeyStoreError(UnavailableError):
    """The file of a key-access service cannot be read or written."""

    code = "key-store"


class KeyAuditError(TamperedError):
    """The audit of a key-access service is not what the service wrote."""

    code = "key-audit"


class ProofUsedError(RefusedError):
    """A proof of possession was used before."""

    code = "key-proof-used"


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One line of the audit: its number and its members."""

    seq: int
    body: dict[str, Any]


class KeyAccessStore:
    """The service's file; threads take turns.

    Args:
        path: The SQLite file; made where there is none.
    """

    def __init__(self, path: Path) -> None:
        self._lock = threading.RLock()
        self._depth = 0
        try:
            self._file = sqlite3.connect(
                path, timeout=30, isolation_level=None, check_same_thread=False
            )
            self._file.execute("PRAGMA journal_mode=WAL")
            self._file.execute("PRAGMA synchronous=FULL")
            version = self._file.execute("PRAGMA user_version").fetchone()[0]
            if version not in (0, SCHEMA_VERSION):
                raise KeyStoreError(
                    "the key-access file belongs to another version of Delian",
                    hint="run it with the version that made it; see docs/howto/upgrade.md",
                )
            self._file.executescript(_TABLES)
            self._file.execute(f"PRAGMA user_version={SCHEMA_VERSION}")
        except sqlite3.Error as error:
            raise KeyStoreError("the key-access file cannot be opened") from error

    def close(self) -> None:
        """Give the file back."""
        with self._lock:
            self._file.close()

    @contextmanager
    def step(self) -> Iterator[None]:
        """One transaction; an inner step belongs to the outer one."""
        with self._lock:
            outermost = self._depth == 0
            try:
                if outermost:
                    self._file.execute("BEGIN IMMEDIATE")
                self._depth += 1
                try:
                    yield
                finally:
                    self._depth -= 1
                if outermost:
                    self._file.execute("COMMIT")
            except sqlite3.Error as error:
                self._undo(outermost)
                raise KeyStoreError("the key-access file refused a step") from error
            except BaseException:
                self._undo(outermost)
                raise

    def _undo(self, outermost: bool) -> None:
        if outermost and self._file.in_transaction:
            self._file.execute("ROLLBACK")

    def _ask(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        with self._lock:
            try:
                return self._file.execute(query, values).fetchall()
            except sqlite3.Error as error:
                raise KeyStoreError("the key-access file cannot be read") from error

    def put_client(self, client: Client, secret_digest: str) -> None:
        """Register *client*, in place of one of the same name and issuer."""
        with self.step():
            self._ask(
                "INSERT OR REPLACE INTO clients VALUES (?, ?, ?, ?, ?)",
                *(client.id, client.issuer, client.proof.value),
                *(json.dumps(sorted(client.attributes)), secret_digest),
            )

    def drop_client(self, name: str, issuer: str) -> bool:
        """Forget a client; was there one?"""
        query = "DELETE FROM clients WHERE id = ? AND issuer = ? RETURNING id"
        with self.step():
            return bool(self._ask(query, name, issuer))

    def client(self, name: str, issuer: str) -> tuple[Client, str] | None:
        """A client and the digest of its secret."""
        for row in self._ask(f"{_CLIENTS} WHERE id = ? AND issuer = ?", name, issuer):
            return _client(row), str(row[4])
        return None

    def clients(self) -> tuple[Client, ...]:
        """Every client, by name."""
        return tuple(_client(row) for row in self._ask(f"{_CLIENTS} ORDER BY id, issuer"))

    def put_issuer(self, address: str, key: dict[str, str]) -> None:
        """Pin the public key (JWK) of another service whose tokens are read."""
        with self.step():
            self._ask("INSERT OR REPLACE INTO issuers VALUES (?, ?)", address, json.dumps(key))

    def issuers(self) -> dict[str, dict[str, str]]:
        """The pinned keys, by address."""
        return {row[0]: json.loads(row[1]) for row in self._ask("SELECT * FROM issuers")}

    def put_attribute(self, attribute: Attribute) -> None:
        """Set the rule of an attribute."""
        with self.step():
            self._ask(
                "INSERT OR REPLACE INTO attributes VALUES (?, ?, ?)",
                *(attribute.name, attribute.rule.value, json.dumps(attribute.values)),
            )

    def attributes(self) -> dict[str, Attribute]:
        """The rules, by attribute name."""
        rows = self._ask("SELECT name, rule, choices FROM attributes")
        return {r[0]: Attribute(r[0], AttributeRule(r[1]), tuple(json.loads(r[2]))) for r in rows}

    def withdraw(self, policy: str, reason: str) -> bool:
        """No key under *policy* any more; False if that was so before."""
        with self.step():
            query = "INSERT OR IGNORE INTO withdrawn VALUES (?, ?) RETURNING policy"
            return bool(self._ask(query, policy, reason))

    def put_sealed(self, dataset: str, policy: str) -> None:
        """Remember that *dataset* was sealed under *policy*."""
        with self.step():
            self._ask("INSERT OR IGNORE INTO sealed VALUES (?, ?)", dataset, policy)

    def sealed(self, dataset: str) -> tuple[str, ...]:
        """The policies under which *dataset* was ever sealed."""
        rows = self._ask("SELECT policy FROM sealed WHERE dataset = ? ORDER BY policy", dataset)
        return tuple(str(row[0]) for row in rows)

    def withdrawn(self, policy: str) -> str | None:
        """Why *policy* was withdrawn, or None."""
        rows = self._ask("SELECT reason FROM withdrawn WHERE policy = ?", policy)
        return str(rows[0][0]) if rows else None

    def use_proof(self, name: str, now: int, until: int) -> None:
        """Remember a proof until its time is over.

        Raises:
            ProofUsedError: it was used before.
        """
        with self.step():
            self._ask("DELETE FROM proofs WHERE until < ?", now)
            query = "INSERT OR IGNORE INTO proofs VALUES (?, ?) RETURNING name"
            if not self._ask(query, name, until):
                raise ProofUsedError("the proof was used before")

    def audit(self, entry: dict[str, Any]) -> None:
        """Append *entry* (texts, numbers, lists; no secret) to the audit."""
        with self.step():
            last = self._ask("SELECT digest FROM audit ORDER BY seq DESC LIMIT 1")
            body = canonical({**entry, "before": last[0][0] if last else _FIRST})
            self._ask("INSERT INTO audit (digest, body) VALUES (?, ?)", digest(body), body.decode())

    def audit_entries(self, after: int = 0) -> tuple[AuditEntry, ...]:
        """The audit after number *after*, oldest first."""
        rows = self._ask("SELECT seq, body FROM audit WHERE seq > ? ORDER BY seq", after)
        return tuple(AuditEntry(r[0], json.loads(r[1])) for r in rows)

    def check_audit(self) -> int:
        """The number of entries, each of them found to follow the one before.

        Raises:
            KeyAuditError: names the first entry that does not.
        """
        before, count = _FIRST, 0
        for seq, name, body in self._ask("SELECT seq, digest, body FROM audit ORDER BY seq"):
            count += 1
            if (
                seq != count
                or digest(body.encode()) != name
                or json.loads(body)["before"] != before
            ):
                raise KeyAuditError(f"entry {seq} of the audit does not follow the one before it")
            before = name
        return count


def _client(row: tuple[Any, ...]) -> Client:
    return Client(row[0], frozenset(json.loads(row[3])), ProofRule(row[2]), row[1])
