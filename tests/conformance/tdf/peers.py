"""The two stock clients: installed from their coordinates, started, and given one job at a time."""

import hashlib
import json
import os
import queue
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.conformance.kit import CACHE, UnavailableHereError

HERE = Path(__file__).resolve().parent
FOLDER = CACHE / "tdf"
GO = "go1.26.10"
GO_PLACES = ("go", "/usr/local/go/bin/go", "/usr/lib/go/bin/go")
# Of the go.sum that the two coordinates in client/go.mod lead to: every module below them, pinned.
GO_SUMS = "4aa1d7cb1c609b3dbf57a33984c020d9caabbb37d446664e235eb7e191a1fa64"
GO_NEEDED = "go (Debian: golang-go) and a Go module proxy"
JOB_SECONDS = 120


class Peer:
    """One client process; a job in, an answer out.

    Args:
        command: How to start it.
        authority: PEM file of the certificate that it shall trust.
    """

    def __init__(self, command: Sequence[str], authority: Path) -> None:
        self._errors = (FOLDER / f"{Path(command[-1]).stem}.log").open("wb")
        self._child = subprocess.Popen(
            list(command),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            env={**os.environ, "SSL_CERT_FILE": str(authority)},
        )
        self._answers: queue.Queue[str] = queue.Queue()
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        for line in self._child.stdout or ():
            self._answers.put(line)
        self._answers.put("")

    def do(self, **job: Any) -> dict[str, Any]:
        """The answer to *job*."""
        if self._child.stdin is None:
            raise RuntimeError("the client has no way in")
        self._child.stdin.write(json.dumps(job) + "\n")
        self._child.stdin.flush()
        line = self._answers.get(timeout=JOB_SECONDS)
        if not line:
            raise RuntimeError(f"the client ended with {self._child.wait()}")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def close(self) -> None:
        """End it."""
        if self._child.stdin is not None:
            self._child.stdin.close()
        try:
            self._child.wait(10)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait(10)
        if self._child.stdout is not None:
            self._child.stdout.close()
        self._errors.close()


def stock_go() -> Path:
    """The Go client, built from its coordinates; never run with other modules than the pinned."""
    program = next((found for place in GO_PLACES if (found := shutil.which(place))), None)
    if program is None:
        raise UnavailableHereError(GO_NEEDED)
    FOLDER.mkdir(parents=True, exist_ok=True)
    target = FOLDER / "stock-go"
    fetches_itself = _version(program) >= (1, 21)
    toolchain = GO + "+auto" if fetches_itself else "local"
    builder = program if fetches_itself else str(_fetch_toolchain(program))
    place = FOLDER / "client"
    shutil.rmtree(place, ignore_errors=True)
    shutil.copytree(HERE / "client", place)
    command = [builder, "build", "-o", str(target), "."]
    _go(command, place, GOTOOLCHAIN=toolchain, GOFLAGS="-mod=mod")
    if hashlib.sha256((place / "go.sum").read_bytes()).hexdigest() != GO_SUMS:
        target.unlink()
        raise RuntimeError("the modules of the Go client are not the pinned ones")
    return target


def _version(program: str) -> tuple[int, int]:
    found = re.search(r"go(\d+)\.(\d+)", _go([program, "version"], FOLDER, GOTOOLCHAIN="local"))
    if found is None:
        raise UnavailableHereError(GO_NEEDED)
    return int(found[1]), int(found[2])


def _fetch_toolchain(program: str) -> Path:
    """The newer go that the client needs, as the module it is published as.

    From 1.21 on, go does this by itself; Debian 12 has 1.19, which can download it all the same.
    """
    system, machine = _go([program, "env", "GOOS", "GOARCH"], FOLDER).split()
    module = f"golang.org/toolchain@v0.0.1-{GO}.{system}-{machine}"
    place = Path(json.loads(_go([program, "mod", "download", "-json", module], FOLDER))["Dir"])
    for file in [*place.glob("bin/*"), *place.glob("pkg/tool/*/*")]:
        file.chmod(0o755)
    return place / "bin" / "go"


def _go(command: list[str], folder: Path, **settings: str) -> str:
    environment = {**os.environ, **settings}
    environment.pop("GOROOT", None)
    made = subprocess.run(
        command,
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=900,
    )
    if made.returncode != 0:
        raise UnavailableHereError(f"{GO_NEEDED}: {made.stderr.strip().splitlines()[-1:]}")
    return made.stdout


def stock_python() -> list[str]:
    """How to call the Python client, installed from its lock with hashes."""
    lock, place = HERE / "requirements.lock", FOLDER / "stock-python"
    python, stamp = place / "bin" / "python", place / "lock.sha256"
    wanted = hashlib.sha256(lock.read_bytes()).hexdigest() + sys.version
    if not (stamp.is_file() and stamp.read_text() == wanted and python.exists()):
        shutil.rmtree(place, ignore_errors=True)
        _run([sys.executable, "-m", "venv", "--without-pip", str(place)])
        _run([*_installer(python), "--require-hashes", "--only-binary", ":all:", "-r", str(lock)])
        stamp.write_text(wanted)
    return [str(python), str(HERE / "stock_python.py")]


def _installer(python: Path) -> list[str]:
    """pip of the Python beneath our environment, or uv."""
    uv = shutil.which("uv")
    if uv:
        return [uv, "pip", "install", "-q", "--python", str(python)]
    beneath = Path(sys.base_prefix) / "bin" / f"python3.{sys.version_info.minor}"
    quiet = ["install", "-q", "--disable-pip-version-check", "--no-input"]
    return [str(beneath), "-m", "pip", "--python", str(python), *quiet]


def _run(command: list[str]) -> None:
    made = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)
    if made.returncode != 0:
        last = (made.stdout + made.stderr).strip().splitlines()[-1:]
        raise UnavailableHereError(f"pip and a package index for otdf-python: {last}")
