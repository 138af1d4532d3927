"""Steps taken in the wrong order do not type-check: mypy finds exactly the marked mistakes."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
FOUND = re.compile(r"^(?P<file>[^:]+):(?P<line>\d+): error: .*\[(?P<code>[a-z-]+)\]$")
EXPECTED = re.compile(r"# expect: (?P<codes>[a-z, -]+)$")


@pytest.mark.timeout(240)
def test_mypy_finds_exactly_the_deliberate_mistakes():
    path = HERE / "wrong_order.py"
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--config-file", "pyproject.toml", str(path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    found = set()
    for line in done.stdout.splitlines():
        match = FOUND.match(line)
        if match:
            assert Path(match["file"]).name == path.name, line
            found.add((int(match["line"]), match["code"]))
    expected = set()
    for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
        match = EXPECTED.search(line)
        if match:
            expected |= {(number, code.strip()) for code in match["codes"].split(",")}
    assert len(expected) >= 15
    assert found == expected, done.stdout + done.stderr
