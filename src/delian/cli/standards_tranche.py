"""``delian standards tranche``: what would go to a recipient, and the folder that goes."""

from pathlib import Path

import click

from delian.adapters.files import read_bytes, write_bytes
from delian.cli import output
from delian.cli.standards_reader import FILE, Audience, audience_options, document_from
from delian.standards import portion_wire
from delian.standards.portion import Document
from delian.standards.tranche import (
    Preview,
    Recipient,
    Sent,
    Tranche,
    TrancheDiffersError,
    prepare,
    preview,
)
from delian.standards.tranche_wire import MAX_BYTES, read_tranche
from delian.terms.encode import Fields, canonical, parse, utc_text
from delian.terms.errors import InputError

FOLDER = click.Path(file_okay=False, path_type=Path)
SEND, KEEP, SUBJECT = "send", "keep", "tranche.json"


@click.command("tranche")
@click.argument("document", type=FILE)
@audience_options
@click.option("--after", type=FOLDER, help="Folder of the tranche before; none for the first.")
@click.option("--compare", type=FILE, help="A tranche that somebody else prepared: is it this?")
@click.option("--out", type=FOLDER, help="New folder for the tranche; without it nothing is made.")
@output.json_option
def tranche(
    document: Path,
    audience: Audience,
    after: Path | None,
    compare: Path | None,
    out: Path | None,
    as_json: bool,
) -> None:
    """What of DOCUMENT would go to a recipient next; for the eyes of the nations alone."""
    whole = document_from(document)
    recipient = Recipient(audience.reader.affiliation, audience.reader)
    before = None if after is None else _sent(after)
    made = prepare(
        whole, recipient, audience.now_utc, lambda m: audience.words(whole, m), previous=before
    )
    if compare is not None and read_bytes(compare, max_bytes=MAX_BYTES) != made.subject:
        raise TrancheDiffersError(
            "the tranche is not what the document gives for this recipient",
            hint="compare the edition of the document and the moment of the tranche",
        )
    if out is not None:
        _write(out, made, whole, audience)
    _tell(made, preview(whole, recipient, audience.now_utc, before), as_json=as_json)


def _tell(made: Tranche, seen: Preview, *, as_json: bool) -> None:
    fields = {
        "serial": made.serial,
        "digest": made.digest,
        "goes": list(seen.goes),
        "stays": list(seen.stays),
        "new": list(seen.new),
        "gone": list(seen.gone),
        "opens": [[utc_text(when), name] for when, name in seen.opens],
    }
    lines = [
        f"tranche {made.serial} for {made.recipient}: {made.digest}",
        f"{len(seen.goes)} portions go, {len(seen.new)} of them new, {len(seen.gone)} no longer",
        *(f"stays: {name}" for name in seen.stays),
        *(f"opens {utc_text(when)}: {name}" for when, name in seen.opens),
    ]
    output.show("standards-tranche", fields, lines, as_json=as_json)


def _write(out: Path, made: Tranche, document: Document, audience: Audience) -> None:
    """What goes, and beside it what the office keeps to make the next one."""
    if out.exists():
        raise InputError("the folder is there already", hint="name a new one", where=str(out))
    for name, data in made.files.items():
        write_bytes(out / SEND / name, data)
    write_bytes(out / SEND / SUBJECT, made.subject)
    write_bytes(out / KEEP / "document.json", portion_wire.to_wire(document), secret=True)
    at = canonical({"at": utc_text(audience.now_utc)})
    write_bytes(out / KEEP / "moment.json", at, secret=True)


def _sent(folder: Path) -> Sent:
    """A tranche that :func:`_write` wrote."""
    send = sorted(path for path in (folder / SEND).glob("*") if path.name != SUBJECT)
    files = {path.name: read_bytes(path, max_bytes=portion_wire.MAX_BYTES) for path in send}
    subject = read_bytes(folder / SEND / SUBJECT, max_bytes=MAX_BYTES)
    at = read_bytes(folder / KEEP / "moment.json", max_bytes=MAX_BYTES)
    moment = Fields(parse(at), "moment").utc("at")
    return Sent(
        document_from(folder / KEEP / "document.json"), moment, read_tranche(subject, files)
    )
