"""When two messages are the same message, sent twice.

May touch: values. The protocol numbers no messages, and peers retry at other times, even with
another identifier of the agreement. What a message *says* is compared, not its bytes. Offers may
rightly be made twice alike, so one that carries a name of its own (``@id`` at the root) is
repeated only under that name. Whether a message is taken decides the state first: only one that
does not fit the state is looked up among those already answered.
"""

import hashlib

from delian.exchange.messages import ContractAgreement, ContractOffer, ContractRequest, Message
from delian.exchange.odrl import Policy
from delian.exchange.plain import to_bytes


def fingerprint(message: Message, name: str | None = None) -> bytes:
    """A digest over what *message* says.

    Args:
        message: What was sent.
        name: The name that the message gives itself, if it does.

    Guarantees:
        Equal for a message and its repetition under another agreement identifier or time;
        different where name, kind, process, terms, parties, address or reasons differ
        (``tests/property/test_exchange_messages.py``).
    """
    plain = message.to_plain()
    del plain["@context"]
    if name is not None and isinstance(message, ContractOffer | ContractRequest):
        plain["@id"] = name
    match message:
        case ContractAgreement(agreement=policy):
            plain["agreement"] = [policy.target, policy.assignee, policy.terms_digest]
        case ContractOffer(offer=policy) | ContractRequest(offer=policy):
            plain["offer"] = _said(policy)
    return hashlib.sha256(to_bytes(plain)).digest()


def _said(policy: Policy) -> list[str | None]:
    return [policy.id, policy.target, policy.terms_digest]
