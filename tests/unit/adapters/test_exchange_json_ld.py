"""Foreign JSON-LD forms: the same message in plain words, or a refusal; never a guess."""

import copy
import socket
import sys
from typing import Any

import pytest

from delian.adapters import json_ld
from delian.adapters.json_ld import ForeignContextError, is_plain, normalise

DSP = "https://w3id.org/dspace/2025/1/context.jsonld"
EDC = "https://w3id.org/edc/dspace/v0.0.1"
W3C_ODRL = "http://www.w3.org/ns/odrl.jsonld"
PREFIXES = {
    "dspace": "https://w3id.org/dspace/2025/1/",
    "odrl": "http://www.w3.org/ns/odrl/2/",
    "dct": "http://purl.org/dc/terms/",
}
RULE = {
    "action": "use",
    "constraint": [{"leftOperand": "odrl:purpose", "operator": "eq", "rightOperand": "research"}],
}
PLAIN: dict[str, Any] = {
    "@context": [DSP],
    "@type": "ContractRequestMessage",
    "consumerPid": "urn:uuid:1",
    "callbackAddress": "https://consumer.example/dsp",
    "offer": {"@type": "Offer", "@id": "offer 1?/../x", "target": "ds", "permission": [RULE]},
}


def but(**changes: Any) -> dict[str, Any]:
    return {**copy.deepcopy(PLAIN), **changes}


def prefixed(value: Any) -> Any:
    """The plain message as an older connector writes it: every word with its prefix."""
    vocabulary = {"@type", "action", "operator", "leftOperand"}
    links = {"consumerPid", "target"}
    own = {"consumerPid", "callbackAddress", "offer", "ContractRequestMessage"}
    if isinstance(value, list):
        return [prefixed(one) for one in value]
    if not isinstance(value, dict):
        return value
    made: dict[str, Any] = {}
    for key, member in value.items():
        name = key if key.startswith("@") else f"{'dspace' if key in own else 'odrl'}:{key}"
        if key == "@type":
            made[name] = f"{'dspace' if member in own else 'odrl'}:{member}"
        elif key in vocabulary:
            made[name] = {"@id": member if ":" in member else f"odrl:{member}"}
        elif key in links:
            made[name] = {"@id": member}
        else:
            many = isinstance(member, list)
            made[name] = prefixed(member[0] if many else member)
    return made


@pytest.mark.parametrize("context", [DSP, [DSP], [DSP, EDC], [EDC, DSP]])
def test_a_plain_message_is_handed_on_as_it_is(context: Any) -> None:
    message = but(**{"@context": context})
    assert is_plain(message)
    assert normalise(message) is message


def test_descriptions_under_their_iris_are_plain() -> None:
    dataset = {"@id": "d", "http://purl.org/dc/terms/title": "T", "edc:name": "x", "dct:issued": 1}
    assert is_plain({"@context": [DSP], "@type": "Catalog", "dataset": [dataset]})
    for word in ("dcat:distribution", "http://www.w3.org/ns/dcat#dataset", "dct:format"):
        assert not is_plain({"@context": [DSP], "@type": "Catalog", "dataset": [{word: []}]})


def test_the_plain_path_does_not_load_the_engine() -> None:
    loaded = sys.modules.pop("delian.adapters.json_ld_engine", None)
    try:
        normalise(but())
        assert "delian.adapters.json_ld_engine" not in sys.modules
    finally:
        if loaded is not None:
            sys.modules["delian.adapters.json_ld_engine"] = loaded


def test_prefixes_instead_of_words_mean_the_same() -> None:
    body = {k: v for k, v in PLAIN.items() if k != "@context"}
    message = {"@context": PREFIXES, **prefixed(body)}
    assert "odrl:permission" in message["dspace:offer"]
    assert normalise(message) == PLAIN


def test_whole_iris_instead_of_words_mean_the_same() -> None:
    odrl = PREFIXES["odrl"]
    offer = {"@type": "Offer", "@id": "o", "target": "ds", f"{odrl}permission": [RULE]}
    plain = but(offer={"@type": "Offer", "@id": "o", "target": "ds", "permission": [RULE]})
    assert not is_plain(but(offer=offer))
    assert normalise(but(offer=offer)) == plain


def test_the_context_of_the_policy_language_inside_an_offer() -> None:
    operand = {"leftOperand": "purpose", "operator": "eq", "rightOperand": "research"}
    rule = {"action": "use", "constraint": [operand]}
    offer = {**PLAIN["offer"], "@context": W3C_ODRL, "permission": rule}
    assert normalise(but(offer=offer)) == PLAIN


def test_a_query_in_a_foreign_vocabulary_keeps_its_words() -> None:
    query = {"@type": "edc:QuerySpec", "edc:limit": 7, "edc:offset": 5}
    message = {
        "@context": [DSP, {"edc": "https://w3id.org/edc/v0.0.1/ns/"}],
        "@type": "CatalogRequestMessage",
        "filter": [query],
    }
    found = normalise(message)
    assert found["filter"] == [{"@type": "QuerySpec", "limit": 7, "offset": 5}]


def test_ordered_lists_of_constraints_become_arrays() -> None:
    parts = [
        {"leftOperand": f"odrl:{n}", "operator": "eq", "rightOperand": n}
        for n in ("count", "event")
    ]
    rule = {"action": "use", "constraint": [{"andSequence": {"@list": parts}}]}
    offer = {**PLAIN["offer"], "odrl:permission": [rule]}
    del offer["permission"]
    found = normalise(but(offer=offer))
    assert found["offer"]["permission"][0]["constraint"][0]["andSequence"] == parts


def test_a_prohibition_under_another_name_is_not_overlooked() -> None:
    offer = {**PLAIN["offer"], "odrl:prohibition": [{"action": "use"}]}
    found = normalise(but(offer=offer))
    assert found["offer"]["prohibition"] == [{"action": "use"}]
    assert found["offer"]["permission"] == [RULE]


def test_unexplained_words_stay_outside_policies_and_are_refused_inside() -> None:
    foreign = {"@context": [DSP, PREFIXES], "remark": {"deep": [1, "two"]}}
    assert normalise(but(**foreign))["remark"] == {"deep": [1, "two"]}
    hidden = {**PLAIN["offer"], "permission": [{**RULE, "onlyIf": "the moon is full"}]}
    with pytest.raises(ForeignContextError, match="onlyIf"):
        normalise(but(offer=hidden, **{"@context": [DSP, PREFIXES]}))
    duty = {**PLAIN["offer"], "permission": [{**RULE, "odrl:duty": {"action": "inform"}}]}
    with pytest.raises(ForeignContextError, match="duty"):
        normalise(but(offer=duty))


def test_texts_and_names_stand_for_each_other() -> None:
    message = {
        "@context": PREFIXES,
        "@type": "dspace:ContractRequestMessage",
        "dspace:consumerPid": "urn:uuid:1",
        "dspace:callbackAddress": {"@id": "https://consumer.example/dsp"},
        "dspace:offer": {
            "@type": "odrl:Offer",
            "@id": PLAIN["offer"]["@id"],
            "odrl:target": "ds",
            "odrl:permission": {
                "odrl:action": "use",
                "odrl:constraint": {
                    "odrl:leftOperand": "odrl:purpose",
                    "odrl:operator": "odrl:eq",
                    "odrl:rightOperand": "research",
                },
            },
        },
    }
    assert normalise(message) == PLAIN


def test_a_catalog_of_strangers_is_read() -> None:
    dcat = "http://www.w3.org/ns/dcat#"
    catalog = {
        "@context": {**PREFIXES, "dcat": dcat},
        "@id": "c",
        "@type": "dcat:Catalog",
        "dspace:participantId": "stranger",
        "dcat:dataset": {
            "@id": "ds",
            "@type": "dcat:Dataset",
            "odrl:hasPolicy": {
                "@type": "odrl:Offer",
                "@id": "o",
                "odrl:permission": prefixed(RULE),
            },
            "dcat:distribution": {
                "@type": "dcat:Distribution",
                "dct:format": {"@id": "HttpData-PULL"},
            },
        },
    }
    found = normalise(catalog)
    assert found["@type"] == "Catalog" and found["participantId"] == "stranger"
    (dataset,) = found["dataset"]
    assert dataset["hasPolicy"] == [{"@type": "Offer", "@id": "o", "permission": [RULE]}]
    assert dataset["distribution"][0]["format"] == "HttpData-PULL"


SCOPED = {"@id": "urn:x", "@context": {"permission": "odrl:prohibition"}}
HOSTILE: list[tuple[str, Any, str]] = [
    ("an unknown name", "https://evil.example/context.jsonld", "not known here"),
    ("a file", "file:///etc/passwd", "not known here"),
    ("a relative name", "../secret.jsonld", "not known here"),
    ("our words redefined", [DSP, {"permission": "odrl:prohibition"}], "protected term"),
    ("our words taken away", [DSP, {"permission": None}], "does not stand for"),
    ("our contexts taken away", [DSP, None], "neither a name nor a table"),
    ("a number", 7, "neither a name nor a table"),
    ("an import", [DSP, {"@import": "https://evil.example/"}], "is not taken"),
    ("a base", [DSP, {"@base": "https://evil.example/"}], "is not taken"),
    ("propagation", [DSP, {"@propagate": False}], "is not taken"),
    ("a scoped context", [DSP, {"x": SCOPED}], "more than a plain one"),
    ("a reverse word", [DSP, {"x": {"@reverse": "odrl:permission"}}], "more than a plain one"),
    ("a nested word", [DSP, {"x": {"@id": "@nest"}}], "keyword that is not taken"),
    ("an alias of graph", [DSP, {"x": "@graph"}], "keyword that is not taken"),
    ("a graph container", [DSP, {"x": {"@id": "urn:x", "@container": "@graph"}}], "container"),
    ("an index container", [DSP, {"x": {"@id": "urn:x", "@container": ["@index"]}}], "container"),
    ("a relative vocabulary", [DSP, {"@vocab": "x"}], "not an absolute IRI"),
    ("another version", [DSP, {"@version": 2}], "another version"),
    ("a word that is its own prefix", [{"a": "b:x", "b": "a:y"}, DSP, {"c": "urn:c"}], "cyclic"),
    ("too many words", [DSP, {f"w{n}": f"urn:w:{n}" for n in range(65)}], "too many words"),
    ("too many contexts", [DSP, PREFIXES] * 9, "too many contexts"),
    ("a long IRI", [DSP, {"x": "urn:" + "x" * 5000}], "does not stand for an IRI"),
]


@pytest.mark.parametrize(("context", "said"), [h[1:] for h in HOSTILE], ids=[h[0] for h in HOSTILE])
def test_a_hostile_context_is_refused(context: Any, said: str) -> None:
    with pytest.raises(ForeignContextError, match=said) as caught:
        normalise(but(**{"@context": context}))
    assert caught.value.hint


@pytest.mark.parametrize("member", ["@graph", "@included", "@reverse", "@nest", "@index", "@json"])
def test_keywords_that_no_message_needs_are_refused(member: str) -> None:
    with pytest.raises(ForeignContextError, match="keyword"):
        normalise(but(**{"@context": [DSP, PREFIXES], member: {"a": "b"}}))


def test_a_context_below_cannot_change_our_words() -> None:
    offer = {**PLAIN["offer"], "@context": {"permission": "odrl:prohibition"}}
    with pytest.raises(ForeignContextError, match="protected"):
        normalise(but(offer=offer))
    with pytest.raises(ForeignContextError, match="neither"):
        normalise(but(offer={**PLAIN["offer"], "@context": None}))


def test_size_and_depth_are_bounded_before_anything_is_expanded() -> None:
    foreign = {"@context": [DSP, PREFIXES]}
    with pytest.raises(ForeignContextError, match="too many values"):
        normalise(but(**foreign, filter=list(range(json_ld.MAX_VALUES))))
    deep: Any = "end"
    for _ in range(60):
        deep = {"a": [deep]}
    with pytest.raises(ForeignContextError, match="too deeply"):
        normalise(but(**foreign, more=deep))
    with pytest.raises(ForeignContextError, match="too long"):
        normalise(but(**foreign, **{"n" * 5000: 1}))
    large = but(**foreign, filter=list(range(json_ld.MAX_VALUES)))
    assert len(normalise(large, max_values=4_000)["filter"]) == json_ld.MAX_VALUES


def test_types_that_bring_contexts_are_bounded_too() -> None:
    queries = [{"@type": "QuerySpec"}, {"@type": ["Criterion", "x"]}] * 8
    message = but(**{"@context": [DSP, EDC, PREFIXES]}, filter=queries[:13])
    assert len(normalise(message)["filter"]) == 13
    with pytest.raises(ForeignContextError, match="too many contexts"):
        normalise({**message, "filter": queries})


def test_a_long_chain_of_prefixes_ends_in_a_refusal_or_a_meaning() -> None:
    chain = {f"p{n}": f"p{n + 1}:x" for n in range(60)}
    found = normalise(but(**{"@context": [DSP, {**chain, "p60": "urn:end:"}]}))
    assert found["offer"] == PLAIN["offer"]


def test_nothing_is_fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_network(*_: object, **__: object) -> None:
        raise AssertionError("a socket was opened")

    monkeypatch.setattr(socket, "socket", no_network)
    monkeypatch.setattr(socket, "getaddrinfo", no_network)
    assert normalise(but(**{"@context": [DSP, W3C_ODRL, PREFIXES]}))["offer"] == PLAIN["offer"]
    with pytest.raises(ForeignContextError):
        normalise(but(**{"@context": [DSP, "https://www.w3.org/ns/anno.jsonld"]}))


def test_the_refusal_does_not_repeat_what_the_peer_wrote_at_length() -> None:
    with pytest.raises(ForeignContextError) as caught:
        normalise(but(**{"@context": "https://evil.example/" + "x" * 9000}))
    assert len(caught.value.message) < 200
