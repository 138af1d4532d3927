"""The attack finds the leak when any one safeguard is switched off, and none when all are on."""

import random
from dataclasses import replace
from fractions import Fraction

import pytest

from delian.protect.attack import OUTSIDER, attack
from delian.protect.errors import AttackInputError, MeasureChangedError
from delian.protect.history import History
from delian.terms.frame import Frame
from delian.terms.round_terms import Rule
from tests.edition_rig import (
    AllChangesPass,
    NoSlackRule,
    Pipeline,
    forgetting,
    make_frame,
    make_item,
    make_terms,
    random_story,
)

NATIONS = ("AAA", "BBB", "CCC", "DDD")
RULE = Rule(p_percent=10)


def test_attack_finds_missing_freeze() -> None:
    """The same sheets under another merge tree: {2027, 2028} less {2028} is {2027}, dominated."""
    sheets = {"AAA": [90, 10], "BBB": [3, 50], "CCC": [2, 60], "DDD": [1, 40]}
    for broken, holds in ((False, True), (True, False)):
        pipeline = Pipeline(remember=(lambda _: History()) if broken else (lambda h: h))
        both = make_frame(["I0"], [2027, 2028])
        only = make_frame(["I0"], [2028])
        later = {n: f[1:] for n, f in sheets.items()}
        pipeline.run(make_terms(only, NATIONS, round_id="R1", rule=RULE), later)
        pipeline.run(make_terms(both, NATIONS, round_id="R2", rule=RULE), sheets)
        result = pipeline.attack(RULE)
        assert result.holds is holds
    assert result.findings[0].kind == "difference"
    assert result.worst_margin == Fraction(2 + 1, 90)  # CCC and DDD are all that covers AAA


def test_attack_finds_missing_e() -> None:
    """(6, 6, 1) with "at least three": the second nation would know x1 exactly."""
    frame = make_frame(["I0"], [2027])
    sheets = {"AAA": [6], "BBB": [6], "CCC": [1], "DDD": [0]}
    right, broken = Pipeline(), Pipeline()
    right.run(make_terms(frame, NATIONS, rule=RULE), sheets)
    assert right.tables[0].table.blocks == () and right.attack(RULE).worst_margin is None
    broken.run(make_terms(frame, NATIONS, rule=NoSlackRule(p_percent=10)), sheets)
    result = broken.attack(RULE)
    assert result.worst_margin == 0 and not result.holds


def test_attack_finds_unit_outside_the_key() -> None:
    """Hundreds, then single pieces, with one nation's correction in between."""
    frame = make_frame(["I0"], [2027])
    fine = Frame((make_item("I0", unit="single"),), (2027,), ("T1",))
    hundreds = {"AAA": [30], "BBB": [20], "CCC": [20], "DDD": [20]}
    singles = {n: [100 * f[0]] for n, f in hundreds.items()} | {"AAA": [3100]}
    first = make_terms(frame, NATIONS, round_id="R1", rule=RULE)
    second = make_terms(fine, NATIONS, round_id="R2", rule=RULE)
    right = Pipeline()
    right.run(first, hundreds, scale={"I0": Fraction(100)})
    with pytest.raises(MeasureChangedError):
        right.run(second, singles)
    assert right.attack(RULE).holds
    broken = Pipeline(remember=lambda h: forgetting(h, lambda c: c.item == "I0"))
    broken.run(first, hundreds, scale={"I0": Fraction(100)})
    broken.run(second, singles)
    result = broken.attack(RULE)
    assert result.worst_margin == 0 and result.findings[0].kind == "change"
    assert (result.findings[0].insider, result.findings[0].target) == (OUTSIDER, "AAA")


def test_attack_finds_codes_that_are_not_disjoint() -> None:
    """A new code for a part of an opened item: the other part is dominated."""
    whole = make_frame(["SHELLS"], [2027])
    sheets = {"AAA": [100], "BBB": [30], "CCC": [30], "DDD": [30]}
    part = {"AAA": [10], "BBB": [30], "CCC": [29], "DDD": [28]}
    atoms = {"SHELLS": ("SMART", "PLAIN"), "SMART": ("SMART",)}
    for relation, holds in (("part-of", True), ("disjoint", False)):
        related = ("SHELLS",) if relation == "part-of" else ()
        item = make_item("SMART", relation=relation, related=related)
        frame = Frame((item,), (2027,), ("T1",))
        pipeline = Pipeline()
        pipeline.run(make_terms(whole, NATIONS, round_id="R1", rule=RULE), sheets, atoms=atoms)
        pipeline.run(make_terms(frame, NATIONS, round_id="R2", rule=RULE), part, atoms=atoms)
        result = pipeline.attack(RULE)
        assert result.holds is holds
    assert result.findings[0].kind == "difference" and result.findings[0].target == "AAA"


def test_attack_finds_missing_rule_on_the_change() -> None:
    frame = make_frame(["I0"], [2027])
    old = {"AAA": [30], "BBB": [20], "CCC": [20], "DDD": [20]}
    new = {**old, "DDD": [27]}
    for backend, holds in ((Pipeline().backend, True), (AllChangesPass, False)):
        pipeline = Pipeline(backend=backend)
        pipeline.run(make_terms(frame, NATIONS, round_id="R1", rule=RULE), old)
        pipeline.run(make_terms(frame, NATIONS, round_id="R2", rule=RULE), new)
        result = pipeline.attack(RULE)
        assert result.holds is holds
    assert result.worst_margin == 0 and result.findings[0].kind == "change"


@pytest.mark.parametrize("seed", range(20))
def test_attack_random_stories_hold(seed: int) -> None:
    pipeline, rule = random_story(random.Random(seed))
    result = pipeline.attack(rule)
    assert result.holds, result.findings[0]


def test_attack_refuses_sheets_of_another_round() -> None:
    pipeline = Pipeline()
    frame = make_frame(["I0"], [2027])
    pipeline.run(make_terms(frame, NATIONS), {n: [20] for n in NATIONS})
    table = pipeline.tables[0].table
    block = replace(table.blocks[0], total=table.blocks[0].total + 1)
    with pytest.raises(AttackInputError):
        attack([replace(table, blocks=(block, *table.blocks[1:]))], pipeline.true, RULE)
    with pytest.raises(AttackInputError):
        attack([table], {}, RULE)
