"""The suite of stock TDF clients itself: what counts, and what never counts as passed."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.conformance.tdf import checks, peers, suite
from tests.conformance.tdf.peers import Peer

ECHO = "import sys\nfor line in sys.stdin:\n    print(line, end='', flush=True)\n"


def test_every_check_has_a_name_of_its_own() -> None:
    names = [name for name, _ in checks.every()]
    assert len(names) == len(set(names)) >= 54
    words = ("go", "otdf-python", "we", "rsa", "ec", "4.3.0", "4.2.2", "split", "label", "withdraw")
    assert all(any(word in name for name in names) for word in words)


def test_without_go_nothing_ran_and_nothing_passed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(peers, "GO_PLACES", ("no-such-go",))
    assert suite.main(["--json"]) == 5
    told = capsys.readouterr()
    assert json.loads(told.out)["passed"] == 0
    assert "not run here: needs go" in told.err


def test_a_check_that_does_not_hold_is_a_failure(capsys: pytest.CaptureFixture[str]) -> None:
    def broken(_house: Any) -> None:
        checks.must_give({"ok": True, "plain": b"something else"})

    assert "something else" in suite._problem(("broken", broken), None)  # type: ignore[arg-type]
    assert suite._problem(("whole", lambda _house: None), None) == ""  # type: ignore[arg-type]
    assert "FAILED broken" in capsys.readouterr().err


@pytest.mark.parametrize(
    "answer",
    [
        {"ok": True, "plain": checks.PLAIN},
        {"ok": False, "plain": b"half", "error": "PermissionDenied"},
        {"ok": False, "plain": b"", "error": "the service is away"},
    ],
)
def test_a_refusal_must_be_one_and_say_why(answer: dict[str, Any]) -> None:
    with pytest.raises(AssertionError):
        checks.must_refuse(answer, "PermissionDenied")


def test_a_client_answers_job_by_job_and_its_end_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(peers, "FOLDER", tmp_path)
    echo = tmp_path / "echo.py"
    echo.write_text(ECHO)
    peer = Peer([sys.executable, str(echo)], tmp_path / "authority.pem")
    assert [peer.do(number=n)["number"] for n in range(3)] == [0, 1, 2]
    peer.close()
    ended = Peer([sys.executable, "-c", "pass"], tmp_path / "authority.pem")
    with pytest.raises((RuntimeError, BrokenPipeError)):
        ended.do(number=1)
    ended.close()


def test_the_go_that_is_there_is_asked_for_its_age(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(peers, "FOLDER", tmp_path)
    for said, version in (("go1.19.8 linux/amd64", (1, 19)), ("go1.26.10 x", (1, 26))):
        program = tmp_path / "go"
        program.write_text(f"#!/bin/sh\necho go version {said}\n")
        program.chmod(0o755)
        assert peers._version(str(program)) == version
