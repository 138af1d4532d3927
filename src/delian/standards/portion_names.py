"""Names for the portions of a document that comes in without them.

May touch: values. A name follows from the titles above a portion and from its first words, so
that an edition with a paragraph more keeps the names of all the others.
"""

import hashlib
import re
from collections.abc import Iterable
from unicodedata import normalize

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,127}\Z")
_MAX_PATH = 80
_MAX_WORDS = 6
_MAX_OWN = 40


class Names:
    """Gives every portion of one document a name of its own.

    Args:
        taken: Names that the source gives itself; nothing else gets them.
    """

    def __init__(self, taken: Iterable[str] = ()) -> None:
        self._taken = set(taken)
        self._next: dict[str, int] = {}

    def fresh(self, above: str, words: str) -> str:
        """A new name below *above*: the path, then the first *words*, then a number if need be."""
        path = f"{above}.{_short(words)}" if above else _short(words)
        if len(path) > _MAX_PATH:
            path = f"{_digest(above)}.{_short(words)}"
        name = path
        while name in self._taken:
            self._next[path] = self._next.get(path, 1) + 1
            name = f"{path}-{self._next[path]}"
        self._taken.add(name)
        return name


def portion_name(given: str) -> str:
    """The name *given* by the source, or one made from it where a portion cannot have it."""
    return given if _NAME.match(given) else f"x-{_digest(given)}"


def _short(words: str) -> str:
    plain = normalize("NFKD", words[:400]).casefold()
    found = re.findall(r"[a-z0-9]+", plain)[:_MAX_WORDS]
    return "-".join(found)[:_MAX_OWN].strip("-") or f"x-{_digest(words)}"


def _digest(words: str) -> str:
    return hashlib.sha256(words.encode("utf-8", "replace")).hexdigest()[:12]
