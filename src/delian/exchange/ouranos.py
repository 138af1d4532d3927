"""Ouranos data transport in our words: parts and parts structures, and the datasets they become.

May touch: values. Trades and their states are in ``ouranos_trades``.
"""

from collections.abc import Mapping

from delian.exchange.bridge_errors import ForeignFormError
from delian.exchange.crossing import Crossing, Json, Part, Tally, percent, unpercent
from delian.terms.encode import sha256_hex

FOREIGN = "urn:delian:terms:1:ouranos"
URN = "urn:ouranos:"
_INNER = "names a place of production; it stays with the two operators"
_NO_MEMBER = "an Ouranos part has no member for it"


def dataset_urn(operator: str, trace: str) -> str:
    """Our identifier of what an operator says of a part."""
    return f"{URN}{percent(operator)}:{percent(trace)}"


def split_urn(urn: str) -> tuple[str, str] | None:
    """Operator and trace of such an identifier; None for any other."""
    operator, _, trace = urn.removeprefix(URN).partition(":")
    if not urn.startswith(URN) or not operator or not trace or ":" in trace:
        return None
    return unpercent(operator), unpercent(trace)


def uuid_for(text: str) -> str:
    """A UUID (version 8) that stands for *text*; equal texts give equal UUIDs."""
    digits = sha256_hex(text.encode("utf-8"))
    sixth, eighth = "8" + digits[13:16], "89ab"[int(digits[16], 16) % 4] + digits[17:20]
    return "-".join((digits[:8], digits[8:12], sixth, eighth, digits[20:32]))


def is_uuid(text: object) -> bool:
    """Is *text* a UUID in lower-case hexadecimal with dashes?"""
    if not isinstance(text, str) or [len(p) for p in text.split("-")] != [8, 4, 4, 4, 12]:
        return False
    return all(sign in "0123456789abcdef" for sign in text.replace("-", ""))


def dataset_of(
    parts: Mapping[str, Json], *, endpoint: str, offers: list[Json]
) -> Crossing[dict[str, Json]]:
    """The DSP dataset of one Ouranos part.

    Args:
        parts: A parts model.
        endpoint: Our DSP address.
        offers: Under which the part is shown (``cadde.offers_for`` makes the smallest).

    Guarantees:
        Round trip through :func:`parts_home` gives back everything that is not listed as dropped
        (``tests/property/test_exchange_bridges.py``).

    Raises:
        ForeignFormError: the part names no operator or trace.
    """
    tally = Tally()
    made = _dataset(parts, tally, "", "", endpoint)
    made["hasPolicy"] = list(offers)
    return tally.close(dict(parts), made)


def _dataset(
    parts: Mapping[str, Json], tally: Tally, path: str, to: str, endpoint: str
) -> dict[str, Json]:
    operator, trace = parts.get("operatorId"), parts.get("traceId")
    if not isinstance(operator, str) or not isinstance(trace, str) or not operator or not trace:
        raise ForeignFormError("a part names no operator or no trace")
    part = Part(parts, tally, path)
    part.translate("operatorId", f"{to}/@id", "first part of the identifier")
    part.translate("traceId", f"{to}/@id", "second part of the identifier")
    made: dict[str, Json] = {"@id": dataset_urn(operator, trace), "@type": "Dataset"}
    part.move("partsName", made, "title", to)
    part.drop("plantId", _INNER)
    service = {"@id": f"{endpoint}#service", "@type": "DataService", "endpointURL": endpoint}
    made["distribution"] = [
        {"@type": "Distribution", "format": "HttpData-PULL", "accessService": service}
    ]
    rest = part.rest(f"{to}/{FOREIGN}")
    if rest:
        made[FOREIGN] = rest
    return made


def parts_home(dataset: Mapping[str, Json]) -> Crossing[dict[str, Json]]:
    """The part that :func:`dataset_of` came from, as far as it was not dropped."""
    tally = Tally()
    part = Part(dataset, tally)
    named = dataset.get("@id")
    pair = split_urn(named) if isinstance(named, str) else None
    if pair is None:
        raise ForeignFormError("the dataset did not come from an Ouranos part")
    part.translate("@id", "/traceId", "operator and trace")
    made: dict[str, Json] = {"operatorId": pair[0], "traceId": pair[1]}
    part.move("title", made, "partsName")
    inner = part.peek(FOREIGN)
    if isinstance(inner, dict) and inner:
        part.open(FOREIGN)
        inside = Part(inner, tally, f"/{FOREIGN}")
        for name in made:
            inside.drop(name, "said by the dataset itself")
        made.update(inside.rest(""))
    part.drop_rest("made for the Dataspace Protocol")
    return tally.close(dict(dataset), made)


def structure_of(structure: Mapping[str, Json], *, endpoint: str) -> Crossing[dict[str, Json]]:
    """A parts structure as the parent's dataset, its children beside it.

    Returns:
        ``{"parent": dataset with hasPart, "children": [datasets]}``; the parts carry no offers.

    Raises:
        ForeignFormError: no parent, or a part without operator or trace.
    """
    tally = Tally()
    part = Part(structure, tally)
    parent, children = part.peek("parentPartsModel"), part.peek("childrenPartsModel")
    if not isinstance(parent, dict) or not isinstance(children, list):
        raise ForeignFormError("a parts structure has one parent and a list of children")
    part.open("parentPartsModel")
    upper = _dataset(parent, tally, "/parentPartsModel", "/parent", endpoint)
    lower: list[Json] = []
    if children:
        part.open("childrenPartsModel")
    else:
        part.translate("childrenPartsModel", "/children", "no children")
    for index, child in enumerate(children):
        if not isinstance(child, dict):
            raise ForeignFormError("a child of a parts structure is not a part")
        path = f"/childrenPartsModel/{index}"
        lower.append(_dataset(child, tally, path, f"/children/{index}", endpoint))
    upper["hasPart"] = [child["@id"] for child in lower if isinstance(child, dict)]
    part.drop_rest("a parts structure has no such member")
    return tally.close(dict(structure), {"parent": upper, "children": lower})


def parts_of(
    dataset: Mapping[str, Json], *, operator: str, plant: str, title: str
) -> Crossing[dict[str, Json]]:
    """One of our datasets as a part of ours, so that an Ouranos trade can name it.

    Args:
        dataset: As the DSP catalogue shows it.
        operator: Our operator id.
        plant: The plant id under which the platform lists us.
        title: The shown name (``cadde_export.one_text``).

    Raises:
        ForeignFormError: the dataset has no id.
    """
    tally = Tally()
    part = Part(dataset, tally)
    named = part.peek("@id")
    if not isinstance(named, str):
        raise ForeignFormError("the dataset has no id")
    part.translate("@id", "/traceId", "a UUID made from the identifier")
    if part.has("title"):
        if part.peek("title") == title:
            part.keep("title", "/partsName")
        else:
            part.translate("title", "/partsName", "one language of several")
    part.drop_rest(_NO_MEMBER)
    made: dict[str, Json] = {
        "traceId": uuid_for(named),
        "operatorId": operator,
        "plantId": plant,
        "partsName": title,
        "supportPartsName": None,
        "terminatedFlag": True,
        "amountRequired": None,
        "amountRequiredUnit": None,
    }
    return tally.close(dict(dataset), made)


def error_body(source: str, status: str, message: str, detail: str) -> dict[str, Json]:
    """An error as the platform spells it; *source* is dataspace, auth or traceability."""
    return {"code": f"[{source}] {status}", "message": message, "detail": detail}
