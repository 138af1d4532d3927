"""Run the public tuf-conformance suite against our client.

Usage: ``./start conformance tuf-suite [--suite DIR] [pytest arguments]``. The suite is the
package ``tuf_conformance`` (its folder may be named with ``--suite``), and it needs the program
``faketime``. What is missing is said and counts as unavailable (exit 5), never as passed.
"""

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
CLIENT = HERE / "tuf-client"
UNAVAILABLE = 5


def suite_folder(arguments: list[str]) -> Path | None:
    """Where the suite lies: named by ``--suite``, or installed; None if neither."""
    if "--suite" in arguments:
        place = arguments.index("--suite")
        named = Path(arguments[place + 1]) if place + 1 < len(arguments) else Path()
        del arguments[place : place + 2]
        inside = named / "tuf_conformance"
        found = inside if inside.is_dir() else named
        return found.resolve() if (found / "conftest.py").is_file() else None
    spec = importlib.util.find_spec("tuf_conformance")
    return Path(spec.origin).parent if spec is not None and spec.origin else None


def missing(folder: Path | None) -> list[str]:
    """What the suite needs and this machine lacks."""
    lacks = [] if folder else ["the package tuf_conformance (or --suite DIR)"]
    return lacks + [f"the program {p}" for p in ("faketime",) if shutil.which(p) is None]


def main(arguments: list[str]) -> int:
    """Run the suite; its own exit code, or 5 if it cannot run here."""
    folder = suite_folder(arguments)
    lacks = missing(folder)
    if folder is None or lacks:
        print(f"not run here: needs {', '.join(lacks)}", file=sys.stderr)
        return UNAVAILABLE
    command = [sys.executable, "-m", "pytest", str(folder), "-p", "no:cacheprovider"]
    command += ["--entrypoint", str(CLIENT), "--rootdir", str(folder.parent), *arguments]
    paths = [str(folder.parent), os.environ.get("PYTHONPATH", "")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in paths if p)}
    return subprocess.run(command, env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
