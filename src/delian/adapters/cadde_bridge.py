"""CADDE 4 on the wire: a provider that we ask, and a door that CADDE consumers knock at."""

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from delian.adapters.bridge_web import (
    Desk,
    OpenedResponse,
    Remembered,
    Stream,
    Web,
    failure,
    read_answer,
)
from delian.exchange.bridge_errors import ForeignFormError
from delian.exchange.cadde import (
    API_TYPES,
    ContractHeaders,
    error_body,
    packages_in,
    read_search,
    search_answer,
)
from delian.exchange.cadde_export import package_of
from delian.exchange.cadde_import import Resource
from delian.exchange.errors import NotAllowedError, NotFoundHereError
from delian.exchange.reactions import Participant
from delian.terms.errors import DelianError, InputError, RefusedError

CATALOG_PATH = "/cadde/api/v4/catalog"
FILE_PATH = "/cadde/api/v4/file"
RESOURCE_PATH = "/cadde/resource/"
SYSTEM = "cadde"
MAX_URL_CHARS = 2048


@dataclass(frozen=True, slots=True)
class CaddeProvider:
    """A foreign provider connector.

    Args:
        web: The way out, behind the address guard.
        address: Base address of the provider's connector.
        provider: Its CADDE user id.
        token: Our bearer token there.
    """

    web: Web
    address: str
    provider: str
    token: str = field(repr=False)

    async def packages(self, query: str = "*:*") -> tuple[dict[str, Any], ...]:
        """The packages of the provider's detailed catalogue.

        Raises:
            ForeignRefusedError: the provider says no.
            ForeignAwayError: it does not answer.
            ForeignFormError: its answer is not that of a package search.
        """
        url = f"{self.address}{CATALOG_PATH}?q={quote(query)}"
        answer = await self.web.ask("GET", url, headers=self._headers())
        return packages_in(read_answer(answer, "the CADDE catalogue"))

    @contextlib.asynccontextmanager
    async def open(self, resource: Resource) -> AsyncIterator[tuple[Stream, ContractHeaders]]:
        """The bytes of a resource and what the provider says of contract and provenance.

        Raises:
            ForeignRefusedError: the provider says no.
            ForeignAwayError: it does not answer.
        """
        headers = {
            **self._headers(),
            "x-cadde-resource-url": resource.url,
            "x-cadde-resource-api-type": resource.api_type,
        }
        if not resource.url.isascii() or not resource.url.isprintable():
            raise ForeignFormError("a resource's address is not printable ASCII")
        async with self.web.stream(f"{self.address}{FILE_PATH}", headers=headers) as stream:
            if stream.status != 200:
                raise failure(stream.status, "the CADDE provider")
            yield stream, ContractHeaders.from_headers(stream.headers)

    def _headers(self) -> dict[str, str]:
        return {
            "Authorization": f"Bearer {self.token}",
            "x-cadde-search": "detail",
            "x-cadde-provider": self.provider,
        }


@dataclass(slots=True)
class CaddeDoor:
    """The CADDE interface in front of our catalogue.

    Args:
        desk: The node.
        address: Our public base address; resource URLs begin with it.
        provider: Our own CADDE user id.
    """

    desk: Desk
    address: str
    provider: str
    _packages: Remembered[dict[str, Any]] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Nothing is remembered yet."""
        self._packages = Remembered(self._package)

    def routes(self) -> list[Route]:
        """The two endpoints."""
        return [
            Route(CATALOG_PATH, self._catalog, methods=["GET"]),
            Route(FILE_PATH, self._file, methods=["GET"]),
        ]

    async def _catalog(self, request: Request) -> Response:
        try:
            if request.headers.get("x-cadde-search", "detail") not in {"meta", "detail"}:
                return _error(400, "x-cadde-search is meta or detail")
            search = read_search(request.query_params.multi_items())
            who = await self._guest(request)
            made = await self._packages.all(await self.desk.datasets(who))
        except DelianError as error:
            return _refusal(error)
        found = [package for package in made if search.matches(package)]
        page = found[search.start : search.start + search.rows]
        return JSONResponse(search_answer(page, len(found)))

    def _package(self, dataset: Any) -> dict[str, Any]:
        name = quote(str(dataset.get("@id", "")), safe="")

        def locate(place: int) -> str:
            return f"{self.address}{RESOURCE_PATH}{name}/{place}"

        return package_of(dataset, provider=self.provider, locate=locate).value

    async def _file(self, request: Request) -> Response:
        try:
            dataset, place = self._resource(request)
            who = await self._guest(request)
            opened = await self.desk.open(who, dataset, place, None)
        except DelianError as error:
            return _refusal(error)
        headers = ContractHeaders.of_agreement(
            opened.agreement, opened.transfer, self.address, contracted=opened.contracted
        ).to_headers()
        return OpenedResponse(opened, headers)

    def _resource(self, request: Request) -> tuple[str, int]:
        url = request.headers.get("x-cadde-resource-url", "")
        if request.headers.get("x-cadde-resource-api-type") not in API_TYPES.values():
            raise ForeignFormError("x-cadde-resource-api-type is not one of the known kinds")
        prefix = self.address + RESOURCE_PATH
        if len(url) > MAX_URL_CHARS or not url.startswith(prefix) or urlsplit(url).query:
            raise NotFoundHereError("no such resource")
        name, _, place = url.removeprefix(prefix).rpartition("/")
        if not name or "/" in name or not place.isascii() or not place.isdecimal():
            raise NotFoundHereError("no such resource")
        return unquote(name), int(place[:6])

    async def _guest(self, request: Request) -> Participant:
        provider = request.headers.get("x-cadde-provider", self.provider)
        if provider != self.provider:
            raise NotFoundHereError("another provider is asked for")
        return await self.desk.identify(SYSTEM, request.headers.get("authorization"), None)


def _refusal(error: DelianError) -> Response:
    """Our error in the interface's form; "not there" and "not for you" are spelled alike."""
    if isinstance(error, NotAllowedError):
        return _error(403, error.message)
    if isinstance(error, NotFoundHereError):
        return _error(404, "there is no such thing here for you")
    if isinstance(error, InputError):
        return _error(400, error.message)
    if isinstance(error, RefusedError):
        return _error(403, f"{error.message}; {error.hint}" if error.hint else error.message)
    return _error(500, "the data cannot be had now")


def _error(status: int, detail: str) -> Response:
    return JSONResponse(error_body(status, detail), status)
