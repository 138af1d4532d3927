"""Serves the stand-ins of foreign systems on loopback, on a port that the system chooses."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Mapping

import aiohttp
import uvicorn
from starlette.applications import Starlette

from delian.adapters.bridge_web import Answer, Stream


@contextlib.asynccontextmanager
async def serving(app: Starlette) -> AsyncIterator[str]:
    """The address of *app* while it runs."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(16)
    config = uvicorn.Config(app, log_level="critical", lifespan="off", timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        await task
        listener.close()


class LoopbackWeb:
    """The bridges' way out, without the address guard: for stand-ins on loopback only."""

    async def ask(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        body: bytes | None = None,
        max_bytes: int = 1 << 20,
    ) -> Answer:
        async with (
            aiohttp.ClientSession() as session,
            session.request(
                method, url, headers=dict(headers), data=body, allow_redirects=False
            ) as answer,
        ):
            data = await answer.content.read(max_bytes)
            return Answer(answer.status, {k.lower(): v for k, v in answer.headers.items()}, data)

    @contextlib.asynccontextmanager
    async def stream(self, url: str, *, headers: Mapping[str, str]) -> AsyncIterator[Stream]:
        async with (
            aiohttp.ClientSession() as session,
            session.get(url, headers=dict(headers), allow_redirects=False) as answer,
        ):
            named = {k.lower(): v for k, v in answer.headers.items()}
            yield Stream(answer.status, named, answer.content.iter_chunked(65536))
