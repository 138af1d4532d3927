"""``delian ledger`` from the shell: every link is checked, and an earlier checkpoint holds."""

import json
import sqlite3
from datetime import UTC, datetime

import pytest

from delian.cli.main import run
from delian.crypto.dsse import Envelope
from delian.nodes.desk import Desk
from delian.nodes.genesis import first_roster, make_party, settle, sign_in
from delian.terms.encode import digest


@pytest.fixture
def home(tmp_path):
    """The settled home of a nation among three, with two entries in its ledger."""
    homes = {code: tmp_path / code for code in ("AAA", "BBB", "CCC")}
    now = datetime(2026, 11, 21, tzinfo=UTC)
    cards = [make_party(h, "nation", c, c, f"gov {c}", now) for c, h in homes.items()]
    roster = first_roster("League", cards)
    signed = [sign_in(h, roster, c) for c, h in homes.items()]
    signatures = tuple(s for envelope in signed for s in envelope.signatures)
    whole = Envelope(signed[0].payload_type, signed[0].payload, signatures)
    settle(homes["AAA"], whole, roster.digest, {"role": "nation", "code": "AAA"})
    ledger = Desk.open(homes["AAA"]).ledger()
    ledger.append("terms", digest(b"terms"), who="SEC", round_id="R1")
    ledger.append("receipt", digest(b"receipt"), who="SEC", round_id="R1")
    return homes["AAA"]


def test_a_whole_ledger_holds(home, capsys):
    assert run(["ledger", "check", "--home", str(home)]) == 0
    assert "delian/AAA: 2 entries" in capsys.readouterr().out


def test_it_continues_a_checkpoint_seen_before(home, tmp_path, capsys):
    seen = tmp_path / "seen.txt"
    seen.write_text(Desk.open(home).ledger().checkpoint().to_text())
    Desk.open(home).ledger().append("withdrawal", digest(b"w"), who="AAA", round_id="R1")
    assert run(["ledger", "check", "--home", str(home), "--checkpoint", str(seen)]) == 0
    assert "continues seen.txt" in capsys.readouterr().out


def test_another_story_is_a_failed_check(home, tmp_path):
    seen = tmp_path / "seen.txt"
    lines = Desk.open(home).ledger().checkpoint().to_text().splitlines()
    lines[2] = "A" * 43 + "="
    seen.write_text("\n".join(lines) + "\n")
    assert run(["ledger", "check", "--home", str(home), "--checkpoint", str(seen)]) == 3


def test_an_altered_entry_is_a_failed_check(home):
    with sqlite3.connect(home / "state.db") as connection:
        (body,) = connection.execute("SELECT body FROM entries WHERE sequence = 0").fetchone()
        altered = body.replace(b"terms", b"forms")
        connection.execute("UPDATE entries SET body = ? WHERE sequence = 0", (altered,))
    connection.close()
    assert run(["ledger", "check", "--home", str(home)]) == 3


def test_list_shows_the_events_in_order(home, capsys):
    assert run(["ledger", "list", "--home", str(home), "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert [entry["kind"] for entry in answer["entries"]] == ["terms", "receipt"]


def test_a_folder_that_is_no_home_is_bad_input(tmp_path):
    assert run(["ledger", "check", "--home", str(tmp_path)]) == 2
