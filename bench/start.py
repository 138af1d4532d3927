"""How long a person waits before a command does its own work.

``second_start_s``: the whole of ``./start --version`` in a tree that is set up.
``help_ms``: the overview, from the installed interpreter. Reference of both: that interpreter
doing nothing, in the same run. Best of nine.
"""

import importlib.util
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from importlib.machinery import SourceFileLoader
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
ROUNDS = 9


def run(only: Sequence[str] | None = None) -> list[dict[str, Any]]:
    """Measure what is asked for, or both."""
    environment = {**os.environ, "DELIAN_VENV": sys.prefix}
    nothing = best([sys.executable, "-c", "pass"], environment)
    figures = []
    if only is None or "second_start_s" in only:
        require_ready()
        value = best([sys.executable, str(ROOT / "start"), "--version"], environment)
        figures.append(figure("second_start_s", value, "s", nothing))
    if only is None or "help_ms" in only:
        value = best([sys.executable, "-P", "-m", "delian", "--help"], environment)
        figures.append(figure("help_ms", value * 1000, "ms", nothing * 1000))
    return figures


def figure(name: str, value: float, unit: str, reference: float) -> dict[str, Any]:
    """One line of the answer."""
    ratio = round(value / reference, 2)
    value, reference = round(value, 4), round(reference, 4)
    return {"id": name, "value": value, "unit": unit, "reference": reference, "ratio": ratio}


def best(command: list[str], environment: dict[str, str]) -> float:
    """Seconds of the fastest of several runs."""
    seconds = []
    for _ in range(ROUNDS):
        begin = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=environment)
        seconds.append(time.perf_counter() - begin)
    return min(seconds)


def require_ready() -> None:
    """A start that sets something up is not a second start."""
    os.environ["DELIAN_VENV"] = sys.prefix
    loader = SourceFileLoader("delian_start", str(ROOT / "start"))
    spec = importlib.util.spec_from_loader("delian_start", loader)
    if spec is None:
        raise RuntimeError("start cannot be loaded")
    start = importlib.util.module_from_spec(spec)
    loader.exec_module(start)
    if not start.is_ready(start.RUNTIME):
        raise RuntimeError("the environment is not the one that ./start made: call ./start bench")
