"""Reads an xlsx file from a delegation's machine without trusting it.

May touch: zipfile and lxml, bounded, and python-calamine. The file is unpacked once under a bound
and packed anew, so that the scan (``scan``) and the reader of values see the same bytes.
"""

import io
import posixpath
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from typing import Any, Final

from lxml import etree
from python_calamine import CalamineError, CalamineWorkbook

from delian.contribute.columns import NEEDS
from delian.contribute.errors import SheetFileError
from delian.contribute.rows import Bare, Rows
from delian.contribute.scan import scan

MAX_FILE_BYTES: Final = 128 * 1024 * 1024
MAX_UNPACKED_BYTES: Final = 512 * 1024 * 1024
MAX_MEMBERS: Final = 2_000
_PIECE: Final = 1024 * 1024
_MAIN: Final = "xl/workbook.xml"
_MARKUP: Final = (".xml", ".rels", ".vml")
_WRONG_FILE_HINT: Final = "start from the file that 'delian sheet template' writes, saved as xlsx"


def read_workbook(data: bytes) -> Rows:
    """The rows of the sheet 'Needs', with formulas and error values marked.

    Raises:
        SheetFileError: not an xlsx workbook, larger than allowed, or without that sheet.
    """
    members = _unpack(data)
    path = _path_of_sheet(members)
    marks = scan(members[path])
    return Rows(NEEDS, _values(members), marks)


def _unpack(data: bytes) -> dict[str, bytes]:
    """Every member, read under one bound for all of them."""
    if len(data) > MAX_FILE_BYTES:
        raise SheetFileError("the file is larger than a sheet can be")
    found: dict[str, bytes] = {}
    left = MAX_UNPACKED_BYTES
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries = archive.infolist()
            if len(entries) > MAX_MEMBERS:
                raise SheetFileError(
                    "the file has more parts than a workbook", hint=_WRONG_FILE_HINT
                )
            for entry in entries:
                if entry.filename in found:
                    raise SheetFileError("the file names a part twice", hint=_WRONG_FILE_HINT)
                found[entry.filename] = _member(archive, entry, left)
                left -= len(found[entry.filename])
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError) as error:
        raise SheetFileError("the file is damaged", hint="save it again as xlsx") from error
    except (EOFError, ValueError, OSError) as error:
        raise SheetFileError("the file is damaged", hint="save it again as xlsx") from error
    return found


def _member(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, limit: int) -> bytes:
    out = bytearray()
    with archive.open(entry) as stream:
        while piece := stream.read(_PIECE):
            out += piece
            if len(out) > limit:
                raise SheetFileError(
                    "the file unpacks to more than a sheet can hold", hint=_WRONG_FILE_HINT
                )
    whole = bytes(out)
    if entry.filename.endswith(_MARKUP) and b"<!DOCTYPE" in whole[:4096].upper():
        raise SheetFileError("the file declares a document type", hint=_WRONG_FILE_HINT)
    return whole


def _tree(data: bytes) -> Any:
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False
    )
    try:
        return etree.fromstring(data, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise SheetFileError("the file is damaged", hint="save it again as xlsx") from error


def _path_of_sheet(members: Mapping[str, bytes]) -> str:
    """The part that holds 'Needs', by the workbook's own table of contents."""
    rels = posixpath.join("xl", "_rels", "workbook.xml.rels")
    if _MAIN not in members or rels not in members:
        raise SheetFileError("the file is not an xlsx workbook", hint=_WRONG_FILE_HINT)
    targets = {
        r.get("Id"): r.get("Target", "") for r in _tree(members[rels]).iterfind("{*}Relationship")
    }
    for sheet in _tree(members[_MAIN]).iterfind("{*}sheets/{*}sheet"):
        if sheet.get("name") != NEEDS:
            continue
        ids = [value for name, value in sheet.attrib.items() if name.endswith("}id")]
        path = posixpath.normpath(posixpath.join("/xl", targets.get(ids[0] if ids else "", "")))
        if path.lstrip("/") in members:
            return path.lstrip("/")
    raise SheetFileError(f"the workbook has no sheet named '{NEEDS}'", hint=_WRONG_FILE_HINT)


def _values(members: Mapping[str, bytes]) -> Sequence[Sequence[Bare]]:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_STORED) as archive:
        for name, data in members.items():
            archive.writestr(zipfile.ZipInfo(name), data)
    packed.seek(0)
    try:
        sheet = CalamineWorkbook.from_filelike(packed).get_sheet_by_name(NEEDS)
        rows: Sequence[Sequence[Bare]] = sheet.to_python(skip_empty_area=False)
    except CalamineError as error:
        raise SheetFileError("the file is damaged", hint="save it again as xlsx") from error
    return rows
