"""Bytes as text and back, in one spelling only.

May touch: nothing. A text that decodes but that we would not have written is refused, so
that one value never has two spellings under a digest.
"""

import base64
import binascii

from delian.terms.errors import InputError


class ArmorError(InputError):
    """A text is not base64 in its one accepted spelling."""

    code = "armor"


def to_base64(data: bytes) -> str:
    """*data* in standard base64 with padding (RFC 4648 section 4)."""
    return base64.b64encode(data).decode("ascii")


def from_base64(text: str, *, max_bytes: int) -> bytes:
    """The bytes that :func:`to_base64` spelled as *text*.

    Raises:
        ArmorError: longer than *max_bytes*, another alphabet, white space, missing padding
            or set padding bits.
    """
    if len(text) > 4 * (max_bytes // 3 + 1):
        raise ArmorError("a base64 text is longer than its place allows")
    try:
        data = base64.b64decode(text.encode("ascii"), validate=True)
    except (UnicodeEncodeError, binascii.Error) as error:
        raise ArmorError("a text is not base64") from error
    if len(data) > max_bytes or to_base64(data) != text:
        raise ArmorError("a text is not base64 in its one spelling")
    return data


def to_base64url(data: bytes) -> str:
    """*data* in base64url without padding (RFC 4648 section 5)."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def from_base64url(text: str, *, max_bytes: int) -> bytes:
    """The bytes that :func:`to_base64url` spelled as *text*.

    Raises:
        ArmorError: longer than *max_bytes*, another alphabet, padding or set padding bits.
    """
    if len(text) > 4 * (max_bytes // 3 + 1):
        raise ArmorError("a base64url text is longer than its place allows")
    try:
        padded = text.encode("ascii") + b"=" * (-len(text) % 4)
        data = base64.b64decode(padded, b"-_", validate=True)
    except (UnicodeEncodeError, binascii.Error) as error:
        raise ArmorError("a text is not base64url") from error
    if len(data) > max_bytes or to_base64url(data) != text:
        raise ArmorError("a text is not base64url in its one spelling")
    return data
