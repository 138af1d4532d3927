"""TUF metadata: one spelling, signatures of our own keys, thresholds counted over raw keys.

May touch: python-tuf's Metadata API and ``crypto.sign``. python-tuf counts key ids; one public
key under three key ids would meet a threshold of three there. Here a raw key counts once, and a
file in a release folder holds no signature that does not hold.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, TypeVar

from securesystemslib.signer import (  # type: ignore[attr-defined]
    Key,
    Signature,
    SSlibKey,
)
from tuf.api.exceptions import RepositoryError as TufError
from tuf.api.metadata import (  # type: ignore[attr-defined]
    Metadata,
    MetaFile,
    Role,
    Root,
    Signed,
    Snapshot,
    TargetFile,
    Targets,
    Timestamp,
)

from delian.crypto.sign import PrivateKey, PublicKey
from delian.release.errors import CurrencyError, RepositoryError
from delian.terms.encode import canonical, parse, sha256_hex
from delian.terms.errors import DelianError, InputError

__all__ = ["MetaFile", "Metadata", "Role", "Root", "Snapshot", "TargetFile", "Targets", "Timestamp"]

OURS = "x-delian"
MAX_BYTES = 8 * 1024 * 1024
S = TypeVar("S", Root, Timestamp, Snapshot, Targets)
_MALFORMED = (TufError, ValueError, TypeError, KeyError, AttributeError, RecursionError)


def tuf_key(public: PublicKey) -> SSlibKey:
    """The key as TUF spells it, its id the digest of that spelling.

    Raises:
        RepositoryError: not an Ed25519 key.
    """
    if public.algorithm != "ed25519":
        raise RepositoryError(
            "keys of a repository are Ed25519", hint="give the officer an Ed25519 key"
        )
    text = public.raw.hex()
    return SSlibKey(_keyid(text), "ed25519", "ed25519", {"public": text})


def _keyid(public: str) -> str:
    """Digest of the canonical spelling of an Ed25519 key, as the TUF specification has it."""
    spelled = f'{{"keytype":"ed25519","keyval":{{"public":"{public}"}},"scheme":"ed25519"}}'
    return sha256_hex(spelled.encode())


def raw_key(key: Key) -> PublicKey:
    """The raw key behind a TUF key.

    Raises:
        CurrencyError: not an Ed25519 key in our spelling, or its id is not its digest.
    """
    text = key.keyval.get("public")
    if key.keytype != "ed25519" or key.scheme != "ed25519" or not isinstance(text, str):
        raise CurrencyError("the repository names a key that is not Ed25519")
    try:
        public = PublicKey("ed25519", bytes.fromhex(text))
        is_same = text == public.raw.hex() and _keyid(text) == key.keyid
    except (ValueError, InputError) as error:
        raise CurrencyError("the repository names a key that cannot be used") from error
    if not is_same:
        raise CurrencyError("a key of the repository stands under a name that is not its digest")
    return public


def write(metadata: Metadata[Any]) -> bytes:
    """The one spelling of *metadata*."""
    return canonical(metadata.to_dict())


def read(data: bytes, kind: type[S]) -> Metadata[S]:
    """Parse one file of a repository; signatures are not checked yet.

    Raises:
        CurrencyError: not such a file, or not in its one spelling.
    """
    try:
        plain = parse(data, max_bytes=MAX_BYTES, max_depth=12)
        found = Metadata[S].from_dict(plain)
        spelled = write(found)
    except _MALFORMED as error:
        raise CurrencyError(f"the {kind.type} metadata is malformed") from error
    except DelianError as error:
        raise CurrencyError(f"the {kind.type} metadata is malformed") from error
    if not isinstance(found.signed, kind) or found.signed.type != kind.type:
        raise CurrencyError(f"a file of the repository is not {kind.type} metadata")
    if spelled != data:
        raise CurrencyError(f"the {kind.type} metadata is not in its one spelling")
    return found


def add_signatures(metadata: Metadata[Any], keys: Iterable[PrivateKey]) -> None:
    """Sign *metadata* with each of *keys*, in place."""
    message = metadata.signed_bytes
    for key in keys:
        keyid = tuf_key(key.public).keyid
        metadata.signatures[keyid] = Signature(keyid, key.sign(message).hex())


def keys_of(root: Root, role: str) -> Mapping[str, PublicKey]:
    """Key ids and raw keys of *role*, no raw key twice.

    Raises:
        CurrencyError: one raw key stands under two ids, or a key is missing.
    """
    held: Role = root.roles[role]
    found: dict[str, PublicKey] = {}
    for keyid in held.keyids:
        if keyid not in root.keys:
            raise CurrencyError("a role of the repository names a key that is not there")
        found[keyid] = raw_key(root.keys[keyid])
    if len({public.raw for public in found.values()}) != len(found):
        raise CurrencyError("a role of the repository counts one key twice")
    return found


def check_signed(
    metadata: Metadata[Any],
    root: Root,
    role: str,
    *,
    stops_early: bool = False,
    keys: Mapping[str, PublicKey] | None = None,
) -> None:
    """Return if enough distinct keys of *role* in *root* signed *metadata*.

    Args:
        metadata: Any metadata.
        root: The root that says who may sign.
        role: "root", "targets", "snapshot" or "timestamp".
        keys: ``keys_of(root, role)`` where the caller has it already.
        stops_early: Stop at the threshold; else every signature in the file must hold.

    Raises:
        CurrencyError: too few signatures, or one that does not hold.
    """
    keys = keys_of(root, role) if keys is None else keys
    threshold = root.roles[role].threshold
    message = metadata.signed_bytes
    good = 0
    for keyid, signature in metadata.signatures.items():
        if keyid not in keys:
            continue
        try:
            keys[keyid].verify(message, bytes.fromhex(signature.signature))
        except (ValueError, DelianError) as error:
            if stops_early:
                continue
            raise CurrencyError(f"a signature under the {role} metadata does not hold") from error
        good += 1
        if stops_early and good >= threshold:
            return
    if good < threshold:
        raise CurrencyError(f"the {role} metadata is signed by {good} of at least {threshold} keys")


def check_date(signed: Signed, now_utc: datetime) -> None:
    """Return if *signed* has not expired.

    Raises:
        CurrencyError: it has.
    """
    if now_utc >= signed.expires:
        raise CurrencyError(
            f"the {signed.type} metadata has expired",
            hint="fetch the current metadata, or use --at to check as of a date",
        )


def whole_second(moment: datetime) -> datetime:
    """*moment* in UTC, as TUF can spell it."""
    return moment.astimezone(UTC).replace(microsecond=0)


def ours(signed: Signed) -> Mapping[str, Any]:
    """What Delian adds to a role's metadata.

    Raises:
        CurrencyError: it is missing.
    """
    found = signed.unrecognized_fields.get(OURS)
    if not isinstance(found, dict):
        raise CurrencyError(f"the {signed.type} metadata is not one of Delian")
    return found
