"""Vector instructions for ``execute_numba``: one row on 64 bytes, written to memory addresses.

LLVM gets 512-bit vectors and splits them for narrower registers. Every operation takes addresses as
``uint64`` and returns nothing. The stores of the log go past the cache: the log is far larger.
"""
# mypy: disable-error-code="no-untyped-def, no-untyped-call"
# ruff: noqa: ARG001 - the typers of numba count the arguments

from typing import Any, Final

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

_WORD: Final = ir.IntType(64)
_EIGHT: Final = ir.VectorType(_WORD, 8)


def _load(builder, address):
    return builder.load(builder.inttoptr(address, ir.PointerType(_EIGHT)), align=8)


def _store(builder, value, address):
    builder.store(value, builder.inttoptr(address, ir.PointerType(_EIGHT)), align=8)


def _stream(builder, value, address):
    instruction = builder.store(value, builder.inttoptr(address, ir.PointerType(_EIGHT)), align=64)
    one = builder.module.add_metadata([ir.Constant(ir.IntType(32), 1)])
    instruction.set_metadata("nontemporal", one)


def _xor(builder, *values):
    result = values[0]
    for value in values[1:]:
        result = builder.xor(result, value)
    return result


def _signature(count: int) -> Any:
    return types.void(*[types.uint64] * count)


@intrinsic
def xor2(typing, d, p, q):
    """d[8] = p[8] ^ q[8]."""

    def emit(context, builder, signature, addresses):
        d, *operands = addresses
        _store(builder, _xor(builder, *(_load(builder, a) for a in operands)), d)
        return context.get_dummy_value()

    return _signature(3), emit


@intrinsic
def xor3(typing, d, p, q, r):
    """d[8] = p[8] ^ q[8] ^ r[8]."""

    def emit(context, builder, signature, addresses):
        d, *operands = addresses
        _store(builder, _xor(builder, *(_load(builder, a) for a in operands)), d)
        return context.get_dummy_value()

    return _signature(4), emit


def _product(builder, start, p, p_next, q, q_next, r, r_next, t, t_next):
    """The operands x, y, x_next, y_next of a term and ``start`` plus this host's part of x·y."""
    x, x_next = _xor(builder, p, q), _xor(builder, p_next, q_next)
    y, y_next = _xor(builder, r, t), _xor(builder, r_next, t_next)
    mixed = builder.and_(x, builder.xor(y, y_next))
    total = _xor(builder, start, mixed, builder.and_(x_next, y))
    return (x, y, x_next, y_next), total


@intrinsic
def term(typing, d, start, p, p_next, q, q_next, r, r_next, t, t_next):
    """d[8] = start[8] ^ this host's part of (p ^ q)·(r ^ t)."""

    def emit(context, builder, signature, addresses):
        d, *operands = addresses
        _, total = _product(builder, *(_load(builder, a) for a in operands))
        _store(builder, total, d)
        return context.get_dummy_value()

    return _signature(10), emit


@intrinsic
def term_logged(typing, d, start, p, p_next, q, q_next, r, r_next, t, t_next, xa, ya, xb, yb):
    """As ``term``, writing the operands to four places in the log."""

    def emit(context, builder, signature, addresses):
        d, *rest = addresses
        operands, places = rest[:9], rest[9:]
        logged, total = _product(builder, *(_load(builder, a) for a in operands))
        _store(builder, total, d)
        for value, place in zip(logged, places, strict=True):
            _stream(builder, value, place)
        return context.get_dummy_value()

    return _signature(14), emit
