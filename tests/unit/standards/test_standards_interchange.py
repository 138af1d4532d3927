"""Needs by accepted variants: counted once, one shape of sheet, reservations told by no output.

The round is run in clear (``PlainBackend``), which opens what three hosts on shares open.
"""

import pickle
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from delian.standards.interchange import (
    Interchange,
    Need,
    Served,
    adds_up,
    known_takers,
    spread,
    taken_by,
)
from delian.standards.register import Position, Register
from delian.standards.spectrum_errors import InterchangeError
from delian.terms.encode import canonical
from delian.terms.frame import CellKey, Frame
from tests.edition_rig import Pipeline, make_item, make_terms
from tests.standards_world import CLOSED, EU, NOW, OPEN

SHELL = Interchange("AMMO-155", "s155", ("A", "B", "C"))
NATIONS = tuple("ABCDEFGHIJKL")
YEARS = (2027, 2028)


def frame_of(shell=SHELL):
    return Frame(shell.items(make_item("AMMO-155")), YEARS, ("T1",))


def position(nation, *taken, stand="with-reservation", label=CLOSED):
    return Position("s155", nation, stand, label, accepted=taken)


def sheet(nation, taken, quantities):
    needs = [Need(year, "T1", q) for year, q in zip(YEARS, quantities, strict=True)]
    found = spread(needs, position(nation, *taken), SHELL, frame_of())
    return [found.figures[cell] for cell in frame_of().cells]


def opened(world):
    """The table that a round opens of nation -> (variants, quantities)."""
    figures = {nation * 3: sheet(nation, *stated) for nation, stated in world.items()}
    return Pipeline().run(make_terms(frame_of(), sorted(figures)), figures).table


def served(table):
    return adds_up(SHELL, frame_of(), [(b.cells, b.total) for b in table.blocks])


def test_classes_are_the_sets_of_variants_in_one_fixed_order():
    assert SHELL.classes == ("A", "B", "C", "A.B", "A.C", "B.C", "A.B.C")
    assert SHELL.class_of(("C", "A")) == "A.C"
    assert len(frame_of().cells) == 14


def test_a_position_says_which_variants_serve():
    assert taken_by(position("A", stand="ratified"), SHELL) == ("A", "B", "C")
    assert taken_by(position("A", "C", "A"), SHELL) == ("A", "C")
    assert taken_by(position("A", "B", stand="ratified"), SHELL) == ("B",)
    assert taken_by(position("A", stand="not-ratified"), SHELL) == ()


def test_needs_of_one_year_add_up_and_each_may_take_other_variants():
    needs = [Need(2027, "T1", 5), Need(2027, "T1", 7), Need(2027, "T1", 9, ("B", "A"))]
    figures = spread(needs, position("A", "A"), SHELL, frame_of()).figures
    assert {str(cell): figure for cell, figure in figures.items() if figure} == {
        "AMMO-155/2027/T1/A": 12,
        "AMMO-155/2027/T1/A.B": 9,
    }


@pytest.mark.parametrize(
    ("need", "taken", "words"),
    [
        (Need(2027, "T1", 5), (), "takes one"),
        (Need(2027, "T1", 5, ("A", "Z")), ("A",), "takes one"),
        (Need(2027, "T1", -1), ("A",), "negative"),
        (Need(2030, "T1", 1), ("A",), "outside"),
        (Need(2027, "T1", 1 << 32), ("A",), "too large"),
    ],
)
def test_a_need_that_fits_nowhere_is_refused_without_its_figure(need, taken, words):
    with pytest.raises(InterchangeError, match=words) as refused:
        spread([need], position("A", *taken), SHELL, frame_of())
    assert str(need.quantity) not in str(refused.value)


@pytest.mark.parametrize("names", [(), ("A",) * 2, tuple("ABCDE"), ("a",), ("LONGNAME",)])
def test_variants_are_few_distinct_and_well_named(names):
    with pytest.raises(InterchangeError):
        Interchange("AMMO-155", "s155", names)


def test_a_position_on_another_standard_or_variant_is_refused():
    with pytest.raises(InterchangeError, match="another"):
        taken_by(Position("other", "A", "ratified", OPEN), SHELL)
    with pytest.raises(InterchangeError, match="unknown"):
        taken_by(position("A", "Z"), SHELL)


def test_figures_are_neither_shown_nor_pickled():
    need = Need(2027, "T1", 31337, ("A",))
    found = spread([need], position("A", "B"), SHELL, frame_of())
    assert "31337" not in repr(need) + repr(found)
    assert "'A'" not in repr(need)
    for secret in (need, found):
        with pytest.raises(TypeError, match="never pickled"):
            pickle.dumps(secret)


TAKEN = st.sets(st.sampled_from("ABC"), min_size=1).map(lambda s: tuple(sorted(s)))
WORLDS = st.dictionaries(
    st.sampled_from(NATIONS),
    st.tuples(TAKEN, st.tuples(st.integers(0, 50), st.integers(0, 50))),
    min_size=3,
)


@settings(max_examples=40, deadline=None)
@given(WORLDS)
def test_every_sheet_has_one_shape_and_totals_are_quantity_by_accepted_variant(world):
    sheets = {nation: sheet(nation, *stated) for nation, stated in world.items()}
    assert {len(figures) for figures in sheets.values()} == {14}
    for nation, (_, quantities) in world.items():
        assert sum(sheets[nation]) == sum(quantities)
    totals = [sum(column) for column in zip(*sheets.values(), strict=True)]
    cells = [((cell,), total) for cell, total in zip(frame_of().cells, totals, strict=True)]
    for found in adds_up(SHELL, frame_of(), cells):
        expected = sum(sum(q) for taken, q in world.values() if found.variant in taken)
        assert found == Served(found.variant, "T1", expected, 0)


@settings(max_examples=25, deadline=None)
@given(WORLDS)
def test_a_round_says_at_most_what_its_rule_opens(world):
    """Opened totals are lower bounds; what is missing to the truth lies in withheld cells."""
    for found in served(opened(world)):
        truth = sum(sum(q) for taken, q in world.values() if found.variant in taken)
        assert found.at_least <= truth
        assert found.withheld or found.at_least == truth


def test_a_round_adds_up_what_enough_nations_need():
    """Six nations take A and B, six only B: two classes are opened, the empty ones are withheld."""
    world = {
        nation: (("A", "B") if n % 2 else ("B",), (100 + n, 200 + n))
        for n, nation in enumerate(NATIONS)
    }
    found = {s.variant: s for s in served(opened(world))}
    both = sum(300 + 2 * n for n in range(1, 12, 2))
    assert found["A"].at_least == both
    assert found["B"].at_least == both + sum(300 + 2 * n for n in range(0, 12, 2))
    assert found["C"].at_least == 0
    assert found["C"].withheld == 8


def test_who_has_which_reservation_changes_no_byte_of_what_is_opened():
    """Nations with equal needs trade their reservations: nobody outside of them can tell."""
    rng = random.Random(5)
    taken = [("A", "B")] * 6 + [("B",)] * 6
    tables = set()
    for _ in range(8):
        rng.shuffle(taken)
        world = {n: (t, (70, 90)) for n, t in zip(NATIONS, taken, strict=True)}
        tables.add(canonical(opened(world).to_plain()))
    assert len(tables) == 1
    other = {n: (t, (70, 90)) for n, t in zip(NATIONS, [("A",)] * 12, strict=True)}
    assert canonical(opened(other).to_plain()) not in tables


def test_one_nations_reservation_alone_is_withheld():
    """The only taker of C, and a second one, open nothing that holds C."""
    world = dict.fromkeys(NATIONS, (("A",), (50, 60)))
    world["K"] = world["L"] = (("C",), (4000, 4000))
    table = opened(world)
    assert {cell.cls for block in table.blocks for cell in block.cells} == {"A"}
    (found,) = [s for s in served(table) if s.variant == "C"]
    assert found.at_least == 0


def test_blocks_of_other_items_or_of_several_tell_nothing():
    mine = CellKey("AMMO-155", 2027, "T1", "A")
    other = CellKey("RADAR", 2027, "T1", "A")
    found = adds_up(SHELL, frame_of(), [((mine, other), 7), ((other,), 9)])
    assert {s.at_least for s in found} == {0}
    assert {s.withheld for s in found} == {8}


def test_whoever_may_not_know_a_position_gets_the_answer_for_none():
    known = position("FRA", "A", label=OPEN)
    secret = position("ITA", "A", "B", label=CLOSED)
    answers = [
        known_takers(Register("R", "1", {}, positions), EU, SHELL, NOW)
        for positions in ((known,), (known, secret), (secret, known))
    ]
    assert answers == [{"A": ("FRA",), "B": (), "C": ()}] * 3
