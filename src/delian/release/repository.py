"""One TUF repository for each audience, all under one root that the nations hold.

May touch: values; every function takes metadata bytes and gives metadata bytes. TUF gives
currency only (what is the newest list, is it fresh, was it rolled back): consent lies in the
statement. Root: the nations' officers, two thirds of them. Targets: the secretariat, offline.
Snapshot and timestamp: the secretariat, online (``docs/formats/repository.md``).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from delian.crypto.sign import PrivateKey
from delian.release import metadata as tuf
from delian.release.errors import RepositoryError, ThresholdError
from delian.release.metadata import (
    Metadata,
    MetaFile,
    Root,
    Snapshot,
    TargetFile,
    Targets,
    Timestamp,
)
from delian.release.roots import (
    RootPlan,
    RosterPin,
    check_roots,
    join_roots,
    make_root,
    root_version,
    sign_root,
)
from delian.release.statement import check_release_id
from delian.terms.encode import sha256_hex
from delian.terms.errors import TamperedError

__all__ = [
    "RootPlan",
    "RosterPin",
    "check_roots",
    "join_roots",
    "make_root",
    "root_version",
    "sign_root",
]

WITHDRAWALS = "withdrawals"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}\Z")


@dataclass(frozen=True, slots=True)
class Validity:
    """Until when new metadata is fresh."""

    targets_utc: datetime
    snapshot_utc: datetime
    timestamp_utc: datetime

    @classmethod
    def until(cls, moment: datetime) -> "Validity":
        """The same moment for all three."""
        return cls(moment, moment, moment)


@dataclass(frozen=True, slots=True)
class OfficeKeys:
    """The secretariat's two private keys for a repository."""

    targets: PrivateKey
    online: PrivateKey


@dataclass(frozen=True, slots=True)
class Repository:
    """The metadata of one audience.

    Args:
        audience: Its name.
        roots: Every root from the first on.
        targets: The newest list.
        snapshot: The newest snapshot.
        timestamp: The newest timestamp.
    """

    audience: str
    roots: tuple[bytes, ...]
    targets: bytes
    snapshot: bytes
    timestamp: bytes

    def metadata_files(self) -> dict[str, bytes]:
        """File name to bytes, as clients fetch them and as a release folder keeps them."""
        targets = tuf.read(self.targets, Targets).signed.version
        snapshot = tuf.read(self.snapshot, Snapshot).signed.version
        files = {f"{n}.root.json": data for n, data in enumerate(self.roots, 1)}
        files[f"{targets}.targets.json"] = self.targets
        files[f"{snapshot}.snapshot.json"] = self.snapshot
        files["timestamp.json"] = self.timestamp
        return files

    @classmethod
    def from_files(cls, files: Mapping[str, bytes]) -> "Repository":
        """Read what :meth:`metadata_files` gives; signatures are not checked.

        Raises:
            RepositoryError: a file is missing.
            CurrencyError: a file is malformed.
        """
        roots: list[bytes] = []
        while (name := f"{len(roots) + 1}.root.json") in files:
            roots.append(files[name])
        try:
            stamp = tuf.read(files["timestamp.json"], Timestamp).signed
            snapshot = files[f"{stamp.snapshot_meta.version}.snapshot.json"]
            listed = tuf.read(snapshot, Snapshot).signed.meta["targets.json"].version
            targets = files[f"{listed}.targets.json"]
        except KeyError as error:
            raise RepositoryError("a file of the repository is missing") from error
        return cls(
            str(tuf.ours(stamp).get("audience")),
            tuple(roots),
            targets,
            snapshot,
            files["timestamp.json"],
        )

    @property
    def releases(self) -> tuple[str, ...]:
        """Ids of every release that is listed."""
        listed = tuf.read(self.targets, Targets).signed.targets
        return tuple(sorted({p.split("/")[0] for p in listed} - {WITHDRAWALS}))


def open_repository(
    roots: tuple[bytes, ...], audience: str, keys: OfficeKeys, validity: Validity
) -> Repository:
    """An empty repository for one audience.

    Raises:
        RepositoryError: a name that is not well formed, or keys that the root does not name.
        ThresholdError: too few officers signed a root.
    """
    if not _NAME.match(audience):
        raise RepositoryError("an audience is named by letters, digits, '.', '_' and '-'")
    check_roots(roots)
    empty = Repository(audience, roots, b"", b"", b"")
    made = Targets(expires=tuf.whole_second(validity.targets_utc), unrecognized_fields=_mark(empty))
    return _sealed(empty, made, keys, validity, 1, 1)


def publish(
    repository: Repository,
    release_id: str,
    files: Mapping[str, bytes],
    keys: OfficeKeys,
    validity: Validity,
) -> Repository:
    """The repository with one more release: every file of its folder outside ``metadata/``.

    Raises:
        RepositoryError: the id is taken, or a file name is not well formed.
        ThresholdError: *keys* are not those that the root names.
    """
    check_release_id(release_id)
    targets = tuf.read(repository.targets, Targets).signed
    if release_id == WITHDRAWALS or any(p.startswith(f"{release_id}/") for p in targets.targets):
        raise RepositoryError("a release of this id was already published")
    for name, data in files.items():
        if not _NAME.match(name):
            raise RepositoryError("a release folder holds a file name that is not well formed")
        targets.targets[f"{release_id}/{name}"] = _listed(f"{release_id}/{name}", data)
    return _next(repository, targets, keys, validity)


def withdraw(
    repository: Repository,
    release_id: str,
    documents: Mapping[str, bytes],
    keys: OfficeKeys,
    validity: Validity,
) -> Repository:
    """The repository without one release, and with the withdrawals that took it back.

    Args:
        repository: As it stands.
        release_id: Which release.
        documents: File name to signed withdrawal; they are listed under ``withdrawals/``.
        keys: The secretariat's.
        validity: Of the new metadata.

    Raises:
        RepositoryError: the release is not listed.
    """
    targets = tuf.read(repository.targets, Targets).signed
    gone = [path for path in targets.targets if path.startswith(f"{release_id}/")]
    if not gone:
        raise RepositoryError("no release of this id is listed")
    for path in gone:
        del targets.targets[path]
    for name, data in documents.items():
        if not _NAME.match(name):
            raise RepositoryError("a withdrawal has a file name that is not well formed")
        targets.targets[f"{WITHDRAWALS}/{name}"] = _listed(f"{WITHDRAWALS}/{name}", data)
    return _next(repository, targets, keys, validity)


def renew(repository: Repository, keys: OfficeKeys, validity: Validity) -> Repository:
    """The same lists with later dates."""
    targets = tuf.read(repository.targets, Targets).signed
    return _next(repository, targets, keys, validity)


def freshen(repository: Repository, online: PrivateKey, until_utc: datetime) -> Repository:
    """The same lists under a later timestamp; needs the online key alone."""
    root = tuf.read(repository.roots[-1], Root).signed
    metadata = tuf.read(repository.timestamp, Timestamp)
    metadata.signed.version += 1
    metadata.signed.expires = tuf.whole_second(until_utc)
    metadata.signatures.clear()
    return replace(repository, timestamp=_signed(metadata, root, "timestamp", online))


def rotate(repository: Repository, root: bytes, keys: OfficeKeys, validity: Validity) -> Repository:
    """The repository under its next root, everything signed again with *keys*.

    Raises:
        RepositoryError: the version does not follow.
        ThresholdError: the old or the new root's officers did not sign enough.
    """
    chain = (*repository.roots, root)
    check_roots(chain)
    return renew(replace(repository, roots=chain), keys, validity)


def site_files(repository: Repository, folders: Mapping[str, bytes]) -> dict[str, bytes]:
    """Paths for a static web server, as public TUF clients expect them.

    Args:
        repository: What is listed.
        folders: Target path (``2026-A-e1/demand.csv``) to bytes.

    Raises:
        RepositoryError: a listed file is not given, or is another file.
    """
    made = {f"metadata/{n}": data for n, data in repository.metadata_files().items()}
    for path, listed in tuf.read(repository.targets, Targets).signed.targets.items():
        data = folders.get(path)
        if data is None or sha256_hex(data) != listed.hashes["sha256"]:
            raise RepositoryError("a listed file is missing or was changed")
        folder, _, name = path.rpartition("/")
        made[f"targets/{folder}/{listed.hashes['sha256']}.{name}"] = data
    return made


def _listed(path: str, data: bytes) -> TargetFile:
    return TargetFile(len(data), {"sha256": sha256_hex(data)}, path)


def _mark(repository: Repository) -> dict[str, object]:
    root = tuf.read(repository.roots[-1], Root).signed
    held = {"partnership": tuf.ours(root)["partnership"], "audience": repository.audience}
    return {tuf.OURS: held}


def _next(
    repository: Repository, targets: Targets, keys: OfficeKeys, validity: Validity
) -> Repository:
    targets.version += 1
    targets.expires = tuf.whole_second(validity.targets_utc)
    snapshot = tuf.read(repository.snapshot, Snapshot).signed.version + 1
    stamp = tuf.read(repository.timestamp, Timestamp).signed.version + 1
    return _sealed(repository, targets, keys, validity, snapshot, stamp)


def _sealed(
    repository: Repository,
    targets: Targets,
    keys: OfficeKeys,
    validity: Validity,
    snapshot_version: int,
    timestamp_version: int,
) -> Repository:
    root = tuf.read(repository.roots[-1], Root).signed
    mark = _mark(repository)
    listed = _signed(Metadata(targets), root, "targets", keys.targets)
    snapshot = Snapshot(
        version=snapshot_version,
        expires=tuf.whole_second(validity.snapshot_utc),
        meta={"targets.json": _meta(targets.version, listed)},
        unrecognized_fields=mark,
    )
    snapped = _signed(Metadata(snapshot), root, "snapshot", keys.online)
    stamp = Timestamp(
        version=timestamp_version,
        expires=tuf.whole_second(validity.timestamp_utc),
        snapshot_meta=_meta(snapshot_version, snapped),
        unrecognized_fields=mark,
    )
    stamped = _signed(Metadata(stamp), root, "timestamp", keys.online)
    return replace(repository, targets=listed, snapshot=snapped, timestamp=stamped)


def _meta(version: int, data: bytes) -> MetaFile:
    return MetaFile(version, len(data), {"sha256": sha256_hex(data)})


def _signed(
    metadata: Metadata[Targets] | Metadata[Snapshot] | Metadata[Timestamp],
    root: Root,
    role: str,
    key: PrivateKey,
) -> bytes:
    tuf.add_signatures(metadata, [key])
    try:
        tuf.check_signed(metadata, root, role)
    except TamperedError as error:
        raise ThresholdError(
            f"the root does not name this key for {role}", hint="use the key that the root names"
        ) from error
    return tuf.write(metadata)
