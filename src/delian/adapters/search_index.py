"""A search index of exactly what one recipient may see.

SQLite FTS5 in memory, one index for one recipient: it is made from her cuts, so hidden words are
in no byte of it, and a question about something hidden runs as one about something absent.
"""

import sqlite3
import threading
from collections.abc import Iterable
from itertools import chain

from delian.standards.cut import Cut
from delian.standards.portion import LANGUAGES
from delian.standards.search_words import Answer, Entry, Part, entries, indexed, question, snippet
from delian.standards.term_errors import SearchError

MAX_FOUND = 200
_SCHEMA = """
CREATE TABLE entries (
    id INTEGER PRIMARY KEY, number TEXT, edition TEXT, place TEXT, title TEXT, body TEXT,
    language TEXT
);
CREATE VIRTUAL TABLE words USING fts5(
    title, body, number, language, content='', tokenize='ascii', prefix='1 2 3 4'
);
"""
_FOUND = """
SELECT id, number, edition, place, title, body, language FROM entries WHERE id IN (
    SELECT rowid FROM words WHERE words MATCH ? ORDER BY rowid LIMIT ?
) ORDER BY id
"""


class SearchIndex:
    """Answers questions about some cuts of one recipient.

    Args:
        cuts: What she may see now; whoever changes what she may see makes a new index.

    Guarantees:
        Index and answers are functions of the cuts alone
        (``tests/property/test_standards_search.py``).

    Leaks:
        To the recipient: what she may see. Nothing outlives the process.
    """

    def __init__(self, cuts: Iterable[Cut]) -> None:
        self._lock = threading.Lock()
        self._connection = sqlite3.connect(":memory:", check_same_thread=False)
        self._connection.executescript(_SCHEMA)
        found = chain.from_iterable(map(entries, cuts))
        with self._connection:
            for number, entry in enumerate(found, 1):
                self._add(number, entry)
        self._connection.execute("INSERT INTO words(words) VALUES ('optimize')")
        self._connection.commit()

    def _add(self, number: int, entry: Entry) -> None:
        self._connection.execute(
            "INSERT INTO entries VALUES (?, ?, ?, ?, ?, ?, ?)",
            (
                *(number, entry.number, entry.edition, entry.place),
                *(entry.title, entry.text, entry.language),
            ),
        )
        self._connection.execute(
            "INSERT INTO words(rowid, title, body, number, language) VALUES (?, ?, ?, ?, ?)",
            (
                *(number, indexed(entry.title), indexed(entry.text)),
                *(indexed(entry.number), entry.language),
            ),
        )

    def ask(self, text: str, *, language: str = "", limit: int = 20) -> Answer:
        """Entries in which every part of the question stands: in titles first, in reading order.

        Args:
            text: As for ``search_words.question``.
            language: Only portions in this language; "" for all.
            limit: How many entries, 1 to :data:`MAX_FOUND`.

        Raises:
            SearchError: the question holds no word or too many.
        """
        parts = question(text)
        limit = max(1, min(limit, MAX_FOUND))
        if language and language not in LANGUAGES:
            raise SearchError("a language is not one of the five")
        with self._lock:
            found = self._run(_match(parts, language, "title"), limit + 1)
            if len(found) <= limit:
                found |= self._run(_match(parts, language, "{title body number}"), limit + 1)
        kept = list(found.values())
        return Answer(
            tuple((entry, snippet(entry.text, parts)) for entry in kept[:limit]), len(kept) > limit
        )

    def image(self) -> bytes:
        """The index byte for byte, as it lies in memory."""
        with self._lock:
            return self._connection.serialize()

    def close(self) -> None:
        """Let go of the index."""
        self._connection.close()

    def _run(self, match: str, limit: int) -> dict[int, Entry]:
        rows = self._connection.execute(_FOUND, (match, limit))
        return {number: Entry(*said) for number, *said in rows}


def _match(parts: tuple[Part, ...], language: str, columns: str) -> str:
    """The question in the words of FTS5; every word is quoted, so none is an operator."""
    asked = []
    for part in parts:
        words = " ".join(part.words).replace('"', "")
        asked.append(f'{columns} : "{words}"{"*" if part.is_open else ""}')
    if language:
        asked.append(f'language : "{language}"')
    return " AND ".join(asked)
