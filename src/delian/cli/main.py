"""The entry of the command line: find the verb, load its file, turn every end into an exit code.

Exit codes (docs/contract.md): 0 done, 1 refused, 2 usage or bad input, 3 a verification check
failed, 4 not yet, 5 unavailable, 70 our bug, 130 interrupted.
"""

import os
import sys
import traceback
from collections.abc import Sequence
from typing import Any

import click

from delian import __version__
from delian.cli import output, verbs
from delian.cli.lazy import Lazy
from delian.terms.errors import DelianError, InputError, UnavailableError

OUR_BUG = 70
INTERRUPTED = 130
_BROKEN_PIPE = 141


class UsageMistakeError(InputError):
    """The command line itself is wrong: an unknown verb, option or argument."""

    code = "usage"


class WrongFileError(InputError):
    """A file that the command line names is not there or is not a file."""

    code = "wrong-file"


class BugError(DelianError):
    """Something raised what it must not raise; the message says where, never what it held."""

    code = "bug"
    exit_code = OUR_BUG


class Verbs(Lazy):
    """The verbs; the file of one is loaded only when it is called."""

    def format_help(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the overview that ``start`` prints, too."""
        formatter.write(verbs.overview(ctx.command_path) + "\n")


MODULES = {verb.name: f"delian.cli.{verb.name}" for verb in verbs.VERBS}


@click.group(cls=Verbs, modules=MODULES, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="delian")
def root() -> None:
    """Tell industry what to build without anyone learning who needs it."""


def main() -> None:
    """Run the command line of this process and leave with its exit code."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Run one command.

    Args:
        arguments: What follows the program's name.

    Returns:
        The exit code. Nothing escapes as an exception.
    """
    _keep_kernels_out_of_the_package()
    as_json = "--json" in arguments
    program = os.environ.get("DELIAN_PROGRAM", "delian")
    try:
        result: Any = root.main(list(arguments), prog_name=program, standalone_mode=False)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return _BROKEN_PIPE
    except (KeyboardInterrupt, click.Abort):
        output.talk("delian: interrupted")
        return INTERRUPTED
    except click.exceptions.NoArgsIsHelpError as error:
        sys.stdout.write(f"{error.format_message()}\n")
        return 0
    except Exception as error:  # noqa: BLE001 - the last place that can turn it into an exit code
        known = _as_known(error, program)
        output.show_error(known, as_json=as_json)
        return known.exit_code
    return result if isinstance(result, int) else 0


def _keep_kernels_out_of_the_package() -> None:
    """Compiled kernels are cached under the user's cache, never inside the package."""
    cache = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    os.environ.setdefault("NUMBA_CACHE_DIR", os.path.join(cache, "delian", "kernels"))


def _as_known(error: Exception, program: str) -> DelianError:
    """The error of our own tree that says what this one means to the person at the keyboard."""
    if isinstance(error, DelianError):
        return error
    if isinstance(error, click.ClickException):
        message = error.format_message().rstrip(".")
        return UsageMistakeError(
            message[:1].lower() + message[1:], hint=_usage_hint(error, program)
        )
    if isinstance(error, OSError) and error.filename is not None:
        wrong_name = isinstance(error, FileNotFoundError | NotADirectoryError | IsADirectoryError)
        reason = (error.strerror or type(error).__name__).lower()
        kind = WrongFileError if wrong_name else UnavailableError
        return kind(f"{error.filename}: {reason}", hint="check the name and the rights")
    return _as_bug(error)


def _usage_hint(error: click.ClickException, program: str) -> str:
    """Where the reader finds the right form of the command."""
    context = error.ctx if isinstance(error, click.UsageError) else None
    return f"{context.command_path if context else program} --help"


def _as_bug(error: Exception) -> BugError:
    """A report that can be passed on: kinds and places only, no value that was in hand."""
    if os.environ.get("DELIAN_DEBUG") == "1":
        traceback.print_exception(error)
    frames = traceback.extract_tb(error.__traceback__)
    place = f"{os.path.basename(frames[-1].filename)}:{frames[-1].lineno}" if frames else "?"
    return BugError(
        f"this is a bug in delian {__version__}: {type(error).__name__} at {place}",
        hint="report this line; DELIAN_DEBUG=1 shows the traceback, which may contain figures",
    )
