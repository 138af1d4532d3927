"""The frequency tables of many nations together, with the notes and standards they refer to.

May touch: bytes. Which file is what follows from its name, as the open collection names them.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from delian.standards.bands import Band, bands_in
from delian.standards.spectrum_errors import SpectrumError
from delian.standards.spectrum_table import Finding, SpectrumTable, lines_of, read_table

_TABLE = re.compile(r"[a-z0-9]{2,12}\Z")
_NOTE = re.compile(r"(?<!\S)EU\d+[A-Z]?(?=\s)")
_CITED = re.compile(
    r"(EN \d{3} \d{3}(?:-\d+)?|E[CR]C/[A-Z]+/?\(\d\d\)\d\d|(?:ERC/REC|T/R) \d\d-\d\d)\s+(.*)\Z"
)
_FOOTNOTES = "eu-footnotes"
_CITATIONS = ("eu-european-standards", "eu-decissions-and-recommendations")
MAX_FILES = 500


@dataclass(frozen=True, slots=True)
class Citation:
    """A civil standard or decision, and the bands and frequencies its title names."""

    number: str
    title: str
    bands: tuple[Band, ...]


@dataclass(frozen=True, slots=True)
class Spectrum:
    """What was read.

    Args:
        tables: By code.
        footnotes: Words by reference.
        citations: Civil standards and decisions.
        findings: What was found in the files that are no tables, by file.
    """

    tables: Mapping[str, SpectrumTable]
    footnotes: Mapping[str, str]
    citations: tuple[Citation, ...]
    findings: Mapping[str, tuple[Finding, ...]]

    def every_finding(self) -> dict[str, tuple[Finding, ...]]:
        """The findings of all files, tables included, in order of name."""
        found = {code: table.findings for code, table in self.tables.items()} | dict(self.findings)
        return {name: found[name] for name in sorted(found) if found[name]}


def read_spectrum(files: Mapping[str, bytes]) -> Spectrum:
    """All files of a collection, by name without ending.

    Raises:
        SpectrumError: too many files, or one that cannot be read at all.
    """
    if len(files) > MAX_FILES:
        raise SpectrumError("there are more files than allowed")
    tables: dict[str, SpectrumTable] = {}
    findings: dict[str, tuple[Finding, ...]] = {}
    footnotes: dict[str, str] = {}
    citations: list[Citation] = []
    for name in sorted(files):
        if _TABLE.match(name):
            tables[name] = read_table(name, files[name])
        elif name == _FOOTNOTES:
            footnotes, findings[name] = _footnotes(name, files[name])
        elif name in _CITATIONS:
            found, findings[name] = _citations(name, files[name])
            citations += found
        else:
            findings[name] = (Finding("not-read", 0, "neither a table nor notes"),)
    return Spectrum(tables, footnotes, tuple(citations), findings)


def _footnotes(name: str, data: bytes) -> tuple[dict[str, str], tuple[Finding, ...]]:
    """One note a line; a line that holds a second one is divided and reported."""
    found: dict[str, str] = {}
    findings: list[Finding] = []
    for number, line in enumerate(lines_of(name, data)[1:], 2):
        if not line.strip():
            continue
        starts = [match.start() for match in _NOTE.finditer(line)]
        if not starts or starts[0]:
            findings.append(Finding("columns", number, "no reference at the start"))
            continue
        for low, high in zip(starts, [*starts[1:], len(line)], strict=True):
            reference, _, words = line[low:high].partition(" ")
            found[reference.strip()] = " ".join(words.split())
            if low:
                findings.append(Finding("merged", number, reference))
    return found, tuple(findings)


def _citations(name: str, data: bytes) -> tuple[list[Citation], tuple[Finding, ...]]:
    found: list[Citation] = []
    findings: list[Finding] = []
    for number, line in enumerate(lines_of(name, data), 1):
        if not line.strip():
            continue
        match = _CITED.match(" ".join(line.split()))
        if match is None:
            findings.append(Finding("columns", number, "no number of a standard or decision"))
            continue
        found.append(Citation(match[1], match[2], bands_in(match[2])))
    return found, tuple(findings)
