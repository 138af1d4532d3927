"""A step is kept whole or not at all, alone or among others; memory mirrors what is kept."""

import asyncio
import dataclasses
import os
import pwd
import sqlite3
import stat
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from delian.adapters import exchange_schema
from delian.adapters.exchange_codec import (
    ExchangeAlteredError,
    read_action,
    read_process,
    write_action,
)
from delian.adapters.exchange_store import ExchangeStore, ExchangeStoreError
from delian.adapters.exchange_transaction import Transaction
from delian.exchange.messages import DataAddress
from delian.exchange.negotiation import Negotiation
from delian.exchange.odrl import Constraint, Policy, Rule
from delian.exchange.reactions import (
    Accept,
    Agree,
    Claim,
    Complete,
    CounterRequest,
    Finalize,
    MakeOffer,
    Participant,
    Start,
    Suspend,
    Terminate,
    Verify,
)
from delian.exchange.transfer import Transfer
from delian.exchange.words import NegotiationState, Role, TransferState

BINARIES = Path("/usr/lib/postgresql/15/bin")
OFFER = Policy(
    "Offer", "o-1", (Rule("use", (Constraint("purpose", "eq", "test"),)),), target="urn:d:1"
)
AGREEMENT = dataclasses.replace(OFFER, kind="Agreement", assigner="P", assignee="C")


def negotiation(pid: str = "n-1", state: str = "REQUESTED") -> Negotiation:
    return Negotiation(
        pid,
        "theirs",
        Role.PROVIDER,
        NegotiationState(state),
        "C",
        "http://127.0.0.1:1",
        OFFER,
        AGREEMENT if state == "AGREED" else None,
        "urn:d:1",
        3,
        ("because",),
        "code",
    )


TRANSFER = Transfer(
    "t-1",
    None,
    Role.CONSUMER,
    TransferState.SUSPENDED,
    "P",
    "http://127.0.0.1:1",
    "urn:a:1",
    "urn:d:1",
    "HttpData-PULL",
    DataAddress("http", "http://127.0.0.1:1/data", (("authorization", "secret"),)),
    2,
    ("rest",),
    "suspended",
    Role.PROVIDER,
)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[ExchangeStore]:
    found = ExchangeStore(tmp_path / "exchange.db")
    yield found
    found.close()


@pytest.mark.parametrize("process", [negotiation(), negotiation(state="AGREED"), TRANSFER])
def test_a_process_is_read_back_as_it_was_written(
    tmp_path: Path, process: Negotiation | Transfer
) -> None:
    first = ExchangeStore(tmp_path / "exchange.db")
    first.step_now(lambda t: t.add(process, 1, b"heard"))
    first.close()
    again = ExchangeStore(tmp_path / "exchange.db")
    assert again.step_now(lambda t: t.process(process.pid)) == (process, b"heard")
    again.close()


@pytest.mark.parametrize(
    "action",
    [
        *(MakeOffer(OFFER), CounterRequest(OFFER), Agree(AGREEMENT), Accept(), Verify()),
        *(Finalize(), Complete(), Suspend("why"), Terminate("c", ("a", "b")), Start()),
        Start(DataAddress("http", "http://127.0.0.1:1", (("authorization", "x"),))),
    ],
)
def test_a_planned_action_is_read_back_as_it_was_written(action: object) -> None:
    assert read_action(write_action(action)) == action  # type: ignore[arg-type]


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b"\xff", b'{"do":"Start","address":3}'])
def test_what_the_node_did_not_write_is_refused(body: bytes) -> None:
    with pytest.raises(ExchangeAlteredError):
        read_process("n", "p", None, "PROVIDER", "REQUESTED", "C", "d", 0, body)
    if b"Start" not in body:
        with pytest.raises(ExchangeAlteredError):
            read_action(body)


def fail(t: Transaction) -> None:
    t.add(negotiation("n-2"), 1)
    t.queue("n-2", "kind", b"body", 1)
    raise RuntimeError("after it was written")


def test_a_step_that_fails_leaves_nothing(store: ExchangeStore) -> None:
    with pytest.raises(RuntimeError):
        store.step_now(fail)
    assert store.step_now(lambda t: (t.process("n-2"), t.unsent())) == (None, [])


def test_among_steps_that_share_a_commit_one_that_fails_is_undone_alone(
    store: ExchangeStore,
) -> None:
    async def run() -> list[object]:
        steps: list[Callable[[Transaction], object]] = [
            lambda t: t.add(negotiation("n-1"), 1, b"h"),
            fail,
            lambda t: t.process("n-2"),
            lambda t: t.put(negotiation("n-1", "OFFERED"), 2),
        ]
        waiting = (store.step(step) for step in steps)
        return list(await asyncio.gather(*waiting, return_exceptions=True))

    first, second, third, fourth = asyncio.run(run())
    assert (first, third, fourth) == (None, None, None)
    assert isinstance(second, RuntimeError)
    found = store.step_now(lambda t: t.process("n-1"))
    assert found == (negotiation("n-1", "OFFERED"), b"h")


def test_the_memory_forgets_what_was_undone(store: ExchangeStore) -> None:
    store.step_now(lambda t: t.add(negotiation(), 1, b"h"))

    def change(t: Transaction) -> None:
        t.put(negotiation(state="OFFERED"), 2, b"other")
        assert t.process("n-1") == (negotiation(state="OFFERED"), b"other")
        raise RuntimeError

    with pytest.raises(RuntimeError):
        store.step_now(change)
    assert store.step_now(lambda t: t.process("n-1")) == (negotiation(), b"h")


def test_many_steps_at_once_are_all_kept(store: ExchangeStore) -> None:
    async def run() -> None:
        names = [f"n-{i}" for i in range(300)]
        await asyncio.gather(
            *(store.step(lambda t, n=n: t.add(negotiation(n), 1)) for n in names)  # type: ignore[misc]
        )

    asyncio.run(run())
    assert store.step_now(lambda t: t.ask("open_counts")) == [("C", 300)]


def test_the_outbox_keeps_its_order_and_forgets_what_was_sent(store: ExchangeStore) -> None:
    def work(t: Transaction) -> None:
        for i in range(3):
            t.queue("p", "kind", b"%d" % i, i)

    store.step_now(work)
    first, second, third = store.step_now(lambda t: t.unsent())
    store.step_now(lambda t: t.sent(second.seq))
    assert store.step_now(lambda t: t.unsent()) == [first, third]
    assert [first.body, third.body] == [b"0", b"2"]


def test_a_token_is_used_once(store: ExchangeStore) -> None:
    store.step_now(lambda t: t.run("add_token", d=b"x", p="p"))
    uses = [store.step_now(lambda t: t.run("use_token", d=b"x")) for _ in range(2)]
    assert uses == [1, 0]
    assert store.step_now(lambda t: t.ask("token", d=b"x")) == []


def test_agreements_belong_to_their_party(store: ExchangeStore) -> None:
    store.step_now(lambda t: t.add_agreement(AGREEMENT, Role.PROVIDER, "C", "n-1", 1))

    def ask(t: Transaction) -> list[object]:
        return [t.agreement("o-1", Role.PROVIDER, who) for who in ("C", "D")]

    assert store.step_now(ask) == [(AGREEMENT, 0), None]


def test_what_a_participant_showed_is_kept(store: ExchangeStore) -> None:
    who = Participant("C", (Claim("Membership", "did:web:i", {"level": 2, "x": ["y"]}),))
    store.step_now(lambda t: t.remember_who(who))
    assert store.step_now(lambda t: (t.who("C"), t.who("D"))) == (who, Participant("D"))


def test_the_file_is_its_owners_alone_and_durable(tmp_path: Path) -> None:
    path = tmp_path / "new" / "exchange.db"
    store = ExchangeStore(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    asked = [store.step_now(lambda t, n=n: t.ask("note", n=n)) for n in ("schema",)]  # type: ignore[misc]
    store.close()
    assert asked == [[("1",)]]
    with sqlite3.connect(path) as beside:
        assert beside.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    beside.close()


def test_another_version_is_refused_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ExchangeStore(tmp_path / "exchange.db").close()
    monkeypatch.setattr("delian.adapters.exchange_store.SCHEMA_VERSION", 99)
    with pytest.raises(ExchangeStoreError, match="another version"):
        ExchangeStore(tmp_path / "exchange.db")


def test_every_statement_is_compiled_for_both_databases(store: ExchangeStore) -> None:
    for name, statement in exchange_schema.STATEMENTS.items():
        assert str(statement), name


def test_a_disk_that_refuses_is_told_without_the_statement(store: ExchangeStore) -> None:
    with pytest.raises(ExchangeStoreError) as caught:
        store.step_now(lambda t: t.run("add_token", d=b"x", p=object()))
    assert "token" not in caught.value.message


# --- PostgreSQL ---------------------------------------------------------------------------


def as_server(command: list[str | Path]) -> None:
    """Run a command of PostgreSQL, which refuses to run as root."""
    user = pwd.getpwnam("nobody") if os.geteuid() == 0 else None
    if user is not None:
        command = [
            *("setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"),
            *command,
        ]
    subprocess.run(command, check=True, capture_output=True, timeout=60)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A private server that listens on a socket in a folder of its own."""
    folder = tmp_path_factory.mktemp("pg")
    home = folder
    while os.geteuid() == 0 and home != home.parent and home.name:
        home.chmod(home.stat().st_mode | 0o011)
        home = home.parent
        if not home.name.startswith("pytest"):
            break
    if os.geteuid() == 0:
        user = pwd.getpwnam("nobody")
        os.chown(folder, user.pw_uid, user.pw_gid)
    data = folder / "data"
    as_server([BINARIES / "initdb", "-D", data, "-A", "trust", "-U", "delian", "--no-sync"])
    options = f"-c listen_addresses='' -c unix_socket_directories='{folder}'"
    start = [BINARIES / "pg_ctl", "-D", data, "-w", "-l", folder / "log", "-o", options, "start"]
    as_server(start)
    yield f"postgresql://delian@/postgres?host={folder}"
    as_server([BINARIES / "pg_ctl", "-D", data, "-m", "immediate", "stop"])


@pytest.mark.needs_postgresql
def test_postgresql_keeps_the_same_promises(server: str) -> None:
    store = ExchangeStore(server)

    async def run() -> list[object]:
        steps: list[Callable[[Transaction], object]] = [
            lambda t: t.add(negotiation("n-1"), 1, b"h"),
            fail,
            lambda t: t.put(negotiation("n-1", "OFFERED"), 2),
            lambda t: t.queue("n-1", "kind", b"body", 1),
            lambda t: t.plan("n-1", 5, Accept()),
            lambda t: t.publish("urn:d:1", b"{}", {"path": "x"}),
            lambda t: t.run("add_token", d=b"x", p="p"),
            lambda t: t.remember_who(Participant("C", (Claim("k", "i", {}),))),
        ]
        waiting = (store.step(step) for step in steps)
        return list(await asyncio.gather(*waiting, return_exceptions=True))

    answers = asyncio.run(run())
    assert [isinstance(a, Exception) for a in answers].count(True) == 1
    with pytest.raises(ExchangeStoreError):
        ExchangeStore(server)
    with pytest.raises(ExchangeStoreError):
        store.step_now(lambda t: t._cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())"))
    assert store.step_now(lambda t: t.ask("note", n="schema")) == [("1",)], "it connects anew"
    store.close()

    again = ExchangeStore(server)
    found = again.step_now(
        lambda t: (t.process("n-1"), t.process("n-2"), len(t.unsent()), t.take_plan(1))
    )
    assert found[0] is not None
    assert (found[0][0], bytes(found[0][1] or b"")) == (negotiation("n-1", "OFFERED"), b"h")
    assert found[1:] == (None, 1, ("n-1", Accept()))
    assert [again.step_now(lambda t: t.run("use_token", d=b"x")) for _ in range(2)] == [1, 0]
    assert again.step_now(lambda t: t.who("C")) == Participant("C", (Claim("k", "i", {}),))
    published = again.step_now(lambda t: t.dataset("urn:d:1"))
    assert published is not None
    assert published.asset == {"path": "x"}
    again.close()
