"""What a step may read and write in the exchange's database; each call is one statement."""

from dataclasses import dataclass
from typing import Any

from delian.adapters.exchange_codec import (
    Process,
    read_action,
    read_claims,
    read_process,
    write_action,
    write_claims,
    write_process,
)
from delian.adapters.exchange_schema import Prepared
from delian.exchange.actions import Action
from delian.exchange.negotiation import Negotiation
from delian.exchange.odrl import Policy
from delian.exchange.plain import read_object, to_bytes
from delian.exchange.reactions import Claim, Participant
from delian.exchange.words import Role


@dataclass(frozen=True, slots=True)
class Queued:
    """One message that waits to be sent."""

    seq: int
    pid: str
    kind: str
    body: bytes
    queued_ms: int


@dataclass(frozen=True, slots=True)
class Published:
    """A dataset as it lies in the database: catalogue entry, asset, withdrawal."""

    body: bytes
    asset: dict[str, Any]
    withdrawn: str | None


class Kept:
    """Open processes in memory: exactly what the last commit and the open transaction say.

    Only the process that writes the database has one, so nothing else can change what it mirrors.
    """

    def __init__(self, most: int = 20_000) -> None:
        self._most = most
        self._sure: dict[str, tuple[Process, bytes | None]] = {}
        self._touched: dict[str, tuple[Process, bytes | None] | None] = {}

    def get(self, pid: str) -> tuple[Process, bytes | None] | None:
        """The process, where it is in memory."""
        return self._touched[pid] if pid in self._touched else self._sure.get(pid)

    def put(self, process: Process, heard: bytes | None) -> None:
        """The open transaction has written it."""
        self._touched[process.pid] = (process, heard)

    def drop(self, pid: str) -> None:
        """Read it from the database the next time."""
        self._touched[pid] = None

    def committed(self) -> None:
        """What was written counts; a process that has ended leaves the memory."""
        for pid, entry in self._touched.items():
            if entry is None or entry[0].state.is_final:
                self._sure.pop(pid, None)
            else:
                self._sure[pid] = entry
        self._touched = {}
        while len(self._sure) > self._most:
            del self._sure[next(iter(self._sure))]

    def undone(self) -> None:
        """Something was undone: nothing that the transaction touched is known any more."""
        for pid in self._touched:
            self._sure.pop(pid, None)
            self._touched[pid] = None


class Transaction:
    """One step's view of the database."""

    def __init__(self, cursor: Any, statements: dict[str, Prepared], kept: "Kept") -> None:
        self._cursor = cursor
        self._statements = statements
        self._kept = kept
        self._told: list[dict[str, Any]] = []

    def run(self, name: str, **values: Any) -> int:
        """Run a writing statement; the number of rows that it touched."""
        statement = self._statements[name]
        self._cursor.execute(statement.text, statement.values(values))
        return int(self._cursor.rowcount)

    def ask(self, name: str, **values: Any) -> list[Any]:
        """The rows of a question."""
        statement = self._statements[name]
        self._cursor.execute(statement.text, statement.values(values))
        return list(self._cursor.fetchall())

    def process(self, pid: str) -> tuple[Process, bytes | None] | None:
        """A negotiation or transfer, and the digest of the message heard last."""
        kept = self._kept.get(pid)
        if kept is not None:
            return kept
        rows = self.ask("process", p=pid)
        return (read_process(*rows[0][:9]), rows[0][9]) if rows else None

    def add(self, process: Process, now_ms: int, heard: bytes | None = None) -> None:
        """Keep a new process."""
        is_negotiation = isinstance(process, Negotiation)
        self.run(
            "add_process",
            pid=process.pid,
            kind="n" if is_negotiation else "t",
            peer_pid=process.peer_pid,
            role=process.role.value,
            state=process.state.value,
            is_open=int(not process.state.is_final),
            peer=process.peer,
            dataset=process.dataset,
            revision=process.revision,
            body=write_process(process),
            heard=heard,
            opened_ms=now_ms,
            changed_ms=now_ms,
        )
        self._kept.put(process, heard)

    def put(self, process: Process, now_ms: int, heard: bytes | None = None) -> None:
        """Keep the new state of a process; *heard* where a message of the peer led to it."""
        values: dict[str, Any] = {
            "p": process.pid,
            "peer_pid": process.peer_pid,
            "state": process.state.value,
            "is_open": int(not process.state.is_final),
            "revision": process.revision,
            "body": write_process(process),
            "changed_ms": now_ms,
        }
        if heard is None:
            self.run("put_process", **values)
            before = self._kept.get(process.pid)
            if before is None:  # what was heard last lies in the database alone
                self._kept.drop(process.pid)
                return
            heard = before[1]
        else:
            self.run("hear", heard=heard, **values)
        self._kept.put(process, heard)

    def opened_by(self, peer: str, peer_pid: str, kind: str, role: Role) -> str | None:
        """Our pid of the process that *peer* opened under *peer_pid*."""
        rows = self.ask("opened_by", q=peer_pid, w=peer, k=kind, r=role.value)
        return rows[0][0] if rows else None

    def processes(self, kind: str, *, since_ms: int = 0, limit: int = 1000) -> list[Process]:
        """The newest processes of a kind (``n`` or ``t``), newest first."""
        rows = self.ask("list", k=kind, since=since_ms, many=limit)
        return [read_process(*row[:9]) for row in rows]

    def open_of(self, dataset: str) -> list[Process]:
        """Every open process about *dataset*."""
        return [read_process(*row[:9]) for row in self.ask("open_of", d=dataset)]

    def queue(self, pid: str, kind: str, body: bytes, now_ms: int) -> Queued:
        """A message waits to be sent, after every earlier one of its process."""
        seq = self.ask("queue", pid=pid, kind=kind, body=body, queued_ms=now_ms)[0][0]
        return Queued(int(seq), pid, kind, body, now_ms)

    def sent(self, seq: int) -> None:
        """The peer has it."""
        self.run("sent", s=seq)

    def unsent(self) -> list[Queued]:
        """Everything that waits to be sent, oldest first."""
        return [Queued(*row) for row in self.ask("unsent")]

    def answer(self, pid: str, digest: bytes) -> tuple[int, bytes] | None:
        """What a message was answered the first time."""
        rows = self.ask("answer", p=pid, d=digest)
        return (int(rows[0][0]), rows[0][1]) if rows else None

    def add_answer(self, pid: str, digest: bytes, status: int, body: bytes) -> None:
        """Remember the answer to a message; the last one counts."""
        self.run("add_answer", pid=pid, digest=digest, status=status, body=body)

    def plan(self, pid: str, due_ms: int, action: Action) -> tuple[int, str, int]:
        """An action of ours for later: its number, process, and when."""
        seq = self.ask("plan", pid=pid, due_ms=due_ms, action=write_action(action))[0][0]
        return int(seq), pid, due_ms

    def take_plan(self, seq: int) -> tuple[str, Action] | None:
        """A planned action, which is planned no longer."""
        rows = self.ask("plan_of", s=seq)
        self.run("unplan", s=seq)
        return (rows[0][0], read_action(rows[0][1])) if rows else None

    def add_agreement(
        self, agreement: Policy, role: Role, peer: str, pid: str, now_ms: int
    ) -> None:
        """Keep what was agreed."""
        self.run(
            "add_agreement",
            id=agreement.id,
            role=role.value,
            peer=peer,
            pid=pid,
            dataset=agreement.target or "",
            body=to_bytes(agreement.to_plain()),
            uses=0,
            made_ms=now_ms,
        )

    def agreement(self, name: str, role: Role, peer: str) -> tuple[Policy, int] | None:
        """An agreement with *peer*, and how many transfers it has served."""
        rows = self.ask("agreement", i=name, r=role.value, w=peer)
        if not rows:
            return None
        return Policy.from_plain(read_object(rows[0][2]), "agreement"), int(rows[0][3])

    def publish(self, name: str, body: bytes, asset: dict[str, Any]) -> None:
        """A dataset stands in the catalogue from now on, in place of one of the same name."""
        self.run("drop_dataset", i=name)
        self.run("add_dataset", id=name, body=body, asset=to_bytes(asset), withdrawn=None)

    def dataset(self, name: str) -> Published | None:
        """A dataset, withdrawn or not."""
        rows = self.ask("dataset", i=name)
        return Published(rows[0][0], read_object(rows[0][1]), rows[0][2]) if rows else None

    def who(self, name: str) -> Participant:
        """A participant with what it showed last."""
        rows = self.ask("claims", i=name)
        return Participant(name, read_claims(rows[0][0]) if rows else ())

    def remember_who(self, who: Participant) -> None:
        """Keep what a participant showed."""
        self.run("drop_claims", i=who.id)
        self.run("add_claims", i=who.id, c=write_claims(who.claims))

    def claims(self, name: str) -> tuple[Claim, ...]:
        """What *name* showed last."""
        return self.who(name).claims

    def tell(self, now_ms: int, pid: str, event_name: str, detail: str = "") -> None:
        """Write one line of a process's story."""
        self._told.append({"at_ms": now_ms, "pid": pid, "event": event_name, "detail": detail})

    def finish(self) -> None:
        """Write what was told in this step."""
        told, self._told = self._told, []
        if told:
            statement = self._statements["tell"]
            self._cursor.executemany(statement.text, [statement.values(line) for line in told])

    def undo(self) -> None:
        """Forget what was told in a step that failed."""
        self._told = []
