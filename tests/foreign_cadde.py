"""A CADDE 4 provider connector and a CADDE consumer, as strangers would build them from the public
interface: a CKAN package search behind ``/catalog``, files behind ``/file``, words in headers.
"""

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import aiohttp
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

FILE = "品目,数量\n半導体,12\n".encode()


def japanese_package(provider: str) -> dict[str, Any]:
    return {
        "id": "f2f0c2b4-5d1e-4d35-9f0f-3b1f4a7f8c11",
        "name": "handotai-juyo",
        "title": "半導体の需要見通し",
        "notes": "四半期ごとの需要見通し。\n単位は千個。",
        "license_id": "cc-by",
        "license_title": "クリエイティブ・コモンズ 表示",
        "author_email": "tanto@example.jp",
        "metadata_created": "2026-04-01T00:00:00",
        "tags": [{"name": "半導体", "display_name": "半導体", "state": "active"}],
        "organization": {"title": "データ提供機構"},
        "extras": [
            {"key": "caddec_provider_id", "value": provider},
            {"key": "caddec_dataset_id_for_detail", "value": "detail-001"},
            {"key": "spatial", "value": "日本"},
        ],
        "resources": [
            {
                "id": "r1",
                "name": "見通し.csv",
                "url": "http://data.inner.example/handotai.csv",
                "format": "CSV",
                "mimetype": "text/csv",
                "size": len(FILE),
                "caddec_resource_type": "file/http",
                "caddec_contract_required": "notRequired",
                "caddec_required": "required",
                "caddec_resource_id_for_provenance": "event-77",
            },
            {"id": "r2", "name": "説明ページ", "url": "https://data.inner.example/about"},
        ],
    }


@dataclass
class CaddeProvider:
    """The provider connector's two endpoints."""

    provider: str = "1180001038380"
    token: str = "kc-token"
    packages: list[dict[str, Any]] = field(default_factory=list)
    seen: list[dict[str, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.packages = self.packages or [japanese_package(self.provider)]

    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/cadde/api/v4/catalog", self.catalog),
                Route("/cadde/api/v4/file", self.file),
            ]
        )

    def _error(self, status: int, detail: str) -> Response:
        return JSONResponse({"detail": detail, "status": status, "title": "", "type": ""}, status)

    async def catalog(self, request: Request) -> Response:
        words = [w for w in request.query_params.get("q", "").split() if w != "*:*"]
        found = [p for p in self.packages if all(w in p["title"] + p["notes"] for w in words)]
        result = {"count": len(found), "sort": "", "facets": {}, "results": found}
        return JSONResponse({"help": "", "success": True, "result": result})

    async def file(self, request: Request) -> Response:
        self.seen.append(dict(request.headers))
        if request.headers.get("authorization") != f"Bearer {self.token}":
            return self._error(403, "有効な認可トークンが取得できません。")
        if request.headers.get("x-cadde-resource-api-type") not in {"file/http", "file/ftp"}:
            return self._error(400, "リソース提供手段識別子の値が不正です。")
        urls = {r["url"] for p in self.packages for r in p["resources"]}
        if request.headers.get("x-cadde-resource-url") not in urls:
            return self._error(404, "データが見つかりません。")
        return Response(
            FILE,
            media_type="text/csv",
            headers={
                "x-cadde-contract-id": "contract-42",
                "x-cadde-contract-type": "bilateral",
                "x-cadde-contract-management-service-url": "https://contract.example.jp",
                "x-cadde-provenance": "event-78",
                "x-cadde-provenance-management-service-url": "https://history.example.jp",
            },
        )


@dataclass
class CaddeConsumer:
    """A consumer connector: searches, picks a resource, fetches it."""

    address: str
    token: str

    async def search(self, words: str) -> dict[str, Any]:
        url = f"{self.address}/cadde/api/v4/catalog?q={quote(words)}"
        headers = {"x-cadde-search": "detail", "Authorization": f"Bearer {self.token}"}
        async with aiohttp.ClientSession() as session, session.get(url, headers=headers) as answer:
            return {"status": answer.status, "body": await answer.json(content_type=None)}

    async def fetch(self, resource_url: str, api_type: str) -> dict[str, Any]:
        headers = {
            "x-cadde-resource-url": resource_url,
            "x-cadde-resource-api-type": api_type,
            "Authorization": f"Bearer {self.token}",
        }
        url = f"{self.address}/cadde/api/v4/file"
        async with aiohttp.ClientSession() as session, session.get(url, headers=headers) as answer:
            return {
                "status": answer.status,
                "headers": {k.lower(): v for k, v in answer.headers.items()},
                "body": await answer.read(),
            }
