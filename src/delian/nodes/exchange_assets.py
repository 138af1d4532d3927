"""What a connector hands out: copies of its own, by digest, and the offers they leave under."""

import hashlib
import os
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from tempfile import NamedTemporaryFile

from delian.adapters.files import FileMissingError, write_bytes
from delian.exchange.catalogue import Dataset
from delian.exchange.offering import RELEASE_URN, Content, Terms, dataset_for, offer_for
from delian.label.label import Label
from delian.terms.encode import Digest, digest
from delian.terms.errors import InputError

ASSETS = "assets"
BYTES = "application/octet-stream"
_PIECE = 1024 * 1024


class DatasetNameError(InputError):
    """A dataset needs a name that can stand in an address."""

    code = "dataset-name"


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
