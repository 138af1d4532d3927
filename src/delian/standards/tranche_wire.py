"""A tranche read back from what was kept of it: the bytes that were agreed to, and its files.

May touch: values. ``docs/formats/tranche.md``.
"""

from collections.abc import Mapping

from delian.label import Marking
from delian.label.marking import MAX_LEVEL
from delian.standards.tranche import FORMAT, Tranche, TrancheDiffersError
from delian.terms.encode import Fields, parse

MAX_BYTES = 1024 * 1024
_MAX_SERIAL = 1_000_000


def read_tranche(subject: bytes, files: Mapping[str, bytes]) -> Tranche:
    """The tranche whose subject is *subject* and whose files are *files*.

    Guarantees:
        Its subject is *subject*, byte for byte
        (``tests/unit/standards/test_standards_tranche_wire.py``).

    Raises:
        InputError: no tranche.
        TrancheDiffersError: a file is missing, is one too many, or is not what was agreed to.
    """
    f = Fields(parse(subject, max_bytes=MAX_BYTES, max_depth=8), "tranche")
    f.form(FORMAT)
    m = Fields(f.mapping("marking"), "marking")
    marking = Marking(
        m.text("policy", max_length=400),
        m.whole("level", 0, MAX_LEVEL),
        frozenset(m.texts("audience")),
        frozenset(m.texts("restrictive")),
    )
    m.end()
    f.mapping("files")
    made = Tranche(
        f.text("recipient", max_length=200),
        f.text("number", max_length=1000),
        f.whole("serial", 1, _MAX_SERIAL),
        f.digest("previous") if f.has("previous") else None,
        marking,
        files,
    )
    f.end()
    if made.subject != subject:
        raise TrancheDiffersError(
            "the files are not those of the tranche", hint="take the folder as it was written"
        )
    return made
