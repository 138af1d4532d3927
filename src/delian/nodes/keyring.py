"""The keys in a home: which there are, a backup under a passphrase, the next ones.

May touch: key files and cards. A private key leaves a home only locked under a passphrase.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path, PurePosixPath

from delian.adapters.files import read_bytes, write_bytes
from delian.crypto.armor import from_base64, to_base64
from delian.crypto.passphrase import MAX_LOCKED_BYTES, lock, unlock
from delian.crypto.seal import SealPrivate
from delian.crypto.sign import PrivateKey
from delian.nodes.genesis import NEXT_CARD, HomeTakenError, make_certificate_in, read_card
from delian.nodes.pins import certificate_text
from delian.terms.encode import Fields, canonical, parse
from delian.terms.errors import InputError, RefusedError
from delian.terms.party import PURPOSES, Party

FORMAT = "delian-home-backup"
MAX_KEY_BYTES = 65536
_KEPT = ("card.json", "node.toml", "rosters", "keys", "root.json", "roots")
_TLS = ("host-tls", "office-tls")


class NextKeysError(RefusedError):
    """Next keys wait in this home already, or none do."""

    code = "next-keys"


@dataclass(frozen=True, slots=True)
class KeyLine:
    """One key of a home.

    Args:
        name: Its purpose, or what the file is called.
        public: Its public form; "" where there is none to show.
        state: "in use", "next", "missing", or "not the key on the card".
    """

    name: str
    public: str
    state: str

    def to_plain(self) -> dict[str, str]:
        """The line for ``--json``."""
        return {"name": self.name, "public": self.public, "state": self.state}


def list_keys(home: Path) -> tuple[KeyLine, ...]:
    """Every key that this party must have, and those made for a mandate or a repository."""
    card = read_card(read_bytes(home / "card.json"))
    found = [_line(home / "keys", purpose, card) for purpose in PURPOSES[card.kind]]
    if (home / NEXT_CARD).exists():
        fresh = read_card(read_bytes(home / NEXT_CARD))
        changed = [p for p in PURPOSES[card.kind] if fresh.keys[p] != card.keys.get(p)]
        for purpose in changed:
            line = _line(home / "keys" / "next", purpose, fresh)
            found.append(replace(line, state="next") if line.state == "in use" else line)
    for path in sorted((home / "keys").glob("*.key")):
        if path.stem.startswith(("repository-", "stand-in-")):
            public = PrivateKey.from_secret_bytes(read_bytes(path, max_bytes=MAX_KEY_BYTES)).public
            found.append(KeyLine(path.stem, public.to_wire(), "in use"))
    return tuple(found)


def _line(folder: Path, purpose: str, card: Party) -> KeyLine:
    named = card.keys.get(purpose, "")
    path = folder / ("tls.key" if purpose in _TLS else f"{purpose}.key")
    if not path.exists():
        return KeyLine(purpose, named, "missing")
    public = _public(folder, purpose)
    return KeyLine(purpose, public, "in use" if public == named else "not the key on the card")


def _public(folder: Path, purpose: str) -> str:
    if purpose in _TLS:
        return certificate_text(read_bytes(folder / "tls.pem", max_bytes=MAX_KEY_BYTES))
    data = read_bytes(folder / f"{purpose}.key", max_bytes=MAX_KEY_BYTES)
    if purpose == "host-seal":
        return SealPrivate.from_secret_bytes(data).public.to_wire()
    return PrivateKey.from_secret_bytes(data).public.to_wire()


def back_up(home: Path, passphrase: str, randbytes: Callable[[int], bytes]) -> bytes:
    """Keys, card, settings and rosters of *home*, locked; not the sheets and not the database.

    Raises:
        InputError: the passphrase is too short.
    """
    card = read_card(read_bytes(home / "card.json"))
    paths = [p for name in _KEPT for p in _files(home / name)]
    files = {
        p.relative_to(home).as_posix(): to_base64(read_bytes(p, max_bytes=MAX_LOCKED_BYTES))
        for p in sorted(paths)
    }
    plain = canonical({"format": FORMAT, "version": 1, "code": card.code, "files": files})
    return lock(plain, passphrase, randbytes)


def _files(path: Path) -> list[Path]:
    return [p for p in path.rglob("*") if p.is_file()] if path.is_dir() else [path][: path.exists()]


def restore(home: Path, locked: bytes, passphrase: str) -> tuple[str, tuple[str, ...]]:
    """Put a backup into *home*; the party's code, and the files that were written.

    Raises:
        HomeTakenError: a file is there already and differs; nothing was written.
        LockedError: another passphrase, or altered.
    """
    plain = parse(unlock(locked, passphrase), max_bytes=MAX_LOCKED_BYTES, max_depth=4)
    f = Fields(plain, "backup of a home")
    f.form(FORMAT)
    code, named = f.text("code"), f.mapping("files")
    f.end()
    files = {n: from_base64(text, max_bytes=MAX_LOCKED_BYTES) for n, text in named.items()}
    for name, data in files.items():
        _check_name(name)
        if (home / name).exists() and (home / name).read_bytes() != data:
            raise HomeTakenError(f"{home} holds another {name}", hint="restore into a new folder")
    missing = [name for name in sorted(files) if not (home / name).exists()]
    (home / "keys").mkdir(parents=True, exist_ok=True)
    (home / "keys").chmod(0o700)
    for name in missing:
        write_bytes(home / name, files[name], secret=name.endswith(".key"))
    return code, tuple(missing)


def _check_name(name: str) -> None:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or path.parts[0] not in _KEPT:
        raise InputError("the backup names a file that no backup holds")


def rotate(home: Path, purposes: Sequence[str], now_utc: datetime) -> Party:
    """Make the next keys for *purposes*, in ``keys/next``, and the next card; nothing changes yet.

    The successor roster that holds the card takes effect with :func:`take_over`.

    Raises:
        NextKeysError: next keys wait already.
        InputError: the party has no such key.
    """
    card = read_card(read_bytes(home / "card.json"))
    folder = home / "keys" / "next"
    if (home / NEXT_CARD).exists():
        raise NextKeysError("next keys wait already", hint="settle the successor roster first")
    unknown = sorted(set(purposes) - set(PURPOSES[card.kind]))
    if unknown or not purposes:
        raise InputError(
            f"{card.code} has no key '{unknown[0] if unknown else ''}'",
            hint="there are " + ", ".join(PURPOSES[card.kind]),
        )
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    public = {purpose: _make(folder, purpose, card, now_utc) for purpose in purposes}
    fresh = replace(card, keys={**card.keys, **public})
    write_bytes(home / NEXT_CARD, canonical(fresh.to_plain()))
    return fresh


def _make(folder: Path, purpose: str, card: Party, now_utc: datetime) -> str:
    if purpose in _TLS:
        return make_certificate_in(folder, card.code, now_utc)
    if purpose == "host-seal":
        seal = SealPrivate.generate()
        write_bytes(folder / "host-seal.key", seal.to_secret_bytes(), secret=True)
        return seal.public.to_wire()
    key = PrivateKey.generate(card.keys[purpose].partition(":")[0])
    write_bytes(folder / f"{purpose}.key", key.to_secret_bytes(), secret=True)
    return key.public.to_wire()


def take_over(home: Path, listed: Party, version: int) -> tuple[str, ...]:
    """Put the next keys in their place, because roster *version* lists them; the old ones stay.

    Returns:
        The names of the files that changed; empty where no next key waits or is listed.
    """
    if not (home / NEXT_CARD).exists():
        return ()
    fresh = read_card(read_bytes(home / NEXT_CARD))
    if fresh.keys != listed.keys:
        return ()
    old = home / "keys" / "old" / str(version - 1)
    old.mkdir(parents=True, exist_ok=True)
    old.parent.chmod(0o700)
    changed = sorted(p.name for p in (home / "keys" / "next").iterdir())
    for name in changed:
        if (home / "keys" / name).exists():
            (home / "keys" / name).replace(old / name)
        (home / "keys" / "next" / name).replace(home / "keys" / name)
    (home / NEXT_CARD).replace(home / "card.json")
    return tuple(changed)
