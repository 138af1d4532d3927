"""The statement that every nation signs: an in-toto Statement v1 about the files of one release.

May touch: values. Consent lies in the signatures over these exact bytes and nowhere else
(``docs/formats/statement.md``).
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from delian.crypto.ledger import Checkpoint
from delian.release.errors import StatementError
from delian.terms.encode import (
    Digest,
    Fields,
    Plain,
    canonical,
    digest,
    is_digest,
    parse,
    sha256_hex,
    utc_text,
)
from delian.terms.round_terms import RoundTerms
from delian.terms.table import Table

PAYLOAD_TYPE = "application/vnd.in-toto+json"
STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE = "urn:x-delian:release:v1"
FORMAT = "delian-release"
MAX_BYTES = 1024 * 1024
MAX_FILES = 256

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}\Z")
_HEX = re.compile(r"[0-9a-f]{64}\Z")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}\Z")


@dataclass(frozen=True, slots=True)
class Statement:
    """What the nations agree to release.

    Args:
        release_id: Names the folder in the repository; letters, digits, ``.``, ``_``, ``-``.
        edition: From 1.
        previous: Digest of the statement of the edition before, or None.
        round_id: The round.
        terms_digest: Digest of its terms.
        roster_version: Of the roster whose keys sign.
        roster_digest: Its digest.
        table_digest: Digest of the table that three hosts signed.
        hosts: Their codes, in the order of the terms.
        nations: Codes of every nation that must consent, ascending.
        amends: Digest of the statement that this one replaces after an objection, or None.
        mandates: Digests of the stand-in mandates that ran, ascending.
        silence_ends_utc: When silence over these exact bytes ended.
        checkpoint: The secretariat's ledger, in text form.
        label: The label of the terms.
        marking: Its marking text.
        audience: Name of the repository.
        retain_until_utc: Envelopes are erased after this moment at the latest.
        files: File name to SHA-256 in hexadecimal.
    """

    release_id: str
    edition: int
    previous: Digest | None
    round_id: str
    terms_digest: Digest
    roster_version: int
    roster_digest: Digest
    table_digest: Digest
    hosts: tuple[str, ...]
    nations: tuple[str, ...]
    amends: Digest | None
    mandates: tuple[Digest, ...]
    silence_ends_utc: datetime
    checkpoint: str
    label: Mapping[str, Plain]
    marking: str
    audience: str
    retain_until_utc: datetime
    files: Mapping[str, str]

    def __post_init__(self) -> None:
        check_release_id(self.release_id)
        if list(self.nations) != sorted(set(self.nations)) or not self.nations:
            raise StatementError("the nations of a statement must ascend, each once")
        if len(set(self.hosts)) != len(self.hosts):
            raise StatementError("a statement names a host twice")
        if (self.edition == 1) != (self.previous is None) or self.edition < 1:
            raise StatementError("every edition but the first names the one before it")
        if not self.files or len(self.files) > MAX_FILES:
            raise StatementError("a statement is about at least one file")
        if not all(_NAME.match(n) and _HEX.match(h) for n, h in self.files.items()):
            raise StatementError("a statement names a file or a digest that is not well formed")
        if list(self.mandates) != sorted(set(self.mandates)):
            raise StatementError("the mandates of a statement must ascend, each once")
        named = (self.terms_digest, self.roster_digest, self.table_digest, *self.mandates)
        named += tuple(d for d in (self.previous, self.amends) if d is not None)
        if not all(is_digest(d) for d in named):
            raise StatementError("a statement names documents by sha256 digest")
        Checkpoint.from_text(self.checkpoint)

    @property
    def digest(self) -> Digest:
        """What the next edition names."""
        return digest(self.to_wire())

    def to_wire(self) -> bytes:
        """The exact bytes that are signed."""
        roster: dict[str, Plain] = {"version": self.roster_version, "digest": self.roster_digest}
        return canonical(
            {
                "_type": STATEMENT_TYPE,
                "predicateType": PREDICATE_TYPE,
                "subject": [
                    {"name": name, "digest": {"sha256": self.files[name]}}
                    for name in sorted(self.files)
                ],
                "predicate": {
                    "format": FORMAT,
                    "version": 1,
                    "id": self.release_id,
                    "edition": self.edition,
                    "previous": self.previous,
                    "round": self.round_id,
                    "terms": self.terms_digest,
                    "roster": roster,
                    "table": self.table_digest,
                    "hosts": list(self.hosts),
                    "nations": list(self.nations),
                    "amends": self.amends,
                    "mandates": list(self.mandates),
                    "silence_ends": utc_text(self.silence_ends_utc),
                    "checkpoint": self.checkpoint,
                    "label": dict(self.label),
                    "marking": self.marking,
                    "audience": self.audience,
                    "retain_until": utc_text(self.retain_until_utc),
                },
            }
        )


def check_release_id(text: str) -> str:
    """*text*, if it can name a release.

    Raises:
        StatementError: it cannot.
    """
    if not _ID.match(text):
        raise StatementError("a release id has 1 to 100 letters, digits, '.', '_' and '-'")
    return text


def build_statement(
    files: Mapping[str, bytes],
    terms: RoundTerms,
    table: Table,
    *,
    release_id: str,
    edition: int,
    previous: Digest | None,
    marking: str,
    silence_ends_utc: datetime,
    checkpoint: str,
    amends: Digest | None = None,
    mandates: Iterable[Digest] = (),
) -> Statement:
    """The statement about *files*, everything else taken from the terms and the table.

    Args:
        files: Every file of the package, as ``package.render`` gives them.
        terms: The round's terms.
        table: The table that is released.
        release_id: For example "2026-A-e1".
        edition: From 1.
        previous: Digest of the statement before, or None.
        marking: Marking text of the terms' label.
        silence_ends_utc: Expiry of the proposal whose subject these bytes are.
        checkpoint: ``Checkpoint.to_text()`` of the secretariat's ledger.
        amends: Digest of the statement that this one replaces, or None.
        mandates: Digests of running mandates.

    Raises:
        StatementError: a field breaks the form.
    """
    return Statement(
        release_id=release_id,
        edition=edition,
        previous=previous,
        round_id=terms.round_id,
        terms_digest=terms.digest,
        roster_version=terms.roster_version,
        roster_digest=terms.roster_digest,
        table_digest=table.digest,
        hosts=terms.hosts,
        nations=tuple(sorted(terms.nations)),
        amends=amends,
        mandates=tuple(sorted(mandates)),
        silence_ends_utc=silence_ends_utc,
        checkpoint=checkpoint,
        label=terms.label,
        marking=marking,
        audience=terms.audience,
        retain_until_utc=terms.calendar.retain_until,
        files={name: sha256_hex(data) for name, data in files.items()},
    )


def read_statement(payload: bytes) -> Statement:
    """Read what :meth:`Statement.to_wire` writes; nothing in it is checked against anything.

    Raises:
        InputError: not a release statement, or not in its one spelling.
    """
    f = Fields(parse(payload, max_bytes=MAX_BYTES, max_depth=12), "statement")
    if f.text("_type") != STATEMENT_TYPE or f.text("predicateType") != PREDICATE_TYPE:
        raise StatementError("this is not a release statement")
    files = dict(_subject(s) for s in f.items("subject"))
    statement = _predicate(f.mapping("predicate"), files)
    f.end()
    if statement.to_wire() != payload:
        raise StatementError("the statement is not in its canonical spelling")
    return statement


def _subject(plain: object) -> tuple[str, str]:
    f = Fields(plain, "subject")
    found = f.mapping("digest")
    name = f.text("name", max_length=100)
    f.end()
    if set(found) != {"sha256"} or not isinstance(found["sha256"], str):
        raise StatementError("a subject is named by its SHA-256")
    return name, found["sha256"]


def _predicate(plain: object, files: Mapping[str, str]) -> Statement:
    p = Fields(plain, "predicate")
    p.form(FORMAT)
    roster = Fields(p.mapping("roster"), "roster")
    statement = Statement(
        release_id=p.text("id", max_length=100),
        edition=p.whole("edition", 1),
        previous=p.digest("previous") if p.has("previous") else None,
        round_id=p.text("round", max_length=80),
        terms_digest=p.digest("terms"),
        roster_version=roster.whole("version", 1),
        roster_digest=roster.digest("digest"),
        table_digest=p.digest("table"),
        hosts=p.texts("hosts"),
        nations=p.texts("nations"),
        amends=p.digest("amends") if p.has("amends") else None,
        mandates=p.texts("mandates"),
        silence_ends_utc=p.utc("silence_ends"),
        checkpoint=p.text("checkpoint", max_length=1000),
        label=p.mapping("label"),
        marking=p.text("marking", max_length=400),
        audience=p.text("audience", max_length=80),
        retain_until_utc=p.utc("retain_until"),
        files=files,
    )
    roster.end()
    p.end()
    return statement
