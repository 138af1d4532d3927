"""Words inside DocBook elements: emphasis, links, references.

May touch: values.
"""

from collections.abc import Iterator
from typing import Any

from delian.standards.dropped import DropList
from delian.standards.portion_names import portion_name

# Signs that no XML can hold, so words of the source never look like a reference of ours.
_OPENS, _CLOSES = "\x00", "\x01"
_LOOK = "its words are kept, its look is not"


class Inline:
    """Reads words; lists what it leaves behind in *drops*."""

    def __init__(self, drops: DropList) -> None:
        self._drops = drops

    def plain(self, element: Any) -> str:
        """The words of a title; a reference there would be a reference nowhere."""
        found: list[str] = []
        for part in self._pieces(element, frozenset(("footnote",)), is_title=True):
            if isinstance(part, str):
                found.append(part)
            else:
                self._drops.add(f"title/{part.tag}", "has no place in a title")
        return self._said(found)

    def parts(self, element: Any, blocks: frozenset[str]) -> Iterator[Any]:
        """Words with single spaces, and the elements named in *blocks* where they stand."""
        waiting: list[str] = []
        for piece in self._pieces(element, blocks):
            if isinstance(piece, str):
                waiting.append(piece)
                continue
            words = self._said(waiting)
            if words:
                yield words
            waiting.clear()
            yield piece
        words = self._said(waiting)
        if words:
            yield words

    def _pieces(
        self, element: Any, blocks: frozenset[str], is_title: bool = False
    ) -> Iterator[Any]:
        yield element.text or ""
        for child in element:
            if not isinstance(child.tag, str):
                self._drops.add(f"?{child.target}", "an instruction for another program")
            elif child.tag in blocks:
                yield child
            else:
                yield from self._pieces(child, blocks, is_title)
                yield self._after(child, is_title)
            yield child.tail or ""

    def _said(self, pieces: list[str]) -> str:
        """Words with single spaces; what only looks like a reference is set apart."""
        words = " ".join("".join(pieces).split())
        if "[[" in words:
            self._drops.add("[[", "two brackets are set apart; they would be a reference")
            words = words.replace("[[", "[ [").replace("[[", "[ [")
        return words.replace(_OPENS, "[[").replace(_CLOSES, "]]")

    def _after(self, child: Any, is_title: bool) -> str:
        if child.tag in ("xref", "link"):
            if is_title or not child.get("linkend"):
                self._drops.add(child.tag, "refers to nothing, or from a title")
                return ""
            reference = f"{_OPENS}{portion_name(child.get('linkend'))}{_CLOSES}"
            return reference if child.tag == "xref" else f" ({reference})"
        if child.tag == "ulink":
            address = " ".join((child.get("url") or "").split())
            words = "".join(child.itertext()).strip()
            if address and words != address:
                return f" ({address})" if words else address
            return ""
        self._drops.add(child.tag, _LOOK)
        return ""
