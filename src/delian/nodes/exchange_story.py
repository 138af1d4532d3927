"""What is told of a process: where it stands, and how it came there."""

from datetime import UTC, datetime
from typing import Any

from delian.adapters.exchange_codec import Process
from delian.adapters.exchange_transaction import Transaction
from delian.exchange.errors import NotFoundHereError
from delian.exchange.negotiation import Negotiation
from delian.nodes.exchange import Connector
from delian.terms.encode import utc_text


def facts(process: Process) -> dict[str, Any]:
    """Where it stands; never a token."""
    found: dict[str, Any] = {
        "pid": process.pid,
        "peer_pid": process.peer_pid,
        "kind": "negotiation" if isinstance(process, Negotiation) else "transfer",
        "role": process.role.value,
        "state": process.state.value,
        "peer": process.peer,
        "peer_address": process.peer_address,
        "dataset": process.dataset,
        "code": process.code,
        "reasons": list(process.reasons),
    }
    if isinstance(process, Negotiation):
        found["offer"] = process.offer.to_plain()
        found["agreement"] = None if process.agreement is None else process.agreement.to_plain()
    else:
        found["agreement_id"] = process.agreement_id
        found["format"] = process.format
    return found


async def story(connector: Connector, pid: str) -> dict[str, Any]:
    """A process and every step of it.

    Raises:
        NotFoundHereError: there is none.
    """

    def work(t: Transaction) -> tuple[Process, list[Any], int]:
        found = t.process(pid)
        if found is None:
            raise NotFoundHereError("no such process")
        waiting = sum(1 for queued in t.unsent() if queued.pid == pid)
        return found[0], t.ask("story", p=pid), waiting

    process, rows, waiting = await connector.store.step(work)
    steps = [{"at": _moment(at), "event": event, "detail": detail} for at, event, detail in rows]
    return {**facts(process), "story": steps, "unsent": waiting}


def _moment(at_ms: int) -> str:
    return utc_text(datetime.fromtimestamp(at_ms // 1000, tz=UTC))
