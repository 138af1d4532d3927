"""``delian sheet``: a nation's confidential sheet, on the nation's own machine."""

from pathlib import Path

import click

from delian.adapters.files import read_bytes, write_bytes
from delian.cli import output
from delian.cli.lazy import Lazy
from delian.cli.papers import MAX_SHEET_BYTES, terms_from
from delian.contribute.check import CheckedSheet, check
from delian.contribute.findings import Finding, SheetErrors
from delian.contribute.template import template, template_csv

FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
terms_option = click.option("--terms", type=FILE, required=True, help="The terms of the round.")
nation_option = click.option("--nation", required=True, help="Whose sheet, three letters.")


@click.group("sheet", cls=Lazy, modules={"preview": "delian.cli.sheet_preview"})
def command() -> None:
    """A requirement sheet: make an empty one, check a filled one. Nothing leaves the machine."""


@command.command("template")
@terms_option
@nation_option
@click.option("--out", type=click.Path(path_type=Path), required=True, help="An .xlsx or .csv.")
@click.option("--french", is_flag=True, help="French before English.")
def make(terms: Path, nation: str, out: Path, french: bool) -> None:
    """Write an empty sheet for one nation: one row for each item, year and tier."""
    languages = ("fr", "en") if french else ("en", "fr")
    write = template_csv if out.suffix.lower() == ".csv" else template
    write_bytes(out, write(terms_from(terms), nation, languages), secret=True)
    output.talk(f"delian: fill in the column of figures of {out}, then check it")


@command.command("check")
@click.argument("file", type=FILE)
@terms_option
@nation_option
@click.option("--allow-missing", is_flag=True, help="Count cells without a row as 0.")
@output.json_option
def check_command(file: Path, terms: Path, nation: str, allow_missing: bool, as_json: bool) -> int:
    """Check the sheet in FILE and name every error with its place and how to mend it."""
    data, agreed = read_bytes(file, max_bytes=MAX_SHEET_BYTES), terms_from(terms)
    try:
        checked = check(data, file.name, agreed, nation, allow_missing=allow_missing)
    except SheetErrors as errors:
        found = plain(errors.findings)
        output.show_error(errors, as_json=as_json, more={"findings": found}, above=lines(errors))
        return errors.exit_code
    output.show("sheet-check", fields_of(checked), text_of(checked), as_json=as_json)
    return 0


def plain(findings: tuple[Finding, ...]) -> list[object]:
    """Findings for the owner's own program, with what stands in the cells."""
    return [finding.to_plain(with_found=True) for finding in findings]


def lines(errors: SheetErrors) -> list[str]:
    """Findings for the owner's own screen."""
    return [line(finding) for finding in errors.findings]


def line(finding: Finding) -> str:
    """One finding: place, what is wrong, what was found, how to mend it."""
    place = f"{finding.where}: " if finding.where else ""
    found = f", found '{finding.found}'" if finding.found else ""
    return f"{finding.severity}: {place}{finding.message}{found}; {finding.mend}"


def fields_of(checked: CheckedSheet) -> dict[str, object]:
    """The answer about a sheet without errors."""
    return {
        "nation": checked.sheet.nation,
        "round": checked.sheet.round_id,
        "terms": checked.sheet.terms_digest,
        "rows": checked.rows_read,
        "rows_missing": checked.rows_missing,
        "findings": plain(checked.warnings),
    }


def text_of(checked: CheckedSheet) -> list[str]:
    """The same in words."""
    sheet = checked.sheet
    about = f"{sheet.nation}, round {sheet.round_id}: {checked.rows_read} rows, no errors"
    return [*map(line, checked.warnings), about, f"under the terms {sheet.terms_digest}"]
