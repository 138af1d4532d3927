"""Every way a command can end is an exit code, a sentence and, where asked, one JSON object."""

import json
from collections.abc import Callable

import click
import pytest

from delian.cli import main as cli
from delian.cli import output, verbs
from delian.terms.errors import (
    DelianError,
    InputError,
    NotYetError,
    RefusedError,
    TamperedError,
    UnavailableError,
)

ENDS = [
    (RefusedError("a rule says no", hint="ask the chair"), 1, "refused"),
    (InputError("not a number", where="row 4"), 2, "input"),
    (TamperedError("a digest does not hold"), 3, "tampered"),
    (NotYetError("the deadline has not come"), 4, "not-yet"),
    (UnavailableError("the link is down"), 5, "unavailable"),
    (click.UsageError("No such option: --x."), 2, "usage"),
    (FileNotFoundError(2, "No such file or directory", "sheet.xlsx"), 2, "wrong-file"),
    (PermissionError(13, "Permission denied", "sheet.xlsx"), 5, "unavailable"),
    (ValueError("figure 4711"), 70, "bug"),
]


@pytest.fixture(autouse=True)
def installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """As an installed package, whatever called this test."""
    monkeypatch.delenv("DELIAN_PROGRAM", raising=False)
    monkeypatch.delenv("DELIAN_DEBUG", raising=False)


@pytest.fixture
def verb(monkeypatch: pytest.MonkeyPatch) -> Callable[[BaseException | None], None]:
    """Make ``delian probe`` a verb that ends in the given way."""

    def plant(end: BaseException | None) -> None:
        @click.command()
        @output.json_option
        def probe(as_json: bool) -> None:
            """End as planted."""
            if end is not None:
                raise end
            output.show("probe", {"answer": 42}, ["the answer is 42"], as_json=as_json)

        monkeypatch.setattr(cli.root, "get_command", lambda _context, _name: probe)

    return plant


@pytest.mark.parametrize(("end", "code", "name"), ENDS, ids=[e[2] for e in ENDS])
def test_an_error_is_a_sentence_and_an_exit_code(verb, capsys, end, code, name) -> None:
    verb(end)
    assert cli.run(["probe"]) == code
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("delian: ")
    assert "4711" not in err
    assert "Traceback" not in err


@pytest.mark.parametrize(("end", "code", "name"), ENDS, ids=[e[2] for e in ENDS])
def test_json_is_one_object_also_on_failure(verb, capsys, end, code, name) -> None:
    verb(end)
    assert cli.run(["probe", "--json"]) == code
    out, _err = capsys.readouterr()
    answer = json.loads(out)
    assert (answer["format"], answer["version"]) == ("delian-error", 1)
    assert answer["error"]["code"] == name
    assert set(answer["error"]) == {"code", "message", "hint", "where"}
    assert "4711" not in out


def test_a_result_goes_to_stdout_alone(verb, capsys) -> None:
    verb(None)
    assert cli.run(["probe"]) == 0
    assert capsys.readouterr() == ("the answer is 42\n", "")
    assert cli.run(["probe", "--json"]) == 0
    out, err = capsys.readouterr()
    assert json.loads(out) == {"format": "delian-probe", "version": 1, "answer": 42}
    assert err == ""


@pytest.mark.parametrize("end", [KeyboardInterrupt(), click.Abort()])
def test_an_interrupt_is_130(verb, end) -> None:
    verb(end)
    assert cli.run(["probe"]) == 130


def test_the_place_and_the_hint_are_told(verb, capsys) -> None:
    verb(InputError("negative figure", where="sheet 'Needs', row 4, column C", hint="mend it"))
    cli.run(["probe"])
    said = capsys.readouterr().err
    assert said == "delian: sheet 'Needs', row 4, column C: negative figure\nhint: mend it\n"


def test_a_bug_says_where_and_shows_its_traceback_only_on_request(
    verb, capsys, monkeypatch
) -> None:
    verb(ValueError("figure 4711"))
    cli.run(["probe"])
    assert "ValueError at test_cli_main.py:" in capsys.readouterr().err
    monkeypatch.setenv("DELIAN_DEBUG", "1")
    cli.run(["probe"])
    assert "figure 4711" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [[], ["--help"], ["-h"]])
def test_no_verb_means_help(capsys, arguments) -> None:
    assert cli.run(arguments) == 0
    assert verbs.overview("delian") in capsys.readouterr().out


def test_an_unknown_verb_is_a_usage_mistake(capsys) -> None:
    assert cli.run(["frobnicate"]) == 2
    assert "frobnicate" in capsys.readouterr().err


@pytest.mark.parametrize("verb_name", [v.name for v in verbs.VERBS])
def test_every_verb_loads_and_explains_itself(capsys, verb_name) -> None:
    assert cli.run([verb_name, "--help"]) == 0
    assert "Usage:" in capsys.readouterr().out


def test_errors_of_the_command_line_are_in_the_tree() -> None:
    assert issubclass(cli.BugError, DelianError)
    assert cli.BugError.exit_code == 70
