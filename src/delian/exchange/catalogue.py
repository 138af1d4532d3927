"""Datasets, their distributions, and the pages of a catalogue.

May touch: values. A page starts behind the last identifier of the page before it, never at a count,
so its cost does not grow with its position, and what is published meanwhile moves nothing.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from delian.exchange.catalogue_filter import Filter
from delian.exchange.errors import MessageError
from delian.exchange.odrl import Policy
from delian.exchange.plain import local_name, many, mapping, member, optional, text
from delian.exchange.words import CONTEXT

PROPERTY_NAMES = {
    "title": "http://purl.org/dc/terms/title",
    "description": "http://purl.org/dc/terms/description",
    "keyword": "http://www.w3.org/ns/dcat#keyword",
    "language": "http://purl.org/dc/terms/language",
    "issued": "http://purl.org/dc/terms/issued",
    "publisher": "http://purl.org/dc/terms/publisher",
    "conformsTo": "http://purl.org/dc/terms/conformsTo",
    "byteSize": "http://www.w3.org/ns/dcat#byteSize",
    "digest": "urn:delian:terms:1:digest",
    "label": "urn:delian:terms:1:label",
}
_SHORT_NAMES = {iri: name for name, iri in PROPERTY_NAMES.items()}
_OWN_MEMBERS = frozenset(("@id", "@type", "@context", "hasPolicy", "distribution"))


@dataclass(frozen=True, slots=True)
class Distribution:
    """One way in which a dataset is handed out.

    Args:
        format: ``HttpData-PULL``, ``HttpData-PUSH``, or a peer's own word.
        service_id: Identifier of the service that serves it.
        service_url: Its address, where the catalogue says it.
    """

    format: str
    service_id: str
    service_url: str | None = None

    @classmethod
    def from_plain(cls, obj: object, where: str) -> "Distribution":
        """The distribution in *obj*.

        Raises:
            MessageError: names the member that breaks the form.
        """
        plain = mapping(obj, where)
        service = many(member(plain, "accessService", where), f"{where}.accessService")
        first = service[0] if service else None
        url = first.get("endpointURL") if isinstance(first, dict) else None
        return cls(
            text(member(plain, "format", where), f"{where}.format"),
            text(_service_id(first), f"{where}.accessService"),
            None if url is None else text(url, f"{where}.accessService.endpointURL"),
        )

    def to_plain(self) -> dict[str, Any]:
        """The distribution as the protocol spells it."""
        service: Any = self.service_id
        if self.service_url is not None:
            service = to_service(self.service_id, self.service_url)
        return {"@type": "Distribution", "format": self.format, "accessService": service}


@dataclass(frozen=True, slots=True)
class Dataset:
    """What is on offer: policies, ways to get it, and what it is called.

    Args:
        id: Identifier; unique at its provider.
        offers: At least one; inside a catalogue without a target.
        distributions: At least one.
        properties: Plain names (``title``, ``keyword``, ``language`` …) and values.
    """

    id: str
    offers: tuple[Policy, ...]
    distributions: tuple[Distribution, ...]
    properties: tuple[tuple[str, Any], ...] = ()

    def get(self, name: str) -> Any:
        """The property *name*, or None."""
        return dict(self.properties).get(name)

    @classmethod
    def from_plain(cls, obj: object, where: str) -> "Dataset":
        """The dataset in *obj*; properties that it does not know stay under their own names.

        Raises:
            MessageError: names the member that breaks the form.
        """
        plain = mapping(obj, where)
        offers = many(member(plain, "hasPolicy", where), f"{where}.hasPolicy")
        ways = many(plain.get("distribution"), f"{where}.distribution")
        return cls(
            text(member(plain, "@id", where), f"{where}.@id"),
            tuple(Policy.from_plain(o, f"{where}.hasPolicy[{i}]") for i, o in enumerate(offers)),
            tuple(
                Distribution.from_plain(w, f"{where}.distribution[{i}]") for i, w in enumerate(ways)
            ),
            tuple((_short(k), v) for k, v in sorted(plain.items()) if k not in _OWN_MEMBERS),
        )

    def to_plain(self, *, with_context: bool = False) -> dict[str, Any]:
        """The dataset as it stands in a catalogue, or alone with its context."""
        body: dict[str, Any] = {"@context": [CONTEXT]} if with_context else {}
        body |= {"@id": self.id, "@type": "Dataset"}
        for name, value in self.properties:
            body[PROPERTY_NAMES.get(name, name)] = value
        body["hasPolicy"] = [offer.to_plain() for offer in self.offers]
        body["distribution"] = [way.to_plain() for way in self.distributions]
        return body


@dataclass(frozen=True, slots=True)
class CatalogPage:
    """One page of a peer's catalogue, as far as it could be read.

    Args:
        unread: One line for each dataset that breaks the form.
    """

    id: str
    participant_id: str | None
    datasets: tuple[Dataset, ...]
    services: tuple[str, ...] = ()
    unread: tuple[str, ...] = ()


def to_service(service_id: str, url: str) -> dict[str, Any]:
    """A data service as the protocol spells it."""
    return {"@id": service_id, "@type": "DataService", "endpointURL": url}


def catalog_page(
    catalog_id: str,
    participant_id: str,
    datasets: Iterable[dict[str, Any]],
    *,
    service: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """A catalogue that holds *datasets* (each already plain); empty lists are left out."""
    body: dict[str, Any] = {
        "@context": [CONTEXT],
        "@id": catalog_id,
        "@type": "Catalog",
        "participantId": participant_id,
    }
    if service is not None:
        body["service"] = [service]
    shown = list(datasets)
    if shown:
        body["dataset"] = shown
    return body


def read_catalog(obj: Mapping[str, Any]) -> CatalogPage:
    """A peer's catalogue; one dataset that cannot be read does not hide the others.

    Raises:
        MessageError: no catalogue at all.
    """
    where = "Catalog"
    datasets, unread = [], []
    for i, item in enumerate(_datasets(obj)):
        try:
            datasets.append(Dataset.from_plain(item, f"dataset[{i}]"))
        except MessageError as error:
            unread.append(f"{error.where}: {error.message}")
    services = [s for s in many(obj.get("service"), "service") if isinstance(s, dict)]
    urls = [s["endpointURL"] for s in services if isinstance(s.get("endpointURL"), str)]
    return CatalogPage(
        text(member(obj, "@id", where), f"{where}.@id"),
        optional(obj, "participantId", where, text),
        tuple(datasets),
        tuple(urls),
        tuple(unread),
    )


def matches(dataset: Dataset, wanted: Filter) -> bool:
    """Does *dataset* meet every condition of the filter?"""
    return all(
        condition.admits(_values(dataset, condition.property)) for condition in wanted.conditions
    )


def _values(dataset: Dataset, name: str) -> tuple[Any, ...]:
    match name:
        case "id":
            return (dataset.id,)
        case "offer":
            return tuple(offer.id for offer in dataset.offers)
        case "format":
            return tuple(way.format for way in dataset.distributions)
    value = dataset.get(name)
    if value is None:
        return ()
    items = value if isinstance(value, list | tuple) else (value,)
    return tuple(i.get("@value", i.get("@id")) if isinstance(i, dict) else i for i in items)


def _datasets(obj: Mapping[str, Any]) -> list[Any]:
    found = obj.get("dataset")
    return found if isinstance(found, list) else many(found, "dataset")


def _short(name: str) -> str:
    if name in _SHORT_NAMES:
        return _SHORT_NAMES[name]
    for prefix in ("dct:", "dcterms:"):
        if name.startswith(prefix):
            return name[len(prefix) :]
    return local_name(name)


def _service_id(value: object) -> object:
    return value.get("@id") if isinstance(value, dict) else value
