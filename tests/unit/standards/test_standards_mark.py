"""Marking in bulk, by hand, and the review list."""

from dataclasses import replace
from datetime import timedelta

import pytest

from delian.label import Succession
from delian.standards.errors import MarkRuleError
from delian.standards.mark import MAX_RULES, MarkRule, mark_all, mark_one, review
from delian.standards.portion import Portion, find, walk
from tests.standards_world import CLOSED, NOW, OPEN, SECRET, document


def unmarked():
    return document(
        Portion(
            "root",
            "section",
            "Radio",
            children=(
                Portion("scope", "section", "Scope", "All sets."),
                Portion(
                    "bands",
                    "section",
                    "Bands",
                    children=(
                        Portion("t", "table", "Hopping", rows=(("4.4 GHz", "Secret Set"),)),
                        Portion("n", "note", text="See [[t]]."),
                    ),
                ),
            ),
        )
    )


def labels(doc):
    return {p.id: p.label for p, _ in walk(doc.root)}


def test_the_first_rule_that_fits_marks():
    rules = (
        MarkRule(SECRET, words=("secret SET",)),
        MarkRule(CLOSED, below="bands"),
        MarkRule(OPEN, kinds=frozenset({"section"})),
    )
    made = mark_all(unmarked(), rules)
    assert labels(made.document) == {
        "root": OPEN,
        "scope": OPEN,
        "bands": CLOSED,
        "t": SECRET,
        "n": CLOSED,
    }
    assert made.by_rule == {"t": 1, "n": 2, "bands": 2, "scope": 3, "root": 3}
    again = mark_all(made.document, (MarkRule(OPEN),))
    assert labels(again.document) == labels(made.document) and not again.by_rule


def test_by_hand():
    doc = mark_one(unmarked(), "n", CLOSED)
    assert find(doc, "n").label == CLOSED
    with pytest.raises(MarkRuleError, match="no portion"):
        mark_one(doc, "zzz", CLOSED)


def test_rules_are_checked():
    with pytest.raises(MarkRuleError, match="unknown kind"):
        MarkRule(OPEN, kinds=frozenset({"chapter"}))
    with pytest.raises(MarkRuleError, match="empty word"):
        MarkRule(OPEN, words=(" ",))
    with pytest.raises(MarkRuleError, match="not there"):
        mark_all(unmarked(), (MarkRule(OPEN, below="zzz"),))
    with pytest.raises(MarkRuleError, match="too many"):
        mark_all(unmarked(), (MarkRule(OPEN),) * (MAX_RULES + 1))


def found(doc):
    return {(o.portion, o.what) for o in review(doc, NOW)}


def test_the_review_list():
    assert found(unmarked()) == {(p, "unmarked") for p in ("root", "scope", "bands", "t", "n")}
    done = mark_all(unmarked(), (MarkRule(OPEN),)).document
    assert found(done) == set()
    assert found(mark_one(done, "t", SECRET)) == {
        ("t", "narrower-than-document"),
        ("n", "refers-up"),
    }
    assert found(mark_one(done, "bands", CLOSED)) == {
        ("bands", "narrower-than-document"),
        ("t", "wider-below"),
        ("n", "wider-below"),
    }
    past = NOW - timedelta(days=1)
    old = replace(OPEN, created_utc=past, succession=Succession(past, OPEN))
    due = replace(OPEN, review_utc=NOW)
    assert found(mark_one(mark_one(done, "n", old), "t", due)) == {("n", "lapsed"), ("t", "lapsed")}
