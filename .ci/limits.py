"""Hold answers of the product against coarse limits; a shared machine may be three times slower."""

import json
import sys
from pathlib import Path
from typing import Any

SLACK = 3
# id: (member of the figure, what it must reach, whether a slow machine excuses more)
LIMITS = {
    "second_start_s": ("value", 0.5, True),
    "semi_honest": ("ratio", 22, True),
    "tls": ("ratio", 40, True),
    "first_pass": ("ratio", 80, True),
    "ands_per_cell": ("value", 5400, False),
    "malicious": ("ratio", 40, True),
    "malicious_bytes": ("ratio", 1.1, False),
    "malicious_large": ("ratio", 250, True),
    "merged_round": ("ratio", 120, True),
    "many_contributors": ("ratio", 120, True),
    "memory_mb": ("value", 350, False),
    "verify_ms": ("value", 40, True),
    "decision_us": ("value", 1, True),
    "negotiation_p50_ms": ("value", 5, True),
    "lost": ("value", 0, False),
    "catalogue_ms": ("value", 20, True),
    "catalogue_last_ms": ("value", 20, True),
    "catalogue_one_ms": ("value", 20, True),
    "start_ms": ("value", 800, True),
    "memory_idle_mb": ("value", 110, False),
}
# The same identifier in another benchmark.
OF_BENCH = {("exchange", "memory_mb"): ("value", 150, False)}
# id: what the value must not fall below; a slow machine excuses less.
LEAST = {"negotiations_per_s": 400}


def main(kind: str, *paths: str) -> None:
    """Judge each file; leave with 1 when one is beyond its limit."""
    judge = {"demo": demo, "bench": bench}[kind]
    complaints = [line for path in paths for line in judge(json.loads(Path(path).read_text()))]
    print("\n".join(complaints) or f"{kind}: within the limits")
    sys.exit(1 if complaints else 0)


def bench(answer: dict[str, Any]) -> list[str]:
    """What is too slow, too big or missing in one answer of ``bench --json``."""
    complaints = [] if answer["figures"] else [f"{answer['bench']}: no figures"]
    for figure in answer["figures"]:
        print(json.dumps(figure))
        name = figure["id"]
        member, limit, excused = OF_BENCH.get(
            (answer["bench"], name), LIMITS.get(name, ("value", float("inf"), False))
        )
        bound = limit * SLACK if excused else limit
        if figure[member] > bound:
            complaints.append(f"{name}: {member} {figure[member]} is above {bound}")
        if figure["value"] < LEAST.get(name, 0) / SLACK:
            complaints.append(f"{name}: {figure['value']} is below {LEAST[name] / SLACK}")
    return complaints


def demo(answer: dict[str, Any]) -> list[str]:
    """What the demo must show."""
    attack = answer["attack"]
    wrong = {
        "not verified": answer["verified"] is not True,
        "not 32 nations": answer["nations"] != 32,
        "nobody objected": answer["proposals"] < 2,
        "no second edition": len(answer["editions"]) < 2,
        "an attack came too close": attack["worst_margin_percent"] < attack["rule_percent"],
        "slower than a minute": answer["seconds"] > 20 * SLACK,
    }
    return [f"demo: {what}" for what, is_so in wrong.items() if is_so]


if __name__ == "__main__":
    main(*sys.argv[1:])
