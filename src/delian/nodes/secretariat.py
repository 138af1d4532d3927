"""The secretariat's node: it relays, lists, counts and publishes. It can fake nothing.

Every paper it hands on is checked again by whoever receives it. It holds sealed envelopes only,
keeps no arrival time, and never imports ``shares``, ``aggregate`` or ``protect``.
"""

import json
import logging
import threading
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from delian.adapters.clock import Clock
from delian.approve.consent import who_is_missing
from delian.approve.decision import (
    Agreed,
    AwaitingSignatures,
    Broken,
    Extended,
    Pending,
    Withdrawn,
)
from delian.approve.durations import Duration
from delian.approve.mandate import MANDATE_KIND, YES_KIND
from delian.approve.proposal import KIND as PROPOSAL
from delian.approve.proposal import Proposal
from delian.approve.voices import KINDS as VOICES
from delian.approve.voices import Extension, Said, to_plain
from delian.approve.withdrawal import KIND as WITHDRAWAL
from delian.contribute.absence import KIND as ABSENCE
from delian.contribute.absence import check_absence
from delian.contribute.arrival import KIND as ARRIVAL
from delian.contribute.arrival import (
    ArrivalVerdict,
    Known,
    check_arrival,
    check_sequence,
)
from delian.contribute.closing import KIND as CLOSING
from delian.contribute.closing_rules import Latest, OpenRound, build_list, check_unlocked
from delian.contribute.contribution import MAGIC, Contribution, read_contribution
from delian.contribute.errors import AwaitingError, DisputedError
from delian.contribute.manifest import KIND as MANIFEST
from delian.contribute.manifest import Manifest
from delian.contribute.receipt import KIND as RECEIPT
from delian.contribute.receipt import issue_receipt
from delian.crypto.chunked import MemorySource
from delian.crypto.dsse import Envelope, document_type
from delian.crypto.sign import PublicKey
from delian.label.bundled import bundled_policy
from delian.label.label import Label
from delian.label.phrase import marking_text
from delian.nodes.desk import Desk, kind_of
from delian.nodes.ledger_proof import KIND as PROOF
from delian.nodes.ledger_proof import LedgerProof
from delian.nodes.release_view import STATEMENT, ReleaseView
from delian.nodes.round_view import TABLE, TERMS, round_of
from delian.nodes.secretariat_publish import Publisher
from delian.protect.amend import amend
from delian.release.package import Edition, render
from delian.release.statement import build_statement
from delian.terms.encode import Digest, canonical, digest, utc_text
from delian.terms.errors import InputError, NotYetError, RefusedError
from delian.terms.frame import CellKey
from delian.terms.party import Kind
from delian.terms.round_terms import RoundTerms
from delian.terms.table import State, Table

LOG = logging.getLogger("delian")
SHEET = MANIFEST  # tells the hosts of a contribution, whose part they then fetch
SIGNED_BY_MANY = (TERMS, CLOSING, TABLE, STATEMENT)
ENTRUSTED = (*VOICES, MANDATE_KIND, YES_KIND, WITHDRAWAL)
PUBLIC = (TERMS, PROPOSAL, *ENTRUSTED, CLOSING, TABLE, STATEMENT, PROOF)
FOR_HOSTS = (TERMS, PROPOSAL, MANDATE_KIND, CLOSING, TABLE, SHEET)


class NotForYouError(RefusedError):
    """The paper is not one that this party may hand in or see."""

    code = "not-for-you"


@dataclass(slots=True)
class Sheets:
    """The contributions of one round: who has sent what, and what the hosts say to it."""

    manifests: dict[str, tuple[Manifest, Envelope]] = field(default_factory=dict)
    verdicts: dict[Digest, list[Envelope]] = field(default_factory=dict)
    absences: dict[str, tuple[Known, Envelope]] = field(default_factory=dict)
    receipted: set[Digest] = field(default_factory=set)
    disputed: set[Digest] = field(default_factory=set)

    def known(self) -> dict[str, Known]:
        """The latest statement of each nation, sheet or absence."""
        found = {n: Known(m.number, m.digest) for n, (m, _) in self.manifests.items()}
        for nation, (known, _) in self.absences.items():
            if nation not in found or found[nation].number < known.number:
                found[nation] = known
        return found


@dataclass(slots=True)
class Secretariat:
    """The node.

    Args:
        desk: Keys, roster, store.
        clock: Its clock.
        publisher: The repositories.
    """

    desk: Desk
    clock: Clock
    publisher: Publisher
    views: dict[str, ReleaseView] = field(default_factory=dict)
    sheets: dict[str, Sheets] = field(default_factory=dict)
    lock: threading.RLock = field(default_factory=threading.RLock)
    headings: list[tuple[int, Digest, str, str]] = field(default_factory=list, repr=False)

    @classmethod
    def open(cls, home: Path, clock: Clock | None = None) -> "Secretariat":
        """The node in *home*, rebuilt from its papers; *clock* instead of that in its settings."""
        desk = Desk.open(home)
        office = cls(desk, clock or desk.settings.clock(), Publisher.open(desk))
        for paper in desk.store.documents():
            envelope = Envelope.from_wire(paper.body)
            if kind_of(envelope) in SIGNED_BY_MANY and paper.who != desk.code:
                desk.gather(envelope)
                if kind_of(envelope) != TABLE:
                    continue
            office.see(paper.kind, envelope)
        return office

    # --- the door (adapters.http_server.Office) ---------------------------------------------

    def public_key(self, keyid: str) -> PublicKey | None:
        """The roster's key behind *keyid*."""
        return self.desk.membership.resolve(keyid)

    def receive(self, data: bytes, sender: str) -> Digest:
        """Take one file in.

        Raises:
            DelianError: it does not verify or is not for the sender to give; nothing changed.
        """
        with self.lock:
            with self.desk.store.step():
                name = self._receive(data, sender)
            self._read_headings()
            return name

    def _receive(self, data: bytes, sender: str) -> Digest:
        if data.startswith(MAGIC):
            return self._take_contribution(data, sender)
        envelope = Envelope.from_wire(data)
        kind, round_id = kind_of(envelope), round_of(envelope)
        who = self._signer(envelope)
        if kind in SIGNED_BY_MANY:
            self._take_countersignature(kind, envelope, who)
        elif kind in (*ENTRUSTED, ARRIVAL, ABSENCE):
            self.see(kind, envelope)
        else:
            raise NotForYouError(f"the secretariat takes no '{kind}' from others")
        self.desk.file(kind, round_id, who, data)
        self._advance(round_id)
        return digest(data)

    def feed(self, reader: str, after: int) -> list[tuple[int, Digest, str, bytes]]:
        """What *reader* may see, after number *after*."""
        with self.lock:
            self._read_headings()
            found = []
            for seq, name, kind, who in self._later_than(after):
                paper = self.desk.store.document(name) if self._may_see(kind, who, reader) else None
                if paper is not None:
                    found.append((seq, name, kind, paper.body))
            return found

    def has_news(self, reader: str, after: int) -> bool:
        """Is there anything that :meth:`feed` would give? Asks memory only."""
        return any(self._may_see(kind, who, reader) for _, _, kind, who in self._later_than(after))

    def _read_headings(self) -> None:
        """Take in what was filed since."""
        last = self.headings[-1][0] if self.headings else 0
        self.headings += self.desk.store.headings(last)

    def _later_than(self, after: int) -> list[tuple[int, Digest, str, str]]:
        """Headings with a number above *after*."""
        return self.headings[bisect_right(self.headings, after, key=lambda h: h[0]) :]

    def blob(self, reader: str, name: str) -> bytes:
        """A contribution as far as one host needs it: its own sealed part alone.

        Raises:
            NotForYouError: the reader is no host of that round.
        """
        with self.lock:
            kind, _, manifest_digest = name.partition("/")
            held = self.desk.store.note(f"contribution/{manifest_digest}")
            if kind != "contribution" or held is None:
                raise NotForYouError("there is nothing of that name")
            contribution = self._contribution(held.decode())
            hosts = self.views[contribution.manifest.round_id].known_terms().hosts
            if reader not in hosts:
                raise NotForYouError("only a host of the round gets its own sealed part")
            return b"".join(contribution.for_host(hosts.index(reader)))

    def act(self) -> None:
        """Do whatever is due."""
        with self.lock:
            with self.desk.store.step():
                for round_id in list(self.views):
                    self._advance(round_id)
            self._read_headings()

    def wake_seconds(self) -> float:
        """How long until something is due."""
        with self.lock:
            now_utc = self.clock.now_utc()
            ends: list[datetime] = []
            for view in self.views.values():
                if view.terms is not None and not view.closings:
                    ends.append(view.terms.calendar.sheets_until)
                for proposal in view.proposals.values():
                    decision = view.decision(proposal, now_utc)
                    if isinstance(decision, Pending | Extended):
                        ends.append(decision.silence_ends_utc)
            later = [e for e in ends if e >= now_utc]
            if not later:
                return 5.0
            return self.clock.real_seconds(min(later) - now_utc + timedelta(milliseconds=1))

    # --- taking papers in -------------------------------------------------------------------

    def _signer(self, envelope: Envelope) -> str:
        found = self.desk.first_signer(envelope)
        if found == "?":
            stand_in = [s.keyid for s in envelope.signatures if s.keyid.endswith("/stand-in")]
            if stand_in:
                return stand_in[0].partition("/")[0]
            raise NotForYouError("no signature on this paper is of a party in the roster")
        return found.partition("/")[0]

    def see(self, kind: str, envelope: Envelope) -> None:
        """Let one paper change what this node knows; raises if it does not verify."""
        round_id, now_utc = round_of(envelope), self.clock.now_utc()
        view = self.views.get(round_id) or ReleaseView(self.desk, round_id)
        sheets = self.sheets.setdefault(round_id, Sheets())
        if kind == ARRIVAL:
            self._see_verdict(view, sheets, envelope)
        elif kind == ABSENCE:
            absence = check_absence(envelope, view.known_agreed())
            known = Known(absence.number, absence.digest)
            check_sequence(absence.nation, known, sheets.known())
            sheets.absences[absence.nation] = (known, envelope)
        elif kind == SHEET:
            manifest = Manifest.from_wire(envelope.payload)
            sheets.manifests[manifest.nation] = (manifest, envelope)
        elif kind == RECEIPT:
            sheets.receipted.add(str(json.loads(envelope.payload)["manifest"]))
        elif kind != PROOF:
            view.take(envelope, now_utc)
            self.views[round_id] = view

    def _see_verdict(self, view: ReleaseView, sheets: Sheets, envelope: Envelope) -> None:
        verdict = ArrivalVerdict.from_envelope(envelope, view.known_agreed())
        latest = sheets.manifests.get(verdict.nation)
        if latest is None or latest[0].digest != verdict.manifest:
            raise NotForYouError("the verdict speaks of a sheet that is not the latest here")
        sheets.verdicts.setdefault(verdict.manifest, []).append(envelope)
        if not verdict.is_ok:
            sheets.disputed.add(verdict.manifest)

    def _take_countersignature(self, kind: str, envelope: Envelope, who: str) -> None:
        """A signature under something that is known here; a table may be new."""
        name = digest(envelope.payload)
        if kind == TABLE:
            view = self.views.get(round_of(envelope))
            if view is None:
                raise NotForYouError("this round is not known here")
            view.take(envelope, self.clock.now_utc())
        elif self.desk.gathered(name) is None:
            raise NotForYouError("the paper that is signed was not issued here")
        else:
            self._gather_from(round_of(envelope), envelope)
        LOG.info("signature of %s under %s %s", who, kind, name[:23])

    def _gather_from(self, round_id: str, envelope: Envelope) -> None:
        """Keep signatures of the roster, and of stand-ins with a mandate for this round."""
        keys = self.views[round_id].stand_in_keys() if round_id in self.views else {}
        self.desk.gather(envelope, extra=keys)

    def _take_contribution(self, data: bytes, sender: str) -> Digest:
        contribution = read_contribution(MemorySource(data))
        round_id = contribution.manifest.round_id
        view = self.views.get(round_id)
        if view is None or view.agreed is None:
            raise NotYetError("the terms of this round are not agreed here yet")
        if view.closings:
            raise RefusedError("the round is closed", hint="the next round takes it")
        sheets = self.sheets[round_id]
        known = sheets.known()
        manifest = check_arrival(contribution, view.agreed, known, self.clock.now_utc())
        if sender not in (manifest.nation, self.desk.code):
            raise NotForYouError("a nation hands in its own sheet only")
        blob = self.desk.blobs.put(data)
        body = contribution.envelope.to_wire()
        with self.desk.store.step():
            self.desk.store.remember(f"contribution/{manifest.digest}", blob.encode())
            self.desk.file(SHEET, round_id, manifest.nation, body)
        sheets.manifests[manifest.nation] = (manifest, contribution.envelope)
        return digest(data)

    def _contribution(self, blob: Digest) -> Contribution:
        return read_contribution(MemorySource(self.desk.blobs.get(blob)))

    # --- who sees what ----------------------------------------------------------------------

    def _may_see(self, kind: str, who: str, reader: str) -> bool:
        party = self.desk.membership.roster.party(reader)
        own = who == self.desk.code
        if party.kind is Kind.ALLY:
            if kind == RECEIPT:
                return who == reader
            return kind in ENTRUSTED or (own and kind in PUBLIC)
        if party.kind is Kind.HOST:
            draft = kind == TABLE and who == f"{self.desk.code}/draft"
            return draft or kind in (MANDATE_KIND, SHEET) or (own and kind in FOR_HOSTS)
        return party.code == self.desk.code

    # --- what follows -----------------------------------------------------------------------

    def _advance(self, round_id: str) -> None:
        view = self.views.get(round_id)
        if view is None:
            return
        view.look(self.clock.now_utc())
        steps = (
            self._spread_terms, self._receipts, self._close, self._spread_list,
            self._spread_tables, self._propose_release, self._release, self._withdraw,
        )  # fmt: skip
        for step in steps:
            try:
                step(view)
            except (NotYetError, AwaitingError, DisputedError):
                continue

    def _spread(self, kind: str, view: ReleaseView, name: Digest) -> None:
        """Issue a paper again with all its signatures, once."""
        done = f"spread/{name}"
        envelope = self.desk.gathered(name)
        if envelope is not None and self.desk.store.note(done) is None:
            with self.desk.store.step():
                self._issue(kind, view.round_id, envelope)
                self.desk.store.remember(done, b"1")

    def _issue(self, kind: str, round_id: str, envelope: Envelope) -> None:
        self.desk.file(kind, round_id, self.desk.code, envelope.to_wire())

    def _spread_terms(self, view: ReleaseView) -> None:
        if view.agreed is not None:
            self._spread(TERMS, view, view.agreed.terms.digest)

    def _receipts(self, view: ReleaseView) -> None:
        sheets = self.sheets[view.round_id]
        for manifest, _ in sheets.manifests.values():
            verdicts = sheets.verdicts.get(manifest.digest, [])
            if manifest.digest in sheets.receipted or manifest.digest in sheets.disputed:
                continue
            if len(verdicts) < len(view.known_terms().hosts):
                continue
            receipt = issue_receipt(manifest, verdicts, view.known_agreed(), self.desk.key("sign"))
            self.desk.file(RECEIPT, view.round_id, manifest.nation, receipt.to_wire())
            sheets.receipted.add(manifest.digest)

    def _close(self, view: ReleaseView) -> None:
        """Write the one closing list when the deadline for sheets has passed."""
        agreed = view.known_agreed()
        if view.closings:
            return
        check_unlocked(agreed, self._running_rounds())
        sheets = self.sheets[view.round_id]
        latest: dict[str, Latest] = {}
        for nation, known in sheets.known().items():
            absence = sheets.absences.get(nation)
            if absence is not None and absence[0] == known:
                latest[nation] = Latest(absence=absence[1])
            else:
                manifest = sheets.manifests[nation][0]
                latest[nation] = Latest(
                    manifest,
                    manifest.digest in sheets.receipted,
                    manifest.digest in sheets.disputed,
                )
        mandates = [m.id for m in view.mandates.values()]
        closing = build_list(agreed, latest, self.clock.now_utc(), mandates)
        envelope = closing.signed(agreed, self.desk.key("sign"))
        view.take(envelope, self.clock.now_utc())
        self._issue(CLOSING, view.round_id, envelope)

    def _running_rounds(self) -> list[OpenRound]:
        """Rounds that have closed and have not ended."""
        return [
            OpenRound(view.round_id, view.known_terms().frame)
            for view in self.views.values()
            if view.closings and not self._has_ended(view)
        ]

    def _has_ended(self, view: ReleaseView) -> bool:
        return self.desk.store.note(f"ended/{view.round_id}") is not None

    def _spread_list(self, view: ReleaseView) -> None:
        closing = view.closed()
        if closing is not None:
            self._spread(CLOSING, view, closing.digest)

    def _spread_tables(self, view: ReleaseView) -> None:
        for name in view.tables:
            if view.signed_table(name) is not None:
                self._spread(TABLE, view, name)

    # --- release ----------------------------------------------------------------------------

    def _propose_release(self, view: ReleaseView) -> None:
        """Put every table that all three hosts signed to the nations, once."""
        for name in list(view.tables):
            table = view.signed_table(name)
            done = f"proposed/{name}"
            if table is None or self.desk.store.note(done) is not None:
                continue
            if table.derives_from is None and view.proposals_on("release"):
                continue  # the hosts ran again; the first run's table is on the table already
            if not self._still_withheld(view, table):
                self._propose(view, table)
            self.desk.store.remember(done, b"1")

    def _still_withheld(self, view: ReleaseView, table: Table) -> bool:
        """Withhold again, before anything is proposed, what an objection withheld before.

        A block that was opened and then amended away is history: the hosts carry it forward. It
        must not come back by itself in the next edition.
        """
        note = self.desk.store.note(f"withheld/{view.known_terms().audience}")
        if note is None or table.derives_from is not None:
            return False
        hidden = {CellKey.parse(c) for c in json.loads(note)}
        again = [
            b.cells[0] for b in table.blocks if b.state is State.CARRIED and set(b.cells) <= hidden
        ]
        if again:
            self._amend(view, table, withhold=again)
        return bool(again)

    def _amend(
        self,
        view: ReleaseView,
        table: Table,
        withhold: Sequence[CellKey] = (),
        join: Sequence[Sequence[CellKey]] = (),
    ) -> Table:
        """Give a derived table to the hosts; it is proposed once all three have signed it."""
        amended = amend(table, view.known_terms().frame, withhold=withhold, join=join)
        paper = self.desk.signed(TABLE, amended.bytes, "sign")
        view.take(paper, self.clock.now_utc())
        # Nations see the table once all three hosts have signed it; until then it is a draft.
        self.desk.file(TABLE, view.round_id, f"{self.desk.code}/draft", paper.to_wire())
        return amended

    def _propose(self, view: ReleaseView, table: Table) -> None:
        terms = view.known_terms()
        now_utc = self.clock.now_utc()
        earlier = view.proposals_on("release")
        amended = earlier[-1] if earlier else None
        checkpoint = self._checkpoint(view.round_id)
        number, previous = self.publisher.next_edition(terms.audience)
        marking = marking_text(Label.from_plain(terms.label), bundled_policy())
        package = render(table, terms, Edition(number, marking, previous))
        silence = _silence(terms, terms.calendar.release_silence_hours)
        draft = self._release_proposal(view, b"-", now_utc, silence, checkpoint, amended, ())
        mandates = _running_mandates(view, draft.silence_ends_utc)
        statement = build_statement(
            package,
            terms,
            table,
            release_id=f"{terms.round_id}-e{number}",
            edition=number,
            previous=previous,
            marking=marking,
            silence_ends_utc=draft.silence_ends_utc,
            checkpoint=checkpoint,
            amends=amended.subject if amended else None,
            mandates=mandates,
        ).to_wire()
        proposal = self._release_proposal(
            view, statement, now_utc, silence, checkpoint, amended, mandates
        )
        with self.desk.store.step():
            for paper in (
                self.desk.signed(STATEMENT, statement, "sign"),
                proposal.signed(self.desk.key("sign")),
            ):
                view.take(paper, now_utc)
                self._issue(kind_of(paper), view.round_id, paper)

    def _release_proposal(
        self,
        view: ReleaseView,
        subject: bytes,
        now_utc: datetime,
        silence: Duration,
        checkpoint: str,
        amended: Proposal | None,
        mandates: tuple[Digest, ...],
    ) -> Proposal:
        terms = view.known_terms()
        return Proposal.open(
            "release",
            subject,
            round_id=view.round_id,
            nations=terms.nations,
            chair=self.desk.code,
            opened_utc=now_utc,
            silence=silence,
            reject_window=Duration(max(1, terms.calendar.release_silence_hours // 4), "hours"),
            holidays=terms.calendar.holidays,
            extension_limit=terms.calendar.extension_limit,
            roster_version=terms.roster_version,
            terms=terms.digest,
            checkpoint=checkpoint,
            amends=amended,
            mandates=mandates,
        )

    def _checkpoint(self, round_id: str) -> str:
        """Issue the proof that the ledger grew, and give its new checkpoint."""
        old = (self.desk.store.note("last-checkpoint") or b"").decode()
        proof = LedgerProof.since(self.desk.ledger(), old, round_id)
        with self.desk.store.step():
            self._issue(PROOF, round_id, self.desk.signed(PROOF, proof.to_wire(), "sign"))
            self.desk.store.remember("last-checkpoint", proof.new.encode())
        return proof.new

    def _release(self, view: ReleaseView) -> None:
        """Publish what every nation has signed."""
        now_utc = self.clock.now_utc()
        for proposal in view.proposals_on("release"):
            done = f"released/{proposal.subject}"
            if self.desk.store.note(done) is not None:
                continue
            if isinstance(view.decision(proposal, now_utc), Agreed):
                statement = view.statements[proposal.subject]
                folder = self.publisher.publish(view, statement, now_utc)
                hidden = json.dumps([str(c) for c in view.tables[statement.table_digest].withheld])
                with self.desk.store.step():
                    self.desk.store.remember(f"withheld/{statement.audience}", hidden.encode())
                    self._spread(STATEMENT, view, proposal.subject)
                    self.desk.store.remember(f"ended/{view.round_id}", b"1")
                    self.desk.store.remember(done, str(folder).encode())
                LOG.info("released %s", statement.release_id)

    def _withdraw(self, view: ReleaseView) -> None:
        for withdrawal in view.withdrawals.values():
            done = f"delisted/{withdrawal.id}"
            released = self.desk.store.note(f"released/{withdrawal.subject}")
            if released is not None and self.desk.store.note(done) is None:
                self.publisher.withdraw(view, withdrawal, self.clock.now_utc())
                self.desk.store.remember(done, b"1")

    # --- orders of the operator -------------------------------------------------------------

    def command(self, operator: str, order: dict[str, Any]) -> dict[str, Any]:
        """Carry out an order of whoever holds the secretariat's own key.

        Orders: ``open-round`` (terms), ``amend`` (round, withhold, join), ``extend`` (proposal,
        hours, reason), ``end-round`` (round), ``wake`` (everybody who waits asks again).
        """
        if operator != f"{self.desk.code}/sign":
            raise NotForYouError("only the secretariat's own key gives orders here")
        orders = {
            "open-round": self._order_open,
            "amend": self._order_amend,
            "extend": self._order_extend,
            "end-round": self._order_end,
            "wake": self._order_wake,
        }
        name = order.get("order")
        if name not in orders:
            raise InputError(f"unknown order; known are {', '.join(orders)}")
        with self.lock:
            with self.desk.store.step():
                answer = orders[str(name)](order)
            self.act()
            return answer

    def _order_open(self, order: dict[str, Any]) -> dict[str, Any]:
        terms = RoundTerms.from_plain(order.get("terms"))
        if terms.chair != self.desk.code:
            raise RefusedError("the terms name another chair")
        if terms.round_id in self.views:
            raise RefusedError("a round of this id exists", hint="a round id is used once for good")
        marking_text(Label.from_plain(terms.label), bundled_policy())
        now_utc = self.clock.now_utc()
        payload = canonical(terms.to_plain())
        checkpoint = self._checkpoint(terms.round_id)
        proposal = Proposal.open(
            "terms",
            payload,
            round_id=terms.round_id,
            nations=terms.nations,
            chair=self.desk.code,
            opened_utc=now_utc,
            silence=_silence(terms, terms.calendar.terms_silence_hours),
            reject_window=Duration(max(1, terms.calendar.terms_silence_hours // 4), "hours"),
            holidays=terms.calendar.holidays,
            extension_limit=terms.calendar.extension_limit,
            roster_version=terms.roster_version,
            terms=terms.digest,
            checkpoint=checkpoint,
        )
        for paper in (
            self.desk.signed(TERMS, payload, "sign"),
            proposal.signed(self.desk.key("sign")),
        ):
            self.see(kind_of(paper), paper)
            self._issue(kind_of(paper), terms.round_id, paper)
        return {"round": terms.round_id, "terms": terms.digest, "proposal": proposal.id}

    def _order_amend(self, order: dict[str, Any]) -> dict[str, Any]:
        view = self._view(order)
        table = view.opened_table()
        if table is None:
            raise NotYetError("the hosts have not opened a table in this round")
        amended = self._amend(
            view,
            table,
            [CellKey.parse(c) for c in order.get("withhold", [])],
            [[CellKey.parse(c) for c in group] for group in order.get("join", [])],
        )
        return {"table": amended.digest, "withheld": len(amended.withheld)}

    def _order_extend(self, order: dict[str, Any]) -> dict[str, Any]:
        view = self._view(order)
        proposal = view.proposals.get(str(order.get("proposal")))
        hours = order.get("hours")
        if proposal is None or not isinstance(hours, int):
            raise InputError("an extension names a proposal and whole hours")
        decision = view.decision(proposal, self.clock.now_utc())
        if not isinstance(decision, Pending | Extended):
            raise RefusedError("silence does not run on this proposal any more")
        voice = Extension(
            Said.about(proposal, self.desk.code, self.clock.now_utc()),
            str(order.get("reason", "")),
            len(decision.heard.extensions) + 1,
            decision.silence_ends_utc + timedelta(hours=hours),
        )
        envelope = voice.signed(self.desk.key("sign"))
        view.take(envelope, self.clock.now_utc())
        self._issue(voice.kind, view.round_id, envelope)
        return {"until": utc_text(voice.until_utc)}

    def _order_wake(self, _order: dict[str, Any]) -> dict[str, Any]:
        return {"woken": True}

    def _order_end(self, order: dict[str, Any]) -> dict[str, Any]:
        view = self._view(order)
        self.desk.store.remember(f"ended/{view.round_id}", b"1")
        return {"round": view.round_id, "ended": True}

    def _view(self, order: dict[str, Any]) -> ReleaseView:
        view = self.views.get(str(order.get("round")))
        if view is None:
            raise InputError("the order names no round that is known here")
        return view

    # --- status -----------------------------------------------------------------------------

    def status(self, reader: str) -> dict[str, Any]:
        """What waits for whom, in every round; counts and names, never times of arrival."""
        with self.lock:
            now_utc = self.clock.now_utc()
            rounds = [self._round_status(view, now_utc) for view in self.views.values()]
            return {"now": utc_text(now_utc), "reader": reader, "rounds": rounds}

    def _round_status(self, view: ReleaseView, now_utc: datetime) -> dict[str, Any]:
        sheets = self.sheets[view.round_id]
        closing = view.closed()
        opened = view.opened_table()
        receipted = [n for n, (m, _) in sheets.manifests.items() if m.digest in sheets.receipted]
        return {
            "round": view.round_id,
            "agreed": view.agreed is not None,
            "sheets": sorted(sheets.manifests),
            "receipted": sorted(receipted),
            "closed": closing is not None,
            "opened": opened.digest if opened else None,
            "ended": self._has_ended(view),
            "proposals": [self._proposal_status(view, p, now_utc) for p in view.proposals.values()],
        }

    def _proposal_status(
        self, view: ReleaseView, proposal: Proposal, now_utc: datetime
    ) -> dict[str, Any]:
        decision = view.decision(proposal, now_utc)
        kind = document_type(TERMS) if proposal.matter == TERMS else None
        consents = view.consents(proposal.subject, kind or "application/vnd.in-toto+json")
        released = self.desk.store.note(f"released/{proposal.subject}")
        by: tuple[str, ...] = ()
        match decision:
            case Broken() | Withdrawn():
                by = decision.by
            case _:
                by = ()
        return {
            "proposal": proposal.id,
            "matter": proposal.matter,
            "state": type(decision).__name__.lower(),
            "ends": utc_text(_ends(decision, proposal)),
            "missing": list(who_is_missing(proposal, consents)),
            "by": list(by),
            "voices": [to_plain(v) for v in view.voices.values() if v.said.is_about(proposal)],
            "released": released.decode() if released else None,
        }


def _silence(terms: RoundTerms, hours: int) -> Duration:
    """How long silence lasts by the calendar of the terms."""
    if terms.calendar.working_time:
        return Duration(hours // 24, "working days")
    return Duration(hours, "hours")


def _running_mandates(view: ReleaseView, ends_utc: datetime) -> tuple[Digest, ...]:
    """Mandates that the closing list names and that last until silence ends."""
    closing = view.closed()
    listed = closing.mandates if closing is not None else ()
    return tuple(
        m.id for m in view.mandates.values() if m.id in listed and m.expires_utc >= ends_utc
    )


def _ends(decision: object, proposal: Proposal) -> datetime:
    match decision:
        case Pending() | Extended():
            return decision.silence_ends_utc
        case AwaitingSignatures() | Agreed():
            return decision.silence_ended_utc
        case _:
            return proposal.silence_ends_utc
