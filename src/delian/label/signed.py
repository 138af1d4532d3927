"""Policies and equivalences as signed documents; nothing unsigned is ever used for a decision.

May touch: ``crypto``. The caller gives the authority's key id and pinned public key.
"""

from delian.crypto.dsse import Envelope, document_type, sign, verify
from delian.crypto.sign import PrivateKey, PublicKey
from delian.label.equivalence import Equivalence
from delian.label.policy import Policy

POLICY_TYPE = document_type("policy")
EQUIVALENCE_TYPE = document_type("equivalence")


def sign_policy(policy: Policy, keyid: str, key: PrivateKey) -> Envelope:
    """*policy* signed by its authority."""
    return sign(POLICY_TYPE, policy.to_wire(), {keyid: key})


def open_policy(envelope: Envelope, keyid: str, public: PublicKey) -> Policy:
    """The policy in *envelope*, if its authority signed it.

    Raises:
        TamperedError: not signed by this key, or as another kind of document.
        InputError: signed, but not a policy.
    """
    return Policy.from_wire(verify(envelope, keyid, public, POLICY_TYPE))


def sign_equivalence(equivalence: Equivalence, keyid: str, key: PrivateKey) -> Envelope:
    """*equivalence* signed by the authority that applies it."""
    return sign(EQUIVALENCE_TYPE, equivalence.to_wire(), {keyid: key})


def open_equivalence(envelope: Envelope, keyid: str, public: PublicKey) -> Equivalence:
    """The equivalence in *envelope*, if the authority signed it.

    Raises:
        TamperedError: not signed by this key, or as another kind of document.
        InputError: signed, but not an equivalence.
    """
    return Equivalence.from_wire(verify(envelope, keyid, public, EQUIVALENCE_TYPE))
