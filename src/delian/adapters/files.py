"""Files of a node: written whole or not at all, secrets readable by their owner only."""

import os
from pathlib import Path

from delian.terms.encode import Digest, digest
from delian.terms.errors import InputError, TamperedError, UnavailableError

MAX_FILE_BYTES = 2 * 1024**3


class FileMissingError(UnavailableError):
    """A file is not where it should be, or cannot be read."""

    code = "file-missing"


class FileTooLargeError(InputError):
    """A file is larger than its kind can be."""

    code = "file-too-large"


class BlobError(TamperedError):
    """A stored blob is not what its name says."""

    code = "blob"


def read_bytes(path: Path, *, max_bytes: int = MAX_FILE_BYTES) -> bytes:
    """The content of *path*.

    Raises:
        FileMissingError: it cannot be read.
        FileTooLargeError: it is larger than *max_bytes*.
    """
    try:
        if path.stat().st_size > max_bytes:
            raise FileTooLargeError(f"{path.name} is too large for its kind", where=str(path))
        return path.read_bytes()
    except OSError as error:
        raise FileMissingError(
            f"cannot read {path.name}: {error.strerror}", where=str(path)
        ) from error


def write_bytes(path: Path, data: bytes, *, secret: bool = False) -> None:
    """Write *data* to *path* so that a crash leaves the old file or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}.part")
    mode = 0o600 if secret else 0o644
    handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        beside.replace(path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise


class Blobs:
    """Bytes by digest in one folder.

    Args:
        folder: Made where it is missing.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def path(self, name: Digest) -> Path:
        """Where the blob *name* lies or will lie."""
        return self._folder / name.removeprefix("sha256:")

    def put(self, data: bytes) -> Digest:
        """Keep *data*; the same bytes twice are one blob."""
        name = digest(data)
        if not self.path(name).exists():
            write_bytes(self.path(name), data)
        return name

    def has(self, name: Digest) -> bool:
        """Is it here?"""
        return self.path(name).exists()

    def get(self, name: Digest) -> bytes:
        """The blob, checked against its name.

        Raises:
            FileMissingError: not here.
            BlobError: altered on disk.
        """
        data = read_bytes(self.path(name))
        if digest(data) != name:
            raise BlobError("a stored file was altered", hint="restore it from its sender")
        return data

    def drop(self, name: Digest) -> None:
        """Erase it."""
        self.path(name).unlink(missing_ok=True)
