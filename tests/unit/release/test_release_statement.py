"""The statement: in-toto, one spelling, strict on reading, small enough for 32 nations."""

import json
from dataclasses import replace

import pytest

from delian.release.errors import StatementError
from delian.release.statement import Statement, read_statement
from delian.terms.encode import canonical
from delian.terms.errors import InputError
from tests.release_cases import base
from tests.release_world import NOW, released

S: Statement = base().statement


def test_it_is_an_in_toto_statement_and_reads_back() -> None:
    plain = json.loads(S.to_wire())
    assert plain["_type"] == "https://in-toto.io/Statement/v1"
    assert {s["name"] for s in plain["subject"]} == set(S.files)
    assert all(set(s["digest"]) == {"sha256"} for s in plain["subject"])
    assert read_statement(S.to_wire()) == S


def test_everything_the_nations_agree_to_is_in_it() -> None:
    r = base()
    t, predicate = r.world.terms, json.loads(S.to_wire())["predicate"]
    assert predicate["terms"] == t.digest and predicate["table"] == r.world.table.digest
    assert predicate["roster"] == {"version": 1, "digest": r.world.roster.digest}
    assert predicate["nations"] == list(r.world.nations)
    assert predicate["hosts"] == list(t.hosts) and predicate["label"] == t.label
    assert predicate["audience"] == "industry" and predicate["edition"] == 1
    assert predicate["silence_ends"].endswith("Z") and predicate["checkpoint"].count("\n") == 3
    assert predicate["retain_until"] and predicate["previous"] is None


def test_a_statement_of_32_nations_stays_below_8_kilobytes() -> None:
    assert len(released().folder["statement.dsse.json"]) < 8 * 1024


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("_type",), "https://in-toto.io/Statement/v0.1"),
        (("predicateType",), "other"),
        (("predicate", "version"), 2),
        (("predicate", "edition"), 0),
        (("predicate", "edition"), 2),
        (("predicate", "previous"), "sha256:" + "1" * 64),
        (("predicate", "id"), "../e1"),
        (("predicate", "id"), ""),
        (("predicate", "nations"), ["FRA", "BEL"]),
        (("predicate", "nations"), ["FRA", "FRA"]),
        (("predicate", "nations"), []),
        (("predicate", "hosts"), ["alpha", "alpha"]),
        (("predicate", "terms"), "sha256:zz"),
        (("predicate", "mandates"), ["x"]),
        (("predicate", "checkpoint"), "nothing"),
        (("predicate", "silence_ends"), "2026-11-21 00:00"),
        (("predicate", "extra"), 1),
        (("subject",), []),
        (("subject", 0, "name"), "../../x"),
        (("subject", 0, "digest"), {"sha1": "00"}),
        (("subject", 0, "digest"), {"sha256": "AB" * 32}),
        (("extra",), 1),
    ],
)
def test_reading_is_strict(path: tuple[str | int, ...], value: object) -> None:
    plain = json.loads(S.to_wire())
    place = plain
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    with pytest.raises(InputError):
        read_statement(canonical(plain))


def test_another_spelling_is_refused() -> None:
    with pytest.raises(StatementError):
        read_statement(S.to_wire().replace(b'{"_type"', b'{ "_type"'))
    doubled = json.loads(S.to_wire())
    doubled["subject"] = [*doubled["subject"], doubled["subject"][0]]
    with pytest.raises(StatementError):
        read_statement(canonical(doubled))


def test_the_digest_is_of_the_exact_bytes() -> None:
    assert replace(S, silence_ends_utc=NOW).digest != S.digest
