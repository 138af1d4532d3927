"""Deliberate mistakes: each marked line skips a step of the round, and must not type-check.

Sheet -> AgreedTerms -> Sent -> ClosingList -> Backend -> SafeTable -> Table -> package ->
Statement -> Agreed -> Repository. This file is never run.
"""

from datetime import datetime
from pathlib import Path

from delian.aggregate.backend import Backend
from delian.approve.agent import Verdict
from delian.approve.consent import Consents
from delian.approve.decision import Agreed, AwaitingSignatures, Decision
from delian.approve.proposal import Proposal
from delian.contribute.agreed import AgreedTerms, agreed_terms
from delian.contribute.check import CheckedSheet
from delian.contribute.closing import ClosingList
from delian.contribute.closing_rules import build_list, countersign
from delian.contribute.contribution import Contribution
from delian.contribute.manifest import Manifest
from delian.contribute.receipt import issue_receipt
from delian.contribute.sheet import Sheet
from delian.contribute.split import Sent, contribute
from delian.crypto.dsse import Envelope
from delian.crypto.sign import PrivateKey
from delian.protect.history import History
from delian.protect.opened import Closed, SafeTable, open_table
from delian.protect.record import OpeningRecord
from delian.release.package import Edition, render
from delian.release.repository import OfficeKeys, Repository, Validity, publish
from delian.release.statement import Statement, build_statement
from delian.terms.party import Roster
from delian.terms.round_terms import RoundTerms
from delian.terms.table import Table


def randbytes(count: int) -> bytes:
    return bytes(count)


def persist(record: OpeningRecord) -> None:
    """Nothing."""


def seal_under_terms_that_nobody_agreed_to(
    sheet: Sheet, terms: RoundTerms, agreed: AgreedTerms, key: PrivateKey
) -> Sent:
    contribute(sheet, terms, key, 1, randbytes)  # expect: arg-type
    return contribute(sheet, agreed, key, 1, randbytes)


def seal_an_unchecked_file(path: Path, agreed: AgreedTerms, key: PrivateKey) -> None:
    contribute(path.read_bytes(), agreed, key, 1, randbytes)  # expect: arg-type


def seal_the_report_of_a_check(sheet: CheckedSheet, agreed: AgreedTerms, key: PrivateKey) -> Sent:
    contribute(sheet, agreed, key, 1, randbytes)  # expect: arg-type
    return contribute(sheet.sheet, agreed, key, 1, randbytes)


def agree_before_the_signatures_are_there(
    terms: RoundTerms, roster: Roster, waiting: AwaitingSignatures, anything: Decision, done: Agreed
) -> AgreedTerms:
    agreed_terms(terms, roster, waiting)  # expect: arg-type
    agreed_terms(terms, roster, anything)  # expect: arg-type
    return agreed_terms(terms, roster, done)


def receipt_for_a_sheet_that_no_host_judged(
    manifest: Manifest, terms: RoundTerms, agreed: AgreedTerms, key: PrivateKey
) -> None:
    issue_receipt(manifest, [], terms, key)  # expect: arg-type
    issue_receipt(manifest, agreed, key)  # expect: call-arg


def close_what_is_not_agreed(terms: RoundTerms, now_utc: datetime) -> ClosingList:
    return build_list(terms, {}, now_utc, ())  # expect: arg-type


def countersign_an_unchecked_list(envelope: Envelope, key: PrivateKey) -> Envelope:
    return countersign(envelope, "FRA/agent", key)  # expect: arg-type


def run_a_list_that_is_not_closed(
    backend: Backend, terms: RoundTerms, listed: ClosingList, closed: Closed
) -> SafeTable:
    open_table(
        backend,
        terms=terms,
        closed=listed,  # expect: arg-type
        history=History(),
        kept=(),
        persist=persist,
    )
    open_table(backend, terms=terms, closed=closed, kept=(), persist=persist)  # expect: call-arg
    return open_table(
        backend, terms=terms, closed=closed, history=History(), kept=(), persist=persist
    )


def open_without_writing_it_down(backend: Backend, terms: RoundTerms, closed: Closed) -> SafeTable:
    return open_table(  # expect: call-arg
        backend, terms=terms, closed=closed, history=History(), kept=()
    )


def render_what_no_host_signed(
    opened: SafeTable, contribution: Contribution, terms: RoundTerms, edition: Edition
) -> None:
    render(opened, terms, edition)  # expect: arg-type
    render(contribution, terms, edition)  # expect: arg-type


def state_a_table_instead_of_its_files(
    table: Table, terms: RoundTerms, now_utc: datetime
) -> Statement:
    return build_statement(
        table,  # expect: arg-type
        terms,
        table,
        release_id="R-e1",
        edition=1,
        previous=None,
        marking="",
        silence_ends_utc=now_utc,
        checkpoint="",
    )


def publish_a_statement_instead_of_a_release(
    repository: Repository, statement: Statement, keys: OfficeKeys, validity: Validity
) -> Repository:
    return publish(repository, "R-e1", statement, keys, validity)  # expect: arg-type


def change_what_was_opened(table: Table, opened: SafeTable) -> None:
    table.blocks = ()  # expect: misc
    opened.table = table  # expect: misc


def take_a_proposal_for_consent(proposal: Proposal, verdict: Verdict) -> Consents:
    if verdict.allowed:
        return verdict  # expect: return-value
    return proposal  # expect: return-value
