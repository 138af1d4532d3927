"""``delian check``: everything that reads the code without running it."""

import click

from delian.cli import checkout, output
from delian.terms.errors import RefusedError

PYTHON_CODE = ("src", "tests", "bench", "docs", ".ci", "start")
STEPS = (
    ("ruff", ("-m", "ruff", "check", "--quiet", *PYTHON_CODE)),
    ("mypy", ("-m", "mypy", "src/delian", "start")),
    ("import-linter", ("-c", "from importlinter.cli import lint_imports_command as c; c()")),
    ("tests/arch", ("-m", "pytest", "-q", "tests/arch")),
)


class CheckError(RefusedError):
    """The code breaks a rule of the house."""

    code = "check"


@click.command()
def command() -> None:
    """Run the linter, the type checker and the tests of the house's floors; all, then judge."""
    broken = []
    for name, line in STEPS:
        output.talk(f"delian: {name}")
        if checkout.exit_code(*line) != 0:
            broken.append(name)
    if broken:
        raise CheckError(f"not clean: {', '.join(broken)}", hint="the lines above say where")
