"""What waits for a host, and what it could not do."""

from datetime import datetime
from pathlib import Path

from delian.nodes.host import Host
from delian.nodes.node_status import NodeStatus, RoundStatus, facts, proposals, trouble
from delian.nodes.round_view import RoundView
from delian.terms.encode import utc_text


def status(home: Path) -> NodeStatus:
    """The status of the host in *home*."""
    host = Host.open(home)
    now_utc = host.clock.now_utc()
    rounds = tuple(_round(host, view, now_utc) for view in host.views.values())
    return NodeStatus(host.desk.code, now_utc, len(host.desk.store.unsent()), rounds)


def _round(host: Host, view: RoundView, now_utc: datetime) -> RoundStatus:
    view.look(now_utc)
    plain = [p for p, _ in proposals(view, now_utc)]
    usable = sorted(host.receipted.get(view.round_id, {}))
    disputed = sorted(host.disputed.get(view.round_id, set()))
    said = [f"sheets that open: {', '.join(usable) or 'none'}"]
    waits: list[str] = []
    if disputed:
        waits.append(f"sheets that do not open, of {', '.join(disputed)}: they must send again")
    if view.agreed is not None and not view.closings:
        until = utc_text(view.known_terms().calendar.sheets_until)
        said.append(f"sheets are taken until {until}")
    if view.closed() is not None and view.opened_table() is None:
        waits.append("the run: all three hosts must be up")
    return RoundStatus(
        view.round_id,
        tuple(waits),
        (*said, *facts(view, plain)),
        trouble(host.desk.store, view.round_id),
        tuple(plain),
    )
