"""The body of a request, never more of it than a door allows."""

from starlette.requests import Request

from delian.terms.errors import InputError


async def read_body(request: Request, limit: int) -> bytes:
    """The whole body.

    Args:
        request: It is read piece by piece.
        limit: Bytes.

    Raises:
        InputError: it is larger; what follows is not read.
    """
    parts: list[bytes] = []
    size = 0
    async for part in request.stream():
        size += len(part)
        if size > limit:
            raise InputError("the body is larger than allowed")
        parts.append(part)
    return b"".join(parts)
