"""What the bridges need of the network, and of the node that stands behind their doors.

Two ports: :class:`Web` goes out (the node puts the peer client with its address guard behind it),
:class:`Desk` is asked by the doors that foreign systems knock at.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from delian.exchange.bridge_errors import (
    ForeignAwayError,
    ForeignFormError,
    ForeignRefusedError,
)
from delian.exchange.crossing import MAX_FOREIGN_BYTES, Json, read_foreign
from delian.exchange.reactions import Participant

T = TypeVar("T")
MAX_FORGOTTEN = 10_000


@dataclass(frozen=True, slots=True)
class Answer:
    """A foreign answer, its body bounded; header names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Stream:
    """A foreign answer whose body is read piece by piece."""

    status: int
    headers: Mapping[str, str]
    chunks: AsyncIterator[bytes] = field(repr=False)

    @property
    def media_type(self) -> str:
        """What the bytes are said to be; unreadable claims count as plain bytes."""
        said = self.headers.get("content-type", "")
        is_sound = 0 < len(said) <= 200 and said.isascii() and said.isprintable()
        return said if is_sound else "application/octet-stream"


class Web(Protocol):
    """Requests to addresses that settings or peers name; every one passes the address guard."""

    async def ask(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        body: bytes | None = None,
        max_bytes: int = MAX_FOREIGN_BYTES,
    ) -> Answer:
        """One request and its whole answer."""
        ...

    def stream(
        self, url: str, *, headers: Mapping[str, str]
    ) -> AbstractAsyncContextManager[Stream]:
        """One GET whose body is read piece by piece."""
        ...


@dataclass(frozen=True, slots=True)
class Opened:
    """A dataset that was contracted and opened for one guest.

    Args:
        agreement: Identifier of the agreement.
        transfer: Identifier of this transfer.
        contracted: Did the offer carry conditions?
        media_type: Of the bytes.
        chunks: The bytes.
        close: To be called once the answer has ended, however it did.
    """

    agreement: str
    transfer: str
    contracted: bool
    media_type: str
    chunks: AsyncIterator[bytes] = field(repr=False)
    close: Callable[[], Awaitable[None]] = field(repr=False)


class OpenedResponse(StreamingResponse):
    """Hands out what was opened; gives it back even if nobody reads it.

    Args:
        opened: From the desk.
        headers: The interface's headers.
    """

    def __init__(self, opened: Opened, headers: Mapping[str, str]) -> None:
        super().__init__(opened.chunks, headers=headers, media_type=opened.media_type)
        self._close = opened.close

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, and close whatever happened."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            await self._close()


class Desk(Protocol):
    """The node behind the doors: who is asking, what may be seen, what may be had."""

    async def identify(
        self, system: str, authorization: str | None, api_key: str | None
    ) -> Participant:
        """The guest behind a foreign token.

        Raises:
            NotAllowedError: no valid token, or no identity record for its subject.
        """
        ...

    async def datasets(self, who: Participant) -> Sequence[Mapping[str, Json]]:
        """What *who* may see, as the DSP catalogue shows it."""
        ...

    async def open(self, who: Participant, dataset: str, place: int, pid: str | None) -> Opened:
        """Contract distribution number *place* of *dataset* for *who*, and open it.

        Raises:
            NotFoundHereError: there is no such thing for *who*.
            RefusedError: the policy says no, with its reason.
        """
        ...


@dataclass(slots=True)
class Remembered(Generic[T]):
    """Datasets in a foreign form, each made once for as long as it stays the same.

    Args:
        make: The mapping.
    """

    make: Callable[[Mapping[str, Json]], T]
    _made: dict[str, tuple[Mapping[str, Json], T]] = field(default_factory=dict, repr=False)

    async def all(self, datasets: Sequence[Mapping[str, Json]]) -> list[T]:
        """Every dataset in the foreign form; others are served in between."""
        found: list[T] = []
        for dataset in datasets:
            name = str(dataset.get("@id"))
            known = self._made.get(name)
            if known is None or known[0] is not dataset:
                known = (dataset, self.make(dataset))
                self._made[name] = known
                await asyncio.sleep(0)
            found.append(known[1])
        if len(self._made) > 2 * len(found) + MAX_FORGOTTEN:
            self._made.clear()
        return found


def read_answer(answer: Answer, system: str) -> Json:
    """The JSON in an answer of 2xx.

    Raises:
        ForeignRefusedError: 4xx.
        ForeignAwayError: 429, 5xx, or a redirect (never followed).
        ForeignFormError: 2xx without readable JSON.
    """
    if not 200 <= answer.status < 300:
        raise failure(answer.status, system)
    return read_foreign(answer.body)


def failure(status: int, system: str) -> ForeignRefusedError | ForeignAwayError:
    """The error that stands for a foreign status; the foreign text is never repeated."""
    if status in {400, 401, 403, 404, 405, 409, 410}:
        return ForeignRefusedError(
            f"{system} answers {status}", hint="compare the token and the identifiers with theirs"
        )
    return ForeignAwayError(f"{system} answers {status}", hint="try again later")


def object_in(value: Json, system: str) -> dict[str, Json]:
    """The object that *value* must be.

    Raises:
        ForeignFormError: anything else.
    """
    if not isinstance(value, dict):
        raise ForeignFormError(f"{system} did not answer with an object")
    return value


def objects_in(value: Json, system: str, most: int = 10_000) -> list[dict[str, Json]]:
    """The list of objects that *value* must be.

    Raises:
        ForeignFormError: anything else, or more than *most*.
    """
    if not isinstance(value, list) or len(value) > most:
        raise ForeignFormError(f"{system} did not answer with a list of objects")
    return [object_in(item, system) for item in value]
