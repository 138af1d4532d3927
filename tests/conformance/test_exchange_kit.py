"""How a kit's answer is counted: whatever did not run or did not pass is never a pass."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conformance import kit
from tests.conformance.kit import Kit, Result

KIT = Kit("dsp", "launcher", ("package",), expected=3, skipped=1)


def report(folder: Path, *cases: str, name: str = "TEST-junit-jupiter.xml") -> Result:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(f"<testsuite>{''.join(cases)}</testsuite>")
    return kit.read_report("dsp", folder, 1.25)


def case(name: str, inside: str = "") -> str:
    return f'<testcase name="{name}">{inside}</testcase>'


GREEN = (case("a"), case("b"), case("c"), case("d", "<skipped/>"))


def test_all_that_had_to_run_ran_and_passed(tmp_path: Path) -> None:
    judged = kit.judge(KIT, report(tmp_path, *GREEN), 0)
    assert judged.is_green and judged.problems == ()
    assert judged.to_plain() == {
        "suite": "dsp",
        "passed": 3,
        "failed": 0,
        "skipped": 1,
        "not_run": 0,
        "seconds": 1.2,
        "problems": [],
    }


@pytest.mark.parametrize("tag", ["failure", "error"])
def test_a_failure_is_named_with_its_first_line(tmp_path: Path, tag: str) -> None:
    broken = case("c", f'<{tag} message="expected 200&#10;more"/>')
    judged = kit.judge(KIT, report(tmp_path, case("a"), case("b"), broken), 1)
    assert not judged.is_green
    assert (judged.passed, judged.failed, judged.not_run) == (2, 1, 0)
    assert judged.problems == ("c: expected 200",)


def test_a_test_that_did_not_run_is_not_a_pass(tmp_path: Path) -> None:
    judged = kit.judge(KIT, report(tmp_path, case("a"), case("b")), 0)
    assert not judged.is_green and judged.not_run == 1
    assert judged.problems == ("1 of 3 tests did not run",)


def test_one_more_skipped_than_known_is_not_a_pass(tmp_path: Path) -> None:
    judged = kit.judge(KIT, report(tmp_path, *GREEN, case("e", "<skipped/>")), 0)
    assert not judged.is_green and judged.not_run == 1


def test_a_missing_or_broken_report_is_not_a_pass(tmp_path: Path) -> None:
    empty = kit.judge(KIT, kit.read_report("dsp", tmp_path), 0)
    assert not empty.is_green and (empty.passed, empty.not_run) == (0, 3)
    (tmp_path / "TEST-x.xml").write_text("<testsuite><testcase")
    cut = kit.judge(KIT, kit.read_report("dsp", tmp_path), 0)
    assert not cut.is_green and "cannot be read" in cut.problems[0]


def test_a_launcher_that_ends_badly_is_not_a_pass(tmp_path: Path) -> None:
    judged = kit.judge(KIT, report(tmp_path, *GREEN), 2)
    assert not judged.is_green and judged.failed == 1
    assert "ended with 2" in judged.problems[0]


def test_twenty_runs_are_green_only_together() -> None:
    good, bad = Result("dsp", 65, 0, 2, 0, 30.0), Result("dsp", 64, 1, 2, 0, 30.0, ("x: y",))
    both = kit.together("dsp", [good, bad, good])
    assert (both.passed, both.failed, both.skipped, both.seconds) == (194, 1, 6, 90.0)
    assert not both.is_green and both.problems == ("x: y",)
    assert kit.together("dsp", [good, good]).is_green


@pytest.mark.parametrize(("failed", "code"), [(0, 0), (1, 1)])
def test_the_answer_as_json_and_its_exit_code(
    failed: int, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert kit.answer(Result("edc", 4, failed), as_json=True) == code
    said = json.loads(capsys.readouterr().out)
    assert (said["suite"], said["passed"], said["failed"]) == ("edc", 4, failed)


def test_a_suite_in_which_nothing_ran_is_not_green() -> None:
    assert not Result("edc", 0, 0).is_green


def test_missing_tools_are_said_and_are_not_a_pass(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(kit.shutil, "which", lambda _: None)
    with pytest.raises(kit.UnavailableHereError, match=r"java .*mvn"):
        kit.require_tools()
    assert kit.unavailable("dsp", "java", as_json=True) == kit.UNAVAILABLE
    said = capsys.readouterr()
    assert json.loads(said.out)["passed"] == 0
    assert said.err == "not run here: needs java\n"


def test_ports_are_different_and_nobody_listens() -> None:
    ports = kit.free_ports(8)
    assert len(set(ports)) == 8
    assert kit.status_of(f"http://127.0.0.1:{ports[0]}/") == 0


def test_a_child_ends_with_its_block_and_its_end_is_told(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with kit.process([sys.executable, "-c", "import signal; signal.pause()"], log) as child:
        assert child.poll() is None
    assert child.poll() is not None
    with kit.process([sys.executable, "-c", "raise SystemExit('no port')"], log) as child:
        child.wait(30)
        with pytest.raises(RuntimeError, match=r"ended with 1: no port"):
            kit.wait_ready(child, "http://127.0.0.1:9/", log, 5)


def test_a_child_that_will_not_go_is_ended(tmp_path: Path) -> None:
    ignores = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(1, flush=True)\n"
    command = [sys.executable, "-c", ignores + "while True: signal.pause()"]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, start_new_session=True)
    with child:
        assert child.stdout is not None and child.stdout.readline() == b"1\n"
        kit.stop(child, 0.2)
        assert child.returncode == -9
