"""Vector instructions for ``kernels_numba``, written to memory addresses.

A vector is eight 64-bit words. LLVM gets 512-bit code and splits it for narrower registers.
Carry-less products come from PCLMULQDQ, four at once where the CPU has VPCLMULQDQ.
Every operation takes addresses as ``uint64`` and returns nothing.
"""
# mypy: disable-error-code="no-untyped-def, no-untyped-call"
# ruff: noqa: ARG005, D403 - the typers of numba only count their arguments, formulas start in lower case

from typing import Any, Final

from llvmlite import binding, ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

_FEATURES: Final = binding.get_host_cpu_features()
_WIDE: Final = bool(_FEATURES.get("vpclmulqdq") and _FEATURES.get("avx512f"))

_BYTE: Final = ir.IntType(8)
_INT: Final = ir.IntType(32)
_WORD: Final = ir.IntType(64)
_PAIR: Final = ir.VectorType(_WORD, 2)
_EIGHT: Final = ir.VectorType(_WORD, 8)
_BYTES: Final = 64
_PAIRS: Final = range(0, _BYTES, 16)
# What one instruction multiplies: taking pairs out of a wider register costs more than a load.
_PART: Final = _EIGHT if _WIDE else _PAIR
_PARTS: Final = range(0, _BYTES, 8 * _PART.count)

_TYPERS: Final[dict[int, Any]] = {
    1: lambda make: lambda typing, a: make(),
    2: lambda make: lambda typing, a, b: make(),
    3: lambda make: lambda typing, a, b, c: make(),
    4: lambda make: lambda typing, a, b, c, d: make(),
    5: lambda make: lambda typing, a, b, c, d, e: make(),
}


def has_carryless_product() -> bool:
    """Whether this CPU multiplies without carries in hardware."""
    return bool(_FEATURES.get("pclmul"))


def _operation(emit: Any) -> Any:
    """Makes a numba intrinsic of a function that emits code for a builder and some addresses."""
    count = emit.__code__.co_argcount - 1

    def codegen(context, builder, _signature, addresses):
        emit(builder, *addresses)
        return context.get_dummy_value()

    signature = types.void(*[types.uint64] * count)
    return intrinsic(_TYPERS[count](lambda: (signature, codegen)))


def _at(builder, address, offset):
    return builder.add(address, ir.Constant(_WORD, offset)) if offset else address


def _load(builder, address, offset=0, kind=_EIGHT):
    pointer = builder.inttoptr(_at(builder, address, offset), ir.PointerType(kind))
    return builder.load(pointer, align=8)


def _store(builder, value, address, offset=0):
    pointer = builder.inttoptr(_at(builder, address, offset), ir.PointerType(value.type))
    builder.store(value, pointer, align=8)


def _xor(builder, *values):
    result = values[0]
    for value in values[1:]:
        result = builder.xor(result, value)
    return result


def _shuffle(builder, a, b, lanes):
    return builder.shuffle_vector(a, b, ir.Constant(ir.VectorType(_INT, len(lanes)), lanes))


def _shift(builder, value, by):
    count = ir.Constant(value.type, [abs(by)] * value.type.count)
    return builder.shl(value, count) if by > 0 else builder.lshr(value, count)


def _clmul(builder, a, b, half):
    """Unreduced products of the low (0) or high (1) word of each 128 bits."""
    name = "llvm.x86.pclmulqdq.512" if a.type == _EIGHT else "llvm.x86.pclmulqdq"
    kind = ir.FunctionType(a.type, [a.type, a.type, _BYTE])
    function = cgutils.get_or_insert_function(builder.module, kind, name)
    return builder.call(function, [a, b, ir.Constant(_BYTE, 0x11 * half)])


def _product(builder, a, b):
    """Products in GF(2^64), word by word; the reduction is by shifts."""
    count = a.type.count
    even, odd = (_clmul(builder, a, b, half) for half in (0, 1))
    low = _shuffle(
        builder, even, odd, [k + side for k in range(0, count, 2) for side in (0, count)]
    )
    high = _shuffle(
        builder, even, odd, [k + 1 + side for k in range(0, count, 2) for side in (0, count)]
    )
    high = _xor(builder, high, *(_shift(builder, high, -by) for by in (63, 61, 60)))
    return _xor(builder, low, high, *(_shift(builder, high, by) for by in (1, 3, 4)))


def _pairs_dot(builder, total, pairs):
    """The 128 bits ``total`` plus the unreduced products of pairs of words."""
    terms = [_clmul(builder, a, b, half) for a, b in pairs for half in (0, 1)]
    return _xor(builder, total, *terms)


@_operation
def multiply(builder, out, a, b):
    """out[8] = a[8] * b[8]."""
    for k in _PARTS:
        x, y = (_load(builder, v, k, _PART) for v in (a, b))
        _store(builder, _product(builder, x, y), out, k)


@_operation
def fold(builder, low, high, factors):
    """low[8] += factors[8] * (low[8] + high[8])."""
    for k in _PARTS:
        a, b, factor = (_load(builder, v, k, _PART) for v in (low, high, factors))
        change = _product(builder, _xor(builder, a, b), factor)
        _store(builder, _xor(builder, a, change), low, k)


@_operation
def dot(builder, total, a, b):
    """total[128 bits] += <a[8], b[8]>, unreduced."""
    pairs = [tuple(_load(builder, v, k, _PAIR) for v in (a, b)) for k in _PAIRS]
    _store(builder, _pairs_dot(builder, _load(builder, total, 0, _PAIR), pairs), total)


@_operation
def dot_and(builder, total, x, y, weights):
    """total[128 bits] += <x[8] & y[8], weights[8]>, unreduced."""
    pairs = []
    for k in _PAIRS:
        both, weight = (_load(builder, v, k, _PAIR) for v in (x, weights))
        pairs.append((builder.and_(both, _load(builder, y, k, _PAIR)), weight))
    _store(builder, _pairs_dot(builder, _load(builder, total, 0, _PAIR), pairs), total)


@_operation
def dot_step(builder, totals, u, v, u_high, v_high):
    """totals[0] += <u_high, v_high>, totals[1] += <u + u_high, v + v_high>, 128 bits each."""
    high = [tuple(_load(builder, a, k, _PAIR) for a in (u_high, v_high)) for k in _PAIRS]
    both = [
        tuple(
            _xor(builder, _load(builder, a, k, _PAIR), b) for a, b in zip((u, v), pair, strict=True)
        )
        for k, pair in zip(_PAIRS, high, strict=True)
    ]
    for offset, pairs in ((0, high), (16, both)):
        total = _load(builder, totals, offset, _PAIR)
        _store(builder, _pairs_dot(builder, total, pairs), totals, offset)


@_operation
def dot_nine(builder, totals, words, weights):
    """totals[9] += <words[9][8], weights[8]>, 128 bits each."""
    factors = [_load(builder, weights, k, _PAIR) for k in _PAIRS]
    for point in range(9):
        total = _load(builder, totals, point * 16, _PAIR)
        pairs = [
            (_load(builder, words, point * _BYTES + k, _PAIR), factor)
            for k, factor in zip(_PAIRS, factors, strict=True)
        ]
        _store(builder, _pairs_dot(builder, total, pairs), totals, point * 16)


def _on_nine(builder, corners):
    """Two variables from {0, 1}^2 to {0, 1, infinity}^2; infinity is the sum of 0 and 1."""
    lines = [[a, b, builder.xor(a, b)] for a, b in (corners[:2], corners[2:])]
    third = [builder.xor(a, b) for a, b in zip(*lines, strict=True)]
    return [*lines[0], *lines[1], *third]


@_operation
def extend_two(builder, out, out_stride, source, source_stride):
    """Nine vectors from four, both at a stride in bytes."""
    place = source
    corners = []
    for _ in range(4):
        corners.append(_load(builder, place))
        place = builder.add(place, source_stride)
    place = out
    for value in _on_nine(builder, corners):
        _store(builder, value, place)
        place = builder.add(place, out_stride)


def _cells(builder, out, parts, add):
    grids = [_on_nine(builder, [_load(builder, a, k * _BYTES) for k in range(4)]) for a in parts]
    for point, (xa, ya, xb, yb) in enumerate(zip(*grids, strict=True)):
        value = builder.xor(builder.and_(xa, yb), builder.and_(ya, xb))
        if add:
            value = builder.xor(value, _load(builder, out, point * _BYTES))
        _store(builder, value, out, point * _BYTES)


@_operation
def cells(builder, out, xa, ya, xb, yb):
    """out[9] = xa yb + ya xb on {0, 1, infinity}^2, from four neighboring vectors of each."""
    _cells(builder, out, (xa, ya, xb, yb), add=False)


@_operation
def cells_more(builder, out, xa, ya, xb, yb):
    """out[9] += xa yb + ya xb on {0, 1, infinity}^2."""
    _cells(builder, out, (xa, ya, xb, yb), add=True)


@_operation
def subset_sums(builder, table, rows):
    """table[16] = the sums of all subsets of four neighboring rows."""
    sums = [ir.Constant(_EIGHT, [0] * 8)]
    for k in range(4):
        row = _load(builder, rows, k * _BYTES)
        sums += [row if k == 0 and n == 0 else builder.xor(s, row) for n, s in enumerate(sums)]
    for k, value in enumerate(sums):
        _store(builder, value, table, k * _BYTES)


@_operation
def gather(builder, out, tables, offsets):
    """out = the sum of one vector of each of 16 tables, at the given offsets in bytes."""
    values = []
    for group in range(16):
        offset = _load(builder, offsets, group * 8, _WORD)
        place = builder.add(builder.add(tables, offset), ir.Constant(_WORD, group * 16 * _BYTES))
        values.append(_load(builder, place))
    while len(values) > 1:
        values = [builder.xor(a, b) for a, b in zip(values[::2], values[1::2], strict=True)]
    _store(builder, values[0], out)


def _exchange_bits(builder, base, stride, shifts):
    """Three levels of a 64 x 64 bit transposition on eight vectors at a stride."""
    rows = [_load(builder, base, k * stride) for k in range(8)]
    for shift, distance in zip(shifts, (4, 2, 1), strict=True):
        mask = sum(((1 << shift) - 1) << k for k in range(0, 64, 2 * shift))
        chosen = ir.Constant(_EIGHT, [mask] * 8)
        for low in (k for k in range(8) if not k & distance):
            x, y = rows[low], rows[low + distance]
            moved = builder.and_(builder.xor(_shift(builder, x, -shift), y), chosen)
            rows[low + distance] = builder.xor(y, moved)
            rows[low] = builder.xor(x, _shift(builder, moved, shift))
    for k, row in enumerate(rows):
        _store(builder, row, base, k * stride)


@_operation
def transpose_far(builder, base):
    """Levels 32, 16 and 8 on eight vectors, eight vectors apart."""
    _exchange_bits(builder, base, 8 * _BYTES, (32, 16, 8))


@_operation
def transpose_near(builder, base):
    """Levels 4, 2 and 1 on eight neighboring vectors."""
    _exchange_bits(builder, base, _BYTES, (4, 2, 1))
