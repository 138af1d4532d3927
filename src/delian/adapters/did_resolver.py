"""DID documents, status lists and schemas over the network: bounded, cached for minutes.

Every address goes through :class:`Web`, behind which the node puts the peer client: https only,
no redirects, no private network. Plain http to loopback exists for development alone.
"""

import asyncio
import re
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Generic, Protocol, TypeVar

from delian.exchange.dcp_errors import CredentialError, DidAwayError, DidError, TokenError
from delian.exchange.did import (
    MAX_DOCUMENT_BYTES,
    MAX_DOCUMENT_DEPTH,
    DidDocument,
    parse_did,
    read_document,
)
from delian.exchange.jose import Unverified, take_apart
from delian.exchange.plain import read_object
from delian.terms.errors import DelianError, InputError, UnavailableError

MAX_ENTRIES = 1000
MAX_AT_ONCE = 64
MAX_LIST_BYTES = 4 * 1024 * 1024
MAX_SCHEMA_BYTES = 64 * 1024
DOCUMENT_SECONDS = 300
LIST_SECONDS = 60
SCHEMA_SECONDS = 3600
FRESH_SECONDS = 10
FETCH_SECONDS = 10.0
T = TypeVar("T")


class Web(Protocol):
    """What goes out to addresses that peers name."""

    async def get(self, url: str, *, max_bytes: int) -> tuple[int, bytes]:
        """Status and body of a GET.

        Raises:
            UnavailableError: nobody answers, or the address is not allowed.
        """
        ...

    async def post(
        self, url: str, body: bytes, *, headers: Mapping[str, str] | None, max_bytes: int
    ) -> tuple[int, bytes]:
        """Status and body of a POST of JSON.

        Raises:
            UnavailableError: nobody answers, or the address is not allowed.
        """
        ...


class Cached(Generic[T]):
    """Values by name, each for a while; concurrent askers share one fetch.

    Args:
        fetch: Gets a value by its name.
        seconds: How long a value is kept.
        now: The moment in seconds.
        most: How many names are kept; the one used longest ago goes first.
    """

    def __init__(
        self,
        fetch: Callable[[str], Awaitable[T]],
        seconds: int,
        now: Callable[[], int],
        most: int = MAX_ENTRIES,
    ) -> None:
        self._fetch = fetch
        self._seconds = seconds
        self._now = now
        self._most = most
        self._kept: OrderedDict[str, tuple[T, int]] = OrderedDict()
        self._asked: dict[str, asyncio.Future[T]] = {}

    async def get(self, name: str, *, at_most_seconds: int | None = None) -> T:
        """The value of *name*, not older than allowed."""
        kept = self._kept.get(name)
        allowed = self._seconds if at_most_seconds is None else at_most_seconds
        if kept is not None and self._now() - kept[1] < allowed:
            self._kept.move_to_end(name)
            return kept[0]
        asked = self._asked.get(name)
        if asked is None:
            if len(self._asked) >= MAX_AT_ONCE:
                raise DidAwayError("too many documents are being fetched", hint="try again")
            asked = asyncio.ensure_future(self._ask(name))
            self._asked[name] = asked
            asked.add_done_callback(lambda done: self._done(name, done))
        return await asyncio.shield(asked)

    async def _ask(self, name: str) -> T:
        try:
            async with asyncio.timeout(FETCH_SECONDS):
                return await self._fetch(name)
        except TimeoutError as error:
            raise DidAwayError("a peer's document takes too long to come") from error

    def _done(self, name: str, done: "asyncio.Future[T]") -> None:
        self._asked.pop(name, None)
        if done.cancelled() or done.exception() is not None:
            return
        self._kept[name] = (done.result(), self._now())
        self._kept.move_to_end(name)
        while len(self._kept) > self._most:
            self._kept.popitem(last=False)


class DidResolver:
    """Resolves did:web; see :class:`delian.exchange.did.Resolver`.

    Args:
        web: The way out.
        now: The moment in seconds.
        development: Whether a DID on loopback is fetched over plain http.
        seconds: How long a document is believed.
    """

    def __init__(
        self,
        web: Web,
        now: Callable[[], int],
        *,
        development: bool = False,
        seconds: int = DOCUMENT_SECONDS,
    ) -> None:
        self._web = web
        self._development = development
        self._cached = Cached(self._fetch, seconds, now)

    async def resolve(self, did: str, *, fresh: bool = False) -> DidDocument:
        """The document of *did*; a fresh one is fetched at most every ten seconds."""
        return await self._cached.get(did, at_most_seconds=FRESH_SECONDS if fresh else None)

    async def _fetch(self, did: str) -> DidDocument:
        web = parse_did(did)
        is_plain = self._development and is_loopback(web.host)
        url = web.document_url("http" if is_plain else "https")
        body = await _fetched(self._web, url, MAX_DOCUMENT_BYTES)
        try:
            plain = read_object(body, max_bytes=MAX_DOCUMENT_BYTES, max_depth=MAX_DOCUMENT_DEPTH)
        except InputError as error:
            raise DidError(f"the DID document cannot be read: {error.message}") from error
        return read_document(plain, did)


class WebEvidence:
    """Status lists and schemas; see :class:`delian.exchange.presentation.Evidence`."""

    def __init__(self, web: Web, now: Callable[[], int]) -> None:
        self._web = web
        self._lists = Cached(self._fetch_list, LIST_SECONDS, now, 64)
        self._schemas = Cached(self._fetch_schema, SCHEMA_SECONDS, now, 64)

    async def status_list(self, address: str) -> Unverified | Mapping[str, Any]:
        """The list credential at *address*."""
        return await self._lists.get(address)

    async def schema(self, address: str) -> Mapping[str, Any]:
        """The schema at *address*."""
        return await self._schemas.get(address)

    async def _fetch_list(self, address: str) -> Unverified | Mapping[str, Any]:
        body = (await _fetched(self._web, address, MAX_LIST_BYTES)).strip()
        try:
            if body.startswith(b"{"):
                return read_object(body, max_bytes=MAX_LIST_BYTES, max_depth=16)
            return take_apart(body.decode("ascii"), most=MAX_LIST_BYTES)
        except (UnicodeDecodeError, InputError, TokenError) as error:
            raise CredentialError("the status list is no signed list") from error

    async def _fetch_schema(self, address: str) -> Mapping[str, Any]:
        body = await _fetched(self._web, address, MAX_SCHEMA_BYTES)
        try:
            return read_object(body, max_bytes=MAX_SCHEMA_BYTES, max_depth=16)
        except InputError as error:
            raise CredentialError("the credential's schema cannot be read") from error


_LOOPBACK = re.compile(r"(localhost|127(\.\d{1,3}){3})\Z")


def is_loopback(host: str) -> bool:
    """Does *host* name this machine by its spelling alone?"""
    return _LOOPBACK.match(host) is not None


async def _fetched(web: Web, url: str, most: int) -> bytes:
    try:
        status, body = await web.get(url, max_bytes=most)
    except UnavailableError as error:
        raise DidAwayError(f"a peer's document is away: {error.message}") from error
    except DelianError as error:
        raise DidError(f"a peer's document is not fetched: {error.message}") from error
    if status != 200:
        raise DidAwayError(f"a peer's document cannot be fetched: answer {status}")
    return body
