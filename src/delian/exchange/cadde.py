"""CADDE 4 in our words: identifiers, transfer formats, licenses, contract headers, search.

May touch: values. The catalogue itself crosses in ``cadde_import`` (their package, our dataset)
and ``cadde_export`` (our dataset, their package).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from delian.exchange.bridge_errors import ForeignFormError, NoCounterpartError
from delian.exchange.crossing import Json, percent, unpercent
from delian.terms.encode import digest_of

FORMATS: Mapping[str, str] = {
    "file/http": "HttpData-PULL",
    "file/ftp": "Ftp-PULL",
    "api/ngsi": "Ngsi-PULL",
}
API_TYPES: Mapping[str, str] = {ours: theirs for theirs, ours in FORMATS.items()}
FOREIGN = "urn:delian:terms:1:ckan"
DSP = "dsp:"
URN = "urn:cadde:"
PROVIDER_KEY = "caddec_provider_id"
DETAIL_KEY = "caddec_dataset_id_for_detail"
REQUIRED, NOT_REQUIRED = "required", "notRequired"
MAX_HEADER_CHARS = 2048
MAX_ROWS = 1000
_MARK = "percent:"
OPEN_LICENSES = frozenset(
    {
        "cc-by",
        "cc-by-4.0",
        "cc-by-sa",
        "cc-by-sa-4.0",
        "cc-zero",
        "cc0-1.0",
        "odc-by",
        "odc-odbl",
        "odc-pddl",
        "other-open",
        "other-pd",
        "other-at",
    }
)
NON_COMMERCIAL = "non-commercial"
NON_COMMERCIAL_LICENSES = frozenset({"cc-nc", "cc-by-nc", "cc-by-nc-4.0", "other-nc"})


def word_of(value: Json, words: Mapping[str, str]) -> str | None:
    """What *words* says for *value*; None for anything that is not one of them."""
    return words.get(value) if isinstance(value, str) else None


def dataset_urn(provider: str, dataset: str) -> str:
    """Our identifier of a foreign dataset: it can never be taken for one of our own."""
    return f"{URN}{percent(provider)}:{percent(dataset)}"


def split_urn(urn: str) -> tuple[str, str] | None:
    """Provider and dataset of a foreign dataset's identifier; None for any other identifier."""
    provider, colon, dataset = urn.removeprefix(URN).partition(":")
    if not urn.startswith(URN) or not colon or not provider or not dataset or ":" in dataset:
        return None
    return unpercent(provider), unpercent(dataset)


@dataclass(frozen=True, slots=True)
class ContractHeaders:
    """What a CADDE file answer says of its contract and its provenance; "" where nothing."""

    contract_id: str = ""
    contract_type: str = ""
    management_url: str = ""
    provenance: str = ""
    provenance_url: str = ""

    def to_headers(self) -> dict[str, str]:
        """As response headers; anything beyond printable ASCII is percent-encoded."""
        return {name: _header_text(getattr(self, field)) for field, name in _HEADERS.items()}

    @classmethod
    def from_headers(cls, headers: Mapping[str, str]) -> "ContractHeaders":
        """Read a foreign answer's headers (names in lower case).

        Raises:
            ForeignFormError: a header is too long or holds a broken percent sign.
        """
        found = {field: headers.get(name, "") for field, name in _HEADERS.items()}
        if any(len(text) > MAX_HEADER_CHARS for text in found.values()):
            raise ForeignFormError("a contract header is longer than allowed")
        return cls(**{field: _header_value(text) for field, text in found.items()})

    @classmethod
    def of_agreement(
        cls, agreement_id: str, transfer_pid: str, address: str, *, contracted: bool
    ) -> "ContractHeaders":
        """The headers that stand for our agreement and our transfer."""
        kind = "dsp-2025-1/bilateral" if contracted else "dsp-2025-1/open"
        return cls(agreement_id, kind, f"{address}/negotiations", transfer_pid, address)

    def to_plain(self) -> dict[str, str]:
        """As members of an agreement's record."""
        return {name: getattr(self, field) for field, name in _HEADERS.items()}


_HEADERS: Mapping[str, str] = {
    "contract_id": "x-cadde-contract-id",
    "contract_type": "x-cadde-contract-type",
    "management_url": "x-cadde-contract-management-service-url",
    "provenance": "x-cadde-provenance",
    "provenance_url": "x-cadde-provenance-management-service-url",
}


def _header_text(value: str) -> str:
    plain = all(33 <= ord(sign) <= 126 and sign != "%" for sign in value)
    return value if plain and not value.startswith(_MARK) else _MARK + percent(value)


def _header_value(text: str) -> str:
    """What a header says; bytes that are no text stay percent-encoded."""
    if text.startswith(_MARK):
        return unpercent(text.removeprefix(_MARK))
    return text if text.isprintable() else percent(text)


def refuse_counter_offer(dataset: str) -> NoCounterpartError:
    """Why a counter-offer for a Japanese dataset ends the negotiation."""
    return NoCounterpartError(
        f"the data space behind {dataset[:200]} knows no counter-offers",
        hint="take the offer as the catalogue shows it, or agree with the provider outside",
    )


def offers_for(
    urn: str, license_id: str, *, contracted: bool, recipients: Sequence[str]
) -> list[Json]:
    """The smallest ODRL offers that a foreign license and its flags allow.

    Args:
        urn: Our identifier of the dataset.
        license_id: CKAN license id, "" where the package names none.
        contracted: Does any resource ask for a contract?
        recipients: Participants with whom the provider has a contract on file.

    Guarantees:
        Without an open license, or where a contract is asked for, one offer for each of
        *recipients* and none for anybody else.
    """
    name = license_id.lower()
    rule: dict[str, Json] = {"action": "use"}
    if name in NON_COMMERCIAL_LICENSES:
        rule["constraint"] = [
            {"leftOperand": "purpose", "operator": "isAnyOf", "rightOperand": [NON_COMMERCIAL]}
        ]
    if not contracted and name in OPEN_LICENSES | NON_COMMERCIAL_LICENSES:
        return [_offer(urn, rule, {})]
    return [_offer(urn, rule, {"assignee": name}) for name in sorted(set(recipients))]


def _offer(urn: str, rule: dict[str, Json], more: dict[str, Json]) -> dict[str, Json]:
    mark = digest_of([rule, more]).removeprefix("sha256:")[:16]
    return {"@id": f"{urn}:{mark}", "@type": "Offer", **more, "permission": [rule]}


def is_open(offers: Json) -> bool:
    """Is one of the offers free of conditions, so that no contract is needed?"""
    listed = offers if isinstance(offers, list) else [offers]
    return any(_unconditional(offer) for offer in listed if isinstance(offer, dict))


def _unconditional(offer: Mapping[str, Any]) -> bool:
    permissions = offer.get("permission")
    listed = permissions if isinstance(permissions, list) else [permissions]
    free = [p for p in listed if isinstance(p, dict) and not set(p) - {"action"}]
    bound = any(offer.get(name) for name in ("prohibition", "obligation", "assignee"))
    return bool(free) and not bound


def extras_of(package: Mapping[str, Json]) -> dict[str, str]:
    """The text extras of a CKAN package by key; the first of a repeated key counts."""
    found: dict[str, str] = {}
    extras = package.get("extras")
    for item in extras if isinstance(extras, list) else ():
        if isinstance(item, dict) and isinstance(item.get("key"), str):
            value = item.get("value")
            if isinstance(value, str):
                found.setdefault(item["key"], value)
    return found


@dataclass(frozen=True, slots=True)
class Search:
    """A CKAN package search, as far as this bridge understands it.

    Args:
        words: Every word must occur in title, notes or tags.
        fields: Every (field, value) must match exactly.
        start: First result, from 0.
        rows: At most so many results.
    """

    words: tuple[str, ...] = ()
    fields: tuple[tuple[str, str], ...] = ()
    start: int = 0
    rows: int = 10

    def matches(self, package: Mapping[str, Json]) -> bool:
        """Is *package* a result?"""
        tags = package.get("tags")
        names = (
            [t.get("name") for t in tags if isinstance(t, dict)] if isinstance(tags, list) else []
        )
        shown = [package.get("title"), package.get("notes"), *names]
        text = "\n".join(part for part in shown if isinstance(part, str)).casefold()
        extras = extras_of(package)
        return all(word.casefold() in text for word in self.words) and all(
            value in (names if field == "tags" else (package.get(field), extras.get(field)))
            for field, value in self.fields
        )


def _tag_names(tags: Json) -> list[str]:
    listed = tags if isinstance(tags, list) else []
    names = [tag.get("name") for tag in listed if isinstance(tag, dict)]
    return [name for name in names if isinstance(name, str)]


def read_search(query: Iterable[tuple[str, str]]) -> Search:
    """Read the query of a catalogue request: ``q``, ``fq``, ``start``, ``rows``.

    Raises:
        ForeignFormError: another parameter, or a part of the search language not served here.
    """
    words: list[str] = []
    fields: list[tuple[str, str]] = []
    numbers = {"start": 0, "rows": 10}
    for name, value in query:
        if name in numbers and value.isascii() and value.isdecimal() and len(value) <= 9:
            numbers[name] = int(value)
        elif name in {"q", "fq"} and len(value) <= MAX_HEADER_CHARS:
            for word in value.split():
                _term(word, words, fields)
        else:
            raise ForeignFormError(f"the catalogue cannot be asked for '{name[:60]}' this way")
    return Search(tuple(words), tuple(fields), numbers["start"], min(numbers["rows"], MAX_ROWS))


def _term(word: str, words: list[str], fields: list[tuple[str, str]]) -> None:
    if word in {"*:*", "*", "AND"}:
        return
    field, colon, value = word.partition(":")
    if any(sign in word for sign in "()[]{}^~?*!&|\\") or word in {"OR", "NOT"}:
        raise ForeignFormError("this part of the search language is not served here")
    if colon and field and value:
        fields.append((field.removeprefix("extras_"), value.strip('"')))
    else:
        words.append(word.strip('"'))


def search_answer(results: Sequence[Mapping[str, Json]], count: int) -> dict[str, Json]:
    """The answer of a CKAN package search."""
    return {
        "help": "package_search",
        "success": True,
        "result": {
            "count": count,
            "sort": "name asc",
            "facets": {},
            "results": [dict(package) for package in results],
            "search_facets": {},
        },
    }


def packages_in(answer: Json) -> tuple[dict[str, Any], ...]:
    """The packages in a foreign catalogue's answer.

    Raises:
        ForeignFormError: not the answer of a CKAN package search.
    """
    result = answer.get("result") if isinstance(answer, dict) and answer.get("success") else None
    results = result.get("results") if isinstance(result, dict) else None
    if results == {}:
        return ()
    if not isinstance(results, list) or not all(isinstance(p, dict) for p in results):
        raise ForeignFormError("the foreign catalogue's answer is not that of a package search")
    return tuple(results)


def error_body(status: int, detail: str) -> dict[str, Json]:
    """An error as the CADDE interface spells it."""
    return {"detail": detail, "status": status, "title": "", "type": ""}
