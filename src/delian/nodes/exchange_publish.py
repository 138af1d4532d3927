"""What a connector offers: released editions by themselves, other files by order.

A released edition is verified as any stranger would verify it, packed into one file, and becomes
a dataset whose offer says its label. What no longer verifies is withdrawn with the reason.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path

from delian.adapters.files import FileMissingError, read_bytes, write_bytes
from delian.exchange.offering import (
    RELEASE_URN,
    Terms,
    dataset_for,
    offer_for,
    release_content,
    release_label,
)
from delian.nodes.exchange_archive import pack
from delian.nodes.exchange_assets import ASSETS, DatasetNameError, Place, Ready, ready_file
from delian.nodes.verifier import read_folder, state_file
from delian.release.bundle import STATEMENT
from delian.release.report import VerifyReport
from delian.release.statement import Statement
from delian.release.verify import MAX_FILE_BYTES, verify
from delian.release.ztdf import SealPlan, seal_release
from delian.terms.encode import sha256_hex
from delian.terms.errors import DelianError, RefusedError

__all__ = [
    "ASSETS",
    "RELEASE_URN",
    "DatasetNameError",
    "Gone",
    "Place",
    "Ready",
    "Sealing",
    "Shelf",
    "ready_file",
    "ready_release",
]

ZIP, TDF = "application/zip", "application/vnd.opentdf.file"


class WithdrawnReleaseError(RefusedError):
    """A nation took this release back."""

    code = "release-withdrawn"


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
    statement = _verified(files, folder.name, root, place, now_utc)
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


def _verified(
    files: dict[str, bytes], name: str, root: Path, place: Place, now_utc: datetime
) -> Statement:
    report = _report(files, root, state_file(root, place.home), now_utc)
    taken_back = [check for check in report.failures if check.name == "withdrawn"]
    if taken_back:
        raise WithdrawnReleaseError(taken_back[0].detail, hint=taken_back[0].hint)
    report.raise_for_failure()
    if report.statement is None or report.statement.release_id != name:
        raise DatasetNameError(
            "the folder of a release is named as the release", hint="rename the folder", where=name
        )
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
    _bad: dict[str, DelianError] = field(default_factory=dict)
    _doubted: dict[str, str] = field(default_factory=dict)

    def look(
        self, now_utc: datetime, known: Sequence[str] = ()
    ) -> tuple[tuple[Ready, ...], tuple[Gone, ...]]:
        """What came and what went since the last look; an unchanged folder costs a listing.

        Args:
            now_utc: The moment.
            known: Datasets of releases that stand in the catalogue, whoever put them there.

        Guarantees:
            A release that a nation took back, or whose folder is gone, goes at once. One that
            stops to verify for whatever other reason goes when the next look finds the same: a
            folder may be in the middle of being written. Every release is verified again at
            least once a day, because metadata expires.

        Raises:
            FileMissingError: the folder of all releases is away; nothing is concluded from that.
        """
        here = _folders(self.folder)
        for name in self._seen.keys() - here.keys():
            self._forget(name)
        ready: list[Ready] = []
        wrong: dict[str, tuple[str, DelianError]] = {}
        for name, path in sorted(here.items()):
            looks = _fingerprint(path)
            try:
                made = self._look_at(name, path, looks, now_utc)
            except DelianError as error:
                wrong[RELEASE_URN + name] = (looks, error)
                continue
            if made is not None:
                ready.append(made)
        held = {RELEASE_URN + name for name in self._seen.keys() - self._bad.keys()}
        return tuple(ready), self._gone(sorted(set(known) - held), wrong)

    def _gone(
        self, lost: Sequence[str], wrong: Mapping[str, tuple[str, DelianError]]
    ) -> tuple[Gone, ...]:
        found, doubted = [], {}
        for dataset in lost:
            if dataset not in wrong:
                found.append(Gone(dataset, "the release is no longer published"))
                continue
            looks, error = wrong[dataset]
            is_sure = isinstance(error, WithdrawnReleaseError)
            if is_sure or self._doubted.get(dataset) == looks:
                found.append(Gone(dataset, error.message))
            else:
                doubted[dataset] = looks
        self._doubted = doubted
        return tuple(found)

    def _look_at(self, name: str, path: Path, looks: str, now_utc: datetime) -> Ready | None:
        """What is to be published of one folder; None where it stands as it was.

        Raises:
            DelianError: it does not verify, or did not when it looked like this before.
        """
        before, self._seen[name] = self._seen.get(name), (looks, now_utc.date())
        bad = self._bad.pop(name, None)
        try:
            if before == self._seen[name]:
                if bad is not None:
                    raise bad
                return None
            if bad is None and before is not None and before[0] == looks:
                _verified(read_folder(path), path.name, self.root, self.place, now_utc)
                return None
            return ready_release(self.place, path, self.root, self.terms, now_utc, self.sealing)
        except DelianError as error:
            self._bad[name] = error
            raise

    def _forget(self, name: str) -> None:
        del self._seen[name]
        self._bad.pop(name, None)


def _folders(folder: Path) -> dict[str, Path]:
    if not folder.is_dir():
        raise FileMissingError("the folder of releases is away", where=str(folder))
    return {p.name: p for p in folder.iterdir() if (p / STATEMENT).is_file()}


def _fingerprint(folder: Path) -> str:
    """Changes with every file of the folder."""
    lines = []
    for path in sorted(folder.rglob("*")):
        seen = path.lstat()
        lines.append(f"{path.relative_to(folder)} {seen.st_size} {seen.st_mtime_ns}")
    return sha256_hex("\n".join(lines).encode("utf-8", "surrogateescape"))
