"""What the system under test does for each of the kit's identifiers, written as data.

A script lists the states in which we act and what we do there; a state named twice acts on the
first and on the second time that a process is in it. The kit registers its handlers late, so each
action waits ``DELAY_MS``. Only tests reach this policy: nothing under ``src`` knows it.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace

from delian.exchange.actions import (
    Accept,
    Action,
    Agree,
    Complete,
    CounterRequest,
    Finalize,
    MakeOffer,
    Start,
    Suspend,
    Terminate,
    Verify,
)
from delian.exchange.negotiation import Negotiation
from delian.exchange.odrl import Policy, Rule
from delian.exchange.reactions import Participant
from delian.exchange.transfer import Transfer
from delian.exchange.words import Role

DELAY_MS = 90
KIT_PARTICIPANT = "TCK_PARTICIPANT"


def _named(ids: str, script: str) -> dict[str, str]:
    return dict.fromkeys(ids.split(), script)


PROVIDED: dict[str, str] = {
    **_named("ACN0101 ACN0204 ACN0302 ACN0303 ACN0304", "REQUESTED offer"),
    "ACN0102": "REQUESTED offer, REQUESTED terminate",
    "ACN0103": "REQUESTED offer, ACCEPTED agree, VERIFIED finalize",
    **_named("ACN0104 ACN0301", "REQUESTED agree, VERIFIED finalize"),
    "ACN0201": "REQUESTED terminate",
    "ACN0202": "",
    "ACN0203": "REQUESTED agree",
    "ACN0205": "REQUESTED offer, OFFERED terminate",
    "ACN0206": "REQUESTED offer, ACCEPTED terminate",
    "ACN0207": "REQUESTED agree, VERIFIED terminate",
}
CONSUMED: dict[str, str] = {
    "ACNC0101": "OFFERED accept, AGREED verify",
    "ACNC0102": "OFFERED counter",
    "ACNC0103": "OFFERED terminate",
    **_named("ACNC0104 ACNC0206", "AGREED verify"),
    "ACNC0202": "REQUESTED terminate",
    "ACNC0203": "AGREED terminate",
    **_named("ACNC0205 ACNC0304 ACNC0305 ACNC0306", "OFFERED accept"),
    **_named("ACNC0201 ACNC0204 ACNC0301 ACNC0302 ACNC0303", ""),
}
SENT: dict[str, str] = {
    "ATP0101": "REQUESTED start, STARTED terminate",
    "ATP0102": "REQUESTED start, STARTED complete",
    "ATP0103": "REQUESTED start, STARTED suspend, SUSPENDED terminate",
    "ATP0104": "REQUESTED start, STARTED suspend, SUSPENDED start, STARTED complete",
    "ATP0105": "REQUESTED terminate",
    **_named("ATP0201 ATP0202 ATP0203 ATP0204 ATP0303 ATP0304 ATP0305 ATP0306", "REQUESTED start"),
    **_named("ATP0205 ATP0301 ATP0302", ""),
}
FETCHED: dict[str, str] = {
    "ATPC0201": "STARTED terminate",
    "ATPC0202": "STARTED complete",
    "ATPC0203": "STARTED suspend, SUSPENDED terminate",
    "ATPC0204": "STARTED suspend, SUSPENDED start, STARTED complete",
    "ATPC0205": "REQUESTED terminate",
    **_named("ATPC0101 ATPC0102 ATPC0103 ATPC0104 ATPC0105", ""),
    **_named("ATPC0301 ATPC0302 ATPC0303 ATPC0304 ATPC0305 ATPC0306", ""),
}


def offer_of(dataset: str, *, target: str | None = None) -> Policy:
    """The offer under which a dataset of the kit stands in our catalog."""
    return Policy("Offer", f"CD123:{dataset}:456", (Rule("use"),), target=target)


def agreement_of(n: Negotiation, provider: str) -> Policy:
    """The agreement that a scripted provider gives."""
    return replace(
        n.offer,
        kind="Agreement",
        id=f"urn:agreement:{n.pid}",
        target=n.dataset,
        assigner=provider,
        assignee=n.peer,
        timestamp="2026-11-21T00:00:00Z",
    )


class Scripted:
    """Reactions by script; the n-th visit of a state takes its n-th line."""

    def __init__(self, us: str, delay_ms: int = DELAY_MS) -> None:
        self.us = us
        self.delay_ms = delay_ms
        self.visits: Counter[tuple[str, str]] = Counter()

    def on_negotiation(self, n: Negotiation, who: Participant) -> tuple[Action, ...]:
        table = PROVIDED if n.role is Role.PROVIDER else CONSUMED
        verb = self._verb(n.pid, n.state.value, table.get(n.dataset, ""))
        wait = self.delay_ms
        made: dict[str, Callable[[], Action]] = {
            "offer": lambda: MakeOffer(offer_of(n.dataset, target=n.dataset), wait),
            "agree": lambda: Agree(agreement_of(n, self.us), wait),
            "finalize": lambda: Finalize(wait),
            "accept": lambda: Accept(wait),
            "counter": lambda: CounterRequest(n.offer, wait),
            "verify": lambda: Verify(wait),
            "terminate": lambda: Terminate("scripted", ("the script ends here",), wait),
        }
        return (made[verb](),) if verb else ()

    def on_transfer(self, t: Transfer, who: Participant) -> tuple[Action, ...]:
        table = SENT if t.role is Role.PROVIDER else FETCHED
        verb = self._verb(t.pid, t.state.value, table.get(t.agreement_id, ""))
        wait = self.delay_ms
        made: dict[str, Callable[[], Action]] = {
            "start": lambda: Start(after_ms=wait),
            "suspend": lambda: Suspend("the script rests here", wait),
            "complete": lambda: Complete(wait),
            "terminate": lambda: Terminate("scripted", ("the script ends here",), wait),
        }
        return (made[verb](),) if verb else ()

    def _verb(self, pid: str, state: str, script: str) -> str:
        self.visits[pid, state] += 1
        lines = [line.split() for line in script.split(", ") if line]
        verbs = [verb for at, verb in lines if at == state]
        visit = self.visits[pid, state]
        return verbs[visit - 1] if visit <= len(verbs) else ""


def properties() -> dict[str, str]:
    """The kit's own properties: which identifiers each of its tests uses."""
    made = {f"CAT_01_0{n}_DATASETID": f"CAT010{n}" for n in (1, 2, 3)}
    for tests, begin in ((PROVIDED, "CN"), (CONSUMED, "CN_C")):
        for dataset in tests:
            name = f"{begin}_{dataset[-4:-2]}_{dataset[-2:]}"
            made[f"{name}_DATASETID"] = dataset
            made[f"{name}_OFFERID"] = f"CD123:{dataset}:456"
    for tests, begin in ((SENT, "TP"), (FETCHED, "TP_C")):
        for agreement in tests:
            name = f"{begin}_{agreement[-4:-2]}_{agreement[-2:]}"
            made[f"{name}_AGREEMENTID"] = agreement
            made[f"{name}_FORMAT"] = "HttpData-PULL"
    return made
