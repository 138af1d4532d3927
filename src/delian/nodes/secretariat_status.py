"""What waits for the secretariat, and whom it waits for."""

from datetime import datetime
from pathlib import Path

from delian.nodes.node_status import NodeStatus, RoundStatus, facts, proposals, trouble
from delian.nodes.release_view import ReleaseView
from delian.nodes.secretariat import Secretariat
from delian.terms.encode import utc_text


def status(home: Path) -> NodeStatus:
    """The status of the secretariat in *home*, from its papers, whether it runs or not."""
    office = Secretariat.open(home)
    now_utc = office.clock.now_utc()
    rounds = tuple(_round(office, view, now_utc) for view in office.views.values())
    return NodeStatus(office.desk.code, now_utc, len(office.desk.store.unsent()), rounds)


def _round(office: Secretariat, view: ReleaseView, now_utc: datetime) -> RoundStatus:
    view.look(now_utc)
    plain = [p for p, _ in proposals(view, now_utc)]
    sheets = office.sheets[view.round_id]
    nations = set() if view.terms is None else set(view.terms.nations)
    silent = sorted(nations - set(sheets.known()))
    disputed = sorted(n for n, (m, _) in sheets.manifests.items() if m.digest in sheets.disputed)
    said: list[str] = []
    waits: list[str] = []
    if view.agreed is not None and not view.closings:
        until = utc_text(view.known_terms().calendar.sheets_until)
        said.append(f"no sheet and no statement yet, until {until}: {', '.join(silent) or 'none'}")
    if disputed:
        waits.append(f"a host cannot use the sheets of {', '.join(disputed)}: talk to them")
    if any(p["state"] == "broken" for p in plain[-1:]):
        waits.append("silence is broken: amend, or end the round")
    return RoundStatus(
        view.round_id,
        tuple(waits),
        (*said, *facts(view, plain)),
        trouble(office.desk.store, view.round_id),
        tuple(plain),
    )
