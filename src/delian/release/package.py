"""The package: every file of a release, made from the table and the terms and nothing else.

May touch: values. The same input gives the same bytes on every machine, so that each nation's
agent renders the files again and compares them before it signs (``docs/formats/package.md``).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from delian.release.errors import PackageError
from delian.release.lines import Line, Lines, lines_of, plain_text, year_text
from delian.release.page import Head, page
from delian.release.sheets import Value, demand_csv, demand_json, dictionary_csv, values_of
from delian.release.words import COLUMNS, MEANINGS, limits, rule_text
from delian.release.workbook import Sheet, workbook
from delian.terms.encode import Digest, canonical, digest, is_digest, sha256_hex
from delian.terms.round_terms import RoundTerms
from delian.terms.table import Table

OPENED = "opened.json"
FILES = (
    "README.txt",
    "demand-dictionary.csv",
    "demand.csv",
    "demand.json",
    "demand.xlsx",
    "index.html",
    OPENED,
)
MAX_EDITION = 1_000_000
_WIDTHS = (18, 7, 8, 20, 36, 36, 18, 18, 12, 7, 8, 10, 12, 14, 12, 12, 11, 18, 8, 30)


@dataclass(frozen=True, slots=True)
class Edition:
    """Which release of a round this is.

    Args:
        number: From 1.
        marking: Marking text of the release's label, one line.
        previous: Digest of the statement of the edition before, or None for the first.
    """

    number: int
    marking: str
    previous: Digest | None = None

    def __post_init__(self) -> None:
        if not 1 <= self.number <= MAX_EDITION:
            raise PackageError("an edition is a whole number from 1")
        if (self.number == 1) != (self.previous is None):
            raise PackageError("every edition but the first names the one before it")
        if self.previous is not None and not is_digest(self.previous):
            raise PackageError("an edition names the one before it by digest")
        if not self.marking or plain_text(self.marking) != self.marking:
            raise PackageError("a marking is one line of text")


def render(table: Table, terms: RoundTerms, edition: Edition) -> Mapping[str, bytes]:
    """Every file of the package, by name.

    Args:
        table: What three hosts signed.
        terms: The round's terms; the table must cover exactly their cells.
        edition: Number, marking and predecessor.

    Guarantees:
        Deterministic, and complete: every cell of the terms is in exactly one line
        (``tests/property/test_release_package.py``).

    Raises:
        PackageError: the table does not fit the terms.
    """
    if table.terms_digest != terms.digest or table.round_id != terms.round_id:
        raise PackageError("the table belongs to other terms")
    lines = lines_of(table, terms)
    number, marking = edition.number, edition.marking
    rows = [values_of(line, number, marking) for line in lines.every]
    return {
        "README.txt": _readme(lines, terms, edition),
        "demand-dictionary.csv": dictionary_csv(),
        "demand.csv": demand_csv(rows),
        "demand.json": demand_json(lines, table, terms, marking, number, edition.previous),
        "demand.xlsx": _workbook(lines, rows, terms, edition),
        "index.html": page(lines, table, terms, Head(marking, number, edition.previous)),
        OPENED: table.bytes,
    }


def package_manifest(files: Mapping[str, bytes], table: Table) -> bytes:
    """The exact bytes that a proposal of kind "release" is about: every file by digest."""
    return canonical(
        {
            "format": "delian-package",
            "version": 1,
            "table": table.digest,
            "files": {name: sha256_hex(data) for name, data in files.items()},
        }
    )


def package_digest(files: Mapping[str, bytes], table: Table) -> Digest:
    """Digest of :func:`package_manifest`: the subject of the proposal."""
    return digest(package_manifest(files, table))


def _workbook(
    lines: Lines, rows: Sequence[tuple[Value, ...]], terms: RoundTerms, edition: Edition
) -> bytes:
    names = [name for name, _, _ in COLUMNS]
    held = [
        (x.tier, x.cls, x.items[0], x.names_en[0], x.names_fr[0], x.years[0], x.unit_text)
        for x in lines.withheld
    ]
    merged = [_merged(line) for line in lines.shown if len(line.cells) > 1]
    words: list[tuple[str, str]] = [("Rule of this round", rule_text(terms))]
    words += [(word, text) for word, text in MEANINGS]
    words += [("Limit", text) for text in limits(terms)]
    words += [(name, f"{text} ({kind})") for name, kind, text in COLUMNS]
    words += [("Marking", edition.marking), ("Edition", str(edition.number))]
    words += [("Round", terms.round_id), ("Terms", terms.digest)]
    return workbook(
        (
            Sheet("Demand", names, _WIDTHS, rows[: len(lines.shown)]),
            Sheet(
                "Withheld",
                ("tier", "class", "item", "item_name_en", "item_name_fr", "year", "unit"),
                (7, 8, 16, 36, 36, 8, 16),
                held,
            ),
            Sheet(
                "Merged blocks",
                ("block_id", "tier", "class", "merged over", "items", "years", "cells", "total"),
                (18, 7, 8, 18, 60, 24, 7, 14),
                merged,
            ),
            Sheet("How to read", ("word", "meaning"), (24, 110), words),
        ),
        edition.marking,
    )


def _merged(line: Line) -> tuple[str | int | None, ...]:
    over = "products" if len(line.items) > 1 else "years"
    if over == "products" and len(line.years) > 1:
        over = "products and years"
    return (
        line.block,
        line.tier,
        line.cls,
        over,
        "; ".join(line.items),
        year_text(line.years),
        len(line.cells),
        line.total,
    )


def _readme(lines: Lines, terms: RoundTerms, edition: Edition) -> bytes:
    held = len(lines.withheld)
    text = [
        edition.marking,
        "",
        plain_text(terms.title) or terms.round_id,
        f"Round {plain_text(terms.round_id)}, edition {edition.number}",
        "",
        f"{len(lines.shown)} totals cover {lines.shown_cells} cells; {held} cells are withheld.",
        "",
        "index.html             read this first: tables, charts, words, limits (any browser)",
        "demand.csv             one row for each total and each withheld cell, UTF-8",
        "demand-dictionary.csv  what every column and every word means",
        "demand.xlsx            the same rows for a spreadsheet program",
        "demand.json            the same rows for a program",
        "opened.json            the exact table that three hosts signed",
        "",
        "The other files are evidence: statement.dsse.json (the consent of every nation),",
        "hosts.dsse.json (the signatures of the hosts), terms.dsse.json, roster.json, metadata/.",
        "Check everything offline:  delian verify FOLDER --root FILE",
        "",
        rule_text(terms),
        "",
        "Words",
        *(f"- {word}: {meaning}" for word, meaning in MEANINGS),
        "",
        "Limits",
        *(f"- {sentence}" for sentence in limits(terms)),
        "",
        edition.marking,
    ]
    return ("\n".join(text) + "\n").encode("utf-8")
