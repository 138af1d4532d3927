"""``delian standards show redline search parameters``: what one recipient gets of documents."""

import json
from collections.abc import Mapping
from pathlib import Path

import click

from delian.adapters.files import write_bytes
from delian.adapters.search_index import SearchIndex
from delian.cli import output
from delian.cli.standards_reader import FILE, OUT, Audience, audience_options, document_from
from delian.standards import edition, parameter, redline
from delian.standards.cut import Cut
from delian.standards.errors import NotSharedError
from delian.standards.portion import LANGUAGES, Document
from delian.standards.search_words import Entry
from delian.standards.words import refer
from delian.terms.encode import parse_utc

FORMS = click.Choice(("markdown", "html"))
form_option = click.option("--form", type=FORMS, default="markdown", help="Form of the text.")


@click.command("show")
@click.argument("document", type=FILE)
@audience_options
@form_option
@click.option("--out", type=OUT, help="Write the text here instead.")
@output.json_option
def show(document: Path, audience: Audience, form: str, out: Path | None, as_json: bool) -> None:
    """The edition of DOCUMENT that one recipient may see."""
    whole = document_from(document)
    found = audience.cut(whole)
    made = edition.to_markdown if form == "markdown" else edition.to_html
    text = made(found, audience.words(whole, found.marking))
    fields = {"listing": [list(line) for line in edition.listing(found)]}
    _give("standards-edition", fields, text, out, as_json=as_json)


@click.command("redline")
@click.argument("older", type=FILE)
@click.argument("newer", type=FILE)
@audience_options
@click.option("--since", help="Moment of the older one in UTC; that of --at otherwise.")
@form_option
@click.option("--out", type=OUT, help="Write the text here instead.")
@output.json_option
def redline_command(
    older: Path,
    newer: Path,
    audience: Audience,
    since: str | None,
    form: str,
    out: Path | None,
    as_json: bool,
) -> None:
    """What changed from OLDER to NEWER within what one recipient may see in each."""
    then = audience.now_utc if since is None else parse_utc(since)
    before = Audience(audience.reader, then, audience.policy).cut(document_from(older))
    found = redline.redline(before, audience.cut(document_from(newer)))
    made = redline.to_markdown if form == "markdown" else redline.to_html
    fields = {"redline": json.loads(found.to_bytes())}
    _give("standards-redline", fields, made(found), out, as_json=as_json)


@click.command("search")
@click.argument("question")
@click.argument("documents", type=FILE, nargs=-1, required=True)
@audience_options
@click.option("--language", type=click.Choice(LANGUAGES), help="Only portions in this language.")
@click.option("--limit", type=click.IntRange(1, 200), default=20, help="How many places.")
@output.json_option
def search(
    question: str,
    documents: tuple[Path, ...],
    audience: Audience,
    language: str | None,
    limit: int,
    as_json: bool,
) -> None:
    """Where QUESTION is answered in DOCUMENTS, within what one recipient may see."""
    index = SearchIndex(_seen(audience, [document_from(path) for path in documents]))
    answer = index.ask(question, language=language or "", limit=limit)
    lines = [f"{_place(entry)}: {entry.title}\n  {words}".rstrip() for entry, words in answer.found]
    more = ["there are more"] if answer.has_more else []
    fields = {"answer": answer.to_plain()}
    output.show("standards-search", fields, [*lines, *more] or ["nothing found"], as_json=as_json)


@click.command("parameters")
@click.argument("document", type=FILE)
@audience_options
@output.json_option
def parameters(document: Path, audience: Audience, as_json: bool) -> None:
    """The typed values in DOCUMENT, within what one recipient may see."""
    seen = audience.cut(document_from(document))
    found, numbers = parameter.parameters_in(seen), seen.numbers()
    language = seen.root.language
    lines = [
        f"{refer(numbers[p.source], language)}: {p.name} {p.subject}".rstrip() + f" = {p.written}"
        for p in found.values
    ]
    doubts = [
        f"{refer(numbers[d.source], language)}: {d.written}: {d.reason}" for d in found.doubts
    ]
    fields = {"parameters": json.loads(parameter.to_bytes(found, numbers, language))}
    output.show("standards-parameters", fields, [*lines, *doubts], as_json=as_json)


def _seen(audience: Audience, documents: list[Document]) -> list[Cut]:
    """Of each document what the reader may see; one that is hidden is as one not given."""
    found = []
    for document in documents:
        try:
            found.append(audience.cut(document))
        except NotSharedError:
            continue
    return found


def _place(entry: Entry) -> str:
    return " ".join(part for part in (entry.number, entry.place) if part)


def _give(
    kind: str, fields: Mapping[str, object], text: bytes, out: Path | None, *, as_json: bool
) -> None:
    """Write *text* to a file, or print it."""
    if out is None:
        output.show(
            kind, {**fields, "text": text.decode()}, [text.decode().rstrip("\n")], as_json=as_json
        )
        return
    write_bytes(out, text)
    output.show(kind, {**fields, "out": str(out)}, [str(out)], as_json=as_json)
