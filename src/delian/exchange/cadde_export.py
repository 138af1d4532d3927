"""Our DSP dataset becomes a CKAN package for CADDE consumers; and comes home as it was.

May touch: values. What CKAN has a word for is moved there; all else travels as JSON text in the
package's extras (``dsp:…``), which CKAN keeps and shows.
"""

from collections.abc import Callable, Mapping
from typing import Any

from delian.exchange.bridge_errors import ForeignFormError
from delian.exchange.cadde import (
    API_TYPES,
    DETAIL_KEY,
    DSP,
    FORMATS,
    NOT_REQUIRED,
    PROVIDER_KEY,
    REQUIRED,
    is_open,
    word_of,
)
from delian.exchange.crossing import Crossing, Json, Part, Tally, spell, step, unspell
from delian.terms.encode import sha256_hex

_SAME = (
    ("title", "title"),
    ("description", "notes"),
    ("issued", "metadata_created"),
    ("modified", "metadata_modified"),
    ("license", "license_id"),
)
_SAME_DISTRIBUTION = (("title", "name"), ("description", "description"), ("mediaType", "mimetype"))
_REST = "dsp_rest"
_UNMAPPED = "dsp-distribution"
_TONGUES = ("ja", "en")


def package_name(dataset_id: str) -> str:
    """The short CKAN name of one of our datasets: letters, digits and a dash."""
    return f"delian-{sha256_hex(dataset_id.encode('utf-8'))[:24]}"


def package_of(
    dataset: Mapping[str, Json], *, provider: str, locate: Callable[[int], str]
) -> Crossing[dict[str, Json]]:
    """The CKAN package of one of our datasets.

    Args:
        dataset: The dataset as the DSP catalogue shows it to the one who asks.
        provider: Our own CADDE user id.
        locate: The resource URL that stands for distribution *n*.

    Guarantees:
        Round trip through :func:`dataset_home` gives back everything that is not listed as dropped
        (``tests/property/test_exchange_bridges.py``).

    Raises:
        ForeignFormError: the dataset has no id.
    """
    tally = Tally()
    part = Part(dataset, tally)
    dataset_id = part.text("@id", "/id")
    if dataset_id is None:
        raise ForeignFormError("the dataset has no id")
    extras: list[Json] = [
        {"key": PROVIDER_KEY, "value": provider},
        {"key": DETAIL_KEY, "value": dataset_id},
    ]
    made: dict[str, Json] = {
        "id": dataset_id,
        "name": package_name(dataset_id),
        "extras": extras,
    }
    if part.peek("@type") == "Dataset":
        part.translate("@type", "/type", "class")
        made["type"] = "dataset"
    part.drop("@context", "the context of the message, not of the dataset")
    for ours, theirs in _SAME:
        part.move(ours, made, theirs)
    _show_texts(part, made)
    keywords = part.peek("keyword")
    if isinstance(keywords, list) and keywords and all(isinstance(k, str) for k in keywords):
        part.translate("keyword", "/tags", "tag names")
        made["tags"] = [{"name": word} for word in keywords]
    required = NOT_REQUIRED if is_open(part.peek("hasPolicy")) else REQUIRED
    made["resources"] = _resources(part, tally, extras, required, locate)
    for name in part.left():
        to = f"/extras/{len(extras)}"
        extras.append({"key": DSP + name, "value": spell(part.translate(name, to, "JSON text"))})
    return tally.close(dict(dataset), made)


def dataset_home(package: Mapping[str, Json]) -> Crossing[dict[str, Json]]:
    """The dataset that :func:`package_of` came from, as far as it was not dropped.

    Raises:
        ForeignFormError: the package is not one of ours, or was changed beyond reading.
    """
    tally = Tally()
    part = Part(package, tally)
    made: dict[str, Json] = {}
    dataset_id = part.text("id", "/@id")
    if dataset_id is None or package.get("name") != package_name(dataset_id):
        raise ForeignFormError("the package did not come from one of our datasets")
    made["@id"] = dataset_id
    if part.peek("type") == "dataset":
        part.translate("type", "/@type", "class")
        made["@type"] = "Dataset"
    unmapped = _extras_home(part, tally, made)
    for ours, theirs in _SAME:
        if ours in made:
            part.drop(theirs, "said in full by an extra of its own")
        else:
            part.move(theirs, made, ours)
    tags = part.peek("tags")
    if isinstance(tags, list) and tags and "keyword" not in made:
        names = [tag.get("name") if isinstance(tag, dict) else None for tag in tags]
        part.translate("tags", "/keyword", "tag names")
        made["keyword"] = names
    if "distribution" in made:
        part.drop("resources", "said in full by an extra of its own")
    shown = _distributions_home(part, tally, unmapped)
    if shown:
        made["distribution"] = shown
    part.drop_rest("made for CKAN")
    return tally.close(dict(package), made)


def _show_texts(part: Part, made: dict[str, Json]) -> None:
    """Texts in several languages: one is shown, all of them travel as an extra."""
    for ours, theirs in (("title", "title"), ("description", "notes")):
        shown = one_text(part.peek(ours))
        if shown is not None and theirs not in made:
            made[theirs] = shown


def one_text(value: Json) -> str | None:
    """One text of a language-tagged value: Japanese, else English, else the first."""
    listed = value if isinstance(value, list) else [value]
    found: dict[str, str] = {}
    for item in listed:
        if isinstance(item, str):
            found.setdefault("", item)
        elif isinstance(item, dict) and isinstance(item.get("@value"), str):
            found.setdefault(str(item.get("@language", "")), item["@value"])
    for tongue in (*_TONGUES, *found):
        if tongue in found:
            return found[tongue]
    return None


def _resources(
    part: Part, tally: Tally, extras: list[Json], required: str, locate: Callable[[int], str]
) -> list[Json]:
    listed = part.peek("distribution")
    if not isinstance(listed, list) or not listed:
        return []
    part.open("distribution")
    made: list[Json] = []
    for index, item in enumerate(listed):
        path = f"/distribution/{index}"
        if isinstance(item, dict) and word_of(item.get("format"), API_TYPES):
            made.append(_resource(item, tally, path, len(made), required, locate(index)))
            continue
        tally.translate(path, item, f"/extras/{len(extras)}", "JSON text")
        extras.append({"key": f"{_UNMAPPED}/{index}", "value": spell(item)})
    return made


def _resource(
    item: dict[str, Any], tally: Tally, path: str, number: int, required: str, url: str
) -> dict[str, Json]:
    part = Part(item, tally, path)
    to = f"/resources/{number}"
    kind = part.translate("format", f"{to}/caddec_resource_type", "resource kind")
    made: dict[str, Json] = {
        "url": url,
        "caddec_resource_type": API_TYPES[str(kind)],
        "caddec_contract_required": required,
        "caddec_required": REQUIRED,
    }
    for ours, theirs in _SAME_DISTRIBUTION:
        part.move(ours, made, theirs, to)
    size = part.whole("byteSize", f"{to}/size")
    if size is not None:
        made["size"] = size
    rest = {name: part.peek(name) for name in part.left()}
    for name in rest:
        part.translate(name, f"{to}/{_REST}", "JSON text")
    if rest:
        made[_REST] = spell(rest)
    return made


def _extras_home(part: Part, tally: Tally, made: dict[str, Json]) -> dict[int, Json]:
    extras = part.peek("extras")
    if not isinstance(extras, list) or not extras:
        return {}
    part.open("extras")
    unmapped: dict[int, Json] = {}
    for index, item in enumerate(extras):
        path = f"/extras/{index}"
        key = item.get("key") if isinstance(item, dict) else None
        value = item.get("value") if isinstance(item, dict) else None
        place = key.removeprefix(f"{_UNMAPPED}/") if isinstance(key, str) else ""
        if not isinstance(key, str) or not isinstance(value, str):
            tally.drop(path, item, "not an extra of text")
        elif place != key and place.isascii() and place.isdecimal() and len(place) < 6:
            tally.translate(path, item, f"/distribution/{int(place)}", "read from JSON text")
            if int(place) in unmapped:
                raise ForeignFormError("a distribution of the package stands in it twice")
            unmapped[int(place)] = unspell(value)
        elif not key.startswith(DSP):
            tally.drop(path, item, "made for CKAN")
        elif key[len(DSP) :] in made:
            tally.drop(path, item, "says a member twice")
        else:
            tally.translate(path, item, step("", key[len(DSP) :]), "read from JSON text")
            made[key[len(DSP) :]] = unspell(value)
    return unmapped


def _distributions_home(part: Part, tally: Tally, unmapped: dict[int, Json]) -> list[Json]:
    listed = part.peek("resources")
    items = listed if isinstance(listed, list) else []
    if items:
        part.open("resources")
    made = dict(unmapped)
    free = (place for place in range(len(items) + len(unmapped)) if place not in unmapped)
    for index, item in enumerate(items):
        path = f"/resources/{index}"
        kind = item.get("caddec_resource_type") if isinstance(item, dict) else None
        if not isinstance(item, dict) or word_of(kind, FORMATS) is None:
            tally.drop(path, item, "no transfer format for this kind of resource")
            continue
        place = next(free)
        made[place] = _distribution_home(item, tally, path, f"/distribution/{place}")
    if sorted(made) != list(range(len(made))):
        raise ForeignFormError("a distribution of the package is missing")
    return [made[place] for place in range(len(made))]


def _distribution_home(item: dict[str, Any], tally: Tally, path: str, to: str) -> dict[str, Json]:
    part = Part(item, tally, path)
    kind = part.translate("caddec_resource_type", f"{to}/format", "transfer format")
    made: dict[str, Json] = {"format": FORMATS[str(kind)]}
    for ours, theirs in _SAME_DISTRIBUTION:
        part.move(theirs, made, ours, to)
    size = part.whole("size", f"{to}/byteSize")
    if size is not None:
        made["byteSize"] = size
    text = part.peek(_REST)
    rest = unspell(text) if isinstance(text, str) else None
    if isinstance(rest, dict):
        part.translate(_REST, to, "read from JSON text")
        made.update({name: value for name, value in rest.items() if name not in made})
    part.drop_rest("made for CKAN")
    return made
