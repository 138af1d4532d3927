"""Sheets as one host holds them: two of three shares of every nation, read in ranges of cells."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple, NoReturn, Protocol

import numpy as np

from delian.aggregate.errors import RunInputError
from delian.aggregate.lanes import MISSING, Lanes, gather_slots
from delian.shares.program import Words
from delian.shares.words import CELLS_PER_WORD, words_for
from delian.terms.frame import CellKey, Frame

_JOINED_GAP_WORDS = 64


class PlaneSource(Protocol):
    """One nation's two shares at this host (``delian.contribute`` has them)."""

    def planes(self, cell_start: int, cell_stop: int) -> tuple[Words, Words]:
        """Planes of (x_i, x_(i+1)) for a range of cells that starts at a multiple of 64."""
        ...


class Shared(NamedTuple):
    """Planes that nobody holds: this host's own share and the next one's."""

    own: Words
    nxt: Words

    def __repr__(self) -> str:
        return f"Shared(planes={self.own.shape[0]}, words={self.own.shape[1]}, hidden)"

    def __reduce__(self) -> NoReturn:
        raise TypeError("shares are never pickled")

    @classmethod
    def empty(cls, planes: int) -> "Shared":
        """Planes without a lane."""
        return cls(np.zeros((planes, 0), np.uint64), np.zeros((planes, 0), np.uint64))

    def xor(self, other: "Shared") -> "Shared":
        """The sum over GF(2), plane by plane: local and free."""
        return Shared(self.own ^ other.own, self.nxt ^ other.nxt)

    def rows(self, which: slice) -> "Shared":
        """Some of the planes."""
        return Shared(self.own[which], self.nxt[which])

    def words(self, first: int, stop: int) -> "Shared":
        """The lanes of some whole words."""
        return Shared(self.own[:, first:stop], self.nxt[:, first:stop])

    def gather(self, lanes: Lanes) -> "Shared":
        """Lanes picked and reordered; ``MISSING`` gives a share of zero."""
        return self.gather_slots([lanes])

    def gather_slots(self, slots: Sequence[Lanes]) -> "Shared":
        """All planes once for each slot, lanes picked as it says."""
        return Shared(gather_slots(self.own, slots), gather_slots(self.nxt, slots))

    def gather_children(self, children: Lanes, count: int) -> "Shared":
        """All planes once for each of *count* child positions; *children* has a row a parent."""
        none = np.full(len(children), MISSING, dtype=np.int64)
        width = children.shape[1]
        return self.gather_slots([children[:, i] if i < width else none for i in range(count)])

    def widened(self, nations: int, width: int) -> "Shared":
        """Each nation's figure on *width* planes: shares of zero above, planes of zero cut off."""
        return Shared(*(_widen(share, nations, width) for share in self))


def side_by_side(parts: Sequence[Shared]) -> Shared:
    """The same planes over the lanes of all parts, one part after the other, in whole words."""
    return Shared(
        np.concatenate([p.own for p in parts], axis=1),
        np.concatenate([p.nxt for p in parts], axis=1),
    )


def stacked(parts: Sequence[Shared]) -> Shared:
    """All planes of all parts over the same lanes."""
    return Shared(np.concatenate([p.own for p in parts]), np.concatenate([p.nxt for p in parts]))


def _widen(share: Words, nations: int, width: int) -> Words:
    have, words = share.shape[0] // nations, share.shape[1]
    wide = np.zeros((nations, width, words), dtype=np.uint64)
    wide[:, :have] = share.reshape(nations, have, words)[:, :width]
    return wide.reshape(nations * width, words)


class HeldSheets:
    """The sheets of one round at this host.

    Args:
        frame: Of that round: the order of the cells.
        by_nation: A source for every nation present; absent nations are not there.
        width_bits: Planes of a figure.
    """

    __slots__ = ("_sources", "frame", "nations", "width_bits")

    def __init__(self, frame: Frame, by_nation: Mapping[str, PlaneSource], width_bits: int) -> None:
        self.frame = frame
        self.nations = tuple(sorted(by_nation))
        self.width_bits = width_bits
        self._sources = tuple(by_nation[nation] for nation in self.nations)

    def cells(self, keys: Sequence[CellKey]) -> Shared:
        """Every nation's figures for the cells *keys*, one lane each."""
        return self.places(np.array([self.frame.index[key] for key in keys], dtype=np.int64))

    def places(self, places: Lanes) -> Shared:
        """Every nation's figures for the cells at *places*, one lane each."""
        if not len(places):
            return Shared.empty(len(self.nations) * self.width_bits)
        first = int(places[0])
        consecutive = np.array_equal(places, np.arange(first, first + len(places)))
        if consecutive and first % CELLS_PER_WORD == 0:
            return self._range(first, first + len(places))
        words = np.unique(places // CELLS_PER_WORD)
        cuts = np.flatnonzero(np.diff(words) > _JOINED_GAP_WORDS) + 1
        parts = []
        offset = np.zeros(words_for(len(self.frame.cells)), dtype=np.int64)
        filled = 0
        for run in np.split(words, cuts):
            start, stop = int(run[0]), int(run[-1]) + 1
            parts.append(
                self._range(
                    start * CELLS_PER_WORD, min(stop * CELLS_PER_WORD, len(self.frame.cells))
                )
            )
            offset[start:stop] = np.arange(filled, filled + stop - start)
            filled += stop - start
        lanes = offset[places // CELLS_PER_WORD] * CELLS_PER_WORD + places % CELLS_PER_WORD
        return side_by_side(parts).gather(lanes)

    def _range(self, start: int, stop: int) -> Shared:
        shape = (len(self._sources), self.width_bits, words_for(stop - start))
        own, nxt = np.empty(shape, dtype=np.uint64), np.empty(shape, dtype=np.uint64)
        for row, source in enumerate(self._sources):
            mine, theirs = source.planes(start, stop)
            if mine.shape != shape[1:] or theirs.shape != shape[1:]:
                raise RunInputError("a sheet's shares do not have the shape of the frame")
            own[row], nxt[row] = mine, theirs
        flat = (shape[0] * shape[1], shape[2])
        return Shared(own.reshape(flat), nxt.reshape(flat))

    def __repr__(self) -> str:
        return f"HeldSheets(nations={len(self.nations)}, hidden)"

    def __reduce__(self) -> NoReturn:
        raise TypeError("held sheets are never pickled")
