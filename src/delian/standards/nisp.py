"""Reads the NISP standards register: its XML editions and its records as JSON lines.

May touch: bytes. XML without entities and network, bounded in size and depth. Everything in a
record that has no place in :class:`~delian.standards.register.Standard` is listed, not lost.
"""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from delian.standards.dropped import DropList, Dropped
from delian.standards.errors import RegisterError
from delian.standards.foreign_xml import check_shape, parsed
from delian.standards.register import (
    DATE,
    Event,
    Flag,
    Register,
    Standard,
    edition_of,
    kind_of,
)

NAME = "NISP"
MAX_XML_BYTES = 64 * 1024 * 1024
MAX_XML_DEPTH = 60
MAX_LINE_BYTES = 1024 * 1024
MAX_LINES = 100_000
_ELSEWHERE = "not an entry: profiles, taxonomy, organisations"
_NO_PLACE = "has no place in an entry"
_FLAGS: dict[str, Flag] = {"added": "added", "changed": "changed", "deleted": "deleted"}
_KNOWN_MEMBERS = frozenset(
    (
        *("kind", "nispid", "org", "pubnum", "title", "date", "version", "rp", "applicability"),
        *("status", "covers", "coverdoc", "consumers", "uuid"),
    )
)


def read_lines(data: bytes, edition: str) -> tuple[Register, tuple[Dropped, ...]]:
    """A register from JSON lines, one record each.

    Raises:
        RegisterError: names the line that cannot be read.
    """
    drops = DropList()
    standards: dict[str, Standard] = {}
    lines = data.split(b"\n")
    if len(lines) > MAX_LINES:
        raise RegisterError("the register has more lines than allowed")
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        where = f"line {number}"
        record = _record(line, where)
        standard = _from_record(record, where, drops)
        if standard.id in standards:
            raise RegisterError("two records have the same name", where=where)
        standards[standard.id] = standard
    return Register(NAME, edition, standards), drops.listed()


def read_xml(data: bytes) -> tuple[Register, tuple[Dropped, ...]]:
    """A register from one XML edition; its number is the newest revision that the file names.

    Raises:
        RegisterError: not XML, or not a register.
    """
    root = _parsed(data)
    if root.tag != "standards":
        raise RegisterError("the file is XML, but no NISP register")
    drops = DropList()
    for child in root:
        if isinstance(child.tag, str) and child.tag not in ("records", "revhistory"):
            drops.add(f"standards/{child.tag}", _ELSEWHERE)
    standards: dict[str, Standard] = {}
    for element in root.iterfind("records/*"):
        if not isinstance(element.tag, str):
            continue
        if element.tag != "standard":
            drops.add(f"records/{element.tag}", _ELSEWHERE)
            continue
        standard = _from_element(element, drops)
        if standard.id in standards:
            raise RegisterError("two entries have the same name", where=standard.id[:60])
        standards[standard.id] = standard
    edition = root.findtext("revhistory/revision/revnumber") or ""
    drops.add("standards/revhistory", "only its newest number is kept")
    return Register(NAME, edition.strip(), _linked(standards)), drops.listed()


def _parsed(data: bytes) -> Any:
    root = parsed(data, RegisterError, max_bytes=MAX_XML_BYTES)
    declared = root.getroottree().docinfo.internalDTD
    if declared is not None and any(declared.iterentities()):
        raise RegisterError("the file declares entities, which are not read")
    check_shape(root, RegisterError, max_depth=MAX_XML_DEPTH)
    return root


def _record(line: bytes, where: str) -> dict[str, Any]:
    if len(line) > MAX_LINE_BYTES:
        raise RegisterError("a line is longer than allowed", where=where)
    try:
        record = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise RegisterError("a line is not JSON", where=where) from error
    if not isinstance(record, dict):
        raise RegisterError("a line is not an object", where=where)
    return record


def _from_record(record: dict[str, Any], where: str, drops: DropList) -> Standard:
    def text(name: str, holder: dict[str, Any] = record) -> str:
        value = holder.get(name)
        if value is None:
            return ""
        if not isinstance(value, str):
            raise RegisterError(f"'{name}' must be text", where=where)
        return value

    def names(name: str) -> tuple[str, ...]:
        value = record.get(name, [])
        if not isinstance(value, list) or not all(isinstance(v, str) for v in value):
            raise RegisterError(f"'{name}' must be a list of names", where=where)
        return tuple(value)

    for name in record.keys() - _KNOWN_MEMBERS:
        drops.add(f"record/{name}", _NO_PLACE)
    status = record.get("status") or {}
    if not isinstance(status, dict) or not isinstance(status.get("history", []), list):
        raise RegisterError("'status' must be an object with a history", where=where)
    for name in status.keys() - {"mode", "uri", "history"}:
        drops.add(f"record/status/{name}", _NO_PLACE)
    number = text("pubnum")
    edition, version = edition_of(number)
    return Standard(
        text("nispid"),
        kind_of(number, text("org")),
        text("org"),
        number,
        text("title"),
        edition,
        text("version") or version,
        _date(text("date"), "record/date", drops),
        text("rp"),
        text("applicability"),
        tuple(_event(e, where, drops) for e in status.get("history", [])),
        names("covers"),
        names("coverdoc"),
        (),
        names("consumers"),
        text("uri", status),
        text("mode", status),
        text("uuid"),
    )


def _date(text: str, path: str, drops: DropList) -> str:
    if text and not DATE.match(text):
        drops.add(path, "not a year, a month or a day")
        return ""
    return text


def _event(plain: Any, where: str, drops: DropList) -> Event:
    if not isinstance(plain, dict) or plain.get("flag") not in _FLAGS:
        raise RegisterError("an event is added, changed or deleted", where=where)
    for name in plain.keys() - {"flag", "date", "version", "rfcp"}:
        drops.add(f"record/status/history/{name}", _NO_PLACE)
    said = {name: plain.get(name) or "" for name in ("date", "version", "rfcp")}
    if not all(isinstance(value, str) for value in said.values()):
        raise RegisterError("an event's members are text", where=where)
    return Event(_FLAGS[plain["flag"]], said["date"], said["version"], said["rfcp"])


_PLACES = {
    "standard": {"id"},
    "document": {"orgid", "pubnum", "date", "title", "version"},
    "responsibleparty": {"rpref"},
    "status": {"mode"},
    "event": {"flag", "date", "version", "rfcp"},
    "substandard": {"refid"},
}
_ELEMENTS = frozenset(
    (
        *("document", "applicability", "responsibleparty", "status", "uri", "history", "event"),
        *("uuid", "substandards", "substandard"),
    )
)


def _from_element(element: Any, drops: DropList) -> Standard:
    name = element.get("id") or ""
    for inner in _inside(element, drops):
        for attribute in set(inner.attrib) - _PLACES.get(inner.tag, set()):
            drops.add(f"{inner.tag}/@{attribute}", _NO_PLACE)
    document = element.find("document")
    if document is None:
        raise RegisterError("an entry has no document", where=name[:60])
    number = document.get("pubnum") or ""
    edition, version = edition_of(number)
    responsible = element.find("responsibleparty")
    status = element.find("status")
    words = element.find("applicability")
    return Standard(
        name,
        kind_of(number, document.get("orgid") or ""),
        document.get("orgid") or "",
        number,
        document.get("title") or "",
        edition,
        document.get("version") or version,
        _date((document.get("date") or "").strip(), "document/@date", drops),
        "" if responsible is None else responsible.get("rpref") or "",
        "" if words is None else " ".join("".join(words.itertext()).split()),
        tuple(_xml_event(e, name) for e in element.iterfind("status/history/event")),
        tuple(s.get("refid") or "" for s in document.iterfind("substandards/substandard")),
        address=(element.findtext("status/uri") or "").strip(),
        state="" if status is None else status.get("mode") or "",
        uuid=(element.findtext("uuid") or "").strip(),
    )


def _inside(element: Any, drops: DropList) -> Iterator[Any]:
    """The elements that are read, words of applicability as a whole; the others are listed."""
    waiting = [element]
    while waiting:
        inner = waiting.pop()
        yield inner
        if inner.tag == "applicability":
            if len(inner):
                drops.add("applicability/*", "its words are kept, its paragraphs and lists are not")
            continue
        for child in inner:
            if not isinstance(child.tag, str):
                continue
            if child.tag in _ELEMENTS:
                waiting.append(child)
            else:
                drops.add(f"{inner.tag}/{child.tag}", _NO_PLACE)


def _xml_event(element: Any, name: str) -> Event:
    flag = _FLAGS.get(element.get("flag") or "")
    if flag is None:
        raise RegisterError("an event is added, changed or deleted", where=name[:60])
    said = (element.get(a) or "" for a in ("date", "version", "rfcp"))
    return Event(flag, *said)


def _linked(standards: dict[str, Standard]) -> dict[str, Standard]:
    """Every entry with the way back from what it covers."""
    covered_by: dict[str, list[str]] = {}
    for name, standard in standards.items():
        for below in standard.covers:
            covered_by.setdefault(below, []).append(name)
    return {
        name: replace(standard, covered_by=tuple(sorted(covered_by[name])))
        if name in covered_by
        else standard
        for name, standard in standards.items()
    }
