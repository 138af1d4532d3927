"""What a node knows of one round from signed papers, whoever brought them.

Every paper is verified before it changes anything, and the view is rebuilt from the stored papers
at every start: the papers are the state. May touch: the desk and the public rooms.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

from delian.approve.consent import Consents, count_consents
from delian.approve.decision import (
    Agreed,
    Broken,
    Decision,
    Superseded,
    Withdrawn,
    decide,
)
from delian.approve.mandate import MANDATE_KIND, YES_KIND, Mandate, StandInYes, running
from delian.approve.membership import Membership
from delian.approve.proposal import KIND as PROPOSAL
from delian.approve.proposal import Proposal
from delian.approve.voices import KINDS as VOICES
from delian.approve.voices import Voice, hear
from delian.approve.withdrawal import KIND as WITHDRAWAL
from delian.approve.withdrawal import Withdrawal
from delian.contribute.agreed import AgreedTerms, agreed_terms
from delian.contribute.closing import KIND as CLOSING
from delian.contribute.closing import ClosingList, check_closed, check_list
from delian.contribute.errors import AwaitingError
from delian.crypto.dsse import Envelope, document_type, signers, verify
from delian.crypto.sign import PublicKey
from delian.nodes.desk import STATEMENT_TYPE, Desk, kind_of
from delian.terms.encode import Digest, digest, parse
from delian.terms.errors import NotYetError, RefusedError, TamperedError
from delian.terms.round_terms import RoundTerms
from delian.terms.table import Table

TERMS, TABLE = "terms", "opened"
T = TypeVar("T")


class OtherRoundError(RefusedError):
    """The paper belongs to a round that this node does not know, or to another one."""

    code = "other-round"


class UnsignedPaperError(TamperedError):
    """The paper lacks the one signature that makes it count."""

    code = "unsigned-paper"


class NoTermsError(NotYetError):
    """The terms of this round have not arrived."""

    code = "no-terms"


@dataclass(slots=True)
class RoundView:
    """One round, as far as this node has seen it.

    Args:
        desk: Where papers and signatures lie.
        round_id: The round.
    """

    desk: Desk
    round_id: str
    terms: RoundTerms | None = None
    agreed: AgreedTerms | None = None
    proposals: dict[Digest, Proposal] = field(default_factory=dict)
    voices: dict[Digest, Voice] = field(default_factory=dict)
    mandates: dict[Digest, Mandate] = field(default_factory=dict)
    yeses: dict[Digest, StandInYes] = field(default_factory=dict)
    withdrawals: dict[Digest, Withdrawal] = field(default_factory=dict)
    closings: dict[Digest, ClosingList] = field(default_factory=dict)
    tables: dict[Digest, Table] = field(default_factory=dict)
    final: dict[Digest, Decision] = field(default_factory=dict, repr=False)
    found: dict[str, tuple[tuple[int, ...], Any]] = field(default_factory=dict, repr=False)

    def known_terms(self) -> RoundTerms:
        """The terms.

        Raises:
            NoTermsError: they have not arrived.
        """
        if self.terms is None:
            raise NoTermsError(f"the terms of round '{self.round_id}' have not arrived")
        return self.terms

    @property
    def membership(self) -> Membership:
        """The roster that the terms name; the newest one as long as there are no terms."""
        named = None if self.terms is None else self.desk.membership_of(self.terms.roster_digest)
        return named or self.desk.membership

    # --- taking papers in -----------------------------------------------------------------

    def take(self, envelope: Envelope, now_utc: datetime) -> None:
        """Verify one paper and let it change the view.

        Args:
            envelope: From anywhere.
            now_utc: One reading of this node's clock.

        Raises:
            DelianError: it does not verify, or belongs elsewhere; nothing has changed.
        """
        kind = kind_of(envelope)
        handlers = self._handlers()
        if kind not in handlers:
            raise OtherRoundError(f"a node of this kind takes no '{kind}'")
        handlers[kind](envelope)
        self.look(now_utc)

    def look(self, now_utc: datetime) -> None:
        """See what time alone has brought about: terms become agreed when silence has ended."""
        if self.agreed is not None or self.terms is None:
            return
        for proposal in self.proposals_on(TERMS):
            decision = self.decision(proposal, now_utc)
            if isinstance(decision, Agreed):
                self.agreed = agreed_terms(self.terms, self.membership.roster, decision)

    def known_agreed(self) -> AgreedTerms:
        """The terms with every nation's consent.

        Raises:
            NoTermsError: not every nation has consented yet.
        """
        if self.agreed is None:
            raise NoTermsError(f"the terms of round '{self.round_id}' are not agreed yet")
        return self.agreed

    def _handlers(self) -> dict[str, Callable[[Envelope], None]]:
        return {
            TERMS: self._take_terms,
            PROPOSAL: self._take_proposal,
            MANDATE_KIND: self._take_mandate,
            YES_KIND: self._take_yes,
            WITHDRAWAL: self._take_withdrawal,
            CLOSING: self._take_closing,
            TABLE: self._take_table,
            **dict.fromkeys(VOICES, self._take_voice),
        }

    def _take_terms(self, envelope: Envelope) -> None:
        terms = RoundTerms.from_plain(parse(envelope.payload))
        membership = self.desk.membership_of(terms.roster_digest)
        if membership is None or terms.roster_version != membership.roster.version:
            raise OtherRoundError(
                "the terms are read with another roster than this node holds",
                hint="exchange rosters first",
            )
        if self.terms is not None and self.terms.digest != terms.digest:
            raise OtherRoundError("this round has other terms already; new terms need a new round")
        signed_by(envelope, f"{terms.chair}/sign", membership)
        self.terms = terms
        self.desk.gather(envelope)

    def _take_proposal(self, envelope: Envelope) -> None:
        terms = self.known_terms()
        proposal = Proposal.from_envelope(envelope, self._resolve, chair=terms.chair)
        if proposal.terms != terms.digest or set(proposal.nations) != set(self._must_consent()):
            raise OtherRoundError("the proposal does not ask exactly the nations of these terms")
        self.proposals[proposal.id] = proposal

    def _take_voice(self, envelope: Envelope) -> None:
        voice = hear(envelope, self._resolve)
        self.voices[voice.id] = voice

    def _take_mandate(self, envelope: Envelope) -> None:
        mandate = Mandate.from_envelope(envelope, self._resolve)
        self.mandates[mandate.id] = mandate

    def _take_yes(self, envelope: Envelope) -> None:
        yes = StandInYes.from_envelope(envelope, self._resolve)
        self.yeses[digest(envelope.payload)] = yes

    def _take_withdrawal(self, envelope: Envelope) -> None:
        withdrawal = Withdrawal.from_envelope(envelope, self._resolve)
        self.withdrawals[withdrawal.id] = withdrawal

    def _take_closing(self, envelope: Envelope) -> None:
        agreed = self.known_agreed()
        self.closings[digest(envelope.payload)] = check_list(envelope, agreed)
        self.desk.gather(envelope, extra=self.stand_in_keys())

    def _take_table(self, envelope: Envelope) -> None:
        terms = self.known_terms()
        known_table = self.tables.get(digest(envelope.payload))
        table = known_table or Table.from_plain(parse(envelope.payload))
        if table.round_id != self.round_id or table.terms_digest != terms.digest:
            raise OtherRoundError("the table belongs to another round")
        known = set(signers(envelope, self._resolve))
        if not known & {f"{h}/host-sign" for h in terms.hosts} | known & {f"{terms.chair}/sign"}:
            raise UnsignedPaperError("the table carries no signature of a host of these terms")
        self.tables[table.digest] = table
        self.desk.gather(envelope)

    # --- what follows from the papers ------------------------------------------------------

    def consents(self, subject: Digest, payload_type: str) -> Consents | None:
        """Which nations have signed the paper with this payload."""
        return self._remembered(f"consents {subject}", subject, self._count(payload_type))

    def _count(self, payload_type: str) -> Callable[[Envelope], Consents]:
        mandates = self.running_mandates() if payload_type == STATEMENT_TYPE else None
        return lambda envelope: count_consents(
            envelope,
            self._must_consent(),
            self._resolve,
            mandates=mandates,
            payload_type=payload_type,
        )

    def _remembered(self, what: str, name: Digest, find: Callable[[Envelope], T]) -> T | None:
        """What *find* gives for a gathered paper, found again only when a signature has come."""
        envelope = self.desk.gathered(name)
        if envelope is None:
            return None
        known = self.found.get(what)
        count = (len(envelope.signatures), len(self.mandates), len(self.proposals))
        if known is None or known[0] != count:
            known = (count, find(envelope))
            self.found[what] = known
        found: T = known[1]
        return found

    def closed(self) -> ClosingList | None:
        """The closing list that every agent in it has countersigned, or None."""
        for name in self.closings:
            found = self._remembered(f"closed {name}", name, self._countersigned)
            if found is not None:
                return found
        return None

    def _countersigned(self, envelope: Envelope) -> ClosingList | None:
        try:
            return check_closed(envelope, self.known_agreed(), self.mandates.values())
        except AwaitingError:
            return None

    def signed_table(self, name: Digest) -> Table | None:
        """The table, if all three hosts have signed it."""
        if self.terms is None or name not in self.tables:
            return None
        wanted = {f"{h}/host-sign" for h in self.terms.hosts}
        all_signed = self._remembered(
            f"table {name}", name, lambda e: wanted <= set(signers(e, self._resolve))
        )
        return self.tables[name] if all_signed else None

    def opened_table(self) -> Table | None:
        """The table that the hosts opened, if all three signed it; not an amended one."""
        for name, table in self.tables.items():
            if table.derives_from is None and self.signed_table(name) is not None:
                return table
        return None

    def proposals_on(self, matter: str) -> tuple[Proposal, ...]:
        """Proposals on *matter* in the order of their opening."""
        found = [p for p in self.proposals.values() if p.matter == matter]
        return tuple(sorted(found, key=lambda p: (p.opened_utc, p.id)))

    def decision(self, proposal: Proposal, now_utc: datetime) -> Decision:
        """What *proposal* has come to; an outcome that nothing can change is found once."""
        known = self.final.get(proposal.id)
        if known is not None:
            return known
        decision = self._decide(proposal, now_utc)
        if isinstance(decision, Broken | Superseded | Withdrawn):
            self.final[proposal.id] = decision
        return decision

    def _decide(self, proposal: Proposal, now_utc: datetime) -> Decision:
        kind = document_type(TERMS) if proposal.matter == TERMS else STATEMENT_TYPE
        return decide(
            proposal,
            self.voices.values(),
            self.consents(proposal.subject, kind),
            now_utc,
            successors=self.proposals.values(),
            withdrawals=self.withdrawals.values(),
        )

    def running_mandates(self) -> dict[str, Mandate]:
        """Mandates that run for the newest release proposal, by holder."""
        releases = self.proposals_on("release")
        return running(releases[-1], self.mandates.values()) if releases else {}

    def stand_in_keys(self) -> dict[str, PublicKey]:
        """Keys of all mandates of this round; which of them count is decided when counting."""
        return {m.keyid: m.key for m in self.mandates.values()}

    def _must_consent(self) -> tuple[str, ...]:
        return tuple(sorted(self.known_terms().nations))

    def _resolve(self, keyid: str) -> PublicKey | None:
        return self.membership.resolve(keyid)


def signed_by(envelope: Envelope, keyid: str, membership: Membership) -> None:
    """Return if *keyid* of this roster has signed the paper.

    Raises:
        UnsignedPaperError: it has not.
        TamperedError: its signature does not hold.
    """
    public = membership.resolve(keyid)
    if public is None:
        raise UnsignedPaperError(f"the roster holds no key {keyid}")
    if all(s.keyid != keyid for s in envelope.signatures):
        raise UnsignedPaperError(f"the paper does not carry the signature of {keyid}")
    verify(envelope, keyid, public, envelope.payload_type)


def round_of(envelope: Envelope) -> str:
    """Which round a paper says it belongs to; proven only when the view takes it.

    Raises:
        OtherRoundError: it names none.
    """
    plain = parse(envelope.payload)
    if isinstance(plain, dict) and isinstance(plain.get("predicate"), dict):
        plain = plain["predicate"]
    if not isinstance(plain, dict) or not isinstance(plain.get("round"), str):
        raise OtherRoundError("the paper names no round")
    return str(plain["round"])
