"""What a command prints: the result on stdout, talk on stderr, one JSON object where asked."""

import json
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

import click

from delian.terms.errors import DelianError

VERSION = 1
Function = TypeVar("Function", bound=Callable[..., Any])


def json_option(command: Function) -> Function:
    """Give a command ``--json``; it arrives as the argument ``as_json``."""
    about = "Print one JSON object instead of text."
    return click.option("--json", "as_json", is_flag=True, help=about)(command)


def show(kind: str, fields: Mapping[str, object], text: Iterable[str], *, as_json: bool) -> None:
    """Print a command's result.

    Args:
        kind: Names the form of the JSON object: ``delian-<kind>``.
        fields: Its members besides ``format`` and ``version``.
        text: The lines for a person.
        as_json: Whether the caller asked for JSON.
    """
    if as_json:
        sys.stdout.write(encode(kind, fields))
    else:
        sys.stdout.write("".join(f"{line}\n" for line in text))
    sys.stdout.flush()


def encode(kind: str, fields: Mapping[str, object]) -> str:
    """One answer as a line of JSON; ratios and seconds may be fractions here."""
    answer = {"format": f"delian-{kind}", "version": VERSION, **fields}
    return json.dumps(answer, ensure_ascii=False, allow_nan=False) + "\n"


def talk(message: str) -> None:
    """Tell a waiting person what happens, on stderr."""
    sys.stderr.write(f"{message}\n")
    sys.stderr.flush()


def show_error(
    error: DelianError,
    *,
    as_json: bool,
    more: Mapping[str, object] | None = None,
    above: Iterable[str] = (),
) -> None:
    """Say what went wrong and what the reader can do next.

    Args:
        error: The failure.
        as_json: Whether the caller asked for JSON.
        more: Further members of the JSON object, beside ``error``.
        above: Lines on stderr before the error's own.
    """
    if as_json:
        sys.stdout.write(encode("error", {"error": error.to_wire(), **(more or {})}))
        sys.stdout.flush()
    for line in above:
        talk(line)
    place = f"{error.where}: " if error.where else ""
    talk(f"delian: {place}{error.message}")
    if error.hint:
        talk(f"hint: {error.hint}")
