"""The exchange's durable memory: processes, outbox, answers given, agreements, tokens, story.

SQLite in one file, or PostgreSQL by URL. A step is one transaction: a peer's message, the state
that follows, our next actions and the messages that they cause are kept together or not at all.
SQLite runs on the caller's thread (a durable commit costs 0.1 ms), PostgreSQL on one of its own.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.exc import SQLAlchemyError

from delian.adapters.exchange_schema import META, SCHEMA_VERSION, prepare
from delian.adapters.exchange_transaction import Kept, Transaction
from delian.terms.errors import UnavailableError

T = TypeVar("T")
MAX_BATCH = 64
_ONE_WRITER = 0x44454C49


class ExchangeStoreError(UnavailableError):
    """The exchange's database cannot be opened or written."""

    code = "exchange-store"


@dataclass(slots=True)
class _Waiting:
    """A step that waits for its turn."""

    work: Callable[[Any], Any]
    future: asyncio.Future[None] | None = None
    then: Callable[[Any], None] | None = None
    result: Any = None
    error: BaseException | None = None

    def resolve(self) -> None:
        """It is durable, or it failed; what follows from it does not need whoever waited."""
        if self.then is not None and self.error is None:
            self.then(self.result)
        if self.future is not None and not self.future.done():
            self.future.set_result(None)

    async def done(self) -> Any:
        """What the step gave.

        Raises:
            BaseException: what it raised.
        """
        if self.future is not None:
            await self.future
        if self.error is not None:
            raise self.error
        return self.result


class ExchangeStore:
    """The database of one connector; one process uses it at a time.

    Args:
        place: A path for SQLite, or ``postgresql://…``.

    Raises:
        ExchangeStoreError: it cannot be opened, is in use, or belongs to another version.
    """

    def __init__(self, place: str | Path) -> None:
        is_url = isinstance(place, str) and "://" in place
        try:
            self._engine = _postgresql(str(place)) if is_url else _sqlite(Path(place))
            META.create_all(self._engine)
            self._connection: Any = self._engine.raw_connection()
            self._cursor: Any = self._connection.cursor()
        except (SQLAlchemyError, OSError) as error:
            raise ExchangeStoreError(
                "the exchange's database cannot be opened", hint="check its path or address"
            ) from error
        self._statements = prepare(self._engine.dialect)
        self._is_sqlite = not is_url
        self._failures = _failures(self._engine)
        self._thread = ThreadPoolExecutor(1, "exchange-store") if is_url else None
        self._queue: list[_Waiting] = []
        self._kept = Kept()
        self._is_scheduled = False
        try:
            self._claim_writer()
        except ExchangeStoreError:
            self.close()
            raise
        self._check_version()

    def _claim_writer(self) -> None:
        """Only one connector works on a PostgreSQL database; a SQLite file lies in its home."""
        if self._is_sqlite:
            return
        self._cursor.execute(f"SELECT pg_try_advisory_lock({_ONE_WRITER})")
        is_free = self._cursor.fetchone()[0]
        self._connection.commit()
        if not is_free:
            raise ExchangeStoreError("another connector uses this database")

    def _reconnect(self) -> None:
        """The server went away and may be back; what the memory mirrors is read anew.

        Raises:
            ExchangeStoreError: another connector took the database meanwhile.
        """
        if self._connection.is_valid:
            self._connection.invalidate()
        self._connection = self._engine.raw_connection()
        self._cursor = self._connection.cursor()
        self._kept = Kept()
        self._claim_writer()

    def _check_version(self) -> None:
        def check(t: Transaction) -> str:
            rows = t.ask("note", n="schema")
            if not rows:
                t.run("add_note", n="schema", v=str(SCHEMA_VERSION))
            return str(rows[0][0]) if rows else str(SCHEMA_VERSION)

        if self.step_now(check) != str(SCHEMA_VERSION):
            self.close()
            raise ExchangeStoreError(
                "the exchange's database belongs to another version of Delian",
                hint="run it with the version that made it",
            )

    def step_now(self, work: Callable[[Transaction], T]) -> T:
        """Do *work* in one transaction on this thread: everything in it is kept, or nothing.

        Raises:
            ExchangeStoreError: the database refuses.
        """
        waiting = _Waiting(work)
        self._run_batch([waiting])
        if waiting.error is not None:
            raise waiting.error
        result: T = waiting.result
        return result

    async def step(
        self, work: Callable[[Transaction], T], then: Callable[[T], None] | None = None
    ) -> T:
        """Do *work* as one step. Steps that wait at the same moment share one durable commit.

        A step that fails is undone alone; nothing is answered before the commit.

        Args:
            work: What is kept as a whole.
            then: Called once it is durable, even where whoever waits was cancelled meanwhile.

        Raises:
            ExchangeStoreError: the database refuses.
        """
        loop = asyncio.get_running_loop()
        waiting = _Waiting(work, loop.create_future(), then)
        self._queue.append(waiting)
        if not self._is_scheduled:
            self._is_scheduled = True
            loop.call_soon(self._begin_batch, loop)
        result: T = await waiting.done()
        return result

    def _begin_batch(self, loop: asyncio.AbstractEventLoop) -> None:
        batch, self._queue = self._queue[:MAX_BATCH], self._queue[MAX_BATCH:]
        if self._thread is None:
            self._run_batch(batch)
            self._end_batch(batch, loop)
            return
        running = loop.run_in_executor(self._thread, self._run_batch, batch)
        running.add_done_callback(lambda _: self._end_batch(batch, loop))

    def _end_batch(self, batch: "list[_Waiting]", loop: asyncio.AbstractEventLoop) -> None:
        for waiting in batch:
            waiting.resolve()
        self._is_scheduled = bool(self._queue)
        if self._is_scheduled:
            loop.call_soon(self._begin_batch, loop)

    def _run_batch(self, batch: "list[_Waiting]") -> None:
        """One transaction for all of *batch*, a savepoint for each where there are several."""
        try:
            if self._is_sqlite:
                self._cursor.execute("BEGIN IMMEDIATE")
            elif self._cursor.connection.closed:
                self._reconnect()
            transaction = Transaction(self._cursor, self._statements, self._kept)
            for waiting in batch:
                self._run_one(waiting, transaction, is_alone=len(batch) == 1)
            self._cursor.execute("COMMIT") if self._is_sqlite else self._connection.commit()
            self._kept.committed()
        except BaseException as error:
            self._kept.undone()
            with suppress(*self._failures):
                self._cursor.execute("ROLLBACK") if self._is_sqlite else self._connection.rollback()
            for waiting in batch:
                waiting.error = waiting.error or self._told(error)
            if not isinstance(error, Exception):
                raise

    def _run_one(self, waiting: "_Waiting", transaction: Transaction, *, is_alone: bool) -> None:
        """Do one step of a batch; only one that is alone fails the transaction.

        Raises:
            Exception: whatever the step raises, where it is alone.
        """
        if is_alone:
            waiting.result = waiting.work(transaction)
            transaction.finish()
            return
        self._cursor.execute("SAVEPOINT one")
        try:
            waiting.result = waiting.work(transaction)
            transaction.finish()
        except Exception as error:  # noqa: BLE001 - handed to whoever waits for this step
            self._cursor.execute("ROLLBACK TO SAVEPOINT one")
            transaction.undo()
            self._kept.undone()
            waiting.error = self._told(error)
        self._cursor.execute("RELEASE SAVEPOINT one")

    def _told(self, error: BaseException) -> BaseException:
        """*error* as the caller learns it; the database's own stay inside."""
        if not isinstance(error, self._failures):
            return error
        told = ExchangeStoreError("the exchange's database refused a step")
        told.__cause__ = error
        return told

    def close(self) -> None:
        """Give the database back."""
        if self._thread is not None:
            self._thread.shutdown(wait=True)
        with suppress(*self._failures):
            self._cursor.close()
            self._connection.close()
        self._engine.dispose()


def _failures(engine: Engine) -> tuple[type[BaseException], ...]:
    driver: Any = engine.dialect.dbapi
    return (driver.Error, SQLAlchemyError)


def _postgresql(url: str) -> Engine:
    _, _, rest = url.partition("://")
    return create_engine(f"postgresql+psycopg://{rest}", pool_size=1, max_overflow=1)


def _sqlite(path: Path) -> Engine:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    path.touch(mode=0o600)
    engine = create_engine(
        f"sqlite:///{path}", connect_args={"timeout": 30, "check_same_thread": False}
    )

    @event.listens_for(engine, "connect")
    def _prepare(connection: Any, _record: object) -> None:
        connection.isolation_level = None
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
            connection.execute(f"PRAGMA {pragma}")

    return engine
