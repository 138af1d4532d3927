"""A contract negotiation as one side sees it: a value, and the steps that lead to the next value.

May touch: values. States and who may move them: Dataspace Protocol 2025-1, contract negotiation;
``docs/formats/dsp.md`` shows the table. Nothing here knows a policy: what a node *wants* to do next
comes from :mod:`delian.exchange.reactions`, what it *may* do is decided here.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypeAlias

from delian.exchange.actions import (
    Accept,
    Agree,
    CounterRequest,
    Finalize,
    MakeOffer,
    NegotiationAction,
    Terminate,
    Verify,
)
from delian.exchange.errors import MessageError, NotYoursError, WrongStateError
from delian.exchange.messages import (
    AgreementVerification,
    ContractAgreement,
    ContractOffer,
    ContractRequest,
    NegotiationAnswer,
    NegotiationEvent,
    NegotiationMessage,
    NegotiationTermination,
)
from delian.exchange.odrl import Policy
from delian.exchange.words import NegotiationState, Role
from delian.terms.encode import utc_text

S = NegotiationState
_Moves: TypeAlias = dict[type, frozenset[NegotiationState]]


@dataclass(frozen=True, slots=True)
class Negotiation:
    """One negotiation.

    Args:
        pid: Our identifier of it.
        peer_pid: The peer's; unknown until the peer has answered our first message.
        role: Which side we are.
        peer: Identifier of the participant on the other side.
        peer_address: Where its messages go.
        offer: The terms on the table.
        agreement: The terms agreed, from AGREED on.
        dataset: What it is about.
        revision: How many times it has changed.
        reasons: Why it was terminated.
        code: Code of the termination.
    """

    pid: str
    peer_pid: str | None
    role: Role
    state: NegotiationState
    peer: str
    peer_address: str
    offer: Policy
    agreement: Policy | None
    dataset: str
    revision: int = 0
    reasons: tuple[str, ...] = ()
    code: str | None = None

    @property
    def provider_pid(self) -> str | None:
        """The provider's identifier."""
        return self.pid if self.role is Role.PROVIDER else self.peer_pid

    @property
    def consumer_pid(self) -> str | None:
        """The consumer's identifier."""
        return self.pid if self.role is Role.CONSUMER else self.peer_pid

    def answer(self) -> NegotiationAnswer:
        """Where it stands, for the peer."""
        return NegotiationAnswer(self.provider_pid, self.consumer_pid, self.state)


# Which messages of the peer we take, by our role, in which of our states.
_OPEN = frozenset(s for s in S if not s.is_final)
_TAKES: dict[Role, _Moves] = {
    Role.PROVIDER: {
        ContractRequest: frozenset({S.OFFERED}),
        NegotiationEvent: frozenset({S.OFFERED}),
        AgreementVerification: frozenset({S.AGREED}),
        NegotiationTermination: _OPEN,
    },
    Role.CONSUMER: {
        ContractOffer: frozenset({S.REQUESTED}),
        ContractAgreement: frozenset({S.REQUESTED, S.ACCEPTED}),
        NegotiationEvent: frozenset({S.VERIFIED}),
        NegotiationTermination: _OPEN,
    },
}
# Which actions of our own we may take, by our role, in which state.
_MAY: dict[Role, _Moves] = {
    Role.PROVIDER: {
        MakeOffer: frozenset({S.REQUESTED}),
        Agree: frozenset({S.REQUESTED, S.ACCEPTED}),
        Finalize: frozenset({S.VERIFIED}),
        Terminate: _OPEN,
    },
    Role.CONSUMER: {
        CounterRequest: frozenset({S.OFFERED}),
        Accept: frozenset({S.OFFERED}),
        Verify: frozenset({S.AGREED}),
        Terminate: _OPEN,
    },
}


def begin_request(
    pid: str, *, peer: str, peer_address: str, offer: Policy, callback_address: str
) -> tuple[Negotiation, ContractRequest]:
    """We, the consumer, ask for the *offer* (which names its target)."""
    started = _begin(pid, Role.CONSUMER, peer, peer_address, offer)
    return started, ContractRequest(pid, offer, None, callback_address)


def begin_offer(
    pid: str, *, peer: str, peer_address: str, offer: Policy, callback_address: str
) -> tuple[Negotiation, ContractOffer]:
    """We, the provider, offer without having been asked."""
    started = _begin(pid, Role.PROVIDER, peer, peer_address, offer)
    return started, ContractOffer(pid, offer, None, callback_address)


def open_request(pid: str, message: ContractRequest, sender: str) -> Negotiation:
    """A consumer's first request reaches us; *pid* is our new identifier.

    Raises:
        MessageError: the request names a process, or no callback address.
    """
    if message.provider_pid is not None:
        raise MessageError(
            "a first request names no provider's process",
            where="ContractRequestMessage.providerPid",
        )
    address = _callback(message.callback_address, message.type)
    return replace(
        _begin(pid, Role.PROVIDER, sender, address, message.offer),
        peer_pid=message.consumer_pid,
        state=S.REQUESTED,
    )


def open_offer(pid: str, message: ContractOffer, sender: str) -> Negotiation:
    """A provider's first offer reaches us; *pid* is our new identifier.

    Raises:
        MessageError: the offer names a process, or no callback address.
    """
    if message.consumer_pid is not None:
        raise MessageError(
            "a first offer names no consumer's process", where="ContractOfferMessage.consumerPid"
        )
    address = _callback(message.callback_address, message.type)
    return replace(
        _begin(pid, Role.CONSUMER, sender, address, message.offer),
        peer_pid=message.provider_pid,
        state=S.OFFERED,
    )


def acknowledge(n: Negotiation, answer: NegotiationAnswer) -> Negotiation:
    """What we know after the peer has answered our first message: its identifier.

    Raises:
        NotYoursError: the answer is about another process than ours.
    """
    ours, theirs = _sides(n, answer.provider_pid, answer.consumer_pid)
    if ours != n.pid or theirs is None or n.peer_pid not in (None, theirs):
        raise NotYoursError("the answer is about another process")
    return n if n.peer_pid == theirs else replace(n, peer_pid=theirs, revision=n.revision + 1)


def check_peer(n: Negotiation, sender: str) -> None:
    """Is *sender* the other side of this negotiation?

    Raises:
        NotYoursError: it is not; the answer must not differ from "not found".
    """
    if sender != n.peer:
        raise NotYoursError("the negotiation belongs to another participant")


def receive(n: Negotiation, message: NegotiationMessage, sender: str) -> Negotiation:
    """The negotiation after a *message* of the peer.

    Args:
        n: Where it stands.
        message: What came; both identifiers must fit.
        sender: Who sent it, already checked by the identity port.

    Guarantees:
        Exactly the moves of the protocol's table; whatever raises leaves *n* as it was
        (``tests/property/test_exchange_machines.py``).

    Raises:
        NotYoursError: another sender, or identifiers of another process.
        WrongStateError: the message does not fit the state.
    """
    check_peer(n, sender)
    ours, theirs = _sides(n, message.provider_pid, message.consumer_pid)
    if ours != n.pid or theirs is None or n.peer_pid not in (None, theirs):
        raise NotYoursError("the message is about another process")
    if n.state not in _TAKES[n.role].get(type(message), frozenset()):
        raise _wrong(n, message.type)
    return replace(_apply(n, message), peer_pid=theirs, revision=n.revision + 1)


def act(n: Negotiation, action: NegotiationAction) -> tuple[Negotiation, NegotiationMessage]:
    """The negotiation after an *action* of ours, and the message that tells the peer.

    Raises:
        WrongStateError: our role may not do that in this state.
    """
    if n.state not in _MAY[n.role].get(type(action), frozenset()):
        raise _wrong(n, type(action).__name__)
    after, message = _perform(n, action)
    return replace(after, revision=n.revision + 1), message


def make_agreement(
    n: Negotiation, agreement_id: str, *, provider: str, now_utc: datetime
) -> Policy:
    """The agreement that holds exactly the rules on the table, for :class:`Agree`."""
    return replace(
        n.offer,
        kind="Agreement",
        id=agreement_id,
        target=n.dataset,
        assigner=provider,
        assignee=n.peer,
        timestamp=utc_text(now_utc.replace(microsecond=0)),
    )


def renamed(n: object, message: object) -> Negotiation | None:
    """The negotiation under the provider's latest name of its agreement, or None where none is new.

    A provider that lost our answer may make the same agreement again under another identifier and
    know only the last one. Equal terms, target and parties are the same agreement.
    """
    if not isinstance(n, Negotiation) or not isinstance(message, ContractAgreement):
        return None
    kept, again = n.agreement, message.agreement
    if n.role is not Role.CONSUMER or n.state not in (S.AGREED, S.VERIFIED) or kept is None:
        return None
    if again.id == kept.id or _binding(again) != _binding(kept):
        return None
    return replace(n, agreement=again, revision=n.revision + 1)


def _binding(agreement: Policy) -> tuple[object, ...]:
    parties = (agreement.assigner, agreement.assignee)
    return (agreement.terms_digest, agreement.target, *parties)


def differences(n: Negotiation) -> tuple[str, ...]:
    """Where the agreement received departs from the terms on the table; empty where nowhere."""
    if n.agreement is None:
        return ("there is no agreement",)
    found = []
    if n.agreement.target != n.dataset:
        found.append("the agreement is about another dataset")
    if n.agreement.terms_digest != n.offer.terms_digest:
        found.append("the agreement holds other rules than the offer")
    if n.agreement.assigner != n.peer:
        found.append("the agreement names another provider")
    return tuple(found)


def _begin(pid: str, role: Role, peer: str, peer_address: str, offer: Policy) -> Negotiation:
    if offer.target is None:
        raise MessageError("an offer in a message names its target", where="offer.target")
    state = S.REQUESTED if role is Role.CONSUMER else S.OFFERED
    return Negotiation(pid, None, role, state, peer, peer_address, offer, None, offer.target)


def _callback(address: str | None, where: str) -> str:
    if address is None:
        raise MessageError("this member is missing", where=f"{where}.callbackAddress")
    return address


def _sides(
    n: Negotiation, provider: str | None, consumer: str | None
) -> tuple[str | None, str | None]:
    """Our identifier and the peer's, as a message names them; a first message names one alone."""
    return (provider, consumer) if n.role is Role.PROVIDER else (consumer, provider)


def _apply(n: Negotiation, message: NegotiationMessage) -> Negotiation:
    match message:
        case ContractRequest():
            return replace(n, state=S.REQUESTED, offer=_same_target(n, message.offer))
        case ContractOffer():
            return replace(n, state=S.OFFERED, offer=_same_target(n, message.offer))
        case ContractAgreement():
            return replace(n, state=S.AGREED, agreement=message.agreement)
        case AgreementVerification():
            return replace(n, state=S.VERIFIED)
        case NegotiationEvent():
            wanted = "ACCEPTED" if n.role is Role.PROVIDER else "FINALIZED"
            if message.event != wanted:
                raise _wrong(n, f"{message.type} {message.event}")
            return replace(n, state=S(message.event))
    return replace(n, state=S.TERMINATED, reasons=message.reasons, code=message.code)


def _perform(n: Negotiation, action: NegotiationAction) -> tuple[Negotiation, NegotiationMessage]:
    provider, consumer = n.provider_pid, n.consumer_pid
    match action:
        case MakeOffer(offer):
            return replace(n, state=S.OFFERED, offer=_same_target(n, offer)), ContractOffer(
                n.pid, offer, consumer
            )
        case CounterRequest(offer):
            return replace(n, state=S.REQUESTED, offer=_same_target(n, offer)), ContractRequest(
                n.pid, offer, provider
            )
        case Agree(agreement):
            _same_target(n, agreement)
            message = ContractAgreement(provider, consumer, agreement)
            return replace(n, state=S.AGREED, agreement=agreement), message
        case Accept():
            event = NegotiationEvent(provider, consumer, "ACCEPTED")
            return replace(n, state=S.ACCEPTED), event
        case Verify():
            return replace(n, state=S.VERIFIED), AgreementVerification(provider, consumer)
        case Finalize():
            event = NegotiationEvent(provider, consumer, "FINALIZED")
            return replace(n, state=S.FINALIZED), event
    end = NegotiationTermination(provider, consumer, action.code, action.reasons)
    ended = replace(n, state=S.TERMINATED, reasons=action.reasons, code=action.code)
    return ended, end


def _same_target(n: Negotiation, policy: Policy) -> Policy:
    if policy.target != n.dataset:
        raise MessageError("a negotiation stays with its dataset", where="target")
    return policy


def _wrong(n: Negotiation, what: str) -> WrongStateError:
    return WrongStateError(
        f"{what} does not fit a negotiation in state {n.state} at its {n.role.lower()}",
        provider_pid=n.provider_pid,
        consumer_pid=n.consumer_pid,
    )
