"""Tranches: what goes, what the nations agree to, and answers that are one and the same."""

from dataclasses import replace
from datetime import timedelta

import pytest

from delian.label import Succession
from delian.standards.errors import NotSharedError
from delian.standards.pad import STEPS
from delian.standards.portion import Portion
from delian.standards.tranche import (
    NothingNewError,
    Recipient,
    Sent,
    TrancheDiffersError,
    check,
    prepare,
    preview,
    received,
)
from delian.terms.encode import parse
from delian.terms.errors import InputError
from tests.standards_world import CLOSED, EU, NOW, OPEN, document

EU_OFFICER = Recipient("EU", EU)


def words(marking):
    return f"LEVEL {marking.level}"


def standard(text="first", b=CLOSED, **changes):
    root = Portion(
        "root",
        "section",
        "Widgets",
        label=OPEN,
        children=(
            Portion("a", "paragraph", text=text, label=OPEN),
            Portion("b", "paragraph", text="bands", label=b),
        ),
    )
    return document(root, **changes)


def first(doc=None):
    doc = doc or standard()
    return Sent(doc, NOW, prepare(doc, EU_OFFICER, NOW, words))


def test_the_first_tranche_has_an_edition_and_no_redline():
    made = first().tranche
    assert sorted(made.files) == ["edition.html", "edition.md"]
    assert (made.serial, made.previous, made.number) == (1, None, "STANAG 9999")
    assert made.files["edition.md"].startswith(b"LEVEL 1\n")
    assert all(len(data) in STEPS for data in made.files.values())
    plain = parse(made.subject)
    assert plain["format"] == "delian-tranche" and plain["recipient"] == "EU"
    assert sorted(plain["files"]) == sorted(made.files)


def test_the_second_tranche_follows_the_first():
    before = first()
    made = prepare(standard("second", OPEN), EU_OFFICER, NOW, words, before)
    assert (made.serial, made.previous) == (2, before.tranche.digest)
    assert b"bands" in made.files["edition.md"]
    assert b"~~first~~**second**" in made.files["redline.md"]
    assert b"New to you" in made.files["redline.html"]
    assert parse(made.files["redline.json"])["format"] == "delian-redline"


def test_hidden_changes_make_no_tranche():
    hidden = replace(standard(), version="9.9")
    other = replace(hidden.root.children[1], text="other bands", id="renamed", label=CLOSED)
    hidden = replace(hidden, root=replace(hidden.root, children=(hidden.root.children[0], other)))
    with pytest.raises(NothingNewError):
        prepare(hidden, EU_OFFICER, NOW, words, first())


def test_an_agent_notices_another_tranche():
    before = first()
    after = standard("second")
    made = prepare(after, EU_OFFICER, NOW, words, before)
    check(made, after, EU_OFFICER, NOW, words, before)
    for wrong in (
        replace(made, files={**made.files, "edition.md": b"more"}),
        replace(made, serial=3),
        replace(made, recipient="JPN"),
        replace(made, previous=None),
    ):
        with pytest.raises(TrancheDiffersError):
            check(wrong, after, EU_OFFICER, NOW, words, before)
    with pytest.raises(TrancheDiffersError):
        check(made, standard("second", OPEN), EU_OFFICER, NOW, words, before)


def test_a_preview_names_what_goes_stays_and_opens():
    day = NOW + timedelta(days=3)
    later = replace(CLOSED, succession=Succession(day, OPEN))
    found = preview(standard(b=later), EU_OFFICER, NOW)
    assert (found.goes, found.stays, found.new) == (("root", "a"), ("b",), ("root", "a"))
    assert found.opens == ((day, "b"),)
    after = preview(standard(b=later), EU_OFFICER, day, first(standard(b=later)))
    assert (after.new, after.gone, after.opens) == (("b",), (), ())
    closed = preview(standard(), EU_OFFICER, NOW, first(standard(b=OPEN)))
    assert closed.gone == ("b",)
    nothing = replace(standard(), root=replace(standard().root, label=CLOSED))
    assert preview(nothing, EU_OFFICER, NOW).goes == ()


def test_hidden_absent_and_withdrawn_are_one_answer():
    one = first().tranche
    two = prepare(standard("second"), EU_OFFICER, NOW, words, first())
    other = replace(one, recipient="JPN", number="STANAG 1")
    box = received([two, other, one], "EU", {})
    assert box.newest("STANAG 9999") == two
    assert box.listing() == (("STANAG 9999", 1, ""), ("STANAG 9999", 2, ""))
    back = received([two, one], "EU", {two.digest: "wrong edition", other.digest: "x"})
    assert back.newest("STANAG 9999") == one
    assert back.listing()[1] == ("STANAG 9999", 2, "wrong edition")
    answers = set()
    for asked in (box, received([], "EU", {}), received([one], "EU", {one.digest: "out"})):
        with pytest.raises(NotSharedError) as caught:
            asked.newest("STANAG 1" if asked is box else "STANAG 9999")
        answers.add((str(caught.value), caught.value.hint, caught.value.where))
    assert len(answers) == 1
    with pytest.raises(InputError, match="same serial"):
        received([one, replace(two, serial=1)], "EU", {})
