"""Count who has signed exactly these bytes: distinct nations and distinct raw keys.

May touch: DSSE. Consent lies in the statement's envelope alone; this is the one place that
counts it.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from delian.approve.document import DocumentFormError
from delian.approve.mandate import Mandate
from delian.approve.proposal import Proposal
from delian.crypto.dsse import Envelope, Resolve, signers
from delian.crypto.sign import PublicKey
from delian.terms.encode import Digest, digest

STATEMENT_TYPE = "application/vnd.in-toto+json"


@dataclass(frozen=True, slots=True)
class Consent:
    """One nation's consent.

    Args:
        nation: Its code.
        keyid: "FRA/agent", or "FRA/stand-in" while a mandate runs.
        key: The raw key that signed.
    """

    nation: str
    keyid: str
    key: PublicKey


@dataclass(frozen=True, slots=True)
class Consents:
    """Who has signed. Made by :func:`count_consents`.

    Args:
        subject: Digest of the exact bytes that were signed.
        given: In order of nations; every nation once and every raw key once.
        missing: The nations asked for whose consent is not there, in order.
    """

    subject: Digest
    given: tuple[Consent, ...]
    missing: tuple[str, ...]

    def __post_init__(self) -> None:
        names = [consent.nation for consent in self.given]
        keys = {consent.key for consent in self.given}
        if len(set(names)) != len(names) or len(keys) != len(names):
            raise DocumentFormError("one nation or one key is counted twice")

    @property
    def nations(self) -> tuple[str, ...]:
        """The nations that have signed, in order."""
        return tuple(consent.nation for consent in self.given)

    @property
    def is_complete(self) -> bool:
        """Has every nation that was asked for signed?"""
        return not self.missing

    def missing_of(self, nations: Collection[str]) -> tuple[str, ...]:
        """Those of *nations* that have not signed, in order."""
        return tuple(sorted(set(nations) - set(self.nations)))


def count_consents(
    envelope: Envelope,
    nations: Collection[str],
    resolve: Resolve,
    *,
    mandates: Mapping[str, Mandate] | None = None,
    payload_type: str = STATEMENT_TYPE,
) -> Consents:
    """Which of *nations* have signed exactly the payload of *envelope*.

    Args:
        envelope: Any DSSE envelope; signatures of others (hosts, chair) are not counted.
        nations: Codes of all nations that must consent.
        resolve: The pinned roster.
        mandates: Running mandates by holder (:func:`delian.approve.mandate.running`). For
            these nations only the stand-in's key counts, and the own agent key does not.
        payload_type: What the envelope must hold; another type gives nobody's consent.

    Guarantees:
        As many distinct nations as distinct raw keys. A raw key under several names counts for
        the first name in alphabetical order (``tests/property/test_approve_laws.py``).
    """
    subject = digest(envelope.payload)
    asked = tuple(sorted(set(nations)))
    if envelope.payload_type != payload_type:
        return Consents(subject, (), asked)
    keys: dict[str, tuple[str, PublicKey]] = {}
    for nation in asked:
        mandate = (mandates or {}).get(nation)
        keyid = f"{nation}/agent" if mandate is None else mandate.keyid
        key = resolve(keyid) if mandate is None else mandate.key
        if key is not None:
            keys[keyid] = nation, key
    counted = signers(envelope, lambda keyid: keys[keyid][1] if keyid in keys else None)
    given = tuple(sorted((keys[k][0], k) for k in counted))
    made = tuple(Consent(nation, keyid, keys[keyid][1]) for nation, keyid in given)
    named = {consent.nation for consent in made}
    return Consents(subject, made, tuple(n for n in asked if n not in named))


def who_is_missing(proposal: Proposal, consents: Consents | None) -> tuple[str, ...]:
    """The nations whose consent to *proposal* is not there, in order.

    Consent to other bytes than the proposal's subject counts for nothing.
    """
    if consents is None or consents.subject != proposal.subject:
        return proposal.nations
    return consents.missing_of(proposal.nations)
