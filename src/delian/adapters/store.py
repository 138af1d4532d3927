"""A node's durable memory: documents, its ledger, what it must remember, and what it must send.

SQLite, one schema through SQLAlchemy Core. A step and the messages it causes are one
transaction, so a crash neither loses nor repeats a step.
"""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import (
    Column,
    Engine,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    bindparam,
    create_engine,
    delete,
    event,
    func,
    select,
    update,
)
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.engine import Connection
from sqlalchemy.exc import SQLAlchemyError

from delian.terms.encode import Digest, digest
from delian.terms.errors import TamperedError, UnavailableError

SCHEMA_VERSION = 1
_META = MetaData()
_DOCUMENTS = Table(
    "documents",
    _META,
    Column("seq", Integer, primary_key=True, autoincrement=True),
    Column("digest", String(71), nullable=False, unique=True),
    Column("kind", String(40), nullable=False, index=True),
    Column("round", String(80), nullable=False, index=True),
    Column("who", String(80), nullable=False),
    Column("body", LargeBinary, nullable=False),
)
_ENTRIES = Table(
    "entries",
    _META,
    Column("sequence", Integer, primary_key=True, autoincrement=False),
    Column("body", LargeBinary, nullable=False),
)
_NOTES = Table(
    "notes",
    _META,
    Column("name", String(200), primary_key=True),
    Column("value", LargeBinary, nullable=False),
)
_OUTBOX = Table(
    "outbox",
    _META,
    Column("seq", Integer, primary_key=True, autoincrement=True),
    Column("digest", String(71), nullable=False, unique=True),
    Column("sent", Integer, nullable=False, default=0),
)


# Statements are made once: making one anew costs more than SQLite needs to run it.
_D, _N = _DOCUMENTS.c, _NOTES.c
_ADD = insert(_DOCUMENTS).on_conflict_do_nothing()
_DOCUMENT = select(_DOCUMENTS).where(_D.digest == bindparam("name"))
_LAST = select(func.max(_D.seq))
_HEADINGS = (
    select(_D.seq, _D.digest, _D.kind, _D.who).where(_D.seq > bindparam("after")).order_by(_D.seq)
)
_NOTE = select(_N.value).where(_N.name == bindparam("name"))
_NEW_NOTE = insert(_NOTES)
_REMEMBER = _NEW_NOTE.on_conflict_do_update(
    index_elements=["name"], set_={"value": _NEW_NOTE.excluded.value}
)
_QUEUE = insert(_OUTBOX).on_conflict_do_nothing()
_UNSENT = (
    select(_DOCUMENTS)
    .join(_OUTBOX, _OUTBOX.c.digest == _D.digest)
    .where(_OUTBOX.c.sent == 0)
    .order_by(_OUTBOX.c.seq)
)
_ENTRY_COUNT = select(func.count()).select_from(_ENTRIES)
_APPEND = insert(_ENTRIES).values(sequence=_ENTRY_COUNT.scalar_subquery(), body=bindparam("entry"))


class StoreError(UnavailableError):
    """The node's database cannot be opened or written."""

    code = "store"


class StoreAlteredError(TamperedError):
    """Somebody wrote into the node's database by another road."""

    code = "store-altered"


@dataclass(frozen=True, slots=True)
class Stored:
    """One document as it lies in the store."""

    seq: int
    digest: Digest
    kind: str
    round_id: str
    who: str
    body: bytes


class Store:
    """The database of one node.

    Args:
        path: Of the database file; made where it is missing.

    Raises:
        StoreError: it cannot be opened, or was made by another schema version.
    """

    def __init__(self, path: Path) -> None:
        self._lock = threading.RLock()
        self._open: Connection | None = None
        self._reader: Connection | None = None
        self.rollbacks = 0
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._engine = _engine(path)
            _META.create_all(self._engine)
        except (SQLAlchemyError, OSError) as error:
            raise StoreError(
                "the node's database cannot be opened", hint="check the disk"
            ) from error
        known = self.note("schema")
        if known is None:
            self.remember("schema", str(SCHEMA_VERSION).encode())
        elif known != str(SCHEMA_VERSION).encode():
            raise StoreError(
                "the node's database belongs to another version of Delian",
                hint="run it with the version that made it; see docs/howto/upgrade.md",
            )

    def close(self) -> None:
        """Give the file back."""
        with self._lock:
            if self._reader is not None:
                self._reader.close()
                self._reader = None
            self._engine.dispose()

    @contextmanager
    def step(self) -> Iterator[None]:
        """One transaction: everything inside is kept, or nothing is.

        Steps nest: an inner one that fails is undone alone, the outermost commits. Threads of one
        process take turns, processes are kept apart by the database.

        Raises:
            StoreError: the database refuses.
        """
        with self._lock:
            if self._open is not None:
                try:
                    with self._open.begin_nested():
                        yield
                except BaseException:
                    self.rollbacks += 1
                    raise
                return
            try:
                with self._engine.begin() as connection:
                    self._open = connection
                    yield
            except SQLAlchemyError as error:
                self.rollbacks += 1
                raise StoreError("the node's database refused a step") from error
            except BaseException:
                self.rollbacks += 1
                raise
            finally:
                self._open = None

    def _run(self, statement: Any, values: dict[str, Any] | None = None) -> int:
        """Write one statement, inside the step that is open or in one of its own."""
        with self._lock:
            if self._open is not None:
                return int(self._open.execute(statement, values).rowcount)
            with self.step():
                return self._run(statement, values)

    def _ask(self, query: Any, values: dict[str, Any] | None = None) -> Any:
        """Read: inside the step that is open, or without a transaction."""
        with self._lock:
            try:
                if self._open is not None:
                    return self._open.execute(query, values).fetchall()
                if self._reader is None:
                    options = {"isolation_level": "AUTOCOMMIT"}
                    self._reader = self._engine.connect().execution_options(**options)
                return self._reader.execute(query, values).fetchall()
            except SQLAlchemyError as error:
                raise StoreError("the node's database cannot be read") from error

    def add(self, kind: str, round_id: str, who: str, body: bytes) -> tuple[Digest, bool]:
        """Keep a document; True if it is new."""
        name = digest(body)
        row = {"digest": name, "kind": kind, "round": round_id, "who": who, "body": body}
        return name, self._run(_ADD, row) > 0

    def documents(
        self, kind: str | None = None, round_id: str | None = None, *, after: int = 0
    ) -> tuple[Stored, ...]:
        """Documents in the order in which they came."""
        query = select(_DOCUMENTS).where(_DOCUMENTS.c.seq > after).order_by(_DOCUMENTS.c.seq)
        if kind is not None:
            query = query.where(_DOCUMENTS.c.kind == kind)
        if round_id is not None:
            query = query.where(_DOCUMENTS.c.round == round_id)
        return tuple(Stored(*row) for row in self._ask(query))

    def headings(self, after: int) -> tuple[tuple[int, Digest, str, str], ...]:
        """Number, digest, kind and sender of documents after number *after*."""
        rows = self._ask(_HEADINGS, {"after": after})
        return tuple((int(s), str(d), str(k), str(w)) for s, d, k, w in rows)

    def document(self, name: Digest) -> Stored | None:
        """The document with this digest, or None."""
        rows = self._ask(_DOCUMENT, {"name": name})
        return Stored(*rows[0]) if rows else None

    def last_seq(self) -> int:
        """The number of the newest document, 0 for none."""
        rows = self._ask(_LAST)
        return int(rows[0][0] or 0)

    def note(self, name: str) -> bytes | None:
        """What was remembered under *name*."""
        rows = self._ask(_NOTE, {"name": name})
        return _raw(rows[0][0]) if rows else None

    def notes(self, prefix: str) -> dict[str, bytes]:
        """Everything remembered under names that begin with *prefix*."""
        rows = self._ask(
            select(_NOTES.c.name, _NOTES.c.value).where(
                _NOTES.c.name.startswith(prefix, autoescape=True)
            )
        )
        return {name: _raw(value) for name, value in rows}

    def remember(self, name: str, value: bytes) -> None:
        """Remember *value*, in place of what was there."""
        self._run(_REMEMBER, {"name": name, "value": value})

    def forget(self, name: str) -> None:
        """Drop a note."""
        self._run(delete(_NOTES).where(_NOTES.c.name == name))

    def queue(self, name: Digest) -> None:
        """The document *name* is to be sent; twice is once."""
        self._run(_QUEUE, {"digest": name, "sent": 0})

    def outbox(self) -> tuple[Stored, ...]:
        """Everything that was ever queued, sent or not, oldest first."""
        rows = self._ask(
            select(_DOCUMENTS)
            .join(_OUTBOX, _OUTBOX.c.digest == _DOCUMENTS.c.digest)
            .order_by(_OUTBOX.c.seq)
        )
        return tuple(Stored(*row) for row in rows)

    def unsent(self) -> tuple[Stored, ...]:
        """What still has to be sent, oldest first."""
        return tuple(Stored(*row) for row in self._ask(_UNSENT))

    def mark_sent(self, name: Digest) -> None:
        """The other side has it."""
        self._run(update(_OUTBOX).where(_OUTBOX.c.digest == name).values(sent=1))

    # --- the ledger's port (crypto.ledger.EntryStore) -------------------------------------

    def __len__(self) -> int:
        return int(self._ask(_ENTRY_COUNT)[0][0])

    def append(self, entry: bytes) -> None:
        """Add one ledger entry."""
        self._run(_APPEND, {"entry": entry})

    def read(self, start: int, stop: int) -> Sequence[bytes]:
        """Ledger entries *start* to *stop*, the last excluded."""
        query = (
            select(_ENTRIES.c.body)
            .where(_ENTRIES.c.sequence >= start, _ENTRIES.c.sequence < stop)
            .order_by(_ENTRIES.c.sequence)
        )
        return [_raw(row[0]) for row in self._ask(query)]


def _raw(value: object) -> bytes:
    """A stored value that must be bytes; SQLite keeps whatever type somebody puts there.

    Raises:
        StoreAlteredError: it is of another type.
    """
    if not isinstance(value, bytes):
        raise StoreAlteredError(
            "an entry of the node's database is not what the node wrote",
            hint="keep the file as evidence; restore the node from its papers",
        )
    return value


def _engine(path: Path) -> Engine:
    options = {"timeout": 30, "check_same_thread": False}
    engine = create_engine(f"sqlite:///{path}", connect_args=options)

    @event.listens_for(engine, "connect")
    def _prepare(connection: Any, _record: object) -> None:
        connection.isolation_level = None
        cursor = connection.cursor()
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute("PRAGMA synchronous=FULL")
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.close()

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        # A writer's lock from the start: two processes never read the same state and both act.
        if connection.get_execution_options().get("isolation_level") != "AUTOCOMMIT":
            connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine
