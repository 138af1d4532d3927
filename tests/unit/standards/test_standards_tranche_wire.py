"""A tranche read back is the one that was agreed to, or is refused."""

import pytest

from delian.standards.portion import Portion
from delian.standards.tranche import Recipient, TrancheDiffersError, prepare
from delian.standards.tranche_wire import read_tranche
from delian.terms.errors import InputError
from tests.standards_world import EU, NOW, OPEN, document

MADE = prepare(
    document(Portion("r", "section", "Root", "text", OPEN)),
    Recipient("EU", EU),
    NOW,
    lambda marking: "MARK",
)


def test_a_tranche_comes_back():
    assert read_tranche(MADE.subject, MADE.files) == MADE


@pytest.mark.parametrize(
    "files",
    [
        {},
        {**MADE.files, "more.md": b""},
        {**MADE.files, "edition.md": MADE.files["edition.md"] + b"\n"},
    ],
)
def test_other_files_are_no_part_of_it(files):
    with pytest.raises(TrancheDiffersError):
        read_tranche(MADE.subject, files)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"serial":1', b'"serial":0'),
        (b'"version":1', b'"version":2'),
        (b'"recipient":"EU"', b'"recipient":1'),
        (b'"serial":1', b'"serial":1,"more":1'),
    ],
)
def test_other_documents_are_no_tranche(old, new):
    spoiled = MADE.subject.replace(old, new)
    assert spoiled != MADE.subject
    with pytest.raises(InputError):
        read_tranche(spoiled, MADE.files)
