"""What every conformance command needs: a public kit from its coordinates, run and counted.

A kit is a folder ``tests/conformance/<name>`` with a ``pom.xml`` of coordinates. Its jars stay in
Maven's own cache; ``build/conformance/<name>`` keeps the class path and the reports. A test that
should have run and did not is a failure, never a pass.
"""

import contextlib
import hashlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
CACHE = ROOT / "build" / "conformance"
UNAVAILABLE = 5
PACKAGES = {"java": "default-jdk-headless", "mvn": "maven"}
CONSOLE = "org.junit.platform.console.ConsoleLauncher"


class UnavailableHereError(Exception):
    """This machine lacks something that the kit needs; exit 5, never a pass."""


@dataclass(frozen=True, slots=True)
class Result:
    """What one run of a suite gave; ``not_run`` counts expected tests that did not run."""

    suite: str
    passed: int
    failed: int
    skipped: int = 0
    not_run: int = 0
    seconds: float = 0.0
    problems: tuple[str, ...] = field(default=())

    @property
    def is_green(self) -> bool:
        return self.failed == 0 and self.not_run == 0 and self.passed > 0

    def to_plain(self) -> dict[str, object]:
        names = ("suite", "passed", "failed", "skipped", "not_run")
        plain: dict[str, object] = {name: getattr(self, name) for name in names}
        return {**plain, "seconds": round(self.seconds, 1), "problems": list(self.problems)}


def together(suite: str, results: Sequence[Result]) -> Result:
    """Several parts or runs of a suite as one result."""
    seconds = sum(r.seconds for r in results)
    problems = tuple(p for r in results for p in r.problems)
    passed, failed = sum(r.passed for r in results), sum(r.failed for r in results)
    skipped, not_run = sum(r.skipped for r in results), sum(r.not_run for r in results)
    return Result(suite, passed, failed, skipped, not_run, seconds, problems)


def answer(result: Result, as_json: bool) -> int:
    """Print the result (one JSON object, or lines for a person) and give the exit code."""
    if as_json:
        print(json.dumps(result.to_plain()))
    else:
        counts = f"{result.passed} passed, {result.failed} failed, {result.skipped} skipped"
        print(f"{result.suite}: {counts}, {result.not_run} not run, {result.seconds:.1f} s")
    for problem in () if as_json else result.problems:
        print(f"  {problem}")
    return 0 if result.is_green else 1


def unavailable(suite: str, reason: str, as_json: bool) -> int:
    """Say that nothing ran and why; this is never a pass."""
    if as_json:
        print(json.dumps({**Result(suite, 0, 0).to_plain(), "problems": [f"not run: {reason}"]}))
    print(f"not run here: needs {reason}", file=sys.stderr)
    return UNAVAILABLE


# -- the kit's jars ---------------------------------------------------------------------------


def require_tools() -> None:
    """Java and Maven, from Debian's packages where this is Debian's root and they are missing."""
    lacks = [tool for tool in PACKAGES if shutil.which(tool) is None]
    if lacks and os.geteuid() == 0 and shutil.which("apt-get"):
        packages = [PACKAGES[tool] for tool in lacks]
        print(f"installing {', '.join(packages)}", file=sys.stderr)
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        install = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *packages]
        for step in (["apt-get", "update", "-qq"], install):
            subprocess.run(step, check=False, env=environment, capture_output=True)
        lacks = [tool for tool in PACKAGES if shutil.which(tool) is None]
    if lacks:
        raise UnavailableHereError(", ".join(f"{t} ({PACKAGES[t]})" for t in lacks))


def class_path(name: str) -> str:
    """The class path of a kit; resolved again when the pom changed or a jar has gone."""
    require_tools()
    pom, folder = HERE / name / "pom.xml", CACHE / name
    digest = hashlib.sha256(pom.read_bytes()).hexdigest()
    kept, stamp = folder / "cp.txt", folder / "pom.sha256"
    if stamp.is_file() and kept.is_file() and stamp.read_text() == digest:
        jars = kept.read_text().strip()
        if jars and all(Path(jar).is_file() for jar in jars.split(os.pathsep)):
            return jars
    folder.mkdir(parents=True, exist_ok=True)
    goal = ["dependency:build-classpath", f"-Dmdep.outputFile={kept}"]
    command = ["mvn", "-B", "-q", "-f", str(pom), *goal]
    run = subprocess.run(command, capture_output=True, text=True, check=False, timeout=900)
    if run.returncode != 0:
        last = (run.stdout + run.stderr).strip().splitlines()[:1]
        raise UnavailableHereError(f"the jars of {name} from a Maven repository: {last}")
    stamp.write_text(digest)
    return kept.read_text().strip()


# -- the kit's tests --------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Kit:
    """A public kit: its folder, launcher, packages and how many tests must run and pass."""

    name: str
    launcher: str
    packages: tuple[str, ...]
    expected: int
    skipped: int = 0


def run_kit(kit: Kit, properties: Mapping[str, str], limit_seconds: float = 600) -> Result:
    """Run a kit against what is already listening, through JUnit's console launcher."""
    jars = class_path(kit.name)
    reports = CACHE / kit.name / f"reports-{os.getpid()}"
    shutil.rmtree(reports, ignore_errors=True)
    reports.mkdir(parents=True)
    given = {**properties, "dataspacetck.launcher": kit.launcher}
    lines = [f'"-D{key}={value}"' for key, value in given.items()]
    arguments = reports / "args.txt"
    arguments.write_text("\n".join(["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", *lines]) + "\n")
    select = [word for package in kit.packages for word in ("--select-package", package)]
    chosen = [*select, "--include-classname", ".*Test", "--reports-dir", str(reports)]
    command = [
        "java",
        f"@{arguments}",
        "-cp",
        jars,
        CONSOLE,
        "execute",
        "--disable-banner",
        *chosen,
    ]
    begin = time.monotonic()
    log = reports / "console.log"
    with log.open("wb") as out:
        try:
            code = subprocess.run(
                command, stdout=out, stderr=out, check=False, timeout=limit_seconds
            ).returncode
        except subprocess.TimeoutExpired:
            code = -1
    seconds = time.monotonic() - begin
    return judge(kit, read_report(kit.name, reports, seconds), code)


def read_report(name: str, reports: Path, seconds: float = 0.0) -> Result:
    """Count a JUnit report; a missing or broken one counts nothing."""
    passed = failed = skipped = 0
    problems = []
    for file in sorted(reports.glob("TEST-*.xml")):
        try:
            cases = ET.parse(file).getroot().iter("testcase")
            for case in cases:
                broken = case.find("failure") if case.find("error") is None else case.find("error")
                if broken is not None:
                    failed += 1
                    said = (broken.get("message") or broken.text or "").strip().splitlines()
                    problems.append(f"{case.get('name')}: {said[0] if said else 'no message'}")
                elif case.find("skipped") is not None:
                    skipped += 1
                else:
                    passed += 1
        except ET.ParseError as error:
            problems.append(f"{file.name} cannot be read: {error}")
    return Result(name, passed, failed, skipped, 0, seconds, tuple(problems))


def judge(kit: Kit, result: Result, code: int) -> Result:
    """Hold a report against what had to run: nothing may be missing, skipped or hidden."""
    problems = list(result.problems)
    not_run = max(0, kit.expected - result.passed - result.failed)
    failed = result.failed
    if not_run:
        problems.append(f"{not_run} of {kit.expected} tests did not run")
    if result.skipped > kit.skipped:
        problems.append(f"{result.skipped} tests were skipped, {kit.skipped} are known")
        not_run = max(not_run, result.skipped - kit.skipped)
    if code != 0 and failed == 0 and not_run == 0:
        problems.append(f"the launcher ended with {code} although the report shows no failure")
        failed = 1
    seconds, skipped = result.seconds, result.skipped
    return Result(kit.name, result.passed, failed, skipped, not_run, seconds, tuple(problems))


# -- processes and ports ----------------------------------------------------------------------


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on at this moment, all different."""
    with contextlib.ExitStack() as held:
        made = [held.enter_context(socket.socket()) for _ in range(count)]
        for one in made:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in made]


def status_of(url: str, timeout: float = 2.0) -> int:
    """The HTTP status of a GET, 0 where nobody answers."""
    try:
        with urllib.request.urlopen(url, timeout=timeout) as answered:
            return int(answered.status)
    except urllib.error.HTTPError as refused:
        refused.close()
        return refused.code
    except (OSError, ValueError):
        return 0


def wait_until(is_so: Callable[[], bool], what: str, limit_seconds: float) -> float:
    """Seconds until something is so; raises when the deadline passes first."""
    begin = time.monotonic()
    while not is_so():
        if time.monotonic() - begin > limit_seconds:
            raise TimeoutError(f"{what}: not within {limit_seconds} s")
        time.sleep(0.05)
    return time.monotonic() - begin


@contextlib.contextmanager
def process(
    command: Sequence[str], log: Path, environment: Mapping[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """A child of ours for as long as the block lasts; ended by its own group, never by name."""
    log.parent.mkdir(parents=True, exist_ok=True)
    given = {**os.environ, **(environment or {})}
    with log.open("wb") as out:
        child = subprocess.Popen(
            list(command), stdout=out, stderr=out, env=given, cwd=ROOT, start_new_session=True
        )
    try:
        yield child
    finally:
        stop(child)


def stop(child: "subprocess.Popen[bytes]", limit_seconds: float = 10) -> None:
    """End a child and whatever it started, gently first."""
    for sign in (signal.SIGTERM, signal.SIGKILL):
        if child.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, sign)
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(limit_seconds)


def wait_ready(child: "subprocess.Popen[bytes]", url: str, log: Path, limit: float = 60) -> float:
    """Seconds until a child of ours answers 200 at a URL; says the log's end if it does not."""

    def is_up() -> bool:
        if child.poll() is not None:
            raise RuntimeError(f"it ended with {child.returncode}: {tail(log)}")
        return status_of(url) == 200

    try:
        return wait_until(is_up, url, limit)
    except TimeoutError as late:
        raise RuntimeError(f"{late}; {tail(log)}") from None


def tail(log: Path, lines: int = 15) -> str:
    """The end of a log."""
    return "\n".join(log.read_text(errors="replace").splitlines()[-lines:]) if log.is_file() else ""
