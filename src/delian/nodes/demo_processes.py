"""The demonstration's processes: one for each role, started, watched and stopped together."""

import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Self

from delian.nodes.demo_setup import HOSTS, OFFICE, Stage
from delian.terms.errors import UnavailableError

START_SECONDS = 120.0
STOP_SECONDS = 5.0


class RoleFailedError(UnavailableError):
    """A process of the demonstration ended or did not start."""

    code = "role-failed"


class Roles(AbstractContextManager["Roles"]):
    """All roles as separate processes on loopback.

    Args:
        stage: Homes and addresses.
        terms: File with terms to warm up with.
    """

    def __init__(self, stage: Stage, terms: Path) -> None:
        self._stage = stage
        self._lines: Mapping[str, Sequence[str]] = {
            OFFICE: ("secretariat", "run", "--home", str(stage.home(OFFICE))),
            **{
                code: ("host", "run", "--home", str(stage.home(code)), "--warm", str(terms))
                for code in HOSTS
            },
        }
        self._fleet = [str(stage.home(code)) for code in stage.codes]
        self._warm = str(terms)
        self.running: dict[str, subprocess.Popen[bytes]] = {}

    def __enter__(self) -> Self:
        try:
            self._start_all()
        except BaseException:
            self.__exit__()
            raise
        return self

    def _start_all(self) -> None:
        """One host compiles the kernels; the other two then take them from its cache."""
        first, *others = HOSTS
        for code in (OFFICE, "nations", first):
            self.start(code)
        self.wait_for([first])
        for code in others:
            self.start(code)

    def start(self, code: str) -> None:
        """Start one role; "nations" stands for all their agents."""
        if code == "nations":
            line = ["-m", "delian.nodes.nation_fleet", "--warm", self._warm, *self._fleet]
            log = self._stage.out / "homes" / "nations.log"
        else:
            line = ["-m", "delian", *self._lines[code]]
            log = self._stage.home(code) / "log.txt"
        with log.open("ab") as output:
            self.running[code] = subprocess.Popen(  # noqa: S603 - our own program
                [sys.executable, "-P", *line],
                stdout=output,
                stderr=output,
                stdin=subprocess.DEVNULL,
            )

    def wait_ready(self) -> None:
        """Until every role has opened its home and is at work.

        Raises:
            RoleFailedError: one ended, or the machine is too slow.
        """
        self.wait_for((OFFICE, *HOSTS, *self._stage.codes))

    def wait_for(self, codes: Sequence[str]) -> None:
        """Until these roles have opened their homes and are at work.

        Raises:
            RoleFailedError: one ended, or the machine is too slow.
        """
        homes = [self._stage.home(code) for code in codes]
        until = time.monotonic() + START_SECONDS
        while not all((home / "ready").exists() for home in homes):
            self.check()
            if time.monotonic() > until:
                raise RoleFailedError("not every role started in time")
            time.sleep(0.05)

    def check(self) -> None:
        """Raise if a role has ended.

        Raises:
            RoleFailedError: names it and its log.
        """
        for code, process in self.running.items():
            if process.poll() is not None:
                raise RoleFailedError(
                    f"the process of {code} ended", hint=f"its last words are in {self._stage.out}"
                )

    def __exit__(self, *_: object) -> None:
        for process in self.running.values():
            process.terminate()
        until = time.monotonic() + STOP_SECONDS
        for process in self.running.values():
            try:
                process.wait(max(0.1, until - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
