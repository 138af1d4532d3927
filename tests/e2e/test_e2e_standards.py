"""An EU officer gets an invented standard in three tranches, and learns nothing of the rest.

Two alliances live through the same year by the same commands. They differ in everything that the
officer may not see; every byte that she gets, or is answered, is the same.
"""

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from delian.cli.main import run
from delian.label import Label, Originator, Succession, bundled_policy, compose
from delian.standards.concept import Concept, Definition, Glossary, Term
from delian.standards.portion import Document, Portion, changed
from delian.standards.portion_wire import to_wire
from delian.standards.tbx import to_tbx

POLICY = bundled_policy()
MADE = datetime(2026, 11, 21, tzinfo=UTC)
OPENS = datetime(2027, 6, 1, tzinfo=UTC)
WHO = Originator("rfc822Name", "sec@league.example")
DATES = ("2027-01-15T00:00:00Z", "2027-06-15T00:00:00Z", "2027-12-15T00:00:00Z")


def label(*releasable: str, level: str = "UNCLASSIFIED") -> Label:
    return compose(
        POLICY,
        level,
        next(iter(POLICY.contexts)).value,
        releasable=releasable,
        originator=WHO,
        created_utc=MADE,
        review_utc=datetime(2031, 11, 21, tzinfo=UTC),
    )


OPEN, CLOSED, SECRET = label("EU"), label(), label("EU", level="SECRET")
LATER = replace(CLOSED, succession=Succession(OPENS, replace(OPEN, review_utc=None)))


def section(name, title, text, mark=OPEN, *below, language="en"):
    return Portion(name, "section", title, text, mark, tuple(below), language=language)


def standard(alliance: int) -> Document:
    """The standard of one of two alliances; hidden clauses differ in words, number and names."""
    hidden = tuple(
        section(f"h{alliance}-{n}", f"Hopping {alliance}", f"zeta {alliance} {n}", SECRET)
        for n in range(alliance * 3 + 1)
    )
    root = section(
        "root",
        "Handheld radio",
        "How handheld radios of the parties speak to each other.",
        OPEN,
        section("scope", "Scope", "All handheld radios."),
        *hidden,
        section(
            "band",
            "Frequency band",
            f"The frequency band is 4.4 GHz to 5.0 GHz; see [[h{alliance}-0]] and [[power]].",
        ),
        section("power", "Power", "The radiated power.", LATER, *hidden_table(alliance)),
        section("ja", "周波数帯", "周波数帯は4.4 GHzから。", language="ja"),
    )
    return Document("radio", "STANAG", "STANAG 9999", "Radio", "Ed 1", str(alliance), root, CLOSED)


def hidden_table(alliance):
    cells = (("mode", "dB"), ("zeta", str(alliance)))
    return (Portion(f"t{alliance}", "table", "Secret power", "", SECRET, rows=cells),)


def third(document: Document) -> Document:
    """The next edition: the scope is reworded, a hidden clause too."""

    def reworded(portion):
        if portion.id == "scope":
            return replace(portion, text="All handheld and vehicle radios.")
        return replace(portion, text=portion.text.replace("zeta", "eta"))

    return replace(changed(document, reworded), edition="Ed 2")


class Alliance:
    """One alliance: its folder, and what its commands answer."""

    def __init__(self, folder, number, capsys):
        self.folder, self.capsys = folder, capsys
        self.first, self.last = folder / "ed1.json", folder / "ed2.json"
        folder.mkdir()
        self.first.write_bytes(to_wire(standard(number)))
        self.last.write_bytes(to_wire(third(standard(number))))

    def say(self, *words, at=DATES[2], who="EU"):
        """Exit code and everything printed, for a reader at a moment."""
        reader = ["--as", who, "--cleared", "UNCLASSIFIED", "--at", at]
        code = run(["standards", *map(str, words), *reader])
        return code, *self.capsys.readouterr()

    def year(self):
        """Three tranches, each made from the one before."""
        before = []
        for number, (document, at) in enumerate(
            zip((self.first, self.first, self.last), DATES, strict=True), 1
        ):
            out = self.folder / str(number)
            assert self.say("tranche", document, *before, "--out", out, at=at)[0] == 0
            subject = out / "send" / "tranche.json"
            assert self.say("tranche", document, *before, "--compare", subject, at=at)[0] == 0
            before = ["--after", out]

    def sent(self, number):
        """Every file that went, by name."""
        folder = self.folder / str(number) / "send"
        return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture
def alliances(tmp_path, capsys):
    made = [Alliance(tmp_path / str(number), number, capsys) for number in (0, 1)]
    for alliance in made:
        alliance.year()
    return made


def test_she_gets_some_clauses_now_and_some_later(alliances):
    sent = [alliances[0].sent(number) for number in (1, 2, 3)]
    assert b"Power" not in sent[0]["edition.md"]
    assert b"4.4 GHz" in sent[0]["edition.md"]
    assert b"New to you: section 3" in sent[1]["redline.md"]
    assert b"The radiated power." in sent[1]["edition.md"]
    redline = json.loads(sent[2]["redline.json"])
    assert [(c["kind"], c["new"]) for c in redline["changes"]] == [("edited", "1")]
    assert [json.loads(s["tranche.json"])["serial"] for s in sent] == [1, 2, 3]


def test_nothing_she_gets_depends_on_what_she_may_not_see(alliances):
    one, other = alliances
    assert one.first.read_bytes() != other.first.read_bytes()
    for number in (1, 2, 3):
        assert one.sent(number) == other.sent(number)
        for data in one.sent(number).values():
            assert not [word for word in (b"zeta", b"Hopping", b"Secret", b"h0-0") if word in data]


@pytest.mark.parametrize(
    "question", ["zeta", "hopping", "absent", "frequency band", "周波数", "4*"]
)
def test_search_answers_both_alliances_alike(alliances, question):
    one, other = (a.say("search", question, a.last, "--json") for a in alliances)
    assert one == other
    found = json.loads(one[1])["answer"]["found"]
    assert bool(found) == (question not in ("zeta", "hopping", "absent"))


def test_parameters_terms_and_refusals_are_alike(alliances, tmp_path):
    glossary = tmp_path / "words.tbx"
    words = (
        Concept("a", (Term("frequency band"), Term("周波数帯", "ja")), (Definition("a range"),)),
        Concept("b", (Term("zeta"),)),
    )
    glossary.write_bytes(to_tbx(Glossary("words", "NATO", words)))
    for asked in (["parameters"], ["terms", "uses", glossary], ["show"]):
        one, other = (a.say(*asked, a.last, "--json") for a in alliances)
        assert one == other
        assert one[0] == 0
    uses = json.loads(alliances[0].say("terms", "uses", glossary, alliances[0].last, "--json")[1])
    assert {u["text"] for u in uses["uses"]} == {"Frequency band", "frequency band", "周波数帯"}
    one, other = (a.say("show", a.last, who="JPN") for a in alliances)
    assert one == other
    assert one[0] == 1


def test_a_change_that_she_may_not_see_makes_no_tranche(alliances, tmp_path):
    refused = set()
    for number, alliance in enumerate(alliances):
        again = tmp_path / f"again{number}.json"
        document = third(standard(number))
        hidden = section(f"more{number}", "Hopping", "zeta", SECRET)
        root = replace(document.root, children=(hidden, *document.root.children))
        again.write_bytes(to_wire(replace(document, root=root)))
        refused.add(alliance.say("tranche", again, "--after", alliance.folder / "3"))
    assert len(refused) == 1
    assert refused.pop()[0] == 1
