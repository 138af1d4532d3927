"""Self-signed certificates whose key the roster pins; no authority vouches for anybody.

A certificate here only carries a public key into TLS. Its dates say nothing: the roster decides
from when until when a key counts.
"""

from datetime import UTC, datetime

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from delian.crypto.sign import PublicKey
from delian.terms.errors import TamperedError

_FROM = datetime(2000, 1, 1, tzinfo=UTC)
_UNTIL = datetime(2100, 1, 1, tzinfo=UTC)


class CertificateError(TamperedError):
    """A certificate does not carry the key that the roster pins."""

    code = "certificate"


def make_certificate(name: str) -> tuple[bytes, bytes, PublicKey]:
    """A fresh Ed25519 key and its self-signed certificate for *name*.

    Returns:
        Certificate (PEM), private key (PEM), and the public key that the roster pins.
    """
    key = Ed25519PrivateKey.generate()
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(_FROM)
        .not_valid_after(_UNTIL)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, None)
    )
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return certificate.public_bytes(Encoding.PEM), secret, _public(key.public_key())


def key_of(certificate: bytes) -> PublicKey:
    """The public key that a certificate (DER, as TLS hands it over) carries.

    Raises:
        CertificateError: not a certificate with an Ed25519 key.
    """
    try:
        found = x509.load_der_x509_certificate(certificate).public_key()
    except ValueError as error:
        raise CertificateError("the peer's certificate cannot be read") from error
    if not isinstance(found, Ed25519PublicKey):
        raise CertificateError("the peer's certificate carries another kind of key")
    return _public(found)


def _public(key: Ed25519PublicKey) -> PublicKey:
    return PublicKey("ed25519", key.public_bytes_raw())
