"""What the protocol's messages share: head, identifiers, addresses, reasons.

May touch: values.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from delian.exchange.errors import MessageError
from delian.exchange.odrl import Policy
from delian.exchange.plain import has_type, many, member, optional, text
from delian.exchange.words import CONTEXT

MAX_PID = 512
MAX_ADDRESS = 2048
MAX_REASONS = 50


def head(
    kind: str,
    provider_pid: str | None = None,
    consumer_pid: str | None = None,
    code: str | None = None,
    reasons: Sequence[str] = (),
) -> dict[str, Any]:
    """The members that open a message; what is absent is left out."""
    body: dict[str, Any] = {"@context": [CONTEXT], "@type": kind}
    if provider_pid is not None:
        body["providerPid"] = provider_pid
    if consumer_pid is not None:
        body["consumerPid"] = consumer_pid
    if code is not None:
        body["code"] = code
    if reasons:
        body["reason"] = list(reasons)
    return body


def check_head(obj: Mapping[str, Any], kind: str) -> None:
    """Does *obj* speak this version of the protocol, and is it a *kind*?

    Raises:
        MessageError: it does not.
    """
    context = obj.get("@context")
    contexts = context if isinstance(context, list) else [context]
    if CONTEXT not in contexts:
        raise MessageError(
            "the message does not name the context of the protocol",
            hint=f"add {CONTEXT}",
            where=f"{kind}.@context",
        )
    if not has_type(obj, kind):
        raise MessageError(f"not a {kind}", where=f"{kind}.@type")


def read_pid(value: object, where: str) -> str:
    """The identifier of a process."""
    return text(value, where, max_length=MAX_PID)


def read_address(value: object, where: str) -> str:
    """An address on the web, without a slash at its end; the node's client guards where it leads.

    Raises:
        MessageError: no absolute http or https address.
    """
    address = text(value, where, max_length=MAX_ADDRESS)
    scheme, mark, rest = address.partition("://")
    bad = any(sign in rest for sign in ' \\"<>#?@') or not rest or rest.startswith("/")
    if scheme not in ("http", "https") or not mark or bad:
        raise MessageError("not an absolute http or https address", where=where)
    return address.rstrip("/")


def read_reasons(obj: Mapping[str, Any], where: str) -> tuple[str | None, tuple[str, ...]]:
    """Code and reasons of a termination, suspension or error; reasons may be objects."""
    code = optional(obj, "code", where, text)
    found = [_reason(item) for item in many(obj.get("reason"), f"{where}.reason")[:MAX_REASONS]]
    return code, tuple(reason for reason in found if reason)


def offer_in(obj: Mapping[str, Any], where: str) -> Policy:
    """The offer of a message, which must say what it is about.

    Raises:
        MessageError: no offer, or one without a target.
    """
    offer = Policy.from_plain(member(obj, "offer", where), f"{where}.offer")
    if offer.kind != "Offer":
        raise MessageError("not an Offer", where=f"{where}.offer.@type")
    if offer.target is None:
        raise MessageError("this member is missing", where=f"{where}.offer.target")
    return offer


def _reason(item: object) -> str:
    if isinstance(item, dict):
        item = item.get("@value", item.get("@id", item.get("message")))
    if not isinstance(item, str):
        return ""
    return "".join(sign if sign.isprintable() else " " for sign in item[:1000])
