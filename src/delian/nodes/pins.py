"""Certificates as the roster spells them: pinned whole, vouched for by nobody."""

import ssl

from delian.crypto.armor import from_base64url, to_base64url
from delian.terms.errors import InputError


def certificate_text(pem: bytes) -> str:
    """A certificate as the roster spells it: ``x509:`` and base64url of its DER."""
    der = ssl.PEM_cert_to_DER_cert(pem.decode("ascii"))
    return "x509:" + to_base64url(der)


def certificate_pem(text: str) -> bytes:
    """The PEM form of a certificate in the roster.

    Raises:
        InputError: not one.
    """
    if not text.startswith("x509:"):
        raise InputError("the roster holds no certificate where one is needed")
    der = from_base64url(text.removeprefix("x509:"), max_bytes=65536)
    return ssl.DER_cert_to_PEM_cert(der).encode("ascii")
