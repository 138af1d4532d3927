"""Reads the acronym lists of the NISP: one concept for each acronym and meaning.

May touch: bytes. XML without entities and network, bounded in size and depth. The lists name
letters such as ``&uuml;`` without declaring them; those of the published table of names are read.
"""

import re
from collections.abc import Iterable
from html.entities import name2codepoint
from typing import Any

from delian.standards.concept import Concept, Glossary, Term
from delian.standards.dropped import DropList, Dropped
from delian.standards.term_errors import TermError
from delian.standards.term_xml import read_xml, words_of
from delian.terms.encode import canonical, digest

MAX_BYTES = 4 * 1024 * 1024
_NAMED = re.compile(rb"&([A-Za-z][A-Za-z0-9]{1,31});")
NAME, OWNER = "NISP acronyms", "NATO"


def read_acronyms(files: Iterable[bytes]) -> tuple[Glossary, tuple[Dropped, ...]]:
    """One glossary of all *files*; an entry that stands there twice is listed, not lost.

    Raises:
        TermError: not XML, or not a list of acronyms.
    """
    drops = DropList()
    found: dict[str, Concept] = {}
    for data in files:
        root = read_xml(_NAMED.sub(_letter, data), MAX_BYTES)
        if root.tag != "acrogroup":
            raise TermError("the file is XML, but no list of acronyms")
        for element in root.iterchildren("*"):
            if element.tag != "acronym":
                drops.add(f"acrogroup/{element.tag}", "not an acronym")
                continue
            concept = _concept(element, drops)
            if concept.id in found:
                drops.add("acrogroup/acronym", "the same acronym with the same meaning again")
            found.setdefault(concept.id, concept)
    return Glossary(NAME, OWNER, tuple(found.values())), drops.listed()


def _letter(named: re.Match[bytes]) -> bytes:
    number = name2codepoint.get(named[1].decode())
    return named[0] if number is None else f"&#{number};".encode()


def _concept(element: Any, drops: DropList) -> Concept:
    said = {"name": "", "meaning": "", "source": ""}
    for child in element.iterchildren("*"):
        if child.tag in said:
            said[child.tag] = words_of(child)
        else:
            drops.add(f"acronym/{child.tag}", "has no place in a concept")
    if not said["name"]:
        raise TermError("an acronym has no name", where=f"line {element.sourceline}")
    name = digest(canonical([said["name"], said["meaning"]])).removeprefix("sha256:")[:24]
    short = Term(said["name"], form="acronym", source=said["source"])
    if not said["meaning"]:
        drops.add("acronym/meaning", "is empty; the acronym stands alone")
    if said["meaning"] in ("", said["name"]):
        return Concept(f"nisp-{name}", (short,))
    return Concept(f"nisp-{name}", (Term(said["meaning"], source=said["source"]), short))
