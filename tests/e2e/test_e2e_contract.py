"""What scripts rely on (docs/contract.md), with one demonstration of a small alliance."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from delian.cli.main import run

NATIONS = 6
pytestmark = pytest.mark.timeout(400)


def delian(*arguments, cwd):
    command = [sys.executable, "-P", "-m", "delian", *map(str, arguments)]
    return subprocess.run(command, check=False, cwd=cwd, capture_output=True, text=True)


@pytest.fixture(scope="module")
def out(tmp_path_factory):
    return tmp_path_factory.mktemp("demo") / "out"


@pytest.fixture(scope="module")
def answer(out):
    options = ["--nations", NATIONS, "--cells", 30, "--seed", 7]
    done = delian("demo", "--json", "--out", out, *options, cwd=out.parent)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture
def copy(out, answer, tmp_path):
    """The first edition and the root, to be broken."""
    shutil.copytree(out / answer["release"], tmp_path / "edition")
    shutil.copy(out / answer["root"], tmp_path / "root.json")
    return tmp_path / "edition", tmp_path / "root.json"


def test_the_answer_has_the_promised_members(answer):
    assert (answer["format"], answer["version"]) == ("delian-demo", 1)
    assert answer["nations"] == NATIONS
    assert answer["proposals"] >= 2
    assert answer["verified"] is True
    assert len(answer["editions"]) == 2
    for name in ("blocks", "withheld", "carried_forward"):
        assert isinstance(answer[name], int)
    assert answer["seconds"] > 0


def test_paths_are_relative_to_out_and_the_root_lies_outside_the_release(out, answer):
    for name in (answer["release"], answer["root"], *answer["editions"]):
        assert not Path(name).is_absolute(), name
        assert (out / name).exists(), name
    assert answer["editions"][0] == answer["release"]
    assert not (out / answer["root"]).is_relative_to(out / answer["release"])


def test_no_estimate_comes_closer_than_the_rule(answer):
    attack = answer["attack"]
    assert attack["worst_margin_percent"] >= attack["rule_percent"]
    assert attack["worst_margin_with_rule_percent"] <= attack["worst_margin_percent"]


def test_every_plain_sheet_is_there_for_the_judge(out):
    codes = {path.stem[-3:] for path in (out / "sheets").glob("*.csv")}
    assert len(codes) == NATIONS


def test_a_stranger_can_recompute_every_total(out, answer):
    """His own attack starts here: totals of `opened.json` from the plain sheets, by hand."""
    sheets = {}
    for path in (out / "sheets").glob("*.csv"):
        rows = [line.split(",") for line in path.read_text("utf-8-sig").splitlines()[2:]]
        round_id = path.stem[:-4]
        for row in rows:
            cell = "/".join((row[0], row[-4], row[-3], row[-5]))
            key = (round_id, cell)
            sheets[key] = sheets.get(key, 0) + int(row[-1] or 0)
    for name in answer["editions"]:
        opened = json.loads((out / name / "opened.json").read_bytes())
        assert opened["blocks"]
        for block in opened["blocks"]:
            assert block["state"] in {"new", "reopened", "carried"}
            true = sum(sheets[(block["opened_in"], cell)] for cell in block["cells"])
            assert block["total"] == true, block["cells"]


def test_verify_passes_each_edition_and_says_so_in_numbers(out, answer, capsys):
    for name in answer["editions"]:
        arguments = [str(out / name), "--root", str(out / answer["root"]), "--no-state"]
        assert run(["verify", *arguments, "--deep"]) == 0
        assert " 1. ok " in capsys.readouterr().out


def test_a_changed_byte_anywhere_is_exit_3(copy, capsys):
    folder, root = copy
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        whole = path.read_bytes()
        path.write_bytes(whole[:-2] + bytes([whole[-2] ^ 1]) + whole[-1:])
        code = run(["verify", str(folder), "--root", str(root), "--no-state", "--json"])
        assert code == 3, path.name
        assert json.loads(capsys.readouterr().out)["verified"] is False
        path.write_bytes(whole)
    assert run(["verify", str(folder), "--root", str(root), "--no-state"]) == 0


def test_the_metadata_lives_at_least_a_year(out, answer):
    moment = "2027-10-01T00:00:00Z"
    arguments = [str(out / answer["release"]), "--root", str(out / answer["root"])]
    assert run(["verify", *arguments, "--at", moment]) == 0


def test_the_attack_gives_the_same_margins_from_the_files_alone(out, answer, capsys):
    editions = [str(out / name) for name in answer["editions"]]
    assert run(["attack", *editions, "--sheets", str(out / "sheets"), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    for name in ("worst_margin_percent", "worst_margin_with_rule_percent", "rule_percent"):
        assert found[name] == answer["attack"][name]


def test_the_ledger_of_every_node_holds(out, answer):
    homes = [path for path in (out / "homes").iterdir() if (path / "node.toml").exists()]
    assert len(homes) == NATIONS + 3 + 1
    for home in homes:
        assert run(["ledger", "check", "--home", str(home)]) == 0


def test_a_folder_of_somebody_else_is_left_alone(tmp_path):
    (tmp_path / "thesis.txt").write_text("irreplaceable")
    done = delian("demo", "--json", "--out", tmp_path, cwd=tmp_path)
    assert done.returncode in {1, 2}
    assert json.loads(done.stdout)["error"]["code"]
    assert (tmp_path / "thesis.txt").exists()
