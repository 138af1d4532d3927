"""Demonstration only: the agents of many nations as forked processes of one warm parent.

Each child opens its own home with its own keys and is a process of its own; forking only spares
the machine thirty-two times the same start. May touch: the nation node and the operating system.
"""

import gc
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from delian.aggregate.netlist import netlist_digest
from delian.nodes.nation import run_nation
from delian.nodes.pump import set_up_log
from delian.terms.encode import parse
from delian.terms.round_terms import RoundTerms


def run_fleet(homes: Sequence[Path], run: Callable[[Path], None] = run_nation) -> int:
    """Run one agent for each home until told to stop; a child that ends is started again.

    Args:
        homes: One nation each.
        run: What a child runs; it does not return while all is well.

    Returns:
        0 after SIGTERM or SIGINT.
    """
    children: dict[int, Path] = {}
    stopping: list[int] = []

    def stop(number: int, _frame: object) -> None:
        stopping.append(number)
        for pid in children:
            _kill(pid)

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    gc.collect()
    gc.freeze()  # children share the parent's memory instead of copying it at every collection
    for home in homes:
        children[_child(home, run)] = home
    while children:
        try:
            pid, _status = os.wait()
        except InterruptedError:
            continue
        home = children.pop(pid)
        if not stopping:
            time.sleep(0.2)
            children[_child(home, run)] = home
    return 0


def _child(home: Path, run: Callable[[Path], None]) -> int:
    pid = os.fork()
    if pid:
        return pid
    code = 70
    try:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        _log_to(home / "log.txt")
        run(home)
        code = 0
    finally:
        os._exit(code)


def _log_to(path: Path) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(handle, 1)
    os.dup2(handle, 2)
    set_up_log()


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGTERM)
    except ProcessLookupError:
        return


def main() -> int:
    """``python -m delian.nodes.nation_fleet --warm TERMS HOME…``: the demonstration's own entry.

    The parent builds the circuits of the terms once; every agent still compares their digest.
    """
    terms = RoundTerms.from_plain(parse(Path(sys.argv[2]).read_bytes()))
    netlist_digest(terms, len(terms.nations))
    return run_fleet([Path(p) for p in sys.argv[3:]])


if __name__ == "__main__":
    sys.exit(main())
