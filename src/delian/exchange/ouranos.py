"""Ouranos data transactions in our words: parts and datasets, trades and negotiations.

May touch: values. An Ouranos trade is a contract between two operators over a part: the downstream
operator asks (``tradeRequest``), the upstream one answers by naming its own part
(``tradeResponse``) and by the state of the request. There are no offers and no counter-offers.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from delian.exchange.bridge_errors import ForeignFormError
from delian.exchange.crossing import Crossing, Json, Part, Tally, percent, unpercent
from delian.terms.encode import sha256_hex

FOREIGN = "delian:ouranos"
URN = "urn:ouranos:"
MAX_MESSAGE_CHARS = 100
_INNER = "names a place of production; it stays with the two operators"
_NO_MEMBER = "an Ouranos part has no member for it"
_NO_ROOM = "an Ouranos trade has no member for it"
_STATES: Mapping[str, str] = {
    "NOT_COMPLETED": "REQUESTED",
    "COMPLETED": "FINALIZED",
    "REJECT": "TERMINATED",
    "CANCEL": "TERMINATED",
}
_OPEN_STATES = frozenset({"REQUESTED", "OFFERED", "ACCEPTED", "AGREED", "VERIFIED"})


def dataset_urn(operator: str, trace: str) -> str:
    """Our identifier of what an operator says of a part."""
    return f"{URN}{percent(operator)}:{percent(trace)}"


def split_urn(urn: str) -> tuple[str, str] | None:
    """Operator and trace of such an identifier; None for any other."""
    operator, _, trace = urn.removeprefix(URN).partition(":")
    if not urn.startswith(URN) or not operator or not trace or ":" in trace:
        return None
    return unpercent(operator), unpercent(trace)


def uuid_for(text: str) -> str:
    """A UUID (version 8) that stands for *text*; equal texts give equal UUIDs."""
    digits = sha256_hex(text.encode("utf-8"))
    sixth, eighth = "8" + digits[13:16], "89ab"[int(digits[16], 16) % 4] + digits[17:20]
    return "-".join((digits[:8], digits[8:12], sixth, eighth, digits[20:32]))


def is_uuid(text: object) -> bool:
    """Is *text* a UUID in lower-case hexadecimal with dashes?"""
    if not isinstance(text, str) or [len(p) for p in text.split("-")] != [8, 4, 4, 4, 12]:
        return False
    return all(sign in "0123456789abcdef" for sign in text.replace("-", ""))


def dataset_of(
    parts: Mapping[str, Json], *, endpoint: str, offer: Mapping[str, Json]
) -> Crossing[dict[str, Json]]:
    """The DSP dataset of one Ouranos part.

    Args:
        parts: A parts model.
        endpoint: Our DSP address.
        offer: The offer under which the part is shown (``cadde.offer_for`` makes the smallest).

    Guarantees:
        Round trip through :func:`parts_home` gives back everything that is not listed as dropped
        (``tests/property/test_exchange_bridges.py``).

    Raises:
        ForeignFormError: the part names no operator or trace.
    """
    tally = Tally()
    made = _dataset(parts, tally, "", "", endpoint)
    made["hasPolicy"] = [dict(offer)]
    return tally.close(dict(parts), made)


def _dataset(
    parts: Mapping[str, Json], tally: Tally, path: str, to: str, endpoint: str
) -> dict[str, Json]:
    operator, trace = parts.get("operatorId"), parts.get("traceId")
    if not isinstance(operator, str) or not isinstance(trace, str) or not operator or not trace:
        raise ForeignFormError("a part names no operator or no trace")
    part = Part(parts, tally, path)
    part.translate("operatorId", f"{to}/@id", "first part of the identifier")
    part.translate("traceId", f"{to}/@id", "second part of the identifier")
    made: dict[str, Json] = {"@id": dataset_urn(operator, trace), "@type": "Dataset"}
    title = part.text("partsName", f"{to}/title")
    if title is not None:
        made["title"] = title
    part.drop("plantId", _INNER)
    service = {"@id": f"{endpoint}#service", "@type": "DataService", "endpointURL": endpoint}
    made["distribution"] = [
        {"@type": "Distribution", "format": "HttpData-PULL", "accessService": service}
    ]
    rest = part.rest(f"{to}/{FOREIGN}")
    if rest:
        made[FOREIGN] = rest
    return made


def parts_home(dataset: Mapping[str, Json]) -> Crossing[dict[str, Json]]:
    """The part that :func:`dataset_of` came from, as far as it was not dropped."""
    tally = Tally()
    part = Part(dataset, tally)
    named = dataset.get("@id")
    pair = split_urn(named) if isinstance(named, str) else None
    if pair is None:
        raise ForeignFormError("the dataset did not come from an Ouranos part")
    part.translate("@id", "/traceId", "operator and trace")
    made: dict[str, Json] = {"operatorId": pair[0], "traceId": pair[1]}
    title = part.text("title", "/partsName")
    if title is not None:
        made["partsName"] = title
    inner = part.peek(FOREIGN)
    if isinstance(inner, dict) and inner:
        part.open(FOREIGN)
        inside = Part(inner, tally, f"/{FOREIGN}")
        for name in made:
            inside.drop(name, "said by the dataset itself")
        made.update(inside.rest(""))
    part.drop_rest("made for the Dataspace Protocol")
    return tally.close(dict(dataset), made)


def structure_of(structure: Mapping[str, Json], *, endpoint: str) -> Crossing[dict[str, Json]]:
    """A parts structure as the parent's dataset, its children beside it.

    Returns:
        ``{"parent": dataset with hasPart, "children": [datasets]}``; the parts carry no offers.

    Raises:
        ForeignFormError: no parent, or a part without operator or trace.
    """
    tally = Tally()
    part = Part(structure, tally)
    parent, children = part.peek("parentPartsModel"), part.peek("childrenPartsModel")
    if not isinstance(parent, dict) or not isinstance(children, list):
        raise ForeignFormError("a parts structure has one parent and a list of children")
    part.open("parentPartsModel")
    upper = _dataset(parent, tally, "/parentPartsModel", "/parent", endpoint)
    lower: list[Json] = []
    if children:
        part.open("childrenPartsModel")
    else:
        part.translate("childrenPartsModel", "/children", "no children")
    for index, child in enumerate(children):
        if not isinstance(child, dict):
            raise ForeignFormError("a child of a parts structure is not a part")
        path = f"/childrenPartsModel/{index}"
        lower.append(_dataset(child, tally, path, f"/children/{index}", endpoint))
    upper["hasPart"] = [child["@id"] for child in lower if isinstance(child, dict)]
    part.drop_rest("a parts structure has no such member")
    return tally.close(dict(structure), {"parent": upper, "children": lower})


def parts_of(
    dataset: Mapping[str, Json], *, operator: str, plant: str, title: str
) -> Crossing[dict[str, Json]]:
    """One of our datasets as a part of ours, so that an Ouranos trade can name it.

    Args:
        dataset: As the DSP catalogue shows it.
        operator: Our operator id.
        plant: The plant id under which the platform lists us.
        title: The shown name (``cadde_export.one_text``).

    Raises:
        ForeignFormError: the dataset has no id.
    """
    tally = Tally()
    part = Part(dataset, tally)
    named = part.peek("@id")
    if not isinstance(named, str):
        raise ForeignFormError("the dataset has no id")
    part.translate("@id", "/traceId", "a UUID made from the identifier")
    if part.has("title"):
        if part.peek("title") == title:
            part.keep("title", "/partsName")
        else:
            part.translate("title", "/partsName", "one language of several")
    part.drop_rest(_NO_MEMBER)
    made: dict[str, Json] = {
        "traceId": uuid_for(named),
        "operatorId": operator,
        "plantId": plant,
        "partsName": title,
        "supportPartsName": None,
        "terminatedFlag": True,
        "amountRequired": None,
        "amountRequiredUnit": None,
    }
    return tally.close(dict(dataset), made)


@dataclass(frozen=True, slots=True)
class Operators:
    """The two sides of a trade: who asks (downstream) and who answers (upstream)."""

    downstream: str
    upstream: str


def trade_request_of(
    request: Mapping[str, Json], operators: Operators, trace: str
) -> Crossing[dict[str, Json]]:
    """The trade request that stands for a DSP contract request.

    Args:
        request: The contract request as plain JSON: ``consumerPid``, ``offer``, …
        operators: From identity records.
        trace: The downstream operator's own part.
    """
    tally = Tally()
    part = Part(request, tally)
    pid = part.peek("consumerPid")
    message = f"DSP {pid}"
    if not isinstance(pid, str) or len(message) > MAX_MESSAGE_CHARS:
        raise ForeignFormError("the process id does not fit into a trade's message")
    part.translate("consumerPid", "/statusModel/message", "named in the message")
    part.drop("@context", "the context of the message")
    part.drop("@type", "the kind of the message")
    part.drop("callbackAddress", "Ouranos answers when it is asked, it does not call back")
    if part.has("offer"):
        part.drop("offer", "a trade has no terms: the platform's own rules hold")
    part.drop_rest(_NO_ROOM)
    made: dict[str, Json] = {
        "tradeModel": {
            "tradeId": None,
            "downstreamOperatorId": operators.downstream,
            "upstreamOperatorId": operators.upstream,
            "downstreamTraceId": trace,
            "upstreamTraceId": None,
        },
        "statusModel": {
            "statusId": None,
            "tradeId": None,
            "requestStatus": {},
            "message": message,
            "replyMessage": None,
            "requestType": "CFP",
        },
    }
    return tally.close(dict(request), made)


@dataclass(frozen=True, slots=True)
class Trade:
    """A trade as the platform shows it, its state in words of the Dataspace Protocol."""

    trade_id: str
    operators: Operators
    downstream_trace: str
    upstream_trace: str | None


@dataclass(frozen=True, slots=True)
class TradeState:
    """The state of a trade's request.

    Args:
        negotiation: REQUESTED, FINALIZED or TERMINATED.
        reason: Why it ended, "" where nothing is said.
        by_consumer: Did the downstream operator cancel it?
    """

    status_id: str
    trade_id: str
    negotiation: str
    message: str
    reason: str
    by_consumer: bool


def read_trade(plain: Json) -> Trade:
    """Read a trade model.

    Raises:
        ForeignFormError: an id is missing or no UUID.
    """
    found = plain if isinstance(plain, dict) else {}
    texts = [_uuid(found, name) for name in _TRADE_IDS]
    upstream = found.get("upstreamTraceId")
    if upstream is not None and not is_uuid(upstream):
        raise ForeignFormError("a trade's 'upstreamTraceId' is not a UUID")
    return Trade(texts[0], Operators(texts[1], texts[2]), texts[3], upstream)


_TRADE_IDS = ("tradeId", "downstreamOperatorId", "upstreamOperatorId", "downstreamTraceId")


def read_state(plain: Json) -> TradeState:
    """Read a status model.

    Raises:
        ForeignFormError: an id is missing, or the state is unknown.
    """
    found = plain if isinstance(plain, dict) else {}
    inner = found.get("requestStatus")
    named = inner.get("cfpResponseStatus") if isinstance(inner, dict) else None
    state = _STATES.get(named) if isinstance(named, str) else None
    if state is None:
        raise ForeignFormError("a trade's state is not one of the four that are known")
    return TradeState(
        _uuid(found, "statusId"),
        _uuid(found, "tradeId"),
        state,
        _text(found, "message"),
        _text(found, "replyMessage"),
        by_consumer=named == "CANCEL",
    )


def state_word(negotiation: str, *, by_consumer: bool = False) -> str:
    """The platform's word for a negotiation's state."""
    if negotiation in _OPEN_STATES:
        return "NOT_COMPLETED"
    if negotiation == "FINALIZED":
        return "COMPLETED"
    return "CANCEL" if by_consumer else "REJECT"


def error_body(source: str, status: str, message: str, detail: str) -> dict[str, Json]:
    """An error as the platform spells it; *source* is dataspace, auth or traceability."""
    return {"code": f"[{source}] {status}", "message": message, "detail": detail}


def _uuid(plain: Mapping[str, Any], name: str) -> str:
    value = plain.get(name)
    if not isinstance(value, str) or not is_uuid(value):
        raise ForeignFormError(f"a trade's '{name}' is not a UUID")
    return value


def _text(plain: Mapping[str, Any], name: str) -> str:
    value = plain.get(name)
    return value[:MAX_MESSAGE_CHARS] if isinstance(value, str) else ""
