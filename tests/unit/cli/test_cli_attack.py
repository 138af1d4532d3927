"""``delian attack`` from the shell: margins of editions against the true sheets."""

import json

import pytest

from delian.cli.main import run
from delian.contribute.template import template_csv
from delian.crypto.dsse import document_type, sign
from delian.terms.encode import canonical
from delian.terms.table import Block, State, Table
from tests.contribute_world import NATIONS, make_world

WORLD = make_world()
FRAME = WORLD.terms.frame
CELL = FRAME.cells[0]
DIGEST = "sha256:" + "0" * 64


def write_edition(folder, total, at_least):
    """An edition that shows one cell and withholds the rest."""
    block = Block((CELL,), total, at_least, None, State.NEW, WORLD.terms.round_id)
    table = Table(
        WORLD.terms.round_id, WORLD.terms.digest, DIGEST, "0" * 32, DIGEST,
        tuple(sorted(NATIONS)), (), (block,), tuple(sorted(c for c in FRAME.cells if c != CELL)),
    )  # fmt: skip
    folder.mkdir()
    (folder / "opened.json").write_bytes(table.bytes)
    body = canonical(WORLD.terms.to_plain())
    envelope = sign(document_type("terms"), body, {"SEC/sign": WORLD.keys["SEC/sign"]})
    (folder / "terms.dsse.json").write_bytes(envelope.to_wire())


@pytest.fixture
def attack(tmp_path):
    """Attack one edition made of these figures for its one cell, a nation each."""

    def call(figures, *more):
        write_edition(tmp_path / "edition-1", sum(figures), 3)
        (tmp_path / "sheets").mkdir()
        for nation, figure in zip(NATIONS, figures, strict=True):
            lines = template_csv(WORLD.terms, nation).decode("utf-8-sig").splitlines()
            lines[2] += str(figure)
            name = f"{WORLD.terms.round_id}-{nation}.csv"
            (tmp_path / "sheets" / name).write_text("\n".join(lines), encoding="utf-8")
        editions = [str(tmp_path / "edition-1"), "--sheets", str(tmp_path / "sheets")]
        return run(["attack", *editions, *more])

    return call


def test_four_like_figures_hold_and_the_margin_is_exact(attack, capsys):
    assert attack([100, 100, 100, 100], "--json") == 0
    answer = json.loads(capsys.readouterr().out)
    # An insider takes off his own 100 and one unit for the third contributor that must exist.
    assert answer["worst_margin_percent"] == 199.0
    assert answer["holds"] is True
    assert answer["rule_percent"] == WORLD.terms.rule.p_percent


def test_a_dominant_figure_is_a_leak_and_exit_3(attack, capsys):
    assert attack([10_000, 300, 1, 1]) == 3
    err = capsys.readouterr().err
    assert "estimates AAA" in err
    assert "one nation can estimate another closer than the rule allows" in err


def test_json_of_a_leak_holds_the_margins_beside_the_error(attack, capsys):
    assert attack([10_000, 300, 1, 1], "--json") == 3
    answer = json.loads(capsys.readouterr().out)
    assert answer["error"]["code"] == "leak"
    assert answer["worst_margin_percent"] < answer["rule_percent"]
    assert answer["findings"][0]["target"] == "AAA"


def test_sheets_that_did_not_make_the_table_are_refused(attack, tmp_path):
    assert attack([100, 100, 100, 100]) == 0
    sheet = tmp_path / "sheets" / f"{WORLD.terms.round_id}-AAA.csv"
    sheet.write_text(sheet.read_text(encoding="utf-8").replace(",100", ",101"), encoding="utf-8")
    editions = [str(tmp_path / "edition-1"), "--sheets", str(tmp_path / "sheets")]
    assert run(["attack", *editions]) == 2


def test_a_missing_sheet_is_named(attack, tmp_path, capsys):
    assert attack([100, 100, 100, 100]) == 0
    (tmp_path / "sheets" / f"{WORLD.terms.round_id}-BBB.csv").unlink()
    editions = [str(tmp_path / "edition-1"), "--sheets", str(tmp_path / "sheets")]
    assert run(["attack", *editions]) == 2
    assert "R1-BBB" in capsys.readouterr().err
