"""Seal bytes to one holder: HPKE (RFC 9180) with the X25519 + ML-KEM-768 hybrid KEM.

May touch: the installed ``cryptography`` package and its own randomness. A message
binds ``info`` (what it is for) and ``aad`` (where it belongs); neither is secret. Large
messages go through ``crypto.chunked``.
"""

from dataclasses import dataclass, field
from typing import NoReturn

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.mlkem import (
    MLKEM768PrivateKey,
    MLKEM768PublicKey,
)
from cryptography.hazmat.primitives.asymmetric.x25519 import (
    X25519PrivateKey,
    X25519PublicKey,
)
from cryptography.hazmat.primitives.hpke import (
    AEAD,
    KDF,
    KEM,
    MLKEM768X25519PrivateKey,
    MLKEM768X25519PublicKey,
    Suite,
)

from delian.crypto.armor import ArmorError, from_base64url, to_base64url
from delian.terms.errors import InputError, TamperedError

KEM_NAME = "x25519-mlkem768"
_SUITE = Suite(KEM.MLKEM768_X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)
_MLKEM_BYTES, _X25519_BYTES = 1184, 32
PUBLIC_BYTES = _MLKEM_BYTES + _X25519_BYTES
_MLKEM_SEED_BYTES = 64
_PRIVATE_FORM = "delian-seal-secret-1"

KEY_BYTES = 32
TAG_BYTES = 16
HPKE_OVERHEAD_BYTES = KEM.MLKEM768_X25519.enc_length() + TAG_BYTES

WHOLE_MAGIC = b"DELIAN-SEALED-1\n"


class SealFormError(InputError):
    """The bytes are not a sealing key or a sealed file."""

    code = "seal-form"


class SealError(TamperedError):
    """A sealed file does not open: other key, other purpose, other place, or altered."""

    code = "seal"


@dataclass(frozen=True, slots=True)
class SealPublic:
    """The key to which bytes are sealed; equal exactly if the raw bytes are equal.

    Args:
        raw: 1,184 bytes ML-KEM-768, then 32 bytes X25519.

    Raises:
        SealFormError: another length or not a key.
    """

    raw: bytes = field(repr=False)
    _key: MLKEM768X25519PublicKey = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if len(self.raw) != PUBLIC_BYTES:
            raise SealFormError("a sealing key has the wrong length")
        try:
            key = MLKEM768X25519PublicKey(
                MLKEM768PublicKey.from_public_bytes(self.raw[:_MLKEM_BYTES]),
                X25519PublicKey.from_public_bytes(self.raw[_MLKEM_BYTES:]),
            )
        except ValueError as error:
            raise SealFormError("these bytes are not a sealing key") from error
        object.__setattr__(self, "_key", key)

    def wrap(self, plain: bytes, bound: bytes) -> bytes:
        """The bare HPKE ciphertext of *plain*, bound to *bound*.

        Raises:
            SealFormError: this is a point to which nothing can be sealed.
        """
        try:
            return _SUITE.encrypt(plain, self._key, bound)
        except ValueError as error:
            raise SealFormError("nothing can be sealed to this key") from error

    def __reduce__(self) -> tuple[type["SealPublic"], tuple[bytes]]:
        return SealPublic, (self.raw,)

    def to_wire(self) -> str:
        """The key as ``x25519-mlkem768:<base64url>``."""
        return f"{KEM_NAME}:{to_base64url(self.raw)}"

    @classmethod
    def from_wire(cls, text: str) -> "SealPublic":
        """Read what :meth:`to_wire` writes.

        Raises:
            SealFormError: anything else.
        """
        name, _, body = text.partition(":")
        if name != KEM_NAME:
            raise SealFormError("a sealing key is spelled x25519-mlkem768:base64url")
        try:
            return cls(from_base64url(body, max_bytes=PUBLIC_BYTES))
        except ArmorError as error:
            raise SealFormError("a sealing key is spelled x25519-mlkem768:base64url") from error


@dataclass(frozen=True, slots=True, eq=False)
class SealPrivate:
    """The key that opens. It hides itself from ``repr`` and refuses pickling."""

    public: SealPublic
    _key: MLKEM768X25519PrivateKey = field(repr=False)
    _seeds: bytes = field(repr=False)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a private key cannot be pickled")

    @classmethod
    def generate(cls) -> "SealPrivate":
        """A fresh key from the system's randomness."""
        return cls._wrap(MLKEM768PrivateKey.generate(), X25519PrivateKey.generate())

    @classmethod
    def _wrap(cls, mlkem: MLKEM768PrivateKey, x25519: X25519PrivateKey) -> "SealPrivate":
        public = mlkem.public_key().public_bytes_raw() + x25519.public_key().public_bytes_raw()
        seeds = mlkem.private_bytes_raw() + x25519.private_bytes_raw()
        return cls(SealPublic(public), MLKEM768X25519PrivateKey(mlkem, x25519), seeds)

    def unwrap(self, sealed: bytes, bound: bytes) -> bytes:
        """The bytes that :meth:`SealPublic.wrap` sealed.

        Raises:
            SealError: another key or another *bound*, or altered bytes.
        """
        try:
            return _SUITE.decrypt(sealed, self._key, bound)
        except (InvalidTag, ValueError) as error:
            raise SealError("the sealed bytes do not open") from error

    def to_secret_bytes(self) -> bytes:
        """The key for a file that only its owner can read."""
        return f"{_PRIVATE_FORM}:{KEM_NAME}:{to_base64url(self._seeds)}\n".encode("ascii")

    @classmethod
    def from_secret_bytes(cls, data: bytes) -> "SealPrivate":
        """Read what :meth:`to_secret_bytes` writes.

        Raises:
            SealFormError: anything else; the message holds nothing of *data*.
        """
        try:
            form, name, body = data.decode("ascii").removesuffix("\n").split(":")
            seeds = from_base64url(body, max_bytes=_MLKEM_SEED_BYTES + _X25519_BYTES)
            mlkem = MLKEM768PrivateKey.from_seed_bytes(seeds[:_MLKEM_SEED_BYTES])
            x25519 = X25519PrivateKey.from_private_bytes(seeds[_MLKEM_SEED_BYTES:])
        except (UnicodeDecodeError, ValueError, ArmorError):
            raise SealFormError("this is not a secret sealing key") from None
        if (form, name) != (_PRIVATE_FORM, KEM_NAME):
            raise SealFormError("this is not a secret sealing key")
        return cls._wrap(mlkem, x25519)


def context(magic: bytes, info: bytes, aad: bytes, header: bytes = b"") -> bytes:
    """What both sides must agree on, without any two inputs sharing one spelling."""
    parts = (info, aad, header)
    return magic + b"".join(len(part).to_bytes(8, "big") + part for part in parts)


def seal(public: SealPublic, plain: bytes, *, info: bytes, aad: bytes) -> bytes:
    """*plain* sealed in one piece to the holder of *public*.

    Args:
        public: The holder's key, pinned by the roster or the terms.
        plain: A small message; ``crypto.chunked`` is for large ones.
        info: What the message is for; both sides know it.
        aad: Where it belongs (round, sender, receiver); both sides know it.

    Guarantees:
        Opens only with the same key, *info* and *aad* (``tests/unit/crypto/test_crypto_seal.py``).

    Leaks:
        The length of *plain*.

    Raises:
        SealFormError: *public* is a point to which nothing can be sealed.

    Source: RFC 9180 base mode, single shot; *aad* enters the key schedule beside *info*.
    """
    return WHOLE_MAGIC + public.wrap(plain, context(WHOLE_MAGIC, info, aad))


def unseal(private: SealPrivate, sealed: bytes, *, info: bytes, aad: bytes) -> bytes:
    """The bytes that :func:`seal` sealed.

    Raises:
        SealFormError: not a sealed message.
        SealError: another key, *info* or *aad*, or altered bytes.
    """
    if not sealed.startswith(WHOLE_MAGIC):
        raise SealFormError("these bytes are not a sealed message")
    bound = context(WHOLE_MAGIC, info, aad)
    return private.unwrap(sealed[len(WHOLE_MAGIC) :], bound)
