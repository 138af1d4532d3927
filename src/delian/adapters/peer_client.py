"""HTTP to peers: keep-alive, bounded in size and time, no redirects, no address inside our network.

One client serves messages, DID documents, status lists and data; see ``docs/security/peers.md``.
"""

import asyncio
import hashlib
import socket
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import aiohttp

from delian.adapters.peer_guard import AddressRefusedError, Guard
from delian.terms.errors import TamperedError, UnavailableError

MAX_ANSWER_BYTES = 8 * 1024 * 1024
_CHUNK = 256 * 1024


class PeerUnreachableError(UnavailableError):
    """A peer did not answer, or not in a form and time that this node accepts."""

    code = "peer-unreachable"


class AssetAlteredError(TamperedError):
    """The data that arrived are not those that were announced."""

    code = "asset-altered"


@dataclass(frozen=True, slots=True)
class Limits:
    """How long and how much.

    Args:
        connect_seconds: For the connection.
        read_seconds: For each piece of an answer.
        total_seconds: For a message and its answer.
        connections: To all peers together.
        connections_per_peer: To one.
    """

    connect_seconds: float = 5.0
    read_seconds: float = 10.0
    total_seconds: float = 20.0
    connections: int = 400
    connections_per_peer: int = 64


@dataclass(frozen=True, slots=True)
class Answer:
    """What a peer answered; header names are in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes


class PeerClient:
    """The client of one node; made inside a running loop.

    Args:
        guard: Which addresses pass.
        limits: How long and how much.
        authorities: PEM file of certificate authorities that count beside the machine's own.
    """

    def __init__(
        self,
        guard: Guard,
        limits: Limits | None = None,
        *,
        authorities: Path | None = None,
    ) -> None:
        self._guard = guard
        self._limits = limits or Limits()
        self._connector = aiohttp.TCPConnector(
            ssl=_context(authorities),
            limit=self._limits.connections,
            limit_per_host=self._limits.connections_per_peer,
            socket_factory=self._open_socket,
            ttl_dns_cache=30,
            keepalive_timeout=30,
        )
        self._session = aiohttp.ClientSession(
            connector=self._connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            trust_env=False,
            skip_auto_headers=("Accept-Encoding", "User-Agent"),
            timeout=aiohttp.ClientTimeout(
                total=self._limits.total_seconds,
                sock_connect=self._limits.connect_seconds,
                sock_read=self._limits.read_seconds,
            ),
        )

    def check_url(self, url: str) -> str:
        """*url*, if its form passes.

        Raises:
            AddressRefusedError: it does not.
        """
        return self._guard.check_url(url)

    def _open_socket(self, info: Any) -> socket.socket:
        """The last moment before a connection: this is the address that will be connected to."""
        self._guard.check_ip(info[4][0])
        return socket.socket(info[0], info[1], info[2])

    async def ask(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        *,
        max_bytes: int = MAX_ANSWER_BYTES,
    ) -> Answer:
        """One request and its whole answer; a redirect is an answer like any other.

        Raises:
            AddressRefusedError: the address is not one that we connect to.
            PeerUnreachableError: no answer, a broken one, or one that is too large.
        """
        self._guard.check_url(url)
        try:
            async with self._session.request(
                method, url, data=body, headers=headers, allow_redirects=False
            ) as found:
                data = await _bounded(found, max_bytes)
                return Answer(found.status, _joined(found.headers), data)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise _unreachable(error) from error

    async def get(
        self, url: str, *, max_bytes: int, headers: Mapping[str, str] | None = None
    ) -> tuple[int, bytes]:
        """Status and body of a GET.

        Raises:
            PeerUnreachableError: see :meth:`ask`.
        """
        answer = await self.ask("GET", url, headers, max_bytes=max_bytes)
        return answer.status, answer.body

    async def post(
        self,
        url: str,
        body: bytes,
        *,
        headers: Mapping[str, str] | None = None,
        max_bytes: int = MAX_ANSWER_BYTES,
    ) -> tuple[int, bytes]:
        """Status and body of a POST.

        Raises:
            PeerUnreachableError: see :meth:`ask`.
        """
        answer = await self.ask("POST", url, headers, body, max_bytes=max_bytes)
        return answer.status, answer.body

    @asynccontextmanager
    async def stream(
        self, url: str, headers: Mapping[str, str]
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """A GET whose body the caller reads piece by piece.

        Raises:
            PeerUnreachableError: see :meth:`ask`.
        """
        self._guard.check_url(url)
        timeout = aiohttp.ClientTimeout(
            sock_connect=self._limits.connect_seconds, sock_read=self._limits.read_seconds
        )
        try:
            async with self._session.get(
                url, headers=headers, allow_redirects=False, timeout=timeout
            ) as found:
                yield found
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise _unreachable(error) from error

    async def download(
        self,
        url: str,
        headers: Mapping[str, str],
        target: Path,
        *,
        sha256: str | None,
        max_bytes: int,
    ) -> tuple[int, str]:
        """Fetch data into *target*; nothing stands there unless everything arrived and fits.

        Args:
            url: Where from.
            headers: With the token.
            target: The file to make.
            sha256: What the data must hash to, in hex; None to take what comes.
            max_bytes: The most that is taken.

        Returns:
            Size and SHA-256 in hex.

        Raises:
            PeerUnreachableError: it did not come, or is too large.
            AssetAlteredError: other data came than announced.
        """
        beside = target.with_name(f".{target.name}.part")
        seen, size = hashlib.sha256(), 0
        try:
            with beside.open("wb") as out:
                async with self.stream(url, headers) as found:
                    if found.status != 200:
                        raise PeerUnreachableError(f"the peer answered {found.status}")
                    async for piece in found.content.iter_chunked(_CHUNK):
                        size += len(piece)
                        if size > max_bytes:
                            raise PeerUnreachableError("the data are larger than allowed")
                        seen.update(piece)
                        await asyncio.to_thread(out.write, piece)
            if sha256 is not None and seen.hexdigest() != sha256:
                raise AssetAlteredError("the data that arrived are not those announced")
            beside.replace(target)
        finally:
            beside.unlink(missing_ok=True)
        return size, seen.hexdigest()

    async def upload(self, method: str, url: str, headers: Mapping[str, str], source: Path) -> int:
        """Send the file *source*; the peer's status.

        Raises:
            PeerUnreachableError: see :meth:`ask`.
        """
        self._guard.check_url(url)
        timeout = aiohttp.ClientTimeout(
            sock_connect=self._limits.connect_seconds, sock_read=self._limits.read_seconds * 6
        )
        size = {"Content-Length": str(source.stat().st_size)}
        try:
            async with self._session.request(
                method,
                url,
                data=_pieces(source),
                headers={**headers, **size},
                allow_redirects=False,
                timeout=timeout,
            ) as found:
                return found.status
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise _unreachable(error) from error

    async def close(self) -> None:
        """Close every connection."""
        await self._session.close()


def _joined(headers: Mapping[str, str]) -> dict[str, str]:
    """Header names in lower case; one that came more than once holds all its values."""
    plain: dict[str, str] = {}
    for name, value in headers.items():
        key = name.lower()
        plain[key] = f"{plain[key]}, {value}" if key in plain else value
    return plain


@lru_cache(maxsize=4)
def _context(authorities: Path | None) -> ssl.SSLContext:
    """The machine's authorities and *authorities*; reading them costs more than a negotiation."""
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if authorities is not None:
        context.load_verify_locations(cafile=authorities)
    return context


async def _pieces(source: Path) -> AsyncIterator[bytes]:
    with source.open("rb") as stream:
        while piece := await asyncio.to_thread(stream.read, _CHUNK):
            yield piece


async def _bounded(found: aiohttp.ClientResponse, max_bytes: int) -> bytes:
    if found.headers.get("Content-Encoding", "identity") != "identity":
        raise PeerUnreachableError("the peer compressed its answer unasked")
    length = found.content_length
    if length is not None and length > max_bytes:
        raise PeerUnreachableError("the peer's answer is larger than allowed")
    data = bytearray()
    async for piece in found.content.iter_any():
        data += piece
        if len(data) > max_bytes:
            raise PeerUnreachableError("the peer's answer is larger than allowed")
    return bytes(data)


def _unreachable(error: BaseException) -> UnavailableError | AddressRefusedError:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, AddressRefusedError):
            return cause
        cause = cause.__cause__ or cause.__context__
    return PeerUnreachableError(f"the peer cannot be reached ({type(error).__name__})")
