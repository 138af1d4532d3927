"""A bare exchange over loopback: what the same number of messages costs when nobody thinks.

The other end is a process of its own with the same server and the same body sizes; nothing is
read, decided, signed or stored. The reference of ``bench/exchange.py``.
"""

import asyncio
import contextlib
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

ROOT = Path(__file__).resolve().parents[1]
BODY = b'{"@type":"x","text":"' + b"x" * 500 + b'"}'
MESSAGES = 4  # request, agreement, verification, finalization


async def echo(request: Request) -> Response:
    """The body, as it came."""
    return Response(await request.body(), media_type="application/json")


@contextlib.asynccontextmanager
async def other_end() -> AsyncIterator[str]:
    """A process that echoes, and its address."""
    command = [sys.executable, "-P", __file__]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT)
    try:
        if child.stdout is None:
            raise RuntimeError("the child has no output")
        port = int(await asyncio.to_thread(child.stdout.readline))
        yield f"http://127.0.0.1:{port}/"
    finally:
        child.kill()
        child.wait()
        if child.stdout is not None:
            child.stdout.close()


async def measure(runs: int, in_flight: int) -> tuple[float, float]:
    """Milliseconds of the median sequential exchange, and exchanges per second in flight."""
    async with other_end() as url, aiohttp.ClientSession() as session:

        async def once() -> float:
            begin = time.perf_counter()
            for _ in range(MESSAGES):
                async with session.post(url, data=BODY) as answer:
                    await answer.read()
            return (time.perf_counter() - begin) * 1000

        for _ in range(20):
            await once()
        median = statistics.median([await once() for _ in range(runs)])
        left = iter(range(runs))
        begin = time.perf_counter()

        async def worker() -> None:
            for _ in left:
                await once()

        await asyncio.gather(*(worker() for _ in range(in_flight)))
        return median, runs / (time.perf_counter() - begin)


def serve() -> None:
    """Echo until killed; the first line of the output is the port."""
    app = Starlette(routes=[Route("/", echo, methods=["POST"])])
    config = uvicorn.Config(app, log_level="warning", access_log=False, lifespan="off")
    listener = socket.create_server(("127.0.0.1", 0))
    print(listener.getsockname()[1], flush=True)
    uvicorn.Server(config).run(sockets=[listener])


if __name__ == "__main__":
    serve()
