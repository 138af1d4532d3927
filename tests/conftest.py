"""What every test shares: tests that need a tool which this machine lacks are named, not hidden.

A test marked ``needs_go`` (and so on) is left out where the tool is missing and listed at the
end as "not run here". With CI=true that is a failure: there, everything has to run.
"""

import os
import shutil
from collections.abc import Iterator

import pytest

TOOLS = {
    "needs_jdk": "javac",
    "needs_go": "go",
    "needs_chromium": "chromium",
    "needs_faketime": "faketime",
    "needs_postgresql": "/usr/lib/postgresql/15/bin/postgres",
}
NOT_RUN = pytest.StashKey[list[str]]()


def missing_tool(item: pytest.Item) -> str:
    """The first tool that this test needs and this machine lacks, or ""."""
    needed = (tool for marker, tool in TOOLS.items() if item.get_closest_marker(marker))
    return next((tool for tool in needed if shutil.which(tool) is None), "")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what cannot run here, and remember it."""
    missing = {item: missing_tool(item) for item in items}
    left_out = [item for item in items if missing[item]]
    config.stash[NOT_RUN] = [f"{item.nodeid}: needs {missing[item]}" for item in left_out]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if not missing[item]]


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> Iterator[None]:
    """In CI a test that could not run is a failure."""
    if session.config.stash.get(NOT_RUN, []) and os.environ.get("CI") == "true":
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
    yield


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """List what was not run and why."""
    lines = terminalreporter.config.stash.get(NOT_RUN, [])
    if lines:
        terminalreporter.section("not run here")
        for line in lines:
            terminalreporter.line(line)
