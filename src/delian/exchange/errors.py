"""What the Dataspace Protocol refuses, the HTTP status of each, and the error body on the wire.

May touch: the common tree of errors. A peer learns from a 404 nothing about whether a process
exists: "not yours" and "not there" are spelled alike.
"""

from enum import StrEnum
from typing import Any

from delian.exchange.words import CONTEXT
from delian.terms.errors import DelianError, InputError, RefusedError, UnavailableError


class MessageError(InputError):
    """A message breaks its form; *where* names the member."""

    code = "dsp-message"


class FilterError(InputError):
    """A catalogue filter or page token is not one that this node reads."""

    code = "dsp-filter"


class WrongStateError(RefusedError):
    """The message or action does not fit the state of the process.

    Args:
        message: As everywhere.
        provider_pid: The provider's identifier of the process, for the error body.
        consumer_pid: The consumer's.
    """

    code = "dsp-wrong-state"

    def __init__(
        self, message: str, *, provider_pid: str | None = None, consumer_pid: str | None = None
    ) -> None:
        super().__init__(message)
        self.provider_pid = provider_pid
        self.consumer_pid = consumer_pid


class NotFoundHereError(RefusedError):
    """There is no such dataset or process, or it is not the asker's."""

    code = "dsp-not-found"


class NotYoursError(NotFoundHereError):
    """The process belongs to another participant, or the identifiers do not fit together."""

    code = "dsp-not-yours"


class NotAllowedError(RefusedError):
    """The peer does not show who it is, or a policy says no."""

    code = "dsp-not-allowed"


class BusyError(UnavailableError):
    """The node has as much to do as it takes on; the same message may come again later."""

    code = "dsp-busy"


class ErrorKind(StrEnum):
    """Which error object of the protocol answers."""

    CATALOG = "CatalogError"
    NEGOTIATION = "ContractNegotiationError"
    TRANSFER = "TransferError"
    VERSION = "VersionsError"


def status_of(error: DelianError) -> int:
    """The HTTP status that answers *error*."""
    if isinstance(error, NotFoundHereError):
        return 404
    if isinstance(error, NotAllowedError):
        return 401
    if isinstance(error, BusyError):
        return 429
    if isinstance(error, InputError | WrongStateError):
        return 400
    if isinstance(error, RefusedError):
        return 403
    return 503


def to_error_object(
    error: DelianError,
    kind: ErrorKind,
    provider_pid: str | None = None,
    consumer_pid: str | None = None,
) -> dict[str, Any]:
    """The body that answers *error*; the pids only where the asker named or owns the process."""
    hidden = isinstance(error, NotFoundHereError)
    if isinstance(error, WrongStateError):
        provider_pid = error.provider_pid or provider_pid
        consumer_pid = error.consumer_pid or consumer_pid
    body: dict[str, Any] = {"@context": [CONTEXT], "@type": kind.value}
    if kind in (ErrorKind.NEGOTIATION, ErrorKind.TRANSFER):
        if provider_pid is not None:
            body["providerPid"] = provider_pid
        if consumer_pid is not None:
            body["consumerPid"] = consumer_pid
    body["code"] = NotFoundHereError.code if hidden else error.code
    body["reason"] = ["there is no such thing here for you"] if hidden else _reasons(error)
    return body


def _reasons(error: DelianError) -> list[str]:
    first = f"{error.where}: {error.message}" if error.where else error.message
    return [first, error.hint] if error.hint else [first]
