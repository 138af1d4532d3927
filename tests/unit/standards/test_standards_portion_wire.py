"""Documents as files."""

import json

import pytest
from hypothesis import given, settings

from delian.standards.errors import PortionError
from delian.standards.portion import Picture, Portion
from delian.standards.portion_wire import from_wire, to_wire
from delian.terms.errors import InputError
from tests.standards_world import CLOSED, OPEN, document, trees


@settings(max_examples=60, deadline=None)
@given(trees())
def test_documents_come_back(made):
    data = to_wire(made)
    assert from_wire(data) == made
    assert to_wire(from_wire(data)) == data


def plain():
    root = Portion(
        "root",
        "section",
        label=OPEN,
        children=(
            Portion("a", "section", label=CLOSED, children=(Portion("b", "note"),)),
            Portion("c", "figure", picture=Picture("image/png", b"x")),
        ),
    )
    return json.loads(to_wire(document(root)))


def test_the_shape_of_the_file():
    made = plain()
    assert [p["depth"] for p in made["portions"]] == [0, 1, 2, 1]
    assert [p["label"] for p in made["portions"]] == [0, 1, None, None]
    assert len(made["labels"]) == 2


def depth(made, number, value):
    made["portions"][number]["depth"] = value


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda m: depth(m, 0, 1), "first portion is the root"),
        (lambda m: depth(m, 1, 2), "deeper than one below"),
        (lambda m: depth(m, 3, 0), "one root"),
        (lambda m: m["portions"].clear(), "first portion is the root"),
        (lambda m: m["labels"].clear(), "needs a label"),
        (lambda m: m["portions"][0].update(label=2), "label"),
        (lambda m: m["portions"][0].update(rows=[1]), "row"),
        (lambda m: m["portions"][3].update(picture=["a"]), "picture"),
        (lambda m: m["portions"][3].update(picture=["a", "*"]), "base64"),
        (lambda m: m["portions"][0].update(more=1), "unknown field"),
        (lambda m: m.update(version=2), "version"),
    ],
)
def test_spoiled_files_are_refused(spoil, says):
    made = plain()
    spoil(made)
    with pytest.raises(InputError, match=says):
        from_wire(json.dumps(made).encode())


def test_a_portion_error_is_bad_input():
    assert PortionError.exit_code == InputError.exit_code == 2
