"""Verify a release offline: its files, the pinned root, and nothing else.

May touch: values only; the caller reads the files and the clock. The recipe is numbered; every
check says what it checks and why (``docs/security/release.md``). Consent is counted from the
statement alone; TUF says only whether this is the newest list.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import TypeVar

from delian.approve.consent import count_consents
from delian.approve.mandate import Mandate
from delian.crypto.dsse import Envelope, document_type
from delian.crypto.dsse import verify as verify_envelope
from delian.crypto.sign import PublicKey
from delian.release import currency
from delian.release.bundle import (
    HOSTS,
    METADATA,
    ROSTER,
    STATEMENT,
    TERMS,
    WITHDRAWALS,
    mandate_name,
)
from delian.release.check_table import check_plan, check_rendering
from delian.release.errors import VerifyError
from delian.release.metadata import Snapshot, Targets, Timestamp
from delian.release.package import OPENED, Edition
from delian.release.report import NotReachedError, Recorder, VerifyReport
from delian.release.statement import PAYLOAD_TYPE, Statement, read_statement
from delian.release.withdrawal import withdrawals_of
from delian.terms.encode import Digest, digest, parse, utc_text
from delian.terms.party import Kind, Roster
from delian.terms.round_terms import RoundTerms
from delian.terms.table import Table

TERMS_TYPE = document_type("terms")
OPENED_TYPE = document_type("opened")
MAX_FILE_BYTES = 256 * 1024 * 1024
_NUMBERED = re.compile(r"metadata/([1-9][0-9]{0,8})\.(snapshot|targets)\.json\Z")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Request:
    """What to verify, and against what.

    Args:
        files: Path inside the folder to bytes.
        root: The pinned root file.
        now_utc: The moment of checking.
        at_utc: Check as of this moment instead; proves nothing about today.
        state: The state file, b"" if there is none yet, None to do without.
        round_id: Accept this round only.
        audience: Accept this audience only.
        withdrawals: Documents from any road.
        is_deep: Also render the files again from the table and compare.
    """

    files: Mapping[str, bytes]
    root: bytes
    now_utc: datetime
    at_utc: datetime | None = None
    state: bytes | None = None
    round_id: str | None = None
    audience: str | None = None
    withdrawals: Sequence[bytes] = ()
    is_deep: bool = False


def verify(
    files: Mapping[str, bytes],
    root: bytes,
    *,
    now_utc: datetime,
    at_utc: datetime | None = None,
    state: bytes | None = None,
    round_id: str | None = None,
    audience: str | None = None,
    withdrawals: Sequence[bytes] = (),
    is_deep: bool = False,
) -> VerifyReport:
    """Run every check; see :class:`Request` for the arguments.

    Guarantees:
        A passing report means: exactly these files were agreed to by every nation of a roster
        that the root's officers pinned, over a table that three hosts signed, and the newest
        metadata in hand lists them (``tests/unit/release/test_release_verify.py``).
    """
    request = Request(
        files, root, now_utc, at_utc, state, round_id, audience, tuple(withdrawals), is_deep
    )
    return _Verification(request).run()


@dataclass(slots=True)
class _Verification:
    """One run. Each step leaves what it proved for later steps, or nothing."""

    request: Request
    log: Recorder = field(default_factory=Recorder)
    pinned: currency.TrustedRoot | None = None
    trusted: currency.TrustedRoot | None = None
    timestamp: Timestamp | None = None
    snapshot: Snapshot | None = None
    targets: Targets | None = None
    versions: currency.Versions | None = None
    seen: currency.Seen | None = None
    statement: Statement | None = None
    envelope: Envelope | None = None
    roster: Roster | None = None
    terms: RoundTerms | None = None
    table: bytes | None = None
    keys: dict[str, PublicKey | None] = field(default_factory=dict)
    digests: dict[str, Digest] = field(default_factory=dict)

    @property
    def now(self) -> datetime:
        return self.request.at_utc or self.request.now_utc

    def run(self) -> VerifyReport:
        for name, (what, why) in RECIPE.items():
            self.log.run(name, what, why, partial(_STEPS[name], self))
        if self.request.at_utc is not None:
            self.log.notes.append(
                f"checked as of {utc_text(self.request.at_utc)}: not proof of currency"
            )
        elif self.request.state is None:
            self.log.notes.append("rollback not checked: no state was given")
        if self.terms is not None and self.terms.demonstration:
            self.log.notes.append("this is a demonstration: one organization ran all three hosts")
        report = VerifyReport(tuple(self.log.checks), tuple(self.log.notes), self.statement, None)
        keeps = report.ok and self.request.at_utc is None and self.seen is not None
        kept = self.seen.to_wire() if keeps and self.seen is not None else None
        return VerifyReport(report.checks, report.notes, self.statement, kept)

    def resolve(self, keyid: str) -> PublicKey | None:
        """The roster's key behind a key id."""
        if keyid not in self.keys:
            wire = need(self.roster, "roster").key(keyid)
            self.keys[keyid] = None if wire is None else PublicKey.from_wire(wire)
        return self.keys[keyid]

    def file(self, name: str) -> bytes:
        """One file of the folder."""
        if name not in self.request.files:
            raise VerifyError(f"the folder lacks {name}")
        return self.request.files[name]

    def digest(self, name: str) -> Digest:
        """Digest of one file of the folder, taken once."""
        if name not in self.digests:
            self.digests[name] = digest(self.file(name))
        return self.digests[name]

    @property
    def metadata(self) -> dict[str, bytes]:
        """The folder's metadata by file name."""
        files = self.request.files
        return {n.removeprefix(METADATA): d for n, d in files.items() if n.startswith(METADATA)}


def need(found: T | None, check: str) -> T:
    """*found*, if the check that makes it passed.

    Raises:
        NotReachedError: it did not.
    """
    if found is None:
        raise NotReachedError(f"the check '{check}' did not pass")
    return found


def _root(run: _Verification) -> str:
    run.pinned = currency.read_root(run.request.root)
    held = run.pinned.root.roles["root"]
    return (
        f"{run.pinned.partnership}, version {run.pinned.root.version}, "
        f"{held.threshold} of {len(held.keyids)} officers"
    )


def _roots(run: _Verification) -> str:
    pinned = need(run.pinned, "root")
    run.trusted = currency.follow_roots(pinned, run.request.root, run.metadata)
    for version, pin in sorted(run.trusted.rosters.items()):
        if pin.recovered:
            run.log.notes.append(
                f"roster {version} replaced keys without their old signature: "
                + ", ".join(pin.recovered)
            )
    return f"version {run.trusted.root.version} is the newest in the folder"


def _timestamp(run: _Verification) -> str:
    run.timestamp = currency.read_timestamp(need(run.trusted, "roots"), run.metadata, run.now)
    return f"version {run.timestamp.version}, fresh until {utc_text(run.timestamp.expires)}"


def _snapshot(run: _Verification) -> str:
    stamp = need(run.timestamp, "timestamp")
    trusted = need(run.trusted, "roots")
    run.snapshot = currency.read_snapshot(trusted, stamp, run.metadata, run.now)
    return f"version {run.snapshot.version}"


def _targets(run: _Verification) -> str:
    trusted, snapshot = need(run.trusted, "roots"), need(run.snapshot, "snapshot")
    stamp = need(run.timestamp, "timestamp")
    found = currency.read_targets(trusted, snapshot, run.metadata, run.now)
    audience = currency.audience_of(trusted, stamp, snapshot, found)
    run.targets = found
    run.versions = currency.Versions(
        trusted.root.version, stamp.version, snapshot.version, found.version
    )
    return f"version {found.version} for audience {audience}"


def _rollback(run: _Verification) -> str:
    if run.request.at_utc is not None:
        raise NotReachedError("not checked as of a date")
    if run.request.state is None:
        raise NotReachedError("rollback not checked: no state was given")
    seen = currency.Seen.from_wire(run.request.state)
    now, trusted = need(run.versions, "targets"), need(run.trusted, "roots")
    audience = currency.audience_of(trusted, need(run.targets, "targets"))
    name = (trusted.partnership, audience)
    before = seen.repositories.get(name)
    if before is not None:
        currency.check_rollback(before, now)
    run.seen = currency.Seen({**seen.repositories, name: now})
    return "nothing is older than before" if before else "first sight of this repository"


def _statement(run: _Verification) -> str:
    envelope = Envelope.from_wire(run.file(STATEMENT))
    if envelope.to_wire() != run.file(STATEMENT):
        raise VerifyError("the statement's file is not in its one spelling")
    if envelope.payload_type != PAYLOAD_TYPE:
        raise VerifyError("the statement's file holds another kind of document")
    run.statement, run.envelope = read_statement(envelope.payload), envelope
    return f"release {run.statement.release_id}, edition {run.statement.edition}"


def _folder(run: _Verification) -> str:
    statement, targets = need(run.statement, "statement"), need(run.targets, "targets")
    prefix = f"{statement.release_id}/"
    listed = {p.removeprefix(prefix): t for p, t in targets.targets.items() if p.startswith(prefix)}
    if not listed:
        raise VerifyError(
            "the list does not hold this release",
            hint="it was withdrawn, or it belongs to another repository",
        )
    used = _used_metadata(run)
    there = {
        n
        for n in run.request.files
        if not n.startswith(WITHDRAWALS) and n not in used and not _is_superseded(n, used)
    }
    extra, lacking = sorted(there - set(listed)), sorted(set(listed) - there)
    if extra or lacking:
        names = ", ".join(extra or lacking)
        raise VerifyError(f"the folder {'holds a file too many' if extra else 'lacks'}: {names}")
    for name, target in listed.items():
        if f"sha256:{target.hashes.get('sha256')}" != run.digest(name):
            raise VerifyError(f"{name} is not the file that is listed")
    return f"{len(listed)} files, each with the listed digest, none too many"


def _is_superseded(name: str, used: set[str]) -> bool:
    """Is this a numbered metadata file older than the one in use? It is not read."""
    found = _NUMBERED.match(name)
    if found is None or name in used:
        return False
    same = [m for m in map(_NUMBERED.match, used) if m is not None and m[2] == found[2]]
    return any(int(found[1]) < int(m[1]) for m in same)


def _used_metadata(run: _Verification) -> set[str]:
    trusted, now = need(run.trusted, "roots"), need(run.versions, "targets")
    names = {f"{n}.root.json" for n in range(1, trusted.root.version + 1)}
    names |= {"timestamp.json", f"{now.snapshot}.snapshot.json", f"{now.targets}.targets.json"}
    return {METADATA + name for name in names}


def _roster(run: _Verification) -> str:
    statement, trusted = need(run.statement, "statement"), need(run.trusted, "roots")
    data = run.file(ROSTER)
    pin = trusted.rosters.get(statement.roster_version)
    if pin is None or run.digest(ROSTER) != pin.digest or statement.roster_digest != pin.digest:
        raise VerifyError("the roster is not one that the root pins")
    roster = Roster.from_plain(parse(data))
    if roster.version != statement.roster_version or roster.partnership != trusted.partnership:
        raise VerifyError("the roster is another one than the statement names")
    run.roster = roster
    return f"version {roster.version}, pinned by the root"


def _terms(run: _Verification) -> str:
    statement, roster = need(run.statement, "statement"), need(run.roster, "roster")
    envelope = _sealed(run, TERMS)
    terms = RoundTerms.from_plain(parse(envelope.payload))
    if digest(envelope.payload) != statement.terms_digest or statement.round_id != terms.round_id:
        raise VerifyError("the statement names other terms")
    if (terms.roster_version, terms.roster_digest) != (roster.version, statement.roster_digest):
        raise VerifyError("the terms are made for another roster")
    chair = roster.party(terms.chair)
    keyid = f"{chair.code}/sign"
    public = run.resolve(keyid)
    if chair.kind is not Kind.INSTITUTION or public is None:
        raise VerifyError("the chair of the terms is no institution of the roster")
    verify_envelope(envelope, keyid, public, TERMS_TYPE)
    run.terms = terms
    return f"round {terms.round_id}, signed by {terms.chair}"


def _nations(run: _Verification) -> str:
    statement, terms = need(run.statement, "statement"), need(run.terms, "terms")
    day = terms.calendar.sheets_until.date()
    allies = {p.code for p in need(run.roster, "roster").of_kind(Kind.ALLY, day)}
    if set(terms.nations) != allies or set(statement.nations) != allies:
        odd = sorted(allies ^ set(statement.nations)) or sorted(allies ^ set(terms.nations))
        raise VerifyError(f"not every nation was asked, or a stranger was: {', '.join(odd)}")
    return f"all {len(allies)} nations of the roster"


def _consent(run: _Verification) -> str:
    statement, envelope = need(run.statement, "statement"), need(run.envelope, "statement")
    need(run.terms, "terms")
    mandates = _mandates(run, statement)
    found = count_consents(envelope, statement.nations, run.resolve, mandates=mandates)
    asked = len(statement.nations)
    if found.missing:
        raise VerifyError(
            f"{len(found.given)} of {asked} nations signed; missing: {', '.join(found.missing)}"
        )
    for holder, mandate in mandates.items():
        run.log.notes.append(f"{mandate.stand_in} signed for {holder} under a mandate")
    return f"{asked} of {asked} nations, each with a key of its own"


def _mandates(run: _Verification, statement: Statement) -> dict[str, Mandate]:
    """The mandates that run: listed, signed by the holder's officer, not expired before the end."""
    found: dict[str, Mandate] = {}
    named = {mandate_name(code) for code in statement.nations}
    for name in sorted(named & set(run.request.files)):
        mandate = Mandate.from_envelope(_sealed(run, name), run.resolve)
        named_by = (mandate.round_id, mandate.terms, mandate_name(mandate.holder))
        if named_by != (statement.round_id, statement.terms_digest, name):
            raise VerifyError(f"{name} is no mandate for this release")
        found[mandate.holder] = mandate
    if {m.id for m in found.values()} != set(statement.mandates):
        raise VerifyError("the mandates in the folder are not those that the statement lists")
    ends = statement.silence_ends_utc
    return {holder: m for holder, m in found.items() if ends <= m.expires_utc}


def _sealed(run: _Verification, name: str) -> Envelope:
    envelope = Envelope.from_wire(run.file(name))
    if envelope.to_wire() != run.file(name):
        raise VerifyError(f"{name} is not in its one spelling")
    return envelope


def _hosts(run: _Verification) -> str:
    statement, terms = need(run.statement, "statement"), need(run.terms, "terms")
    roster = need(run.roster, "roster")
    envelope = _sealed(run, HOSTS)
    if statement.hosts != terms.hosts:
        raise VerifyError("the statement names other hosts than the terms")
    is_opened = envelope.payload == run.request.files.get(OPENED)
    found = run.digest(OPENED) if is_opened else digest(envelope.payload)
    if found != statement.table_digest:
        raise VerifyError("the hosts signed another table than the statement names")
    hosts = [roster.party(code) for code in terms.hosts]
    if any(host.kind is not Kind.HOST for host in hosts):
        raise VerifyError("a host of the terms is no host of the roster")
    if len({host.organisation for host in hosts}) != len(hosts) and not terms.demonstration:
        raise VerifyError("two hosts belong to one organization")
    raws: set[bytes] = set()
    for host in hosts:
        public = run.resolve(f"{host.code}/host-sign")
        if public is None:
            raise VerifyError(f"the roster knows no key of host {host.code}")
        verify_envelope(envelope, f"{host.code}/host-sign", public, OPENED_TYPE)
        raws.add(public.raw)
    if len(raws) != len(hosts):
        raise VerifyError("two hosts have one key")
    run.table = envelope.payload
    return f"{len(hosts)} of {len(hosts)} hosts signed the same table"


def _files(run: _Verification) -> str:
    statement = need(run.statement, "statement")
    evidence = {STATEMENT, HOSTS, TERMS, ROSTER, *map(mandate_name, statement.nations)}
    inside = {n for n in run.request.files if not n.startswith((METADATA, WITHDRAWALS))}
    if inside - evidence != set(statement.files):
        odd = sorted((inside - evidence) ^ set(statement.files))
        raise VerifyError(f"the nations agreed to other files: {', '.join(odd)}")
    for name, named in statement.files.items():
        if run.digest(name) != f"sha256:{named}":
            raise VerifyError(f"{name} is not the file that the nations agreed to")
    if run.digest(OPENED) != statement.table_digest:
        raise VerifyError(f"{OPENED} is not the table that the statement names")
    return f"{len(statement.files)} files, exactly those that the nations agreed to"


def _label(run: _Verification) -> str:
    statement, terms = need(run.statement, "statement"), need(run.terms, "terms")
    if dict(statement.label) != terms.label:
        raise VerifyError("the label is not the one that the terms fix")
    return statement.marking


def _audience(run: _Verification) -> str:
    statement, terms = need(run.statement, "statement"), need(run.terms, "terms")
    if statement.audience != terms.audience:
        raise VerifyError("the audience is not the one that the terms fix")
    listed = currency.audience_of(need(run.trusted, "roots"), need(run.targets, "targets"))
    if statement.audience != listed:
        raise VerifyError(f"the release is for {statement.audience}, the repository for {listed}")
    if run.request.audience not in (None, statement.audience):
        raise VerifyError(f"the release is for {statement.audience}, not for the audience asked")
    return statement.audience


def _round(run: _Verification) -> str:
    statement = need(run.statement, "statement")
    if run.request.round_id not in (None, statement.round_id):
        raise VerifyError(f"the release belongs to round {statement.round_id}, not the one asked")
    return statement.round_id


def _silence(run: _Verification) -> str:
    statement = need(run.statement, "statement")
    if statement.silence_ends_utc > run.now:
        raise VerifyError("silence over this release has not ended", hint="check the clock")
    return f"ended {utc_text(statement.silence_ends_utc)}"


def _withdrawn(run: _Verification) -> str:
    statement = need(run.statement, "statement")
    need(run.roster, "roster")
    inside = [d for n, d in run.request.files.items() if n.startswith(WITHDRAWALS)]
    found = withdrawals_of(statement, [*run.request.withdrawals, *inside], run.resolve)
    if found.strange:
        run.log.notes.append(f"{found.strange} documents are no valid withdrawal of anything")
    if found.withdrawals:
        who = ", ".join(w.nation for w in found.withdrawals)
        raise VerifyError(f"withdrawn by {who}", hint="do not use this release")
    return "no withdrawal is known here"


def _deep(run: _Verification) -> str:
    if not run.request.is_deep:
        raise NotReachedError("not asked for; every nation's own machine did it before it signed")
    statement, terms = need(run.statement, "statement"), need(run.terms, "terms")
    table = Table.from_plain(parse(need(run.table, "hosts")))
    check_plan(table, terms)
    edition = Edition(statement.edition, statement.marking, statement.previous)
    check_rendering(run.request.files, statement, table, terms, edition)
    return "the files say what the table says, and its blocks stand in the terms' tree"


RECIPE: Mapping[str, tuple[str, str]] = {
    "root": ("the pinned root", "everything else is trusted because this file is"),
    "roots": ("newer roots", "a root is replaced only by two thirds of the old officers"),
    "timestamp": ("the timestamp", "an old copy could hide a withdrawal or a newer edition"),
    "snapshot": ("the snapshot", "parts of different states could be mixed"),
    "targets": ("the list of files", "a withdrawn release is no longer listed"),
    "rollback": ("nothing went back", "an older state, still fresh, could be served again"),
    "statement": ("the statement", "it says what the nations agreed to"),
    "folder": ("the folder", "a changed, missing or added file is not the release"),
    "roster": ("the roster", "it says whose keys count"),
    "terms": ("the terms", "they fix who must agree, the hosts, the label and the audience"),
    "nations": ("who was asked", "a nation that was left out could not object"),
    "consent": ("the consent", "nothing comes out before every nation has agreed"),
    "hosts": ("the hosts", "a total that one host invented would carry fewer signatures"),
    "files": ("the files", "the nations agreed to exact bytes, not to a title"),
    "label": ("the label", "it says who may read this"),
    "audience": ("the audience", "a release for one audience may not be read as another's"),
    "round": ("the round", "a release of another round answers another question"),
    "silence": ("the silence", "a release before its time is no release"),
    "withdrawn": ("withdrawals", "one nation can take a release back"),
    "deep": ("the files against the table", "what is read should be what was computed"),
}

_STEPS = {
    "root": _root,
    "roots": _roots,
    "timestamp": _timestamp,
    "snapshot": _snapshot,
    "targets": _targets,
    "rollback": _rollback,
    "statement": _statement,
    "folder": _folder,
    "roster": _roster,
    "terms": _terms,
    "nations": _nations,
    "consent": _consent,
    "hosts": _hosts,
    "files": _files,
    "label": _label,
    "audience": _audience,
    "round": _round,
    "silence": _silence,
    "withdrawn": _withdrawn,
    "deep": _deep,
}
