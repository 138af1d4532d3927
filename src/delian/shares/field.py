"""GF(2^64) = GF(2)[X] / (X^64 + X^4 + X^3 + X + 1), portable.

An element is a ``uint64``: bit l is the coefficient of X^l, so a word of 64 cells *is* the field
element with one coefficient per cell. Addition is XOR.
``multiply`` needs nothing but integer multiplication: it is the reference for the fast kernels,
and the path of machines without a carry-less multiply instruction, where it is slow.
"""

from collections.abc import Callable
from typing import Final

import numpy as np
import numpy.typing as npt

Words = npt.NDArray[np.uint64]
Multiply = Callable[[Words, Words], Words]

DEGREE: Final = 64
MODULUS: Final = (1 << 64) | 0x1B
X: Final = 2

_ONE: Final = np.uint64(1)
_SWAPS: Final = tuple(
    (np.uint64(shift), np.uint64(mask))
    for shift, mask in (
        (1, 0x5555555555555555),
        (2, 0x3333333333333333),
        (4, 0x0F0F0F0F0F0F0F0F),
        (8, 0x00FF00FF00FF00FF),
        (16, 0x0000FFFF0000FFFF),
        (32, 0x00000000FFFFFFFF),
    )
)
_EVERY_FOURTH: Final = tuple(np.uint64(0x1111111111111111 << k) for k in range(4))


def multiply(a: Words, b: Words) -> Words:
    """Products of two arrays, element by element, broadcast as numpy does.

    Source: integer multiplication with three empty bits between the used ones carries nothing into
    the next used bit (T. Pornin, BearSSL, constant-time GHASH).
    """
    a, b = np.asarray(a, dtype=np.uint64), np.asarray(b, dtype=np.uint64)
    low = _low_product(a, b)
    high = _reversed_bits(_low_product(_reversed_bits(a), _reversed_bits(b))) >> _ONE
    return reduce(low, high)


def reduce(low: Words, high: Words) -> Words:
    """The field element of the unreduced product ``low + high * X^64``."""
    s1, s3, s4 = np.uint64(1), np.uint64(3), np.uint64(4)
    folded = high ^ (high >> np.uint64(63)) ^ (high >> np.uint64(61)) ^ (high >> np.uint64(60))
    result: Words = low ^ folded ^ (folded << s1) ^ (folded << s3) ^ (folded << s4)
    return result


def multiply_one(a: int, b: int) -> int:
    """The product of two elements given as integers, one bit at a time."""
    product = 0
    while b:
        if b & 1:
            product ^= a
        b >>= 1
        a <<= 1
        if a >> DEGREE:
            a ^= MODULUS
    return product


def inverse_one(a: int) -> int:
    """The inverse of a nonzero element, as a^(2^64 - 2).

    Raises:
        ZeroDivisionError: ``a`` is zero.
    """
    if a == 0:
        raise ZeroDivisionError("zero has no inverse")
    result, power = 1, a
    for _ in range(DEGREE - 1):
        power = multiply_one(power, power)
        result = multiply_one(result, power)
    return result


def powers_one(base: int, count: int) -> Words:
    """1, base, base^2, ... as an array of ``count`` elements."""
    powers = [1]
    while len(powers) < count:
        powers.append(multiply_one(powers[-1], base))
    return np.array(powers[:count], dtype=np.uint64)


def square_root_one(a: int) -> int:
    """The one element whose square is ``a``: a^(2^63)."""
    for _ in range(DEGREE - 1):
        a = multiply_one(a, a)
    return a


def equality_weights(point: Words, product: Multiply = multiply) -> Words:
    """eq(point, s) for all bit strings s: the weights of the multilinear extension.

    Args:
        point: k elements; the first belongs to the top bit of s.
        product: The product of two arrays.

    Returns:
        2^k elements, indexed by s.
    """
    weights = np.ones(1, dtype=np.uint64)
    for coordinate in point:
        high = product(weights, np.array([coordinate]))
        weights = np.stack([weights ^ high, high], axis=1).reshape(-1)
    return weights


def from_bytes(data: bytes) -> Words:
    """The elements written in ``data``, eight little-endian bytes each."""
    return np.frombuffer(data, dtype="<u8").astype(np.uint64)


def to_bytes(elements: Words) -> bytes:
    """The elements as eight little-endian bytes each."""
    return np.ascontiguousarray(elements, dtype="<u8").tobytes()


def _low_product(a: Words, b: Words) -> Words:
    """Coefficients 0 to 63 of the carry-less product."""
    with np.errstate(over="ignore"):
        a_parts = [a & mask for mask in _EVERY_FOURTH]
        b_parts = [b & mask for mask in _EVERY_FOURTH]
        product = np.zeros(np.broadcast(a, b).shape, dtype=np.uint64)
        for residue, mask in enumerate(_EVERY_FOURTH):
            part = a_parts[0] * b_parts[residue]
            for k in range(1, 4):
                part = part ^ (a_parts[k] * b_parts[(residue - k) % 4])
            product |= part & mask
    return product


def _reversed_bits(words: Words) -> Words:
    for shift, mask in _SWAPS:
        words = ((words >> shift) & mask) | ((words & mask) << shift)
    return words
