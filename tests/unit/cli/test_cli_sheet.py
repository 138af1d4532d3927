"""``delian sheet`` from the shell: template, check, every error at once, exit codes."""

import json

import pytest

from delian.cli.main import run
from delian.crypto.dsse import document_type, sign
from delian.terms.encode import canonical
from tests.contribute_world import make_world

WORLD = make_world()


@pytest.fixture
def terms(tmp_path):
    path = tmp_path / "terms.dsse.json"
    body = canonical(WORLD.terms.to_plain())
    envelope = sign(document_type("terms"), body, {"SEC/sign": WORLD.keys["SEC/sign"]})
    path.write_bytes(envelope.to_wire())
    return path


@pytest.fixture
def filled(tmp_path, terms):
    """A csv template with one figure in it, and its lines."""
    path = tmp_path / "sheet.csv"
    arguments = ["--terms", str(terms), "--nation", "AAA", "--out", str(path)]
    assert run(["sheet", "template", *arguments]) == 0
    lines = path.read_text(encoding="utf-8-sig").splitlines()
    lines[2] += "40"
    path.write_text("\n".join(lines), encoding="utf-8")
    return path, lines


def check(path, terms, *more):
    return run(["sheet", "check", str(path), "--terms", str(terms), "--nation", "AAA", *more])


def test_a_filled_template_passes(filled, terms, capsys):
    path, lines = filled
    assert check(path, terms) == 0
    out = capsys.readouterr().out
    assert f"{len(lines) - 2} rows, no errors" in out
    assert WORLD.terms.digest in out


def test_bare_terms_are_read_as_well(filled, tmp_path):
    bare = tmp_path / "terms.json"
    bare.write_bytes(canonical(WORLD.terms.to_plain()))
    assert check(filled[0], bare) == 0


def test_every_error_is_named_with_place_and_mend(filled, terms, capsys):
    path, lines = filled
    broken = [*lines]
    broken[2] = broken[2].removesuffix("40") + "-40"
    broken[3] += "a dozen"
    path.write_text("\n".join(broken), encoding="utf-8")
    assert check(path, terms) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert "row 3" in err
    assert "found '-40'" in err
    assert "row 4" in err
    assert "found 'a dozen'" in err


def test_json_lists_the_findings_beside_the_error(filled, terms, capsys):
    path, lines = filled
    path.write_text("\n".join([*lines, lines[-1]]), encoding="utf-8")
    assert check(path, terms, "--json") == 2
    answer = json.loads(capsys.readouterr().out)
    assert answer["error"]["code"] == "sheet"
    assert [f["row"] for f in answer["findings"]] == [len(lines) + 1]


def test_json_of_a_good_sheet_holds_no_figure(filled, terms, capsys):
    assert check(filled[0], terms, "--json") == 0
    answer = json.loads(capsys.readouterr().out)
    assert (answer["format"], answer["nation"]) == ("delian-sheet-check", "AAA")
    assert "figures" not in answer


def test_a_stranger_is_refused(filled, terms, capsys):
    arguments = ["--terms", str(terms), "--nation", "QQQ"]
    assert run(["sheet", "check", str(filled[0]), *arguments]) == 1
    assert "QQQ" in capsys.readouterr().err


def test_the_xlsx_template_is_a_workbook_readable_by_its_owner_only(tmp_path, terms):
    path = tmp_path / "sheet.xlsx"
    arguments = ["--terms", str(terms), "--nation", "AAA", "--out", str(path), "--french"]
    assert run(["sheet", "template", *arguments]) == 0
    assert path.read_bytes()[:2] == b"PK"
    assert path.stat().st_mode & 0o077 == 0


def test_a_missing_file_is_bad_usage(terms):
    assert check("nowhere.xlsx", terms) == 2
