"""``delian attack``: try to undo releases, as one nation would; a tool that needs the figures."""

from collections.abc import Collection, Iterator, Sequence
from fractions import Fraction
from pathlib import Path

import click

from delian.adapters.files import read_bytes
from delian.cli import output
from delian.cli.papers import MAX_SHEET_BYTES, MAX_TERMS_BYTES, terms_from
from delian.contribute.check import check
from delian.protect.attack import AttackResult, Finding, attack, rounded_down
from delian.protect.values import TrueSheets
from delian.release.bundle import TERMS
from delian.release.package import OPENED
from delian.terms.encode import parse
from delian.terms.errors import InputError, TamperedError
from delian.terms.round_terms import RoundTerms
from delian.terms.table import Table

FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)


class SheetMissingError(InputError):
    """The true sheet of a nation is not in the folder of sheets."""

    code = "sheet-missing"


class LeakError(TamperedError):
    """The releases let one nation estimate another closer than the rule allows."""

    code = "leak"


@click.command("attack")
@click.argument("editions", metavar="EDITION...", nargs=-1, required=True, type=FOLDER)
@click.option("--sheets", type=FOLDER, required=True, help="The true sheets, ROUND-NATION.csv.")
@output.json_option
def command(editions: tuple[Path, ...], sheets: Path, as_json: bool) -> int:
    """Attack EDITIONs together, in their order, by every nation alone and by an outsider."""
    result = run(editions, sheets)
    fields = {**result.to_plain(), "findings": [plain(f) for f in result.findings]}
    if result.holds:
        output.show("attack", fields, text_of(result), as_json=as_json)
        return 0
    error = LeakError("one nation can estimate another closer than the rule allows")
    output.show_error(error, as_json=as_json, more=fields, above=text_of(result))
    return error.exit_code


def run(editions: Sequence[Path], sheets: Path) -> AttackResult:
    """Read editions and sheets, and attack."""
    terms = [terms_from(folder / TERMS) for folder in editions]
    tables = [table_of(folder) for folder in editions]
    pairs = zip(terms, tables, strict=True)
    true = {t.round_id: sheets_of(sheets, t, table.absent) for t, table in pairs}
    return attack(tables, true, terms[0].rule)


def table_of(folder: Path) -> Table:
    """The opened table of one edition."""
    return Table.from_plain(parse(read_bytes(folder / OPENED), max_bytes=MAX_TERMS_BYTES))


def sheets_of(folder: Path, terms: RoundTerms, absent: Collection[str]) -> TrueSheets:
    """The true figures of every nation that took part in one round.

    Raises:
        SheetMissingError: a nation's sheet is not there.
    """
    cells, figures = terms.frame.cells, {}
    for nation in (n for n in terms.nations if n not in absent):
        path = sheet_file(folder, f"{terms.round_id}-{nation}")
        data = read_bytes(path, max_bytes=MAX_SHEET_BYTES)
        sheet = check(data, path.name, terms, nation, allow_missing=True).sheet
        figures[nation] = dict(zip(cells, map(int, sheet.figures), strict=True))
    return TrueSheets(figures)


def sheet_file(folder: Path, stem: str) -> Path:
    """The sheet of this name, csv or xlsx."""
    found = [path for path in (folder / f"{stem}.csv", folder / f"{stem}.xlsx") if path.exists()]
    if not found:
        hint = "the folder needs every nation's sheet as ROUND-NATION.csv or .xlsx"
        raise SheetMissingError(f"there is no sheet {stem}", hint=hint)
    return found[0]


def plain(finding: Finding) -> dict[str, object]:
    """One estimate, for ``--json``."""
    return {
        "kind": finding.kind,
        "where": finding.where,
        "insider": finding.insider,
        "target": finding.target,
        "margin_percent": rounded_down(100 * finding.margin),
        "margin_with_rule_percent": rounded_down(100 * finding.margin_with_rule),
    }


def text_of(result: AttackResult) -> Iterator[str]:
    """What the attack achieved, closest estimates first."""
    yield f"{result.values} totals and {result.combinations} combinations of them were attacked"
    yield f"closest estimate: {percent(result.worst_margin_percent)} above the true figure"
    yield f"the rule demands: {result.rule_percent} %"
    worst = percent(result.worst_margin_with_rule_percent)
    yield f"using also that a block passed the rule: {worst} (it can reach 0)"
    yield from closest(result.findings[:5])


def closest(findings: Sequence[Finding]) -> Iterator[str]:
    """The closest estimates, one line each."""
    for found in findings:
        how = f"by a {found.kind} of {found.where}: {percent(100 * found.margin)}"
        yield f"  {found.insider} estimates {found.target} {how}"


def percent(value: Fraction | None) -> str:
    """A margin for a person; rounded down."""
    return "nothing was opened" if value is None else f"{rounded_down(value)} %"
