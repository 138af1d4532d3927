"""Serves a connector: uvicorn on one loop, with a limit on how long a request's head may take."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_SECONDS = 10.0


class BoundedProtocol(HttpToolsProtocol):
    """Closes a connection whose first request's head is not complete in time."""

    def connection_made(self, transport: Any) -> None:
        """Begin to count."""
        super().connection_made(transport)
        self._head_timer = self.loop.call_later(HEAD_SECONDS, self._give_up)

    def on_headers_complete(self) -> None:
        """In time."""
        self._head_timer.cancel()
        super().on_headers_complete()

    def on_message_begin(self) -> None:
        """A further request on the same connection."""
        super().on_message_begin()
        self._head_timer.cancel()
        self._head_timer = self.loop.call_later(HEAD_SECONDS, self._give_up)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop counting."""
        self._head_timer.cancel()
        super().connection_lost(exc)

    def _give_up(self) -> None:
        if not self.transport.is_closing():
            self.transport.close()


@dataclass(frozen=True, slots=True)
class Listen:
    """Where a connector listens.

    Args:
        host: Address to bind.
        port: Port to bind; 0 for any.
        certificate: PEM file, where this process ends TLS itself.
        key: Its private key.
    """

    host: str
    port: int
    certificate: str | None = None
    key: str | None = None


def bound_socket(listen: Listen) -> socket.socket:
    """The listening socket, so that its port is known before anything is served."""
    family = socket.AF_INET6 if ":" in listen.host else socket.AF_INET
    found = socket.socket(family, socket.SOCK_STREAM)
    found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    found.bind((listen.host, listen.port))
    return found


@contextlib.asynccontextmanager
async def serving(app: Any, listen: Listen, bound: socket.socket) -> AsyncIterator[None]:
    """Serve *app* while the block runs."""
    config = uvicorn.Config(
        app,
        http=BoundedProtocol,
        ws="none",
        ssl_certfile=listen.certificate,
        ssl_keyfile=listen.key,
        log_level="error",
        access_log=False,
        lifespan="off",
        server_header=False,
        date_header=False,
        proxy_headers=False,
        backlog=1024,
        timeout_graceful_shutdown=2,
        timeout_keep_alive=30,
        h11_max_incomplete_event_size=16_384,
    )
    server = _Quiet(config)
    task = asyncio.create_task(server.serve(sockets=[bound]))
    try:
        while not server.started and not task.done():
            await asyncio.sleep(0.005)
        if task.done():
            await task
        yield
    finally:
        server.should_exit = True
        await task


class _Quiet(uvicorn.Server):
    """Leaves the signals to the process that serves."""

    @contextlib.contextmanager
    def capture_signals(self) -> Any:
        """Nothing."""
        yield
