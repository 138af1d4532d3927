"""The lines as an XLSX file of our own making: stored, dateless, the same bytes everywhere.

May touch: values and an in-memory zip file. Every agent renders this file again and compares
bytes, so that nothing may depend on a clock, a compressor or the release of a library
(``docs/adr/0010-own-svg.md``). Texts are shared strings and can never be formulas.
"""

import io
import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape

from delian.release.lines import plain_text

_DECLARATION = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_SHEET_KIND = "application/vnd.openxmlformats-officedocument.spreadsheetml"
_ZIP_DATE = (1980, 1, 1, 0, 0, 0)
MAX_CELL_CHARS = 32_000

Value = str | int | None


@dataclass(frozen=True, slots=True)
class Sheet:
    """One sheet: a frozen, filterable header row and rows of texts and whole numbers.

    Args:
        name: At most 31 characters.
        header: Column titles.
        widths: Column widths in characters, as many as titles.
        rows: As many values as titles.
    """

    name: str
    header: Sequence[str]
    widths: Sequence[int]
    rows: Sequence[Sequence[Value]]


class _Cells(dict[Value, str]):
    """Value to the rest of its cell; texts are kept once, in the order they come."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []

    def __missing__(self, value: Value) -> str:
        if isinstance(value, str):
            cell = f'" s="3" t="s"><v>{len(self.texts)}</v></c>'
            self.texts.append(escape(plain_text(value)[:MAX_CELL_CHARS], quote=False))
        else:
            cell = f'" s="2"><v>{value}</v></c>'
        self[value] = cell
        return cell

    def part(self) -> str:
        """The file that holds the texts."""
        listed = "".join(f"<si><t>{text}</t></si>" for text in self.texts)
        return f'<sst xmlns="{_MAIN}" uniqueCount="{len(self.texts)}">{listed}</sst>'


def workbook(sheets: Sequence[Sheet], marking: str) -> bytes:
    """An XLSX file with *sheets*; *marking* stands at the head and foot of each printed page."""
    places = range(1, len(sheets) + 1)
    parts: list[tuple[str, str]] = [
        ("[Content_Types].xml", _content_types(places)),
        ("_rels/.rels", _relations([("rId1", "officeDocument", "xl/workbook.xml")])),
        ("xl/workbook.xml", _book(sheets)),
        (
            "xl/_rels/workbook.xml.rels",
            _relations(
                [(f"rId{n}", "worksheet", f"worksheets/sheet{n}.xml") for n in places]
                + [(f"rId{len(sheets) + 1}", "styles", "styles.xml")]
                + [(f"rId{len(sheets) + 2}", "sharedStrings", "sharedStrings.xml")]
            ),
        ),
        ("xl/styles.xml", _STYLES),
    ]
    known = _Cells()
    parts += [
        (f"xl/worksheets/sheet{n}.xml", _sheet(sheet, marking, known))
        for n, sheet in enumerate(sheets, 1)
    ]
    parts.append(("xl/sharedStrings.xml", known.part()))
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_STORED) as file:
        for name, text in parts:
            entry = zipfile.ZipInfo(name, _ZIP_DATE)
            entry.create_system = 3
            entry.external_attr = 0o600 << 16
            file.writestr(entry, _DECLARATION + text)
    return held.getvalue()


def _sheet(sheet: Sheet, marking: str, known: _Cells) -> str:
    letters = [_letters(n) for n in range(len(sheet.header))]
    last = f"{letters[-1]}{len(sheet.rows) + 1}"
    rows = [_row(1, letters, sheet.header, known).replace('s="3"', 's="1"')]
    rows += [_row(n, letters, row, known) for n, row in enumerate(sheet.rows, 2)]
    widths = "".join(
        f'<col min="{n}" max="{n}" width="{w}" customWidth="1"/>'
        for n, w in enumerate(sheet.widths, 1)
    )
    mark = escape(plain_text(marking).replace("&", "&&"), quote=False)[:200]
    return (
        f'<worksheet xmlns="{_MAIN}"><sheetPr><pageSetUpPr fitToPage="1"/></sheetPr>'
        f'<dimension ref="A1:{last}"/>'
        '<sheetViews><sheetView workbookViewId="0"><pane ySplit="1" topLeftCell="A2" '
        'activePane="bottomLeft" state="frozen"/></sheetView></sheetViews>'
        f"<cols>{widths}</cols><sheetData>{''.join(rows)}</sheetData>"
        f'<autoFilter ref="A1:{last}"/>'
        '<pageSetup paperSize="9" orientation="landscape" fitToHeight="0"/>'
        f"<headerFooter><oddHeader>&amp;C{mark}</oddHeader>"
        f"<oddFooter>&amp;C{mark}&amp;R&amp;P / &amp;N</oddFooter></headerFooter></worksheet>"
    )


def _row(number: int, letters: Sequence[str], values: Sequence[Value], known: _Cells) -> str:
    cells = [
        f'<c r="{letter}{number}{known[value]}'
        for letter, value in zip(letters, values, strict=True)
        if value is not None and value != ""
    ]
    return f'<row r="{number}">{"".join(cells)}</row>'


def _letters(place: int) -> str:
    text = ""
    place += 1
    while place:
        place, rest = divmod(place - 1, 26)
        text = chr(65 + rest) + text
    return text


def _book(sheets: Sequence[Sheet]) -> str:
    listed = "".join(
        f'<sheet name="{escape(sheet.name)}" sheetId="{n}" r:id="rId{n}"/>'
        for n, sheet in enumerate(sheets, 1)
    )
    names = "".join(
        f'<definedName name="_xlnm._FilterDatabase" localSheetId="{n}" hidden="1">'
        f"'{escape(s.name)}'!$A$1:${_letters(len(s.header) - 1)}${len(s.rows) + 1}</definedName>"
        for n, s in enumerate(sheets)
    )
    return (
        f'<workbook xmlns="{_MAIN}" xmlns:r="{_OFFICE}"><sheets>{listed}</sheets>'
        f"<definedNames>{names}</definedNames></workbook>"
    )


def _relations(relations: Iterable[tuple[str, str, str]]) -> str:
    listed = "".join(
        f'<Relationship Id="{i}" Type="{_OFFICE}/{kind}" Target="{target}"/>'
        for i, kind, target in relations
    )
    return f'<Relationships xmlns="{_PACKAGE}/relationships">{listed}</Relationships>'


def _content_types(places: Iterable[int]) -> str:
    sheets = "".join(
        f'<Override PartName="/xl/worksheets/sheet{n}.xml" '
        f'ContentType="{_SHEET_KIND}.worksheet+xml"/>'
        for n in places
    )
    return (
        f'<Types xmlns="{_PACKAGE}/content-types">'
        '<Default Extension="rels" '
        'ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        '<Default Extension="xml" ContentType="application/xml"/>'
        f'<Override PartName="/xl/workbook.xml" ContentType="{_SHEET_KIND}.sheet.main+xml"/>'
        f'<Override PartName="/xl/styles.xml" ContentType="{_SHEET_KIND}.styles+xml"/>'
        '<Override PartName="/xl/sharedStrings.xml" '
        f'ContentType="{_SHEET_KIND}.sharedStrings+xml"/>'
        f"{sheets}</Types>"
    )


# Styles: 0 plain, 1 header (bold on pale blue, wrapped), 2 whole number with separators,
# 3 wrapped text.
_STYLES = (
    f'<styleSheet xmlns="{_MAIN}">'
    '<numFmts count="1"><numFmt numFmtId="164" formatCode="#,##0"/></numFmts>'
    '<fonts count="2"><font><sz val="10"/><name val="Calibri"/></font>'
    '<font><b/><sz val="10"/><name val="Calibri"/></font></fonts>'
    '<fills count="3"><fill><patternFill patternType="none"/></fill>'
    '<fill><patternFill patternType="gray125"/></fill>'
    '<fill><patternFill patternType="solid"><fgColor rgb="FFE3EAF2"/></patternFill></fill></fills>'
    '<borders count="1"><border><left/><right/><top/><bottom/><diagonal/></border></borders>'
    '<cellStyleXfs count="1"><xf numFmtId="0" fontId="0" fillId="0" borderId="0"/></cellStyleXfs>'
    '<cellXfs count="4"><xf numFmtId="0" fontId="0" fillId="0" borderId="0" xfId="0"/>'
    '<xf numFmtId="0" fontId="1" fillId="2" borderId="0" xfId="0" applyFont="1" applyFill="1" '
    'applyAlignment="1"><alignment vertical="top" wrapText="1"/></xf>'
    '<xf numFmtId="164" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1" '
    'applyAlignment="1"><alignment vertical="top"/></xf>'
    '<xf numFmtId="0" fontId="0" fillId="0" borderId="0" xfId="0" applyAlignment="1">'
    '<alignment vertical="top" wrapText="1"/></xf></cellXfs>'
    '<cellStyles count="1"><cellStyle name="Normal" xfId="0" builtinId="0"/></cellStyles>'
    "</styleSheet>"
)
