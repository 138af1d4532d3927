"""A test whose tool is missing is named at the end; in CI it fails the run."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
SETTINGS = "[pytest]\nmarkers =\n    needs_go: x\naddopts = -p no:cacheprovider\n"
TESTS = "import pytest\n\n@pytest.mark.needs_go\ndef test_go(): pass\n\ndef test_plain(): pass\n"


@pytest.fixture
def suite(tmp_path):
    shutil.copy(ROOT / "tests" / "conftest.py", tmp_path)
    (tmp_path / "pytest.ini").write_text(SETTINGS)
    (tmp_path / "test_probe.py").write_text(TESTS)
    return tmp_path


def run(suite, tools, ci):
    (suite / "bin").mkdir()
    for tool in tools:
        (suite / "bin" / tool).write_text("#!/bin/sh\n")
        (suite / "bin" / tool).chmod(0o755)
    environment = {**os.environ, "PATH": str(suite / "bin"), "CI": ci}
    environment["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    command = [sys.executable, "-m", "pytest", "-q", str(suite)]
    return subprocess.run(
        command, check=False, cwd=suite, env=environment, capture_output=True, text=True
    )


def test_a_missing_tool_is_named(suite):
    done = run(suite, [], "")
    assert done.returncode == 0
    assert "test_probe.py::test_go: needs go" in done.stdout
    assert "1 passed, 1 deselected" in done.stdout


def test_in_ci_it_fails_the_run(suite):
    assert run(suite, [], "true").returncode == 1


def test_with_the_tool_it_runs(suite):
    done = run(suite, ["go"], "true")
    assert done.returncode == 0
    assert "2 passed" in done.stdout
