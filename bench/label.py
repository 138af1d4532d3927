"""The marking decision against the cheapest thing it could be: one frozenset intersection.

Both are timed in the same run over the same pairs, best of several passes, one thread.
``decision_us`` calls ``permits`` once per pair; compiling the pair beforehand is reported
beside it, because a server compiles a marking once and a reader once per session.
"""

import random
import time
from collections.abc import Callable, Collection, Mapping

from delian.label import Alphabet, Marking, Reader, bundled_policy, may_read, permits, readable

PAIRS = 2_000
PASSES = 60


def run(only: Collection[str] | None = None) -> list[dict[str, object]]:
    """Figures ``{id, value, unit, reference, ratio}``.

    Args:
        only: Ids to measure, or None for all: decision_us, listing_us (one reader, many
            markings), verdict_us (the slow rule with reasons), compile_us (both sides anew).
    """
    wanted = set(only or ("decision_us", "listing_us", "verdict_us", "compile_us"))
    readers, markings = _cases()
    policy = bundled_policy()
    alphabet = Alphabet(
        policy.oid, policy.affiliations, (value.value for value in policy.sensitivities)
    )
    demands = [alphabet.demands(marking) for marking in markings]
    lacks = [alphabet.lacks(reader) for reader in readers]
    own = [frozenset({reader.affiliation}) for reader in readers]
    audiences = [marking.audience for marking in markings]

    def reference() -> None:
        for audience, one in zip(audiences, own, strict=True):
            audience & one

    def decide() -> None:
        for demand, lack in zip(demands, lacks, strict=True):
            permits(demand, lack)

    def verdict() -> None:
        for reader, marking in zip(readers, markings, strict=True):
            may_read(reader, marking)

    def compiled() -> None:
        for reader, marking in zip(readers, markings, strict=True):
            permits(alphabet.demands(marking), alphabet.lacks(reader))

    def listing() -> None:
        readable(lacks[0], demands)

    work = {
        "decision_us": decide,
        "listing_us": listing,
        "verdict_us": verdict,
        "compile_us": compiled,
    }
    actions = {name: action for name, action in work.items() if name in wanted}
    best = _best({"reference": reference, **actions})
    base = best.pop("reference")
    return [
        {
            "id": name,
            "value": round(value, 4),
            "unit": "us",
            "reference": round(base, 4),
            "ratio": round(value / base, 3),
        }
        for name, value in best.items()
    ]


def _cases() -> tuple[list[Reader], list[Marking]]:
    rng = random.Random(20261121)
    policy = bundled_policy()
    people = sorted(policy.affiliations)
    held = [value.value for value in policy.sensitivities]
    readers = [
        Reader(
            policy.oid,
            rng.choice(people),
            rng.randrange(1, 6),
            frozenset(one for one in held if rng.random() < 0.5),
        )
        for _ in range(PAIRS)
    ]
    markings = [
        Marking(
            policy.oid,
            rng.randrange(1, 6),
            frozenset(rng.sample(people, rng.randrange(len(people)))),
            frozenset(one for one in held if rng.random() < 0.2),
        )
        for _ in range(PAIRS)
    ]
    return readers, markings


def _best(actions: Mapping[str, Callable[[], None]]) -> dict[str, float]:
    """Microseconds per pair, best of :data:`PASSES`, the actions taking turns."""
    best = dict.fromkeys(actions, float("inf"))
    for _ in range(PASSES):
        for name, action in actions.items():
            start = time.perf_counter()
            action()
            best[name] = min(best[name], time.perf_counter() - start)
    return {name: seconds / PAIRS * 1e6 for name, seconds in best.items()}


if __name__ == "__main__":
    for figure in run():
        print(figure)
