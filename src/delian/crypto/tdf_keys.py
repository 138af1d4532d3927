"""The key of a TDF file: its shares, their wrapping for key services, the binding of the policy.

May touch: the installed ``cryptography`` package. The data key is the exclusive or of one share
per split id; every key service of one split holds the same share. A share is wrapped with
RSA-OAEP (SHA-1, as every TDF client does) or with ECDH, HKDF-SHA256 and AES-256-GCM.
"""

import hashlib
import hmac
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import NoReturn, TypeAlias

from cryptography.exceptions import InvalidTag, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from delian.crypto.tdf_errors import TdfFormError, TdfKeyError, TdfTamperedError

KEY_BYTES, IV_BYTES, TAG_BYTES = 32, 12, 16
MAX_GRANTS = 64
RandomBytes: TypeAlias = Callable[[int], bytes]
HolderKey: TypeAlias = "rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey"

_SALT = hashlib.sha256(b"TDF").digest()
_OAEP = padding.OAEP(padding.MGF1(hashes.SHA1()), hashes.SHA1(), None)  # noqa: S303 - OAEP's hash
_RSA_BITS = (2048, 4096)
_CURVES = frozenset({"secp256r1", "secp384r1", "secp521r1"})


@dataclass(frozen=True, slots=True)
class KeyAccessGrant:
    """A key service that shall be able to give one share of the key.

    Args:
        url: Its address, as readers will call it.
        kid: Name of its public key.
        public_pem: That key in PEM: RSA of 2048 to 4096 bits, or one of the NIST curves.
        split: Grants with different splits must all give their share; grants of one split are
            alternatives.
    """

    url: str
    kid: str
    public_pem: str
    split: str = ""

    def __post_init__(self) -> None:
        for text in (self.url, self.kid):
            if not text or len(text) > 2048 or not text.isprintable():
                raise TdfFormError("a key service needs an address and the name of its key")
        if len(self.split) > 256 or not self.split.isprintable():
            raise TdfFormError("a split id is at most 256 printable characters")


@dataclass(frozen=True, slots=True)
class KeyAccess:
    """One key access object of a manifest.

    Args:
        kind: ``wrapped`` (RSA) or ``ec-wrapped``.
        url: Address of the key service; to be checked before it is called.
        kid: Name of the service's key; "" where the writer did not say.
        split: Split id; "" where there is only one.
        wrapped: The wrapped share.
        ephemeral_pem: The writer's public key, for ``ec-wrapped``; "" otherwise.
        binding: The policy's HMAC-SHA256 under the share, decoded to 32 bytes.
        binding_text: The same as it stands in the file, for the key service.
    """

    kind: str
    url: str
    kid: str
    split: str
    wrapped: bytes = field(repr=False)
    ephemeral_pem: str
    binding: bytes
    binding_text: str


class DataKey:
    """The 32 bytes that a file's segments are sealed with. Hides itself, refuses pickling.

    Raises:
        TdfTamperedError: another length, or all zero: no honest file has such a key.
    """

    __slots__ = ("_raw",)

    def __init__(self, raw: bytes) -> None:
        if len(raw) != KEY_BYTES or not any(raw):
            raise TdfTamperedError("the data key is not one that an honest writer makes")
        self._raw = raw

    def __repr__(self) -> str:
        return "DataKey(...)"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a data key cannot be pickled")

    def cipher(self) -> AESGCM:
        """AES-256-GCM under this key."""
        return AESGCM(self._raw)

    def mac(self, message: bytes | memoryview) -> bytes:
        """HMAC-SHA256 of *message*."""
        return hmac.digest(self._raw, message, "sha256")

    def shares(self, splits: Iterable[str], randbytes: RandomBytes) -> dict[str, bytes]:
        """One share per split; all of them together, and only then, are the key.

        Guarantees:
            :func:`join_shares` gives the key back (``tests/property/test_tdf_laws.py``).
        """
        names = sorted(set(splits))
        made = {name: randbytes(KEY_BYTES) for name in names[1:]}
        made[names[0]] = _exclusive_or([self._raw, *made.values()])
        return made


def join_shares(shares: Iterable[bytes]) -> DataKey:
    """The key behind *shares*, one per split.

    Raises:
        TdfTamperedError: none, one of another length or all zero, or an all-zero key.
    """
    found = list(shares)
    if not found:
        raise TdfTamperedError("the file names no key service")
    if any(len(share) != KEY_BYTES or not any(share) for share in found):
        raise TdfTamperedError("a key service gave a share that no honest writer makes")
    return DataKey(_exclusive_or(found))


def _exclusive_or(parts: list[bytes]) -> bytes:
    total = 0
    for part in parts:
        total ^= int.from_bytes(part, "big")
    return total.to_bytes(KEY_BYTES, "big")


def policy_binding(share: bytes, policy_base64: str) -> bytes:
    """What binds the policy's exact text to a share."""
    return hmac.digest(share, policy_base64.encode("utf-8"), "sha256")


def check_binding(share: bytes, policy_base64: str, access: KeyAccess) -> None:
    """Is the policy the one that the writer bound to this share?

    Raises:
        TdfTamperedError: it was altered, or belongs to another file.
    """
    if not hmac.compare_digest(policy_binding(share, policy_base64), access.binding):
        raise TdfTamperedError("the policy is not the one bound to the key")


def wrap(grant: KeyAccessGrant, share: bytes, randbytes: RandomBytes) -> tuple[str, bytes, str]:
    """*share* for the key service of *grant*.

    Returns:
        Kind, wrapped share, and the ephemeral public key in PEM ("" for RSA).

    Raises:
        TdfFormError: the service's key is not one that TDF uses.
    """
    try:
        public = serialization.load_pem_public_key(grant.public_pem.encode())
    except (ValueError, UnsupportedAlgorithm) as error:
        raise TdfFormError("a key service's public key is not in PEM") from error
    if isinstance(public, rsa.RSAPublicKey):
        if not _RSA_BITS[0] <= public.key_size <= _RSA_BITS[1]:
            raise TdfFormError("a key service's RSA key must have 2048 to 4096 bits")
        return "wrapped", public.encrypt(share, _OAEP), ""
    if isinstance(public, ec.EllipticCurvePublicKey) and public.curve.name in _CURVES:
        own = ec.generate_private_key(public.curve)
        iv = randbytes(IV_BYTES)
        sealing = AESGCM(_derive(own.exchange(ec.ECDH(), public)))
        pem = own.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        return "ec-wrapped", iv + sealing.encrypt(iv, share, None), pem.decode("ascii")
    raise TdfFormError("a key service's public key is of a kind that TDF does not use")


def unwrap(private: HolderKey, access: KeyAccess) -> bytes:
    """The share behind *access*, for whoever holds the service's key: a reader without a service.

    Raises:
        TdfKeyError: wrapped for another key; always the same words.
    """
    try:
        if isinstance(private, rsa.RSAPrivateKey) and access.kind == "wrapped":
            return private.decrypt(access.wrapped, _OAEP)
        if isinstance(private, ec.EllipticCurvePrivateKey) and access.kind == "ec-wrapped":
            public = serialization.load_pem_public_key(access.ephemeral_pem.encode())
            if isinstance(public, ec.EllipticCurvePublicKey):
                opening = AESGCM(_derive(private.exchange(ec.ECDH(), public)))
                return opening.decrypt(access.wrapped[:IV_BYTES], access.wrapped[IV_BYTES:], None)
    except (ValueError, InvalidTag, UnsupportedAlgorithm) as error:
        raise TdfKeyError("the key was not wrapped for this holder") from error
    raise TdfKeyError("the key was not wrapped for this holder")


def _derive(secret: bytes) -> bytes:
    return HKDF(hashes.SHA256(), KEY_BYTES, _SALT, b"").derive(secret)
