"""``delian standards mark``: labels for many portions, or one, and what to look at again."""

from datetime import UTC, datetime
from pathlib import Path

import click

from delian.adapters.files import write_bytes
from delian.cli import output
from delian.cli.label_file import label_from, policy_from
from delian.cli.standards_reader import FILE, OUT, document_from
from delian.standards import portion_wire
from delian.standards.errors import MarkRuleError
from delian.standards.mark import MarkRule, mark_all, mark_one, review
from delian.standards.portion import KINDS, Document


@click.command("mark")
@click.argument("document", type=FILE)
@click.option("--label", type=FILE, help="The label to give, in any of its forms.")
@click.option("--portion", help="By hand: this portion alone, in place of its label.")
@click.option("--kind", "kinds", type=click.Choice(KINDS), multiple=True, help="Only such ones.")
@click.option("--below", default="", help="Only this portion and everything under it.")
@click.option("--word", "words", multiple=True, help="Only where one of these words stands.")
@click.option("--policy", type=FILE, help="Policy file; the shipped one otherwise.")
@click.option("--out", type=OUT, help="Where the marked document goes.")
@output.json_option
def mark(
    document: Path,
    label: Path | None,
    portion: str | None,
    kinds: tuple[str, ...],
    below: str,
    words: tuple[str, ...],
    policy: Path | None,
    out: Path | None,
    as_json: bool,
) -> None:
    """Mark portions of DOCUMENT that have no label, or one by hand; list what looks odd."""
    if (label is None) != (out is None):
        raise MarkRuleError("a label needs a file to write, and the other way around")
    made, count = document_from(document), 0
    if label is not None and out is not None:
        given = label_from(label, policy_from(policy))
        rule = MarkRule(given, frozenset(kinds), below, words)
        made, count = _marked(made, rule, portion)
        write_bytes(out, portion_wire.to_wire(made))
    odd = review(made, datetime.now(UTC))
    fields = {
        "marked": count,
        "review": [{"portion": o.portion, "what": o.what, "why": o.why} for o in odd],
    }
    lines = [f"{o.portion}: {o.what}: {o.why}" for o in odd]
    output.show("standards-mark", fields, [f"{count} marked", *lines], as_json=as_json)


def _marked(document: Document, rule: MarkRule, portion: str | None) -> tuple[Document, int]:
    if portion is not None:
        return mark_one(document, portion, rule.label), 1
    marked = mark_all(document, [rule])
    return marked.document, len(marked.by_rule)
