"""Laws of the bridges: every leaf is accounted for once, and the way back restores what was not
listed as dropped. The oracle walks the documents by itself.
"""

import json
import re
from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from delian.exchange.bridge_errors import CrossingError
from delian.exchange.cadde import ContractHeaders
from delian.exchange.cadde_export import dataset_home, package_of
from delian.exchange.cadde_import import dataset_of, package_home
from delian.exchange.crossing import Crossing, Part, Tally, percent, unpercent
from delian.exchange.ods import dataset_home as dataset_home_from_dcat
from delian.exchange.ods import dataset_of as dataset_of_dcat
from delian.exchange.ods import dcat_of
from delian.exchange.ods_turtle import turtle_of
from delian.exchange.ouranos import dataset_of as dataset_of_parts
from delian.exchange.ouranos import parts_home, parts_of, structure_of
from delian.exchange.ouranos_trades import Operators, trade_request_of

LAW = settings(max_examples=60, deadline=None)
OURS = "https://delian.example/2025-1"

words = st.text(st.characters(exclude_categories=("Cs",)), max_size=12) | st.sampled_from(
    ["半導体の需要", "日本語の説明", "", "~/", "dsp:x"]
)
atoms = (
    words
    | st.integers(-(2**60), 2**60)
    | st.booleans()
    | st.none()
    | st.floats(allow_nan=False, allow_infinity=False)
)
trees = st.recursive(
    atoms,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=6,
)


def walk(value: Any, path: str = "") -> dict[str, Any]:
    """The oracle's own list of leaves."""
    if isinstance(value, dict) and value:
        steps = [(str(k).replace("~", "~0").replace("/", "~1"), v) for k, v in value.items()]
    elif isinstance(value, list) and value:
        steps = [(str(i), v) for i, v in enumerate(value)]
    else:
        return {path: value}
    found: dict[str, Any] = {}
    for name, inner in steps:
        found.update(walk(inner, f"{path}/{name}"))
    return found


def exact(a: Any, b: Any) -> bool:
    return type(a) is type(b) and a == b


def check_accounting(source: Any, crossing: Crossing[Any]) -> None:
    entries = [*crossing.kept, *crossing.translated, *crossing.dropped]
    paths = [entry.path for entry in entries]
    assert len(paths) == len(set(paths))
    assert set(paths) == set(walk(source))
    out, into = walk(crossing.value), walk(source)
    for kept in crossing.kept:
        assert exact(out[kept.to], into[kept.path])
    for told in crossing.translated:
        assert told.how
        assert any(p == told.to or p.startswith(told.to + "/") for p in out) or told.to == ""
    assert all(entry.reason for entry in crossing.dropped)


GONE = object()


def without(value: Any, gone: set[str], path: str = "") -> Any:
    """*value* less the dropped leaves; containers that held nothing else go too."""
    if isinstance(value, dict) and value:
        kept = {
            k: without(v, gone, f"{path}/{k.replace('~', '~0').replace('/', '~1')}")
            for k, v in value.items()
        }
        kept = {k: v for k, v in kept.items() if v is not GONE}
        return kept or GONE
    if isinstance(value, list) and value:
        items = [without(v, gone, f"{path}/{i}") for i, v in enumerate(value)]
        return [v for v in items if v is not GONE] or GONE
    return GONE if path in gone else value


def check_round_trip(source: Any, there: Crossing[Any], back: Crossing[Any]) -> None:
    rest = without(source, {d.path for d in there.dropped})
    expected = {} if rest is GONE else walk(rest)
    found = walk(back.value)
    for path, value in expected.items():
        assert path in found, path
        assert exact(found[path], value), path


def member(names: dict[str, st.SearchStrategy[Any]]) -> st.SearchStrategy[dict[str, Any]]:
    """Known members, mostly of the right type, and strangers beside them."""
    known = st.fixed_dictionaries({}, optional={k: v | trees for k, v in names.items()})
    return st.builds(lambda a, b: {**b, **a}, known, st.dictionaries(words, trees, max_size=3))


resources = member(
    {
        "url": st.just("http://data.inner.example/統計.csv"),
        "name": words,
        "description": words,
        "mimetype": words,
        "format": words,
        "size": st.integers(0, 10**9),
        "caddec_resource_type": st.sampled_from(["file/http", "file/ftp", "api/ngsi", "other"]),
        "caddec_contract_required": st.sampled_from(["required", "notRequired"]),
        "caddec_resource_id_for_provenance": words,
    }
)
extra_items = st.fixed_dictionaries({"key": words, "value": words}) | trees
packages = member(
    {
        "id": words,
        "name": words,
        "title": words,
        "notes": words,
        "author_email": words,
        "license_id": st.sampled_from(["cc-by", "notspecified"]) | words,
        "metadata_created": words,
        "tags": st.lists(member({"name": words}), max_size=3)
        | st.lists(st.fixed_dictionaries({"name": words}), max_size=3),
        "extras": st.lists(extra_items, max_size=3),
        "resources": st.lists(resources, max_size=3),
    }
).map(lambda p: {**p, "id": "b0c1"})

distributions = member(
    {
        "@type": st.just("Distribution"),
        "format": st.sampled_from(["HttpData-PULL", "Ftp-PULL", "HttpData-PUSH"]),
        "title": words,
        "description": words,
        "mediaType": words,
        "byteSize": st.integers(0, 10**9),
        "accessService": st.just("urn:x:service"),
    }
)
tagged = st.lists(
    st.fixed_dictionaries({"@value": words, "@language": st.sampled_from(["ja", "en", "fr"])}),
    max_size=3,
)
datasets = member(
    {
        "@type": st.just("Dataset"),
        "title": words | tagged,
        "description": words | tagged,
        "keyword": st.lists(words, max_size=3),
        "language": words,
        "hasPolicy": st.lists(trees, max_size=2),
        "distribution": st.lists(distributions, max_size=3),
        "delian:label": words,
    }
).map(lambda d: {**d, "@id": "urn:uuid:7b1c1b3e-0000-4000-8000-000000000001"})


@LAW
@given(packages)
def test_ckan_package_to_dsp_and_home_loses_nothing_silently(package: dict[str, Any]) -> None:
    package["extras"] = [
        e
        for e in (package["extras"] if isinstance(package.get("extras"), list) else [])
        if not (isinstance(e, dict) and str(e.get("key", "")).startswith("caddec_"))
    ]
    source = deepcopy(package)
    there = dataset_of(package, provider="1180001038380", endpoint=OURS)
    assert package == source
    check_accounting(source, there)
    back = package_home(there.value)
    check_accounting(there.value, back)
    check_round_trip(source, there, back)


@LAW
@given(datasets)
def test_dsp_dataset_to_ckan_and_home_loses_nothing_silently(dataset: dict[str, Any]) -> None:
    source = deepcopy(dataset)
    there = package_of(dataset, provider="EU-1", locate=lambda n: f"{OURS}/r/{n}")
    assert dataset == source
    check_accounting(source, there)
    back = dataset_home(there.value)
    check_accounting(there.value, back)
    check_round_trip(source, there, back)


@LAW
@given(st.dictionaries(words, trees, max_size=4), words, trees)
def test_an_unaccounted_or_repeated_leaf_refuses_the_document(
    plain: dict[str, Any], name: str, value: Any
) -> None:
    source = {**plain, name: value}
    forgetful = Tally()
    part = Part(source, forgetful)
    part.open(name)
    part.rest("")
    with pytest.raises(CrossingError):
        forgetful.close(source, {})
    twice = Tally()
    Part(source, twice).rest("")
    Part(source, twice).drop(name, "again")
    with pytest.raises(CrossingError):
        twice.close(source, {})


@LAW
@given(words)
def test_percent_signs_come_back(text: str) -> None:
    spelled = percent(text)
    assert spelled.isascii()
    assert set(spelled) <= set(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~%"
    )
    assert unpercent(spelled) == text


@LAW
@given(datasets)
def test_dsp_dataset_to_dcat_and_home_loses_nothing_silently(dataset: dict[str, Any]) -> None:
    source = deepcopy(dataset)
    there = dcat_of(dataset)
    assert dataset == source
    check_accounting(source, there)
    back = dataset_home_from_dcat(there.value)
    check_accounting(there.value, back)
    check_round_trip(source, there, back)


TOKEN = re.compile(
    r'\s*(?:(<[^>]*>)|("(?:[^"\\]|\\.)*")|(@[A-Za-z0-9-]+)|(\^\^[a-z]+:[A-Za-z]+)|(-?[0-9]+)'
    r"|([a-z]+:[A-Za-z]+|a(?=\s))|([.;,\[\]]))",
    re.DOTALL,
)


def tokens(text: str) -> Iterator[str]:
    at = 0
    while text[at:].strip():
        match = TOKEN.match(text, at)
        assert match is not None, text[at : at + 60]
        yield match[0].strip(" \n")
        at = match.end()


def plain_text(literal: str) -> str:
    short = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f"}
    return re.sub(
        r"\\(?:u([0-9A-F]{4})|U([0-9A-F]{8})|(.))",
        lambda m: chr(int(m[1] or m[2], 16)) if m[1] or m[2] else short.get(m[3], m[3]),
        literal[1:-1],
        flags=re.DOTALL,
    )


def parse_node(stream: list[str], stop: str) -> dict[str, Any]:
    """Predicates and objects up to *stop*; a small reader of its own, not the writer's."""
    node: dict[str, Any] = {}
    while stream[0] != stop:
        name = stream.pop(0)
        found: list[Any] = []
        while True:
            token = stream.pop(0)
            if token == "[":
                found.append(parse_node(stream, "]"))
                stream.pop(0)
            elif token.startswith('"'):
                text = plain_text(token)
                if stream[0].startswith("@"):
                    found.append((text, stream.pop(0)[1:]))
                elif stream[0] == "^^rdf:JSON":
                    stream.pop(0)
                    found.append({"JSON": json.loads(text)})
                else:
                    found.append(text)
            else:
                found.append(int(token) if token.lstrip("-").isdecimal() else token)
            if stream[0] != ",":
                break
            stream.pop(0)
        node[name] = found
        if stream[0] == ";":
            stream.pop(0)
    return node


def expected_node(plain: dict[str, Any]) -> dict[str, Any]:
    node: dict[str, Any] = {"a": [plain["@type"]]}
    for name, value in plain.items():
        if name.startswith("@"):
            continue
        node[name] = []
        for item in value if isinstance(value, list) else [value]:
            if isinstance(item, dict) and item.get("@type") == "@json":
                node[name].append({"JSON": item["@value"]})
            elif isinstance(item, dict) and "@language" in item:
                node[name].append((item["@value"], item["@language"]))
            else:
                node[name].append(expected_node(item) if isinstance(item, dict) else item)
    return node


@LAW
@given(datasets)
def test_turtle_says_what_the_json_ld_says(dataset: dict[str, Any]) -> None:
    dcat = dcat_of(dataset).value
    lines = turtle_of([dcat]).splitlines(keepends=True)
    body = "".join(line for line in lines if not line.startswith("@prefix"))
    stream = list(tokens(body))
    assert stream.pop(0) == f"<{dataset['@id']}>"
    assert parse_node(stream, ".") == expected_node(dcat)


foreign_dcat = member(
    {
        "@type": st.just("dcat:Dataset"),
        "dct:title": words | tagged,
        "dcat:keyword": st.lists(words, max_size=3),
        "dcat:contactPoint": trees,
        "dcat:distribution": st.lists(trees, max_size=2),
        "odrl:hasPolicy": trees,
    }
).map(lambda d: {**d, "@id": "https://catalogue.example/データ/1"})


@LAW
@given(foreign_dcat)
def test_a_foreign_dcat_dataset_is_fully_accounted_for(dcat: dict[str, Any]) -> None:
    crossing = dataset_of_dcat(dcat, provider="ods-1", endpoint=OURS, offers=[{"@id": "urn:o"}])
    check_accounting(dcat, crossing)
    assert crossing.value["@id"] == "urn:ods:ods-1:" + percent(dcat["@id"])


parts = member(
    {
        "partsName": words,
        "supportPartsName": words | st.none(),
        "plantId": words,
        "terminatedFlag": st.booleans(),
        "amountRequired": st.none() | st.floats(0, 1e6),
        "amountRequiredUnit": st.sampled_from(["kilogram", None]),
    }
).map(
    lambda p: {
        **p,
        "operatorId": "b39e6248-c888-56ca-d9d0-89de1b1adc8e",
        "traceId": "2fb97052-250b-44de-acbb-1ba63e28af71",
    }
)


@LAW
@given(parts)
def test_an_ouranos_part_to_dsp_and_home_loses_nothing_silently(part: dict[str, Any]) -> None:
    source = deepcopy(part)
    there = dataset_of_parts(part, endpoint=OURS, offers=[{"@id": "urn:o"}])
    assert part == source
    check_accounting(source, there)
    back = parts_home(there.value)
    check_accounting(there.value, back)
    check_round_trip(source, there, back)


@LAW
@given(parts, st.lists(parts, max_size=2), st.dictionaries(words, trees, max_size=2))
def test_structures_and_requests_account_for_every_leaf(
    parent: dict[str, Any], children: list[dict[str, Any]], more: dict[str, Any]
) -> None:
    structure = {**more, "parentPartsModel": parent, "childrenPartsModel": children}
    check_accounting(structure, structure_of(structure, endpoint=OURS))
    request = {**more, "consumerPid": "urn:uuid:1", "offer": more or {"@id": "urn:o"}}
    check_accounting(request, trade_request_of(request, Operators("d", "u"), "t", "p"))


@LAW
@given(datasets)
def test_our_dataset_as_a_part_accounts_for_every_leaf(dataset: dict[str, Any]) -> None:
    check_accounting(dataset, parts_of(dataset, operator="o", plant="p", title="需要"))


said = words | st.sampled_from(["percent:x", "%", "\r\nx: y", "契約\t1", "percent:"])


@LAW
@given(said, said, said)
def test_contract_headers_carry_any_text_in_one_line(a: str, b: str, c: str) -> None:
    headers = ContractHeaders(a, b, "https://c.example", c, "").to_headers()
    for value in headers.values():
        assert value.isascii() and value.isprintable() and value == value.strip()
    assert ContractHeaders.from_headers(headers) == ContractHeaders(
        a, b, "https://c.example", c, ""
    )


@LAW
@given(st.binary(max_size=12))
def test_any_header_of_a_stranger_becomes_text_that_can_be_kept(raw: bytes) -> None:
    text = raw.decode("utf-8", "surrogateescape")
    if not text.startswith("percent:"):
        found = ContractHeaders.from_headers({"x-cadde-contract-id": text}).contract_id
        assert found.isprintable() and found.encode("utf-8") is not None
