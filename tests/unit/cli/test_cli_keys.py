"""``delian keys`` and ``delian init`` from the shell: passphrases, refusals, answers."""

import io
import json

import pytest

from delian.crypto import passphrase as locked_file
from delian.nodes.desk import Desk
from delian.terms.encode import parse
from tests.cli_world import call, first_hour


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    monkeypatch.setattr(locked_file, "_LOG2_COST", 10)


@pytest.fixture
def home(tmp_path):
    call("init", "nation", "FRA", "--home", tmp_path / "FRA", "--name", "France")
    return tmp_path / "FRA"


def test_a_home_is_made_once(home):
    before = (home / "keys" / "agent.key").read_bytes()
    call("init", "nation", "FRA", "--home", home, "--name", "France", code=1)
    assert (home / "keys" / "agent.key").read_bytes() == before
    assert (home / "keys").stat().st_mode & 0o777 == 0o700
    assert before not in (home / "card.json").read_bytes()


@pytest.mark.parametrize("algorithm", ["ed25519", "ml-dsa-65"])
def test_signatures_may_be_post_quantum(tmp_path, algorithm):
    home = tmp_path / "BEL"
    words = ("--home", home, "--name", "Belgium", "--algorithm", algorithm)
    call("init", "nation", "BEL", *words)
    keys = json.loads(call("keys", "list", "--home", home, "--json"))["keys"]
    assert {key["public"].partition(":")[0] for key in keys} == {algorithm}


def test_a_nation_is_named_by_its_country_code(tmp_path):
    call("init", "nation", "France", "--home", tmp_path / "x", "--name", "France", code=2)


def test_the_passphrase_comes_from_a_file_or_the_keyboard_and_opens_the_backup(
    home, tmp_path, monkeypatch
):
    word, out = tmp_path / "word", tmp_path / "fra.locked"
    word.write_text("four words are enough\nnot this\n")
    call("keys", "backup", "--home", home, "--out", out, "--passphrase-file", word)
    assert out.stat().st_mode & 0o777 == 0o600
    monkeypatch.setattr("click.termui.hidden_prompt_func", lambda _text: "four words are enough")
    said = call("keys", "restore", out, "--home", tmp_path / "new")
    assert "FRA: keys/officer.key" in said
    word.write_text("three words only\n")
    call("keys", "restore", out, "--home", tmp_path / "x", "--passphrase-file", word, code=3)
    assert not (tmp_path / "x" / "keys").exists()


@pytest.mark.parametrize("text", ["", "short\n"])
def test_no_passphrase_or_a_short_one_makes_no_backup(home, tmp_path, text):
    word, out = tmp_path / "word", tmp_path / "fra.locked"
    word.write_text(text)
    call("keys", "backup", "--home", home, "--out", out, "--passphrase-file", word, code=2)
    assert not out.exists()


def test_rotation_changes_nothing_by_itself(home):
    before = {p.name: p.read_bytes() for p in (home / "keys").glob("*.key")}
    call("keys", "rotate", "agent", "--home", home)
    assert {p.name: p.read_bytes() for p in (home / "keys").glob("*.key")} == before
    states = json.loads(call("keys", "list", "--home", home, "--json"))["keys"]
    assert [k["name"] for k in states if k["state"] == "next"] == ["agent"]
    call("keys", "rotate", "agent", "--home", home, code=1)
    call("keys", "rotate", "host-seal", "--home", home, code=1)


def test_a_roster_lists_cards_and_who_leaves(home, tmp_path):
    out, second = tmp_path / "roster.json", tmp_path / "second.json"
    said = call("init", "roster", home / "card.json", "--partnership", "L", "--out", out)
    assert said.startswith("sha256:")
    words = ("--after", out, "--out", second, "--leaves")
    call("init", "roster", *words, "FRA=2027-01-01")
    assert parse(second.read_bytes())["parties"][0]["left"] == "2027-01-01"
    assert parse(second.read_bytes())["previous"] == said.strip()
    call("init", "roster", *words, "FRA=soon", code=2)
    call("init", "roster", *words, "XYZ=2027-01-01", code=2)


def test_a_stranger_cannot_sign_a_roster(home, tmp_path):
    other, out = tmp_path / "BEL", tmp_path / "roster.json"
    call("init", "nation", "BEL", "--home", other, "--name", "Belgium")
    call("init", "roster", other / "card.json", "--partnership", "L", "--out", out)
    call("init", "sign-roster", out, "--home", home, "--out", tmp_path / "s.json", code=2)


def test_a_folder_that_is_no_home_says_so(home, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    for verb in ("status", "doctor", "explain"):
        words = (verb, "abcdef") if verb == "explain" else (verb,)
        assert json.loads(call(*words, "--home", home, "--json", code=2))["error"]["code"] == (
            "settings"
        )


def test_a_variable_wins_over_the_file(tmp_path, monkeypatch):
    homes = first_hour(tmp_path)
    assert Desk.open(homes["FRA"]).settings.poll_seconds == 5
    monkeypatch.setenv("DELIAN_POLL_SECONDS", "7")
    assert Desk.open(homes["FRA"]).settings.poll_seconds == 7
    monkeypatch.setenv("DELIAN_ROLE", "judge")
    said = json.loads(call("status", "--home", homes["FRA"], "--json", code=2))
    assert said["error"]["code"] == "settings"
