"""Values of low-degree polynomials from the values that a prover sends.

Every function is linear in the values, so it works on shares; the first axis is the share.
"""

from typing import Final

import numpy as np

from delian.shares import field
from delian.shares.field import Multiply
from delian.shares.program import Words

LAST_POINTS: Final = (1, field.X, field.X ^ 1)
"""Where the last polynomial is sent, besides infinity; its value at 0 follows from the claim."""

_NODES: Final = (0, *LAST_POINTS)
_NODE_SCALE: Final = field.inverse_one(field.multiply_one(field.X, field.X ^ 1))


def cube_at(values: Words, point: Words, multiply: Multiply) -> Words:
    """A polynomial of degree two in each variable, from {0, 1, infinity}^k to one point.

    Args:
        values: ``[shares, 3^k]``.
        point: k elements; the first belongs to the most significant digit of the index.
        multiply: The product of two arrays.

    Returns:
        One element for each share.
    """
    for coordinate in point:
        thirds = values.reshape(len(values), 3, -1)
        values = quadratic_at(thirds[:, 0], thirds[:, 1], thirds[:, 2], int(coordinate), multiply)
    return values[:, 0]


def quadratic_at(
    at_zero: Words, at_one: Words, at_infinity: Words, r: int, multiply: Multiply
) -> Words:
    """g(r) for g of degree two: g(0) (1 + r) + g(1) r + g(infinity) r (r + 1)."""
    slope = multiply(at_zero ^ at_one, _element(r))
    curve = multiply(at_infinity, _element(field.multiply_one(r, r ^ 1)))
    return at_zero ^ slope ^ curve


def quartic_at(values: Words, r: int, multiply: Multiply) -> Words:
    """g(r) for g of degree four.

    Args:
        values: ``[shares, 5]``: g at 0, 1, X, X + 1 and infinity (the coefficient of T^4).
        r: The point.
        multiply: The product of two arrays.
    """
    result: Words = np.bitwise_xor.reduce(multiply(values, quartic_weights(r)[None, :]), axis=1)
    return result


def quartic_weights(r: int) -> Words:
    """The weights of g(0), g(1), g(X), g(X + 1) and g(infinity) in g(r).

    The nodes form a group under addition, so all of them have one denominator: 1 * X * (X + 1).
    """
    weights = []
    vanishing = 1
    for node in _NODES:
        vanishing = field.multiply_one(vanishing, r ^ node)
        weight = _NODE_SCALE
        for other in _NODES:
            if other != node:
                weight = field.multiply_one(weight, r ^ other)
        weights.append(weight)
    return np.array([*weights, vanishing], dtype=np.uint64)


def _element(value: int) -> Words:
    return np.array([value], dtype=np.uint64)
