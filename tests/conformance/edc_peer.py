"""Eclipse EDC 0.15.1 as a neighbor: started from its coordinates, driven by its management line.

Used by ``run_edc.py`` as the stranger and by the benchmark as the reference. Everything is in
memory and on loopback; nothing of EDC is kept in this repository.
"""

import contextlib
import json
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from tests.conformance import kit  # noqa: E402 - a script finds its own package first

MAIN = "org.eclipse.edc.boot.system.runtime.BaseRuntime"
PROTOCOL = "dataspace-protocol-http:2025-1"
VOCABULARY = {"@vocab": "https://w3id.org/edc/v0.0.1/ns/"}
ODRL = "http://www.w3.org/ns/odrl.jsonld"
FINAL = frozenset({"FINALIZED", "TERMINATED"})
# Waits and batches of the state machines: EDC as it comes, and tuned as the reference table says.
DEFAULT: Mapping[str, int] = {}
TUNED = {"wait": 50, "batch": 100}

Plain = dict[str, Any]


class EdcError(Exception):
    """EDC's management line said no."""


@dataclass(frozen=True, slots=True)
class Edc:
    """One running EDC: where it listens and what it calls itself."""

    participant: str
    root: str
    management: str
    control: str
    pid: int
    start_seconds: float

    @property
    def address(self) -> str:
        return f"{self.root}/protocol/2025-1"

    def is_up(self) -> bool:
        """EDC says it is ready a moment before its management line is there."""
        with contextlib.suppress(EdcError, OSError):
            return self.transfers() == []
        return False

    def call(self, method: str, path: str, body: Plain | None = None, base: str = "") -> Any:
        """One request on the management line; the JSON that came back, or None."""
        data = None if body is None else json.dumps({"@context": VOCABULARY, **body}).encode()
        request = urllib.request.Request(f"{base or self.management}{path}", data, method=method)
        request.add_header("Content-Type", "application/json")
        try:
            with urllib.request.urlopen(request, timeout=90) as answered:
                said = answered.read()
        except urllib.error.HTTPError as refused:
            with refused:
                raise EdcError(f"{method} {path}: {refused.code} {refused.read()!r}") from None
        return json.loads(said) if said else None

    # -- offering -----------------------------------------------------------------------------

    def offer(
        self, name: str, policy: Plain | None = None, url: str = "http://none.invalid/"
    ) -> None:
        """Publish one asset with a policy of its own."""
        address = {"@type": "DataAddress", "type": "HttpData", "baseUrl": url}
        properties = {"name": f"Asset {name}", "contenttype": "application/json"}
        self.call(
            "POST", "/v3/assets", {"@id": name, "properties": properties, "dataAddress": address}
        )
        rules = policy or {"permission": [{"action": "use"}]}
        held = {"@context": ODRL, "@type": "Set", **rules}
        self.call(
            "POST",
            "/v3/policydefinitions",
            {"@type": "PolicyDefinition", "@id": f"p-{name}", "policy": held},
        )
        id_is = "https://w3id.org/edc/v0.0.1/ns/id"
        chosen = {"@type": "Criterion", "operandLeft": id_is, "operator": "=", "operandRight": name}
        definition = {
            "@id": f"d-{name}",
            "accessPolicyId": f"p-{name}",
            "contractPolicyId": f"p-{name}",
            "assetsSelector": [chosen],
        }
        self.call("POST", "/v3/contractdefinitions", definition)

    # -- asking -------------------------------------------------------------------------------

    def catalog(self, peer: str, address: str, query: Plain | None = None) -> Plain:
        """The catalog of a peer, as EDC understood it."""
        whom = {"counterPartyId": peer, "counterPartyAddress": address}
        asked: Plain = {"@type": "CatalogRequest", **whom}
        if query is not None:
            asked["querySpec"] = query
        found = self.call("POST", "/v3/catalog/request", {**asked, "protocol": PROTOCOL})
        return dict(found)

    def negotiate(self, peer: str, address: str, dataset: str, offer: Plain) -> str:
        """Begin a negotiation; EDC's own id of it."""
        policy = {
            "@context": ODRL,
            "@type": "Offer",
            "@id": offer["@id"],
            "assigner": {"@id": peer},
            "target": {"@id": dataset},
            **{k: v for k, v in offer.items() if k.removeprefix("odrl:") in RULES},
        }
        body = {
            "@type": "ContractRequest",
            "counterPartyAddress": address,
            "counterPartyId": peer,
            "protocol": PROTOCOL,
            "policy": policy,
        }
        return str(self.call("POST", "/v3/contractnegotiations", body)["@id"])

    def negotiation(self, its: str) -> Plain:
        return dict(self.call("GET", f"/v3/contractnegotiations/{its}"))

    def negotiations(self) -> list[Plain]:
        return list(self.call("POST", "/v3/contractnegotiations/request", {"@type": "QuerySpec"}))

    def end_negotiation(self, its: str, reason: str) -> None:
        body = {"@type": "TerminateNegotiation", "@id": its, "reason": reason}
        self.call("POST", f"/v3/contractnegotiations/{its}/terminate", body)

    def transfer(self, peer: str, address: str, agreement: str, more: Plain) -> str:
        """Begin a transfer under an agreement; EDC's own id of it."""
        body = {
            "@type": "TransferRequest",
            "counterPartyAddress": address,
            "counterPartyId": peer,
            "contractId": agreement,
            "protocol": PROTOCOL,
            "transferType": "HttpData-PULL",
            **more,
        }
        return str(self.call("POST", "/v3/transferprocesses", body)["@id"])

    def transfers(self) -> list[Plain]:
        return list(self.call("POST", "/v3/transferprocesses/request", {"@type": "QuerySpec"}))

    def transfer_of(self, its: str) -> Plain:
        return dict(self.call("GET", f"/v3/transferprocesses/{its}"))

    def end_transfer(self, its: str, reason: str) -> None:
        body = {"@type": "TerminateTransfer", "reason": reason}
        self.call("POST", f"/v3/transferprocesses/{its}/terminate", body)

    def resident_mb(self) -> float:
        """Resident memory of its process."""
        pages = int(Path(f"/proc/{self.pid}/statm").read_text().split()[1])
        return pages * 4096 / 1e6


RULES = frozenset({"permission", "prohibition", "obligation"})


@contextlib.contextmanager
def edc(participant: str, tuning: Mapping[str, int] = TUNED) -> Iterator[Edc]:
    """One EDC for as long as the block lasts."""
    jars = kit.class_path("edc")
    default, management, protocol, control, version = kit.free_ports(5)
    folder = kit.CACHE / "edc" / f"{participant}-{protocol}"
    folder.mkdir(parents=True, exist_ok=True)
    lines = [
        f"edc.participant.id={participant}",
        f"edc.component.id={participant}-component",
        f"edc.dsp.callback.address=http://127.0.0.1:{protocol}/protocol",
        "edc.policy.validation.enabled=false",  # constraints of foreign words are offered too
        f"web.http.port={default}",
        "web.http.path=/api",
    ]
    for name, port in (("management", management), ("protocol", protocol)):
        lines += [f"web.http.{name}.port={port}", f"web.http.{name}.path=/{name}"]
    for name, port in (("control", control), ("version", version)):
        lines += [f"web.http.{name}.port={port}", f"web.http.{name}.path=/{name}"]
    for machine in ("negotiation.consumer", "negotiation.provider", "transfer"):
        begin = f"edc.{machine}.state-machine"
        if "wait" in tuning:
            lines.append(f"{begin}.iteration-wait-millis={tuning['wait']}")
        if "batch" in tuning:
            lines.append(f"{begin}.batch-size={tuning['batch']}")
    config, log = folder / "edc.properties", folder / "edc.log"
    config.write_text("\n".join(lines) + "\n")
    command = ["java", f"-Dedc.fs.config={config}", "-cp", jars, MAIN]
    with kit.process(command, log) as child:
        ready = f"http://127.0.0.1:{default}/api/check/readiness"
        seconds = kit.wait_ready(child, ready, log, 90)
        made = Edc(
            participant,
            f"http://127.0.0.1:{protocol}",
            f"http://127.0.0.1:{management}/management",
            f"http://127.0.0.1:{control}/control",
            child.pid,
            seconds,
        )
        more = kit.wait_until(made.is_up, f"management of {participant}", 60)
        yield replace(made, start_seconds=seconds + more)


# -- the reference of the benchmark -----------------------------------------------------------


def first_offer(catalog: Plain) -> tuple[str, Plain]:
    """The first dataset of a catalog and its first offer."""
    found = catalog["dataset"]
    dataset = found[0] if isinstance(found, list) else found
    policy = dataset["hasPolicy"]
    return str(dataset["@id"]), policy[0] if isinstance(policy, list) else policy


def run_to_end(
    consumer: Edc, provider: Edc, dataset: str, offer: Plain, limit: float
) -> tuple[str, float]:
    """One negotiation from POST to its end: the state and the milliseconds, STUCK if none."""
    begin = time.monotonic()
    its = consumer.negotiate(provider.participant, provider.address, dataset, offer)
    wait = threading.Event()
    while time.monotonic() - begin < limit:
        state = str(consumer.negotiation(its)["state"])
        if state in FINAL:
            return state, (time.monotonic() - begin) * 1000
        wait.wait(0.01)
    return "STUCK", (time.monotonic() - begin) * 1000


def measure_negotiations(
    tuning: Mapping[str, int], sequential: int, parallel: int, width: int = 32
) -> dict[str, float]:
    """p50 and p99 sequential, throughput and losses at ``width`` in flight, memory, start."""
    with edc("edc-provider", tuning) as provider, edc("edc-consumer", tuning) as consumer:
        provider.offer("one")
        dataset, offer = first_offer(consumer.catalog(provider.participant, provider.address))
        run_to_end(consumer, provider, dataset, offer, 60)
        idle = max(provider.resident_mb(), consumer.resident_mb())
        alone = [run_to_end(consumer, provider, dataset, offer, 60) for _ in range(sequential)]
        begin = time.monotonic()
        with ThreadPoolExecutor(width) as pool:
            many = list(
                pool.map(
                    lambda _: run_to_end(consumer, provider, dataset, offer, 60), range(parallel)
                )
            )
        seconds = time.monotonic() - begin
        times = sorted(ms for state, ms in alone if state == "FINALIZED") or [0.0]
        good = sum(state == "FINALIZED" for state, _ in many)
        return {
            "start_ms": max(provider.start_seconds, consumer.start_seconds) * 1000,
            "negotiation_p50_ms": times[len(times) // 2],
            "negotiation_p99_ms": times[int(len(times) * 0.99)],
            "negotiations_per_s": good / seconds if parallel else 0.0,
            "lost_sequential": float(sum(state != "FINALIZED" for state, _ in alone)),
            "lost": float(parallel - good),
            "sequential": float(sequential),
            "parallel": float(parallel),
            "memory_idle_mb": idle,
            "memory_mb": max(provider.resident_mb(), consumer.resident_mb()),
        }


def measure_catalog(offers: int = 3000, page: int = 50) -> dict[str, float]:
    """First page, last page and one id out of ``offers`` offers with their own policies."""
    with edc("edc-provider") as provider, edc("edc-consumer") as consumer:
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda n: provider.offer(f"asset-{n:05}"), range(offers)))
        chosen = {"operandLeft": "https://w3id.org/edc/v0.0.1/ns/id", "operator": "="}
        one = {"filterExpression": [{**chosen, "operandRight": f"asset-{offers // 2:05}"}]}
        asked: dict[str, Plain] = {
            "catalogue_ms": {"offset": 0, "limit": page},
            "catalogue_last_ms": {"offset": offers - 2 * page, "limit": page},
            "catalogue_one_ms": one,
        }
        figures = {"offers": float(offers)}
        for name, query in asked.items():
            times = []
            for _ in range(3 if name != "catalogue_last_ms" else 1):
                begin = time.monotonic()
                consumer.catalog(
                    provider.participant, provider.address, {"@type": "QuerySpec", **query}
                )
                times.append((time.monotonic() - begin) * 1000)
            figures[name] = min(times)
        return figures


if __name__ == "__main__":
    what = sys.argv[1:] or ["default", "tuned"]
    answers: dict[str, object] = {}
    if "default" in what:
        answers["default"] = measure_negotiations(DEFAULT, 10, 64)
    if "tuned" in what:
        answers["tuned"] = measure_negotiations(TUNED, 50, 400)
    if "catalog" in what:
        answers["catalog"] = measure_catalog()
    print(json.dumps(answers, indent=1))
