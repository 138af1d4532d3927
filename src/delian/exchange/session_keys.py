"""The keys of key access: the service's own, and the wrapping to one reader's session.

May touch: the installed ``cryptography`` package. Keys are wrapped with RSA-OAEP (SHA-1, as every
TDF client does) or with ECDH, HKDF-SHA256 and AES-256-GCM; the salt of the latter is
SHA-256("TDF"). A policy is bound to its key by HMAC-SHA256 of the policy's text under that key.
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NoReturn, TypeAlias

from cryptography.exceptions import InvalidTag, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from delian.exchange.key_access_errors import KeyRequestError

RSA_2048, EC_P256 = "rsa:2048", "ec:secp256r1"
ALGORITHMS = (RSA_2048, EC_P256)
_KEY_BYTES, _IV_BYTES = 32, 12
_SALT = hashlib.sha256(b"TDF").digest()
_OAEP = padding.OAEP(padding.MGF1(hashes.SHA1()), hashes.SHA1(), None)  # noqa: S303 - OAEP's hash
_RSA_BITS = (2048, 4096)
_CURVES = frozenset({"secp256r1", "secp384r1", "secp521r1"})
RandomBytes: TypeAlias = Callable[[int], bytes]
PublicKey: TypeAlias = "rsa.RSAPublicKey | ec.EllipticCurvePublicKey"
PrivateKey: TypeAlias = "rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey"


@dataclass(frozen=True, slots=True)
class WrappedKey:
    """One key access object, as a reader took it from a file.

    Args:
        id: The reader's name for it; echoed.
        kind: ``wrapped`` (RSA) or ``ec-wrapped``.
        kid: Which of the service's keys wrapped it; "" where the writer did not say.
        wrapped: The wrapped key share.
        ephemeral: The writer's public key in PEM, for ``ec-wrapped``.
        binding: The policy binding, decoded: 32 bytes, or their 64 hex digits.
    """

    id: str
    kind: str
    kid: str
    wrapped: bytes
    ephemeral: str
    binding: bytes


@dataclass(frozen=True, slots=True)
class ServiceKey:
    """A key of the service: its name, and the private half that never leaves this object."""

    kid: str
    private: PrivateKey = field(repr=False)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a private key does not travel")

    @staticmethod
    def make(kid: str, algorithm: str) -> "ServiceKey":
        """A new key of one of ``ALGORITHMS``."""
        if algorithm == RSA_2048:
            return ServiceKey(kid, rsa.generate_private_key(public_exponent=65537, key_size=2048))
        return ServiceKey(kid, ec.generate_private_key(ec.SECP256R1()))

    @staticmethod
    def from_pem(kid: str, pem: bytes) -> "ServiceKey":
        """A key from the service's own file, which is trusted to hold a sound key.

        Raises:
            KeyRequestError: the file holds no key of a kind that the service uses.
        """
        try:
            private = serialization.load_pem_private_key(
                pem, None, unsafe_skip_rsa_key_validation=True
            )
        except (ValueError, TypeError, UnsupportedAlgorithm) as error:
            raise KeyRequestError("a key file of the service is damaged") from error
        if not isinstance(private, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
            raise KeyRequestError("a key file of the service holds another kind of key")
        return ServiceKey(kid, private)

    @property
    def algorithm(self) -> str:
        """``rsa:2048`` or ``ec:secp256r1``."""
        return RSA_2048 if isinstance(self.private, rsa.RSAPrivateKey) else EC_P256

    def public_pem(self) -> str:
        """The public half."""
        return public_pem(self.private.public_key())

    def private_pem(self) -> bytes:
        """The private half, for the service's own file."""
        return self.private.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )

    def unwrap(self, key: WrappedKey) -> bytes:
        """The key share that *key* wraps.

        Raises:
            KeyRequestError: it was not wrapped for this key; always the same words.
        """
        try:
            if isinstance(self.private, rsa.RSAPrivateKey):
                share = self.private.decrypt(key.wrapped, _OAEP) if key.kind == "wrapped" else b""
            else:
                share = self._unwrap_ec(key)
        except (ValueError, InvalidTag) as error:
            raise KeyRequestError("the key was not wrapped for this service") from error
        if len(share) != _KEY_BYTES:
            raise KeyRequestError("the key was not wrapped for this service")
        return share

    def _unwrap_ec(self, key: WrappedKey) -> bytes:
        if key.kind != "ec-wrapped" or not isinstance(self.private, ec.EllipticCurvePrivateKey):
            return b""
        public = load_public(key.ephemeral)
        if not isinstance(public, ec.EllipticCurvePublicKey):
            return b""
        wrapping = AESGCM(_derive(self.private.exchange(ec.ECDH(), public)))
        return wrapping.decrypt(key.wrapped[:_IV_BYTES], key.wrapped[_IV_BYTES:], None)


class Session:
    """Wraps key shares to one reader; one ephemeral key per answer where the session is EC."""

    __slots__ = ("_randbytes", "_sealing", "_to", "public")

    def __init__(self, to: PublicKey, randbytes: RandomBytes) -> None:
        self._to, self._randbytes = to, randbytes
        self._sealing: AESGCM | None = None
        self.public = ""
        if isinstance(to, ec.EllipticCurvePublicKey):
            ephemeral = ec.generate_private_key(to.curve)
            self._sealing = AESGCM(_derive(ephemeral.exchange(ec.ECDH(), to)))
            self.public = public_pem(ephemeral.public_key())

    def __reduce__(self) -> NoReturn:
        raise TypeError("a session does not travel")

    def seal(self, share: bytes) -> bytes:
        """*share*, for the reader's eyes."""
        if self._sealing is not None:
            iv = self._randbytes(_IV_BYTES)
            return iv + self._sealing.encrypt(iv, share, None)
        if not isinstance(self._to, rsa.RSAPublicKey):
            raise KeyRequestError("the session key is of an unknown kind")
        return self._to.encrypt(share, _OAEP)


def open_sealed(private: ec.EllipticCurvePrivateKey, service_pem: str, sealed: bytes) -> bytes:
    """The reader's half of an EC session: the share that the service sealed.

    Raises:
        KeyRequestError: another session, or altered.
    """
    public = load_public(service_pem)
    try:
        if not isinstance(public, ec.EllipticCurvePublicKey):
            raise KeyRequestError("the answer has no session key of the reader's kind")
        opening = AESGCM(_derive(private.exchange(ec.ECDH(), public)))
        share = opening.decrypt(sealed[:_IV_BYTES], sealed[_IV_BYTES:], None)
    except (ValueError, InvalidTag) as error:
        raise KeyRequestError("the answer was not sealed for this reader") from error
    if len(share) != _KEY_BYTES:
        raise KeyRequestError("the answer holds no key")
    return share


def check_binding(share: bytes, policy: str, binding: bytes) -> None:
    """Is *policy* the one that the writer bound to this key?

    Raises:
        KeyRequestError: the policy was altered or comes from another file.
    """
    mac = hmac.new(share, policy.encode(), hashlib.sha256)
    raw = hmac.compare_digest(binding, mac.digest())
    spelled = hmac.compare_digest(binding, mac.hexdigest().encode())
    if not raw and not spelled:
        raise KeyRequestError("the policy is not the one bound to this key")


def load_public(pem: str) -> PublicKey:
    """A public key in PEM: RSA of 2048 to 4096 bits, or one of the NIST curves.

    Raises:
        KeyRequestError: any other.
    """
    try:
        public = serialization.load_pem_public_key(pem.encode())
    except (ValueError, UnsupportedAlgorithm) as error:
        raise KeyRequestError("a public key is not in PEM or of an unknown kind") from error
    if isinstance(public, rsa.RSAPublicKey):
        if not _RSA_BITS[0] <= public.key_size <= _RSA_BITS[1]:
            raise KeyRequestError("an RSA key must have 2048 to 4096 bits")
        return public
    if isinstance(public, ec.EllipticCurvePublicKey) and public.curve.name in _CURVES:
        return public
    raise KeyRequestError("a public key is of a kind that key access does not use")


def public_pem(public: PublicKey) -> str:
    """*public* as SubjectPublicKeyInfo in PEM."""
    return public.public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    ).decode()


def to_base64(data: bytes) -> str:
    """*data* in base64 with padding."""
    return base64.b64encode(data).decode()


def from_base64(text: str) -> bytes:
    """The bytes behind strict base64.

    Raises:
        KeyRequestError: it is not base64.
    """
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise KeyRequestError("a value is not base64") from error


def _derive(secret: bytes) -> bytes:
    return HKDF(hashes.SHA256(), _KEY_BYTES, _SALT, b"").derive(secret)
