"""Our identity before the public kit of the Decentralized Claims Protocol: 85 tests, all of them.

Usage: ``./start conformance dcp [--json]``. Three parts, for the kit plays the other roles each
time: we verify, we hold (with our token service), we issue. The kit is release candidate 6, whose
DID documents list no relations and whose status lists are not signed; the node therefore runs
relaxed, which a node outside development refuses to do.
"""

import argparse
import json
import os
import secrets
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from tests.conformance import kit  # noqa: E402 - a script finds its own package first

LAUNCHER = "org.eclipse.dataspacetck.dcp.system.DcpSystemLauncher"
PACKAGE = "org.eclipse.dataspacetck.dcp.verification"
NODE = ROOT / "tests" / "conformance" / "dcp_node.py"
MEMBER, SENSITIVE = "MembershipCredential", "SensitiveDataCredential"


@dataclass(frozen=True, slots=True)
class Part:
    """One role of ours: the kit's packages for it and how many tests they hold."""

    role: str
    packages: tuple[str, ...]
    expected: int
    skipped: int = 0


PARTS = (
    Part("verifier", ("presentation.verifier",), 20),
    Part("holder", ("presentation.cs", "issuance.cs"), 40, 3),
    Part("issuer", ("issuance.issuer",), 25),
)


def identity_settings(role: str, kit_port: int) -> dict[str, object]:
    """What the operator of the node under test sets for a role."""
    issuer, holder = (f"did:web:127.0.0.1%3A{kit_port}:{who}" for who in ("issuer", "holder"))
    if role == "verifier":
        trusted = {issuer: [MEMBER]}
        own = {"scopes": [MEMBER], "trusted_issuers": trusted, "claims_seconds": 0}
    elif role == "holder":
        own = {"trusted_issuers": {issuer: [MEMBER, SENSITIVE]}}
    else:
        own = {"issues": {holder: {MEMBER: {"level": "member"}, SENSITIVE: {"cleared": True}}}}
    return {"strict": False, **own}


def run_part(part: Part) -> kit.Result:
    """One process of ours, one run of the kit against it."""
    port, kit_port = kit.free_ports(2)
    home = kit.CACHE / "dcp" / f"home-{part.role}-{os.getpid()}"
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True)
    did, root = f"did:web:127.0.0.1%3A{port}:node", f"http://127.0.0.1:{port}"
    pid, client, secret = (secrets.token_hex(16) for _ in range(3))
    pin = home / "sts-client"
    pin.touch(mode=0o600)
    pin.write_text(f"{client}\n{secret}\n")
    issuer = f"did:web:127.0.0.1%3A{kit_port}:issuer"
    orders = {
        "port": port,
        "did": did,
        "address": root,
        "identity": identity_settings(part.role, kit_port),
        "expected": [[pid, issuer, [MEMBER, SENSITIVE]]] if part.role == "holder" else [],
    }
    file = home / "orders.json"
    file.write_text(json.dumps(orders))
    begin = "dataspacetck"
    properties = {
        f"{begin}.host": "127.0.0.1",
        f"{begin}.port": str(kit_port),
        f"{begin}.callback.address": f"http://127.0.0.1:{kit_port}",
        f"{begin}.did.{part.role}": did,
        f"{begin}.credentials.correlation.id": pid,
    }
    if part.role == "verifier":
        properties[f"{begin}.vpp.trigger.endpoint"] = f"{root}/kit/trigger"
    if part.role == "holder":
        properties[f"{begin}.sts.url"] = f"{root}/dcp/sts"
        properties[f"{begin}.sts.client.id"] = client
        properties[f"{begin}.sts.client.secret"] = secret
    packages = tuple(f"{PACKAGE}.{name}" for name in part.packages)
    own = kit.Kit("dcp", LAUNCHER, packages, part.expected, part.skipped)
    log = kit.CACHE / "dcp" / f"node-{part.role}.log"
    environment = {"PYTHONPATH": os.pathsep.join((str(ROOT / "src"), str(ROOT)))}
    try:
        with kit.process([sys.executable, "-P", str(NODE), str(file)], log, environment) as child:
            kit.wait_ready(child, f"{root}/node/did.json", log)
            result = kit.run_kit(own, properties, limit_seconds=300)
            if child.poll() is not None:
                said = f"the node ended with {child.returncode}: {kit.tail(log)}"
                return kit.together("dcp", [result, kit.Result("dcp", 0, 1, problems=(said,))])
    finally:
        shutil.rmtree(home, ignore_errors=True)
    return result


def main(arguments: list[str]) -> int:
    """Run all parts; the exit code of all of them together."""
    parser = argparse.ArgumentParser(prog="./start conformance dcp")
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    given = parser.parse_args(arguments)
    results = []
    try:
        kit.class_path("dcp")
        for part in PARTS:
            results.append(run_part(part))
            last = results[-1]
            counts = f"{last.passed} passed, {last.failed} failed, {last.not_run} not run"
            print(f"{part.role}: {counts}, {last.seconds:.1f} s", file=sys.stderr, flush=True)
    except kit.UnavailableHereError as error:
        return kit.unavailable("dcp", str(error), given.json)
    return kit.answer(kit.together("dcp", results), given.json)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
