"""From a netlist to a program: rounds, registers, and the rows that executors run.

A gate runs in the last round that is early enough for its users, which keeps messages alike in size
and few values alive; an XOR runs in the first round that needs it. The gates of a round get
neighboring registers, so that one message is one slice of the register file.
"""

import heapq
from bisect import bisect_left
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np

from delian.shares.netlist import Netlist, Term, Wire
from delian.shares.program import (
    AND,
    AND_MORE,
    FIRST_INPUT,
    LINEAR,
    XOR2,
    XOR3,
    Group,
    Program,
    Round,
    check_layout,
)


@dataclass(frozen=True, slots=True)
class Circuit:
    """A netlist after joining: the same names, fewer XORs."""

    xors: Mapping[Wire, tuple[Wire, ...]]
    gates: Mapping[Wire, tuple[Term, ...]]
    inputs: Sequence[Wire]
    depth: Sequence[int]

    @property
    def n_wires(self) -> int:
        """Wires, the two constants included."""
        return len(self.depth)


Named = Sequence[tuple[str, Sequence[Wire]]]
Row = tuple[int, int, int, int, int, int]


def schedule(netlist: Netlist, inputs: Named, outputs: Named) -> Program:
    """Makes the program that computes ``outputs`` from ``inputs``.

    Args:
        netlist: The circuit.
        inputs: Named groups that list every input wire of the circuit once.
        outputs: Named groups of any wires.
    """
    net, summands = _fused(netlist, [wire for _, wires in outputs for wire in wires])
    in_wires = [wire for _, wires in inputs for wire in wires]
    out_wires = [wire for _, wires in outputs for wire in wires]
    if sorted(in_wires) != net.inputs:
        raise ValueError("the input groups must list every input wire once")
    when, last_use = _times(net, summands, out_wires)
    xors, gates = _by_round(net, when)
    registers, base_of_round, n_registers = _registers(net, in_wires, xors, gates, last_use)
    rows: list[Row] = []
    rounds: list[Round] = []
    terms_per_gate: list[int] = []
    for number, (xor_wires, gate_wires) in enumerate(zip(xors, gates, strict=True)):
        start = len(rows)
        rows += (_xor_row(net, registers, wire) for wire in xor_wires)
        for wire in gate_wires:
            rows += _gate_rows(net, registers, wire)
            rows += _summand_rows(registers, wire, summands.get(wire, ()))
            terms_per_gate.append(len(net.gates[wire]))
        if len(rows) > start:
            rounds.append(Round(start, len(rows), base_of_round[number], len(gate_wires)))
    return Program(
        np.array(rows, dtype=np.int32).reshape(-1, 6),
        tuple(rounds),
        len(in_wires),
        n_registers,
        np.array([registers[wire] for wire in out_wires], dtype=np.int32),
        *check_layout(terms_per_gate),
        _groups(inputs),
        _groups(outputs),
    )


def _fused(net: Netlist, out_wires: Sequence[Wire]) -> tuple[Circuit, dict[Wire, tuple[Wire, ...]]]:
    """Joins a gate with the XOR that is its only use, where the other operands are there in time.

    Such operands become free summands of the gate: no row of its own, no pass over the next share.
    """
    uses = Counter(out_wires)
    for operands in net.xors.values():
        uses.update(operands)
    for terms in net.gates.values():
        uses.update({wire for term in terms for wire in term})
    xors, gates = dict(net.xors), dict(net.gates)
    summands: dict[Wire, tuple[Wire, ...]] = {}
    for wire, operands in net.xors.items():
        depth = net.depth[wire]
        late = [operand for operand in operands if net.depth[operand] == depth]
        if len(late) == 1 and late[0] in gates and uses[late[0]] == 1:
            gates[wire] = gates.pop(late[0])
            free = tuple(operand for operand in operands if operand != late[0])
            summands[wire] = free + summands.pop(late[0], ())
            del xors[wire]
    return Circuit(xors, gates, net.inputs, net.depth), summands


def _times(
    net: Circuit, summands: Mapping[Wire, Sequence[Wire]], out_wires: Sequence[Wire]
) -> tuple[list[int], list[int]]:
    """Per wire the round in which it runs (0: not needed) and the round of its last use."""
    end = 1 + max((net.depth[wire] for wire in out_wires), default=0)
    never = end + 1
    when, last_use = [never] * net.n_wires, [0] * net.n_wires
    for wire in out_wires:
        when[wire], last_use[wire] = end - (wire in net.gates), never
    for wire in range(net.n_wires - 1, 1, -1):
        if when[wire] == never:
            continue
        if wire in net.gates:
            operands = {operand for term in net.gates[wire] for operand in term}
            operands |= set(summands.get(wire, ()))
        else:
            operands = set(net.xors.get(wire, ()))
        for operand in operands:
            when[operand] = min(when[operand], when[wire] - (operand in net.gates))
            last_use[operand] = max(last_use[operand], when[wire])
    return [0 if time == never else time for time in when], last_use


def _by_round(net: Circuit, when: Sequence[int]) -> tuple[list[list[Wire]], list[list[Wire]]]:
    xors: list[list[Wire]] = [[] for _ in range(max(when) + 1)]
    gates: list[list[Wire]] = [[] for _ in range(max(when) + 1)]
    for wire, time in enumerate(when):
        if time and wire in net.gates:
            gates[time].append(wire)
        elif time and wire in net.xors:
            xors[time].append(wire)
    return xors, gates


def _registers(
    net: Circuit,
    in_wires: Sequence[Wire],
    xors: Sequence[Sequence[Wire]],
    gates: Sequence[Sequence[Wire]],
    last_use: Sequence[int],
) -> tuple[list[int], list[int], int]:
    """Gives every wire a register; one is taken again only in a round after its last use."""
    first_gate = FIRST_INPUT + len(in_wires)
    pool = _RunPool()
    gate_place: dict[Wire, int] = {}
    xor_place: dict[Wire, int] = {}
    free_xors: list[int] = []
    n_xors = 0
    leaving: dict[int, list[Wire]] = {}
    base_of_round: list[int] = []
    for time, (xor_wires, gate_wires) in enumerate(zip(xors, gates, strict=True)):
        for wire in xor_wires:
            n_xors += not free_xors
            xor_place[wire] = heapq.heappop(free_xors) if free_xors else n_xors - 1
            leaving.setdefault(max(last_use[wire], time), []).append(wire)
        base = pool.take(len(gate_wires)) if gate_wires else 0
        base_of_round.append(first_gate + base if gate_wires else 0)
        for offset, wire in enumerate(gate_wires):
            gate_place[wire] = base + offset
            leaving.setdefault(max(last_use[wire], time), []).append(wire)
        for wire in leaving.pop(time, ()):
            if wire in net.gates:
                pool.give(gate_place[wire])
            else:
                heapq.heappush(free_xors, xor_place[wire])
    registers = [0, 1] + [0] * (net.n_wires - 2)
    for number, wire in enumerate(in_wires):
        registers[wire] = FIRST_INPUT + number
    for wire, place in gate_place.items():
        registers[wire] = first_gate + place
    for wire, place in xor_place.items():
        registers[wire] = first_gate + pool.top + place
    return registers, base_of_round, first_gate + pool.top + n_xors


class _RunPool:
    """Runs of neighboring registers, taken first fit, given back one by one."""

    def __init__(self) -> None:
        self.top = 0
        self._starts: list[int] = [0]
        self._stops: list[int] = [1 << 31]

    def take(self, size: int) -> int:
        for index, start in enumerate(self._starts):
            if self._stops[index] - start >= size:
                self._starts[index] += size
                if self._starts[index] == self._stops[index]:
                    del self._starts[index], self._stops[index]
                self.top = max(self.top, start + size)
                return start
        raise AssertionError("the last free run has no end")

    def give(self, place: int) -> None:
        index = bisect_left(self._starts, place)
        joins_before = index > 0 and self._stops[index - 1] == place
        joins_after = index < len(self._starts) and self._starts[index] == place + 1
        if joins_before and joins_after:
            self._stops[index - 1] = self._stops[index]
            del self._starts[index], self._stops[index]
        elif joins_before:
            self._stops[index - 1] = place + 1
        elif joins_after:
            self._starts[index] = place
        else:
            self._starts.insert(index, place)
            self._stops.insert(index, place + 1)


def _summand_rows(registers: Sequence[int], wire: Wire, summands: Sequence[Wire]) -> list[Row]:
    """The free summands of a gate, two to a row."""
    places = [registers[summand] for summand in summands]
    pairs = [(*places[j : j + 2], 0)[:2] for j in range(0, len(places), 2)]
    return [(LINEAR, registers[wire], p, q, 0, 0) for p, q in pairs]


def _xor_row(net: Circuit, registers: Sequence[int], wire: Wire) -> Row:
    places = [registers[operand] for operand in net.xors[wire]]
    if len(places) == 2:
        return (XOR2, registers[wire], places[0], places[1], 0, 0)
    return (XOR3, registers[wire], places[0], places[1], places[2], 0)


def _gate_rows(net: Circuit, registers: Sequence[int], wire: Wire) -> list[Row]:
    """One row per term; where a factor is one wire alone it stands first."""
    rows: list[Row] = []
    for p, q, r, t in net.gates[wire]:
        first, second = (registers[p], registers[q]), (registers[r], registers[t])
        if first[1] and not second[1]:
            first, second = second, first
        rows.append((AND_MORE if rows else AND, registers[wire], *first, *second))
    return rows


def _groups(named: Named) -> tuple[Group, ...]:
    groups: list[Group] = []
    for name, members in groupby(
        ((name, wire) for name, wires in named for wire in wires), key=lambda pair: pair[0]
    ):
        start = groups[-1].stop if groups else 0
        groups.append(Group(name, start, start + sum(1 for _ in members)))
    return tuple(groups)
