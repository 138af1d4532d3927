"""``delian standards`` from the shell: marking, what a recipient gets, words, bands, imports."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from delian.cli.main import run
from delian.label import Originator, bundled_policy, compose
from delian.standards.concept import Concept, Definition, Glossary, Term
from delian.standards.portion import Document, Portion, find
from delian.standards.portion_wire import from_wire, to_wire
from delian.standards.tbx import from_tbx, to_tbx
from tests.standards_world import NOW

POLICY = bundled_policy()
CONTEXT = next(iter(POLICY.contexts)).value


def made_label(*releasable):
    return compose(
        POLICY,
        "UNCLASSIFIED",
        CONTEXT,
        releasable=releasable,
        originator=Originator("rfc822Name", "sec@league.example"),
        created_utc=NOW,
        review_utc=datetime(2031, 11, 21, tzinfo=UTC),
    )


OPEN, CLOSED = made_label("EU"), made_label()
EU = ["--as", "EU", "--cleared", "UNCLASSIFIED", "--at", "2026-11-22T00:00:00Z"]
ROOT = Portion(
    "r",
    "section",
    "Radio",
    "About the frequency band.",
    OPEN,
    (
        Portion("a", "section", "Bands", "From 4.4 GHz to 5.0 GHz.", OPEN),
        Portion("b", "section", "Hopping", "zeta frequency band", CLOSED),
        Portion("c", "section", "Range", "155 mm", OPEN),
        Portion("d", "note", "", "Later"),
    ),
)
DOCUMENT = Document("d", "STANAG", "STANAG 9999", "Radio", "Ed 1", "1.0", ROOT, CLOSED)


@pytest.fixture
def document(tmp_path):
    path = tmp_path / "document.json"
    path.write_bytes(to_wire(DOCUMENT))
    return path


def answered(capsys, *words):
    assert run(["standards", *map(str, words), "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_a_recipient_is_shown_her_edition(document, capsys, tmp_path):
    answer = answered(capsys, "show", document, *EU)
    assert answer["listing"] == [["1", "Bands"], ["2", "Range"]]
    assert "155 mm" in answer["text"]
    assert not {"zeta", "Hopping", "Later"} & set(answer["text"].replace(".", " ").split())
    page = tmp_path / "page.html"
    assert run(["standards", "show", str(document), *EU, "--form", "html", "--out", str(page)]) == 0
    assert capsys.readouterr().out == f"{page}\n"
    assert page.read_bytes().startswith(b"<!doctype html>")


def test_hidden_and_absent_are_refused_alike(document, capsys):
    other = ["--as", "JPN", "--cleared", "UNCLASSIFIED"]
    assert run(["standards", "show", str(document), *other]) == 1
    assert "nothing is shared with you under this name" in capsys.readouterr().err
    found = [
        (run(["standards", "search", "zeta", str(document), *who]), capsys.readouterr())
        for who in (EU, other)
    ]
    assert found[0] == found[1] == (0, ("nothing found\n", ""))


def test_a_search_names_places_of_the_recipients_edition(document, capsys):
    assert run(["standards", "search", "155", str(document), *EU, "--limit", "5"]) == 0
    assert capsys.readouterr().out == "STANAG 9999 2: Range\n  155 mm\n"
    assert answered(capsys, "search", "frequency", document, *EU)["answer"]["more"] is False
    assert (
        answered(capsys, "search", "mm", document, *EU, "--language", "ja")["answer"]["found"] == []
    )
    assert run(["standards", "search", "-", str(document), *EU]) == 2


def test_a_redline_says_what_she_saw_change(document, capsys, tmp_path):
    newer = tmp_path / "newer.json"
    below = [replace(p, text="120 mm") if p.id == "c" else p for p in ROOT.children]
    hidden = replace(ROOT, children=(*below, Portion("h", "section", "New", "eta", CLOSED)))
    newer.write_bytes(to_wire(replace(DOCUMENT, root=hidden)))
    answer = answered(capsys, "redline", document, newer, *EU, "--since", "2026-11-21T00:00:00Z")
    assert [c["new"] for c in answer["redline"]["changes"]] == ["2"]
    assert "**120**" in answer["text"]
    assert "eta" not in answer["text"]


def test_parameters_of_a_cut(document, capsys):
    found = answered(capsys, "parameters", document, *EU)["parameters"]
    assert {v["clause"] for v in found["values"]} == {"clause 1", "clause 2"}
    assert run(["standards", "parameters", str(document), *EU]) == 0
    assert "155 mm" in capsys.readouterr().out


def test_marking_in_bulk_then_by_hand(document, capsys, tmp_path):
    label = tmp_path / "label.json"
    label.write_bytes(OPEN.to_wire())
    out = tmp_path / "marked.json"
    first = answered(capsys, "mark", document)
    assert (first["marked"], ["d", "unmarked"]) == (
        0,
        next([o["portion"], o["what"]] for o in first["review"] if o["what"] == "unmarked"),
    )
    options = ("--label", label, "--out", out)
    assert answered(capsys, "mark", document, *options, "--kind", "table")["marked"] == 0
    answer = answered(capsys, "mark", document, *options, "--kind", "note", "--word", "later")
    assert answer["marked"] == 1
    assert find(from_wire(out.read_bytes()), "d").label == OPEN
    assert find(from_wire(out.read_bytes()), "b").label == CLOSED
    assert answered(capsys, "mark", out, *options, "--portion", "b")["marked"] == 1
    assert find(from_wire(out.read_bytes()), "b").label == OPEN
    assert run(["standards", "mark", str(out), "--label", str(label)]) == 2


def test_terms_of_two_owners(document, capsys, tmp_path):
    paths = []
    for owner, means in (("NATO", "a range"), ("EU", "some people")):
        concept = Concept("a", (Term("frequency band"),), (Definition(means),))
        paths.append(tmp_path / f"{owner}.tbx")
        paths[-1].write_bytes(to_tbx(Glossary("g", owner, (concept,))))
    found = answered(capsys, "terms", "conflicts", *paths)["conflicts"]
    assert [c["what"] for c in found] == ["other-meaning"]
    assert run(["standards", "terms", "conflicts", *map(str, paths)]) == 0
    assert capsys.readouterr().out == (
        "other-meaning [en] frequency band: NATO: frequency band = a range | "
        "EU: frequency band = some people\n"
    )
    uses = answered(capsys, "terms", "uses", paths[0], document, *EU)["uses"]
    assert [(u["place"], u["count"]) for u in uses] == [("", 1)]


def test_imports_list_what_they_drop(capsys, tmp_path):
    source, out = tmp_path / "source", tmp_path / "out"
    source.write_text("<acrogroup><acronym><name>AB</name><meaning/></acronym></acrogroup>")
    answer = answered(capsys, "import", "acronyms", source, "--out", out)
    assert (answer["concepts"], [d["path"] for d in answer["dropped"]]) == (1, ["acronym/meaning"])
    again = tmp_path / "again"
    assert answered(capsys, "import", "tbx", out, "--owner", "EU", "--out", again)["concepts"] == 1
    assert from_tbx(again.read_bytes())[0].owner == "EU"
    source.write_text('{"nispid":"a","pubnum":"STANAG 1","x":1}\n')
    answer = answered(capsys, "import", "nisp", source, "--edition", "1", "--out", out)
    assert (answer["entries"], [d["path"] for d in answer["dropped"]]) == (1, ["record/x"])
    assert b'"delian-register"' in out.read_bytes()
    source.write_text(
        '<standards><records><standard id="a"><document/></standard></records></standards>'
    )
    assert answered(capsys, "import", "nisp", source, "--out", out)["entries"] == 1


def test_bands_of_a_folder(capsys, tmp_path):
    head = "lower_frequency\tupper_frequency\tservice\tcategory\tfootnotes\tapplications\n"
    for code, use in (("eu", "Defence systems"), ("fr", "Defence systems"), ("de", "Radio")):
        Path(tmp_path / f"{code}.tsv").write_text(f"{head}100\t200\tFIXED\tp\t\t{use}\n")
    chart = tmp_path / "chart.svg"
    answer = answered(capsys, "harmonise", tmp_path, "--matrix", chart)
    assert [b["harmonized"] for b in answer["comparison"]["bands"]] == [["fr"]]
    assert chart.read_bytes().startswith(b"<svg")
    assert run(["standards", "harmonise", str(tmp_path)]) == 0
    assert capsys.readouterr().out == "100-200 Hz: 1/1 harmonized\nde: untagged\n"
    assert run(["standards", "harmonise", str(tmp_path), "--common", "xx"]) == 2


def test_tranches_follow_each_other(document, capsys, tmp_path):
    first, second, newer = tmp_path / "first", tmp_path / "second", tmp_path / "newer.json"
    answer = answered(capsys, "tranche", document, *EU)
    assert (answer["serial"], answer["goes"]) == (1, ["r", "a", "c"])
    assert (answer["stays"], answer["new"]) == (["b", "d"], ["r", "a", "c"])
    assert answered(capsys, "tranche", document, *EU, "--out", first)["digest"] == answer["digest"]
    assert run(["standards", "tranche", str(document), *EU, "--out", str(first)]) == 2
    assert run(["standards", "tranche", str(document), *EU, "--after", str(first)]) == 1
    below = [replace(p, label=OPEN) if p.id == "b" else p for p in ROOT.children]
    newer.write_bytes(to_wire(replace(DOCUMENT, root=replace(ROOT, children=tuple(below)))))
    told = answered(capsys, "tranche", newer, *EU, "--after", first, "--out", second)
    assert (told["serial"], told["new"], told["gone"]) == (2, ["b"], [])
    sent = {path.name: path.read_bytes() for path in (second / "send").iterdir()}
    assert b"New to you: section 2" in sent["redline.md"]
    assert all(len(data) % 4096 == 0 for name, data in sent.items() if name != "tranche.json")
    assert (second / "keep" / "document.json").stat().st_mode & 0o077 == 0


def test_an_agent_compares_a_tranche(document, capsys, tmp_path):
    out = tmp_path / "out"
    answered(capsys, "tranche", document, *EU, "--out", out)
    subject = out / "send" / "tranche.json"
    answered(capsys, "tranche", document, *EU, "--compare", subject)
    subject.write_bytes(subject.read_bytes().replace(b'"serial":1', b'"serial":2'))
    words = ["standards", "tranche", str(document), *EU]
    assert run([*words, "--compare", str(subject)]) == 3
    assert run([*words, "--after", str(out)]) == 1
    page = out / "send" / "edition.md"
    page.write_bytes(page.read_bytes() + b"x")
    assert run([*words, "--after", str(out)]) == 3
