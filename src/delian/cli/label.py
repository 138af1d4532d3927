"""``delian label``: read a label, ask who may read under it, check and convert its forms."""

from pathlib import Path

import click

from delian.adapters.files import read_bytes, write_bytes
from delian.cli import output
from delian.cli.label_file import WRITERS, label_from, policy_from
from delian.label.check4774 import MAX_SCHEMA_BYTES, check
from delian.label.label import MAX_LABEL_BYTES
from delian.label.marking import Reader, may_read
from delian.label.phrase import bilingual

FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
policy_option = click.option("--policy", type=FILE, help="Policy file; the shipped one otherwise.")


@click.group("label")
def command() -> None:
    """Labels: what they say, who may read, whether they keep to the standard."""


@command.command("show")
@click.argument("file", type=FILE)
@policy_option
@output.json_option
def show(file: Path, policy: Path | None, as_json: bool) -> None:
    """Say in words what the label in FILE demands."""
    rules = policy_from(policy)
    label = label_from(file, rules)
    text = bilingual(label, rules)
    fields = {"marking": text, "label": label.to_plain(), "digest": label.digest}
    output.show("label-shown", fields, [text, label.digest], as_json=as_json)


@command.command("may-read")
@click.argument("file", type=FILE)
@click.option("--as", "affiliation", required=True, help="The party the reader acts for.")
@click.option("--cleared", required=True, help="Name of the reader's classification.")
@click.option("--holds", multiple=True, help="A category the reader is admitted to; repeatable.")
@policy_option
@output.json_option
def may_read_command(
    file: Path,
    affiliation: str,
    cleared: str,
    holds: tuple[str, ...],
    policy: Path | None,
    as_json: bool,
) -> int:
    """Answer whether a reader may read what carries the label in FILE, with the reasons."""
    rules = policy_from(policy)
    reader = Reader(rules.oid, affiliation, rules.level(cleared).rank, frozenset(holds))
    verdict = may_read(reader, label_from(file, rules).marking, level_names=rules.level_names)
    fields = {"allowed": verdict.allowed, "reasons": list(verdict.reasons)}
    answer = "yes" if verdict.allowed else "no"
    output.show("verdict", fields, [answer, *verdict.reasons], as_json=as_json)
    return 0 if verdict.allowed else 1


@command.command("check")
@click.argument("file", type=FILE)
@click.option("--xsd", type=FILE, help="Your copy of the standard's schema.")
@output.json_option
def check_command(file: Path, xsd: Path | None, as_json: bool) -> int:
    """Check the XML label in FILE against the grammar of STANAG 4774."""
    schema = read_bytes(xsd, max_bytes=MAX_SCHEMA_BYTES) if xsd else None
    report = check(read_bytes(file, max_bytes=MAX_LABEL_BYTES), schema)
    found = [{"rule": f.rule, "where": f.where, "message": f.message} for f in report.findings]
    said = {"state": report.schema.state, "complaints": list(report.schema.complaints)}
    fields = {"conforms": report.conforms, "findings": found, "schema": said}
    lines = [f"{f.where}: {f.message} (rule {f.rule})" for f in report.findings]
    lines += [f"schema: {report.schema.state}", *report.schema.complaints]
    output.show("label-check", fields, lines, as_json=as_json)
    return 0 if report.conforms else 2


@command.command("convert")
@click.argument("file", type=FILE)
@click.option("--to", "form", type=click.Choice(sorted(WRITERS)), required=True, help="The form.")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="File to write.")
@policy_option
def convert(file: Path, form: str, out: Path, policy: Path | None) -> None:
    """Write the label in FILE in another form; what a form cannot say exactly is refused."""
    rules = policy_from(policy)
    write_bytes(out, WRITERS[form](label_from(file, rules), rules))
