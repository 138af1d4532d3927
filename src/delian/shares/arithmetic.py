"""Whole numbers in a netlist: sums, comparison, selection, the two largest of many.

Costs in gates, k bits: sum of n numbers about (n-1)·k, comparison k, selection k, however many are
selected from.
"""

import heapq
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from delian.shares.netlist import ONE, ZERO, Bits, Netlist, Wire, bit

Style = Literal["ripple", "tree"]
"""``ripple``: fewest gates, for short links. ``tree``: fewest messages, for long links."""


def full_adder(net: Netlist, a: Wire, b: Wire, c: Wire) -> tuple[Wire, Wire]:
    """Sum and carry of three bits: one gate, none where two are constant."""
    if ZERO in (a, b, c):
        one, other, _ = sorted((a, b, c), reverse=True)
        return net.xor(one, other), net.both(one, other)
    return net.xor(a, b, c), net.xor(net.both((a, c), (b, c)), c)


def add(net: Netlist, x: Bits, y: Bits, carry: Wire = ZERO, width: int | None = None) -> Bits:
    """The sum x + y + carry modulo 2^width; without a width, one bit longer than x and y."""
    width = max(len(x), len(y)) + 1 if width is None else width
    out: Bits = []
    for j in range(width - 1):
        total, carry = full_adder(net, bit(x, j), bit(y, j), carry)
        out.append(total)
    return [*out, net.xor(bit(x, width - 1), bit(y, width - 1), carry)]


def subtract(net: Netlist, x: Bits, y: Bits, width: int) -> Bits:
    """The difference x − y modulo 2^width."""
    return add(net, x, [net.negate(bit(y, j)) for j in range(width)], ONE, width)


def column_sum(net: Netlist, numbers: Sequence[Bits], width: int, style: Style = "ripple") -> Bits:
    """The sum of many numbers modulo 2^width, by 3:2 compressors, shallowest wires first.

    In ``tree`` style the last two rows are added by a parallel prefix.
    """
    columns: list[list[Wire]] = [[] for _ in range(width + 1)]
    for number in numbers:
        for j, wire in enumerate(number[:width]):
            if wire != ZERO:
                columns[j].append(wire)
    keep = 2 if style == "tree" else 1
    for j in range(width):
        columns[j] = _compress(net, columns[j], columns[j + 1], keep, last=j == width - 1)
    first = [column[0] if column else ZERO for column in columns[:width]]
    if keep == 1:
        return first
    second = [column[1] if len(column) > 1 else ZERO for column in columns[:width]]
    return _prefix_add(net, first, second)


def _compress(
    net: Netlist, column: list[Wire], carries: list[Wire], keep: int, *, last: bool
) -> list[Wire]:
    """Reduces one column to ``keep`` wires; carries of the last column are dropped unmade."""
    if last:
        return [net.xor(*column)]
    heap = [(net.depth[wire], wire) for wire in column]
    heapq.heapify(heap)
    while len(heap) > max(keep, 2):
        a, b, c = (heapq.heappop(heap)[1] for _ in range(3))
        total, carry = full_adder(net, a, b, c)
        carries.append(carry)
        heapq.heappush(heap, (net.depth[total], total))
    wires = [wire for _, wire in heap]
    if keep == 1 and len(wires) == 2:
        carries.append(net.both(wires[0], wires[1]))
        return [net.xor(*wires)]
    return wires


def _prefix_add(net: Netlist, x: Bits, y: Bits) -> Bits:
    """The sum x + y modulo 2^len(x), by Sklansky's prefix tree: few messages."""
    half = [net.xor(a, b) for a, b in zip(x, y, strict=True)]
    spans = [(net.both(a, b), h) for a, b, h in zip(x, y, half, strict=True)][:-1]
    step = 1
    while step < len(spans):
        for j in range(len(spans)):
            if j & step:
                low = spans[(j | (step - 1)) - step]
                high = spans[j]
                carries = net.xor(high[0], net.both(high[1], low[0]))
                spans[j] = (carries, net.both(high[1], low[1]) if j >= 2 * step else ZERO)
        step *= 2
    return [half[0], *(net.xor(h, span[0]) for h, span in zip(half[1:], spans, strict=True))]


def greater(net: Netlist, x: Bits, y: Bits, style: Style) -> Wire:
    """Whether x > y."""
    width = max(len(x), len(y))
    pairs = [(bit(x, j), bit(y, j)) for j in range(width)]
    if style == "ripple":
        result = ZERO
        for a, b in pairs:
            result = net.xor(result, net.both((a, b), (a, result)))
        return result
    spans = [(net.both(a, (b, ONE)), net.xor(a, b, ONE)) for a, b in pairs[:1]]
    spans += [(a, net.xor(a, b, ONE)) for a, b in pairs[1:]]
    while len(spans) > 1:
        odd = len(spans) % 2
        joined = spans[:odd]
        for j in range(odd, len(spans), 2):
            (low, low_equal), (high, high_equal) = spans[j], spans[j + 1]
            equal = net.both(low_equal, high_equal) if j else ZERO
            joined.append((net.xor(high, net.both(high_equal, (high, low))), equal))
        spans = joined
    return spans[0][0]


def at_least(net: Netlist, x: Bits, constant: int) -> Wire:
    """Whether x is at least a public constant."""
    result = ONE
    for j in range(max(len(x), constant.bit_length())):
        join = net.both if constant >> j & 1 else net.either
        result = join(bit(x, j), result)
    return result


def any_of(net: Netlist, wires: Sequence[Wire]) -> Wire:
    """Whether at least one wire is one, by a balanced tree."""
    return net.negate(all_of(net, [net.negate(wire) for wire in wires]))


def all_of(net: Netlist, wires: Sequence[Wire]) -> Wire:
    """Whether every wire is one, by a balanced tree; true for no wire."""
    left = list(wires) or [ONE]
    while len(left) > 1:
        odd = len(left) % 2
        left = left[:odd] + [net.both(left[j], left[j + 1]) for j in range(odd, len(left), 2)]
    return left[0]


def select(net: Netlist, choices: Sequence[tuple[Wire, Bits]]) -> Bits:
    """The number whose flag is one, when exactly one flag is: one gate per bit.

    The last choice needs no term: it stands where no other flag is one.
    """
    *others, (_, default) = choices
    width = max(len(number) for _, number in choices)
    return [
        net.xor(
            bit(default, j),
            net.dot((flag, (bit(number, j), bit(default, j))) for flag, number in others),
        )
        for j in range(width)
    ]


def times(net: Netlist, x: Bits, constant: int, width: int) -> Bits:
    """The product x · constant modulo 2^width, by signed digits; ``constant`` is at least one."""
    result: Bits | None = None
    shift = 0
    digits: list[tuple[int, int]] = []
    while constant:
        if constant & 1:
            digit = 2 - (constant & 3)
            digits.append((shift, digit))
            constant -= digit
        constant >>= 1
        shift += 1
    for shift, digit in reversed(digits):
        shifted = ([ZERO] * shift + x)[:width]
        if result is None:
            result = shifted
        elif digit > 0:
            result = add(net, result, shifted, width=width)
        else:
            result = subtract(net, result, shifted, width)
    return result or []


@dataclass(frozen=True, slots=True)
class _Match:
    """One group of a knockout: who won and who came second, as one-hot flags over its members."""

    members: tuple[Bits, ...]
    wins: Bits
    seconds: Bits
    winner: Bits


def _play(net: Netlist, members: Sequence[Bits], style: Style) -> _Match:
    """Compares every pair of a group of at most four; of equal numbers the later one wins."""
    count = len(members)
    if count == 1:
        return _Match(tuple(members), [ONE], [ZERO], members[0])
    beats = [[ZERO] * count for _ in range(count)]
    for i in range(count):
        for j in range(i + 1, count):
            beats[i][j] = greater(net, members[i], members[j], style)
            beats[j][i] = net.negate(beats[i][j])
    wins: Bits = []
    seconds: Bits = []
    for i in range(count - 1):
        games = [beats[i][j] for j in range(count) if j != i]
        low, high = games[0], ZERO
        if count == 3:
            low, high = net.xor(*games), net.both(games[0], games[1])
        elif count == 4:
            low, high = full_adder(net, *games)
        if count == 2:
            wins, seconds = [low], [net.negate(low)]
        elif count == 3:
            wins.append(high)
            seconds.append(low)
        else:
            wins.append(net.both(high, low))
            seconds.append(net.xor(high, wins[-1]))
    wins.append(net.xor(*wins, ONE))
    seconds.append(net.xor(*seconds, ONE))
    return _Match(tuple(members), wins, seconds, select(net, list(zip(wins, members, strict=True))))


def largest(net: Netlist, numbers: Sequence[Bits], style: Style) -> Bits:
    """The largest of the numbers, by a knockout of pairs."""
    left = list(numbers)
    while len(left) > 1:
        left = [_play(net, left[j : j + 2], style).winner for j in range(0, len(left), 2)]
    return left[0]


def two_largest(
    net: Netlist, numbers: Sequence[Bits], style: Style, final: int = 4
) -> tuple[Bits, Bits]:
    """The largest and the second largest of the numbers (equal when the largest stands twice).

    A knockout of pairs down to ``final`` contestants, who all meet each other. The second largest
    lost to the largest: per level one number, selected by the champion's one-hot path, and of
    these the largest.
    """
    if len(numbers) == 1:
        return numbers[0], []
    levels: list[list[_Match]] = []
    left = list(numbers)
    while len(left) > 1:
        size = len(left) if len(left) <= final else 2
        levels.append([_play(net, left[j : j + size], style) for j in range(0, len(left), size)])
        left = [match.winner for match in levels[-1]]
    path: Bits = [ONE]
    losers: list[Bits] = []
    for level in reversed(levels):
        losers.append(_second_of(net, level, path))
        path = [flag for i, match in enumerate(level) for flag in _descend(net, match, path[i])]
    return left[0], largest(net, losers, style)


def _second_of(net: Netlist, level: Sequence[_Match], path: Sequence[Wire]) -> Bits:
    """The second of the champion's match at one level."""
    choices: list[tuple[Wire, Bits]] = []
    for match, flag in zip(level, path, strict=True):
        if len(match.members) == 1:
            choices.append((flag, []))
        elif len(match.members) == 2:
            pair = zip(*match.members, match.winner, strict=True)
            choices.append((flag, [net.xor(*three) for three in pair]))
        else:
            second = [net.both(flag, inner) for inner in match.seconds]
            choices += zip(second, match.members, strict=True)
    return select(net, choices)


def _descend(net: Netlist, match: _Match, flag: Wire) -> Bits:
    """The champion's path one level down: which member of the match it came from."""
    flags = [net.both(flag, win) for win in match.wins[:-1]]
    return [*flags, net.xor(flag, *flags)]
