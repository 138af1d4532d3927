"""``index.html``: one self-contained page that a planner reads without any tool of ours.

May touch: values and the style sheet beside this file. No script, no outside address; table
first, then charts; every word that the numbers need is explained on the page itself.
"""

from collections.abc import Iterable, Sequence
from functools import cache
from html import escape
from importlib import resources
from typing import NamedTuple

from delian.release.charts import (
    PATTERNS,
    coverage_bar,
    demand_charts,
    kind_of,
    merge_maps,
    number,
)
from delian.release.lines import Line, Lines, plain_text, year_text
from delian.release.words import MEANINGS, limits, rule_text
from delian.terms.round_terms import RoundTerms
from delian.terms.table import Table

MAX_DRAWN_CELLS = 4_000
MAX_LISTED_LINES = 4_000

_KINDS = (
    ("single", "Shown alone", "one product, one year, one tier"),
    ("years", "Merged over years", "one total for several years"),
    ("products", "Merged over products", "one total for several products"),
    ("withheld", "Withheld", "no total is shown"),
)


class Head(NamedTuple):
    """What stands around the lines of one edition."""

    marking: str
    edition: int
    previous: str | None


@cache
def style() -> str:
    """The style sheet of the page."""
    return resources.files(__package__).joinpath("page.css").read_text(encoding="utf-8")


def _on_paper(marking: str) -> str:
    """A style that prints the marking at the head and foot of every page of paper."""
    spelled = "".join(
        c if c.isascii() and (c.isalnum() or c == " ") else f"\\{ord(c):x} " for c in marking
    )
    box = f'{{content:"{spelled}";font:600 9pt sans-serif}}'
    return f"@page{{@top-center{box}@bottom-center{box}}}"


def page(lines: Lines, table: Table, terms: RoundTerms, head: Head) -> bytes:
    """The page as UTF-8 bytes: well-formed as HTML and as XML."""
    mark = escape(head.marking)
    demo = ""
    if terms.demonstration:
        demo = (
            '<p class="demo" role="note">Demonstration: one organization runs all three hosts. '
            "This shows how it works; it does not keep a secret.</p>"
        )
    title = escape(plain_text(terms.title) or terms.round_id)
    parts = (
        (
            '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"/>'
            '<meta name="viewport" content="width=device-width, initial-scale=1"/>'
            '<meta http-equiv="Content-Security-Policy" '
            "content=\"default-src 'none'; style-src 'unsafe-inline'\"/>"
            f'<meta name="referrer" content="no-referrer"/><title>{title}: demand signal, '
            f"edition {head.edition}</title><style>{style()}{_on_paper(head.marking)}</style>"
            "</head><body>"
            '<a class="skip" href="#demand">Skip to the table</a>'
            f'<div class="banner top" role="note" aria-label="Marking">{mark}</div>{demo}{PATTERNS}'
        ),
        _header(lines, table, terms, head, title),
        "<main>",
        _demand(lines, terms),
        _withheld(lines),
        _charts(lines, terms),
        _merged(lines, terms),
        _reading(terms),
        _origin(table, terms, head),
        "</main>",
        (
            f'<footer><div class="banner bottom" role="note" aria-label="Marking">{mark}</div>'
            "</footer></body></html>\n"
        ),
    )
    return "".join(parts).encode("utf-8")


def _header(lines: Lines, table: Table, terms: RoundTerms, head: Head, title: str) -> str:
    cells, held = len(terms.frame.cells), len(lines.withheld)
    present = len(table.present)
    facts = (
        ("Totals shown", number(len(lines.shown)), "blocks"),
        ("Cells covered", number(lines.shown_cells), f"of {number(cells)}"),
        ("Cells withheld", number(held), f"{100 * held // max(1, cells)} %"),
        ("Nations", str(present), f"of {len(terms.nations)} took part"),
        ("Margin", f"{terms.rule.p_percent} %", "around every figure"),
    )
    cards = "".join(
        f"<div><dt>{dt}</dt><dd>{dd} <small>{note}</small></dd></div>" for dt, dd, note in facts
    )
    anchors = (
        ("demand", "Demand"),
        ("withheld", "Withheld"),
        ("charts", "By product and year"),
        ("merged", "What was merged, and why"),
        ("reading", "How to read it"),
        ("limits", "Limits"),
        ("origin", "Where it comes from"),
    )
    links = "".join(f'<li><a href="#{a}">{t}</a></li>' for a, t in anchors)
    return (
        '<header><p class="eyebrow">Demand signal \u00b7 round '
        f"{escape(plain_text(terms.round_id))} \u00b7 edition {head.edition}</p><h1>{title}</h1>"
        f'<p class="lead">What {present} nations need together, '
        f"{terms.frame.years[0]} to {terms.frame.years[-1]}. Each nation stated its figures in "
        "secret. The totals were computed without any machine, operator or nation seeing "
        "another\u2019s figure, and every nation agreed to exactly these files.</p>"
        f'<dl class="facts">{cards}</dl>'
        f'<nav aria-label="On this page"><ul>{links}</ul></nav></header>'
    )


def _demand(lines: Lines, terms: RoundTerms) -> str:
    parts = [
        (
            '<section aria-labelledby="demand"><h2 id="demand">Demand</h2>'
            "<p>One row is one total. Totals of different rows never overlap, so rows of one unit "
            "may be added up. The same rows stand in <code>demand.csv</code>, "
            "<code>demand.xlsx</code> and <code>demand.json</code>.</p>"
        )
    ]
    left = MAX_LISTED_LINES
    groups: dict[tuple[str, str], list[Line]] = {}
    for line in lines.shown:
        groups.setdefault((line.tier, line.cls), []).append(line)
    names_class = len({item.cls for item in terms.frame.items}) > 1
    for (tier, cls), group in groups.items():
        if left > 0:
            name = f"Tier {tier}, class {cls}" if names_class else f"Tier {tier}"
            parts.append(_table(name, group[:left]))
        left -= len(group)
    if left < 0:
        parts.append(
            f"<p>The page lists the first {number(MAX_LISTED_LINES)} rows. The other "
            f"{number(-left)} rows stand in <code>demand.csv</code>.</p>"
        )
    if not lines.shown:
        parts.append("<p>No total could be shown in this edition.</p>")
    return "".join(parts) + "</section>"


def _table(name: str, group: Sequence[Line]) -> str:
    rows: list[str] = []
    before: tuple[str, ...] = ()
    for line in group:
        again = ' class="again"' if line.items == before else ""
        rows.append(f"<tr{again}>{_product(line, bool(again))}{_numbers(line)}</tr>")
        before = line.items
    heads = ("Product", "Years", "Total", "Unit", "Nations", "Shown", "State")
    head = "".join(
        f'<th scope="col"{_NUM if text == "Total" else ""}>{text}</th>' for text in heads
    )
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{escape(name)}">'
        f'<table class="rows"><caption><strong>{escape(name)}</strong> \u00b7 '
        f"{number(len(group))} totals</caption><colgroup>{_COLS}</colgroup>"
        f"<thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table></div>"
    )


_NUM = ' class="num"'
_COLS = "".join(f'<col class="{name}"/>' for name in "pytunhs")


def _product(line: Line, again: bool) -> str:
    names = escape("; ".join(line.names_en))
    if again:
        return f'<th scope="row"><span>{names}</span></th>'
    if len(line.items) > 1:
        lead = escape(line.family or "Several families")
        return (
            f'<th scope="row"><span>{lead}: {len(line.items)} products together</span>'
            f"<small>{names}</small></th>"
        )
    french = escape(line.names_fr[0])
    code = escape(line.items[0])
    return (
        f'<th scope="row"><span>{names}</span><small>{code} \u00b7 '
        f'<span lang="fr">{french}</span></small></th>'
    )


def _numbers(line: Line) -> str:
    shown = {"single": "alone", "years": "years merged", "products": "products merged"}
    how = shown[kind_of(line)]
    if not line.is_whole_span:
        how += f", {len(line.cells)} cells"
    years = year_text(line.years).replace("-", "\u2013")
    return (
        f'<td class="years">{years}</td><td class="num">{number(line.total or 0)}</td>'
        f'<td class="unit">{escape(line.unit_text)}</td>'
        f'<td class="band">{escape(line.contributors)}</td>'
        f"<td>{how}</td><td>{escape(line.state)}</td>"
    )


def _withheld(lines: Lines) -> str:
    head = '<section aria-labelledby="withheld"><h2 id="withheld">Withheld</h2>'
    if not lines.withheld:
        return head + "<p>Nothing is withheld: every cell stands in a total above.</p></section>"
    groups: dict[tuple[str, str, str], list[Line]] = {}
    for line in lines.withheld[:MAX_LISTED_LINES]:
        groups.setdefault((line.tier, line.cls, line.items[0]), []).append(line)
    rows = "".join(
        f'<tr><th scope="row"><span>{escape(group[0].names_en[0])}</span></th>'
        f"<td>{escape(tier)}</td><td>"
        + year_text(y for line in group for y in line.years).replace("-", "\u2013")
        + "</td></tr>"
        for (tier, _cls, _item), group in groups.items()
    )
    return (
        f"{head}<p>For these cells no total is shown. Withheld is not zero: it may be nothing, "
        "and it may be a great deal.</p>"
        '<div class="scroll" tabindex="0" role="region" aria-label="Withheld cells"><table>'
        f"<caption><strong>Withheld cells</strong> \u00b7 {number(len(lines.withheld))} cells"
        '</caption><thead><tr><th scope="col">Product</th><th scope="col">Tier</th>'
        f'<th scope="col">Years</th></tr></thead><tbody>{rows}</tbody></table></div></section>'
    )


def _charts(lines: Lines, terms: RoundTerms) -> str:
    head = '<section aria-labelledby="charts"><h2 id="charts">Demand by product and year</h2>'
    if len(terms.frame.cells) > MAX_DRAWN_CELLS:
        return head + "<p>This frame is too large to be drawn; use the files.</p></section>"
    return (
        f"{head}<p>The height of a bar is the demand of an average year, one row of bars for "
        "each tier. A wide bar is one total for several years. A hatched base marks withheld "
        "years, a dotted base years whose demand stands in a total of several products. Bars "
        "compare within one product only.</p>"
        f'<div class="charts">{demand_charts(lines, terms.frame)}</div></section>'
    )


def _merged(lines: Lines, terms: RoundTerms) -> str:
    counts = dict.fromkeys((kind for kind, _, _ in _KINDS), 0)
    for line in lines.every:
        counts[kind_of(line)] += len(line.cells)
    key = "".join(
        f'<li><svg viewBox="0 0 24 13" aria-hidden="true"><rect class="tile {kind}" width="24" '
        f'height="13" rx="2"/></svg><span><strong>{name}</strong>: {number(counts[kind])} cells, '
        f"{text}</span></li>"
        for kind, name, text in _KINDS
    )
    maps = ""
    if len(terms.frame.cells) <= MAX_DRAWN_CELLS:
        maps = f'<div class="maps">{merge_maps(lines, terms.frame)}</div>'
    return (
        '<section aria-labelledby="merged"><h2 id="merged">What was merged, and why</h2>'
        f"<p>{escape(rule_text(terms))} Where a cell alone does not pass, it is put together "
        "with its neighbors in an order that was fixed before any figure was stated: first "
        "neighboring years, then all years, then products of one family, then of one group. "
        "What still does not pass is withheld. Whether a cell failed because few nations need "
        "it or because one stands out is not published.</p>"
        f'{coverage_bar(counts)}<ul class="key">{key}</ul>{maps}</section>'
    )


def _reading(terms: RoundTerms) -> str:
    words = "".join(f"<dt>{word}</dt><dd>{text}</dd>" for word, text in MEANINGS)
    listed = "".join(f"<li>{escape(text)}</li>" for text in limits(terms))
    return (
        '<section aria-labelledby="reading"><h2 id="reading">How to read it</h2>'
        f'<dl class="words">{words}</dl></section>'
        '<section aria-labelledby="limits"><h2 id="limits">Limits</h2>'
        f'<div class="limits"><ul>{listed}</ul></div></section>'
    )


def _origin(table: Table, terms: RoundTerms, head: Head) -> str:
    rows = (
        ("Round", terms.round_id),
        ("Edition", str(head.edition)),
        ("Follows", head.previous or "nothing: this is the first edition"),
        ("Audience", terms.audience),
        ("Terms", terms.digest),
        ("Opened table", table.digest),
        ("Derives from", table.derives_from or "nothing: the table is as the hosts opened it"),
        ("Circuits", table.netlist_digest),
        ("Run", table.run_id),
        ("Hosts", ", ".join(terms.hosts)),
        ("Took part", ", ".join(table.present)),
        ("Absent", ", ".join(table.absent) or "none"),
    )
    return (
        '<section aria-labelledby="origin"><h2 id="origin">Where it comes from</h2>'
        "<p>Three hosts signed the table. Every nation\u2019s own machine compared these files "
        "with that table and signed them. <code>delian verify</code> checks all of it offline, "
        "with the files and the trusted root alone.</p>"
        '<div class="scroll" tabindex="0" role="region" aria-label="Origin"><table class="proof">'
        "<caption><strong>Evidence</strong></caption><thead><tr>"
        '<th scope="col">What</th><th scope="col">Value</th></tr></thead><tbody>'
        f"{_pairs(rows)}</tbody></table></div></section>"
    )


def _pairs(rows: Iterable[tuple[str, str]]) -> str:
    return "".join(
        f'<tr><th scope="row">{name}</th><td>{escape(plain_text(value))}</td></tr>'
        for name, value in rows
    )
