"""PyLD behind ``json_ld.normalise``: expand by our tables, look, write down in plain words.

Imported with the first foreign message only. ``json_ld.vet`` has bounded the message before.
"""

from collections.abc import Iterator
from typing import Any, Final

from pyld import jsonld

from delian.adapters.json_ld import ForeignContextError
from delian.adapters.json_ld_terms import (
    CONTEXTS,
    DSP_CONTEXT,
    DSP_TERMS,
    EDC_CONTEXT,
    LINKS,
    POLICY_HOLDERS,
    POLICY_MEMBERS,
    PREFIXES,
    TEXTS,
    UNEXPLAINED,
)

_HINT: Final = "write the message under the context of the protocol alone, in plain JSON"
# What holds before a message's own contexts: names are kept as they are, words are marked.
_BEFORE: Final = {"@vocab": UNEXPLAINED, "@base": None}
_PLAIN: Final = [DSP_CONTEXT, EDC_CONTEXT, _BEFORE]
_KINDS: Final[dict[str, str]] = {**LINKS, **dict.fromkeys(TEXTS, "text")}


def _load(name: str, _options: object) -> dict[str, Any]:
    """A context from our tables; there is no other place."""
    if name not in CONTEXTS:
        raise ForeignContextError("a context is not known here", hint=_HINT)
    document = {"@context": CONTEXTS[name]}
    return {
        "contentType": "application/ld+json",
        "contextUrl": None,
        "documentUrl": name,
        "document": document,
    }


def to_plain(message: dict[str, Any]) -> dict[str, Any]:
    """A vetted message in the protocol's own words.

    Raises:
        ForeignContextError: JSON-LD gives it no single meaning, or a policy says something that
            nobody would read.
    """
    options = {"documentLoader": _load, "processingMode": "json-ld-1.1", "base": ""}
    try:
        expanded = jsonld.expand(message, {**options, "expandContext": _BEFORE})
        expanded = _settled(expanded)
        _check(expanded)
        plain = jsonld.compact(expanded[0], _PLAIN, {**options, "skipExpansion": True})
    except jsonld.JsonLdError as error:
        raise ForeignContextError(
            f"not readable as JSON-LD: {_reason(error)}", hint=_HINT
        ) from None
    except (RecursionError, TypeError, ValueError, KeyError, AttributeError, IndexError):
        raise ForeignContextError("not readable as JSON-LD", hint=_HINT) from None
    plain["@context"] = [DSP_CONTEXT]
    return dict(plain)


def _settled(value: Any) -> Any:
    """Ordered lists as arrays, and each of our words with the kind of value that it takes."""
    if isinstance(value, list):
        if len(value) == 1 and isinstance(value[0], dict) and set(value[0]) == {"@list"}:
            value = value[0]["@list"]
        return [_settled(one) for one in value]
    if not isinstance(value, dict):
        return value
    return {
        key: [_of_kind(_KINDS[key], one) for one in _settled(member)]
        if key in _KINDS
        else _settled(member)
        for key, member in value.items()
    }


def _of_kind(kind: str, value: Any) -> Any:
    """A text where a name is meant becomes that name, and the other way round."""
    if not isinstance(value, dict) or len(value) != 1:
        return value
    text = value.get("@value")
    if kind == "text" and isinstance(value.get("@id"), str):
        return {"@value": value["@id"]}
    if not isinstance(text, str) or kind == "text":
        return value
    if kind == "@id":
        return {"@id": text}
    meant = DSP_TERMS.get(text)
    if isinstance(meant, str):
        return {"@id": meant}
    prefix, _, rest = text.partition(":")
    return {"@id": PREFIXES[prefix] + rest if rest and prefix in PREFIXES else UNEXPLAINED + text}


def _check(expanded: Any) -> None:
    """One message, with nothing unread inside its policies."""
    if not isinstance(expanded, list) or len(expanded) != 1:
        raise ForeignContextError("not one message", hint=_HINT)
    for value, in_policy in _walk(expanded[0], in_policy=False):
        if not in_policy or not isinstance(value, dict):
            continue
        strange = [k for k in value if not k.startswith("@") and k not in POLICY_MEMBERS]
        if strange:
            word = repr(strange[0].removeprefix(UNEXPLAINED)[:80])
            raise ForeignContextError(
                f"a policy holds {word}, which has no meaning here", hint=_HINT
            )


def _walk(value: Any, *, in_policy: bool) -> Iterator[tuple[Any, bool]]:
    yield value, in_policy
    if isinstance(value, list):
        for one in value:
            yield from _walk(one, in_policy=in_policy)
    elif isinstance(value, dict):
        for key, member in value.items():
            yield from _walk(member, in_policy=in_policy or key in POLICY_HOLDERS)


def _reason(error: jsonld.JsonLdError) -> str:
    """Which rule of JSON-LD it breaks, without the peer's own text."""
    inner: BaseException | None = error
    while isinstance(inner, jsonld.JsonLdError):
        error, inner = inner, inner.__cause__ or inner.__context__
    return str(error.code or "unclear")
