"""Is this the newest list, and is it fresh? The steps of a TUF client, over files in hand.

May touch: values. Follows the client workflow of the TUF specification 1.0 (section 5), with
the moment of checking handed in. What was seen before is a value too (:class:`Seen`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tuf.api.exceptions import RepositoryError as TufError

from delian.release import metadata as tuf
from delian.release.errors import CurrencyError
from delian.release.metadata import Metadata, MetaFile, Root, Snapshot, Targets, Timestamp
from delian.release.roots import RosterPin
from delian.terms.encode import Digest, Fields, canonical, is_digest, parse

STATE_FORMAT = "delian-verify-state"
MAX_ROOTS = 256
MAX_STATE_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class TrustedRoot:
    """The newest root that the pinned one leads to.

    Args:
        root: Its content.
        partnership: Whose it is.
        rosters: Roster version to its pin.
    """

    root: Root
    partnership: str
    rosters: Mapping[int, RosterPin]


@dataclass(frozen=True, slots=True)
class Versions:
    """What a reader has seen of one repository."""

    root: int
    timestamp: int
    snapshot: int
    targets: int

    def to_plain(self) -> dict[str, int]:
        """The canonical form."""
        return {
            "root": self.root,
            "timestamp": self.timestamp,
            "snapshot": self.snapshot,
            "targets": self.targets,
        }


@dataclass(frozen=True, slots=True)
class Seen:
    """The memory of a verifier: versions by partnership and audience.

    Args:
        repositories: (partnership, audience) to the highest versions that passed.
    """

    repositories: Mapping[tuple[str, str], Versions]

    def to_wire(self) -> bytes:
        """The state file."""
        return canonical(
            {
                "format": STATE_FORMAT,
                "version": 1,
                "repositories": [
                    {"partnership": p, "audience": a, **self.repositories[p, a].to_plain()}
                    for p, a in sorted(self.repositories)
                ],
            }
        )

    @classmethod
    def from_wire(cls, data: bytes) -> "Seen":
        """Read what :meth:`to_wire` writes; b"" is a reader who has seen nothing.

        Raises:
            InputError: not a state file.
        """
        if not data:
            return cls({})
        f = Fields(parse(data, max_bytes=MAX_STATE_BYTES, max_depth=4), "state")
        f.form(STATE_FORMAT)
        found: dict[tuple[str, str], Versions] = {}
        for plain in f.items("repositories"):
            r = Fields(plain, "state")
            name = (r.text("partnership"), r.text("audience"))
            found[name] = Versions(
                r.whole("root"), r.whole("timestamp"), r.whole("snapshot"), r.whole("targets")
            )
            r.end()
        f.end()
        return cls(found)


def read_root(pinned: bytes) -> TrustedRoot:
    """The pinned root, checked by its own officers' signatures.

    Raises:
        CurrencyError: malformed, too few officers, or one key with two holders.
    """
    metadata = tuf.read(pinned, Root)
    return _trusted(metadata, None)


def follow_roots(trusted: TrustedRoot, pinned: bytes, metadata: Mapping[str, bytes]) -> TrustedRoot:
    """The newest root among *metadata*, each link signed by the old and the new officers.

    Raises:
        CurrencyError: a link does not hold, or the folder's copy of the pinned root differs.
    """
    first = trusted.root.version
    if metadata.get(f"{first}.root.json", pinned) != pinned:
        raise CurrencyError("the folder holds another root of the version that is pinned")
    for version in range(first + 1, first + MAX_ROOTS):
        data = metadata.get(f"{version}.root.json")
        if data is None:
            break
        metadata_of = tuf.read(data, Root)
        if metadata_of.signed.version != version:
            raise CurrencyError("a root has another version than its file name says")
        trusted = _trusted(metadata_of, trusted)
    return trusted


def read_timestamp(
    trusted: TrustedRoot, metadata: Mapping[str, bytes], now_utc: datetime
) -> Timestamp:
    """The timestamp: signed by the online key, and fresh.

    Raises:
        CurrencyError: missing, not signed, or expired.
    """
    tuf.check_date(trusted.root, now_utc)
    found = tuf.read(_file(metadata, "timestamp.json"), Timestamp)
    tuf.check_signed(found, trusted.root, "timestamp")
    tuf.check_date(found.signed, now_utc)
    return found.signed


def read_snapshot(
    trusted: TrustedRoot, stamp: Timestamp, metadata: Mapping[str, bytes], now_utc: datetime
) -> Snapshot:
    """The snapshot that the timestamp names.

    Raises:
        CurrencyError: missing, another one, not signed, or expired.
    """
    named = stamp.snapshot_meta
    data = _file(metadata, f"{named.version}.snapshot.json")
    _check_named(named, data, "snapshot")
    found = tuf.read(data, Snapshot)
    tuf.check_signed(found, trusted.root, "snapshot")
    tuf.check_date(found.signed, now_utc)
    if found.signed.version != named.version:
        raise CurrencyError("the snapshot has another version than the timestamp says")
    return found.signed


def read_targets(
    trusted: TrustedRoot, snapshot: Snapshot, metadata: Mapping[str, bytes], now_utc: datetime
) -> Targets:
    """The list of files that the snapshot names.

    Raises:
        CurrencyError: missing, another one, not signed, expired, or it delegates.
    """
    named = snapshot.meta.get("targets.json")
    if named is None:
        raise CurrencyError("the snapshot names no list of files")
    data = _file(metadata, f"{named.version}.targets.json")
    _check_named(named, data, "targets")
    found = tuf.read(data, Targets)
    tuf.check_signed(found, trusted.root, "targets")
    tuf.check_date(found.signed, now_utc)
    if found.signed.version != named.version:
        raise CurrencyError("the list of files has another version than the snapshot says")
    if found.signed.delegations is not None:
        raise CurrencyError("the list of files delegates, which repositories of Delian do not")
    return found.signed


def audience_of(trusted: TrustedRoot, *parts: Timestamp | Snapshot | Targets) -> str:
    """The one audience that all *parts* are for.

    Raises:
        CurrencyError: parts of different repositories, or of another partnership.
    """
    names = {str(tuf.ours(part).get("audience")) for part in parts}
    if {tuf.ours(part).get("partnership") for part in parts} != {trusted.partnership}:
        raise CurrencyError("the metadata belongs to another partnership")
    if len(names) != 1:
        raise CurrencyError("the metadata mixes repositories of different audiences")
    return names.pop()


def check_rollback(seen: Versions, now: Versions) -> None:
    """Return if nothing is older than what was seen before.

    Raises:
        CurrencyError: names the role that went back.
    """
    for role, version in seen.to_plain().items():
        if now.to_plain()[role] < version:
            raise CurrencyError(
                f"the {role} metadata is older than what was seen here before",
                hint="fetch the current metadata; somebody may be serving an old copy",
            )


def _trusted(metadata: Metadata[Root], before: TrustedRoot | None) -> TrustedRoot:
    root = metadata.signed
    officers = tuf.keys_of(root, "root")
    tuf.check_signed(metadata, root, "root", stops_early=before is None, keys=officers)
    if before is not None:
        tuf.check_signed(metadata, before.root, "root", stops_early=True)
    if root.roles["root"].threshold < -(-2 * len(officers) // 3):
        raise CurrencyError("the root asks for fewer than two thirds of its officers")
    raws = {key.raw for key in officers.values()}
    for role in ("targets", "snapshot", "timestamp"):
        if raws & {key.raw for key in tuf.keys_of(root, role).values()}:
            raise CurrencyError("an officer's key also signs for the secretariat")
    plain = tuf.ours(root)
    partnership = plain.get("partnership")
    if not isinstance(partnership, str):
        raise CurrencyError("the root names no partnership")
    if before is not None and before.partnership != partnership:
        raise CurrencyError("the root belongs to another partnership")
    return TrustedRoot(root, partnership, _pins(plain))


def _pins(plain: Mapping[str, Any]) -> dict[int, RosterPin]:
    found: dict[int, RosterPin] = {}
    rosters = plain.get("rosters")
    if not isinstance(rosters, dict) or not rosters:
        raise CurrencyError("the root pins no roster")
    for version, pin in rosters.items():
        named: Digest = str(pin.get("digest")) if isinstance(pin, dict) else ""
        recovered = pin.get("recovered") if isinstance(pin, dict) else None
        if not str(version).isdigit() or not is_digest(named) or not isinstance(recovered, list):
            raise CurrencyError("the root pins a roster that is not well formed")
        found[int(version)] = RosterPin(named, tuple(str(keyid) for keyid in recovered))
    return found


def _file(metadata: Mapping[str, bytes], name: str) -> bytes:
    if name not in metadata:
        raise CurrencyError(f"the folder lacks metadata/{name}")
    return metadata[name]


def _check_named(named: MetaFile, data: bytes, role: str) -> None:
    if not named.hashes or "sha256" not in named.hashes:
        raise CurrencyError(f"the {role} metadata is not named by its digest")
    try:
        named.verify_length_and_hashes(data)
    except (TufError, ValueError) as error:
        raise CurrencyError(f"the {role} metadata is not the one that is listed") from error
