"""``delian standards harmonise``: who has which band for defense, and who has not."""

import json
from pathlib import Path

import click

from delian.adapters.files import read_bytes, write_bytes
from delian.cli import output
from delian.cli.standards_reader import OUT
from delian.standards.harmonise import BandReport, Party, compare_all, parties, to_bytes
from delian.standards.spectrum import read_spectrum
from delian.standards.spectrum_chart import matrix
from delian.standards.spectrum_errors import SpectrumError

FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
MAX_TABLE_BYTES = 16 * 1024 * 1024


@click.command("harmonise")
@click.argument("folder", type=FOLDER)
@click.option("--common", default="eu", help="Code of the common table.")
@click.option("--matrix", "chart", type=OUT, help="Write the matrix of deviations here (SVG).")
@output.json_option
def harmonise(folder: Path, common: str, chart: Path | None, as_json: bool) -> None:
    """Every defense band of the common table against the other tables (tsv) in FOLDER."""
    paths = sorted(folder.glob("*.tsv"))
    files = {path.stem: read_bytes(path, max_bytes=MAX_TABLE_BYTES) for path in paths}
    spectrum = read_spectrum(files)
    among = parties(spectrum)
    reports = compare_all(_party(among, common), among)
    if chart is not None:
        write_bytes(chart, matrix(reports))
    findings = {
        name: [[f.kind, f.line, f.detail] for f in found]
        for name, found in spectrum.every_finding().items()
    }
    fields = {"comparison": json.loads(to_bytes(reports, among)), "findings": findings}
    states = [f"{p.code}: {p.state}" for p in among if p.state != "usable"]
    output.show("standards-bands", fields, [*map(_line, reports), *states], as_json=as_json)


def _party(among: tuple[Party, ...], code: str) -> Party:
    for party in among:
        if party.code == code:
            return party
    raise SpectrumError("there is no table of this code", where=code)


def _line(report: BandReport) -> str:
    low, high = report.band
    without = f"; none: {' '.join(report.without)}" if report.without else ""
    have = f"{len(report.harmonized)}/{len(report.deviations)}"
    return f"{low}-{high} Hz: {have} harmonized{without}"
