"""A nation's node: its sheet, its agent, its officer's voice. What it may do is what it imports.

The agent signs by itself, when its own clock says that silence has ended, its officer did not
speak, and every check held on this machine. May touch: the public rooms, ``contribute`` and
``shares``; never ``aggregate``.
"""

import json
import logging
import secrets
import time
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from delian.adapters.clock import Clock
from delian.adapters.store import Stored
from delian.approve.agent import Check, may_countersign, may_stand_in
from delian.approve.decision import Agreed, AwaitingSignatures, Extended, Pending
from delian.approve.mandate import YES_KIND, Mandate, StandInYes
from delian.approve.proposal import Proposal
from delian.contribute.absence import KIND as ABSENCE
from delian.contribute.absence import Absence
from delian.contribute.arrival import Known
from delian.contribute.check import CheckedSheet, check
from delian.contribute.closing import KIND as CLOSING
from delian.contribute.closing import ClosingList
from delian.contribute.closing_rules import check_as_agent, countersign
from delian.contribute.receipt import KIND as RECEIPT
from delian.contribute.receipt import Receipt, Standing, check_receipt
from delian.contribute.split import contribute
from delian.crypto.dsse import Envelope, sign, signers
from delian.nodes.desk import STATEMENT_TYPE, Desk, kind_of
from delian.nodes.ledger_proof import KIND as PROOF
from delian.nodes.ledger_proof import LedgerProof
from delian.nodes.nation_checks import (
    drop_figures,
    keep_figures,
    release_checks,
    remember_edition,
    terms_checks,
)
from delian.nodes.office_line import office_client
from delian.nodes.pump import Pump, run_on_files
from delian.nodes.release_view import STATEMENT, ReleaseView
from delian.nodes.round_view import TERMS, round_of
from delian.terms.encode import Digest, digest
from delian.terms.errors import DelianError, NotYetError, RefusedError

LOG = logging.getLogger("delian")
SHEET_SUFFIXES = (".xlsx", ".csv")
CONTRIBUTION = "contribution"
OWN_WORDS = (CONTRIBUTION, ABSENCE)  # what a nation says and never hears
SIGNED_BY_MANY = (TERMS, CLOSING, STATEMENT)


@dataclass(slots=True)
class Nation:
    """The node of one nation.

    Args:
        desk: Keys, roster, store.
        clock: Its own clock.
    """

    desk: Desk
    clock: Clock
    views: dict[str, ReleaseView] = field(default_factory=dict)
    receipts: dict[str, Receipt] = field(default_factory=dict)
    seen: set[Digest] = field(default_factory=set, repr=False)
    seen_seq: int = 0
    settled: set[Digest] = field(default_factory=set, repr=False)

    @classmethod
    def open(cls, home: Path, clock: Clock | None = None) -> "Nation":
        """The node in *home*, rebuilt from its papers; *clock* instead of that in its settings."""
        desk = Desk.open(home)
        nation = cls(desk, clock or desk.settings.clock())
        nation.catch_up()
        return nation

    def catch_up(self) -> None:
        """See papers that came by another road: the officer's commands write to the same store."""
        for paper in self.desk.store.documents(after=self.seen_seq):
            self.seen_seq = paper.seq
            if paper.kind not in OWN_WORDS and paper.digest not in self.seen:
                self._see_again(paper)
                self.seen.add(paper.digest)

    def _see_again(self, paper: Stored) -> None:
        envelope = Envelope.from_wire(paper.body)
        if paper.kind in SIGNED_BY_MANY and paper.who == self.desk.code:
            self.desk.gather(envelope)  # our own signature alone; the paper came by itself
        else:
            self._see(envelope)

    # --- papers -----------------------------------------------------------------------------

    def receive(self, data: bytes) -> None:
        """Take one file in, from any road.

        Raises:
            DelianError: it does not verify; nothing has changed.
        """
        envelope = Envelope.from_wire(data)
        kind = self._see(envelope)
        self.desk.file(kind, round_of(envelope), self.desk.first_signer(envelope), data)
        self.seen.add(digest(data))

    def _see(self, envelope: Envelope) -> str:
        kind, round_id = kind_of(envelope), round_of(envelope)
        view = self.views.get(round_id) or ReleaseView(self.desk, round_id)
        now_utc = self.clock.now_utc()
        if kind == RECEIPT:
            self.receipts[round_id] = check_receipt(envelope, view.known_agreed())
        elif kind == PROOF:
            self._see_proof(envelope)
        else:
            view.take(envelope, now_utc)
            self.views[round_id] = view
        return kind

    def _see_proof(self, envelope: Envelope) -> None:
        proof = LedgerProof.from_wire(envelope.payload)
        office = f"{self.desk.settings.office_code}/sign"
        if office not in signers(envelope, self.desk.membership.resolve):
            raise RefusedError("a ledger proof is signed by the secretariat")
        if self.desk.store.note(f"checkpoint/{proof.new}") is None:
            if proof.old and self.desk.store.note(f"checkpoint/{proof.old}") is None:
                raise NotYetError("the ledger proof before this one has not arrived")
            proof.check((self.desk.store.note("checkpoint") or b"").decode())
            self.desk.store.remember("checkpoint", proof.new.encode())
            self.desk.store.remember(f"checkpoint/{proof.new}", b"1")

    # --- what is due ------------------------------------------------------------------------

    def act(self) -> None:
        """Do whatever is due; a step that must wait or is refused stops no other."""
        with self.desk.store.step():
            self._act()

    def _act(self) -> None:
        self.catch_up()
        now_utc = self.clock.now_utc()
        for view in list(self.views.values()):
            view.look(now_utc)
            for step in (
                self._consent,
                self._take_sheet,
                self._countersign_list,
                self._note_edition,
            ):
                try:
                    step(view)
                except NotYetError:
                    continue
                except DelianError as error:
                    self._complain(view, error)

    def due_seconds(self) -> float | None:
        """How long until silence ends somewhere, or None."""
        now_utc = self.clock.now_utc()
        ends = [
            decision.silence_ends_utc
            for view in self.views.values()
            for proposal in self._open_proposals(view)
            if isinstance(decision := view.decision(proposal, now_utc), Pending | Extended)
        ]
        if not ends:
            return None
        span = max(min(ends) - now_utc, timedelta(0)) + timedelta(milliseconds=1)
        return self.clock.real_seconds(span)

    def _complain(self, view: ReleaseView, error: DelianError) -> None:
        """Say it once in the log and keep it for ``delian status``."""
        name = f"trouble/{view.round_id}"
        text = json.dumps(error.to_wire())
        if self.desk.store.note(name) != text.encode():
            self.desk.store.remember(name, text.encode())
            LOG.warning("round %s: %s: %s", view.round_id, error.code, error.message)

    def _consent(self, view: ReleaseView) -> None:
        """Countersign what silence has agreed to."""
        now_utc = self.clock.now_utc()
        for proposal in self._open_proposals(view):
            decision = view.decision(proposal, now_utc)
            if isinstance(decision, Agreed):
                self.settled.add(proposal.id)
            if isinstance(decision, Pending | Extended):
                self.checks(view, proposal)  # while there is time; the result is kept
            if not isinstance(decision, AwaitingSignatures):
                continue
            kind = TERMS if proposal.matter == TERMS else "statement"
            self._stand_in(view, proposal, kind)
            if self.desk.code in decision.missing:
                self._sign(view, proposal, kind)

    def _open_proposals(self, view: ReleaseView) -> list[Proposal]:
        """Proposals that have not come to their end."""
        ended = self.settled | set(view.final)
        return [p for p in view.proposals.values() if p.id not in ended]

    def _note_edition(self, view: ReleaseView) -> None:
        """Remember a release that carries every signature: the next edition must name it."""
        for name, statement in view.statements.items():
            done = f"complete/{name}"
            if self.desk.store.note(done) is not None:
                continue
            consents = view.consents(name, STATEMENT_TYPE)
            if consents is not None and consents.is_complete:
                remember_edition(self.desk, statement.audience, name)
                self.desk.store.remember(done, b"1")

    def _sign(self, view: ReleaseView, proposal: Proposal, kind: str) -> None:
        done = f"signed-by-agent/{proposal.subject}"
        if self.desk.store.note(done) is not None:
            return
        subject = self._subject(proposal)
        mandates = view.running_mandates() if proposal.matter != TERMS else {}
        checks = self.checks(view, proposal)
        verdict = may_countersign(
            proposal,
            subject,
            self.desk.code,
            view.voices.values(),
            checks,
            self.clock.now_utc(),
            mandates=mandates,
            successors=view.proposals.values(),
            withdrawals=view.withdrawals.values(),
        )
        with self.desk.store.step():
            if verdict.allowed:
                envelope = self.desk.signed(kind, subject, "agent")
                self.desk.gather(envelope)
                self.desk.issue(kind, view.round_id, envelope.to_wire())
                self.desk.store.remember(done, b"1")
                LOG.info("signed %s %s", kind, proposal.subject[:23])
            else:
                self._say_yes(view, proposal, mandates.get(self.desk.code), checks)
                refusal = json.dumps(list(verdict.reasons)).encode()
                self.desk.store.remember(f"not-signed/{proposal.id}", refusal)

    def _say_yes(
        self,
        view: ReleaseView,
        proposal: Proposal,
        mandate: Mandate | None,
        checks: tuple[Check, ...],
    ) -> None:
        """Our mandate runs: tell the stand-in that these bytes passed our own checks."""
        if mandate is None or not all(c.passed for c in checks):
            return
        self._issue_yes(view, proposal.subject, mandate)

    def _issue_yes(self, view: ReleaseView, subject: Digest, mandate: Mandate) -> None:
        done = f"said-yes/{subject}"
        if self.desk.store.note(done) is None:
            yes = StandInYes(view.round_id, subject, mandate.id, self.desk.code)
            signed = yes.signed(self.desk.key("agent"))
            with self.desk.store.step():
                self.desk.issue(YES_KIND, view.round_id, signed.to_wire())
                self.desk.store.remember(done, b"1")

    def _stand_in(self, view: ReleaseView, proposal: Proposal, kind: str) -> None:
        """Sign for a nation that gave us a mandate, once it has said yes to these bytes."""
        for holder, mandate in view.running_mandates().items() if kind != TERMS else ():
            done = f"signed-for/{holder}/{proposal.subject}"
            if mandate.stand_in != self.desk.code or self.desk.store.note(done) is not None:
                continue
            yeses = [y for y in view.yeses.values() if y.mandate == mandate.id]
            yes = next((y for y in yeses if y.subject == proposal.subject), None)
            subject = self._subject(proposal)
            verdict = may_stand_in(
                proposal,
                subject,
                mandate,
                yes,
                view.voices.values(),
                self.clock.now_utc(),
                successors=view.proposals.values(),
                withdrawals=view.withdrawals.values(),
            )
            if verdict.allowed:
                key = self.desk.stand_in_key(mandate)
                envelope = sign(STATEMENT_TYPE, subject, {mandate.keyid: key})
                with self.desk.store.step():
                    self.desk.issue(kind, view.round_id, envelope.to_wire())
                    self.desk.store.remember(done, b"1")

    def checks(self, view: ReleaseView, proposal: Proposal) -> tuple[Check, ...]:
        """What this machine itself finds about *proposal*; computed once, then remembered."""
        name = f"checks/{proposal.id}"
        known = self.desk.store.note(name)
        if known is not None:
            return tuple(Check(n, p, r) for n, p, r in json.loads(known))
        if proposal.matter == TERMS:
            found = terms_checks(self.desk, view, proposal, list(self.views.values()))
        else:
            found = release_checks(self.desk, view, proposal, list(self.views.values()))
        text = json.dumps([[c.name, c.passed, c.reason] for c in found])
        self.desk.store.remember(name, text.encode())
        return found

    def _subject(self, proposal: Proposal) -> bytes:
        envelope = self.desk.gathered(proposal.subject)
        if envelope is None:
            raise NotYetError("the bytes that are proposed have not arrived")
        return envelope.payload

    # --- the sheet --------------------------------------------------------------------------

    def _take_sheet(self, view: ReleaseView) -> None:
        """Send the sheet that the officer has put into ``sheets/<round>.xlsx`` or ``.csv``."""
        if view.agreed is None or view.closings:
            return
        for suffix in SHEET_SUFFIXES:
            path = self.desk.home / "sheets" / f"{view.round_id}{suffix}"
            if not path.exists():
                continue
            data = path.read_bytes()
            seen = f"sheet/{view.round_id}/{digest(data)}"
            if self.desk.store.note(seen) is None:
                self.contribute(view, self.check_sheet(view, data, path.name))
                self.desk.store.remember(seen, b"1")

    def check_sheet(self, view: ReleaseView, data: bytes, filename: str) -> CheckedSheet:
        """Check a sheet against the agreed terms."""
        return check(data, filename, view.known_agreed().terms, self.desk.code)

    def contribute(self, view: ReleaseView, checked: CheckedSheet) -> int:
        """Seal a checked sheet and queue it; the number it got.

        Raises:
            RefusedError: the round does not take sheets any more, or is not agreed.
        """
        agreed = view.known_agreed()
        if self.clock.now_utc() > agreed.terms.calendar.sheets_until:
            raise RefusedError("the round no longer takes sheets")
        before = self.sent(view.round_id)
        number = 1 if before is None else before.number + 1
        key = self.desk.key("contribute")
        sent = contribute(checked.sheet, agreed, key, number, secrets.token_bytes)
        with self.desk.store.step():
            self.desk.issue(CONTRIBUTION, view.round_id, sent.data)
            self._remember_sent(view.round_id, Known(number, sent.manifest.digest))
            keep_figures(self.desk, agreed.terms, checked.sheet)
        return number

    def state_absence(self, view: ReleaseView) -> int:
        """Say that this nation takes no part with figures; the number of the statement.

        A sheet that was sent before no longer counts.
        """
        before = self.sent(view.round_id)
        number = 1 if before is None else before.number + 1
        terms = view.known_agreed().terms
        absence = Absence(view.round_id, terms.digest, self.desk.code, number)
        with self.desk.store.step():
            paper = absence.signed(self.desk.key("contribute"))
            self.desk.issue(ABSENCE, view.round_id, paper.to_wire())
            self._remember_sent(view.round_id, Known(number, absence.digest))
            drop_figures(self.desk, view.round_id)
        return number

    def _remember_sent(self, round_id: str, known: Known) -> None:
        note = json.dumps([known.number, known.digest]).encode()
        self.desk.store.remember(f"sent/{round_id}", note)

    def sent(self, round_id: str) -> Known | None:
        """Number and digest of the latest sheet that was sent."""
        note = self.desk.store.note(f"sent/{round_id}")
        return None if note is None else Known(*json.loads(note))

    def standing(self, round_id: str) -> Standing:
        """How far our latest sheet has come."""
        sent, receipt = self.sent(round_id), self.receipts.get(round_id)
        if sent is None:
            return Standing.NOT_SENT
        if receipt is None or receipt.manifest != sent.digest:
            return Standing.UNCONFIRMED
        return Standing.CONFIRMED

    def _countersign_list(self, view: ReleaseView) -> None:
        """Countersign the one closing list of the round that holds our latest sheet."""
        for name in view.closings:
            envelope = self.desk.gathered(name)
            if envelope is None or view.agreed is None:
                continue
            self._stand_in_list(view, view.closings[name])
            done = f"list/{view.round_id}"
            if self.desk.store.note(done) is not None:
                continue
            listed = check_as_agent(
                envelope, view.agreed, self.desk.code, self.sent(view.round_id), self._lists()
            )
            with self.desk.store.step():
                self.desk.store.remember(done, listed.digest.encode())
                mandate = _listed_mandate(view, listed, self.desk.code)
                if mandate is not None:
                    self._issue_yes(view, listed.digest, mandate)
                    continue
                signed = countersign(listed, f"{self.desk.code}/agent", self.desk.key("agent"))
                self.desk.gather(signed)
                self.desk.issue(CLOSING, view.round_id, signed.to_wire())

    def _stand_in_list(self, view: ReleaseView, listed: ClosingList) -> None:
        """Countersign for a nation that gave us a mandate, once its own node has said yes."""
        for yes in list(view.yeses.values()):
            mandate = view.mandates.get(yes.mandate)
            done = f"signed-for/{yes.holder}/{listed.digest}"
            if mandate is None or self.desk.store.note(done) is not None:
                continue
            wanted = (mandate.stand_in, mandate.holder, yes.subject)
            if wanted != (self.desk.code, yes.holder, listed.digest):
                continue
            if _listed_mandate(view, listed, yes.holder) == mandate:
                signed = countersign(listed, mandate.keyid, self.desk.stand_in_key(mandate))
                with self.desk.store.step():
                    self.desk.issue(CLOSING, view.round_id, signed.to_wire())
                    self.desk.store.remember(done, b"1")

    def _lists(self) -> dict[str, Digest]:
        notes = self.desk.store.notes("list/")
        return {name.removeprefix("list/"): value.decode() for name, value in notes.items()}


def _listed_mandate(view: ReleaseView, listed: ClosingList, holder: str) -> Mandate | None:
    """The mandate of *holder* that a closing list names."""
    found = [m for m in view.mandates.values() if m.id in listed.mandates and m.holder == holder]
    return found[0] if found else None


def run_nation(home: Path) -> None:
    """Run the agent of the nation in *home* until the process ends."""
    started = time.monotonic()
    nation = Nation.open(home)
    LOG.info("agent of %s ready in %.0f ms", nation.desk.code, (time.monotonic() - started) * 1000)
    nation.desk.say_ready()
    if not nation.desk.settings.office:
        run_on_files(nation, nation.desk.settings)
    line = office_client(nation.desk, "agent")
    Pump(nation, nation.desk.store, line, nation.desk.settings, nation.clock).run()
