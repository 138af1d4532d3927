"""Which circuits a round runs: a function of its terms and of how many nations are present.

Every host builds them before the run, the three compare their digest with the run id, and every
agent can recompute it from the terms before it signs.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from delian.shares import circuits
from delian.shares.arithmetic import all_of
from delian.shares.netlist import Netlist
from delian.shares.program import Program
from delian.shares.schedule import schedule
from delian.terms.encode import Digest, digest_of
from delian.terms.round_terms import RoundTerms, Rule

WIDEST_MERGE: Final = 8
"""Children that one program adds up; wider nodes take several steps, so registers stay few."""
_STYLE: Final = "ripple"


@dataclass(frozen=True, slots=True)
class ChangeCircuits:
    """What judges changes: blocks of any shape are added up at one width that always suffices.

    Args:
        width: Bits of a nation's figure for any set of cells of the frame.
        add: Adds ``WIDEST_MERGE`` figures a nation; the carries beyond *width* are always zero.
        reopen: |change| and the new figures pass the rule; gives the new total.
        retest: |change| passes the rule.
    """

    width: int
    add: Program
    reopen: Program
    retest: Program


@dataclass(frozen=True, slots=True)
class RoundCircuits:
    """Every circuit of a round.

    Args:
        nations: Present nations.
        widths: Bits of a nation's figure, level by level.
        climb: For each level above the leaves the steps that add children up.
        rule: Total and verdict, at the width of the top level, for the nodes of all levels.
        up: Plan, from the leaves up, for each level above them.
        choice: Plan, all nodes at once: is a node chosen, given itself and those above it?
        band: Band index; None without bands.
        band_width: Bits of a nation's figure that *band* takes.
        change: None where the terms allow one opening only.
        digest: Over all of it.
    """

    nations: int
    widths: tuple[int, ...]
    climb: tuple[tuple[Program, ...], ...]
    rule: Program
    up: tuple[Program, ...]
    choice: Program
    band: Program | None
    band_width: int
    change: ChangeCircuits | None
    digest: Digest


def round_circuits(terms: RoundTerms, present: int) -> RoundCircuits:
    """The circuits of *terms* for *present* nations; built once a process."""
    forest = terms.forest
    width = max(item.width_bits for item in terms.frame.items)
    fanouts = tuple(forest.fanout(level) for level in range(1, len(forest.levels)))
    cells = len(terms.frame.cells) if terms.max_openings > 1 else 0
    return _build(present, width, fanouts, terms.rule, cells)


def netlist_digest(terms: RoundTerms, present: int) -> Digest:
    """Digest over every circuit of the round; what the table names and agents recompute.

    Args:
        terms: Of the round.
        present: Number of nations with a sheet in the closing list.
    """
    if terms.collection == "trusted":
        rule = terms.rule.to_plain()
        return digest_of({"format": "delian-netlist", "version": 1, "clear": rule, "n": present})
    return round_circuits(terms, present).digest


def merge_steps(fanout: int) -> tuple[int, ...]:
    """How many children each step adds up, so that the steps together reach *fanout*."""
    count = 1
    while WIDEST_MERGE**count < fanout:
        count += 1
    steps = []
    left = fanout
    for still in range(count, 0, -1):
        step = next(k for k in range(1, WIDEST_MERGE + 1) if k**still >= left)
        steps.append(step)
        left = -(-left // step)
    return tuple(steps)


@lru_cache(maxsize=8)
def _build(
    n: int, width: int, fanouts: tuple[int, ...], rule: Rule, change_cells: int
) -> RoundCircuits:
    test = _test(rule)
    widths = [width]
    climb = []
    for fanout in fanouts:
        programs = []
        bits = widths[-1]
        for step in merge_steps(fanout):
            programs.append(circuits.merge(n, bits, step, None, _STYLE))
            bits += (step - 1).bit_length()
        climb.append(tuple(programs))
        widths.append(bits)
    up = tuple(circuits.plan_up(fanout) for fanout in fanouts)
    choice = _choice(len(fanouts) + 1)
    whole = circuits.rule(n, widths[-1], test, _STYLE)
    change = _change_circuits(n, width, test, change_cells) if change_cells else None
    band_width = max(widths[-1], change.width if change else 0)
    bands = rule.count_bands
    band = circuits.band(n, band_width, bands, _STYLE) if bands else None
    programs_in_order = [*(p for steps in climb for p in steps), whole, *up, choice]
    programs_in_order += [band] if band else []
    programs_in_order += [change.add, change.reopen, change.retest] if change else []
    return RoundCircuits(
        n,
        tuple(widths),
        tuple(climb),
        whole,
        up,
        choice,
        band,
        band_width,
        change,
        _digest(n, programs_in_order),
    )


def _change_circuits(n: int, width: int, test: circuits.Rule, cells: int) -> ChangeCircuits:
    wide = width + (cells - 1).bit_length()
    return ChangeCircuits(
        wide,
        circuits.merge(n, wide, WIDEST_MERGE, None, _STYLE),
        circuits.difference(n, wide, test, new_passes=True, style=_STYLE),
        circuits.difference(n, wide, test, new_passes=False, style=_STYLE),
    )


def _choice(levels: int) -> Program:
    """Is a node chosen? It may be (it passes and has a gap), and no node above it may be.

    Inputs: ``may`` of the node itself, then of each node above it; a missing one is 0.
    Outputs: ``chosen``.
    """
    net = Netlist()
    may = net.input_bits(levels)
    chosen = all_of(net, [may[0], *(net.negate(wire) for wire in may[1:])])
    return schedule(net, [("may", may)], [("chosen", [chosen])])


def _test(rule: Rule) -> circuits.Rule:
    nk = (rule.dominance_n, rule.dominance_k_percent) if rule.dominance_n else None
    return circuits.Rule(rule.p_percent, rule.slack, rule.min_contributors, nk)


def _digest(n: int, programs: Sequence[Program]) -> Digest:
    return digest_of(
        {
            "format": "delian-netlist",
            "version": 1,
            "style": _STYLE,
            "n": n,
            "programs": [program.digest.hex() for program in programs],
        }
    )
