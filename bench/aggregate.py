"""How fast three hosts compute totals and verdicts, and what it costs in bytes and memory.

Three processes on this machine over loopback, two lanes each; kernels are compiled and warm before
the links open. Every run adds nothing to what a round does: evaluate, accept, open the verdicts and
the totals, and its result is compared with the plain computation. Reference: the same figures in
plain numpy (int64, ``np.partition`` form: total, count, p % flag), one thread, best of five,
32 x 10^5 cells, in the same run.
"""

import argparse
import json
import os
import pickle
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from delian.adapters.certificates import make_certificate
from delian.adapters.links import MeshLinks
from delian.adapters.mesh import TlsFiles, connect_mesh
from delian.shares.circuits import Rule, rule
from delian.shares.execute_numba import NumbaExecutor
from delian.shares.kernels_numba import NumbaKernels
from delian.shares.keys import agree, run_context
from delian.shares.program import Program, Words
from delian.shares.session import Run
from delian.shares.sharing import SEED_BYTES, expand_into
from delian.shares.words import Numbers, to_flags, to_numbers, to_planes, words_for

NAMES = ("alpha", "bravo", "charlie")
WIDTH = 40
P_PERCENT = 10
RULE = Rule(p_percent=P_PERCENT, slack=1)
REFERENCE_CELLS = 100_000
TILE_CELLS = 1 << 14


@dataclass(frozen=True)
class Case:
    """One measurement: what runs, how often, how it is set up."""

    n: int
    cells: int
    mode: str = "semi-honest"
    tls: bool = False
    reps: int = 5
    block_words: int = 128
    lanes: int = 2

    @property
    def program(self) -> Program:
        return rule(self.n, WIDTH, RULE)


CASES = {
    "semi_honest": Case(32, 100_000, block_words=256),
    "tls": Case(32, 100_000, tls=True, block_words=256),
    "malicious": Case(32, 10_000, "malicious", tls=True, block_words=80),
    "malicious_large": Case(32, 100_000, "malicious", tls=True, reps=3),
    "many_contributors": Case(4096, 1_024, block_words=8, reps=3),
    "memory_mb": Case(32, 1_000_000, "malicious", tls=True, reps=1, block_words=64),
}
IDS = ("semi_honest", "tls", "first_pass", "ands_per_cell", "many_contributors", "memory_mb",
       "malicious", "malicious_bytes", "malicious_large")  # fmt: skip


def run(only: Sequence[str] | None = None) -> list[dict[str, Any]]:
    """Measures what is asked for, or everything."""
    wanted = [name for name in IDS if not only or name in only]
    reference = plain_seconds()
    measured: dict[str, dict[str, Any]] = {}

    def of(name: str) -> dict[str, Any]:
        if name not in measured:
            measured[name] = measure(CASES[name])
        return measured[name]

    figures = []
    for name in wanted:
        if name == "ands_per_cell":
            gates = CASES["tls"].program.n_gates
            figures.append(figure(name, gates, "AND gates", 5_400))
        elif name == "first_pass":
            figures.append(figure(name, of("tls")["first_s"], "s", of("tls")["median_s"]))
        elif name == "malicious_bytes":
            plain_bytes = CASES["malicious"].program.n_gates / 8
            figures.append(figure(name, of("malicious")["bytes_per_cell"], "B", plain_bytes))
        elif name == "memory_mb":
            figures.append(figure(name, of(name)["rss_mb"], "MB", 350))
        else:
            figures.append(figure(name, of(name)["median_s"], "s", reference))
    return figures


def figure(name: str, value: float, unit: str, reference: float) -> dict[str, Any]:
    """One line of the answer."""
    ratio = round(value / reference, 3)
    value, reference = round(value, 5), round(reference, 5)
    return {"id": name, "value": value, "unit": unit, "reference": reference, "ratio": ratio}


def figures_of(n: int, cells: int) -> Numbers:
    """Invented figures: heavy tails, half of them zero."""
    rng = np.random.default_rng(3)
    numbers = np.exp(rng.normal(6, 2.5, size=(n, cells))).astype(np.uint64)
    return np.where(rng.random((n, cells)) < 0.5, numbers, 0).astype(np.uint64)


def plain_seconds() -> float:
    """The reference: best of five."""
    numbers = figures_of(32, REFERENCE_CELLS).astype(np.int64)
    seconds = []
    for _ in range(5):
        begin = time.perf_counter()
        total, count = numbers.sum(0), (numbers > 0).sum(0)
        top = np.partition(numbers, len(numbers) - 2, axis=0)
        flag = 100 * (total - top[-1] - top[-2]) >= P_PERCENT * top[-1]
        seconds.append(time.perf_counter() - begin)
        if not (len(total) == len(count) == len(flag)):
            raise RuntimeError("the reference is incomplete")
    return min(seconds)


def expected(numbers: Numbers) -> tuple[Numbers, Any]:
    """Totals and verdicts, from the rule's text."""
    whole = numbers.astype(np.int64)
    top = np.sort(whole, axis=0)[-2:]
    rest = whole.sum(0) - top.sum(0) - RULE.slack
    return whole.sum(0).astype(np.uint64), (rest > 0) & (100 * rest >= P_PERCENT * top[-1])


def measure(case: Case) -> dict[str, Any]:
    """Runs one case in three fresh processes; raises if a result is wrong."""
    with tempfile.TemporaryDirectory() as folder:
        prepare(case, Path(folder))
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"}
        command = [sys.executable, str(Path(__file__).resolve()), "--host", folder]
        hosts = [
            subprocess.Popen([*command, str(rank)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                             text=True, env=environment)
            for rank in range(3)
        ]  # fmt: skip
        try:
            return collect(case, hosts)
        finally:
            for host in hosts:
                host.kill()
                host.communicate()


def collect(case: Case, hosts: Sequence["subprocess.Popen[str]"]) -> dict[str, Any]:
    """Connects the hosts, starts every repetition at the same time, takes the slowest host."""
    ports = [hear(host)["port"] for host in hosts]
    for host in hosts:
        say(host, ports)
    for host in hosts:
        hear(host)
    walls = []
    for _ in range(case.reps):
        for host in hosts:
            say(host, "go")
        walls.append(max(hear(host)["seconds"] for host in hosts))
    ends = [hear(host) for host in hosts]
    later = walls[1:] or walls
    return {
        "first_s": walls[0],
        "median_s": statistics.median(later),
        "bytes_per_cell": max(end["sent"] for end in ends) / case.reps / case.cells,
        "rss_mb": max(end["rss_mb"] for end in ends),
    }


def say(host: "subprocess.Popen[str]", value: object) -> None:
    if host.stdin is None:
        raise RuntimeError("a host without input")
    host.stdin.write(json.dumps(value) + "\n")
    host.stdin.flush()


def hear(host: "subprocess.Popen[str]") -> dict[str, Any]:
    line = host.stdout.readline() if host.stdout else ""
    if not line:
        raise RuntimeError("a host stopped")
    return dict(json.loads(line))


def prepare(case: Case, folder: Path) -> None:
    """Writes what the hosts read: the case, certificates, seeds and the explicit share."""
    folder.joinpath("case.json").write_text(json.dumps(asdict(case)))
    folder.joinpath("program").write_bytes(pickle.dumps(case.program))
    for name in NAMES:
        certificate, key = make_certificate(name, datetime.now(UTC))
        folder.joinpath(f"{name}.pem").write_bytes(certificate)
        folder.joinpath(f"{name}.key").write_bytes(key)
    seeds = [os.urandom(SEED_BYTES) for _ in range(2 * case.n)]
    folder.joinpath("seeds").write_bytes(b"".join(seeds))
    tile = to_planes(figures_of(case.n, min(case.cells, TILE_CELLS)), WIDTH)
    n_words = words_for(case.cells)
    explicit = np.lib.format.open_memmap(
        folder / "explicit.npy", "w+", np.uint64, (case.n * WIDTH, n_words)
    )
    for first in range(0, n_words, tile.shape[1]):
        part = tile[:, : min(tile.shape[1], n_words - first)].copy()
        for owner, seed in enumerate(seeds):
            rows = owner % case.n * WIDTH
            share = np.empty((WIDTH, part.shape[1]), dtype=np.uint64)
            expand_into(seed, first, share)
            part[rows : rows + WIDTH] ^= share
        explicit[:, first : first + part.shape[1]] = part
    explicit.flush()


class Host:
    """One host process: its shares, its links, its run."""

    def __init__(self, folder: Path, rank: int) -> None:
        self.case = Case(**json.loads(folder.joinpath("case.json").read_text()))
        self.folder, self.rank = folder, rank
        self.program: Program = pickle.loads(folder.joinpath("program").read_bytes())
        raw = folder.joinpath("seeds").read_bytes()
        seeds = [raw[i : i + SEED_BYTES] for i in range(0, len(raw), SEED_BYTES)]
        self.seeds = (seeds[: self.case.n], seeds[self.case.n :])
        self.n_words = words_for(self.case.cells)
        self.explicit = os.open(folder / "explicit.npy", os.O_RDONLY)
        self.offset = folder.joinpath("explicit.npy").stat().st_size
        self.offset -= 8 * self.case.n * WIDTH * self.n_words
        self.kept: tuple[Words, Words] | None = None

    def share(self, index: int, first: int, stop: int, out: Words) -> None:
        """Share ``index`` of the words ``first..stop``: expanded, or read from the file."""
        if index < 2:
            for nation, seed in enumerate(self.seeds[index]):
                rows = slice(nation * WIDTH, (nation + 1) * WIDTH)
                expand_into(seed, first, out[rows, : stop - first])
            return
        for plane in range(len(out)):
            place = self.offset + 8 * (plane * self.n_words + first)
            data = os.pread(self.explicit, 8 * (stop - first), place)
            out[plane, : stop - first] = np.frombuffer(data, dtype=np.uint64)

    def source(self, first: int, stop: int, own: Words, nxt: Words) -> None:
        if self.kept is not None:
            own[:, : stop - first] = self.kept[0][:, first:stop]
            nxt[:, : stop - first] = self.kept[1][:, first:stop]
            return
        self.share(self.rank, first, stop, own)
        self.share((self.rank + 1) % 3, first, stop, nxt)

    def connect(self, ports: Sequence[int], listener: Any) -> list[MeshLinks]:
        tls = None
        if self.case.tls:
            peers = {n: (self.folder / f"{n}.pem").read_bytes() for n in NAMES}
            own = NAMES[self.rank]
            tls = TlsFiles(self.folder / f"{own}.pem", self.folder / f"{own}.key", peers)
        addresses = [("127.0.0.1", port) for port in ports]
        return connect_mesh(
            self.rank, NAMES, addresses, tls, self.case.lanes, 60.0, listener=listener
        )

    def warm(self) -> None:
        """Runs the compiled code once on nothing, over links to itself: before the links open."""
        warm_kernels()

    def load(self) -> None:
        """Holds the input shares in memory, except where memory is measured."""
        if self.case.cells > REFERENCE_CELLS:
            return
        shape = (self.program.n_inputs, self.n_words)
        own, nxt = np.zeros(shape, dtype=np.uint64), np.zeros(shape, dtype=np.uint64)
        self.source(0, self.n_words, own, nxt)
        self.kept = (own, nxt)


def warm_kernels() -> None:
    """One tiny checked run between three threads of this process compiles or loads every kernel."""
    program = rule(3, 3, RULE)
    listeners = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
    addresses = [*(one.getsockname() for one in listeners), ("127.0.0.1", 0)]

    def host(rank: int) -> None:
        listener = listeners[rank] if rank < 2 else None
        links = connect_mesh(rank, NAMES, addresses, None, 1, 30.0, listener=listener)
        keys = agree(links[0], os.urandom, b"warm")
        zeros = np.zeros((program.n_inputs, 8), dtype=np.uint64)
        for mode in ("semi-honest", "malicious"):
            session = Run(links, keys, mode, b"", executor=NumbaExecutor(), kernels=NumbaKernels())  # type: ignore[arg-type]
            session.evaluate(program, zeros, zeros, mode)
        links[0].close()

    threads = [threading.Thread(target=host, args=(rank,)) for rank in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for listener in listeners:
        listener.close()


def peak_mb() -> float:
    """Peak resident memory of this process; getrusage would count the parent's before exec."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def host_main(folder: Path, rank: int) -> None:
    """What a host process does, told line by line on standard input."""
    host = Host(folder, rank)
    host.warm()
    host.load()
    listener = socket.create_server(("127.0.0.1", 0))
    tell({"port": listener.getsockname()[1]})
    links = host.connect(json.loads(sys.stdin.readline()), listener)
    keys = agree(links[0], os.urandom, run_context(b"bench", host.program.digest, b"bench"))
    session = Run(
        links, keys, host.case.mode, b"bench", executor=NumbaExecutor(), kernels=NumbaKernels(),
        block_words=host.case.block_words,
    )  # type: ignore[arg-type]  # fmt: skip
    tell({"ready": True})
    outputs = (len(host.program.outputs), host.n_words)
    own, nxt = np.zeros(outputs, dtype=np.uint64), np.zeros(outputs, dtype=np.uint64)

    def sink(first: int, stop: int, from_own: Words, from_nxt: Words) -> None:
        own[:, first:stop] = from_own[:, : stop - first]
        nxt[:, first:stop] = from_nxt[:, : stop - first]

    planes = own
    for rep in range(host.case.reps):
        sys.stdin.readline()
        begin = time.perf_counter()
        session.stream(host.program, host.n_words, host.source, sink, f"rep {rep}")
        session.accept()
        planes = session.open(own[:-1], nxt[:-1], f"rep {rep}")
        tell({"seconds": time.perf_counter() - begin})
    check(host, planes)
    peak = peak_mb()
    tell({"sent": sum(link.sent_bytes for link in links), "rss_mb": peak})
    for link in links:
        link.close()


def check(host: Host, planes: Words) -> None:
    """Compares what was opened with the plain computation, on the first tile of cells."""
    cells = min(host.case.cells, TILE_CELLS)
    total, passes = expected(figures_of(host.case.n, cells))
    got = planes[host.program.output_group("total")][:, : words_for(cells)]
    flags = planes[host.program.output_group("pass")][0, : words_for(cells)]
    if not np.array_equal(to_numbers(got, cells), total):
        raise RuntimeError("a total is wrong")
    if not np.array_equal(to_flags(flags, cells), passes):
        raise RuntimeError("a verdict is wrong")


def tell(value: object) -> None:
    print(json.dumps(value), flush=True)


def main() -> None:
    """Prints the figures, or acts as one host of them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--only", default="")
    parser.add_argument("--host", nargs=2, metavar=("FOLDER", "RANK"), help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.host:
        host_main(Path(asked.host[0]), int(asked.host[1]))
        return
    figures = run([name for name in asked.only.split(",") if name])
    if asked.json:
        print(json.dumps(figures))
        return
    for line in figures:
        print("{id:<18} {value:>12} {unit:<10} ratio {ratio}".format(**line))


if __name__ == "__main__":
    main()
