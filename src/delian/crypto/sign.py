"""Signing keys: Ed25519 (RFC 8032) and, as an option, ML-DSA-65 (FIPS 204).

May touch: the installed ``cryptography`` package and its own randomness. Knows no document
and no role; who a key belongs to is the roster's business.
"""

from dataclasses import dataclass, field
from typing import Literal, NoReturn, TypeAlias

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)
from cryptography.hazmat.primitives.asymmetric.mldsa import (
    MLDSA65PrivateKey,
    MLDSA65PublicKey,
)

from delian.crypto.armor import ArmorError, from_base64url, to_base64url
from delian.terms.errors import InputError, TamperedError

Algorithm: TypeAlias = Literal["ed25519", "ml-dsa-65"]
ALGORITHMS: tuple[Algorithm, ...] = ("ed25519", "ml-dsa-65")

SEED_BYTES = 32
PUBLIC_BYTES: dict[str, int] = {"ed25519": 32, "ml-dsa-65": 1952}
SIGNATURE_BYTES: dict[str, int] = {"ed25519": 64, "ml-dsa-65": 3309}
MAX_SIGNATURE_BYTES = max(SIGNATURE_BYTES.values())

_PRIVATE_FORM = "delian-sign-secret-1"
_FIELD = 2**255 - 19
# The five y-coordinates of the eight points of small order on edwards25519, derived in
# tests/unit/crypto/test_crypto_sign.py. Under such a key anybody can sign anything.
_SMALL_ORDER = frozenset(
    {
        0,
        1,
        _FIELD - 1,
        int.from_bytes(
            bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"),
            "little",
        ),
        int.from_bytes(
            bytes.fromhex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"),
            "little",
        ),
    }
)


class KeyFormError(InputError):
    """A text or bytes are not a key in our spelling, or a key nobody may use."""

    code = "key-form"


class SignatureError(TamperedError):
    """A signature does not belong to these bytes and this key."""

    code = "signature"


def _as_algorithm(text: str) -> Algorithm:
    for known in ALGORITHMS:
        if text == known:
            return known
    raise KeyFormError("unknown signature algorithm", hint="known: ed25519, ml-dsa-65")


def _refuse_weak_point(raw: bytes) -> None:
    """Refuse a second spelling of a point and points of small order.

    Two spellings would let one key count as two; under a point of small order a signature
    proves nothing.
    """
    y = int.from_bytes(raw, "little") & (2**255 - 1)
    if y >= _FIELD or y in _SMALL_ORDER:
        raise KeyFormError("this Ed25519 point is not a key that may be used")


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A key that checks signatures; equal exactly if algorithm and raw bytes are equal.

    Args:
        algorithm: "ed25519" or "ml-dsa-65".
        raw: 32 or 1952 bytes.

    Raises:
        KeyFormError: unknown algorithm, wrong length, or a point that may not be used.
    """

    algorithm: Algorithm
    raw: bytes = field(repr=False)
    _key: Ed25519PublicKey | MLDSA65PublicKey = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        _as_algorithm(self.algorithm)
        if len(self.raw) != PUBLIC_BYTES[self.algorithm]:
            raise KeyFormError("a public key has the wrong length")
        key: Ed25519PublicKey | MLDSA65PublicKey
        try:
            if self.algorithm == "ed25519":
                _refuse_weak_point(self.raw)
                key = Ed25519PublicKey.from_public_bytes(self.raw)
            else:
                key = MLDSA65PublicKey.from_public_bytes(self.raw)
        except ValueError as error:
            raise KeyFormError("these bytes are not a public key") from error
        object.__setattr__(self, "_key", key)

    def __reduce__(self) -> tuple[type["PublicKey"], tuple[Algorithm, bytes]]:
        return PublicKey, (self.algorithm, self.raw)

    def verify(self, message: bytes, signature: bytes) -> None:
        """Return if *signature* was made over exactly *message* with this key.

        Raises:
            SignatureError: in every other case.
        """
        if len(signature) != SIGNATURE_BYTES[self.algorithm]:
            raise SignatureError("the signature does not hold")
        try:
            self._key.verify(signature, message)
        except (InvalidSignature, ValueError) as error:
            raise SignatureError("the signature does not hold") from error

    def to_wire(self) -> str:
        """The key as ``ed25519:<base64url>``."""
        return f"{self.algorithm}:{to_base64url(self.raw)}"

    @classmethod
    def from_wire(cls, text: str) -> "PublicKey":
        """Read what :meth:`to_wire` writes.

        Raises:
            KeyFormError: anything else.
        """
        algorithm, colon, body = text.partition(":")
        if not colon:
            raise KeyFormError("a public key is spelled algorithm:base64url")
        known = _as_algorithm(algorithm)
        try:
            raw = from_base64url(body, max_bytes=PUBLIC_BYTES[known])
        except ArmorError as error:
            raise KeyFormError("a public key is spelled algorithm:base64url") from error
        return cls(known, raw)


@dataclass(frozen=True, slots=True, eq=False)
class PrivateKey:
    """A key that signs. It hides itself from ``repr`` and refuses pickling.

    Make one with :meth:`generate`, :meth:`from_seed` or :meth:`from_secret_bytes`.
    """

    algorithm: Algorithm
    public: PublicKey
    _key: Ed25519PrivateKey | MLDSA65PrivateKey = field(repr=False)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a private key cannot be pickled")

    @classmethod
    def generate(cls, algorithm: str = "ed25519") -> "PrivateKey":
        """A fresh key from the system's randomness.

        Raises:
            KeyFormError: unknown algorithm.
        """
        if _as_algorithm(algorithm) == "ed25519":
            return cls._wrap(Ed25519PrivateKey.generate())
        return cls._wrap(MLDSA65PrivateKey.generate())

    @classmethod
    def from_seed(cls, algorithm: str, seed: bytes) -> "PrivateKey":
        """The key that the 32 secret bytes *seed* determine.

        Raises:
            KeyFormError: unknown algorithm or another length.
        """
        known = _as_algorithm(algorithm)
        if len(seed) != SEED_BYTES:
            raise KeyFormError("a key seed has the wrong length")
        if known == "ed25519":
            return cls._wrap(Ed25519PrivateKey.from_private_bytes(seed))
        return cls._wrap(MLDSA65PrivateKey.from_seed_bytes(seed))

    @classmethod
    def _wrap(cls, key: Ed25519PrivateKey | MLDSA65PrivateKey) -> "PrivateKey":
        known: Algorithm = "ed25519" if isinstance(key, Ed25519PrivateKey) else "ml-dsa-65"
        return cls(known, PublicKey(known, key.public_key().public_bytes_raw()), key)

    def sign(self, message: bytes) -> bytes:
        """A signature over exactly *message*."""
        return self._key.sign(message)

    def to_secret_bytes(self) -> bytes:
        """The key for a file that only its owner can read."""
        seed = to_base64url(self._key.private_bytes_raw())
        return f"{_PRIVATE_FORM}:{self.algorithm}:{seed}\n".encode("ascii")

    @classmethod
    def from_secret_bytes(cls, data: bytes) -> "PrivateKey":
        """Read what :meth:`to_secret_bytes` writes.

        Raises:
            KeyFormError: anything else; the message holds nothing of *data*.
        """
        try:
            prefix, algorithm, seed = data.decode("ascii").removesuffix("\n").split(":")
            raw = from_base64url(seed, max_bytes=SEED_BYTES)
        except (UnicodeDecodeError, ValueError, ArmorError):
            raise KeyFormError("this is not a secret signing key") from None
        if prefix != _PRIVATE_FORM:
            raise KeyFormError("this is not a secret signing key")
        return cls.from_seed(algorithm, raw)
