"""What a connector offers: released editions by themselves, other files by order.

A released edition is verified as any stranger would verify it, packed into one file, and becomes
a dataset whose offer says its label. What no longer verifies is withdrawn with the reason.
"""

import hashlib
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from tempfile import NamedTemporaryFile

from delian.adapters.files import FileMissingError, read_bytes, write_bytes
from delian.exchange.catalogue import Dataset
from delian.exchange.offering import (
    RELEASE_URN,
    Content,
    Terms,
    dataset_for,
    offer_for,
    release_content,
    release_label,
)
from delian.label.label import Label
from delian.nodes.exchange_archive import pack
from delian.nodes.verifier import read_folder, state_file
from delian.release.bundle import STATEMENT
from delian.release.report import VerifyReport
from delian.release.statement import Statement
from delian.release.verify import MAX_FILE_BYTES, verify
from delian.release.ztdf import SealPlan, seal_release
from delian.terms.encode import Digest, digest, sha256_hex
from delian.terms.errors import DelianError, InputError, RefusedError

ASSETS = "assets"
_PIECE = 1024 * 1024
ZIP, TDF, BYTES = "application/zip", "application/vnd.opentdf.file", "application/octet-stream"


class DatasetNameError(InputError):
    """A dataset needs a name that can stand in an address."""

    code = "dataset-name"


class WithdrawnReleaseError(RefusedError):
    """A nation took this release back."""

    code = "release-withdrawn"


@dataclass(frozen=True, slots=True)
class Ready:
    """Something that can be published now.

    Args:
        dataset: Its entry in the catalogue.
        path: The exact bytes that are handed out.
        sha256: Their digest.
        byte_size: Their number.
        media_type: Their kind.
        policy_id: Under which the key access knows it; empty where it is not sealed.
    """

    dataset: Dataset
    path: Path
    sha256: Digest
    byte_size: int
    media_type: str
    policy_id: str = ""


@dataclass(frozen=True, slots=True)
class Gone:
    """A dataset that must leave the catalogue, and why."""

    dataset_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class Sealing:
    """How releases for a closed audience are sealed.

    Args:
        plan: For whom, under which keys.
        randbytes: Secure randomness.
    """

    plan: SealPlan
    randbytes: Callable[[int], bytes] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Place:
    """Where assets lie and under which service they are offered.

    Args:
        home: The connector's home; assets lie in ``assets/`` by digest.
        service_id: Identifier of its data service.
    """

    home: Path
    service_id: str

    def keep(self, data: bytes) -> tuple[Path, Digest]:
        """Keep *data* among the assets."""
        name = digest(data)
        path = self.home / ASSETS / name.removeprefix("sha256:")
        if not path.exists():
            write_bytes(path, data, secret=True)
        return path, name

    def copy(self, source: Path) -> tuple[Path, Digest, int]:
        """Keep a copy of a file of any size; where it lies, its digest and its length.

        Raises:
            FileMissingError: it cannot be read.
        """
        folder = self.home / ASSETS
        folder.mkdir(parents=True, exist_ok=True)
        seen, size = hashlib.sha256(), 0
        try:
            with source.open("rb") as stream, NamedTemporaryFile(dir=folder, delete=False) as part:
                beside = Path(part.name)
                while piece := stream.read(_PIECE):
                    seen.update(piece)
                    size += part.write(piece)
                part.flush()
                os.fsync(part.fileno())
        except OSError as error:
            raise FileMissingError(f"cannot read {source.name}", where=str(source)) from error
        path = folder / seen.hexdigest()
        beside.replace(path)
        return path, f"sha256:{seen.hexdigest()}", size


def ready_file(
    place: Place,
    source: Path,
    dataset_id: str,
    title: str,
    label: Label | None,
    terms: Terms,
    now_utc: datetime,
) -> Ready:
    """A file of any kind, to be offered under its label.

    Args:
        place: Where assets lie.
        source: The file; a copy of it is kept.
        dataset_id: Its name in the catalogue.
        title: For a person.
        label: Its label, or None for what its publisher declares open to everybody.
        terms: What the publisher adds to narrow the offer.
        now_utc: The moment.

    Raises:
        DatasetNameError: the name cannot stand in an address.
    """
    if not dataset_id or len(dataset_id) > 200 or not dataset_id.isprintable():
        raise DatasetNameError("a dataset's name is 1 to 200 printable characters")
    if dataset_id.startswith(RELEASE_URN):
        raise DatasetNameError("names of releases are kept for releases")
    path, name, size = place.copy(source)
    content = Content(dataset_id, title, name, size)
    offer = offer_for(label, content, terms, now_utc)
    return Ready(dataset_for(content, offer, place.service_id), path, name, size, BYTES)


def ready_release(
    place: Place,
    folder: Path,
    root: Path,
    terms: Terms,
    now_utc: datetime,
    sealing: Sealing | None = None,
) -> Ready:
    """A released edition, verified and packed, to be offered under its own label.

    Raises:
        VerifyError: a check fails; nothing unverified is ever offered.
    """
    files = read_folder(folder)
    statement = _verified(files, root, place, now_utc)
    if sealing is None:
        data, media_type, policy_id = pack(files), ZIP, ""
    else:
        data, policy_id = _sealed(files, sealing)
        media_type = TDF
    path, name = place.keep(data)
    title = f"Release {statement.release_id}"
    content = release_content(statement, title, name, len(data))
    offer = offer_for(release_label(statement.label), content, terms, now_utc)
    made = dataset_for(content, offer, place.service_id)
    return Ready(made, path, name, len(data), media_type, policy_id)


def _verified(files: dict[str, bytes], root: Path, place: Place, now_utc: datetime) -> Statement:
    report = _report(files, root, state_file(root, place.home), now_utc)
    taken_back = [check for check in report.failures if check.name == "withdrawn"]
    if taken_back:
        raise WithdrawnReleaseError(taken_back[0].detail, hint=taken_back[0].hint)
    report.raise_for_failure()
    if report.statement is None:
        raise DatasetNameError("the release has no statement")
    return report.statement


def _report(
    files: dict[str, bytes], root: Path, state: Path | None, now_utc: datetime
) -> VerifyReport:
    seen = read_bytes(state) if state is not None and state.exists() else b""
    pinned = read_bytes(root, max_bytes=MAX_FILE_BYTES)
    report = verify(files, pinned, now_utc=now_utc, state=seen)
    if state is not None and report.seen is not None:
        write_bytes(state, report.seen)
    return report


class _Sink:
    def __init__(self) -> None:
        self.parts: list[bytes] = []

    def write(self, data: bytes | bytearray | memoryview, /) -> None:
        self.parts.append(bytes(data))


def _sealed(files: dict[str, bytes], sealing: Sealing) -> tuple[bytes, str]:
    sink = _Sink()
    written = seal_release(files, sink, sealing.plan, sealing.randbytes)
    return b"".join(sink.parts), written.manifest.policy.uuid


@dataclass(slots=True)
class Shelf:
    """A folder of releases that the catalogue follows.

    Args:
        place: Where assets lie.
        folder: Holds one folder for each release, named as the release.
        root: The pinned root.
        terms: What is added to every offer.
        sealing: How they are sealed; None leaves them as they are.
    """

    place: Place
    folder: Path
    root: Path
    terms: Terms = field(default_factory=Terms)
    sealing: Sealing | None = None
    _seen: dict[str, tuple[str, date]] = field(default_factory=dict)
    _offered: dict[str, str] = field(default_factory=dict)

    def look(
        self, now_utc: datetime, known: Sequence[str] = ()
    ) -> tuple[tuple[Ready, ...], tuple[Gone, ...]]:
        """What came and what went since the last look; an unchanged folder costs a listing.

        Args:
            now_utc: The moment.
            known: Datasets of releases that stand in the catalogue, whoever put them there.

        Guarantees:
            A release that stops to verify, for whatever reason, is withdrawn with the reason.
            Every release is verified again at least once a day, because metadata expires.
        """
        here = _folders(self.folder)
        for name in self._offered.keys() - here.keys():
            del self._offered[name], self._seen[name]
        ready: list[Ready] = []
        reasons: dict[str, str] = {}
        for name, path in sorted(here.items()):
            try:
                made = self._look_at(name, path, now_utc)
            except DelianError as error:
                reasons[self._offered.pop(name, RELEASE_URN + name)] = error.message
                continue
            if made is not None:
                ready.append(made)
                self._offered[name] = made.dataset.id
        lost = sorted(set(known) - set(self._offered.values()))
        gone = tuple(Gone(n, reasons.get(n, "the release is no longer published")) for n in lost)
        return tuple(ready), gone

    def _look_at(self, name: str, path: Path, now_utc: datetime) -> Ready | None:
        """What is to be published of one folder; None where it stands as it was, or is known bad.

        Raises:
            DelianError: it does not verify now.
        """
        looks, today = _fingerprint(path), now_utc.date()
        before = self._seen.get(name)
        if before == (looks, today):
            return None
        self._seen[name] = (looks, today)
        if before is None or before[0] != looks or name not in self._offered:
            return ready_release(self.place, path, self.root, self.terms, now_utc, self.sealing)
        _verified(read_folder(path), self.root, self.place, now_utc)
        return None


def _folders(folder: Path) -> dict[str, Path]:
    if not folder.is_dir():
        return {}
    return {p.name: p for p in folder.iterdir() if (p / STATEMENT).is_file()}


def _fingerprint(folder: Path) -> str:
    """Changes with every file of the folder."""
    lines = []
    for path in sorted(folder.rglob("*")):
        seen = path.lstat()
        lines.append(f"{path.relative_to(folder)} {seen.st_size} {seen.st_mtime_ns}")
    return sha256_hex("\n".join(lines).encode("utf-8", "surrogateescape"))
