"""Random rounds of two to four editions, attacked; then the same with one safeguard missing.

Also the insider on random trees: plan, open, and let every nation try.
"""

import random
import time
from typing import Any

from delian.protect.history import History
from delian.terms.round_terms import Rule
from tests.edition_rig import AllChangesPass, NoSlackRule, Pipeline, random_story
from tests.property.test_protect_plan import one_random_tree

LEAST_ROUNDS = 200
TREES_PER_ROUND = 50


def run(budget_seconds: float, seed: int) -> dict[str, Any]:
    """At least ``LEAST_ROUNDS`` stories, more while the budget lasts; raises on any leak."""
    end = time.monotonic() + budget_seconds
    rounds = editions = blocks = reopened = combinations = trees = tree_blocks = 0
    worst: list[float] = []
    worst_with_rule: list[float] = []
    leaks = {"no history": 0, "no rule on the change": 0, "no e": 0}
    while rounds < LEAST_ROUNDS or time.monotonic() < end:
        name = f"{seed}/{rounds}"
        pipeline, rule = random_story(random.Random(name))
        result = pipeline.attack(rule)
        if not result.holds:
            raise AssertionError(f"round {name} leaks: {result.findings[0]}")
        if result.worst_margin is not None and result.worst_margin_with_rule is not None:
            worst.append(float(100 * result.worst_margin / rule.p_percent))
            worst_with_rule.append(float(100 * result.worst_margin_with_rule))
        for safe in pipeline.tables:
            blocks += len(safe.table.blocks)
            reopened += len(safe.record.reopened)
        editions += len(pipeline.tables)
        combinations += result.combinations
        for leak, found in broken(name).items():
            leaks[leak] += found
        for tree in range(TREES_PER_ROUND):
            tree_blocks += one_random_tree(random.Random(f"{name}/{tree}"))
        trees += TREES_PER_ROUND
        rounds += 1
    if not all(leaks.values()):
        raise AssertionError(f"the attack missed a missing safeguard: {leaks}")
    return {
        "rounds": rounds,
        "editions": editions,
        "blocks": blocks,
        "reopened": reopened,
        "combinations": combinations,
        "worst_margin_in_units_of_p": min(worst),
        "worst_margin_with_rule_percent": min(worst_with_rule),
        "trees": trees,
        "tree_blocks": tree_blocks,
        "leaks_found_without_a_safeguard": leaks,
        "failures": 0,
    }


def broken(name: str) -> dict[str, bool]:
    """The same story with one safeguard missing: does the attack find a leak?"""
    variants = {
        "no history": Pipeline(remember=lambda _: History()),
        "no rule on the change": Pipeline(backend=AllChangesPass),
    }
    found = {}
    for leak, pipeline in variants.items():
        result, rule = random_story(random.Random(name), pipeline)
        found[leak] = not result.attack(rule).holds
    result, rule = random_story(random.Random(name), Pipeline(), kind=NoSlackRule)
    found["no e"] = not result.attack(Rule(p_percent=rule.p_percent)).holds
    return found
