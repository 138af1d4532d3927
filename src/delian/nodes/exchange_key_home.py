"""The keys of a key-access service at rest: files that only their owner may read."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

from joserfc import jwk

from delian.adapters.files import read_bytes, write_bytes
from delian.exchange.session_keys import ALGORITHMS, EC_P256, RSA_2048, ServiceKey

_PREFIX = {RSA_2048: "r", EC_P256: "e"}


@dataclass(frozen=True, slots=True)
class KeyHome:
    """What the service's folder holds; the newest key of each kind is the one given to writers."""

    keys: tuple[ServiceKey, ...] = field(repr=False)
    token_key: jwk.ECKey = field(repr=False)

    def __reduce__(self) -> NoReturn:
        raise TypeError("private keys do not travel")

    def current(self, algorithm: str) -> ServiceKey:
        """The newest key of one of ``ALGORITHMS``."""
        return [key for key in self.keys if key.algorithm == algorithm][-1]


def open_home(folder: Path) -> KeyHome:
    """The keys in *folder*; what is missing is made, readable by its owner only."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    for algorithm in ALGORITHMS:
        if not list(folder.glob(f"{_PREFIX[algorithm]}[0-9]*.pem")):
            add_key(folder, algorithm)
    signing = folder / "token.pem"
    if not signing.exists():
        write_bytes(signing, ServiceKey.make("token", EC_P256).private_pem(), secret=True)
    paths = sorted(
        folder.glob("[re][0-9]*.pem"), key=lambda path: (path.stem[0], int(path.stem[1:]))
    )
    keys = tuple(ServiceKey.from_pem(path.stem, read_bytes(path)) for path in paths)
    return KeyHome(keys, jwk.ECKey.import_key(read_bytes(signing).decode()))


def add_key(folder: Path, algorithm: str) -> str:
    """Make the next key of a kind in *folder*; its name. Older ones go on opening older files."""
    prefix = _PREFIX[algorithm]
    last = max((int(path.stem[1:]) for path in folder.glob(f"{prefix}[0-9]*.pem")), default=0)
    key = ServiceKey.make(f"{prefix}{last + 1}", algorithm)
    write_bytes(folder / f"{key.kid}.pem", key.private_pem(), secret=True)
    return key.kid
