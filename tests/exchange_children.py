"""Connectors as child processes: started, ordered about, killed, measured from outside.

Used by the figures (``bench/exchange.py``) and by the kill campaign.
"""

import contextlib
import http.client
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import IO, Any, Self

from delian.nodes.exchange_settings import did_of
from tests.exchange_process import publish

ROOT = Path(__file__).resolve().parents[1]
SERVE = (
    "import sys; from pathlib import Path; from delian.nodes.exchange_node import serve; "
    "serve(Path(sys.argv[1]))"
)


class Child:
    """A connector's process.

    Args:
        home: Of the connector; made where there is none.
        command: What runs it; None for the one that takes orders.
    """

    def __init__(self, home: Path, command: list[str] | None = None) -> None:
        self.home = home
        script = str(ROOT / "tests" / "exchange_process.py")
        self._command = command or [sys.executable, "-P", script, str(home)]
        self._takes_orders = command is None
        self.base, self.started_ms = "", 0.0

    @classmethod
    def serving(cls, home: Path, offers: int | None = None) -> "Child":
        """The process of a node in service, as ``delian exchange serve`` runs it."""
        if not (home / "exchange.toml").exists():
            with cls(home):
                pass
        if offers is not None:
            publish(home, offers)
        return cls(home, [sys.executable, "-P", "-c", SERVE, str(home)])

    def __enter__(self) -> Self:
        begin = time.perf_counter()
        self._process = subprocess.Popen(
            self._command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=ROOT,
            env={"PYTHONPATH": f"{ROOT / 'src'}:{ROOT}", "PATH": "/usr/bin:/bin"},
        )
        if self._takes_orders:
            self.base = self._answer()["base"]
        else:
            text = (self.home / "exchange.toml").read_text()
            self.base = text.partition('address = "')[2].partition('"')[0] + "/2025-1"
            self._wait_ready()
        self.started_ms = (time.perf_counter() - begin) * 1000
        self.did = did_of(self.base.removesuffix("/2025-1"))
        return self

    def __exit__(self, *_: object) -> None:
        if self._takes_orders and self._process.stdin is not None:
            with contextlib.suppress(OSError):
                self._process.stdin.close()
        else:
            self._process.terminate()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()

    def kill(self) -> list[Any]:
        """kill -9; the answers that it had given and nobody had read."""
        self._process.kill()
        rest = self._process.stdout.read() if self._process.stdout else b""
        self._process.wait()
        return [json.loads(line) for line in rest.splitlines(keepends=True) if line.endswith(b"\n")]

    def tell(self, order: dict[str, Any]) -> None:
        """Give an order, and do not wait for its answer."""
        if self._process.stdin is None:
            raise RuntimeError("the process takes no orders")
        self._process.stdin.write(json.dumps(order).encode() + b"\n")
        self._process.stdin.flush()

    def order(self, order: dict[str, Any]) -> Any:
        """Give an order; its answer."""
        self.tell(order)
        return self._answer()

    def memory_mb(self) -> float:
        """Resident memory."""
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        kilobytes = next(line for line in status.splitlines() if line.startswith("VmRSS"))
        return int(kilobytes.split()[1]) / 1024

    def _answer(self) -> Any:
        if self._process.stdout is None:
            raise RuntimeError("the process has no output")
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"the connector ended with {self._process.wait()}")
        return json.loads(line)

    def _wait_ready(self) -> None:
        address = self.base.partition("://")[2].partition("/")[0]
        while self._process.poll() is None:
            connection = http.client.HTTPConnection(address, timeout=5)
            with contextlib.suppress(OSError), contextlib.closing(connection):
                connection.request("GET", "/.well-known/dspace-version")
                if connection.getresponse().status == 200:
                    return
            time.sleep(0.002)
        raise RuntimeError(f"the connector ended with {self._process.returncode}")


class Nursery:
    """A process that forks connectors with everything loaded; use as a context manager."""

    def __enter__(self) -> Self:
        command = [sys.executable, "-P", str(ROOT / "tests" / "exchange_process.py"), "--nurse"]
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={"PYTHONPATH": f"{ROOT / 'src'}:{ROOT}", "PATH": "/usr/bin:/bin"},
        )
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()

    def bear(self, home: Path, pipes: Path) -> int:
        """Fork a connector for *home* that takes orders from two pipes; its process id."""
        if self._process.stdin is None or self._process.stdout is None:
            raise RuntimeError("the nursery has no pipes")
        names = [str(home), str(pipes) + ".orders", str(pipes) + ".answers"]
        self._process.stdin.write(json.dumps(names).encode() + b"\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())


class Forked(Child):
    """A connector out of a nursery."""

    def __init__(self, home: Path, nursery: Nursery) -> None:
        super().__init__(home)
        self._nursery = nursery

    def __enter__(self) -> Self:
        pipes = self.home.with_suffix(f".{time.monotonic_ns()}")
        names = [f"{pipes}.orders", f"{pipes}.answers"]
        for name in names:
            os.mkfifo(name)
        pid = self._nursery.bear(self.home, pipes)
        self._process = _Adopted(pid, open(names[0], "wb"), open(names[1], "rb"))  # type: ignore[assignment]
        for name in names:
            os.unlink(name)
        self.base = self._answer()["base"]
        self.did = did_of(self.base.removesuffix("/2025-1"))
        return self


class _Adopted:
    """As much of a process as :class:`Child` needs; its parent is the nursery."""

    def __init__(self, pid: int, stdin: IO[bytes], stdout: IO[bytes]) -> None:
        self.pid, self.stdin, self.stdout = pid, stdin, stdout

    def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)

    def wait(self, seconds: float = 20) -> int:
        """Until the nursery has buried it."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            try:
                os.kill(self.pid, 0)
            except ProcessLookupError:
                return -signal.SIGKILL
            time.sleep(0.001)
        raise subprocess.TimeoutExpired("connector", seconds)
