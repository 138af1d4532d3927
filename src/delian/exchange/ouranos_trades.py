"""Ouranos trades in our words: a trade and its state, and the negotiation they stand for.

May touch: values. A trade is a contract between two operators over a part: the downstream operator
asks (``tradeRequest``), the upstream one answers by naming its own part (``tradeResponse``) and by
the state of the request. There are no offers and no counter-offers.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from delian.exchange.bridge_errors import ForeignFormError
from delian.exchange.crossing import Crossing, Json, Part, Tally
from delian.exchange.ouranos import is_uuid

MAX_MESSAGE_CHARS = 100
_NO_ROOM = "an Ouranos trade has no member for it"
_STATES: Mapping[str, str] = {
    "NOT_COMPLETED": "REQUESTED",
    "COMPLETED": "FINALIZED",
    "REJECT": "TERMINATED",
    "CANCEL": "TERMINATED",
}
_OPEN_STATES = frozenset({"REQUESTED", "OFFERED", "ACCEPTED", "AGREED", "VERIFIED"})


@dataclass(frozen=True, slots=True)
class Operators:
    """The two sides of a trade: who asks (downstream) and who answers (upstream)."""

    downstream: str
    upstream: str


def message_for(pid: str) -> str:
    """The message that names our process *pid* in a trade."""
    return f"DSP {pid}"


def trade_request_of(
    request: Mapping[str, Json], operators: Operators, trace: str, pid: str
) -> Crossing[dict[str, Json]]:
    """The trade request that stands for a DSP contract request.

    Args:
        request: The contract request as plain JSON: ``consumerPid``, ``offer``, …
        operators: From identity records.
        trace: The downstream operator's own part.
        pid: Our identifier of the negotiation; never the consumer's, which the consumer chooses
            and could choose twice.
    """
    tally = Tally()
    part = Part(request, tally)
    message = message_for(pid)
    if len(message) > MAX_MESSAGE_CHARS:
        raise ForeignFormError("the process id does not fit into a trade's message")
    if part.has("consumerPid"):
        part.translate("consumerPid", "/statusModel/message", "by our own id of the process")
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


def refusal_of(state: TradeState, reason: str) -> dict[str, Json]:
    """The status that refuses a trade, with as much of *reason* as fits."""
    fits = reason if len(reason) <= MAX_MESSAGE_CHARS else reason[: MAX_MESSAGE_CHARS - 1] + "…"
    return {
        "statusId": state.status_id,
        "tradeId": state.trade_id,
        "requestStatus": {"cfpResponseStatus": "REJECT"},
        "message": None,
        "replyMessage": fits,
        "requestType": "CFP",
    }


def state_word(negotiation: str, *, by_consumer: bool = False) -> str:
    """The platform's word for a negotiation's state."""
    if negotiation in _OPEN_STATES:
        return "NOT_COMPLETED"
    if negotiation == "FINALIZED":
        return "COMPLETED"
    return "CANCEL" if by_consumer else "REJECT"


def _uuid(plain: Mapping[str, Any], name: str) -> str:
    value = plain.get(name)
    if not isinstance(value, str) or not is_uuid(value):
        raise ForeignFormError(f"a trade's '{name}' is not a UUID")
    return value


def _text(plain: Mapping[str, Any], name: str) -> str:
    value = plain.get(name)
    if not isinstance(value, str):
        return ""
    return "".join(c if c.isprintable() else " " for c in value[:MAX_MESSAGE_CHARS])
