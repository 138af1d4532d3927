"""What waits for a nation, until when, and who is missing; from its own papers alone."""

import json
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from delian.approve.decision import AwaitingSignatures, Decision, Extended, Pending
from delian.contribute.absence import KIND as ABSENCE
from delian.contribute.receipt import Standing
from delian.crypto.dsse import Envelope
from delian.nodes.nation import Nation
from delian.nodes.node_status import NodeStatus, RoundStatus, facts, proposals, trouble
from delian.nodes.release_view import ReleaseView
from delian.terms.encode import digest, utc_text


def status(home: Path) -> NodeStatus:
    """The status of the nation's node in *home*."""
    nation = Nation.open(home)
    now_utc = nation.clock.now_utc()
    rounds = tuple(_round(nation, view, now_utc) for view in nation.views.values())
    return NodeStatus(nation.desk.code, now_utc, len(nation.desk.store.unsent()), rounds)


def _round(nation: Nation, view: ReleaseView, now_utc: datetime) -> RoundStatus:
    view.look(now_utc)
    found = proposals(view, now_utc)
    plain = [p for p, _ in found]
    waits = [text for p, decision in found for text in _asks(nation, p, decision)]
    waits += _sheet(nation, view, now_utc)
    absent = _has_stated_absence(nation, view.round_id)
    standing = "absence stated" if absent else f"our sheet: {nation.standing(view.round_id)}"
    return RoundStatus(
        view.round_id,
        tuple(waits),
        (standing, *facts(view, plain)),
        trouble(nation.desk.store, view.round_id),
        tuple(plain),
    )


def _asks(nation: Nation, proposal: Mapping[str, object], decision: Decision) -> list[str]:
    """What a proposal asks of the officer; what her agent found that keeps it from signing."""
    store, name = nation.desk.store, str(proposal["proposal"])
    said: list[str] = []
    if isinstance(decision, Pending | Extended):
        said.append(
            f"{proposal['matter']} {name[7:19]}: speak until {proposal['ends']}; silence agrees"
        )
        checks = json.loads(store.note(f"checks/{name}") or b"[]")
        said += [
            f"our own check '{check}' failed: {why}" for check, held, why in checks if not held
        ]
    refused = store.note(f"not-signed/{name}")
    missing = decision.missing if isinstance(decision, AwaitingSignatures) else ()
    if refused is not None and nation.desk.code in missing:
        said.append(f"our agent did not sign {name[7:19]}: {'; '.join(json.loads(refused))}")
    return said


def _sheet(nation: Nation, view: ReleaseView, now_utc: datetime) -> list[str]:
    if view.agreed is None or view.closings:
        return []
    until = view.known_terms().calendar.sheets_until
    standing = nation.standing(view.round_id)
    if standing is Standing.NOT_SENT and now_utc <= until:
        return [f"send a sheet or state absence until {utc_text(until)}"]
    if standing is Standing.UNCONFIRMED and not _has_stated_absence(nation, view.round_id):
        return [f"unconfirmed: no receipt yet; without one by {utc_text(until)} it does not count"]
    return []


def _has_stated_absence(nation: Nation, round_id: str) -> bool:
    """Is our last word to this round that we are absent? No receipt comes for that."""
    sent = nation.sent(round_id)
    stated = nation.desk.store.documents(ABSENCE, round_id)
    return sent is not None and any(
        digest(Envelope.from_wire(p.body).payload) == sent.digest for p in stated
    )
