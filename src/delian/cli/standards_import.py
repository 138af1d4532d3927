"""``delian standards import``: registers and glossaries of others, and what has no place here."""

from collections.abc import Sequence
from pathlib import Path

import click

from delian.adapters.files import read_bytes, write_bytes
from delian.cli import output
from delian.cli.standards_reader import FILE, OUT
from delian.standards import acronyms, nisp, tbx
from delian.standards.dropped import Dropped

out_option = click.option("--out", type=OUT, required=True, help="The file to write.")


@click.group("import")
def importing() -> None:
    """Read what others publish; everything that has no place here is listed."""


@importing.command("nisp")
@click.argument("source", type=FILE)
@click.option("--edition", default="", help="Of a file of JSON lines; XML names its own.")
@out_option
@output.json_option
def import_nisp(source: Path, edition: str, out: Path, as_json: bool) -> None:
    """The NISP register in SOURCE, an XML edition or JSON lines, as a register."""
    data = read_bytes(source, max_bytes=nisp.MAX_XML_BYTES)
    is_xml = data.lstrip().startswith(b"<")
    register, dropped = nisp.read_xml(data) if is_xml else nisp.read_lines(data, edition)
    write_bytes(out, register.to_wire())
    _tell("entries", len(register.standards), dropped, out, as_json=as_json)


@importing.command("acronyms")
@click.argument("sources", type=FILE, nargs=-1, required=True)
@out_option
@output.json_option
def import_acronyms(sources: tuple[Path, ...], out: Path, as_json: bool) -> None:
    """The NISP acronym lists in SOURCES as one glossary (TBX)."""
    files = [read_bytes(path, max_bytes=acronyms.MAX_BYTES) for path in sources]
    glossary, dropped = acronyms.read_acronyms(files)
    write_bytes(out, tbx.to_tbx(glossary))
    _tell("concepts", len(glossary.concepts), dropped, out, as_json=as_json)


@importing.command("tbx")
@click.argument("source", type=FILE)
@click.option("--name", default="", help="Of the glossary; the title in the file otherwise.")
@click.option("--owner", default="", help="Whose usage it is; the source in the file otherwise.")
@out_option
@output.json_option
def import_tbx(source: Path, name: str, owner: str, out: Path, as_json: bool) -> None:
    """The glossary in SOURCE, of 2008 or 2019, in the form that is written here."""
    data = read_bytes(source, max_bytes=tbx.MAX_BYTES)
    glossary, dropped = tbx.from_tbx(data, name=name, owner=owner)
    write_bytes(out, tbx.to_tbx(glossary))
    _tell("concepts", len(glossary.concepts), dropped, out, as_json=as_json)


def _tell(what: str, count: int, dropped: Sequence[Dropped], out: Path, *, as_json: bool) -> None:
    fields = {what: count, "dropped": [d.to_plain() for d in dropped], "out": str(out)}
    lines = [f"dropped {d.path}: {d.reason} ({d.count})" for d in dropped]
    output.show("standards-import", fields, [f"{count} {what}: {out}", *lines], as_json=as_json)
