"""A release folder as one file, and back: a stored zip, the same for the same folder."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from delian.adapters.files import FileMissingError, write_bytes
from delian.crypto.tdf_errors import TdfFormError
from delian.crypto.tdf_zip import read_directory, read_entry
from delian.crypto.tdf_zip_write import Chunk, ZipWriter
from delian.release.ztdf import MAX_FOLDER_BYTES, is_inside
from delian.terms.errors import TamperedError

MAX_FILES = 10_000


class ArchiveError(TamperedError):
    """A fetched file is not a release folder."""

    code = "archive"


@dataclass(frozen=True, slots=True)
class FileAccess:
    """A file that is read where it is asked for."""

    path: Path

    @property
    def size(self) -> int:
        """Its length in bytes."""
        return self.path.stat().st_size

    def read_at(self, start: int, count: int) -> bytes:
        """At most *count* bytes from *start*."""
        with self.path.open("rb") as stream:
            stream.seek(start)
            return stream.read(count)


class _Parts:
    def __init__(self) -> None:
        self.parts: list[bytes] = []

    def write(self, data: Chunk, /) -> None:
        self.parts.append(bytes(data))


def pack(files: Mapping[str, bytes]) -> bytes:
    """*files* as one archive.

    Raises:
        ArchiveError: a name leads out of the folder.
    """
    sink = _Parts()
    archive = ZipWriter(sink)
    for name in sorted(files):
        _check_name(name)
        archive.add(name, files[name])
    archive.close()
    return b"".join(sink.parts)


def read_archive(path: Path) -> dict[str, bytes]:
    """The files in the archive at *path*.

    Raises:
        ArchiveError: not such an archive, too large, or a name that leads out of the folder.
    """
    source = FileAccess(path)
    try:
        entries = read_directory(source)
        if len(entries) > MAX_FILES or source.size > MAX_FOLDER_BYTES:
            raise ArchiveError("the archive is larger than a release can be")
        for name in entries:
            _check_name(name)
        return {
            name: read_entry(source, entry, max_bytes=MAX_FOLDER_BYTES)
            for name, entry in entries.items()
        }
    except TdfFormError as error:
        raise ArchiveError("the file is no release folder", where=str(path)) from error
    except OSError as error:
        raise FileMissingError(f"cannot read {path.name}", where=str(path)) from error


def unpack(files: Mapping[str, bytes], folder: Path) -> None:
    """Write *files* into *folder*, which must be empty or new.

    Raises:
        ArchiveError: the folder holds something already, or a name leads out of it.
    """
    if folder.exists() and any(folder.iterdir()):
        raise ArchiveError("the folder is not empty", hint="name a new one", where=str(folder))
    for name in files:
        _check_name(name)
    for name, data in files.items():
        write_bytes(folder / name, data)


def _check_name(name: str) -> None:
    if not is_inside(name):
        raise ArchiveError("a file of the folder has a name that leads out of it")
