"""When two messages are the same message, sent twice.

May touch: values. The protocol numbers no messages, and peers retry with other identifiers at the
root of the body, other times, even another identifier of the agreement. What a message *says* is
compared, not its bytes. Whether a message is taken decides the state first: only one that does
not fit the state is looked up among those already answered.
"""

import hashlib

from delian.exchange.messages import ContractAgreement, ContractOffer, ContractRequest, Message
from delian.exchange.odrl import Policy
from delian.exchange.plain import to_bytes


def fingerprint(message: Message) -> bytes:
    """A digest over what *message* says.

    Guarantees:
        Equal for a message and its repetition under another agreement identifier or time;
        different where kind, process, terms, parties, address or reasons differ
        (``tests/property/test_exchange_messages.py``).
    """
    plain = message.to_plain()
    del plain["@context"]
    match message:
        case ContractAgreement(agreement=policy):
            plain["agreement"] = [policy.target, policy.assignee, policy.terms_digest]
        case ContractOffer(offer=policy) | ContractRequest(offer=policy):
            plain["offer"] = _said(policy)
    return hashlib.sha256(to_bytes(plain)).digest()


def _said(policy: Policy) -> list[str | None]:
    return [policy.id, policy.target, policy.terms_digest]
