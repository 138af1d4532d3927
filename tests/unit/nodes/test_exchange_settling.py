"""A peer that forgets what it took is told again, and only such a peer is asked."""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from delian.adapters.exchange_transaction import Queued
from delian.adapters.peer_client import Answer
from delian.exchange.messages import ContractAgreement
from delian.exchange.negotiation import Negotiation, renamed
from delian.exchange.odrl import Policy, Rule
from delian.exchange.transfer import Transfer
from delian.exchange.words import NegotiationState, Role, TransferState
from delian.nodes.exchange_effects import Outgoing
from delian.nodes.exchange_ports import FixedIdentity
from delian.nodes.exchange_settling import MOST_LOOKS, Settling
from delian.terms.errors import UnavailableError

DSP = "https://w3id.org/dspace/2025/1/context.jsonld"
OFFER = Policy("Offer", "o", (Rule("use"),), target="d")
AGREED = Policy("Agreement", "a1", (Rule("use"),), target="d", assigner="peer", assignee="us")


def negotiation(state: str, role: Role = Role.CONSUMER) -> Negotiation:
    at = NegotiationState(state)
    return Negotiation("p", "q", role, at, "peer", "http://peer/dsp", OFFER, AGREED, "d")


def transfer(state: str, role: Role = Role.PROVIDER) -> Transfer:
    at = TransferState(state)
    return Transfer("p", "q", role, at, "peer", "http://peer/dsp", "a1", "d", "HttpData-PULL")


def outgoing(kind: str, role: Role) -> Outgoing:
    return Outgoing(Queued(1, "p", kind, b"{}", 0), "peer", "http://peer/dsp", role, "q", None)


class World:
    """One process of ours, and a peer that says where its own stands."""

    def __init__(self, ours: Any, *theirs: Any) -> None:
        self.ours = ours
        self.theirs = list(theirs)
        self.asked: list[str] = []
        self.sent: list[Outgoing] = []
        self.settling = Settling(self, FixedIdentity("us"), self, self.send, seconds=0)

    async def ask(self, method: str, url: str, headers: dict[str, str] | None = None) -> Answer:
        self.asked.append(f"{method} {url} {(headers or {}).get('Authorization')}")
        said = self.theirs.pop(0)
        if isinstance(said, Exception):
            raise said
        if isinstance(said, int):
            return Answer(said, {}, b"{}")
        kind = "TransferProcess" if isinstance(self.ours, Transfer) else "ContractNegotiation"
        body = {"@context": [DSP], "@type": kind, "providerPid": "q", "consumerPid": "p"}
        return Answer(200, {}, json.dumps({**body, "state": said}).encode())

    async def process(self, pid: str) -> Any:
        return self.ours

    def send(self, items: Sequence[Outgoing]) -> None:
        self.sent.extend(items)
        for item in items:
            self.settling.taken(item)

    def run(self, kind: str, role: Role, *, suspect: bool = True) -> None:
        async def go() -> None:
            if suspect:
                self.settling.suspect("peer")
            self.settling.taken(outgoing(kind, role))
            while self.settling._tasks:
                await asyncio.gather(*self.settling._tasks)
            await self.settling.close()

        asyncio.run(go())


VERIFICATION = "ContractAgreementVerificationMessage"
ENDED = "ContractNegotiationTerminationMessage"


def test_a_peer_of_another_make_is_never_asked() -> None:
    w = World(negotiation("VERIFIED"), "AGREED")
    w.run(VERIFICATION, Role.CONSUMER, suspect=False)
    assert w.asked == [] and w.sent == []


def test_what_was_forgotten_is_said_again_until_it_is_known() -> None:
    w = World(negotiation("VERIFIED"), "AGREED", "AGREED", "VERIFIED")
    w.run(VERIFICATION, Role.CONSUMER)
    assert w.asked == ["GET http://peer/dsp/negotiations/q Bearer us"] * 3
    assert [item.queued.kind for item in w.sent] == [VERIFICATION] * 2


@pytest.mark.parametrize("theirs", ["VERIFIED", "FINALIZED", "TERMINATED"])
def test_what_is_known_is_not_repeated(theirs: str) -> None:
    w = World(negotiation("VERIFIED"), theirs)
    w.run(VERIFICATION, Role.CONSUMER)
    assert len(w.asked) == 1 and w.sent == []


@pytest.mark.parametrize(
    ("kind", "role", "ours", "theirs"),
    [
        (
            "ContractAgreementMessage",
            Role.PROVIDER,
            negotiation("AGREED", Role.PROVIDER),
            "REQUESTED",
        ),
        ("ContractOfferMessage", Role.PROVIDER, negotiation("OFFERED", Role.PROVIDER), "REQUESTED"),
        (
            "ContractNegotiationEventMessage",
            Role.PROVIDER,
            negotiation("FINALIZED", Role.PROVIDER),
            "VERIFIED",
        ),
        ("ContractNegotiationEventMessage", Role.CONSUMER, negotiation("ACCEPTED"), "OFFERED"),
        (ENDED, Role.PROVIDER, negotiation("TERMINATED", Role.PROVIDER), "REQUESTED"),
        (ENDED, Role.CONSUMER, negotiation("TERMINATED"), "AGREED"),
        ("TransferStartMessage", Role.PROVIDER, transfer("STARTED"), "REQUESTED"),
        ("TransferSuspensionMessage", Role.PROVIDER, transfer("SUSPENDED"), "STARTED"),
        (
            "TransferCompletionMessage",
            Role.CONSUMER,
            transfer("COMPLETED", Role.CONSUMER),
            "STARTED",
        ),
        ("TransferTerminationMessage", Role.PROVIDER, transfer("TERMINATED"), "STARTED"),
    ],
)
def test_every_message_that_can_be_forgotten(kind: str, role: Role, ours: Any, theirs: str) -> None:
    w = World(ours, theirs, ours.state.value)
    w.run(kind, role)
    assert [item.queued.kind for item in w.sent] == [kind]


def test_what_is_no_longer_so_is_not_said_again() -> None:
    w = World(transfer("SUSPENDED"), "SUSPENDED")
    w.run("TransferStartMessage", Role.PROVIDER)
    assert w.asked == [] and w.sent == []


@pytest.mark.parametrize("said", [500, 404, UnavailableError("nobody answers"), "NOWHERE"])
def test_a_peer_that_does_not_say_is_left_alone(said: Any) -> None:
    w = World(negotiation("VERIFIED"), said)
    w.run(VERIFICATION, Role.CONSUMER)
    assert len(w.asked) == 1 and w.sent == []


def test_it_ends_with_a_peer_that_never_keeps_anything() -> None:
    w = World(negotiation("VERIFIED"), *["AGREED"] * 50)
    w.run(VERIFICATION, Role.CONSUMER)
    assert len(w.sent) == MOST_LOOKS and len(w.asked) == MOST_LOOKS + 1


def heard(agreement: Policy) -> ContractAgreement:
    return ContractAgreement("q", "p", agreement)


def test_the_same_agreement_under_another_name_takes_its_place() -> None:
    again = replace(AGREED, id="a2", timestamp="2026-11-21T00:00:00Z")
    found = renamed(negotiation("VERIFIED"), heard(again))
    assert found is not None and found.agreement == again and found.state == "VERIFIED"
    assert renamed(negotiation("VERIFIED"), heard(AGREED)) is None
    assert renamed(negotiation("FINALIZED"), heard(again)) is None
    assert renamed(negotiation("VERIFIED", Role.PROVIDER), heard(again)) is None
    assert renamed(transfer("STARTED"), heard(again)) is None
    for other in (
        replace(again, target="e"),
        replace(again, assigner="x"),
        replace(again, assignee="x"),
        replace(again, permissions=(Rule("sell"),)),
    ):
        assert renamed(negotiation("VERIFIED"), heard(other)) is None
