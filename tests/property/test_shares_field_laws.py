"""GF(2^64) and interpolation against integers as polynomials."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from delian.shares import field
from delian.shares.interpolate import cube_at, quadratic_at, quartic_at

ELEMENT = st.integers(0, (1 << 64) - 1)
MODULUS = (1 << 64) | (1 << 4) | (1 << 3) | (1 << 1) | 1


def product(*factors):
    total = 1
    for factor in factors:
        raw = 0
        for bit in range(64):
            if factor >> bit & 1:
                raw ^= total << bit
        while raw.bit_length() > 64:
            raw ^= MODULUS << (raw.bit_length() - 65)
        total = raw
    return total


def array(*values):
    return np.array(values, dtype=np.uint64)


@settings(max_examples=60, deadline=None)
@given(ELEMENT, ELEMENT, ELEMENT)
def test_multiplication(a, b, c):
    assert int(field.multiply(array(a), array(b))[0]) == product(a, b) == field.multiply_one(a, b)
    assert field.multiply_one(a, b ^ c) == product(a, b) ^ product(a, c)
    if a:
        assert product(a, field.inverse_one(a)) == 1
    root = field.square_root_one(a)
    assert product(root, root) == a


@settings(max_examples=40, deadline=None)
@given(st.lists(ELEMENT, min_size=5, max_size=5), ELEMENT)
def test_polynomials_from_their_values(coefficients, r):
    def at(degree, t):
        total = 0
        for power, coefficient in enumerate(coefficients[: degree + 1]):
            total ^= product(coefficient, *[t] * power)
        return total

    values = [array(at(2, 0)), array(at(2, 1)), array(coefficients[2])]
    assert int(quadratic_at(*values, r, field.multiply)[0]) == at(2, r)
    row = np.array([[at(4, t) for t in (0, 1, 2, 3)] + [coefficients[4]]], dtype=np.uint64)
    assert int(quartic_at(row, r, field.multiply)[0]) == at(4, r)


@settings(max_examples=20, deadline=None)
@given(st.lists(ELEMENT, min_size=3, max_size=3), st.lists(ELEMENT, min_size=8, max_size=8))
def test_equality_weights_extend_a_table(point, table):
    weights = field.equality_weights(array(*point))
    for s in range(8):
        expected = 1
        for k, coordinate in enumerate(point):
            expected = product(expected, coordinate if s >> (2 - k) & 1 else 1 ^ coordinate)
        assert int(weights[s]) == expected
    # The same function, of degree one in each variable, through its values at {0, 1, infinity}^3.
    cube = []
    for index in range(27):
        digits = (index // 9, index // 3 % 3, index % 3)
        value = 0
        for s in range(8):
            bits = (s >> 2, s >> 1 & 1, s & 1)
            # At infinity a polynomial of degree two shows its coefficient of T^2: zero here.
            if 2 not in digits and bits == digits:
                value ^= table[s]
        cube.append(value)
    expected = 0
    for s in range(8):
        expected ^= product(table[s], int(weights[s]))
    got = cube_at(array(*cube)[None, :], array(*point), field.multiply)
    assert int(got[0]) == expected
