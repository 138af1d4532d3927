"""The checkout this package runs from: bench/, tests/ and the tools of a developer."""

import importlib
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

from delian.terms.errors import InputError, RefusedError

ROOT = Path(__file__).resolve().parents[3]


class NoCheckoutError(RefusedError):
    """A developer's verb was called on an installed package."""

    code = "no-checkout"


class UnknownPartError(InputError):
    """There is no benchmark, campaign or suite of this name."""

    code = "unknown-part"


def root() -> Path:
    """The top folder of the checkout; refused where there is none."""
    if not (ROOT / "start").is_file():
        hint = "clone the repository and call ./start there"
        raise NoCheckoutError("this verb needs a checkout of the repository", hint=hint)
    return ROOT


def names(folder: str, prefix: str) -> list[str]:
    """What the files of a folder offer, without prefix and suffix."""
    files = sorted((root() / folder).glob(f"{prefix}*.py"))
    return [file.stem.removeprefix(prefix) for file in files if not file.stem.startswith("_")]


def known(name: str, offered: list[str]) -> None:
    """Refuse a name that is not offered, and say which are."""
    if name not in offered:
        choice = ", ".join(offered) or "nothing yet"
        raise UnknownPartError(f"there is no '{name}' here", hint=f"there is {choice}")


def load(folder: str, prefix: str, name: str) -> ModuleType:
    """Import one file of the checkout, ``bench/verify.py`` as ``bench.verify``."""
    known(name, names(folder, prefix))
    if str(ROOT) not in sys.path:
        sys.path.insert(0, str(ROOT))
    return importlib.import_module(f"{folder.replace('/', '.')}.{prefix}{name}")


def become(*command: str) -> None:
    """Replace this process by a tool that runs at the top of the checkout."""
    os.chdir(root())
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, "-P", *command])  # noqa: S606 - our own interpreter


def exit_code(*command: str) -> int:
    """Run one Python tool at the top of the checkout and give back its exit code."""
    sys.stdout.flush()
    line = [sys.executable, "-P", *command]
    return subprocess.run(line, check=False, cwd=root()).returncode  # noqa: S603 - our own line
