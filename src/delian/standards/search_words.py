"""What a search compares: folded words, pairs of Japanese signs, questions, snippets.

May touch: values. Accents, width and case are set aside; Japanese is cut into pairs of
neighboring signs, because it has no spaces. ``docs/formats/search.md``.
"""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from delian.standards.cut import Cut
from delian.standards.term_errors import SearchError
from delian.standards.words import heading, spoken
from delian.terms.encode import Plain, canonical

MAX_QUESTION = 200
MAX_PARTS = 12
SNIPPET = 160
_CJK = (
    "\u3005\u3041-\u309f\u30a1-\u30ff\u3400-\u9fff\uf900-\ufaff\uff66-\uff9f\U00020000-\U0003134f"
)
_RUN = re.compile(f"[{_CJK}]+|[^\\W_{_CJK}]+")
_IS_CJK = re.compile(f"[{_CJK}]")
_ASCII = re.compile(r"[a-z0-9]+")
_PART = re.compile(r'"([^"]*)"|([^\s"]+)')


@dataclass(frozen=True, slots=True)
class Part:
    """Words that must stand next to each other; the last may be the beginning of a longer one."""

    words: tuple[str, ...]
    is_open: bool = False


@dataclass(frozen=True, slots=True)
class Entry:
    """One visible portion as a search finds it.

    Args:
        number: Of the document, as published.
        edition: Of the document.
        place: Heading number of the portion ("2.1", "table 3"), "" for the document itself.
        title: Heading or caption.
        text: Everything else, references written out.
        language: Of the portion.
    """

    number: str
    edition: str
    place: str
    title: str
    text: str
    language: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What one question finds: the first entries, and whether there are more."""

    found: tuple[tuple[Entry, str], ...]
    has_more: bool

    def to_plain(self) -> dict[str, Plain]:
        """The answer without its entries' full texts."""
        return {
            "format": "delian-search",
            "version": 1,
            "found": [
                {
                    "number": entry.number,
                    "edition": entry.edition,
                    "place": entry.place,
                    "title": entry.title,
                    "language": entry.language,
                    "snippet": words,
                }
                for entry, words in self.found
            ],
            "more": self.has_more,
        }

    def to_bytes(self) -> bytes:
        """Canonical JSON (``docs/formats/search.md``)."""
        return canonical(self.to_plain())


def entries(cut: Cut) -> Iterator[Entry]:
    """Every portion of *cut*, in reading order, with the words a reader sees."""
    numbers = cut.numbers()
    for shown, _ in cut.walk():
        cells = [cell for row in shown.rows for cell in row]
        texts = [spoken(pieces, numbers, shown.language) for pieces in (shown.text, *cells)]
        text = " ".join(t for t in texts if t)
        title = shown.title or heading(shown.kind, shown.number, shown.language)
        yield Entry(cut.number, cut.edition, numbers[shown.id], title, text, shown.language)


def indexed(text: str) -> str:
    """The words of *text* as an index holds them, separated by spaces."""
    if text.isascii():
        return " ".join(_ASCII.findall(text.lower()))
    return " ".join(word for _, run in _runs(text) for word in _stored(run))


def question(text: str) -> tuple[Part, ...]:
    """What *text* asks for: every part must be found. ``"…"`` keeps words together, ``*`` opens.

    Raises:
        SearchError: no word at all, or too much of them; it depends on *text* alone.
    """
    if len(text) > MAX_QUESTION:
        raise SearchError("a question is longer than allowed", hint="ask with fewer words")
    parts: list[Part] = []
    for match in _PART.finditer(text):
        said = match[2] if match[1] is None else match[1]
        runs = [run for _, run in _runs(said)]
        if runs:
            words = (*(w for run in runs[:-1] for w in _stored(run)), *_asked(runs[-1]))
            is_single = _is_cjk(runs[-1]) and len(runs[-1]) == 1
            parts.append(Part(words, is_single or said.endswith("*")))
    if not parts:
        raise SearchError("a question holds no word", hint="ask for a word, a number or a name")
    if len(parts) > MAX_PARTS:
        raise SearchError("a question has more parts than allowed", hint="ask with fewer words")
    return tuple(parts)


def snippet(text: str, parts: tuple[Part, ...], length: int = SNIPPET) -> str:
    """About *length* characters of *text* around the first thing asked for; cut at spaces."""
    text = unicodedata.normalize("NFC", text)
    if len(text) <= length:
        return text
    at = _first(text, parts)
    start = max(0, min(at - length // 3, len(text) - length))
    end = start + length
    if start and (gap := text.find(" ", start, at)) >= 0:
        start = gap + 1
    if end < len(text) and (gap := text.rfind(" ", at, end)) > at:
        end = gap
    return f"{'… ' if start else ''}{text[start:end].strip()}{' …' if end < len(text) else ''}"


def _first(text: str, parts: tuple[Part, ...]) -> int:
    """Where the first word of any part begins; 0 where the words stand in the title only."""
    for start, run in _runs(text):
        for place, word in enumerate(_stored(run)):
            for part in parts:
                is_open = part.is_open and len(part.words) == 1
                if word == part.words[0] or (is_open and word.startswith(part.words[0])):
                    return start + (place if _is_cjk(run) else 0)
    return 0


def _runs(text: str) -> Iterator[tuple[int, str]]:
    """Runs of signs of one kind, folded, with where they begin in *text*."""
    for match in _RUN.finditer(unicodedata.normalize("NFC", text)):
        yield match.start(), _fold(match[0])


def _fold(run: str) -> str:
    if run.isascii():
        return run.lower()
    wide = unicodedata.normalize("NFKC", run).casefold()
    if _IS_CJK.search(wide):
        return wide
    bare = unicodedata.normalize("NFD", wide)
    return "".join(sign for sign in bare if not unicodedata.combining(sign))


def _is_cjk(run: str) -> bool:
    return _IS_CJK.match(run) is not None


def _stored(run: str) -> list[str]:
    """A word; of Japanese every pair, then the last sign, so that one sign can be asked for."""
    return [*map("".join, pairwise(run)), run[-1]] if _is_cjk(run) else [run]


def _asked(run: str) -> list[str]:
    """As stored, but the end of a question need not be the end of a run of signs."""
    stored = _stored(run)
    return stored[:-1] if _is_cjk(run) and len(run) > 1 else stored
