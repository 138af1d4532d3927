"""``delian standards terms``: whose words disagree, and which words stand in a document."""

from pathlib import Path

import click

from delian.adapters.files import read_bytes
from delian.cli import output
from delian.cli.standards_reader import FILE, Audience, audience_options, document_from
from delian.standards.concept import Glossary
from delian.standards.tbx import MAX_BYTES, from_tbx
from delian.standards.term_conflict import Conflict, Side, conflicts
from delian.standards.term_use import Finder, uses


@click.group("terms")
def terms() -> None:
    """Glossaries as TBX files: conflicts between owners, terms in a document."""


@terms.command("conflicts")
@click.argument("glossaries", type=FILE, nargs=-1, required=True)
@output.json_option
def conflicts_command(glossaries: tuple[Path, ...], as_json: bool) -> None:
    """Where the words of different owners disagree in GLOSSARIES."""
    found = conflicts([_glossary(path) for path in glossaries])
    fields = {"conflicts": [conflict.to_plain() for conflict in found]}
    lines = [_line(conflict) for conflict in found] or ["no conflict"]
    output.show("standards-conflicts", fields, lines, as_json=as_json)


@terms.command("uses")
@click.argument("glossary", type=FILE)
@click.argument("document", type=FILE)
@audience_options
@output.json_option
def uses_command(glossary: Path, document: Path, audience: Audience, as_json: bool) -> None:
    """Which terms of GLOSSARY stand where in DOCUMENT, within what one recipient may see."""
    found = uses(audience.cut(document_from(document)), Finder(_glossary(glossary)))
    lines = [f"{u.place or '-'}: {u.text} ({u.count})" for u in found] or ["no term"]
    fields = {"uses": [use.to_plain() for use in found]}
    output.show("standards-term-uses", fields, lines, as_json=as_json)


def _glossary(path: Path) -> Glossary:
    return from_tbx(read_bytes(path, max_bytes=MAX_BYTES))[0]


def _line(conflict: Conflict) -> str:
    sides = " | ".join(_said(side) for side in (conflict.first, conflict.second))
    return f"{conflict.what} [{conflict.language}] {conflict.term or '-'}: {sides}"


def _said(side: Side) -> str:
    meaning = f" = {side.meaning}" if side.meaning else ""
    return f"{side.owner}: {', '.join(side.terms)}{meaning}"
