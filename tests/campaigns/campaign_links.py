"""``./start campaign links``: one host lies, dies, stalls or sends garbage at a random message.

Three hosts open a small table over real TLS links. The two honest ones must stop soon, name a
link of their own, and sign nothing but the true table; they never hang.
"""

import random
import socket
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from delian.adapters.certificates import make_certificate
from delian.adapters.links import MeshLinks
from delian.adapters.mesh import TlsFiles, connect_mesh
from delian.aggregate.netlist import netlist_digest
from delian.aggregate.plain import ClearSheets, PlainBackend
from delian.aggregate.replicated import ReplicatedBackend
from delian.protect.history import History
from delian.protect.opened import Closed, SafeTable, open_table
from delian.protect.record import OpeningRecord
from delian.shares.keys import agree, run_context
from delian.shares.links import LinkError
from delian.shares.session import Run
from delian.terms.encode import digest
from delian.terms.errors import TamperedError
from delian.terms.round_terms import RoundTerms
from tests.edition_rig import make_frame, make_terms
from tests.host_rig import split_sheets

HOSTS = ("alpha", "bravo", "charlie")
NATIONS = ("AAA", "BBB", "CCC", "DDD", "EEE")
STALL_SECONDS = 0.5
STOP_SECONDS = 1.0
PATIENCE_SECONDS = 30.0
KINDS = ("lie", "die", "stall", "garble")
LIST = bytes(32)


class DiedError(Exception):
    """The faulty host is gone."""


@dataclass
class Fault:
    """What one host does at one message.

    Args:
        kind: One of ``KINDS``, or "none" to count messages.
        rank: The host.
        message: Which of its messages, from 0.
        bit: Which bit a lie flips.
    """

    kind: str
    rank: int = 0
    message: int = 0
    bit: int = 0
    at: float = 0.0
    counted: int = 0
    over: threading.Event = field(default_factory=threading.Event)


class FaultyLinks:
    """Links of one host, true until the chosen message."""

    def __init__(self, links: MeshLinks, fault: Fault) -> None:
        self._links, self._fault = links, fault
        self.rank, self.names = links.rank, links.names

    def swap(self, send_prev: memoryview, recv_next: memoryview) -> None:
        if self._is_time():
            send_prev = memoryview(self._act(bytes(send_prev)))
        self._links.swap(send_prev, recv_next)

    def exchange(self, send: Mapping[int, bytes], expect: Mapping[int, int]) -> dict[int, bytes]:
        if self._is_time() and send:
            first = min(send)
            send = {**send, first: self._act(bytes(send[first]))}
        return self._links.exchange(send, expect)

    def abort(self, reason: str) -> None:
        self._links.abort(reason)

    def close(self) -> None:
        self._links.close()

    def _is_time(self) -> bool:
        fault = self._fault
        fault.counted += 1
        return fault.kind != "none" and fault.counted - 1 == fault.message

    def _act(self, message: bytes) -> bytes:
        fault = self._fault
        fault.at = time.monotonic()
        if fault.kind == "lie" and message:
            place = fault.bit // 8 % len(message)
            changed = message[place] ^ 1 << fault.bit % 8
            return message[:place] + bytes([changed]) + message[place + 1 :]
        sockets = [connection.sock for connection in self._links._peers.values()]
        if fault.kind == "garble":
            for sock in sockets:
                sock.setblocking(True)
                sock.sendall(bytes([fault.bit % 256]) * 64)
        if fault.kind == "die":
            for sock in sockets:
                sock.shutdown(socket.SHUT_RDWR)
            raise DiedError
        if fault.kind == "stall":
            fault.over.wait(PATIENCE_SECONDS)
            raise DiedError
        return message


class Rig:
    """One small round that is run again and again, each time with fresh links and keys."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.rng = random.Random(seed)
        pems = {}
        for name in HOSTS:
            certificate, key = make_certificate(name, datetime.now(UTC))
            (folder / f"{name}.pem").write_bytes(certificate)
            (folder / f"{name}.key").write_bytes(key)
            pems[name] = certificate
        self.tls = [
            TlsFiles(
                folder / f"{n}.pem", folder / f"{n}.key", {p: c for p, c in pems.items() if p != n}
            )
            for n in HOSTS
        ]
        frame = make_frame(["I0", "I1"], [2027, 2028, 2029])
        self.terms: RoundTerms = make_terms(frame, NATIONS)
        figures = {n: [self.rng.randint(1, 30) for _ in frame.cells] for n in NATIONS}
        self.sheets = split_sheets(self.rng, frame, figures)
        self.closed = Closed(digest(LIST), NATIONS, ())
        plain = PlainBackend(
            self.terms, ClearSheets(frame, figures), {}, run_id="00" * 32,
            netlist_digest=netlist_digest(self.terms, len(NATIONS)),
        )  # fmt: skip
        self.truth = shown(self.open(plain))

    def open(self, backend: Any) -> SafeTable:
        written: list[OpeningRecord] = []
        return open_table(
            backend, terms=self.terms, closed=self.closed, history=History(), kept=(),
            persist=written.append,
        )  # fmt: skip

    def run(self, fault: Fault) -> tuple[list[Any], list[float]]:
        """What each host ended with, and when."""
        listeners = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
        addresses = [*(one.getsockname() for one in listeners), ("127.0.0.1", 0)]
        ends: list[Any] = [None] * 3
        times = [0.0] * 3

        def work(rank: int) -> None:
            try:
                ends[rank] = self.host(rank, fault, addresses, listeners)
            except (LinkError, TamperedError, DiedError, OSError) as error:
                ends[rank] = error
            times[rank] = time.monotonic()

        threads = [threading.Thread(target=work, args=(rank,), daemon=True) for rank in range(3)]
        for thread in threads:
            thread.start()
        until = time.monotonic() + PATIENCE_SECONDS
        for rank, thread in enumerate(threads):
            if rank != fault.rank or fault.kind == "none":
                thread.join(max(0.0, until - time.monotonic()))
        fault.over.set()
        threads[fault.rank].join(max(0.0, until - time.monotonic()))
        for listener in listeners:
            listener.close()
        if any(thread.is_alive() for thread in threads):
            raise AssertionError(f"a host hangs after {fault}")
        return ends, times

    def host(self, rank: int, fault: Fault, addresses: Any, listeners: Any) -> SafeTable:
        mesh = connect_mesh(
            rank, HOSTS, addresses, self.tls[rank], 1, 10.0, stall_s=STALL_SECONDS,
            listener=listeners[rank] if rank < 2 else None,
        )[0]  # fmt: skip
        links: Any = FaultyLinks(mesh, fault) if rank == fault.rank else mesh
        try:
            netlist = bytes.fromhex(
                netlist_digest(self.terms, len(NATIONS)).removeprefix("sha256:")
            )
            context = run_context(
                bytes.fromhex(self.terms.digest.removeprefix("sha256:")), netlist, LIST
            )
            keys = agree(links, random.Random(self.rng.random()).randbytes, context)
            run = Run([links], keys, "malicious", LIST, block_words=8)
            return self.open(ReplicatedBackend(run, self.terms, self.sheets[rank], {}))
        except BaseException:
            links.abort("the run failed")
            raise
        finally:
            mesh.close()


def shown(safe: SafeTable) -> list[tuple[Any, ...]]:
    return [(b.cells, b.total, b.at_least, b.at_most) for b in safe.table.blocks]


def run(budget_seconds: float, seed: int) -> dict[str, Any]:
    """Faults until the budget is spent; raises on the first that is taken badly."""
    end = time.monotonic() + budget_seconds
    faults: Counter[str] = Counter()
    finished = 0
    first, second = 0.0, 0.0
    with tempfile.TemporaryDirectory(prefix="delian-links-") as folder:
        rig = Rig(Path(folder), seed)
        counts = []
        for rank in range(3):
            honest = Fault("none", rank)
            ends, _ = rig.run(honest)
            if [shown(e) if isinstance(e, SafeTable) else e for e in ends] != [rig.truth] * 3:
                raise AssertionError(f"honest hosts did not open the true table: {ends}")
            counts.append(honest.counted)
        while sum(faults.values()) < len(KINDS) or time.monotonic() < end:
            kind = KINDS[sum(faults.values()) % len(KINDS)]
            rank = rig.rng.randrange(3)
            fault = Fault(kind, rank, rig.rng.randrange(counts[rank]), rig.rng.randrange(1 << 16))
            ends, times = rig.run(fault)
            faults[kind] += 1
            stopped = judge(rig, fault, ends)
            finished += 2 - len(stopped)
            if stopped and fault.kind != "lie":
                moments = sorted(times[r] for r in stopped)
                wait = moments[0] - fault.at - (STALL_SECONDS if kind == "stall" else 0)
                first, second = max(first, wait), max(second, moments[-1] - moments[0])
                if wait > STOP_SECONDS or moments[-1] - moments[0] > STOP_SECONDS:
                    raise AssertionError(f"the others stopped too late after {fault}: {moments}")
    return {
        "faults": dict(faults),
        "messages_per_host": counts,
        "slowest_notice_ms": round(1000 * first),
        "slowest_second_host_ms": round(1000 * second),
        "honest_hosts_that_had_all_they_needed": finished,
        "failures": 0,
    }


def judge(rig: Rig, fault: Fault, ends: list[Any]) -> list[int]:
    """The honest hosts that stopped; raises if one said or opened what it must not."""
    stopped = []
    for rank in {0, 1, 2} - {fault.rank}:
        result = ends[rank]
        if isinstance(result, SafeTable):
            if shown(result) != rig.truth:
                raise AssertionError(f"{HOSTS[rank]} opened a wrong table after {fault}")
            continue
        stopped.append(rank)
        if isinstance(result, LinkError) and not any(
            f"link {a}-{b}" in result.message for a in HOSTS for b in HOSTS if HOSTS[rank] in (a, b)
        ):
            raise AssertionError(f"{HOSTS[rank]} names no link of its own: {result}")
        if isinstance(result, OSError | DiedError) or result is None:
            raise AssertionError(f"{HOSTS[rank]} ended with {result!r} after {fault}")
    return stopped
