"""The root that the nations hold: who may sign what, and which rosters count.

May touch: values; every function takes bytes and gives bytes. Officers sign a root one by one;
two thirds of them, rounded up, make it hold (``docs/formats/repository.md``).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from delian.crypto.sign import PrivateKey, PublicKey
from delian.release import metadata as tuf
from delian.release.errors import RepositoryError, ThresholdError
from delian.release.metadata import Metadata, Role, Root
from delian.terms.encode import Digest
from delian.terms.errors import TamperedError


@dataclass(frozen=True, slots=True)
class RosterPin:
    """A roster that releases may have been approved under.

    Args:
        digest: Of the roster.
        recovered: Key ids that changed without the old key's signature; every verification
            prints them.
    """

    digest: Digest
    recovered: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RootPlan:
    """What a root says.

    Args:
        partnership: Name of the partnership.
        version: From 1.
        expires_utc: When it must have been replaced.
        nations: Nation code to its officer's key.
        targets: The secretariat's offline key.
        online: The secretariat's online key, for snapshot and timestamp.
        rosters: Roster version to its pin.
    """

    partnership: str
    version: int
    expires_utc: datetime
    nations: Mapping[str, PublicKey]
    targets: PublicKey
    online: PublicKey
    rosters: Mapping[int, RosterPin]

    @property
    def threshold(self) -> int:
        """Two thirds of the nations, rounded up."""
        return -(-2 * len(self.nations) // 3)


def make_root(plan: RootPlan) -> bytes:
    """A root without signatures; officers add theirs with :func:`sign_root`.

    Raises:
        RepositoryError: fewer than three nations, or one key with two holders.
    """
    holders = [*plan.nations.values(), plan.targets, plan.online]
    if len(plan.nations) < 3 or len({key.raw for key in holders}) != len(holders):
        raise RepositoryError("a root needs three nations or more, and no key twice")
    if not plan.rosters:
        raise RepositoryError("a root pins at least one roster")
    keys = {code: tuf.tuf_key(key) for code, key in sorted(plan.nations.items())}
    targets, online = tuf.tuf_key(plan.targets), tuf.tuf_key(plan.online)
    root = Root(
        version=plan.version,
        expires=tuf.whole_second(plan.expires_utc),
        keys={key.keyid: key for key in (*keys.values(), targets, online)},
        roles={
            "root": Role([key.keyid for key in keys.values()], plan.threshold),
            "targets": Role([targets.keyid], 1),
            "snapshot": Role([online.keyid], 1),
            "timestamp": Role([online.keyid], 1),
        },
        consistent_snapshot=True,
        unrecognized_fields={
            tuf.OURS: {
                "partnership": plan.partnership,
                "rosters": {
                    str(version): {"digest": pin.digest, "recovered": list(pin.recovered)}
                    for version, pin in sorted(plan.rosters.items())
                },
            }
        },
    )
    return tuf.write(Metadata(root))


def sign_root(data: bytes, keys: Iterable[PrivateKey]) -> bytes:
    """The root with the signatures of *keys* added."""
    metadata = tuf.read(data, Root)
    tuf.add_signatures(metadata, keys)
    return tuf.write(metadata)


def join_roots(data: bytes, others: Iterable[bytes]) -> bytes:
    """One root with the signatures of all *others* over the same content.

    Raises:
        RepositoryError: another content.
    """
    metadata = tuf.read(data, Root)
    for other in others:
        added = tuf.read(other, Root)
        if added.signed_bytes != metadata.signed_bytes:
            raise RepositoryError("the roots do not say the same")
        metadata.signatures.update(added.signatures)
    return tuf.write(metadata)


def root_version(data: bytes) -> int:
    """The version of a root, from 1."""
    return tuf.read(data, Root).signed.version


def check_roots(roots: tuple[bytes, ...]) -> None:
    """Return if *roots* is a chain, each signed by two thirds of its own and the last officers.

    Raises:
        RepositoryError: a version is missing.
        ThresholdError: too few signatures.
    """
    before: Root | None = None
    for number, data in enumerate(roots, 1):
        metadata = tuf.read(data, Root)
        if metadata.signed.version != number:
            raise RepositoryError("the roots of a repository count up from 1")
        try:
            for root in (metadata.signed, before):
                if root is not None:
                    tuf.check_signed(metadata, root, "root")
        except TamperedError as error:
            raise ThresholdError(
                "too few officers signed the root, or a signature does not hold",
                hint="two thirds of the nations must sign, by the old root and by the new one",
            ) from error
        before = metadata.signed
    if before is None:
        raise RepositoryError("a repository needs a root")
