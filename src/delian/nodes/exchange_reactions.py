"""What a connector does by itself: offers of its own catalogue are agreed to, agreements verified.

Every refusal is a termination with its reason, worded for the peer. An offer whose duties name
``obtainConsent`` waits for a person (``delian exchange decide``). The consumer's side accepts no
terms that its operator did not ask for.
"""

import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

from delian.adapters.clock import Clock
from delian.exchange.catalogue import Dataset
from delian.exchange.negotiation import Negotiation, differences, make_agreement
from delian.exchange.odrl import Policy
from delian.exchange.reactions import (
    Action,
    Agree,
    Finalize,
    MakeOffer,
    Participant,
    Start,
    Terminate,
    Verify,
)
from delian.exchange.transfer import Transfer
from delian.exchange.words import PULL, PUSH, NegotiationState, Role, TransferState

CONSENT = "obtainConsent"
MAX_ROUNDS = 12


class Decision(Protocol):
    """Allowed or not."""

    @property
    def allowed(self) -> bool:
        """May it?"""
        ...

    @property
    def public_reasons(self) -> tuple[str, ...]:
        """Why not, for the peer."""
        ...


class Gate(Protocol):
    """What a participant may know of, and whether a policy admits it."""

    def shown(self, dataset: Dataset, who: Participant) -> Dataset | None:
        """The dataset with the offers that *who* may know of."""
        ...

    def answer(self, policy: Policy, who: Participant) -> Decision:
        """The decision, with the reasons that *who* may know."""
        ...


@dataclass(frozen=True, slots=True)
class Admitted:
    """The decision of a gate that is always open."""

    allowed: bool = True
    public_reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class OpenGate:
    """Admits everybody: for development and for catalogues without conditions."""

    def shown(self, dataset: Dataset, who: Participant) -> Dataset | None:  # noqa: ARG002
        """The dataset as it is."""
        return dataset

    def answer(self, policy: Policy, who: Participant) -> Decision:  # noqa: ARG002
        """Yes."""
        return Admitted()


def waits_for_a_person(policy: Policy) -> bool:
    """Does the policy ask for a decision that no machine makes?"""
    duties = [d.action for p in policy.permissions for d in p.duties]
    return CONSENT in duties or CONSENT in [o.action for o in policy.obligations]


@dataclass(frozen=True, slots=True)
class CatalogueReactions:
    """The reactions of a node in service.

    Args:
        participant: Our identifier.
        datasets: The dataset of an identifier, None where it is not published.
        gate: Evaluates policies.
        clock: For the date of an agreement.
    """

    participant: str
    datasets: Callable[[str], Dataset | None]
    gate: Gate
    clock: Clock

    def on_negotiation(self, n: Negotiation, who: Participant) -> tuple[Action, ...]:
        """What to do now that the negotiation stands as *n*."""
        if n.role is Role.CONSUMER:
            return self._as_consumer(n)
        match n.state:
            case NegotiationState.REQUESTED:
                return self._requested(n, who)
            case NegotiationState.ACCEPTED:
                return self._agree(n, who)
            case NegotiationState.VERIFIED:
                return (Finalize(),)
        return ()

    def _as_consumer(self, n: Negotiation) -> tuple[Action, ...]:
        if n.state is not NegotiationState.AGREED:
            return ()
        found = differences(n)
        return (Terminate("agreement-differs", found),) if found else (Verify(),)

    def _requested(self, n: Negotiation, who: Participant) -> tuple[Action, ...]:
        dataset = self._shown(n, who)
        if dataset is None:
            return (Terminate("no-such-offer", ("there is no such offer for you",)),)
        if _equal(dataset, n) is not None:
            return self._agree(n, who)
        if n.revision >= MAX_ROUNDS:
            return (Terminate("no-common-terms", ("the terms asked for are not on offer",)),)
        return (MakeOffer(replace(dataset.offers[0], target=n.dataset)),)

    def _shown(self, n: Negotiation, who: Participant) -> Dataset | None:
        dataset = self.datasets(n.dataset)
        return None if dataset is None else self.gate.shown(dataset, who)

    def _agree(self, n: Negotiation, who: Participant) -> tuple[Action, ...]:
        dataset = self._shown(n, who)
        offer = None if dataset is None else _equal(dataset, n)
        if offer is None:
            return (Terminate("withdrawn", ("the offer is no longer in the catalogue",)),)
        answer = self.gate.answer(offer, who)
        if not answer.allowed:
            return (Terminate("policy", answer.public_reasons or ("the policy says no",)),)
        if waits_for_a_person(offer):
            return ()
        return (self.agreement(n),)

    def agreement(self, n: Negotiation) -> Agree:
        """Our agreement to the rules on the table."""
        name = f"urn:uuid:{uuid.uuid4()}"
        now = self.clock.now_utc()
        return Agree(make_agreement(n, name, provider=self.participant, now_utc=now))

    def on_transfer(self, t: Transfer, who: Participant) -> tuple[Action, ...]:  # noqa: ARG002
        """What to do now that the transfer stands as *t*."""
        if t.role is not Role.PROVIDER or t.state is not TransferState.REQUESTED:
            return ()
        if t.format.endswith(PULL):
            return (Start(),)
        if not t.format.endswith(PUSH):
            return (Terminate("format", (f"data are handed out as {PULL} or {PUSH}",)),)
        if t.data_address is None or t.data_address.endpoint is None:
            return (Terminate("no-address", ("a push names the address to bring the data to",)),)
        return (Start(),)


def _equal(dataset: Dataset, n: Negotiation) -> Policy | None:
    """The offer of the catalogue that holds exactly the rules on the table, for this peer."""
    terms = n.offer.terms_digest
    for offer in dataset.offers:
        if offer.terms_digest == terms and offer.assignee in (None, n.peer):
            return offer
    return None
