"""``./start campaign faults``: plants hand-written faults and shows that the tests catch each.

Without enough budget for all of them, the seed decides which come first.
"""

import random
import time

from tests.faults.plant import CAUGHT, copied, run_tests, try_fault
from tests.faults.register import FAULTS


def run(budget_seconds: float, seed: int) -> dict[str, object]:
    """Plant faults until the budget is spent.

    Returns:
        ``faults`` in the register, ``run``, ``caught``, ``seconds`` and, where there are any,
        ``failures``: faults that survived, that do not run, or whose tests fail without them.
    """
    begin = time.monotonic()
    order = list(FAULTS)
    random.Random(seed).shuffle(order)
    failures: list[str] = []
    healthy: dict[str, bool] = {}
    tried = caught = 0
    for fault in order:
        if time.monotonic() - begin >= budget_seconds:
            break
        new = tuple(name for name in fault.tests if name not in healthy)
        if new:
            with copied() as copy:
                healthy |= {name: run_tests(copy, (name,)) == 0 for name in new}
        sick = [name for name in fault.tests if not healthy[name]]
        tried += 1
        if sick:
            failures.append(f"{fault.id}: {sick[0]} fails without the fault")
            continue
        outcome = try_fault(fault)
        if outcome == CAUGHT:
            caught += 1
        else:
            failures.append(f"{fault.id}: {outcome}")
    figures: dict[str, object] = {
        "faults": len(FAULTS),
        "run": tried,
        "caught": caught,
        "seconds": round(time.monotonic() - begin, 1),
    }
    if failures:
        figures["failures"] = failures
    return figures
