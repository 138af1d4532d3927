"""``./start campaign exchange``: kill -9 of two connectors at random steps of their work.

A provider and a consumer run as processes, with databases on disk and checked tokens. The consumer
begins negotiations and asks for data without end; one of the two, or both, are killed at random
moments and started again. In the end every negotiation must be finalized on both sides with one and
the same agreement, every transfer started once, and nothing may hang.
"""

import random
import shutil
import sqlite3
import tempfile
import time
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any

from tests.exchange_children import Child, Forked, Nursery
from tests.exchange_process import publish

PATIENCE_SECONDS = 120.0
ROUNDS_BETWEEN_CHECKS = 10
NEGOTIATIONS = (1, 3, 12)
CONSUMER, PROVIDER, BOTH = "consumer", "provider", "both"
NEGOTIATION, TRANSFER = "n", "t"


def run(budget_seconds: float, seed: int) -> dict[str, Any]:
    """Kills until the budget is spent; raises on the first thing that is not as it must be."""
    folder = Path(tempfile.mkdtemp(prefix="delian-exchange-"))
    try:
        return Campaign(folder, seed).run(budget_seconds)
    finally:
        shutil.rmtree(folder)


class Campaign:
    """The two processes and what was done to them.

    Args:
        folder: For their homes.
        seed: Draws moments and victims.
    """

    def __init__(self, folder: Path, seed: int) -> None:
        self.rng = random.Random(seed)
        self.homes = {name: folder / name for name in (CONSUMER, PROVIDER)}
        self.running: dict[str, Child] = {}
        self.kills: Counter[str] = Counter()
        self.told: set[str] = set()
        self.slowest = 0.0

    def run(self, budget_seconds: float) -> dict[str, Any]:
        """Rounds until the budget is spent, at least two."""
        with Child(self.homes[PROVIDER]):
            pass
        publish(self.homes[PROVIDER], 0)
        with Nursery() as self.nursery:
            return self.go_on(budget_seconds)

    def go_on(self, budget_seconds: float) -> dict[str, Any]:
        """Rounds, checks, and what there is to tell."""
        for name in self.homes:
            self.start(name)
        began, rounds, counts = time.monotonic(), 0, {}
        try:
            while rounds < 2 or time.monotonic() < began + budget_seconds:
                self.play()
                rounds += 1
                if rounds % ROUNDS_BETWEEN_CHECKS == 0:
                    counts = self.settle()
            counts = self.settle()
        finally:
            for child in self.running.values():
                child.kill()
                child.__exit__()
        return {
            "rounds": rounds,
            "kills": sum(self.kills.values()),
            "kills_by_role": dict(self.kills),
            **counts,
            "lost": 0,
            "duplicated_agreements": 0,
            "stuck": 0,
            "slowest_settling_s": round(self.slowest, 1),
            "seconds": round(time.monotonic() - began, 1),
        }

    def start(self, name: str) -> None:
        self.running[name] = Forked(self.homes[name], self.nursery).__enter__()

    def play(self) -> None:
        """Work is begun, and one or both processes die during it."""
        provider = self.running[PROVIDER]
        order = {"base": provider.base, "peer": provider.did}
        consumer = self.running[CONSUMER]
        consumer.tell({**order, "do": "begin", "count": self.rng.choice(NEGOTIATIONS)})
        if self.rng.random() < 0.5:
            consumer.tell({**order, "do": "fetch_all"})
        for _ in range(self.rng.choice((1, 1, 2, 3))):
            time.sleep(self.rng.choice((0.0, self.rng.uniform(0, 0.05), self.rng.uniform(0, 0.4))))
            victim = self.rng.choice((CONSUMER, PROVIDER, BOTH))
            for name in self.homes if victim == BOTH else (victim,):
                self.kill(name)
            time.sleep(self.rng.choice((0.0, 0.0, 0.2)))
            for name in self.homes if victim == BOTH else (victim,):
                self.start(name)

    def kill(self, name: str) -> None:
        """kill -9; what it had answered before must be there in the end."""
        self.kills[name] += 1
        child = self.running[name]
        for answer in child.kill():
            self.told |= set(answer.get("pids", ()))
        child.__exit__()

    # --- what must hold ------------------------------------------------------------------------

    def settle(self) -> dict[str, int]:
        """Wait until nothing is under way, then compare both sides."""
        began = time.monotonic()
        while any(self.unsettled(name) for name in self.homes):
            if time.monotonic() > began + PATIENCE_SECONDS:
                stuck = {name: self.unsettled(name) for name in self.homes}
                raise AssertionError(f"stuck after {dict(self.kills)}: {stuck}")
            time.sleep(0.1)
        self.slowest = max(self.slowest, time.monotonic() - began)
        return {
            "negotiations": self.check_negotiations(),
            "transfers": self.check_transfers(),
        }

    def rows(self, name: str, question: str) -> list[tuple[Any, ...]]:
        """Rows of a database, read beside its process."""
        path = self.homes[name] / "exchange.db"
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=30)) as db:
            return list(db.execute(question))

    def unsettled(self, name: str) -> list[tuple[Any, ...]]:
        """What is still under way: open negotiations, transfers not yet started, the outbox."""
        return [
            *self.rows(
                name,
                "SELECT pid, state FROM exchange_processes WHERE is_open = 1 "
                "AND (kind = 'n' OR state = 'REQUESTED') LIMIT 5",
            ),
            *self.rows(name, "SELECT pid, kind FROM exchange_outbox LIMIT 5"),
        ]

    def pairs(self, kind: str) -> tuple[dict[str, Any], dict[str, Any]]:
        """The processes of both sides by the consumer's identifier."""
        ask = "SELECT pid, peer_pid, state FROM exchange_processes WHERE kind = '{}'".format(kind)  # noqa: UP032
        ours = {row[0]: row for row in self.rows(CONSUMER, ask)}
        rows = self.rows(PROVIDER, ask)
        theirs = {row[1]: row for row in rows}
        if len(theirs) != len(rows):
            raise AssertionError("the provider holds one process of the consumer twice")
        return ours, theirs

    def check_negotiations(self) -> int:
        """Every negotiation is finalized on both sides, under one agreement."""
        ours, theirs = self.pairs(NEGOTIATION)
        lost = self.told - set(ours)
        if lost or set(ours) != set(theirs):
            raise AssertionError(f"lost: {lost}, {set(ours) ^ set(theirs)}")
        for pid, row in ours.items():
            both = (row[2], theirs[pid][2])
            if both != ("FINALIZED", "FINALIZED") or row[1] != theirs[pid][0]:
                raise AssertionError(f"{pid} ended as {both}")
        ask = "SELECT id, pid, dataset, body FROM exchange_agreements"
        mine = {row[1]: (row[0], row[3]) for row in self.rows(CONSUMER, ask)}
        found = self.rows(PROVIDER, ask)
        other = {row[1]: (row[0], row[3]) for row in found}
        if len(found) != len(other) or len({row[0] for row in found}) != len(found):
            raise AssertionError("one negotiation led to two agreements")
        for pid, row in ours.items():
            if mine.get(pid) is None or mine[pid] != other.get(row[1]):
                raise AssertionError(f"{pid}: the two sides hold different agreements")
        if len(mine) != len(ours) or len(other) != len(ours):
            raise AssertionError("an agreement without a negotiation")
        return len(ours)

    def check_transfers(self) -> int:
        """Every transfer is started on both sides, once, with one token."""
        ours, theirs = self.pairs(TRANSFER)
        if set(ours) != set(theirs):
            raise AssertionError(f"transfers lost: {set(ours) ^ set(theirs)}")
        for pid, row in ours.items():
            if (row[2], theirs[pid][2]) != ("STARTED", "STARTED"):
                raise AssertionError(f"transfer {pid} stands as {row[2]}, {theirs[pid][2]}")
        tokens = Counter(row[0] for row in self.rows(PROVIDER, "SELECT pid FROM exchange_tokens"))
        if set(tokens.values()) - {1} or len(tokens) != len(ours):
            raise AssertionError("a transfer without exactly one token")
        uses = sum(row[0] for row in self.rows(PROVIDER, "SELECT uses FROM exchange_agreements"))
        if uses != len(ours):
            raise AssertionError(f"{uses} uses were counted for {len(ours)} transfers")
        return len(ours)
