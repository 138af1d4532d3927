"""The lines as CSV and JSON, and the dictionary of the columns.

May touch: values. No cell can be taken for a formula: a text that a spreadsheet could execute
is led by an apostrophe, and every text stands in quotation marks.
"""

import json
from collections.abc import Sequence

from delian.release.lines import Line, Lines, plain_text
from delian.release.words import COLUMNS, MEANINGS
from delian.terms.encode import Plain
from delian.terms.round_terms import RoundTerms
from delian.terms.table import Table

FORMAT = "delian-demand"
_EXECUTABLE = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20", "|", "%")

Value = str | int | None


def values_of(line: Line, edition: int, marking: str) -> tuple[Value, ...]:
    """One line in the order of ``words.COLUMNS``; texts, whole numbers and gaps."""
    from_years = f"{line.years[0]}-{line.years[-1]}"
    is_run = len(line.years) == line.years[-1] - line.years[0] + 1
    years = ", ".join(map(str, line.years)) if not is_run or len(line.years) == 1 else from_years
    return (
        line.block,
        line.tier,
        line.cls,
        "; ".join(line.items),
        "; ".join(line.names_en),
        "; ".join(line.names_fr),
        line.family,
        line.group,
        years,
        len(line.cells),
        "yes" if line.is_whole_span else "no",
        line.unit,
        line.price_basis,
        line.total,
        line.at_least,
        line.at_most,
        line.state,
        line.opened_in,
        edition,
        marking,
    )


def demand_csv(rows: Sequence[tuple[Value, ...]]) -> bytes:
    """``demand.csv``: a header row, then *rows*, each as :func:`values_of` gives it."""
    known = _Cells()
    texts = [",".join([_cell(name) for name, _, _ in COLUMNS])]
    texts += [",".join([known[value] for value in row]) for row in rows]
    return _joined(texts)


class _Cells(dict[Value, str]):
    """Value to CSV cell, spelled once."""

    def __missing__(self, value: Value) -> str:
        text = "" if value is None else _cell(value) if isinstance(value, str) else str(value)
        self[value] = text
        return text


def dictionary_csv() -> bytes:
    """``demand-dictionary.csv``: what every column of ``demand.csv`` and every word means."""
    rows = [",".join(map(_cell, ("column", "kind", "meaning")))]
    rows += [",".join(map(_cell, row)) for row in COLUMNS]
    rows += [",".join(map(_cell, (word, "word", meaning))) for word, meaning in MEANINGS]
    return _joined(rows)


def demand_json(
    lines: Lines, table: Table, terms: RoundTerms, marking: str, number: int, previous: str | None
) -> bytes:
    """``demand.json``: the same lines for programs (``docs/formats/package.md``).

    Guarantees:
        The canonical spelling, although written without the slow walk of ``terms.encode``
        (``tests/unit/release/test_release_package.py``).
    """
    return json.dumps(
        {
            "format": FORMAT,
            "version": 1,
            "round": terms.round_id,
            "title": plain_text(terms.title),
            "edition": number,
            "previous": previous,
            "marking": marking,
            "audience": terms.audience,
            "terms": terms.digest,
            "table": table.digest,
            "rule": terms.rule.to_plain(),
            "present": list(table.present),
            "absent": list(table.absent),
            "blocks": [_block(line) for line in lines.shown],
            "withheld": [str(line.cells[0]) for line in lines.withheld],
        },
        sort_keys=True,
        separators=(",", ":"),
        ensure_ascii=False,
    ).encode("utf-8")


def _block(line: Line) -> dict[str, Plain]:
    return {
        "block": line.block,
        "tier": line.tier,
        "class": line.cls,
        "items": [
            {"code": code, "en": en, "fr": fr}
            for code, en, fr in zip(line.items, line.names_en, line.names_fr, strict=True)
        ],
        "family": line.family,
        "group": line.group,
        "years": list(line.years),
        "whole_span": line.is_whole_span,
        "cells": [str(cell) for cell in line.cells],
        "unit": line.unit,
        "price_basis": line.price_basis,
        "total": line.total,
        "at_least": line.at_least,
        "at_most": line.at_most,
        "state": line.state,
        "opened_in": line.opened_in,
    }


def _cell(text: str) -> str:
    safe = plain_text(text)
    if safe.startswith(_EXECUTABLE):
        safe = "'" + safe
    return '"' + safe.replace('"', '""') + '"'


def _joined(rows: Sequence[str]) -> bytes:
    return ("\r\n".join(rows) + "\r\n").encode("utf-8")
