"""``start``: what makes it set up, what makes it not, and what it does after a failure."""

import importlib.util
import subprocess
import sys
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType

import pytest

from delian.cli import verbs

ROOT = Path(__file__).parents[3]


@pytest.fixture
def start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The bootstrap over an environment of its own; package tools only write down their calls."""
    monkeypatch.setenv("DELIAN_VENV", str(tmp_path / "env"))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    loader = SourceFileLoader("delian_start", str(ROOT / "start"))
    spec = importlib.util.spec_from_loader("delian_start", loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    module.calls = []

    def run(*command: str) -> None:
        module.calls.append(command)
        if "venv" in command:
            subprocess.run(command, check=True)

    monkeypatch.setattr(module, "run", run)
    monkeypatch.setattr(module, "pip", lambda: [sys.executable, "-m", "pip"])
    monkeypatch.setattr(module.shutil, "which", lambda _name: None)
    return module


def installs(start: ModuleType) -> list[str]:
    return [Path(c[-1]).name for c in start.calls if "install" in c]


def test_the_first_start_installs_and_the_second_does_nothing(start) -> None:
    start.prepare("demo", "")
    assert installs(start) == ["requirements.lock"]
    start.calls.clear()
    start.prepare("verify", "")
    assert start.calls == []


def test_only_a_developers_verb_installs_the_test_packages(start) -> None:
    start.prepare("demo", "")
    start.prepare("test", "")
    assert installs(start) == ["requirements.lock", "requirements-test.lock"]


def test_every_install_checks_hashes_and_builds_nothing(start) -> None:
    start.prepare("test", "wheelhouse")
    for call in start.calls:
        if "install" in call:
            assert {"--require-hashes", "--only-binary", "--no-index", "wheelhouse"} <= set(call)


def test_a_set_up_that_failed_begins_anew(start, monkeypatch) -> None:
    honest = start.run

    def fail(*command: str) -> None:
        if "install" in command:
            raise subprocess.CalledProcessError(1, command)
        honest(*command)

    monkeypatch.setattr(start, "run", fail)
    assert start.main(["demo"]) == 5
    (start.VENV / "left-over").write_text("half a package")
    monkeypatch.setattr(start, "run", honest)
    start.prepare("demo", "")
    assert installs(start) == ["requirements.lock"]
    assert not (start.VENV / "left-over").exists()
    assert start.is_ready(start.RUNTIME)


def test_a_failed_test_set_up_leaves_the_product_usable(start, monkeypatch) -> None:
    start.prepare("demo", "")
    honest = start.run

    def fail(*command: str) -> None:
        raise subprocess.CalledProcessError(1, command)

    monkeypatch.setattr(start, "run", fail)
    assert start.main(["test"]) == 5
    start.prepare("demo", "")
    monkeypatch.setattr(start, "run", honest)
    start.calls.clear()
    start.prepare("test", "")
    assert installs(start) == ["requirements.lock", "requirements-test.lock"]


@pytest.mark.parametrize("change", ["lock", "source", "interpreter"])
def test_a_change_of_lock_tree_or_interpreter_is_noticed(start, monkeypatch, change) -> None:
    start.prepare("demo", "")
    assert start.is_ready(start.RUNTIME)
    if change == "lock":
        other = start.VENV.parent / "requirements.lock"
        other.write_text("click==0\n")
        monkeypatch.setattr(start, "RUNTIME", other)
    elif change == "source":
        monkeypatch.setattr(start, "SOURCE", Path("elsewhere"))
    else:
        start.PYTHON.unlink()
        start.PYTHON.symlink_to("/bin/sh")
    assert not start.is_ready(start.RUNTIME)


@pytest.mark.parametrize("name", ["thesis.txt", "pyvenv.cfg"])
def test_a_folder_that_start_did_not_make_is_left_alone(start, name) -> None:
    start.VENV.mkdir()
    (start.VENV / name).write_text("irreplaceable")
    with pytest.raises(SystemExit) as refusal:
        start.prepare("demo", "")
    assert refusal.value.code == 2
    assert (start.VENV / name).read_text() == "irreplaceable"


@pytest.mark.parametrize("arguments", [[], ["--help"], ["help"]])
def test_help_needs_no_set_up(start, capsys, arguments) -> None:
    assert start.main(arguments) == 0
    assert capsys.readouterr().out.rstrip() == verbs.overview("./start")
    assert start.calls == []


def test_set_up_talks_on_stderr_only(start, capsys) -> None:
    start.prepare("demo", "")
    out, err = capsys.readouterr()
    assert out == ""
    assert "first start" in err


def test_an_old_python_gets_a_sentence(start, capsys, monkeypatch) -> None:
    monkeypatch.setattr(start.sys, "version_info", (3, 9, 2))
    assert start.main(["demo"]) == 2
    assert "Python 3.11 or newer" in capsys.readouterr().err


def test_an_option_without_its_folder_is_refused(start, capsys) -> None:
    with pytest.raises(SystemExit) as refusal:
        start.main(["--wheels"])
    assert refusal.value.code == 2
    assert "--wheels needs a folder" in capsys.readouterr().err


def test_start_and_the_verbs_agree_on_who_needs_test_packages(start) -> None:
    assert {verb.name for verb in verbs.VERBS if verb.needs_tests} == start.TEST_VERBS
