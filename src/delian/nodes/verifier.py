"""A reader's machine: a folder, a pinned root, and what was seen before. No network, no keys.

May touch: the release room, files, the clock that the caller reads.
"""

import os
from datetime import datetime
from pathlib import Path

from delian.adapters.files import read_bytes, write_bytes
from delian.release.report import VerifyReport
from delian.release.verify import MAX_FILE_BYTES, verify
from delian.terms.errors import TamperedError

MOST_FILES = 10_000


class ReleaseFolderError(TamperedError):
    """The folder holds what no release can hold, so that it is not even read."""

    code = "release-folder"


def verify_folder(
    folder: Path,
    root: Path,
    *,
    now_utc: datetime,
    state: Path | None,
    at_utc: datetime | None = None,
    round_id: str | None = None,
    audience: str | None = None,
    withdrawals: Path | None = None,
    is_deep: bool = False,
) -> VerifyReport:
    """Verify the release in *folder* and remember the versions seen.

    Args:
        folder: The release.
        root: The pinned root file.
        now_utc: One reading of the clock.
        state: The file that remembers versions, or None to do without.
        at_utc: Check as of this moment instead.
        round_id: Accept this round only.
        audience: Accept this audience only.
        withdrawals: A folder of withdrawals that came by other roads.
        is_deep: Also render the files again and compare.

    Guarantees:
        The state is written only after every check has passed.

    Raises:
        ReleaseFolderError: links, too many files, or something that is no file.
        FileMissingError: a file cannot be read.
    """
    seen = None
    if state is not None:
        seen = read_bytes(state, max_bytes=MAX_FILE_BYTES) if state.exists() else b""
    report = verify(
        read_folder(folder),
        read_bytes(root, max_bytes=MAX_FILE_BYTES),
        now_utc=now_utc,
        at_utc=at_utc,
        state=seen,
        round_id=round_id,
        audience=audience,
        withdrawals=tuple(read_folder(withdrawals).values()) if withdrawals else (),
        is_deep=is_deep,
    )
    if state is not None and report.seen is not None:
        write_bytes(state, report.seen)
    return report


def read_folder(folder: Path) -> dict[str, bytes]:
    """Every file below *folder*, by its path with forward slashes.

    Raises:
        ReleaseFolderError: links, too many files, or something that is no file.
    """
    found: dict[str, bytes] = {}
    for path in sorted(folder.rglob("*")):
        if path.is_symlink() or not (path.is_dir() or path.is_file()):
            raise ReleaseFolderError(f"{path.name} is no file of its own", where=str(path))
        if path.is_file():
            found[path.relative_to(folder).as_posix()] = read_bytes(path, max_bytes=MAX_FILE_BYTES)
        if len(found) > MOST_FILES:
            raise ReleaseFolderError("the folder holds more files than a release can")
    return found


def state_file(root: Path, folder: Path | None) -> Path | None:
    """Where versions are remembered: in *folder*, or beside the root file where that works."""
    if folder is not None:
        return folder / f"{root.name}.seen"
    beside = root.resolve().parent
    return beside / f"{root.name}.seen" if os.access(beside, os.W_OK) else None
