"""``./start campaign faults``: plants hand-written faults and shows that the tests catch each.

Without enough budget for all of them, the seed decides which come first. A fault takes a few
seconds, one process for each processor; all of them need about five minutes on two.
"""

import os
import random
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Lock

from tests.faults.plant import CAUGHT, Fault, copied, run_tests, try_fault
from tests.faults.register import FAULTS


class Trial:
    """Judges faults until the time is over; remembers which tests pass without a fault.

    Args:
        budget_seconds: No fault is begun later.
        healthy_copy: A copy of the source without a fault, made as the others are: what fails
            there fails for another reason.
    """

    def __init__(self, budget_seconds: float, healthy_copy: Path) -> None:
        self.healthy_copy = healthy_copy
        self.begin = time.monotonic()
        self.end = self.begin + budget_seconds
        self.healthy: dict[str, bool] = {}
        self.locks: dict[str, Lock] = {name: Lock() for f in FAULTS for name in f.tests}

    def judge(self, fault: Fault) -> tuple[str, str] | None:
        """Id and outcome of one fault, None if there was no time for it."""
        if time.monotonic() >= self.end:
            return None
        for name in fault.tests:
            with self.locks[name]:
                if name not in self.healthy:
                    self.healthy[name] = run_tests(self.healthy_copy, (name,))[0] == 0
            if not self.healthy[name]:
                return fault.id, f"{name} fails without the fault"
        return fault.id, try_fault(fault)


def run(budget_seconds: float, seed: int) -> dict[str, object]:
    """Plant faults until the budget is spent.

    Returns:
        ``faults`` in the register, ``run``, ``caught``, ``seconds`` and, where there are any,
        ``failures``: faults that survived, do not run, no longer fit the source, or whose
        tests fail without them.
    """
    order = list(FAULTS)
    random.Random(seed).shuffle(order)
    with copied() as healthy_copy, ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        trial = Trial(budget_seconds, healthy_copy)
        outcomes = [found for found in pool.map(trial.judge, order) if found is not None]
    figures: dict[str, object] = {
        "faults": len(FAULTS),
        "run": len(outcomes),
        "caught": sum(outcome == CAUGHT for _, outcome in outcomes),
        "seconds": round(time.monotonic() - trial.begin, 1),
    }
    failures = sorted(f"{name}: {outcome}" for name, outcome in outcomes if outcome != CAUGHT)
    if failures:
        figures["failures"] = failures
    return figures
