"""A circuit over GF(2) while it is being written: inputs, free XORs, and gates that cost one bit.

In replicated sharing a gate may sum any number of products and still sends one bit, so a selection
by one-hot flags is one gate per bit (``dot``). Wire 0 is the constant zero, wire 1 the constant
one.
"""

from collections.abc import Iterable, Sequence
from typing import Final

Wire = int
Factor = Wire | tuple[Wire, Wire]
Bits = list[Wire]
"""A whole number, least significant wire first."""
Term = tuple[Wire, Wire, Wire, Wire]
"""(p, q, r, t) stands for the product (p ^ q) · (r ^ t)."""

ZERO: Final[Wire] = 0
ONE: Final[Wire] = 1


class Netlist:
    """A growing circuit; equal XORs and equal gates are made once."""

    def __init__(self) -> None:
        self.xors: dict[Wire, tuple[Wire, ...]] = {}
        self.gates: dict[Wire, tuple[Term, ...]] = {}
        self.inputs: list[Wire] = []
        self.depth: list[int] = [0, 0]
        self._xor_memo: dict[tuple[Wire, ...], Wire] = {}
        self._gate_memo: dict[tuple[Term, ...], Wire] = {}

    @property
    def n_wires(self) -> int:
        """Wires so far, the two constants included."""
        return len(self.depth)

    def input(self) -> Wire:
        """A new input wire."""
        wire = self._new(0)
        self.inputs.append(wire)
        return wire

    def input_bits(self, width: int) -> Bits:
        """A new whole number of ``width`` input wires."""
        return [self.input() for _ in range(width)]

    def xor(self, *wires: Wire) -> Wire:
        """The sum of the wires over GF(2): free."""
        odd: set[Wire] = set()
        for wire in wires:
            if wire != ZERO:
                odd ^= {wire}
        key = tuple(sorted(odd))
        if not key:
            return ZERO
        if len(key) == 1:
            return key[0]
        made = self._xor_memo.get(key)
        if made is None:
            if len(key) > 3:
                made = self.xor(self.xor(*key[:3]), *key[3:])
            else:
                made = self._new(max(self.depth[wire] for wire in key))
                self.xors[made] = key
            self._xor_memo[key] = made
        return made

    def negate(self, wire: Wire) -> Wire:
        """The other truth value: free."""
        return self.xor(wire, ONE)

    def both(self, x: Factor, y: Factor) -> Wire:
        """The product of two factors; a pair of wires stands for their XOR. One gate."""
        return self.dot([(x, y)])

    def either(self, x: Wire, y: Wire) -> Wire:
        """Whether x or y is one. One gate."""
        return self.xor(x, y, self.both(x, y))

    def dot(self, products: Iterable[tuple[Factor, Factor]]) -> Wire:
        """The XOR of any number of products. One gate, however many terms."""
        free: list[Wire] = []
        terms: set[Term] = set()
        for x, y in products:
            p, q = _pair(x)
            r, t = _pair(y)
            if p == q or r == t:
                continue
            if (p, q) == (ONE, ZERO):
                free += (r, t)
            elif (r, t) == (ONE, ZERO) or (p, q) == (r, t):
                free += (p, q)
            else:
                terms ^= {(p, q, r, t) if (p, q) <= (r, t) else (r, t, p, q)}
        if not terms:
            return self.xor(*free)
        key = tuple(sorted(terms))
        gate = self._gate_memo.get(key)
        if gate is None:
            gate = self._new(1 + max(self.depth[wire] for term in key for wire in term))
            self.gates[gate] = key
            self._gate_memo[key] = gate
        return self.xor(gate, *free)

    def _new(self, depth: int) -> Wire:
        self.depth.append(depth)
        return len(self.depth) - 1


def bit(number: Sequence[Wire], position: int) -> Wire:
    """The wire at ``position``, the constant zero beyond the number's end."""
    return number[position] if position < len(number) else ZERO


def _pair(factor: Factor) -> tuple[Wire, Wire]:
    if isinstance(factor, int):
        return factor, ZERO
    one, other = factor
    return (one, other) if one > other else (other, one)
