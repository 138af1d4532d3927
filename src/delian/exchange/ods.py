"""Open Data Spaces in our words: gateway headers and errors, and its DCAT catalogue.

May touch: values. The gateway passes everything through and knows no offers or negotiations; the
catalogue is DCAT as JSON-LD, or as Turtle (``ods_turtle``).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from delian.exchange.bridge_errors import (
    ForeignAwayError,
    ForeignFormError,
    ForeignRefusedError,
)
from delian.exchange.crossing import Crossing, Json, Part, Tally, percent
from delian.exchange.ouranos import is_uuid, uuid_for
from delian.terms.encode import utc_text
from delian.terms.errors import DelianError

FOREIGN = "urn:delian:terms:1:dcat"
OURS = "delian:dsp"
URN = "urn:ods:"
MAX_SECRET_CHARS = 8192
PREFIXES: Mapping[str, str] = {
    "dcat": "http://www.w3.org/ns/dcat#",
    "dct": "http://purl.org/dc/terms/",
    "odrl": "http://www.w3.org/ns/odrl/2/",
    "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
    "delian": "urn:delian:terms:1:",
}
_WORDS = (
    ("title", "dct:title"),
    ("description", "dct:description"),
    ("keyword", "dcat:keyword"),
    ("language", "dct:language"),
    ("issued", "dct:issued"),
    ("modified", "dct:modified"),
    ("license", "dct:license"),
)
_DISTRIBUTION_WORDS = (
    ("title", "dct:title"),
    ("description", "dct:description"),
    ("format", "dct:format"),
    ("mediaType", "dcat:mediaType"),
    ("byteSize", "dcat:byteSize"),
)
_ERRORS: Mapping[int, tuple[str, str, str]] = {
    400: ("dataspace", "BadRequest", "Invalid request parameters"),
    401: ("auth", "Unauthorized", "Invalid or expired token"),
    403: ("auth", "Forbidden", "Access denied"),
    404: ("dataspace", "NotFound", "Endpoint not found"),
    500: ("dataspace", "InternalServerError", "Unexpected error occurred"),
    502: ("dataspace", "BadGateway", "Received an invalid response from the outer service"),
    503: ("dataspace", "ServiceUnavailable", "Failed to connect to the outer service"),
    504: ("dataspace", "GatewayTimeout", "Too long to receive a response from outer service"),
}


def tracking_id(pid: str) -> str:
    """The UUID under which a gateway logs our process: the pid's own, or one made from it."""
    found = pid.removeprefix("urn:uuid:").lower()
    return found if is_uuid(found) else uuid_for(pid)


@dataclass(frozen=True, slots=True)
class GatewayAccess:
    """What a gateway wants to see of a caller. Never printed, never pickled."""

    api_key: str = field(repr=False)
    token: str = field(repr=False)

    def __post_init__(self) -> None:
        for secret in (self.api_key, self.token):
            signs = all(33 <= ord(sign) <= 126 for sign in secret)
            if not secret or len(secret) > MAX_SECRET_CHARS or not signs:
                raise ForeignFormError("a gateway's key and token are printable texts")

    def __reduce__(self) -> Any:
        raise TypeError("a gateway's secrets are not pickled")

    def to_headers(self, pid: str) -> dict[str, str]:
        """The request headers for the process *pid*."""
        return {
            "API-Key": self.api_key,
            "Authorization": f"Bearer {self.token}",
            "X-TrackingId": tracking_id(pid),
        }


def error_body(status: int, now_utc: datetime) -> dict[str, Json]:
    """An error as the gateway spells it."""
    source, word, message = _ERRORS.get(status, _ERRORS[500])
    stamp = f"timeStamp: {utc_text(now_utc.replace(microsecond=0))}"
    return {"code": f"[{source}] {word}", "message": message, "detail": stamp}


def error_of(status: int, body: Json) -> DelianError:
    """A gateway's error as one of ours; its text is named, never trusted.

    Args:
        status: HTTP status.
        body: What came with it, read or None.
    """
    code = body.get("code") if isinstance(body, dict) else None
    known = {f"[{source}] {word}" for source, word, _ in _ERRORS.values()}
    named = code if isinstance(code, str) and code in known else f"status {status}"
    if status in {429, 500, 502, 503, 504}:
        return ForeignAwayError(f"the gateway says {named}", hint="try again later")
    return ForeignRefusedError(
        f"the gateway says {named}", hint="compare key, token and address with the gateway's"
    )


def dcat_of(dataset: Mapping[str, Json]) -> Crossing[dict[str, Json]]:
    """One of our datasets as a DCAT dataset in JSON-LD (prefixes of ``PREFIXES``).

    Guarantees:
        Round trip through :func:`dataset_home` gives back everything that is not listed as dropped
        (``tests/property/test_exchange_bridges.py``).

    Raises:
        ForeignFormError: the dataset has no id.
    """
    tally = Tally()
    part = Part(dataset, tally)
    named = part.text("@id", "/@id")
    if named is None:
        raise ForeignFormError("the dataset has no id")
    made: dict[str, Json] = {"@id": named, "@type": "dcat:Dataset"}
    if part.peek("@type") == "Dataset":
        part.translate("@type", "/@type", "class")
    else:
        made["@type"] = "dcat:Resource"
    part.drop("@context", "the context of the message, not of the dataset")
    for ours, theirs in _WORDS:
        if _is_plain_text(part.peek(ours)):
            made[theirs] = part.keep(ours, f"/{theirs}")
    if part.has("hasPolicy"):
        made["odrl:hasPolicy"] = _json(part.keep("hasPolicy", "/odrl:hasPolicy/@value"))
    listed = part.peek("distribution")
    if isinstance(listed, list) and listed and all(isinstance(d, dict) for d in listed):
        part.open("distribution")
        made["dcat:distribution"] = [
            _words_of(item, tally, f"/distribution/{i}", f"/dcat:distribution/{i}")
            for i, item in enumerate(listed)
            if isinstance(item, dict)
        ]
    rest = part.rest(f"/{OURS}/@value")
    if rest:
        made[OURS] = _json(rest)
    return tally.close(dict(dataset), made)


def _words_of(item: dict[str, Any], tally: Tally, path: str, to: str) -> dict[str, Json]:
    part = Part(item, tally, path)
    made: dict[str, Json] = {"@type": "dcat:Distribution"}
    for ours, theirs in _DISTRIBUTION_WORDS:
        value = part.peek(ours)
        if isinstance(value, str) or (isinstance(value, int) and not isinstance(value, bool)):
            made[theirs] = part.keep(ours, f"{to}/{theirs}")
    rest = part.rest(f"{to}/{OURS}/@value")
    if rest or not item:
        made[OURS] = _json(rest)
    if not item:
        tally.translate(path, item, f"{to}/{OURS}", "an empty distribution")
    return made


def dataset_home(dcat: Mapping[str, Json]) -> Crossing[dict[str, Json]]:
    """The dataset that :func:`dcat_of` came from, as far as it was not dropped.

    Raises:
        ForeignFormError: not a DCAT dataset of ours.
    """
    tally = Tally()
    part = Part(dcat, tally)
    named = part.text("@id", "/@id")
    if named is None or part.peek("@type") not in ("dcat:Dataset", "dcat:Resource"):
        raise ForeignFormError("not a DCAT dataset of ours")
    made: dict[str, Json] = {"@id": named}
    if part.peek("@type") == "dcat:Dataset":
        part.translate("@type", "/@type", "class")
        made["@type"] = "Dataset"
    for ours, theirs in _WORDS:
        if part.has(theirs):
            made[ours] = part.keep(theirs, f"/{ours}")
    if part.has("odrl:hasPolicy"):
        made["hasPolicy"] = _open_json(part, tally, "odrl:hasPolicy", "", "/hasPolicy")
    listed = part.peek("dcat:distribution")
    if isinstance(listed, list) and listed:
        part.open("dcat:distribution")
        made["distribution"] = [
            _distribution_home(item, tally, f"/dcat:distribution/{i}", f"/distribution/{i}")
            for i, item in enumerate(listed)
        ]
    if part.has(OURS):
        _spread(_open_json(part, tally, OURS, "", ""), made)
    part.drop_rest("DSP has no word for it")
    return tally.close(dict(dcat), made)


def _distribution_home(item: Json, tally: Tally, path: str, to: str) -> dict[str, Json]:
    if not isinstance(item, dict) or not item:
        raise ForeignFormError("not a DCAT distribution of ours")
    part = Part(item, tally, path)
    made: dict[str, Json] = {}
    for ours, theirs in _DISTRIBUTION_WORDS:
        if part.has(theirs):
            made[ours] = part.keep(theirs, f"{to}/{ours}")
    if part.has(OURS):
        _spread(_open_json(part, tally, OURS, path, to), made)
    part.drop_rest("DSP has no word for it")
    return made


def _json(value: Json) -> dict[str, Json]:
    return {"@type": "@json", "@value": value}


def _open_json(part: Part, tally: Tally, name: str, path: str, to: str) -> Json:
    found = part.open(name)
    if not isinstance(found, dict) or set(found) != {"@type", "@value"}:
        raise ForeignFormError("not a JSON literal of ours")
    tally.drop(f"{path}/{name}/@type", found["@type"], "says that JSON follows")
    if found["@value"] == {}:
        tally.drop(f"{path}/{name}/@value", {}, "nothing else was said")
    else:
        tally.keep(f"{path}/{name}/@value", found["@value"], to)
    value: Json = found["@value"]
    return value


def _spread(inner: Json, made: dict[str, Json]) -> None:
    if not isinstance(inner, dict) or set(inner) & set(made):
        raise ForeignFormError("a DCAT dataset says a member twice")
    made.update(inner)


def _is_plain_text(value: Json) -> bool:
    listed = value if isinstance(value, list) else [value]
    return bool(listed) and all(
        isinstance(item, str)
        or (
            isinstance(item, dict)
            and set(item) == {"@value", "@language"}
            and all(isinstance(text, str) for text in item.values())
            and _is_tongue(item["@language"])
        )
        for item in listed
    )


def _is_tongue(text: str) -> bool:
    parts = text.split("-")
    return all(1 <= len(p) <= 8 and p.isascii() and p.isalnum() for p in parts) and (
        parts[0].isalpha()
    )


def foreign_urn(provider: str, dataset: str) -> str:
    """Our identifier of a dataset of a foreign ODS catalogue."""
    return f"{URN}{percent(provider)}:{percent(dataset)}"


def dataset_of(
    dcat: Mapping[str, Json], *, provider: str, endpoint: str, offers: list[Json]
) -> Crossing[dict[str, Json]]:
    """The DSP dataset of a foreign ODS catalogue's DCAT dataset.

    Args:
        dcat: A dataset with our prefixes (foreign contexts are brought there first).
        provider: Our name of the catalogue that was asked.
        endpoint: Our DSP address.
        offers: Under which it is shown; what the foreign policy says travels beside it.

    Raises:
        ForeignFormError: the dataset has no id.
    """
    tally = Tally()
    part = Part(dcat, tally)
    named = part.peek("@id")
    if not isinstance(named, str) or not named:
        raise ForeignFormError("the foreign dataset has no id")
    part.translate("@id", "/@id", "under the name of its catalogue")
    made: dict[str, Json] = {"@id": foreign_urn(provider, named), "@type": "Dataset"}
    if part.peek("@type") == "dcat:Dataset":
        part.translate("@type", "/@type", "class")
    for ours, theirs in _WORDS:
        if _is_plain_text(part.peek(theirs)):
            made[ours] = part.keep(theirs, f"/{ours}")
    part.drop("dcat:contactPoint", "personal data stays in its own catalogue")
    part.drop("dcat:distribution", "the inner addresses stay with the bridge")
    service: Json = {"@id": f"{endpoint}#service", "@type": "DataService", "endpointURL": endpoint}
    made["distribution"] = [
        {"@type": "Distribution", "format": "HttpData-PULL", "accessService": service}
    ]
    made["hasPolicy"] = list(offers)
    rest = part.rest(f"/{FOREIGN}")
    if rest:
        made[FOREIGN] = rest
    return tally.close(dict(dcat), made)
