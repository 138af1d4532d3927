"""A program: one circuit as rounds of XOR rows and AND rows on a register file.

Rows of ``code`` are (op, d, p, q, r, t):

====  ==============================================================
0     A[d] = A[p] ^ A[q]
1     A[d] = A[p] ^ A[q] ^ A[r]
2     x = A[p] ^ A[q], y = A[r] ^ A[t], A[d] = x·y   (first term of a gate)
3     the same product, A[d] ^= x·y                  (a further term of the gate)
4     A[d] ^= A[p] ^ A[q] on the own share only      (a free summand of the gate, after its terms)
====  ==============================================================

A free summand enters z before it is masked: the receiver then holds the finished share. It knows
the sender's share of the summand, so it takes it off again where it logs z for the check.
An unused operand is register 0, which is constant zero; register 1 is the public constant one.
In a round the XOR rows come first, then the AND rows.
The gates of a round write neighboring registers.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt

Words = npt.NDArray[np.uint64]
Ints = npt.NDArray[np.int32]

XOR2: Final = 0
XOR3: Final = 1
AND: Final = 2
AND_MORE: Final = 3
LINEAR: Final = 4

ZERO_REGISTER: Final = 0
ONE_REGISTER: Final = 1
FIRST_INPUT: Final = 2
SLOTS_PER_BLOCK: Final = 64


@dataclass(frozen=True, slots=True)
class Round:
    """One round of messages: rows ``start..stop``.

    Its gates fill ``n_gates`` registers from ``first_register``. The last round of a program
    may have no gate; it then sends nothing.
    """

    start: int
    stop: int
    first_register: int
    n_gates: int


@dataclass(frozen=True, slots=True)
class Group:
    """A named run of input or output planes: positions ``start..stop``."""

    name: str
    start: int
    stop: int


@dataclass(frozen=True, slots=True, eq=False)
class Program:
    """A scheduled circuit, ready for any executor; equal digests mean equal programs.

    ``slot_of_gate`` and ``slot_of_term`` place gates and terms in the log of the check:
    gate slot = block * 64 + row, term slot = layer * 64 + row, and the layers of a block hold the
    terms of its gates, one term a layer and row.
    """

    code: Ints
    rounds: tuple[Round, ...]
    n_inputs: int
    n_registers: int
    outputs: Ints
    slot_of_gate: Ints
    slot_of_term: Ints
    block_of_layer: Ints
    n_blocks: int
    input_groups: tuple[Group, ...]
    output_groups: tuple[Group, ...]
    digest: bytes = field(init=False)

    def __post_init__(self) -> None:
        for array in (
            self.code,
            self.outputs,
            self.slot_of_gate,
            self.slot_of_term,
            self.block_of_layer,
        ):
            array.setflags(write=False)
        object.__setattr__(self, "digest", _digest(self))

    def __repr__(self) -> str:
        return f"Program(n_inputs={self.n_inputs}, n_gates={self.n_gates}, n_terms={self.n_terms})"

    @property
    def n_gates(self) -> int:
        """Bits that each host sends for one cell."""
        return len(self.slot_of_gate)

    @property
    def n_terms(self) -> int:
        """Products that each host computes for one cell."""
        return len(self.slot_of_term)

    @property
    def n_layers(self) -> int:
        """Layers of 64 term slots in the log of the check."""
        return len(self.block_of_layer)

    @property
    def n_messages(self) -> int:
        """Messages that each host sends for one batch of cells."""
        return sum(1 for step in self.rounds if step.n_gates)

    def input_group(self, name: str) -> slice:
        """The positions of the input planes called ``name``."""
        return _find(self.input_groups, name)

    def output_group(self, name: str) -> slice:
        """The positions of the output planes called ``name``."""
        return _find(self.output_groups, name)


def check_layout(terms_per_gate: Sequence[int]) -> tuple[Ints, Ints, Ints, int]:
    """Places gates and terms in blocks and layers, gates with alike term counts together.

    Args:
        terms_per_gate: Number of terms of each gate, in gate order; every number is at least one.

    Returns:
        ``slot_of_gate``, ``slot_of_term``, ``block_of_layer`` and the number of blocks.
    """
    counts = np.asarray(terms_per_gate, dtype=np.int64)
    place = np.empty(len(counts), dtype=np.int64)
    place[np.argsort(-counts, kind="stable")] = np.arange(len(counts))
    n_blocks = -(-len(counts) // SLOTS_PER_BLOCK)
    layers = np.zeros(n_blocks, dtype=np.int64)
    np.maximum.at(layers, place // SLOTS_PER_BLOCK, counts)
    first_layer = np.concatenate(([0], np.cumsum(layers)))[:-1]
    number = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    gate_place = np.repeat(place, counts)
    slot_of_term = (
        first_layer[gate_place // SLOTS_PER_BLOCK] + number
    ) * SLOTS_PER_BLOCK + gate_place % SLOTS_PER_BLOCK
    block_of_layer = np.repeat(np.arange(n_blocks), layers)
    return (
        place.astype(np.int32),
        slot_of_term.astype(np.int32),
        block_of_layer.astype(np.int32),
        n_blocks,
    )


def _find(groups: Sequence[Group], name: str) -> slice:
    for group in groups:
        if group.name == name:
            return slice(group.start, group.stop)
    raise KeyError(name)


def _digest(program: Program) -> bytes:
    """SHA-256 over everything that makes the program, every part preceded by its length."""
    rounds = np.array(
        [(s.start, s.stop, s.first_register, s.n_gates) for s in program.rounds], dtype="<i4"
    )
    groups = repr(
        [(g.name, g.start, g.stop) for g in (*program.input_groups, *program.output_groups)]
    )
    sizes = np.array(
        [program.n_inputs, program.n_registers, program.n_blocks, len(program.input_groups)],
        dtype="<i4",
    )
    arrays = (
        program.code,
        program.outputs,
        program.slot_of_gate,
        program.slot_of_term,
        program.block_of_layer,
    )
    parts = [b"delian-program-1", sizes.tobytes(), rounds.tobytes(), groups.encode()]
    parts += [array.astype("<i4").tobytes() for array in arrays]
    hasher = hashlib.sha256()
    for part in parts:
        hasher.update(len(part).to_bytes(8, "little") + part)
    return hasher.digest()
