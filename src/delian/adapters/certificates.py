"""A host's own certificate: self-signed, pinned by its peers, trusted for nothing else."""

import hashlib
from datetime import datetime, timedelta
from typing import Literal

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

Algorithm = Literal["ed25519", "p256"]


def make_certificate(
    name: str, now_utc: datetime, *, algorithm: Algorithm = "ed25519", valid_days: int = 400
) -> tuple[bytes, bytes]:
    """A fresh self-signed certificate and its private key, both as PEM.

    Args:
        name: The host's name; peers compare the certificate itself, not this name.
        now_utc: The certificate is valid from an hour earlier.
        algorithm: The kind of key.
        valid_days: How long it is valid.
    """
    key: ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey
    if algorithm == "ed25519":
        key = ed25519.Ed25519PrivateKey.generate()
    else:
        key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    usage = x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=True,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )
    purposes = x509.ExtendedKeyUsage(
        [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
    )
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now_utc - timedelta(hours=1))
        .not_valid_after(now_utc + timedelta(days=valid_days))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(purposes, critical=False)
        .add_extension(identifier, critical=False)
        .sign(key, None if algorithm == "ed25519" else hashes.SHA256())
    )
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return certificate.public_bytes(Encoding.PEM), secret


def fingerprint(certificate_pem: bytes) -> str:
    """The SHA-256 of the certificate, in hex: what peers pin."""
    certificate = x509.load_pem_x509_certificate(certificate_pem)
    return hashlib.sha256(certificate.public_bytes(Encoding.DER)).hexdigest()


def public_key_bytes(certificate_pem: bytes) -> bytes:
    """The certificate's public key (DER), for a roster that names keys instead of certificates."""
    key = x509.load_pem_x509_certificate(certificate_pem).public_key()
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
