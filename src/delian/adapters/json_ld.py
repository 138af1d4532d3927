"""Messages in a foreign JSON-LD form, brought into the plain form that we read.

The hot path is ``is_plain``: a message under the protocol's own context, written in its own
words, is handed on untouched. Only what is not plain is understood through PyLD, with our own
term tables as the only contexts there are: nothing is ever fetched. What a peer can make this
cost is bounded before PyLD sees it (values, depth, contexts, definitions), and a word that no
context explains is refused where it would hide a condition: inside a policy.
"""

import importlib
from collections.abc import Mapping
from types import ModuleType
from typing import Any, Final

from delian.adapters.json_ld_terms import (
    CATALOG_WORDS,
    CONTEXTS,
    DCAT,
    DCT,
    DSP_CONTEXT,
    DSPACE,
    EDC_CONTEXT,
    ODRL,
    SCOPED_TYPES,
)
from delian.terms.errors import InputError

MAX_VALUES: Final = 1_000
MAX_DEPTH: Final = 40
MAX_CONTEXTS: Final = 16
MAX_DEFINITIONS: Final = 64
MAX_TEXT: Final = 4_096

_PLAIN_CONTEXTS = frozenset({DSP_CONTEXT, EDC_CONTEXT})
# Members that JSON-LD takes for the protocol's own words: all of its and of the policy language's
# namespace, and those words of the catalog that a plain reader reads. Titles and the like are not.
_OTHER_NAMES = ("dspace:", "odrl:", DSPACE, ODRL)
_OTHER_WORDS = frozenset(base + word for base in ("dcat:", DCAT) for word in CATALOG_WORDS) | {
    "dct:format",
    f"{DCT}format",
}
_ALIASED = frozenset({"@id", "@type", "@value", "@language"})
_CONTAINERS = frozenset({"@set", "@list", "@language"})
_BODY_KEYWORDS = frozenset({"@context", "@id", "@type", "@value", "@language", "@list", "@set"})


class ForeignContextError(InputError):
    """A message in a JSON-LD form that cannot be understood without guessing."""

    code = "foreign-context"


def is_plain(message: Mapping[str, Any]) -> bool:
    """Whether a message can be read as it stands, without JSON-LD.

    Guarantees: a plain message has no member that JSON-LD would read as one of the protocol's
    own words and a plain reader would not (``odrl:prohibition`` beside ``permission``).
    """
    context = message.get("@context")
    if context == DSP_CONTEXT or context is None:
        return not _has_other_names(message, MAX_DEPTH)
    if not isinstance(context, list) or DSP_CONTEXT not in context:
        return False
    known = all(isinstance(one, str) and one in _PLAIN_CONTEXTS for one in context)
    return known and not _has_other_names(message, MAX_DEPTH)


def _has_other_names(value: object, depth: int) -> bool:
    """Whether a member below is written with a prefix or an IRI, or a context of its own."""
    if depth < 0:
        return False  # the reader's own bound on depth says so
    if isinstance(value, list):
        return any(
            _has_other_names(one, depth - 1) for one in value if isinstance(one, dict | list)
        )
    if not isinstance(value, dict):
        return False
    for key, member in value.items():
        if ":" in key and (key in _OTHER_WORDS or key.startswith(_OTHER_NAMES)):
            return True
        if key == "@context":
            if depth != MAX_DEPTH:
                return True
        elif isinstance(member, dict | list) and _has_other_names(member, depth - 1):
            return True
    return False


def normalise(message: dict[str, Any], *, max_values: int = MAX_VALUES) -> dict[str, Any]:
    """The message in the plain form: the protocol's own words under its own context.

    Args:
        message: A parsed JSON object.
        max_values: How many values a foreign message may hold; a catalog that we asked for may
            be larger than a message that somebody sends to us.

    Raises:
        ForeignContextError: An unknown context, too much of anything, or a meaning that is not
            certain.
    """
    if is_plain(message):
        return message
    vet(message, max_values)
    return dict(_engine().to_plain(message))


def _engine() -> ModuleType:
    """PyLD comes with the first foreign message: it would double the time that a node starts in."""
    return importlib.import_module("delian.adapters.json_ld_engine")


def vet(message: object, max_values: int = MAX_VALUES) -> None:
    """Refuse what would cost too much or could not be understood, before anything is expanded."""
    _Vetting(max_values).value(message, 0)


class _Vetting:
    """One walk over a foreign message, counting."""

    def __init__(self, max_values: int) -> None:
        self.values_left = max_values
        self.contexts_left = MAX_CONTEXTS
        self.definitions_left = MAX_DEFINITIONS

    def value(self, value: object, depth: int) -> None:
        self.values_left -= 1
        if self.values_left < 0:
            raise _refuse("the message holds too many values for a foreign context")
        if depth > MAX_DEPTH:
            raise _refuse("the message is nested too deeply")
        if isinstance(value, list):
            for one in value:
                self.value(one, depth + 1)
        elif isinstance(value, dict):
            for key, member in value.items():
                self.member(key, member, depth)

    def member(self, key: str, member: object, depth: int) -> None:
        if len(key) > MAX_TEXT:
            raise _refuse("a member's name is too long")
        if key.startswith("@") and key not in _BODY_KEYWORDS:
            raise _refuse(f"the keyword {_short(key)} has no place in a message")
        if key == "@context":
            self.context(member)
            return
        if key == "@type":
            self.types(member)
        self.value(member, depth + 1)

    def types(self, member: object) -> None:
        """A type with a context of its own costs as much as a context."""
        for one in member if isinstance(member, list) else [member]:
            if isinstance(one, str) and one in SCOPED_TYPES:
                self.count_context()

    def count_context(self) -> None:
        self.contexts_left -= 1
        if self.contexts_left < 0:
            raise _refuse("the message names too many contexts")

    def context(self, context: object) -> None:
        for one in context if isinstance(context, list) else [context]:
            self.count_context()
            if isinstance(one, str):
                if one not in CONTEXTS:
                    hint = "known are " + ", ".join(sorted(CONTEXTS))
                    raise _refuse(f"the context {_short(one)} is not known here", hint)
            elif isinstance(one, dict):
                self.inline(one)
            else:
                raise _refuse("a context is neither a name nor a table of words")

    def inline(self, table: dict[str, object]) -> None:
        for word, meaning in table.items():
            self.definitions_left -= 1
            if self.definitions_left < 0:
                raise _refuse("the contexts define too many words")
            if word == "@vocab":
                self.vocabulary(meaning)
            elif word == "@version":
                if meaning != 1.1:
                    raise _refuse("a context asks for another version of JSON-LD")
            elif word == "@protected":
                if not isinstance(meaning, bool):
                    raise _refuse("@protected is neither true nor false")
            elif word.startswith("@"):
                raise _refuse(f"{_short(word)} is not taken in a context inside a message")
            else:
                self.definition(word, meaning)

    def vocabulary(self, meaning: object) -> None:
        if not isinstance(meaning, str) or ":" not in meaning or len(meaning) > MAX_TEXT:
            raise _refuse("@vocab is not an absolute IRI")

    def definition(self, word: str, meaning: object) -> None:
        parts = meaning if isinstance(meaning, dict) else {"@id": meaning}
        if not set(parts) <= {"@id", "@type", "@container", "@prefix", "@protected"}:
            raise _refuse(f"the definition of {_short(word)} holds more than a plain one")
        its = parts.get("@id", "")
        if not isinstance(its, str) or len(its) > MAX_TEXT or len(word) > MAX_TEXT:
            raise _refuse(f"the word {_short(word)} does not stand for an IRI")
        if its.startswith("@") and its not in _ALIASED:
            raise _refuse(f"the word {_short(word)} stands for a keyword that is not taken")
        container = parts.get("@container", "@set")
        if not isinstance(container, str) or container not in _CONTAINERS:
            raise _refuse(f"the word {_short(word)} has a container that is not taken")
        if not isinstance(parts.get("@type", ""), str):
            raise _refuse(f"the word {_short(word)} has no type that can be read")


def _short(text: str) -> str:
    return repr(text if len(text) <= 80 else text[:77] + "...")


def _refuse(message: str, hint: str = "") -> ForeignContextError:
    usual = "write the message under the context of the protocol alone, in plain JSON"
    return ForeignContextError(message, hint=hint or usual)
