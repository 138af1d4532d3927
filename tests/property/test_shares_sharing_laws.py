"""Laws of sharing, of bit planes and of moving lanes, for any sizes."""

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from delian.shares.permute import MISSING, gather, gather_children, mask_lanes
from delian.shares.sharing import CHUNK_WORDS, Split, expand, expand_into, split
from delian.shares.words import from_flags, to_flags, to_numbers, to_planes, words_for

FEW = settings(max_examples=30, deadline=None)
SEED = bytes(range(32))


@FEW
@given(st.integers(1, 64), st.data())
def test_planes_and_numbers_are_inverse(width: int, data: st.DataObject) -> None:
    cells = st.lists(st.integers(0, (1 << width) - 1), min_size=1, max_size=130)
    rows = [data.draw(cells)]
    rows.append([x ^ 1 for x in rows[0]])
    planes = to_planes(np.array(rows, dtype=np.uint64), width)
    assert planes.shape == (2 * width, words_for(len(rows[0])))
    for row, numbers in enumerate(rows):
        part = planes[row * width : (row + 1) * width]
        assert to_numbers(part, len(numbers)).tolist() == numbers
        for position in range(width):
            want = [bool(x >> position & 1) for x in numbers]
            assert to_flags(part[position], len(numbers)).tolist() == want


def test_planes_of_many_cells() -> None:
    rng = np.random.default_rng(1)
    numbers = rng.integers(0, 1 << 20, (1, (1 << 16) + 70), dtype=np.uint64)
    planes = to_planes(numbers, 20)
    assert np.array_equal(to_numbers(planes, numbers.shape[1]), numbers[0])
    with pytest.raises(ValueError, match="does not fit"):
        to_planes(numbers, 19)


@FEW
@given(st.integers(1, 7), st.integers(1, 3 * CHUNK_WORDS), st.integers(0, 1 << 30))
def test_three_shares_give_the_planes(n_planes: int, n_words: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    planes = rng.integers(0, 1 << 63, (n_planes, n_words), dtype=np.uint64)
    made = split(planes, random.Random(seed).randbytes)
    assert made.seed_0 != made.seed_1
    one = expand(made.seed_0, n_planes, 0, n_words)
    other = expand(made.seed_1, n_planes, 0, n_words)
    assert np.array_equal(one ^ other ^ made.explicit, planes)
    assert not np.array_equal(made.explicit, planes)


@FEW
@given(st.integers(1, 5), st.integers(0, 200), st.integers(0, 200))
def test_any_range_expands_by_itself(n_planes: int, first: int, length: int) -> None:
    whole = expand(SEED, n_planes, 0, first + length)
    assert np.array_equal(expand(SEED, n_planes, first, first + length), whole[:, first:])


def test_expanding_into_a_view_and_no_repeats() -> None:
    table = np.zeros((6, 150), dtype=np.uint64)
    expand_into(SEED, 70, table[::2, 5:135])
    assert np.array_equal(table[::2, 5:135], expand(SEED, 3, 70, 200))
    assert not table[1::2].any()
    words = expand(SEED, 5, 0, 5 * CHUNK_WORDS).ravel().tolist()
    assert len(set(words)) == len(words)
    with pytest.raises(ValueError, match="32 bytes"):
        expand(b"short", 1, 0, 1)


def test_a_seed_share_is_a_known_stream() -> None:
    """The format: AES-256 in counter mode from zero, plane after plane within a chunk."""
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

    stream = Cipher(algorithms.AES256(SEED), modes.CTR(bytes(16))).encryptor()
    raw = stream.update(bytes(2 * 3 * CHUNK_WORDS * 8))
    chunks = np.frombuffer(raw, dtype="<u8").reshape(2, 3, CHUNK_WORDS)
    want = np.concatenate([chunks[0], chunks[1]], axis=1)
    assert np.array_equal(expand(SEED, 3, 0, 2 * CHUNK_WORDS), want)


def test_a_split_hides_itself() -> None:
    made = split(np.ones((1, 1), dtype=np.uint64), random.Random(1).randbytes)
    assert repr(made) == "Split()"
    with pytest.raises(TypeError):
        Split(made.seed_0, made.seed_1, made.explicit).__reduce__()


@FEW
@given(st.integers(1, 4), st.integers(1, 200), st.data())
def test_gathering_shares_equals_gathering_values(
    n_planes: int, n_cells: int, data: st.DataObject
) -> None:
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    bits = rng.integers(0, 2, (n_planes, n_cells)).astype(np.bool_)
    planes = np.array([from_flags(row) for row in bits]).reshape(n_planes, -1)
    cells = np.array(data.draw(st.lists(st.integers(MISSING, n_cells - 1), max_size=150)), dtype=np.int64)  # fmt: skip  # noqa: E501
    mask = rng.integers(0, 1 << 63, planes.shape, dtype=np.uint64)
    got = gather(mask, cells) ^ gather(planes ^ mask, cells)
    for plane, row in zip(got, bits, strict=True):
        want = [False if cell == MISSING else bool(row[cell]) for cell in cells]
        assert to_flags(plane, len(cells)).tolist() == want
    assert got.shape[1] == words_for(len(cells))


def test_gathering_children_stands_child_after_child() -> None:
    planes = to_planes(np.array([[1, 2, 3]], dtype=np.uint64), 2)
    children = [np.array([0, 2]), np.array([1, MISSING])]
    got = gather_children([planes, planes], children)
    assert to_numbers(got[:2], 2).tolist() == [1, 3]
    assert to_numbers(got[2:], 2).tolist() == [2, 0]
    with pytest.raises(IndexError):
        gather(planes, np.array([64]))


def test_masking_lanes_masks_values() -> None:
    planes = to_planes(np.array([[1, 2, 3]], dtype=np.uint64), 2)
    keep = from_flags(np.array([True, False, True]))
    mask = np.full_like(planes, 0x1234)
    got = mask_lanes(planes ^ mask, keep) ^ mask_lanes(mask, keep)
    assert to_numbers(got, 3).tolist() == [1, 0, 3]
