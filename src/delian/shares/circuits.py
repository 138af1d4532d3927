"""The circuits of a round, each a cached program; what they decide is stated in ``docs/round.md``.

Planes: a nation's figure is ``width`` planes, least significant first; nations follow each other
(plane ``nation * width + bit``). A flag is one plane.
"""

from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from math import gcd

from delian.shares.arithmetic import (
    Style,
    add,
    all_of,
    any_of,
    at_least,
    column_sum,
    full_adder,
    subtract,
    times,
    two_largest,
)
from delian.shares.netlist import ONE, ZERO, Bits, Netlist, Wire, bit
from delian.shares.program import Program
from delian.shares.schedule import schedule

__all__ = ["Rule", "all_flags", "band", "difference", "merge", "plan_down", "plan_up", "rule"]


@dataclass(frozen=True, slots=True)
class Rule:
    """When a block passes: R > slack and 100·(R − slack) ≥ p_percent·x1, with R = T − x1 − x2.

    Args:
        p_percent: The p % rule's p, at least 0.
        slack: What readers may know from integers and bands: e − 2 of ``docs/round.md``.
        min_contributors: Counted in the circuit only above three: R > slack ≥ 1 needs three.
        nk: (n, k): the n largest, n ≤ 2, hold at most k percent of the total.
    """

    p_percent: int
    slack: int
    min_contributors: int = 3
    nk: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        if self.p_percent < 0 or self.slack < 0 or self.min_contributors < 1:
            raise ValueError("a rule needs whole numbers of at least zero")
        if self.nk is not None and (self.nk[0] not in (1, 2) or not 0 < self.nk[1] <= 100):
            raise ValueError("an (n, k) rule needs n of 1 or 2 and k of 1 to 100 percent")


@cache
def rule(n: int, width: int, test: Rule, style: Style = "ripple") -> Program:
    """Total and verdict of one block.

    Inputs: ``figures``. Outputs: ``total`` (width + ceil(log2 n) planes), ``pass``,
    ``fail`` = not pass.
    """
    net = Netlist()
    figures = [net.input_bits(width) for _ in range(n)]
    inputs = [("figures", _flat(figures))]
    return schedule(net, inputs, _verdict(net, figures, test, style))


@cache
def merge(n: int, width: int, fanout: int, test: Rule | None, style: Style = "ripple") -> Program:
    """Each nation's sum over ``fanout`` children; with a test also total and verdict of the sum.

    Inputs: ``figures``, child after child. A missing child is all zero. Outputs: ``sums``
    (width + ceil(log2 fanout) planes a nation, so nothing overflows), then as ``rule``.
    """
    net = Netlist()
    children = [[net.input_bits(width) for _ in range(n)] for _ in range(fanout)]
    wide = width + (fanout - 1).bit_length()
    sums = [column_sum(net, [child[i] for child in children], wide, style) for i in range(n)]
    outputs = [("sums", _flat(sums))]
    if test is not None:
        outputs += _verdict(net, sums, test, style)
    return schedule(net, [("figures", [w for child in children for w in _flat(child)])], outputs)


@cache
def difference(
    n: int, width: int, test: Rule, *, new_passes: bool = True, style: Style = "ripple"
) -> Program:
    """Whether a block may be opened anew: |new − old|, nation by nation, passes the test.

    With ``new_passes`` the new figures must pass it too, in one bit: for reopening an opened block,
    or a cell that was tested and withheld. Without it only |δ| is tested: the verdicts against
    several earlier sheets, and of the new figures, are then joined with ``all_flags``.

    Inputs: ``new``, ``old``. Outputs: ``total`` of the new figures, ``pass``, ``fail``.
    """
    net = Netlist()
    new = [net.input_bits(width) for _ in range(n)]
    old = [net.input_bits(width) for _ in range(n)]
    changes = [_distance(net, a, b) for a, b in zip(new, old, strict=True)]
    good = _passes(net, changes, _total(net, changes, style), test, style)
    total = _total(net, new, style)
    if new_passes:
        good = net.both(good, _passes(net, new, total, test, style))
    inputs = [("new", _flat(new)), ("old", _flat(old))]
    return schedule(net, inputs, [("total", total), ("pass", [good]), ("fail", [net.negate(good)])])


@cache
def band(n: int, width: int, edges: tuple[int, ...], style: Style = "ripple") -> Program:
    """Which band the number of contributors lies in; the number itself is no output.

    Args:
        n: Nations.
        width: Planes of a figure.
        edges: Ascending lower edges, the first being the minimum; below the second the index is 0.
        style: Ripple or tree.

    Inputs: ``figures``. Outputs: ``index``.
    """
    if list(edges) != sorted(set(edges)) or not edges or edges[0] < 1:
        raise ValueError("band edges must ascend")
    net = Netlist()
    figures = [net.input_bits(width) for _ in range(n)]
    count = _count(net, figures, style)
    reached = [ONE, *(at_least(net, count, edge) for edge in edges[1:]), ZERO]
    only = [net.xor(one, following) for one, following in pairwise(reached)]
    planes = max(1, (len(edges) - 1).bit_length())
    index = [net.xor(*(only[m] for m in range(len(edges)) if m >> b & 1)) for b in range(planes)]
    return schedule(net, [("figures", _flat(figures))], [("index", index)])


@cache
def plan_up(fanout: int) -> Program:
    """One node of the plan, from the leaves up: are all leaves below covered?

    Inputs: ``open`` (one flag a child: its leaves are not all covered; a missing child is 0, a
    leaf's flag is its ``fail``) and ``pass`` of the node. Outputs: ``gap`` (a child is open) and
    ``open`` (a gap, and the node does not pass itself).
    """
    net = Netlist()
    children = net.input_bits(fanout)
    passes = net.input()
    gap = any_of(net, children)
    still_open = net.both(gap, (passes, ONE))
    inputs = [("open", children), ("pass", [passes])]
    return schedule(net, inputs, [("gap", [gap]), ("open", [still_open])])


@cache
def plan_down(*, root: bool = False, leaf: bool = False) -> Program:
    """One node of the plan, from the root down: is it chosen, and do its children go on?

    chosen = active and pass and gap; the children are active when the node is active and not
    chosen.

    Inputs: ``active`` (not at the root), ``pass``, ``gap`` (not at a leaf). Outputs: ``chosen``,
    and above the leaves ``active`` for every child.
    """
    net = Netlist()
    active: Wire = ONE if root else net.input()
    passes = net.input()
    gap: Wire = ONE if leaf else net.input()
    inputs = [("active", [] if root else [active]), ("pass", [passes])]
    inputs += [("gap", [] if leaf else [gap])]
    chosen = all_of(net, [active, passes, gap])
    outputs = [("chosen", [chosen])]
    if not leaf:
        outputs.append(("active", [net.xor(active, chosen)]))
    return schedule(net, inputs, outputs)


@cache
def all_flags(count: int) -> Program:
    """Whether all of ``count`` flags are one. Inputs: ``flags``. Outputs: ``pass``, ``fail``."""
    net = Netlist()
    flags = net.input_bits(count)
    good = all_of(net, flags)
    return schedule(net, [("flags", flags)], [("pass", [good]), ("fail", [net.negate(good)])])


def _flat(figures: list[Bits]) -> list[Wire]:
    return [wire for figure in figures for wire in figure]


def _total(net: Netlist, figures: list[Bits], style: Style) -> Bits:
    return column_sum(net, figures, len(figures[0]) + (len(figures) - 1).bit_length(), style)


def _count(net: Netlist, figures: list[Bits], style: Style) -> Bits:
    present = [[any_of(net, figure)] for figure in figures]
    return column_sum(net, present, len(figures).bit_length(), style)


def _verdict(net: Netlist, figures: list[Bits], test: Rule, style: Style) -> list[tuple[str, Bits]]:
    total = _total(net, figures, style)
    good = _passes(net, figures, total, test, style)
    return [("total", total), ("pass", [good]), ("fail", [net.negate(good)])]


def _passes(net: Netlist, figures: list[Bits], total: Bits, test: Rule, style: Style) -> Wire:
    """The rule.

    For p > 0 and slack ≥ 1 the second inequality implies the first: if x1 > 0 its right side is
    positive, so R − slack > 0; if x1 = 0 every figure is 0, R = 0, and −100·slack ≥ 0 is false.
    """
    first, second = two_largest(net, figures, style)
    margin = _margin(net, total, first, second, test.slack)
    flags = [_no_more(net, (test.p_percent, first), (100, margin), style)]
    if test.p_percent == 0 or test.slack == 0:
        flags.append(any_of(net, margin))
    if test.min_contributors > 3:
        flags.append(at_least(net, _count(net, figures, style), test.min_contributors))
    if test.nk is not None:
        top = first if test.nk[0] == 1 else add(net, first, second)
        flags.append(_no_more(net, (100, top), (test.nk[1], [*total, ZERO]), style))
    return all_of(net, flags)


def _margin(net: Netlist, total: Bits, first: Bits, second: Bits, slack: int) -> Bits:
    """T − x1 − x2 − slack in two's complement: R − slack with its sign.

    −x = not x + 1, twice: the two ones enter as carries, less the slack. At a slack of one this
    leaves one carry and costs nothing.
    """
    width = 1 + max(len(total), slack.bit_length())
    without = [net.negate(bit(first, j)) for j in range(width)]
    also = [net.negate(bit(second, j)) for j in range(width)]
    constant = 2 - slack
    low: Wire = ONE if constant > 0 else ZERO
    sums, carries = [], [ONE if constant > 1 else ZERO]
    for j in range(width):
        partial, carry = full_adder(net, bit(total, j), without[j], also[j])
        sums.append(partial)
        carries.append(carry)
    margin = add(net, sums, carries, low, width)
    if constant < 0:
        margin = add(
            net, margin, [ONE if constant >> j & 1 else ZERO for j in range(width)], width=width
        )
    return margin


def _no_more(net: Netlist, low: tuple[int, Bits], high: tuple[int, Bits], style: Style) -> Wire:
    """Whether a·x ≤ b·y for x ≥ 0 and y in two's complement, by the sign of b·y − a·x."""
    (a, x), (b, y) = low, high
    factor = gcd(a, b)
    a, b = a // factor, b // factor
    width = 1 + max(len(x) + a.bit_length(), len(y) + b.bit_length())
    left = times(net, x, a, width) if a else []
    right = times(net, y + [y[-1]] * (width - len(y)), b, width)
    if style == "tree":
        minus = [net.negate(bit(left, j)) for j in range(width)]
        return net.negate(column_sum(net, [right, minus, [ONE]], width, style)[-1])
    return net.negate(subtract(net, right, left, width)[-1])


def _distance(net: Netlist, a: Bits, b: Bits) -> Bits:
    """|a − b|: the difference, negated where it is negative."""
    width = len(a)
    signed = subtract(net, a, b, width + 1)
    sign = signed[-1]
    carry = sign
    out: Bits = []
    for wire in signed[:-1]:
        flipped = net.xor(wire, sign)
        out.append(net.xor(flipped, carry))
        carry = net.both(flipped, carry)
    return out
