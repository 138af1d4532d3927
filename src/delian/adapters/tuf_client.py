"""A TUF client on files and HTTP: the workflow of python-tuf, behind three commands.

May touch: a metadata folder, a target folder, HTTP. It speaks the client protocol of the public
conformance suite (``init``, ``refresh``, ``download``; exit 0 or 1), and fetches a repository of
ours for a reader who is online. Consent is not its business: ``release.verify`` counts that.
"""

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from tuf.api.exceptions import DownloadError, RepositoryError
from tuf.ngclient import Updater  # type: ignore[attr-defined]

from delian.terms.errors import InputError, TamperedError, UnavailableError

ROOT = "root.json"
T = TypeVar("T")


class RepositoryRefusedError(TamperedError):
    """The repository's metadata or a file of it does not hold."""

    code = "tuf-refused"


class RepositoryAwayError(UnavailableError):
    """The repository, or a file of it, cannot be fetched."""

    code = "tuf-away"


class NotListedError(InputError):
    """The repository lists no such file."""

    code = "tuf-not-listed"


def initialize(metadata: Path, trusted_root: Path) -> None:
    """Trust *trusted_root* from now on; nothing is fetched.

    Raises:
        RepositoryAwayError: the file cannot be read or kept.
    """
    try:
        metadata.mkdir(parents=True, exist_ok=True)
        (metadata / ROOT).write_bytes(trusted_root.read_bytes())
    except OSError as error:
        raise RepositoryAwayError("the trusted root cannot be read or kept") from error


def refresh(metadata: Path, metadata_url: str) -> None:
    """Fetch and check the newest metadata of the repository at *metadata_url*.

    Raises:
        RepositoryRefusedError: something in it does not hold.
        RepositoryAwayError: it cannot be fetched.
    """
    _guarded(lambda: Updater(str(metadata), metadata_url, bootstrap=None).refresh())


def download(metadata: Path, metadata_url: str, name: str, base_url: str, folder: Path) -> Path:
    """Fetch the listed file *name* unless *folder* holds it already; its path.

    Raises:
        NotListedError: the repository lists no such file.
        RepositoryRefusedError: metadata or file do not hold.
        RepositoryAwayError: something cannot be fetched.
    """

    def step() -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        updater = Updater(str(metadata), metadata_url, str(folder), base_url, bootstrap=None)
        found = updater.get_targetinfo(name)
        if found is None:
            raise NotListedError("the repository lists no such file")
        return Path(updater.find_cached_target(found) or updater.download_target(found))

    return _guarded(step)


def _guarded(step: Callable[[], T]) -> T:
    try:
        return step()
    except DownloadError as error:
        raise RepositoryAwayError(f"the repository cannot be fetched: {error}") from error
    except (RepositoryError, ValueError) as error:
        raise RepositoryRefusedError(f"the repository does not hold: {error}") from error
    except OSError as error:
        raise RepositoryAwayError("a file of the client cannot be read or written") from error


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line of the conformance suite: 0 if the command succeeded, 1 if not."""
    parser = argparse.ArgumentParser(prog="tuf-client", description=__doc__)
    parser.add_argument("--metadata-dir", required=True, type=Path)
    parser.add_argument("--metadata-url")
    parser.add_argument("--target-name")
    parser.add_argument("--target-base-url")
    parser.add_argument("--target-dir", type=Path)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("init").add_argument("trusted_root", type=Path)
    commands.add_parser("refresh")
    commands.add_parser("download")
    given = parser.parse_args(arguments)
    try:
        _carry_out(given)
    except (InputError, TamperedError, UnavailableError) as error:
        sys.stderr.write(f"tuf-client: {error.message}\n")
        return 1
    return 0


def _carry_out(given: argparse.Namespace) -> None:
    if given.command == "init":
        initialize(given.metadata_dir, given.trusted_root)
    elif given.metadata_url is None:
        raise InputError("--metadata-url is needed")
    elif given.command == "refresh":
        refresh(given.metadata_dir, given.metadata_url)
    elif None in (given.target_name, given.target_base_url, given.target_dir):
        raise InputError("--target-name, --target-base-url and --target-dir are needed")
    else:
        download(
            given.metadata_dir,
            given.metadata_url,
            given.target_name,
            given.target_base_url,
            given.target_dir,
        )
