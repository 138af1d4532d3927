"""How long the real job takes: rule, merge tree, plan, totals and bands, checked, over TLS.

Three processes on this machine; 32 nations, 10,000 leaf cells, four levels (year, window, period,
family), three bands. Timed is everything between closed sheets and the table: evaluation of every
level, the plan inside the circuit, opening of chosen bits, comparison of the list, totals, bands.
The table is compared with the enclave's. Reference: as in ``bench/aggregate.py``.
"""

import argparse
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from bench.aggregate import NAMES, figure, figures_of, hear, plain_seconds, say, tell, warm_kernels
from delian.adapters.certificates import make_certificate
from delian.adapters.mesh import TlsFiles, connect_mesh
from delian.aggregate.held import HeldSheets
from delian.aggregate.netlist import round_circuits
from delian.aggregate.plain import ClearSheets, PlainBackend
from delian.aggregate.replicated import ReplicatedBackend
from delian.protect.history import History
from delian.protect.opened import Closed, SafeTable, open_table
from delian.shares.execute_numba import NumbaExecutor
from delian.shares.kernels_numba import NumbaKernels
from delian.shares.keys import agree, run_context
from delian.shares.session import Run
from delian.shares.words import Numbers, to_planes
from delian.terms.encode import digest
from delian.terms.frame import Frame, Item
from delian.terms.round_terms import Calendar, RoundTerms, Rule
from delian.terms.table import Table

ROOT = Path(__file__).resolve().parents[1]
IDS = ("merged_round",)
NATIONS = tuple(f"N{i:02d}" for i in range(32))
YEARS = tuple(range(2027, 2037))
ITEMS, FAMILY, WIDTH = 1_000, 8, 40
LANES, BLOCK_WORDS, REPS = 2, 112, 4
RULE = Rule(p_percent=10, count_bands=(3, 8, 16))


def terms_of_the_round() -> RoundTerms:
    """1,000 items of ten years in windows of three, three and four, and families of eight items."""
    items = tuple(Item(f"I{i:04d}", {"en": f"I{i}"}, "pieces", WIDTH) for i in range(ITEMS))
    families = {
        f"F{i:04d}": tuple(item.code for item in items[i : i + FAMILY])
        for i in range(0, ITEMS, FAMILY)
    }
    frame = Frame(items, YEARS, ("T1",), (YEARS[:3], YEARS[3:6], YEARS[6:]), families)
    until = datetime(2027, 1, 1, tzinfo=UTC)
    return RoundTerms(
        round_id="BENCH",
        title="bench",
        roster_version=1,
        roster_digest=digest(b"roster"),
        chair="SEC",
        nations=NATIONS,
        hosts=NAMES,
        frame=frame,
        rule=RULE,
        calendar=Calendar(until, 24, 24, until),
        audience="industry",
        label={},
        least_present=3,
        retry_limit=0,
        max_openings=1,
        collection="hosts",
        mode="malicious",
        demonstration=True,
    )


def sheets() -> Numbers:
    """Invented figures: heavy tails, half of them zero, and some items that few nations need."""
    numbers = figures_of(len(NATIONS), ITEMS * len(YEARS))
    rare = np.random.default_rng(5).random(ITEMS) < 0.3
    numbers[4:, np.repeat(rare, len(YEARS))] = 0
    return numbers


def run(only: Sequence[str] | None = None) -> list[dict[str, Any]]:
    """Measures ``merged_round``."""
    if only and "merged_round" not in only:
        return []
    reference = plain_seconds()
    return [figure("merged_round", measure(), "s", reference)]


def measure() -> float:
    """Median seconds of a round after the first; raises if a table is wrong."""
    with tempfile.TemporaryDirectory() as folder:
        prepare(Path(folder))
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"}
        command = [sys.executable, "-m", "bench.merged_round", "--host", folder]
        hosts = [
            subprocess.Popen([*command, str(rank)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                             text=True, env=environment, cwd=ROOT)
            for rank in range(3)
        ]  # fmt: skip
        try:
            ports = [hear(host)["port"] for host in hosts]
            for host in hosts:
                say(host, ports)
            walls = []
            for _ in range(REPS):
                for host in hosts:
                    hear(host)
                for host in hosts:
                    say(host, "go")
                walls.append(max(hear(host)["seconds"] for host in hosts))
            tables = {hear(host)["table"] for host in hosts}
        finally:
            for host in hosts:
                host.kill()
                host.communicate()
    if tables != {expected_table()}:
        raise RuntimeError("the hosts' table is not the enclave's")
    return statistics.median(walls[1:])


def prepare(folder: Path) -> None:
    """Writes certificates and the three shares of every sheet."""
    for name in NAMES:
        certificate, key = make_certificate(name, datetime.now(UTC))
        folder.joinpath(f"{name}.pem").write_bytes(certificate)
        folder.joinpath(f"{name}.key").write_bytes(key)
    planes = to_planes(sheets(), WIDTH)
    x0, x1 = (np.frombuffer(os.urandom(planes.nbytes), np.uint64).reshape(planes.shape)
              for _ in range(2))  # fmt: skip
    for number, share in enumerate((x0, x1, planes ^ x0 ^ x1)):
        np.save(folder / f"share{number}.npy", share)


class Source:
    """One nation's rows of two share files."""

    def __init__(self, own: Any, nxt: Any, row: int) -> None:
        rows = slice(row * WIDTH, (row + 1) * WIDTH)
        self.shares = (own[rows], nxt[rows])

    def planes(self, start: int, stop: int) -> tuple[Any, Any]:
        words = slice(start // 64, -(-stop // 64))
        return self.shares[0][:, words], self.shares[1][:, words]


def open_on(backend: PlainBackend | ReplicatedBackend, terms: RoundTerms) -> SafeTable:
    closed = Closed(digest(b"list"), NATIONS, ())
    return open_table(
        backend, terms=terms, closed=closed, history=History(), kept=(), persist=lambda _: None
    )


def without_run(table: Table) -> str:
    return replace(table, run_id="", netlist_digest=digest(b"")).digest


def expected_table() -> str:
    """The enclave's table on the same figures."""
    terms = terms_of_the_round()
    clear = ClearSheets(
        terms.frame, dict(zip(NATIONS, sheets().astype(np.int64).tolist(), strict=True))
    )
    plain = PlainBackend(terms, clear, {}, run_id="", netlist_digest=digest(b""))
    return without_run(open_on(plain, terms).table)


def host_main(folder: Path, rank: int) -> None:
    """One host process, told line by line on standard input."""
    terms = terms_of_the_round()
    circuits = round_circuits(terms, len(NATIONS))
    warm_kernels()
    own, nxt = (np.load(folder / f"share{(rank + k) % 3}.npy") for k in range(2))
    sources = {nation: Source(own, nxt, row) for row, nation in enumerate(NATIONS)}
    held = HeldSheets(terms.frame, sources, WIDTH)
    listener = socket.create_server(("127.0.0.1", 0))
    tell({"port": listener.getsockname()[1]})
    addresses = [("127.0.0.1", port) for port in json.loads(sys.stdin.readline())]
    peers = {name: folder.joinpath(f"{name}.pem").read_bytes() for name in NAMES}
    tls = TlsFiles(folder / f"{NAMES[rank]}.pem", folder / f"{NAMES[rank]}.key", peers)
    links = connect_mesh(rank, NAMES, addresses, tls, LANES, 60.0, listener=listener)
    context = run_context(b"terms", circuits.digest.encode(), b"list")
    table = None
    for _ in range(REPS):
        keys = agree(links[0], os.urandom, context)
        session = Run(
            links, keys, "malicious", b"list", executor=NumbaExecutor(), kernels=NumbaKernels(),
            block_words=BLOCK_WORDS,
        )  # fmt: skip
        backend = ReplicatedBackend(session, terms, held, {})
        tell({"ready": True})
        sys.stdin.readline()
        begin = time.perf_counter()
        table = open_on(backend, terms).table
        tell({"seconds": time.perf_counter() - begin})
        session.erase()
    tell({"table": without_run(table) if table else ""})
    for link in links:
        link.close()


def main() -> None:
    """Prints the figure, or acts as one host of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", nargs=2, metavar=("FOLDER", "RANK"), help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.host:
        host_main(Path(asked.host[0]), int(asked.host[1]))
        return
    print(json.dumps(run()))


if __name__ == "__main__":
    main()
