"""One of three compute hosts: it checks sealed sheets, runs rounds with its two peers, signs.

It never sees a figure, never runs two lists for one round, and writes down what will be opened
before the first opening message. May touch: ``contribute`` to ``protect``; never ``release``.
"""

import json
import logging
import secrets
import time
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from delian.adapters.clock import Clock
from delian.adapters.store import Stored
from delian.contribute.agreed import AgreedTerms
from delian.contribute.arrival import Known, check_sequence
from delian.contribute.closing import ClosingList
from delian.contribute.closing_rules import HostMemory, check_as_host
from delian.contribute.errors import ReplayError
from delian.contribute.held import HeldShares, judge, open_part
from delian.contribute.manifest import KIND as MANIFEST
from delian.contribute.manifest import Manifest, check_manifest
from delian.crypto.dsse import Envelope
from delian.crypto.seal import SealPrivate
from delian.nodes.desk import Desk, KeyMissingError, kind_of
from delian.nodes.host_parts import HandedParts, Parts, part_of
from delian.nodes.host_run import Job, PeerAwayError, run_round, warm
from delian.nodes.office_line import office_client
from delian.nodes.pins import certificate_pem
from delian.nodes.pump import Pump, run_on_files
from delian.nodes.round_view import TABLE, RoundView, round_of
from delian.protect.history import History
from delian.protect.record import OpeningRecord
from delian.terms.encode import Digest, canonical, digest, parse
from delian.terms.errors import DelianError, RefusedError, TamperedError, UnavailableError
from delian.terms.round_terms import RoundTerms
from delian.terms.table import Table, check_derivation

LOG = logging.getLogger("delian")
SIGNED_SECONDS = 3.0  # peers get this long to sign the same table before we run again
FAILED_SECONDS = 1.5
REFUSED_SECONDS = 1.0
OWN_WORDS = ("arrival", "erasure", "transcript")  # what a host says and never hears


class RetriesSpentError(RefusedError):
    """The run has failed more often than the terms allow."""

    code = "retries-spent"


@dataclass(slots=True)
class Host:
    """The node of one host.

    Args:
        desk: Keys, roster, store.
        clock: Its clock.
        office: Where sealed parts are fetched.
    """

    desk: Desk
    clock: Clock
    office: Parts
    views: dict[str, RoundView] = field(default_factory=dict)
    manifests: dict[str, dict[str, Manifest]] = field(default_factory=dict)
    receipted: dict[str, dict[str, Known]] = field(default_factory=dict)
    disputed: dict[str, set[str]] = field(default_factory=dict)
    rest_until: dict[str, float] = field(default_factory=dict)
    seen: set[Digest] = field(default_factory=set, repr=False)
    seen_seq: int = 0
    known_history: History | None = field(default=None, repr=False)

    @classmethod
    def open(cls, home: Path, clock: Clock | None = None) -> "Host":
        """The node in *home*, rebuilt from its papers; *clock* instead of that in its settings."""
        desk = Desk.open(home)
        office = office_client(desk, "host-sign") if desk.settings.office else None
        host = cls(desk, clock or desk.settings.clock(), HandedParts(desk, office))
        host.catch_up()
        return host

    def catch_up(self) -> None:
        """See papers that came by another road: a courier's command writes to the same store."""
        for paper in self.desk.store.documents(after=self.seen_seq):
            self.seen_seq = paper.seq
            if paper.digest not in self.seen:
                self._see_again(paper)
                self.seen.add(paper.digest)

    # --- papers -----------------------------------------------------------------------------

    def receive(self, data: bytes) -> None:
        """Take one file in.

        Raises:
            DelianError: it does not verify; nothing has changed.
        """
        envelope = Envelope.from_wire(data)
        kind, round_id = kind_of(envelope), round_of(envelope)
        if kind == MANIFEST:
            self._receive_sheet(round_id, envelope)
            return
        self._see(round_id, envelope)
        self.desk.file(kind, round_id, self.desk.first_signer(envelope), data)
        self.seen.add(digest(data))

    def _see(self, round_id: str, envelope: Envelope) -> None:
        view = self.views.get(round_id) or RoundView(self.desk, round_id)
        view.take(envelope, self.clock.now_utc())
        self.views[round_id] = view

    def _see_again(self, paper: Stored) -> None:
        envelope = Envelope.from_wire(paper.body)
        if paper.kind == TABLE and paper.who == self.desk.code:
            self.desk.gather(envelope)
        elif paper.kind == MANIFEST:
            manifest = Manifest.from_wire(envelope.payload)
            self._remember_sheet(manifest, self.desk.store.note(_fault_name(manifest)) or b"")
        elif paper.kind not in OWN_WORDS:
            self._see(paper.round_id, envelope)

    def _view(self, round_id: str) -> RoundView:
        if round_id not in self.views:
            raise RefusedError(f"the round '{round_id[:80]}' is not known here")
        return self.views[round_id]

    # --- sheets -----------------------------------------------------------------------------

    def _receive_sheet(self, round_id: str, envelope: Envelope) -> None:
        """Fetch our sealed part, open it, recompute its commitments, and say ok or not ok."""
        agreed = self._view(round_id).known_agreed()
        manifest = check_manifest(envelope, agreed)
        known = {n: Known(m.number, m.digest) for n, m in self._held(round_id).items()}
        try:
            check_sequence(manifest.nation, Known(manifest.number, manifest.digest), known)
        except ReplayError:
            return
        data = self.office.blob(f"contribution/{manifest.digest}")
        rank = agreed.terms.hosts.index(self.desk.code)
        verdict, _held = judge(manifest, part_of(manifest, data, rank), agreed, rank, self._seal())
        blob, fault = self.desk.blobs.put(data), verdict.fault
        with self.desk.store.step():
            self.desk.store.remember(_fault_name(manifest), fault.encode() or b"-")
            self.desk.store.remember(f"part/{manifest.digest}", blob.encode())
            self.desk.file(MANIFEST, round_id, manifest.nation, envelope.to_wire())
            signed = verdict.signed(self.desk.key("host-sign"))
            self.desk.issue("arrival", round_id, signed.to_wire())
        self._remember_sheet(manifest, fault.encode() or b"-")

    def _open_part(self, manifest: Manifest, data: bytes, agreed: AgreedTerms) -> HeldShares:
        rank = agreed.terms.hosts.index(self.desk.code)
        return open_part(manifest, part_of(manifest, data, rank), agreed, rank, self._seal())

    def _seal(self) -> SealPrivate:
        if self.desk.seal is None:
            raise KeyMissingError("this home holds no sealing key")
        return self.desk.seal

    def _remember_sheet(self, manifest: Manifest, fault: bytes) -> None:
        self._held(manifest.round_id)[manifest.nation] = manifest
        receipted = self.receipted.setdefault(manifest.round_id, {})
        disputed = self.disputed.setdefault(manifest.round_id, set())
        if fault == b"-":
            receipted[manifest.nation] = Known(manifest.number, manifest.digest)
            disputed.discard(manifest.nation)
        else:
            disputed.add(manifest.nation)

    def _held(self, round_id: str) -> dict[str, Manifest]:
        return self.manifests.setdefault(round_id, {})

    # --- what is due ------------------------------------------------------------------------

    def act(self) -> None:
        """Run what is closed, sign what derives from what we opened, erase what must go."""
        self.catch_up()
        now_utc = self.clock.now_utc()
        for view in list(self.views.values()):
            view.look(now_utc)
            for step in (self._run, self._sign_amended):
                try:
                    step(view)
                except DelianError as error:
                    self.desk.store.remember(
                        f"trouble/{view.round_id}", json.dumps(error.to_wire()).encode()
                    )
                    LOG.warning("round %s: %s: %s", view.round_id, error.code, error.message)
        self._erase()

    def due_seconds(self) -> float | None:
        """How long until a run is begun, or begun again; None if there is none to run."""
        if any(self._ready(view) is not None for view in self.views.values()):
            return 0.1
        now = time.monotonic()
        rests = [
            until - now
            for round_id, until in self.rest_until.items()
            if until > now and self.views[round_id].opened_table() is None
        ]
        return min(rests, default=None)

    def _ready(self, view: RoundView) -> ClosingList | None:
        """The list to run, or None: not closed, or all three hosts have signed a table."""
        if view.opened_table() is not None:
            return None
        if time.monotonic() < self.rest_until.get(view.round_id, 0.0):
            return None
        if self.desk.store.note(f"spent/{view.round_id}") is not None:
            return None
        return view.closed()

    def _run(self, view: RoundView) -> None:
        listed = self._ready(view)
        if listed is None:
            return
        agreed = view.known_agreed()
        envelope = self.desk.gathered(listed.digest)
        if envelope is None or agreed.terms.collection != "hosts":
            return
        self.rest_until[view.round_id] = time.monotonic() + REFUSED_SECONDS
        check_as_host(envelope, agreed, self._memory(view.round_id))
        failures = int(self.desk.store.note(f"failures/{view.round_id}") or b"0")
        if failures > agreed.terms.retry_limit:
            self.desk.store.remember(f"spent/{view.round_id}", b"1")
            raise RetriesSpentError("the run failed more often than the terms allow")
        self.desk.store.remember(f"list/{view.round_id}", listed.digest.encode())
        started = time.monotonic()
        self.rest_until[view.round_id] = 0.0
        try:
            safe = run_round(self._job(view, agreed, listed))
        except (UnavailableError, TamperedError) as error:
            # Who begins again at once meets the others' old links; equal rests would do it again.
            rest = FAILED_SECONDS * (0.5 + secrets.randbelow(1000) / 1000)
            self.rest_until[view.round_id] = time.monotonic() + rest
            if not isinstance(error, PeerAwayError):
                note = str(failures + 1).encode()
                self.desk.store.remember(f"failures/{view.round_id}", note)
            raise
        paper = self.desk.signed(TABLE, safe.table.bytes, "host-sign")
        with self.desk.store.step():
            self._persist(safe.record)
            view.take(paper, self.clock.now_utc())
            self.desk.issue(TABLE, view.round_id, paper.to_wire())
        self.rest_until[view.round_id] = time.monotonic() + SIGNED_SECONDS
        LOG.info("run of %s took %.0f ms", view.round_id, (time.monotonic() - started) * 1000)

    def _job(self, view: RoundView, agreed: AgreedTerms, listed: ClosingList) -> Job:
        roster = self.desk.membership.roster
        hosts = agreed.terms.hosts
        certificates = {
            code: certificate_pem(roster.party(code).keys.get("host-tls", "")) for code in hosts
        }
        history = self.history().before(view.round_id, listed.digest)
        kept = {
            r: self._sheets(r, listed.present)
            for r in history.envelopes_needed(agreed.terms.max_openings)
            if set(listed.present) <= set(self._held(r))
        }
        return Job(
            terms=agreed.terms,
            listed=listed,
            history=self.history(),
            sheets=self._sheets(view.round_id, listed.present),
            kept=kept,
            kept_frames={r: self._view(r).known_terms() for r in kept},
            settings=self.desk.settings,
            code=self.desk.code,
            keys=self.desk.home / "keys",
            certificates={c: p for c, p in certificates.items() if c != self.desk.code},
            randbytes=secrets.token_bytes,
            persist=self._persist,
            keep_transcript=partial(self._keep_transcript, view.round_id),
        )

    def _sheets(self, round_id: str, nations: tuple[str, ...]) -> dict[str, HeldShares]:
        """The shares of *nations* in a round, opened again from their sealed parts."""
        agreed = self._view(round_id).known_agreed()
        found: dict[str, HeldShares] = {}
        for nation in nations:
            manifest = self._held(round_id)[nation]
            blob = (self.desk.store.note(f"part/{manifest.digest}") or b"").decode()
            found[nation] = self._open_part(manifest, self.desk.blobs.get(blob), agreed)
        return found

    def _memory(self, round_id: str) -> HostMemory:
        lists: dict[str, Digest] = {
            name.removeprefix("list/"): value.decode()
            for name, value in self.desk.store.notes("list/").items()
        }
        return HostMemory(
            self.receipted.get(round_id, {}), self.disputed.get(round_id, set()), lists
        )

    # --- history ----------------------------------------------------------------------------

    def history(self) -> History:
        """Everything this host ever opened or tested, in the order of the rounds."""
        if self.known_history is not None:
            return self.known_history
        history = History()
        notes = self.desk.store.notes("opening/")
        order = json.loads(self.desk.store.note("openings") or b"[]")
        for round_id in order:
            record = OpeningRecord.from_plain(parse(notes[f"opening/{round_id}"]))
            history = history.with_record(record)
        self.known_history = history
        return history

    def _keep_transcript(self, round_id: str, run_id: str, transcript: Digest) -> None:
        """Sign what this host says was exchanged; in semi-honest mode the audit rests on it."""
        plain = {"format": "delian-transcript", "version": 1, "round": round_id}
        payload = canonical({**plain, "run": run_id, "transcript": transcript})
        paper = self.desk.signed("transcript", payload, "host-sign")
        self.desk.file("transcript", round_id, self.desk.code, paper.to_wire())

    def _persist(self, record: OpeningRecord) -> None:
        """Write the record down durably; the same round again must open the same cells."""
        with self.desk.store.step():
            self.history().with_record(record)
            order = json.loads(self.desk.store.note("openings") or b"[]")
            if record.round_id not in order:
                order.append(record.round_id)
                self.desk.store.remember("openings", json.dumps(order).encode())
            self.desk.store.remember(f"opening/{record.round_id}", canonical(record.to_plain()))
            self.known_history = None

    # --- amended tables ---------------------------------------------------------------------

    def _sign_amended(self, view: RoundView) -> None:
        """Sign a derived table that only adds up or withholds blocks of what we opened."""
        for name, table in list(view.tables.items()):
            done = f"amended/{name}"
            if table.derives_from is None or self.desk.store.note(done) is not None:
                continue
            original = self._own_table(view.round_id)
            if original is None:
                continue
            check_derivation(original, table)
            paper = self.desk.signed(TABLE, table.bytes, "host-sign")
            with self.desk.store.step():
                self.desk.gather(paper)
                self.desk.issue(TABLE, view.round_id, paper.to_wire())
                self.desk.store.remember(done, b"1")

    def _own_table(self, round_id: str) -> Table | None:
        note = self.desk.store.note(f"opening/{round_id}")
        return None if note is None else OpeningRecord.from_plain(parse(note)).table

    def _erase(self) -> None:
        """Erase sealed parts that no reopening can need any more, and sign that it was done."""
        ended = {r for r, v in self.views.items() if v.opened_table() is not None}
        if not ended:
            return
        newest = max(self.views.values(), key=lambda v: v.known_terms().calendar.sheets_until)
        kept = {
            r: self.views[r].known_terms().calendar.retain_until
            for r in ended
            if self.desk.store.note(f"erased/{r}") is None
        }
        gone = self.history().envelopes_to_erase(
            kept, newest.known_terms().max_openings, self.clock.now_utc()
        )
        for round_id in gone:
            for manifest in self._held(round_id).values():
                blob = self.desk.store.note(f"part/{manifest.digest}")
                if blob is not None:
                    self.desk.blobs.drop(blob.decode())
            payload = canonical({"format": "delian-erasure", "version": 1, "round": round_id})
            paper = self.desk.signed("erasure", payload, "host-sign")
            with self.desk.store.step():
                self.desk.file("erasure", round_id, self.desk.code, paper.to_wire())
                self.desk.store.remember(f"erased/{round_id}", b"1")


def _fault_name(manifest: Manifest) -> str:
    return f"fault/{manifest.digest}"


def run_host(home: Path, warm_with: RoundTerms | None = None) -> None:
    """Run the host in *home* until the process ends.

    Args:
        home: Its home.
        warm_with: Terms whose circuits are built before the first round asks for them.
    """
    host = Host.open(home)
    if warm_with is not None:
        warm(warm_with)
    LOG.info("host %s ready", host.desk.code)
    host.desk.say_ready()
    if not host.desk.settings.office:
        run_on_files(host, host.desk.settings)
    client = office_client(host.desk, "host-sign")
    Pump(host, host.desk.store, client, host.desk.settings, host.clock).run()
