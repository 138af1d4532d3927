"""A CADDE provider's CKAN package becomes a DSP dataset; and comes home as the package it was.

May touch: values. What DSP has a word for is moved there; all else that is not personal or an
inner address travels under ``urn:delian:terms:1:ckan``, so that the way back restores it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from delian.exchange.bridge_errors import ForeignFormError
from delian.exchange.cadde import (
    API_TYPES,
    DETAIL_KEY,
    FOREIGN,
    FORMATS,
    NOT_REQUIRED,
    PROVIDER_KEY,
    dataset_urn,
    extras_of,
    offers_for,
    word_of,
)
from delian.exchange.crossing import Crossing, Json, Part, Tally

PERSONAL = ("author", "author_email", "maintainer", "maintainer_email", "creator_user_id")
_SAME = (
    ("title", "title"),
    ("notes", "description"),
    ("metadata_created", "issued"),
    ("metadata_modified", "modified"),
    ("license_id", "license"),
)
_UNFETCHABLE = "no transfer format for this kind of resource"
_INNER = "the address stays with the bridge, so that nobody walks past the contract"


@dataclass(frozen=True, slots=True)
class Resource:
    """Where the bridge fetches one distribution of a foreign dataset.

    Args:
        url: Address inside the provider's domain; handed to its connector, never connected to.
        api_type: ``file/http``, ``file/ftp`` or ``api/ngsi``.
        contracted: Does the provider ask for a contract?
    """

    url: str
    api_type: str
    contracted: bool


def identity_of(package: Mapping[str, Json], provider: str) -> tuple[str, str]:
    """Provider and dataset id of a package.

    Args:
        package: From the foreign catalogue.
        provider: Whose catalogue was asked; counts where the package names nobody.

    Raises:
        ForeignFormError: the package names another provider, or no id at all.
    """
    extras = extras_of(package)
    named = extras.get(PROVIDER_KEY, provider)
    if named != provider:
        raise ForeignFormError(
            "a package names another provider than the one that was asked",
            hint="ask the named provider's own catalogue",
        )
    for found in (extras.get(DETAIL_KEY), package.get("id"), package.get("name")):
        if isinstance(found, str) and 0 < len(found) <= 512:
            return provider, found
    raise ForeignFormError("a package has no id")


def resources_of(package: Mapping[str, Json]) -> tuple[Resource, ...]:
    """The fetchable resources, in the order of the dataset's distributions."""
    listed = package.get("resources")
    return tuple(
        Resource(
            str(item["url"]),
            str(item["caddec_resource_type"]),
            item.get("caddec_contract_required") != NOT_REQUIRED,
        )
        for item in (listed if isinstance(listed, list) else ())
        if _is_fetchable(item)
    )


def dataset_of(
    package: Mapping[str, Json],
    *,
    provider: str,
    endpoint: str,
    recipients: Sequence[str] = (),
) -> Crossing[dict[str, Json]]:
    """The DSP dataset of a foreign package.

    Args:
        package: A CKAN package, bounded and read by ``crossing.read_foreign``.
        provider: CADDE user id of the provider whose catalogue was asked.
        endpoint: Our DSP address; it stands in every distribution.
        recipients: Participants with whom the provider has a contract on file.

    Guarantees:
        Round trip through :func:`package_home` gives back everything that is not listed as dropped
        (``tests/property/test_exchange_bridges.py``).

    Raises:
        ForeignFormError: a package of another provider, or without an id.
    """
    urn = dataset_urn(*identity_of(package, provider))
    tally = Tally()
    part = Part(package, tally)
    made: dict[str, Json] = {"@id": urn, "@type": "Dataset"}
    for theirs, ours in _SAME:
        part.move(theirs, made, ours)
    for name in PERSONAL:
        part.drop(name, "personal data stays in its own catalogue")
    _take_tags(part, made)
    license_id = package.get("license_id")
    contracted = any(resource.contracted for resource in resources_of(package))
    made["hasPolicy"] = offers_for(
        urn,
        license_id if isinstance(license_id, str) else "",
        contracted=contracted,
        recipients=recipients,
    )
    shown, beside = _take_resources(part, tally, endpoint)
    if shown:
        made["distribution"] = shown
    made[FOREIGN] = part.rest(f"/{FOREIGN}") | ({"resources": beside} if shown else {})
    return tally.close(dict(package), made)


def package_home(dataset: Mapping[str, Json]) -> Crossing[dict[str, Json]]:
    """The package that :func:`dataset_of` came from, as far as it was not dropped."""
    tally = Tally()
    part = Part(dataset, tally)
    inner = part.peek(FOREIGN)
    if not isinstance(inner, dict):
        raise ForeignFormError("the dataset did not come from a foreign package")
    made: dict[str, Json] = {}
    for theirs, ours in _SAME:
        part.move(ours, made, theirs)
    keywords = part.peek("keyword")
    if "tags" in inner:
        part.drop("keyword", "said again by the package's own tags")
    elif isinstance(keywords, list) and keywords:
        part.translate("keyword", "/tags", "tag names")
        made["tags"] = [{"name": word} for word in keywords]
    listed = part.peek("distribution")
    if isinstance(listed, list) and listed:
        part.open("distribution")
        made["resources"] = [
            _resource_home(item, tally, index) for index, item in enumerate(listed)
        ]
    _inner_home(part, inner, tally, made)
    part.drop("hasPolicy", "made from the package's license_id and flags")
    part.drop("@id", "made from the package's provider and id")
    part.drop("@type", "the class of every DSP dataset")
    part.drop_rest("CKAN has no word for it")
    return tally.close(dict(dataset), made)


def _take_tags(part: Part, made: dict[str, Json]) -> None:
    tags = part.peek("tags")
    plain = isinstance(tags, list) and all(
        isinstance(tag, dict) and set(tag) == {"name"} and isinstance(tag["name"], str)
        for tag in tags
    )
    if plain and isinstance(tags, list) and tags:
        part.translate("tags", "/keyword", "tag names")
        made["keyword"] = [tag["name"] for tag in tags]
    elif isinstance(tags, list):
        words = [tag.get("name") for tag in tags if isinstance(tag, dict)]
        shown: list[Json] = [word for word in words if isinstance(word, str)]
        if shown:
            made["keyword"] = shown


def _is_fetchable(item: object) -> bool:
    return (
        isinstance(item, dict)
        and isinstance(item.get("url"), str)
        and word_of(item.get("caddec_resource_type"), FORMATS) is not None
    )


def _take_resources(part: Part, tally: Tally, endpoint: str) -> tuple[list[Json], list[Json]]:
    """The distributions, and beside each what else CKAN says of its resource."""
    listed = part.peek("resources")
    if not isinstance(listed, list) or not listed:
        return [], []
    part.open("resources")
    service: Json = {"@id": f"{endpoint}#service", "@type": "DataService", "endpointURL": endpoint}
    shown: list[Json] = []
    beside: list[Json] = []
    for index, item in enumerate(listed):
        path = f"/resources/{index}"
        if not isinstance(item, dict) or not _is_fetchable(item):
            tally.drop(path, item, _UNFETCHABLE)
            continue
        inner = Part(item, tally, path)
        kind = inner.translate(
            "caddec_resource_type", f"/distribution/{len(shown)}/format", "transfer format"
        )
        inner.drop("url", _INNER)
        beside.append(inner.rest(f"/{FOREIGN}/resources/{len(shown)}"))
        shown.append(
            {"@type": "Distribution", "format": FORMATS[str(kind)], "accessService": service}
        )
    return shown, beside


def _inner_home(part: Part, inner: dict[str, Any], tally: Tally, made: dict[str, Json]) -> None:
    if not inner:
        part.drop(FOREIGN, "nothing else was said")
        return
    part.open(FOREIGN)
    inside = Part(inner, tally, f"/{FOREIGN}")
    beside = inner.get("resources")
    if "resources" in made and isinstance(beside, list):
        inside.open("resources")
        _beside_home(beside, tally, made["resources"])
    for name in made:
        inside.drop(name, "said by the dataset itself")
    made.update(inside.rest(""))


def _beside_home(beside: list[Any], tally: Tally, made: Any) -> None:
    path = f"/{FOREIGN}/resources"
    if not beside:
        tally.drop(path, beside, "nothing else was said")
    for index, item in enumerate(beside):
        if index >= len(made) or not isinstance(item, dict) or not item:
            tally.drop(f"{path}/{index}", item, "there is no such resource")
            continue
        inner = Part(item, tally, f"{path}/{index}")
        inner.drop("caddec_resource_type", "said by the distribution itself")
        made[index].update(inner.rest(f"/resources/{index}"))


def _resource_home(item: Any, tally: Tally, index: int) -> dict[str, Json]:
    path, to = f"/distribution/{index}", f"/resources/{index}"
    kind = word_of(item.get("format"), API_TYPES) if isinstance(item, dict) else None
    if kind is None:
        tally.drop(path, item, "no resource kind for this transfer format")
        return {}
    part = Part(item, tally, path)
    part.translate("format", f"{to}/caddec_resource_type", "resource kind")
    part.drop_rest("made for the Dataspace Protocol")
    return {"caddec_resource_type": kind}
