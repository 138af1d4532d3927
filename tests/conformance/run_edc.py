"""Our connector and Eclipse EDC 0.15.1, each as the other's provider and consumer.

Usage: ``./start conformance edc [--json] [--only NAME]…``. EDC comes from its Maven coordinates
and knows nothing of us. Every check has a name and says what it saw; one that fails ends with 1.
"""

import argparse
import asyncio
import sys
import time
import traceback
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from tests.conformance import edc_checks, kit  # noqa: E402 - a script finds its own package first
from tests.conformance.edc_world import World, world  # noqa: E402

CHECK_SECONDS = 120


async def run_all(chosen: list[str]) -> kit.Result:
    """All checks, one after the other, in one world."""
    begin = time.monotonic()
    passed, problems = 0, []
    log = kit.CACHE / "edc" / "said.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    log.write_text("")
    async with world() as made:
        for name, check in edc_checks.CHECKS.items():
            if chosen and name not in chosen:
                continue
            made.ours.said.clear()
            fault = await run_one(made, check)
            if fault:
                with log.open("a") as out:
                    said = (
                        f"{status} {url} {body[:2000]!r}\n" for url, body, status in made.ours.said
                    )
                    out.write(f"== {name}: {fault}\n{''.join(said)}")
            passed += not fault
            said = "ok" if not fault else f"FAILED: {fault}"
            print(f"{name}: {said}", file=sys.stderr, flush=True)
            if fault:
                problems.append(f"{name}: {fault}")
    expected = len(chosen or edc_checks.CHECKS)
    not_run = expected - passed - len(problems)
    seconds = time.monotonic() - begin
    return kit.Result("edc", passed, len(problems), 0, not_run, seconds, tuple(problems))


async def run_one(made: World, check: edc_checks.Check) -> str:
    """What is wrong with one check, or ""."""
    try:
        await asyncio.wait_for(check(made), CHECK_SECONDS)
    except Exception as error:  # noqa: BLE001 - whatever a check meets is its finding
        last = traceback.extract_tb(error.__traceback__)
        place = next((f for f in reversed(last) if f.filename.endswith("edc_checks.py")), last[-1])
        return f"{type(error).__name__} at line {place.lineno}: {error}"
    return ""


def main(arguments: list[str]) -> int:
    """Run the checks and answer for them."""
    parser = argparse.ArgumentParser(prog="./start conformance edc")
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    parser.add_argument("--only", action="append", choices=list(edc_checks.CHECKS), default=[])
    given = parser.parse_args(arguments)
    try:
        kit.class_path("edc")
    except kit.UnavailableHereError as error:
        return kit.unavailable("edc", str(error), given.json)
    return kit.answer(asyncio.run(run_all(given.only)), given.json)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
