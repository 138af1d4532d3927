"""Bytes under a passphrase: scrypt (RFC 7914) makes the key, AES-256-GCM seals.

May touch: the installed ``cryptography`` package. Randomness is handed in. For backups that a
person keeps; everything between machines is sealed to a key instead (``crypto.seal``).
"""

from collections.abc import Callable
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from delian.crypto.armor import from_base64, to_base64
from delian.terms.encode import Fields, canonical, parse
from delian.terms.errors import InputError, TamperedError

FORMAT: Final = "delian-locked"
LEAST_PASSPHRASE_CHARS: Final = 12
MAX_LOCKED_BYTES: Final = 64 * 1024 * 1024
_LOG2_COST, _BLOCK, _LANES = 17, 8, 1  # 128 MiB and a good part of a second for each guess
_SALT_BYTES, _NONCE_BYTES, _KEY_BYTES = 32, 12, 32


class PassphraseError(InputError):
    """The passphrase is too short."""

    code = "passphrase"


class LockedError(TamperedError):
    """The passphrase is wrong, or the locked file was altered."""

    code = "wrong-passphrase"


def lock(data: bytes, passphrase: str, randbytes: Callable[[int], bytes]) -> bytes:
    """*data* in a file that only the passphrase opens.

    Args:
        data: The secret.
        passphrase: At least 12 characters.
        randbytes: The system's randomness.

    Leaks:
        The length of *data*.

    Raises:
        PassphraseError: too short.
    """
    if len(passphrase) < LEAST_PASSPHRASE_CHARS:
        raise PassphraseError(
            "the passphrase is too short", hint=f"use {LEAST_PASSPHRASE_CHARS} characters or more"
        )
    salt, nonce = randbytes(_SALT_BYTES), randbytes(_NONCE_BYTES)
    sealed = AESGCM(_key(passphrase, salt)).encrypt(nonce, data, FORMAT.encode())
    return canonical(
        {
            "format": FORMAT,
            "version": 1,
            "salt": to_base64(salt),
            "nonce": to_base64(nonce),
            "sealed": to_base64(sealed),
        }
    )


def unlock(locked: bytes, passphrase: str) -> bytes:
    """Read what :func:`lock` writes.

    Raises:
        InputError: not such a file.
        LockedError: another passphrase, or altered.
    """
    f = Fields(parse(locked, max_bytes=MAX_LOCKED_BYTES, max_depth=2), "locked file")
    f.form(FORMAT)
    salt = from_base64(f.text("salt"), max_bytes=_SALT_BYTES)
    nonce = from_base64(f.text("nonce"), max_bytes=_NONCE_BYTES)
    sealed = from_base64(f.text("sealed", max_length=MAX_LOCKED_BYTES), max_bytes=MAX_LOCKED_BYTES)
    f.end()
    if len(salt) != _SALT_BYTES or len(nonce) != _NONCE_BYTES:
        raise LockedError("the locked file does not open")
    try:
        return AESGCM(_key(passphrase, salt)).decrypt(nonce, sealed, FORMAT.encode())
    except InvalidTag:
        raise LockedError(
            "the locked file does not open", hint="check the passphrase and the file"
        ) from None


def _key(passphrase: str, salt: bytes) -> bytes:
    kdf = Scrypt(salt=salt, length=_KEY_BYTES, n=1 << _LOG2_COST, r=_BLOCK, p=_LANES)
    return kdf.derive(passphrase.encode("utf-8"))
