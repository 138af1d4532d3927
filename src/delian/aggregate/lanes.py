"""Moving lanes, many child positions at a time: local, free, the same at every host.

``delian.shares.permute.gather`` states what one move means; here the planes are unpacked once for
all child positions of a merge, which is what makes it fast.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from delian.shares.program import Words
from delian.shares.words import CELLS_PER_WORD, words_for

Lanes = npt.NDArray[np.int64]
MISSING: Final = -1
_BYTES_AT_A_TIME: Final = 1 << 19


def gather_slots(planes: Words, slots: Sequence[Lanes]) -> Words:
    """All planes once for each slot: ``out[slot * planes + p, l] = planes[p, slots[slot][l]]``.

    Args:
        planes: One share, ``[planes, words]``.
        slots: For each slot the lane to take for every new lane, ``MISSING`` for zero; all slots
            have the same length.

    Guarantees:
        Equals gathering slot by slot (``tests/property/test_aggregate_lanes.py``).
    """
    n_planes, n_lanes = planes.shape[0], planes.shape[1] * CELLS_PER_WORD
    length = len(slots[0]) if slots else 0
    words = words_for(length)
    out = np.zeros((len(slots), n_planes, words), dtype=np.uint64)
    if not words or not n_lanes:
        return out.reshape(len(slots) * n_planes, words)
    index = np.full((len(slots), words * CELLS_PER_WORD), MISSING, dtype=np.int64)
    for row, lanes in enumerate(slots):
        index[row, :length] = lanes
    if int(index.max()) >= n_lanes or int(index.min()) < MISSING:
        raise IndexError("a lane lies outside the planes")
    there = index != MISSING
    index[~there] = 0
    complete = there.all(axis=1)
    some = there.any(axis=1)
    mask = np.packbits(there, axis=1, bitorder="little").view("<u8")
    step = max(1, _BYTES_AT_A_TIME // n_lanes)
    for first in range(0, n_planes, step):
        chunk = np.ascontiguousarray(planes[first : first + step]).astype("<u8", copy=False)
        bits = np.unpackbits(chunk.view(np.uint8), axis=1, bitorder="little")
        for row in range(len(slots)):
            if some[row]:
                taken = np.take(bits, index[row], axis=1, mode="clip")
                packed = np.packbits(taken, axis=1, bitorder="little").view("<u8")
                out[row, first : first + step] = packed if complete[row] else packed & mask[row]
    return out.reshape(len(slots) * n_planes, words)
