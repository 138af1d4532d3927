"""The bytes that a connector hands out: copies of its own, by digest, for their owner alone."""

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from tempfile import NamedTemporaryFile

from delian.adapters.files import FileMissingError, write_bytes
from delian.terms.encode import Digest, digest

ASSETS = "assets"
_PIECE = 1024 * 1024


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
