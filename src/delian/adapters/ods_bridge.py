"""Open Data Spaces on the wire: a gateway that we call through, and a door of the same kind."""

import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import quote, unquote

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from delian.adapters.bridge_web import (
    Desk,
    OpenedResponse,
    Remembered,
    Stream,
    Web,
    object_in,
    objects_in,
)
from delian.exchange.bridge_errors import ForeignFormError
from delian.exchange.crossing import Json, read_foreign
from delian.exchange.errors import NotAllowedError, NotFoundHereError
from delian.exchange.ods import (
    PREFIXES,
    GatewayAccess,
    dcat_of,
    error_body,
    error_of,
    tracking_id,
)
from delian.exchange.ods_turtle import turtle_of
from delian.exchange.ouranos import is_uuid
from delian.terms.errors import DelianError, InputError, RefusedError

CATALOG_PATH = "/ods/catalog"
DATA_PATH = "/ods/data/{dataset:path}"
SYSTEM = "ods"
TURTLE = "text/turtle"
JSON_LD = "application/ld+json"


@dataclass(frozen=True, slots=True)
class OdsGateway:
    """A foreign gateway and the services behind it.

    Args:
        web: The way out, behind the address guard.
        address: Base address of the gateway.
        access: Key and token.
        catalog_path: Where the catalogue stands behind the gateway.
    """

    web: Web
    address: str
    access: GatewayAccess
    catalog_path: str = "/catalog"

    async def datasets(self, pid: str) -> list[dict[str, Json]]:
        """The DCAT datasets of the catalogue, in our prefixes.

        Raises:
            DelianError: what the gateway said, in our words.
        """
        headers = {**self.access.to_headers(pid), "Accept": JSON_LD}
        answer = await self.web.ask("GET", self.address + self.catalog_path, headers=headers)
        if answer.status != 200:
            raise error_of(answer.status, _read(answer.body))
        graph = object_in(read_foreign(answer.body), "the ODS catalogue")
        _refuse_other_prefixes(graph.get("@context"))
        listed = graph.get("@graph", graph.get("dcat:dataset"))
        return objects_in(listed, "the ODS catalogue")

    def place_of(self, dataset: dict[str, Json]) -> str | None:
        """The path of a dataset's bytes behind this gateway; None for an address elsewhere."""
        listed = dataset.get("dcat:distribution")
        for item in listed if isinstance(listed, list) else []:
            for name in ("dcat:downloadURL", "dcat:accessURL"):
                url = item.get(name) if isinstance(item, dict) else None
                if isinstance(url, str) and url.startswith(self.address + "/"):
                    return url.removeprefix(self.address)
        return None

    @contextlib.asynccontextmanager
    async def open(self, path: str, pid: str) -> AsyncIterator[Stream]:
        """The bytes at *path* behind the gateway, under the tracking id of *pid*.

        Raises:
            DelianError: what the gateway said, in our words.
        """
        headers = self.access.to_headers(pid)
        async with self.web.stream(self.address + path, headers=headers) as stream:
            if stream.status != 200:
                raise error_of(stream.status, None)
            yield stream


def _refuse_other_prefixes(context: Json) -> None:
    """A catalogue may come without a context, or with one that means our prefixes as we do."""
    if context is None:
        return
    if not isinstance(context, dict) or any(
        context.get(prefix, iri) != iri for prefix, iri in PREFIXES.items()
    ):
        raise ForeignFormError(
            "the ODS catalogue means other words by our prefixes",
            hint="its context must give dcat, dct and odrl their usual meaning",
        )


def _read(body: bytes) -> Json:
    try:
        return read_foreign(body)
    except ForeignFormError:
        return None


@dataclass(slots=True)
class OdsDoor:
    """The gateway's manners in front of our catalogue and our data.

    Args:
        desk: The node.
        address: Our public base address.
        now: The clock.
    """

    desk: Desk
    address: str
    now: Callable[[], datetime]
    _dcats: Remembered[dict[str, Any]] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Nothing is remembered yet."""
        self._dcats = Remembered(self._dcat)

    def routes(self) -> list[Route]:
        """The catalogue and the data."""
        return [
            Route(CATALOG_PATH, self._catalog, methods=["GET"]),
            Route(DATA_PATH, self._data, methods=["GET"]),
        ]

    async def _catalog(self, request: Request) -> Response:
        tracked = _tracking(request)
        try:
            who = await self.desk.identify(SYSTEM, *_credentials(request))
            made = await self._dcats.all(await self.desk.datasets(who))
        except DelianError as error:
            return self._refusal(error, tracked)
        headers = {"X-TrackingId": tracked, "Vary": "Accept"} if tracked else {"Vary": "Accept"}
        if TURTLE in request.headers.get("accept", ""):
            return Response(turtle_of(made), media_type=TURTLE, headers=headers)
        graph = {"@context": dict(PREFIXES), "@graph": made}
        return JSONResponse(graph, headers=headers, media_type=JSON_LD)

    def _dcat(self, dataset: Any) -> dict[str, Any]:
        made = dcat_of(dataset).value
        name = quote(str(made["@id"]), safe="")
        shown = made.get("dcat:distribution")
        for place, item in enumerate(shown if isinstance(shown, list) else []):
            item["dcat:accessURL"] = f"{self.address}/ods/data/{name}/{place}"
        return made

    async def _data(self, request: Request) -> Response:
        tracked = _tracking(request)
        try:
            who = await self.desk.identify(SYSTEM, *_credentials(request))
            name, _, place = request.path_params["dataset"].rpartition("/")
            if not name or not place.isascii() or not place.isdecimal():
                raise NotFoundHereError("no such data")
            pid = f"urn:uuid:{tracked}" if tracked else None
            opened = await self.desk.open(who, unquote(name), int(place[:6]), pid)
        except DelianError as error:
            return self._refusal(error, tracked)
        headers = {
            "X-TrackingId": tracking_id(opened.transfer),
            "X-ODS-AgreementId": quote(opened.agreement, safe=":/.-_"),
        }
        return OpenedResponse(opened, headers)

    def _refusal(self, error: DelianError, tracked: str) -> Response:
        headers = {"X-TrackingId": tracked} if tracked else {}
        return JSONResponse(error_body(_status(error), self.now()), _status(error), headers=headers)


def _credentials(request: Request) -> tuple[str, str]:
    authorization, key = request.headers.get("authorization"), request.headers.get("api-key")
    if not authorization or not key:
        raise ForeignFormError("API-Key and Authorization are required")
    return authorization, key


def _tracking(request: Request) -> str:
    found = request.headers.get("x-trackingid", "").lower()
    return found if is_uuid(found) else ""


def _status(error: DelianError) -> int:
    if isinstance(error, NotAllowedError):
        return 401
    if isinstance(error, NotFoundHereError):
        return 404
    if isinstance(error, InputError):
        return 400
    return 403 if isinstance(error, RefusedError) else 503
