"""Verify a release offline: its files, the pinned root, and nothing else.

May touch: values only; the caller reads the files and the clock. The recipe is numbered; every
check says what it checks and why (``docs/security/release.md``). Consent is counted from the
statement alone; TUF says only whether this is the newest list.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import partial

from delian.approve.consent import count_consents
from delian.approve.mandate import Mandate
from delian.crypto.dsse import Envelope, document_type
from delian.crypto.dsse import verify as verify_envelope
from delian.release import currency
from delian.release import verify_currency as by_currency
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
from delian.release.package import OPENED, Edition
from delian.release.report import NotReachedError, Outcome, VerifyReport
from delian.release.statement import PAYLOAD_TYPE, Statement, read_statement
from delian.release.verification import Request, Verification, need
from delian.release.withdrawal import withdrawals_of
from delian.terms.encode import digest, parse, utc_text
from delian.terms.party import Kind, Roster
from delian.terms.round_terms import RoundTerms
from delian.terms.table import Table

__all__ = ["MAX_FILE_BYTES", "RECIPE", "Request", "verify"]

MAX_FILE_BYTES = 256 * 1024 * 1024
TERMS_TYPE = document_type("terms")
OPENED_TYPE = document_type("opened")


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
    return _run(Verification(request))


def _run(run: Verification) -> VerifyReport:
    for name, (what, why, step) in RECIPE.items():
        run.log.run(name, what, why, partial(step, run))
    if run.request.at_utc is not None:
        run.log.notes.append(f"checked as of {utc_text(run.request.at_utc)}: not proof of currency")
    elif run.request.state is None:
        run.log.notes.append("rollback not checked: no state was given")
    if run.terms is not None and run.terms.demonstration:
        run.log.notes.append("this is a demonstration: one organization ran all three hosts")
    checks = tuple(run.log.checks)
    failed = any(check.outcome is Outcome.FAILED for check in checks)
    seen = None if failed or run.seen is None else run.seen.to_wire()
    return VerifyReport(checks, tuple(run.log.notes), run.statement, seen)


def _statement(run: Verification) -> str:
    """The statement is well formed; who signed it is another step."""
    envelope = Envelope.from_wire(run.file(STATEMENT))
    if envelope.payload_type != PAYLOAD_TYPE:
        raise VerifyError("the statement's file holds another kind of document")
    run.statement, run.envelope = read_statement(envelope.payload), envelope
    return f"release {run.statement.release_id}, edition {run.statement.edition}"


def _roster(run: Verification) -> str:
    """The roster is one that the root pins, and the one that the statement names."""
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


def _terms(run: Verification) -> str:
    """The terms are those that the statement names, signed by their chair."""
    statement, roster = need(run.statement, "statement"), need(run.roster, "roster")
    envelope = Envelope.from_wire(run.file(TERMS))
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


def _nations(run: Verification) -> str:
    """The terms and the statement ask every ally of the roster, and nobody else."""
    statement, terms = need(run.statement, "statement"), need(run.terms, "terms")
    day = terms.calendar.sheets_until.date()
    allies = {p.code for p in need(run.roster, "roster").of_kind(Kind.ALLY, day)}
    if set(terms.nations) != allies or set(statement.nations) != allies:
        odd = sorted(allies ^ set(statement.nations)) or sorted(allies ^ set(terms.nations))
        raise VerifyError(f"not every nation was asked, or a stranger was: {', '.join(odd)}")
    return f"all {len(allies)} nations of the roster"


def _consent(run: Verification) -> str:
    """Every nation that was asked signed exactly these bytes, each with a key of its own."""
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


def _mandates(run: Verification, statement: Statement) -> dict[str, Mandate]:
    """The mandates that run: listed, signed by the holder's officer, not expired before the end."""
    found: dict[str, Mandate] = {}
    named = {mandate_name(code) for code in statement.nations}
    for name in sorted(named & set(run.request.files)):
        mandate = Mandate.from_envelope(Envelope.from_wire(run.file(name)), run.resolve)
        named_by = (mandate.round_id, mandate.terms, mandate_name(mandate.holder))
        if named_by != (statement.round_id, statement.terms_digest, name):
            raise VerifyError(f"{name} is no mandate for this release")
        found[mandate.holder] = mandate
    if {m.id for m in found.values()} != set(statement.mandates):
        raise VerifyError("the mandates in the folder are not those that the statement lists")
    ends = statement.silence_ends_utc
    return {holder: m for holder, m in found.items() if ends <= m.expires_utc}


def _hosts(run: Verification) -> str:
    """Three hosts of three organizations signed exactly the table of the statement."""
    statement, terms = need(run.statement, "statement"), need(run.terms, "terms")
    roster = need(run.roster, "roster")
    envelope = Envelope.from_wire(run.file(HOSTS))
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


def _files(run: Verification) -> str:
    """The folder holds exactly the files that the nations agreed to, byte for byte."""
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


def _label(run: Verification) -> str:
    """The label is the one that the terms fix."""
    statement, terms = need(run.statement, "statement"), need(run.terms, "terms")
    if dict(statement.label) != terms.label:
        raise VerifyError("the label is not the one that the terms fix")
    return statement.marking


def _audience(run: Verification) -> str:
    """Statement, terms and repository name one audience, and it is the one asked for."""
    statement, terms = need(run.statement, "statement"), need(run.terms, "terms")
    if statement.audience != terms.audience:
        raise VerifyError("the audience is not the one that the terms fix")
    listed = currency.audience_of(need(run.trusted, "roots"), need(run.targets, "targets"))
    if statement.audience != listed:
        raise VerifyError(f"the release is for {statement.audience}, the repository for {listed}")
    if run.request.audience not in (None, statement.audience):
        raise VerifyError(f"the release is for {statement.audience}, not for the audience asked")
    return statement.audience


def _round(run: Verification) -> str:
    """The release belongs to the round asked for."""
    statement = need(run.statement, "statement")
    if run.request.round_id not in (None, statement.round_id):
        raise VerifyError(f"the release belongs to round {statement.round_id}, not the one asked")
    return statement.round_id


def _silence(run: Verification) -> str:
    """Silence over the statement had ended at the moment of checking."""
    statement = need(run.statement, "statement")
    if statement.silence_ends_utc > run.now:
        raise VerifyError("silence over this release has not ended", hint="check the clock")
    return f"ended {utc_text(statement.silence_ends_utc)}"


def _withdrawn(run: Verification) -> str:
    """No valid withdrawal of this release is known here."""
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


def _deep(run: Verification) -> str:
    """Rendering the table again gives exactly these files, and its blocks fit the terms."""
    if not run.request.is_deep:
        raise NotReachedError("not asked for; every nation's own machine did it before it signed")
    statement, terms = need(run.statement, "statement"), need(run.terms, "terms")
    table = Table.from_plain(parse(need(run.table, "hosts")))
    check_plan(table, terms)
    edition = Edition(statement.edition, statement.marking, statement.previous)
    check_rendering(run.request.files, statement, table, terms, edition)
    return "the files say what the table says, and its blocks stand in the terms' tree"


RECIPE: Mapping[str, tuple[str, str, Callable[[Verification], str]]] = {
    "root": (
        "the pinned root",
        "everything else is trusted because this file is",
        by_currency.check_root,
    ),
    "roots": (
        "newer roots",
        "a root is replaced only by two thirds of the old officers",
        by_currency.check_roots,
    ),
    "timestamp": (
        "the timestamp",
        "an old copy could hide a withdrawal or a newer edition",
        by_currency.check_timestamp,
    ),
    "snapshot": (
        "the snapshot",
        "parts of different states could be mixed",
        by_currency.check_snapshot,
    ),
    "targets": (
        "the list of files",
        "a withdrawn release is no longer listed",
        by_currency.check_targets,
    ),
    "rollback": (
        "nothing went back",
        "an older state, still fresh, could be served again",
        by_currency.check_rollback,
    ),
    "statement": (
        "the statement",
        "it says what the nations agreed to",
        _statement,
    ),
    "folder": (
        "the folder",
        "a changed, missing or added file is not the release",
        by_currency.check_folder,
    ),
    "roster": ("the roster", "it says whose keys count", _roster),
    "terms": (
        "the terms",
        "they fix who must agree, the hosts, the label and the audience",
        _terms,
    ),
    "nations": (
        "who was asked",
        "a nation that was left out could not object",
        _nations,
    ),
    "consent": (
        "the consent",
        "nothing comes out before every nation has agreed",
        _consent,
    ),
    "hosts": (
        "the hosts",
        "a total that one host invented would carry fewer signatures",
        _hosts,
    ),
    "files": (
        "the files",
        "the nations agreed to exact bytes, not to a title",
        _files,
    ),
    "label": ("the label", "it says who may read this", _label),
    "audience": (
        "the audience",
        "a release for one audience may not be read as another's",
        _audience,
    ),
    "round": (
        "the round",
        "a release of another round answers another question",
        _round,
    ),
    "silence": ("the silence", "a release before its time is no release", _silence),
    "withdrawn": ("withdrawals", "one nation can take a release back", _withdrawn),
    "deep": (
        "the files against the table",
        "what is read should be what was computed",
        _deep,
    ),
}
