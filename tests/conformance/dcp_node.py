"""Our identity as a process of its own, as the public DCP kit wants to meet it.

The doors are the product's. Only the trigger is the kit's own wish: a request that makes a
verifier check who speaks. Settings come as a JSON file in its home; some of them need
``development = true``.
"""

import asyncio
import json
import sys
from datetime import UTC, datetime
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from delian.adapters.identity_store import IdentityStore
from delian.adapters.peer_client import PeerClient
from delian.adapters.peer_guard import Guard
from delian.exchange.errors import NotAllowedError
from delian.nodes.exchange_identity import DcpIdentity
from delian.nodes.exchange_identity_settings import read_settings


async def serve(given: dict[str, object], home: Path, port: int) -> None:
    """Serve until told to stop."""
    client = PeerClient(Guard(is_development=True))
    settings = read_settings(
        given["identity"], did=given["did"], address=given["address"], development=True
    )
    identity = DcpIdentity.open(home, settings, client, lambda: datetime.now(tz=UTC))
    seeded = IdentityStore(home / "identity.db")
    for pid, issuer, kinds in given["expected"]:
        seeded.expect(pid, issuer, kinds)
    seeded.close()

    async def trigger(request: Request) -> Response:
        try:
            who = await identity.identify(request.headers.get("authorization"))
        except NotAllowedError as error:
            return JSONResponse({"code": error.code, "reason": error.message}, 401)
        return JSONResponse({"participant": who.id, "claims": [c.kind for c in who.claims]})

    routes = [*identity.routes(), Route("/kit/trigger", trigger, methods=["POST"])]
    config = uvicorn.Config(
        Starlette(routes=routes), host="127.0.0.1", port=port, log_level="error", lifespan="off"
    )
    await identity.start()
    try:
        await uvicorn.Server(config).serve()
    finally:
        await identity.close()
        await client.close()


if __name__ == "__main__":
    orders = json.loads(Path(sys.argv[1]).read_text("utf-8"))
    asyncio.run(serve(orders, Path(sys.argv[1]).parent, int(orders["port"])))
