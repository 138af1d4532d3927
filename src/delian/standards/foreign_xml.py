"""Reads XML from a stranger: bounded, without entities, grammars of others and network.

May touch: lxml. Glossaries, registers and DocBook come in through here; which declarations a
format passes over stands beside its own reader, between the two steps.
"""

from typing import Any

from lxml import etree

from delian.terms.errors import InputError


def parsed(
    data: bytes, refused: type[InputError], *, max_bytes: int, keeps_instructions: bool = False
) -> Any:
    """The root element of *data*, without comments.

    Guarantees:
        No entity is expanded, no grammar fetched, no file and no network touched.

    Raises:
        InputError: as *refused*: too large, or not well formed.
    """
    if len(data) > max_bytes:
        raise refused("the file is larger than allowed")
    parser = etree.XMLParser(
        resolve_entities=False,
        load_dtd=False,
        no_network=True,
        huge_tree=False,
        remove_comments=True,
        remove_pis=not keeps_instructions,
    )
    try:
        return etree.fromstring(data, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise refused(
            "the file is not well-formed XML", hint="export it again at its source"
        ) from error


def check_shape(root: Any, refused: type[InputError], *, max_depth: int) -> None:
    """Walk the whole tree once.

    Raises:
        InputError: as *refused*: nested too deeply, or it uses an entity.
    """
    waiting = [(root, 1)]
    while waiting:
        element, depth = waiting.pop()
        if depth > max_depth:
            raise refused("the file is nested deeper than allowed")
        if element.tag is etree.Entity:
            raise refused("the file uses an entity that is declared elsewhere")
        waiting.extend((child, depth + 1) for child in element)
