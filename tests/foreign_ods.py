"""An ODS gateway with a service behind it, as a stranger would build it from the public interface:
API key, bearer token, tracking id; everything else passes through; errors in one common form.
"""

import uuid
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

API_KEY, TOKEN = "ods-key", "ods-jwt"
DATA = "日付,値\n2026-11-21,7\n".encode()


def dcat(address: str) -> dict[str, Any]:
    return {
        "@id": "https://ods.example.jp/dataset/電力",
        "@type": "dcat:Dataset",
        "dct:title": [{"@value": "電力需要", "@language": "ja"}],
        "dct:description": "地域別の電力需要",
        "dcat:keyword": ["電力", "需要"],
        "dcat:contactPoint": {"name": "担当"},
        "dct:spatial": "日本",
        "dcat:distribution": [{"dcat:accessURL": f"{address}/files/power.csv"}],
    }


@dataclass
class OdsGateway:
    """The gateway; *address* is filled in once it is known."""

    address: str = ""
    tracked: list[str] = field(default_factory=list)
    broken: bool = False

    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/catalog", self.catalog),
                Route("/files/power.csv", self.file),
                Route("/{rest:path}", self.missing),
            ]
        )

    def _error(self, status: int, code: str, message: str) -> Response:
        stamp = "timeStamp: 2026-11-21T00:00:00Z"
        return JSONResponse({"code": code, "message": message, "detail": stamp}, status)

    def _refuse(self, request: Request) -> Response | None:
        if "api-key" not in request.headers or "authorization" not in request.headers:
            return self._error(400, "[dataspace] BadRequest", "Invalid request parameters")
        if request.headers["authorization"] != f"Bearer {TOKEN}":
            return self._error(401, "[auth] Unauthorized", "Invalid or expired token")
        if request.headers["api-key"] != API_KEY:
            return self._error(403, "[auth] Forbidden", "Access denied")
        if self.broken:
            message = "Failed to connect to the outer service"
            return self._error(503, "[dataspace] ServiceUnavailable", message)
        self.tracked.append(request.headers.get("x-trackingid") or str(uuid.uuid4()))
        return None

    async def catalog(self, request: Request) -> Response:
        return self._refuse(request) or JSONResponse({"@graph": [dcat(self.address)]})

    async def file(self, request: Request) -> Response:
        return self._refuse(request) or Response(DATA, media_type="text/csv")

    async def missing(self, request: Request) -> Response:
        return self._refuse(request) or self._error(
            404, "[dataspace] NotFound", "Endpoint not found"
        )


@dataclass
class OdsConsumer:
    """A client application that knows the gateway's interface only."""

    address: str
    api_key: str
    token: str

    async def get(self, path: str, accept: str = "*/*", tracking: str = "") -> dict[str, Any]:
        headers = {
            "API-Key": self.api_key,
            "Authorization": f"Bearer {self.token}",
            "Accept": accept,
        }
        if tracking:
            headers["X-TrackingId"] = tracking
        url = self.address + path
        async with aiohttp.ClientSession() as session, session.get(url, headers=headers) as answer:
            return {
                "status": answer.status,
                "headers": {k.lower(): v for k, v in answer.headers.items()},
                "body": await answer.read(),
            }
