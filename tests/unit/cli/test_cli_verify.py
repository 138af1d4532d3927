"""``delian verify`` from the shell: exit 0 or 3, numbered checks, what it remembers."""

import json

import pytest

from delian.cli.main import run
from delian.terms.encode import utc_text
from tests.release_cases import base
from tests.release_world import NOW

AT = utc_text(NOW)


@pytest.fixture
def release(tmp_path):
    """A whole release on disk: its folder, and the root beside it."""
    made = base()
    folder = tmp_path / "edition-1"
    for name, data in made.folder.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    root = tmp_path / "trust" / "root.json"
    root.parent.mkdir()
    root.write_bytes(made.root)
    return folder, root


@pytest.fixture
def verify(release):
    folder, root = release

    def call(*more):
        return run(["verify", str(folder), "--root", str(root), *more])

    return call


def test_a_whole_release_passes_with_numbered_checks(verify, capsys):
    assert verify("--at", AT) == 0
    out, err = capsys.readouterr()
    assert " 1. ok   the pinned root" in out
    assert "not proof of currency" in out
    assert err == ""


def test_a_changed_byte_is_exit_3_with_its_check_named(verify, release, capsys):
    table = release[0] / "demand.csv"
    table.write_bytes(table.read_bytes().replace(b"2", b"3", 1))
    assert verify("--at", AT) == 3
    out, err = capsys.readouterr()
    assert "FAIL" in out
    assert err.startswith("delian: ")


def test_json_is_one_object_on_success_and_on_failure(verify, release, capsys):
    assert verify("--at", AT, "--json") == 0
    good = json.loads(capsys.readouterr().out)
    assert (good["format"], good["verified"]) == ("delian-verification", True)
    (release[0] / "extra.txt").write_text("more")
    assert verify("--at", AT, "--json") == 3
    bad = json.loads(capsys.readouterr().out)
    assert bad["verified"] is False
    assert bad["error"]["code"] == "verify"
    assert any(check["outcome"] == "failed" for check in bad["checks"])


def test_another_round_or_audience_than_asked_is_exit_3(verify):
    assert verify("--at", AT, "--round", "another") == 3
    assert verify("--at", AT, "--audience", "another") == 3


def test_a_junk_root_is_a_failed_check_and_no_bug(verify, release):
    release[1].write_bytes(b"{}")
    assert verify("--at", AT) == 3


def test_versions_are_remembered_beside_the_root_only_after_success(
    verify, release, monkeypatch, capsys
):
    monkeypatch.setattr("delian.cli.verify.now", lambda: NOW)
    beside = release[1].parent / "root.json.seen"
    (release[0] / "extra.txt").write_text("more")
    assert verify() == 3
    assert not beside.exists()
    (release[0] / "extra.txt").unlink()
    assert verify() == 0
    assert beside.exists()
    capsys.readouterr()
    assert verify() == 0
    assert "nothing is older than before" in capsys.readouterr().out


def test_without_state_it_says_so(verify, monkeypatch, capsys):
    monkeypatch.setattr("delian.cli.verify.now", lambda: NOW)
    assert verify("--no-state") == 0
    assert "rollback not checked" in capsys.readouterr().out


def test_a_link_in_the_folder_is_refused(verify, release):
    (release[0] / "more.csv").symlink_to(release[0] / "demand.csv")
    assert verify("--at", AT) == 3


def test_a_moment_that_is_none_is_bad_usage(verify):
    assert verify("--at", "yesterday") == 2
