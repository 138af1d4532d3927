"""``delian label`` from the shell: words, verdicts, grammar, the three forms."""

import json
from datetime import UTC, datetime

import pytest

from delian.cli.main import run
from delian.label import Originator, bundled_policy, compose, to_xml

POLICY = bundled_policy()
LEVELS = sorted(POLICY.level_names)


@pytest.fixture
def label():
    context = next(c for c in POLICY.contexts)
    return compose(
        POLICY,
        POLICY.level_names[LEVELS[1]],
        context.value,
        originator=Originator("rfc822Name", "sec@league.example"),
        created_utc=datetime(2026, 11, 21, tzinfo=UTC),
        review_utc=datetime(2031, 11, 21, tzinfo=UTC),
    )


@pytest.fixture
def xml(tmp_path, label):
    path = tmp_path / "label.xml"
    path.write_bytes(to_xml(label, POLICY))
    return path


def ask(xml, party, level, *more):
    options = ["--as", party, "--cleared", POLICY.level_names[level], *more]
    return run(["label", "may-read", str(xml), *options])


def test_show_says_the_marking_in_words(xml, capsys):
    assert run(["label", "show", str(xml)]) == 0
    assert POLICY.level_names[LEVELS[1]].lower() in capsys.readouterr().out.lower()


def test_a_member_may_read_and_a_stranger_may_not(xml, label, capsys):
    member = sorted(label.marking.audience)[0]
    assert ask(xml, member, LEVELS[-1]) == 0
    assert capsys.readouterr().out.startswith("yes\n")
    assert ask(xml, "XXX", LEVELS[-1]) == 1
    assert capsys.readouterr().out.startswith("no\n")


def test_too_low_a_clearance_is_a_no_with_its_reason(xml, label, capsys):
    member = sorted(label.marking.audience)[0]
    assert ask(xml, member, LEVELS[0], "--json") == 1
    answer = json.loads(capsys.readouterr().out)
    assert answer["allowed"] is False
    assert answer["reasons"]


def test_check_accepts_ours_and_says_that_no_schema_was_run(xml, capsys):
    assert run(["label", "check", str(xml)]) == 0
    assert "schema: not run" in capsys.readouterr().out


def test_check_names_what_breaks_the_grammar(xml, capsys):
    xml.write_bytes(xml.read_bytes().replace(b"Classification>", b"Classified>"))
    assert run(["label", "check", str(xml), "--json"]) == 2
    answer = json.loads(capsys.readouterr().out)
    assert answer["conforms"] is False
    assert answer["findings"]


def test_convert_there_and_back(xml, tmp_path):
    own, again = tmp_path / "label.json", tmp_path / "again.xml"
    assert run(["label", "convert", str(xml), "--to", "delian", "--out", str(own)]) == 0
    assert run(["label", "convert", str(own), "--to", "4774", "--out", str(again)]) == 0
    assert again.read_bytes() == xml.read_bytes()


def test_what_a_form_cannot_say_is_refused(xml, tmp_path, capsys):
    out = tmp_path / "label.5636"
    assert run(["label", "convert", str(xml), "--to", "5636", "--out", str(out)]) == 1
    assert not out.exists()
    assert capsys.readouterr().err.startswith("delian: ")
