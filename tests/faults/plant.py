"""Plants one hand-written fault at a time into a copy of the product and runs the tests it names.

A fault is a small, plausible mistake in one file. The tests named beside it must pass without
it and fail with it. Failing means that an assertion failed: a copy that cannot be imported or
collected proves nothing and is reported as a failure of the fault itself.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src" / "delian"
PATIENCE_SECONDS = 180
CAUGHT, SURVIVED, UNSOUND, STALE = "caught", "survived", "does not run", "fits no longer"
TESTS_FAILED = 1
PRINTED_KEPT = 600


@dataclass(frozen=True, slots=True)
class Fault:
    """One mistake.

    Args:
        id: "room-number"; never used again for another fault.
        file: Below ``src/delian``.
        old: Text that occurs exactly once in the file.
        new: What the fault makes of it.
        why: What would go wrong for whom.
        tests: Test files or nodes below ``tests`` that must catch it.
    """

    id: str
    file: str
    old: str
    new: str
    why: str
    tests: tuple[str, ...]


def occurrences(fault: Fault) -> int:
    """How often the old text stands in the file, 0 if there is no such file."""
    path = SOURCE / fault.file
    return path.read_text("utf-8").count(fault.old) if path.is_file() else 0


@contextmanager
def copied() -> Iterator[Path]:
    """A copy of the product's source in a folder of its own, removed afterwards."""
    with tempfile.TemporaryDirectory(prefix="delian-fault-") as folder:
        copy = Path(folder) / "src"
        shutil.copytree(ROOT / "src", copy, ignore=shutil.ignore_patterns("__pycache__"))
        yield copy


def try_fault(fault: Fault) -> str:
    """Plant *fault* in a copy and say whether its tests catch it.

    A run that goes on for longer than :data:`PATIENCE_SECONDS` counts as caught: the tests of
    the healthy copy are done long before. A fault whose tests could not be run gets a second
    attempt, so that a machine's bad moment is not taken for a bad fault; what the second run
    printed last stands beside the outcome.
    """
    if occurrences(fault) != 1:
        return STALE
    with copied() as copy:
        path = copy / "delian" / fault.file
        text = path.read_text("utf-8")
        path.write_text(text.replace(fault.old, fault.new), "utf-8")
        code, printed = run_tests(copy, fault.tests)
        if code not in (0, TESTS_FAILED, None):
            code, printed = run_tests(copy, fault.tests)
    if code in (TESTS_FAILED, None):
        return CAUGHT
    return SURVIVED if code == 0 else f"{UNSOUND} (exit code {code}): {printed[-PRINTED_KEPT:]}"


def run_tests(copy: Path, tests: tuple[str, ...]) -> tuple[int | None, str]:
    """Pytest over *tests* with the product taken from *copy*: exit code (None: too long), output.

    Each run keeps Hypothesis's files beside its copy: runs at the same time share nothing.
    """
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-x",
        "-p",
        "no:cacheprovider",
        "-o",
        f"pythonpath={copy} {ROOT}",
        *(str(ROOT / "tests" / name) for name in tests),
    ]
    environment = {
        **os.environ,
        "PYTHONPATH": str(copy),
        "PYTHONDONTWRITEBYTECODE": "1",
        "HYPOTHESIS_STORAGE_DIRECTORY": str(copy.parent / "hypothesis"),
    }
    try:
        done = subprocess.run(
            command,
            cwd=ROOT,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=PATIENCE_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return None, ""
    return done.returncode, done.stdout
