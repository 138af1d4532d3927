"""Our connector before the public kit of the Dataspace Protocol: 65 tests, all of them, each run.

Usage: ``./start conformance dsp [--json] [--runs N]``. The kit comes from its Maven coordinates;
what the connector does for each of the kit's identifiers stands in ``scripts.py``.
"""

import argparse
import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from tests.conformance import kit, scripts  # noqa: E402 - a script finds its own package first

KIT = kit.Kit(
    name="dsp",
    launcher="org.eclipse.dataspacetck.dsp.system.DspSystemLauncher",
    packages=("org.eclipse.dataspacetck.dsp.verification",),
    expected=65,
    skipped=2,
)
CONNECTOR = ROOT / "tests" / "conformance" / "dsp_connector.py"


def run_once(number: int) -> kit.Result:
    """One connector, one run of the kit."""
    port, kit_port = kit.free_ports(2)
    log = kit.CACHE / "dsp" / f"connector-{number}.log"
    environment = {"PYTHONPATH": os.pathsep.join((str(ROOT / "src"), str(ROOT)))}
    command = [sys.executable, "-P", str(CONNECTOR), "--port", str(port)]
    root = f"http://127.0.0.1:{port}"
    with kit.process(command, log, environment) as child:
        kit.wait_ready(child, f"{root}/.well-known/dspace-version", log)
        begin = "dataspacetck.dsp"
        own = {
            "dataspacetck.host": "127.0.0.1",
            "dataspacetck.port": str(kit_port),
            "dataspacetck.callback.address": f"http://127.0.0.1:{kit_port}",
            f"{begin}.connector.agent.id": "urn:connector:under-test",
            f"{begin}.connector.http.url": f"{root}/2025-1",
            f"{begin}.connector.http.base.url": root,
            f"{begin}.connector.negotiation.initiate.url": f"{root}/kit/negotiations",
            f"{begin}.connector.transfer.initiate.url": f"{root}/kit/transfers",
            f"{begin}.default.wait": "10",
        }
        result = kit.run_kit(KIT, {**own, **scripts.properties()}, limit_seconds=300)
        if child.poll() is not None:
            said = f"the connector ended with {child.returncode}: {kit.tail(log)}"
            ended = kit.Result("dsp", 0, 1, problems=(said,))
            return kit.together("dsp", [result, ended])
    return result


def main(arguments: list[str]) -> int:
    """Run the kit as often as asked; the exit code of all runs together."""
    parser = argparse.ArgumentParser(prog="./start conformance dsp")
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    parser.add_argument("--runs", type=int, default=1, help="this many runs in a row")
    given = parser.parse_args(arguments)
    results = []
    try:
        for number in range(1, max(1, given.runs) + 1):
            results.append(run_once(number))
            last = results[-1]
            counts = f"{last.passed} passed, {last.failed} failed, {last.not_run} not run"
            print(f"run {number}: {counts}, {last.seconds:.1f} s", file=sys.stderr, flush=True)
            for problem in last.problems:
                print(f"  {problem}", file=sys.stderr, flush=True)
    except kit.UnavailableHereError as error:
        return kit.unavailable("dsp", str(error), given.json)
    return kit.answer(kit.together("dsp", results), given.json)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
