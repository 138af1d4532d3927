"""The named checks of our connector beside Eclipse EDC: what each does, and what must be so.

A check raises on what is not so. ``w.edc`` is EDC, ``w.ours`` our connector, ``w.plane`` the data
plane and the ear that EDC needs. EDC blocks, so it is asked in a thread.
"""

import asyncio
import json
import urllib.error
import urllib.request
from collections.abc import Awaitable, Callable
from typing import Any

from delian.exchange.odrl import Constraint, Policy, Rule
from tests.conformance.edc_peer import Edc, Plain
from tests.conformance.edc_stand_in import fetch
from tests.conformance.edc_world import CONTENT, OURS, World, until

Check = Callable[[World], Awaitable[None]]
CHECKS: dict[str, Check] = {}
DSP = "https://w3id.org/dspace/2025/1/context.jsonld"
ID_OF_EDC = "https://w3id.org/edc/v0.0.1/ns/id"
MANY = 120


def check(function: Check) -> Check:
    """Name a check after its function."""
    CHECKS[function.__name__.replace("_", "-")] = function
    return function


def need(is_so: bool, what: str) -> None:
    """Raise unless it is so."""
    if not is_so:
        raise AssertionError(what)


async def edc_state(edc: Edc, its: str, wanted: str, limit: float = 30) -> Plain:
    """EDC's negotiation once it is as wanted."""
    return await until(edc.negotiation, its, wanted, limit)


async def edc_flow(edc: Edc, its: str, wanted: str, limit: float = 30) -> Plain:
    """EDC's transfer once it is as wanted."""
    return await until(edc.transfer_of, its, wanted, limit)


# -- EDC provides, we consume -----------------------------------------------------------------


@check
async def edc_catalog_is_read_page_by_page(w: World) -> None:
    """All of EDC's datasets arrive over its pages, each once."""
    found = [dataset.id for dataset in await w.ours.catalog(w.edc.address)]
    offered = {f"many-{n:03}" for n in range(MANY)}
    need(offered <= set(found), f"{len(offered - set(found))} datasets are missing")
    need(len(found) == len(set(found)), "a dataset arrived twice")


@check
async def edc_catalog_is_filtered(w: World) -> None:
    """One identifier gives one dataset, although EDC does not know our filter."""
    wanted = [{"property": "id", "operator": "=", "value": "many-077"}]
    found = [dataset.id for dataset in await w.ours.catalog(w.edc.address, wanted)]
    need(found == ["many-077"], f"the filter gave {found[:5]}")


async def negotiate_with_edc(w: World, dataset: str, wanted: str = "FINALIZED") -> Any:
    """Our negotiation of EDC's offer of a dataset, once it is as wanted."""
    offers = {d.id: d.offers[0] for d in await w.ours.catalog(w.edc.address)}
    pid = await w.ours.negotiate(w.edc.address, w.edc.participant, dataset, offers[dataset])
    return await w.ours.negotiation_in(pid, wanted)


@check
async def edc_offer_is_negotiated(w: World) -> None:
    """EDC's offer becomes an agreement that both sides hold."""
    n = await negotiate_with_edc(w, "plain")
    theirs = await edc_state(w.edc, n.peer_pid, "FINALIZED")
    need(theirs["type"] == "PROVIDER", "EDC is not the provider")
    need(n.agreement.assignee == OURS, f"the agreement names {n.agreement.assignee}")


@check
async def edc_offer_with_foreign_words_is_negotiated(w: World) -> None:
    """A condition in words of the policy language goes back as EDC wrote it."""
    n = await negotiate_with_edc(w, "conditional")
    await edc_state(w.edc, n.peer_pid, "FINALIZED")
    (rule,) = n.agreement.permissions
    need(rule.constraints[0].left == "purpose", f"the condition became {rule.constraints}")


@check
async def edc_data_are_pulled(w: World) -> None:
    """We fetch from the address that EDC starts the transfer with, and say that it is done."""
    n = await negotiate_with_edc(w, "plain")
    pid = await w.ours.transfer(n.pid)
    t = await w.ours.transfer_in(pid, "STARTED")
    data = await w.ours.fetch(pid)
    need(data == CONTENT, f"{len(data)} bytes came, {len(CONTENT)} were sent")
    await w.ours.complete(pid)
    await edc_flow(w.edc, t.peer_pid, "DEPROVISIONED")
    need(await w.ours.was_told(t.peer_pid, "TransferCompletionMessage"), "EDC was not told")


@check
async def edc_ends_a_negotiation_and_we_know_why(w: World) -> None:
    """EDC's reason arrives with its termination."""
    async with w.ours.holding("AGREED"):
        n = await negotiate_with_edc(w, "plain", "AGREED")
        await edc_state(w.edc, n.peer_pid, "AGREED")
        await asyncio.to_thread(w.edc.end_negotiation, n.peer_pid, "the committee said no")
        ended = await w.ours.negotiation_in(n.pid, "TERMINATED")
    need("the committee said no" in " ".join(ended.reasons), f"the reasons are {ended.reasons}")


@check
async def we_end_a_negotiation_and_edc_is_told_why(w: World) -> None:
    """EDC takes our end with its reason (0.15.1 itself keeps no reason that it is told)."""
    async with w.ours.holding("AGREED"):
        n = await negotiate_with_edc(w, "plain", "AGREED")
        await w.ours.end_negotiation(n.pid, "our office withdrew")
        await edc_state(w.edc, n.peer_pid, "TERMINATED")
    need(await w.ours.was_told(n.peer_pid, "our office withdrew"), "EDC was not told")


@check
async def edc_refuses_an_offer_that_is_not_its_own(w: World) -> None:
    """What EDC does not offer ends here, with the reason that EDC gave."""
    made_up = Policy("Offer", "bm8=:bm8=:bm8=", (Rule("use"),))
    pid = await w.ours.negotiate(w.edc.address, w.edc.participant, "plain", made_up)
    ended = await w.ours.negotiation_in(pid, "TERMINATED")
    need(bool(ended.reasons), "there is no reason")


@check
async def edc_refuses_rules_that_were_changed(w: World) -> None:
    """An offer with another condition than EDC's is refused by EDC, and we learn of it."""
    offers = {d.id: d.offers[0] for d in await w.ours.catalog(w.edc.address)}
    other = Constraint("purpose", "eq", "profit", "odrl:purpose")
    changed = Policy("Offer", offers["conditional"].id, (Rule("use", (other,)),))
    pid = await w.ours.negotiate(w.edc.address, w.edc.participant, "conditional", changed)
    ended = await w.ours.negotiation_in(pid, "TERMINATED")
    need(bool(ended.reasons), "there is no reason")


@check
async def edc_ends_a_transfer_and_we_know_why(w: World) -> None:
    """EDC's reason arrives with the end of a transfer."""
    n = await negotiate_with_edc(w, "plain")
    pid = await w.ours.transfer(n.pid)
    t = await w.ours.transfer_in(pid, "STARTED")
    await edc_flow(w.edc, t.peer_pid, "STARTED")
    await asyncio.to_thread(w.edc.end_transfer, t.peer_pid, "the line is needed")
    ended = await w.ours.transfer_in(pid, "TERMINATED")
    need("the line is needed" in " ".join(ended.reasons), f"the reasons are {ended.reasons}")


@check
async def we_end_a_transfer_and_edc_stops_the_data(w: World) -> None:
    """Our end reaches EDC's data plane: the token is worth nothing afterwards."""
    n = await negotiate_with_edc(w, "plain")
    pid = await w.ours.transfer(n.pid)
    t = await w.ours.transfer_in(pid, "STARTED")
    await w.ours.end_transfer(pid, "enough of it")
    await edc_flow(w.edc, t.peer_pid, "DEPROVISIONED")
    given = (t.data_address.get("endpoint"), t.data_address.get("authorization"))
    status, _ = await asyncio.to_thread(fetch, *given)
    need(status == 401, f"the data plane answers {status}")


@check
async def many_at_once_and_none_is_lost(w: World) -> None:
    """Sixty negotiations, sixteen at once, and EDC is not done writing when we answer."""
    offers = {d.id: d.offers[0] for d in await w.ours.catalog(w.edc.address)}
    gate = asyncio.Semaphore(16)

    async def one() -> str:
        async with gate:
            pid = await w.ours.negotiate(w.edc.address, w.edc.participant, "plain", offers["plain"])
            return str((await w.ours.negotiation_in(pid, "FINALIZED", 90)).peer_pid)

    pids = await asyncio.gather(*(one() for _ in range(60)))
    for its in pids:
        await edc_state(w.edc, its, "FINALIZED")


# -- we provide, EDC consumes -----------------------------------------------------------------


async def our_catalog(w: World, query: Plain | None = None) -> list[Plain]:
    """Our catalog as EDC hands it to its own applications."""
    asked = None if query is None else {"@type": "QuerySpec", **query}
    found = await asyncio.to_thread(w.edc.catalog, OURS, w.ours.address, asked)
    need(
        found.get("participantId") == OURS,
        f"EDC reads the participant {found.get('participantId')}",
    )
    listed = found.get("dataset", [])
    return listed if isinstance(listed, list) else [listed]


@check
async def our_catalog_is_read_by_edc(w: World) -> None:
    """EDC reads datasets, offers and ways of our catalog."""
    (dataset,) = [d for d in await our_catalog(w) if d["@id"] == "ours-plain"]
    need(bool(dataset["hasPolicy"]), "EDC sees no offer")
    need("HttpData-PULL" in json.dumps(dataset["distribution"]), f"EDC sees {dataset}")


@check
async def our_catalog_is_paged_and_filtered_for_edc(w: World) -> None:
    """EDC's own query language: limit, offset and one identifier."""
    whole = [d["@id"] for d in await our_catalog(w)]
    halves = [d["@id"] for at in (0, 2) for d in await our_catalog(w, {"offset": at, "limit": 2})]
    need(halves == whole[:4], f"pages of two give {halves}, the whole is {whole}")
    chosen = {"@type": "Criterion", "operandLeft": ID_OF_EDC, "operator": "="}
    query = {"filterExpression": [{**chosen, "operandRight": "ours-conditional"}]}
    found = [d["@id"] for d in await our_catalog(w, query)]
    need(found == ["ours-conditional"], f"the filter gives {found}")


async def edc_negotiates(
    w: World, dataset: str, wanted: str = "FINALIZED", **changes: Any
) -> Plain:
    """EDC's negotiation of our offer of a dataset, once it is as wanted."""
    (found,) = [d for d in await our_catalog(w) if d["@id"] == dataset]
    offer = found["hasPolicy"][0] if isinstance(found["hasPolicy"], list) else found["hasPolicy"]
    given = {**offer, **changes}
    its = await asyncio.to_thread(w.edc.negotiate, OURS, w.ours.address, dataset, given)
    return await edc_state(w.edc, its, wanted)


@check
async def our_offer_is_negotiated_by_edc(w: World) -> None:
    """Our offer becomes an agreement that both sides hold."""
    theirs = await edc_negotiates(w, "ours-plain")
    ours = await w.ours.negotiation_of_peer(theirs["@id"])
    need(ours.state.value == "FINALIZED", f"we stand at {ours.state}")
    need(ours.peer == w.edc.participant, f"the agreement is with {ours.peer}")


@check
async def our_conditions_survive_edc(w: World) -> None:
    """A condition in words of our own profile comes back from EDC as we wrote it."""
    theirs = await edc_negotiates(w, "ours-conditional")
    ours = await w.ours.negotiation_of_peer(theirs["@id"])
    (rule,) = ours.agreement.permissions
    need(rule.constraints[0].left == "urn:delian:profile:1:purpose", f"it became {rule}")


@check
async def rules_that_edc_changed_are_refused_with_a_reason(w: World) -> None:
    """An offer that EDC widened ends, and EDC is told why."""
    wider = {"permission": [{"action": "use"}]}
    ended = await edc_negotiates(w, "ours-conditional", "TERMINATED", **wider)
    need(await w.ours.was_told(ended["@id"], "not the terms that we offer"), "EDC was not told")


async def edc_pulls(w: World) -> tuple[str, Plain]:
    """EDC's transfer of our data, started; and where its application fetches them."""
    theirs = await edc_negotiates(w, "ours-plain")
    more = {
        "callbackAddresses": [w.plane.callback()],
        "dataDestination": {"@type": "DataAddress", "type": "HttpProxy"},
    }
    begin = [OURS, w.ours.address, theirs["contractAgreementId"], more]
    its = str(await asyncio.to_thread(w.edc.transfer, *begin))
    told = await asyncio.to_thread(w.plane.event, "TransferProcessStarted", its)
    named = dict(told["dataAddress"]["properties"])
    return its, {key.rsplit("/", 1)[-1]: value for key, value in named.items()}


@check
async def our_data_are_pulled_by_edc(w: World) -> None:
    """An application of EDC fetches our data with the token that we gave, once."""
    _, address = await edc_pulls(w)
    header = f"Bearer {address['authorization']}"
    status, data = await asyncio.to_thread(fetch, address["endpoint"], header)
    need((status, data) == (200, CONTENT), f"the first fetch gives {status}, {len(data)} bytes")
    status, _ = await asyncio.to_thread(fetch, address["endpoint"], header)
    need(status in (401, 404), f"the token works twice: {status}")


@check
async def edc_ends_our_transfer_and_the_token_with_it(w: World) -> None:
    """EDC's end revokes our token, and its reason stands with us."""
    its, address = await edc_pulls(w)
    await asyncio.to_thread(w.edc.end_transfer, its, "no longer needed")
    ended = await w.ours.transfer_of_peer(its, "TERMINATED")
    need("no longer needed" in " ".join(ended.reasons), f"the reasons are {ended.reasons}")
    header = f"Bearer {address['authorization']}"
    status, _ = await asyncio.to_thread(fetch, address["endpoint"], header)
    need(status in (401, 404), f"the token works after the end: {status}")


@check
async def we_end_our_transfer_and_edc_is_told_why(w: World) -> None:
    """EDC takes our end with its reason, and the token is worth nothing."""
    its, address = await edc_pulls(w)
    ours = await w.ours.transfer_of_peer(its, "STARTED")
    await w.ours.end_transfer(ours.pid, "the release was withdrawn")
    await edc_flow(w.edc, its, "TERMINATED")
    need(await w.ours.was_told(its, "the release was withdrawn"), "EDC was not told")
    header = f"Bearer {address['authorization']}"
    status, _ = await asyncio.to_thread(fetch, address["endpoint"], header)
    need(status in (401, 404), f"the token works after the end: {status}")


@check
async def our_transfer_rests_and_goes_on_with_another_token(w: World) -> None:
    """A suspension reaches EDC and kills the token; the next start brings a new one."""
    its, first = await edc_pulls(w)
    ours = await w.ours.transfer_of_peer(its, "STARTED")
    await w.ours.suspend(ours.pid, "the line is checked")
    await edc_flow(w.edc, its, "SUSPENDED")
    header = f"Bearer {first['authorization']}"
    status, _ = await asyncio.to_thread(fetch, first["endpoint"], header)
    need(status in (401, 404), f"the token works while the transfer rests: {status}")
    await w.ours.resume(ours.pid)
    await edc_flow(w.edc, its, "STARTED")
    told = await asyncio.to_thread(w.plane.event, "TransferProcessStarted", its, which=1)
    named = {k.rsplit("/", 1)[-1]: v for k, v in told["dataAddress"]["properties"].items()}
    need(named["authorization"] != first["authorization"], "the token is the old one")
    header = f"Bearer {named['authorization']}"
    status, data = await asyncio.to_thread(fetch, named["endpoint"], header)
    need((status, data) == (200, CONTENT), f"the new token gives {status}")


@check
async def edc_ends_a_negotiation_of_our_offer_and_we_know_why(w: World) -> None:
    """EDC, as consumer, leaves; its reason stands with us."""
    async with w.ours.holding("REQUESTED"):
        theirs = await edc_negotiates(w, "ours-plain", "REQUESTED")
        await asyncio.to_thread(w.edc.end_negotiation, theirs["@id"], "bought elsewhere")
        ended = await w.ours.negotiation_of_peer(theirs["@id"], "TERMINATED")
    need("bought elsewhere" in " ".join(ended.reasons), f"the reasons are {ended.reasons}")


# -- forms and strangers ----------------------------------------------------------------------


def post(url: str, body: Plain, participant: str) -> tuple[int, Plain]:
    """A message as another connector with EDC's way of showing who it is sends it."""
    request = urllib.request.Request(url, json.dumps(body).encode(), method="POST")
    request.add_header("Content-Type", "application/json")
    request.add_header("Authorization", json.dumps({"clientId": participant, "region": "eu"}))
    try:
        with urllib.request.urlopen(request, timeout=20) as answered:
            return int(answered.status), json.loads(answered.read())
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code, json.loads(refused.read() or b"{}")


def prefixed_request(w: World) -> Plain:
    """A request in the form in which older connectors write it."""
    purpose = {
        "odrl:leftOperand": {"@id": "urn:delian:profile:1:purpose"},
        "odrl:operator": {"@id": "odrl:eq"},
        "odrl:rightOperand": "research",
    }
    return {
        "@context": {
            "dspace": "https://w3id.org/dspace/2025/1/",
            "odrl": "http://www.w3.org/ns/odrl/2/",
        },
        "@type": "dspace:ContractRequestMessage",
        "dspace:consumerPid": {"@id": "urn:uuid:3c1c7c52-9a1e-4d0e-8f55-5a4f1f0b6f10"},
        "dspace:callbackAddress": f"{w.plane.address}/older",
        "dspace:offer": {
            "@type": "odrl:Offer",
            "@id": w.ours.offer_id("ours-conditional"),
            "odrl:target": {"@id": "ours-conditional"},
            "odrl:permission": {"odrl:action": {"@id": "odrl:use"}, "odrl:constraint": purpose},
        },
    }


@check
async def a_request_in_prefixed_words_is_understood(w: World) -> None:
    """The same offer in prefixes instead of words opens a negotiation."""
    url = f"{w.ours.address}/negotiations/request"
    status, said = await asyncio.to_thread(post, url, prefixed_request(w), "older")
    need(status == 201, f"the answer is {status} {said}")
    opened = await w.ours.negotiation(said["providerPid"])
    need(opened.dataset == "ours-conditional", f"it is about {opened.dataset}")


@check
async def an_unknown_context_is_refused_with_a_reason(w: World) -> None:
    """What needs a context that we do not know is answered with 400 and its name."""
    url = f"{w.ours.address}/negotiations/request"
    body = {**prefixed_request(w), "@context": [DSP, "https://unknown.example/context.jsonld"]}
    status, said = await asyncio.to_thread(post, url, body, "older")
    need(status == 400, f"the answer is {status} {said}")
    need("unknown.example" in json.dumps(said["reason"]), f"the reason is {said.get('reason')}")


@check
async def edc_is_diagnosed_in_plain_words(w: World) -> None:
    """Our diagnosis finds EDC sound, and says what is odd about it."""
    report = await w.ours.diagnose(f"{w.edc.root}/protocol")
    need(report.is_well, "\n".join(report.lines()))
    noticed = {finding.step for finding in report.findings if finding.grade.value == "notice"}
    need({"address", "identity"} <= noticed, f"only {noticed} were noticed")
