"""Tables of the exchange's database, and the statements of its steps, each made once.

The same description serves SQLite and PostgreSQL: a statement is written with SQLAlchemy Core and
compiled once for the database at hand, because making it anew costs more than running it.
"""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    bindparam,
    delete,
    func,
    insert,
    select,
    text,
    update,
)
from sqlalchemy.engine import Dialect
from sqlalchemy.sql.expression import Executable

SCHEMA_VERSION = 1
META = MetaData()
_SERIAL = BigInteger().with_variant(Integer, "sqlite")

NOTES = Table(
    "exchange_notes",
    META,
    Column("name", String(80), primary_key=True),
    Column("value", Text, nullable=False),
)
PROCESSES = Table(
    "exchange_processes",
    META,
    Column("pid", Text, primary_key=True),
    Column("kind", String(1), nullable=False),
    Column("peer_pid", Text),
    Column("role", String(8), nullable=False),
    Column("state", String(12), nullable=False),
    Column("is_open", Integer, nullable=False),
    Column("peer", Text, nullable=False),
    Column("dataset", Text, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("heard", LargeBinary),
    Column("opened_ms", BigInteger, nullable=False),
    Column("changed_ms", BigInteger, nullable=False),
)
Index("exchange_processes_peer", PROCESSES.c.peer_pid, PROCESSES.c.peer)
Index("exchange_processes_age", PROCESSES.c.opened_ms)
OUTBOX = Table(
    "exchange_outbox",
    META,
    Column("seq", _SERIAL, primary_key=True, autoincrement=True),
    Column("pid", Text, nullable=False),
    Column("kind", String(60), nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("queued_ms", BigInteger, nullable=False),
)
INBOX = Table(
    "exchange_inbox",
    META,
    Column("pid", Text, primary_key=True),
    Column("digest", LargeBinary, primary_key=True),
    Column("status", Integer, nullable=False),
    Column("body", LargeBinary, nullable=False),
)
TIMERS = Table(
    "exchange_timers",
    META,
    Column("seq", _SERIAL, primary_key=True, autoincrement=True),
    Column("pid", Text, nullable=False),
    Column("due_ms", BigInteger, nullable=False),
    Column("action", LargeBinary, nullable=False),
)
DATASETS = Table(
    "exchange_datasets",
    META,
    Column("id", Text, primary_key=True),
    Column("body", LargeBinary, nullable=False),
    Column("asset", LargeBinary, nullable=False),
    Column("withdrawn", Text),
)
AGREEMENTS = Table(
    "exchange_agreements",
    META,
    Column("id", Text, primary_key=True),
    Column("role", String(8), primary_key=True),
    Column("peer", Text, primary_key=True),
    Column("pid", Text, nullable=False),
    Column("dataset", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("uses", Integer, nullable=False),
    Column("made_ms", BigInteger, nullable=False),
)
TOKENS = Table(
    "exchange_tokens",
    META,
    Column("digest", LargeBinary, primary_key=True),
    Column("pid", Text, nullable=False),
    Column("used", Integer, nullable=False),
)
Index("exchange_tokens_pid", TOKENS.c.pid)
PEERS = Table(
    "exchange_peers",
    META,
    Column("id", Text, primary_key=True),
    Column("claims", LargeBinary, nullable=False),
)
AUDIT = Table(
    "exchange_audit",
    META,
    Column("seq", _SERIAL, primary_key=True, autoincrement=True),
    Column("at_ms", BigInteger, nullable=False),
    Column("pid", Text, nullable=False),
    Column("event", String(80), nullable=False),
    Column("detail", Text, nullable=False),
)
Index("exchange_audit_pid", AUDIT.c.pid)

_P, _D, _A, _T = PROCESSES.c, DATASETS.c, AGREEMENTS.c, TOKENS.c
_ROW = (_P.kind, _P.pid, _P.peer_pid, _P.role, _P.state, _P.peer, _P.dataset, _P.revision, _P.body)


def _b(name: str) -> Any:
    return bindparam(name)


STATEMENTS: dict[str, Executable] = {
    "note": select(NOTES.c.value).where(NOTES.c.name == _b("n")),
    "add_note": insert(NOTES).values(name=_b("n"), value=_b("v")),
    "process": select(*_ROW, _P.heard).where(_P.pid == _b("p")),
    "opened_by": select(_P.pid).where(
        _P.peer_pid == _b("q"), _P.peer == _b("w"), _P.kind == _b("k"), _P.role == _b("r")
    ),
    "add_process": insert(PROCESSES).values({c.name: _b(c.name) for c in PROCESSES.columns}),
    "put_process": update(PROCESSES)
    .where(_P.pid == _b("p"))
    .values({n: _b(n) for n in ("peer_pid", "state", "is_open", "revision", "body", "changed_ms")}),
    "hear": update(PROCESSES)
    .where(_P.pid == _b("p"))
    .values(
        {
            n: _b(n)
            for n in ("peer_pid", "state", "is_open", "revision", "body", "heard", "changed_ms")
        }
    ),
    "list": select(*_ROW, _P.heard)
    .where(_P.kind == _b("k"), _P.opened_ms >= _b("since"))
    .order_by(_P.opened_ms.desc())
    .limit(_b("many")),
    "open_of": select(*_ROW, _P.heard).where(_P.dataset == _b("d"), _P.is_open == 1),
    "open_counts": select(_P.peer, func.count()).where(_P.is_open == 1).group_by(_P.peer),
    "state_counts": select(_P.kind, _P.state, func.count()).group_by(_P.kind, _P.state),
    "queue": insert(OUTBOX)
    .values({n: _b(n) for n in ("pid", "kind", "body", "queued_ms")})
    .returning(OUTBOX.c.seq),
    "sent": delete(OUTBOX).where(OUTBOX.c.seq == _b("s")),
    "drop_queue": delete(OUTBOX).where(OUTBOX.c.pid == _b("p")),
    "unsent": select(
        OUTBOX.c.seq, OUTBOX.c.pid, OUTBOX.c.kind, OUTBOX.c.body, OUTBOX.c.queued_ms
    ).order_by(OUTBOX.c.seq),
    "answer": select(INBOX.c.status, INBOX.c.body).where(
        INBOX.c.pid == _b("p"), INBOX.c.digest == _b("d")
    ),
    "add_answer": text(  # both databases spell it so, SQLAlchemy each in its own way
        "INSERT INTO exchange_inbox (pid, digest, status, body) "
        "VALUES (:pid, :digest, :status, :body) "
        "ON CONFLICT (pid, digest) DO UPDATE SET status = excluded.status, body = excluded.body"
    ),
    "plan": insert(TIMERS)
    .values({n: _b(n) for n in ("pid", "due_ms", "action")})
    .returning(TIMERS.c.seq),
    "planned": select(TIMERS.c.seq, TIMERS.c.pid, TIMERS.c.due_ms).order_by(TIMERS.c.seq),
    "plan_of": select(TIMERS.c.pid, TIMERS.c.action).where(TIMERS.c.seq == _b("s")),
    "unplan": delete(TIMERS).where(TIMERS.c.seq == _b("s")),
    "add_dataset": insert(DATASETS).values({c.name: _b(c.name) for c in DATASETS.columns}),
    "drop_dataset": delete(DATASETS).where(_D.id == _b("i")),
    "withdraw": update(DATASETS).where(_D.id == _b("i")).values(withdrawn=_b("why")),
    "dataset": select(_D.body, _D.asset, _D.withdrawn).where(_D.id == _b("i")),
    "datasets": select(_D.id, _D.body).where(_D.withdrawn.is_(None)).order_by(_D.id),
    "add_agreement": insert(AGREEMENTS).values({c.name: _b(c.name) for c in AGREEMENTS.columns}),
    "agreement": select(_A.pid, _A.dataset, _A.body, _A.uses).where(
        _A.id == _b("i"), _A.role == _b("r"), _A.peer == _b("w")
    ),
    "use_agreement": update(AGREEMENTS)
    .where(_A.id == _b("i"), _A.role == _b("r"), _A.peer == _b("w"))
    .values(uses=_A.uses + 1),
    "agreements": select(_A.id, _A.role, _A.peer, _A.pid, _A.dataset, _A.uses, _A.made_ms)
    .order_by(_A.made_ms.desc())
    .limit(_b("many")),
    "add_token": insert(TOKENS).values(digest=_b("d"), pid=_b("p"), used=0),
    "token": select(_T.pid).where(_T.digest == _b("d"), _T.used == 0),
    "use_token": update(TOKENS).where(_T.digest == _b("d"), _T.used == 0).values(used=1),
    "revoke": delete(TOKENS).where(_T.pid == _b("p")),
    "claims": select(PEERS.c.claims).where(PEERS.c.id == _b("i")),
    "drop_claims": delete(PEERS).where(PEERS.c.id == _b("i")),
    "add_claims": insert(PEERS).values(id=_b("i"), claims=_b("c")),
    "tell": insert(AUDIT).values({n: _b(n) for n in ("at_ms", "pid", "event", "detail")}),
    "story": select(AUDIT.c.at_ms, AUDIT.c.event, AUDIT.c.detail)
    .where(AUDIT.c.pid == _b("p"))
    .order_by(AUDIT.c.seq),
}


@dataclass(frozen=True, slots=True)
class Prepared:
    """A statement as its database takes it."""

    text: str
    names: tuple[str, ...]
    fixed: dict[str, Any]
    is_positional: bool

    def values(self, given: dict[str, Any]) -> Any:
        """*given* in the form that the database's driver wants."""
        full = {**self.fixed, **given} if self.fixed else given
        return tuple(full[name] for name in self.names) if self.is_positional else full


def prepare(dialect: Dialect) -> dict[str, Prepared]:
    """Every statement, compiled for *dialect*."""
    return {name: _prepare(statement, dialect) for name, statement in STATEMENTS.items()}


def _prepare(statement: Any, dialect: Dialect) -> Prepared:
    compiled = statement.compile(dialect=dialect)
    order = compiled.positiontup
    fixed = {name: value for name, value in compiled.params.items() if value is not None}
    return Prepared(str(compiled), tuple(order or ()), fixed, order is not None)
