"""Laws of the bridges: every leaf is accounted for once, and the way back restores what was not
listed as dropped. The oracle walks the documents by itself.
"""

from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from delian.exchange.bridge_errors import CrossingError
from delian.exchange.cadde_export import dataset_home, package_of
from delian.exchange.cadde_import import dataset_of, package_home
from delian.exchange.crossing import Crossing, Part, Tally, percent, unpercent

LAW = settings(max_examples=80, deadline=None)
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
