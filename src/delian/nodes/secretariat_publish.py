"""Writes what was agreed into the repository of its audience and into a folder for readers."""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from delian.adapters.files import read_bytes, write_bytes
from delian.approve.withdrawal import Withdrawal
from delian.crypto.dsse import Envelope
from delian.crypto.sign import PrivateKey
from delian.nodes.desk import Desk
from delian.nodes.genesis import known_roots
from delian.nodes.release_view import ReleaseView
from delian.release.bundle import METADATA, WITHDRAWALS, release_files, release_folder
from delian.release.package import Edition, render
from delian.release.repository import (
    OfficeKeys,
    Repository,
    Validity,
    open_repository,
    publish,
    rotate,
    withdraw,
)
from delian.release.statement import Statement
from delian.release.withdrawal import file_name
from delian.terms.encode import Digest
from delian.terms.errors import NotYetError, UnavailableError

VALID_DAYS = 400


class RootMissingError(UnavailableError):
    """The root of the repositories is not in the secretariat's home."""

    code = "root-missing"


@dataclass(slots=True)
class Publisher:
    """The repositories of one secretariat.

    Args:
        desk: Its desk; repositories lie in ``repository/`` and folders in ``releases/``.
    """

    desk: Desk

    @classmethod
    def open(cls, desk: Desk) -> "Publisher":
        """The publisher of *desk*."""
        return cls(desk)

    def next_edition(self, audience: str) -> tuple[int, Digest | None]:
        """Number of the next edition for *audience*, and the statement of the one before."""
        note = self.desk.store.note(f"edition/{audience}")
        if note is None:
            return 1, None
        number, statement = json.loads(note)
        return int(number) + 1, str(statement)

    def publish(self, view: ReleaseView, statement: Statement, now_utc: datetime) -> Path:
        """Put a release into its repository and its folder; again after a crash is harmless."""
        files = self._files(view, statement)
        repository = self.load(statement.audience, now_utc)
        if statement.release_id not in repository.releases:
            validity = Validity.until(now_utc + timedelta(days=VALID_DAYS))
            repository = publish(repository, statement.release_id, files, self._keys(), validity)
        for name, data in files.items():
            self._write_target(statement.audience, f"{statement.release_id}/{name}", data)
        self._save(repository)
        folder = self.desk.home / "releases" / statement.release_id
        for name, data in release_folder(files, repository).items():
            write_bytes(folder / name, data)
        self._refresh(repository)
        edition = json.dumps([statement.edition, statement.digest]).encode()
        self.desk.store.remember(f"edition/{statement.audience}", edition)
        return folder

    def withdraw(self, view: ReleaseView, withdrawal: Withdrawal, now_utc: datetime) -> None:
        """Delist a release and publish the withdrawal in its place."""
        statement = view.statements[withdrawal.subject]
        paper = next(
            p.body
            for p in self.desk.store.documents("withdrawal", view.round_id)
            if Envelope.from_wire(p.body).payload == withdrawal.to_wire()
        )
        name = file_name(statement, withdrawal.nation)
        repository = self.load(statement.audience, now_utc)
        if statement.release_id in repository.releases:
            validity = Validity.until(now_utc + timedelta(days=VALID_DAYS))
            repository = withdraw(
                repository, statement.release_id, {name: paper}, self._keys(), validity
            )
        self._write_target(statement.audience, f"withdrawals/{name}", paper)
        self._save(repository)
        folder = self.desk.home / "releases" / statement.release_id
        write_bytes(folder / WITHDRAWALS / name, paper)
        self._refresh(repository)

    def _refresh(self, repository: Repository) -> None:
        """Every folder that is still listed gets the newest metadata."""
        fresh = repository.metadata_files()
        for release_id in repository.releases:
            folder = self.desk.home / "releases" / release_id / METADATA
            for name, data in fresh.items():
                write_bytes(folder / name, data)
            for path in folder.iterdir():
                if path.name not in fresh:
                    path.unlink()

    def _files(self, view: ReleaseView, statement: Statement) -> dict[str, bytes]:
        terms = view.known_terms()
        table = view.tables[statement.table_digest]
        edition = Edition(statement.edition, statement.marking, statement.previous)
        mandates: dict[str, Envelope] = {}
        for paper in self.desk.store.documents("mandate", view.round_id):
            envelope = Envelope.from_wire(paper.body)
            for mandate in view.mandates.values():
                if envelope.payload == mandate.to_wire() and mandate.id in statement.mandates:
                    mandates[mandate.holder] = envelope
        return release_files(
            render(table, terms, edition),
            statement=self._paper(statement.digest),
            hosts=self._paper(table.digest),
            terms=self._paper(terms.digest),
            roster=view.membership.roster,
            mandates=mandates,
        )

    def _paper(self, name: Digest) -> Envelope:
        envelope = self.desk.gathered(name)
        if envelope is None:
            raise NotYetError("a paper of this release has not arrived")
        return envelope

    def _keys(self) -> OfficeKeys:
        folder = self.desk.home / "keys"
        targets, online = (
            PrivateKey.from_secret_bytes(read_bytes(folder / f"repository-{name}.key"))
            for name in ("targets", "online")
        )
        return OfficeKeys(targets, online)

    def _folder(self, audience: str) -> Path:
        return self.desk.home / "repository" / audience

    def load(self, audience: str, now_utc: datetime) -> Repository:
        """The repository of *audience* under the newest root in the home; nothing is written.

        Raises:
            RootMissingError: there is no root yet.
        """
        folder = self._folder(audience) / METADATA
        roots = known_roots(self.desk.home)
        validity = Validity.until(now_utc + timedelta(days=VALID_DAYS))
        if (folder / "timestamp.json").exists():
            known = Repository.from_files({p.name: p.read_bytes() for p in folder.iterdir()})
            for root in roots[len(known.roots) :]:
                known = rotate(known, root, self._keys(), validity)
            return known
        if not roots:
            raise RootMissingError(
                "the root of the repositories is missing", hint="see docs/howto/first-hour.md"
            )
        return open_repository(roots, audience, self._keys(), validity)

    def _save(self, repository: Repository) -> None:
        """The timestamp last: a reader sees the old state or the new one."""
        folder = self._folder(repository.audience) / METADATA
        files = repository.metadata_files()
        for name in sorted(files, key=lambda n: n == "timestamp.json"):
            write_bytes(folder / name, files[name])

    def _write_target(self, audience: str, path: str, data: bytes) -> None:
        write_bytes(self._folder(audience) / "targets" / path, data)
