"""Charts of a release as SVG: demand by product and year, and a map of what was merged.

May touch: values. Whole-number arithmetic only, so that every machine draws the same bytes.
No script and no outside address; colors come from the page's style, never alone: withheld and
merged cells also differ by pattern.
"""

from collections.abc import Iterable, Mapping, Sequence
from html import escape

from delian.release.lines import Line, Lines, plain_text, year_text
from delian.terms.frame import CellKey, Frame

THIN = "\u202f"
NAME_CHARS = 24

_STRIP, _GAP, _LEFT, _WIDTH = 34, 8, 34, 266
_ROW, _TILE, _NAMES = 15, 20, 170

PATTERNS = (
    '<svg class="defs" width="0" height="0" aria-hidden="true" focusable="false"><defs>'
    '<pattern id="hatch" width="5" height="5" patternUnits="userSpaceOnUse" '
    'patternTransform="rotate(45)"><rect class="hatch-ground" width="5" height="5"/>'
    '<line class="hatch-line" x1="0" y1="0" x2="0" y2="5"/></pattern>'
    '<pattern id="dots" width="5" height="5" patternUnits="userSpaceOnUse">'
    '<rect class="dots-ground" width="5" height="5"/>'
    '<circle class="dots-dot" cx="2.5" cy="2.5" r="1"/></pattern></defs></svg>'
)


def number(value: int) -> str:
    """A whole number with thin spaces between thousands."""
    return f"{value:,}".replace(",", THIN)


def kind_of(line: Line) -> str:
    """How a line is shown: "single", "years", "products" or "withheld"."""
    if line.is_withheld:
        return "withheld"
    if len(line.items) > 1:
        return "products"
    return "years" if len(line.cells) > 1 else "single"


def runs(years: Iterable[int], axis: Sequence[int]) -> list[tuple[int, int]]:
    """Neighboring years as (first place, number of places) on *axis*."""
    place = {year: n for n, year in enumerate(axis)}
    found: list[tuple[int, int]] = []
    for at in sorted(place[year] for year in years):
        if found and sum(found[-1]) == at:
            found[-1] = (found[-1][0], found[-1][1] + 1)
        else:
            found.append((at, 1))
    return found


def demand_charts(lines: Lines, frame: Frame) -> str:
    """One small figure for each product, or group of products, that has a total."""
    groups: dict[tuple[str, tuple[str, ...]], list[Line]] = {}
    for line in lines.shown:
        groups.setdefault((line.cls, line.items), []).append(line)
    place = {(i.code, i.cls): n for n, i in enumerate(frame.items)}
    ordered = sorted(
        groups.items(), key=lambda g: (place[(g[0][1][0], g[0][0])], len(g[0][1]), g[0])
    )
    gaps = _gaps(lines)
    return "".join(_figure(group, frame, gaps) for _, group in ordered)


def _gaps(lines: Lines) -> Mapping[tuple[str, str, str], dict[int, str]]:
    """For each item, class and tier: years without a total of their own, and why."""
    found: dict[tuple[str, str, str], dict[int, str]] = {}
    for line in lines.every:
        kind = kind_of(line)
        if kind in ("withheld", "products"):
            for cell in line.cells:
                found.setdefault((cell.item, cell.cls, cell.tier), {})[cell.year] = kind
    return found


def _figure(
    group: Sequence[Line], frame: Frame, gaps: Mapping[tuple[str, str, str], dict[int, str]]
) -> str:
    first = group[0]
    tiers = [t for t in frame.tiers if any(line.tier == t for line in group)]
    top = max(group, key=lambda line: (line.total or 0) * 5040 // len(line.years))
    height = len(tiers) * (_STRIP + _GAP) + 18
    parts = []
    for n, tier in enumerate(tiers):
        base = (n + 1) * (_STRIP + _GAP) - 2
        missing: dict[int, str] = {}
        if len(first.items) == 1:
            missing = gaps.get((first.items[0], first.cls, tier), {})
        parts.append(_strip(tier, base, [x for x in group if x.tier == tier], top, frame, missing))
    axis = frame.years
    foot = height - 4
    parts.append(f'<text class="axis" x="{_LEFT}" y="{foot}">{axis[0]}</text>')
    if len(axis) > 1:
        right = _LEFT + _WIDTH
        parts.append(f'<text class="axis end" x="{right}" y="{foot}">{axis[-1]}</text>')
    title = _title(first)
    peak = number((top.total or 0) // len(top.years))
    label = f"{title}: demand by year in {first.unit_text}; the numbers stand in the table"
    return (
        f'<figure class="small"><figcaption>{escape(title)} '
        f"<small>{escape(first.unit_text)}, peak {peak} a year</small></figcaption>"
        f'<svg role="img" viewBox="0 0 {_LEFT + _WIDTH} {height}" '
        f'aria-label="{escape(label)}">{"".join(parts)}</svg></figure>'
    )


def _strip(
    tier: str,
    base: int,
    group: Sequence[Line],
    top: Line,
    frame: Frame,
    missing: Mapping[int, str],
) -> str:
    axis = frame.years
    step10 = _WIDTH * 10 // len(axis)
    parts = [
        (
            f'<text class="tier" x="0" y="{base - 2}">{escape(tier)}</text>'
            f'<line class="base" x1="{_LEFT}" y1="{base}" x2="{_LEFT + _WIDTH}" y2="{base}"/>'
        )
    ]
    for why in ("withheld", "products"):
        for at, count in runs((y for y, k in missing.items() if k == why), axis):
            parts.append(_bar(at, count, step10, base, 60, f"gap {why}", ""))
    whole = max(1, top.total or 0)
    for line in group:
        tall10 = (line.total or 0) * len(top.years) * _STRIP * 10 // (len(line.years) * whole)
        tip = f"{tier} {year_text(line.years)}: {number(line.total or 0)} {line.unit_text}"
        for at, count in runs(line.years, axis):
            parts.append(_bar(at, count, step10, base, max(5, tall10), "bar", tip))
    return "".join(parts)


def _bar(at: int, count: int, step10: int, base: int, tall10: int, names: str, tip: str) -> str:
    x10, w10 = _LEFT * 10 + at * step10 + 5, count * step10 - 10
    y10 = base * 10 - tall10
    inside = f"<title>{escape(tip)}</title>" if tip else ""
    return (
        f'<rect class="{names}" x="{_tenths(x10)}" y="{_tenths(y10)}" '
        f'width="{_tenths(w10)}" height="{_tenths(tall10)}">{inside}</rect>'
    )


def _tenths(value: int) -> str:
    return f"{value // 10}.{value % 10}" if value % 10 else str(value // 10)


def _title(line: Line) -> str:
    if len(line.items) == 1:
        return line.names_en[0]
    named = line.family or "Several families"
    return f"{named} ({len(line.items)} products together)"


def merge_maps(lines: Lines, frame: Frame) -> str:
    """For each tier and class a map: products down, years across, one tile for each cell."""
    owner: dict[CellKey, Line] = {c: line for line in lines.every for c in line.cells}
    classes = list(dict.fromkeys(item.cls for item in frame.items))
    return "".join(
        _map(owner, frame, tier, cls, len(classes) > 1) for tier in frame.tiers for cls in classes
    )


def _map(
    owner: Mapping[CellKey, Line], frame: Frame, tier: str, cls: str, names_class: bool
) -> str:
    items = [item for item in frame.items if item.cls == cls]
    axis = frame.years
    parts = []
    for row, item in enumerate(items):
        y = 16 + row * _ROW
        name = plain_text(item.names.get("en") or item.code)
        short = name if len(name) <= NAME_CHARS else name[: NAME_CHARS - 1] + "\u2026"
        parts.append(f'<text class="name" x="{_NAMES - 6}" y="{y + 10}">{escape(short)}</text>')
        seen: dict[int, tuple[Line, list[int]]] = {}
        for year in axis:
            line = owner.get(CellKey(item.code, year, tier, cls))
            if line is not None:
                seen.setdefault(id(line), (line, []))[1].append(year)
        for line, years in seen.values():
            kind = kind_of(line)
            for at, count in runs(years, axis):
                parts.append(
                    f'<rect class="tile {kind}" x="{_NAMES + at * _TILE + 1}" y="{y}" '
                    f'width="{count * _TILE - 2}" height="{_ROW - 2}" rx="2"/>'
                )
    head = "".join(
        f'<text class="axis mid" x="{_NAMES + n * _TILE + _TILE // 2}" y="10">'
        f"{year % 100:02d}</text>"
        for n, year in enumerate(axis)
    )
    name = f"Tier {tier}, class {cls}" if names_class else f"Tier {tier}"
    label = f"{name}: which cells are shown alone, merged or withheld; the tables say the same"
    wide, high = _NAMES + len(axis) * _TILE, 18 + len(items) * _ROW
    return (
        f'<figure class="map"><figcaption>{escape(name)}</figcaption>'
        f'<svg role="img" viewBox="0 0 {wide} {high}" aria-label="{escape(label)}">'
        f"{head}{''.join(parts)}</svg></figure>"
    )


def coverage_bar(counts: Mapping[str, int]) -> str:
    """One bar over all cells, divided by how they are shown."""
    every = max(1, sum(counts.values()))
    parts, at = [], 0
    for kind, count in counts.items():
        wide = 7200 * (at + count) // every - 7200 * at // every
        if count:
            x = 7200 * at // every
            parts.append(
                f'<rect class="tile {kind}" x="{_tenths(x)}" y="0" '
                f'width="{_tenths(max(0, wide - 10))}" height="22">'
                f"<title>{kind}: {count}</title></rect>"
            )
        at += count
    label = "; ".join(f"{kind}: {count} cells" for kind, count in counts.items())
    return (
        f'<svg class="cover" role="img" viewBox="0 0 720 22" preserveAspectRatio="none" '
        f'aria-label="{escape(label)}">{"".join(parts)}</svg>'
    )
