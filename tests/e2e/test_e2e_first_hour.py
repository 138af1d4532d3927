"""docs/howto/first-hour.md from the shell: six nations, three hosts, one secretariat, running."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from delian.cli.main import run
from delian.nodes.desk import Desk
from tests.cli_world import (
    EVERYBODY,
    NATIONS,
    START,
    call,
    first_hour,
    free_ports,
    make_terms,
    terms_file,
)

ROOT = Path(__file__).parents[2]
HOWTO = (ROOT / "docs" / "howto" / "first-hour.md").read_text(encoding="utf-8")
TRIES = 200


@pytest.fixture(scope="module")
def hour(tmp_path_factory):
    """Everybody settled; the secretariat and one agent run as processes of their own."""
    folder = tmp_path_factory.mktemp("hour")
    homes = first_hour(folder, office=f"https://127.0.0.1:{free_ports(1)[0]}")
    started = []
    for words in (
        ("secretariat", "run", "--home", homes["SEC"]),
        ("agent", "run", "--home", homes["FRA"]),
    ):
        line = [sys.executable, "-m", "delian", *map(str, words)]
        environ = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
        started.append(subprocess.Popen(line, env=environ, stderr=subprocess.DEVNULL))
    yield folder, homes
    for process in started:
        process.terminate()
        process.wait()


def until(condition):
    """Ask again until *condition* answers; asking takes its time by itself."""
    for _ in range(TRIES):
        found = condition()
        if found:
            return found
    pytest.fail("it did not come about")


def test_every_home_opens_with_its_own_keys(hour):
    _, homes = hour
    for code in EVERYBODY:
        desk = Desk.open(homes[code])
        assert desk.code == code
        assert desk.membership.recovered == ()
        states = json.loads(call("keys", "list", "--home", homes[code], "--json"))["keys"]
        assert {key["state"] for key in states} == {"in use"}


def test_doctor_finds_a_running_office_and_a_right_clock(hour):
    _, homes = hour
    until(lambda: run(["doctor", "--home", str(homes["BEL"])]) == 0)
    said = json.loads(call("doctor", "--home", homes["BEL"], "--json"))
    found = {f["what"]: f for f in said["findings"]}
    assert all(f["ok"] for f in found.values())
    assert {"office and clock", "certificate of SEC", "ledger", "disk", "keys"} < set(found)


def test_doctor_says_what_is_down(hour, tmp_path):
    _, homes = hour
    toml = (homes["NOR"] / "node.toml").read_text()
    address = re.search(r"https://[\d.:]+", toml).group()
    try:
        (homes["NOR"] / "node.toml").write_text(
            toml.replace(address, f"https://127.0.0.1:{free_ports(1)[0]}")
        )
        (homes["NOR"] / "keys" / "officer.key").chmod(0o644)
        said = json.loads(call("doctor", "--home", homes["NOR"], "--json", code=5))
    finally:
        (homes["NOR"] / "node.toml").write_text(toml)
        (homes["NOR"] / "keys" / "officer.key").chmod(0o600)
    assert [f["what"] for f in said["findings"] if not f["ok"]] == ["key files", "office and clock"]
    assert said["error"]["code"] == "not-well"


def test_terms_reach_the_agent_and_its_officer_objects(hour):
    folder, homes = hour
    until(lambda: run(["doctor", "--home", str(homes["SEC"])]) == 0)
    terms = make_terms(homes, START)
    path = terms_file(folder, terms)
    opened = json.loads(call("secretariat", "open-round", path, "--home", homes["SEC"], "--json"))

    def waits():
        rounds = json.loads(call("status", "--home", homes["FRA"], "--json"))["rounds"]
        return rounds and rounds[0]["waits"]

    (asked,) = until(waits)
    assert opened["proposal"][7:19] in asked
    words = ("--home", homes["FRA"], "--reason", "the deadline is too early")
    said = json.loads(call("agent", "object", *words, "--json"))
    until(lambda: "broken" in call("status", "--home", homes["SEC"], "--json"))
    why = json.loads(call("explain", opened["proposal"], "--home", homes["SEC"], "--json"))
    assert why["proposal"]["state"] == "broken"
    assert [v["digest"] for v in why["proposal"]["voices"]] != []
    assert json.loads(call("explain", said["digest"], "--home", homes["FRA"], "--json"))[
        "signed_by"
    ] == ["FRA/officer"]


def test_too_few_officers_make_no_root(hour, tmp_path):
    folder, homes = hour
    parts = [folder / f"root.{code}.json" for code in NATIONS[:3]]
    out = tmp_path / "root.json"
    call("init", "join-root", *parts, "--home", tmp_path / "sec", "--out", out, code=1)
    assert not out.exists()
    kept = (homes["SEC"] / "root.json").read_bytes()
    call("init", "join-root", *parts, "--home", homes["SEC"], "--out", out)  # nothing is lost
    assert out.read_bytes() == kept


def test_a_home_is_not_settled_on_another_digest(hour, tmp_path):
    folder, homes = hour
    signed = folder / "roster.signed.json"
    wrong = "sha256:" + "0" * 64
    call("init", "settle", signed, "--home", homes["BEL"], "--digest", wrong, code=3)
    call("init", "settle", signed, "--home", homes["BEL"], code=1)
    alone = folder / "roster.FRA.json"
    digest = Desk.open(homes["BEL"]).settings.roster_digest
    call("init", "settle", alone, "--home", homes["BEL"], "--digest", digest, code=4)


def test_the_how_to_names_commands_and_options_that_exist():
    blocks = re.findall(r"^```sh\n(.*?)^```", HOWTO, re.M | re.S)
    lines = [x for b in blocks for x in b.replace("\\\n", " ").splitlines()]
    assert len(lines) > 18
    for line in lines:
        words = line.split()
        assert words[0] == "delian"
        command = [w for w in words[1:3] if w.isascii() and re.fullmatch(r"[a-z][a-z-]*", w)]
        known = call(*command, "--help")
        options = re.findall(r"(--[a-z-]+)", line)
        assert [o for o in options if o not in known] == [], line
