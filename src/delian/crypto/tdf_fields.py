"""Plain members of a TDF manifest, read one by one with bounds.

May touch: values. A member that a stock writer leaves out or writes as null reads as empty.
"""

import base64
import binascii
import json
from collections.abc import Mapping, Sequence
from typing import Any

from delian.crypto.tdf_errors import TdfFormError
from delian.terms.encode import MalformedError, Plain, parse

MAX_SIZE = 2**40


def to_base64(data: bytes) -> str:
    """*data* in standard base64."""
    return base64.b64encode(data).decode("ascii")


def from_base64(text: str, what: str) -> bytes:
    """The bytes behind standard base64.

    Raises:
        TdfFormError: it is not base64; the message names *what*.
    """
    try:
        return base64.b64decode(text.encode("ascii"), validate=True)
    except (UnicodeEncodeError, binascii.Error) as error:
        raise TdfFormError(f"{what} is not base64") from error


def compact_json(plain: Plain) -> bytes:
    """*plain* without white space, in UTF-8."""
    return json.dumps(plain, separators=(",", ":"), ensure_ascii=False).encode("utf-8")


def read_json(data: bytes, max_bytes: int) -> dict[str, Any]:
    """The object in *data*: bounded, no member twice, no fractions.

    Raises:
        TdfFormError: anything else.
    """
    try:
        plain = parse(data, max_bytes=max_bytes, max_depth=16)
    except MalformedError as error:
        raise TdfFormError("the manifest or its policy is not JSON that is read") from error
    return as_object(plain, "the manifest")


def as_object(value: object, what: str) -> dict[str, Any]:
    """*value*, if it is an object.

    Raises:
        TdfFormError: anything else.
    """
    if not isinstance(value, dict):
        raise TdfFormError(f"{what} is not an object")
    return value


def member(plain: Mapping[str, Any], name: str) -> dict[str, Any]:
    """The object under *name*.

    Raises:
        TdfFormError: anything else.
    """
    return as_object(plain.get(name), f"the manifest's '{name}'")


def items(plain: Mapping[str, Any], name: str, limit: int) -> Sequence[Any]:
    """A list; null and absent are empty.

    Raises:
        TdfFormError: anything else, or more than *limit*.
    """
    value = plain.get(name)
    if value is None:
        return ()
    if not isinstance(value, list) or len(value) > limit:
        raise TdfFormError(f"the manifest's '{name}' is not a list of allowed length")
    return value


def text(plain: Mapping[str, Any], name: str, *, limit: int = 2048) -> str:
    """The text under *name*, not empty.

    Raises:
        TdfFormError: anything else.
    """
    value = plain.get(name)
    if not isinstance(value, str) or not 0 < len(value) <= limit:
        raise TdfFormError(f"the manifest's '{name}' is not text of allowed length")
    return value


def optional(plain: Mapping[str, Any], name: str, *, limit: int = 256) -> str:
    """The text under *name*; "" where it is absent, null or empty.

    Raises:
        TdfFormError: anything else.
    """
    value = plain.get(name)
    return "" if value in (None, "") else text(plain, name, limit=limit)


def size(plain: Mapping[str, Any], name: str, default: int) -> int:
    """The whole number under *name*; *default* where it is absent or null.

    Raises:
        TdfFormError: anything else.
    """
    value = plain.get(name)
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < MAX_SIZE:
        raise TdfFormError(f"the manifest's '{name}' is not a size")
    return value
