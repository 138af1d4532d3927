"""Terms that every nation has consented to, with the roster that names everybody's keys.

May touch: approve's evidence. Sealing, taking and closing sheets all ask for this value, so that
none of them can happen under terms that somebody has not agreed to.
"""

from dataclasses import dataclass

from delian.approve.decision import Agreed
from delian.contribute.errors import NotAgreedError, UnknownNationError, WrongTermsError
from delian.crypto.seal import SealPublic
from delian.crypto.sign import PublicKey
from delian.terms.party import Kind, Roster
from delian.terms.round_terms import RoundTerms


@dataclass(frozen=True, slots=True)
class AgreedTerms:
    """Terms with the consent of every nation. Made by :func:`agreed_terms` only."""

    terms: RoundTerms
    roster: Roster

    @property
    def is_local(self) -> bool:
        """Do the hosts belong to fewer than three organisations, as only a demonstration may?"""
        return len({self.roster.party(h).organisation for h in self.terms.hosts}) < 3

    def resolve(self, keyid: str) -> PublicKey | None:
        """The public key behind a key id, or None for a stranger."""
        wire = self.roster.key(keyid)
        return None if wire is None else PublicKey.from_wire(wire)

    def seal_key(self, host: int) -> SealPublic:
        """The key to which shares for P_*host* are sealed.

        Raises:
            NotAgreedError: the roster names none.
        """
        wire = self.roster.key(f"{self.terms.hosts[host]}/host-seal")
        if wire is None:
            raise NotAgreedError(f"the roster holds no sealing key of {self.terms.hosts[host]}")
        return SealPublic.from_wire(wire)

    def check_nation(self, nation: str) -> None:
        """Return if the terms name *nation*.

        Raises:
            UnknownNationError: they do not.
        """
        if nation not in self.terms.nations:
            raise UnknownNationError(f"the terms of this round do not name '{nation[:40]}'")


def agreed_terms(terms: RoundTerms, roster: Roster, agreed: Agreed) -> AgreedTerms:
    """*terms* as agreed terms, if the evidence holds.

    Args:
        terms: As proposed.
        roster: As pinned by this node.
        agreed: The decision over these terms, made by ``approve.decide`` on this node.

    Guarantees:
        Every nation of the terms has consented to exactly these terms, with the key that this
        roster gives it; the hosts belong to three organisations unless the terms declare a
        demonstration (``tests/unit/contribute/test_contribute_agreed.py``).

    Raises:
        WrongTermsError: the decision is about other bytes, or the terms name another roster.
        NotAgreedError: a nation is missing, a key is not the roster's, or the hosts are not
            independent.
    """
    if agreed.subject != terms.digest:
        raise WrongTermsError("the decision is about other terms than these")
    if (terms.roster_digest, terms.roster_version) != (roster.digest, roster.version):
        raise WrongTermsError(
            "the terms were made for another roster", hint="fetch the roster that they name"
        )
    missing = sorted(set(terms.nations) - {consent.nation for consent in agreed.evidence})
    if missing:
        raise NotAgreedError(
            f"no consent of {', '.join(missing)} to these terms",
            hint="nothing is sealed before every nation has agreed",
        )
    for consent in agreed.evidence:
        own = roster.key(f"{consent.nation}/agent")
        if consent.keyid == f"{consent.nation}/agent" and consent.key.to_wire() != own:
            raise NotAgreedError(f"the consent of {consent.nation} is not under its own key")
    value = AgreedTerms(terms, roster)
    if any(roster.party(host).kind is not Kind.HOST for host in terms.hosts):
        raise NotAgreedError("the terms name a host that the roster does not know as one")
    if value.is_local and not terms.demonstration:
        raise NotAgreedError(
            "the hosts do not belong to three organisations",
            hint="only terms that declare a demonstration may do this",
        )
    return value
