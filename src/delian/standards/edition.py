"""A cut as a file: Markdown and HTML that are the same bytes on every machine.

May touch: values. Nothing is written here that is not in the cut: no name of a portion, no date of
making, no program, no count.
"""

import base64
from collections.abc import Mapping
from html import escape

from delian.standards.cut import Cut, Shown
from delian.standards.words import heading, spoken

_PICTURES = ("image/png", "image/jpeg", "image/svg+xml")
_STYLE = (
    "body{font-family:serif;max-width:46rem;margin:2rem auto;line-height:1.5}"
    "table{border-collapse:collapse}td{border:1px solid #888;padding:.2rem .5rem}"
    ".marking{font-family:sans-serif;text-align:center;font-weight:bold}"
)


def to_markdown(cut: Cut, marking: str) -> bytes:
    """The edition in Markdown (UTF-8), under the words of its *marking*."""
    numbers = cut.numbers()
    lines = [marking, "", f"# {_head(cut)}", ""]
    for shown, depth in cut.walk():
        lines += _markdown(shown, depth, numbers)
    return "\n".join([*lines, marking, ""]).encode()


def to_html(cut: Cut, marking: str) -> bytes:
    """The edition as one HTML page without scripts or links, under the words of its *marking*."""
    numbers = cut.numbers()
    mark = f'<p class="marking">{escape(marking)}</p>'
    parts = [
        f'<!doctype html><html lang="{cut.root.language}"><head><meta charset="utf-8">',
        f"<title>{escape(_head(cut))}</title><style>{_STYLE}</style></head><body>",
        mark,
        f"<h1>{escape(_head(cut))}</h1>",
    ]
    for shown, depth in cut.walk():
        parts += _html(shown, depth, numbers)
    return "\n".join([*parts, mark, "</body></html>", ""]).encode()


def listing(cut: Cut) -> tuple[tuple[str, str], ...]:
    """Number and title of every visible section, table and figure, in reading order."""
    return tuple(
        (heading(s.kind, s.number, s.language), s.title) for s, _ in cut.walk() if s.number
    )


def _head(cut: Cut) -> str:
    return f"{cut.number} ({cut.edition}): {cut.title}"


def _caption(shown: Shown) -> str:
    return " ".join(
        p for p in (heading(shown.kind, shown.number, shown.language), shown.title) if p
    )


def _markdown(shown: Shown, depth: int, numbers: Mapping[str, str]) -> list[str]:
    text = spoken(shown.text, numbers, shown.language)
    caption = _caption(shown)
    lines: list[str] = []
    if caption and shown.kind == "section":
        lines += [f"{'#' * min(depth + 1, 6)} {caption}", ""]
    elif caption:
        lines += [f"**{caption}**", ""]
    if text:
        lines += [f"- {text}" if shown.kind == "item" else text, ""]
    if shown.rows:
        wide = max(len(row) for row in shown.rows)
        rows = [
            [spoken(cell, numbers, shown.language).replace("|", "\\|") for cell in row]
            + [""] * (wide - len(row))
            for row in shown.rows
        ]
        rows.insert(1, ["---"] * wide)
        lines += [*(f"| {' | '.join(row)} |" for row in rows), ""]
    if shown.picture is not None:
        lines += [f"![{shown.title}]({_address(shown)})", ""]
    return lines


def _html(shown: Shown, depth: int, numbers: Mapping[str, str]) -> list[str]:
    language = f' lang="{shown.language}"'
    text = escape(spoken(shown.text, numbers, shown.language))
    caption = escape(_caption(shown))
    parts: list[str] = []
    if caption:
        level = min(depth + 1, 6) if shown.kind == "section" else 6
        parts.append(f"<h{level}{language}>{caption}</h{level}>")
    if text:
        tag = "li" if shown.kind == "item" else "p"
        parts.append(f"<{tag}{language}>{text}</{tag}>")
    if shown.rows:
        parts.append(f"<table{language}>")
        for row in shown.rows:
            cells = (escape(spoken(cell, numbers, shown.language)) for cell in row)
            parts.append("<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>")
        parts.append("</table>")
    if shown.picture is not None:
        parts.append(f'<img alt="{escape(shown.title)}" src="{_address(shown)}">')
    return parts


def _address(shown: Shown) -> str:
    """The picture inside the page; an unknown kind is carried as plain bytes."""
    if shown.picture is None:
        return ""
    kind = shown.picture.media_type
    kind = kind if kind in _PICTURES else "application/octet-stream"
    return f"data:{kind};base64,{base64.b64encode(shown.picture.data).decode('ascii')}"
