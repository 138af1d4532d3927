"""The keys of an identity in the node's home: made at the first start, readable by us alone."""

import base64
import hashlib
import secrets
import stat
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NoReturn

from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from delian.adapters.files import read_bytes, write_bytes
from delian.exchange.jose import SigningKey
from delian.exchange.read_access import SECRET_BYTES, ReadTokens
from delian.terms.encode import canonical
from delian.terms.errors import RefusedError

KEY_FILE = "identity-key.pem"
READ_FILE = "read-tokens.key"
CLIENT_FILE = "sts-client"
NAME_CHARS = 16
MAX_FILE_BYTES = 8192


class LooseKeyError(RefusedError):
    """A secret file of the identity can be read by others on this machine."""

    code = "identity-key-loose"


@dataclass(frozen=True, slots=True)
class IdentityKeys:
    """What one identity keeps secret.

    Args:
        signing: Signs tokens, presentations and credentials.
        read_tokens: Makes and reads the tokens for our credential service.
        client: Id and secret of the token service's client, one line each; None where the
            token service is off.
    """

    signing: SigningKey
    read_tokens: ReadTokens = field(repr=False)
    client: bytes | None = field(default=None, repr=False)

    def __reduce__(self) -> NoReturn:
        raise TypeError("the keys of an identity are not pickled")

    def public(self) -> dict[str, dict[str, str]]:
        """Key name to public JWK, for the DID document."""
        return {self.signing.kid.partition("#")[2]: self.signing.public_jwk()}


def open_keys(home: Path, did: str, kind: str) -> IdentityKeys:
    """The keys in *home*; what is missing is made.

    Args:
        home: The node's folder.
        did: The identity that they belong to.
        kind: ``ES256`` or ``EdDSA`` for a key that is made now.

    Raises:
        LooseKeyError: a secret file is readable by others.
        KeyFormError: the key file holds no usable key.
    """
    pem, secret, client = home / KEY_FILE, home / READ_FILE, home / CLIENT_FILE
    if not pem.exists():
        write_bytes(pem, _new_pem(kind), secret=True)
    if not secret.exists():
        write_bytes(secret, secrets.token_bytes(SECRET_BYTES), secret=True)
    return IdentityKeys(
        named_key(did, _read(pem)),
        ReadTokens(_read(secret)),
        _read(client).strip() if client.exists() else None,
    )


def named_key(did: str, pem: bytes) -> SigningKey:
    """The key in *pem* under a name that follows from it: another key has another name.

    So a peer that holds our older document sees at once that it lacks the key.

    Raises:
        KeyFormError: no usable key.
    """
    key = SigningKey.from_pem(did, pem)
    digest = hashlib.sha256(canonical(key.public_jwk())).digest()
    name = base64.urlsafe_b64encode(digest).decode("ascii")[:NAME_CHARS]
    return replace(key, kid=f"{did}#{name}")


def _read(path: Path) -> bytes:
    if stat.S_IMODE(path.stat().st_mode) & 0o077:
        raise LooseKeyError(
            f"{path.name} can be read by others", hint=f"chmod 600 {path.name}", where=str(path)
        )
    return read_bytes(path, max_bytes=MAX_FILE_BYTES)


def _new_pem(kind: str) -> bytes:
    key = (
        ed25519.Ed25519PrivateKey.generate()
        if kind == "EdDSA"
        else ec.generate_private_key(ec.SECP256R1())
    )
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
