"""The management line of a connector: a socket in its home that only its owner may open.

One order per connection: a line of JSON ``{"token", "order", …}`` in, a line of JSON out, either
``{"answer": …}`` or ``{"error": …}``. The token lies beside the socket, mode 0600.
"""

import asyncio
import json
import os
import secrets
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from delian.adapters.files import read_bytes, write_bytes
from delian.terms.errors import DelianError, InputError, RefusedError, UnavailableError

SOCKET, TOKEN = "operator.sock", "operator.token"
MAX_ORDER = 16 * 1024 * 1024
_ORDER_SECONDS = 10.0
_MAX_PATH = 100
Handler = Callable[[dict[str, Any]], Awaitable[Any]]


class LineClosedError(UnavailableError):
    """No connector serves this home."""

    code = "exchange-line"


class LineTokenError(RefusedError):
    """An order did not carry the token of the home."""

    code = "exchange-line-token"


class OrderRefusedError(RefusedError):
    """The connector refused an order; its own code stands in the message."""

    code = "exchange-order"


@asynccontextmanager
async def line(home: Path, handle: Handler) -> AsyncIterator[None]:
    """Take orders while the block runs."""
    token = secrets.token_urlsafe(32)
    write_bytes(home / TOKEN, token.encode(), secret=True)
    path = home / SOCKET
    path.unlink(missing_ok=True)
    folder = os.open(home, os.O_RDONLY | os.O_DIRECTORY)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, TimeoutError):
            answer = await _one(reader, token, handle)
            writer.write(json.dumps(answer, ensure_ascii=False).encode() + b"\n")
            await writer.drain()
        writer.close()

    old = os.umask(0o177)
    try:
        server = await asyncio.start_unix_server(serve, _short(path, folder), limit=MAX_ORDER)
    finally:
        os.umask(old)
    try:
        yield
    finally:
        server.close()
        path.unlink(missing_ok=True)
        os.close(folder)


async def _one(reader: asyncio.StreamReader, token: str, handle: Handler) -> dict[str, Any]:
    try:
        async with asyncio.timeout(_ORDER_SECONDS):
            data = await reader.readline()
        order = json.loads(data)
        if not isinstance(order, dict):
            raise InputError("an order is an object")
        given = order.pop("token", "")
        if not isinstance(given, str) or not secrets.compare_digest(given.encode(), token.encode()):
            raise LineTokenError("the order does not carry the token of this home")
        return {"answer": await handle(order)}
    except DelianError as error:
        return {"error": error.to_wire(), "exit": error.exit_code}
    except (ValueError, RecursionError):
        return {"error": InputError("the order is not JSON").to_wire(), "exit": 2}


def call(home: Path, order: dict[str, Any], seconds: float) -> Any:
    """Give an order to the connector that serves *home*; its answer.

    Raises:
        LineClosedError: none serves it.
        OrderRefusedError: it refused, with the reason.
    """
    try:
        token = read_bytes(home / TOKEN, max_bytes=1000).decode()
        folder = os.open(home, os.O_RDONLY | os.O_DIRECTORY)
    except (OSError, UnavailableError) as error:
        raise _closed(home) from error
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as link:
            link.settimeout(seconds)
            link.connect(_short(home / SOCKET, folder))
            link.sendall(json.dumps({**order, "token": token}).encode() + b"\n")
            with link.makefile("rb") as answers:
                data = answers.readline()
    except OSError as error:
        raise _closed(home) from error
    finally:
        os.close(folder)
    if not data:
        raise _closed(home)
    answer = json.loads(data)
    if "error" in answer:
        raise _refusal(answer)
    return answer["answer"]


def _refusal(answer: dict[str, Any]) -> OrderRefusedError:
    said = answer["error"]
    error = OrderRefusedError(
        str(said.get("message")), hint=str(said.get("hint", "")), where=str(said.get("where", ""))
    )
    error.code = str(said.get("code"))  # type: ignore[misc]
    error.exit_code = int(answer.get("exit", 1))  # type: ignore[misc]
    return error


def _closed(home: Path) -> LineClosedError:
    return LineClosedError(
        "no connector serves this home", hint=f"start it: delian exchange serve --home {home}"
    )


def _short(path: Path, folder: int) -> str:
    """The socket's path; a long one by way of its open folder, for the system allows 107 bytes."""
    text = str(path)
    return text if len(text.encode()) <= _MAX_PATH else f"/proc/self/fd/{folder}/{path.name}"
