"""Charts of bands as SVG: a strip for each party, and parties against bands.

May touch: values. Whole-number arithmetic only, so that every machine draws the same bytes. No
script and no outside address; classes differ by pattern and figure, never by color alone.
"""

from collections.abc import Iterable, Sequence
from fractions import Fraction
from html import escape

from delian.standards.bands import Band, written
from delian.standards.harmonise import BandReport, Party, State, percent
from delian.standards.spectrum_errors import SpectrumError

_LEFT, _ROW, _HEAD, _DECADE = 64, 18, 22, 100_000
_WIDTH = 900
_TILE, _NAMES = 30, 150
_KEY = (("d", "defense"), ("c", "other uses"), ("both", "both"))
_STYLE = (
    "<style>text{font:10px sans-serif;fill:#222}.end{text-anchor:end}.mid{text-anchor:middle}"
    ".ground{fill:#f2f2f2}.d{fill:#1f4e79}.c{fill:#d9822b}.both{fill:url(#both)}"
    ".all{fill:#1f4e79}.most{fill:#3f739f}.some{fill:url(#some)}.none{fill:#fff;stroke:#888}"
    ".all+text,.most+text{fill:#fff}.grid{stroke:#bbb}</style>"
    '<defs><pattern id="both" width="4" height="4" patternUnits="userSpaceOnUse">'
    '<rect width="4" height="4" fill="#1f4e79"/><path d="M0 4L4 0" stroke="#d9822b"/></pattern>'
    '<pattern id="some" width="5" height="5" patternUnits="userSpaceOnUse">'
    '<rect width="5" height="5" fill="#e6eef5"/><circle cx="2" cy="2" r="1" fill="#5b8db8"/>'
    "</pattern></defs>"
)


def strips(among: Iterable[Party], window: Band) -> bytes:
    """One strip for each usable party: defense, other uses, and both; others are named below.

    Args:
        among: Drawn in order of code.
        window: From where to where, in hertz; each decade is as wide as the next.

    Raises:
        SpectrumError: the window starts below 1 Hz or has no width.
    """
    if not 1 <= window[0] < window[1]:
        raise SpectrumError("a window starts at 1 Hz or above and has a width")
    ordered = sorted(among, key=lambda party: party.code)
    drawn = [party for party in ordered if party.state is State.USABLE]
    left_out = [f"{p.code}: {p.state.value}" for p in ordered if p.state is not State.USABLE]
    high = _HEAD + len(drawn) * _ROW + 32
    parts = [_decades(window, high - 32), _key(high - 28)]
    for place, party in enumerate(drawn):
        parts.append(_strip(party, window, _HEAD + place * _ROW))
    if left_out:
        parts.append(f'<text x="2" y="{high - 3}">not drawn: {escape(", ".join(left_out))}</text>')
    label = f"bands for defense and other uses, {written(window)}, one strip for each party"
    return _picture(_LEFT + _WIDTH + 4, high, label, parts)


def matrix(reports: Sequence[BandReport]) -> bytes:
    """Bands down, parties across: whole percents of each band that each party has for defense."""
    codes = [d.code for d in reports[0].deviations] if reports else []
    wide, high = _NAMES + len(codes) * _TILE + 4, _HEAD + len(reports) * _ROW + 4
    parts = [
        f'<text class="mid" x="{_NAMES + n * _TILE + _TILE // 2}" y="14">{escape(code)}</text>'
        for n, code in enumerate(codes)
    ]
    for place, report in enumerate(reports):
        y = _HEAD + place * _ROW
        name = written(report.band)
        parts.append(f'<text class="end" x="{_NAMES - 6}" y="{y + 12}">{escape(name)}</text>')
        for n, deviation in enumerate(report.deviations):
            x = _NAMES + n * _TILE
            tip = f"{deviation.code}, {name}: {deviation.share} of the band"
            parts.append(
                f'<rect class="{_kind(deviation.share, report.threshold)}" x="{x + 1}" y="{y}" '
                f'width="{_TILE - 2}" height="{_ROW - 2}"><title>{escape(tip)}</title></rect>'
                f'<text class="mid" x="{x + _TILE // 2}" y="{y + 12}">'
                f"{percent(deviation.share)}</text>"
            )
    return _picture(wide, high, "percent of each band that each party has for defense", parts)


def _kind(share: Fraction, threshold: Fraction) -> str:
    if not share:
        return "none"
    if share == 1:
        return "all"
    return "most" if share >= threshold else "some"


def _strip(party: Party, window: Band, y: int) -> str:
    parts = [
        f'<text class="end" x="{_LEFT - 6}" y="{y + 12}">{escape(party.code)}</text>',
        f'<rect class="ground" x="{_LEFT}" y="{y}" width="{_WIDTH}" height="{_ROW - 4}"/>',
    ]
    both = party.defense & party.civil
    drawn = (("d", party.defense - both), ("c", party.civil - both), ("both", both))
    for name, bands in drawn:
        for low, high in _visible(bands.parts, window):
            x = _place(low, window)
            wide = max(1, _place(high, window) - x)
            parts.append(
                f'<rect class="{name}" x="{_tenths(x)}" y="{y}" width="{_tenths(wide)}" '
                f'height="{_ROW - 4}"/>'
            )
    return "".join(parts)


def _visible(bands: Iterable[Band], window: Band) -> Iterable[Band]:
    for low, high in bands:
        if low < window[1] and high > window[0]:
            yield max(low, window[0]), min(high, window[1])


def _height(frequency: int) -> int:
    """Fractions of a decade above 1 Hz, in whole numbers; straight within a decade."""
    decades = len(str(frequency)) - 1
    start = int(10**decades)
    return decades * _DECADE + (frequency - start) * _DECADE // (9 * start)


def _place(frequency: int, window: Band) -> int:
    """Tenths of a unit from the left."""
    low, high = _height(window[0]), max(_height(window[1]), _height(window[0]) + 1)
    return _LEFT * 10 + (_height(frequency) - low) * _WIDTH * 10 // (high - low)


def _key(y: int) -> str:
    """What the classes of a strip mean."""
    return "".join(
        f'<rect class="{name} key" x="{_LEFT + n * 100}" y="{y}" width="16" height="9"/>'
        f'<text x="{_LEFT + n * 100 + 20}" y="{y + 9}">{words}</text>'
        for n, (name, words) in enumerate(_KEY)
    )


def _decades(window: Band, foot: int) -> str:
    parts = []
    for power in range(len(str(window[1]))):
        mark = int(10**power)
        if window[0] <= mark <= window[1]:
            x = _tenths(_place(mark, window))
            name = written((mark, mark))
            parts.append(f'<line class="grid" x1="{x}" y1="16" x2="{x}" y2="{foot}"/>')
            parts.append(f'<text class="mid" x="{x}" y="12">{name}</text>')
    return "".join(parts)


def _tenths(value: int) -> str:
    return f"{value // 10}.{value % 10}" if value % 10 else str(value // 10)


def _picture(wide: int, high: int, label: str, parts: Iterable[str]) -> bytes:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" viewBox="0 0 {wide} {high}" '
        f'aria-label="{escape(label)}">{_STYLE}{"".join(parts)}</svg>\n'
    ).encode()
