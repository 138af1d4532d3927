"""Runs the named checks against both stock clients and counts."""

import argparse
import contextlib
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from delian.adapters.clock import SystemClock
from tests.conformance.kit import Result, UnavailableHereError, answer, unavailable
from tests.conformance.tdf.checks import Check, every
from tests.conformance.tdf.house import House, Services, make_certificate
from tests.conformance.tdf.peers import Peer, stock_go, stock_python
from tests.key_access_world import fresh_service, served

SUITE = "tdf"


def main(arguments: Sequence[str]) -> int:
    """Run every check, or those whose names hold a word; the exit code."""
    parser = argparse.ArgumentParser(prog="conformance tdf")
    parser.add_argument("--json", action="store_true", help="one JSON object")
    parser.add_argument("--only", action="append", default=[], help="checks with this word")
    given = parser.parse_args(arguments)
    chosen = [c for c in every() if not given.only or any(w in c[0] for w in given.only)]
    try:
        go, python = stock_go(), stock_python()
    except UnavailableHereError as lack:
        return unavailable(SUITE, str(lack), given.json)
    return answer(run(chosen, [str(go)], python), given.json)


def run(checks: Sequence[Check], go: Sequence[str], python: Sequence[str]) -> Result:
    """Start both services and both clients, then check after check."""
    with contextlib.ExitStack() as held:
        folder = Path(held.enter_context(tempfile.TemporaryDirectory()))
        begin = time.monotonic()
        tls = make_certificate(folder)
        services = []
        for name, settings in (("alliance", {}), ("nation", {}), ("secure", tls)):
            service = fresh_service(folder / name, "http://127.0.0.1", SystemClock())
            held.callback(service.close)
            held.enter_context(served(service, **settings))
            services.append(service)
        authority = Path(tls["ssl_certfile"])
        peers = [Peer(go, authority), Peer(python, authority)]
        for peer in peers:
            held.callback(peer.close)
        house = House(folder, Services(*services), authority, *peers)
        problems = [problem for check in checks if (problem := _problem(check, house))]
        seconds = time.monotonic() - begin
    passed = len(checks) - len(problems)
    return Result(SUITE, passed, len(problems), seconds=seconds, problems=tuple(problems))


def _problem(check: Check, house: House) -> str:
    """What is wrong, "" where nothing is."""
    name, holds = check
    try:
        holds(house)
    except Exception as error:  # noqa: BLE001 - any failure of a check is a failed check
        print(f"FAILED {name}: {type(error).__name__}: {error}", file=sys.stderr)
        return f"{name}: {type(error).__name__}: {error}"
    print(f"ok     {name}", file=sys.stderr)
    return ""
